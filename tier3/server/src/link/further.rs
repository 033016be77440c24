//! Further associations to a peer beside the first one, while its backlog is worth them.
//!
//! The first association belongs to the task of the peer: it opens while mail waits, and its failure is the failure of
//! the hop. Further ones only help: one that cannot be opened or breaks gives its message back, and nothing else
//! changes. They are opened one after the other, since a peer takes only so many binds at the same time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use event::build;
use queue::NextHop;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::caller::{self, Open};
use super::records;
use crate::node::Node;
use net::chain;

/// How often the backlog is looked at while the first association stands.
const LOOK: Duration = Duration::from_millis(100);
/// How long urgent mail may wait for the first association before it gets one of its own.
const URGENT_WAITS: u32 = 2;
/// How long nothing is tried after a further association could not be opened.
const REST: Duration = Duration::from_secs(30);
/// How long a further association stays without mail.
const LINGER: Duration = Duration::from_secs(1);

/// The further associations of one peer, for as long as the first one stands.
pub struct Further {
    task: JoinHandle<()>,
    stop: watch::Sender<bool>,
}

impl Further {
    /// Begins to watch the backlog.
    pub fn watch(node: &Arc<Node>, peer: &str) -> Self {
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(run(Arc::clone(node), peer.to_owned(), stopped));
        Self { task, stop }
    }

    /// Ends them all; returns when each has finished or given back what it carried.
    pub async fn end(self) {
        self.stop.send_replace(true);
        // A panic there has nothing to do with the first association.
        let _ = self.task.await;
    }
}

/// How many stand, by what they are for.
#[derive(Default)]
struct Standing {
    general: AtomicU32,
    urgent: AtomicBool,
}

async fn run(node: Arc<Node>, peer: String, mut stopped: watch::Receiver<bool>) {
    let hop = NextHop::Peer(peer.clone());
    let standing = Arc::new(Standing::default());
    let mut tasks = JoinSet::new();
    let (mut urgent_for, mut told) = (0, false);
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            _ = stopped.wait_for(|stopped| *stopped) => break,
            () = node.stopped() => break,
        }
        while tasks.try_join_next().is_some() {}
        let demand = node.queue.view(|queue, _| queue.demand(&hop));
        urgent_for = if demand.urgent { urgent_for + 1 } else { 0 };
        let general = standing.general.load(Ordering::Relaxed) + 1;
        if demand.limited && general >= demand.general {
            if !told {
                node.log(build::association_limit(&peer, Some(&peer), demand.general));
            }
            told = true;
        } else if !demand.limited {
            told = false;
        }
        let urgent = urgent_for >= URGENT_WAITS && !standing.urgent.load(Ordering::Relaxed);
        if !urgent && general >= demand.general {
            continue;
        }
        let opened = tokio::select! {
            opened = caller::open(&node, &peer) => opened,
            _ = stopped.wait_for(|stopped| *stopped) => break,
        };
        match opened {
            Ok(open) => {
                let helper = Helper {
                    node: Arc::clone(&node),
                    peer: peer.clone(),
                    hop: hop.clone(),
                    urgent,
                    standing: Arc::clone(&standing),
                    stopped: stopped.clone(),
                };
                helper.count(true);
                tasks.spawn(helper.run(open));
            }
            Err(_) => tokio::select! {
                () = tokio::time::sleep(REST) => {}
                _ = stopped.wait_for(|stopped| *stopped) => break,
                () = node.stopped() => break,
            },
        }
    }
    while tasks.join_next().await.is_some() {}
}

struct Helper {
    node: Arc<Node>,
    peer: String,
    hop: NextHop,
    urgent: bool,
    standing: Arc<Standing>,
    stopped: watch::Receiver<bool>,
}

impl Helper {
    fn count(&self, stands: bool) {
        if self.urgent {
            self.standing.urgent.store(stands, Ordering::Relaxed);
        } else if stands {
            self.standing.general.fetch_add(1, Ordering::Relaxed);
        } else {
            self.standing.general.fetch_sub(1, Ordering::Relaxed);
        }
    }

    async fn run(mut self, mut open: Open) {
        let index = open.ltab_index;
        let end = self.serve(&mut open).await;
        self.count(false);
        let why = match end {
            Ok(()) => caller::leave(open).await.err(),
            Err(end) => Some(end),
        };
        if let Some(end) = &why {
            records::channel_broken(&self.node, &self.peer, index, end);
        }
        records::ended(&self.node, &self.peer, index, why.map(|end| chain(&end)).as_deref());
    }

    async fn serve(&mut self, open: &mut Open) -> Result<(), super::channel::ChannelEnd> {
        loop {
            while !self.node.is_stopping() && !*self.stopped.borrow() {
                let work = if self.urgent {
                    self.node.queue.take_urgent(&self.hop)
                } else {
                    self.node.queue.take(&self.hop)
                };
                let Some(work) = work else { break };
                let carried = work.clone();
                let (channel, association) = (&mut open.channel, &mut open.association);
                match caller::transfer(&self.node, channel, association, work).await {
                    Ok(true) => {
                        self.node.ltab().update(open.ltab_index, |row| row.messages += 1);
                    }
                    Ok(false) => {}
                    Err(end) => {
                        self.node.queue.work_lost(&carried, &chain(&end));
                        return Err(end);
                    }
                }
            }
            let waits = |queue: &queue::Queue, _| queue.demand(&self.hop);
            tokio::select! {
                () = tokio::time::sleep(LINGER) => {}
                _ = self.stopped.wait_for(|stopped| *stopped) => return Ok(()),
                () = self.node.stopped() => return Ok(()),
            }
            let demand = self.node.queue.view(waits);
            if !(demand.urgent || !self.urgent && demand.general > 1) {
                return Ok(());
            }
        }
    }
}
