//! What became of each message: steps by message, and the ways to find a message by an address or an identifier.
//!
//! Keys: `s`, message, time, number, for a step; `f`, what it is found by, a zero octet, message, for a way to it;
//! `t`, time, message, for when it may be forgotten, counted from its last step.

use crate::disk;
use crate::error::StoreError;
use crate::group::{Change, Group};
use crate::open::Engine;
use crate::spaces::Space;
use jiff::Timestamp;
use queue::{MessageId, Step, StepKind};
use std::collections::BTreeSet;

/// Most octets of what a message is found by: a longer address is cut, here and when it is looked for.
const HANDLE_LIMIT: usize = 512;
/// Most steps that are kept of one message: more are retries, of which the newest say enough.
pub(crate) const STEP_LIMIT: usize = 1000;
const STEPS: &[u8] = b"s";
const HANDLES: &[u8] = b"f";
const TIMES: &[u8] = b"t";

/// The rows of steps.
pub(crate) fn rows(steps: &[Step]) -> Result<Vec<Change>, serde_json::Error> {
    let mut rows = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        let number = u16::try_from(number).unwrap_or(u16::MAX);
        rows.push((Space::Track, step_key(step, number), Some(disk::encode(step)?.into())));
        if step.step != StepKind::Retried {
            rows.push((Space::Track, time_key(step.time, step.id), Some([].into())));
        }
        if step.step == StepKind::Accepted {
            let handles = handles(step);
            rows.extend(
                handles
                    .iter()
                    .map(|handle| (Space::Track, handle_key(handle, step.id), Some([].into()))),
            );
        }
    }
    Ok(rows)
}

/// The steps of the messages that are found by `what`: a message's number, an MTS identifier, a `Message-ID`, or an
/// address; oldest first.
pub(crate) fn find(
    engine: &Engine,
    what: &str,
    since: Option<Timestamp>,
    limit: usize,
) -> Result<Vec<Step>, StoreError> {
    let mut ids = BTreeSet::new();
    if let Ok(id) = what.parse::<MessageId>() {
        ids.insert(id);
    }
    let prefix = [HANDLES, fold(what).as_bytes(), b"\0"].concat();
    for row in engine.spaces.of(Space::Track).prefix(&prefix) {
        let key = row.key().map_err(|error| engine.error("reading the track", error))?;
        ids.extend(disk::read_message_key(&key[prefix.len()..]));
    }
    let mut steps = Vec::new();
    for id in ids {
        steps.extend(steps_of(engine, id)?);
    }
    steps.retain(|step| since.is_none_or(|since| step.time >= since));
    steps.sort_by_key(|step| step.time);
    // The newest say most.
    steps.drain(..steps.len().saturating_sub(limit));
    Ok(steps)
}

/// All steps not older than `since`, message by message, handed to `each`.
pub(crate) fn export(
    engine: &Engine,
    since: Option<Timestamp>,
    mut each: impl FnMut(&Step) -> std::io::Result<()>,
) -> Result<u64, StoreError> {
    let mut count = 0;
    for row in engine.spaces.of(Space::Track).prefix(STEPS) {
        let (key, value) =
            row.into_inner().map_err(|error| engine.error("reading the track", error))?;
        let step: Step =
            disk::decode(&value).map_err(|detail| engine.corrupt(Space::Track, &key, detail))?;
        if since.is_none_or(|since| step.time >= since) {
            each(&step).map_err(|error| StoreError::io(&engine.dir, "writing the track", error))?;
            count += 1;
        }
    }
    Ok(count)
}

/// Forgets messages whose last step is older than `before`, at most `most` of them; whether there may be more.
pub(crate) fn prune(engine: &Engine, before: Timestamp, most: usize) -> Result<bool, StoreError> {
    let end = [TIMES, disk::time_key(before).as_slice()].concat();
    let mut group = Group::default();
    let mut rows = 0;
    for row in engine.spaces.of(Space::Track).range(TIMES..end.as_slice()).take(most) {
        rows += 1;
        let key = row.key().map_err(|error| engine.error("reading the track", error))?;
        if let Some(id) = key.last_chunk::<8>().and_then(|id| disk::read_message_key(id)) {
            let steps = steps_of(engine, id)?;
            // A message that did something since is found again by the row of that.
            if steps.iter().all(|step| step.time < before) {
                forget(&mut group, engine, id, &steps)?;
            }
        }
        group.remove(Space::Track, key.to_vec());
    }
    group.commit(engine)?;
    Ok(rows == most)
}

fn forget(
    group: &mut Group,
    engine: &Engine,
    id: MessageId,
    steps: &[Step],
) -> Result<(), StoreError> {
    let prefix = [STEPS, disk::message_key(id).as_slice()].concat();
    for row in engine.spaces.of(Space::Track).prefix(&prefix) {
        let key = row.key().map_err(|error| engine.error("reading the track", error))?;
        group.remove(Space::Track, key.to_vec());
    }
    for step in steps.iter().filter(|step| step.step == StepKind::Accepted) {
        for handle in handles(step) {
            group.remove(Space::Track, handle_key(&handle, id));
        }
    }
    Ok(())
}

fn steps_of(engine: &Engine, id: MessageId) -> Result<Vec<Step>, StoreError> {
    let prefix = [STEPS, disk::message_key(id).as_slice()].concat();
    let mut steps = Vec::new();
    for row in engine.spaces.of(Space::Track).prefix(&prefix) {
        let (key, value) =
            row.into_inner().map_err(|error| engine.error("reading the track", error))?;
        let step =
            disk::decode(&value).map_err(|detail| engine.corrupt(Space::Track, &key, detail))?;
        steps.push(step);
        if steps.len() > 2 * STEP_LIMIT {
            steps.drain(1..=STEP_LIMIT);
        }
    }
    Ok(steps)
}

/// What a message is found by.
fn handles(step: &Step) -> BTreeSet<String> {
    let named = [Some(step.mts_id.as_str()), step.message_id.as_deref(), Some(step.from.as_str())];
    let recipients = step.recipients.iter().map(|recipient| recipient.address.as_str());
    let all = named.into_iter().flatten().chain(recipients);
    all.map(fold).filter(|handle| !handle.is_empty()).collect()
}

/// As it is compared: without the angle brackets of a `Message-ID`, without regard to case.
fn fold(handle: &str) -> String {
    let bare = handle.trim().trim_start_matches('<').trim_end_matches('>');
    let mut folded = bare.to_lowercase().replace('\0', " ");
    folded.truncate(folded.floor_char_boundary(HANDLE_LIMIT));
    folded
}

fn step_key(step: &Step, number: u16) -> Vec<u8> {
    let id = disk::message_key(step.id);
    let time = disk::time_key(step.time);
    [STEPS, id.as_slice(), time.as_slice(), &number.to_be_bytes()].concat()
}

fn handle_key(handle: &str, id: MessageId) -> Vec<u8> {
    [HANDLES, handle.as_bytes(), b"\0", disk::message_key(id).as_slice()].concat()
}

fn time_key(time: Timestamp, id: MessageId) -> Vec<u8> {
    [TIMES, disk::time_key(time).as_slice(), disk::message_key(id).as_slice()].concat()
}
