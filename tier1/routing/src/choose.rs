//! The choice of a way, and why each other one was not taken.
//!
//! A mailbox of this server and a domain of a peer leave no choice. For everything else the ways whose address spaces fit
//! most closely go through seven steps, each of which keeps the best ones (the route selection of the classic MTA):
//!
//! 1. not the way it came in by;
//! 2. not tried more often for this message than the way allows;
//! 3. what can be opened earliest: now, later, never, only from the other side;
//! 4. tried least often for this message so far;
//! 5. no timer of a failed attempt running;
//! 6. lowest cost;
//! 7. a connector of this server before one of another.
//!
//! Where the closest address spaces leave no way after the first two steps and the restrictions, the next closest are
//! looked at: a way for everything (`*`) is the last resort of what has a way of its own.

use std::collections::BTreeSet;

use crate::address::{Address, AddressType, X400_DOMAIN};
use crate::link::{Activation, Link, Outlet, Restriction};
use crate::space::AddressSpace;
use crate::table::{Domains, Table};

/// A next hop for one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// A mailbox on this server; the local part as the mailbox list spells it.
    Local { mailbox: String },
    /// The server of this MTA name.
    Peer { name: String },
    /// A connector of this server, and the mail domain where each has a way of its own.
    Connector { name: String, domain: Option<String> },
    /// The domain is ours but has no such mailbox.
    UnknownMailbox,
    /// No entry of the table covers the address.
    NoRoute,
    /// Every way that covers the address is closed to this message.
    Closed(Closed),
}

/// Why every way is closed to a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closed {
    /// The message came by the only one.
    CameFromThere,
    /// Each was tried as often as it may.
    RetriesExhausted,
    /// A restriction of the best one.
    Restricted(Restriction),
}

/// One recipient of one message.
#[derive(Debug, Clone, Copy, Default)]
pub struct Request<'a> {
    pub address: &'a str,
    /// The message's sender; `None` when it is not known, empty for the null path.
    pub sender: Option<&'a str>,
    /// Octets of the content, where they are known.
    pub size: Option<u64>,
    /// Recipients of the message, where they are known.
    pub recipients: Option<usize>,
    /// A report, or other mail that the MTAs themselves make: no restriction applies.
    pub is_system: bool,
    /// The peer or the connector that the message came from.
    pub came_by: Option<&'a str>,
    /// How often each way was tried for this recipient.
    pub tries: &'a [(String, u32)],
}

/// What is known of the ways at this moment.
pub trait LinkStates {
    /// When a way can be opened.
    fn activation(&self, link: &str) -> Activation;

    /// Whether a failed attempt keeps the way closed for a while.
    fn is_waiting(&self, hop: &Route) -> bool;
}

/// Nothing is known: every way stands open.
#[derive(Debug, Clone, Copy, Default)]
pub struct AllOpen;

impl LinkStates for AllOpen {
    fn activation(&self, _: &str) -> Activation {
        Activation::Now
    }

    fn is_waiting(&self, _: &Route) -> bool {
        false
    }
}

/// A route and, in words, why it was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    pub route: Route,
    /// The name of the way: `local`, a peer or a connector; empty where there is none.
    pub name: String,
    pub why: String,
    /// The cost of the address space that was used.
    pub cost: Option<u32>,
    /// The address space that was used.
    pub space: Option<String>,
    /// Leads out of the organisation: only for those who may relay.
    pub outside: bool,
    pub considered: Vec<Considered>,
}

/// A way that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Considered {
    /// The name of the way and the address space.
    pub route: String,
    pub why_not: String,
}

/// A table with what is known of its ways.
#[derive(Clone, Copy)]
pub struct Router<'a> {
    pub table: &'a Table,
    pub states: &'a dyn LinkStates,
    /// The peer or the connector that brought the message.
    pub came_by: Option<&'a str>,
}

impl std::fmt::Debug for Router<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Router").field("came_by", &self.came_by).finish_non_exhaustive()
    }
}

impl<'a> Router<'a> {
    /// For a message that came from nowhere in particular.
    #[must_use]
    pub fn new(table: &'a Table, states: &'a dyn LinkStates) -> Self {
        Self { table, states, came_by: None }
    }

    /// For a message that this peer or connector brought.
    #[must_use]
    pub fn came_by(self, name: &'a str) -> Self {
        Self { came_by: Some(name), ..self }
    }

    /// Chooses a next hop.
    #[must_use]
    pub fn choose(&self, request: &Request<'_>) -> Choice {
        let request = Request { came_by: request.came_by.or(self.came_by), ..*request };
        self.table.choose_with(&request, self.states)
    }
}

/// A way whose space fits, on its way through the steps.
struct Candidate<'a> {
    link: &'a Link,
    space: &'a AddressSpace,
    weight: usize,
    route: Route,
    tries: u32,
}

impl Table {
    /// Chooses the next hop for an address such as `anna@east.example`, with every way open.
    ///
    /// An address without a domain (`postmaster`) belongs to this server.
    #[must_use]
    pub fn choose(&self, address: &str) -> Choice {
        self.choose_with(&Request { address, ..Request::default() }, &AllOpen)
    }

    fn choose_with(&self, request: &Request<'_>, states: &dyn LinkStates) -> Choice {
        let address = Address::parse(request.address);
        if !self.aliases.is_empty()
            && let Some(mailbox) = self.aliases.get(&address.folded())
        {
            let why = format!("it is an address of {mailbox} in the directory");
            let route = Route::Local { mailbox: mailbox.clone() };
            return Choice { name: "local".to_owned(), ..Choice::of(route, why) };
        }
        if let Address::Smtp { local_part, domain } = &address {
            let Some(domain) = domain else { return self.choose_bare(local_part) };
            match self.domains.get(domain) {
                Some(Domains::Local { mailboxes }) => {
                    return choose_mailbox(local_part, domain, mailboxes);
                }
                Some(Domains::Peer { name }) => {
                    let why = format!("{domain} is held by {name}");
                    let route = Route::Peer { name: name.clone() };
                    return Choice { name: name.clone(), ..Choice::of(route, why) };
                }
                None => {}
            }
        }
        self.choose_link(&address, request, states)
    }

    fn choose_bare(&self, local_part: &str) -> Choice {
        let local = self.domains.iter().find_map(|(domain, holder)| match holder {
            Domains::Local { mailboxes } => Some((domain, mailboxes)),
            Domains::Peer { .. } => None,
        });
        match local {
            Some((domain, mailboxes)) => choose_mailbox(local_part, domain, mailboxes),
            None => Choice::of(Route::NoRoute, "this server holds no domain of its own".to_owned()),
        }
    }

    fn choose_link(
        &self,
        address: &Address,
        request: &Request<'_>,
        states: &dyn LinkStates,
    ) -> Choice {
        let mut considered = Vec::new();
        let mut candidates = Vec::new();
        for link in &self.links {
            match link.best_space(address) {
                Some((weight, space)) => candidates.push(Candidate {
                    link,
                    space,
                    weight,
                    route: route_of(link, address),
                    tries: request
                        .tries
                        .iter()
                        .find(|(name, _)| name.eq_ignore_ascii_case(&link.name))
                        .map_or(0, |(_, tries)| *tries),
                }),
                None => considered
                    .push(Considered { route: link.name.clone(), why_not: link.why_not(address) }),
            }
        }
        if candidates.is_empty() {
            if address.address_type() == AddressType::X400
                && let Some(Domains::Peer { name }) = self.domains.get(X400_DOMAIN)
            {
                let why = format!(
                    "no address space fits, and what is left goes to {name}, which has {X400_DOMAIN}"
                );
                let route = Route::Peer { name: name.clone() };
                return Choice { name: name.clone(), considered, ..Choice::of(route, why) };
            }
            let what = match address.domain() {
                Some(domain) => format!("no server of the organisation holds {domain}"),
                None => "nobody here has this address".to_owned(),
            };
            let why = if self.links.is_empty() {
                what
            } else {
                format!("{what}, and no address space of a connector fits")
            };
            return Choice { considered, ..Choice::of(Route::NoRoute, why) };
        }
        let (open, closed) = sift(candidates, request, &mut considered);
        if open.is_empty() {
            let why = format!("every way for {} is closed: {}", request.address, closed.words());
            return Choice { considered, ..Choice::of(Route::Closed(closed), why) };
        }
        pick(open, states, considered)
    }
}

/// Why a way was passed over whose address space fits, and another's fits better.
const CLOSER: &str = "another address space fits more closely";

/// Steps 1 and 2 and the restrictions: what is left, or why nothing is.
fn sift<'a>(
    mut candidates: Vec<Candidate<'a>>,
    request: &Request<'_>,
    considered: &mut Vec<Considered>,
) -> (Vec<Candidate<'a>>, Closed) {
    // The closest ones first, so that the reason of the best one is told where all are closed.
    candidates.sort_by_key(|one| (std::cmp::Reverse(one.weight), one.space.cost()));
    let mut closed = None;
    let mut open: Vec<Candidate<'a>> = Vec::new();
    for one in candidates {
        let came = |name: &str| {
            one.link.name.eq_ignore_ascii_case(name)
                || matches!(
                    &one.link.outlet,
                    Outlet::Peer(mta) | Outlet::Mta(mta) if mta.eq_ignore_ascii_case(name)
                )
        };
        let restricted = if request.is_system {
            Ok(())
        } else {
            let (sender, size) = (request.sender, request.size);
            one.link.restrictions.check(one.space, sender, size, request.recipients)
        };
        let reason = if request.came_by.is_some_and(came) {
            Closed::CameFromThere
        } else if one.link.max_open_retries.is_some_and(|most| one.tries >= most) {
            Closed::RetriesExhausted
        } else if let Err(restriction) = restricted {
            Closed::Restricted(restriction)
        } else {
            open.push(one);
            continue;
        };
        considered.push(Considered { route: name(&one), why_not: reason.words() });
        closed.get_or_insert(reason);
    }
    let best = open.iter().map(|one| one.weight).max().unwrap_or(0);
    let kept = keep(open, |one| one.weight == best, CLOSER, considered);
    (kept, closed.unwrap_or(Closed::RetriesExhausted))
}

/// Steps 3 to 7 among ways that are open to the message; never empty.
fn pick(
    mut open: Vec<Candidate<'_>>,
    states: &dyn LinkStates,
    mut considered: Vec<Considered>,
) -> Choice {
    let mut why = if considered.iter().any(|one| one.why_not == CLOSER) {
        "its address space fits most closely"
    } else {
        "the only way whose address space fits"
    };
    // What is known costs a look, so only a real choice takes it.
    if open.len() > 1 {
        let activation = |one: &Candidate<'_>| states.activation(&one.link.name);
        let earliest = open.iter().map(activation).min().unwrap_or_default();
        let opens_first = |one: &Candidate<'_>, _: &Least| activation(one) == earliest;
        let tried_least = |one: &Candidate<'_>, least: &Least| one.tries == least.tries;
        let ready = |one: &Candidate<'_>, least: &Least| {
            !least.some_ready || !states.is_waiting(&one.route)
        };
        let cheap = |one: &Candidate<'_>, least: &Least| one.space.cost() == least.cost;
        let near = |one: &Candidate<'_>, least: &Least| !least.some_local || is_local(one);
        let steps: [(&str, &str, &Test<'_>); 5] = [
            ("opens earliest", "it opens later than another", &opens_first),
            ("tried least often", "it was tried more often for this message", &tried_least),
            ("no failed attempt delays it", "it failed and waits to be tried again", &ready),
            ("lowest cost", "it costs more", &cheap),
            ("a connector of this server", "its connector is on another server", &near),
        ];
        for (reason, why_not, test) in steps {
            let least = Least::of(&open, states);
            let before = open.len();
            open = keep(open, |one| test(one, &least), why_not, &mut considered);
            if open.len() < before {
                why = reason;
            }
        }
    }
    let mut rest = open.into_iter();
    let chosen = rest.next();
    considered.extend(rest.map(|one| Considered {
        route: name(&one),
        why_not: "equal in everything, and it stands later in the configuration".to_owned(),
    }));
    match chosen {
        None => Choice::of(Route::NoRoute, "no way is left".to_owned()),
        Some(one) => Choice {
            name: one.link.name.clone(),
            cost: Some(one.space.cost()),
            space: Some(one.space.to_string()),
            outside: !one.link.inside,
            considered,
            ..Choice::of(one.route.clone(), format!("{}: {why}", name(&one)))
        },
    }
}

/// Whether a way stays in the choice.
type Test<'t> = dyn Fn(&Candidate<'_>, &Least) -> bool + 't;

/// The best values among the ways that are left.
struct Least {
    tries: u32,
    cost: u32,
    some_ready: bool,
    some_local: bool,
}

impl Least {
    fn of(open: &[Candidate<'_>], states: &dyn LinkStates) -> Self {
        Self {
            tries: open.iter().map(|one| one.tries).min().unwrap_or(0),
            cost: open.iter().map(|one| one.space.cost()).min().unwrap_or(0),
            some_ready: open.iter().any(|one| !states.is_waiting(&one.route)),
            some_local: open.iter().any(is_local),
        }
    }
}

fn is_local(one: &Candidate<'_>) -> bool {
    !matches!(one.link.outlet, Outlet::Peer(_))
}

fn keep<'a>(
    candidates: Vec<Candidate<'a>>,
    test: impl Fn(&Candidate<'a>) -> bool,
    why_not: &str,
    considered: &mut Vec<Considered>,
) -> Vec<Candidate<'a>> {
    let (kept, dropped): (Vec<_>, Vec<_>) = candidates.into_iter().partition(test);
    considered.extend(
        dropped.iter().map(|one| Considered { route: name(one), why_not: why_not.to_owned() }),
    );
    kept
}

fn name(one: &Candidate<'_>) -> String {
    format!("{} ({}, cost {})", one.link.name, one.space, one.space.cost())
}

fn route_of(link: &Link, address: &Address) -> Route {
    match (&link.outlet, address.domain()) {
        (Outlet::Peer(name) | Outlet::Mta(name), _) => Route::Peer { name: name.clone() },
        (Outlet::Domains, Some(domain)) => {
            Route::Connector { name: link.name.clone(), domain: Some(domain.to_owned()) }
        }
        (Outlet::Connector | Outlet::Domains, _) => {
            Route::Connector { name: link.name.clone(), domain: None }
        }
    }
}

fn choose_mailbox(local_part: &str, domain: &str, mailboxes: &Option<BTreeSet<String>>) -> Choice {
    let folded = local_part.to_lowercase();
    let known = mailboxes.as_ref().is_none_or(|known| known.contains(&folded));
    if known {
        let why = format!("{domain} is held here, mailbox {folded}");
        let route = Route::Local { mailbox: folded };
        Choice { name: "local".to_owned(), ..Choice::of(route, why) }
    } else {
        let why = format!("{domain} is held here and has no mailbox {folded}");
        Choice::of(Route::UnknownMailbox, why)
    }
}

impl Choice {
    fn of(route: Route, why: String) -> Self {
        Self {
            route,
            name: String::new(),
            why,
            cost: None,
            space: None,
            outside: false,
            considered: Vec::new(),
        }
    }
}

impl Closed {
    fn words(&self) -> String {
        match self {
            Self::CameFromThere => "the message came from there".to_owned(),
            Self::RetriesExhausted => "it was tried as often as it may be".to_owned(),
            Self::Restricted(restriction) => restriction.to_string(),
        }
    }
}

#[cfg(test)]
mod tests;
