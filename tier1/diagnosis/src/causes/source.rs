//! Where a call comes from: an address that the called server knows of nobody.
//!
//! It cut the caller off for that, before a word was said, and remembers the address. If the caller's own machine has it, the
//! caller has more addresses than the called server knows; if not, somebody on the way puts it there in place of the caller's.

use std::net::IpAddr;

use event::{Layer, id};
use finding::{Cause, Remedy};
use jiff::{SignedDuration, Timestamp};

use crate::address;
use crate::causes::rule::{Case, Clue, Kind, Rule, in_words, with_command};
use crate::shell::command;
use crate::snapshot::ServerFacts;

/// A call that is cut off and the failure that its caller saw are no further apart; two clocks may differ by a little.
const SAME_CALL: SignedDuration = SignedDuration::from_secs(10);

pub(crate) const TRANSLATED: Rule = Rule {
    cause: Cause::NatBetweenServers,
    prior: 0.1,
    clues: &[|case| seen(case, false), by_the_way],
    subject,
    remedy: let_in,
    page: "docs/findings/nat-between-servers.md",
    text: include_str!("../../../../docs/findings/nat-between-servers.md"),
};

pub(crate) const OTHER_ADDRESS: Rule = Rule {
    cause: Cause::MultihomedSourceAddress,
    prior: 0.1,
    clues: &[|case| seen(case, true), by_the_way],
    subject,
    remedy: let_in,
    page: "docs/findings/multihomed-source-address.md",
    text: include_str!("../../../../docs/findings/multihomed-source-address.md"),
};

fn subject(case: Case<'_>) -> String {
    format!("{} does not know the address that {} calls from", case.target(), case.actor())
}

/// An address that the target cut off when the actor called, and that no server is known to have.
pub(crate) struct Stranger {
    address: IpAddr,
    /// The actor's machine has it.
    own: bool,
    x400: bool,
}

pub(crate) fn stranger(case: Case<'_>) -> Option<Stranger> {
    let (actor, target) = (case.view.read(case.actor())?, case.view.read(case.target())?);
    if actor.addresses.is_empty() {
        return None;
    }
    let failed: Vec<Timestamp> = failures(case, actor);
    let near = |time: Timestamp| failed.iter().any(|at| at.duration_since(time).abs() <= SAME_CALL);
    let x400 = case.view.peer(case.actor(), case.target())?.x400.is_some();
    let mut seen: Vec<(IpAddr, Timestamp)> = if x400 {
        let unknown = target.events.iter().filter(|event| event.id == id::UNKNOWN_ADDRESS);
        unknown
            .filter_map(|event| Some((address::parse(event.word("address")?)?, event.time)))
            .collect()
    } else {
        let cut_off = target.cut_off.iter();
        cut_off.filter_map(|(text, time)| Some((address::parse(text)?, *time))).collect()
    };
    seen.retain(|(address, time)| near(*time) && !is_known(case, *address));
    let (address, _) = seen.into_iter().max_by_key(|(_, time)| *time)?;
    let own = actor.addresses.iter().any(|text| address::parse(text) == Some(address));
    Some(Stranger { address, own, x400 })
}

/// When calls or bind-backs of the actor failed by the way.
fn failures(case: Case<'_>, actor: &ServerFacts) -> Vec<Timestamp> {
    let peer = actor.peer(case.target());
    let out = peer.and_then(|peer| peer.last_failure_out.as_ref());
    let back = peer.and_then(|peer| peer.last_failure_in.as_ref());
    let memories = out.into_iter().chain(back).map(|failure| failure.time);
    let events = actor.events.iter().filter(|event| {
        matches!(event.id, id::BIND_FAILED | id::BIND_BACK_FAILED | id::CONNECTION_NOT_OPENED)
            && event.peer.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(case.target()))
    });
    memories.chain(events.map(|event| event.time)).collect()
}

/// The address at which a server is known to be.
fn is_known(case: Case<'_>, address: IpAddr) -> bool {
    let mut servers = case.view.snapshot.servers.iter();
    servers.any(|server| address::usable(&server.rpc) == Some(address))
}

fn seen(case: Case<'_>, own: bool) -> Vec<Clue> {
    let Some(stranger) = stranger(case).filter(|stranger| stranger.own == own) else {
        let says =
            format!("{} cut off no call of {} from such an address", case.target(), case.actor());
        return vec![Clue::against(Kind::Setting, 0.95, case.target(), says)];
    };
    let whose = if own {
        format!("another address of {}'s own machine", case.actor())
    } else {
        format!("no address of {}'s machine", case.actor())
    };
    let says = format!(
        "when {} called, {} cut off a call from {}, which is {whose}",
        case.actor(),
        case.target(),
        stranger.address
    );
    vec![Clue::speaks_for(Kind::Setting, 0.9, &format!("{} listener", case.target()), says)]
}

fn by_the_way(case: Case<'_>) -> Vec<Clue> {
    let clues = case.obstacle.witnesses.iter().map(|witness| {
        let elsewhere = witness.denied()
            || matches!(
                witness.layer,
                Some(Layer::Name | Layer::Authentication | Layer::AccessCheck)
            );
        if elsewhere {
            Clue::against(Kind::Symptom, 0.9, &witness.source, &*witness.says)
        } else {
            Clue::speaks_for(Kind::Symptom, 0.3, &witness.source, &*witness.says)
        }
    });
    clues.collect()
}

/// What speaks against a closed port: the caller was cut off for its address.
pub(crate) fn cut_off(case: Case<'_>) -> Vec<Clue> {
    let clue = stranger(case).map(|stranger| {
        let says =
            format!("{} lets calls in, and knows nobody at {}", case.target(), stranger.address);
        Clue::against(Kind::Reason, 0.8, case.target(), says)
    });
    clue.into_iter().collect()
}

fn let_in(case: Case<'_>) -> Vec<Remedy> {
    let (actor, target) = (case.actor(), case.target());
    let Some(stranger) = stranger(case) else {
        return in_words(format!("Tell {target} the address that the calls of {actor} come from."));
    };
    let why = if stranger.own {
        format!("or let {actor} call from the address that {target} knows")
    } else {
        format!("or take {actor} out of the translation")
    };
    let list = case.view.allow(actor, target).map_or(&[][..], |(_, list)| list);
    if stranger.x400 && address::shut_out(list, stranger.address) == Some(true) {
        // Both have to let it in: the list, and the host of the connector.
        return in_words(format!(
            "On {target}, add \"{}\" to allow in [rfc1006] ({}), and {} to the addresses of the connector's host ([hosts]); {why}. Both \
             are read again at SIGHUP.",
            address::single(stranger.address),
            case.view.place(target, "rfc1006.allow"),
            stranger.address
        ));
    }
    if stranger.x400 {
        return in_words(format!(
            "On {target}, add {} to the addresses of the connector's host ([hosts]), {why}.",
            stranger.address
        ));
    }
    let network = address::single(stranger.address);
    let mut words = vec!["bindback", "network", "allow", "rpc", network.as_str()];
    words.extend(case.view.config(target).into_iter().flat_map(|config| ["-c", config]));
    let text = format!(
        "On {target}, let the RPC ports be reached from {network}, where the calls of {actor} come from; {why}."
    );
    with_command(text, command(&words))
}
