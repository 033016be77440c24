//! What is shared of each connector: where it stands, and the way to its task.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use config::DialUp;
use dialup::{Failure, Time};
use jiff::Timestamp;
use tokio::sync::{Semaphore, mpsc, watch};

/// What the task of a peer asks of the connector's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Mail waits.
    Wanted,
    /// Something may have been put right.
    Hurry,
    /// The call is given back.
    Released,
}

/// How far a call is, for whoever uses it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Phase {
    #[default]
    Down,
    Up,
    /// It is to end in order.
    Leaving,
    /// It has ended.
    Cut,
}

/// Where a connector stands.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// The word of [`dialup::State`].
    pub state: &'static str,
    /// When the next try is.
    pub next_try: Option<Timestamp>,
    pub(super) phase: Phase,
    /// Rows of tries and calls that are over.
    pub(super) ended: u64,
    /// How the last of them failed, if it did.
    pub(super) given_up: Option<Failure>,
    /// The last failure since a call stood, and when it was.
    pub failure: Option<(Timestamp, Failure)>,
    /// The interface through which the default route led during the last call, if the call brought that.
    pub default_route: Option<String>,
    /// When the last call stood first.
    pub last_call: Option<Timestamp>,
}

/// One connector.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) view: watch::Sender<View>,
    pub(super) orders: mpsc::UnboundedSender<Order>,
    inbox: Mutex<Option<mpsc::UnboundedReceiver<Order>>>,
    began: Instant,
    /// When something crossed last, in milliseconds since `began`.
    touched: AtomicU64,
}

impl Shared {
    fn new(began: Instant) -> Self {
        let (orders, inbox) = mpsc::unbounded_channel();
        let view = watch::channel(View { state: "idle", ..View::default() }).0;
        let inbox = Mutex::new(Some(inbox));
        Self { view, orders, inbox, began, touched: AtomicU64::new(0) }
    }

    /// The orders, for the one task that follows them.
    pub(super) fn take_inbox(&self) -> Option<mpsc::UnboundedReceiver<Order>> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) fn now(&self) -> Time {
        self.began.elapsed()
    }

    /// The moment in the clock of the runtime.
    pub(super) fn at(&self, time: Time) -> tokio::time::Instant {
        (self.began + time).into()
    }

    /// Something crosses.
    pub(super) fn touch(&self) {
        let now = u64::try_from(self.now().as_millis()).unwrap_or(u64::MAX);
        self.touched.fetch_max(now, Ordering::Relaxed);
    }

    /// When something crossed last.
    pub(super) fn touched(&self) -> Time {
        Duration::from_millis(self.touched.load(Ordering::Relaxed))
    }
}

/// All connectors of a server, and their devices.
#[derive(Debug)]
pub struct DialUps {
    began: Instant,
    lines: Mutex<HashMap<String, Arc<Shared>>>,
    devices: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Default for DialUps {
    fn default() -> Self {
        Self { began: Instant::now(), lines: Mutex::default(), devices: Mutex::default() }
    }
}

impl DialUps {
    pub(super) fn line(&self, peer: &str) -> Arc<Shared> {
        let mut lines = locked(&self.lines);
        let line = lines.entry(identity::upcase(peer));
        Arc::clone(line.or_insert_with(|| Arc::new(Shared::new(self.began))))
    }

    /// Where the connector to a peer stands.
    #[must_use]
    pub fn view(&self, peer: &str) -> View {
        self.line(peer).view.borrow().clone()
    }

    /// Where the line of a connector stands, in words for a list.
    #[must_use]
    pub fn words(&self, connector: &DialUp, now: Timestamp) -> String {
        let view = self.view(&connector.peer);
        if view.state == "idle" {
            return match crate::schedules::closed(&connector.schedule, now) {
                Some(_) if connector.waits_for_calls() => {
                    "waiting for a call of the peer".to_owned()
                }
                Some(Some(until)) => format!("waiting for its hours until {until}"),
                Some(None) => "never dials".to_owned(),
                None => "idle".to_owned(),
            };
        }
        match view.next_try {
            Some(next) => {
                let seconds = next.duration_since(now).as_secs().max(0);
                format!("{} in {seconds} s", view.state)
            }
            None => view.state.to_owned(),
        }
    }

    /// Something crosses the link to a peer.
    pub fn touch(&self, peer: &str) {
        self.line(peer).touch();
    }

    /// One call at a time for each device.
    pub(crate) fn device(&self, name: &str) -> Arc<Semaphore> {
        let mut devices = locked(&self.devices);
        let device = devices.entry(name.to_owned());
        Arc::clone(device.or_insert_with(|| Arc::new(Semaphore::new(1))))
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
