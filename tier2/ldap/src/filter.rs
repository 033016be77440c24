//! Search filters (RFC 4511 section 4.5.1.7), those that are needed here.

use ber::{Encoder, Tag};

/// Which entries are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Filter {
    /// All of these.
    And(Vec<Filter>),
    /// Has the attribute.
    Present(&'static str),
    /// The attribute has this value.
    Equal(&'static str, Vec<u8>),
    /// The attribute has this value or a later one.
    AtLeast(&'static str, Vec<u8>),
}

impl Filter {
    pub(crate) fn encode(&self, to: &mut Encoder) {
        let assertion = |to: &mut Encoder, number, name: &str, value: &[u8]| {
            to.constructed(Tag::context(number), |pair| {
                pair.octets(Tag::OCTET_STRING, name.as_bytes());
                pair.octets(Tag::OCTET_STRING, value);
            });
        };
        match self {
            Self::And(all) => to.constructed(Tag::context(0), |set| {
                for one in all {
                    one.encode(set);
                }
            }),
            Self::Equal(name, value) => assertion(to, 3, name, value),
            Self::AtLeast(name, value) => assertion(to, 5, name, value),
            Self::Present(name) => to.octets(Tag::context(7), name.as_bytes()),
        }
    }
}
