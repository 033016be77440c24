//! RFC 1006 in: who calls is judged by its address before it may say who it is.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use config::X400;
use event::build;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::{called, records};
use crate::node::Node;
use crate::smtp_listener::allowed;

/// Connections at the same time; each association holds at most one message in memory.
const MAX_CONNECTIONS: usize = 200;
/// A caller that the list of networks leaves out is told of this often.
const TOLD_EVERY: Duration = Duration::from_secs(60);
/// So many such callers are told of within that time.
const MAX_TOLD: usize = 64;

/// Serves one listening socket until the server stops.
pub async fn run(node: Arc<Node>, listener: TcpListener) {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut filtered = Filtered::default();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = node.stopped() => return,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                let code = error.raw_os_error().and_then(|code| u32::try_from(code).ok());
                node.log(build::accept_failed(code.unwrap_or(0), "", &error.to_string()));
                // Out of file descriptors, as a rule: give others time to close some.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        if !allowed(&node.config().rfc1006.allow, address.ip().to_canonical()) {
            metrics::counter!("bindback_rfc1006_filtered_total").increment(1);
            cut(stream);
            if filtered.is_new(address.ip().to_canonical(), Instant::now()) {
                tell_filtered(&node, address);
            }
            continue;
        }
        let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
            cut(stream);
            continue;
        };
        let node = Arc::clone(&node);
        tokio::spawn(async move {
            let candidates = candidates(&node, address).await;
            called::serve(node, stream, address, candidates).await;
            drop(slot);
        });
    }
}

/// Events 9301 and 9202 of a caller that the list of networks leaves out.
fn tell_filtered(node: &Node, address: SocketAddr) {
    let place = address.ip().to_canonical().to_string();
    node.log(build::unknown_address(&records::network_address(address), &place));
    let why = "no network in rfc1006.allow holds the address";
    node.log(build::accept_failed(records::ACCESS, &place, why));
}

/// Callers that were told of: each once a minute, so that nobody pushes other events out.
#[derive(Default)]
struct Filtered(HashMap<IpAddr, Instant>);

impl Filtered {
    /// True when the caller was not told of within the last minute.
    fn is_new(&mut self, address: IpAddr, now: Instant) -> bool {
        self.0.retain(|_, told| now.duration_since(*told) < TOLD_EVERY);
        let is_new = self.0.len() < MAX_TOLD && !self.0.contains_key(&address);
        if is_new {
            self.0.insert(address, now);
        }
        is_new
    }
}

/// The connectors whose host has the address that a call came from.
async fn candidates(node: &Node, address: SocketAddr) -> Vec<X400> {
    let from = address.ip().to_canonical();
    let mut found = Vec::new();
    for connector in &node.config().x400 {
        let Ok(resolved) = node.resolver.resolve(&connector.host).await else { continue };
        if resolved.addresses.iter().any(|known| known.to_canonical() == from) {
            found.push(connector.clone());
        }
    }
    found
}

/// Resets a connection, as a packet filter that rejects would.
fn cut(stream: TcpStream) {
    let _ = stream.set_zero_linger();
    drop(stream);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_that_is_left_out_is_told_of_once_a_minute() {
        let (mut filtered, now) = (Filtered::default(), Instant::now());
        let address = |last: u8| IpAddr::from([127, 0, 0, last]);
        assert!(filtered.is_new(address(1), now));
        assert!(!filtered.is_new(address(1), now + TOLD_EVERY / 2));
        assert!(filtered.is_new(address(2), now));
        assert!(filtered.is_new(address(1), now + TOLD_EVERY));
        for last in 0..=u8::MAX {
            filtered.is_new(address(last), now + TOLD_EVERY);
        }
        assert!(filtered.0.len() <= MAX_TOLD);
    }
}
