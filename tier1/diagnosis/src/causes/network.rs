//! The way between the servers: a port that is closed to one of them, a server that is down.

use event::Layer;
use finding::{Cause, Remedy};

use crate::address;
use crate::causes::joining::not_the_port;
use crate::causes::rule::{Case, Clue, Kind, Rule, in_words, with_command};
use crate::causes::source::cut_off;
use crate::causes::stale::not_the_target;
use crate::obstacle::{Step, Witness};
use crate::shell::command;
use crate::snapshot::{ProbeFact, ProbeResult};

pub(crate) const PORT_FILTERED: Rule = Rule {
    cause: Cause::PortFilteredByFirewall,
    prior: 0.3,
    clues: &[
        closed_symptom,
        allow_list,
        closed_checks,
        closed_but_alive,
        not_the_target,
        not_the_line,
        cut_off,
        not_the_port,
    ],
    subject: |case| format!("{} is closed to {}", case.target(), case.actor()),
    remedy: open_port,
    page: "docs/findings/port-filtered-by-firewall.md",
    text: include_str!("../../../../docs/findings/port-filtered-by-firewall.md"),
};

pub(crate) const SERVER_UNREACHABLE: Rule = Rule {
    cause: Cause::RemoteServerUnreachable,
    prior: 0.28,
    clues: &[down_symptom, down_checks, down_or_alive, not_the_target, not_the_line, not_the_port],
    subject: |case| format!("{} is down", case.target()),
    remedy: start_server,
    page: "docs/findings/remote-server-unreachable.md",
    text: include_str!("../../../../docs/findings/remote-server-unreachable.md"),
};

/// The line was measured and is bad: what does not arrive is lost on it.
fn not_the_line(case: Case<'_>) -> Vec<Clue> {
    let bad = crate::causes::line::is_bad(case);
    let clue = bad.map(|check| {
        let says = format!("{}: {}", check.target, check.detail);
        Clue::against(Kind::Reason, 0.7, &format!("{} check {}", check.from, check.check), says)
    });
    clue.into_iter().collect()
}

/// How far a failed step got, as far as the network is concerned.
enum Way {
    /// The connection or the first exchange on it failed.
    Blocked,
    /// The mapper answered and knows no endpoint.
    NoEndpoint,
    /// The record does not say where it failed.
    Unclear,
    /// It failed before the network, or after it.
    Elsewhere,
}

fn way(witness: &Witness) -> Way {
    match (witness.layer, witness.code) {
        (_, 5)
        | (Some(Layer::Name | Layer::Authentication | Layer::AccessCheck | Layer::Call), _) => {
            Way::Elsewhere
        }
        (Some(Layer::Mapper) | None, 1753) => Way::NoEndpoint,
        // A connection that stands and is cut at once: 1722, or 1726 and 1727 (call failed).
        (Some(Layer::Tcp), _) | (Some(Layer::Mapper | Layer::Bind), 1722 | 1726 | 1727) => {
            Way::Blocked
        }
        // 10054 reset, 10060 timed out, 10061 refused.
        (None | Some(Layer::BindBack), 1722 | 10054 | 10060 | 10061) => Way::Unclear,
        _ => Way::Elsewhere,
    }
}

/// What both causes of this module make of the records; `down` says which of the two asks.
fn symptom(case: Case<'_>, down: bool) -> Vec<Clue> {
    let mut clues = Vec::new();
    for witness in &case.obstacle.witnesses {
        let (source, says) = (witness.source.as_str(), witness.says.as_str());
        clues.push(match way(witness) {
            Way::Blocked if down && witness.step == Step::BindBack => {
                let says = format!("{says}: {} had just called, so it was up", case.target());
                Clue::against(Kind::Symptom, 0.6, source, says)
            }
            Way::NoEndpoint if !down => {
                let says = format!("{says}: the mapper of {} was reached", case.target());
                Clue::against(Kind::Symptom, 0.7, source, says)
            }
            Way::Blocked | Way::NoEndpoint => Clue::speaks_for(Kind::Symptom, 0.3, source, says),
            Way::Unclear => Clue::speaks_for(Kind::Symptom, 0.25, source, says),
            Way::Elsewhere => {
                let says = format!("{says}: it did not fail by the way to {}", case.target());
                Clue::against(Kind::Symptom, 0.92, source, says)
            }
        });
    }
    if case.obstacle.witnesses.is_empty() && case.obstacle.denied() {
        let says = format!("{} was reached and denied access", case.target());
        clues.push(Clue::against(Kind::Symptom, 0.92, case.target(), says));
    }
    clues
}

fn closed_symptom(case: Case<'_>) -> Vec<Clue> {
    symptom(case, false)
}

fn down_symptom(case: Case<'_>) -> Vec<Clue> {
    symptom(case, true)
}

/// The target's own list of networks shuts the actor out, or lets it in.
fn allow_list(case: Case<'_>) -> Vec<Clue> {
    let Some(shut_out) = case.view.shut_out(case.actor(), case.target()) else { return Vec::new() };
    let list = case.view.allow(case.actor(), case.target()).map_or("rpc", |(name, _)| name);
    let source = format!("{} {list} allow list", case.target());
    let from = case.view.server(case.actor()).map_or("", |server| server.rpc.as_str());
    if !shut_out {
        return vec![Clue::against(
            Kind::Setting,
            0.3,
            &source,
            format!("the list lets {from} of {} in", case.actor()),
        )];
    }
    // The list explains a blocked way only: a name that is not resolved, or a refused account, fails elsewhere.
    let says = format!("the list holds no network with {from} of {}", case.actor());
    vec![Clue::speaks_for(Kind::Setting, 0.9, &source, says)]
}

/// The checks of the target's mail ports.
fn port_checks<'a>(case: Case<'a>) -> impl Iterator<Item = &'a ProbeFact> {
    let checks = case.obstacle.checks.iter().copied();
    checks.filter(|check| {
        matches!(check.check.as_str(), "tcp-mapper" | "map" | "tcp-rpc" | "tcp-x400")
    })
}

fn check_says(check: &ProbeFact) -> (String, String) {
    let result = match check.result {
        ProbeResult::Ok => "answers",
        ProbeResult::Refused => "refuses the connection",
        ProbeResult::Timeout => "does not answer",
        ProbeResult::Denied => "denies access",
        ProbeResult::NotFound => "knows no endpoint",
        ProbeResult::Reset => "closes the connection",
        ProbeResult::Error => "fails",
    };
    let detail =
        if check.detail.is_empty() { String::new() } else { format!(": {}", check.detail) };
    let says = format!("{} {result}{detail}", check.target);
    (format!("{} check {}", check.from, check.check), says.trim_end().to_owned())
}

/// Its machine takes connections and nothing answers on them, its administrator is not answered either: a process that hangs.
fn hangs(case: Case<'_>) -> bool {
    let ends = |name: &str, results: &[ProbeResult]| {
        let mut mine = port_checks(case).filter(|check| check.check == name).peekable();
        mine.peek().is_some() && mine.all(|check| results.contains(&check.result))
    };
    let silent =
        case.view.admin_checks(case.target()).any(|check| check.result == ProbeResult::Timeout);
    silent && ends("tcp-mapper", &[ProbeResult::Ok]) && ends("map", &[ProbeResult::Timeout])
        || silent
            && ends("tcp-x400", &[ProbeResult::Timeout])
            && ends("tcp-connect", &[ProbeResult::Ok])
}

/// The mapper of its machine answers, and knows of no MTA; nothing else of it answers: it is not started.
fn is_not_registered(case: Case<'_>) -> bool {
    let mut maps = port_checks(case).filter(|check| check.check == "map").peekable();
    let unknown = maps.peek().is_some() && maps.all(|check| check.result == ProbeResult::NotFound);
    unknown && case.view.alive(case.target()) != Some(true)
}

fn closed_checks(case: Case<'_>) -> Vec<Clue> {
    if hangs(case) || is_not_registered(case) {
        let says = format!("connections to {} are let through", case.target());
        return vec![Clue::against(Kind::Probe, 0.8, case.actor(), says)];
    }
    // The mapper is on a port of its own: that it answers while the interface's port does not is
    // how a filter looks, not what speaks against one.
    let interface_closed =
        port_checks(case).any(|check| check.check == "tcp-rpc" && check.result != ProbeResult::Ok);
    let clues = port_checks(case).map(|check| {
        let (source, says) = check_says(check);
        match check.result {
            ProbeResult::Ok if check.check != "tcp-rpc" && interface_closed => {
                Clue::speaks_for(Kind::Probe, 0.1, &source, says)
            }
            ProbeResult::Ok if check.check == "tcp-mapper" => {
                Clue::against(Kind::Probe, 0.3, &source, says)
            }
            ProbeResult::Ok => Clue::against(Kind::Probe, 0.8, &source, says),
            ProbeResult::Timeout | ProbeResult::Reset | ProbeResult::Denied => {
                Clue::speaks_for(Kind::Probe, 0.5, &source, says)
            }
            ProbeResult::Refused => Clue::speaks_for(Kind::Probe, 0.3, &source, says),
            ProbeResult::NotFound | ProbeResult::Error => {
                Clue::against(Kind::Probe, 0.2, &source, says)
            }
        }
    });
    clues.collect()
}

fn down_checks(case: Case<'_>) -> Vec<Clue> {
    let source = format!("{} checks", case.actor());
    if hangs(case) {
        let says = format!(
            "the machine of {} takes connections, and nothing answers on any of them: its process hangs",
            case.target()
        );
        return vec![Clue::speaks_for(Kind::Probe, 0.7, &source, says)];
    }
    if is_not_registered(case) {
        let says = format!(
            "an endpoint mapper answers where {} lives, and knows of no MTA: it is not started",
            case.target()
        );
        return vec![Clue::speaks_for(Kind::Probe, 0.7, &source, says)];
    }
    let clues = port_checks(case).map(|check| {
        let (source, says) = check_says(check);
        match check.result {
            ProbeResult::Ok | ProbeResult::Denied => {
                Clue::against(Kind::Probe, 0.85, &source, says)
            }
            ProbeResult::Refused | ProbeResult::NotFound => {
                Clue::speaks_for(Kind::Probe, 0.5, &source, says)
            }
            ProbeResult::Timeout => Clue::speaks_for(Kind::Probe, 0.4, &source, says),
            ProbeResult::Reset | ProbeResult::Error => {
                Clue::speaks_for(Kind::Probe, 0.1, &source, says)
            }
        }
    });
    clues.collect()
}

/// Whether anything of the target answers, with the check that says so.
fn life(case: Case<'_>) -> Option<(bool, String, String)> {
    let alive = case.view.alive(case.target())?;
    let target = case.target();
    let check = case.view.admin_checks(target).next();
    let source = match check {
        Some(check) => format!("{} check admin", check.from),
        None => format!("{target} facts"),
    };
    let detail = check.map_or("", |check| check.detail.as_str());
    let says = if alive {
        format!("the administrative interface of {target} answers {detail}")
    } else {
        format!("the administrative interface of {target} does not answer {detail}")
    };
    Some((alive, source, says.trim_end().to_owned()))
}

fn closed_but_alive(case: Case<'_>) -> Vec<Clue> {
    let blocked =
        case.obstacle.witnesses.iter().any(|witness| matches!(way(witness), Way::Blocked))
            || port_checks(case).any(|check| check.result != ProbeResult::Ok);
    match life(case) {
        Some((true, source, says)) if blocked => {
            vec![Clue::speaks_for(
                Kind::Life,
                0.5,
                &source,
                format!("{says}: it is up, and the port is closed"),
            )]
        }
        Some((false, source, says)) => vec![Clue::against(Kind::Life, 0.5, &source, says)],
        _ => Vec::new(),
    }
}

fn down_or_alive(case: Case<'_>) -> Vec<Clue> {
    match life(case) {
        Some((true, source, says)) => vec![Clue::against(Kind::Life, 0.9, &source, says)],
        // Who does not answer its administrator may still deny access to a peer: silence counts only beside silence.
        Some((false, source, says)) if !case.obstacle.denied() => {
            vec![Clue::speaks_for(Kind::Life, 0.6, &source, says)]
        }
        None if !case.obstacle.denied() => {
            let says = format!("nothing could be read from {}", case.target());
            vec![Clue::speaks_for(Kind::Life, 0.1, "doctor", says)]
        }
        _ => Vec::new(),
    }
}

fn open_port(case: Case<'_>) -> Vec<Remedy> {
    let (actor, target) = (case.actor(), case.target());
    let from = case.view.server(actor).and_then(|server| address::usable(&server.rpc));
    if case.view.shut_out(actor, target) == Some(true)
        && let Some(from) = from
    {
        let network = address::single(from);
        let list = case.view.allow(actor, target).map_or("rpc", |(name, _)| name);
        if list != "rpc" {
            let place = case.view.place(target, "rfc1006.allow");
            return in_words(format!(
                "On {target}, add \"{network}\", the address of {actor}, to allow in [rfc1006] ({place}), and let the server read it (SIGHUP)."
            ));
        }
        let mut words = vec!["bindback", "network", "allow", "rpc", network.as_str()];
        if let Some(config) = case.view.config(target) {
            words.extend(["-c", config]);
        }
        let text = format!(
            "On {target}, let the RPC ports be reached from {network}, the address of {actor}."
        );
        return with_command(text, command(&words));
    }
    let facts = case.view.server(target);
    let host = case.view.host_name(actor, target).unwrap_or(target);
    let at = facts.map(|server| server.rpc.as_str()).filter(|rpc| !rpc.is_empty());
    let connector = case.view.peer(actor, target).and_then(|peer| peer.x400.as_ref());
    let ports: Vec<String> = facts.map_or_else(Vec::new, |server| {
        let ports = match connector {
            Some(connector) => [connector.port, 0],
            None => [server.mapper_port, server.rpc_port],
        };
        ports.iter().filter(|port| **port != 0).map(u16::to_string).collect()
    });
    let ports = if ports.is_empty() { "of RPC".to_owned() } else { ports.join(" and ") };
    let word = if connector.is_some() { "TCP port" } else { "TCP ports" };
    let at = at.map_or_else(String::new, |at| format!(" ({at})"));
    in_words(format!(
        "Open {word} {ports} of {host}{at} for connections from {actor}: in the firewalls between them, and on {target}."
    ))
}

/// A machine that is there said that nobody listens.
fn refuses(case: Case<'_>) -> bool {
    port_checks(case).any(|check| check.result == ProbeResult::Refused)
}

fn start_server(case: Case<'_>) -> Vec<Remedy> {
    let target = case.target();
    let silent =
        port_checks(case).any(|check| check.result == ProbeResult::Timeout) && !refuses(case);
    if hangs(case) {
        let serve = case.view.config(target).map_or_else(String::new, |config| {
            format!(" ({})", command(&["bindback", "serve", "-c", config]))
        });
        return in_words(format!(
            "The process of {target} hangs: let it go on if it was stopped (kill -CONT), else end it and start it again{serve}. What it \
             accepted is on its disk. Then let waiting mail be tried: bindback queue retry --all."
        ));
    }
    match case.view.config(target) {
        // A machine that runs refuses; from one that is silent nobody knows what runs there.
        Some(config) if silent => {
            let serve = command(&["bindback", "serve", "-c", config]);
            in_words(format!(
                "Nothing of the machine of {target} answers: bring it back to the network, and start {target} if it does not run \
                 ({serve}). Then let waiting mail be tried: bindback queue retry --all."
            ))
        }
        // From here no more is seen than that nobody listens.
        Some(config) => {
            let doctor = command(&["bindback", "doctor", "-c", config]);
            with_command(
                format!(
                    "Start {target}. If it ends again, `{doctor}` on its machine says what keeps it from starting."
                ),
                command(&["bindback", "serve", "-c", config]),
            )
        }
        None if refuses(case) => in_words(format!(
            "Start {target}: its machine answers, and nobody listens there. If it does not stay up, `bindback doctor` there says what \
             keeps it from starting."
        )),
        None => in_words(format!(
            "Start {target}, or bring the machine that it runs on back to the network. If it does not start, `bindback doctor` there \
             says what keeps it from that."
        )),
    }
}
