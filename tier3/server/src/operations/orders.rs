//! Holds, tracks and copies, on a running server or on a store at rest.

use std::fs::OpenOptions;
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use admin::OperationError;
use admin::queue_api::{QueueAnswer, QueueOrder, TrackRecipient, TrackStep};
use config::Config;
use jiff::Timestamp;
use queue::Step;
use store::{Copied, Store};

use super::{hops, shared};
use crate::mail_queue::MailQueue;

/// Steps that one answer shows unless it is asked for fewer.
const MAX_STEPS: usize = 10_000;

/// How a hold is told, and stands in the audit trail.
pub fn held_words(next_hop: &str) -> String {
    format!("{next_hop} is held")
}

/// Does what is ordered; waits for the disk.
pub fn follow(
    queue: &MailQueue,
    config: &Config,
    order: QueueOrder,
) -> Result<QueueAnswer, OperationError> {
    let store = queue.store();
    match order {
        QueueOrder::Hold { next_hop } => {
            let hop = hops::next_hop(queue, config, &next_hop)?;
            queue.hold(&hop);
            settled(store, held_words(&hops::hop_name(&hop)))
        }
        QueueOrder::Release { next_hop } => {
            let hop = hops::next_hop(queue, config, &next_hop)?;
            queue.release(&hop);
            settled(store, format!("{} is released", hops::hop_name(&hop)))
        }
        QueueOrder::ReleaseMessage { id } => {
            let released = queue.release_message(shared::message_id(&id)?);
            match released.map_err(|error| OperationError::NotFound(error.to_string()))? {
                true => settled(store, format!("message {id} goes on")),
                false => {
                    let text = format!("message {id} is not set aside");
                    Err(OperationError::Conflict(text))
                }
            }
        }
        QueueOrder::Track { what, since, limit } => {
            let asked = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(MAX_STEPS);
            let found = store.track(&what, since, asked.min(MAX_STEPS)).map_err(internal)?;
            let steps = found.into_iter().map(step).collect();
            Ok(QueueAnswer { steps, ..QueueAnswer::default() })
        }
        QueueOrder::TrackExport { since, to } => export_track(store, since, &to),
        QueueOrder::Export { to } => {
            check_new(&to)?;
            Ok(copied(&store.export(&to).map_err(internal)?, &to))
        }
        QueueOrder::Backup { to } => {
            check_new(&to)?;
            Ok(copied(&store.backup(&to).map_err(internal)?, &to))
        }
    }
}

/// A copy goes into a folder that is new, or empty.
fn check_new(to: &Path) -> Result<(), OperationError> {
    let empty = || std::fs::read_dir(to).is_ok_and(|mut found| found.next().is_none());
    if std::fs::symlink_metadata(to).is_err() || empty() {
        return Ok(());
    }
    Err(exists(to))
}

fn exists(to: &Path) -> OperationError {
    OperationError::Conflict(format!(
        "{} exists already, and nothing is overwritten; give another name",
        to.display()
    ))
}

/// What was changed is on its way to the disk; the next one in line is behind it.
fn settled(store: &Store, done: String) -> Result<QueueAnswer, OperationError> {
    store.commit_wait(Vec::new()).map_err(internal)?;
    Ok(QueueAnswer { done: Some(done), ..QueueAnswer::default() })
}

fn export_track(
    store: &Store,
    since: Option<Timestamp>,
    to: &Path,
) -> Result<QueueAnswer, OperationError> {
    let failed = |error: std::io::Error| {
        OperationError::Internal(format!("{} cannot be written: {error}", to.display()))
    };
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to);
    let file = file.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => exists(to),
        _ => failed(error),
    });
    let mut file = BufWriter::new(file?);
    let count = store
        .export_track(since, |step| {
            serde_json::to_writer(&mut file, step)?;
            file.write_all(b"\n")
        })
        .map_err(internal)?;
    let file = file.into_inner().map_err(|error| failed(error.into_error()))?;
    file.sync_all().map_err(failed)?;
    let done = format!("{count} steps are in {}", to.display());
    Ok(QueueAnswer { done: Some(done), count: Some(count), ..QueueAnswer::default() })
}

fn copied(copied: &Copied, to: &Path) -> QueueAnswer {
    QueueAnswer {
        done: Some(match copied.messages {
            1 => format!("1 message is in {}", to.display()),
            messages => format!("{messages} messages are in {}", to.display()),
        }),
        count: Some(copied.messages),
        octets: Some(copied.octets),
        ..QueueAnswer::default()
    }
}

fn step(step: Step) -> TrackStep {
    let recipients = step.recipients.iter().map(|recipient| TrackRecipient {
        number: recipient.number,
        address: recipient.address.clone(),
        next_hop: hops::hop_name(&recipient.next_hop),
    });
    TrackStep {
        time: step.time,
        id: step.id.to_string(),
        step: shared::word(&step.step),
        kind: shared::word(&step.kind),
        recipients: recipients.collect(),
        mts_id: step.mts_id,
        message_id: step.message_id,
        from: step.from,
        size: step.size,
        detail: step.detail,
    }
}

fn internal(error: store::StoreError) -> OperationError {
    OperationError::Internal(net::chain(&error))
}
