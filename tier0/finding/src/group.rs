//! The groups of causes, and for each who must act.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The family of a cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// Accounts, passwords, rights, authentication.
    Auth,
    /// Names and addresses.
    Name,
    /// The RPC runtime and its ports.
    Rpc,
    /// What lies between the servers.
    Network,
    /// Dial-up links.
    Ras,
    /// Settings of a connector that both ends must share.
    Connector,
    /// X.400 connector parameters.
    X400,
    /// X.25 links.
    X25,
    /// Address spaces, costs, loops.
    Routing,
    /// The directory and its copies.
    Directory,
    /// Addresses and contents of messages.
    Content,
    /// Limits and restrictions that are wanted, or set wrongly.
    Policy,
    /// The message store of the MTA.
    MtaDb,
    /// What keeps the service from starting.
    Start,
    /// Memory, disk, tables, threads.
    Resources,
    /// Nothing is wrong.
    Benign,
    /// A fault in the original code, cured by an update.
    Defect,
}

impl Group {
    /// The name of this group, as every interface spells it.
    #[must_use]
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Name => "name",
            Self::Rpc => "rpc",
            Self::Network => "network",
            Self::Ras => "ras",
            Self::Connector => "connector",
            Self::X400 => "x400",
            Self::X25 => "x25",
            Self::Routing => "routing",
            Self::Directory => "directory",
            Self::Content => "content",
            Self::Policy => "policy",
            Self::MtaDb => "mta-db",
            Self::Start => "start",
            Self::Resources => "resources",
            Self::Benign => "benign",
            Self::Defect => "defect",
        }
    }

    /// Who can cure a cause of this group.
    #[must_use]
    pub const fn owner(self) -> Owner {
        match self {
            Self::Auth | Self::Directory | Self::Policy => Owner::DirectoryAdministrator,
            Self::Name | Self::Network | Self::Ras | Self::X25 => Owner::NetworkAdministrator,
            Self::Content => Owner::Sender,
            Self::Benign => Owner::Nobody,
            Self::Rpc
            | Self::Connector
            | Self::X400
            | Self::Routing
            | Self::MtaDb
            | Self::Start
            | Self::Resources
            | Self::Defect => Owner::MailAdministrator,
        }
    }

    /// How much a cause of this group stops.
    #[must_use]
    pub const fn severity(self) -> Severity {
        match self {
            Self::Benign => Severity::Harmless,
            Self::Content | Self::Policy => Severity::Some,
            Self::Auth
            | Self::Name
            | Self::Rpc
            | Self::Network
            | Self::Ras
            | Self::Connector
            | Self::X400
            | Self::X25
            | Self::Routing
            | Self::Directory
            | Self::MtaDb
            | Self::Start
            | Self::Resources
            | Self::Defect => Severity::Stopped,
        }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.slug())
    }
}

/// Who must act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Owner {
    /// Whoever runs the mail servers.
    MailAdministrator,
    /// Whoever keeps accounts, passwords and rights.
    DirectoryAdministrator,
    /// Whoever keeps names, addresses and firewalls.
    NetworkAdministrator,
    /// Whoever sent the message.
    Sender,
    /// No one: nothing is wrong.
    Nobody,
}

/// How much is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Nothing is stopped.
    Harmless,
    /// Some messages are.
    Some,
    /// All mail between two servers is.
    Stopped,
}
