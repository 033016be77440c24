//! What a server knows about itself, for the doctor. Nothing secret: of a password only where
//! it is kept.

use std::collections::BTreeMap;

use admin::OperationError;
use admin::api::{AccountRow, EventQuery, Reloaded};
use config::{Config, Schedule, TransferMode};
use diagnosis::{
    AccountFacts, CallFailureFacts, ConnectorFacts, DialUpFacts, DirectoryFacts, FailureFacts,
    LtabFacts, PeerFacts, QueueFacts, Role, Selectors, ServerFacts, StoreTrouble,
};
use event::Event;
use jiff::Timestamp;
use mta::Row;
use store::Store;

use crate::dial_up::DialUps;
use crate::directory_table::DirectoryTable;
use crate::event_levels::EventLevels;
use crate::mail_queue::MailQueue;
use crate::node::presented;
use crate::operations::{Ledger, missing_steps};
use crate::peer_state::{Failure, PeerHistories, PeerHistory};
use crate::resources::Resources;
use crate::rpc_security;

/// Events that a diagnosis gets to see: the newest.
const MAX_EVENTS: usize = 500;
/// Lines of what a copy does not have that are told.
const MAX_BEHIND: usize = 50;

/// How much each category logs.
#[must_use]
pub fn of_levels(levels: &EventLevels) -> BTreeMap<String, u8> {
    let all = levels.all().into_iter();
    all.map(|(category, level)| (category.word().to_owned(), level.number())).collect()
}

/// What stands in the configuration; the peers are for [`of_peers`].
#[must_use]
pub fn of_config(config: &Config) -> ServerFacts {
    ServerFacts {
        name: config.server.name.clone(),
        reachable: false,
        role: Role::Local,
        config_path: Some(config.file.display().to_string()),
        lines: lines(config),
        host_name: config.server.host_name.clone(),
        bind_back_name: config.rpc.bind_back_name.clone(),
        service_account: config.rpc.account.to_string(),
        password_file: Some(config.rpc.password_file.display().to_string()),
        keytab_command: config.rpc.kerberos.as_ref().and_then(|one| one.keytab_command.clone()),
        mail_domains: config.mail.domains.clone(),
        rpc: config.rpc.listen.to_string(),
        mapper_port: config.rpc.mapper_port,
        rpc_port: config.rpc.port,
        x400_port: if config.rfc1006.listen.is_empty() { 0 } else { config.rfc1006.port },
        x400_allow: config.rfc1006.allow.iter().map(ToString::to_string).collect(),
        rpc_level: rpc_security::word(rpc_security::level(config)).to_owned(),
        rpc_allow: config.rpc.allow.iter().map(ToString::to_string).collect(),
        tls_files: config.rfc1006.tls.as_ref().map(|files| {
            (files.certificate.display().to_string(), files.key.display().to_string())
        }),
        hosts: config
            .hosts
            .iter()
            .map(|(name, to)| (name.clone(), to.iter().map(ToString::to_string).collect()))
            .collect(),
        ..ServerFacts::default()
    }
}

/// Tables of the file whose lines a remedy may name.
const TABLES: [&str; 5] = ["server", "rpc", "rfc1006", "peer", "x400"];

/// Where the keys of those tables stand in the file.
fn lines(config: &Config) -> BTreeMap<String, usize> {
    let mut lines = config::lines(&config.file);
    lines.retain(|key, _| TABLES.contains(&key.split('.').next().unwrap_or_default()));
    lines
}

/// What is known of a server of which only the configuration can be read.
#[must_use]
pub fn known_facts(config: &Config) -> ServerFacts {
    let none = PeerHistory::default();
    let peers = config.peers.iter().map(|peer| of_peer(peer, &none));
    let connectors = config.x400.iter().map(|connector| of_connector(connector, &none));
    let peers = peers.chain(connectors).collect();
    ServerFacts { role: Role::Unread, peers, ..of_config(config) }
}

/// The configured peers, and how it went last with each.
#[must_use]
pub fn of_peers(
    config: &Config,
    directory: &DirectoryTable,
    histories: &PeerHistories,
) -> Vec<PeerFacts> {
    let is_old = directory.is_old_server();
    let facts = config.peers.iter().map(|peer| {
        let facts = of_peer(peer, &histories.get(&peer.name));
        // Between new servers it is the machine that is expected.
        match directory.machine_account_of(&peer.name).filter(|_| !is_old) {
            Some(machine) if config.rpc.machine.is_some() => {
                PeerFacts { account: machine.to_string(), ..facts }
            }
            _ => facts,
        }
    });
    let connectors = config
        .x400
        .iter()
        .map(|connector| of_connector(connector, &histories.get(&connector.name)));
    facts.chain(connectors).collect()
}

fn of_connector(connector: &config::X400, history: &PeerHistory) -> PeerFacts {
    let shown =
        |path: &Option<std::path::PathBuf>| path.as_ref().map(|path| path.display().to_string());
    PeerFacts {
        name: connector.name.clone(),
        host: connector.host.clone(),
        x400: Some(ConnectorFacts {
            port: connector.port,
            local_name: connector.local_name.clone(),
            local_password_file: shown(&connector.local_password_file),
            remote_password_file: shown(&connector.remote_password_file),
            unreadable: unreadable(connector),
            schedule: schedule_word(&connector.schedule).to_owned(),
            dialogue: if connector.two_way { "two-way-alternate" } else { "monologue" }.to_owned(),
            mode: match connector.mode {
                TransferMode::Normal => "normal",
                TransferMode::X410 => "x410",
                TransferMode::X1984 => "1984",
            }
            .to_owned(),
            same_mode: !connector.any_mode,
            called: selectors(&connector.called),
            own: selectors(&connector.own),
        }),
        ..of_history(history)
    }
}

/// Why a password file of a connector cannot be read; tried as a bind does.
fn unreadable(connector: &config::X400) -> Option<String> {
    let files = [&connector.local_password_file, &connector.remote_password_file];
    let mut faults = files.into_iter().flatten().filter_map(|file| config::read_secret(file).err());
    faults.next().map(|error| net::chain(&error))
}

const fn schedule_word(schedule: &Schedule) -> &'static str {
    match schedule {
        Schedule::Always => "always",
        Schedule::Selected(_) => "selected",
        Schedule::Never => "never",
        Schedule::RemoteInitiated => "remote-initiated",
    }
}

fn selectors(from: &config::Selectors) -> Selectors {
    let hex = |octets: &[u8]| octets.iter().map(|octet| format!("{octet:02x}")).collect();
    Selectors {
        transport: hex(&from.transport),
        session: hex(&from.session),
        presentation: hex(&from.presentation),
    }
}

fn of_history(history: &PeerHistory) -> PeerFacts {
    PeerFacts {
        last_success_out: history.last_success_out,
        last_failure_out: history.last_failure_out.as_ref().map(of_failure),
        last_success_in: history.last_success_in,
        last_failure_in: history.last_failure_in.as_ref().map(of_failure),
        ..PeerFacts::default()
    }
}

fn of_peer(peer: &config::Peer, history: &PeerHistory) -> PeerFacts {
    PeerFacts {
        name: peer.name.clone(),
        host: peer.host.clone(),
        bind_back: Some(peer.bind_back.clone()),
        mapper_port: peer.mapper_port,
        account: peer.account.to_string(),
        ..of_history(history)
    }
}

fn of_failure(failure: &Failure) -> FailureFacts {
    FailureFacts {
        time: failure.time,
        code: failure.error.code,
        comms: failure.error.comms,
        bind: failure.error.bind,
        layer: failure.error.layer.parse().ok(),
        text: failure.error.text.clone(),
        protocol_string: Some(failure.protocol_string.clone()),
    }
}

/// The dial-up connectors and their lines.
#[must_use]
pub fn of_dial_ups(config: &Config, dial_ups: &DialUps) -> Vec<DialUpFacts> {
    let facts = config.dial_ups.iter().map(|one| {
        let view = dial_ups.view(&one.peer);
        DialUpFacts {
            peer: one.peer.clone(),
            state: view.state.to_owned(),
            schedule: schedule_word(&one.schedule).to_owned(),
            dial: one.dial.join(" "),
            device: one.device.clone(),
            lock_file: one.lock_file.as_ref().map(|file| file.display().to_string()),
            failure: view.failure.map(|(time, failure)| CallFailureFacts {
                time: Some(time),
                kind: failure.kind.as_str().to_owned(),
                code: failure.kind.code(),
                exit: failure.exit,
                text: failure.to_string(),
            }),
            default_route: view.default_route,
        }
    });
    facts.collect()
}

/// The accounts, without their verifiers.
#[must_use]
pub fn of_accounts(ledger: &Ledger) -> Vec<AccountFacts> {
    let organisation = ledger.directory.organisation();
    let own = ledger.accounts.list();
    let of_domain = ledger.directory.domain_accounts().into_iter().filter(|account| {
        // One that stands here, too, is judged by its own row.
        !own.iter().any(|own| own.name.matches(&account.name))
    });
    let of_domain: Vec<_> =
        of_domain.map(|account| (ledger.row_of_domain(&account), account.name)).collect();
    let own = own.iter().map(|account| (ledger.row(account), account.name.clone()));
    let facts = own.chain(of_domain).map(|(row, name)| {
        let missing = missing_steps(ledger, &name);
        let gone = ledger.accounts.gone(&name);
        // Rights that an earlier account of this name had are nobody's now.
        let stale = organisation.objects().any(|object| {
            let aces = object.descriptor.dacl.acl().into_iter().flat_map(|acl| &acl.aces);
            aces.into_iter().any(|ace| gone.contains(&ace.sid))
        });
        let states = states(&row, Timestamp::now());
        AccountFacts {
            states,
            name: row.name,
            enabled: row.enabled,
            roles: row.roles,
            password_set: row.password_set,
            sid: row.sid,
            state: row.state,
            created: row.created,
            groups: row.groups,
            network_logon: Some(row.network_logon),
            network_logon_source: row.network_logon_source,
            missing: missing.into_iter().map(|step| step.as_str().to_owned()).collect(),
            rights_of_earlier: stale,
            waits_for_restart: ledger.directory.waits_for_restart(&ledger.accounts, &name),
        }
    });
    facts.collect()
}

/// All that keeps an account from logging on; `state` has the first of them.
fn states(row: &AccountRow, now: Timestamp) -> Vec<String> {
    let over = |time: Option<Timestamp>| time.is_some_and(|time| time <= now);
    let all = [
        ("disabled", !row.enabled),
        ("locked", row.locked_until.is_some_and(|until| until > now)),
        ("expired", over(row.expires)),
        ("password-expired", over(row.password_expires)),
    ];
    let mut states: Vec<String> =
        all.iter().filter(|(_, is)| *is).map(|(word, _)| (*word).to_owned()).collect();
    if row.state != "ok" && !states.contains(&row.state) {
        states.push(row.state.clone());
    }
    states
}

/// The directory: what it says of accounts, and whether the site's copy is in step.
#[must_use]
pub fn of_directory(config: &Config, ledger: &Ledger) -> DirectoryFacts {
    let table: &DirectoryTable = &ledger.directory;
    let legacy = table.legacy_account();
    let (agent, since, behind) = table.agent();
    let place = table.place();
    let lines = behind.iter().flat_map(|change| {
        change.lines().into_iter().map(|line| format!("{}: {line}", change.object()))
    });
    let mut group = table.group().to_string();
    if legacy.name().is_none() {
        group.clear();
    }
    let spelt = |part: &Option<String>| part.clone().unwrap_or_default();
    DirectoryFacts {
        organisation: place.organisation.clone(),
        site: place.site.clone(),
        legacy_group: group,
        legacy_account: legacy
            .name()
            .map(|_| format!("{}\\{}", spelt(&legacy.domain), spelt(&legacy.account))),
        service_account: config.rpc.account.to_string(),
        agent: match agent {
            directory::Agent::Running => "running",
            directory::Agent::Lagging { .. } => "lagging",
            directory::Agent::Stopped => "stopped",
        }
        .to_owned(),
        behind_since: since.and_then(|ms| Timestamp::from_millisecond(ms).ok()),
        behind: lines.take(MAX_BEHIND).collect(),
        presented: config
            .peers
            .iter()
            .map(|peer| {
                let found = presented(config, table, peer);
                (peer.name.clone(), (found.account.to_string(), found.source.to_owned()))
            })
            .collect(),
    }
}

/// One row for each next hop.
#[must_use]
pub fn of_queues(queue: &MailQueue) -> Vec<QueueFacts> {
    let rows = crate::operations::queue_rows(queue);
    let facts = rows.into_iter().map(|row| QueueFacts {
        next_hop: row.next_hop,
        state: row.state,
        messages: row.messages,
        last_error: row.last_error,
        next_attempt: row.next_attempt,
        held: None,
    });
    facts.collect()
}

/// Says of the hops that are held when that began, and who did it, as the audit trail has it.
pub fn add_holders(queues: &mut [QueueFacts], directory: &DirectoryTable) {
    if queues.iter().all(|queue| queue.state != "held") {
        return;
    }
    let Ok(trail) = directory.audit() else { return };
    for queue in queues.iter_mut().filter(|queue| queue.state == "held") {
        let line = format!("+ {}", crate::operations::held_words(&queue.next_hop));
        let newest = trail
            .iter()
            .rev()
            .find(|entry| entry.lines.iter().any(|known| known.eq_ignore_ascii_case(&line)));
        queue.held = newest.and_then(|entry| {
            Some((Timestamp::from_millisecond(entry.time_ms).ok()?, entry.who.clone()))
        });
    }
}

/// Compares the configuration file as it is now with what the server runs with.
pub fn add_pending(facts: &mut ServerFacts, running: &Config) {
    match Config::load(&running.file) {
        Ok(fresh) => {
            let Reloaded { applied, needs_restart } = crate::operations::compare(running, &fresh);
            facts.unread = applied;
            facts.needs_restart = needs_restart;
        }
        Err(error) => facts.file_fault = Some(net::chain(&error)),
    }
}

/// What keeps the store from taking mail.
#[must_use]
pub fn of_store(store: &Store) -> Option<StoreTrouble> {
    let trouble = store.trouble()?;
    Some(StoreTrouble { cause: trouble.cause.to_owned(), text: net::chain(&trouble.error) })
}

/// What else the server lacks.
#[must_use]
pub fn of_resources(resources: &Resources) -> Vec<StoreTrouble> {
    let shortages = resources.shortages().into_iter();
    let facts =
        shortages.map(|(short, text)| StoreTrouble { cause: short.cause().to_owned(), text });
    facts.collect()
}

/// One row of the locality table.
#[must_use]
pub fn of_row(row: &Row) -> LtabFacts {
    LtabFacts {
        index: row.index,
        direction: row.direction.to_string(),
        peer: row.peer.clone(),
        state: row.state.to_string(),
    }
}

/// Events out of the store, oldest first.
///
/// # Errors
/// The store cannot be read.
pub fn stored_events(store: &Store, query: &EventQuery) -> Result<Vec<Event>, OperationError> {
    let asked = query.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(MAX_EVENTS);
    // A query for one number looks through everything that is kept.
    let looked_at = if query.id.is_some() { usize::MAX } else { asked };
    let stored = store
        .events(query.since, looked_at)
        .map_err(|error| OperationError::Internal(error.to_string()))?;
    let mut events: Vec<Event> = stored
        .iter()
        .filter_map(|octets| serde_json::from_slice(octets).ok())
        .filter(|event| query.matches(event))
        .collect();
    let surplus = events.len().saturating_sub(asked);
    events.drain(..surplus);
    Ok(events)
}
