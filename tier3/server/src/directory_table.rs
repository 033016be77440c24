//! The directory of a running or resting server: the engine's two copies, kept in the store, every change written down.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use config::{Config, DirectoryPlace, LdapDirectory, Mailboxes};
use directory::{
    Agent, Authorisation, Change, Copies, Directory, DirectoryError, LegacyAccount, Name, Object,
    Role, Seed, SeedPeer, Step, authorise, diff, seed,
};
use identity::descriptor::access::{Request, Token, check};
use identity::{AccountName, Sid};
use ldap::{DomainAccount, Found, LdapError};
use serde::{Deserialize, Serialize};
use store::{Row, Store, StoreError, Table};

use crate::account_table::{AccountError, AccountTable};
use crate::directory_ldap::{self, Backing};

mod replica;

use replica::Beside;
pub use replica::{Heard, PageError, Received};

const AGENT: &str = "directory-agent";
const STAGED: &str = "directory-staged";
/// Most entries of the audit trail that are kept: at some hundred octets each, some ten megabytes.
const AUDIT_KEPT: usize = 100_000;

/// What cannot be done with the directory.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryTableError {
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    #[error("the directory's store")]
    Store(#[from] StoreError),
    #[error("the accounts")]
    Accounts(#[from] AccountError),
    #[error("the row of {0} in the directory's store is damaged: {1}")]
    Damaged(String, String),
    #[error("the directory in LDAP")]
    Ldap(#[from] LdapError),
    #[error("the system gives no thread for the directory in LDAP")]
    Thread(#[from] std::io::Error),
}

/// One entry of the audit trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audited {
    pub time_ms: i64,
    pub who: String,
    /// The object, or `account NAME`.
    pub what: String,
    /// `-` what was, `+` what is.
    pub lines: Vec<String>,
    /// The change itself, where it was the directory's: undoing needs it.
    #[serde(default)]
    pub change: Option<Change>,
    /// Changes that were made together have the same number.
    #[serde(default)]
    pub together: i64,
}

/// The directory; clones share it.
#[derive(Clone)]
pub struct DirectoryTable {
    shared: Arc<Shared>,
}

struct Shared {
    copies: RwLock<Copies>,
    version: AtomicU64,
    staged: Mutex<Vec<Change>>,
    /// The site's copy as it was when the server started: an old server goes by its schema.
    at_start: Directory,
    place: Place,
    store: Store,
    /// Where the organisation's directory really is, if not here.
    backing: Option<Backing>,
    /// What there is of other servers' copies.
    beside: Beside,
    /// One change at a time, and the last time that one had.
    order: Mutex<i64>,
}

/// Where this server stands in the directory.
#[derive(Debug, Clone)]
pub struct Place {
    pub organisation: String,
    pub site: String,
    pub server: String,
    /// What DNs end in.
    pub base: String,
}

#[derive(Serialize, Deserialize)]
struct AgentRow {
    agent: Agent,
    behind_since_ms: Option<i64>,
}

impl DirectoryTable {
    /// Loads the directory; makes the first one from the configuration and from the roles in the list of accounts.
    ///
    /// # Errors
    /// The store cannot be read or written, or holds what is no directory.
    pub fn open(
        store: Store,
        config: &Config,
        accounts: &AccountTable,
    ) -> Result<Self, DirectoryTableError> {
        let place = Place {
            organisation: config.server.organisation.clone(),
            site: config.server.site.clone(),
            server: config.server.name.clone(),
            base: match &config.directory {
                DirectoryPlace::Ldap(LdapDirectory { base: Some(base), .. }) => base.clone(),
                _ => base(&config.server.host_name),
            },
        };
        let rows = store.rows(Table::Directory)?;
        let mut copies = if rows.is_empty() {
            Copies::default()
        } else {
            Copies { site: load(&store, Table::SiteDirectory)?, ..Copies::of(load_rows(rows)?) }
        };
        let mut staged = Vec::new();
        let states = store.rows(Table::State)?;
        let replicated = config.peers.iter().any(|peer| peer.replicated);
        let beside = Beside::open(&states, replicated)?;
        for (key, json) in states {
            let damaged = |error: serde_json::Error| {
                DirectoryTableError::Damaged(key.clone(), error.to_string())
            };
            if key == AGENT {
                let row: AgentRow = serde_json::from_slice(&json).map_err(damaged)?;
                (copies.agent, copies.behind_since_ms) = (row.agent, row.behind_since_ms);
            } else if key == STAGED {
                staged = serde_json::from_slice(&json).map_err(damaged)?;
            }
        }
        let at_start = copies.site.clone();
        let backing = Backing::of_config(config, &place.base)?;
        let shared = Shared {
            copies: RwLock::new(copies),
            version: AtomicU64::new(0),
            staged: Mutex::new(staged),
            at_start,
            place,
            store,
            backing,
            beside,
            order: Mutex::new(0),
        };
        let mut table = Self { shared: Arc::new(shared) };
        table.begin(config, accounts)?;
        table.drop_old_audits()?;
        let at_start = table.site();
        if let Some(shared) = Arc::get_mut(&mut table.shared) {
            shared.at_start = at_start;
        }
        Ok(table)
    }

    /// A directory in LDAP is read first. Where it cannot be, what this server knew of it stays in force.
    fn begin(&self, config: &Config, accounts: &AccountTable) -> Result<(), DirectoryTableError> {
        let Some(backing) = &self.shared.backing else {
            return self.complete(config, accounts);
        };
        match backing.service.read() {
            Ok(found) => drop(self.take(found, now_ms())?),
            Err(error) if self.organisation().is_empty() => return Err(error.into()),
            Err(error) => {
                eprintln!("{}; what was known of it stays in force", net::chain(&error));
                return Ok(());
            }
        }
        for peer in &config.peers {
            backing.look_up(&peer.account);
        }
        backing.look_up(&config.rpc.account);
        match self.complete(config, accounts) {
            // A server that may only look finds what others made.
            Err(DirectoryTableError::Ldap(error)) if error.code().is_some() => {
                eprintln!(
                    "what is missing in the directory cannot be made: {}",
                    net::chain(&error)
                );
                Ok(())
            }
            completed => completed,
        }
    }

    /// Takes over what the LDAP server has; whether the site's copy changed. What others changed is in the audit trail.
    fn take(&self, found: Found, now_ms: i64) -> Result<bool, DirectoryTableError> {
        let mut last = self.shared.order.lock().unwrap_or_else(PoisonError::into_inner);
        self.take_in_order(&mut last, found, now_ms, Some("somebody, in the LDAP directory"))
    }

    fn take_in_order(
        &self,
        last: &mut i64,
        found: Found,
        now_ms: i64,
        who: Option<&str>,
    ) -> Result<bool, DirectoryTableError> {
        let mut copies = self.copies().clone();
        let before = copies.clone();
        let mut directory = found.directory;
        directory.remember(&before.organisation);
        let changes = diff(&before.organisation, &directory);
        let removed = self.shared.beside.stamp(&mut directory, &changes, now_ms)?;
        copies.replace(directory, now_ms);
        if copies == before {
            return Ok(false);
        }
        let mut rows = object_rows(Table::Directory, &changes, &copies.organisation)?;
        rows.extend(removed);
        let of_site = diff(&before.site, &copies.site);
        rows.extend(object_rows(Table::SiteDirectory, &of_site, &copies.site)?);
        rows.push(agent_row(&copies)?);
        if let Some(who) = who.filter(|_| !before.organisation.is_empty()) {
            rows.extend(self.audit_of_others(last, who, now_ms, &changes)?);
        }
        self.shared.store.write_rows(rows)?;
        self.put_copies(copies);
        Ok(!of_site.is_empty())
    }

    /// The audit entries of changes that others made, and that are theirs to undo.
    fn audit_of_others(
        &self,
        last: &mut i64,
        who: &str,
        now_ms: i64,
        changes: &[Change],
    ) -> Result<Vec<Row>, DirectoryTableError> {
        *last = now_ms.max(last.saturating_add(1));
        let rows = changes.iter().enumerate().map(|(number, change)| {
            let audited = Audited {
                time_ms: now_ms,
                who: who.to_owned(),
                what: change.object().to_string(),
                lines: change.lines(),
                change: None,
                together: *last,
            };
            audit_row(*last, number, &audited)
        });
        rows.collect()
    }

    /// What the LDAP server's worker saw change, and the accounts that count here anew; whether the site's copy changed.
    ///
    /// # Errors
    /// The store fails.
    pub fn watch(&self, accounts: &[AccountName]) -> Result<bool, DirectoryTableError> {
        let Some(backing) = &self.shared.backing else { return Ok(false) };
        let mut changed = false;
        if backing.service.status().trouble.is_none() {
            for name in accounts {
                let before = backing.known(name);
                changed |= backing.look_up(name) != before;
            }
        }
        if let Some(found) = backing.service.changed() {
            changed |= self.take(found, now_ms())?;
        }
        Ok(changed)
    }

    /// Why the LDAP server cannot be reached, and what could not be understood of its directory; nothing where the directory
    /// is here.
    #[must_use]
    pub fn ldap_status(&self) -> Option<ldap::Status> {
        self.shared.backing.as_ref().map(|backing| backing.service.status())
    }

    /// An account of the LDAP server's domain as it was last known.
    #[must_use]
    pub fn domain_account(&self, name: &AccountName) -> Option<DomainAccount> {
        self.shared.backing.as_ref()?.known(name)
    }

    /// The accounts of the LDAP server's domain that count here, as they were last known.
    #[must_use]
    pub fn domain_accounts(&self) -> Vec<DomainAccount> {
        self.shared.backing.as_ref().map(Backing::all_known).unwrap_or_default()
    }

    /// An account of the LDAP server's domain, asked for now; waits for the answer.
    #[must_use]
    pub fn look_up(&self, name: &AccountName) -> Option<DomainAccount> {
        self.shared.backing.as_ref()?.look_up(name)
    }

    /// The name of an identifier of the LDAP server's domain; waits for the answer.
    #[must_use]
    pub fn domain_name_of(&self, sid: &Sid) -> Option<String> {
        Some(self.shared.backing.as_ref()?.name_of(sid)?.to_string())
    }

    /// The token of an account: of this server's own, or of the domain's.
    #[must_use]
    pub fn token(&self, accounts: &AccountTable, account: &AccountName) -> Option<Token> {
        let own = accounts.token(account);
        own.or_else(|| self.domain_account(account).map(|found| directory_ldap::token(&found)))
    }

    /// Adds what the configuration names and the directory does not have: everything the first time.
    fn complete(
        &self,
        config: &Config,
        accounts: &AccountTable,
    ) -> Result<(), DirectoryTableError> {
        let now_ms = now_ms();
        let wanted = seed(&of_config(config, now_ms))?;
        let first = self.organisation().is_empty();
        let place = self.place();
        let role = Role::ServiceAccountAdmin;
        let mut granted: Vec<Sid> = Vec::new();
        if first {
            let with_role =
                |account: &identity::Account| account.has_role(identity::Role::ServiceAccountAdmin);
            let with_role = accounts.list().into_iter().filter(with_role);
            granted.extend(with_role.map(|account| account.sid));
        }
        let new_site = self.organisation().get(&self.group()).is_err();
        if let Some(own) = self.domain_account(&config.rpc.account).filter(|_| new_site) {
            // What this server makes it must be able to change; setup gave the service account these rights, too.
            granted.push(own.sid);
        }
        let own_server = Step::Configuration
            .object(&place.organisation, &place.site)
            .child(directory::Kind::Cn, "Servers")
            .and_then(|servers| servers.child(directory::Kind::Cn, &place.server));
        let new_here = own_server.as_ref().is_ok_and(|name| self.organisation().get(name).is_err());
        let first = first || new_here;
        // The schema of a domain is another's: a refusal there takes nothing away of the rest.
        let of_domain = self.domain_account(&config.rpc.account).is_some();
        let early = Step::ALL.into_iter().filter(|step| !(of_domain && *step == Step::Schema));
        let early: Vec<Step> = early.collect();
        self.edit("the server", now_ms, |directory| {
            for object in wanted.objects() {
                let mailbox = object.class == directory::Class::Mailbox;
                // A mailbox that somebody took out of the directory stays out.
                if directory.get(&object.name).is_err() && (first || !mailbox) {
                    directory.add(object.clone())?;
                }
            }
            Self::name_machine(directory, config, own_server.as_ref().ok(), now_ms)?;
            for (sid, step) in
                granted.iter().flat_map(|sid| early.iter().map(move |one| (sid, *one)))
            {
                let on = step.object(&place.organisation, &place.site);
                directory.grant(role, sid, &on, true, now_ms)?;
            }
            Ok(())
        })?;
        if of_domain && !granted.is_empty() {
            let on = Step::Schema.object(&place.organisation, &place.site);
            self.edit("the server", now_ms, |directory| {
                granted.iter().try_for_each(|sid| directory.grant(role, sid, &on, true, now_ms))
            })?;
        }
        Ok(())
    }

    /// Writes the machine's own account to its server's object, where peers look for it.
    fn name_machine(
        directory: &mut Directory,
        config: &Config,
        server: Option<&Name>,
        now_ms: i64,
    ) -> Result<(), DirectoryError> {
        let (Some(machine), Some(server)) = (&config.rpc.machine, server) else { return Ok(()) };
        let account = machine.account.to_string();
        match directory.get(server).map(|found| found.value("machineAccount") == Some(&account)) {
            Ok(false) => {
                directory.change(server, now_ms, |object| object.set("machineAccount", &[&account]))
            }
            _ => Ok(()),
        }
    }

    /// Where this server stands.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.shared.place
    }

    /// What is administered.
    #[must_use]
    pub fn organisation(&self) -> Directory {
        self.copies().organisation.clone()
    }

    /// What this server goes by.
    #[must_use]
    pub fn site(&self) -> Directory {
        self.copies().site.clone()
    }

    /// Looks at what this server goes by, without a copy of it.
    pub fn with_site<T>(&self, look: impl FnOnce(&Directory) -> T) -> T {
        look(&self.copies().site)
    }

    /// The agent, and what the copy does not have yet.
    #[must_use]
    pub fn agent(&self) -> (Agent, Option<i64>, Vec<Change>) {
        let copies = self.copies();
        (copies.agent, copies.behind_since_ms, copies.behind())
    }

    /// The four objects that a bind depends on.
    #[must_use]
    pub fn contexts(&self) -> [Name; 4] {
        Step::ALL.map(|step| step.object(&self.shared.place.organisation, &self.shared.place.site))
    }

    /// This site's object, whose legacy account counts.
    #[must_use]
    pub fn group(&self) -> Name {
        Step::Site.object(&self.shared.place.organisation, &self.shared.place.site)
    }

    /// Whether an account may bind, by the site's copy.
    #[must_use]
    pub fn authorise(&self, accounts: &AccountTable, account: &AccountName) -> Authorisation {
        let token = self.token(accounts, account).unwrap_or_default();
        let copies = self.copies();
        let schema = if self.is_old(&copies.site) { &self.shared.at_start } else { &copies.site };
        let place = &self.shared.place;
        authorise(&copies.site, schema, &token, &place.organisation, &place.site)
    }

    /// Whether an account has a role on the site's configuration, by the site's copy.
    #[must_use]
    pub fn has_role(&self, accounts: &AccountTable, account: &AccountName, role: Role) -> bool {
        let Some(token) = self.token(accounts, account) else { return false };
        let place = &self.shared.place;
        let object = Step::Configuration.object(&place.organisation, &place.site);
        let request = Request::directory(role.rights().0);
        self.site()
            .effective(&object)
            .is_ok_and(|found| check(&found, &token, &request).is_granted())
    }

    /// Whether this server is of the old generation, by the site's copy.
    #[must_use]
    pub fn is_old_server(&self) -> bool {
        self.is_old(&self.copies().site)
    }

    /// Whether the schema counts as it was at the start.
    fn is_old(&self, directory: &Directory) -> bool {
        let configuration =
            Step::Configuration.object(&self.shared.place.organisation, &self.shared.place.site);
        let servers = configuration.child(directory::Kind::Cn, "Servers");
        let server = servers
            .and_then(|servers| servers.child(directory::Kind::Cn, &self.shared.place.server));
        server.is_ok_and(|name| {
            directory.get(&name).is_ok_and(|one| one.value("generation") == Some("old"))
        })
    }

    /// Whether a grant on the schema waits for a restart of this server.
    #[must_use]
    pub fn waits_for_restart(&self, accounts: &AccountTable, account: &AccountName) -> bool {
        let token = self.token(accounts, account).unwrap_or_default();
        let site = self.site();
        let place = &self.shared.place;
        let fresh = authorise(&site, &site, &token, &place.organisation, &place.site);
        fresh.failed().is_none() && self.authorise(accounts, account).failed().is_some()
    }

    /// The account of the connector that leads to this MTA, by the site's copy.
    #[must_use]
    pub fn override_account(&self, mta: &str) -> Option<AccountName> {
        let copies = self.copies();
        let folded = identity::upcase(mta);
        let connector = copies.site.objects().find(|object| {
            object.class.is_connector()
                && object
                    .values("targetMTAs")
                    .iter()
                    .any(|value| identity::upcase(value.as_str()) == folded)
                && object.value("overrideAccount").is_some()
        })?;
        connector.value("overrideAccount")?.parse().ok()
    }

    /// The connector that leads to this MTA.
    #[must_use]
    pub fn connector_to(&self, mta: &str) -> Option<Name> {
        let folded = identity::upcase(mta);
        let leads = |object: &&Object| {
            let targets = object.values("targetMTAs");
            object.class.is_connector()
                && targets.iter().any(|value| identity::upcase(value.as_str()) == folded)
        };
        self.copies().organisation.objects().find(leads).map(|object| object.name.clone())
    }

    /// What the site's copy says of the account that older servers use.
    #[must_use]
    pub fn legacy_account(&self) -> LegacyAccount {
        LegacyAccount::of(&self.copies().site, &self.group()).unwrap_or_default()
    }

    /// Gives or takes the role that the exchange of mail needs, on all four objects.
    ///
    /// # Errors
    /// The store fails.
    pub fn set_service_role(
        &self,
        who: &str,
        sid: &Sid,
        granted: bool,
    ) -> Result<Vec<Change>, DirectoryTableError> {
        let (now_ms, role) = (now_ms(), Role::ServiceAccountAdmin);
        let contexts = self.contexts();
        self.edit(who, now_ms, |directory| {
            for on in &contexts {
                if granted {
                    directory.grant(role, sid, on, true, now_ms)?;
                } else {
                    match directory.revoke(role, sid, on, now_ms) {
                        Ok(()) | Err(DirectoryError::NotGranted { .. }) => {}
                        Err(error) => return Err(error),
                    }
                }
            }
            Ok(())
        })
    }

    /// Changes the organisation's directory; gives the changes, which are on the disk with their audit entries.
    ///
    /// # Errors
    /// The edit says so, and nothing is changed; or the store fails.
    pub fn edit(
        &self,
        who: &str,
        now_ms: i64,
        edit: impl FnOnce(&mut Directory) -> Result<(), DirectoryError>,
    ) -> Result<Vec<Change>, DirectoryTableError> {
        let mut last = self.shared.order.lock().unwrap_or_else(PoisonError::into_inner);
        let mut copies = self.copies().clone();
        let mut changed = copies.organisation.clone();
        edit(&mut changed)?;
        let changes = diff(&copies.organisation, &changed);
        if changes.is_empty() {
            return Ok(changes);
        }
        // Entries of the audit trail are in the order of their keys.
        *last = now_ms.max(last.saturating_add(1));
        if let Some(backing) = &self.shared.backing {
            return self.edit_ldap(backing, &mut last, who, now_ms, changes);
        }
        let site = copies.site.clone();
        let mut rows = self.shared.beside.stamp(&mut changed, &changes, now_ms)?;
        rows.extend(object_rows(Table::Directory, &changes, &changed)?);
        if self.shared.beside.is_replicated() {
            // This copy is changed itself; the agent has to do with others' only.
            copies.replace_own(changed, &changes);
        } else {
            copies.replace(changed, now_ms);
        }
        rows.extend(object_rows(Table::SiteDirectory, &diff(&site, &copies.site), &copies.site)?);
        rows.push(agent_row(&copies)?);
        rows.extend(audit_rows(*last, who, now_ms, &changes)?);
        self.shared.store.write_rows(rows)?;
        self.put_copies(copies);
        Ok(changes)
    }

    /// Writes changes to the LDAP server, then down here what it has after them.
    fn edit_ldap(
        &self,
        backing: &Backing,
        last: &mut i64,
        who: &str,
        now_ms: i64,
        changes: Vec<Change>,
    ) -> Result<Vec<Change>, DirectoryTableError> {
        let found = backing.service.apply(&changes)?;
        self.take_in_order(last, found, now_ms, None)?;
        self.shared.store.write_rows(audit_rows(*last, who, now_ms, &changes)?)?;
        Ok(changes)
    }

    /// Sets the agent's mode, and lets it work.
    ///
    /// # Errors
    /// The store fails.
    pub fn set_agent(&self, agent: Agent, now_ms: i64) -> Result<(), DirectoryTableError> {
        self.work(|copies| copies.set_agent(agent, now_ms)).map(drop)
    }

    /// Lets the agent do what is due; whether the site's copy changed.
    ///
    /// # Errors
    /// The store fails.
    pub fn poll(&self, now_ms: i64) -> Result<bool, DirectoryTableError> {
        if self.copies().due_ms().is_none_or(|due| due > now_ms) {
            return Ok(false);
        }
        self.work(|copies| {
            copies.poll(now_ms);
        })
    }

    fn work(&self, work: impl FnOnce(&mut Copies)) -> Result<bool, DirectoryTableError> {
        let _order = self.shared.order.lock().unwrap_or_else(PoisonError::into_inner);
        let mut copies = self.copies().clone();
        let before = copies.site.clone();
        work(&mut copies);
        let changes = diff(&before, &copies.site);
        let mut rows = object_rows(Table::SiteDirectory, &changes, &copies.site)?;
        rows.push(agent_row(&copies)?);
        self.shared.store.write_rows(rows)?;
        self.put_copies(copies);
        Ok(!changes.is_empty())
    }

    /// Grows whenever the copies change: what is made of them is then old.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.shared.version.load(Ordering::Acquire)
    }

    /// The staged changes.
    #[must_use]
    pub fn staged(&self) -> Vec<Change> {
        self.shared.staged.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces the staged changes.
    ///
    /// # Errors
    /// The store fails.
    pub fn stage(&self, changes: Vec<Change>) -> Result<(), DirectoryTableError> {
        let json = json(STAGED, &changes)?;
        self.shared.store.write_rows(vec![Row {
            table: Table::State,
            key: STAGED.to_owned(),
            json: Some(json),
        }])?;
        *self.shared.staged.lock().unwrap_or_else(PoisonError::into_inner) = changes;
        Ok(())
    }

    /// The audit trail, oldest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn audit(&self) -> Result<Vec<Audited>, DirectoryTableError> {
        let rows = self.shared.store.rows(Table::Audit)?.into_iter();
        let entries = rows.map(|(key, json)| {
            serde_json::from_slice(&json)
                .map_err(|error| DirectoryTableError::Damaged(key, error.to_string()))
        });
        entries.collect()
    }

    /// The row of an audit entry about something that is not the directory's own, to be written with it.
    ///
    /// # Errors
    /// It has no JSON form.
    pub fn audited(
        &self,
        who: &str,
        what: &str,
        lines: Vec<String>,
    ) -> Result<Row, DirectoryTableError> {
        let mut last = self.shared.order.lock().unwrap_or_else(PoisonError::into_inner);
        let time_ms = now_ms();
        *last = time_ms.max(last.saturating_add(1));
        let entry = Audited {
            time_ms,
            who: who.to_owned(),
            what: what.to_owned(),
            lines,
            change: None,
            together: *last,
        };
        audit_row(*last, 0, &entry)
    }

    /// Writes an audit entry about something that is not the directory's own.
    ///
    /// # Errors
    /// The store fails.
    pub fn write_audit(
        &self,
        who: &str,
        what: &str,
        lines: Vec<String>,
    ) -> Result<(), DirectoryTableError> {
        let row = self.audited(who, what, lines)?;
        Ok(self.shared.store.write_rows(vec![row])?)
    }

    fn drop_old_audits(&self) -> Result<(), DirectoryTableError> {
        let rows = self.shared.store.rows(Table::Audit)?;
        let too_many = rows.len().saturating_sub(AUDIT_KEPT);
        let old = rows.into_iter().take(too_many);
        let removed: Vec<Row> =
            old.map(|(key, _)| Row { table: Table::Audit, key, json: None }).collect();
        if !removed.is_empty() {
            self.shared.store.write_rows(removed)?;
        }
        Ok(())
    }

    fn put_copies(&self, copies: Copies) {
        let mut kept = self.shared.copies.write().unwrap_or_else(PoisonError::into_inner);
        let news = kept.site != copies.site;
        *kept = copies;
        self.shared.version.fetch_add(1, Ordering::Release);
        if news {
            self.shared.beside.changed();
        }
    }

    fn copies(&self) -> std::sync::RwLockReadGuard<'_, Copies> {
        self.shared.copies.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Now, in milliseconds since 1970-01-01 UTC.
#[must_use]
pub fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// `DC=demo,DC=test` of `east.demo.test`; a name without a domain has `DC=local`.
fn base(host: &str) -> String {
    let domain = host.split_once('.').map_or("local", |(_, domain)| domain);
    domain.split('.').map(|part| format!("DC={part}")).collect::<Vec<_>>().join(",")
}

fn of_config(config: &Config, now_ms: i64) -> Seed {
    let domain = config.mail.domains.first().cloned().unwrap_or_default();
    let mailboxes = match &config.mail.mailboxes {
        Mailboxes::Any => Vec::new(),
        Mailboxes::Only(names) => {
            names.iter().map(|name| (name.clone(), format!("{name}@{domain}"))).collect()
        }
    };
    // An override account of the file stays there: one that stands in the directory goes before it.
    let peers = config.peers.iter().map(|peer| SeedPeer {
        name: peer.name.clone(),
        host: peer.host.clone(),
        override_account: None,
        dialled: config.dial_up(&peer.name).is_some(),
    });
    Seed {
        organisation: config.server.organisation.clone(),
        site: config.server.site.clone(),
        server: config.server.name.clone(),
        host: config.server.host_name.clone(),
        account: config.rpc.account.to_string(),
        peers: peers.collect(),
        mailboxes,
        now_ms,
    }
}

fn load(store: &Store, table: Table) -> Result<Directory, DirectoryTableError> {
    load_rows(store.rows(table)?)
}

fn load_rows(rows: Vec<(String, Vec<u8>)>) -> Result<Directory, DirectoryTableError> {
    let objects = rows.into_iter().map(|(key, json)| {
        serde_json::from_slice(&json).map_err(|error| {
            DirectoryTableError::Damaged(key.replace('\u{1}', "/"), error.to_string())
        })
    });
    let objects: Vec<Object> = objects.collect::<Result<_, _>>()?;
    Ok(Directory::from_objects(objects)?)
}

fn json(key: &str, value: &impl Serialize) -> Result<Vec<u8>, DirectoryTableError> {
    serde_json::to_vec(value)
        .map_err(|error| DirectoryTableError::Damaged(key.to_owned(), error.to_string()))
}

/// The rows of the objects that changes are about, as they stand in `now`.
fn object_rows(
    table: Table,
    changes: &[Change],
    now: &Directory,
) -> Result<Vec<Row>, DirectoryTableError> {
    let mut names: Vec<&Name> = changes.iter().map(Change::object).collect();
    names.sort();
    names.dedup();
    let rows = names.into_iter().map(|name| {
        let object = now.get(name).ok();
        let json = object.map(|object| json(&name.to_string(), object)).transpose()?;
        Ok(Row { table, key: name.key(), json })
    });
    rows.collect()
}

fn agent_row(copies: &Copies) -> Result<Row, DirectoryTableError> {
    let row = AgentRow { agent: copies.agent, behind_since_ms: copies.behind_since_ms };
    Ok(Row { table: Table::State, key: AGENT.to_owned(), json: Some(json(AGENT, &row)?) })
}

fn audit_rows(
    order: i64,
    who: &str,
    now_ms: i64,
    changes: &[Change],
) -> Result<Vec<Row>, DirectoryTableError> {
    let rows = changes.iter().enumerate().map(|(number, change)| {
        let audited = Audited {
            time_ms: now_ms,
            who: who.to_owned(),
            what: change.object().to_string(),
            lines: change.lines(),
            change: Some(change.clone()),
            together: order,
        };
        audit_row(order, number, &audited)
    });
    rows.collect()
}

fn audit_row(order: i64, number: usize, entry: &Audited) -> Result<Row, DirectoryTableError> {
    let key = format!("{order:020}-{number:06}");
    let json = json(&key, entry)?;
    Ok(Row { table: Table::Audit, key, json: Some(json) })
}
