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
fn of_dotnets_exceptions_the_outermost_is_read_and_not_its_causes() {
    let cases = [
        (
            "System.InvalidOperationException: no funds\n ---> System.IO.IOException: disk full\n   at A.B()\n   --- End of inner exception stack trace ---\n   at C.D()",
            "System.InvalidOperationException",
            "no funds",
        ),
        (
            "fail: Shop[0]\n      it failed\n      Shop.Declined: no\n funds\n       ---> Shop.Inner: x\n       ---> Shop.Innermost: y\n         at A.B()",
            "Shop.Declined",
            "no\n funds",
        ),
        (
            "System.AggregateException: One or more errors occurred. (no) ---> Shop.Declined: no\n   at A.B()",
            "System.AggregateException",
            "One or more errors occurred. (no)",
        ),
    ];
    for (text, name, message) in cases {
        assert_eq!(read(text), (Some(name), Some(message)), "{text}");
    }
}

#[test]
fn what_rubys_loggers_write_of_an_exception_is_read() {
    let frames = "pay.rb:12:in `charge'\n/app/pay.rb:3:in '<main>'";
    for text in [
        format!("E, [2026-11-22T16:59:11.454 #7] ERROR -- payment: no funds (Shop::CardDeclined)\n{frames}"),
        format!("E, [2026-11-22T16:59:11.454 #7] ERROR -- : no funds (Shop::CardDeclined)\n{frames}"),
        format!("no funds (Shop::CardDeclined)\n{frames}"),
        format!(
            "2026-11-22 16:59:11.454 E [7:main pay.rb:12] Payment -- it failed -- Exception: Shop::CardDeclined: no funds\n{frames}"
        ),
    ] {
        assert_eq!(read(&text), (Some("Shop::CardDeclined"), Some("no funds")), "{text}");
        assert!(in_text(&text).unwrap().stacktrace.ends_with(frames), "{text}");
    }
    for text in [
        "see (Below)\n- pay.rb:12:in `charge'",
        "one (two)\npay.rb:12:in `charge'",
        "no funds (Declined)\nby pay.rb:12",
    ] {
        assert_eq!(read(text), (None, None), "{text}");
    }
}

#[test]
fn panics_that_somebody_caught_in_go_are_read() {
    let stack = "goroutine 19 [running]:\nnet/http.(*conn).serve.func1()\n\t/go/server.go:1898 +0xbe\npanic({0x1, 0x2})\n\t/go/panic.go:770 +0x1";
    for said in
        ["2026/11/22 10:00:00 http: panic serving [::1]:51000: ", "ERROR recovered from panic: ", "panic: "]
    {
        let text = format!("{said}runtime error: index out of range\n{stack}");
        assert_eq!(read(&text), (Some("panic"), Some("runtime error: index out of range")), "{text}");
    }
    assert_eq!(read(&format!("no nonpanic: x\n{stack}")), (None, None));
    assert_eq!(read("the panic: later\nnothing"), (None, None));
}

#[test]
fn a_message_of_several_lines_is_whole() {
    let python = "Traceback (most recent call last):\n  File \"a.py\", line 1\nshop.Declined: no\nfunds\n  left\n\nnext";
    assert_eq!(read(python), (Some("shop.Declined"), Some("no\nfunds\n  left")));
    let rust = "thread 'main' panicked at src/main.rs:2:5:\nno\n\nfunds\nnote: run with `RUST_BACKTRACE=1`";
    assert_eq!(read(rust), (Some("panic"), Some("no\n\nfunds")));
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
