//! EXTERNAL as ACSE and RTSE use it, X.690 8.18: a value in a presentation context.
//!
//! Accepts a direct reference beside or instead of the context, as deployed peers send it.

use std::borrow::Cow;

use ber::{Class, Element, Encoder, Tag};
use wire::DecodeError;

use crate::presentation::ContextId;

/// A value and the presentation context that it is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct External<'a> {
    /// Absent when the sender gave only a direct reference.
    pub context: Option<ContextId>,
    /// The encoding of the value.
    pub value: Cow<'a, [u8]>,
}

impl<'a> External<'a> {
    /// A value in `context`.
    #[must_use]
    pub fn new(context: ContextId, value: &'a [u8]) -> Self {
        Self { context: Some(context), value: Cow::Borrowed(value) }
    }

    /// Reads one.
    ///
    /// # Errors
    /// It is not an EXTERNAL, or carries an arbitrary bit string.
    pub fn decode(element: Element<'a>) -> Result<Self, DecodeError> {
        let element = element.expect(Tag::EXTERNAL, "external")?;
        let mut context = None;
        let mut children = element.children()?;
        while let Some(child) = children.next_element()? {
            match (child.tag.class, child.tag.number) {
                (Class::Universal, 2) => {
                    context = Some(ContextId(child.integer("indirect-reference")?));
                }
                (Class::Context, 0) => {
                    let value = Cow::Borrowed(child.inner("single-ASN1-type")?.raw);
                    return Ok(Self { context, value });
                }
                (Class::Context, 1) => {
                    return Ok(Self { context, value: child.octets("octet-aligned")? });
                }
                (Class::Context, 2) => {
                    return Err(child.invalid("encoding", "arbitrary bit string"));
                }
                // The direct reference and the descriptor say nothing that the context does not.
                _ => {}
            }
        }
        Err(element.invalid("encoding", "external without a value"))
    }

    /// Writes it as `single-ASN1-type`.
    pub fn encode(&self, out: &mut Encoder) {
        out.constructed(Tag::EXTERNAL, |out| {
            if let Some(context) = self.context {
                out.integer(Tag::INTEGER, context.0);
            }
            out.constructed(Tag::context(0), |out| out.raw(&self.value));
        });
    }
}
