//! Frames in bytes: writing one, and reading a file of them that a crash or a disk may have damaged.

use std::io;

use bytes::Bytes;

use super::Frame;

/// What a file begins with: magic and version.
pub(super) const FILE_HEADER: [u8; 8] = *b"SPNJ\x01\0\0\0";
const FRAME_HEADER_BYTES: usize = 16;
/// Above any batch: requests are capped far below. A length beyond it is damage.
const PAYLOAD_BYTES_MAX: usize = 256 << 20;

/// What a file held.
#[derive(Debug, Default)]
pub(super) struct FileContent {
    pub frames: Vec<Frame>,
    pub damage: Vec<Run>,
    /// Length of the incomplete frame at the end.
    pub torn_bytes: u64,
}

/// Bytes that are no good frame.
#[derive(Debug)]
pub(super) struct Run {
    pub offset: u64,
    pub bytes: u64,
    /// The sequence number of the good frame before them in the file.
    pub after: Option<u64>,
}

/// What a frame of this payload takes in a file.
pub(super) fn bytes(payload: &[u8]) -> u64 {
    (FRAME_HEADER_BYTES + payload.len()) as u64
}

pub(super) fn write(out: &mut impl io::Write, sequence: u64, payload: &[u8]) -> io::Result<()> {
    let length = u32::try_from(payload.len()).ok().filter(|length| *length as usize <= PAYLOAD_BYTES_MAX);
    let length =
        length.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "batch too large for a frame"))?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(&checksum(sequence, payload).to_le_bytes())?;
    out.write_all(&sequence.to_le_bytes())?;
    out.write_all(payload)
}

pub(super) fn read_frames(content: &Bytes) -> FileContent {
    let mut found = FileContent::default();
    if !content.starts_with(&FILE_HEADER) {
        match FILE_HEADER.starts_with(content) {
            true => found.torn_bytes = content.len() as u64,
            false => found.damage.push(Run { offset: 0, bytes: content.len() as u64, after: None }),
        }
        return found;
    }
    let mut offset = FILE_HEADER.len();
    while offset < content.len() {
        match read_at(content, offset) {
            Read::Frame(frame, next) => {
                found.frames.push(frame);
                offset = next;
            }
            Read::Bad { next } => {
                // Where the length itself is damaged, what follows it is no frame either.
                let resume = next.filter(|next| {
                    *next == content.len() || matches!(read_at(content, *next), Read::Frame(..))
                });
                let end = resume.unwrap_or(content.len());
                let after = found.frames.last().map(|frame| frame.sequence);
                found.damage.push(Run { offset: offset as u64, bytes: (end - offset) as u64, after });
                offset = end;
            }
            Read::Incomplete => {
                found.torn_bytes = (content.len() - offset) as u64;
                return found;
            }
        }
    }
    found
}

enum Read {
    Frame(Frame, usize),
    /// A complete frame with a wrong checksum; where its length says the next one is.
    Bad {
        next: Option<usize>,
    },
    Incomplete,
}

fn read_at(content: &Bytes, offset: usize) -> Read {
    let Some(header) = content.get(offset..offset + FRAME_HEADER_BYTES) else { return Read::Incomplete };
    let word = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let (length, expected) = (word(0) as usize, word(4));
    let sequence = u64::from(word(8)) | u64::from(word(12)) << 32;
    if length > PAYLOAD_BYTES_MAX {
        return Read::Bad { next: None };
    }
    let start = offset + FRAME_HEADER_BYTES;
    if content.len() < start + length {
        return Read::Incomplete;
    }
    let payload = content.slice(start..start + length);
    if checksum(sequence, &payload) != expected {
        return Read::Bad { next: Some(start + length) };
    }
    Read::Frame(Frame { sequence, payload }, start + length)
}

fn checksum(sequence: u64, payload: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&sequence.to_le_bytes()), payload)
}
