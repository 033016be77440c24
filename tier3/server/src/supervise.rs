//! What watches over the queue: its clock, its store, and what the engine says beside work.

use std::sync::Arc;
use std::time::{Duration, Instant};

use event::own;
use jiff::Timestamp;
use queue::{Action, Kind, MessageId, MessageRecord, NextHop, Queue, Work};
use routing::Request;
use tokio::sync::mpsc;

use crate::delay_notice;
use crate::node::Node;
use crate::processing::Suspect;
use crate::resources::{Memory, Short};
use crate::route_table;
use crate::schedules::Schedules;

/// Messages that are read at once to look at their ways.
const PAGE: usize = 1000;
/// How often the clock and the store are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Notices of the engine; there is one receiver.
pub type Notices = mpsc::UnboundedReceiver<Action>;

/// Watches until the server stops.
pub async fn run(node: Arc<Node>, mut notices: Notices) {
    let mut watch = Watch::default();
    loop {
        tokio::select! {
            notice = notices.recv() => match notice {
                Some(notice) => heed(&node, notice).await,
                None => return,
            },
            () = tokio::time::sleep(LOOK) => {}
            () = node.stopped() => return,
        }
        watch.look(&node);
    }
}

/// Counts a crash against every message that the last process died with.
pub fn accuse(node: &Node, suspects: Vec<Suspect>) {
    for Suspect { id, step } in suspects {
        node.queue.crashed(id, &format!("the server ended while it was {step} the message"));
    }
}

/// What was seen last.
#[derive(Default)]
struct Watch {
    refusing: Option<(Instant, &'static str)>,
    /// Since when memory is short.
    short: Option<Instant>,
    schedules: Schedules,
}

impl Watch {
    fn look(&mut self, node: &Node) {
        if let Some(by) = node.queue.follow_clock() {
            node.log(own::clock_set(by.is_positive(), by.unsigned_abs().as_secs()));
        }
        self.look_at_memory(node);
        self.schedules.follow(node, Timestamp::now());
        let store = node.queue.store();
        let (seen, trouble) = (store.take_seen_trouble(), store.trouble());
        // One that came and went between two looks is told as well.
        if self.refusing.is_none()
            && let Some(known) = trouble.as_ref().or(seen.as_ref())
        {
            self.refusing = Some((Instant::now(), known.cause));
            let dir = node.config().server.data_dir.display().to_string();
            node.log(own::store_refuses(known.cause, &net::chain(&known.error), &dir));
        }
        if trouble.is_none()
            && let Some((since, cause)) = self.refusing.take()
        {
            node.log(own::store_recovered(cause, since.elapsed().as_secs()));
        }
        let refuses = trouble.is_some() || self.short.is_some();
        metrics::gauge!("bindback_store_refusing").set(if refuses { 1.0 } else { 0.0 });
    }
}

impl Watch {
    fn look_at_memory(&mut self, node: &Node) {
        let config = node.config();
        let limit = config.server.memory_mib.saturating_mul(1024 * 1024);
        match (node.resources.look_at_memory(limit), self.short) {
            (Some(Memory { used, limit }), since) => {
                let text = format!("the process has {used} octets of memory, and {limit} at most");
                // Seen again every second: the doctor tells of it as long as it lasts.
                node.resources.refused(Short::Memory, text.clone());
                if since.is_none() {
                    self.short = Some(Instant::now());
                    let dir = config.server.data_dir.display().to_string();
                    node.log(own::store_refuses(Short::Memory.cause(), &text, &dir));
                }
            }
            (None, Some(since)) => {
                self.short = None;
                node.resources.recovered(Short::Memory);
                node.log(own::store_recovered(Short::Memory.cause(), since.elapsed().as_secs()));
            }
            (None, None) => {}
        }
    }
}

async fn heed(node: &Arc<Node>, notice: Action) {
    match notice {
        Action::RetriesUsedUp { hop, work } => another_way(node, &hop, work),
        Action::Delayed { id, recipients } => delay_notice::send(node, id, &recipients).await,
        Action::DeferralBegan { id, until } => {
            node.log(own::deferral_began(&mts_id(node, id), &id.to_string(), &until.to_string()));
        }
        Action::DeferralEnded { id } => {
            node.log(own::deferral_ended(&mts_id(node, id), &id.to_string()));
        }
        Action::SetAside { id, evidence } => {
            let record = node.queue.record(id);
            let (mts_id, crashes) = record.map_or_else(
                || (String::new(), 0),
                |record| (record.head.mts_id, record.head.trouble.crashes),
            );
            node.log(own::message_set_aside(&mts_id, &id.to_string(), crashes, &evidence));
        }
        _ => {}
    }
}

/// Empty where the message is gone already.
fn mts_id(node: &Node, id: MessageId) -> String {
    node.queue.record(id).map_or_else(String::new, |record| record.head.mts_id)
}

/// The attempts to open a link are used up: each recipient goes another way, or comes back.
fn another_way(node: &Node, hop: &NextHop, work: Vec<Work>) {
    let error = node.queue.view(|queue, now| {
        let hops = queue.hops(now);
        hops.into_iter().find(|view| view.next_hop == *hop).and_then(|view| view.last_error)
    });
    for Work { id, recipients } in work {
        let Some(record) = node.queue.record(id) else { continue };
        let ways = ways(node, &record, &recipients);
        let mut failed = Vec::new();
        for number in recipients {
            match ways.iter().find(|(known, _)| *known == number) {
                Some((_, way)) if way != hop => move_recipient(node, id, number, hop, way.clone()),
                _ => failed.push((number, Queue::retries_used_up(error.as_deref()))),
            }
        }
        node.queue.fail(id, failed);
    }
}

/// The routes that all mail in the queue was looked at with last, in the data folder.
const ROUTES: &str = "routes.json";

/// [`follow_routes`] at the start, where the routes are not those that the last process ended with: a peer that was renamed
/// while the server stood still would otherwise keep its mail for ever.
pub fn follow_routes_changed_meanwhile(node: &Node) {
    let last = std::fs::read(node.config().server.data_dir.join(ROUTES));
    if !last.is_ok_and(|last| last == routes_as_text(node)) {
        follow_routes(node);
    }
}

/// The routes in a form that is the same for the same routes.
fn routes_as_text(node: &Node) -> Vec<u8> {
    // A table that cannot be written is like none: the mail is looked at.
    serde_json::to_vec(&crate::operations::route_rows(&node.routes())).unwrap_or_default()
}

/// Sends what waits for a peer the way that the routes have for it now; what they have no other way for stays.
pub fn follow_routes(node: &Node) {
    let routes = routes_as_text(node);
    let mut after = None;
    // What cannot be read stays where it is.
    while let Ok(page) = node.queue.store().messages(after, PAGE)
        && let Some(last) = page.last().map(|record| record.head.id)
    {
        if node.is_stopping() {
            // The next start begins anew.
            return;
        }
        after = Some(last);
        for id in page.into_iter().map(|record| record.head.id) {
            let Some(record) = node.queue.record(id) else { continue };
            let remote = record.recipients.iter().filter(|r| r.next_hop != NextHop::Local);
            let numbers: Vec<u32> = remote.map(|recipient| recipient.number).collect();
            for (number, way) in ways(node, &record, &numbers) {
                let old = record.recipients.iter().find(|recipient| recipient.number == number);
                if let Some(old) = old.map(|old| old.next_hop.clone()).filter(|old| *old != way) {
                    move_recipient(node, id, number, &old, way);
                }
            }
        }
    }
    let path = node.config().server.data_dir.join(ROUTES);
    if let Err(error) = std::fs::write(&path, routes) {
        // The next start looks once more, which does no harm.
        eprintln!("cannot write {}: {error}", path.display());
    }
}

/// The next hop that the routes have for each of these recipients.
fn ways(node: &Node, record: &MessageRecord, numbers: &[u32]) -> Vec<(u32, NextHop)> {
    let routes = node.routes();
    let wanted = record.recipients.iter().filter(|r| numbers.contains(&r.number));
    let router = node.router(&routes);
    let ways = wanted.map(|recipient| {
        let choice = router.choose(&Request {
            address: &recipient.address,
            sender: Some(&record.head.originator),
            size: Some(record.head.size),
            is_system: record.head.kind == Kind::Report,
            ..Request::default()
        });
        // Local disposition also finds that there is no such mailbox, or no route any more.
        (recipient.number, route_table::next_hop(&choice.route).unwrap_or(NextHop::Local))
    });
    ways.collect()
}

fn move_recipient(node: &Node, id: MessageId, number: u32, old: &NextHop, new: NextHop) {
    let mts_id = mts_id(node, id);
    let (from, to) = (crate::operations::hop_name(old), crate::operations::hop_name(&new));
    node.queue.reroute(id, number, new);
    node.log(own::rerouted(&mts_id, &to, &from));
}
