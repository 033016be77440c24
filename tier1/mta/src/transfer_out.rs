//! What leaves: the APDU for one next hop, with responsibility for exactly its recipients.

use mixer::{Converted, Edition, mail_to_ipm};
use queue::Kind;
use wire::DecodeError;
use x400::{
    ContentType, DowngradeError, MessageTransferEnvelope, MtsApdu, OrAddress, Probe, encode_message,
};

use crate::numbers;

/// Bit 0 of the per-message indicators: the originator lets recipients see each other.
const DISCLOSURE: usize = 0;
/// Content type of an interpersonal message of 1988.
const P22: i64 = 22;

/// The envelope of a message or of a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The envelope.
    pub envelope: MessageTransferEnvelope,
    /// It asks only whether a message could be delivered.
    pub probe: bool,
    /// Octets of the content that a probe asks about, if it says.
    pub content_length: Option<i64>,
}

impl Subject {
    pub(crate) fn message(envelope: MessageTransferEnvelope) -> Self {
        Self { envelope, probe: false, content_length: None }
    }
}

impl From<Probe> for Subject {
    fn from(Probe { envelope, content_length }: Probe) -> Self {
        Self { envelope, probe: true, content_length }
    }
}

/// Encodes a message or probe for the next MTA, which becomes responsible for `recipients`.
///
/// Other recipients travel along without responsibility only where the originator allowed
/// that they are disclosed (X.411 8.2.1.1.1.6); otherwise they are left out, so that a blind
/// copy stays blind. Recipient numbers are those of the originator.
#[must_use]
pub fn transfer(subject: &Subject, content: &[u8], recipients: &[u32]) -> Vec<u8> {
    let mut envelope = subject.envelope.clone();
    address(&mut envelope, recipients);
    if subject.probe {
        Probe { envelope, content_length: subject.content_length }.encode()
    } else {
        encode_message(&envelope, content)
    }
}

/// A mail, or a probe about one, as an interpersonal message for MTAs that know no mail (RFC 2156 5.1): its envelope and its
/// content. The envelope keeps all that it has, the private extensions of mail too, which are not critical.
///
/// `None` where the content is no mail that this MTA or one like it took.
#[must_use]
pub fn converted(
    subject: &Subject,
    content: &[u8],
    base: &OrAddress,
    edition: Edition,
) -> Option<(Subject, Vec<u8>)> {
    if subject.envelope.content_type != ContentType::Extended(mixer::oids::rfc822_content()) {
        return None;
    }
    let mut subject = subject.clone();
    subject.envelope.content_type = ContentType::BuiltIn(P22);
    if subject.probe {
        return Some((subject, Vec::new()));
    }
    let Converted { content, information_types } = mail_to_ipm(content, base, edition);
    subject.envelope.original_eits = Some(information_types);
    Some((subject, content))
}

/// The message or probe as one that goes another way, after it was tried at this MTA in vain: so its trace says, which lets it
/// come back (X.411 12.3.1).
#[must_use]
pub fn rerouted(subject: &Subject, attempted: &str) -> Subject {
    let mut subject = subject.clone();
    // One whose trace cannot be read goes as it is; it was refused when it came.
    let _ = x400::note_reroute(&mut subject.envelope, attempted);
    subject
}

/// [`transfer`] of a queue entry as it is stored.
///
/// # Errors
/// The stored envelope cannot be read.
pub fn apdu(
    kind: Kind,
    envelope: &[u8],
    content: &[u8],
    recipients: &[u32],
) -> Result<Vec<u8>, DecodeError> {
    match kind {
        // A report is stored as the APDU that it is.
        Kind::Report => Ok(envelope.to_vec()),
        Kind::Message => Ok(transfer(&subject(envelope)?, content, recipients)),
    }
}

fn address(envelope: &mut MessageTransferEnvelope, recipients: &[u32]) {
    answer_for(envelope, recipients);
    envelope.recipients.iter_mut().for_each(numbers::restore);
}

/// Makes the envelope one of a copy that is for these recipients: others are told of only where the originator allowed it.
pub(crate) fn answer_for(envelope: &mut MessageTransferEnvelope, recipients: &[u32]) {
    if !envelope.per_message_indicators.bit(DISCLOSURE) {
        envelope.recipients.retain(|fields| recipients.contains(&fields.number));
    }
    for fields in &mut envelope.recipients {
        fields.indicators.responsibility = recipients.contains(&fields.number);
    }
}

/// Reads the envelope that a queue entry holds.
///
/// # Errors
/// The stored octets cannot be read.
pub fn subject(octets: &[u8]) -> Result<Subject, DecodeError> {
    if Probe::is_probe(octets)
        && let MtsApdu::Probe(probe) = MtsApdu::decode(octets)?
    {
        return Ok(probe.into());
    }
    MessageTransferEnvelope::decode(octets).map(Subject::message)
}

/// What is to go to an MTA of 1984.
///
/// # Errors
/// The APDU would lose something that it must not lose.
pub fn downgrade(apdu: &[u8]) -> Result<Vec<u8>, OutboundError> {
    let mut apdu = MtsApdu::decode(apdu)?;
    apdu.downgrade()?;
    Ok(apdu.encode())
}

/// Why an APDU cannot be made for an older MTA.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    #[error("the stored message cannot be read")]
    Malformed(#[from] DecodeError),
    #[error("the message cannot be put into the terms of X.400 of 1984")]
    Downgrade(#[from] DowngradeError),
}
