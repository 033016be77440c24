//! Extension fields (X.411 clause 9, figure 2, `ExtensionField`).
//!
//! The type is `[0] IMPLICIT INTEGER` or `[3] IMPLICIT OBJECT IDENTIFIER`; one peer still
//! sends `[0]` explicit as drafts had it, which is read and not sent. The value is kept as
//! the octets that came.

use ber::{BitString, Element, Encoder, Oid, Tag};
use std::fmt;
use wire::DecodeError;

use crate::codec::{MAX_LIST, Raw, is_clear, list};

/// Numbers of standard extensions that this project reads or writes (X.411 `extensions`).
pub mod standard {
    /// `recipient-reassignment-prohibited`
    pub const RECIPIENT_REASSIGNMENT_PROHIBITED: i64 = 1;
    /// `originator-requested-alternate-recipient`
    pub const ORIGINATOR_REQUESTED_ALTERNATE_RECIPIENT: i64 = 2;
    /// `dl-expansion-prohibited`
    pub const DL_EXPANSION_PROHIBITED: i64 = 3;
    /// `latest-delivery-time`
    pub const LATEST_DELIVERY_TIME: i64 = 5;
    /// `content-correlator`
    pub const CONTENT_CORRELATOR: i64 = 23;
    /// `redirection-history`
    pub const REDIRECTION_HISTORY: i64 = 25;
    /// `dl-expansion-history`
    pub const DL_EXPANSION_HISTORY: i64 = 26;
    /// `originator-and-DL-expansion-history`
    pub const ORIGINATOR_AND_DL_EXPANSION_HISTORY: i64 = 30;
    /// `reporting-DL-name`
    pub const REPORTING_DL_NAME: i64 = 31;
    /// `trace-information`
    pub const TRACE_INFORMATION: i64 = 37;
    /// `internal-trace-information`
    pub const INTERNAL_TRACE_INFORMATION: i64 = 38;
    /// `reporting-MTA-name`
    pub const REPORTING_MTA_NAME: i64 = 39;
    /// `dl-exempted-recipients`
    pub const DL_EXEMPTED_RECIPIENTS: i64 = 42;

    /// Names from number 1 on.
    const NAMES: [&str; 46] = [
        "recipient-reassignment-prohibited",
        "originator-requested-alternate-recipient",
        "dl-expansion-prohibited",
        "conversion-with-loss-prohibited",
        "latest-delivery-time",
        "requested-delivery-method",
        "physical-forwarding-prohibited",
        "physical-forwarding-address-request",
        "physical-delivery-modes",
        "registered-mail-type",
        "recipient-number-for-advice",
        "physical-rendition-attributes",
        "originator-return-address",
        "physical-delivery-report-request",
        "originator-certificate",
        "message-token",
        "content-confidentiality-algorithm-identifier",
        "content-integrity-check",
        "message-origin-authentication-check",
        "message-security-label",
        "proof-of-submission-request",
        "proof-of-delivery-request",
        "content-correlator",
        "probe-origin-authentication-check",
        "redirection-history",
        "dl-expansion-history",
        "physical-forwarding-address",
        "recipient-certificate",
        "proof-of-delivery",
        "originator-and-DL-expansion-history",
        "reporting-DL-name",
        "reporting-MTA-certificate",
        "report-origin-authentication-check",
        "originating-MTA-certificate",
        "proof-of-submission",
        "forwarding-request",
        "trace-information",
        "internal-trace-information",
        "reporting-MTA-name",
        "multiple-originator-certificates",
        "blind-copy-recipients",
        "dl-exempted-recipients",
        "body-part-encryption-token",
        "forwarded-content-token",
        "certificate-selectors",
        "certificate-selectors-override",
    ];

    /// The name of a standard extension.
    #[must_use]
    pub fn name(number: i64) -> Option<&'static str> {
        let index = usize::try_from(number.checked_sub(1)?).ok()?;
        NAMES.get(index).copied()
    }
}

/// What an extension is (X.411 `ExtensionType`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExtensionKind {
    /// One of the standard, by its number.
    Standard(i64),
    /// A private one.
    Private(Oid),
}

/// Who must understand an extension or refuse the message (X.411 `Criticality`).
///
/// Kept as the bits that came, so that a relay passes on what it does not know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Criticality(pub BitString);

/// One extension (X.411 `ExtensionField`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtensionField {
    /// Its type.
    pub kind: ExtensionKind,
    /// Who must understand it.
    pub criticality: Criticality,
    /// The element inside the explicit tag `[2]`; NULL when it was left out.
    pub value: Raw,
}

impl Criticality {
    /// Critical for none, some or all of submission, transfer and delivery.
    #[must_use]
    pub fn new(submission: bool, transfer: bool, delivery: bool) -> Self {
        let bits = [submission, transfer, delivery];
        let used = bits.iter().rposition(|bit| *bit).map_or(0, |last| last + 1);
        Self(BitString::from_bits(&bits[..used]))
    }

    /// A relay that does not know the extension must refuse the message.
    #[must_use]
    pub fn for_transfer(&self) -> bool {
        self.0.bit(1)
    }

    /// A delivering MTA that does not know the extension must refuse the message.
    #[must_use]
    pub fn for_delivery(&self) -> bool {
        self.0.bit(2)
    }
}

impl ExtensionField {
    /// A private extension that nobody needs to understand; `value` writes its element.
    #[must_use]
    pub fn private(oid: Oid, value: impl FnOnce(&mut Encoder)) -> Self {
        Self::non_critical(ExtensionKind::Private(oid), value)
    }

    /// A standard extension that nobody needs to understand; `value` writes its element.
    #[must_use]
    pub fn standard(number: i64, value: impl FnOnce(&mut Encoder)) -> Self {
        Self::non_critical(ExtensionKind::Standard(number), value)
    }

    fn non_critical(kind: ExtensionKind, value: impl FnOnce(&mut Encoder)) -> Self {
        Self { kind, criticality: Criticality::default(), value: Raw::encoded(value) }
    }

    pub(crate) fn read(element: &Element<'_>) -> Result<Self, DecodeError> {
        let mut children = element.children()?;
        let kind = children.required("extension-type")?;
        let kind = if kind.tag == Tag::context(0) {
            let number = if kind.constructed { kind.inner("extension-type")? } else { kind };
            ExtensionKind::Standard(number.integer("extension-type")?)
        } else {
            ExtensionKind::Private(
                kind.expect(Tag::context(3), "extension-type")?.oid("extension-type")?,
            )
        };
        let criticality = match children.optional(Tag::context(1))? {
            Some(bits) => Criticality(bits.bits("criticality")?),
            None => Criticality::default(),
        };
        let value = match children.optional(Tag::context(2))? {
            Some(value) => Raw::from(value.inner("extension-value")?),
            None => Raw::encoded(|encoder| encoder.null(Tag::NULL)),
        };
        Ok(Self { kind, criticality, value })
    }

    fn write(&self, encoder: &mut Encoder) {
        encoder.constructed(Tag::SEQUENCE, |encoder| {
            match &self.kind {
                ExtensionKind::Standard(number) => encoder.integer(Tag::context(0), *number),
                ExtensionKind::Private(oid) => encoder.oid(Tag::context(3), oid),
            }
            if !is_clear(&self.criticality.0) {
                encoder.bits(Tag::context(1), &self.criticality.0);
            }
            encoder.constructed(Tag::context(2), |encoder| encoder.raw(self.value.as_bytes()));
        });
    }
}

impl fmt::Display for ExtensionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Standard(number) => match standard::name(*number) {
                Some(name) => f.write_str(name),
                None => write!(f, "extension {number}"),
            },
            Self::Private(oid) => write!(f, "{oid}"),
        }
    }
}

/// Reads a SET OF `ExtensionField` under whatever tag.
pub(crate) fn read_extensions(element: &Element<'_>) -> Result<Vec<ExtensionField>, DecodeError> {
    list(element, "extensions", MAX_LIST, |field| ExtensionField::read(&field))
}

/// Writes a SET OF `ExtensionField`; an empty one is left out, as peers refuse it (KB Q164049).
pub(crate) fn write_extensions(encoder: &mut Encoder, tag: Tag, extensions: &[ExtensionField]) {
    if extensions.is_empty() {
        return;
    }
    encoder.constructed(tag, |encoder| {
        for extension in extensions {
            extension.write(encoder);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(hex: &str) -> Result<ExtensionField, DecodeError> {
        let octets = wire::from_hex(hex).unwrap();
        ExtensionField::read(&ber::decode_one("test", &octets)?)
    }

    fn written(field: &ExtensionField) -> String {
        let mut encoder = Encoder::new();
        field.write(&mut encoder);
        wire::to_hex(&encoder.finish())
    }

    #[test]
    fn standard_and_private_types() {
        let standard = "3008800105a20302017f";
        assert_eq!(read(standard).unwrap().kind, ExtensionKind::Standard(5));
        assert_eq!(written(&read(standard).unwrap()), standard);
        let private = "300d 8302 2a03 8102 0640 a203 02017f".replace(' ', "");
        let field = read(&private).unwrap();
        assert_eq!(field.kind.to_string(), "1.2.3");
        assert!(field.criticality.for_transfer() && !field.criticality.for_delivery());
        assert_eq!(field.criticality, Criticality::new(false, true, false));
        assert_eq!(written(&field), private);
    }

    #[test]
    fn drafts_and_defaults_are_read() {
        let draft = read("300aa003020105a20302017f").unwrap();
        assert_eq!(written(&draft), "3008800105a20302017f");
        assert_eq!(read("3003800105").unwrap().value.as_bytes(), [5, 0]);
        assert!(read("3005830080010 5").is_err());
        assert!(read("30038101 05").is_err());
    }

    #[test]
    fn names_stand_at_their_numbers() {
        assert_eq!(
            standard::name(standard::INTERNAL_TRACE_INFORMATION).unwrap(),
            "internal-trace-information"
        );
        assert_eq!(standard::name(standard::LATEST_DELIVERY_TIME).unwrap(), "latest-delivery-time");
        assert_eq!(standard::name(46).unwrap(), "certificate-selectors-override");
        assert_eq!([standard::name(0), standard::name(47), standard::name(i64::MIN)], [None; 3]);
    }
}
