//! The faults that can be put in: what is done, whose mail stops, which events tell of it, and what cures it.
//!
//! Expectations follow the published table "which event on which side": the caller logs 9318, the called server 9322 when its bind back fails, and whoever refuses
//! an account logs 9297 with the exact reason. All texts and orders are about EAST and WEST; [`Side`]s with other names play them in the laboratory.

use std::fmt;

use finding::Cause;

use crate::cast::Side;
use crate::organisation::{Carrier, Setting};

mod accounts;
mod credentials;
mod dial_up;
mod domain;
mod generations;
mod host;
mod joining;
mod line;
mod names;
mod network;
mod overrides;
mod peers;
mod roles;
mod route;
mod store;
mod table;
mod terms;

pub(crate) use domain::SAMBA_DOMAINS;
pub use domain::{find_in_domain, slugs_in_domain};
pub use table::{FAULTS, X400_FAULTS};
pub use terms::HARMLESS;

/// The numbers that tell of a stopped association; a demo collects these.
pub const TELLING_EVENTS: [u32; 17] = [
    BIND_FAILED,
    BIND_BACK_FAILED,
    SECURITY_VIOLATION,
    event::id::CREDENTIALS_REFUSED,
    event::id::UNKNOWN_MTA,
    event::id::OUT_REFUSED,
    event::id::IN_REFUSED,
    event::id::SUSPENDED_CALLER,
    event::id::WRONG_DIALOGUE,
    event::id::WRONG_T_SELECTOR,
    event::id::CALL_CANCELLED,
    event::id::NON_DELIVERY,
    event::own::id::STORE_REFUSES,
    event::own::id::TLS_REFUSED,
    event::id::DIAL_FAILED,
    event::id::LINK_FAILED,
    event::own::id::DEFAULT_ROUTE_TAKEN,
];

const BIND_FAILED: u32 = event::id::BIND_FAILED;
const BIND_BACK_FAILED: u32 = event::id::BIND_BACK_FAILED;
const SECURITY_VIOLATION: u32 = event::id::SECURITY_VIOLATION;

/// One fault: how it is put in, what it must cause, and how it is cured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// What the laboratory calls it: the slug of its cause, unless there are several of one cause.
    pub name: &'static str,
    pub cause: Cause,
    /// A few words.
    pub title: &'static str,
    /// What is done, in one sentence.
    pub what: &'static str,
    pub put_in: &'static [Act],
    /// Of EAST and WEST, the servers whose mail for the other one stops.
    pub stops: &'static [Side],
    /// EAST is the trouble of everybody: what stops for WEST stops for all.
    pub for_all: bool,
    /// The server that its operator would ask first.
    pub ask: Side,
    /// Events that must be logged once mail is under way.
    pub expected: &'static [ExpectedEvent],
    /// What the remedy's words ask for, where it has no command for all of it.
    pub cure: &'static [Act],
    /// Keys that the servers need for this fault to be possible.
    pub set: &'static [Setting],
    /// What is set up before any mail.
    pub prepare: &'static [Act],
    /// Other names for accounts; only EAST and WEST are there then.
    pub accounts: &'static [(Side, &'static str)],
    /// Mail need not stop: a measure beyond its threshold is what has to be found.
    pub degrading: bool,
    /// Mail comes back: from whom to what address it is sent, and who has the mailbox once it is cured.
    pub returned: Option<(Side, &'static str, Side)>,
    /// EAST takes no mail from anybody: none is handed in there.
    pub takes_none: bool,
    /// Programs and rights that it takes beside those of the servers.
    pub needs: &'static [&'static str],
    /// So many servers are there; 0 leaves it to chance.
    pub servers: usize,
    /// Only EAST and WEST are there: it would stop mail with others, too.
    pub two_alone: bool,
    /// Each server lives in a network namespace of its own.
    pub wired: bool,
    /// Claims that it shows.
    pub claims: &'static [u8],
}

/// One thing that is done. In its words, names of EAST and WEST become those of the servers that play them, and these too:
/// `{changed}` a file with a new password, `{east.password}` the file with the server's password, `{east.network}` the network that its
/// calls come from, `{east.address}`, `{east.mapper}`, `{east.lower}` its name in lower case, `{east.folder}`, `{east.pid}`, `{east.smtp}`, `{east.mailbox}`, `{nowhere}` an address where nobody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// A command of the program on a server.
    Run(Side, &'static [&'static str]),
    /// The same, and it fails: that is what it is for.
    Fails(Side, &'static [&'static str]),
    /// A server is stopped in order.
    Stop(Side),
    /// A server is stopped and started.
    Restart(Side),
    /// A file in a server's folder gets this text.
    Write(Side, &'static str, &'static str),
    /// In the configuration of a server, the first text becomes the second.
    Replace(Side, &'static str, &'static str),
    /// A packet filter where a server lives gets this rule for what comes in.
    Filter(Side, &'static str),
    /// A shell's line where a server lives, and nothing of the program.
    Shell(Side, &'static str),
    /// The KDC gets another key for a server's service.
    ChangeKey(Side),
    /// A program of somebody else, under this name, runs where a server lives: the program's words, until its end.
    Begin(&'static str, Side, &'static [&'static str]),
    /// What was begun under this name ends.
    End(&'static str),
    /// A server's process is stopped where it stands (SIGSTOP): its machine answers, and it does not.
    Hang(Side),
    /// It goes on.
    GoOn(Side),
    /// A server is stopped and started, now as one that does what an old implementation of NTLM does, or as itself again.
    Pose(Side, Option<&'static str>),
    /// A server is stopped and started under a clock that is so far off (as `faketime -f` takes it), or under the right one again.
    Clock(Side, Option<&'static str>),
}

/// An event that a fault must cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpectedEvent {
    pub server: Side,
    pub id: u32,
    /// Absent on the events of X.400 binds.
    pub code: Option<u32>,
    /// Comms error and Bind error, for events that have them.
    pub errors: Option<(u32, u32)>,
}

impl fmt::Display for ExpectedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} event {}", self.server.name(), self.id)?;
        if let Some(code) = self.code {
            write!(f, " with code {code}")?;
        }
        match self.errors {
            Some((comms, bind)) => write!(f, ", comms {comms}, bind {bind}"),
            None => Ok(()),
        }
    }
}

impl Fault {
    /// Who waits for whom once it is in, among these servers.
    pub(crate) fn stopped(&self, sides: &[Side]) -> Vec<(Side, Side)> {
        if !self.for_all {
            return self.stops.iter().map(|side| (*side, side.other())).collect();
        }
        let others = sides.iter().copied().filter(|side| *side != Side::East);
        let mut pairs: Vec<(Side, Side)> = Vec::new();
        for other in others {
            if self.stops.contains(&Side::West) {
                pairs.push((other, Side::East));
            }
            if self.stops.contains(&Side::East) {
                pairs.push((Side::East, other));
            }
        }
        pairs
    }
}

/// The faults that can be put into servers that exchange mail by this carrier.
#[must_use]
pub const fn of(carrier: Carrier) -> &'static [Fault] {
    match carrier {
        Carrier::Rpc => FAULTS,
        Carrier::Rfc1006 => X400_FAULTS,
    }
}

/// The fault of this cause where accounts are proved by Kerberos, if this room can put it in.
#[must_use]
pub fn find_with_kerberos(cause: Cause) -> Option<&'static Fault> {
    match cause {
        Cause::ServiceAccountPasswordMismatch => Some(&accounts::KEY_DIFFERS),
        // Without an account there is nobody whom a password could be asked of: only the list tells.
        Cause::ServiceAccountMissing => None,
        other => find(Carrier::Rpc, other),
    }
}

/// The fault of this cause that a demo puts in, if this room can: one whose remedy is all commands.
#[must_use]
pub fn find(carrier: Carrier, cause: Cause) -> Option<&'static Fault> {
    of(carrier).iter().find(|fault| fault.cause == cause && fault.suits_a_demo())
}

impl Fault {
    /// Whether it needs nothing that a demo does not have, and its remedy is all commands.
    #[must_use]
    pub const fn suits_a_demo(&self) -> bool {
        self.cure.is_empty()
            && self.set.is_empty()
            && self.prepare.is_empty()
            && self.accounts.is_empty()
            && self.needs.is_empty()
            && self.returned.is_none()
            && !self.wired
            && self.servers == 0
            && !self.takes_none
            && !self.degrading
    }

    /// Whether the servers' accounts are in two domains of Samba.
    pub(crate) fn in_domains(&self) -> bool {
        self.needs.contains(&SAMBA_DOMAINS)
    }

    /// Whether servers prove themselves by Kerberos in it.
    pub(crate) fn by_kerberos(&self) -> bool {
        self.needs.contains(&"krb5kdc")
    }

    /// Whether it can be put in beside another one: it leaves both servers and all accounts there.
    #[must_use]
    pub fn suits_a_pair(&self) -> bool {
        let takes_away = |act: &Act| match act {
            Act::Stop(_) => true,
            Act::Run(_, words) => words.starts_with(&["account", "remove"]),
            _ => false,
        };
        self.suits_a_demo() && !self.put_in.iter().any(takes_away)
    }
}

#[cfg(test)]
mod tests;
