//! RFC 1006 in: who calls is judged by its address before it may say who it is.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use config::X400;
use event::build;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::called;
use crate::node::Node;
use crate::smtp_listener::allowed;

/// Connections at the same time; each association holds at most one message in memory.
const MAX_CONNECTIONS: usize = 200;

/// Serves one listening socket until the server stops.
pub async fn run(node: Arc<Node>, listener: TcpListener) {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
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
