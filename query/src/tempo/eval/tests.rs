use super::value::duration_text;

#[test]
fn durations_are_written_as_go_writes_them() {
    let cases = [
        (0, "0s"),
        (1, "1ns"),
        (-1_500, "-1.5µs"),
        (250_000_000, "250ms"),
        (1_000_000_000, "1s"),
        (90_500_000_000, "1m30.5s"),
        (3_600_000_000_000, "1h0m0s"),
        (3_723_000_000_001, "1h2m3.000000001s"),
    ];
    for (nanos, text) in cases {
        assert_eq!(duration_text(nanos), text);
    }
}
