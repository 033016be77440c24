//! Listening sockets, and an error that says what holds the port.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

/// A socket could not be opened for listening.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    #[error(
        "{purpose}: {address} is in use by another program; stop it or give {key} another port"
    )]
    InUse { purpose: &'static str, key: &'static str, address: SocketAddr },
    #[error(
        "{purpose}: {address} may not be opened by this user; ports below 1024 need root or \
         CAP_NET_BIND_SERVICE, or give {key} a higher port"
    )]
    Denied { purpose: &'static str, key: &'static str, address: SocketAddr },
    #[error("{purpose}: {address} is not an address of this machine; correct {key}")]
    NotHere { purpose: &'static str, key: &'static str, address: SocketAddr },
    #[error("{purpose}: cannot listen on {address} ({key})")]
    Other {
        purpose: &'static str,
        key: &'static str,
        address: SocketAddr,
        #[source]
        source: io::Error,
    },
}

/// Opens a listening socket for `purpose`, set by the configuration's `key`.
///
/// # Errors
/// The port is taken, not allowed, or the address is not of this machine.
pub async fn listen(
    purpose: &'static str,
    key: &'static str,
    address: SocketAddr,
) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address).await.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => ListenError::InUse { purpose, key, address },
        io::ErrorKind::PermissionDenied => ListenError::Denied { purpose, key, address },
        io::ErrorKind::AddrNotAvailable => ListenError::NotHere { purpose, key, address },
        _ => ListenError::Other { purpose, key, address, source },
    })
}
