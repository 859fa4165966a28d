//! A table of byte strings in which each stands once, numbered in the order they first came.

use std::hash::BuildHasher;

use hashbrown::HashTable;
use prost::encoding::encode_varint;

#[derive(Default)]
pub(crate) struct Interner {
    bytes: Vec<u8>,
    /// Where each string ends in `bytes`.
    ends: Vec<u32>,
    numbers: HashTable<u32>,
    hasher: foldhash::fast::RandomState,
}

impl Interner {
    /// The number of a string, a new one if it has not been seen.
    pub fn intern(&mut self, string: &[u8]) -> u32 {
        let Interner { bytes, ends, numbers, hasher } = self;
        let hash = hasher.hash_one(string);
        if let Some(number) = numbers.find(hash, |number| slice(bytes, ends, *number) == string) {
            return *number;
        }
        bytes.extend_from_slice(string);
        ends.push(bytes.len() as u32);
        let number = ends.len() as u32 - 1;
        let rehash = |number: &u32| hasher.hash_one(slice(bytes, ends, *number));
        numbers.insert_unique(hash, number, rehash);
        number
    }

    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.ends.len() as u32).map(|number| slice(&self.bytes, &self.ends, number))
    }

    /// Count, lengths, bytes.
    pub fn write(&self, out: &mut Vec<u8>) {
        encode_varint(self.ends.len() as u64, out);
        let mut start = 0;
        for end in &self.ends {
            encode_varint(u64::from(end - start), out);
            start = *end;
        }
        out.extend_from_slice(&self.bytes);
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.numbers.clear();
    }
}

fn slice<'a>(bytes: &'a [u8], ends: &[u32], number: u32) -> &'a [u8] {
    let number = number as usize;
    let start = if number == 0 { 0 } else { ends[number - 1] as usize };
    &bytes[start..ends[number] as usize]
}
