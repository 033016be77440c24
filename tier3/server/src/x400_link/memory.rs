//! What is remembered between associations: refused messages, and what broken ones left.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use config::X400;
use mta::{SessionIdentifier, Unfinished};
use queue::MessageId;

use super::exchange::Flight;
use super::sent;
use super::spool::{self, Spool};

/// Broken associations that are remembered; each may hold a whole message.
const MAX_KEPT: usize = 32;
/// Octets of all of them together, so that whoever may call cannot fill the memory by breaking off; one is kept in any case.
const MAX_KEPT_OCTETS: usize = 256 * 1024 * 1024;

/// A broken association of a caller, which may go on with it.
pub struct Kept {
    pub connector: String,
    pub unfinished: Unfinished,
    /// The message that this side was sending on it.
    pub flight: Option<Flight>,
    until: Instant,
    /// The file that outlives this process.
    file: Option<PathBuf>,
}

impl Kept {
    pub fn new(
        connector: &X400,
        unfinished: Unfinished,
        flight: Option<Flight>,
        file: Option<PathBuf>,
    ) -> Self {
        let until = Instant::now() + connector.transfer.recovery_timeout;
        Self { connector: connector.name.clone(), unfinished, flight, until, file }
    }

    /// Nobody goes on with it: what is to be given back to the queue.
    fn forget(self) -> Option<Flight> {
        if let Some(file) = self.file {
            spool::remove(&file);
        }
        self.flight
    }
}

/// The memory. What is received until a checkpoint outlives the process, and how far a transfer was confirmed.
pub struct Memory {
    folder: PathBuf,
    kept: Mutex<Vec<Kept>>,
    /// What a process before this one was receiving on associations that it had opened.
    received: Mutex<Vec<Kept>>,
    refused: Mutex<HashMap<MessageId, u32>>,
    /// What a process before this one was sending.
    sent: Mutex<Vec<sent::Found>>,
}

impl Memory {
    /// Reads what a process before this one was receiving and sending, in a folder of the server's own.
    pub fn open(data_dir: &Path, connectors: &[X400]) -> Self {
        let folder = data_dir.join("x400");
        let (mut kept, mut received) = (Vec::new(), Vec::new());
        for found in spool::read_all(&folder) {
            let connector = connectors.iter().find(|one| one.name == found.connector);
            let left =
                connector.and_then(|one| spool::left(found.at, one.transfer.recovery_timeout));
            match left {
                Some(left) => {
                    let own = Kept {
                        connector: found.connector,
                        unfinished: found.unfinished,
                        flight: None,
                        until: Instant::now() + left,
                        file: Some(found.path),
                    };
                    if found.called { &mut kept } else { &mut received }.push(own);
                }
                None => spool::remove(&found.path),
            }
        }
        let mut sent = Vec::new();
        for found in sent::read_all(&folder) {
            let of = connectors.iter().find(|one| one.name == found.connector());
            // What nobody goes on with any more would stay for ever where the other side has to ask for it.
            if of.is_some_and(|one| found.is_fresh(one.transfer.recovery_timeout)) {
                sent.push(found);
            } else {
                found.forget();
            }
        }
        let sent = Mutex::new(sent);
        let (kept, received) = (Mutex::new(kept), Mutex::new(received));
        Self { folder, kept, received, refused: Mutex::default(), sent }
    }

    /// Where transfers are written down.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A transfer of a process before this one that was not gone on with, and may be yet.
    pub fn put_sent(&self, one: sent::Found) {
        lock(&self.sent).push(one);
    }

    /// A transfer to this connector that a process before this one was in the middle of.
    pub fn take_sent(&self, connector: &X400) -> Option<sent::Found> {
        let mut found = lock(&self.sent);
        let own = |one: &sent::Found| one.is_own() && one.connector() == connector.name;
        while let Some(at) = found.iter().position(own) {
            let one = found.remove(at);
            if one.is_fresh(connector.transfer.recovery_timeout) {
                return Some(one);
            }
            one.forget();
        }
        None
    }

    /// A transfer that a process before this one was in the middle of, as the MTA of one of these connectors asks for it.
    pub fn take_sent_on(
        &self,
        session: &SessionIdentifier,
        connectors: &[X400],
    ) -> Option<(sent::Found, X400)> {
        let mut found = lock(&self.sent);
        let at = found.iter().position(|one| one.is_asked_for(session))?;
        let of = |one: &X400| one.name == found[at].connector();
        let connector = connectors.iter().find(|one| of(one))?.clone();
        let one = found.remove(at);
        if one.is_fresh(connector.transfer.recovery_timeout) {
            return Some((one, connector));
        }
        one.forget();
        None
    }

    /// What a process before this one was receiving from this connector on an association that it had opened.
    pub fn take_received(&self, connector: &X400) -> Option<Unfinished> {
        let mut received = lock(&self.received);
        let now = Instant::now();
        while let Some(at) = received.iter().position(|one| one.connector == connector.name) {
            let mut one = received.remove(at);
            if let Some(file) = one.file.take() {
                spool::remove(&file);
            }
            if one.until > now {
                return Some(one.unfinished);
            }
        }
        None
    }

    /// The other MTA was not reached: it may be yet.
    pub fn put_received(&self, connector: &X400, unfinished: Unfinished) {
        lock(&self.received).push(Kept::new(connector, unfinished, None, None));
    }

    /// Where an association with this connector writes what it receives; `called` when the other MTA opened it.
    pub fn spool(&self, connector: &str, called: bool) -> Spool {
        Spool::new(&self.folder, connector, called)
    }

    /// Keeps what a caller's association left, for the connector's recovery time-out; what is
    /// returned was kept too long, or has no room.
    pub fn keep(&self, one: Kept) -> Vec<Flight> {
        let mut kept = lock(&self.kept);
        let mut over = take_expired(&mut kept);
        kept.push(one);
        let octets = |kept: &[Kept]| kept.iter().map(|one| one.unfinished.octets()).sum::<usize>();
        while kept.len() > MAX_KEPT || kept.len() > 1 && octets(&kept) > MAX_KEPT_OCTETS {
            over.push(kept.remove(0));
        }
        over.into_iter().filter_map(Kept::forget).collect()
    }

    /// What a caller wants to go on with, if it is one of these connectors'.
    pub fn take(&self, session: &SessionIdentifier, connectors: &[X400]) -> Option<Kept> {
        let mut kept = lock(&self.kept);
        let now = Instant::now();
        let at = kept.iter().position(|one| {
            one.until > now
                && one.unfinished.session == *session
                && connectors.iter().any(|connector| connector.name == one.connector)
        })?;
        let mut taken = kept.remove(at);
        // Whoever goes on writes a file of its own, under the session connection that it is on.
        if let Some(file) = taken.file.take() {
            spool::remove(&file);
        }
        Some(taken)
    }

    /// Forgets what was kept too long, and returns what is to be given back.
    pub fn expire(&self) -> Vec<Flight> {
        take_expired(&mut lock(&self.kept)).into_iter().filter_map(Kept::forget).collect()
    }

    /// Counts a refusal of a message; how often it was refused now.
    pub fn refused(&self, id: MessageId) -> u32 {
        let mut refused = lock(&self.refused);
        let count = refused.entry(id).or_insert(0);
        *count += 1;
        *count
    }

    /// A message is settled.
    pub fn settled(&self, id: MessageId) {
        lock(&self.refused).remove(&id);
    }
}

fn take_expired(kept: &mut Vec<Kept>) -> Vec<Kept> {
    let now = Instant::now();
    kept.extract_if(.., |one| one.until <= now).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mta::{Negotiation, OpenedMode, Partial};

    use super::*;

    fn kept(activity: u32, octets: &[u8]) -> Kept {
        let session = SessionIdentifier::default();
        let unfinished = Unfinished::received(&Partial {
            session: &session,
            mode: OpenedMode::Normal,
            two_way: false,
            negotiation: Negotiation { checkpoint_kib: 1, window: 3 },
            activity,
            octets,
            marks: &[octets.len()],
        });
        let until = Instant::now() + Duration::from_secs(3600);
        Kept { connector: "WEST".to_owned(), unfinished, flight: None, until, file: None }
    }

    #[test]
    fn broken_associations_fill_the_memory_to_a_bound() {
        let folder = tempfile::tempdir().unwrap();
        let memory = Memory::open(folder.path(), &[]);
        let count = || lock(&memory.kept).len();
        for number in 0..40 {
            memory.keep(kept(number, &[1; 10]));
        }
        assert_eq!(count(), MAX_KEPT);
        // As large as all may be together: it is kept, and nothing else.
        memory.keep(kept(40, &vec![1; MAX_KEPT_OCTETS]));
        assert_eq!(count(), 1);
        memory.keep(kept(41, &[1; 10]));
        assert_eq!(count(), 1);
        assert_eq!(lock(&memory.kept)[0].unfinished, kept(41, &[1; 10]).unfinished);
    }
}
