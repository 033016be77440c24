//! Operations on the store of a server that does not run, under the store's lock.

use std::path::Path;
use std::sync::Arc;

use admin::api::{
    AccountAdd, AccountPassword, AccountRole, AccountRow, EventLevels, EventQuery, LevelOrder,
    LtabEntry, MessageQuery, MessageRow, ProbeOrder, QueueRow, Reloaded, Retried, RetrySelector,
    RouteAnswer, RouteQuery, RouteTable, SendOrder,
};
use admin::directory_api::{AccountOrder, AccountView, DirectoryAnswer, DirectoryOrder};
use admin::queue_api::{QueueAnswer, QueueOrder};
use admin::{AdminRole, Caller, OperationError, Operations};
use config::Config;
use diagnosis::{ProbeFact, ServerFacts};
use event::Event;
use store::{Store, StoreError};
use tokio::sync::broadcast;

use super::accounts::Ledger;
use super::{directory, orders, shared};
use crate::account_table::{AccountError, AccountTable};
use crate::admin_roles;
use crate::directory_table::{DirectoryTable, DirectoryTableError};
use crate::mail_queue::MailQueue;
use crate::peer_state::PeerHistories;
use crate::recipients::Recipients;
use crate::{event_levels, facts, settings};

/// Why the store of a resting server cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the accounts cannot be used")]
    Accounts(#[from] AccountError),
    #[error("the directory cannot be used")]
    Directory(#[from] DirectoryTableError),
}

/// A server's store, opened while the server rests.
pub struct Offline {
    config: Arc<Config>,
    store: Store,
    queue: MailQueue,
    ledger: Ledger,
    histories: PeerHistories,
}

impl Offline {
    /// Opens the store of this configuration.
    ///
    /// # Errors
    /// It is locked by a running server, or cannot be read.
    pub fn open(config: Config) -> Result<Self, OpenError> {
        let store = Store::open(&store_folder(&config.server.data_dir))?;
        let (queue, _) = MailQueue::open(store.clone(), settings::queue_config(&config))?;
        let accounts = AccountTable::open(store.clone(), &config)?;
        let directory = DirectoryTable::open(store.clone(), &config, &accounts)?;
        // Nobody else can have asked: whoever runs the command opened the files.
        let user = admin_roles::own_user();
        let user = user.map_or_else(|| "a command".to_owned(), admin::user_in_words);
        let ledger = Ledger { accounts, directory, who: format!("{user}, on the resting store") };
        let histories = PeerHistories::open(store.clone())?;
        Ok(Self { config: Arc::new(config), store, queue, ledger, histories })
    }
}

impl Offline {
    fn table(&self) -> Result<routing::Table, OperationError> {
        let recipients = Recipients::of(&self.ledger.directory.site(), &self.config);
        crate::route_table::build(&self.config, &recipients)
            .map_err(|error| OperationError::Invalid(error.to_string()))
    }
}

/// Where the store lies inside the data folder.
#[must_use]
pub fn store_folder(data_dir: &Path) -> std::path::PathBuf {
    data_dir.join("store")
}

fn resting() -> OperationError {
    OperationError::Unavailable(
        "no server runs with this configuration; start it with `bindback serve -c FILE`".to_owned(),
    )
}

impl Operations for Offline {
    fn role(&self, _: &Caller) -> Option<AdminRole> {
        // Whoever can open the store is its owner.
        Some(AdminRole::ServiceAccountAdmin)
    }

    fn note_refusal(&self, _: &Caller, _: &str) {}

    async fn queues(&self) -> Result<Vec<QueueRow>, OperationError> {
        Ok(shared::queues(&self.queue))
    }

    async fn messages(&self, query: MessageQuery) -> Result<Vec<MessageRow>, OperationError> {
        shared::messages(&self.queue, &self.config, &query)
    }

    async fn retry(&self, _: RetrySelector) -> Result<Retried, OperationError> {
        Err(resting())
    }

    async fn delete(&self, id: String) -> Result<(), OperationError> {
        shared::delete(&self.queue, &id)?;
        // The removal is on its way to the disk; the next one in line is behind it.
        let waited = self.store.commit_wait(Vec::new());
        waited.map_err(|error| OperationError::Internal(error.to_string()))
    }

    async fn route(&self, query: RouteQuery) -> Result<RouteAnswer, OperationError> {
        let table = self.table()?;
        super::route::route(routing::Router::new(&table, &self.queue), &query)
    }

    async fn route_table(&self) -> Result<RouteTable, OperationError> {
        Ok(super::route::table(&self.table()?))
    }

    async fn queue_order(&self, order: QueueOrder) -> Result<QueueAnswer, OperationError> {
        orders::follow(&self.queue, &self.config, order)
    }

    async fn ltab(&self) -> Result<Vec<LtabEntry>, OperationError> {
        Ok(Vec::new())
    }

    async fn events(&self, query: EventQuery) -> Result<Vec<Event>, OperationError> {
        facts::stored_events(&self.store, &query)
    }

    async fn event_levels(&self, order: LevelOrder) -> Result<EventLevels, OperationError> {
        let failed = |error: StoreError| OperationError::Internal(net::chain(&error));
        let levels = event_levels::EventLevels::open(&self.store).map_err(failed)?;
        if let LevelOrder { category: Some(category), level: Some(level) } = order {
            levels.set(&self.store, category, level).map_err(failed)?;
        }
        Ok(order.answer(levels.all()))
    }

    fn follow(&self) -> Result<broadcast::Receiver<Event>, OperationError> {
        Err(resting())
    }

    async fn accounts(&self) -> Result<Vec<AccountRow>, OperationError> {
        Ok(self.ledger.list())
    }

    async fn account_add(&self, account: AccountAdd) -> Result<AccountRow, OperationError> {
        self.ledger.add(&account)
    }

    async fn account_set_password(
        &self,
        change: AccountPassword,
    ) -> Result<AccountRow, OperationError> {
        self.ledger.set_password(&change)
    }

    async fn account_grant(&self, change: AccountRole) -> Result<AccountRow, OperationError> {
        self.ledger.set_role(&change, true)
    }

    async fn account_revoke(&self, change: AccountRole) -> Result<AccountRow, OperationError> {
        self.ledger.set_role(&change, false)
    }

    async fn account_remove(&self, name: String) -> Result<(), OperationError> {
        self.ledger.remove(&name)
    }

    async fn account(&self, order: AccountOrder) -> Result<AccountView, OperationError> {
        self.ledger.order(order, super::accounts::overlap_ms(&self.config))
    }

    async fn directory(&self, order: DirectoryOrder) -> Result<DirectoryAnswer, OperationError> {
        directory::follow(&self.ledger, &self.config, order)
    }

    async fn facts(&self) -> Result<ServerFacts, OperationError> {
        let mut facts = facts::of_config(&self.config);
        facts.peers = facts::of_peers(&self.config, &self.ledger.directory, &self.histories);
        facts.accounts = facts::of_accounts(&self.ledger);
        facts.directory = Some(facts::of_directory(&self.config, &self.ledger));
        facts.queues = facts::of_queues(&self.queue);
        facts::add_holders(&mut facts.queues, &self.ledger.directory);
        facts.events = facts::stored_events(&self.store, &EventQuery::default())?;
        let levels = event_levels::EventLevels::open(&self.store);
        let levels = levels.map_err(|error| OperationError::Internal(net::chain(&error)))?;
        facts.event_levels = facts::of_levels(&levels);
        Ok(facts)
    }

    async fn probe(&self, _: ProbeOrder) -> Result<Vec<ProbeFact>, OperationError> {
        Err(resting())
    }

    async fn send(&self, _: SendOrder) -> Result<String, OperationError> {
        Err(resting())
    }

    async fn reload(&self) -> Result<Reloaded, OperationError> {
        Err(resting())
    }

    async fn metrics(&self) -> Result<String, OperationError> {
        Err(resting())
    }
}
