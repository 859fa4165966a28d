use super::*;

fn known(host: &str) -> Option<IpAddr> {
    (host == "payment").then_some(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 7)))
}

#[test]
fn addresses_are_read_in_every_common_notation() {
    for (text, address) in [
        ("127.0.0.1:4317", "127.0.0.1:4317"),
        ("0.0.0.0:0", "0.0.0.0:0"),
        ("localhost:4318", "127.0.0.1:4318"),
        ("[::1]:4317", "[::1]:4317"),
        ("[::]:4317", "[::]:4317"),
        (":4317", "0.0.0.0:4317"),
        ("::1:4317", "[::1]:4317"),
        ("fd00:10:244::1a:7317", "[fd00:10:244::1a]:7317"),
        ("2001:db8:0:0:0:0:0:7:7317", "[2001:db8::7]:7317"),
        ("payment:7317", "10.0.0.7:7317"),
    ] {
        assert_eq!(parse(text, known).map(|address| address.to_string()).as_deref(), Some(address), "{text}");
    }
}

#[test]
fn what_is_no_address_is_refused() {
    for text in [
        "",
        ":",
        "4317",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:65536",
        "::1",
        "fd00::",
        "2001:db8:0:0:0:0:0:7",
        "fd00::7:73170",
        "fd00::7:+17",
        "orders:7317",
        "http://a:1",
        "a b:1",
        "localhost:+1",
    ] {
        assert_eq!(parse(text, known), None, "{text}");
    }
}

#[test]
fn a_peer_needs_a_host_and_a_port() {
    for text in ["payment:7317", "10.0.0.7:7317", "[::1]:7317", "payment.prod.svc.cluster.local:7317"] {
        assert!(is_callable(text), "{text}");
    }
    for text in [":7317", "payment", "payment:0", "10.0.0.7:0", "payment:seven", ""] {
        assert!(!is_callable(text), "{text}");
    }
}
