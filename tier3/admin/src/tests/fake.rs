//! Operations that remember what they were asked.

use std::sync::Mutex;

use diagnosis::{ProbeFact, ProbeResult, ServerFacts};
use event::{Category, Event, EventType};
use jiff::Timestamp;
use tokio::sync::broadcast;

use crate::api::{
    AccountAdd, AccountPassword, AccountRole, AccountRow, EventLevels, EventQuery, LevelOrder,
    LtabEntry, LtabError, MessageQuery, MessageRow, ProbeOrder, QueueRow, RecipientRow, Reloaded,
    Retried, RetrySelector, RouteAnswer, RouteQuery, RouteTable, SendOrder,
};
use crate::directory_api::{AccountOrder, AccountView, DirectoryAnswer, DirectoryOrder};
use crate::operations::{OperationError, Operations};
use crate::queue_api::{QueueAnswer, QueueOrder};
use crate::{AdminRole, Caller};

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(super) fn event(id: u32, time: &str) -> Event {
    Event {
        time: at(time),
        server: "EAST".to_owned(),
        id,
        source: event::SOURCE.to_owned(),
        category: event::Category::Security,
        severity: 0,
        event_type: EventType::Warning,
        text: format!("event {id}"),
        params: event::Params::new(),
        layer: None,
        peer: None,
    }
}

pub(super) struct Fake {
    pub(super) asked: Mutex<Vec<String>>,
    /// The role of everybody, in place of the usual ones.
    pub(super) role: Mutex<Option<Option<AdminRole>>>,
    pub(super) past: Vec<Event>,
    pub(super) live: broadcast::Sender<Event>,
}

impl Fake {
    pub(super) fn new() -> Self {
        Self {
            asked: Mutex::default(),
            role: Mutex::default(),
            past: vec![event(9297, "2026-01-02T03:04:05Z"), event(9318, "2026-01-02T03:05:05Z")],
            live: broadcast::channel(4).0,
        }
    }

    fn note(&self, what: String) {
        self.asked.lock().unwrap().push(what);
    }

    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn row(name: &str, roles: Vec<String>) -> AccountRow {
    let password_set = at("2026-01-02T03:04:05Z");
    AccountRow {
        name: name.to_owned(),
        enabled: true,
        roles,
        password_set,
        sid: "S-1-5-21-1-2-3-1000".to_owned(),
        state: "ok".to_owned(),
        created: None,
        expires: None,
        password_expires: None,
        locked_until: None,
        older_password_until: None,
        groups: Vec::new(),
        network_logon: true,
        network_logon_source: "everyone has it".to_owned(),
    }
}

impl Operations for Fake {
    fn role(&self, caller: &Caller) -> Option<AdminRole> {
        match *self.role.lock().unwrap() {
            Some(role) => role,
            None if caller.is_neighbour => Some(AdminRole::ViewOnlyAdmin),
            None => Some(AdminRole::ServiceAccountAdmin),
        }
    }

    fn note_refusal(&self, caller: &Caller, text: &str) {
        self.note(format!("refused {}: {text}", caller.who));
    }

    async fn queues(&self) -> Result<Vec<QueueRow>, OperationError> {
        Ok(vec![QueueRow {
            next_hop: "WEST".to_owned(),
            state: "retry".to_owned(),
            messages: 3,
            bytes: 4096,
            oldest: Some(at("2026-01-02T03:04:05Z")),
            next_attempt: None,
            last_error: Some("access denied".to_owned()),
            finding: Some(finding::Cause::ServiceAccountPasswordMismatch),
            line: None,
        }])
    }

    async fn messages(&self, query: MessageQuery) -> Result<Vec<MessageRow>, OperationError> {
        self.note(format!("messages {query:?}"));
        if let Some(id) = query.id {
            return Err(OperationError::NotFound(format!("no message {id} is queued")));
        }
        Ok(vec![MessageRow {
            id: "m1".to_owned(),
            from: "anna@east.demo.test".to_owned(),
            recipients: vec![RecipientRow {
                address: "bert@west.demo.test".to_owned(),
                state: "waiting".to_owned(),
                next_hop: query.next_hop,
                attempts: 2,
                last_error: None,
            }],
            priority: "normal".to_owned(),
            size: 100,
            submitted: at("2026-01-02T03:04:05Z"),
            expires: at("2026-01-09T03:04:05Z"),
        }])
    }

    async fn event_levels(&self, order: LevelOrder) -> Result<EventLevels, OperationError> {
        self.note(format!("levels {order:?}"));
        Ok(order.answer([(Category::Security, order.level.unwrap_or_default())]))
    }

    async fn retry(&self, selector: RetrySelector) -> Result<Retried, OperationError> {
        self.note(format!("retry {selector:?}"));
        let next_hops = vec!["WEST".to_owned()];
        Ok(Retried { messages: 2, next_hops, ..Retried::default() })
    }

    async fn delete(&self, id: String) -> Result<(), OperationError> {
        self.note(format!("delete {id}"));
        Ok(())
    }

    async fn route(&self, query: RouteQuery) -> Result<RouteAnswer, OperationError> {
        self.note(format!("route {query:?}"));
        Ok(RouteAnswer { address: query.address, ..RouteAnswer::default() })
    }

    async fn route_table(&self) -> Result<RouteTable, OperationError> {
        Ok(RouteTable::default())
    }

    async fn queue_order(&self, order: QueueOrder) -> Result<QueueAnswer, OperationError> {
        self.note(format!("{order:?}"));
        Ok(QueueAnswer { done: Some("done".to_owned()), ..QueueAnswer::default() })
    }

    async fn ltab(&self) -> Result<Vec<LtabEntry>, OperationError> {
        Ok(vec![LtabEntry {
            index: 1,
            direction: "out".to_owned(),
            peer: "WEST".to_owned(),
            account: r"DEMO\svc-east".to_owned(),
            protocol_string: "ncacn_ip_tcp:west.demo.test[]".to_owned(),
            bind: "refused".to_owned(),
            bind_back: "none".to_owned(),
            state: "failed".to_owned(),
            since: at("2026-01-02T03:04:05Z"),
            last_error: Some(LtabError {
                code: 5,
                comms: 5,
                bind: 0,
                layer: "authentication".to_owned(),
                text: "access denied".to_owned(),
            }),
            messages: 0,
        }])
    }

    async fn events(&self, query: EventQuery) -> Result<Vec<Event>, OperationError> {
        self.note(format!("events {query:?}"));
        Ok(self.past.iter().filter(|event| query.matches(event)).cloned().collect())
    }

    fn follow(&self) -> Result<broadcast::Receiver<Event>, OperationError> {
        Ok(self.live.subscribe())
    }

    async fn accounts(&self) -> Result<Vec<AccountRow>, OperationError> {
        Ok(vec![row(r"DEMO\svc-west", Vec::new())])
    }

    async fn account_add(&self, account: AccountAdd) -> Result<AccountRow, OperationError> {
        self.note(format!("add {} with {}", account.name, account.password.expose()));
        if account.name == r"DEMO\svc-west" {
            return Err(OperationError::Conflict("it exists".to_owned()));
        }
        Ok(row(&account.name, account.roles))
    }

    async fn account_set_password(
        &self,
        change: AccountPassword,
    ) -> Result<AccountRow, OperationError> {
        self.note(format!("password of {}: {}", change.name, change.password.expose()));
        Ok(row(&change.name, Vec::new()))
    }

    async fn account_grant(&self, change: AccountRole) -> Result<AccountRow, OperationError> {
        Ok(row(&change.name, vec![change.role]))
    }

    async fn account_revoke(&self, change: AccountRole) -> Result<AccountRow, OperationError> {
        Ok(row(&change.name, Vec::new()))
    }

    async fn account_remove(&self, name: String) -> Result<(), OperationError> {
        self.note(format!("remove {name}"));
        Ok(())
    }

    async fn account(&self, order: AccountOrder) -> Result<AccountView, OperationError> {
        self.note(format!("account {} {:?} by {}", order.name, order.action, crate::caller()));
        Ok(AccountView { account: row(&order.name, Vec::new()) })
    }

    async fn directory(&self, order: DirectoryOrder) -> Result<DirectoryAnswer, OperationError> {
        self.note(format!("directory {order:?} by {}", crate::caller()));
        Ok(DirectoryAnswer { applied: true, ..DirectoryAnswer::default() })
    }

    async fn facts(&self) -> Result<ServerFacts, OperationError> {
        Ok(ServerFacts { name: "EAST".to_owned(), reachable: true, ..ServerFacts::default() })
    }

    async fn probe(&self, order: ProbeOrder) -> Result<Vec<ProbeFact>, OperationError> {
        Ok(vec![ProbeFact {
            check: "resolve".to_owned(),
            from: "EAST".to_owned(),
            target: order.peer,
            result: ProbeResult::Ok,
            detail: "127.0.0.1".to_owned(),
            ms: 1,
        }])
    }

    async fn send(&self, order: SendOrder) -> Result<String, OperationError> {
        let octets = order.content.len();
        self.note(format!("send {octets} octets from {:?} to {:?}", order.from, order.to));
        Ok("m2".to_owned())
    }

    async fn reload(&self) -> Result<Reloaded, OperationError> {
        Ok(Reloaded { applied: vec!["hosts".to_owned()], needs_restart: Vec::new() })
    }

    async fn metrics(&self) -> Result<String, OperationError> {
        Ok("bindback_queue_messages{next_hop=\"WEST\"} 3\n".to_owned())
    }
}
