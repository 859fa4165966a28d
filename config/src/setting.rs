//! The types that a value of the configuration can have, and how each is read.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use crate::surroundings::Surroundings;
use crate::{ByteSize, Durability, LogFormat, Secret, duration, endpoint};

/// A value as the document gives it.
#[derive(Clone, Copy)]
pub(crate) struct Given<'a> {
    pub(crate) value: &'a Value,
    /// What was written, where reading it as YAML may have lost something: `0123` from the environment.
    pub(crate) text: Option<&'a str>,
    pub(crate) around: &'a Surroundings<'a>,
}

pub(crate) trait Setting: Sized {
    /// What is expected, as it follows "expected" in a message.
    const EXPECTED: &'static str;
    /// Whether the value must not be shown.
    const SECRET: bool = false;

    fn read(given: Given<'_>) -> Option<Self>;
}

impl Setting for bool {
    const EXPECTED: &'static str = "true or false";

    fn read(given: Given<'_>) -> Option<bool> {
        given.value.as_bool()
    }
}

impl Setting for usize {
    const EXPECTED: &'static str = "a whole number of at least 1";

    fn read(given: Given<'_>) -> Option<usize> {
        let number = given.value.as_u64().filter(|number| *number > 0)?;
        usize::try_from(number).ok()
    }
}

impl Setting for String {
    const EXPECTED: &'static str = "text (quote it where YAML would read a number or a truth value)";

    fn read(given: Given<'_>) -> Option<String> {
        given.value.as_str().or(given.text).map(str::to_owned)
    }
}

impl Setting for Option<String> {
    const EXPECTED: &'static str = String::EXPECTED;

    fn read(given: Given<'_>) -> Option<Option<String>> {
        String::read(given).map(|text| Some(text).filter(|text| !text.is_empty()))
    }
}

impl Setting for PathBuf {
    const EXPECTED: &'static str = "a path";

    fn read(given: Given<'_>) -> Option<PathBuf> {
        let usable = |text: &String| !text.is_empty() && !text.contains('\0');
        String::read(given).filter(usable).map(PathBuf::from)
    }
}

impl Setting for Option<PathBuf> {
    const EXPECTED: &'static str = PathBuf::EXPECTED;

    fn read(given: Given<'_>) -> Option<Option<PathBuf>> {
        PathBuf::read(given).map(Some)
    }
}

impl Setting for Option<Secret> {
    const EXPECTED: &'static str = String::EXPECTED;
    const SECRET: bool = true;

    fn read(given: Given<'_>) -> Option<Option<Secret>> {
        String::read(given).map(|text| Some(Secret(text)))
    }
}

impl Setting for Vec<String> {
    const EXPECTED: &'static str = "a list of texts: [a, b]";

    fn read(given: Given<'_>) -> Option<Vec<String>> {
        given.value.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
    }
}

impl Setting for Duration {
    const EXPECTED: &'static str = "a duration with its unit, such as 72h, 1h30m, 5s or 250ms";

    fn read(given: Given<'_>) -> Option<Duration> {
        match given.value {
            Value::String(text) => duration::parse(text),
            // Nothing is nothing in every unit; any other number needs one.
            number => (number.as_u64() == Some(0)).then_some(Duration::ZERO),
        }
    }
}

impl Setting for ByteSize {
    const EXPECTED: &'static str = "a size above zero, such as 20MiB, 2GiB or 512kB, or a number of bytes";

    fn read(given: Given<'_>) -> Option<ByteSize> {
        let size = match given.value {
            Value::String(text) => ByteSize::parse(text),
            number => number.as_u64().map(ByteSize),
        };
        size.filter(|size| size.0 > 0)
    }
}

impl Setting for Option<ByteSize> {
    const EXPECTED: &'static str = "`auto` or a size above zero, such as 20MiB, 2GiB or 512kB";

    fn read(given: Given<'_>) -> Option<Option<ByteSize>> {
        match given.value.as_str() {
            Some("auto") => Some(None),
            _ => ByteSize::read(given).map(Some),
        }
    }
}

impl Setting for SocketAddr {
    const EXPECTED: &'static str = "an address of this machine as host:port, such as 127.0.0.1:4317, 0.0.0.0:4317, \"[::1]:4317\" or :4317";

    fn read(given: Given<'_>) -> Option<SocketAddr> {
        given.value.as_str().and_then(|text| endpoint::parse(text, given.around.resolve))
    }
}

impl Setting for Option<SocketAddr> {
    const EXPECTED: &'static str = "an address with its port, such as 10.0.0.10:53";

    fn read(given: Given<'_>) -> Option<Option<SocketAddr>> {
        given.value.as_str().and_then(|text| text.parse().ok()).map(Some)
    }
}

impl Setting for Durability {
    const EXPECTED: &'static str = "`fsync` or `write`";

    fn read(given: Given<'_>) -> Option<Durability> {
        match given.value.as_str()? {
            "fsync" => Some(Durability::Fsync),
            "write" => Some(Durability::Write),
            _ => None,
        }
    }
}

impl Setting for LogFormat {
    const EXPECTED: &'static str = "`text` or `json`";

    fn read(given: Given<'_>) -> Option<LogFormat> {
        match given.value.as_str()? {
            "text" => Some(LogFormat::Text),
            "json" => Some(LogFormat::Json),
            _ => None,
        }
    }
}
