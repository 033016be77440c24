//! What comes in, made ready for the queue: parsed once, traced, with its next hops.

use std::sync::Arc;

use jiff::Timestamp;
use mixer::{
    Body, MixerError, NewMessage as NewMail, Notify, Return, SmtpOriginator, SmtpRecipient,
};
use queue::{Kind, MessageId, NewMessage, NewRecipient, NextHop, Priority};
use routing::{Request, Route, Router};
use wire::DecodeError;
use x400::{
    Message, MessageTransferEnvelope, MtsApdu, PerRecipientFields, Report, SuppliedInformation,
    append_trace,
};

use crate::site::Site;

/// A transfer that cannot be taken; responsibility stays with the sender.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    #[error("the APDU cannot be read")]
    Malformed(#[from] DecodeError),
    #[error("the envelope cannot be used")]
    Envelope(#[from] MixerError),
    #[error("this MTA is responsible for none of the recipients")]
    NotResponsible,
    #[error("probes are not supported")]
    Probe,
}

/// A mail that came over SMTP or from the command line.
#[derive(Debug)]
pub struct Submission<'a> {
    pub originator: SmtpOriginator,
    pub recipients: Vec<SmtpRecipient>,
    /// With the trace header of this server in front.
    pub content: Vec<u8>,
    /// Octets in front of `content` that this server added.
    pub added: usize,
    pub submitted: Timestamp,
    pub routes: Router<'a>,
}

/// Makes a queue entry of a submitted mail.
///
/// # Errors
/// Too many recipients, or none.
pub fn from_submission(
    site: &Site,
    id: MessageId,
    submission: Submission<'_>,
    life: impl FnOnce(Priority) -> Timestamp,
) -> Result<NewMessage, TransferError> {
    let mail = &submission.content[submission.added..];
    let priority = mixer::priority_from_header(mail);
    let mut envelope = mixer::build_message(&NewMail {
        originator: &submission.originator,
        recipients: &submission.recipients,
        identifier: site.mts_identifier(id),
        base: &site.base_address(),
        priority,
        submitted: submission.submitted,
    })?;
    stamp(site, &mut envelope, submission.submitted)?;
    let request = Request {
        sender: Some(&submission.originator.reverse_path),
        size: Some(octets(&submission.content)),
        recipients: Some(submission.recipients.len()),
        ..Request::default()
    };
    let recipients = (1..).zip(&submission.recipients).map(|(number, recipient)| NewRecipient {
        number,
        address: recipient.address.clone(),
        next_hop: next_hop(submission.routes, &request, &recipient.address),
        report_wanted: wants_non_delivery(recipient.notify),
    });
    let priority = queue_priority(priority);
    Ok(NewMessage {
        id,
        kind: Kind::Message,
        mts_id: envelope.mts_identifier.to_string(),
        message_id_header: mixer::header_value(mail, "Message-ID"),
        originator: submission.originator.reverse_path.clone(),
        priority,
        submitted: submission.submitted,
        expires: life(priority),
        size: octets(&submission.content),
        recipients: recipients.collect(),
        envelope: envelope.encode(),
        content: Arc::from(submission.content),
        seen: Vec::new(),
    })
}

/// Makes a queue entry of an APDU that another MTA hands over.
///
/// # Errors
/// The APDU cannot be read or gives this MTA nothing to do.
pub fn from_apdu(
    site: &Site,
    id: MessageId,
    apdu: &[u8],
    now: Timestamp,
    routes: Router<'_>,
    life: impl FnOnce(Priority, Timestamp) -> Timestamp,
) -> Result<NewMessage, TransferError> {
    match MtsApdu::decode(apdu)? {
        MtsApdu::Message(message) => from_message(site, id, message, now, routes, life),
        MtsApdu::Report(report) => from_report(site, id, report, now, routes, life),
        MtsApdu::Probe(_) => Err(TransferError::Probe),
    }
}

fn from_message(
    site: &Site,
    id: MessageId,
    message: Message,
    now: Timestamp,
    routes: Router<'_>,
    life: impl FnOnce(Priority, Timestamp) -> Timestamp,
) -> Result<NewMessage, TransferError> {
    let Message { mut envelope, content } = message;
    let view = mixer::smtp_view(&envelope)?;
    // The life of a message counts from its submission, wherever it is.
    let submitted = envelope.trace.first().map_or(now, |first| first.supplied.arrival);
    let mts_id = envelope.mts_identifier.to_string();
    let request = Request {
        sender: Some(&view.originator.reverse_path),
        size: Some(octets(&content)),
        recipients: Some(view.recipients.len()),
        ..Request::default()
    };
    let mut recipients = Vec::new();
    let mut seen = Vec::new();
    for viewed in view.recipients.iter().filter(|viewed| viewed.responsibility) {
        let address = viewed.recipient.address.clone();
        seen.push(format!("{mts_id}#{}", viewed.number));
        recipients.push(NewRecipient {
            number: viewed.number,
            next_hop: next_hop(routes, &request, &address),
            address,
            report_wanted: wants_report(&envelope.recipients, viewed.number),
        });
    }
    if recipients.is_empty() {
        return Err(TransferError::NotResponsible);
    }
    if x400::detects_loop(&envelope, &site.domain, &site.mta_name) {
        // Local disposition finds the loop in the trace and fails the recipients there.
        for recipient in &mut recipients {
            recipient.next_hop = NextHop::Local;
        }
    }
    stamp(site, &mut envelope, now)?;
    let priority = queue_priority(envelope.priority);
    Ok(NewMessage {
        id,
        kind: Kind::Message,
        mts_id,
        message_id_header: mixer::header_value(&content, "Message-ID"),
        originator: view.originator.reverse_path,
        priority,
        submitted,
        expires: life(priority, submitted),
        size: octets(&content),
        recipients,
        envelope: envelope.encode(),
        content: Arc::from(content),
        seen,
    })
}

fn from_report(
    site: &Site,
    id: MessageId,
    mut report: Report,
    now: Timestamp,
    routes: Router<'_>,
    life: impl FnOnce(Priority, Timestamp) -> Timestamp,
) -> Result<NewMessage, TransferError> {
    append_trace(
        &mut report.envelope,
        &site.domain,
        &site.mta_name,
        SuppliedInformation::relayed(now),
    )?;
    let seen = vec![format!("{}#report", report.envelope.identifier)];
    let mut entry = report_entry(id, &report, now, routes, life)?;
    entry.seen = seen;
    Ok(entry)
}

/// The queue entry of a report, made here or relayed; it travels as urgent, X.411 8.3.1.2.
///
/// # Errors
/// The report's destination cannot be expressed as an address of mail.
pub fn report_entry(
    id: MessageId,
    report: &Report,
    now: Timestamp,
    routes: Router<'_>,
    life: impl FnOnce(Priority, Timestamp) -> Timestamp,
) -> Result<NewMessage, TransferError> {
    let address = mixer::to_rfc822(&report.envelope.destination)?;
    let envelope = report.encode();
    let request = Request { is_system: true, ..Request::default() };
    let recipient = NewRecipient {
        number: 1,
        next_hop: next_hop(routes, &request, &address),
        address,
        report_wanted: false,
    };
    Ok(NewMessage {
        id,
        kind: Kind::Report,
        mts_id: report.envelope.identifier.to_string(),
        message_id_header: None,
        originator: String::new(),
        priority: Priority::Urgent,
        submitted: now,
        expires: life(Priority::Urgent, now),
        size: octets(&envelope),
        recipients: vec![recipient],
        envelope,
        content: Arc::from(Vec::new()),
        seen: Vec::new(),
    })
}

/// An SMTP dialogue's envelope in the mixer's terms.
#[must_use]
pub fn smtp_originator(reverse_path: &str, parameters: &smtp::MailParameters) -> SmtpOriginator {
    SmtpOriginator {
        reverse_path: reverse_path.to_owned(),
        ret: parameters.ret.map(|ret| match ret {
            smtp::Return::Full => Return::Full,
            smtp::Return::Headers => Return::Headers,
        }),
        envid: parameters.envid.clone(),
        smtputf8: parameters.smtputf8,
        body: match parameters.body {
            smtp::Body::SevenBit => Body::SevenBit,
            smtp::Body::EightBit => Body::EightBit,
            smtp::Body::Binary => Body::Binary,
        },
        mt_priority: parameters.mt_priority,
    }
}

/// An SMTP dialogue's recipient in the mixer's terms.
#[must_use]
pub fn smtp_recipient(recipient: &smtp::Recipient) -> SmtpRecipient {
    SmtpRecipient {
        address: recipient.address.clone(),
        notify: recipient.notify.map(|notify| match notify {
            smtp::Notify::Never => Notify::Never,
            smtp::Notify::On { success, failure, delay } => Notify::On { success, failure, delay },
        }),
        orcpt: recipient.orcpt.clone(),
    }
}

fn stamp(
    site: &Site,
    envelope: &mut MessageTransferEnvelope,
    now: Timestamp,
) -> Result<(), DecodeError> {
    append_trace(envelope, &site.domain, &site.mta_name, SuppliedInformation::relayed(now))
}

/// What the routes say; what they have no way for goes to local disposition, which finds that there
/// is no such mailbox or no route, and says so.
fn next_hop(routes: Router<'_>, request: &Request<'_>, address: &str) -> NextHop {
    hop(routes.choose(&Request { address, ..*request }).route).unwrap_or(NextHop::Local)
}

/// The queue's name of a route; `None` where there is none.
pub(crate) fn hop(route: Route) -> Option<NextHop> {
    match route {
        Route::Local { .. } => Some(NextHop::Local),
        Route::Peer { name } => Some(NextHop::Peer(name)),
        Route::Connector { name, domain: None } => Some(NextHop::Connector(name)),
        Route::Connector { name: connector, domain: Some(domain) } => {
            Some(NextHop::Domain { connector, domain })
        }
        Route::UnknownMailbox | Route::NoRoute | Route::Closed(_) => None,
    }
}

fn octets(content: &[u8]) -> u64 {
    u64::try_from(content.len()).unwrap_or(u64::MAX)
}

fn wants_non_delivery(notify: Option<Notify>) -> bool {
    match notify {
        None => true,
        Some(Notify::Never) => false,
        Some(Notify::On { failure, .. }) => failure,
    }
}

fn wants_report(recipients: &[PerRecipientFields], number: u32) -> bool {
    recipients.iter().filter(|fields| fields.number == number).any(|fields| {
        let indicators = fields.indicators;
        indicators.originator_report || indicators.originator_non_delivery_report
    })
}

fn queue_priority(priority: x400::Priority) -> Priority {
    match priority {
        x400::Priority::NonUrgent => Priority::NonUrgent,
        x400::Priority::Urgent => Priority::Urgent,
        x400::Priority::Normal => Priority::Normal,
    }
}
