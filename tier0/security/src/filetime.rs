//! Time as NTLM carries it (MS-DTYP 2.3.3, FILETIME).

/// Milliseconds from 1601-01-01 to 1970-01-01, both UTC.
const UNIX_EPOCH_MS: i64 = 11_644_473_600_000;

/// A time in units of 100 nanoseconds since 1601-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct FileTime(pub u64);

impl FileTime {
    /// From milliseconds since 1970-01-01 UTC; times before 1601 become 1601.
    #[must_use]
    pub fn from_unix_ms(ms: i64) -> Self {
        let since_1601 = ms.saturating_add(UNIX_EPOCH_MS);
        Self(u64::try_from(since_1601).unwrap_or(0).saturating_mul(10_000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_from_1601() {
        assert_eq!(FileTime::from_unix_ms(0), FileTime(116_444_736_000_000_000));
        assert_eq!(FileTime::from_unix_ms(-UNIX_EPOCH_MS - 5), FileTime(0));
    }
}
