use super::{Pattern, offset};
use crate::Config;

fn groups(pattern: &str, line: &str) -> Vec<(String, String)> {
    let Pattern(regex) = Pattern::parse(pattern).unwrap();
    let found = regex.captures(line).unwrap();
    let named = regex.capture_names().flatten();
    named.filter_map(|name| Some((name.to_owned(), found.name(name)?.as_str().to_owned()))).collect()
}

#[test]
fn grok_and_regular_expressions_name_their_groups() {
    let found = groups("%{IPORHOST:client} %{WORD:method} %{NUMBER:took:float}ms", "10.0.0.1 GET 2.5ms");
    let pairs = [("client", "10.0.0.1"), ("method", "GET"), ("took", "2.5")];
    assert_eq!(found, pairs.map(|(name, text)| (name.to_owned(), text.to_owned())));
    assert_eq!(groups("^(?<level>[A-Z]+)!", "WARN! x"), [("level".to_owned(), "WARN".to_owned())]);
}

#[test]
fn patterns_that_find_nothing_are_mistakes() {
    for pattern in
        ["no groups", "(?<open", "%{NOSUCH:x}", "%{WORD:x", "%{WORD:not a name}", "(?<x>a{1000}{1000})"]
    {
        assert!(Pattern::parse(pattern).is_err(), "{pattern}");
    }
}

#[test]
fn formats_that_read_a_time_are_taken() {
    for format in [
        "%d.%m.%y %H:%M:%S",
        "%d.%m.%Y %H:%M:%S%.f",
        "%b %e %k:%M:%S",
        "%Y-%j %I:%M %p",
        "%G-W%V-%u %T",
        "%a, %d %b %Y %H:%M:%S %z",
        "%A %-d. %B %Y, %-H Uhr %M",
        "%FT%T.%3fZ",
        "%m%d %R",
        "%D%n%T",
        "[%Y%m%d %H%M%S %:z]",
    ] {
        assert_eq!(super::check_time_format(format), Ok(()), "{format}");
    }
}

#[test]
fn zones_are_offsets_and_names() {
    assert!(offset("+02:00").is_some() && offset("-11:30").is_some());
    assert!(offset("+2").is_none() && offset("+99:00").is_none());
    let zone = |text: &str| Config::from_yaml(&format!("logs: {{ timezone: '{text}' }}"), &[], &|_| None);
    assert!(zone("UTC").is_ok() && zone("local").is_ok() && zone("-05:00").is_ok());
    assert!(zone("Nowhere/Land").is_err());
}
