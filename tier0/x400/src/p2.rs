//! Which P22 contents are P2 contents too, octet for octet (X.420 annex on 1984; X.419 Annex B.2.8).
//!
//! P22 adds to P2: heading and recipient extensions, extended body parts, extension attributes and
//! Directory names in addresses. A content that uses none of them and has text alone is the same in
//! both. Deliberately left out: other basic body parts, forwarded messages and notifications, whose
//! P2 forms could not be checked against a text of 1984; they count as none.

use ber::{Class, Element, Tag};
use wire::DecodeError;

/// Heading fields of 1984: this-IPM, and originator [0] to auto-forwarded [14].
const LAST_FIELD: u32 = 14;
/// The one body part that is looked for: ia5-text [0].
const IA5_TEXT: Tag = Tag::context(0);
/// Parts of a RecipientSpecifier in 1984: recipient [0] to reply-requested [2].
const LAST_OF_RECIPIENT: u32 = 2;
/// The heading fields that are lists of RecipientSpecifier: primary, copy and blind copy.
const RECIPIENTS: [Tag; 3] = [Tag::context(2), Tag::context(3), Tag::context(4)];
/// ORName.
const OR_NAME: Tag = Tag::application(0);
/// Elements inside each other: a heading of P2 has no more than a dozen.
const MAX_DEPTH: usize = 24;

/// True when a P22 content can be sent as P2 as it is.
pub(crate) fn is_p2(content: &[u8]) -> bool {
    judge(content).unwrap_or(false)
}

fn judge(content: &[u8]) -> Result<bool, DecodeError> {
    let ipm = ber::decode_one("IPM", content)?;
    if ipm.tag != Tag::context(0) {
        return Ok(false);
    }
    let mut parts = ipm.children()?;
    let heading = parts.required("heading")?;
    let body = parts.required("body")?;
    if heading.tag != Tag::SET || body.tag != Tag::SEQUENCE || parts.next_element()?.is_some() {
        return Ok(false);
    }
    Ok(is_heading(heading)? && is_body(body)?)
}

fn is_heading(heading: Element<'_>) -> Result<bool, DecodeError> {
    let mut fields = heading.children()?;
    while let Some(field) = fields.next_element()? {
        let known = field.tag == Tag::application(11)
            || field.tag.class == Class::Context && field.tag.number <= LAST_FIELD;
        if !known || !addresses_are_of_1984(field, 0)? {
            return Ok(false);
        }
        if RECIPIENTS.contains(&field.tag) {
            let mut recipients = field.children()?;
            while let Some(recipient) = recipients.next_element()? {
                let mut parts = recipient.children()?;
                while let Some(part) = parts.next_element()? {
                    if part.tag.number > LAST_OF_RECIPIENT {
                        return Ok(false);
                    }
                }
            }
        }
    }
    Ok(true)
}

/// Every ORName inside has standard and domain-defined attributes only.
fn addresses_are_of_1984(element: Element<'_>, depth: usize) -> Result<bool, DecodeError> {
    if !element.constructed {
        return Ok(true);
    }
    if depth > MAX_DEPTH {
        return Ok(false);
    }
    let mut children = element.children()?;
    while let Some(child) = children.next_element()? {
        let misfit = element.tag == OR_NAME && child.tag != Tag::SEQUENCE;
        if misfit || !addresses_are_of_1984(child, depth + 1)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn is_body(body: Element<'_>) -> Result<bool, DecodeError> {
    let mut parts = body.children()?;
    while let Some(part) = parts.next_element()? {
        if part.tag != IA5_TEXT {
            return Ok(false);
        }
    }
    Ok(true)
}
