use super::*;

#[test]
fn durations_are_read_as_go_writes_them() {
    for (text, millis) in [
        ("72h", 259_200_000),
        ("5s", 5_000),
        ("250ms", 250),
        ("1h30m", 5_400_000),
        ("1.5s", 1_500),
        ("7d", 604_800_000),
        ("0", 0),
        ("0s", 0),
    ] {
        assert_eq!(parse(text), Some(Duration::from_millis(millis)), "{text}");
    }
}

#[test]
fn what_is_no_duration_is_refused() {
    for text in ["", "5", "s", "-5s", "5 s", "5sec", "1h30", ".", ".s", "1e3s", "900000h", "∞", "5s;"] {
        assert_eq!(parse(text), None, "{text}");
    }
}
