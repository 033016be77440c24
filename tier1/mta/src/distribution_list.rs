//! Distribution lists of this server (X.411 14.3.10): who may send to one, its expansion, and its reports.
//!
//! The message goes on as a copy with the same MTS identifier. Its members have the recipient number of the list
//! (X.411 12.2.1.1.1.5: the number of who was specified by the originator), and numbers of their own here
//! ([`numbers`](crate::numbers)).

use std::collections::BTreeSet;

use jiff::Timestamp;
use mixer::{SmtpOriginator, SmtpRecipient};
use queue::{MessageId, NewMessage, Priority};
use routing::Router;
use x400::{
    DiagnosticCode, DlExpansion, ExtensionKind, MAX_STEPS, MessageTransferEnvelope, MtsIdentifier,
    OrAddress, OrName, OtherActions, PerRecipientFields, Report, SuppliedInformation, append_trace,
    standard,
};

use crate::numbers;
use crate::reassign::{MAX_RECIPIENTS, NotReassigned, is_mail, noted, refuse, same, set_mail};
use crate::site::Site;
use crate::transfer_in::{TransferError, report_entry};
use crate::transfer_out::answer_for;

/// A distribution list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DistributionList {
    /// Its address, as one of mail.
    pub address: String,
    /// The addresses of its members.
    pub members: Vec<String>,
    /// Who may send to it.
    pub submit: SubmitPermission,
    /// Whom it lets know of reports.
    pub reports: ReportPolicy,
}

/// Who may send to a list (X.402 dl-submit-permission), by addresses of mail; nothing said, everybody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubmitPermission {
    only: Option<BTreeSet<String>>,
    never: BTreeSet<String>,
}

impl SubmitPermission {
    /// `only` these, where it is given, and `never` those, whatever else is said.
    pub fn new<A: AsRef<str>>(
        only: Option<impl IntoIterator<Item = A>>,
        never: impl IntoIterator<Item = A>,
    ) -> Self {
        let key = |address: A| key(address.as_ref());
        Self {
            only: only.map(|only| only.into_iter().map(key).collect()),
            never: never.into_iter().map(key).collect(),
        }
    }

    fn allows(&self, sender: &str) -> bool {
        let sender = key(sender);
        let listed = self.only.as_ref().is_none_or(|only| only.contains(&sender));
        listed && !self.never.contains(&sender)
    }
}

/// What tells the address of a person from those of others: whoever may send does so in any case.
fn key(address: &str) -> String {
    routing::canonical(address).to_lowercase()
}

/// Whom a list lets know what became of its members' copies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReportPolicy {
    /// The owner's address, where the owner is told.
    pub owner: Option<String>,
    /// The originator, or the list through which the message came to this one.
    pub originator: bool,
}

/// Whether a list may be expanded for a message, or would be for that of a probe; the lists that were expanded on the way.
///
/// The permission is that of who sent the message to this list: the list before it, or else the originator (X.411 14.3.10).
///
/// # Errors
/// The originator forbids it (1/28), the sender has no permission (1/29), or the expansion history is malformed (1/30).
pub fn may_expand(
    envelope: &MessageTransferEnvelope,
    list: &DistributionList,
) -> Result<Vec<DlExpansion>, NotReassigned> {
    let name = &list.address;
    if x400::prohibits(&envelope.extensions, standard::DL_EXPANSION_PROHIBITED) {
        let text = format!("{name} is a distribution list, and the sender forbade its expansion");
        return refuse(DiagnosticCode::DL_EXPANSION_PROHIBITED, text);
    }
    let Ok(history) = x400::dl_expansion_history(&envelope.extensions) else {
        let text = "the message's expansion history cannot be read".to_owned();
        return refuse(DiagnosticCode::DL_EXPANSION_FAILURE, text);
    };
    let sender = history.last().map_or(&envelope.originator, |step| &step.list);
    let sender = mail_address(envelope, sender, history.is_empty());
    if !list.submit.allows(&sender) {
        let text = format!("{sender} may not send to the distribution list {name}");
        return refuse(DiagnosticCode::NO_DL_SUBMIT_PERMISSION, text);
    }
    Ok(history)
}

/// The address of mail of a sender; what began as a mail has it verbatim.
fn mail_address(envelope: &MessageTransferEnvelope, name: &OrName, originator: bool) -> String {
    let verbatim = SmtpOriginator::find(&envelope.extensions).ok().flatten();
    match verbatim.filter(|_| originator) {
        Some(known) => known.reverse_path,
        None => mixer::to_rfc822(name).unwrap_or_else(|_| mixer::write_out(&name.address)),
    }
}

/// Somebody who is not to get the message by a list.
struct Exempted {
    name: OrName,
    mail: Option<String>,
}

impl Exempted {
    fn new(name: OrName) -> Self {
        let mail = mixer::to_rfc822(&name).ok().map(|mail| key(&mail));
        Self { name, mail }
    }

    /// The same O/R address, or the same address of mail in it: members are known by mail, whatever stands around that.
    fn is(&self, member: &str, base: &OrAddress) -> bool {
        self.mail.as_ref().is_some_and(|mail| *mail == key(member))
            || same(&self.name, &mixer::to_or_address(member, base))
    }
}

/// The envelope in which the members of a list stand for it, but for those whom the originator excludes
/// (dl-exempted-recipients, X.411 8.2.1.1.1.40). `None` where nobody is left, and where the list was expanded for this message
/// before: the copies of that time went to everybody, and this one ends here, without a report (X.402 14.5).
///
/// # Errors
/// As [`may_expand`], or the list has no member or too many (1/30).
pub fn expand(
    site: &Site,
    envelope: &MessageTransferEnvelope,
    number: u32,
    dl: &DistributionList,
    now: Timestamp,
) -> Result<Option<MessageTransferEnvelope>, NotReassigned> {
    let failed = |text: String| refuse(DiagnosticCode::DL_EXPANSION_FAILURE, text);
    let (list, members) = (dl.address.as_str(), dl.members.as_slice());
    let history = may_expand(envelope, dl)?;
    let base = site.base_address();
    let name = mixer::to_or_address(list, &base);
    if history.iter().any(|step| same(&step.list, &name)) {
        return Ok(None);
    }
    if history.len() >= MAX_STEPS {
        return failed(format!("{MAX_STEPS} distribution lists were expanded on the way"));
    }
    let Some(own) = envelope.recipients.iter().find(|fields| fields.number == number) else {
        return failed(format!("there is no recipient {number}"));
    };
    if members.is_empty() {
        return failed(format!("the distribution list {list} has no members with an address"));
    }
    let Ok(exempted) = x400::dl_exempted_recipients(&envelope.extensions) else {
        let text = "whom the sender excludes from the distribution list cannot be read";
        return failed(text.to_owned());
    };
    let exempted: Vec<Exempted> = exempted.into_iter().map(Exempted::new).collect();
    let members: Vec<&String> =
        members.iter().filter(|member| !exempted.iter().any(|one| one.is(member, &base))).collect();
    // Nobody is left whom the originator wants to have it.
    if members.is_empty() {
        return Ok(None);
    }
    let taken: BTreeSet<u32> = envelope.recipients.iter().map(|fields| fields.number).collect();
    let mut envelope = envelope.clone();
    answer_for(&mut envelope, &[number]);
    let highest = taken.last().copied().unwrap_or(0);
    let limit = u32::try_from(MAX_RECIPIENTS).unwrap_or(u32::MAX);
    // Above the others where there is room, so that no other list of the message gets the same.
    let above = highest.saturating_add(1)..=limit;
    let free = above.chain((1..=limit.min(highest)).filter(|number| !taken.contains(number)));
    let mail = is_mail(&envelope);
    let before = SmtpRecipient::find(&own.extensions).ok().flatten();
    let pattern = member_pattern(own);
    let fresh: Vec<PerRecipientFields> = free
        .zip(&members)
        .map(|(number, member)| {
            let mut fields = pattern.clone();
            numbers::set_own(&mut fields, number);
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
