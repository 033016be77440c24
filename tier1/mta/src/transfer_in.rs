//! What comes in, made ready for the queue: parsed once, traced, with its next hops.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use mixer::{
    Body, MixerError, NewMessage as NewMail, Notify, Return, SmtpOriginator, SmtpRecipient,
};
use queue::{Kind, MessageId, NewMessage, NewRecipient, NextHop, Priority, Wishes};
use routing::{Choice, Request, Route, Router};
use wire::DecodeError;
use x400::{
    Criticality, Message, MessageTransferEnvelope, MtsApdu, OrName, PerRecipientFields, Probe,
    Report, SuppliedInformation, append_trace,
};

use crate::criticality::unsupported;
use crate::numbers;
use crate::site::Site;
use crate::transfer_out::Subject;

/// A transfer that cannot be taken; responsibility stays with the sender.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    #[error("the APDU cannot be read")]
    Malformed(#[from] DecodeError),
    #[error("the envelope cannot be used")]
    Envelope(#[from] MixerError),
    #[error("this MTA is responsible for none of the recipients")]
    NotResponsible,
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

/// What comes in: the entry for the queue, and its envelope as it was read, so that nobody has to read it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// For the queue.
    pub message: NewMessage,
    /// What [`subject`](crate::subject) would read of `message.envelope`; a report has none.
    pub subject: Option<Subject>,
}

impl From<NewMessage> for Entry {
    fn from(message: NewMessage) -> Self {
        Self { message, subject: None }
    }
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
) -> Result<Entry, TransferError> {
    let mut submission = submission;
    drop_repeated(&mut submission);
    let mail = &submission.content[submission.added..];
    let priority = priority_of(submission.originator.mt_priority, mail);
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
    let message = NewMessage {
        id,
        kind: Kind::Message,
        mts_id: envelope.mts_identifier.to_string(),
        message_id_header: mixer::header_value(mail, "Message-ID"),
        originator: submission.originator.reverse_path.clone(),
        priority,
        submitted: submission.submitted,
        expires: life(priority),
        wishes: wishes_of_mail(mail),
        size: octets(&submission.content),
        recipients: recipients.collect(),
        envelope: envelope.encode(),
        content: Arc::from(submission.content),
        seen: Vec::new(),
    };
    Ok(Entry { message, subject: Some(Subject::message(envelope)) })
}

/// The priority that was asked for with the envelope (RFC 6710), else in the header.
fn priority_of(mt_priority: Option<i8>, mail: &[u8]) -> x400::Priority {
    match mt_priority {
        Some(1..) => x400::Priority::Urgent,
        Some(0) => x400::Priority::Normal,
        Some(_) => x400::Priority::NonUrgent,
        None => mixer::priority_from_header(mail),
    }
}

/// A recipient that is named again is the same recipient, and gets one copy (RFC 5321 4.1.1.3: what is done with
/// repeated recipients is left to the server).
fn drop_repeated(submission: &mut Submission<'_>) {
    let mut seen = BTreeSet::new();
    let routes = submission.routes;
    submission.recipients.retain(|recipient| {
        let address = routing::canonical(&recipient.address);
        // Only who holds a mailbox knows that the case of its name means nothing.
        let request = Request { address: &address, ..Request::default() };
        let key = match routes.choose(&request).route {
            Route::Local { mailbox } => mailbox + address.rsplit_once('@').map_or("", |(_, at)| at),
            _ => address,
        };
        seen.insert(key)
    });
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
) -> Result<Entry, TransferError> {
    match MtsApdu::decode(apdu)? {
        MtsApdu::Message(message) => from_message(site, id, message, now, routes, life),
        MtsApdu::Report(report) => from_report(site, id, report, now, routes, life),
        MtsApdu::Probe(probe) => from_probe(site, id, probe, now, routes, life),
    }
}

fn from_message(
    site: &Site,
    id: MessageId,
    message: Message,
    now: Timestamp,
    routes: Router<'_>,
    life: impl FnOnce(Priority, Timestamp) -> Timestamp,
) -> Result<Entry, TransferError> {
    let Message { mut envelope, content } = message;
    let size = octets(&content);
    let mut message = entry(site, id, &mut envelope, size, now, routes, life)?;
    message.message_id_header = mixer::header_value(&content, "Message-ID");
    message.envelope = envelope.encode();
    message.content = Arc::from(content);
    Ok(Entry { message, subject: Some(Subject::message(envelope)) })
}

/// A probe waits in the queue like the message that it stands for, with itself for an
/// envelope and no content.
fn from_probe(
    site: &Site,
    id: MessageId,
    mut probe: Probe,
    now: Timestamp,
    routes: Router<'_>,
    life: impl FnOnce(Priority, Timestamp) -> Timestamp,
) -> Result<Entry, TransferError> {
    let mut message = entry(site, id, &mut probe.envelope, 0, now, routes, life)?;
    message.envelope = probe.encode();
    message.size = octets(&message.envelope);
    Ok(Entry { message, subject: Some(probe.into()) })
}

/// The entry without its octets; the envelope gets this MTA's trace.
fn entry(
    site: &Site,
    id: MessageId,
    envelope: &mut MessageTransferEnvelope,
    size: u64,
    now: Timestamp,
    routes: Router<'_>,
    life: impl FnOnce(Priority, Timestamp) -> Timestamp,
) -> Result<NewMessage, TransferError> {
    envelope.recipients.iter_mut().for_each(numbers::forget);
    let mut entry = assemble(id, envelope, size, now, routes, life)?;
    numbers::tell_apart(envelope, &mut entry);
    // What was here before and comes back is no transfer that is repeated: it must not be confirmed and forgotten.
    let returns = x400::returns(envelope, &site.domain, &site.mta_name);
    if returns > 0 {
        entry.seen.iter_mut().for_each(|key| key.push_str(&format!("#back{returns}")));
    }
    let looped = x400::detects_loop(envelope, &site.domain, &site.mta_name)
        || x400::detects_domain_loop(envelope, &site.domain);
    for recipient in &mut entry.recipients {
        let critical = unsupported(envelope, recipient.number, Criticality::for_transfer);
        if looped || critical.is_some() {
            // Local disposition finds what is wrong and fails the recipient there.
            recipient.next_hop = NextHop::Local;
        }
    }
    stamp(site, envelope, now)?;
    Ok(entry)
}

/// The entry for the recipients that this MTA answers for, without its octets.
pub(crate) fn assemble(
    id: MessageId,
    envelope: &MessageTransferEnvelope,
    size: u64,
    now: Timestamp,
    routes: Router<'_>,
    life: impl FnOnce(Priority, Timestamp) -> Timestamp,
) -> Result<NewMessage, TransferError> {
    let view = mixer::smtp_view(envelope)?;
    // The life of a message counts from its submission, wherever it is; an MTA whose clock is ahead makes it no longer.
    let submitted = envelope.trace.first().map_or(now, |first| first.supplied.arrival.min(now));
    let request = Request {
        sender: Some(&view.originator.reverse_path),
        size: Some(size),
        recipients: Some(view.recipients.len()),
        ..Request::default()
    };
    let mut recipients = Vec::new();
    let mut seen = Vec::new();
    for (viewed, fields) in view.recipients.iter().zip(&envelope.recipients) {
        if !viewed.responsibility {
            continue;
        }
        let (address, choice) =
            way(routes, &request, &viewed.recipient.address, Some(&fields.recipient));
        seen.push(once_key(envelope, fields));
        recipients.push(NewRecipient {
            number: viewed.number,
            next_hop: hop(choice.route).unwrap_or(NextHop::Local),
            address,
            report_wanted: wants_report(&envelope.recipients, viewed.number),
        });
    }
    if recipients.is_empty() {
        return Err(TransferError::NotResponsible);
    }
    let priority = queue_priority(envelope.priority);
    Ok(NewMessage {
        id,
        kind: Kind::Message,
        mts_id: envelope.mts_identifier.to_string(),
        message_id_header: None,
        originator: view.originator.reverse_path,
        priority,
        submitted,
        expires: life(priority, submitted),
        wishes: wishes(envelope),
        size,
        recipients,
        envelope: Vec::new(),
        content: Arc::from(Vec::new()),
        seen,
    })
}

/// What a recipient of a message is taken or delivered under, once.
///
/// It is the number and the address: members of a list have the number of the list, and whoever downgrades the message to
/// 1984 drops what tells that there was one. Of one that was redirected the steps count as well. Behind a list it is the
/// address alone, so that who is in several lists gets the message once.
#[must_use]
pub fn once_key(envelope: &MessageTransferEnvelope, fields: &PerRecipientFields) -> String {
    let id = &envelope.mts_identifier;
    let lists = x400::dl_expansion_history(&envelope.extensions).unwrap_or_default().len();
    let steps = x400::redirection_history(&fields.extensions).unwrap_or_default().len();
    let (number, address) = (numbers::specified(fields), fields.recipient.address.match_key());
    match (lists, steps) {
        // Of most recipients: a short one, as each is kept for days.
        (0, 0) => format!("{id}#{number}#{:016x}", digest(&address)),
        (0, _) => format!("{id}#{number}#{steps}#{address}"),
        _ => format!("{id}#list#{steps}#{address}"),
    }
}

/// FNV-1a, 64 bits: tells the few addresses of one message under one number apart.
fn digest(text: &str) -> u64 {
    let step = |sum: u64, octet: u8| (sum ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, step)
}

fn from_report(
    site: &Site,
    id: MessageId,
    mut report: Report,
    now: Timestamp,
    routes: Router<'_>,
    life: impl FnOnce(Priority, Timestamp) -> Timestamp,
) -> Result<Entry, TransferError> {
    append_trace(
        &mut report.envelope,
        &site.domain,
        &site.mta_name,
        SuppliedInformation::relayed(now),
    )?;
    let seen = vec![format!("{}#report", report.envelope.identifier)];
    let mut message = report_entry(id, &report, now, routes, life)?;
    message.seen = seen;
    Ok(message.into())
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
    let destination = &report.envelope.destination;
    let address = mixer::to_rfc822(destination)?;
    let envelope = report.encode();
    let request = Request { is_system: true, ..Request::default() };
    let (address, choice) = way(routes, &request, &address, Some(destination));
    let recipient = NewRecipient {
        number: 1,
        next_hop: hop(choice.route).unwrap_or(NextHop::Local),
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
        wishes: Wishes::default(),
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

/// The way of a recipient by X.400: that of the mail address in its O/R address, and where nobody has that, that of the
/// O/R address as a whole. Also the address that the way was found by: it stands in the queue.
///
/// A mail address goes before the attributes around it because those are the sender's own domain where a server of this
/// project made them (RFC 2156 4.3.2 leaves them to the gateway).
#[must_use]
pub fn way(
    routes: Router<'_>,
    request: &Request<'_>,
    mail: &str,
    name: Option<&OrName>,
) -> (String, Choice) {
    let choice = routes.choose(&Request { address: mail, ..*request });
    if choice.route == Route::NoRoute
        && let Some(name) = name
    {
        let whole = mixer::write_out(&name.address);
        let second = routes.choose(&Request { address: &whole, ..*request });
        if second.route != Route::NoRoute {
            return (whole, second);
        }
    }
    (mail.to_owned(), choice)
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

/// The same, by the header fields that RFC 2156 2.3.1.2 has for it.
fn wishes_of_mail(mail: &[u8]) -> Wishes {
    let time = |field| {
        let value = mixer::header_value(mail, field)?;
        Some(jiff::fmt::rfc2822::parse(&value).ok()?.timestamp())
    };
    Wishes {
        deferred_until: time("Deferred-Delivery"),
        latest_delivery: time("Latest-Delivery-Time"),
    }
}

/// What the originator asked of the time of delivery. An MTA that has let a deferred message go leaves the field as it
/// is: by then the time is past, and nothing waits.
fn wishes(envelope: &MessageTransferEnvelope) -> Wishes {
    Wishes {
        deferred_until: envelope.deferred_delivery,
        // One that cannot be read counts as none: a message must not be lost for a wish.
        latest_delivery: x400::latest_delivery_time(&envelope.extensions).ok().flatten(),
    }
}

fn queue_priority(priority: x400::Priority) -> Priority {
    match priority {
        x400::Priority::NonUrgent => Priority::NonUrgent,
        x400::Priority::Urgent => Priority::Urgent,
        x400::Priority::Normal => Priority::Normal,
    }
}
