//! A version of four numbers, as a module's fixed version information holds it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};

/// Four numbers, compared from the first to the last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub [u16; 4]);

impl Version {
    /// From the two halves of `VS_FIXEDFILEINFO`: `dwFileVersionMS` and `dwFileVersionLS`.
    #[must_use]
    pub fn of_halves(high: u32, low: u32) -> Self {
        let halves = |word: u32| {
            let [a, b, c, d] = word.to_be_bytes();
            [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])]
        };
        let ([a, b], [c, d]) = (halves(high), halves(low));
        Self([a, b, c, d])
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d] = self.0;
        write!(f, "{a}.{b}.{c}.{d}")
    }
}

/// A text is no version: one to four numbers up to 65,535 with points between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoVersion(String);

impl fmt::Display for NoVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" is no version; one is like 5.5.2655.1", self.0)
    }
}

impl std::error::Error for NoVersion {}

impl FromStr for Version {
    type Err = NoVersion;

    /// Numbers that are left out at the end are 0.
    fn from_str(text: &str) -> Result<Self, NoVersion> {
        let wrong = || NoVersion(text.to_owned());
        let mut numbers = [0; 4];
        let mut places = numbers.iter_mut();
        for part in text.split('.') {
            *places.next().ok_or_else(wrong)? = part.parse().map_err(|_| wrong())?;
        }
        Ok(Self(numbers))
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}
