use proptest::prelude::*;

use super::{Read, in_text};

fn read(text: &str) -> (Option<&str>, Option<&str>) {
    let Read { exception_type, message, .. } = in_text(text).unwrap_or_default();
    (exception_type, message)
}

#[test]
fn the_outermost_exception_is_read_in_every_language() {
    let cases = [
        (
            "it failed\njava.lang.IllegalStateException: no funds\n\tat a.B.c(B.java:1)\nCaused by: java.io.IOException: x\n\t... 1 more",
            "java.lang.IllegalStateException",
            "no funds",
        ),
        (
            "Exception in thread \"main\" shop.CardDeclined: no funds\n\tat a.B.c(B.java:1)",
            "shop.CardDeclined",
            "no funds",
        ),
        (
            "Traceback (most recent call last):\n  File \"a.py\", line 1\nKeyError: 'x'\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \"b.py\", line 2\nshop.CardDeclined: no funds\n",
            "shop.CardDeclined",
            "no funds",
        ),
        ("pay failed TypeError: no funds\n    at charge (/app/pay.js:1:2)", "TypeError", "no funds"),
        (
            "Unhandled exception. System.InvalidOperationException: no funds\n   at Shop.Pay.Charge() in /app/Pay.cs:line 3",
            "System.InvalidOperationException",
            "no funds",
        ),
        (
            "pay.rb:12:in `charge': no funds (CardDeclined)\n\tfrom pay.rb:3:in `<main>'",
            "CardDeclined",
            "no funds",
        ),
        ("panic: no funds\n\ngoroutine 1 [running]:\nmain.charge()\n\t/app/main.go:3", "panic", "no funds"),
        (
            "thread 'main' panicked at src/main.rs:2:5:\nno funds\nnote: run with `RUST_BACKTRACE=1`",
            "panic",
            "no funds",
        ),
        (
            "thread 'main' panicked at 'no funds', src/main.rs:2:5\nnote: run with `RUST_BACKTRACE=1`",
            "panic",
            "no funds",
        ),
    ];
    for (text, name, message) in cases {
        assert_eq!(read(text), (Some(name), Some(message)), "{text}");
    }
}

#[test]
fn a_message_of_several_lines_is_whole() {
    let text = "a.BadSqlException: syntax error\n  near SELECT\n\tat a.B.c(B.java:1)";
    assert_eq!(read(text), (Some("a.BadSqlException"), Some("syntax error\n  near SELECT")));
}

#[test]
fn text_without_a_stack_has_none() {
    for text in ["two\nlines", "Error: one line", "list:\n  at home\n  at work", "panic: later\nnothing"] {
        assert_eq!(read(text), (None, None), "{text}");
    }
}

proptest! {
    #[test]
    fn any_text_is_looked_at(parts in proptest::collection::vec(prop_oneof![
        "\\PC{0,10}",
        proptest::sample::select(vec![
            "\n", "\n\tat ", "\n\tfrom ", ":in `", "': ", " (A)", "Traceback (most recent call last):", "panic: ",
            "\ngoroutine ", "thread '", "' panicked at ", "'", "', ", "Caused by: ", "java.lang.Exception", ": ", "\r\n",
        ]).prop_map(str::to_owned),
    ], 0..16)) {
        in_text(&parts.concat());
    }
}
