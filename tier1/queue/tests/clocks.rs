//! Both clocks, deferral, warnings, links and poison, on simulated time.

#![expect(clippy::unwrap_used, reason = "a test may panic, and that is how it fails")]

use jiff::{SignedDuration, Timestamp};
use queue::{
    Action, Clock, Demand, Failure, HopState, Kind, Link, MessageId, NewMessage, NewRecipient,
    NextHop, Outcome, Priority, Profile, Queue, QueueConfig, StepKind, Ticket, Wishes, Work, Write,
};

const DAY: i64 = 24 * 3600;

fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
}

fn west() -> NextHop {
    NextHop::Peer("WEST".to_owned())
}

/// Carries out commits, durable at once; gives everything else, and the steps that were written.
fn settle(queue: &mut Queue, now: Timestamp) -> (Vec<Action>, Vec<StepKind>) {
    let (mut rest, mut all) = (Vec::new(), Vec::new());
    while let Some(action) = queue.poll_action() {
        match action {
            Action::Commit { batch, steps, .. } => {
                all.extend(steps.iter().map(|step| step.step));
                queue.handle_durable(batch, now);
            }
            other => rest.push(other),
        }
    }
    (rest, all)
}

fn accept(queue: &mut Queue, priority: Priority, wishes: Wishes, now: Timestamp) -> MessageId {
    let id = queue.next_id();
    let message = NewMessage {
        id,
        kind: Kind::Message,
        mts_id: format!("EAST.{id}"),
        message_id_header: None,
        originator: "sender@east.test".to_owned(),
        priority,
        submitted: now,
        expires: queue.expires(priority, now),
        wishes,
        size: 10,
        recipients: vec![NewRecipient {
            number: 1,
            address: "user@west.test".to_owned(),
            next_hop: west(),
            report_wanted: true,
        }],
        envelope: Vec::new(),
        content: [].into(),
        seen: Vec::new(),
    };
    queue.accept(message, Ticket(id.number()), now);
    let (told, _) = settle(queue, now);
    let began = told.iter().filter_map(|action| match action {
        Action::DeferralBegan { id, until } => Some((*id, *until)),
        _ => None,
    });
    let deferred = wishes.deferred_until.map(|until| (id, until));
    assert_eq!(began.collect::<Vec<_>>(), Vec::from_iter(deferred));
    id
}

/// A link that stays down: it is tried whenever the queue says so. Gives when each attempt was made, and every report
/// that was asked for with its time; what the attempts did not serve comes back.
fn outage(queue: &mut Queue, until: i64) -> (Vec<i64>, Vec<(i64, Failure)>) {
    let (mut attempts, mut reports) = (Vec::new(), Vec::new());
    let mut now = at(0);
    loop {
        let told = settle(queue, now).0;
        let quiet = told.is_empty();
        for action in told {
            match action {
                Action::Ready { hop } => {
                    attempts.push(now.as_second());
                    queue.hop_failed(&hop, "password refused".to_owned(), now);
                }
                Action::RetriesUsedUp { work, .. } => {
                    for Work { id, recipients } in work {
                        let failure = Queue::retries_used_up(Some("password refused"));
                        let failures = recipients.iter().map(|n| (*n, failure.clone())).collect();
                        queue.fail(id, failures, now);
                    }
                }
                Action::ReportNeeded { id, failures } => {
                    reports.extend(failures.iter().map(|(_, f)| (now.as_second(), f.clone())));
                    let numbers: Vec<u32> = failures.iter().map(|(number, _)| *number).collect();
                    queue.report_created(id, &numbers, None, now).unwrap();
                }
                _ => {}
            }
        }
        if !quiet {
            continue;
        }
        match queue.next_timeout() {
            Some(due) if due.as_second() <= until => {
                now = due;
                queue.handle_timeout(due);
            }
            _ => return (attempts, reports),
        }
    }
}

#[test]
fn inside_a_site_the_life_of_the_message_ends_first() {
    let mut queue = Queue::new(QueueConfig::default());
    queue.hop_failed(&west(), "password refused".to_owned(), at(0));
    for priority in [Priority::Urgent, Priority::Normal, Priority::NonUrgent] {
        accept(&mut queue, priority, Wishes::default(), at(0));
    }
    let (attempts, reports) = outage(&mut queue, 20 * DAY);
    let ends: Vec<i64> = reports.iter().map(|(time, _)| *time).collect();
    assert_eq!(ends, [2 * DAY, 7 * DAY, 10 * DAY]);
    for (_, failure) in &reports {
        assert_eq!(failure.ended, Some(Clock::Life));
        assert!(failure.words().contains("life of the message ended"), "{}", failure.words());
        assert!(failure.words().ends_with("password refused"));
    }
    let longest = attempts.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
    assert!(longest <= 600 && attempts.len() > 1440, "{longest} {}", attempts.len());
}

#[test]
fn over_a_connector_the_open_retries_end_first_whatever_the_priority() {
    for (profile, last) in [(Profile::Classic, 144 * 600), (Profile::Growth, 144 * 600 + 600)] {
        let config = QueueConfig { profile, link: Link::connector(), ..QueueConfig::default() };
        let mut queue = Queue::new(config);
        for priority in [Priority::Urgent, Priority::Normal, Priority::NonUrgent] {
            accept(&mut queue, priority, Wishes::default(), at(0));
        }
        queue.hop_failed(&west(), "password refused".to_owned(), at(0));
        let (attempts, reports) = outage(&mut queue, 20 * DAY);
        assert_eq!(reports.len(), 3);
        for (time, failure) in &reports {
            assert!((144 * 600..=last).contains(time), "{profile:?} {time}");
            assert_eq!((failure.ended, failure.reason), (Some(Clock::OpenRetries), 0));
            assert!(failure.words().contains("used up before"), "{}", failure.words());
        }
        if profile == Profile::Classic {
            assert!(attempts.windows(2).all(|pair| pair[1] - pair[0] == 600), "{attempts:?}");
            assert_eq!(attempts.len(), 144, "the retries after the first attempt");
        }
    }
}

#[test]
fn open_retries_count_from_the_last_success() {
    let config = QueueConfig { link: Link::connector(), ..QueueConfig::default() };
    let mut queue = Queue::new(config);
    accept(&mut queue, Priority::Normal, Wishes::default(), at(0));
    queue.hop_failed(&west(), "down".to_owned(), at(0));
    queue.hop_up(&west(), at(80_000));
    queue.hop_failed(&west(), "down".to_owned(), at(86_500));
    let told = settle(&mut queue, at(86_500)).0;
    assert!(!told.iter().any(|action| matches!(action, Action::RetriesUsedUp { .. })));
}

#[test]
fn what_used_up_its_attempts_may_go_another_way() {
    let link = Link { open_retries: Some(0), ..Link::default() };
    let config = QueueConfig { profile: Profile::Classic, link, ..QueueConfig::default() };
    let mut queue = Queue::new(config);
    let id = accept(&mut queue, Priority::Normal, Wishes::default(), at(0));
    queue.hop_failed(&west(), "down".to_owned(), at(1));
    let told = settle(&mut queue, at(1)).0;
    let Some(Action::RetriesUsedUp { hop, work }) = told.last() else { panic!("{told:?}") };
    assert_eq!((hop, &work[..]), (&west(), &[Work { id, recipients: vec![1] }][..]));
    let north = NextHop::Peer("NORTH".to_owned());
    queue.set_next_hop(id, &[1], &north, at(1)).unwrap();
    assert_eq!(settle(&mut queue, at(1)).1, [StepKind::Rerouted]);
    assert_eq!(queue.take(&north, at(1)), Some(Work { id, recipients: vec![1] }));
}

#[test]
fn the_latest_delivery_time_ends_a_message_before_its_life() {
    let mut queue = Queue::new(QueueConfig::default());
    let wishes = Wishes { latest_delivery: Some(at(3600)), ..Wishes::default() };
    accept(&mut queue, Priority::Normal, wishes, at(0));
    queue.hop_failed(&west(), "down".to_owned(), at(0));
    let (_, reports) = outage(&mut queue, 20 * DAY);
    assert_eq!(reports.len(), 1);
    assert_eq!((reports[0].0, reports[0].1.ended), (3600, Some(Clock::LatestDelivery)));
}

#[test]
fn a_deferred_message_waits_and_one_deferred_beyond_its_life_comes_back_on_that_day() {
    let mut queue = Queue::new(QueueConfig::default());
    let until = |time| Wishes { deferred_until: Some(at(time)), ..Wishes::default() };
    let id = accept(&mut queue, Priority::Normal, until(1000), at(0));
    assert_eq!(queue.take(&west(), at(999)), None);
    // Nothing failed: it is no retry, and the hop has no next attempt for it.
    let view = queue.message(id).unwrap();
    assert_eq!(
        (view.recipients[0].state, view.recipients[0].next_attempt),
        ("deferred", Some(at(1000)))
    );
    let hop = &queue.hops(at(1))[0];
    assert_eq!((hop.state, hop.next_attempt, hop.messages), (HopState::Ready, None, 1));
    // A wake ends delays, not what the originator asked for.
    queue.wake(&west(), at(10));
    assert_eq!(queue.take(&west(), at(999)), None);
    let ended = |action: &Action| matches!(action, Action::DeferralEnded { id: of } if *of == id);
    assert!(!settle(&mut queue, at(999)).0.iter().any(ended));
    queue.handle_timeout(at(1000));
    assert_eq!(settle(&mut queue, at(1000)).0.iter().filter(|action| ended(action)).count(), 1);
    assert_eq!(queue.take(&west(), at(1000)).unwrap().id, id);
    queue.complete(id, vec![(1, Outcome::Done)], at(1000));
    assert_eq!(settle(&mut queue, at(1000)).1, [StepKind::Transferred]);

    accept(&mut queue, Priority::Urgent, until(3 * DAY), at(0));
    queue.hop_failed(&west(), "down".to_owned(), at(2000));
    let (_, reports) = outage(&mut queue, 20 * DAY);
    assert_eq!(reports.iter().map(|(time, _)| *time).collect::<Vec<_>>(), [3 * DAY]);
}

#[test]
fn a_delay_is_warned_of_once_also_over_a_restart() {
    let config = QueueConfig { warn_after_s: Some(4 * 3600), ..QueueConfig::default() };
    let mut queue = Queue::new(config.clone());
    let id = accept(&mut queue, Priority::Normal, Wishes::default(), at(0));
    queue.hop_failed(&west(), "down".to_owned(), at(0));
    settle(&mut queue, at(0));
    queue.handle_timeout(at(4 * 3600 - 1));
    assert!(!settle(&mut queue, at(0)).0.iter().any(|a| matches!(a, Action::Delayed { .. })));
    queue.handle_timeout(at(4 * 3600));
    let (told, steps) = settle(&mut queue, at(4 * 3600));
    let delays = told.iter().filter(|action| {
        matches!(action, Action::Delayed { id: late, recipients } if *late == id && recipients[..] == [1])
    });
    assert_eq!((delays.count(), &steps[..]), (1, &[StepKind::Warned][..]));
    queue.handle_timeout(at(5 * 3600));
    assert!(!settle(&mut queue, at(0)).0.iter().any(|a| matches!(a, Action::Delayed { .. })));
    let record = queue.record(id).unwrap();
    let mut again = Queue::new(config);
    again.restore([record], id, at(6 * 3600));
    again.handle_timeout(at(6 * 3600));
    let told = settle(&mut again, at(6 * 3600)).0;
    assert!(!told.iter().any(|action| matches!(action, Action::Delayed { .. })), "{told:?}");
}

#[test]
fn a_backlog_is_worth_associations_up_to_the_limit() {
    let mut queue = Queue::new(QueueConfig::default());
    assert_eq!(queue.demand(&west()), Demand::default());
    let mut urgent = accept(&mut queue, Priority::Urgent, Wishes::default(), at(0));
    assert_eq!(queue.demand(&west()), Demand { general: 0, urgent: true, limited: false });
    for (upto, general, limited) in
        [(1, 1, false), (50, 1, false), (51, 2, false), (450, 9, false), (451, 9, true)]
    {
        while queue.len() < upto + 1 {
            accept(&mut queue, Priority::Normal, Wishes::default(), at(0));
        }
        assert_eq!(queue.demand(&west()), Demand { general, urgent: true, limited });
    }
    assert_eq!(queue.take_urgent(&west(), at(0)).unwrap().id, urgent);
    assert_eq!(queue.take_urgent(&west(), at(0)), None);
    assert!(!queue.demand(&west()).urgent);
    // A hop that waits is worth nothing.
    queue.hop_failed(&west(), "down".to_owned(), at(0));
    assert_eq!(queue.demand(&west()), Demand::default());
    queue.hop_up(&west(), at(0));
    urgent = queue.take(&west(), at(0)).unwrap().id;
    // One of several associations breaks: only its own message goes back.
    let other = queue.take(&west(), at(0)).unwrap();
    queue.work_lost(&other, "cut", at(0));
    assert_eq!(queue.take(&west(), at(0)).unwrap().id, other.id);
    assert_ne!(urgent, other.id);
}

#[test]
fn the_second_crash_sets_a_message_aside_and_the_rest_goes_on() {
    let mut queue = Queue::new(QueueConfig::default());
    let bad = accept(&mut queue, Priority::Normal, Wishes::default(), at(0));
    let good = accept(&mut queue, Priority::Normal, Wishes::default(), at(1));
    assert_eq!(queue.take(&west(), at(1)).unwrap().id, bad);
    queue.crashed(bad, "panicked while it was encoded", at(1)).unwrap();
    settle(&mut queue, at(1));
    // Once may be chance.
    let record = queue.record(bad).unwrap();
    assert_eq!((record.head.trouble.crashes, &record.head.trouble.aside), (1, &None));
    let mut queue = {
        let mut again = Queue::new(QueueConfig::default());
        again.restore([record, queue.record(good).unwrap()], good, at(2));
        again
    };
    queue.crashed(bad, "panicked again", at(2)).unwrap();
    let (told, steps) = settle(&mut queue, at(2));
    assert!(told.iter().any(|action| matches!(action,
        Action::SetAside { id, evidence } if *id == bad && evidence == "panicked again")));
    assert_eq!(steps, [StepKind::SetAside]);
    assert_eq!(queue.take(&west(), at(2)).unwrap().id, good);
    assert_eq!(queue.take(&west(), at(2)), None);
    // It stays aside over a restart, comes back to its sender when its time is up, or goes on when an operator says so.
    let record = queue.record(bad).unwrap();
    let mut again = Queue::new(QueueConfig::default());
    again.restore([record.clone()], good, at(3));
    assert_eq!(again.take(&west(), at(3)), None);
    again.handle_timeout(at(7 * DAY));
    let told = settle(&mut again, at(7 * DAY)).0;
    assert!(told.iter().any(|action| matches!(action, Action::ReportNeeded { .. })), "{told:?}");
    let mut again = Queue::new(QueueConfig::default());
    again.restore([record], good, at(3));
    assert_eq!(again.release_message(bad, at(3)), Ok(true));
    assert_eq!(settle(&mut again, at(3)).1, [StepKind::Released]);
    assert_eq!(again.take(&west(), at(3)).unwrap().id, bad);
}

#[test]
fn a_hold_is_written_and_outlasts_a_restart() {
    let mut queue = Queue::new(QueueConfig::default());
    queue.hold(&west(), at(0));
    let held = std::iter::from_fn(|| queue.poll_action()).any(|action| {
        matches!(action, Action::Commit { writes, .. }
            if matches!(&writes[..], [Write::PutHold { hop, held: true }] if *hop == west()))
    });
    assert!(held);
    let mut again = Queue::new(QueueConfig::default());
    again.restore_holds([west()]);
    accept(&mut again, Priority::Normal, Wishes::default(), at(0));
    assert_eq!(again.take(&west(), at(0)), None);
    again.release(&west(), at(0));
    assert!(again.take(&west(), at(0)).is_some());
}

#[test]
fn a_clock_that_is_set_changes_no_delay_and_no_life() {
    for by in [-10 * DAY, 400 * DAY] {
        let mut queue = Queue::new(QueueConfig::default());
        accept(&mut queue, Priority::Urgent, Wishes::default(), at(0));
        queue.hop_failed(&west(), "down".to_owned(), at(0));
        settle(&mut queue, at(0));
        let due = queue.next_timeout().unwrap();
        let shift = SignedDuration::from_secs(by);
        queue.clock_was_set(shift);
        assert_eq!(queue.next_timeout().unwrap(), due + shift);
        queue.handle_timeout(due + shift);
        let told = settle(&mut queue, due + shift).0;
        assert!(matches!(&told[..], [Action::Ready { .. }]), "{told:?}");
        queue.handle_timeout(at(2 * DAY - 1) + shift);
        assert!(settle(&mut queue, due + shift).0.is_empty());
        queue.handle_timeout(at(2 * DAY) + shift);
        let told = settle(&mut queue, due + shift).0;
        assert!(matches!(&told[..], [Action::ReportNeeded { .. }]), "{told:?}");
    }
}

#[test]
fn a_closed_schedule_announces_nothing_and_opens_at_once() {
    let mut queue = Queue::new(QueueConfig::default());
    let domain =
        |name: &str| NextHop::Domain { connector: "Internet".to_owned(), domain: name.to_owned() };
    let ready = |queue: &mut Queue| -> Vec<NextHop> {
        let actions = std::iter::from_fn(|| queue.poll_action());
        let ready = actions.filter_map(|action| match action {
            Action::Ready { hop } => Some(hop),
            _ => None,
        });
        ready.collect()
    };
    let accept = |queue: &mut Queue, hop: &NextHop| {
        let (id, now) = (queue.next_id(), at(0));
        let message = NewMessage {
            id,
            kind: Kind::Message,
            mts_id: String::new(),
            message_id_header: None,
            originator: String::new(),
            priority: Priority::Normal,
            submitted: now,
            expires: queue.expires(Priority::Normal, now),
            wishes: Wishes::default(),
            size: 10,
            recipients: vec![NewRecipient {
                number: 1,
                address: String::new(),
                next_hop: hop.clone(),
                report_wanted: true,
            }],
            envelope: Vec::new(),
            content: [].into(),
            seen: Vec::new(),
        };
        queue.accept(message, Ticket(id.number()), now);
        let Some(Action::Commit { batch, .. }) = queue.poll_action() else { panic!("no commit") };
        queue.handle_durable(batch, now);
        ready(queue)
    };
    queue.set_schedule("internet", Some(Some(at(600))));
    // Also a hop that is named for the first time belongs to the link.
    assert_eq!(accept(&mut queue, &domain("a.example")), []);
    assert_eq!(accept(&mut queue, &west()), [west()]);
    let view = queue.hops(at(1)).into_iter().find(|view| view.next_hop == domain("a.example"));
    let view = view.unwrap();
    assert_eq!((view.state, view.next_attempt), (HopState::Scheduled, Some(at(600))));
    // An operator's wish does not open it; what stands already may go on.
    queue.wake(&domain("a.example"), at(2));
    assert_eq!(ready(&mut queue), []);
    assert_eq!(queue.demand(&domain("a.example")), Demand::default());
    queue.set_schedule("Internet", None);
    assert_eq!(ready(&mut queue), [domain("a.example")]);
    assert_eq!(queue.closed(&domain("a.example")), None);
    assert!(queue.take(&domain("a.example"), at(3)).is_some());
    // Closed for good: no time is known.
    queue.set_schedule("internet", Some(None));
    assert_eq!(accept(&mut queue, &domain("b.example")), []);
    assert_eq!(queue.closed(&domain("b.example")), Some(None));
}
