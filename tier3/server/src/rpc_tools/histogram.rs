//! Durations counted by size, in bounded space.

use std::time::Duration;

use serde::Serialize;

/// Classes within each power of two: a percentile is at most 1/32 too high.
const CLASSES: usize = 32;
/// Powers of two of microseconds: the last class begins above a day.
const POWERS: usize = 40;

/// How long things took.
#[derive(Debug, Clone)]
pub(super) struct Histogram {
    counts: Vec<u64>,
    total: u64,
    longest: Duration,
}

/// What people ask of it, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Latency {
    pub p50_ms: f64,
    pub p90_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; CLASSES * POWERS], total: 0, longest: Duration::ZERO }
    }
}

impl Histogram {
    pub(super) fn add(&mut self, took: Duration) {
        let index = class(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        if let Some(count) = self.counts.get_mut(index.min(CLASSES * POWERS - 1)) {
            *count += 1;
        }
        self.total += 1;
        self.longest = self.longest.max(took);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, more)| *count += more);
        self.total += other.total;
        self.longest = self.longest.max(other.longest);
    }

    pub(super) fn total(&self) -> u64 {
        self.total
    }

    pub(super) fn latency(&self) -> Latency {
        let max_ms = self.longest.as_secs_f64() * 1e3;
        let of = |percent| self.percentile(percent).min(max_ms);
        Latency { p50_ms: of(50), p90_ms: of(90), p99_ms: of(99), max_ms }
    }

    /// The upper end of the class in which the value at `percent` of all lies, in milliseconds.
    fn percentile(&self, percent: u64) -> f64 {
        let rank = (self.total * percent).div_ceil(100);
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank && seen > 0 {
                return Duration::from_micros(upper(index)).as_secs_f64() * 1e3;
            }
        }
        0.0
    }
}

/// Below [`CLASSES`] each microsecond has a class of its own; then each power of two has so many.
fn class(micros: u64) -> usize {
    let classes = u64::try_from(CLASSES).unwrap_or(32);
    if micros < classes {
        return usize::try_from(micros).unwrap_or(0);
    }
    let power = micros.ilog2() - classes.ilog2();
    let within = (micros >> power) - classes;
    let power = usize::try_from(power).unwrap_or(POWERS);
    (power + 1) * CLASSES + usize::try_from(within).unwrap_or(0)
}

/// The first value above a class.
fn upper(index: usize) -> u64 {
    let (power, within) = (index / CLASSES, index % CLASSES);
    let within = u64::try_from(within).unwrap_or(0);
    let classes = u64::try_from(CLASSES).unwrap_or(32);
    match power.checked_sub(1) {
        None => within + 1,
        Some(power) => (classes + within + 1) << power.min(POWERS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_at_most_a_class_too_high() {
        let mut histogram = Histogram::default();
        (1..=10_000).for_each(|micros| histogram.add(Duration::from_micros(micros)));
        let latency = histogram.latency();
        for (got, exact) in [(latency.p50_ms, 5.0), (latency.p90_ms, 9.0), (latency.p99_ms, 9.9)] {
            assert!(got >= exact && got <= exact * (1.0 + 2.0 / 32.0), "{got} for {exact}");
        }
        assert!((latency.max_ms - 10.0).abs() < 1e-9);
    }

    #[test]
    fn every_value_lies_below_the_end_of_its_class() {
        for micros in (0..200).chain([1023, 1024, 1025, 999_999, 1 << 35]) {
            let end = upper(class(micros));
            assert!(micros < end && end <= micros + micros / 32 + 1, "{micros} {end}");
        }
    }

    #[test]
    fn what_was_merged_counts_as_if_it_had_been_added() {
        let (mut one, mut other) = (Histogram::default(), Histogram::default());
        one.add(Duration::from_millis(1));
        other.add(Duration::from_millis(9));
        one.merge(&other);
        assert_eq!(one.total(), 2);
        assert!((one.latency().max_ms - 9.0).abs() < 1e-9);
        assert!(Histogram::default().latency().p99_ms.abs() < 1e-9);
    }
}
