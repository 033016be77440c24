//! Content type and priority of a message (X.411 8.2.1.1.1.9 and 8.2.1.1.1.8).

use ber::{Element, Encoder, Oid, Tag};
use std::fmt;
use wire::DecodeError;

/// What kind of content a message has (X.411 `ContentType`).
///
/// The 1999 module prints RELATIVE-OID for the extended form; deployed systems send an
/// OBJECT IDENTIFIER, and so does this.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ContentType {
    /// A number: 2 is P2, 22 is P22.
    BuiltIn(i64),
    /// An object identifier.
    Extended(Oid),
}

impl ContentType {
    pub(crate) const BUILT_IN_TAG: Tag = Tag::application(6);

    /// Reads either form; `None` when the element is neither.
    pub(crate) fn read(element: &Element<'_>) -> Result<Option<Self>, DecodeError> {
        if element.tag == Self::BUILT_IN_TAG {
            element.integer("content-type").map(|number| Some(Self::BuiltIn(number)))
        } else if element.tag == Tag::OBJECT_IDENTIFIER {
            element.oid("content-type").map(|oid| Some(Self::Extended(oid)))
        } else {
            Ok(None)
        }
    }

    pub(crate) fn write(&self, encoder: &mut Encoder) {
        match self {
            Self::BuiltIn(number) => encoder.integer(Self::BUILT_IN_TAG, *number),
            Self::Extended(oid) => encoder.oid(Tag::OBJECT_IDENTIFIER, oid),
        }
    }
}

impl fmt::Display for ContentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn(number) => write!(f, "{number}"),
            Self::Extended(oid) => write!(f, "{oid}"),
        }
    }
}

/// How urgent a message is, the least urgent first (X.411 `Priority`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Priority {
    /// 1 on the wire.
    NonUrgent,
    /// 0 on the wire.
    #[default]
    Normal,
    /// 2 on the wire.
    Urgent,
}

impl Priority {
    pub(crate) const TAG: Tag = Tag::application(7);

    pub(crate) fn read(element: &Element<'_>) -> Result<Self, DecodeError> {
        match element.integer("priority")? {
            0 => Ok(Self::Normal),
            1 => Ok(Self::NonUrgent),
            2 => Ok(Self::Urgent),
            _ => Err(element.invalid("priority", "not one of 0, 1 and 2")),
        }
    }

    pub(crate) fn write(self, encoder: &mut Encoder) {
        match self {
            Self::Normal => {}
            Self::NonUrgent => encoder.integer(Self::TAG, 1),
            Self::Urgent => encoder.integer(Self::TAG, 2),
        }
    }

    /// The name that the standard gives it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NonUrgent => "non-urgent",
            Self::Normal => "normal",
            Self::Urgent => "urgent",
        }
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
