//! Servers under two names: one that a configuration has, and one that the server gives itself.
//!
//! Who joins two servers by hand may spell a name otherwise than its owner. Then half of what is known stands under each name, and
//! no obstacle has it all. Before anything is weighed, all of it is put under the name that the server gives itself.

use std::collections::BTreeMap;

use event::{Event, id};
use finding::Answer;

use crate::obstacle::PEER_STEP;
use crate::snapshot::{ServerFacts, Snapshot};

/// By the name in a configuration, in upper case: the server's own name.
pub(crate) type Aliases = BTreeMap<String, String>;

/// The names of a snapshot that mean a server of another name.
pub(crate) fn of(snapshot: &Snapshot) -> Aliases {
    let mut aliases = Aliases::new();
    let is_server = |name: &str| snapshot.server(name).is_some();
    for server in &snapshot.servers {
        let mut add = |alias: &str, own: &str| {
            if !alias.is_empty() && !is_server(alias) {
                aliases.entry(alias.to_ascii_uppercase()).or_insert_with(|| own.to_owned());
            }
        };
        if let Some(alias) = &server.known_as {
            add(alias, &server.name);
        }
        for event in server.events.iter().filter(|event| event.id == id::SECURITY_VIOLATION) {
            let Some((presented, expected)) = event.word("presented").zip(event.word("expected"))
            else {
                continue;
            };
            match event.word("step") {
                // A caller whose account is that of a peer gave itself another name, and it is a server that is known.
                Some(PEER_STEP) => {
                    if let Some(own) = snapshot.server(presented) {
                        add(expected, &own.name);
                    }
                }
                Some("called-name") => add(presented, &server.name),
                _ => {}
            }
        }
    }
    aliases
}

/// The snapshot with every server under its own name.
pub(crate) fn unified(snapshot: &Snapshot, aliases: &Aliases) -> Snapshot {
    let mut one = snapshot.clone();
    for server in &mut one.servers {
        rename_in(server, aliases);
    }
    for check in &mut one.checks {
        rename(&mut check.target, aliases);
    }
    one
}

fn rename_in(server: &mut ServerFacts, aliases: &Aliases) {
    for peer in &mut server.peers {
        let spelt = peer.name.clone();
        if rename(&mut peer.name, aliases) {
            peer.spelt = Some(spelt);
        }
    }
    for queue in &mut server.queues {
        rename(&mut queue.next_hop, aliases);
    }
    for row in &mut server.ltab {
        rename(&mut row.peer, aliases);
    }
    server.events.iter_mut().for_each(|event| rename_event(event, aliases));
    if let Some(directory) = &mut server.directory {
        let presented = std::mem::take(&mut directory.presented);
        for (mut peer, account) in presented {
            rename(&mut peer, aliases);
            directory.presented.insert(peer, account);
        }
    }
}

fn rename_event(event: &mut Event, aliases: &Aliases) {
    if let Some(peer) = &mut event.peer {
        rename(peer, aliases);
    }
    let mut remote = event.word("remote_server").unwrap_or_default().to_owned();
    if rename(&mut remote, aliases) {
        event.params.insert("remote_server".to_owned(), remote.into());
    }
}

/// True when the name was another server's, and is its own now.
fn rename(name: &mut String, aliases: &Aliases) -> bool {
    match aliases.get(&name.to_ascii_uppercase()) {
        Some(own) => {
            name.clone_from(own);
            true
        }
        None => false,
    }
}

/// Gives the ways that are stopped the names under which the local server has them.
pub(crate) fn restore(answer: &mut Answer, snapshot: &Snapshot, aliases: &Aliases) {
    let Some(local) = snapshot.server(&snapshot.local) else { return };
    for peer in &local.peers {
        let Some(own) = aliases.get(&peer.name.to_ascii_uppercase()) else { continue };
        for stop in answer.diagnoses.iter_mut().flat_map(|diagnosis| &mut diagnosis.stops) {
            for name in [&mut stop.from, &mut stop.to] {
                if name == own {
                    name.clone_from(&peer.name);
                }
            }
        }
    }
}
