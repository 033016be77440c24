//! The serial numbers of synchronisation points, X.225 5.4.3 and A.5.4.

/// V(M) and V(A) of one activity; both start at 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyncPoints {
    next: u32,
    unconfirmed: u32,
}

/// The last serial number, X.225 8.3.1; none may follow it.
const LAST_SERIAL: u32 = 999_998;

impl SyncPoints {
    /// As ACTIVITY START sets them.
    #[must_use]
    pub fn new() -> Self {
        Self { next: 1, unconfirmed: 1 }
    }

    /// As ACTIVITY RESUME sets them: everything up to this point is confirmed.
    #[must_use]
    pub fn resumed(serial: u32) -> Self {
        Self { next: serial + 1, unconfirmed: serial + 1 }
    }

    /// The last point that is confirmed; 0 when none is.
    #[must_use]
    pub fn last_confirmed(&self) -> u32 {
        self.unconfirmed - 1
    }

    /// V(M): the serial number that the next point will carry.
    #[must_use]
    pub fn next(&self) -> u32 {
        self.next
    }

    /// Takes the next serial number; `None` when they are used up.
    pub fn take(&mut self) -> Option<u32> {
        (self.next <= LAST_SERIAL).then(|| {
            self.next += 1;
            self.next - 1
        })
    }

    /// Takes an arriving point; false when its number is not the next.
    pub fn arrive(&mut self, serial: u32) -> bool {
        serial == self.next && self.take().is_some()
    }

    /// True when this point is one that waits for its confirmation.
    #[must_use]
    pub fn awaits(&self, serial: u32) -> bool {
        (self.unconfirmed..self.next).contains(&serial)
    }

    /// Confirms this point and those before it.
    #[must_use]
    pub fn confirmed(self, serial: u32) -> Self {
        Self {
            unconfirmed: if self.awaits(serial) { serial + 1 } else { self.unconfirmed },
            ..self
        }
    }

    /// How many points are not confirmed.
    #[must_use]
    pub fn outstanding(&self) -> u32 {
        self.next - self.unconfirmed
    }
}

impl Default for SyncPoints {
    fn default() -> Self {
        Self::new()
    }
}
