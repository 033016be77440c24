//! The clock, and the system's randomness.

use krb5::{ContextSeed, ExchangeSeed, Time};

/// Now.
#[must_use]
pub fn now() -> Time {
    Time::from_unix_micros(jiff::Timestamp::now().as_microsecond())
}

/// Time and randomness for one context.
#[must_use]
pub fn context_seed() -> ContextSeed {
    ContextSeed {
        now: now(),
        subkey: random(),
        sequence: u32::from_le_bytes(random()),
        confounders: random(),
        exchange: [random(), random()],
    }
}

/// Randomness for one exchange with a KDC.
pub(crate) fn exchange_seed() -> ExchangeSeed {
    ExchangeSeed { nonce: u32::from_le_bytes(random()), confounder: random() }
}

#[expect(clippy::expect_used, reason = "without randomness nothing here is secure")]
fn random<const N: usize>() -> [u8; N] {
    let mut octets = [0; N];
    getrandom::fill(&mut octets).expect("the system's random source");
    octets
}
