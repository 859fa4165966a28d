use super::*;

#[test]
fn sizes_are_read_in_every_common_unit() {
    for (text, bytes) in [
        ("20MiB", 20 << 20),
        ("2GiB", 2 << 30),
        ("512kB", 512_000),
        ("64Mi", 64 << 20),
        ("1.5GiB", 3 << 29),
        ("10 MB", 10_000_000),
        ("4096", 4096),
        ("0", 0),
        ("18446744073709551615", u64::MAX),
    ] {
        assert_eq!(ByteSize::parse(text), Some(ByteSize(bytes)), "{text}");
    }
}

#[test]
fn what_is_no_size_is_refused() {
    for text in
        ["", "MiB", "-1", "20 MiBs", "1e9", "18446744073709551616", "99999999TiB", ".", "1.2.3", "ten"]
    {
        assert_eq!(ByteSize::parse(text), None, "{text}");
    }
}

#[test]
fn a_size_is_shown_as_it_can_be_read() {
    for size in [ByteSize(1), ByteSize::kib(3), ByteSize::mib(128), ByteSize::gib(2), ByteSize(u64::MAX)] {
        assert_eq!(ByteSize::parse(&size.to_string()), Some(size));
    }
}
