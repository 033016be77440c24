//! The names that the engine and its caller pass to each other: messages, next hops, batches, tickets.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// A message in this server's queue: local, growing, never used twice; shown as 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(u64);

impl MessageId {
    /// The value before the first identifier.
    pub const ZERO: Self = Self(0);
    /// How many hexadecimal digits the text form has.
    const DIGITS: usize = 16;

    /// Makes an identifier of its number, as the store reads it back.
    #[must_use]
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// The number behind the identifier.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for MessageId {
    type Err = ParseNameError;

    fn from_str(text: &str) -> Result<Self, ParseNameError> {
        let hex = text.len() == Self::DIGITS && text.bytes().all(|octet| octet.is_ascii_hexdigit());
        if !hex {
            return Err(ParseNameError::MessageId);
        }
        u64::from_str_radix(text, 16).map(Self).map_err(|_| ParseNameError::MessageId)
    }
}

impl Serialize for MessageId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for MessageId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// Where a recipient's copy goes next.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NextHop {
    /// A mailbox of this server.
    Local,
    /// A neighbouring MTA, by its configured name.
    Peer(String),
    /// A connector that has one way out for all its mail, by its configured name.
    Connector(String),
    /// One mail domain behind a connector that finds a way for each; a slow one does not slow the others.
    Domain {
        /// The connector's configured name.
        connector: String,
        /// In lower case.
        domain: String,
    },
}

impl NextHop {
    /// The configured name of the peer or connector; none for the mailboxes of this server.
    #[must_use]
    pub fn link(&self) -> Option<&str> {
        match self {
            Self::Local => None,
            Self::Peer(name) | Self::Connector(name) => Some(name),
            Self::Domain { connector, .. } => Some(connector),
        }
    }
}

impl fmt::Display for NextHop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => f.write_str("local"),
            Self::Peer(name) => write!(f, "peer:{name}"),
            Self::Connector(name) => write!(f, "connector:{name}"),
            Self::Domain { connector, domain } => write!(f, "domain:{domain}/{connector}"),
        }
    }
}

impl FromStr for NextHop {
    type Err = ParseNameError;

    fn from_str(text: &str) -> Result<Self, ParseNameError> {
        match text.split_once(':') {
            None if text == "local" => Ok(Self::Local),
            None | Some((_, "")) => Err(ParseNameError::NextHop),
            Some(("peer", name)) => Ok(Self::Peer(name.to_owned())),
            Some(("connector", name)) => Ok(Self::Connector(name.to_owned())),
            // No mail domain has a slash, and the name of a connector may.
            Some(("domain", rest)) => match rest.split_once('/') {
                Some((domain, connector)) if !domain.is_empty() && !connector.is_empty() => {
                    Ok(Self::Domain { connector: connector.to_owned(), domain: domain.to_owned() })
                }
                _ => Err(ParseNameError::NextHop),
            },
            Some(_) => Err(ParseNameError::NextHop),
        }
    }
}

impl Serialize for NextHop {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for NextHop {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// One commit that the engine asked for; its answer carries the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId(pub(crate) u64);

/// The caller's own number for one call of [`Queue::accept`](crate::Queue::accept).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// A name that could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseNameError {
    /// Not 16 hexadecimal digits.
    #[error("a message identifier is 16 hexadecimal digits")]
    MessageId,
    /// No form of a next hop.
    #[error(
        "a next hop is \"local\", \"peer:\" and the name of a server, \"connector:\" and the name of a connector, or \"domain:\" with a mail domain, a slash and the name of a connector"
    )]
    NextHop,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_id_reads_back() {
        let id = MessageId::from_number(0x1f);
        assert_eq!(id.to_string(), "000000000000001f");
        assert_eq!("000000000000001f".parse(), Ok(id));
        for bad in ["", "1f", "+00000000000001f", "000000000000001g"] {
            assert_eq!(bad.parse::<MessageId>(), Err(ParseNameError::MessageId));
        }
    }

    #[test]
    fn next_hop_reads_back() {
        let (connector, domain) = ("out/2".to_owned(), "x.example".to_owned());
        for hop in [
            NextHop::Local,
            NextHop::Peer("EAST".to_owned()),
            NextHop::Connector("internet: out".to_owned()),
            NextHop::Domain { connector, domain },
        ] {
            assert_eq!(hop.to_string().parse(), Ok(hop));
        }
        for bad in ["", "peer:", "EAST", "Local", "connector:", "domain:x", "domain:x/", "fax:1"] {
            assert_eq!(bad.parse::<NextHop>(), Err(ParseNameError::NextHop));
        }
    }
}
