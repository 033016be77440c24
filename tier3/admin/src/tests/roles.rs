//! Every operation asks for a role, and nothing of one that is refused reaches the server.

use super::socket::{Running, start};
use crate::api::{
    AccountAdd, AccountPassword, AccountRole, EventQuery, MessageQuery, ProbeOrder, RetrySelector,
    RouteQuery, SendOrder,
};
use crate::directory_api::{
    AccountAction, AccountOrder, AgentOrder, DirectoryOrder, GrantOrder, LegacyChange, Mode,
    SetOrder,
};
use crate::queue_api::QueueOrder;
use crate::{AdminRole, Client, ClientError, OperationError};

/// Whether the caller may: the refusal is told, anything else is not.
fn may<T>(answer: Result<T, ClientError>) -> bool {
    match answer {
        Err(ClientError::Refused(OperationError::Denied(text))) => {
            assert!(text.contains("needs the role") && text.contains("user "), "{text}");
            false
        }
        _ => true,
    }
}

/// One of each operation, by the role that it needs; whether each is allowed.
async fn try_all(client: &Client) -> Vec<(AdminRole, &'static str, bool)> {
    use AdminRole::{Admin, PermissionsAdmin, ServiceAccountAdmin, ViewOnlyAdmin};
    let role = || AccountRole { name: r"D\a".to_owned(), role: "r".to_owned() };
    let account = |action| AccountOrder { name: r"D\a".to_owned(), action };
    let set = |attribute: &str, dry_run| SetOrder {
        object: "/O=Demo".to_owned(),
        attribute: attribute.to_owned(),
        values: vec!["x".to_owned()],
        mode: Mode::Replace,
        dry_run,
    };
    let grant = |dry_run| GrantOrder {
        role: "admin".to_owned(),
        account: r"D\a".to_owned(),
        object: "/O=Demo".to_owned(),
        inherit: false,
        dry_run,
    };
    let add = AccountAdd { name: r"D\a".to_owned(), password: "x".into(), roles: Vec::new() };
    let password = AccountPassword { name: r"D\a".to_owned(), password: "x".into() };
    let rotate = AccountAction::Rotate { password: "x".into(), overlap_s: None };
    let mut seen = vec![
        (ViewOnlyAdmin, "queues", may(client.queues().await)),
        (ViewOnlyAdmin, "messages", may(client.messages(MessageQuery::default()).await)),
        (ViewOnlyAdmin, "ltab", may(client.ltab().await)),
        (ViewOnlyAdmin, "events", may(client.events(EventQuery::default()).await)),
        (ViewOnlyAdmin, "follow", may(client.follow(EventQuery::default()).await)),
        (ViewOnlyAdmin, "accounts", may(client.accounts().await)),
        (ViewOnlyAdmin, "facts", may(client.facts().await)),
        (ViewOnlyAdmin, "probe", may(client.probe(ProbeOrder { peer: "W".to_owned() }).await)),
        (ViewOnlyAdmin, "route", may(client.route(RouteQuery::default()).await)),
        (ViewOnlyAdmin, "routes", may(client.route_table().await)),
        (ViewOnlyAdmin, "metrics", may(client.metrics().await)),
        (ViewOnlyAdmin, "show account", may(client.account(account(AccountAction::Show)).await)),
        (Admin, "retry", may(client.retry(RetrySelector::All).await)),
        (Admin, "delete", may(client.delete("m1".to_owned()).await)),
        (Admin, "send", may(client.send(SendOrder::default()).await)),
        (Admin, "reload", may(client.reload().await)),
        (PermissionsAdmin, "grant", may(client.account_grant(role()).await)),
        (PermissionsAdmin, "revoke", may(client.account_revoke(role()).await)),
        (PermissionsAdmin, "enable", may(client.account(account(AccountAction::Enable)).await)),
        (ServiceAccountAdmin, "add", may(client.account_add(add).await)),
        (ServiceAccountAdmin, "password", may(client.account_set_password(password).await)),
        (ServiceAccountAdmin, "remove", may(client.account_remove(r"D\a".to_owned()).await)),
        (ServiceAccountAdmin, "rotate", may(client.account(account(rotate)).await)),
    ];
    let track = QueueOrder::Track { what: "1".to_owned(), since: None, limit: None };
    for (needed, order) in [
        (ViewOnlyAdmin, track),
        (Admin, QueueOrder::Hold { next_hop: "W".to_owned() }),
        (Admin, QueueOrder::Export { to: "/tmp/x".into() }),
        (ServiceAccountAdmin, QueueOrder::Backup { to: "/tmp/x".into() }),
    ] {
        seen.push((needed, "an order to the queue", may(client.queue_order(order).await)));
    }
    let import = |dry_run| DirectoryOrder::Import { ldif: String::new(), dry_run };
    let legacy = |change| DirectoryOrder::LegacyAccount { group: None, change };
    for (needed, order) in [
        (
            ViewOnlyAdmin,
            DirectoryOrder::List { under: None, after: None, limit: None, children: false },
        ),
        (ViewOnlyAdmin, DirectoryOrder::Export),
        (ViewOnlyAdmin, DirectoryOrder::Audit { limit: None }),
        (ViewOnlyAdmin, DirectoryOrder::Agent { change: None }),
        (ViewOnlyAdmin, DirectoryOrder::Set(set("description", true))),
        (ViewOnlyAdmin, DirectoryOrder::Grant(grant(true))),
        (ViewOnlyAdmin, import(true)),
        (ViewOnlyAdmin, legacy(None)),
        (Admin, DirectoryOrder::Set(set("description", false))),
        (Admin, DirectoryOrder::Agent { change: Some(AgentOrder::Stop) }),
        (Admin, DirectoryOrder::Remove { object: "/O=Demo".to_owned() }),
        (PermissionsAdmin, DirectoryOrder::Set(set("ntsecuritydescriptor", false))),
        (PermissionsAdmin, DirectoryOrder::Grant(grant(false))),
        (ServiceAccountAdmin, DirectoryOrder::Set(set("overrideAccount", false))),
        (ServiceAccountAdmin, DirectoryOrder::Stage(set("machineAccount", false))),
        (ServiceAccountAdmin, import(false)),
        (ServiceAccountAdmin, DirectoryOrder::Undo),
        (ServiceAccountAdmin, legacy(Some(LegacyChange::Clear))),
    ] {
        seen.push((needed, "an order to the directory", may(client.directory(order).await)));
    }
    seen
}

#[tokio::test]
async fn each_operation_needs_its_role_and_the_next_lower_one_is_refused() {
    let running = start();
    let Running { client, fake, .. } = &running;
    let roles = AdminRole::ALL.into_iter().map(Some);
    for has in std::iter::once(None).chain(roles) {
        *fake.role.lock().unwrap() = Some(has);
        fake.asked.lock().unwrap().clear();
        let seen = try_all(client).await;
        for (needed, what, allowed) in &seen {
            assert_eq!(*allowed, has >= Some(*needed), "{what}, needs {needed}, has {has:?}");
        }
        let refused = seen.iter().filter(|(.., allowed)| !allowed).count();
        let (told, done): (Vec<String>, Vec<String>) =
            fake.asked().into_iter().partition(|what| what.starts_with("refused user "));
        assert_eq!(told.len(), refused, "every refusal is written down");
        assert!(has.is_some() || done.is_empty(), "without a role nothing is done: {done:?}");
    }
}
