//! Recipients that become others: alternate recipients (X.411 14.3.6); the message goes on as a copy with the same MTS
//! identifier, in which the recipient keeps its number.

use std::sync::Arc;

use jiff::Timestamp;
use mixer::{SmtpOriginator, SmtpRecipient};
use queue::{MessageId, Priority};
use routing::Router;
use x400::{
    DiagnosticCode, MAX_STEPS, MessageTransferEnvelope, OrName, OtherActions, PerRecipientFields,
    Probe, Redirection, standard,
};

use crate::site::Site;
use crate::transfer_in::{Entry, TransferError, assemble};
use crate::transfer_out::{Subject, answer_for};

/// Recipients that one message may have (X.411 `ub-recipients`).
pub(crate) const MAX_RECIPIENTS: usize = 32_767;

/// Why a recipient does not become another; the reason is unable-to-transfer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct NotReassigned {
    pub diagnostic: DiagnosticCode,
    pub text: String,
}

pub(crate) fn refuse<T>(diagnostic: DiagnosticCode, text: String) -> Result<T, NotReassigned> {
    Err(NotReassigned { diagnostic, text })
}

/// The envelope in which `to` stands for a recipient; `reason` is one of [`Redirection`]'s.
///
/// # Errors
/// The originator forbids it (1/26), or the recipient was redirected by this address before (1/27).
pub fn redirect(
    site: &Site,
    envelope: &MessageTransferEnvelope,
    number: u32,
    to: &str,
    reason: i64,
    now: Timestamp,
) -> Result<MessageTransferEnvelope, NotReassigned> {
    let mut envelope = envelope.clone();
    let forbidden = standard::RECIPIENT_REASSIGNMENT_PROHIBITED;
    // What the originator asked for itself it did not forbid (X.411 8.2.1.1.1.3).
    if reason != Redirection::ORIGINATOR_REQUESTED
        && x400::prohibits(&envelope.extensions, forbidden)
    {
        let text = format!("its mail goes to {to}, and the sender forbade that");
        return refuse(DiagnosticCode::RECIPIENT_REASSIGNMENT_PROHIBITED, text);
    }
    let target = mixer::to_or_address(to, &site.base_address());
    let mail = is_mail(&envelope);
    answer_for(&mut envelope, &[number]);
    let Some(fields) = envelope.recipients.iter_mut().find(|fields| fields.number == number) else {
        return refuse(
            DiagnosticCode::INVALID_ARGUMENTS,
            format!("there is no recipient {number}"),
        );
    };
    let looped = || {
        let text = format!("redirections lead back to {to}");
        refuse(DiagnosticCode::REDIRECTION_LOOP_DETECTED, text)
    };
    let Ok(history) = x400::redirection_history(&fields.extensions) else {
        let text = "its redirection history cannot be read".to_owned();
        return refuse(DiagnosticCode::INVALID_ARGUMENTS, text);
    };
    let been = history.iter().any(|step| same(&step.intended_recipient, &target));
    if been || same(&fields.recipient, &target) || history.len() >= MAX_STEPS {
        return looped();
    }
    let before = SmtpRecipient::find(&fields.extensions).ok().flatten();
    let step = Redirection { intended_recipient: fields.recipient.clone(), time: now, reason };
    if x400::add_redirection(&mut fields.extensions, step).is_err() {
        return looped();
    }
    fields.recipient = target;
    set_mail(fields, to, mail, before);
    let actions = OtherActions { redirected: true, ..OtherActions::default() };
    noted(envelope, actions)
}

pub(crate) fn is_mail(envelope: &MessageTransferEnvelope) -> bool {
    matches!(SmtpOriginator::find(&envelope.extensions), Ok(Some(_)))
}

pub(crate) fn same(a: &OrName, b: &OrName) -> bool {
    a.address == b.address
}

/// The RFC 5321 address of a recipient that is a new one; what was asked for by the first one stays (RFC 3461 5.2.7.1).
pub(crate) fn set_mail(
    fields: &mut PerRecipientFields,
    address: &str,
    mail: bool,
    before: Option<SmtpRecipient>,
) {
    let ours = SmtpRecipient::default().to_extension().kind;
    fields.extensions.retain(|field| field.kind != ours);
    let Some(before) = before.filter(|_| mail) else { return };
    let orcpt = before.orcpt.or_else(|| {
        Some(before.address)
            .filter(|known| !known.is_empty() && known.is_ascii())
            .map(|known| original_recipient(&known))
    });
    let address = address.to_owned();
    fields.extensions.push(SmtpRecipient { address, notify: before.notify, orcpt }.to_extension());
}

/// ORCPT of an ASCII address (RFC 3461 4 and 4.2): xtext.
fn original_recipient(address: &str) -> String {
    let plain = |octet: &u8| (b'!'..=b'~').contains(octet) && !b"+=".contains(octet);
    address.bytes().fold("rfc822;".to_owned(), |mut text, octet| {
        if plain(&octet) {
            text.push(char::from(octet));
        } else {
            text.push_str(&format!("+{octet:02X}"));
        }
        text
    })
}

pub(crate) fn noted(
    mut envelope: MessageTransferEnvelope,
    actions: OtherActions,
) -> Result<MessageTransferEnvelope, NotReassigned> {
    match x400::note_actions(&mut envelope, actions) {
        Ok(()) => Ok(envelope),
        Err(error) => refuse(DiagnosticCode::INVALID_ARGUMENTS, error.to_string()),
    }
}

/// The queue entry of a copy that [`redirect`] or [`expand`](crate::expand) made of this message or probe.
///
/// # Errors
/// The envelope cannot be expressed.
pub fn reassigned_entry(
    id: MessageId,
    (subject, content): (&Subject, &Arc<[u8]>),
    envelope: MessageTransferEnvelope,
    now: Timestamp,
    routes: Router<'_>,
    life: impl FnOnce(Priority, Timestamp) -> Timestamp,
) -> Result<Entry, TransferError> {
    let size = u64::try_from(content.len()).unwrap_or(u64::MAX);
    let mut message = assemble(id, &envelope, size, now, routes, life)?;
    let copy = Subject { envelope, ..*subject };
    if copy.probe {
        let probe = Probe { envelope: copy.envelope.clone(), content_length: copy.content_length };
        message.envelope = probe.encode();
    } else {
        message.message_id_header = mixer::header_value(content, "Message-ID");
        message.content = Arc::clone(content);
        message.envelope = copy.envelope.encode();
    }
    Ok(Entry { message, subject: Some(copy) })
}
