//! The start: the copies out of the store, and what the configuration names and the directory does not have.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, RwLock};

use config::{Config, DirectoryPlace, LdapDirectory, Mailboxes};
use directory::{Copies, Directory, DirectoryError, Name, Role, Seed, SeedPeer, Step, seed};
use identity::Sid;
use store::{Store, Table};

use super::replica::Beside;
use super::rows::{AGENT, AgentRow, load, load_rows};
use super::{DirectoryTable, DirectoryTableError, Place, STAGED, Shared, now_ms};
use crate::account_table::AccountTable;
use crate::directory_ldap::Backing;

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
