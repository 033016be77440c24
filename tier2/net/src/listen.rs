//! Listening sockets, and an error that says what holds the port.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

/// Connections that the system holds for us while a burst of them arrives.
const BACKLOG: u32 = 1024;

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

impl ListenError {
    /// The key of the configuration that sets the address or port.
    #[must_use]
    pub fn key(&self) -> &'static str {
        match self {
            Self::InUse { key, .. }
            | Self::Denied { key, .. }
            | Self::NotHere { key, .. }
            | Self::Other { key, .. } => key,
        }
    }
}

/// Opens a listening socket for `purpose`, set by the configuration's `key`.
///
/// # Errors
/// The port is taken, not allowed, or the address is not of this machine.
pub fn listen(
    purpose: &'static str,
    key: &'static str,
    address: SocketAddr,
) -> Result<TcpListener, ListenError> {
    open(address).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => ListenError::InUse { purpose, key, address },
        io::ErrorKind::PermissionDenied => ListenError::Denied { purpose, key, address },
        io::ErrorKind::AddrNotAvailable => ListenError::NotHere { purpose, key, address },
        _ => ListenError::Other { purpose, key, address, source },
    })
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A server that restarts must not wait for the last connections of its predecessor.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
