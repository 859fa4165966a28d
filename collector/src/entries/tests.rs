use super::with_plain_ends;

#[test]
fn line_ends_are_made_plain_and_nothing_else_is() {
    let cases = [
        ("", ""),
        ("a", "a"),
        ("a\nb", "a\nb"),
        ("a\r\nb\r\n\r\nc\r\n", "a\nb\n\nc\n"),
        ("a\rb\r\r\n", "a\rb\r\n"),
        ("\r", "\r"),
    ];
    for (line, plain) in cases {
        assert_eq!(&*with_plain_ends(line.as_bytes()), plain.as_bytes(), "{line:?}");
    }
}
