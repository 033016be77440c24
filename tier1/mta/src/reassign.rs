//! Recipients that become others: alternate recipients and distribution lists (X.411 14.3.6 to 14.3.10).
//!
//! The message goes on as a copy with the same MTS identifier. A redirected recipient keeps its number. Members of a list
//! get numbers that no recipient of the message has: X.411 would let them share the number of the list, but everything
//! here finds a recipient by its number, and so do others.
//!
//! Left out: `dl-exempted-recipients`, permission to submit to a list.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use mixer::{SmtpOriginator, SmtpRecipient};
use queue::{MessageId, NewMessage, Priority};
use routing::Router;
use x400::{
    DiagnosticCode, DlExpansion, ExtensionKind, MessageTransferEnvelope, MtsIdentifier, OrName,
    OtherActions, PerRecipientFields, Probe, Redirection, Report, SuppliedInformation,
    append_trace, standard,
};

use crate::site::Site;
use crate::transfer_in::{Entry, TransferError, assemble, report_entry};
use crate::transfer_out::Subject;

/// Recipients that one message may have (X.411 `ub-recipients`).
const MAX_RECIPIENTS: usize = 32_767;

/// Why a recipient does not become another; the reason is unable-to-transfer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct NotReassigned {
    pub diagnostic: DiagnosticCode,
    pub text: String,
}

fn refuse<T>(diagnostic: DiagnosticCode, text: String) -> Result<T, NotReassigned> {
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
    for fields in &mut envelope.recipients {
        fields.indicators.responsibility = fields.number == number;
    }
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
    if been || same(&fields.recipient, &target) || history.len() >= MAX_RECIPIENTS {
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

/// The envelope in which the members of a list stand for it. `None` where the list was expanded for this message before:
/// the copies of that time went to everybody, and this one ends here, without a report (X.402 14.5).
///
/// # Errors
/// The originator forbids it (1/28), or the list has no member or too many (1/30).
pub fn expand(
    site: &Site,
    envelope: &MessageTransferEnvelope,
    number: u32,
    (list, members): (&str, &[String]),
    now: Timestamp,
) -> Result<Option<MessageTransferEnvelope>, NotReassigned> {
    let failed = |text: String| refuse(DiagnosticCode::DL_EXPANSION_FAILURE, text);
    if x400::prohibits(&envelope.extensions, standard::DL_EXPANSION_PROHIBITED) {
        let text = format!("{list} is a distribution list, and the sender forbade its expansion");
        return refuse(DiagnosticCode::DL_EXPANSION_PROHIBITED, text);
    }
    let Ok(history) = x400::dl_expansion_history(&envelope.extensions) else {
        return failed("the message's expansion history cannot be read".to_owned());
    };
    let base = site.base_address();
    let name = mixer::to_or_address(list, &base);
    if history.iter().any(|step| same(&step.list, &name)) {
        return Ok(None);
    }
    let Some(own) = envelope.recipients.iter().find(|fields| fields.number == number) else {
        return failed(format!("there is no recipient {number}"));
    };
    if members.is_empty() {
        return failed(format!("the distribution list {list} has no members with an address"));
    }
    let mut envelope = envelope.clone();
    let taken: BTreeSet<u32> = envelope.recipients.iter().map(|fields| fields.number).collect();
    let highest = taken.last().copied().unwrap_or(0);
    let limit = u32::try_from(MAX_RECIPIENTS).unwrap_or(u32::MAX);
    // Above the others where there is room, so that no other list of the message gets the same.
    let above = highest.saturating_add(1)..=limit;
    let free = above.chain((1..=limit.min(highest)).filter(|number| !taken.contains(number)));
    let mail = is_mail(&envelope);
    let before = SmtpRecipient::find(&own.extensions).ok().flatten();
    let pattern = member_pattern(own);
    let fresh: Vec<PerRecipientFields> = free
        .zip(members)
        .map(|(number, member)| {
            let mut fields = PerRecipientFields { number, ..pattern.clone() };
            fields.recipient = mixer::to_or_address(member, &base);
            let notify = before.as_ref().and_then(|before| before.notify);
            let before = Some(SmtpRecipient { notify, ..SmtpRecipient::default() });
            set_mail(&mut fields, member, mail, before.filter(|_| mail));
            fields
        })
        .collect();
    if fresh.len() < members.len() {
        return failed(format!(
            "the distribution list {list} has more than {MAX_RECIPIENTS} members"
        ));
    }
    envelope.recipients.retain(|fields| fields.number != number);
    envelope.recipients.iter_mut().for_each(|fields| fields.indicators.responsibility = false);
    envelope.recipients.extend(fresh);
    let step = DlExpansion { list: name, time: now };
    if x400::add_dl_expansion(&mut envelope.extensions, step).is_err() {
        return failed("the message's expansion history cannot be read".to_owned());
    }
    let actions = OtherActions { dl_operation: true, ..OtherActions::default() };
    noted(envelope, actions).map(Some)
}

/// What every member gets of the list's own fields: an alternate for the list is none for its members.
fn member_pattern(list: &PerRecipientFields) -> PerRecipientFields {
    let mut pattern = list.clone();
    pattern.indicators.responsibility = true;
    let dropped =
        [standard::ORIGINATOR_REQUESTED_ALTERNATE_RECIPIENT, standard::REDIRECTION_HISTORY];
    pattern.extensions.retain(
        |field| !matches!(&field.kind, ExtensionKind::Standard(number) if dropped.contains(number)),
    );
    pattern
}

fn is_mail(envelope: &MessageTransferEnvelope) -> bool {
    matches!(SmtpOriginator::find(&envelope.extensions), Ok(Some(_)))
}

fn same(a: &OrName, b: &OrName) -> bool {
    a.address == b.address
}

/// The RFC 5321 address of a recipient that is a new one; what was asked for by the first one stays (RFC 3461 5.2.7.1).
fn set_mail(
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

fn noted(
    mut envelope: MessageTransferEnvelope,
    actions: OtherActions,
) -> Result<MessageTransferEnvelope, NotReassigned> {
    match x400::note_actions(&mut envelope, actions) {
        Ok(()) => Ok(envelope),
        Err(error) => refuse(DiagnosticCode::INVALID_ARGUMENTS, error.to_string()),
    }
}

/// The queue entry of a copy that [`redirect`] or [`expand`] made of this message or probe.
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

/// Whom a list lets know what became of its members' copies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReportPolicy {
    /// The owner's address, where the owner is told.
    pub owner: Option<String>,
    /// The originator, or the list through which the message came to this one.
    pub originator: bool,
}

/// What a list does with a report about a member (X.411 14.3.10, 12.2.1.3): goes on to whom its policy says, under the
/// list's name. What goes on is a report of this MTA: `identifier` names each, and its trace begins here, as the first
/// element of a trace has the domain of the identifier.
///
/// # Errors
/// An address cannot be expressed as one of mail.
pub fn forward_report(
    site: &Site,
    report: &Report,
    (list, policy): (&str, &ReportPolicy),
    mut identifier: impl FnMut() -> (MessageId, MtsIdentifier),
    now: Timestamp,
    routes: Router<'_>,
    life: impl Fn(Priority, Timestamp) -> Timestamp,
) -> Result<Vec<NewMessage>, TransferError> {
    let base = site.base_address();
    let name = mixer::to_or_address(list, &base);
    let steps = x400::originator_and_dl_expansion_history(&report.envelope.extensions)?;
    let at = steps.iter().rposition(|step| same(&step.list, &name));
    // Who sent the message to this list: the list before it, or the originator, who stands first.
    let before = at.and_then(|at| at.checked_sub(1)).and_then(|at| steps.get(at));
    let mut entries = Vec::new();
    let originator = before.filter(|_| policy.originator).map(|step| step.list.clone());
    let owner = policy.owner.as_ref().map(|owner| mixer::to_or_address(owner, &base));
    for (destination, is_owner) in
        originator.map(|to| (to, false)).into_iter().chain(owner.map(|to| (to, true)))
    {
        let (id, identifier) = identifier();
        let mut copy = report.clone();
        copy.envelope.destination = destination;
        copy.envelope.identifier = identifier;
        copy.envelope.trace.clear();
        let trace = ExtensionKind::Standard(standard::INTERNAL_TRACE_INFORMATION);
        copy.envelope.extensions.retain(|field| field.kind != trace);
        x400::set_reporting_dl_name(&mut copy.envelope.extensions, &name);
        if is_owner {
            // Nothing of this is the owner's own mail: the notification is addressed to the owner.
            let ours = SmtpOriginator::default().to_extension().kind;
            copy.content.extensions.retain(|field| field.kind != ours);
        }
        append_trace(
            &mut copy.envelope,
            &site.domain,
            &site.mta_name,
            SuppliedInformation::relayed(now),
        )?;
        entries.push(report_entry(id, &copy, now, routes, &life)?);
    }
    Ok(entries)
}
