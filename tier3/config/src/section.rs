//! The tables of the file.

/// A table of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    Server,
    Smtp,
    Mail,
    Rpc,
    Accounts,
    Directory,
    Peer,
    DialUp,
    Connector,
    AddressSpace,
    Rfc1006,
    X400,
    X400AddressSpace,
    Hosts,
    Queue,
    Association,
    Admin,
    Events,
}

impl Section {
    /// In the order of the reference page and of the commented file.
    pub const ALL: [Self; 18] = [
        Self::Server,
        Self::Smtp,
        Self::Mail,
        Self::Rpc,
        Self::Accounts,
        Self::Directory,
        Self::Peer,
        Self::DialUp,
        Self::Connector,
        Self::AddressSpace,
        Self::Rfc1006,
        Self::X400,
        Self::X400AddressSpace,
        Self::Hosts,
        Self::Queue,
        Self::Association,
        Self::Admin,
        Self::Events,
    ];

    /// The name in the file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Smtp => "smtp",
            Self::Mail => "mail",
            Self::Rpc => "rpc",
            Self::Accounts => "accounts",
            Self::Directory => "directory",
            Self::Peer => "peer",
            Self::DialUp => "dial_up",
            Self::Connector => "connector",
            Self::AddressSpace => "connector.address_space",
            Self::Rfc1006 => "rfc1006",
            Self::X400 => "x400",
            Self::X400AddressSpace => "x400.address_space",
            Self::Hosts => "hosts",
            Self::Queue => "queue",
            Self::Association => "association",
            Self::Admin => "admin",
            Self::Events => "events",
        }
    }

    /// Stands as often as there is something to say.
    pub const fn is_list(self) -> bool {
        matches!(
            self,
            Self::Peer
                | Self::DialUp
                | Self::Connector
                | Self::AddressSpace
                | Self::X400
                | Self::X400AddressSpace
        )
    }

    /// The header as it is written in the file.
    pub fn header(self) -> String {
        match self {
            list if list.is_list() => format!("[[{}]]", list.name()),
            other => format!("[{}]", other.name()),
        }
    }

    /// The tables of address spaces that stand within this one.
    pub const fn spaces(self) -> Option<Self> {
        match self {
            Self::Connector => Some(Self::AddressSpace),
            Self::X400 => Some(Self::X400AddressSpace),
            _ => None,
        }
    }

    /// What the table is for.
    pub const fn doc(self) -> &'static str {
        match self {
            Self::Server => "Who this server is.",
            Self::Smtp => {
                "Mail comes in here over SMTP. Only the domains of this organisation are accepted, and only from the networks allowed: never an open relay."
            }
            Self::Mail => "The mailboxes that live on this server.",
            Self::Rpc => {
                "Server-to-server transfer over RPC: where this server listens, and the account it proves itself with."
            }
            Self::Accounts => {
                "The accounts that this server accepts: how their verifiers are kept, and what locks them."
            }
            Self::Directory => {
                "Where the directory is kept: in this server's own store, or in an LDAP directory that several servers share. docs/directory.md tells what that takes."
            }
            Self::Peer => {
                "A server that mail is exchanged with. One table for each peer, as many as there are."
            }
            Self::DialUp => {
                "A dial-up connector (the field's Dynamic RAS connector): the way to the [[peer]] of that name is dialled when mail waits, and hung up when all of it is across. docs/dial-up.md tells how. One table for each peer that is reached so."
            }
            Self::Connector => {
                "A way out of this server for mail that no server of the organisation holds: over SMTP, or through a peer. docs/routing.md tells how the choice falls."
            }
            Self::AddressSpace => {
                "Addresses that the connector above serves, and at what cost. One table for each address space."
            }
            Self::Rfc1006 => {
                "X.400 over TCP (RFC 1006): where this server listens for other MTAs, and what they call it by. The other MTAs stand in [[x400]]."
            }
            Self::X400 => {
                "An X.400 MTA that mail is exchanged with by P1 over TCP. One table for each, as many as there are. The defaults are the classic ones."
            }
            Self::X400AddressSpace => {
                "Addresses that the X.400 MTA above serves, and at what cost, beside its domains. One table for each address space."
            }
            Self::Hosts => {
                "Host names and their addresses, asked before the system's resolver. A name in quotes on the left; one address or a list of addresses on the right."
            }
            Self::Queue => {
                "When mail that cannot go on is tried again, and when it is given up and reported to its sender."
            }
            Self::Association => "What this server offers when an X.400 association is opened.",
            Self::Admin => {
                "The administrative interface: a Unix socket for the commands on this machine, and an HTTP API for neighbours' doctors and for metrics."
            }
            Self::Events => "Where events go. The event store always has them.",
        }
    }
}
