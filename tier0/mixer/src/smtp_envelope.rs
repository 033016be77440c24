//! The RFC 5321 envelope in private extensions.
//!
//! ```text
//! SmtpOriginator ::= SEQUENCE { reverse-path [0] UTF8String, ret [1] INTEGER {full(0), headers(1)} OPTIONAL,
//!   envid [2] UTF8String OPTIONAL, smtputf8 [3] BOOLEAN DEFAULT FALSE,
//!   body [4] INTEGER {seven-bit(0), eight-bit(1), binary(2)} DEFAULT seven-bit, mt-priority [5] INTEGER OPTIONAL, ... }
//! SmtpRecipient ::= SEQUENCE { address [0] UTF8String,
//!   notify [1] BIT STRING {never(0), success(1), failure(2), delay(3)} OPTIONAL, orcpt [2] UTF8String OPTIONAL, ... }
//! ```
//! Tags are IMPLICIT. Elements that are not known are passed over, so that later versions may
//! add some; a relay passes the extension on as it came. ENVID and ORCPT stay in the xtext form
//! of the SMTP command. Text that could break out of an SMTP command is refused.

use ber::{BitString, Element, Encoder, Oid, Tag};
use wire::DecodeError;
use x400::{ExtensionField, ExtensionKind};

use crate::error::MixerError;
use crate::oids;

/// Octets of a path or parameter; ORCPT has 500 at most (RFC 3461 4.2), paths of RFC 6531 are
/// longer than the 256 of RFC 5321 4.5.3.1.3.
const MAX_TEXT: usize = 1024;

/// What MAIL said (RFC 5321 4.1.1.2 and its extensions).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SmtpOriginator {
    /// Without the angle brackets; empty for the null path.
    pub reverse_path: String,
    /// RET.
    pub ret: Option<Return>,
    /// ENVID, xtext as received.
    pub envid: Option<String>,
    /// SMTPUTF8.
    pub smtputf8: bool,
    /// BODY.
    pub body: Body,
    /// MT-PRIORITY, -9 to 9.
    pub mt_priority: Option<i8>,
}

/// What RCPT said (RFC 5321 4.1.1.3, RFC 3461).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SmtpRecipient {
    /// Without the angle brackets.
    pub address: String,
    /// NOTIFY; `None` when it was left out.
    pub notify: Option<Notify>,
    /// ORCPT, `type;xtext` as received.
    pub orcpt: Option<String>,
}

/// How much a report returns (RFC 3461 4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Return {
    /// The whole message.
    Full,
    /// Its header.
    Headers,
}

/// What a content may hold (RFC 6152, RFC 3030).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Body {
    /// ASCII lines.
    #[default]
    SevenBit,
    /// Lines of any octets.
    EightBit,
    /// Anything.
    Binary,
}

/// When the sender wants to be told (RFC 3461 4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notify {
    /// Not at all.
    Never,
    /// On each that is true.
    On {
        /// Delivered.
        success: bool,
        /// Not delivered.
        failure: bool,
        /// Late.
        delay: bool,
    },
}

/// True when the text may stand in an SMTP command: short, no control character.
pub(crate) fn is_smtp_text(text: &str) -> bool {
    text.len() <= MAX_TEXT && !text.chars().any(char::is_control)
}

fn smtp_text(element: &Element<'_>, field: &'static str) -> Result<String, MixerError> {
    if element.raw.len() > MAX_TEXT + 16 {
        return Err(MixerError::NotForSmtp(field));
    }
    let octets = element.octets(field)?;
    // No fallback to Latin-1: an address that is not UTF-8 is no address.
    String::from_utf8(octets.into_owned())
        .ok()
        .filter(|text| is_smtp_text(text))
        .ok_or(MixerError::NotForSmtp(field))
}

/// ENVID and ORCPT stand unquoted in a command and must not hold a space (RFC 3461 4).
fn parameter(element: &Element<'_>, field: &'static str) -> Result<String, MixerError> {
    let text = smtp_text(element, field)?;
    if text.contains(' ') { Err(MixerError::NotForSmtp(field)) } else { Ok(text) }
}

/// The element of an extension of this type.
fn find<'a>(
    extensions: &'a [ExtensionField],
    oid: &Oid,
) -> Result<Option<Element<'a>>, DecodeError> {
    let found = extensions
        .iter()
        .find(|field| matches!(&field.kind, ExtensionKind::Private(kind) if kind == oid));
    let Some(field) = found else { return Ok(None) };
    let element = ber::decode_one("SMTP envelope", field.value.as_bytes())?;
    element.expect(Tag::SEQUENCE, "smtp-envelope").map(Some)
}

impl SmtpOriginator {
    /// The extension for the message's envelope; critical for nobody, since the O/R address
    /// stands beside it.
    #[must_use]
    pub fn to_extension(&self) -> ExtensionField {
        ExtensionField::private(oids::smtp_originator(), |encoder| self.write(encoder))
    }

    /// The originator among a message's extensions.
    ///
    /// # Errors
    /// The extension is there and is malformed.
    pub fn find(extensions: &[ExtensionField]) -> Result<Option<Self>, MixerError> {
        let element = find(extensions, &oids::smtp_originator())?;
        element.map(|element| Self::read(&element)).transpose()
    }

    fn read(element: &Element<'_>) -> Result<Self, MixerError> {
        let mut originator = Self::default();
        let mut children = element.children()?;
        let path = children.take(Tag::context(0), "reverse-path")?;
        originator.reverse_path = smtp_text(&path, "reverse-path")?;
        while let Some(child) = children.next_element()? {
            if child.tag == Tag::context(1) {
                originator.ret = match child.integer("ret")? {
                    0 => Some(Return::Full),
                    1 => Some(Return::Headers),
                    _ => None,
                };
            } else if child.tag == Tag::context(2) {
                originator.envid = Some(parameter(&child, "envid")?);
            } else if child.tag == Tag::context(3) {
                originator.smtputf8 = child.boolean("smtputf8")?;
            } else if child.tag == Tag::context(4) {
                originator.body = match child.integer("body")? {
                    0 => Body::SevenBit,
                    1 => Body::EightBit,
                    // What is not known may hold anything.
                    _ => Body::Binary,
                };
            } else if child.tag == Tag::context(5) {
                let priority = i8::try_from(child.integer("mt-priority")?).ok();
                originator.mt_priority = priority.filter(|priority| (-9..=9).contains(priority));
            }
        }
        Ok(originator)
    }

    fn write(&self, encoder: &mut Encoder) {
        encoder.constructed(Tag::SEQUENCE, |encoder| {
            encoder.text(Tag::context(0), &self.reverse_path);
            if let Some(ret) = self.ret {
                let number = match ret {
                    Return::Full => 0,
                    Return::Headers => 1,
                };
                encoder.integer(Tag::context(1), number);
            }
            if let Some(envid) = &self.envid {
                encoder.text(Tag::context(2), envid);
            }
            if self.smtputf8 {
                encoder.boolean(Tag::context(3), true);
            }
            match self.body {
                Body::SevenBit => {}
                Body::EightBit => encoder.integer(Tag::context(4), 1),
                Body::Binary => encoder.integer(Tag::context(4), 2),
            }
            if let Some(priority) = self.mt_priority {
                encoder.integer(Tag::context(5), i64::from(priority));
            }
        });
    }
}

impl SmtpRecipient {
    /// The extension for the recipient; critical for nobody.
    #[must_use]
    pub fn to_extension(&self) -> ExtensionField {
        ExtensionField::private(oids::smtp_recipient(), |encoder| self.write(encoder))
    }

    /// The recipient among a recipient's extensions.
    ///
    /// # Errors
    /// The extension is there and is malformed.
    pub fn find(extensions: &[ExtensionField]) -> Result<Option<Self>, MixerError> {
        let element = find(extensions, &oids::smtp_recipient())?;
        element.map(|element| Self::read(&element)).transpose()
    }

    fn read(element: &Element<'_>) -> Result<Self, MixerError> {
        let mut recipient = Self::default();
        let mut children = element.children()?;
        recipient.address = smtp_text(&children.take(Tag::context(0), "address")?, "address")?;
        while let Some(child) = children.next_element()? {
            if child.tag == Tag::context(1) {
                recipient.notify = Some(Notify::from(&child.bits("notify")?));
            } else if child.tag == Tag::context(2) {
                recipient.orcpt = Some(parameter(&child, "orcpt")?);
            }
        }
        Ok(recipient)
    }

    fn write(&self, encoder: &mut Encoder) {
        encoder.constructed(Tag::SEQUENCE, |encoder| {
            encoder.text(Tag::context(0), &self.address);
            if let Some(notify) = self.notify {
                encoder.bits(Tag::context(1), &BitString::from(notify));
            }
            if let Some(orcpt) = &self.orcpt {
                encoder.text(Tag::context(2), orcpt);
            }
        });
    }
}

impl From<&BitString> for Notify {
    fn from(bits: &BitString) -> Self {
        if bits.bit(0) {
            Self::Never
        } else {
            Self::On { success: bits.bit(1), failure: bits.bit(2), delay: bits.bit(3) }
        }
    }
}

impl From<Notify> for BitString {
    fn from(notify: Notify) -> Self {
        match notify {
            Notify::Never => Self::from_bits(&[true, false, false, false]),
            Notify::On { success, failure, delay } => {
                Self::from_bits(&[false, success, failure, delay])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use x400::{Criticality, Raw};

    fn full() -> SmtpOriginator {
        SmtpOriginator {
            reverse_path: "j\u{f6}@east.test".into(),
            ret: Some(Return::Headers),
            envid: Some("QQ+2B".into()),
            smtputf8: true,
            body: Body::EightBit,
            mt_priority: Some(-4),
        }
    }

    #[test]
    fn octets_of_an_originator() {
        let field = full().to_extension();
        let hex = "3022 800d6ac3b640656173742e74657374 810101 820551512b3242 8301ff 840101 8501fc";
        assert_eq!(field.value.as_bytes(), wire::from_hex(hex).unwrap());
        assert_eq!(SmtpOriginator::find(&[field]).unwrap(), Some(full()));
        assert_eq!(SmtpOriginator::find(&[]).unwrap(), None);
    }

    #[test]
    fn recipients_there_and_back() {
        let on = |success, failure, delay| Some(Notify::On { success, failure, delay });
        let all = [
            None,
            Some(Notify::Never),
            on(true, false, true),
            on(false, true, false),
            on(false, false, false),
        ];
        for notify in all {
            let recipient = SmtpRecipient {
                address: "\"a b\"@west.test".into(),
                notify,
                orcpt: Some("rfc822;a+20b".into()),
            };
            let field = recipient.to_extension();
            assert_eq!(SmtpRecipient::find(&[field]).unwrap(), Some(recipient));
        }
    }

    #[test]
    fn truncations_and_hostile_text() {
        let octets = full().to_extension().value.as_bytes().to_vec();
        for end in 2..octets.len() {
            let mut cut = octets[..end].to_vec();
            cut[1] = u8::try_from(end - 2).unwrap();
            let element = ber::decode_one("test", &cut).unwrap();
            // A cut between elements leaves a shorter, valid value; none may panic.
            let _ = SmtpOriginator::read(&element);
        }
        let hostile = |value: &str| {
            let bytes = wire::from_hex(value).unwrap();
            ExtensionField {
                kind: ExtensionKind::Private(oids::smtp_recipient()),
                criticality: Criticality::default(),
                value: Raw::new(bytes).unwrap(),
            }
        };
        for value in ["300580036 10d0a", "300580 03ff4061", "3007800161 8202 6120", "0500", "3000"]
        {
            assert!(SmtpRecipient::find(&[hostile(value)]).is_err(), "{value}");
        }
        let later = hostile("300a800161 890500aabbccdd");
        assert_eq!(SmtpRecipient::find(&[later]).unwrap().unwrap().address, "a");
    }
}
