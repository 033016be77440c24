//! The APDUs of a capture: packets, TCP, RFC 1006, session, presentation, RTSE.

use std::collections::HashMap;
use std::net::SocketAddr;

use osi::observe::{Carried, Observed};
use x400::describe::{Fault, Kind, describe};

pub(super) use super::packet::is_capture;
use super::packet::{packets, segment};
use super::stream::Tcp;
use super::{Apdu, Connection, Decoded};

/// Most TCP connections that are followed at a time.
const MAX_CONNECTIONS: usize = 100_000;

/// All APDUs of a capture, in the order in which they were complete.
pub(super) fn decode(octets: &[u8]) -> Decoded {
    let mut decoded = Decoded::default();
    let (packets, fault) = packets(octets);
    decoded.faults.extend(fault);
    let mut places: HashMap<[SocketAddr; 2], usize> = HashMap::new();
    let mut connections: Vec<Tcp<'_>> = Vec::new();
    for segment in packets.iter().filter_map(segment) {
        let mut key = [segment.from, segment.to];
        key.sort_unstable();
        let opens = segment.syn && segment.data.is_empty();
        let known = places.get(&key).copied();
        let place = match known {
            // The same pair of ports again: another connection, unless the call is repeated.
            Some(place)
                if !(opens
                    && connections[place].known
                    && segment.from == connections[place].ends[0]) =>
            {
                place
            }
            _ if connections.len() == MAX_CONNECTIONS => {
                decoded.faults.push(Fault {
                    offset: segment.offset,
                    what: format!("more than {MAX_CONNECTIONS} TCP connections"),
                });
                break;
            }
            _ => {
                connections.push(Tcp::new(segment.from, segment.to));
                places.insert(key, connections.len() - 1);
                connections.len() - 1
            }
        };
        let tcp = &mut connections[place];
        for (side, observed) in tcp.take(&segment) {
            let connection = connection(tcp, side);
            add(&mut decoded, &observed, &connection);
        }
    }
    for tcp in &mut connections {
        let connection = connection(tcp, 0);
        for observed in tcp.finish() {
            add(&mut decoded, &observed, &connection);
        }
        if let Some((side, offset)) = tcp.gap().filter(|_| tcp.known) {
            let (from, to) = (tcp.ends[side], tcp.ends[1 - side]);
            let what = format!("octets from {from} to {to} before this are not in the capture");
            decoded.faults.push(Fault { offset, what });
        }
    }
    if decoded.apdus.is_empty() && decoded.faults.is_empty() {
        let what = "no X.400 over TCP is in the capture".to_owned();
        decoded.faults.push(Fault { offset: 0, what });
    }
    decoded
}

fn connection(tcp: &Tcp<'_>, side: usize) -> Connection {
    Connection { from: tcp.ends[side].to_string(), to: tcp.ends[1 - side].to_string() }
}

fn add(decoded: &mut Decoded, observed: &Observed, connection: &Connection) {
    let octets = &observed.octets;
    let hint = match observed.what {
        Carried::BindArgument => Some(Kind::BindArgument),
        Carried::BindResult => Some(Kind::BindResult),
        Carried::BindError => Some(Kind::BindError),
        Carried::Apdu | Carried::Part => None,
        Carried::Unreadable(layer) => {
            let (from, to) = (&connection.from, &connection.to);
            let what = format!("what {from} sends to {to} is no {layer} protocol data unit");
            decoded.faults.push(Fault { offset: octets.place(0), what });
            return;
        }
    };
    let base = decoded.apdus.len();
    for mut described in describe(octets.octets(), hint, &|offset| octets.place(offset)) {
        described.content_of = described.content_of.map(|place| base + place);
        if observed.what == Carried::Part && described.content_of.is_none() {
            let offset = octets.place(octets.octets().len());
            let what = "the transfer does not end in the capture".to_owned();
            described.faults.push(Fault { offset, what });
        }
        decoded.apdus.push(Apdu { described, connection: Some(connection.clone()) });
    }
}
