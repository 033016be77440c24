//! Everything, over the Unix socket.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::fake::{Fake, at, event};
use crate::api::{
    AccountAdd, AccountPassword, AccountRole, EventQuery, MessageQuery, ProbeOrder, RetrySelector,
    SendOrder,
};
use crate::{Client, ClientError, OperationError, ServeError, UnixSocket, serve_unix};

pub(super) struct Running {
    pub(super) fake: Arc<Fake>,
    pub(super) path: PathBuf,
    pub(super) client: Client,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
    folder: tempfile::TempDir,
}

pub(super) fn start() -> Running {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    let socket = UnixSocket::bind(&path).unwrap();
    let fake = Arc::new(Fake::new());
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(serve_unix(socket, Arc::clone(&fake), async move {
        let _ = stopped.await;
    }));
    Running { fake, client: Client::unix(&path), path, stop, server, folder }
}

#[tokio::test]
async fn every_operation_has_an_answer() {
    let running = start();
    let Running { client, fake, .. } = &running;
    assert_eq!(client.queues().await.unwrap()[0].messages, 3);
    let query =
        MessageQuery { next_hop: Some("WEST & Söhne".to_owned()), ..MessageQuery::default() };
    let messages = client.messages(query).await.unwrap();
    assert_eq!(messages[0].recipients[0].next_hop.as_deref(), Some("WEST & Söhne"));
    client.retry(RetrySelector::NextHop("WEST".to_owned())).await.unwrap();
    assert_eq!(client.retry(RetrySelector::All).await.unwrap().messages, 2);
    client.delete("m/1 ?".to_owned()).await.unwrap();
    assert_eq!(client.ltab().await.unwrap()[0].last_error.as_ref().unwrap().code, 5);
    assert_eq!(client.accounts().await.unwrap().len(), 1);
    let account = AccountAdd {
        name: r"DEMO\svc-new".to_owned(),
        password: "pässword\"".into(),
        roles: vec!["service-account-admin".to_owned()],
    };
    assert_eq!(client.account_add(account).await.unwrap().roles.len(), 1);
    let change = AccountPassword { name: r"DEMO\a".to_owned(), password: "other".into() };
    client.account_set_password(change).await.unwrap();
    let role = AccountRole { name: r"DEMO\a".to_owned(), role: "r".to_owned() };
    assert_eq!(client.account_grant(role.clone()).await.unwrap().roles, ["r"]);
    assert!(client.account_revoke(role).await.unwrap().roles.is_empty());
    client.account_remove(r"DEMO\a".to_owned()).await.unwrap();
    assert_eq!(client.facts().await.unwrap().name, "EAST");
    let probed = client.probe(ProbeOrder { peer: "WEST".to_owned() }).await.unwrap();
    assert_eq!(probed[0].target, "WEST");
    let order = SendOrder {
        from: None,
        to: vec!["\"a b\"@x.test".to_owned(), "c+d&e=f@x.test".to_owned()],
        content: vec![b'x'; 300_000],
    };
    assert_eq!(client.send(order).await.unwrap(), "m2");
    assert_eq!(client.reload().await.unwrap().applied, ["hosts"]);
    assert!(client.metrics().await.unwrap().starts_with("bindback_queue_messages"));
    assert_eq!(
        fake.asked(),
        [
            "messages MessageQuery { id: None, next_hop: Some(\"WEST & Söhne\"), after: None, limit: None }",
            "retry NextHop(\"WEST\")",
            "retry All",
            "delete m/1 ?",
            "add DEMO\\svc-new with pässword\"",
            "password of DEMO\\a: other",
            "remove DEMO\\a",
            "send 300000 octets from None to [\"\\\"a b\\\"@x.test\", \"c+d&e=f@x.test\"]",
        ]
    );
}

#[tokio::test]
async fn a_refusal_comes_back_as_it_was() {
    let running = start();
    let Running { client, .. } = &running;
    let query = MessageQuery { id: Some("m9".to_owned()), ..MessageQuery::default() };
    let error = client.messages(query).await.unwrap_err();
    let expected = OperationError::NotFound("no message m9 is queued".to_owned());
    assert!(matches!(error, ClientError::Refused(error) if error == expected));
    let account = AccountAdd {
        name: r"DEMO\svc-west".to_owned(),
        password: "secret".into(),
        roles: Vec::new(),
    };
    assert!(!format!("{account:?}").contains("secret"));
    let error = client.account_add(account).await.unwrap_err();
    assert!(matches!(error, ClientError::Refused(OperationError::Conflict(_))));
}

#[tokio::test]
async fn events_are_filtered() {
    let running = start();
    let Running { client, .. } = &running;
    let all = client.events(EventQuery::default()).await.unwrap();
    assert_eq!(all.len(), 2);
    let since = EventQuery { since: Some(at("2026-01-02T03:05:00Z")), ..EventQuery::default() };
    assert_eq!(client.events(since).await.unwrap(), all[1..]);
    let id = EventQuery { id: Some(9297), ..EventQuery::default() };
    assert_eq!(client.events(id).await.unwrap(), all[..1]);
}

#[tokio::test]
async fn following_shows_the_past_once_then_the_present() {
    let Running { client, fake, stop, server, folder: _folder, .. } = start();
    let query = EventQuery { since: Some(at("2026-01-02T03:05:00Z")), ..EventQuery::default() };
    let mut following = client.follow(query).await.unwrap();
    // What was logged while the past was read comes from both.
    fake.live.send(fake.past[1].clone()).unwrap();
    fake.live.send(event(9322, "2026-01-02T03:06:00Z")).unwrap();
    let mut seen = Vec::new();
    for _ in 0..2 {
        let events = following.next().await.unwrap().unwrap();
        assert_eq!(events.missed, 0);
        seen.extend(events.events.iter().map(|event| event.id));
    }
    assert_eq!(seen, [9318, 9322]);
    stop.send(()).unwrap();
    assert!(following.next().await.unwrap().is_none());
    tokio::time::timeout(Duration::from_secs(4), server).await.unwrap().unwrap();
}

#[tokio::test]
async fn the_socket_is_private_and_leaves_nothing_behind() {
    let Running { path, stop, server, folder, client, .. } = start();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    assert!(matches!(UnixSocket::bind(&path), Err(ServeError::InUse { .. })));
    assert!(client.queues().await.is_ok());
    stop.send(()).unwrap();
    server.await.unwrap();
    assert!(!path.exists());
    let error = client.queues().await.unwrap_err();
    assert!(matches!(error, ClientError::NoServer { .. }));
    assert!(error.to_string().starts_with("no server runs with this configuration"));
    drop(folder);
}

#[tokio::test]
async fn only_a_dead_socket_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    // A listener that is dropped leaves its file, as one that is killed does.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    drop(UnixSocket::bind(&path).unwrap());
    std::fs::write(&path, "precious").unwrap();
    assert!(matches!(UnixSocket::bind(&path), Err(ServeError::NotASocket { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    let missing = folder.path().join("no/such/folder");
    assert!(matches!(UnixSocket::bind(&missing), Err(ServeError::Listen { .. })));
}
