//! One connector and its line.
//!
//! | state | what happens | what ends it |
//! |---|---|---|
//! | idle | nothing | mail waits |
//! | reserving | the device is asked for | it is given, or busy |
//! | dialling | the dial command runs | the link is there, it failed, the time is up |
//! | checking | the peer is looked for over the link | it answers, the time is up, the link is lost |
//! | up | mail crosses | nothing crossed for a while, the call lasts too long, the link is lost, it is not needed |
//! | hanging up | the link is taken down | it is down, or cannot be taken down |
//! | redialling | the time between two tries runs | its end, somebody who put something right |
//!
//! Invariants: a command that was started is told to end or has ended before the next one starts; a link that may stand is
//! hung up before anything else happens; a call is made only when mail waits.

use std::collections::VecDeque;
use std::time::Duration;

use crate::failure::{Failure, Kind};

/// A moment: the time since whatever the caller counts from; never goes back.
pub type Time = Duration;

/// Taking a link down is no matter of minutes.
const HANG_UP_LIMIT: Duration = Duration::from_secs(30);

/// The rules of a connector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// From the start of the dial command to the peer's answer.
    pub dial_timeout: Duration,
    /// Calls that are tried in a row; 1 at least.
    pub tries: u32,
    /// Between two of them.
    pub redial: Duration,
    /// How long nothing may cross before the line is hung up.
    pub idle: Duration,
    /// How long a call may last.
    pub longest_call: Duration,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Ask for the device; answered by [`Line::handle_device`].
    Reserve,
    /// Run the dial command; answered by [`Line::handle_link`].
    Dial,
    /// End the dial command, which has taken too long or is not wanted any more.
    StopDialling,
    /// Look for the peer over the link until told otherwise; answered by [`Line::handle_answer`].
    LookForPeer,
    /// The link stands and the peer answers: bind.
    Up,
    /// Take leave of the peer, and give the line back: nothing crosses any more, or no more is to begin.
    Leave,
    /// Whatever stands on the link is to end now.
    Cut(Failure),
    /// Take the link down; answered by [`Line::handle_hung_up`].
    HangUp,
    /// Give the device back.
    Free,
    /// Tell of a try that failed: which one it was, and when the next one is, if there is one.
    Tell {
        /// Why.
        failure: Failure,
        /// Its number, from 1.
        number: u32,
        /// How long until the next.
        next: Option<Duration>,
    },
    /// Nothing more is tried for now: what waits is to wait for the connector's interval.
    GiveUp(Failure),
    /// The call is over and the line is down.
    Over,
}

/// Where a connector stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// No call, and none wanted.
    Idle,
    /// The device is asked for.
    Reserving {
        /// The try.
        number: u32,
    },
    /// The dial command runs.
    Dialling {
        /// The try.
        number: u32,
        /// When the attempt is given up.
        until: Time,
    },
    /// The link stands; does the peer?
    Checking {
        /// The try.
        number: u32,
        /// When the attempt is given up.
        until: Time,
    },
    /// Mail crosses.
    Up {
        /// When the call is cut.
        cut_at: Time,
        /// Since when nothing crosses.
        quiet_since: Time,
        /// Leave is being taken.
        leaving: bool,
    },
    /// The link is taken down.
    HangingUp {
        /// When that is given up.
        until: Time,
        /// Why the try failed, if it did, and its number.
        after: Option<(Failure, u32)>,
    },
    /// The next try waits for its time.
    Redialling {
        /// The next try.
        number: u32,
        /// When it is.
        until: Time,
    },
}

impl State {
    /// One word for it, as lists and metrics show it.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Reserving { .. } => "waiting-for-device",
            Self::Dialling { .. } | Self::Checking { .. } => "dialling",
            Self::Up { .. } => "up",
            Self::HangingUp { .. } => "hanging-up",
            Self::Redialling { .. } => "redialling",
        }
    }
}

/// A connector between and during its calls.
#[derive(Debug)]
pub struct Line {
    terms: Terms,
    state: State,
    actions: VecDeque<Action>,
    /// No call begins any more.
    stopping: bool,
}

impl Line {
    /// A connector that rests.
    #[must_use]
    pub fn new(terms: Terms) -> Self {
        Self { terms, state: State::Idle, actions: VecDeque::new(), stopping: false }
    }

    /// Where it stands.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// Other rules, from the next step on.
    pub fn set_terms(&mut self, terms: Terms) {
        self.terms = terms;
    }

    /// What is to be done next.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When [`Line::handle_timeout`] is due.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Time> {
        match &self.state {
            State::Idle | State::Reserving { .. } => None,
            State::Dialling { until, .. }
            | State::Checking { until, .. }
            | State::HangingUp { until, .. }
            | State::Redialling { until, .. } => Some(*until),
            State::Up { cut_at, leaving: true, .. } => Some(*cut_at),
            State::Up { cut_at, quiet_since, leaving: false } => {
                Some((*cut_at).min(*quiet_since + self.terms.idle))
            }
        }
    }

    /// Mail waits.
    pub fn handle_wanted(&mut self) {
        if self.state == State::Idle && !self.stopping {
            self.reserve(1);
        }
    }

    /// Something may have been put right: the next try need not wait.
    pub fn handle_hurry(&mut self) {
        if let State::Redialling { number, .. } = self.state {
            self.reserve(number);
        }
    }

    /// The device is given, or not to be had.
    pub fn handle_device(&mut self, given: Result<(), Failure>, now: Time) {
        let State::Reserving { number } = self.state else {
            return;
        };
        match given {
            Ok(()) if self.stopping => {
                self.state = State::Idle;
                self.actions.push_back(Action::Free);
            }
            Ok(()) => {
                self.state = State::Dialling { number, until: now + self.terms.dial_timeout };
                self.actions.push_back(Action::Dial);
            }
            Err(failure) => self.failed(failure, number, now),
        }
    }

    /// The link is there, or the dial command failed.
    pub fn handle_link(&mut self, link: Result<(), Failure>, now: Time) {
        let State::Dialling { number, until } = self.state else {
            return;
        };
        match link {
            Ok(()) => {
                self.state = State::Checking { number, until };
                self.actions.push_back(Action::LookForPeer);
            }
            // It may have brought up a part of the way.
            Err(failure) => self.hang_up(Some((failure, number)), now),
        }
    }

    /// The peer answers over the link.
    pub fn handle_answer(&mut self, now: Time) {
        if let State::Checking { .. } = self.state {
            let cut_at = now + self.terms.longest_call;
            self.state = State::Up { cut_at, quiet_since: now, leaving: false };
            self.actions.push_back(Action::Up);
            if self.stopping {
                self.leave();
            }
        }
    }

    /// Something crosses the link.
    pub fn handle_activity(&mut self, now: Time) {
        if let State::Up { quiet_since, .. } = &mut self.state {
            *quiet_since = (*quiet_since).max(now);
        }
    }

    /// Nobody uses the link any more.
    pub fn handle_released(&mut self, now: Time) {
        if let State::Up { .. } = self.state {
            self.hang_up(None, now);
        }
    }

    /// The link went down by itself.
    pub fn handle_lost(&mut self, detail: &str, now: Time) {
        match self.state {
            State::Checking { number, .. } => {
                self.hang_up(Some((Failure::new(Kind::Lost, detail), number)), now);
            }
            State::Up { .. } => self.cut(Failure::new(Kind::Lost, detail), now),
            _ => {}
        }
    }

    /// The link is down, or could not be taken down.
    pub fn handle_hung_up(&mut self, down: Result<(), Failure>, now: Time) {
        if let State::HangingUp { .. } = self.state {
            self.hung_up(down, now);
        }
    }

    /// The server stops: a call that stands ends, and none begins.
    pub fn handle_stop(&mut self, now: Time) {
        self.stopping = true;
        match self.state {
            State::Redialling { .. } => {
                self.state = State::Idle;
                self.actions.push_back(Action::Over);
            }
            State::Reserving { .. } => {
                self.state = State::Idle;
                self.actions.extend([Action::Free, Action::Over]);
            }
            State::Dialling { .. } => {
                self.actions.push_back(Action::StopDialling);
                self.hang_up(None, now);
            }
            State::Checking { .. } => self.hang_up(None, now),
            State::Up { .. } => self.leave(),
            State::Idle | State::HangingUp { .. } => {}
        }
    }

    /// A time came.
    pub fn handle_timeout(&mut self, now: Time) {
        if self.next_timeout().is_none_or(|due| due > now) {
            return;
        }
        match self.state {
            State::Dialling { number, .. } => {
                self.actions.push_back(Action::StopDialling);
                let seconds = self.terms.dial_timeout.as_secs();
                let failure = Failure::new(Kind::TimedOut, format!("not within {seconds} s"));
                self.hang_up(Some((failure, number)), now);
            }
            State::Checking { number, .. } => {
                let seconds = self.terms.dial_timeout.as_secs();
                let failure =
                    Failure::new(Kind::Silent, format!("not within {seconds} s of the call"));
                self.hang_up(Some((failure, number)), now);
            }
            State::Up { cut_at, .. } if cut_at <= now => {
                let seconds = self.terms.longest_call.as_secs();
                self.cut(Failure::new(Kind::TooLong, format!("{seconds} s")), now);
            }
            State::Up { .. } => self.leave(),
            State::HangingUp { .. } => {
                let failure = Failure::new(
                    Kind::NotHungUp,
                    format!("not within {} s", HANG_UP_LIMIT.as_secs()),
                );
                self.hung_up(Err(failure), now);
            }
            State::Redialling { number, .. } => self.reserve(number),
            State::Idle | State::Reserving { .. } => {}
        }
    }

    fn reserve(&mut self, number: u32) {
        self.state = State::Reserving { number };
        self.actions.push_back(Action::Reserve);
    }

    fn leave(&mut self) {
        if let State::Up { leaving, .. } = &mut self.state
            && !*leaving
        {
            *leaving = true;
            self.actions.push_back(Action::Leave);
        }
    }

    /// What stands on the link ends by force; the call was made, so that none is tried again at once.
    fn cut(&mut self, failure: Failure, now: Time) {
        self.actions.push_back(Action::Cut(failure.clone()));
        self.actions.push_back(Action::Tell { failure, number: 1, next: None });
        self.hang_up(None, now);
    }

    fn hang_up(&mut self, after: Option<(Failure, u32)>, now: Time) {
        self.state = State::HangingUp { until: now + HANG_UP_LIMIT, after };
        self.actions.push_back(Action::HangUp);
    }

    fn hung_up(&mut self, down: Result<(), Failure>, now: Time) {
        let State::HangingUp { after, .. } = std::mem::replace(&mut self.state, State::Idle) else {
            return;
        };
        self.actions.push_back(Action::Free);
        if let Err(failure) = down {
            self.actions.push_back(Action::Tell { failure, number: 1, next: None });
        }
        match after {
            Some((failure, number)) => self.failed(failure, number, now),
            None => self.actions.push_back(Action::Over),
        }
    }

    /// A try failed, and the line is down: again, or no more for now.
    fn failed(&mut self, failure: Failure, number: u32, now: Time) {
        let again = number < self.terms.tries && !self.stopping;
        let next = again.then_some(self.terms.redial);
        self.actions.push_back(Action::Tell { failure: failure.clone(), number, next });
        if again {
            self.state = State::Redialling { number: number + 1, until: now + self.terms.redial };
        } else {
            self.state = State::Idle;
            self.actions.push_back(Action::GiveUp(failure));
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
