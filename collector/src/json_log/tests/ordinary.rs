//! Lines about orders, gates and batteries: what only looks like a time, a level, an id or an exception is none, and what is
//! one is still found beside it.

use super::*;

fn check_times(lines: &[(&str, u64)]) {
    for (line, time) in lines {
        let found = understand(line);
        assert_eq!(found.log.time_unix_nano, *time, "{line}");
        assert!(!found.flags.contains(Flags::ABSURD_TIME), "{line}");
    }
}

fn check_levels(lines: &[(&str, i32)]) {
    for (line, level) in lines {
        assert_eq!(found(line).2, *level, "{line}");
    }
}

#[test]
fn orders_amounts_and_appointments_are_no_times() {
    let minute = RECEIVED.0 - 20_000_000_000;
    check_times(&[
        ("[1000000001] order created", 0),
        ("[1234567890] order accepted", 0),
        ("1234567890.50 EUR transferred", 0),
        ("1700000000.50 EUR transferred", 0),
        ("1700000000.500 INFO started", RECEIVED.0 + 500_000_000),
        ("[1700000000] started", RECEIVED.0),
        ("Meeting at 2023-11-14 22:13 booked", 0),
        ("Order placed 2023/11/14 22:13 by bob", 0),
        ("Order placed 11/14/2023 22:13 by bob", 0),
        ("Backup of 2023-11-14 22:13 restored", 0),
        ("Backup of 2023-11-14 22:13:20 restored", RECEIVED.0),
        ("2023-11-14 22:13 started", minute),
        ("[2023-11-14 22:13] started", minute),
        ("INFO 2023-11-14 22:13 started", minute),
        ("[warn] [2023-11-14 22:13] started", minute),
        ("error: 2023-11-14 22:13 started", minute),
        ("<14>2023-11-14T22:13Z started", minute),
    ]);
}

#[test]
fn a_signed_number_behind_a_time_is_no_zone_unless_there_is_such_a_zone() {
    check_times(&[
        ("2023-11-14 22:13:20 -1234 units moved", RECEIVED.0),
        ("2023-11-14 22:13:20 +1500 points for bob", RECEIVED.0),
        ("2023-11-14 22:13:20 +1415 points for bob", RECEIVED.0),
        ("2023-11-14 23:13:20 +0100 started", RECEIVED.0),
        ("2023-11-15 03:58:20 +0545 started", RECEIVED.0),
        ("2023-11-15 12:13:20 +1400 started", RECEIVED.0),
        ("2023-11-14 22:13:20 -0000 started", RECEIVED.0),
    ]);
}

#[test]
fn the_letter_of_a_gate_or_a_part_is_no_level() {
    check_levels(&[
        ("Gate E [12:40] boarding now", 0),
        ("Platform D [9:15] departure", 0),
        ("I [8:15] woke up", 0),
        ("T [12:30] tee time", 0),
        ("Gate E [7:main pay.rb:12] is open", 0),
        ("E [7:main pay.rb:12] Payment -- it failed", 17),
        ("2026-11-23 07:40:00.123456 W [7:worker-1] Payment -- it is slow", 13),
        ("2026-11-23T07:40:00.123Z D [7:70123 pay.rb:12] Payment -- it runs", 5),
        ("E1234 shipped to Kiel", 0),
        ("F0815 part number is in stock", 0),
        ("W1234 license plate", 0),
        ("E1122 screws packed", 0),
        ("E0102 15:04 is late", 0),
        ("E1322 15:04:05.000000 1 a.go:5] no", 0),
        ("E0102 15:04:05.000000    1234 a.go:5] no", 17),
    ]);
}

#[test]
fn a_levels_word_with_a_colon_in_the_middle_of_a_sentence_is_no_level() {
    check_levels(&[
        ("Stack trace:", 0),
        ("Weather alert: storm in Kiel", 0),
        ("red alert: pizza", 0),
        ("the error: none found", 0),
        ("customer asked for info: price", 0),
        ("invoice 4711 warning: paid late", 0),
        ("ticket: info: missing", 0),
        ("10:00:00 the students fail: exam[3]", 0),
        ("error: it failed", 17),
        ("Warning: it is slow", 13),
        ("2026-11-23 07:40:00 error: it failed", 17),
        ("2026-11-23T07:40:00.123Z error: it failed", 17),
        ("Nov 23 07:40:00 warn: it is slow", 13),
        ("11/23/2026 7:40:00 AM info: Shop[0]", 9),
        ("2026-11-23 07:40:00 UTC [7] [main thread] error: it failed", 17),
        ("[payment] warn: it is slow", 13),
        ("Nov 23 07:40:00 host app[5]: error: it failed", 17),
        ("Nov 23 07:40:00 host app: error: it failed", 17),
        ("sshd[5]: error: it failed", 17),
        ("payment-1  | error: it failed", 17),
        ("[23-Nov-2026 07:40:00 UTC] PHP Fatal error:  Uncaught CardDeclined", 17),
        ("PHP Warning:  it is slow", 13),
        ("Parse error: no funds", 17),
        ("service payment ERROR: it failed", 17),
    ]);
}

#[test]
fn a_number_behind_level_in_a_sentence_is_none_and_in_pairs_it_is_one() {
    check_levels(&[
        ("water level: 55 cm", 0),
        ("fill level=60 in tank 3", 0),
        ("battery level: 40 percent", 0),
        ("INFO battery level: 40", 9),
        ("SELECT * FROM log WHERE level = 'ERROR'", 0),
        ("it is level=warn in tank 3", 13),
        ("level=40 msg=slow", 13),
        (r#"{"level":40,"msg":"slow"}"#, 13),
        ("{'event': 'slow', 'level': 'warning'}", 13),
        ("it ends SeverityNumber: 17", 17),
    ]);
}

#[test]
fn two_numbers_in_brackets_are_no_trace() {
    let short = "4bf92f3577b34da6";
    for line in [
        "orders [1000000000000001, 1000000000000002] merged".to_owned(),
        "INFO [2026112210300012-1234567890123456] x".to_owned(),
        "[orders,1000000000000001,1000000000000002] x".to_owned(),
        "range [4111111111111111-4222222222222222] blocked".to_owned(),
        "[d41d8cd98f00b204,e9800998ecf8427e] are the checksums".to_owned(),
        "[aaaabbbbccccdddd-eeeeffff00001111] is a key".to_owned(),
        format!("INFO the sums [{short},{SPAN}] differ"),
        json!({"msg": "the list [1000000000000001, 1000000000000002] is merged"}).to_string(),
    ] {
        assert_eq!(found(&line).0, "", "{line}");
    }
    for line in [
        format!("it runs [orders,{short},{SPAN},true]"),
        format!("INFO [,{short},{SPAN}] it runs"),
        format!("INFO [{short},{SPAN}] it runs"),
        format!("2026-11-23 07:40:00.123 [{short}-{SPAN}] it runs"),
        format!("2026-11-23T07:40:00.123Z  INFO 1 --- [shop] [main] [{short}-{SPAN}] c.e.A : ok"),
    ] {
        let (trace, span, _) = found(&line);
        assert_eq!((trace.trim_start_matches('0'), span.as_str()), (short, SPAN), "{line}");
    }
    assert_eq!(found(&format!("it runs [{TRACE}-{SPAN}]")).0, TRACE);
}

#[test]
fn what_only_is_near_to_a_date_dates_no_line() {
    for line in [
        "1500.00 EUR charged to card of customer",
        "Order 1234-5678 shipped",
        "Order 1234-56-7 shipped",
        "Sun, sea and sand package booked",
        "Mon, 5 customers came",
        "May 5 customers came",
        "12 May customers came",
        "Sat May 5 customers came",
        "Sunday, 5 Nov",
        "12/24 boxes",
        "Appointment 2026-11-20 10:00 confirmed",
        "Delivery 2026-11-20",
    ] {
        assert!(!begins_with_time(line), "{line}");
    }
    for line in [
        "2026-11-23 x",
        "2026/11/23 07:40:00 x",
        "2026.11.23T07:40:00 x",
        "INFO 2026-11-23 x",
        "[warn] 2026-11-23 07:40 x",
        "I, [2026-11-23T07:40:00.123 #7] x",
        "payment 2026-11-23 07:40:00 x",
        "payment-1 | 2026-11-23 x",
        "[23/Nov/2026:07:40:00 +0000] x",
        "23-Nov-2026 07:40:00 x",
        "23 Nov 07:40:00.123 x",
        "11/23/2026 x",
        "07:40:00 x",
        "Nov 23 07:40:00 host x",
        "Nov  3 07:40:00 host x",
        "Nov 23, 2026 7:40:00 AM shop.Pay charge",
        "Nov 23 2026 07:40:00 x",
        "Mon Nov 23 07:40:00 2026 x",
        "Mon Nov 23 07:40:00 CET 2026 x",
        "Mon, 23 Nov 2026 07:40:00 GMT x",
    ] {
        assert!(begins_with_time(line), "{line}");
    }
}

#[test]
fn a_title_above_a_list_is_no_exception() {
    let type_of = |text: &str| attributes(&understand(text)).get("exception.type").cloned();
    for text in [
        "2026-11-22 10:00:00 INFO Mounted Volumes:\n    /data\n    /var/lib/shop",
        "2026-11-22 10:00:01 INFO Route Berlin:\n    from Hamburg\n    at 10:00",
        "2026-11-22 10:00:02 INFO Loaded Config:\n    /etc/a.conf",
        "OrderItems:\n    at shelf 3\n    from Hamburg",
        "ShippingAddress: Main street 5\n    from Hamburg",
        "Order Summary:\n  Items: 3\n  at 12:00 from Kiel",
        "ERROR Import failed in Step: Validation\n    from file a.csv\n    ... 3 more rows",
        "Trace: here\n    at charge (/app/pay.js:1:2)",
    ] {
        assert_eq!(type_of(text), None, "{text}");
    }
    for text in [
        "CardDeclined: no funds\n    at charge (/app/pay.js:1:2)",
        "CardDeclined: no funds\n    at /app/pay.js:1:2",
        "CardDeclined: no funds\n    at async Promise.all (index 0)",
        "INFO CardDeclined: no funds\n\tat shop.Pay.charge(Pay.java:3)",
        "CardDeclined: no funds\n   at Shop.Pay.Charge() in /app/pay.cs:line 3",
        "CardDeclined: no funds\n\tfrom pay.rb:3:in `<main>'",
    ] {
        assert_eq!(type_of(text), Some(json!("CardDeclined")), "{text}");
    }
    // A name that says what it is needs less.
    assert_eq!(type_of("PayError: no funds\n    at <anonymous>"), Some(json!("PayError")));
}

#[test]
fn a_list_that_holds_no_frame_is_no_stack() {
    let cards = understand(r#"{"stack":["a","b"],"msg":"cards"}"#);
    assert_eq!(attributes(&cards), json!({"stack": ["a", "b"]}));
    for stack in [
        json!(["TypeError: no funds", "at charge"]),
        json!(["at charge (/app/pay.js:1:2)"]),
        json!(["shop.Pay.charge(Pay.java:3)"]),
        json!(["/srv/pay.php:5"]),
        json!([{"func": "charge", "line": "5", "source": "pay.go"}]),
    ] {
        let found = attributes(&understand(&json!({"stack": stack, "msg": "m"}).to_string()));
        assert!(found.get("exception.stacktrace").is_some(), "{found}");
    }
}

#[test]
fn what_is_said_of_rubys_exception_begins_behind_time_and_level() {
    let frames = "pay.rb:12:in `charge'";
    for (head, message) in [
        ("2026-11-22 16:59:11 ERROR charge failed: no funds", "charge failed: no funds"),
        ("[2026-11-22 16:59:11] error: no funds", "no funds"),
        ("E, [2026-11-22T16:59:11.454 #7] ERROR -- : charge failed: no funds", "charge failed: no funds"),
        ("charge ERROR in it: no funds", "charge ERROR in it: no funds"),
    ] {
        let found = attributes(&understand(&format!("{head} (CardDeclined)\n{frames}")));
        assert_eq!(found["exception.message"], message, "{head}");
        assert_eq!(found["exception.stacktrace"], format!("{message} (CardDeclined)\n{frames}"), "{head}");
    }
}

#[test]
fn the_title_of_a_stack_is_no_part_of_the_message() {
    let text =
        "ERROR System.InvalidOperationException: no funds\nStack Trace:\n   at Shop.Pay() in pay.cs:line 5";
    assert_eq!(attributes(&understand(text))["exception.message"], "no funds");
}
