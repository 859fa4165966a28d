//! The limits of one record, what is left of them while it is read, and what they cut.

use spandrel_config::Limits;

/// The parts of [`Limits`] that hold for a single record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RecordLimits {
    pub(crate) attributes_max: usize,
    pub(crate) nesting_max: usize,
    pub(crate) string_bytes_max: usize,
    pub(crate) line_bytes_max: usize,
}

impl RecordLimits {
    pub(crate) fn of(limits: &Limits) -> RecordLimits {
        RecordLimits {
            attributes_max: limits.attributes_max,
            nesting_max: limits.nesting_max,
            string_bytes_max: limits.string_bytes_max.as_usize(),
            line_bytes_max: limits.line_bytes_max.as_usize(),
        }
    }
}

/// How many attributes and elements of arrays one record, event, link, resource or scope may still have,
/// nested ones counted.
#[derive(Debug)]
pub(crate) struct Allowance {
    left: usize,
}

impl Allowance {
    pub(crate) fn of(limits: &RecordLimits) -> Allowance {
        Allowance { left: limits.attributes_max }
    }

    /// Whether one more may be kept; counts the cut where not.
    pub(crate) fn take(&mut self, cuts: &mut Cuts) -> bool {
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                true
            }
            None => {
                cuts.attributes += 1;
                false
            }
        }
    }
}

/// How much was cut. What lies inside something that was cut is not counted again.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cuts {
    /// Attributes and elements of arrays.
    pub(crate) attributes: u64,
    /// Maps and arrays that were nested too deep.
    pub(crate) nesting: u64,
    pub(crate) strings: u64,
    pub(crate) lines: u64,
}

impl Cuts {
    pub(crate) fn by_name(&self) -> [(&'static str, u64); 4] {
        [
            ("attributes", self.attributes),
            ("nesting", self.nesting),
            ("strings", self.strings),
            ("lines", self.lines),
        ]
    }
}
