//! Operations on the running server.

use std::path::PathBuf;
use std::sync::Arc;

use admin::api::{
    AccountAdd, AccountPassword, AccountRole, AccountRow, EventLevels, EventQuery, LevelOrder,
    LtabEntry, LtabError, MessageQuery, MessageRow, ProbeOrder, QueueRow, Reloaded, Retried,
    RetrySelector, RouteAnswer, RouteQuery, RouteTable, SendOrder,
};
use admin::directory_api::{
    AccountAction, AccountOrder, AccountView, DirectoryAnswer, DirectoryOrder,
};
use admin::queue_api::{QueueAnswer, QueueOrder};
use admin::{AdminRole, Caller, Exporter, OperationError, Operations};
use config::Config;
use diagnosis::{ProbeFact, ServerFacts};
use event::Event;
use jiff::Timestamp;
use mixer::{Body, SmtpOriginator, SmtpRecipient};
use mta::{Row, State};
use routing::{Choice, Route};
use tokio::sync::broadcast;

use super::accounts::Ledger;
use super::probing::probe_hop;
use super::{directory, orders, shared};
use crate::admin_roles::AdminRoles;
use crate::blocking::blocking;
use crate::failed_logons::Say;
use crate::node::Node;
use crate::{addresses, facts, settings};

/// Win32 `ERROR_ACCESS_DENIED`.
const ACCESS_DENIED: u32 = 5;

/// The running server, as its administrative interface sees it.
pub struct Running {
    node: Arc<Node>,
    exporter: Exporter,
    roles: AdminRoles,
    /// Where this server listens: a file that names another one waits for a restart.
    socket: PathBuf,
}

impl Running {
    /// Joins the parts.
    #[must_use]
    pub fn new(node: Arc<Node>, exporter: Exporter) -> Self {
        let admin = node.config().admin.clone();
        let roles = AdminRoles::new(admin.roles_file);
        Self { node, exporter, roles, socket: admin.socket }
    }

    /// Whatever was changed may have put something right: nothing waits for a timer.
    fn account_changed(&self, row: AccountRow) -> AccountRow {
        self.node.wake_all_peers();
        row
    }

    /// Goes by this file of roles; who may connect at all follows from whether there is one.
    fn let_in(&self, roles_file: Option<PathBuf>) -> Result<(), OperationError> {
        let everybody = roles_file.is_some();
        self.roles.set_file(roles_file);
        if everybody {
            crate::runtime::warn_of_closed_folder(&self.socket);
        }
        admin::open_to(&self.socket, everybody).map_err(|error| {
            let path = self.socket.display();
            OperationError::Internal(format!("the mode of the socket {path}: {error}"))
        })
    }

    /// Changes the accounts, which waits for the disk.
    async fn change_accounts<R: Send + 'static>(
        &self,
        change: impl FnOnce(&Ledger) -> R + Send + 'static,
    ) -> R {
        let ledger = self.ledger();
        blocking(move || change(&ledger)).await
    }

    /// The accounts and the directory on behalf of whoever asks.
    fn ledger(&self) -> Ledger {
        Ledger {
            accounts: self.node.accounts.clone(),
            directory: self.node.directory.clone(),
            who: admin::caller(),
        }
    }

    /// Writes down who changed what beside accounts and the directory, which do it themselves.
    async fn audit(&self, what: String, lines: Vec<String>) {
        let (directory, who) = (self.node.directory.clone(), admin::caller());
        let written = blocking(move || directory.write_audit(&who, &what, lines)).await;
        if let Err(error) = written {
            eprintln!("the audit trail: {}", net::chain(&error));
        }
    }

    async fn stored_events(&self, query: EventQuery) -> Result<Vec<Event>, OperationError> {
        let store = self.node.queue.store().clone();
        blocking(move || facts::stored_events(&store, &query)).await
    }
}

impl Operations for Running {
    fn role(&self, caller: &Caller) -> Option<AdminRole> {
        self.roles.role(caller)
    }

    fn note_refusal(&self, caller: &Caller, text: &str) {
        // Told three times a minute: nobody may push other events out.
        let here = std::net::IpAddr::from(std::net::Ipv4Addr::LOCALHOST);
        let kind = (caller.who.clone(), here, ACCESS_DENIED);
        let say = self.node.failed_logons().note(std::time::Instant::now(), &kind);
        if say == Say::Now {
            self.node.log(event::build::security_violation(&event::build::SecurityViolation {
                user: caller.who.clone(),
                ltab_index: 0,
                code: ACCESS_DENIED,
                reason: text.to_owned(),
                peer: None,
                address: None,
                step: Some("admin-role".to_owned()),
                count: 1,
                ..event::build::SecurityViolation::default()
            }));
        }
    }

    async fn queues(&self) -> Result<Vec<QueueRow>, OperationError> {
        let mut rows = shared::queues(&self.node.queue);
        let watch = self.node.watch();
        let config = self.node.config();
        for row in &mut rows {
            let connector = config.dial_up(&row.next_hop);
            row.line = connector.map(|one| self.node.dial_ups.words(one, Timestamp::now()));
            row.finding = watch.finding(&row.next_hop).map(|finding| finding.cause);
        }
        Ok(rows)
    }

    async fn messages(&self, query: MessageQuery) -> Result<Vec<MessageRow>, OperationError> {
        shared::messages(&self.node.queue, &self.node.config(), &query)
    }

    async fn route(&self, query: RouteQuery) -> Result<RouteAnswer, OperationError> {
        super::route::route(self.node.router(&self.node.routes()), &query)
    }

    async fn route_table(&self) -> Result<RouteTable, OperationError> {
        Ok(super::route::table(&self.node.routes()))
    }

    async fn retry(&self, selector: RetrySelector) -> Result<Retried, OperationError> {
        let retried = shared::retry(&self.node.queue, &self.node.config(), &selector)?;
        let lines = vec![format!("+ tried again: {} messages", retried.messages)];
        self.audit(format!("queue {}", retried.next_hops.join(", ")), lines).await;
        Ok(retried)
    }

    async fn delete(&self, id: String) -> Result<(), OperationError> {
        let query = MessageQuery { id: Some(id.clone()), ..MessageQuery::default() };
        let before = shared::messages(&self.node.queue, &self.node.config(), &query)?;
        shared::delete(&self.node.queue, &id)?;
        let lines = before.iter().map(|row| {
            let to: Vec<&str> = row.recipients.iter().map(|one| one.address.as_str()).collect();
            format!("- from {} to {}, {} octets", row.from, to.join(", "), row.size)
        });
        self.audit(format!("message {id}"), lines.collect()).await;
        Ok(())
    }

    async fn queue_order(&self, order: QueueOrder) -> Result<QueueAnswer, OperationError> {
        let (queue, config) = (self.node.queue.clone(), self.node.config());
        let changes = order.needs() > AdminRole::ViewOnlyAdmin;
        let done = blocking(move || orders::follow(&queue, &config, order)).await?;
        if let Some(words) = done.done.as_ref().filter(|_| changes) {
            self.audit("the queue".to_owned(), vec![format!("+ {words}")]).await;
        }
        Ok(done)
    }

    async fn ltab(&self) -> Result<Vec<LtabEntry>, OperationError> {
        let rpc: Vec<_> = self.node.ltab().rows().map(ltab_entry).collect();
        Ok(rpc.into_iter().chain(self.node.x400_table().rows().map(ltab_entry)).collect())
    }

    async fn events(&self, query: EventQuery) -> Result<Vec<Event>, OperationError> {
        self.stored_events(query).await
    }

    async fn event_levels(&self, order: LevelOrder) -> Result<EventLevels, OperationError> {
        if let LevelOrder { category: Some(category), level: Some(level) } = order {
            let node = Arc::clone(&self.node);
            blocking(move || node.events.set_level(category, level)).await.map_err(internal)?;
            self.audit("events".to_owned(), vec![format!("+ level of {category}: {level}")]).await;
        }
        Ok(order.answer(self.node.events.levels().all()))
    }

    fn follow(&self) -> Result<broadcast::Receiver<Event>, OperationError> {
        Ok(self.node.events.follow())
    }

    async fn accounts(&self) -> Result<Vec<AccountRow>, OperationError> {
        Ok(self.ledger().list())
    }

    async fn account_add(&self, account: AccountAdd) -> Result<AccountRow, OperationError> {
        let added = self.change_accounts(move |ledger| ledger.add(&account));
        added.await.map(|row| self.account_changed(row))
    }

    async fn account_set_password(
        &self,
        change: AccountPassword,
    ) -> Result<AccountRow, OperationError> {
        let changed = self.change_accounts(move |ledger| ledger.set_password(&change));
        changed.await.map(|row| self.account_changed(row))
    }

    async fn account_grant(&self, change: AccountRole) -> Result<AccountRow, OperationError> {
        let changed = self.change_accounts(move |ledger| ledger.set_role(&change, true));
        changed.await.map(|row| self.account_changed(row))
    }

    async fn account_revoke(&self, change: AccountRole) -> Result<AccountRow, OperationError> {
        self.change_accounts(move |ledger| ledger.set_role(&change, false)).await
    }

    async fn account_remove(&self, name: String) -> Result<(), OperationError> {
        self.change_accounts(move |ledger| ledger.remove(&name)).await
    }

    async fn account(&self, order: AccountOrder) -> Result<AccountView, OperationError> {
        let overlap = super::accounts::overlap_ms(&self.node.config());
        let changes = !matches!(
            order.action,
            AccountAction::Show | AccountAction::Keep | AccountAction::Forget
        );
        let done = self.change_accounts(move |ledger| ledger.order(order, overlap)).await;
        if changes && done.is_ok() {
            self.node.wake_all_peers();
        }
        done
    }

    async fn directory(&self, order: DirectoryOrder) -> Result<DirectoryAnswer, OperationError> {
        let config = self.node.config();
        let agent = matches!(order, DirectoryOrder::Agent { change: Some(_) });
        let done =
            self.change_accounts(move |ledger| directory::follow(ledger, &config, order)).await;
        // Something may have been put right: nothing waits for a timer.
        if done.as_ref().is_ok_and(|done| done.applied || agent) {
            self.node.wake_all_peers();
        }
        done
    }

    async fn facts(&self) -> Result<ServerFacts, OperationError> {
        let (node, ledger) = (Arc::clone(&self.node), self.ledger());
        let mut facts = blocking(move || gathered(&node, &ledger)).await;
        facts.events = self.stored_events(EventQuery::default()).await?;
        Ok(facts)
    }

    async fn probe(&self, order: ProbeOrder) -> Result<Vec<ProbeFact>, OperationError> {
        probe_hop(&self.node, &order.peer).await
    }

    async fn send(&self, order: SendOrder) -> Result<String, OperationError> {
        let node = &self.node;
        let config = node.config();
        let table = node.routes();
        let routes = node.router(&table);
        check_sent(&config, &order)?;
        for address in &order.to {
            let Choice { route, why, .. } = table.choose(address);
            if matches!(route, Route::NoRoute | Route::UnknownMailbox) {
                return Err(OperationError::NotFound(format!("{address}: {why}")));
            }
        }
        let domain = config.mail.domains.first().cloned().unwrap_or_default();
        let from = order.from.unwrap_or_else(|| format!("postmaster@{domain}"));
        let (id, now) = (node.queue.next_id(), Timestamp::now());
        let received = received_here(&config.server.host_name, &id.to_string(), now);
        let smtputf8 = !from.is_ascii() || order.to.iter().any(|address| !address.is_ascii());
        let eight_bit = !order.content.is_ascii();
        let submission = mta::Submission {
            originator: SmtpOriginator {
                reverse_path: from,
                smtputf8,
                body: if eight_bit { Body::EightBit } else { Body::SevenBit },
                ..SmtpOriginator::default()
            },
            recipients: order
                .to
                .into_iter()
                .map(|address| SmtpRecipient { address, ..SmtpRecipient::default() })
                .collect(),
            added: received.len(),
            content: [received.as_bytes(), &order.content].concat(),
            submitted: now,
            routes,
        };
        let life = |priority| node.queue.expires(priority, now);
        let entry = mta::from_submission(&settings::site(&config), id, submission, life)
            .map_err(|error| OperationError::Invalid(error.to_string()))?;
        let id = node
            .queue
            .accept(entry)
            .await
            .map_err(|error| OperationError::Unavailable(error.to_string()))?;
        Ok(id.to_string())
    }

    async fn reload(&self) -> Result<Reloaded, OperationError> {
        let old = self.node.config();
        let fresh =
            Config::load(&old.file).map_err(|error| OperationError::Invalid(net::chain(&error)))?;
        let reloaded = compare(&old, &fresh);
        let roles_file = fresh.admin.roles_file.clone();
        self.node
            .replace_config(fresh)
            .map_err(|error| OperationError::Invalid(error.to_string()))?;
        self.let_in(roles_file)?;
        self.node.wake_all_peers();
        let applied =
            reloaded.applied.iter().map(|part| format!("+ {part} of the file is in force"));
        self.audit("the configuration".to_owned(), applied.collect()).await;
        Ok(reloaded)
    }

    async fn metrics(&self) -> Result<String, OperationError> {
        let now = Timestamp::now();
        for row in shared::queues(&self.node.queue) {
            let age = row.oldest.map_or(0.0, |oldest| now.duration_since(oldest).as_secs_f64());
            metrics::gauge!("bindback_queue_oldest_seconds", "next_hop" => row.next_hop.clone())
                .set(age.max(0.0));
            let count = u32::try_from(row.messages).unwrap_or(u32::MAX);
            metrics::gauge!("bindback_queue_messages", "next_hop" => row.next_hop)
                .set(f64::from(count));
        }
        let open = self.node.ltab().rows().filter(|row| row.state == State::Open).count();
        metrics::gauge!("bindback_associations")
            .set(f64::from(u32::try_from(open).unwrap_or(u32::MAX)));
        Ok(self.exporter.render())
    }
}

/// What the server knows of itself, but for its events. Files and the store are read for it.
fn gathered(node: &Node, ledger: &Ledger) -> ServerFacts {
    let config = node.config();
    let mut facts = facts::of_config(&config);
    facts.reachable = true;
    facts.clock = Some(Timestamp::now());
    facts.rpc_port = node.rpc_port();
    facts.peers = facts::of_peers(&config, &node.directory, &node.histories);
    facts.accounts = facts::of_accounts(ledger);
    facts.directory = Some(facts::of_directory(&config, ledger));
    facts.queues = facts::of_queues(&node.queue);
    facts.dial_ups = facts::of_dial_ups(&config, &node.dial_ups);
    facts::add_holders(&mut facts.queues, &node.directory);
    facts::add_pending(&mut facts, &config);
    facts.store_trouble = facts::of_store(node.queue.store());
    facts.shortages = facts::of_resources(&node.resources);
    facts.addresses = addresses::own().iter().map(ToString::to_string).collect();
    let cut_off = node.cut_off.list().into_iter();
    facts.cut_off = cut_off.map(|(address, time)| (address.to_string(), time)).collect();
    facts.ltab = node.ltab().rows().map(facts::of_row).collect();
    facts.ltab.extend(node.x400_table().rows().map(facts::of_row));
    facts.event_levels = facts::of_levels(node.events.levels());
    facts
}

/// The trace field of a message that no other host handed in (RFC 5322, 3.6.7).
fn received_here(host: &str, id: &str, now: Timestamp) -> String {
    let date = jiff::fmt::rfc2822::to_string(&now.to_zoned(jiff::tz::TimeZone::UTC));
    format!("Received: by {host} id {id};\r\n\t{}\r\n", date.unwrap_or_default())
}

/// What SMTP would refuse as well: a sender that is no address, more octets than are taken, and a text that has no header.
fn check_sent(config: &Config, order: &SendOrder) -> Result<(), OperationError> {
    let invalid = |text: String| Err(OperationError::Invalid(text));
    if let Some(from) = order.from.as_deref().filter(|from| !from.is_empty())
        && let Err(error) = smtp::mailbox_parts(from)
    {
        return invalid(format!("{from:?} is no address of a sender: {error}"));
    }
    let (size, limit) = (order.content.len(), config.smtp.max_message_size);
    if u64::try_from(size).is_ok_and(|size| size > limit) {
        return invalid(format!(
            "the message has {size} octets, this server takes at most {limit} (smtp.max_message_size)"
        ));
    }
    if !begins_with_field(&order.content) {
        let text = "the message has no header: it begins with fields such as `Subject: text`, an empty line ends them (RFC 5322, 2.1)";
        return invalid(text.to_owned());
    }
    Ok(())
}

/// Whether the first line is a header field (RFC 5322, 2.2).
fn begins_with_field(content: &[u8]) -> bool {
    let colon = content.iter().position(|octet| *octet == b':');
    let name = content[..colon.unwrap_or(0)].trim_ascii_end();
    !name.is_empty() && name.iter().all(u8::is_ascii_graphic)
}

fn internal(error: store::StoreError) -> OperationError {
    OperationError::Internal(net::chain(&error))
}

/// What a reload puts in force, and what only a restart can.
pub(crate) fn compare(old: &Config, fresh: &Config) -> Reloaded {
    let mut reloaded = Reloaded::default();
    let mut note = |changed: bool, section: &str, live: bool| {
        if changed {
            let list = if live { &mut reloaded.applied } else { &mut reloaded.needs_restart };
            list.push(section.to_owned());
        }
    };
    note(old.hosts != fresh.hosts, "hosts", true);
    note(old.peers != fresh.peers && same_names(old, fresh), "peer", true);
    note(old.dial_ups != fresh.dial_ups && dialling(old) == dialling(fresh), "dial_up", true);
    let dials = dialling(old) != dialling(fresh);
    note(dials, "dial_up (one that dials was added or removed)", false);
    note(old.x400 != fresh.x400 && same_names(old, fresh), "x400", true);
    note(old.queue != fresh.queue, "queue", true);
    note(old.mail != fresh.mail, "mail", true);
    note(old.association != fresh.association, "association", true);
    note(old.connectors != fresh.connectors, "connector", true);
    note(old.smtp.allow != fresh.smtp.allow, "smtp.allow", true);
    note(old.smtp.relay != fresh.smtp.relay, "smtp.relay", true);
    note(old.rpc.allow != fresh.rpc.allow, "rpc.allow", true);
    note(old.rpc.account != fresh.rpc.account, "rpc.account", true);
    note(old.accounts != fresh.accounts, "accounts", true);
    note(old.smtp.listen != fresh.smtp.listen, "smtp.listen", false);
    let ports = |config: &Config| (config.rpc.listen, config.rpc.port, config.rpc.mapper_port);
    note(ports(old) != ports(fresh), "rpc.listen", false);
    let x400_ports = |config: &Config| (config.rfc1006.listen.clone(), config.rfc1006.port);
    note(x400_ports(old) != x400_ports(fresh), "rfc1006.listen", false);
    note(old.rfc1006 != fresh.rfc1006 && x400_ports(old) == x400_ports(fresh), "rfc1006", true);
    let sources = |config: &Config| -> Vec<String> {
        let read = config.peers.iter().filter(|peer| peer.replicated);
        read.map(|peer| peer.name.to_uppercase()).collect()
    };
    note(sources(old) != sources(fresh), "peer.directory", false);
    note(old.directory != fresh.directory, "directory", false);
    note(old.server != fresh.server, "server", false);
    note(old.admin.roles_file != fresh.admin.roles_file, "admin.roles_file", true);
    let others = |config: &Config| config::Admin { roles_file: None, ..config.admin.clone() };
    note(others(old) != others(fresh), "admin", false);
    note(old.events != fresh.events, "events", false);
    note(!same_names(old, fresh), "peer (one was added or removed)", false);
    reloaded
}

/// The peers that this server dials.
fn dialling(config: &Config) -> Vec<String> {
    let dials = config.dial_ups.iter().filter(|one| !one.waits_for_calls());
    dials.map(|one| one.peer.clone()).collect()
}

fn same_names(old: &Config, fresh: &Config) -> bool {
    let names = |config: &Config| -> Vec<String> {
        let peers = config.peers.iter().map(|peer| &peer.name);
        let connectors = config.x400.iter().map(|connector| &connector.name);
        peers.chain(connectors).map(|name| name.to_uppercase()).collect()
    };
    names(old) == names(fresh)
}

fn ltab_entry(row: &Row) -> LtabEntry {
    LtabEntry {
        index: row.index,
        direction: row.direction.to_string(),
        peer: row.peer.clone(),
        account: row.account.clone(),
        protocol_string: row.protocol_string.clone(),
        bind: row.bind.to_string(),
        bind_back: row.bind_back.to_string(),
        state: row.state.to_string(),
        since: row.since,
        last_error: row.last_error.as_ref().map(|error| LtabError {
            code: error.code,
            comms: error.comms,
            bind: error.bind,
            layer: error.layer.clone(),
            text: error.text.clone(),
        }),
        messages: row.messages,
    }
}

#[cfg(test)]
mod tests {
    use super::begins_with_field;

    #[test]
    fn a_header_begins_with_a_field() {
        for good in ["Subject: x\r\n\r\ny", "x:\r\n", "Date : now\r\n"] {
            assert!(begins_with_field(good.as_bytes()), "{good:?}");
        }
        for bad in
            ["", "hello", "hello\r\n", "\r\nSubject: x", "two words: x", ": x", " Subject: x"]
        {
            assert!(!begins_with_field(bad.as_bytes()), "{bad:?}");
        }
    }
}
