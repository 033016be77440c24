//! A message that crashes whoever processes it is set aside with its evidence, and the rest goes on.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpListener;

use super::fixture::{configuration, until};
use super::queue::{HOUR, message, west};
use crate::processing::{Processing, process, process_within};
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

#[tokio::test]
async fn a_message_that_stalls_twice_is_set_aside_and_the_rest_goes_on() {
    let folder = TempDir::new().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let config = configuration(folder.path(), "EAST", port, &[("WEST", port)]);
    let (node, _orders) = build_node(&config).unwrap();
    let watching = tokio::spawn(supervise::run(Arc::clone(&node), node.queue.notices().unwrap()));
    let mut events = node.events.follow();
    let bad = node.queue.accept(message(&node.queue, HOUR, &[])).await.unwrap();
    let good = node.queue.accept(message(&node.queue, HOUR, &[])).await.unwrap();

    // What holds the step is let go only at the end: no machine is slow enough to finish it in time.
    let (hold, held) = mpsc::channel::<()>();
    let held = Arc::new(std::sync::Mutex::new(held));
    for round in 1..=2 {
        assert_eq!(node.queue.take(&west()).unwrap().id, bad, "round {round}");
        let held = Arc::clone(&held);
        let stalls = move || {
            let _ = held.lock().unwrap().recv();
        };
        let stalled =
            process_within(&node, bad, "encoding", Duration::from_millis(50), stalls).await;
        assert!(stalled.unwrap_err().0.contains("encoding did not end within"), "round {round}");
    }
    let event = until(|| events.try_recv().ok().filter(|event| event.id == 20005)).await;
    assert_eq!(event.params["message"].as_str(), Some(bad.to_string().as_str()));
    assert!(event.params["evidence"].as_str().unwrap().contains("did not end"), "{event:?}");
    assert_eq!(node.queue.take(&west()).unwrap().id, good);
    assert!(node.queue.take(&west()).is_none());
    // A step that stalls does not keep others from being processed.
    let other = process(&node, good, "encoding", || 7).await;
    assert_eq!(other.unwrap(), 7);
    drop(hold);
    watching.abort();
}
