//! RPC in: the endpoint mapper's port and the MTA's own.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use net::{Gate, Reactors, serve_admitted};
use tokio::net::{TcpListener, TcpStream};

use crate::link::ServiceFactory;
use crate::node::Node;
use crate::smtp_listener::{allowed, tell_of_descriptors};

/// Connections at the same time on one port; each holds at most a few fragments in memory.
const MAX_CONNECTIONS: usize = 1000;
/// A caller lets go of a binding that was idle for too long and says so; only one that does not is cut off, so much later.
const GRACE: Duration = Duration::from_secs(60);

/// Serves one listening socket until the server stops. With `filtered`, a caller outside
/// `rpc.allow` is cut off before it may say a word.
pub async fn run(
    node: Arc<Node>,
    reactors: Reactors,
    listener: TcpListener,
    factory: ServiceFactory,
    filtered: bool,
) {
    let port = listener.local_addr().map_or(0, |address| address.port());
    let gate = Gate::new(MAX_CONNECTIONS);
    let places = Places::default();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = node.stopped() => return,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tell_of_descriptors(&node, "RPC", &error);
                // Give others time to close some.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let config = node.config();
        if filtered && !allowed(&config.rpc.allow, peer.ip()) {
            metrics::counter!("bindback_rpc_filtered_total").increment(1);
            cut(stream);
            continue;
        }
        let address = peer.ip().to_canonical();
        let place = places.take(address, config.rpc.max_per_address);
        let shut_out = node.failed_logons().is_shut_out(Instant::now(), address);
        let (Some(place), false) = (place, shut_out) else {
            metrics::counter!("bindback_rpc_crowded_total").increment(1);
            cut(stream);
            continue;
        };
        let Some(pass) = gate.admit().await else {
            cut(stream);
            continue;
        };
        let (association, service) = factory.connection(peer, port);
        let idle = config.rpc.idle_timeout + GRACE;
        let served = reactors.serve(stream, move |stream| async move {
            // What the peer did wrong is its own loss; the connection is closed either way.
            if serve_admitted(stream, association, service, idle, pass).await.is_err() {
                metrics::counter!("bindback_rpc_broken_total").increment(1);
            }
            drop(place);
        });
        if let Err(error) = served {
            tell_of_descriptors(&node, "RPC", &error);
        }
    }
}

/// How many connections each address has; clones share it.
#[derive(Clone, Default)]
struct Places(Arc<Mutex<HashMap<IpAddr, usize>>>);

impl Places {
    /// One more for an address; none when it has as many as it may.
    fn take(&self, address: IpAddr, most: usize) -> Option<Place> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(address).or_insert(0);
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Place { places: self.clone(), address })
    }
}

/// One connection of an address, until it is dropped.
struct Place {
    places: Places,
    address: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.address);
            }
        }
    }
}

/// Resets a connection, as a packet filter that rejects would.
fn cut(stream: TcpStream) {
    let _ = stream.set_zero_linger();
    drop(stream);
}
