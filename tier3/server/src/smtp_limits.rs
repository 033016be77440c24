//! What all dialogues of a server share: room for mail that is coming in, and connections of one client.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Counts what all dialogues hold.
#[derive(Debug, Default)]
pub struct Limits {
    held: AtomicUsize,
    connections: AtomicUsize,
    clients: Mutex<HashMap<IpAddr, usize>>,
}

/// Who has too many connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crowded {
    /// This client.
    Client,
    /// All clients together.
    All,
}

/// One connection of a client; it ends when this is dropped.
#[derive(Debug)]
pub struct Client {
    limits: Arc<Limits>,
    address: IpAddr,
    held: usize,
}

impl Limits {
    /// Counts a connection, if this client may have so many, and all together so many.
    pub fn connect(
        self: &Arc<Self>,
        address: IpAddr,
        most: usize,
        all: usize,
    ) -> Result<Client, Crowded> {
        if self.connections.load(Ordering::Relaxed) >= all {
            return Err(Crowded::All);
        }
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let count = clients.entry(address).or_default();
        if *count >= most {
            return Err(Crowded::Client);
        }
        *count += 1;
        self.connections.fetch_add(1, Ordering::Relaxed);
        Ok(Client { limits: Arc::clone(self), address, held: 0 })
    }
}

impl Client {
    /// This dialogue holds so many octets now; the sum over all where that is more than it may be.
    ///
    /// What is small is not refused for what others hold: commands must go on.
    pub fn hold(&mut self, octets: usize, most: usize) -> Option<usize> {
        let grown = octets > self.held;
        let before = self.limits.held.fetch_add(octets, Ordering::Relaxed) + octets;
        let sum = before - self.held;
        self.limits.held.fetch_sub(self.held, Ordering::Relaxed);
        self.held = octets;
        (grown && octets > SMALL && sum > most).then_some(sum)
    }
}

/// Octets that a dialogue may always hold: a pipeline of commands.
const SMALL: usize = 64 * 1024;

impl Drop for Client {
    fn drop(&mut self) {
        self.limits.held.fetch_sub(self.held, Ordering::Relaxed);
        self.limits.connections.fetch_sub(1, Ordering::Relaxed);
        let mut clients = self.limits.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = clients.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                clients.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_has_so_many_connections_and_all_together_so_many_octets() {
        let limits = Arc::new(Limits::default());
        let (one, other) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
        let mut first = limits.connect(one, 2, 3).unwrap();
        let second = limits.connect(one, 2, 3).unwrap();
        assert_eq!(limits.connect(one, 2, 3).unwrap_err(), Crowded::Client);
        let mut third = limits.connect(other, 2, 3).unwrap();
        assert_eq!(limits.connect(other, 2, 3).unwrap_err(), Crowded::All);
        drop(second);
        assert!(limits.connect(one, 2, 3).is_ok());

        assert_eq!(first.hold(600_000, 1_000_000), None);
        assert_eq!(third.hold(600_000, 1_000_000), Some(1_200_000));
        assert_eq!(third.hold(1000, 1_000_000), None, "it let go");
        assert_eq!(first.hold(900_000, 1_000_000), None);
        drop(first);
        assert_eq!(limits.held.load(Ordering::Relaxed), 1000);
        drop(third);
        assert_eq!(limits.held.load(Ordering::Relaxed), 0);
        assert!(limits.clients.lock().unwrap().is_empty());
    }
}
