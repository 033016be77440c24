//! Messages as the steps after their acceptance need them: the envelope read once, the content shared.
//!
//! What was just accepted is as a rule sent within the next milliseconds. It is kept here as it came in, so that no step
//! reads the store or the envelope's octets again. What is not here any more, after a restart or a longer wait, is read
//! from the store and kept again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mta::Subject;
use queue::MessageId;
use store::Store;

/// Most octets that are kept, envelopes counted [`READ_ENVELOPE`] times: a hundred sessions with mail of the usual size.
const KEPT_OCTETS: usize = 16 * 1024 * 1024;
/// A larger message is read from the store at each step: it would drive out many small ones.
const LARGEST: usize = KEPT_OCTETS / 8;
/// About how much more memory an envelope takes that was read than its octets do.
const READ_ENVELOPE: usize = 8;

/// A message or a probe.
#[derive(Debug)]
pub struct Opened {
    /// Its envelope.
    pub subject: Subject,
    /// Its content; empty for a probe.
    pub content: Arc<[u8]>,
    weight: usize,
}

impl Opened {
    /// Joins what was read of an envelope of so many octets with the content.
    #[must_use]
    pub fn new(subject: Subject, envelope: usize, content: Arc<[u8]>) -> Self {
        let weight = content.len().saturating_add(envelope.saturating_mul(READ_ENVELOPE));
        Self { subject, content, weight }
    }

    /// Reads a message out of the store.
    fn read(store: &Store, id: MessageId) -> Result<Self, String> {
        let missing = |what| format!("the {what} of message {id} is missing in the store");
        let words = |error: store::StoreError| error.to_string();
        let envelope = store.envelope(id).map_err(words)?.ok_or_else(|| missing("envelope"))?;
        let subject = mta::subject(&envelope).map_err(|error| error.to_string())?;
        let content = if subject.probe {
            Vec::new()
        } else {
            store.content(id).map_err(words)?.ok_or_else(|| missing("content"))?
        };
        Ok(Self::new(subject, envelope.len(), Arc::from(content)))
    }
}

/// The messages that are kept, the newest of them.
#[derive(Debug, Default)]
pub struct Shelf(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    messages: BTreeMap<MessageId, Arc<Opened>>,
    octets: usize,
}

impl Shelf {
    /// Keeps a message; the oldest go where there is no room.
    pub fn put(&self, id: MessageId, opened: Arc<Opened>) {
        if opened.weight > LARGEST {
            return;
        }
        let mut kept = self.lock();
        kept.octets += opened.weight;
        if let Some(before) = kept.messages.insert(id, opened) {
            kept.octets -= before.weight;
        }
        while kept.octets > KEPT_OCTETS
            && let Some((_, oldest)) = kept.messages.pop_first()
        {
            kept.octets -= oldest.weight;
        }
    }

    /// A message that is kept.
    #[must_use]
    pub fn get(&self, id: MessageId) -> Option<Arc<Opened>> {
        self.lock().messages.get(&id).cloned()
    }

    /// A message that is kept, or else as it stands in the store: this may wait for the disk.
    ///
    /// # Errors
    /// In words: it cannot be read.
    pub fn open(&self, store: &Store, id: MessageId) -> Result<Arc<Opened>, String> {
        if let Some(opened) = self.get(id) {
            return Ok(opened);
        }
        let opened = Arc::new(Opened::read(store, id)?);
        self.put(id, Arc::clone(&opened));
        Ok(opened)
    }

    /// Lets go of a message.
    pub fn remove(&self, id: MessageId) {
        let mut kept = self.lock();
        if let Some(opened) = kept.messages.remove(&id) {
            kept.octets -= opened.weight;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mixer::{SmtpOriginator, SmtpRecipient};

    fn opened(octets: usize) -> Arc<Opened> {
        let envelope = mixer::build_message(&mixer::NewMessage {
            originator: &SmtpOriginator::default(),
            recipients: &[SmtpRecipient { address: "b@b.test".into(), ..SmtpRecipient::default() }],
            identifier: "c=XX;a= ;p=ORG;l=EAST-1".parse().unwrap(),
            base: &"/C=XX/ADMD= /PRMD=ORG/".parse().unwrap(),
            priority: x400::Priority::Normal,
            submitted: jiff::Timestamp::UNIX_EPOCH,
        })
        .unwrap();
        let octets_of_envelope = envelope.encode();
        let subject = mta::subject(&octets_of_envelope).unwrap();
        Arc::new(Opened::new(subject, octets_of_envelope.len(), vec![0; octets].into()))
    }

    #[test]
    fn the_newest_stay_and_a_large_one_drives_out_nobody() {
        let (shelf, id) = (Shelf::default(), MessageId::from_number);
        let each = opened(1 << 20);
        for number in 1..=40 {
            shelf.put(id(number), Arc::clone(&each));
        }
        shelf.put(id(41), opened(LARGEST));
        assert!(shelf.get(id(41)).is_none());
        let kept: Vec<u64> = (1..=41).filter(|number| shelf.get(id(*number)).is_some()).collect();
        assert_eq!(kept, (26..=40).collect::<Vec<_>>());
        // The same one again takes no more room, and what goes makes room.
        shelf.put(id(40), Arc::clone(&each));
        shelf.remove(id(40));
        shelf.remove(id(7));
        assert_eq!(shelf.lock().octets, 14 * each.weight);
        assert!(shelf.get(id(26)).is_some());
    }
}
