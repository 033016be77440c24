//! The time of the queue: the wall clock's, running at the pace of the machine.
//!
//! Delays and lives must neither end nor stop because somebody set the clock. So the queue's time is the wall clock's at
//! the last look, plus what the machine counted since; a look that finds the two apart tells by how much the clock was
//! set, and starts from the new time. Time that the machine slept counts, for that is time that passed.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rustix::time::{ClockId, clock_gettime};

/// Smaller steps are those of a time service that keeps the clock right; they are followed without a word.
const SET: SignedDuration = SignedDuration::from_secs(2);

/// The queue's time.
#[derive(Debug)]
pub struct Clock {
    anchor: Mutex<Anchor>,
}

#[derive(Debug, Clone, Copy)]
struct Anchor {
    wall: Timestamp,
    machine: Duration,
}

impl Anchor {
    fn at(self, machine: Duration) -> Timestamp {
        let passed = SignedDuration::try_from(machine.saturating_sub(self.machine));
        let time = passed.ok().and_then(|passed| self.wall.checked_add(passed).ok());
        time.unwrap_or(Timestamp::MAX)
    }
}

impl Default for Clock {
    fn default() -> Self {
        let anchor = Anchor { wall: Timestamp::now(), machine: machine_time() };
        Self { anchor: Mutex::new(anchor) }
    }
}

impl Clock {
    /// Now.
    pub fn now(&self) -> Timestamp {
        self.anchor.lock().unwrap_or_else(PoisonError::into_inner).at(machine_time())
    }

    /// Compares with the wall clock and follows it; by how much it was set since the last look, if it was.
    pub fn look(&self) -> Option<SignedDuration> {
        self.look_at(Timestamp::now(), machine_time())
    }

    fn look_at(&self, wall: Timestamp, machine: Duration) -> Option<SignedDuration> {
        let mut anchor = self.anchor.lock().unwrap_or_else(PoisonError::into_inner);
        let by = wall.duration_since(anchor.at(machine));
        *anchor = Anchor { wall, machine };
        (by.abs() > SET).then_some(by)
    }
}

/// What the machine counted since it was started, its sleep included.
fn machine_time() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_is_told_from_time_that_passes() {
        let clock = Clock::default();
        let start = *clock.anchor.lock().unwrap();
        let after = |seconds: u64| start.machine + Duration::from_secs(seconds);
        let wall = |seconds: i64| start.wall + SignedDuration::from_secs(seconds);
        assert_eq!(clock.look_at(wall(3600), after(3600)), None);
        assert_eq!(clock.look_at(wall(3601), after(3602)), None, "a step of a time service");
        let back = clock.look_at(wall(-3600), after(3602)).unwrap();
        assert_eq!(back.as_secs(), -7201);
        // From then on it runs on in the new time.
        assert_eq!(clock.look_at(wall(-3590), after(3612)), None);
        let forward = clock.look_at(wall(86_400), after(3612)).unwrap();
        assert_eq!(forward.as_secs(), 86_400 + 3590);
    }
}
