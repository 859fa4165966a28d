use std::io::Write as _;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression as Effort;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use proptest::prelude::*;
use spandrel_store::MemoryBudget;

use super::decompress;
use crate::admission::Admission;
use crate::content::Compression;
use crate::refusal::Refusal;

const ALL: [Compression; 4] =
    [Compression::Identity, Compression::Gzip, Compression::Deflate, Compression::Zstd];

fn unfold(compression: Compression, body: Vec<u8>, bytes_max: usize) -> Result<Bytes, Refusal> {
    let mut admission = Admission::new(&MemoryBudget::new(1 << 20), Duration::ZERO).unwrap();
    decompress(compression, body.into(), bytes_max, &mut admission)
}

/// Every way of writing `content`, with the name that it goes by.
fn folded(content: &[u8]) -> Vec<(Compression, Vec<u8>)> {
    let mut gzip = GzEncoder::new(Vec::new(), Effort::fast());
    let mut zlib = ZlibEncoder::new(Vec::new(), Effort::fast());
    let mut raw = DeflateEncoder::new(Vec::new(), Effort::fast());
    gzip.write_all(content).unwrap();
    zlib.write_all(content).unwrap();
    raw.write_all(content).unwrap();
    vec![
        (Compression::Identity, content.to_vec()),
        (Compression::Gzip, gzip.finish().unwrap()),
        (Compression::Deflate, zlib.finish().unwrap()),
        (Compression::Deflate, raw.finish().unwrap()),
        (Compression::Zstd, zstd::bulk::compress(content, 3).unwrap()),
    ]
}

#[test]
fn exactly_the_limit_is_taken_and_one_byte_more_is_not() {
    for (compression, body) in folded(&[7; 5_000]).into_iter().skip(1) {
        assert_eq!(unfold(compression, body.clone(), 5_000).unwrap().len(), 5_000);
        let refusal = unfold(compression, body, 4_999).unwrap_err();
        assert!(matches!(refusal, Refusal::TooLarge { limit_bytes: 4_999, .. }), "{compression:?}");
    }
}

#[test]
fn what_would_pass_the_memory_budget_is_refused_before_it_is_taken() {
    for (compression, body) in folded(&vec![7; 2 << 20]).into_iter().skip(1) {
        let refusal = unfold(compression, body, 20 << 20).unwrap_err();
        assert!(matches!(refusal, Refusal::TooLarge { .. }), "{compression:?}");
    }
}

proptest! {
    #[test]
    fn what_was_folded_unfolds(content in proptest::collection::vec(any::<u8>(), 0..3_000)) {
        for (compression, body) in folded(&content) {
            prop_assert_eq!(unfold(compression, body, 3_000).unwrap(), &content[..]);
        }
    }

    #[test]
    fn no_bytes_panic(body in proptest::collection::vec(any::<u8>(), 0..500)) {
        for compression in ALL {
            let _ = unfold(compression, body.clone(), 1 << 16);
        }
    }
}
