//! Decompression that stops at the limit: a bomb costs no more than what it is refused at.
//!
//! Invariant: the output never holds more than `bytes_max` and one step, and each step is charged to the
//! request's admission before it is taken.

use std::io::Read;

use bytes::Bytes;
use flate2::bufread::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use crate::admission::Admission;
use crate::content::Compression;
use crate::refusal::Refusal;

const STEP_BYTES: usize = 32 << 10;

/// RFC 9659: zstd as an HTTP content coding has windows of up to 8 MiB.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// The decompressed body.
pub(crate) fn decompress(
    compression: Compression,
    body: Bytes,
    bytes_max: usize,
    admission: &mut Admission,
) -> Result<Bytes, Refusal> {
    let input: &[u8] = &body;
    match compression {
        Compression::Identity => Ok(body),
        Compression::Gzip => drain(MultiGzDecoder::new(input), bytes_max, admission),
        Compression::Deflate if is_zlib(input) => drain(ZlibDecoder::new(input), bytes_max, admission),
        Compression::Deflate => drain(DeflateDecoder::new(input), bytes_max, admission),
        Compression::Zstd => drain(zstd_decoder(input)?, bytes_max, admission),
        Compression::Snappy => unsnap(input, bytes_max, admission),
    }
}

/// The size is told in front, so it is charged as a whole.
fn unsnap(input: &[u8], bytes_max: usize, admission: &mut Admission) -> Result<Bytes, Refusal> {
    let undecodable =
        |error: snap::Error| Refusal::undecodable(format!("not in snappy's block format: {error}"));
    let length = snap::raw::decompress_len(input).map_err(undecodable)?;
    if length > bytes_max {
        return Err(Refusal::TooLarge { what: "the decompressed body", limit_bytes: bytes_max });
    }
    admission.grow_body(length)?;
    snap::raw::Decoder::new().decompress_vec(input).map(Bytes::from).map_err(undecodable)
}

fn zstd_decoder(input: &[u8]) -> Result<impl Read, Refusal> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(input).map_err(Refusal::undecodable)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(Refusal::undecodable)?;
    Ok(decoder)
}

/// A zlib header: method 8, a window of at most 32 KiB, and a checksum over both bytes. A raw stream cannot
/// look so at its start but for a stored block with odd padding bits, which no encoder writes.
fn is_zlib(input: &[u8]) -> bool {
    match input {
        [cmf, flg, ..] => {
            cmf & 0x0f == 8 && cmf >> 4 <= 7 && u16::from_be_bytes([*cmf, *flg]).is_multiple_of(31)
        }
        _ => false,
    }
}

fn drain(mut decoder: impl Read, bytes_max: usize, admission: &mut Admission) -> Result<Bytes, Refusal> {
    let mut output = Vec::new();
    let mut step = vec![0; STEP_BYTES];
    loop {
        let count = decoder.read(&mut step).map_err(Refusal::undecodable)?;
        if count == 0 {
            return Ok(output.into());
        }
        if output.len() + count > bytes_max {
            return Err(Refusal::TooLarge { what: "the decompressed body", limit_bytes: bytes_max });
        }
        admission.grow_body(count)?;
        output.extend_from_slice(&step[..count]);
    }
}

#[cfg(test)]
mod tests;
