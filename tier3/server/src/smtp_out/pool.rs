//! Which next hops are served, and by how many connections.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use queue::NextHop;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;

use super::worker;
use crate::node::Node;

/// Connections to other servers at the same time, all connectors together; a file descriptor each.
const MAX_CONNECTIONS: usize = 500;
/// Those of them that may be tries of next hops whose last one failed: dead ones leave room for the living.
const MAX_FAILING: usize = 250;

/// One next hop, as its workers share it.
pub(super) struct Destination {
    pub(super) hop: NextHop,
    /// Connections that stand or are being opened.
    pub(super) workers: AtomicUsize,
    /// Those of them that wait for mail.
    pub(super) idle: AtomicUsize,
    /// Rings when an idle worker is wanted.
    pub(super) bell: Notify,
    /// The last connection could not be opened.
    pub(super) failing: AtomicBool,
}

/// Serves all next hops of connectors until the server stops.
pub async fn run(node: Arc<Node>) {
    let Some(mut ready) = node.queue.take_outgoing() else { return };
    let mut pool = Pool::default();
    loop {
        tokio::select! {
            hop = ready.recv() => match hop {
                Some(hop) => pool.want(&node, hop),
                None => break,
            },
            Some(ended) = pool.tasks.join_next(), if !pool.tasks.is_empty() => {
                if let Ok(Ended { destination, was_failing }) = ended {
                    pool.failing_now -= usize::from(was_failing);
                    pool.ended(&node, &destination);
                }
            }
            () = node.stopped() => break,
        }
        pool.start(&node, &mut ready);
    }
    while pool.tasks.join_next().await.is_some() {}
}

#[derive(Default)]
struct Pool {
    destinations: HashMap<NextHop, Arc<Destination>>,
    /// Next hops whose last connection failed; only a name, since there may be very many.
    failing: HashSet<NextHop>,
    failing_now: usize,
    /// In the order in which they asked; those that failed last stand apart.
    fresh: VecDeque<NextHop>,
    again: VecDeque<NextHop>,
    /// What stands in one of the two lists.
    asked: HashSet<NextHop>,
    tasks: JoinSet<Ended>,
}

/// A worker that is done.
struct Ended {
    destination: Arc<Destination>,
    /// It was counted among the failing ones.
    was_failing: bool,
}

impl Pool {
    /// A next hop has work: an idle worker takes it, or another one is started as soon as there is room.
    fn want(&mut self, node: &Node, hop: NextHop) {
        if let Some(destination) = self.destinations.get(&hop) {
            if destination.idle.load(Ordering::Acquire) > 0 {
                destination.bell.notify_one();
                return;
            }
            if destination.workers.load(Ordering::Acquire) >= worker::limit(node, &hop) {
                return;
            }
        }
        if !self.asked.insert(hop.clone()) {
            return;
        }
        if self.failing.contains(&hop) {
            self.again.push_back(hop);
        } else {
            self.fresh.push_back(hop);
        }
    }

    /// Starts workers while there is room.
    fn start(&mut self, node: &Arc<Node>, ready: &mut mpsc::UnboundedReceiver<NextHop>) {
        // What came meanwhile is seen first, so that the order of the two lists is fair.
        while let Ok(hop) = ready.try_recv() {
            self.want(node, hop);
        }
        while self.tasks.len() < MAX_CONNECTIONS {
            let next = self.fresh.pop_front().or_else(|| {
                (self.failing_now < MAX_FAILING).then(|| self.again.pop_front()).flatten()
            });
            let Some(hop) = next else { break };
            self.asked.remove(&hop);
            let failing = self.failing.contains(&hop);
            let destination = self.destinations.entry(hop.clone()).or_insert_with(|| {
                Arc::new(Destination {
                    hop: hop.clone(),
                    workers: AtomicUsize::new(0),
                    idle: AtomicUsize::new(0),
                    bell: Notify::new(),
                    failing: AtomicBool::new(failing),
                })
            });
            if destination.workers.load(Ordering::Acquire) >= worker::limit(node, &hop) {
                continue;
            }
            destination.workers.fetch_add(1, Ordering::AcqRel);
            self.failing_now += usize::from(failing);
            let (node, destination) = (Arc::clone(node), Arc::clone(destination));
            self.tasks.spawn(async move {
                worker::run(&node, &destination).await;
                Ended { destination, was_failing: failing }
            });
        }
    }

    /// A worker is done; what came for it in its last moment is not forgotten.
    fn ended(&mut self, node: &Node, destination: &Arc<Destination>) {
        let left = destination.workers.fetch_sub(1, Ordering::AcqRel) - 1;
        if destination.failing.load(Ordering::Acquire) {
            self.failing.insert(destination.hop.clone());
        } else {
            self.failing.remove(&destination.hop);
        }
        if left == 0 {
            self.destinations.remove(&destination.hop);
        }
        let waits = node.queue.view(|queue, _| {
            queue.at_hand(&destination.hop) > 0
                && !queue.is_waiting(&destination.hop)
                && queue.closed(&destination.hop).is_none()
        });
        if waits && !node.is_stopping() {
            self.want(node, destination.hop.clone());
        }
    }
}
