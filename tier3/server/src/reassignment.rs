//! Carries out what the directory, or the originator, says of a recipient that is not to get the message itself.
//!
//! The copy for others is in the queue, on disk, before the recipient is done with. Should the server end in between, the
//! copy is made again and found to be there: it is taken under the same keys.

use std::sync::Arc;

use jiff::Timestamp;
use mta::{DistributionList, NotReassigned, Site};
use queue::{MessageRecord, Outcome};
use x400::{DiagnosticCode, MessageTransferEnvelope, MtsApdu, ReasonCode, Redirection};

use crate::mail_queue::AcceptError;
use crate::node::Node;
use crate::opened::Opened;
use crate::recipients::Target;
use crate::settings;

/// Sends the message on to whom the directory names in place of a recipient.
pub async fn follow(node: &Arc<Node>, opened: &Opened, number: u32, target: &Target) -> Outcome {
    let site = settings::site(&node.config());
    let now = Timestamp::now();
    let redirect = |to: &str, reason| {
        mta::redirect(&site, &opened.subject.envelope, number, to, reason, now).map(Some)
    };
    let copy = match target {
        Target::Mailbox => return Outcome::Done,
        Target::Alternate(to) => redirect(to, Redirection::RECIPIENT_ASSIGNED),
        Target::Elsewhere(to) => redirect(to, Redirection::DIRECTORY_LOOK_UP),
        // A probe does not look behind a list (X.411 14.3.10): that it would be expanded is the answer.
        Target::List(list) if opened.subject.probe => {
            mta::may_expand(&opened.subject.envelope, list).map(|_| None)
        }
        Target::List(list) => mta::expand(&site, &opened.subject.envelope, number, list, now),
    };
    match copy {
        Ok(Some(copy)) => {
            let what = if matches!(target, Target::List(_)) { "expanded" } else { "redirected" };
            let outcome = accept(node, opened, copy, now).await;
            if outcome == Outcome::Done {
                metrics::counter!("bindback_reassigned_total", "how" => what).increment(1);
            }
            outcome
        }
        // The list had the message before, or only members whom the originator excludes.
        Ok(None) => Outcome::Done,
        Err(why) => failed(why),
    }
}

/// What became of a recipient for whom an alternate was tried.
pub struct Alternate {
    /// The alternate's address.
    pub address: String,
    pub outcome: Outcome,
}

/// Sends the message on to the alternate that its originator named for a recipient that failed, in this server or on the way
/// out; `None` where there is none.
pub async fn try_alternate(node: &Arc<Node>, opened: &Opened, number: u32) -> Option<Alternate> {
    let fields =
        opened.subject.envelope.recipients.iter().find(|fields| fields.number == number)?;
    let alternate = x400::originator_requested_alternate(&fields.extensions).ok()??;
    let to = mixer::to_rfc822(&alternate).unwrap_or_else(|_| mixer::write_out(&alternate.address));
    send_to(node, opened, number, to, Redirection::ORIGINATOR_REQUESTED).await
}

/// Sends the message on to whom this domain has for names of its own that nobody has, where the originator allows an
/// alternate recipient (X.411 8.2.1.1.1.3); `None` where not. The originator's own alternate goes before it.
pub async fn try_domain_alternate(
    node: &Arc<Node>,
    opened: &Opened,
    (number, address): (u32, &str),
) -> Option<Alternate> {
    let (envelope, config) = (&opened.subject.envelope, node.config());
    let to = config.mail.alternate_address()?;
    let allowed = MessageTransferEnvelope::ALTERNATE_RECIPIENT_ALLOWED;
    let fields = envelope.recipients.iter().find(|fields| fields.number == number)?;
    let mail_domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
    let ours = config.mail.is_local_domain(mail_domain)
        || settings::site(&config).is_home_of(&fields.recipient.address);
    if !ours || !envelope.per_message_indicators.bit(allowed) {
        return None;
    }
    send_to(node, opened, number, to, Redirection::RECIPIENT_MD_ASSIGNED).await
}

async fn send_to(
    node: &Arc<Node>,
    opened: &Opened,
    number: u32,
    address: String,
    reason: i64,
) -> Option<Alternate> {
    let site: Site = settings::site(&node.config());
    let now = Timestamp::now();
    let envelope = &opened.subject.envelope;
    // One that was tried already, or that the originator forbids, leaves the failure as it is.
    let copy = mta::redirect(&site, envelope, number, &address, reason, now).ok()?;
    let outcome = accept(node, opened, copy, now).await;
    if outcome == Outcome::Done {
        metrics::counter!("bindback_reassigned_total", "how" => "alternate").increment(1);
    }
    Some(Alternate { address, outcome })
}

/// Lets those know who are to hear of a report that came to a list.
pub async fn forward_report(
    node: &Arc<Node>,
    record: &MessageRecord,
    list: &DistributionList,
) -> Outcome {
    let stored = match node.queue.store().envelope(record.head.id) {
        Ok(stored) => stored.unwrap_or_default(),
        Err(error) => return Outcome::Retry { error: net::chain(&error) },
    };
    let report = match MtsApdu::decode(&stored) {
        Ok(MtsApdu::Report(report)) => report,
        Ok(_) | Err(_) => return Outcome::Done,
    };
    let site = settings::site(&node.config());
    let name = (list.address.as_str(), &list.reports);
    let identifier = || {
        let id = node.queue.next_id();
        (id, site.mts_identifier(id))
    };
    let (now, table) = (Timestamp::now(), node.routes());
    let life = |priority, submitted| node.queue.expires(priority, submitted);
    let entries =
        mta::forward_report(&site, &report, name, identifier, now, node.router(&table), life);
    let entries = match entries {
        Ok(entries) => entries,
        Err(error) => {
            eprintln!("the report {} cannot be forwarded: {error}", record.head.mts_id);
            return Outcome::Done;
        }
    };
    for (nth, mut entry) in entries.into_iter().enumerate() {
        // Made again after a crash it has another identifier, and is the same one.
        entry.seen = vec![format!("{}#forwarded#{nth}", record.head.mts_id)];
        match node.queue.accept(entry).await {
            Ok(_) | Err(AcceptError::Repeated) => {}
            Err(error) => return Outcome::Retry { error: error.to_string() },
        }
    }
    Outcome::Done
}

async fn accept(
    node: &Arc<Node>,
    opened: &Opened,
    copy: MessageTransferEnvelope,
    now: Timestamp,
) -> Outcome {
    let (id, table) = (node.queue.next_id(), node.routes());
    let life = |priority, submitted| node.queue.expires(priority, submitted);
    let routes = node.router(&table);
    let of = (&opened.subject, &opened.content);
    let made = mta::reassigned_entry(id, of, copy, now, routes, life);
    let entry = match made {
        Ok(entry) => entry,
        Err(error) => {
            let text = net::chain(&error);
            return failed(NotReassigned { diagnostic: DiagnosticCode::INVALID_ARGUMENTS, text });
        }
    };
    let mut entry = entry;
    let message = &mut entry.message;
    let taken = match node.queue.taken(&message.seen) {
        Ok(taken) => taken,
        Err(error) => return Outcome::Retry { error: net::chain(&error) },
    };
    // Some members may have got it by another list.
    let mut fresh = taken.iter().map(|taken| !taken);
    message.recipients.retain(|_| fresh.next().unwrap_or(true));
    let mut fresh = taken.iter().map(|taken| !taken);
    message.seen.retain(|_| fresh.next().unwrap_or(true));
    if message.recipients.is_empty() {
        return Outcome::Done;
    }
    match node.queue.accept(entry).await {
        Ok(_) | Err(AcceptError::Repeated) => Outcome::Done,
        Err(error) => Outcome::Retry { error: error.to_string() },
    }
}

fn failed(why: NotReassigned) -> Outcome {
    Outcome::Fail {
        reason: ReasonCode::UNABLE_TO_TRANSFER.0,
        diagnostic: Some(why.diagnostic.0),
        error: why.text,
    }
}
