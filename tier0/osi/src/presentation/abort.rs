//! ARU and ARP, the aborts of user and provider, X.226 8.3.

use ber::{Class, Encoder, Tag, decode_one};
use wire::DecodeError;

use super::connect::ber_transfer_syntax;
use super::user_data::{ContextId, UserData};

/// Abort-reason of an ARP, X.226 annex A.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderAbortReason {
    Unspecified,
    UnrecognizedPpdu,
    UnexpectedPpdu,
    UnexpectedPrimitive,
    UnrecognizedParameter,
    UnexpectedParameter,
    InvalidParameterValue,
    /// A value that X.226 does not define.
    Other(i64),
}

/// The user data of a session ABORT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AbortPpdu<'a> {
    /// ARU: the presentation user aborts.
    User(UserData<'a>),
    /// ARP: the presentation provider aborts.
    Provider(ProviderAbortReason),
}

impl<'a> AbortPpdu<'a> {
    /// Reads either.
    ///
    /// # Errors
    /// It is neither, of X.410 mode, or malformed.
    pub fn decode(ppdu: &'a [u8]) -> Result<Self, DecodeError> {
        let outer = decode_one("Abort-type", ppdu)?;
        let mut children = outer.children()?;
        if outer.tag == Tag::context(0) {
            let mut user_data = UserData::default();
            while let Some(child) = children.next_element()? {
                // The context list names contexts that are defined already.
                if UserData::is(&child) {
                    user_data = UserData::decode(child)?;
                }
            }
            return Ok(Self::User(user_data));
        }
        outer.expect(Tag::SEQUENCE, "abort")?;
        let mut reason = ProviderAbortReason::Unspecified;
        while let Some(child) = children.next_element()? {
            if (child.tag.class, child.tag.number) == (Class::Context, 0) {
                reason = ProviderAbortReason::from_value(child.integer("provider-reason")?);
            }
        }
        Ok(Self::Provider(reason))
    }

    /// Writes it.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Encoder::new();
        match self {
            Self::User(user_data) => out.constructed(Tag::context(0), |out| {
                if user_data.0.is_empty() {
                    return;
                }
                out.constructed(Tag::context(0), |out| {
                    for pdv in &user_data.0 {
                        encode_context(pdv.context, out);
                    }
                });
                user_data.encode(out);
            }),
            Self::Provider(reason) => out.constructed(Tag::SEQUENCE, |out| {
                out.integer(Tag::context(0), reason.value());
            }),
        }
        out.finish()
    }
}

fn encode_context(context: ContextId, out: &mut Encoder) {
    out.constructed(Tag::SEQUENCE, |out| {
        out.integer(Tag::INTEGER, context.0);
        out.oid(Tag::OBJECT_IDENTIFIER, &ber_transfer_syntax());
    });
}

impl ProviderAbortReason {
    fn value(self) -> i64 {
        match self {
            Self::Unspecified => 0,
            Self::UnrecognizedPpdu => 1,
            Self::UnexpectedPpdu => 2,
            Self::UnexpectedPrimitive => 3,
            Self::UnrecognizedParameter => 4,
            Self::UnexpectedParameter => 5,
            Self::InvalidParameterValue => 6,
            Self::Other(value) => value,
        }
    }

    fn from_value(value: i64) -> Self {
        match value {
            0 => Self::Unspecified,
            1 => Self::UnrecognizedPpdu,
            2 => Self::UnexpectedPpdu,
            3 => Self::UnexpectedPrimitive,
            4 => Self::UnrecognizedParameter,
            5 => Self::UnexpectedParameter,
            6 => Self::InvalidParameterValue,
            other => Self::Other(other),
        }
    }
}
