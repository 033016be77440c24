//! Who plays: the names of an organisation's servers, hosts and accounts.
//!
//! Texts and orders of this room are written for the servers of the demo, EAST and WEST, with those that stand by, NORTH and
//! SOUTH. A cast says who plays them, and [`Cast::told`] turns such a text into one about its servers.

use std::fmt;

use crate::chance::Chance;

/// A place in an organisation. A fault comes between EAST and WEST.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    East,
    West,
    North,
    South,
}

impl Side {
    /// The two that a fault comes between.
    pub const BOTH: [Self; 2] = [Self::East, Self::West];

    pub(crate) const ALL: [Self; 4] = [Self::East, Self::West, Self::North, Self::South];

    /// The name of the place, and of the server of a demo.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::East => "EAST",
            Self::West => "WEST",
            Self::North => "NORTH",
            Self::South => "SOUTH",
        }
    }

    /// The one across.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::East => Self::West,
            Self::West => Self::East,
            Self::North => Self::South,
            Self::South => Self::North,
        }
    }

    /// The folder of its server.
    pub(crate) const fn folder(self) -> &'static str {
        match self {
            Self::East => "east",
            Self::West => "west",
            Self::North => "north",
            Self::South => "south",
        }
    }

    pub(crate) const fn index(self) -> usize {
        match self {
            Self::East => 0,
            Self::West => 1,
            Self::North => 2,
            Self::South => 3,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Mailbox {
    pub(crate) side: Side,
    pub(crate) name: &'static str,
}

/// Every mailbox, two on each server.
pub(crate) const MAILBOXES: [Mailbox; 8] = [
    Mailbox { side: Side::East, name: "anna" },
    Mailbox { side: Side::East, name: "arno" },
    Mailbox { side: Side::West, name: "bert" },
    Mailbox { side: Side::West, name: "bianca" },
    Mailbox { side: Side::North, name: "carl" },
    Mailbox { side: Side::North, name: "cora" },
    Mailbox { side: Side::South, name: "dirk" },
    Mailbox { side: Side::South, name: "dora" },
];

/// The mailboxes of one server.
pub(crate) fn mailboxes(side: Side) -> impl Iterator<Item = Mailbox> {
    MAILBOXES.into_iter().filter(move |mailbox| mailbox.side == side)
}

/// What one server is called.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Names {
    server: String,
    /// Host name and mail domain.
    host: String,
    /// The name handed over for the bind back.
    bind_back: String,
    /// The account that it proves itself with.
    account: String,
}

/// Names that no text of this room has in it.
const SERVERS: [&str; 20] = [
    "OSLO", "TURIN", "LIMA", "DAKAR", "QUITO", "RIGA", "PERTH", "SEOUL", "CORK", "BASEL", "NANTES",
    "TAMPA", "KYOTO", "MINSK", "AGRA", "BERGEN", "LODZ", "PORTO", "TUNIS", "HANOI",
];

/// How an account may be called, before the name of its server.
const ACCOUNTS: [&str; 4] = ["svc-", "mta.", "exch-", "sa_"];

/// The servers of an organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cast {
    /// By [`Side::index`].
    names: Vec<Names>,
    /// In the order in which they are made and started.
    order: Vec<Side>,
}

impl Cast {
    /// EAST and WEST.
    pub(crate) fn demo() -> Self {
        Self { names: Side::BOTH.map(plain).to_vec(), order: Side::BOTH.to_vec() }
    }

    /// So many servers, two to four, with names and an order that the seed decides.
    pub(crate) fn random(chance: &mut Chance, servers: usize) -> Self {
        let mut known = SERVERS;
        chance.shuffle(&mut known);
        let mut order = Side::ALL[..servers.clamp(2, Side::ALL.len())].to_vec();
        let prefix = ACCOUNTS[chance.below(ACCOUNTS.len())];
        let names = order.iter().zip(known).map(|(_, server)| {
            let low = server.to_ascii_lowercase();
            Names {
                server: server.to_owned(),
                host: format!("{low}.demo.test"),
                bind_back: format!("{low}-rpc.demo.test"),
                account: format!(r"DEMO\{prefix}{low}"),
            }
        });
        let names = names.collect();
        chance.shuffle(&mut order);
        Self { names, order }
    }

    /// With another account for one server.
    #[must_use]
    pub(crate) fn with_account(mut self, side: Side, account: &str) -> Self {
        self.names[side.index()].account = account.to_owned();
        self
    }

    /// The servers, in the order in which they are made and started.
    pub(crate) fn sides(&self) -> &[Side] {
        &self.order
    }

    /// The servers besides this one.
    pub(crate) fn others(&self, side: Side) -> impl Iterator<Item = Side> + use<'_> {
        self.order.iter().copied().filter(move |other| *other != side)
    }

    /// The MTA name.
    pub(crate) fn name(&self, side: Side) -> &str {
        &self.names[side.index()].server
    }

    pub(crate) fn host(&self, side: Side) -> &str {
        &self.names[side.index()].host
    }

    pub(crate) fn bind_back(&self, side: Side) -> &str {
        &self.names[side.index()].bind_back
    }

    pub(crate) fn account(&self, side: Side) -> &str {
        &self.names[side.index()].account
    }

    pub(crate) fn address(&self, mailbox: Mailbox) -> String {
        format!("{}@{}", mailbox.name, self.host(mailbox.side))
    }

    /// Every mailbox of these servers.
    pub(crate) fn mailboxes(&self) -> impl Iterator<Item = Mailbox> + use<'_> {
        MAILBOXES.into_iter().filter(|mailbox| mailbox.side.index() < self.names.len())
    }

    /// A text about EAST, WEST and the others, told of those who play them.
    pub(crate) fn told(&self, text: &str) -> String {
        let mut out = text.to_owned();
        for side in &self.order {
            let (played, by) = (plain(*side), &self.names[side.index()]);
            let words = [
                (&played.account, &by.account),
                (&played.bind_back, &by.bind_back),
                (&played.host, &by.host),
                (&played.server, &by.server),
            ];
            for (from, to) in words {
                out = out.replace(from, to);
            }
        }
        out
    }
}

fn plain(side: Side) -> Names {
    let low = side.folder();
    Names {
        server: side.name().to_owned(),
        host: format!("{low}.demo.test"),
        bind_back: format!("{low}-rpc.demo.test"),
        account: format!(r"DEMO\svc-{low}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_names_and_order() {
        let cast = |seed| Cast::random(&mut Chance::new(seed), 4);
        assert_eq!(cast(1), cast(1));
        assert_ne!(cast(1).names, cast(2).names);
        assert!((0..20).any(|seed| cast(seed).sides()[0] != Side::East));
        let mut names: Vec<String> = cast(3).names.iter().map(|one| one.host.clone()).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 4);
    }

    #[test]
    fn a_text_is_told_of_those_who_play() {
        let text = r"On WEST the name east-rpc.demo.test of EAST (DEMO\svc-east) is unknown.";
        assert_eq!(Cast::demo().told(text), text);
        let cast = Cast::random(&mut Chance::new(7), 2);
        let told = cast.told(text);
        for word in [cast.name(Side::West), cast.bind_back(Side::East), cast.account(Side::East)] {
            assert!(told.contains(word), "{told}");
        }
        assert!(!told.contains("EAST") && !told.contains("east"), "{told}");
    }
}
