//! The six levels that every logger's own are normalised to.

use std::fmt;

/// A normalised level, ordered by severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Level {
    Trace = 1,
    Debug = 2,
    Info = 3,
    Warn = 4,
    Error = 5,
    Fatal = 6,
}

impl Level {
    pub const ALL: [Level; 6] =
        [Level::Trace, Level::Debug, Level::Info, Level::Warn, Level::Error, Level::Fatal];

    pub fn as_str(self) -> &'static str {
        match self {
            Level::Trace => "trace",
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
            Level::Fatal => "fatal",
        }
    }

    /// The level with this discriminant; `None` for 0, which stands for "no level", and for any other.
    pub fn from_repr(number: u8) -> Option<Level> {
        Level::ALL.get(usize::from(number).checked_sub(1)?).copied()
    }

    /// OpenTelemetry's severity number, 1 to 24, four to a level. 0 is "unspecified".
    pub fn from_severity_number(number: i32) -> Option<Level> {
        let number = u8::try_from(number).ok().filter(|n| (1..=24).contains(n))?;
        Level::from_repr((number - 1) / 4 + 1)
    }

    /// The level that a word means in any logger's spelling; `None` where the word is not known.
    pub fn from_text(text: &str) -> Option<Level> {
        let word = text.trim().trim_matches(['[', ']', '<', '>', ':']);
        let mut lower = [0u8; 16];
        let lower = lower.get_mut(..word.len())?;
        lower.copy_from_slice(word.as_bytes());
        lower.make_ascii_lowercase();
        Some(match &*lower {
            b"trace" | b"trc" | b"verbose" | b"finest" | b"finer" | b"all" | b"vrb" | b"silly" => {
                Level::Trace
            }
            b"debug" | b"dbg" | b"debg" | b"fine" | b"config" | b"d" => Level::Debug,
            b"info" | b"inf" | b"information" | b"informational" | b"notice" | b"log" | b"ok"
            | b"success" | b"default" | b"i" | b"note" | b"http" => Level::Info,
            b"warn" | b"warning" | b"wrn" | b"w" => Level::Warn,
            b"error" | b"err" | b"eror" | b"severe" | b"failure" | b"e" => Level::Error,
            b"fatal" | b"ftl" | b"critical" | b"crit" | b"alert" | b"emerg" | b"emergency" | b"panic"
            | b"dpanic" | b"f" | b"c" => Level::Fatal,
            _ => return None,
        })
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
