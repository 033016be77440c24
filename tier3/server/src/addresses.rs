//! Addresses: those that this machine has, and those of callers that were cut off because no peer is known to have them.
//!
//! Whoever was cut off is told nothing and logs no event here, since anybody can call. The doctor asks for the newest of them: a peer
//! that calls from an address that nobody knows is behind a translation, or has more addresses than its configuration says.

use std::collections::VecDeque;
use std::fs;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

/// Addresses that are remembered; a stranger who calls from many pushes others out, and harms nobody.
const MOST: usize = 16;

/// Callers that were cut off for their address, the newest last.
#[derive(Debug, Default)]
pub struct CutOff(Mutex<VecDeque<(IpAddr, Timestamp)>>);

impl CutOff {
    /// One more; an address stands once, with its newest time.
    pub fn note(&self, address: IpAddr) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|(known, _)| *known != address);
        if all.len() >= MOST {
            all.pop_front();
        }
        all.push_back((address, Timestamp::now()));
    }

    /// All of them.
    pub fn list(&self) -> Vec<(IpAddr, Timestamp)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }
}

/// The addresses of this machine's interfaces, as Linux shows them (proc(5)); none where they cannot be read.
#[must_use]
pub fn own() -> Vec<IpAddr> {
    let mut found =
        fs::read_to_string("/proc/net/fib_trie").map_or_else(|_| Vec::new(), |text| of_trie(&text));
    if let Ok(text) = fs::read_to_string("/proc/net/if_inet6") {
        found.extend(text.lines().filter_map(of_inet6));
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// The leaves that are `/32 host LOCAL`.
fn of_trie(text: &str) -> Vec<IpAddr> {
    let mut leaf = None;
    let mut found = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(address) = line.strip_prefix("|-- ") {
            leaf = address.parse::<IpAddr>().ok();
        } else if line == "/32 host LOCAL" {
            found.extend(leaf);
        }
    }
    found
}

/// Thirty-two hexadecimal digits at the beginning of a line.
fn of_inet6(line: &str) -> Option<IpAddr> {
    let digits = line.split(' ').next().filter(|digits| digits.len() == 32)?;
    let octets = u128::from_str_radix(digits, 16).ok()?;
    Some(IpAddr::V6(Ipv6Addr::from(octets)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_addresses_are_the_local_leaves() {
        let text = "Local:\n  |-- 192.0.2.0\n     /24 link UNICAST\n  |-- 192.0.2.2\n     /32 host LOCAL\n  |-- 192.0.2.255\n     /32 link BROADCAST\n";
        assert_eq!(of_trie(text), ["192.0.2.2".parse::<IpAddr>().unwrap()]);
        let line = "00000000000000000000000000000001 01 80 10 80       lo";
        assert_eq!(of_inet6(line), Some("::1".parse().unwrap()));
        assert_eq!(of_inet6("lo"), None);
        assert!(own().contains(&"127.0.0.1".parse().unwrap()));
    }

    #[test]
    fn so_many_are_remembered_and_each_once() {
        let cut_off = CutOff::default();
        let address = |number: u8| IpAddr::from([192, 0, 2, number]);
        for number in 0..20 {
            cut_off.note(address(number));
        }
        cut_off.note(address(10));
        let list: Vec<IpAddr> = cut_off.list().into_iter().map(|(address, _)| address).collect();
        assert_eq!(list.len(), MOST);
        assert_eq!(list.last(), Some(&address(10)));
        assert!(!list.contains(&address(3)));
    }
}
