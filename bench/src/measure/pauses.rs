//! How often the machine takes its processors away from whoever uses them: its own kernel threads, other tenants. A
//! question of a millisecond that falls into such a pause takes five, which says nothing of the program.

use std::fmt;
use std::time::{Duration, Instant};

/// Shorter ones are interrupts.
const PAUSE_MIN: Duration = Duration::from_micros(500);

/// What a loop on each core, which does nothing else, saw.
#[derive(Debug, Default, Clone, Copy)]
pub struct Pauses {
    watched: Duration,
    lost: Duration,
    longest: Duration,
    count: usize,
}

impl Pauses {
    /// Watches for so long, on as many threads as there are cores.
    pub fn watch(length: Duration) -> std::io::Result<Pauses> {
        let cores = std::thread::available_parallelism()?.get();
        let loops: Vec<Pauses> = std::thread::scope(|scope| {
            let loops: Vec<_> = (0..cores).map(|_| scope.spawn(|| Pauses::of_this_thread(length))).collect();
            loops.into_iter().filter_map(|watching| watching.join().ok()).collect()
        });
        Ok(loops.into_iter().fold(Pauses::default(), Pauses::and))
    }

    fn of_this_thread(length: Duration) -> Pauses {
        let (begun, mut seen) = (Instant::now(), Pauses::default());
        let mut last = begun;
        while last - begun < length {
            let now = Instant::now();
            seen.add(now - last);
            last = now;
        }
        seen.watched = last - begun;
        seen
    }

    fn add(&mut self, between: Duration) {
        if between >= PAUSE_MIN {
            self.lost += between;
            self.count += 1;
            self.longest = self.longest.max(between);
        }
    }

    fn and(self, other: Pauses) -> Pauses {
        Pauses {
            watched: self.watched + other.watched,
            lost: self.lost + other.lost,
            longest: self.longest.max(other.longest),
            count: self.count + other.count,
        }
    }
}

impl fmt::Display for Pauses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = 100.0 * self.lost.as_secs_f64() / self.watched.as_secs_f64().max(f64::MIN_POSITIVE);
        let each = self.lost.as_secs_f64() * 1e3 / (self.count.max(1) as f64);
        let longest = self.longest.as_secs_f64() * 1e3;
        write!(f, "{percent:.1} % of the time in pauses of {each:.1} ms, {longest:.1} ms at the longest")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_is_a_pause_and_what_is_short_is_none() {
        let mut seen = Pauses { watched: Duration::from_millis(500), ..Pauses::default() };
        for micros in [1, 499, 2_000, 30, 8_000] {
            seen.add(Duration::from_micros(micros));
        }
        let other = Pauses { watched: Duration::from_millis(500), ..Pauses::default() };
        assert_eq!(
            seen.and(other).to_string(),
            "1.0 % of the time in pauses of 5.0 ms, 8.0 ms at the longest"
        );
    }
}
