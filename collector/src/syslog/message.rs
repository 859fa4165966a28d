//! One message of syslog: what its header says, and its text.
//!
//! ```text
//! <165>1 2026-11-22T17:00:00.003Z host app 8710 ID47 [origin ip="10.0.0.1"] text        RFC 5424
//! <34>Nov 22 17:00:00 host app[8710]: text                                              RFC 3164
//! ```
//!
//! A header that is neither is read as far as it goes; what is not understood of it is text. Every line is a message.
//! It is read here rather than by a crate so that its times follow the rules that all others do (`logs.timezone`, the
//! nearest year), and no second library of calendars is linked.

use spandrel_store::Level;
use spandrel_store::otlp::{KeyValue, Value};

use crate::entries::Gathering;
use crate::json_log::Beside;
use crate::normalise::attribute;

/// Letters of an application's name in RFC 3164, and some more.
const TAG_CHARS_MAX: usize = 64;

const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
    "ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6",
    "local7",
];

const SEVERITIES: [&str; 8] = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];

#[derive(Debug, Default)]
pub(super) struct Message<'a> {
    facility: Option<&'static str>,
    version: Option<i64>,
    /// Empty where the message has none.
    pub(super) host: &'a str,
    pub(super) app: &'a str,
    process: &'a str,
    id: &'a str,
    /// By element and parameter.
    structured: Vec<(String, String)>,
    pub(super) beside: Beside,
    pub(super) text: &'a str,
}

impl<'a> Message<'a> {
    pub(super) fn read(text: &'a str, gathering: &mut Gathering) -> Message<'a> {
        let mut message = Message { text, ..Message::default() };
        let Some((priority, rest)) = priority(text) else { return message };
        let (facility, severity) = (usize::from(priority / 8), priority % 8);
        message.facility = FACILITIES.get(facility).copied();
        message.text = rest;
        let read = message.read_5424(rest, gathering);
        if read.is_none() {
            message.read_3164(rest, gathering);
        }
        let name = SEVERITIES[usize::from(severity)];
        message.beside = std::mem::take(&mut message.beside).of_syslog(severity, name);
        message
    }

    /// Leaves the message as it is where it is none of RFC 5424's.
    fn read_5424(&mut self, header: &'a str, gathering: &mut Gathering) -> Option<()> {
        let (version, rest) = header.split_once(' ')?;
        let version: u16 = version.parse().ok().filter(|version| (1..1_000).contains(version))?;
        let (time, rest) = rest.split_once(' ')?;
        let mut relayed = Beside::default();
        if time != "-" && gathering.relayed_at(&mut relayed, time) != Some(time.len()) {
            return None;
        }
        let (host, rest) = rest.split_once(' ')?;
        let (app, rest) = rest.split_once(' ')?;
        let (process, rest) = rest.split_once(' ')?;
        let (id, rest) = rest.split_once(' ')?;
        let (structured, rest) = structured_data(rest)?;
        let fields: Vec<KeyValue> =
            structured.iter().map(|(_, name, value)| text_attribute(name, value.clone())).collect();
        let given = |word: &'a str| if word == "-" { "" } else { word };
        *self = Message {
            facility: self.facility,
            version: Some(version.into()),
            host: given(host),
            app: given(app),
            process: given(process),
            id: given(id),
            beside: gathering.beside(&fields).or(&relayed),
            structured: structured
                .into_iter()
                .map(|(id, name, value)| (format!("syslog.{id}.{name}"), value))
                .collect(),
            text: rest.strip_prefix(' ').unwrap_or(rest).trim_start_matches('\u{feff}'),
        };
        Some(())
    }

    fn read_3164(&mut self, header: &'a str, gathering: &mut Gathering) {
        let length = gathering.relayed_at(&mut self.beside, header);
        // Without a time, what stands there is the text already, but for `app[1]:`.
        let rest = match length.map(|length| &header[length..]) {
            Some(rest) => rest.trim_start_matches([':', ' ']),
            None => {
                if let Some((app, process, text)) = tag(header).filter(|(_, process, _)| !process.is_empty())
                {
                    (self.app, self.process, self.text) = (app, process, text);
                }
                return;
            }
        };
        self.text = rest;
        let behind_host = rest.split_once(' ').filter(|(host, _)| is_host(host));
        if let Some((app, process, text)) = tag(rest) {
            (self.app, self.process, self.text) = (app, process, text);
        } else if let Some((host, rest)) = behind_host {
            (self.host, self.text) = (host, rest);
            if let Some((app, process, text)) = tag(rest) {
                (self.app, self.process, self.text) = (app, process, text);
            }
        }
    }

    /// Under the names of OpenTelemetry's data model.
    pub(super) fn attributes(&self) -> Vec<KeyValue> {
        let mut attributes = Vec::new();
        let mut add = |name: &str, value: &str| {
            if !value.is_empty() {
                attributes.push(text_attribute(name, value.to_owned()));
            }
        };
        add("syslog.facility", self.facility.unwrap_or_default());
        add("syslog.procid", self.process);
        add("syslog.msgid", self.id);
        self.structured.iter().for_each(|(name, value)| add(name, value));
        if let Some(version) = self.version {
            attributes.push(attribute("syslog.version", Value::IntValue(version)));
        }
        attributes
    }
}

fn text_attribute(name: &str, value: String) -> KeyValue {
    attribute(name, Value::StringValue(value))
}

/// `<165>`: facility times eight and severity.
fn priority(text: &str) -> Option<(u8, &str)> {
    let (number, rest) = text.strip_prefix('<')?.split_once('>')?;
    let digits = (1..=3).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
    let number: u8 = number.parse().ok().filter(|number| digits && *number < 192)?;
    Some((number, rest))
}

/// `app[8710]: text` or `app: text`.
fn tag(text: &str) -> Option<(&str, &str, &str)> {
    let is_of_tag =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | '@' | '(' | ')');
    let end = text.find(|c| !is_of_tag(c)).filter(|end| (1..=TAG_CHARS_MAX).contains(end))?;
    let (app, rest) = text.split_at(end);
    let (process, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => ("", rest),
    };
    let text = rest.strip_prefix(':')?;
    // `ERROR: no funds` names no application.
    let names_app = !process.is_empty() || Level::from_text(app).is_none();
    names_app.then_some((app, process, text.strip_prefix(' ').unwrap_or(text)))
}

fn is_host(word: &str) -> bool {
    let is_of_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    !word.is_empty() && word.len() <= 255 && !word.ends_with(':') && word.chars().all(is_of_host)
}

type Parameters = Vec<(String, String, String)>;

/// `[id name="value" …][…]` or `-`: element, parameter, value; and what follows.
fn structured_data(text: &str) -> Option<(Parameters, &str)> {
    let mut parameters = Vec::new();
    if let Some(rest) = text.strip_prefix('-').filter(|rest| rest.is_empty() || rest.starts_with(' ')) {
        return Some((parameters, rest));
    }
    let mut rest = text;
    while let Some(element) = rest.strip_prefix('[') {
        let end = element.find([' ', ']'])?;
        let (id, mut inside) = element.split_at(end);
        loop {
            inside = inside.trim_start_matches(' ');
            if let Some(after) = inside.strip_prefix(']') {
                rest = after;
                break;
            }
            let (name, quoted) = inside.split_once("=\"")?;
            let (value, after) = unquoted(quoted)?;
            parameters.push((id.to_owned(), name.to_owned(), value));
            inside = after;
        }
    }
    let is_end = rest.is_empty() || rest.starts_with(' ');
    (is_end && rest.len() < text.len()).then_some((parameters, rest))
}

/// Up to the quotation mark that is not escaped; `\"`, `\\` and `\]` are escapes, other backslashes stand for themselves.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((place, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[place + 1..])),
            '\\' => match chars.next_if(|(_, next)| matches!(next, '"' | '\\' | ']')) {
                Some((_, escaped)) => value.push(escaped),
                None => value.push('\\'),
            },
            c => value.push(c),
        }
    }
    None
}
