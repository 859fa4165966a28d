//! What looks like a part of a trace, a dump or an object and is a record of its own; beside it the real one.

use super::check;

const GO_FRAMES: &str =
    "goroutine 1 [running]:\nmain.f(0x1)\n\t/app/main.go:12 +0x1d\nmain.main()\n\t/app/main.go:20 +0x25";

#[test]
fn a_panic_of_go_ends_with_its_frames() {
    check(&format!(
        "panic: no funds [recovered]\n\n{GO_FRAMES}\n--\norder 12 shipped\n--\norder 13 shipped\n--\nlast"
    ));
    let real = "panic: no funds\nfor order 7\n[signal SIGSEGV: segmentation violation code=0x1]";
    let threads = "goroutine 19 gp=0xc000007 m=nil [chan receive, 2 minutes]:\nmain.g(...)\n\t/app/main.go:3";
    check(&format!(
        "{real}\n\n{GO_FRAMES}\ncreated by main.run in goroutine 1\n\t/app/main.go:9 +0x1\n\n{threads}\nexit status 2\n--\nnext"
    ));
    check(
        "fatal error: all goroutines are asleep - deadlock!\n\nruntime stack:\nruntime.throw({0x1, 0x2})\n\t/usr/asm_amd64.s:10 +0x1\n--\nnext",
    );
}

#[test]
fn a_line_that_only_begins_like_a_panic_swallows_nothing() {
    check("fatal error: disk full\n--\ntrying the next disk\n--\norder 12 shipped\n--\norder 13 shipped");
    check("panic: at the disco\n--\nErrors: 0\n--\nexit status 0\n--\nnext (a)\n--\nf()");
    let json = r#"{"level":"info","msg":"job done","errors":0}"#;
    check(&format!("{json}\n--\ngoroutine pool [8] started\n--\nfirst job taken"));
    check("goroutine x [running]:\n--\ngoroutine 7 [8] started\n--\ngoroutine 7: [a]");
    let many: Vec<String> = (0..60).map(|number| format!("order {number} shipped")).collect();
    check(&format!("panic: x\n{GO_FRAMES}\n--\n{}", many.join("\n--\n")));
}

#[test]
fn an_indented_line_far_behind_a_message_of_pythons_is_not_of_it() {
    let trace =
        "Traceback (most recent call last):\n  File \"a.py\", line 3, in <module>\nValueError: no funds";
    check(&format!(
        "{trace}\n--\norder 14 shipped\n--\norder 15 shipped\n  with an indented remark\n--\norder 16 shipped"
    ));
    check(&format!("{trace}\nprice\n  Field required\nname\n  Field required\n--\nnext\n--\nand next"));
}

#[test]
fn a_dump_has_lines_of_its_form_only() {
    check(
        "Activity.Log: opened\n--\nResource associated with the order: 12\n--\nname: bob\n--\n2026-11-23 10:00:00 INFO next: ok",
    );
    let one = "Activity.TraceId: 4bf92f35\nActivity.DisplayName: a\nResource associated with Activity:\nservice.name: shop";
    check(&format!("{one}\n--\n2026-11-23 10:00:00 INFO next: ok"));
    check(&format!("{one}\n--\nINFO next: ok"));
    check(
        "LogRecord.Timestamp: 1\nLogRecord.TraceId: 2\n--\nActivity.TraceId: 2\nActivity.SpanId: 3\n--\nActivity.TraceId: 4",
    );
}

#[test]
fn what_nobody_caught_is_not_about_a_line_that_all_goes_well() {
    let java = "Exception in thread \"main\" java.lang.IllegalStateException: no funds\n\tat a.B.c(B.java:1)\nCaused by: a.D: x\n\t... 1 more";
    let python = "Traceback (most recent call last):\n  File \"a.py\", line 3\nValueError: no funds";
    for head in ["2026-11-23 10:00:00 INFO started", "[debug] started", "level=info msg=started"] {
        check(&format!("{head}\n--\n{java}\n--\n{head}"));
        check(&format!("{head}\n--\n{python}\n--\n{head}"));
    }
    check(&format!("{}\n--\n{python}", r#"{"level":"info","errors":0}"#));
    for head in ["2026-11-23 10:00:00 ERROR failed", "WARNING:shop:failed", "2026-11-23 10:00:00 failed"] {
        check(&format!("{head}\n{python}"));
    }
    check("Exception in thread \"main\" a.BException: no\nfunds\n\tat a.B.c(B.java:1)\n--\nnext");
}

#[test]
fn words_that_anybody_writes_join_no_line() {
    for line in ["note: customer called", "created by admin", "exit status 0", "... and more", "[signal lost"]
    {
        check(&format!("order 1 shipped\n--\n{line}\n--\nINFO x\n--\n{line}"));
        check(&format!("Boom: x\n    at f (a.js:1:2)\n--\nnext\n--\n{line}"));
    }
    check("Boom: x\n\tat a.B.c(B.java:1)\n... 3 more\n--\nnext");
}

#[test]
fn a_stack_behind_its_header_joins_the_record_that_it_follows() {
    let php = "Stack trace:\n#0 /srv/p.php(5): f()\n#1 [internal function]: g()\n#2 {main}\n  thrown in /srv/p.php on line 2";
    for head in [
        "2026-11-23 10:00:00 ERROR failed",
        "ERROR failed",
        "PHP Fatal error:  Uncaught CardDeclined: no funds in /srv/p.php:2",
        "[23-Nov-2026 10:37:24 UTC] PHP Fatal error:  Uncaught CardDeclined: no funds in /srv/p.php:2",
    ] {
        check(&format!("{head}\n{php}\n--\nERROR next"));
        check(&format!("{head}\nStack Trace:\n   at Shop.Pay() in pay.cs:line 5\n--\nERROR next"));
    }
    check("shop.ERROR: no funds\n[stacktrace]\n#0 /srv/p.php(5): f()\n#1 {main}\n--\nnext");
    check("ERROR failed\n--\n#1 in the charts\n--\n#0\n--\n# (5): x\n--\nStack trace: none");
}

#[test]
fn a_message_of_two_lines_behind_other_words_waits_for_its_frames() {
    check("failed: Error: outer\nsecond\n    at f (a.js:1:2)\n    at file:///b.js:1:2\n--\nnext");
    check("WARN failed: TypeError: x\nsecond\n    at f (a.js:1:2)\n--\nWARN next");
    check("failed: Error: outer\n--\nfailed again: Error: inner\n    at f (a.js:1:2)\n--\nnext");
    check("Upload Error: 3 failed\n--\nsecond\n  at 12:00 from Kiel\n--\nthird\n  from Hamburg");
    check("MeanSquaredError: 0.0231\n--\nNoError: all good\n--\nnext\n--\nand next");
}

#[test]
fn what_was_shown_over_several_lines_ends_with_its_mark() {
    check("order {\n  id: 5,\n  items: [\n    'a'\n  ]\n}\n--\nnext\n--\n}");
    check("INFO orders [\n  { id: 5 },\n]);\n--\nINFO next");
    check("order {\n--\nnext\n--\n}");
    check("total: 5\n  more\n--\n}");
    check("order {\n  id: 5,\n} of bob".replace("\n} of", "\n--\n} of").as_str());
}
