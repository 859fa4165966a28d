//! Numbers, text and truth values of protobuf's JSON, in all the ways they may be written.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::de::{Deserializer, Error, Visitor};

/// A value that is neither an object nor an array.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scalar {
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Double(f64),
    Text(String),
}

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

impl Scalar {
    pub(super) fn heap_bytes(&self) -> usize {
        if let Scalar::Text(text) = self { text.len() } else { 0 }
    }

    pub(super) fn is_null(&self) -> bool {
        *self == Scalar::Null
    }

    pub(super) fn text<E: Error>(self) -> Result<String, E> {
        match self {
            Scalar::Null => Ok(String::new()),
            Scalar::Text(text) => Ok(text),
            other => Err(other.unlike("text")),
        }
    }

    pub(super) fn bool<E: Error>(self) -> Result<bool, E> {
        match self {
            Scalar::Null => Ok(false),
            Scalar::Bool(flag) => Ok(flag),
            other => Err(other.unlike("true or false")),
        }
    }

    /// Any integer: a number, or text that is one. `1e3` and `5.0` are integers too.
    fn integer<E: Error>(self) -> Result<i128, E> {
        match self {
            Scalar::Null => Ok(0),
            Scalar::Unsigned(number) => Ok(number.into()),
            Scalar::Signed(number) => Ok(number.into()),
            Scalar::Double(number) => whole(number).ok_or_else(|| E::custom("expected an integer")),
            Scalar::Text(text) => {
                let digits = text.trim().parse::<i128>().ok();
                let number = digits.or_else(|| text.trim().parse::<f64>().ok().and_then(whole));
                number.ok_or_else(|| E::custom("expected an integer, as a number or as text"))
            }
            other => Err(other.unlike("an integer")),
        }
    }

    /// An integer of the field's own width.
    pub(super) fn fitting<T: TryFrom<i128>, E: Error>(self) -> Result<T, E> {
        T::try_from(self.integer()?).map_err(|_| E::custom("an integer is out of its field's range"))
    }

    pub(super) fn double<E: Error>(self) -> Result<f64, E> {
        match self {
            Scalar::Null => Ok(0.0),
            Scalar::Unsigned(number) => Ok(number as f64),
            Scalar::Signed(number) => Ok(number as f64),
            Scalar::Double(number) => Ok(number),
            // Rust reads `NaN`, `Infinity` and `-Infinity` as protobuf writes them.
            Scalar::Text(text) => text.trim().parse().map_err(|_| E::custom("expected a number")),
            other => Err(other.unlike("a number")),
        }
    }

    /// An enum's number, or its name as `named` knows it. A name that is not known is "unspecified".
    pub(super) fn enumeration<E: Error>(self, named: impl FnOnce(&str) -> Option<i32>) -> Result<i32, E> {
        match self {
            Scalar::Text(name) if !name.trim().starts_with(|c: char| c.is_ascii_digit() || c == '-') => {
                Ok(named(name.trim()).unwrap_or(0))
            }
            number => number.fitting(),
        }
    }

    pub(super) fn base64<E: Error>(self) -> Result<Vec<u8>, E> {
        let text = self.text()?;
        let decoded = STANDARD.decode(&text).or_else(|_| URL_SAFE.decode(&text));
        decoded.map_err(|_| E::custom("expected base64"))
    }

    /// An id's bytes; the text itself where it is no hexadecimal.
    pub(super) fn id<E: Error>(self) -> Result<Result<Vec<u8>, String>, E> {
        let text = self.text()?;
        Ok(hex(&text).ok_or(text))
    }

    fn unlike<E: Error>(self, expected: &'static str) -> E {
        let found = match self {
            Scalar::Null => "null",
            Scalar::Bool(_) => "a truth value",
            Scalar::Unsigned(_) | Scalar::Signed(_) | Scalar::Double(_) => "a number",
            Scalar::Text(_) => "text",
        };
        E::custom(format_args!("expected {expected}, found {found}"))
    }
}

fn whole(number: f64) -> Option<i128> {
    (number.fract() == 0.0 && number.abs() < 1e38).then_some(number as i128)
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    pairs.iter().map(|[high, low]| Some((digit(*high)? * 16 + digit(*low)?) as u8)).collect()
}

impl<'de> serde::Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Scalar, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl Visitor<'_> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a number, text, true, false or null")
    }

    fn visit_unit<E>(self) -> Result<Scalar, E> {
        Ok(Scalar::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Scalar, E> {
        Ok(Scalar::Bool(flag))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Scalar, E> {
        Ok(Scalar::Unsigned(number))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Scalar, E> {
        Ok(Scalar::Signed(number))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Scalar, E> {
        Ok(Scalar::Double(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Scalar, E> {
        Ok(Scalar::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Scalar, E> {
        Ok(Scalar::Text(text))
    }
}
