//! Orders about next hops: only those that there are can be named.

use admin::queue_api::QueueOrder;
use admin::{OperationError, Operations as _};
use jiff::Timestamp;
use tempfile::TempDir;

use super::fixture::configuration;
use crate::mail_queue::MailQueue;
use crate::operations::{Offline, store_folder};

fn hold(next_hop: &str) -> QueueOrder {
    QueueOrder::Hold { next_hop: next_hop.to_owned() }
}

#[tokio::test]
async fn a_name_that_nobody_has_is_no_next_hop() {
    let folder = TempDir::new().unwrap();
    let config = configuration(folder.path(), "EAST", 1135, &[("WEST", 1136)]);
    let store = store::Store::open(&store_folder(&config.server.data_dir)).unwrap();
    let (queue, _orders) = MailQueue::open(store, queue::QueueConfig::default()).unwrap();
    let mut message = super::queue::message(&queue, super::queue::HOUR, &["one that goes by MX"]);
    message.recipients[0].next_hop = queue::NextHop::Domain {
        connector: "internet".to_owned(),
        domain: "far.example".to_owned(),
    };
    message.expires = Timestamp::now() + super::queue::HOUR;
    queue.accept(message).await.unwrap();
    queue.store().commit_wait(Vec::new()).unwrap();
    drop(queue);

    let server = Offline::open(config).unwrap();
    let refused = server.queue_order(hold("nope")).await.unwrap_err();
    assert_eq!(
        refused,
        OperationError::NotFound(
            "\"nope\" is no next hop of EAST; there are WEST, far.example/internet, local"
                .to_owned()
        )
    );
    let release = QueueOrder::Release { next_hop: "nope".to_owned() };
    assert!(server.queue_order(release).await.is_err());
    let names = |rows: Vec<admin::api::QueueRow>| -> Vec<String> {
        rows.into_iter().map(|row| row.next_hop).collect()
    };
    assert_eq!(names(server.queues().await.unwrap()), ["far.example/internet"]);
    // In any case of letters, and answered as it is called.
    let held = server.queue_order(hold("west")).await.unwrap();
    assert_eq!(held.done.as_deref(), Some("WEST is held"));
    assert!(server.queue_order(hold("far.example/internet")).await.is_ok());
    assert!(server.queue_order(hold("local")).await.is_ok());
}
