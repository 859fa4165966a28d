//! Reads a file of JSON lines and tells for each parser its name and the nanoseconds of CPU that it takes for a line, with a
//! tab between: the least of some rounds, with the program's allocator. `to fields` is what the collector does: a map of owned names and values, by a visitor of its own.

use std::fmt;
use std::hint::black_box;
use std::time::{Duration, Instant};

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUND: Duration = Duration::from_secs(1);
const ROUNDS: usize = 3;
/// Of the clock of `/proc/self/stat`, on every Linux.
const TICKS_A_SECOND: f64 = 100.0;

/// As the collector keeps them.
#[allow(dead_code, reason = "made, not looked at")]
enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(String),
    List(Vec<Value>),
    Map(Vec<(String, Value)>),
}

struct ToValue;

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(ToValue)
    }
}

impl<'de> Visitor<'de> for ToValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Int(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(i64::try_from(number).map_or_else(|_| Value::Text(number.to_string()), Value::Int))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Double(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::Text(text))
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<Value, S::Error> {
        let mut values = Vec::new();
        while let Some(value) = seq.next_element()? {
            values.push(value);
        }
        Ok(Value::List(values))
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Value, M::Error> {
        let mut values = Vec::new();
        while let Some(entry) = map.next_entry()? {
            values.push(entry);
        }
        Ok(Value::Map(values))
    }
}

type Parser = (&'static str, fn(&[u8]) -> bool);

const PARSERS: &[Parser] = &[
    ("`serde_json`, to fields: what is used", |line| taken(serde_json::from_slice::<Value>(line))),
    ("`serde_json`, only looked at", |line| taken(serde_json::from_slice::<IgnoredAny>(line))),
    ("`sonic-rs`, to fields", |line| taken(sonic_rs::from_slice::<Value>(line))),
    ("`sonic-rs`, to a tree of its own", |line| taken(sonic_rs::from_slice::<sonic_rs::Value>(line))),
    ("`simd-json`, to fields", |line| taken(simd_json::serde::from_slice::<Value>(&mut line.to_vec()))),
    ("`simd-json`, to a tree of its own", |line| taken(simd_json::to_owned_value(&mut line.to_vec()))),
];

fn taken<T, E>(parsed: Result<T, E>) -> bool {
    black_box(parsed).is_ok()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("a file of JSON lines")?;
    let text = std::fs::read(path)?;
    let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    for (name, parse) in PARSERS {
        if !lines.iter().all(|line| parse(line)) {
            return Err(format!("{name} does not take all lines").into());
        }
        let mut least = f64::INFINITY;
        for _ in 0..ROUNDS {
            let (began, before, mut count) = (Instant::now(), cpu_seconds()?, 0_u64);
            while began.elapsed() < ROUND {
                count += lines.iter().filter(|line| parse(line)).count() as u64;
            }
            least = least.min((cpu_seconds()? - before) * 1e9 / count as f64);
        }
        println!("{name}\t{least:.0}");
    }
    Ok(())
}

/// User and system time of this process.
fn cpu_seconds() -> Result<f64, Box<dyn std::error::Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').ok_or("no name in /proc/self/stat")?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
    Ok(ticks.sum::<Result<f64, _>>()? / TICKS_A_SECOND)
}
