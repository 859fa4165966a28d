//! Cutting a record on the wire, so that what is left can be decoded safely.
//!
//! The first attributes and elements in the order of the bytes stay, up to the limit; a map or an array that
//! would be nested too deep is left out and its value stays empty. Everything else is copied as it is.
//! Each level copies what its children kept; there are at most three times `nesting_max` of them.

use prost::encoding::{WireType, encode_key, encode_varint};
use spandrel_store::wire::{Fields, Malformed};

use super::shape::Kind;

use crate::normalise::{Allowance, Cuts, RecordLimits};

pub(super) fn cut(
    message: &[u8],
    kind: Kind,
    limits: &RecordLimits,
    cuts: &mut Cuts,
) -> Result<Vec<u8>, Malformed> {
    let mut kept = Vec::new();
    let mut cutter = Cutter { limits, cuts };
    cutter.cut_at(message, kind, 0, &mut Allowance::of(limits), &mut kept)?;
    Ok(kept)
}

struct Cutter<'a> {
    limits: &'a RecordLimits,
    cuts: &'a mut Cuts,
}

impl Cutter<'_> {
    fn cut_at(
        &mut self,
        message: &[u8],
        kind: Kind,
        depth: usize,
        allowance: &mut Allowance,
        kept: &mut Vec<u8>,
    ) -> Result<(), Malformed> {
        for field in Fields::of(message) {
            let field = field?;
            let child = field.message().1.zip(kind.child(field.tag));
            let Some((payload, child)) = child else {
                kept.extend_from_slice(field.raw);
                continue;
            };
            let depth = depth + usize::from(child.is_nesting());
            if depth > self.limits.nesting_max {
                self.cuts.nesting += 1;
                continue;
            }
            if child.is_element_of(kind) && !allowance.take(self.cuts) {
                continue;
            }
            let mut own = Allowance::of(self.limits);
            let allowance = if child.is_carrier() { &mut own } else { &mut *allowance };
            let mut inner = Vec::new();
            self.cut_at(payload, child, depth, allowance, &mut inner)?;
            encode_key(field.tag, WireType::LengthDelimited, kept);
            encode_varint(inner.len() as u64, kept);
            kept.extend_from_slice(&inner);
        }
        Ok(())
    }
}
