//! Recipients of this server: into their Maildirs, or failed for good.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use delivery::{DeliveryKey, Maildir, mailbox_folder};
use jiff::Timestamp;
use mta::Disposition;
use queue::{Kind, MessageRecord, NextHop, Outcome, RecipientRecord, Work};
use routing::Request;
use x400::{DiagnosticCode, MessageTransferEnvelope, MtsUserType};

use crate::blocking::blocking;
use crate::node::Node;
use crate::opened::Opened;
use crate::processing::process;
use crate::reassignment;
use crate::recipients::Target;
use crate::{notification, reporting, settings};

/// Pause after a delivery that failed for a reason that may pass, such as a full disk.
const PAUSE: Duration = Duration::from_secs(5);
/// Maildirs that are remembered as made; where any local part has one, there is no end of them.
const MAX_MAILDIRS: usize = 10_000;

/// Delivers until the server stops.
pub async fn run(node: Arc<Node>) {
    let ready = node.queue.ready(&NextHop::Local);
    let mut maildirs = HashMap::new();
    loop {
        while !node.is_stopping()
            && let Some(work) = node.queue.take(&NextHop::Local)
        {
            let delivered = deliver(&node, &mut maildirs, &work).await;
            let failed = |(_, outcome): &(u32, Outcome)| matches!(outcome, Outcome::Retry { .. });
            let pause = delivered.moved.is_empty() && delivered.results.iter().any(failed);
            node.queue.complete(work.id, delivered.results);
            for (number, hop) in delivered.moved {
                node.queue.reroute(work.id, number, hop);
            }
            if pause {
                tokio::select! {
                    () = tokio::time::sleep(PAUSE) => {}
                    () = node.stopped() => return,
                }
            }
        }
        tokio::select! {
            () = ready.notified() => {}
            () = node.stopped() => return,
        }
    }
}

/// What is delivered: the octets, and the reverse path in front.
struct Parcel {
    reverse_path: String,
    content: Arc<[u8]>,
    /// A report has none.
    opened: Option<Arc<Opened>>,
}

impl Parcel {
    fn envelope(&self) -> Option<&MessageTransferEnvelope> {
        self.opened.as_ref().map(|opened| &opened.subject.envelope)
    }

    /// Only the question whether it could be delivered.
    fn is_probe(&self) -> bool {
        self.opened.as_ref().is_some_and(|opened| opened.subject.probe)
    }
}

/// What became of one piece of work.
#[derive(Default)]
struct Delivered {
    results: Vec<(u32, Outcome)>,
    /// Recipients that go another way now.
    moved: Vec<(u32, NextHop)>,
}

async fn deliver(
    node: &Arc<Node>,
    maildirs: &mut HashMap<String, Maildir>,
    work: &Work,
) -> Delivered {
    let all = |outcome: Outcome| Delivered {
        results: work.recipients.iter().map(|n| (*n, outcome.clone())).collect(),
        moved: Vec::new(),
    };
    let Some(record) = node.queue.record(work.id) else {
        return all(Outcome::Done);
    };
    let read = {
        let (node, work, kind) = (Arc::clone(node), work.clone(), record.head.kind);
        let id = work.id;
        process(&Arc::clone(&node), id, "reading", move || parcel(&node, &work, kind)).await
    };
    let parcel = match read {
        Ok(Ok(parcel)) => parcel,
        // It went back to the backlog, or was set aside.
        Err(_) => return Delivered::default(),
        Ok(Err(error)) => return all(Outcome::Retry { error }),
    };
    let mut done = Delivered::default();
    for recipient in record.recipients.iter().filter(|r| work.recipients.contains(&r.number)) {
        let (number, address) = (recipient.number, &recipient.address);
        let disposition = dispose(node, &parcel, &record, recipient);
        if let Some(outcome) = reassigned(node, &parcel, &record, recipient, &disposition).await {
            done.results.push((number, outcome));
            continue;
        }
        let delivered = match disposition {
            Disposition::Deliver { .. } if parcel.is_probe() => Outcome::Done,
            Disposition::Deliver { mailbox } => {
                let key = DeliveryKey {
                    message: record.head.mts_id.clone(),
                    recipient: once(&parcel, number),
                };
                into_mailbox(node, maildirs, &parcel, &key, &mailbox, address).await
            }
            Disposition::Fail { reason, diagnostic, text } => {
                Outcome::Fail { reason: reason.0, diagnostic: Some(diagnostic.0), error: text }
            }
            Disposition::Move { hop, text } => {
                done.moved.push((number, hop));
                Outcome::Retry { error: text }
            }
        };
        let waited = Timestamp::now().duration_since(record.head.submitted);
        if delivered == Outcome::Done {
            let subject = parcel.opened.as_ref().map(|opened| &opened.subject);
            reporting::report_delivery(node, subject, (number, MtsUserType::PRIVATE)).await;
        }
        if delivered == Outcome::Done && !parcel.is_probe() {
            metrics::counter!("bindback_delivered_total").increment(1);
            metrics::histogram!("bindback_delivery_seconds").record(waited.as_secs_f64());
        }
        done.results.push((number, delivered));
    }
    done
}

fn dispose(
    node: &Node,
    parcel: &Parcel,
    record: &MessageRecord,
    recipient: &RecipientRecord,
) -> Disposition {
    let site = settings::site(&node.config());
    let came_by = parcel.envelope().and_then(mta::came_by);
    let request = Request {
        address: &recipient.address,
        came_by: came_by.as_deref(),
        sender: Some(&record.head.originator),
        size: Some(record.head.size),
        recipients: parcel.envelope().map(|envelope| envelope.recipients.len()),
        is_system: record.head.kind == Kind::Report,
        ..Request::default()
    };
    let subject = parcel.envelope().map(|envelope| (envelope, recipient.number));
    let recipients = node.recipients();
    let keeps = |mailbox: &str| recipients.target(mailbox).is_none();
    mta::dispose(&site, node.router(&node.routes()), subject, &request, keeps)
}

/// What becomes of a recipient that somebody else stands for; `None` where nobody does.
async fn reassigned(
    node: &Arc<Node>,
    parcel: &Parcel,
    record: &MessageRecord,
    recipient: &RecipientRecord,
    disposition: &Disposition,
) -> Option<Outcome> {
    let opened = parcel.opened.as_deref();
    match disposition {
        Disposition::Deliver { mailbox } => {
            let recipients = node.recipients();
            let target = recipients.target(mailbox)?;
            let Some(opened) = opened else {
                // A report for a mailbox goes into it, whoever reads its mail.
                let Target::List(list) = target else { return None };
                return Some(reassignment::forward_report(node, record, list).await);
            };
            let is_list = matches!(target, Target::List(_));
            let outcome = reassignment::follow(node, opened, recipient.number, target).await;
            if is_list && outcome == Outcome::Done {
                let told = Some(&opened.subject);
                reporting::report_delivery(node, told, (recipient.number, MtsUserType::DL)).await;
            }
            Some(outcome)
        }
        Disposition::Fail { diagnostic, .. } => {
            let (opened, number) = (opened?, recipient.number);
            let mut tried = reassignment::try_alternate(node, opened, number).await;
            // Nobody here is called so: the domain may have somebody for that.
            if tried.is_none() && *diagnostic == DiagnosticCode::UNRECOGNISED_OR_NAME {
                let nobody = (number, &*recipient.address);
                tried = reassignment::try_domain_alternate(node, opened, nobody).await;
            }
            Some(tried?.outcome)
        }
        Disposition::Move { .. } => None,
    }
}

/// What tells the recipient from others of the message that come to one mailbox: its number, and for one who was not named
/// by the originator all of [`mta::once_key`].
fn once(parcel: &Parcel, number: u32) -> String {
    let fields = parcel.envelope().and_then(|envelope| {
        let fields = envelope.recipients.iter().find(|fields| fields.number == number)?;
        let key = mta::once_key(envelope, fields);
        Some(key.strip_prefix(&format!("{}#", envelope.mts_identifier))?.to_owned())
    });
    fields.unwrap_or_else(|| number.to_string())
}

fn parcel(node: &Node, work: &Work, kind: Kind) -> Result<Parcel, String> {
    match kind {
        Kind::Report => {
            let apdu = node.queue.store().envelope(work.id).map_err(|error| error.to_string())?;
            let missing = || format!("report {} is missing in the store", work.id);
            let content = notification::from_report(node, &apdu.ok_or_else(missing)?)?;
            let content = Arc::from(content);
            Ok(Parcel { reverse_path: String::new(), content, opened: None })
        }
        Kind::Message => {
            let opened = node.queue.open_message(work.id)?;
            let view = mixer::smtp_view(&opened.subject.envelope);
            let view = view.map_err(|error| error.to_string())?;
            Ok(Parcel {
                reverse_path: view.originator.reverse_path,
                content: Arc::clone(&opened.content),
                opened: Some(opened),
            })
        }
    }
}

async fn into_mailbox(
    node: &Node,
    maildirs: &mut HashMap<String, Maildir>,
    parcel: &Parcel,
    key: &DeliveryKey,
    mailbox: &str,
    address: &str,
) -> Outcome {
    let config = node.config();
    // RFC 5321 4.5.1: postmaster may be an alias.
    let mailbox = match &config.mail.postmaster {
        Some(alias) if mailbox == "postmaster" => alias,
        _ => mailbox,
    };
    let folder = match mailbox_folder(mailbox) {
        Ok(folder) => folder,
        Err(error) => return failed(&error),
    };
    let path = config.mail.maildir.join(&folder);
    let maildir = match open(maildirs, &folder, path).await {
        Ok(maildir) => maildir,
        Err(error) => return failed(&error),
    };
    let header = format!("Return-Path: <{}>\r\nDelivered-To: {address}\r\n", parcel.reverse_path);
    match maildir.deliver(key, [header.as_bytes(), &parcel.content]).await {
        Ok(_) => Outcome::Done,
        Err(error) => failed(&error),
    }
}

async fn open<'a>(
    maildirs: &'a mut HashMap<String, Maildir>,
    folder: &str,
    path: std::path::PathBuf,
) -> Result<&'a Maildir, delivery::DeliveryError> {
    if maildirs.len() >= MAX_MAILDIRS && !maildirs.contains_key(folder) {
        maildirs.clear();
    }
    match maildirs.entry(folder.to_owned()) {
        std::collections::hash_map::Entry::Occupied(entry) => Ok(entry.into_mut()),
        std::collections::hash_map::Entry::Vacant(entry) => {
            Ok(entry.insert(blocking(move || Maildir::open(path)).await?))
        }
    }
}

fn failed(error: &delivery::DeliveryError) -> Outcome {
    if error.is_temporary() {
        Outcome::Retry { error: error.to_string() }
    } else {
        Outcome::Fail {
            reason: x400::ReasonCode::UNABLE_TO_TRANSFER.0,
            diagnostic: Some(x400::DiagnosticCode::RECIPIENT_UNAVAILABLE.0),
            error: error.to_string(),
        }
    }
}
