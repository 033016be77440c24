//! Who answers a command: the running server, or its store where none runs.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;

use admin::api::{
    AccountAdd, AccountPassword, AccountRole, AccountRow, EventLevels, EventQuery, LevelOrder,
    MessageQuery, MessageRow, QueueRow, Reloaded, RouteAnswer, RouteQuery, RouteTable,
};
use admin::directory_api::{AccountOrder, AccountView, DirectoryAnswer, DirectoryOrder};
use admin::queue_api::{QueueAnswer, QueueOrder};
use admin::{Client, ClientError, Operations};
use anyhow::Context as _;
use config::Config;
use event::Event;
use server::Offline;

/// The server of a configuration, running or at rest.
pub enum Backend {
    Running(Client),
    /// Its store is open under its lock, so that no server can start meanwhile.
    Resting(Box<Offline>),
}

/// The running server of a configuration.
pub fn running(config: &Config) -> Client {
    Client::unix(&config.admin.socket)
}

/// What a running server put in force; `None` when none runs.
pub async fn reload_if_running(config: &Config) -> anyhow::Result<Option<Reloaded>> {
    match running(config).reload().await {
        Ok(reloaded) => Ok(Some(reloaded)),
        Err(ClientError::NoServer { .. }) => Ok(None),
        Err(error) => {
            Err(error).context("the file is changed, and the running server does not take it")
        }
    }
}

/// True when something listens, or at least seems to.
fn is_running(config: &Config) -> bool {
    match UnixStream::connect(&config.admin.socket) {
        Ok(_) => true,
        Err(error) => {
            !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
        }
    }
}

/// The store of a server that does not run.
///
/// Only for the user that it belongs to: files that another one left in it, root as a rule, would keep the server from starting.
pub fn offline(config: Config) -> anyhow::Result<Offline> {
    let folder = config.server.data_dir.clone();
    let (me, owner) = (rustix::process::geteuid().as_raw(), std::fs::metadata(&folder));
    if let Ok(owner) = owner.map(|found| found.uid())
        && owner != me
    {
        anyhow::bail!(
            "no server runs with this configuration, and its store in {} belongs to user {owner}; run the command as that user",
            folder.display()
        );
    }
    Offline::open(config)
        .context("no server runs with this configuration, and its store cannot be opened")
}

/// Passes an operation on to whoever answers.
macro_rules! operations {
    ($($(#[$doc:meta])* $name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {
        impl Backend {
            $(
                $(#[$doc])*
                pub async fn $name(&self, $($argument: $type),*) -> anyhow::Result<$answer> {
                    match self {
                        Self::Running(client) => Ok(client.$name($($argument),*).await?),
                        Self::Resting(store) => Ok(store.$name($($argument),*).await?),
                    }
                }
            )*
        }
    };
}

operations! {
    queues() -> Vec<QueueRow>;
    messages(query: MessageQuery) -> Vec<MessageRow>;
    delete(id: String) -> ();
    queue_order(order: QueueOrder) -> QueueAnswer;
    events(query: EventQuery) -> Vec<Event>;
    event_levels(order: LevelOrder) -> EventLevels;
    route(query: RouteQuery) -> RouteAnswer;
    route_table() -> RouteTable;
    accounts() -> Vec<AccountRow>;
    account_add(account: AccountAdd) -> AccountRow;
    account_set_password(change: AccountPassword) -> AccountRow;
    account_grant(change: AccountRole) -> AccountRow;
    account_revoke(change: AccountRole) -> AccountRow;
    account_remove(name: String) -> ();
    account(order: AccountOrder) -> AccountView;
    directory(order: DirectoryOrder) -> DirectoryAnswer;
}

impl Backend {
    /// The running server, else the store.
    pub fn find(config: Config) -> anyhow::Result<Self> {
        if is_running(&config) {
            return Ok(Self::Running(running(&config)));
        }
        let store = offline(config)?;
        Ok(Self::Resting(Box::new(store)))
    }

    pub const fn is_running(&self) -> bool {
        matches!(self, Self::Running(_))
    }
}
