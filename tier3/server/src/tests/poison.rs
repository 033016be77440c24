//! A message that crashes whoever processes it is set aside with its evidence, and the rest goes on.

use std::sync::Arc;

use tempfile::TempDir;
use tokio::net::TcpListener;

use super::fixture::{configuration, until};
use super::queue::{HOUR, message, west};
use crate::processing::{Processing, process};
use crate::runtime::build_node;
use crate::supervise;

#[tokio::test]
async fn a_message_that_crashes_twice_is_set_aside_and_the_rest_goes_on() {
    let folder = TempDir::new().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let config = configuration(folder.path(), "EAST", port, &[("WEST", port)]);
    let (node, orders) = build_node(&config).unwrap();
    let watching = tokio::spawn(supervise::run(Arc::clone(&node), node.queue.notices().unwrap()));
    let mut events = node.events.follow();
    let bad = node.queue.accept(message(&node.queue, HOUR, &[])).await.unwrap();
    let good = node.queue.accept(message(&node.queue, HOUR, &[])).await.unwrap();

    // Processing it panics; the caller goes on, and the message is tried once more.
    assert_eq!(node.queue.take(&west()).unwrap().id, bad);
    let crashed = process(&node, bad, "encoding", || panic!("index out of bounds")).await;
    let crashed: Result<(), _> = crashed;
    assert!(crashed.unwrap_err().0.contains("index out of bounds"));
    assert_eq!(node.queue.take(&west()).unwrap().id, bad);

    // The second time the process itself dies: what it had in its hands is found by the next one.
    let path = config.server.data_dir.join("processing");
    std::mem::forget(node.processing.begin(bad, "encoding"));
    let (_, suspects) = Processing::open(&path);
    assert_eq!(suspects.len(), 1);
    supervise::accuse(&node, suspects);
    let event = until(|| events.try_recv().ok().filter(|event| event.id == 20005)).await;
    let text = |name: &str| event.params[name].as_str().unwrap_or_default().to_owned();
    assert_eq!(text("message"), bad.to_string());
    assert!(text("evidence").contains("encoding"), "{event:?}");

    // The rest goes on, also after a restart; the message stays where it is.
    assert_eq!(node.queue.take(&west()).unwrap().id, good);
    assert!(node.queue.take(&west()).is_none());
    node.queue.store().sync().unwrap();
    watching.abort();
    let _ = watching.await;
    drop((node, orders));
    let (node, _orders) = build_node(&config).unwrap();
    assert_eq!(node.queue.take(&west()).unwrap().id, good);
    assert!(node.queue.take(&west()).is_none());
    let steps = node.queue.store().track(&bad.to_string(), None, 100).unwrap();
    let words: Vec<String> = steps.iter().map(|step| format!("{:?}", step.step)).collect();
    assert_eq!(words, ["Accepted", "SetAside"]);
    assert_eq!(node.queue.release_message(bad), Ok(true));
    assert_eq!(node.queue.take(&west()).unwrap().id, bad);
}
