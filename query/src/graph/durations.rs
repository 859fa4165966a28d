//! Durations counted by their length, so that quantiles of many sidecars can be told together.
//!
//! Eight buckets for each power of two: a quantile is off by 6 % at most. Short ones, up to 8 ns, have one each.

use std::collections::BTreeMap;

/// Bits of a duration, below its leading one, that tell buckets apart.
const FINE_BITS: u32 = 3;
const FINE: u64 = 1 << FINE_BITS;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Durations(BTreeMap<u16, u64>);

impl Durations {
    pub fn add(&mut self, duration_ns: u64, count: u64) {
        self.add_to(bucket_of(duration_ns), count);
    }

    pub fn add_to(&mut self, bucket: u16, count: u64) {
        let sum = self.0.entry(bucket).or_default();
        *sum = sum.saturating_add(count);
    }

    /// Ascending.
    pub fn buckets(&self) -> impl Iterator<Item = (u16, u64)> {
        self.0.iter().map(|(bucket, count)| (*bucket, *count))
    }

    /// The duration that `share` of all do not exceed; 0 where there are none.
    pub fn quantile_ns(&self, share: f64) -> u64 {
        let all: u128 = self.0.values().map(|count| u128::from(*count)).sum();
        let wanted = (all as f64 * share).ceil() as u128;
        let mut passed = 0;
        let reaches = |(_, count): &(u16, u64)| {
            passed += u128::from(*count);
            passed >= wanted
        };
        self.buckets().find(reaches).map_or(0, |(bucket, _)| middle_of(bucket))
    }
}

fn bucket_of(duration_ns: u64) -> u16 {
    if duration_ns < FINE {
        return duration_ns as u16;
    }
    let exponent = duration_ns.ilog2() - FINE_BITS;
    let fine = (duration_ns >> exponent) & (FINE - 1);
    ((u64::from(exponent) + 1) * FINE + fine) as u16
}

/// The number comes over the network: beyond the last bucket is the longest duration.
fn middle_of(bucket: u16) -> u64 {
    let bucket = u64::from(bucket);
    if bucket < FINE {
        return bucket;
    }
    let (exponent, fine) = (bucket / FINE - 1, bucket % FINE);
    if exponent > u64::from(63 - FINE_BITS) {
        return u64::MAX;
    }
    let least = (FINE + fine) << exponent;
    least.saturating_add((1 << exponent) / 2)
}
