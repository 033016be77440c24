//! The running queue over a real store: what it promises, and that its timers sleep.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::task::{Context, Poll};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use queue::{
    Kind, MessageFilter, MessageId, NewMessage, NewRecipient, NextHop, Outcome, Priority,
    QueueConfig,
};
use store::Store;
use tempfile::TempDir;

use super::fixture::PATIENCE;
use crate::mail_queue::{AcceptError, MailQueue};
use crate::runtime::Orders;

fn open(folder: &TempDir) -> (MailQueue, Orders) {
    let store = Store::open(folder.path()).unwrap();
    MailQueue::open(store, QueueConfig::default()).unwrap()
}

pub(super) fn west() -> NextHop {
    NextHop::Peer("WEST".to_owned())
}

/// A message for one recipient at WEST, which lives for `life` and has these dedupe keys.
pub(super) fn message(queue: &MailQueue, life: SignedDuration, keys: &[&str]) -> NewMessage {
    let (id, now) = (queue.next_id(), Timestamp::now());
    NewMessage {
        id,
        kind: Kind::Message,
        mts_id: format!("EAST.{id}"),
        message_id_header: None,
        originator: "anna@east.demo.test".to_owned(),
        priority: Priority::Normal,
        submitted: now,
        expires: now + life,
        wishes: queue::Wishes::default(),
        size: 7,
        recipients: vec![NewRecipient {
            number: 0,
            address: "bert@west.demo.test".to_owned(),
            next_hop: west(),
            report_wanted: true,
        }],
        envelope: b"envelope".to_vec(),
        content: b"content".as_slice().into(),
        seen: keys.iter().map(|key| (*key).to_owned()).collect(),
    }
}

pub(super) const HOUR: SignedDuration = SignedDuration::from_hours(1);

#[tokio::test]
async fn what_is_accepted_is_in_the_store_and_comes_back() {
    let folder = TempDir::new().unwrap();
    let (queue, orders) = open(&folder);
    let id = queue.accept(message(&queue, HOUR, &[])).await.unwrap();
    // Not a moment later: the sender has heard of it.
    let stored = queue.store().load_messages().unwrap();
    assert_eq!((stored[0].head.id, stored[0].recipients.len()), (id, 1));
    assert_eq!(queue.store().content(id).unwrap().unwrap(), b"content");
    drop((queue, orders));

    let (queue, orders) = open(&folder);
    let work = queue.take(&west()).unwrap();
    assert_eq!((work.id, work.recipients), (id, vec![0]));
    queue.complete(id, vec![(0, Outcome::Done)]);
    queue.store().sync().unwrap();
    drop((queue, orders));
    let (queue, _orders) = open(&folder);
    assert!(queue.view(|queue, _| queue.is_empty()));
    assert!(queue.next_id() > id, "the number is not free again");
}

#[tokio::test]
async fn a_store_made_again_never_repeats_a_number() {
    let (first, second) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let before: Vec<_> = {
        let (queue, _orders) = open(&first);
        (0..100).map(|_| queue.next_id()).collect()
    };
    // The clock moves between two starts; numbers count from its milliseconds.
    std::thread::sleep(std::time::Duration::from_millis(2));
    let (queue, _orders) = open(&second);
    assert!(before.iter().all(|number| *number < queue.next_id()));
}

#[tokio::test]
async fn what_cannot_be_stored_is_refused_and_not_kept() {
    let folder = TempDir::new().unwrap();
    let (queue, _orders) = open(&folder);
    queue.store().clone().close();
    let refused = queue.accept(message(&queue, HOUR, &["key"])).await;
    assert!(
        matches!(&refused, Err(AcceptError::Refused { error: why, .. }) if why.contains("closed"))
    );
    assert!(queue.view(|queue, _| queue.is_empty()));
    assert_eq!(queue.taken(&["key".to_owned()]).unwrap(), [false]);
}

#[tokio::test]
async fn what_was_taken_before_is_a_repetition() {
    let folder = TempDir::new().unwrap();
    let (queue, orders) = open(&folder);
    // Also while the first is on its way to the disk.
    let (one, other) = (message(&queue, HOUR, &["a", "b"]), message(&queue, HOUR, &["a", "b"]));
    let id = one.id;
    let (first, second) = tokio::join!(queue.accept(one), queue.accept(other));
    assert_eq!(first.unwrap(), id);
    assert!(matches!(second, Err(AcceptError::Repeated)), "{second:?}");
    let again = queue.accept(message(&queue, HOUR, &["b"])).await;
    assert!(matches!(again, Err(AcceptError::Repeated)), "{again:?}");
    let keys = ["a", "b", "c"].map(str::to_owned);
    assert_eq!(queue.taken(&keys).unwrap(), [true, true, false]);
    // A part of it is new.
    queue.accept(message(&queue, HOUR, &["b", "c"])).await.unwrap();
    assert_eq!(queue.view(|queue, _| queue.len()), 2);

    // Also when the message is long gone, and after a restart.
    queue.delete(id).unwrap();
    queue.store().sync().unwrap();
    drop((queue, orders));
    let (queue, _orders) = open(&folder);
    let again = queue.accept(message(&queue, HOUR, &["a", "b"])).await;
    assert!(matches!(again, Err(AcceptError::Repeated)), "{again:?}");
    assert_eq!(queue.view(|queue, _| queue.len()), 1);
}

/// A future that counts how often it is woken.
struct Counted<F> {
    inner: Pin<Box<F>>,
    wakeups: Arc<AtomicUsize>,
}

impl<F: Future> Future for Counted<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.wakeups.fetch_add(1, Ordering::SeqCst);
        self.inner.as_mut().poll(context)
    }
}

/// Runs a queue's timers beside the test; how often they were woken.
fn run_timers(queue: &MailQueue) -> Arc<AtomicUsize> {
    let (queue, wakeups) = (queue.clone(), Arc::new(AtomicUsize::new(0)));
    let inner = Box::pin(async move { queue.run_timers().await });
    tokio::spawn(Counted { inner, wakeups: Arc::clone(&wakeups) });
    wakeups
}

/// Ends the process when the test takes for ever: timers that spin never let go of its only thread, so that nothing
/// on it could tell.
struct Watchdog {
    _alive: mpsc::Sender<()>,
}

impl Watchdog {
    fn new() -> Self {
        let (alive, gone) = mpsc::channel();
        std::thread::spawn(move || {
            if gone.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
                eprintln!("the timers spin");
                std::process::abort();
            }
        });
        Self { _alive: alive }
    }
}

/// Gives other tasks many turns: one that spins takes most of them. The test has one thread, so they all come.
async fn settle() {
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn timers_sleep_until_something_changes() {
    let folder = TempDir::new().unwrap();
    let (queue, _orders) = open(&folder);
    let (_watchdog, wakeups) = (Watchdog::new(), run_timers(&queue));
    settle().await;
    assert_eq!(wakeups.load(Ordering::SeqCst), 1, "an empty queue has nothing to wait for");

    let id = queue.accept(message(&queue, HOUR, &[])).await.unwrap();
    assert_eq!(queue.take(&west()).unwrap().id, id);
    queue.hop_failed(&west(), "connection refused");
    // The removal of nothing is behind everything that is on its way to the disk, and its answer.
    queue.store().commit_wait(Vec::new()).unwrap();
    settle().await;
    assert!(queue.view(|queue, _| queue.next_timeout()).is_some(), "it waits for the next attempt");
    let before = wakeups.load(Ordering::SeqCst);
    settle().await;
    assert_eq!(wakeups.load(Ordering::SeqCst), before, "nothing changed");

    queue.wake(&west());
    settle().await;
    assert_eq!(wakeups.load(Ordering::SeqCst), before, "nothing is due earlier than before");
    let soon = SignedDuration::from_secs(5);
    queue.accept(message(&queue, soon, &[])).await.unwrap();
    settle().await;
    assert_eq!(wakeups.load(Ordering::SeqCst), before + 1, "one earlier time is one wakeup");
}

#[tokio::test]
async fn timers_wake_when_it_is_time_and_not_much_more_often() {
    let folder = TempDir::new().unwrap();
    let (queue, mut orders) = open(&folder);
    let (_watchdog, wakeups) = (Watchdog::new(), run_timers(&queue));
    let life = SignedDuration::from_millis(30);
    let id = queue.accept(message(&queue, life, &[])).await.unwrap();
    queue.hop_failed(&west(), "connection refused");
    let started = Timestamp::now();
    let order = tokio::time::timeout(PATIENCE, orders.recv()).await.unwrap().unwrap();
    assert_eq!(order.id, id);
    assert!(order.failures[0].1.ended.is_some());
    let took = Timestamp::now().duration_since(started);
    assert!(took < SignedDuration::try_from(Duration::from_secs(9)).unwrap(), "{took}");
    // Accepted, on disk, the hop's failure, the end of the message's life, and that on disk; each rings once or twice.
    let wakeups = wakeups.load(Ordering::SeqCst);
    assert!(wakeups <= 12, "{wakeups} wakeups");
}

/// Few of what waits for a dead neighbour is in memory, also after a restart; all of it is found, listed and served in
/// its order, and mail for others is not held up by it.
///
/// Claims: 3.
#[tokio::test]
async fn a_long_queue_stands_in_the_store_and_a_window_of_it_in_memory() {
    const WAITING: usize = 300;
    const WINDOW: usize = 20;
    let folder = TempDir::new().unwrap();
    let open = || {
        let store = Store::open(folder.path()).unwrap();
        MailQueue::open(store, QueueConfig { window: WINDOW, ..QueueConfig::default() }).unwrap()
    };
    let in_memory = |queue: &MailQueue, ids: &[MessageId]| {
        queue.view(|queue, _| ids.iter().filter(|id| queue.is_loaded(**id)).count())
    };
    let (queue, orders) = open();
    queue.hop_failed(&west(), "connection refused");
    let mut ids = Vec::new();
    for number in 0..WAITING {
        let mut message = message(&queue, HOUR, &[]);
        // Every tenth is urgent.
        if number % 10 == 9 {
            message.priority = Priority::Urgent;
        }
        ids.push(queue.accept(message).await.unwrap());
    }
    let live = NextHop::Peer("NORTH".to_owned());
    let mut last = message(&queue, HOUR, &[]);
    last.recipients[0].next_hop = live.clone();
    let last = queue.accept(last).await.unwrap();
    assert!(in_memory(&queue, &ids) <= 3 * WINDOW, "{}", in_memory(&queue, &ids));
    // What is parked is found by its number all the same.
    let parked = *ids.iter().rev().find(|id| queue.view(|q, _| !q.is_loaded(**id))).unwrap();
    assert_eq!(queue.record(parked).unwrap().recipients[0].next_hop, west());
    queue.delete(parked).unwrap();
    ids.retain(|id| *id != parked);
    queue.store().sync().unwrap();
    drop((queue, orders));

    let (queue, _orders) = open();
    assert!(in_memory(&queue, &ids) <= 3 * WINDOW, "{}", in_memory(&queue, &ids));
    assert_eq!(queue.view(|queue, _| queue.len()), WAITING);
    assert_eq!(queue.take(&live).map(|work| work.id), Some(last));
    let hops = queue.view(|queue, now| queue.hops(now));
    let counts: Vec<(NextHop, u64)> =
        hops.into_iter().map(|hop| (hop.next_hop, hop.messages)).collect();
    assert_eq!(counts, [(live, 1), (west(), u64::try_from(WAITING - 1).unwrap())]);
    // Page by page.
    let mut filter = MessageFilter { limit: Some(70), ..MessageFilter::default() };
    let mut listed = Vec::new();
    loop {
        let page = queue.messages(&filter).unwrap();
        let Some(end) = page.last() else { break };
        filter.after = Some(end.id);
        listed.extend(page.iter().map(|view| view.id));
    }
    let mut all = ids.clone();
    all.push(last);
    all.sort_unstable();
    assert_eq!(listed, all);
    let first = MessageFilter { next_hop: Some(west()), limit: Some(29), ..filter.clone() };
    let first = queue.messages(&MessageFilter { after: None, ..first }).unwrap();
    assert!(first.iter().all(|view| view.priority == Priority::Urgent), "{first:?}");
    // Each once; within its class each in its turn.
    let mut served = Vec::new();
    while let Some(work) = queue.take(&west()) {
        served.push(work.id);
        queue.complete(work.id, vec![(0, Outcome::Done)]);
        queue.store().commit_wait(Vec::new()).unwrap();
    }
    let is_urgent = |id: &MessageId| first.iter().any(|view| view.id == *id);
    let (urgent, normal): (Vec<_>, Vec<_>) = served.iter().copied().partition(is_urgent);
    assert!(urgent.is_sorted() && normal.is_sorted(), "{served:?}");
    served.sort_unstable();
    assert_eq!(served, ids);
}

/// Many hops with few messages each fill the memory no more than one hop with many does.
#[tokio::test]
async fn the_windows_of_all_hops_together_are_bounded() {
    const HOPS: usize = 60;
    const EACH: usize = 5;
    const IN_MEMORY: usize = 40;
    let folder = TempDir::new().unwrap();
    let open = || {
        let store = Store::open(folder.path()).unwrap();
        let config = QueueConfig { in_memory: IN_MEMORY, ..QueueConfig::default() };
        MailQueue::open(store, config).unwrap()
    };
    let hop = |number: usize| NextHop::Peer(format!("P{number}"));
    let (queue, orders) = open();
    let mut ids = Vec::new();
    for number in 0..HOPS * EACH {
        let mut message = message(&queue, HOUR, &[]);
        message.recipients[0].next_hop = hop(number % HOPS);
        ids.push(queue.accept(message).await.unwrap());
    }
    queue.store().sync().unwrap();
    let in_memory =
        |queue: &MailQueue| queue.view(|q, _| ids.iter().filter(|id| q.is_loaded(**id)).count());
    // One of each hop is kept at hand, so that it can be served at all.
    assert!(in_memory(&queue) <= IN_MEMORY + HOPS, "{}", in_memory(&queue));
    drop((queue, orders));

    let (queue, _orders) = open();
    assert!(in_memory(&queue) <= IN_MEMORY + HOPS, "{}", in_memory(&queue));
    let mut served = Vec::new();
    for number in 0..HOPS {
        let of_hop = served.len();
        while let Some(work) = queue.take(&hop(number)) {
            served.push(work.id);
            queue.complete(work.id, vec![(0, Outcome::Done)]);
            queue.store().commit_wait(Vec::new()).unwrap();
        }
        assert!(served[of_hop..].is_sorted(), "{served:?}");
    }
    served.sort_unstable();
    assert_eq!(served, ids);
}
