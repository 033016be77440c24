//! RPC in: the endpoint mapper's port and the MTA's own.

use std::sync::Arc;
use std::time::Duration;

use net::{Gate, serve_admitted};
use tokio::net::{TcpListener, TcpStream};

use crate::link::ServiceFactory;
use crate::node::Node;
use crate::smtp_listener::allowed;

/// Connections at the same time on one port; each holds at most a few fragments in memory.
const MAX_CONNECTIONS: usize = 1000;

/// Serves one listening socket until the server stops. With `filtered`, a caller outside
/// `rpc.allow` is cut off before it may say a word.
pub async fn run(node: Arc<Node>, listener: TcpListener, factory: ServiceFactory, filtered: bool) {
    let port = listener.local_addr().map_or(0, |address| address.port());
    let gate = Gate::new(MAX_CONNECTIONS);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = node.stopped() => return,
        };
        let Ok((stream, peer)) = accepted else {
            // Out of file descriptors, as a rule: give others time to close some.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let config = node.config();
        if filtered && !allowed(&config.rpc.allow, peer.ip()) {
            metrics::counter!("bindback_rpc_filtered_total").increment(1);
            cut(stream);
            continue;
        }
        let Some(pass) = gate.admit().await else {
            cut(stream);
            continue;
        };
        let (association, service) = factory.connection(peer, port);
        let idle = config.rpc.idle_timeout;
        tokio::spawn(async move {
            // What the peer did wrong is its own loss; the connection is closed either way.
            if serve_admitted(stream, association, service, idle, pass).await.is_err() {
                metrics::counter!("bindback_rpc_broken_total").increment(1);
            }
        });
    }
}

/// Resets a connection, as a packet filter that rejects would.
fn cut(stream: TcpStream) {
    let _ = stream.set_zero_linger();
    drop(stream);
}
