//! Addresses as people type them.

use super::Address;

#[test]
fn a_scheme_is_optional_and_a_prefix_allowed() {
    for (text, shown, port) in [
        ("http://127.0.0.1:7317", "http://127.0.0.1:7317", 7317),
        ("localhost:9/", "http://localhost:9", 9),
        ("http://gateway/spandrel/", "http://gateway/spandrel", 80),
        ("https://gateway", "https://gateway", 443),
        ("https://gateway:7317", "https://gateway:7317", 7317),
    ] {
        let address: Address = text.parse().unwrap();
        assert_eq!((address.to_string().as_str(), address.authority_with_port().1), (shown, port));
    }
}

#[test]
fn an_ipv6_address_is_connected_to_without_its_brackets() {
    let address: Address = "http://[::1]:7317".parse().unwrap();
    assert_eq!(address.authority_with_port(), ("::1".to_owned(), 7317));
}

#[test]
fn an_ipv6_address_may_stand_without_its_brackets() {
    for (text, shown) in [
        ("http://fd00:10:244::1a:7317", "http://[fd00:10:244::1a]:7317"),
        ("::1:7317/spandrel", "http://[::1]:7317/spandrel"),
    ] {
        let address: Address = text.parse().unwrap();
        assert_eq!(address.to_string(), shown);
    }
}

#[test]
fn questions_are_escaped_whatever_is_in_them() {
    let address: Address = "http://a:1/p".parse().unwrap();
    let target = address.target("/api/v1/search", &[("q", "a AND b:\"c&d\"#é"), ("limit", "5")]);
    assert_eq!(target, "/p/api/v1/search?q=a%20AND%20b%3A%22c%26d%22%23%C3%A9&limit=5");
}

#[test]
fn what_cannot_be_asked_is_refused_with_a_reason() {
    for (text, reason) in [
        ("ftp://a", "starts with http://"),
        ("http://me:secret@a:1", "no user names"),
        ("http://", "not an address"),
        ("a b", "not an address"),
    ] {
        let error = text.parse::<Address>().unwrap_err();
        assert!(error.contains(reason), "{text}: {error}");
    }
}
