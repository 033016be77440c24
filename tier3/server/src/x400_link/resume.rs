//! Going on with a transfer that a process before this one was in the middle of.

use std::sync::Arc;

use config::X400;
use mta::Unfinished;
use queue::NextHop;

use super::exchange::Flight;
use super::sent::Found;
use crate::node::Node;
use crate::outbound;

/// Messages that are looked at to find the one that was under way before a restart.
const MAX_LOOKED_AT: usize = 1000;

/// Takes the message out of the queue again, and finds from where it is to be sent; `None` when it is not there any more, or is
/// another one now: then it starts over.
pub async fn take_up(
    node: &Arc<Node>,
    settings: &X400,
    found: Found,
) -> Option<(Flight, Unfinished)> {
    let hop = NextHop::Peer(settings.name.clone());
    let mut others = Vec::new();
    let work = loop {
        match node.queue.take(&hop) {
            Some(work) if found.is_of(&work) => break Some(work),
            Some(work) if others.len() < MAX_LOOKED_AT => others.push(work),
            other => {
                others.extend(other);
                break None;
            }
        }
    };
    for work in others {
        node.queue.work_lost(&work, "a message from before the restart goes first");
    }
    let Some(work) = work else {
        found.forget();
        return None;
    };
    let conversion = outbound::conversion(settings, found.is_old());
    let apdu = match outbound::apdu(node, &work, conversion).await {
        Ok(apdu) if found.is_old() => mta::downgrade(&apdu).ok(),
        other => other.ok(),
    };
    let Some(apdu) = apdu else {
        found.forget();
        node.queue.work_lost(&work, "it cannot be read for now");
        return None;
    };
    let Some((unfinished, record)) = found.resume(&work, &apdu) else {
        node.queue.work_lost(&work, "the server was started again in the middle of it");
        return None;
    };
    let flight = Flight::resumed(node, settings, work, apdu.len(), record);
    Some((flight, unfinished))
}
