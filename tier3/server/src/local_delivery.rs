//! Recipients of this server: into their Maildirs, or failed for good.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use delivery::{DeliveryError, DeliveryKey, Maildir, mailbox_folder};
use jiff::Timestamp;
use mta::Disposition;
use queue::{Kind, MessageRecord, NextHop, Outcome, RecipientRecord, Work};
use routing::Request;
use tokio::task::JoinSet;
use x400::{DiagnosticCode, MessageTransferEnvelope, MtsUserType};

use crate::blocking::blocking;
use crate::mail_content::mail_of;
use crate::node::Node;
use crate::opened::Opened;
use crate::processing::process;
use crate::reassignment;
use crate::recipients::Target;
use crate::{notification, reporting, settings};

/// Deliveries at the same time: one that waits for the disk does not hold up the others, and they share its syncs.
const AT_ONCE: usize = 8;
/// Pause after a delivery that failed for a reason that all mailboxes share and that may pass, such as a full disk.
const PAUSE: Duration = Duration::from_secs(5);
/// Maildirs that are remembered as made; where any local part has one, there is no end of them.
const MAX_MAILDIRS: usize = 10_000;

/// Delivers until the server stops.
pub async fn run(node: Arc<Node>) {
    let ready = node.queue.ready(&NextHop::Local);
    let mailboxes = Arc::new(Mailboxes::default());
    let mut running = JoinSet::new();
    loop {
        while running.len() < AT_ONCE
            && !node.is_stopping()
            && let Some(work) = node.queue.take(&NextHop::Local)
        {
            running.spawn(carry_out(Arc::clone(&node), Arc::clone(&mailboxes), work));
        }
        let pause = tokio::select! {
            () = ready.notified(), if running.len() < AT_ONCE => false,
            Some(ended) = running.join_next() => ended.is_ok_and(|pause| pause),
            () = node.stopped() => break,
        };
        if pause {
            // They fail for the same reason, and one pause is enough for all.
            while running.join_next().await.is_some() {}
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = node.stopped() => break,
            }
        }
    }
    while running.join_next().await.is_some() {}
}

/// Delivers one piece of work and tells the queue; whether deliveries should pause.
async fn carry_out(node: Arc<Node>, mailboxes: Arc<Mailboxes>, work: Work) -> bool {
    let delivered = deliver(&node, &mailboxes, &work).await;
    let pause = delivered.pause && delivered.moved.is_empty();
    node.queue.complete(work.id, delivered.results);
    for (number, hop) in delivered.moved {
        node.queue.reroute(work.id, number, hop);
    }
    pause
}

/// What is delivered: the octets, and the reverse path in front.
struct Parcel {
    reverse_path: String,
    /// A mail, or what becomes of a content that is none.
    content: Result<Arc<[u8]>, Outcome>,
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
    /// What failed would fail for others too.
    pause: bool,
}

async fn deliver(node: &Arc<Node>, mailboxes: &Mailboxes, work: &Work) -> Delivered {
    let all = |outcome: Outcome| Delivered {
        pause: matches!(outcome, Outcome::Retry { .. }),
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
            done.pause |= matches!(outcome, Outcome::Retry { .. });
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
                let delivery = match &parcel.content {
                    Ok(mail) => {
                        let mail =
                            Mail { reverse_path: &parcel.reverse_path, address, content: mail };
                        Ok(into_mailbox(node, mailboxes, mail, &key, &mailbox).await)
                    }
                    Err(unfit) => Err(unfit.clone()),
                };
                match delivery {
                    Ok(Ok(())) => Outcome::Done,
                    Ok(Err(error)) => {
                        done.pause |= error.is_of_all_mailboxes();
                        failed(&error)
                    }
                    Err(unfit) => unfit,
                }
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
            let content = Ok(Arc::from(content));
            Ok(Parcel { reverse_path: String::new(), content, opened: None })
        }
        Kind::Message => {
            let opened = node.queue.open_message(work.id)?;
            let view = mixer::smtp_view(&opened.subject.envelope);
            let view = view.map_err(|error| error.to_string())?;
            Ok(Parcel {
                reverse_path: view.originator.reverse_path,
                // Nothing of a probe is delivered.
                content: if opened.subject.probe { Ok(Arc::from([])) } else { mail_of(&opened) },
                opened: Some(opened),
            })
        }
    }
}

/// A mail with what is written in front of it.
struct Mail<'a> {
    reverse_path: &'a str,
    address: &'a str,
    content: &'a [u8],
}

async fn into_mailbox(
    node: &Node,
    mailboxes: &Mailboxes,
    mail: Mail<'_>,
    key: &DeliveryKey,
    mailbox: &str,
) -> Result<(), DeliveryError> {
    let config = node.config();
    // RFC 5321 4.5.1: postmaster may be an alias.
    let mailbox = match &config.mail.postmaster {
        Some(alias) if mailbox == "postmaster" => alias,
        _ => mailbox,
    };
    let folder = mailbox_folder(mailbox)?;
    let maildir = mailboxes.open(&config.mail.maildir, &folder).await?;
    let Mail { reverse_path, address, content } = mail;
    let header = format!("Return-Path: <{reverse_path}>\r\nDelivered-To: {address}\r\n");
    maildir.deliver(key, [header.as_bytes(), content]).await.map(drop)
}

/// The Maildirs that are known to be made, by their folder.
#[derive(Default)]
struct Mailboxes(Mutex<HashMap<String, Maildir>>);

impl Mailboxes {
    async fn open(&self, root: &Path, folder: &str) -> Result<Maildir, DeliveryError> {
        if let Some(maildir) = self.known().get(folder) {
            return Ok(maildir.clone());
        }
        let path = root.join(folder);
        let maildir = blocking(move || Maildir::open(path)).await?;
        let mut known = self.known();
        if known.len() >= MAX_MAILDIRS {
            known.clear();
        }
        // Another delivery may have opened it meanwhile; they share what that one has.
        Ok(known.entry(folder.to_owned()).or_insert(maildir).clone())
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Maildir>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn failed(error: &DeliveryError) -> Outcome {
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
