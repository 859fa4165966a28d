//! Access and error logs of nginx and Apache, under OpenTelemetry's names.
//!
//! The common and the combined log format with whatever is appended to them, and the error logs' own forms. A
//! request that failed is no error of the web server: its status is an attribute, and no level is made up.

use spandrel_store::otlp::{KeyValue, Value};

use super::Findings;
use super::level::{self, LineLevel};
use super::text::is_traceparent;
use super::time::{Clock, Sent};
use crate::normalise::attribute;

/// What such a line is.
pub(super) const FORM: &str = "a web server's";

/// No part in front of the request is longer.
const PART_BYTES_MAX: usize = 256;

pub(super) fn find(line: &str, clock: Clock<'_>) -> Option<Findings> {
    match line.bytes().next()? {
        b'[' => apache_error(line, clock),
        first if first.is_ascii_digit() => nginx_error(line, clock).or_else(|| access(line, clock)),
        first if first.is_ascii_alphanumeric() || first == b':' => access(line, clock),
        _ => None,
    }
}

/// `203.0.113.7 - ada [10/Oct/2025:13:55:36 +0200] "GET /orders?x=1 HTTP/1.1" 200 2326 "referer" "agent"`
fn access(line: &str, clock: Clock<'_>) -> Option<Findings> {
    let (client, rest) = word(line)?;
    let (identity, rest) = word(rest)?;
    let open = rest.find('[').filter(|open| *open <= PART_BYTES_MAX)?;
    let user = rest[..open].trim();
    // `shop.example:80 203.0.113.7 - ada […`, Apache's vhost_combined, has one word more in front.
    let (host, client, user) = match user.split_once(' ') {
        Some((_, user)) => (Some(client), identity, user.trim()),
        None => (None, client, user),
    };
    let (time, rest) = rest[open + 1..].split_once("] \"")?;
    let time = clock.of_text(time)?;
    let (request, rest) = quoted(rest)?;
    let mut rest = rest.trim_start().splitn(3, ' ');
    let status: i64 = rest.next()?.parse().ok().filter(|status| (100..600).contains(status))?;
    let bytes = rest.next()?;
    let mut attributes = vec![text("client.address", client)];
    attributes.extend((user != "-" && !user.is_empty()).then(|| text("user.name", user)));
    if let Some(host) = host {
        let (name, port) = host.rsplit_once(':').unwrap_or((host, ""));
        attributes.push(text("server.address", name));
        attributes.extend(port.parse().ok().map(|port| attribute("server.port", Value::IntValue(port))));
    }
    add_request(request, &mut attributes);
    attributes.push(attribute("http.response.status_code", Value::IntValue(status)));
    let size = bytes.parse().ok().map(|size| attribute("http.response.body.size", Value::IntValue(size)));
    attributes.extend(size);
    let mut behind = rest.next().unwrap_or_default().trim_start();
    for key in ["http.request.header.referer", "user_agent.original"] {
        let next = behind.strip_prefix('"').and_then(quoted);
        // Appended to the common format, which has neither.
        let Some((value, more)) = next.filter(|(value, _)| !is_traceparent(value)) else { break };
        attributes.extend((value != "-" && !value.is_empty()).then(|| text(key, value)));
        behind = more.trim_start();
    }
    Some(found(time, None, attributes))
}

/// `GET /orders?x=1 HTTP/1.1`; what is not of this form, such as a TLS hello on a plain port, says nothing.
fn add_request(request: &str, attributes: &mut Vec<KeyValue>) {
    let mut parts = request.split(' ');
    let (Some(method), Some(target), Some(protocol), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return;
    };
    let Some(version) = protocol.strip_prefix("HTTP/") else { return };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    attributes.push(text("http.request.method", method));
    attributes.push(text("url.path", path));
    attributes.extend((!query.is_empty()).then(|| text("url.query", query)));
    attributes.push(text("network.protocol.version", version));
}

/// `2025/10/10 13:55:36 [error] 31#31: *7 open() failed, client: 203.0.113.7, server: shop, request: "GET / HTTP/1.1"`
fn nginx_error(line: &str, clock: Clock<'_>) -> Option<Findings> {
    let (time, length) = clock.at_start(line).filter(|(_, length)| *length == 19)?;
    let (level, rest) = line[length..].strip_prefix(" [")?.split_once("] ")?;
    let level = known_level(level)?;
    let (process, said) = rest.split_once(": ")?;
    let (pid, thread) = process.split_once('#')?;
    let mut attributes = vec![
        attribute("process.pid", Value::IntValue(pid.parse().ok()?)),
        attribute("thread.id", Value::IntValue(thread.parse().ok()?)),
    ];
    const PARTS: [(&str, &str); 4] = [
        (", client: ", "client.address"),
        (", server: ", "server.address"),
        (", upstream: ", "nginx.upstream"),
        (", host: ", "http.request.header.host"),
    ];
    for (before, key) in PARTS {
        if let Some((_, behind)) = said.split_once(before) {
            let end = behind.find(", ").unwrap_or(behind.len());
            attributes.push(text(key, behind[..end].trim_matches('"')));
        }
    }
    if let Some((_, behind)) = said.split_once(", request: \"")
        && let Some((request, _)) = quoted(behind)
    {
        add_request(request, &mut attributes);
    }
    Some(found(time, Some(level), attributes))
}

/// `[Fri Oct 10 13:55:36.902022 2025] [core:error] [pid 35708:tid 43] [client 203.0.113.7:51] File does not exist`
fn apache_error(line: &str, clock: Clock<'_>) -> Option<Findings> {
    let (time, rest) = line.strip_prefix('[')?.split_once("] [")?;
    let time = clock.of_text(time)?;
    let (module, mut rest) = rest.split_once("] ")?;
    let (module, level) = module.split_once(':').unwrap_or(("", module));
    let level = known_level(level)?;
    // Others write time and level in brackets too, but not these.
    if !["[pid ", "[client "].iter().any(|part| rest.starts_with(part)) {
        return None;
    }
    let mut attributes = Vec::new();
    attributes.extend((!module.is_empty()).then(|| text("apache.module", module)));
    while let Some((part, behind)) = rest.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
        if let Some(process) = part.strip_prefix("pid ") {
            let pid = process.split(':').next().and_then(|pid| pid.parse().ok());
            attributes.extend(pid.map(|pid| attribute("process.pid", Value::IntValue(pid))));
        } else if let Some(client) = part.strip_prefix("client ") {
            attributes.push(text("client.address", client.rsplit_once(':').map_or(client, |(host, _)| host)));
        }
        rest = behind;
    }
    Some(found(time, Some(level), attributes))
}

fn found(time: Sent, level: Option<LineLevel>, attributes: Vec<KeyValue>) -> Findings {
    let mut findings = Findings { level, attributes, structured: true, form: FORM, ..Findings::default() };
    findings.take_time(time);
    findings
}

fn known_level(word: &str) -> Option<LineLevel> {
    // Apache's trace1 to trace8.
    let level = level::of_word(word.trim_end_matches(|c: char| c.is_ascii_digit()))?;
    Some(LineLevel::new(Some(level), word))
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

fn word(text: &str) -> Option<(&str, &str)> {
    text.split_once(' ').filter(|(word, _)| !word.is_empty() && word.len() <= PART_BYTES_MAX)
}

/// What stands before the closing quote, and what behind it. Both servers escape a quote inside.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let mut escaped = false;
    for (place, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some((&text[..place], &text[place + 1..])),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests;
