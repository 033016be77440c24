//! Object identifiers, X.690 8.19 and X.660.

use std::fmt;
use std::str::FromStr;

use crate::tag::write_base128;

/// Most octets of an identifier taken from the wire; some products stop at 32.
const MAX_OCTETS: usize = 256;

/// An object identifier, kept as its contents octets; arcs up to 128 bits, so that 2.25 works.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Oid(Vec<u8>);

/// A dotted text is not an object identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an object identifier: two or more numbers with dots between, the first 0, 1 or 2")]
pub struct ParseOidError;

impl Oid {
    /// The identifier of these arcs; `None` when there are fewer than two or the first two are
    /// out of range.
    #[must_use]
    pub fn from_arcs(arcs: &[u128]) -> Option<Self> {
        let [first, second, rest @ ..] = arcs else { return None };
        if *first > 2 || (*first < 2 && *second > 39) {
            return None;
        }
        let mut octets = Vec::new();
        write_base128(second.checked_add(first * 40)?, &mut octets);
        for arc in rest {
            write_base128(*arc, &mut octets);
        }
        Some(Self(octets))
    }

    pub(crate) fn from_contents(octets: &[u8]) -> Result<Self, &'static str> {
        match octets.last() {
            None => return Err("object identifier without octets"),
            Some(last) if last & 0x80 != 0 => return Err("object identifier ends inside an arc"),
            Some(_) if octets.len() > MAX_OCTETS => {
                return Err("object identifier over 256 octets");
            }
            Some(_) => {}
        }
        let oid = Self(octets.to_vec());
        if oid.arcs().is_none() {
            return Err("object identifier arc over 128 bits");
        }
        Ok(oid)
    }

    /// The contents octets.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The arcs; `None` is impossible for a value made by this module's constructors.
    fn arcs(&self) -> Option<Vec<u128>> {
        let mut arcs = Vec::new();
        let mut value: u128 = 0;
        for octet in &self.0 {
            if value > u128::MAX >> 7 {
                return None;
            }
            value = value << 7 | u128::from(octet & 0x7f);
            if octet & 0x80 == 0 {
                if arcs.is_empty() {
                    let first = (value / 40).min(2);
                    arcs.push(first);
                    value -= first * 40;
                }
                arcs.push(value);
                value = 0;
            }
        }
        Some(arcs)
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, arc) in self.arcs().unwrap_or_default().iter().enumerate() {
            let dot = if index == 0 { "" } else { "." };
            write!(f, "{dot}{arc}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Oid({self})")
    }
}

impl FromStr for Oid {
    type Err = ParseOidError;

    fn from_str(text: &str) -> Result<Self, ParseOidError> {
        let arcs: Vec<u128> =
            text.split('.').map(str::parse).collect::<Result<_, _>>().map_err(|_| ParseOidError)?;
        Self::from_arcs(&arcs).ok_or(ParseOidError)
    }
}
