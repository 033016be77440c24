//! A call as the task of a peer uses it, on both ends.

use std::sync::Arc;
use std::time::Duration;

use mta::{Direction, State};
use queue::NextHop;

use super::board::{Order, Phase, Shared};
use crate::node::Node;

/// How long the peer may take to end what it has on the link before this server hangs up.
const FAREWELL: Duration = Duration::from_secs(20);
/// How often the table is looked at for the peer's associations.
const LOOK: Duration = Duration::from_millis(100);
/// An association of a caller on which nothing crosses for so many times the idle time, and for a minute at least, is that
/// of a line that is gone: nobody says so when a line is cut.
const SILENT_FOR: u32 = 4;
const SILENT_AT_LEAST: Duration = Duration::from_secs(60);

/// What became of the wish for a way to a peer.
pub enum Raised {
    /// The peer has no dial-up connector: the way is always there.
    Straight,
    /// Nothing waits, or the peer is to call: no call is made.
    Nothing,
    /// The link stands.
    Up(Call),
    /// It does not, and no more is tried for now.
    Failed(String),
}

/// A link that stands. The one whose server dialled has to give it back.
pub struct Call {
    peer: String,
    line: Arc<Shared>,
    /// False where the peer dialled.
    own: bool,
    idle: Duration,
}

/// Makes sure of the way to a peer: dials, if it takes that and mail waits.
pub async fn raise(node: &Arc<Node>, peer: &str) -> Raised {
    let config = node.config();
    let Some(connector) = config.dial_up(peer) else { return Raised::Straight };
    let line = node.dial_ups.line(peer);
    let call =
        |own| Call { peer: peer.to_owned(), line: Arc::clone(&line), own, idle: connector.idle };
    let hop = NextHop::Peer(peer.to_owned());
    let waits = || {
        let demand = node.queue.view(|queue, _| queue.demand(&hop));
        demand.general > 0 || demand.urgent
    };
    if !waits() {
        return Raised::Nothing;
    }
    if stands(node, peer) {
        return Raised::Up(call(false));
    }
    if connector.waits_for_calls() {
        return Raised::Nothing;
    }
    let mut view = line.view.subscribe();
    let ended = view.borrow_and_update().ended;
    let (ready, greeting) = (node.queue.ready(&hop), node.greeting(peer));
    for told in [&ready, &greeting] {
        // What was told before this call was wanted puts nothing right in it.
        let _ = tokio::time::timeout(Duration::ZERO, told.notified()).await;
    }
    let _ = line.orders.send(Order::Wanted);
    loop {
        {
            let view = view.borrow_and_update();
            if view.phase == Phase::Up {
                return Raised::Up(call(true));
            }
            if view.ended != ended {
                return match &view.given_up {
                    Some(failure) => Raised::Failed(failure.to_string()),
                    // One that was cut before anybody saw it stand; what waits is to be called for again.
                    None if !node.is_stopping() => {
                        Raised::Failed("the call ended before anything crossed".to_owned())
                    }
                    None => Raised::Nothing,
                };
            }
        }
        tokio::select! {
            changed = view.changed() => if changed.is_err() { return Raised::Nothing },
            // Somebody put something right, or asks for a try now.
            () = ready.notified() => drop(line.orders.send(Order::Hurry)),
            () = greeting.notified() => drop(line.orders.send(Order::Hurry)),
            () = node.stopped() => {
                if view.borrow().phase == Phase::Up {
                    return Raised::Up(call(true));
                }
                // Should the link come up all the same, nobody is there to use it.
                let _ = line.orders.send(Order::Released);
                return Raised::Nothing;
            }
        }
    }
}

/// Whether the link to a peer stands, whoever dialled.
pub fn is_up(node: &Node, peer: &str) -> bool {
    matches!(node.dial_ups.line(peer).view.borrow().phase, Phase::Up | Phase::Leaving)
        || stands(node, peer)
}

/// Hears that something crosses to or from a peer.
pub fn heed(node: &Node, peer: &str) -> impl Fn() + Send + Sync + 'static {
    let line = node.dial_ups.line(peer);
    move || line.touch()
}

/// Whether a call of the peer stands: it has an association here.
pub fn stands(node: &Node, peer: &str) -> bool {
    let ltab = node.ltab();
    ltab.rows().any(|row| {
        row.direction == Direction::In
            && row.state == State::Open
            && row.peer.eq_ignore_ascii_case(peer)
    })
}

/// An association of a peer began or ended here: what waits for a caller goes while its call stands.
pub fn follow_call(node: &Node, peer: &str) {
    let config = node.config();
    let Some(connector) = config.dial_up(peer) else { return };
    let closed = crate::schedules::closed_for_call(node, connector, jiff::Timestamp::now());
    node.queue.set_schedule(&connector.peer, closed);
    if stands(node, peer) {
        node.dial_ups.touch(peer);
        node.queue.wake(&NextHop::Peer(connector.peer.clone()));
    }
}

/// Returns when an association that the peer opened cannot live any more, since the link is gone; never for a peer that has
/// no dial-up connector.
pub async fn link_down(node: &Arc<Node>, peer: &str) {
    let config = node.config();
    let Some(connector) = config.dial_up(peer) else { return std::future::pending().await };
    let line = node.dial_ups.line(peer);
    let mut view = line.view.subscribe();
    let dialled = view.borrow_and_update().phase != Phase::Down;
    let silent = (connector.idle * SILENT_FOR).max(SILENT_AT_LEAST);
    line.touch();
    loop {
        if dialled && matches!(view.borrow_and_update().phase, Phase::Down | Phase::Cut) {
            return;
        }
        let due = line.touched() + silent;
        if due <= line.now() {
            return;
        }
        tokio::select! {
            changed = view.changed() => if changed.is_err() { return },
            () = tokio::time::sleep_until(line.at(due)) => {}
        }
    }
}

impl Call {
    /// Returns when no more is to be sent: the call is to end in order, or has ended.
    pub async fn ends(&self, node: &Arc<Node>) {
        if self.own {
            let mut view = self.line.view.subscribe();
            // An error means that the connector is gone, and the call with it.
            let _ = view.wait_for(|view| view.phase != Phase::Up).await;
            return;
        }
        // The caller hangs up once nothing crosses; this server only has to be quick about its own part.
        while stands(node, &self.peer) && self.line.touched() + self.idle > self.line.now() {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Returns when the call was cut, with why.
    pub async fn cut(&self) -> String {
        if !self.own {
            return std::future::pending().await;
        }
        let mut view = self.line.view.subscribe();
        let cut = view.wait_for(|view| view.phase == Phase::Cut).await;
        let why = cut.ok().and_then(|view| view.failure.as_ref().map(|(_, one)| one.to_string()));
        why.unwrap_or_else(|| "the line was hung up".to_owned())
    }

    /// Gives the call back once the peer has nothing on the link any more; returns when the line is hung up.
    pub async fn give_back(self, node: &Arc<Node>) {
        if !self.own {
            return;
        }
        let quiet = async {
            while stands(node, &self.peer) && self.line.view.borrow().phase != Phase::Cut {
                tokio::time::sleep(LOOK).await;
            }
        };
        // One that does not end goes with the link.
        let _ = tokio::time::timeout(FAREWELL, quiet).await;
        let _ = self.line.orders.send(Order::Released);
        let mut view = self.line.view.subscribe();
        let _ = view.wait_for(|view| view.phase == Phase::Down).await;
    }
}
