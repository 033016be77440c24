//! Ports of a server that rests: whether somebody else has them, so that it cannot start.

use std::io;
use std::net::{SocketAddr, TcpListener};

use config::Config;

/// The listeners of a configuration whose address somebody else has: the key and the address. To be asked only where no server runs
/// with this configuration; each address is taken for a moment.
#[must_use]
pub fn taken_ports(config: &Config) -> Vec<(String, String)> {
    let mut all = addresses(config);
    // The system finds another one for port 0.
    all.retain(|(_, address)| address.port() != 0 && is_taken(*address));
    all.into_iter().map(|(key, address)| (key.to_owned(), address.to_string())).collect()
}

/// The addresses that a server with this configuration listens on, with their keys.
pub(crate) fn addresses(config: &Config) -> Vec<(&'static str, SocketAddr)> {
    let rpc = |port| SocketAddr::new(config.rpc.listen, port);
    let rfc1006 = config.rfc1006.listen.iter();
    let mut all: Vec<(&'static str, SocketAddr)> =
        vec![("rpc.mapper_port", rpc(config.rpc.mapper_port)), ("rpc.port", rpc(config.rpc.port))];
    all.extend(rfc1006.map(|one| ("rfc1006.port", SocketAddr::new(*one, config.rfc1006.port))));
    all.extend(config.smtp.listen.iter().map(|one| ("smtp.listen", *one)));
    all.extend(config.admin.listen.iter().map(|one| ("admin.listen", *one)));
    all
}

fn is_taken(address: SocketAddr) -> bool {
    TcpListener::bind(address).is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_taken_while_somebody_listens_there() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        assert!(is_taken(address));
        drop(listener);
        assert!(!is_taken(address));
        // An address that this machine does not have is nobody's.
        assert!(!is_taken("192.0.2.1:135".parse().unwrap()));
    }
}
