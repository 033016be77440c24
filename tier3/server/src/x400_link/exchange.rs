//! What happens on an open association, whoever opened it: messages both ways, and the turn.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use config::X400;
use jiff::Timestamp;
use mta::{OutboundError, Output};
use net::chain;
use queue::{MessageId, NextHop, Outcome, Priority, Work};
use x400::{DiagnosticCode, DowngradeError, ReasonCode};

use super::line::{Line, LineEnd};
use super::sent::{self, Record};
use super::spool::Spool;
use crate::blocking::blocking;
use crate::inbound;
use crate::node::Node;
use crate::outbound;
use crate::schedules::closed;

/// How often a side without work looks at the queue, should it have missed its bell.
const LOOK: Duration = Duration::from_secs(10);

/// Who opened the association, and what for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// This server called; it keeps the association for its lifetime.
    Caller,
    /// A further association of this server: it leaves once nothing waits.
    Further,
    /// The same for urgent mail alone.
    Urgent,
    /// The other MTA called.
    Called,
}

/// One association of a connector.
pub struct Exchange<'a> {
    pub node: &'a Arc<Node>,
    pub settings: &'a X400,
    /// Both sides send on it.
    pub two_way: bool,
    /// The other MTA is one of 1984.
    pub old: bool,
    pub index: u32,
    pub role: Role,
}

/// A message on its way.
pub struct Flight {
    work: Work,
    until: Instant,
    /// Where its checkpoints are written down, so that it can be gone on with after a restart.
    record: Option<Record>,
}

impl Flight {
    /// One that a process before this one began.
    pub fn resumed(
        node: &Node,
        settings: &X400,
        work: Work,
        octets: usize,
        record: Record,
    ) -> Self {
        let until = Instant::now() + patience(node, settings, &work, octets);
        Self { work, until, record: Some(record) }
    }

    /// The association that was to go on with it was not opened; with `again` another one may be.
    pub fn put_back(self, node: &Node, why: &str, again: bool) {
        let found = self.record.and_then(Record::put_back);
        match found {
            Some(found) if again => node.x400.put_sent(found),
            Some(found) => found.forget(),
            None => {}
        }
        node.queue.work_lost(&self.work, why);
    }

    /// What was under way, which is over.
    fn over(self) -> Work {
        if let Some(record) = self.record {
            record.clear();
        }
        self.work
    }

    /// Gives the message back to the queue.
    pub fn give_back(self, node: &Node, error: &str) {
        complete(node, &self.over(), &Outcome::Retry { error: error.to_owned() });
    }
}

fn complete(node: &Node, work: &Work, outcome: &Outcome) {
    let all = work.recipients.iter().map(|number| (*number, outcome.clone())).collect();
    node.queue.complete(work.id, all);
}

/// How an exchange ended.
pub struct Ended {
    /// `None` after an orderly release.
    pub why: Option<String>,
    /// What was under way: the caller may go on with it, or gives it back to the queue.
    pub flight: Option<Flight>,
    /// What was being received, in a file.
    pub file: Option<PathBuf>,
}

impl Exchange<'_> {
    fn hop(&self) -> NextHop {
        NextHop::Peer(self.settings.name.clone())
    }

    fn spool(&self) -> Spool {
        self.node.x400.spool(&self.settings.name, self.role == Role::Called)
    }

    fn may_send(&self) -> bool {
        self.role != Role::Called || self.two_way
    }

    /// Runs the association to its end. With `flight`, that message is under way already.
    pub async fn run(&self, line: &mut Line, flight: Option<Flight>) -> Ended {
        let mut flight = flight;
        let mut spool = self.spool();
        let why = match self.exchange(line, &mut flight, &mut spool).await {
            Ok(why) => why,
            Err(end) => Some(end.to_string()),
        };
        let file = if why.is_some() {
            spool.leave()
        } else {
            spool.clear();
            None
        };
        Ended { why, flight, file }
    }

    async fn exchange(
        &self,
        line: &mut Line,
        flight: &mut Option<Flight>,
        spool: &mut Spool,
    ) -> Result<Option<String>, LineEnd> {
        let node = self.node;
        let ready = node.queue.ready(&self.hop());
        let mut idle_since = Instant::now();
        let (mut asked, mut wanted, mut leaving) = (false, false, None);
        loop {
            let standing = line.association().is_idle();
            let turn = line.association().has_turn();
            if flight.is_none() && turn && standing && leaving.is_none() {
                *flight = self.start(line).await;
            }
            if flight.is_some() {
                idle_since = Instant::now();
            } else if turn && standing && self.two_way && (self.role == Role::Called || wanted) {
                wanted = false;
                // The turn is this side's and nothing is under way.
                let _ = line.association().give_turn();
            } else if !turn && self.two_way && !asked && (leaving.is_some() || self.waits()) {
                asked = line.association().request_turn(0).is_ok();
            }
            let rest = self.settings.retry.lifetime.saturating_sub(idle_since.elapsed());
            let helps = matches!(self.role, Role::Further | Role::Urgent);
            let done = node.is_stopping() || rest.is_zero() || helps;
            if self.role != Role::Called && flight.is_none() && done && leaving.is_none() {
                line.association().release();
                leaving = Some(Instant::now() + self.settings.retry.disconnect);
            }
            self.record(line, flight).await;
            let deadline = flight.as_ref().map(|flight| flight.until).or(leaving);
            // The other one is in the middle of a transfer: it may take its time, but not fall silent.
            let receiving = flight.is_none() && !line.association().is_idle();
            let over = |line: &Line| {
                let silent = line.heard() + self.settings.transfer.receive_timeout;
                deadline.or(receiving.then_some(silent))
            };
            let until = over(line);
            let due = flight.as_ref().and_then(|flight| flight.record.as_ref()).map(Record::due);
            let patience = match until {
                Some(until) => due
                    .map_or(until, |due| due.min(until))
                    .saturating_duration_since(Instant::now())
                    .max(Duration::from_millis(1)),
                // Whoever was called does not end what the caller keeps.
                None if self.role == Role::Called => LOOK,
                None => rest.clamp(Duration::from_millis(10), LOOK),
            };
            let output = tokio::select! {
                output = line.next_output() => output?,
                () = ready.notified(), if self.may_send() && flight.is_none() => continue,
                () = node.stopped(), if !node.is_stopping() => continue,
                () = tokio::time::sleep(patience) => {
                    // Octets may have come meanwhile that said nothing yet.
                    if over(line).is_none_or(|until| until > Instant::now()) {
                        continue;
                    }
                    if receiving {
                        // What came is kept, should the other one go on.
                        line.association().handle_lost();
                    }
                    let (peer, waited) = (self.settings.name.clone(), line.heard().elapsed());
                    return Err(LineEnd::Silent { peer, waited });
                }
            };
            match output {
                Output::Checkpoint => {
                    idle_since = Instant::now();
                    self.write_down(line, spool).await;
                }
                Output::Received(apdu) => {
                    idle_since = Instant::now();
                    self.receive(line, apdu).await?;
                    spool.clear();
                }
                Output::Sent => {
                    if let Some(work) = flight.take().map(Flight::over) {
                        node.x400.settled(work.id);
                        node.x400_table().update(self.index, |row| row.messages += 1);
                        outbound::note_sent(node, &work);
                        self.complete(&work, &Outcome::Done);
                    }
                }
                Output::NotSent(error) => {
                    if let Some(work) = flight.take().map(Flight::over) {
                        self.complete(&work, &self.refused(work.id, error));
                    }
                }
                // It counts for nothing: the message is not to blame, and the mail's own life ends the waiting.
                Output::NotNow(error) => {
                    if let Some(work) = flight.take().map(Flight::over) {
                        self.complete(&work, &Outcome::Retry { error });
                    }
                }
                Output::Turn => asked = false,
                Output::TurnWanted(_) => wanted = true,
                Output::Ended(why) => return Ok(why),
                _ => {}
            }
        }
    }

    /// Writes down how far the message under way was confirmed, now and then.
    async fn record(&self, line: &mut Line, flight: &mut Option<Flight>) {
        let Some(Flight { work, record: Some(record), .. }) = flight else { return };
        if Instant::now() < record.due() {
            return;
        }
        record.looked();
        let Some(sending) = line.association().sending() else { return };
        let (folder, name) = (self.node.x400.folder(), &self.settings.name);
        let Some((path, octets)) = record.increment(folder, name, work, &sending) else { return };
        let written = blocking(move || sent::write(&path, &octets)).await;
        if let Err(error) = written {
            eprintln!("how far a message to {name} has come is kept in memory only: {error}");
        }
    }

    /// Keeps what came until a checkpoint before that is confirmed, so that a restart of this server
    /// costs the other one no more than what came since.
    async fn write_down(&self, line: &mut Line, spool: &mut Spool) {
        let Some(increment) = line.association().partial().map(|one| spool.increment(&one)) else {
            return;
        };
        let fresh = self.spool();
        let mut own = std::mem::replace(spool, fresh);
        let (own, written) = blocking(move || {
            let written = own.write(&increment);
            (own, written)
        })
        .await;
        *spool = own;
        if let Err(error) = written {
            eprintln!("a checkpoint of {} is kept in memory only: {error}", self.settings.name);
        }
    }

    fn waits(&self) -> bool {
        let hop = self.hop();
        self.node.queue.view(|queue, _| queue.backlog(&hop) > 0)
    }

    /// Whether the schedule closed since this server called.
    fn is_over(&self) -> bool {
        self.role != Role::Called && closed(&self.settings.schedule, Timestamp::now()).is_some()
    }

    async fn receive(&self, line: &mut Line, apdu: Vec<u8>) -> Result<(), LineEnd> {
        let peer = &self.settings.name;
        let answered = match inbound::take(self.node, peer, apdu).await {
            Ok(()) => line.association().confirm(),
            Err(error) => {
                eprintln!("transfer from {peer} refused: {}", chain(&error));
                if error.passes() {
                    line.association().refuse_for_now()
                } else {
                    line.association().refuse()
                }
            }
        };
        answered
            .map_err(|error| LineEnd::Protocol { peer: peer.clone(), detail: chain(&error) })?;
        self.node.x400_table().update(self.index, |row| row.messages += 1);
        Ok(())
    }

    fn next_work(&self) -> Option<Work> {
        let (queue, hop) = (&self.node.queue, self.hop());
        if self.role == Role::Urgent { queue.take_urgent(&hop) } else { queue.take(&hop) }
    }

    /// Begins to hand over the next message of the queue.
    async fn start(&self, line: &mut Line) -> Option<Flight> {
        while !self.node.is_stopping()
            && !self.is_over()
            && let Some(work) = self.next_work()
        {
            let conversion = outbound::conversion(self.settings, self.old);
            let begun = match outbound::apdu(self.node, &work, conversion).await {
                Ok(apdu) if self.old => match mta::downgrade(&apdu) {
                    Ok(apdu) => Ok(apdu),
                    Err(OutboundError::Downgrade(error)) => {
                        self.complete(&work, &cannot_downgrade(&error));
                        continue;
                    }
                    Err(error) => Err(chain(&error)),
                },
                other => other,
            };
            let begun = match begun {
                Ok(apdu) => {
                    let until =
                        Instant::now() + patience(self.node, self.settings, &work, apdu.len());
                    line.association().send(apdu).map(|()| until).map_err(|error| chain(&error))
                }
                Err(error) => Err(error),
            };
            match begun {
                Ok(until) => {
                    let record = Some(Record::new(self.role == Role::Called));
                    return Some(Flight { work, until, record });
                }
                Err(error) => self.complete(&work, &Outcome::Retry { error }),
            }
        }
        None
    }

    /// Gives a message back that was under way when the association ended.
    pub fn give_back(&self, flight: Flight, error: &str) {
        flight.give_back(self.node, error);
    }

    fn complete(&self, work: &Work, outcome: &Outcome) {
        complete(self.node, work, outcome);
    }

    /// A message that the other MTA would not have: tried again as often as the connector says.
    fn refused(&self, id: MessageId, error: String) -> Outcome {
        if self.node.x400.refused(id) <= self.settings.retry.transfer_retries {
            return Outcome::Retry { error };
        }
        self.node.x400.settled(id);
        Outcome::Fail {
            reason: ReasonCode::TRANSFER_FAILURE.0,
            diagnostic: Some(DiagnosticCode::TRANSFER_ATTEMPTS_LIMIT_REACHED.0),
            error,
        }
    }
}

/// How long a transfer may take: so many seconds for each kibibyte, by priority.
fn patience(node: &Node, settings: &X400, work: &Work, octets: usize) -> Duration {
    let record = node.queue.record(work.id);
    let transfer = &settings.transfer;
    let each = match record.map(|record| record.head.priority) {
        Some(Priority::Urgent) => transfer.timeout_urgent,
        Some(Priority::NonUrgent) => transfer.timeout_non_urgent,
        _ => transfer.timeout_normal,
    };
    each.saturating_mul(u32::try_from(octets / 1024 + 1).unwrap_or(u32::MAX))
}

/// Non-delivery 2/47 (X.419 Annex B).
fn cannot_downgrade(error: &DowngradeError) -> Outcome {
    Outcome::Fail {
        reason: ReasonCode::CONVERSION_NOT_PERFORMED.0,
        diagnostic: Some(DiagnosticCode::UNABLE_TO_DOWNGRADE.0),
        error: error.to_string(),
    }
}
