//! A server that follows a script, and wants to do harm: entries and pages without end, answers to nothing, broken objects.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

use ber::{Encoder, Tag};
use identity::SecurityDescriptor;
use identity::descriptor::control::DACL_PROTECTED;

use super::{BASE, served, small};
use crate::channel::Channel;
use crate::connection::{Connection, Entry, READING, Search};
use crate::error::LdapError;
use crate::filter::Filter;
use crate::message::{Scope, message_len};
use crate::tree::{Flavour, Tree};

/// Entries that the client takes: the real limit takes a minute without optimisation.
const MOST: usize = 20_000;
/// Long enough for anything on loopback, short enough for a test that waits for it to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection to a server that answers each request with what the script makes of its message number. The server ends with the
/// connection, and gives how much it could send.
fn scripted(
    script: impl FnMut(i64, &mut dyn FnMut(&[u8]) -> bool) + Send + 'static,
) -> (Connection, JoinHandle<u64>) {
    scripted_with(PATIENCE, READING, script)
}

/// The same with a client that waits so long for a message, and for a whole answer.
fn scripted_with(
    patience: Duration,
    reading: Duration,
    mut script: impl FnMut(i64, &mut dyn FnMut(&[u8]) -> bool) + Send + 'static,
) -> (Connection, JoinHandle<u64>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut sent = 0;
        while let Some(id) = request(&mut stream) {
            let mut send = |octets: &[u8]| {
                sent += u64::try_from(octets.len()).unwrap();
                stream.write_all(octets).is_ok()
            };
            script(id, &mut send);
        }
        sent
    });
    let stream = TcpStream::connect(address).unwrap();
    let channel = Channel::new("hostile", stream, patience).unwrap();
    (Connection::over(channel, MOST, reading), server)
}

/// The number of the next request; none at the end.
fn request(stream: &mut TcpStream) -> Option<i64> {
    let mut octets = Vec::new();
    loop {
        if let Ok(Some(whole)) = message_len(&octets)
            && octets.len() >= whole
        {
            // A sequence with an integer in front.
            let at = if octets[1] < 0x80 { 2 } else { 2 + usize::from(octets[1] & 0x7f) };
            let length = usize::from(octets[at + 1]);
            let number = &octets[at + 2..at + 2 + length];
            return Some(number.iter().fold(0, |id, octet| id << 8 | i64::from(*octet)));
        }
        let mut octet = [0];
        stream.read_exact(&mut octet).ok()?;
        octets.extend(octet);
    }
}

fn message(
    id: i64,
    number: u32,
    fill: impl FnOnce(&mut Encoder),
    cookie: Option<&[u8]>,
) -> Vec<u8> {
    let mut out = Encoder::new();
    out.constructed(Tag::SEQUENCE, |message| {
        message.integer(Tag::INTEGER, id);
        message.constructed(Tag::application(number), fill);
        if let Some(cookie) = cookie {
            // RFC 2696: the size and the cookie, within the control's value.
            let mut value = Encoder::new();
            value.constructed(Tag::SEQUENCE, |value| {
                value.integer(Tag::INTEGER, 0);
                value.octets(Tag::OCTET_STRING, cookie);
            });
            let value = value.finish();
            message.constructed(Tag::context(0), |controls| {
                controls.constructed(Tag::SEQUENCE, |control| {
                    control.octets(Tag::OCTET_STRING, b"1.2.840.113556.1.4.319");
                    control.octets(Tag::OCTET_STRING, &value);
                });
            });
        }
    });
    out.finish()
}

fn entry_octets(id: i64, entry: &Entry) -> Vec<u8> {
    let fill = |out: &mut Encoder| {
        out.octets(Tag::OCTET_STRING, entry.name.as_bytes());
        out.constructed(Tag::SEQUENCE, |all| {
            for (name, values) in &entry.attributes {
                all.constructed(Tag::SEQUENCE, |one| {
                    one.octets(Tag::OCTET_STRING, name.as_bytes());
                    one.constructed(Tag::SET, |set| {
                        values.iter().for_each(|value| set.octets(Tag::OCTET_STRING, value));
                    });
                });
            }
        });
    };
    message(id, 4, fill, None)
}

fn done(id: i64, cookie: &[u8]) -> Vec<u8> {
    let fill = |out: &mut Encoder| {
        out.integer(Tag::ENUMERATED, 0);
        out.octets(Tag::OCTET_STRING, b"");
        out.octets(Tag::OCTET_STRING, b"");
    };
    message(id, 5, fill, Some(cookie))
}

fn search(connection: &mut Connection) -> Result<Vec<Entry>, LdapError> {
    connection.search(&Search {
        base: BASE,
        scope: Scope::Subtree,
        filter: Filter::Present("objectClass"),
        attributes: &["1.1"],
        descriptor_parts: None,
    })
}

#[test]
fn children_without_end_are_refused_at_the_limit() {
    let (mut connection, server) = scripted(|id, send| {
        let entry = Entry { name: format!("CN=child,{BASE}"), attributes: Vec::new() };
        let page = entry_octets(id, &entry).repeat(500);
        if send(&page) {
            send(&done(id, b"more"));
        }
    });
    let error = search(&mut connection).unwrap_err();
    assert!(matches!(error, LdapError::TooMany { .. }), "{error}");
    assert!(error.to_string().contains("more than 20000 objects below DC=demo"), "{error}");
    drop(connection);
    // What it could get rid of is what was taken, and what lay on the way.
    let sent = server.join().unwrap();
    let most = 2 * 80 * u64::try_from(MOST).unwrap();
    assert!(sent < most, "{sent} octets went out");
}

#[test]
fn references_without_end_are_refused() {
    let (mut connection, server) = scripted(|id, send| {
        let far = vec![b'x'; 15 << 20];
        let octets = message(id, 19, |out| out.octets(Tag::OCTET_STRING, &far), None);
        while send(&octets) {}
    });
    let error = search(&mut connection).unwrap_err();
    assert!(matches!(error, LdapError::TooMuch { .. }), "{error}");
    drop(connection);
    server.join().unwrap();
}

/// Each entry is short on the wire and takes much memory.
#[test]
fn values_without_end_are_refused_long_before_the_octets_are() {
    let entry = |values| Entry {
        name: format!("CN=child,{BASE}"),
        attributes: vec![("bindbackMember".to_owned(), vec![Vec::new(); values])],
    };
    let (mut connection, server) = scripted(move |id, send| {
        let octets = entry_octets(id, &entry(99_000));
        while send(&octets) {}
    });
    let error = search(&mut connection).unwrap_err();
    assert!(matches!(error, LdapError::TooMuch { .. }), "{error}");
    drop(connection);
    let sent = server.join().unwrap();
    assert!(sent < 64 << 20, "{sent} octets went out");
    let (mut connection, server) = scripted(move |id, send| {
        send(&entry_octets(id, &entry(100_001)));
    });
    let error = search(&mut connection).unwrap_err();
    assert!(matches!(error, LdapError::Malformed(_)), "{error}");
    drop(connection);
    server.join().unwrap();
}

/// Whatever comes in time is not enough if it never ends.
#[test]
fn an_answer_that_trickles_is_given_up() {
    let (mut connection, server) =
        scripted_with(PATIENCE, Duration::from_millis(300), |id, send| {
            let entry = Entry { name: format!("CN=child,{BASE}"), attributes: Vec::new() };
            let octets = entry_octets(id, &entry);
            while send(&octets) {
                std::thread::sleep(Duration::from_millis(20));
            }
        });
    let error = search(&mut connection).unwrap_err();
    assert!(matches!(error, LdapError::TooSlow { .. }), "{error}");
    drop(connection);
    server.join().unwrap();
}

#[test]
fn a_message_that_trickles_is_given_up() {
    let (mut connection, server) = scripted_with(Duration::from_millis(300), READING, |_, send| {
        let mut next: &[u8] = b"\x30\x82\x7f\xff";
        while send(next) {
            std::thread::sleep(Duration::from_millis(20));
            next = &[0];
        }
    });
    let began = std::time::Instant::now();
    let error = search(&mut connection).unwrap_err();
    assert!(matches!(error, LdapError::Broken { .. }), "{error}");
    assert!(began.elapsed() < PATIENCE / 2, "{error}");
    drop(connection);
    server.join().unwrap();
}

#[test]
fn a_referral_is_told_and_not_followed() {
    let (mut connection, server) = scripted(|id, send| {
        let fill = |out: &mut Encoder| {
            out.integer(Tag::ENUMERATED, 10);
            out.octets(Tag::OCTET_STRING, b"");
            out.octets(Tag::OCTET_STRING, b"\x1b[2Jover there");
            out.constructed(Tag::context(3), |all| {
                all.octets(Tag::OCTET_STRING, b"ldap://127.0.0.1:1/DC=demo");
            });
        };
        send(&message(id, 5, fill, None));
    });
    let error = search(&mut connection).unwrap_err();
    assert_eq!(error.code(), Some(10));
    let said = error.to_string();
    assert!(said.contains("refers to another server") && !said.contains('\x1b'), "{said}");
    drop(connection);
    server.join().unwrap();
}

#[test]
fn pages_that_go_in_circles_are_refused() {
    let (mut connection, server) = scripted(|id, send| {
        send(&done(id, b"the same again"));
    });
    let error = search(&mut connection).unwrap_err();
    assert!(matches!(error, LdapError::Circle { .. }), "{error}");
    assert!(error.to_string().contains("go in circles"), "{error}");
    drop(connection);
    server.join().unwrap();
}

#[test]
fn an_answer_to_something_else_is_no_answer() {
    let (mut connection, server) = scripted(|id, send| {
        send(&done(id + 1, b""));
    });
    let error = search(&mut connection).unwrap_err();
    assert!(matches!(error, LdapError::OutOfTurn { .. }), "{error}");
    drop(connection);
    server.join().unwrap();
}

#[test]
fn a_length_that_lies_is_refused_before_it_is_waited_for() {
    let (mut connection, server) = scripted(|_, send| {
        send(b"\x30\x84\x7f\xff\xff\xff");
    });
    let began = std::time::Instant::now();
    let error = search(&mut connection).unwrap_err();
    assert!(began.elapsed() < PATIENCE / 2, "{error}");
    drop(connection);
    server.join().unwrap();
}

/// Objects that make no sense are left out and told, those beside them are taken, and a broken descriptor lets nobody in.
#[test]
fn broken_objects_do_not_spoil_those_beside_them() {
    let tree = small();
    let mut entries: Vec<Entry> =
        tree.objects().map(|object| served(Flavour::Plain, object)).collect();
    let server_at = entries.iter().position(|entry| entry.name.starts_with("CN=EAST,")).unwrap();
    for (name, values) in &mut entries[server_at].attributes {
        if name == "bindbackSecurityDescriptor" {
            // Lists that overlap each other and the head, and counts beyond the end.
            *values =
                vec![b"\x01\x00\x04\x80\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\x02\0\xff\xff".to_vec()];
        }
    }
    // The same object under itself, without end as names go; and one that is its own parent by its attribute.
    let mut deep = entries[server_at].clone();
    deep.name = format!("{}{}", "CN=EAST,".repeat(5000), deep.name);
    let mut again = entries[server_at].clone();
    again.name = again.name.to_uppercase();
    entries.extend([deep, again]);
    let expected = tree.len();
    let (mut connection, server) = scripted(move |id, send| {
        for entry in &entries {
            send(&entry_octets(id, entry));
        }
        send(&done(id, b""));
    });
    let loaded = Tree::load(&mut connection, BASE).unwrap();
    let found = loaded.found().unwrap();
    assert_eq!(found.directory.len(), expected, "{:?}", found.faults);
    assert!(found.faults.len() >= 2, "{:?}", found.faults);
    let spoilt = found.directory.objects().find(|one| one.class == directory::Class::Server);
    let descriptor: &SecurityDescriptor = &spoilt.unwrap().descriptor;
    assert_eq!(descriptor.dacl.acl().map(|acl| acl.aces.len()), Some(0), "nobody gets in");
    assert!(descriptor.has(DACL_PROTECTED), "nor by what stands above");
    drop(connection);
    server.join().unwrap();
}
