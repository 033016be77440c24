//! Single situations, step by step.

#![expect(clippy::unwrap_used, reason = "a test may panic, and that is how it fails")]

use jiff::{SignedDuration, Timestamp};
use queue::{
    Action, BatchId, Failure, HopState, Kind, MessageFilter, MessageId, NewMessage, NewRecipient,
    NextHop, Outcome, Priority, Queue, QueueConfig, QueueError, Ticket, Work, Write,
};

fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
}

fn west() -> NextHop {
    NextHop::Peer("WEST".to_owned())
}

fn message(id: MessageId, priority: Priority, submitted: i64, hops: &[NextHop]) -> NewMessage {
    NewMessage {
        id,
        kind: Kind::Message,
        mts_id: format!("EAST.{id}"),
        message_id_header: None,
        originator: "sender@east.test".to_owned(),
        priority,
        submitted: at(submitted),
        expires: at(submitted + 1000),
        wishes: queue::Wishes::default(),
        size: 10,
        recipients: (1..)
            .zip(hops)
            .map(|(number, hop)| NewRecipient {
                number,
                address: format!("user{number}@west.test"),
                next_hop: hop.clone(),
                report_wanted: true,
            })
            .collect(),
        envelope: b"envelope".to_vec(),
        content: b"content".as_slice().into(),
        seen: vec![format!("{id}#1")],
    }
}

fn actions(queue: &mut Queue) -> Vec<Action> {
    std::iter::from_fn(|| queue.poll_action()).collect()
}

/// The only action, a commit.
fn commit(queue: &mut Queue) -> (BatchId, Vec<Write>) {
    let mut all = actions(queue);
    assert_eq!(all.len(), 1, "{all:?}");
    match all.pop() {
        Some(Action::Commit { batch, writes, .. }) => (batch, without_order(writes)),
        other => panic!("{other:?}"),
    }
}

/// What is written of messages; the simulation judges their order.
fn without_order(writes: Vec<Write>) -> Vec<Write> {
    writes.into_iter().filter(|write| !matches!(write, Write::Order(_))).collect()
}

/// Accepts a message durably and drops the actions that say so.
fn accepted(queue: &mut Queue, priority: Priority, submitted: i64, hops: &[NextHop]) -> MessageId {
    let id = queue.next_id();
    queue.accept(message(id, priority, submitted, hops), Ticket(id.number()), at(submitted));
    settle(queue, at(submitted));
    id
}

/// Answers all commits with success until nothing more comes; gives the other actions.
fn settle(queue: &mut Queue, now: Timestamp) -> Vec<Action> {
    let mut rest = Vec::new();
    while let Some(action) = queue.poll_action() {
        match action {
            Action::Commit { batch, .. } => queue.handle_durable(batch, now),
            other => rest.push(other),
        }
    }
    rest
}

fn is_ready(action: &Action, wanted: &NextHop) -> bool {
    matches!(action, Action::Ready { hop } if hop == wanted)
}

fn state_of(queue: &Queue, id: MessageId, number: u32) -> &'static str {
    let filter = MessageFilter { id: Some(id), ..MessageFilter::default() };
    let view = queue.messages(&filter).pop().unwrap();
    view.recipients.iter().find(|recipient| recipient.number == number).unwrap().state
}

fn report_for(queue: &mut Queue, now: i64) -> NewMessage {
    let id = queue.next_id();
    let mut report = message(id, Priority::Normal, now, &[NextHop::Local]);
    report.kind = Kind::Report;
    report
}

#[test]
fn nothing_is_told_or_done_before_it_is_durable() {
    let mut queue = Queue::new(QueueConfig::default());
    let id = queue.next_id();
    queue.accept(message(id, Priority::Normal, 0, &[west()]), Ticket(7), at(0));
    let (batch, writes) = commit(&mut queue);
    assert!(matches!(
        &writes[..],
        [Write::PutMessage(stored), Write::PutSeen { key, until }]
            if stored.record.head.id == id && key.ends_with("#1") && *until > at(10 * 86400)
    ));
    assert!(queue.is_committing(&format!("{id}#1")));
    assert_eq!(queue.take(&west(), at(0)), None);
    assert!(queue.messages(&MessageFilter::default()).is_empty());
    assert_eq!(queue.delete(id, at(0)), Err(QueueError::UnknownMessage { id }));

    queue.handle_durable(batch, at(1));
    let told = actions(&mut queue);
    assert!(matches!(told[0], Action::Accepted { ticket: Ticket(7) }));
    assert!(is_ready(&told[1], &west()) && told.len() == 2);
    assert!(!queue.is_committing(&format!("{id}#1")));
    assert_eq!(queue.take(&west(), at(1)), Some(Work { id, recipients: vec![1] }));

    queue.complete(id, vec![(1, Outcome::Done)], at(2));
    let (batch, writes) = commit(&mut queue);
    assert!(matches!(writes[..], [Write::RemoveMessage { id: gone }] if gone == id));
    queue.handle_durable(batch, at(3));
    assert!(matches!(actions(&mut queue)[..], [Action::Finished { id: gone }] if gone == id));
    assert!(queue.is_empty() && queue.next_timeout().is_none());
}

#[test]
fn a_failed_acceptance_is_refused_and_forgotten() {
    let mut queue = Queue::new(QueueConfig::default());
    let id = queue.next_id();
    queue.accept(message(id, Priority::Normal, 0, &[west()]), Ticket(7), at(0));
    let (batch, _) = commit(&mut queue);
    queue.handle_failed(batch, "disk full".to_owned(), at(1));
    let told = actions(&mut queue);
    assert!(
        matches!(&told[..], [Action::Refused { ticket: Ticket(7), error }] if error == "disk full")
    );
    assert!(queue.is_empty() && queue.next_timeout().is_none());
    // A late second answer changes nothing.
    queue.handle_durable(batch, at(2));
    assert!(actions(&mut queue).is_empty());
}

#[test]
fn what_is_no_valid_message_is_refused() {
    let config = QueueConfig { max_messages: 2, ..QueueConfig::default() };
    let mut queue = Queue::new(config);
    let first = accepted(&mut queue, Priority::Normal, 0, &[west()]);
    let id = queue.next_id();
    let unknown = MessageId::from_number(99);
    let mut twice = message(id, Priority::Normal, 0, &[west(), west()]);
    twice.recipients[1].number = 1;
    for (bad, says) in [
        (message(id, Priority::Normal, 0, &[]), "no recipient"),
        (message(first, Priority::Normal, 0, &[west()]), "in use"),
        (message(unknown, Priority::Normal, 0, &[west()]), "not given out"),
        (twice, "two recipients with the number 1"),
    ] {
        queue.accept(bad, Ticket(1), at(0));
        let told = actions(&mut queue);
        assert!(
            matches!(&told[..], [Action::Refused { error, .. }] if error.contains(says)),
            "{told:?}"
        );
    }
    accepted(&mut queue, Priority::Normal, 0, &[west()]);
    let third = queue.next_id();
    queue.accept(message(third, Priority::Normal, 0, &[west()]), Ticket(1), at(0));
    let told = actions(&mut queue);
    assert!(matches!(&told[..], [Action::Refused { error, .. }] if error.contains("full with 2")));
}

#[test]
fn urgent_goes_first_then_the_oldest() {
    let mut queue = Queue::new(QueueConfig::default());
    let slow = accepted(&mut queue, Priority::NonUrgent, 1, &[west()]);
    let young = accepted(&mut queue, Priority::Normal, 9, &[west()]);
    let old = accepted(&mut queue, Priority::Normal, 3, &[west()]);
    let urgent = accepted(&mut queue, Priority::Urgent, 10, &[west()]);
    let order: Vec<MessageId> =
        std::iter::from_fn(|| queue.take(&west(), at(11)).map(|work| work.id)).collect();
    assert_eq!(order, [urgent, old, young, slow]);
}

#[test]
fn each_hop_gets_its_recipients_and_the_last_removal_takes_the_message() {
    let mut queue = Queue::new(QueueConfig::default());
    let hops = [west(), NextHop::Local, west()];
    let id = accepted(&mut queue, Priority::Normal, 0, &hops);
    assert_eq!(queue.take(&NextHop::Local, at(0)), Some(Work { id, recipients: vec![2] }));
    assert_eq!(queue.take(&west(), at(0)), Some(Work { id, recipients: vec![1, 3] }));
    queue.complete(id, vec![(1, Outcome::Done), (3, Outcome::Done)], at(1));
    let (first, writes) = commit(&mut queue);
    assert!(matches!(
        writes[..],
        [Write::RemoveRecipient { number: 1, .. }, Write::RemoveRecipient { number: 3, .. }]
    ));
    // The first removal is not durable yet, so this one cannot know that it is the last.
    queue.complete(id, vec![(2, Outcome::Done)], at(1));
    let (second, writes) = commit(&mut queue);
    assert!(matches!(writes[..], [Write::RemoveRecipient { number: 2, .. }]));
    queue.handle_durable(second, at(2));
    assert!(actions(&mut queue).is_empty());
    queue.handle_durable(first, at(2));
    let (third, writes) = commit(&mut queue);
    assert!(matches!(writes[..], [Write::RemoveMessage { .. }]));
    queue.handle_durable(third, at(2));
    assert!(matches!(actions(&mut queue)[..], [Action::Finished { .. }]));
}

#[test]
fn a_failed_removal_is_tried_again_and_nothing_is_done_twice_meanwhile() {
    let mut queue = Queue::new(QueueConfig::default());
    let id = accepted(&mut queue, Priority::Normal, 0, &[west()]);
    queue.take(&west(), at(0)).unwrap();
    queue.complete(id, vec![(1, Outcome::Done)], at(1));
    let (batch, _) = commit(&mut queue);
    queue.handle_failed(batch, "disk full".to_owned(), at(1));
    assert!(actions(&mut queue).is_empty());
    assert_eq!(queue.take(&west(), at(1)), None);
    assert_eq!(queue.next_timeout(), Some(at(6)));
    queue.handle_timeout(at(6));
    assert!(matches!(settle(&mut queue, at(6))[..], [Action::Finished { .. }]));
}

#[test]
fn a_hop_that_fails_waits_longer_each_time_and_wakes_at_once() {
    let mut queue = Queue::new(QueueConfig::default());
    let id = accepted(&mut queue, Priority::Normal, 0, &[west()]);
    let mut now = at(0);
    let mut waits = Vec::new();
    for attempt in 1..=4 {
        queue.take(&west(), now).unwrap();
        queue.hop_failed(&west(), format!("refused {attempt}"), now);
        // A second loss of the same hop does not make it wait longer.
        queue.hop_failed(&west(), format!("refused {attempt}"), now);
        assert_eq!(queue.take(&west(), now), None);
        let view = &queue.hops(now)[0];
        assert_eq!(view.state, HopState::Retry);
        assert_eq!(view.last_error, Some(format!("refused {attempt}")));
        let due = queue.next_timeout().unwrap();
        assert_eq!(view.next_attempt, Some(due));
        waits.push(due.duration_since(now).as_secs());
        queue.handle_timeout(due);
        assert!(matches!(&settle(&mut queue, due)[..], [ready] if is_ready(ready, &west())));
        now = due;
    }
    for (wait, nominal) in waits.iter().zip([10, 20, 40, 80]) {
        assert!((nominal * 8 / 10..=nominal * 12 / 10).contains(wait), "{waits:?}");
    }
    queue.hop_failed(&west(), "refused".to_owned(), now);
    queue.wake(&west(), now);
    assert!(matches!(&settle(&mut queue, now)[..], [ready] if is_ready(ready, &west())));
    assert_eq!(queue.take(&west(), now).unwrap().id, id);
    queue.hop_up(&west(), now);
    assert_eq!(queue.hops(now)[0].state, HopState::Active);
    assert_eq!(queue.hops(now)[0].last_error, None);
    // Its failures are forgotten.
    queue.hop_failed(&west(), "refused".to_owned(), now);
    assert!(queue.next_timeout().unwrap().duration_since(now).as_secs() <= 12);
}

#[test]
fn a_recipient_waits_alone_and_its_attempts_are_kept() {
    let mut queue = Queue::new(QueueConfig::default());
    let id = accepted(&mut queue, Priority::Normal, 0, &[NextHop::Local, NextHop::Local]);
    queue.take(&NextHop::Local, at(0)).unwrap();
    let busy = Outcome::Retry { error: "mailbox busy".to_owned() };
    queue.complete(id, vec![(1, busy), (2, Outcome::Done)], at(0));
    let mut writes = Vec::new();
    for action in actions(&mut queue) {
        if let Action::Commit { batch, writes: more, .. } = action {
            writes.extend(without_order(more));
            queue.handle_durable(batch, at(0));
        }
    }
    assert!(matches!(
        &writes[..],
        [Write::RemoveRecipient { number: 2, .. }, Write::PutRecipient { recipient, .. }]
            if recipient.attempts == 1 && recipient.last_error.as_deref() == Some("mailbox busy")
    ));
    assert_eq!(state_of(&queue, id, 1), "retry");
    // Others for the same hop go on.
    let other = accepted(&mut queue, Priority::Normal, 1, &[NextHop::Local]);
    assert_eq!(queue.take(&NextHop::Local, at(1)).unwrap().id, other);
    let due = queue.next_timeout().unwrap();
    queue.handle_timeout(due);
    assert_eq!(queue.take(&NextHop::Local, due), Some(Work { id, recipients: vec![1] }));
}

#[test]
fn time_runs_out_once_with_the_last_error_and_the_report_comes_with_the_removal() {
    let mut queue = Queue::new(QueueConfig::default());
    let id = accepted(&mut queue, Priority::Normal, 0, &[west(), west()]);
    queue.take(&west(), at(0)).unwrap();
    queue.hop_failed(&west(), "password refused".to_owned(), at(0));
    queue.handle_timeout(at(999));
    settle(&mut queue, at(999));
    queue.hop_failed(&west(), "password refused".to_owned(), at(999));
    queue.handle_timeout(at(1000));
    let told = settle(&mut queue, at(1000));
    let [Action::ReportNeeded { id: failed, failures }] = &told[..] else { panic!("{told:?}") };
    assert_eq!(*failed, id);
    let failure = Failure {
        reason: 1,
        diagnostic: Some(5),
        error: "password refused".to_owned(),
        ended: Some(queue::Clock::Life),
    };
    assert_eq!(failures[..], [(1, failure.clone()), (2, failure)]);
    queue.handle_timeout(at(2000));
    assert!(!settle(&mut queue, at(2000)).iter().any(|a| matches!(a, Action::ReportNeeded { .. })));

    let report = report_for(&mut queue, 2000);
    let report_id = report.id;
    queue.report_created(id, &[1, 2], Some(report), at(2000)).unwrap();
    let (batch, writes) = commit(&mut queue);
    assert!(matches!(
        &writes[..],
        [Write::PutMessage(stored), Write::PutSeen { .. }, Write::RemoveMessage { id: gone }]
            if stored.record.head.id == report_id && *gone == id
    ));
    assert_eq!(queue.take(&NextHop::Local, at(2000)), None);
    // The disk fails once: the same goes out again.
    queue.handle_failed(batch, "disk full".to_owned(), at(2000));
    queue.handle_timeout(at(2005));
    let (batch, writes) = commit(&mut queue);
    assert_eq!(writes.len(), 3);
    queue.handle_durable(batch, at(2005));
    let told = actions(&mut queue);
    assert!(
        matches!(&told[..], [Action::Finished { .. }, ready] if is_ready(ready, &NextHop::Local))
    );
    assert_eq!(queue.take(&NextHop::Local, at(2005)).unwrap().id, report_id);

    // A second report for the same recipients is not taken.
    let again = report_for(&mut queue, 2005);
    queue.report_created(id, &[1, 2], Some(again), at(2005)).unwrap();
    assert!(actions(&mut queue).is_empty());
}

#[test]
fn what_is_in_flight_at_the_end_of_its_life_may_still_arrive() {
    let mut queue = Queue::new(QueueConfig::default());
    let id = accepted(&mut queue, Priority::Normal, 0, &[west(), NextHop::Local]);
    queue.take(&west(), at(990)).unwrap();
    queue.take(&NextHop::Local, at(990)).unwrap();
    queue.handle_timeout(at(1000));
    assert!(settle(&mut queue, at(1000)).is_empty());
    queue.complete(id, vec![(1, Outcome::Done)], at(1001));
    settle(&mut queue, at(1001));
    let late = Outcome::Retry { error: "disk full".to_owned() };
    queue.complete(id, vec![(2, late)], at(1001));
    let told = settle(&mut queue, at(1001));
    assert!(matches!(&told[..], [Action::ReportNeeded { failures, .. }]
        if failures[0].1.ended.is_some() && failures[0].1.error == "disk full"));
}

#[test]
fn a_success_heard_late_stops_the_report() {
    let mut queue = Queue::new(QueueConfig::default());
    let id = accepted(&mut queue, Priority::Normal, 0, &[west()]);
    queue.take(&west(), at(999)).unwrap();
    queue.hop_failed(&west(), "cut".to_owned(), at(1001));
    let told = settle(&mut queue, at(1001));
    assert!(told.iter().any(|action| matches!(action, Action::ReportNeeded { .. })));
    queue.complete(id, vec![(1, Outcome::Done)], at(1001));
    let report = report_for(&mut queue, 1001);
    queue.report_created(id, &[1], Some(report), at(1001)).unwrap();
    settle(&mut queue, at(1001));
    assert!(queue.is_empty());
}

#[test]
fn a_failure_heard_late_does_not_count() {
    let mut queue = Queue::new(QueueConfig::default());
    let id = accepted(&mut queue, Priority::Normal, 0, &[west(), west()]);
    queue.take(&west(), at(0)).unwrap();
    queue.hop_failed(&west(), "cut".to_owned(), at(0));
    let fail = Outcome::Fail { reason: 1, diagnostic: None, error: "late".to_owned() };
    let retry = Outcome::Retry { error: "late".to_owned() };
    queue.complete(id, vec![(1, fail), (2, retry)], at(0));
    assert!(actions(&mut queue).is_empty());
    assert_eq!([1, 2].map(|number| state_of(&queue, id, number)), ["queued", "queued"]);
    queue.wake(&west(), at(0));
    assert_eq!(queue.take(&west(), at(0)), Some(Work { id, recipients: vec![1, 2] }));
}

#[test]
fn reports_never_produce_reports() {
    let mut queue = Queue::new(QueueConfig::default());
    let report = report_for(&mut queue, 0);
    let id = report.id;
    queue.accept(report, Ticket(1), at(0));
    settle(&mut queue, at(0));
    queue.take(&NextHop::Local, at(0)).unwrap();
    let fail =
        Outcome::Fail { reason: 1, diagnostic: Some(0), error: "no such mailbox".to_owned() };
    queue.complete(id, vec![(1, fail)], at(0));
    let told = settle(&mut queue, at(0));
    assert!(
        matches!(&told[..], [Action::ReportDiscarded { .. }, Action::Finished { .. }]),
        "{told:?}"
    );
    assert!(queue.is_empty());
}

#[test]
fn recipients_without_a_report_just_end() {
    let mut queue = Queue::new(QueueConfig::default());
    let id = accepted(&mut queue, Priority::Normal, 0, &[NextHop::Local]);
    queue.take(&NextHop::Local, at(0)).unwrap();
    let fail = Outcome::Fail { reason: 1, diagnostic: None, error: "no".to_owned() };
    queue.complete(id, vec![(1, fail)], at(0));
    settle(&mut queue, at(0));
    assert_eq!(state_of(&queue, id, 1), "failed");
    queue.report_created(id, &[1], None, at(0)).unwrap();
    assert!(matches!(settle(&mut queue, at(0))[..], [Action::Finished { .. }]));
}

#[test]
fn a_routing_failure_counts_from_acceptance_on() {
    let mut queue = Queue::new(QueueConfig::default());
    let id = queue.next_id();
    queue.accept(message(id, Priority::Normal, 0, &[west(), west()]), Ticket(1), at(0));
    let failure =
        Failure { reason: 1, diagnostic: Some(0), error: "no route".to_owned(), ended: None };
    queue.fail(id, vec![(2, failure.clone())], at(0));
    let told = settle(&mut queue, at(0));
    assert!(matches!(&told[0], Action::Accepted { .. }));
    assert!(
        matches!(&told[1], Action::ReportNeeded { failures, .. } if failures[..] == [(2, failure)])
    );
    assert_eq!(queue.take(&west(), at(0)), Some(Work { id, recipients: vec![1] }));
}

#[test]
fn a_hold_stops_a_hop_until_its_release() {
    let mut queue = Queue::new(QueueConfig::default());
    queue.hold(&west(), at(0));
    settle(&mut queue, at(0));
    let id = accepted(&mut queue, Priority::Normal, 0, &[west()]);
    assert_eq!(queue.take(&west(), at(0)), None);
    queue.wake(&west(), at(0));
    assert!(settle(&mut queue, at(0)).is_empty());
    assert_eq!(queue.hops(at(0))[0].state, HopState::Held);
    queue.release(&west(), at(0));
    assert!(matches!(&settle(&mut queue, at(0))[..], [ready] if is_ready(ready, &west())));
    assert_eq!(queue.take(&west(), at(0)).unwrap().id, id);
}

#[test]
fn delete_ends_a_message_and_lets_an_attempt_finish() {
    let mut queue = Queue::new(QueueConfig::default());
    let id = accepted(&mut queue, Priority::Normal, 0, &[west(), NextHop::Local]);
    queue.take(&west(), at(0)).unwrap();
    queue.delete(id, at(0)).unwrap();
    settle(&mut queue, at(0));
    assert_eq!(state_of(&queue, id, 1), "in-flight");
    assert_eq!(queue.take(&NextHop::Local, at(0)), None);
    queue.hop_failed(&west(), "cut".to_owned(), at(0));
    assert!(matches!(settle(&mut queue, at(0))[..], [Action::Finished { .. }]));
    assert_eq!(queue.delete(id, at(0)), Err(QueueError::UnknownMessage { id }));
}

#[test]
fn a_new_route_is_durable_and_used_at_once() {
    let mut queue = Queue::new(QueueConfig::default());
    let id = accepted(&mut queue, Priority::Normal, 0, &[west(), west()]);
    queue.hop_failed(&west(), "down".to_owned(), at(0));
    let north = NextHop::Peer("NORTH".to_owned());
    queue.set_next_hop(id, &[2], &north, at(1)).unwrap();
    let all = actions(&mut queue);
    assert!(matches!(&all[..], [Action::Commit { writes, .. }, ready]
        if is_ready(ready, &north)
        && matches!(&writes[..], [Write::PutRecipient { recipient, .. }, Write::Order(_)] if recipient.next_hop == north)));
    assert_eq!(queue.take(&north, at(1)), Some(Work { id, recipients: vec![2] }));
    queue.retry(id, at(1)).unwrap();
    assert_eq!(queue.take(&west(), at(1)), Some(Work { id, recipients: vec![1] }));
}

#[test]
fn a_restart_goes_on_where_the_disk_stands() {
    let mut queue = Queue::new(QueueConfig::default());
    let id = accepted(&mut queue, Priority::Normal, 0, &[west()]);
    let late = accepted(&mut queue, Priority::Urgent, 5, &[west()]);
    let mut empty = queue.record(late).unwrap();
    let expired = queue.record(id).unwrap();
    empty.recipients.clear();
    let live = {
        let mut live = queue.record(late).unwrap();
        live.head.id = MessageId::from_number(9);
        live
    };
    let mut restored = Queue::new(QueueConfig::default());
    restored.restore([expired, empty, live], MessageId::from_number(40), at(1000));
    let told = settle(&mut restored, at(1000));
    assert!(
        matches!(&told[..],
        [Action::ReportNeeded { .. }, ready, Action::Finished { id: gone }]
        if is_ready(ready, &west()) && *gone == late),
        "{told:?}"
    );
    assert_eq!(restored.take(&west(), at(1000)).unwrap().id, MessageId::from_number(9));
    assert_eq!(restored.next_id(), MessageId::from_number(41));
}

#[test]
fn views_count_what_waits() {
    let mut queue = Queue::new(QueueConfig::default());
    accepted(&mut queue, Priority::Normal, 3, &[west(), west()]);
    accepted(&mut queue, Priority::Normal, 2, &[west(), NextHop::Local]);
    let hops = queue.hops(at(4));
    let seen: Vec<_> =
        hops.iter().map(|h| (h.next_hop.to_string(), h.messages, h.bytes, h.oldest)).collect();
    assert_eq!(
        seen,
        [("local".to_owned(), 1, 10, Some(at(2))), ("peer:WEST".to_owned(), 2, 20, Some(at(2)))]
    );
    queue.hop_failed(&west(), "down".to_owned(), at(4));
    let filter = MessageFilter {
        next_hop: Some(NextHop::Local),
        address: Some("USER2@west.test".to_owned()),
        ..MessageFilter::default()
    };
    let found = queue.messages(&filter);
    assert_eq!(found.len(), 1);
    let west = &found[0].recipients[0];
    assert_eq!((west.attempts, west.last_error.as_deref()), (1, Some("down")));
    assert_eq!(
        queue.messages(&MessageFilter { limit: Some(1), ..MessageFilter::default() }).len(),
        1
    );
}
