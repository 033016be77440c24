//! Probes: what is needed to answer one, and its octets for relay (X.411 12.2.1.2).

use ber::{Element, Tag};
use wire::DecodeError;

use crate::codec::{Raw, mandatory, put_once, read_set};
use crate::domain::MtsIdentifier;
use crate::or_address::OrName;

/// A probe in transfer (X.411 `Probe`), kept as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// The probe's identifier.
    pub mts_identifier: MtsIdentifier,
    /// Who sent it.
    pub originator: OrName,
    /// The whole element `[2]`.
    pub raw: Raw,
}

impl Probe {
    pub(crate) const TAG: Tag = Tag::context(2);

    pub(crate) fn read(element: Element<'_>) -> Result<Self, DecodeError> {
        let (mut identifier, mut originator) = (None, None);
        read_set(&element, |child| {
            if child.tag == MtsIdentifier::TAG {
                let value = MtsIdentifier::read(child)?;
                put_once(&mut identifier, value, "probe-identifier", child.offset)
            } else if child.tag == OrName::TAG {
                put_once(&mut originator, OrName::read(child)?, "originator-name", child.offset)
            } else {
                Ok(true)
            }
        })?;
        Ok(Self {
            mts_identifier: mandatory(identifier, "probe-identifier", &element)?,
            originator: mandatory(originator, "originator-name", &element)?,
            raw: Raw::from(element),
        })
    }
}
