//! Mistakes of whoever joins two servers: a name, an account or a port that the two configurations have differently.
//!
//! The called server compares one thing after the other and logs, in event 9297, at which step it refused, what the caller
//! showed and what it is configured with. Where both servers are read, their settings stand beside each other too.

use event::Layer;
use finding::{Cause, Remedy};

use crate::address;
use crate::causes::auth::{NO_SUCH_USER, NOBODY, denied, listed, refusal_says};
use crate::causes::rule::{Case, Clue, Kind, Rule, in_words};
use crate::obstacle::{PEER_STEP, Refusal, Witness};
use crate::snapshot::DirectoryFacts;

pub(crate) const NAME: Rule = Rule {
    cause: Cause::ConnectorRemoteNameMismatch,
    prior: 0.1,
    clues: &[denied, name_differs],
    subject: |case| {
        // One name that is wrong stops both directions, each at another step.
        let mut both = [case.actor(), case.target()];
        both.sort_unstable();
        format!("{} and {} differ in a name", both[0], both[1])
    },
    remedy: set_name,
    page: "docs/findings/connector-remote-name-mismatch.md",
    text: include_str!("../../../../docs/findings/connector-remote-name-mismatch.md"),
};

pub(crate) const NO_PEER: Rule = Rule {
    cause: Cause::ConnectorMissingOnRemote,
    prior: 0.1,
    clues: &[denied, no_peer],
    subject: |case| format!("{} has no peer {}", case.target(), case.actor()),
    remedy: add_peer,
    page: "docs/findings/connector-missing-on-remote.md",
    text: include_str!("../../../../docs/findings/connector-missing-on-remote.md"),
};

pub(crate) const ACCOUNT: Rule = Rule {
    cause: Cause::ServiceAccountMismatch,
    prior: 0.1,
    clues: &[denied, account_differs],
    subject: |case| format!("{} and {} differ in the account", case.actor(), case.target()),
    remedy: set_account,
    page: "docs/findings/service-account-mismatch.md",
    text: include_str!("../../../../docs/findings/service-account-mismatch.md"),
};

pub(crate) const ADDRESS: Rule = Rule {
    cause: Cause::X400StackAddressMismatch,
    prior: 0.1,
    clues: &[port_symptom, port_differs],
    subject: |case| match port(case) {
        Some(port) => format!("{} calls {} on a wrong port", port.holder, port.owner),
        None => format!("{} calls {} on a wrong port", case.actor(), case.target()),
    },
    remedy: set_port,
    page: "docs/findings/x400-stack-address-mismatch.md",
    text: include_str!("../../../../docs/findings/x400-stack-address-mismatch.md"),
};

/// What the cause is here, in one line, where it means something else elsewhere.
pub(crate) fn headline(rule: &Rule, case: Case<'_>) -> Option<String> {
    let (actor, target) = (case.actor(), case.target());
    match rule.cause {
        Cause::ConnectorRemoteNameMismatch => name(case).map(|name| name.says(case)),
        Cause::ConnectorMissingOnRemote => {
            Some(format!("{target} is called by {actor} and has no [[peer]] for it"))
        }
        Cause::ServiceAccountMismatch => account(case).map(|(seen, expected, _)| {
            format!("{actor} proves itself as {seen}, and {target} expects {expected} of it")
        }),
        Cause::X400StackAddressMismatch => port(case).map(|port| port.says()),
        Cause::MtaPasswordMismatch => super::x400::unreadable(case)
            .map(|(on, _)| format!("{on} cannot read the password of its X.400 connector")),
        Cause::LmhostsStaleEntry => Some(format!(
            "{actor} resolves the name of {target} to an address where {target} is not"
        )),
        _ => None,
    }
}

/// The newest refusal at one of the steps that compare, with both sides of the comparison.
fn compared<'a>(case: Case<'a>, step: &str) -> Option<(&'a str, &'a str, &'a Refusal)> {
    let newest = case.obstacle.refusals.first()?;
    let (presented, expected) = newest.differs.as_ref()?;
    (newest.step.as_deref() == Some(step)).then_some((presented, expected, newest))
}

/// A name that the two servers spell differently.
enum Name<'a> {
    /// The caller is a peer of the called server under another name.
    Caller { given: &'a str, known: &'a str, refusal: &'a Refusal },
    /// The caller takes the called server for another one.
    Called { given: &'a str, own: &'a str, refusal: &'a Refusal },
    /// The caller hands over another name to be bound back at.
    BindBack { given: &'a str, known: &'a str, refusal: &'a Refusal },
}

fn name(case: Case<'_>) -> Option<Name<'_>> {
    if let Some((given, known, refusal)) = compared(case, PEER_STEP) {
        return (!known.is_empty()).then_some(Name::Caller { given, known, refusal });
    }
    if let Some((given, own, refusal)) = compared(case, "called-name") {
        return Some(Name::Called { given, own, refusal });
    }
    let (presented, expected, refusal) = compared(case, "bind-back-name")?;
    let ((given, _), (known, _)) = (address::binding(presented)?, address::binding(expected)?);
    (!given.eq_ignore_ascii_case(known)).then_some(Name::BindBack { given, known, refusal })
}

fn in_case_only(a: &str, b: &str) -> &'static str {
    if a.eq_ignore_ascii_case(b) { " (they differ in case only, and case counts)" } else { "" }
}

impl Name<'_> {
    fn says(&self, case: Case<'_>) -> String {
        let (actor, target) = (case.actor(), case.target());
        match self {
            Self::Caller { given, known, .. } => {
                let more = in_case_only(given, known);
                format!("{given} calls {target}, which knows it as {known}{more}")
            }
            Self::Called { given, own, .. } => {
                let more = in_case_only(given, own);
                format!(
                    "{actor} calls {target} by the name {given:?}, and its name is {own:?}{more}"
                )
            }
            Self::BindBack { given, known, .. } => {
                format!(
                    "{actor} asks to be bound back at {given}, and {target} binds back to {known} only"
                )
            }
        }
    }

    const fn refusal(&self) -> &Refusal {
        match self {
            Self::Caller { refusal, .. }
            | Self::Called { refusal, .. }
            | Self::BindBack { refusal, .. } => refusal,
        }
    }
}

fn name_differs(case: Case<'_>) -> Vec<Clue> {
    let Some(name) = name(case) else {
        let says = format!("{} refused {} for no name", case.target(), case.actor());
        return vec![Clue::against(Kind::Setting, 0.95, case.target(), says)];
    };
    let refusal = name.refusal();
    vec![
        Clue::speaks_for(Kind::Setting, 0.85, case.target(), name.says(case)),
        Clue::speaks_for(Kind::Reason, 0.9, &refusal.source, refusal_says(case, refusal)),
    ]
}

fn set_name(case: Case<'_>) -> Vec<Remedy> {
    let (actor, target) = (case.actor(), case.target());
    let view = case.view;
    match name(case) {
        Some(Name::Caller { given, known, .. }) => {
            let here = view.place(target, &format!("peer.{known}.name"));
            let there = view.place(actor, "server.name");
            in_words(format!(
                "On {target}, set name = {given:?} in the [[peer]] table that has {known:?} ({here}), and restart {target}. Or, if it is \
                 the caller's name that is wrong, set name = {known:?} in [server] there ({there}), and restart it."
            ))
        }
        Some(Name::Called { given, own, .. }) => {
            let here = view.place(actor, &format!("peer.{given}.name"));
            let there = view.place(target, "server.name");
            in_words(format!(
                "On {actor}, set name = {own:?} in the [[peer]] table that has {given:?} ({here}), and restart {actor}. Or, if {target} \
                 should be named {given:?}, set it in [server] there ({there}), and restart it."
            ))
        }
        Some(Name::BindBack { given, .. }) => {
            let peer = spelling(case, target, actor);
            let here = view.place(target, &format!("peer.{peer}.bind_back"));
            let there = view.place(actor, "rpc.bind_back_name");
            in_words(format!(
                "On {target}, set bind_back = {given:?} in the [[peer]] table for {peer} ({here}), and let the server read it (SIGHUP). \
                 Or set rpc.bind_back_name of {actor} ({there}) to the name that {target} has, and restart {actor}."
            ))
        }
        None => in_words(format!(
            "Give the [[peer]] tables of {actor} and {target} the very names that the servers have under [server]."
        )),
    }
}

/// The name under which `holder` has `owner` in its file.
fn spelling(case: Case<'_>, holder: &str, owner: &str) -> String {
    case.view.peer(holder, owner).map_or(owner, |peer| peer.spelling()).to_owned()
}

/// The target has no peer of the actor's name, and none with its account.
fn no_peer(case: Case<'_>) -> Vec<Clue> {
    let target = case.target();
    let Some((given, _, refusal)) =
        compared(case, PEER_STEP).filter(|(_, known, _)| known.is_empty())
    else {
        let says = format!("{target} missed no peer");
        return vec![Clue::against(Kind::Setting, 0.95, target, says)];
    };
    let says = format!("{target} has no [[peer]] named {given:?}, and none with its account");
    vec![
        Clue::speaks_for(Kind::Setting, 0.85, target, says),
        Clue::speaks_for(Kind::Reason, 0.9, &refusal.source, refusal_says(case, refusal)),
    ]
}

fn add_peer(case: Case<'_>) -> Vec<Remedy> {
    let (actor, target) = (case.actor(), case.target());
    let file = case.view.place(target, "");
    let facts = case.view.server(actor);
    let host = facts.map(|one| one.host_name.as_str()).filter(|name| !name.is_empty());
    let port = facts.map(|one| one.mapper_port).filter(|port| *port != 0);
    let user = case.obstacle.refusals.iter().find_map(|refusal| refusal.user.as_deref());
    let mut keys = vec![format!("name = {actor:?}")];
    keys.push(format!("host = {:?}", host.unwrap_or("its host name")));
    keys.extend(port.map(|port| format!("mapper_port = {port}")));
    keys.extend(user.map(|user| format!("account = '{user}'")));
    keys.push("domains = its mail domains".to_owned());
    in_words(format!(
        "On {target}, add a [[peer]] table for {actor} to {file} ({}), and restart {target}. If {actor} should not send here, take its \
         [[peer]] table for {target} away.",
        keys.join(", ")
    ))
}

/// The account that was shown and the one that is configured for the peer, where nothing but a file can be wrong.
fn account(case: Case<'_>) -> Option<(String, String, &Refusal)> {
    let newest = case.obstacle.refusals.first()?;
    let (seen, expected) = match compared(case, "account") {
        Some((seen, expected, _)) => (seen.to_owned(), expected.to_owned()),
        None if newest.code == NO_SUCH_USER => super::account::another(case)?,
        None => return None,
    };
    let domain = |name: &str| identity::upcase(name.split_once('\\').map_or("", |(one, _)| one));
    // An override, a legacy account, another domain and another character set are causes of their own.
    let chosen = directory(case, case.actor()).and_then(|directory| {
        directory.presented.iter().find(|(peer, _)| peer.eq_ignore_ascii_case(case.target()))
    });
    let otherwise =
        chosen.is_some_and(|(_, (_, source))| source == "override" || source == "legacy");
    let foreign = newest.code == NO_SUCH_USER && domain(&seen) != domain(&expected);
    let mangled = identity::mangled(&expected, &seen).is_some();
    (seen != NOBODY && !otherwise && !foreign && !mangled).then_some((seen, expected, newest))
}

fn directory<'a>(case: Case<'a>, server: &str) -> Option<&'a DirectoryFacts> {
    case.view.read(server)?.directory.as_ref()
}

fn account_differs(case: Case<'_>) -> Vec<Clue> {
    let target = case.target();
    let Some((seen, expected, refusal)) = account(case) else {
        let says = format!("{target} got the account that it expects");
        return vec![Clue::against(Kind::Setting, 0.95, target, says)];
    };
    let says = format!("{target} got {seen}, and its [[peer]] for {} has {expected}", case.actor());
    let mut clues = vec![
        Clue::speaks_for(Kind::Setting, 0.85, target, says),
        Clue::speaks_for(Kind::Reason, 0.9, &refusal.source, refusal_says(case, refusal)),
    ];
    if let Some(found) = listed(case) {
        let says = match found {
            Some(_) => format!("{target} has an account {seen}"),
            None => format!("{target} has no account {seen}"),
        };
        clues.push(Clue::speaks_for(Kind::Setting, 0.3, &format!("{target} accounts"), says));
    }
    clues
}

fn set_account(case: Case<'_>) -> Vec<Remedy> {
    let (actor, target) = (case.actor(), case.target());
    let Some((seen, expected, refusal)) = account(case) else { return Vec::new() };
    let peer = spelling(case, target, actor);
    let here = case.view.place(target, &format!("peer.{peer}.account"));
    let there = case.view.place(actor, "rpc.account");
    let at_target = format!(
        "On {target}, set account = '{seen}' in the [[peer]] table for {peer} ({here}), and let the server read it (SIGHUP)."
    );
    let at_actor = format!(
        "On {actor}, set account = '{expected}' in [rpc] ({there}), and let the server read it (SIGHUP); password_file has to hold the password of that account."
    );
    // An account that the target does not have is the one that is misspelt.
    in_words(if refusal.code == NO_SUCH_USER {
        format!(
            "{at_actor} Or add the account {seen} on {target}, and give it to the [[peer]] table for {peer} ({here})."
        )
    } else {
        format!("{at_target} Or, if {seen} is the wrong one: {}", lower_first(&at_actor))
    })
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// A port that one server has of another, which listens elsewhere.
struct Port {
    holder: String,
    owner: String,
    called: u16,
    own: u16,
    is_x400: bool,
    source: String,
    kind: Kind,
}

impl Port {
    fn says(&self) -> String {
        let Self { holder, owner, called, own, is_x400, .. } = self;
        let what = if *is_x400 { "X.400" } else { "its endpoint mapper" };
        format!("{holder} calls {owner} on port {called}, and {owner} has {what} on {own}")
    }
}

/// The port that differs: of the target as the actor has it, or of the actor as the target has it.
fn port(case: Case<'_>) -> Option<Port> {
    let (actor, target) = (case.actor(), case.target());
    let of = |holder: &str, owner: &str, (called, own, source): (u16, u16, String), kind| Port {
        holder: holder.to_owned(),
        owner: owner.to_owned(),
        called,
        own,
        is_x400: case.view.peer(holder, owner).is_some_and(|peer| peer.x400.is_some()),
        source,
        kind,
    };
    if let Some((presented, expected, refusal)) = compared(case, "bind-back-name") {
        let ((_, own), (_, called)) = (address::binding(presented)?, address::binding(expected)?);
        let found = (called, own, refusal.source.clone());
        return (own != called).then(|| of(target, actor, found, Kind::Reason));
    }
    let found = case.view.ports(actor, target)?;
    (found.0 != found.1).then(|| of(actor, target, found, Kind::Setting))
}

/// Whether a call was lost where a wrong port loses it.
fn lost(witness: &Witness) -> bool {
    match witness.layer {
        Some(Layer::Tcp | Layer::Mapper | Layer::Bind) | None => {
            matches!(witness.code, 1722 | 1726 | 1727 | 1753 | 10054 | 10060 | 10061)
        }
        _ => false,
    }
}

fn port_symptom(case: Case<'_>) -> Vec<Clue> {
    let refused = compared(case, "bind-back-name").is_some();
    let is_x400 = port(case).is_some_and(|port| port.is_x400);
    let clues = case.obstacle.witnesses.iter().map(|witness| {
        let fits = if refused {
            witness.denied()
        } else {
            lost(witness) || is_x400 && witness.layer == Some(Layer::Tcp)
        };
        if fits {
            Clue::speaks_for(Kind::Symptom, 0.3, &witness.source, &*witness.says)
        } else {
            let says = format!("{}: it did not fail by a port", witness.says);
            Clue::against(Kind::Symptom, 0.9, &witness.source, says)
        }
    });
    clues.collect()
}

fn port_differs(case: Case<'_>) -> Vec<Clue> {
    match port(case) {
        Some(port) => {
            let mut clues = vec![Clue::speaks_for(Kind::Setting, 0.9, &port.source, port.says())];
            if port.kind == Kind::Reason
                && let Some(refusal) = case.obstacle.refusals.first()
            {
                let says = refusal_says(case, refusal);
                clues.push(Clue::speaks_for(Kind::Reason, 0.9, &refusal.source, says));
            }
            clues
        }
        None => {
            let says = format!("no port of {} is known to differ", case.target());
            vec![Clue::against(Kind::Setting, 0.95, case.actor(), says)]
        }
    }
}

/// What speaks against every other trouble of the way: the port that is called is not the one that is listened on.
pub(crate) fn not_the_port(case: Case<'_>) -> Vec<Clue> {
    let clue = port(case).map(|port| Clue::against(Kind::Setting, 0.95, &port.source, port.says()));
    clue.into_iter().collect()
}

fn set_port(case: Case<'_>) -> Vec<Remedy> {
    let Some(Port { holder, owner, called, own, is_x400, .. }) = port(case) else {
        return Vec::new();
    };
    let peer = spelling(case, &holder, &owner);
    let (table, key, section) = match is_x400 {
        true => ("x400", "port", "rfc1006.port"),
        false => ("peer", "mapper_port", "rpc.mapper_port"),
    };
    let dotted = format!("{table}.{peer}.{key}");
    let here = case.view.place(&holder, &dotted);
    let default = match case.view.has_line(&holder, &dotted) {
        Some(false) => format!(" (it is not there, and {called} counts without it)"),
        _ => String::new(),
    };
    let there = case.view.place(&owner, section);
    in_words(format!(
        "On {holder}, set {key} = {own} in the [[{table}]] table for {peer}{default} ({here}), and let the server read it (SIGHUP). Or, if \
         {owner} should listen on {called}, set {section} = {called} there ({there}), and restart {owner}."
    ))
}
