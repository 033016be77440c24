//! Waiting with an end, and chance with a seed.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How often a condition is looked at.
const PACE: Duration = Duration::from_millis(50);

/// Waits until `look` finds something; `what` says in an error what was missing.
pub fn until<T>(
    limit: Duration,
    what: &str,
    mut look: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        if Instant::now() >= deadline {
            bail!("not within {} s: {what}", limit.as_secs_f32());
        }
        std::thread::sleep(PACE);
    }
}

/// What a look at work under way found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look<T> {
    Done(T),
    /// So much is done, and this is missing.
    Not(usize, String),
}

/// Waits until the work is done, as long as some of it was done within `limit`: how much a second is the machine's
/// affair.
pub fn while_it_moves<T>(
    limit: Duration,
    what: &str,
    mut look: impl FnMut() -> Result<Look<T>>,
) -> Result<T> {
    let (mut most, mut moved) = (None, Instant::now());
    loop {
        let (done, missing) = match look()? {
            Look::Done(found) => return Ok(found),
            Look::Not(done, missing) => (done, missing),
        };
        if most.is_none_or(|most| done > most) {
            (most, moved) = (Some(done), Instant::now());
        }
        if moved.elapsed() >= limit {
            bail!("{what}: nothing moved for {} s; missing {missing}", limit.as_secs_f32());
        }
        std::thread::sleep(PACE * 4);
    }
}

/// Numbers that a seed decides (SplitMix64, Steele and others 2014).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The seed of environment variable `variable`, else one of the clock; printed, so that a run can be repeated.
    pub fn from_env(variable: &str) -> Self {
        let clock = || {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            now.map_or(1, |time| u64::from(time.subsec_nanos()) ^ time.as_secs())
        };
        let given = std::env::var(variable).ok().and_then(|text| text.parse().ok());
        let seed = given.unwrap_or_else(clock);
        println!("{variable}={seed}");
        Self(seed)
    }

    /// Numbers of this seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`, which must not be 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.number() % limit
    }

    pub fn octets(&mut self, count: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(count + 8);
        while out.len() < count {
            out.extend_from_slice(&self.number().to_le_bytes());
        }
        out.truncate(count);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_that_moves_is_waited_for_and_work_that_stands_is_not() {
        let limit = Duration::from_millis(700);
        let mut looks = 0;
        let found = while_it_moves(limit, "five steps", || {
            looks += 1;
            Ok(if looks > 5 { Look::Done(looks) } else { Look::Not(looks, String::new()) })
        });
        assert_eq!(found.unwrap(), 6);
        let stands = while_it_moves::<()>(limit, "a stone", || Ok(Look::Not(3, "[4]".to_owned())));
        assert_eq!(
            stands.unwrap_err().to_string(),
            "a stone: nothing moved for 0.7 s; missing [4]"
        );
    }
}
