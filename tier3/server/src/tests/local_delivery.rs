//! Mail into the mailboxes of one server.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use mixer::{SmtpOriginator, SmtpRecipient};

use super::fixture::*;
use crate::node::Node;
use crate::{local_delivery, settings};

async fn submit(node: &Node, mailbox: &str) {
    let now = Timestamp::now();
    let table = node.routes();
    let submission = mta::Submission {
        originator: SmtpOriginator {
            reverse_path: "anna@west.demo.test".to_owned(),
            ..SmtpOriginator::default()
        },
        recipients: vec![SmtpRecipient {
            address: format!("{mailbox}@west.demo.test"),
            ..SmtpRecipient::default()
        }],
        content: format!("Subject: to {mailbox}\r\n\r\nbody\r\n").into_bytes(),
        added: 0,
        submitted: now,
        routes: node.router(&table),
    };
    let life = |priority| node.queue.expires(priority, now);
    let site = settings::site(&node.config());
    let entry = mta::from_submission(&site, node.queue.next_id(), submission, life).unwrap();
    node.queue.accept(entry).await.unwrap();
}

fn count(inbox: &Path) -> usize {
    std::fs::read_dir(inbox).map_or(0, Iterator::count)
}

/// A mailbox that nobody can write to keeps its own mail waiting, and that of nobody else: with a pause for each of its
/// letters the last one here would come after minutes.
#[tokio::test]
async fn a_broken_mailbox_holds_up_only_its_own_mail() {
    const BROKEN: usize = 100;
    const WELL: usize = 10;
    let west = Server::start("WEST", listener().await, &[]).await;
    let maildir = west.node.config().mail.maildir.clone();
    std::fs::create_dir_all(&maildir).unwrap();
    std::fs::write(maildir.join("clara"), b"in the way").unwrap();
    for _ in 0..BROKEN {
        submit(&west.node, "clara").await;
    }
    for _ in 0..WELL {
        submit(&west.node, "anna").await;
    }
    tokio::spawn(local_delivery::run(Arc::clone(&west.node)));
    let inbox = maildir.join("anna/new");
    until(|| (count(&inbox) == WELL).then_some(())).await;

    // Nothing of it is lost: once the file is out of the way it comes.
    std::fs::remove_file(maildir.join("clara")).unwrap();
    let inbox = maildir.join("clara/new");
    until(|| {
        // One whose failure is being written down does not wait yet.
        west.node.queue.wake(&queue::NextHop::Local);
        (count(&inbox) == BROKEN).then_some(())
    })
    .await;
}
