//! The task of one connector: does what its [`Line`] decides.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use config::DialUp;
use dialup::{Action, Exit, Failure, Kind, Line, State, Terms, judge};
use event::build::{self, CallFailed, Connection};
use jiff::Timestamp;
use tokio::sync::OwnedSemaphorePermit;

use super::board::{Order, Phase, Shared};
use super::command::{Guard, Running};
use super::look;
use crate::node::Node;

/// How often the link is looked at while it comes up, and while it stands.
const LOOK: Duration = Duration::from_millis(200);
/// How long the hang-up command may take; the engine's own limit is longer.
const HANG_UP: Duration = Duration::from_secs(20);

type Pending<T> = Option<Pin<Box<dyn Future<Output = T> + Send>>>;

/// Serves one connector until the server stops; a call that stands then is hung up first.
pub async fn run_line(node: Arc<Node>, peer: String) {
    let line = node.dial_ups.line(&peer);
    let Some(mut orders) = line.take_inbox() else { return };
    let Some(connector) = node.config().dial_up(&peer).cloned() else { return };
    let mut task = Task::new(node, line, connector);
    task.hang_up_after_crash().await;
    let mut stopping = false;
    loop {
        task.perform();
        task.publish();
        if stopping && *task.line.state() == State::Idle && task.aftermath.is_none() {
            return;
        }
        let due = task.line.next_timeout().map(|due| task.shared.at(due));
        let looks = task.looks_at_link();
        tokio::select! {
            order = orders.recv() => match order {
                Some(order) => task.follow(order),
                None => return,
            },
            (exit, output) = ended(&mut task.command) => task.command_ended(&exit, &output),
            given = ready(&mut task.device) => task.take_device(given),
            () = ready(&mut task.search) => {
                task.search = None;
                task.line.handle_answer(task.shared.now());
            }
            down = ready(&mut task.hanging) => {
                task.hanging = None;
                task.line.handle_hung_up(down, task.shared.now());
            }
            () = ready(&mut task.aftermath) => task.aftermath = None,
            () = at(due) => {
                task.line.handle_activity(task.shared.touched());
                task.line.handle_timeout(task.shared.now());
            }
            () = tokio::time::sleep(LOOK), if looks => task.look_at_link(),
            () = task.node.stopped(), if !stopping => {
                stopping = true;
                task.line.handle_stop(task.shared.now());
            }
        }
    }
}

struct Task {
    node: Arc<Node>,
    shared: Arc<Shared>,
    connector: DialUp,
    line: Line,
    /// The dial command, while it runs.
    command: Option<Running>,
    /// It ended well, and the interface is waited for.
    dialled: bool,
    device: Pending<Result<Option<OwnedSemaphorePermit>, Failure>>,
    permit: Option<OwnedSemaphorePermit>,
    search: Pending<()>,
    hanging: Pending<Result<(), Failure>>,
    /// What is left of a call: its guard takes leave.
    aftermath: Pending<()>,
    guard: Option<Guard>,
    /// Default routes before the call.
    routes: Vec<String>,
    began: Instant,
    up_since: Option<Instant>,
    /// Why the call that stands is to end.
    reason: String,
}

impl Task {
    fn new(node: Arc<Node>, shared: Arc<Shared>, connector: DialUp) -> Self {
        Self {
            line: Line::new(terms(&connector)),
            node,
            shared,
            connector,
            command: None,
            dialled: false,
            device: None,
            permit: None,
            search: None,
            hanging: None,
            aftermath: None,
            guard: None,
            routes: Vec::new(),
            began: Instant::now(),
            up_since: None,
            reason: String::new(),
        }
    }

    fn follow(&mut self, order: Order) {
        match order {
            Order::Wanted => {
                let config = self.node.config();
                let Some(connector) = config.dial_up(&self.connector.peer) else {
                    return self.shared.view.send_modify(|view| view.ended += 1);
                };
                if *self.line.state() == State::Idle {
                    self.connector = connector.clone();
                    self.line.set_terms(terms(connector));
                }
                self.line.handle_wanted();
                if *self.line.state() == State::Idle {
                    // The server stops: whoever waits for the call need not.
                    self.shared.view.send_modify(|view| view.ended += 1);
                }
            }
            Order::Hurry => self.line.handle_hurry(),
            Order::Released => self.line.handle_released(self.shared.now()),
        }
    }

    fn perform(&mut self) {
        while let Some(action) = self.line.poll_action() {
            match action {
                Action::Reserve => self.device = Some(Box::pin(self.reserve())),
                Action::Dial => self.dial(),
                // The command is ended by what hangs up.
                Action::StopDialling => {}
                Action::LookForPeer => {
                    let peer = self.connector.peer.clone();
                    self.search = Some(Box::pin(look::for_peer(Arc::clone(&self.node), peer)));
                }
                Action::Up => self.up(),
                Action::Leave => {
                    let idle = self.connector.idle.as_secs();
                    self.reason = match self.node.is_stopping() {
                        true => "the server stops".to_owned(),
                        false => format!("nothing crossed for {idle} s"),
                    };
                    self.shared.view.send_modify(|view| view.phase = Phase::Leaving);
                }
                Action::Cut(failure) => {
                    self.reason = failure.to_string();
                    self.shared.view.send_modify(|view| {
                        view.phase = Phase::Cut;
                        view.failure = Some((Timestamp::now(), failure));
                    });
                }
                Action::HangUp => self.hang_up(),
                Action::Free => self.free(),
                Action::Tell { failure, number, next } => self.tell(&failure, number, next),
                Action::GiveUp(failure) => self.give_up(failure),
                Action::Over => self.shared.view.send_modify(|view| {
                    view.ended += 1;
                    view.given_up = None;
                }),
            }
        }
    }

    /// The device, when no other connector and no other program has it.
    fn reserve(
        &self,
    ) -> impl Future<Output = Result<Option<OwnedSemaphorePermit>, Failure>> + use<> {
        let device = self.connector.device.clone();
        let gate = device.as_deref().map(|name| self.node.dial_ups.device(name));
        let (file, patience) = (self.connector.lock_file.clone(), self.connector.dial_timeout);
        async move {
            let busy = |detail: String| Failure::new(Kind::DeviceBusy, detail);
            let mut permit = None;
            if let Some(gate) = gate {
                let acquired = tokio::time::timeout(patience, gate.acquire_owned()).await;
                permit = Some(acquired.ok().and_then(Result::ok).ok_or_else(|| {
                    busy(format!("another connector has {}", device.unwrap_or_default()))
                })?);
            }
            match file.as_deref().and_then(look::holder) {
                Some(holder) => Err(busy(holder)),
                None => Ok(permit),
            }
        }
    }

    fn take_device(&mut self, given: Result<Option<OwnedSemaphorePermit>, Failure>) {
        self.device = None;
        let now = self.shared.now();
        match given {
            Ok(permit) => {
                self.permit = permit;
                self.line.handle_device(Ok(()), now);
            }
            Err(failure) => self.line.handle_device(Err(failure), now),
        }
    }

    fn dial(&mut self) {
        (self.began, self.dialled, self.up_since) = (Instant::now(), false, None);
        self.routes = look::default_routes();
        self.note_call();
        metrics::counter!("bindback_dial_attempts_total", "peer" => self.connector.peer.clone())
            .increment(1);
        match Running::start(&self.connector.dial) {
            Ok(running) => {
                let group = running.group();
                self.command = Some(running);
                let guard = match (&self.connector.hang_up, group) {
                    (Some(words), _) => Some(Guard::running(words)),
                    (None, Some(group)) => Some(Guard::ending(group)),
                    (None, None) => None,
                };
                match guard.transpose() {
                    Ok(guard) => self.guard = guard,
                    Err(error) => eprintln!("nobody would hang up after a crash: {error}"),
                }
                if self.stands_for_link() && self.connector.interface.is_none() {
                    self.line.handle_link(Ok(()), self.shared.now());
                }
            }
            Err(error) => {
                let exit = Exit::NotStarted(error.to_string());
                let failure = judge(&self.connector.dial, &exit, "");
                self.line.handle_link(Err(failure), self.shared.now());
            }
        }
    }

    /// The dial command runs for as long as the link stands.
    fn stands_for_link(&self) -> bool {
        self.connector.hang_up.is_none()
    }

    fn command_ended(&mut self, exit: &Exit, output: &str) {
        self.command = None;
        let now = self.shared.now();
        let well = *exit == Exit::Code(0) && !self.stands_for_link();
        if well {
            self.dialled = true;
            if self.connector.interface.is_none() {
                self.line.handle_link(Ok(()), now);
            }
            return;
        }
        let mut failure = judge(&self.connector.dial, exit, output);
        if *exit == Exit::Code(0) {
            failure.kind = Kind::Lost;
        }
        if let State::Dialling { .. } = self.line.state() {
            self.line.handle_link(Err(failure), now);
        } else {
            self.line.handle_lost(&failure.to_string(), now);
        }
    }

    fn looks_at_link(&self) -> bool {
        let state = self.line.state();
        self.connector.interface.is_some()
            && matches!(state, State::Dialling { .. } | State::Checking { .. } | State::Up { .. })
    }

    fn look_at_link(&mut self) {
        let Some(interface) = &self.connector.interface else { return };
        let (leads, now) = (look::leads_through(interface), self.shared.now());
        match self.line.state() {
            State::Dialling { .. } if leads && (self.dialled || self.stands_for_link()) => {
                self.line.handle_link(Ok(()), now);
            }
            State::Checking { .. } | State::Up { .. } if !leads => {
                let detail = format!("no route leads through {interface} any more");
                self.line.handle_lost(&detail, now);
            }
            _ => {}
        }
    }

    fn up(&mut self) {
        let seconds = self.began.elapsed().as_secs();
        self.up_since = Some(Instant::now());
        let peer = &self.connector.peer;
        let taken = look::default_routes().into_iter().find(|one| !self.routes.contains(one));
        if let Some(interface) = &taken {
            self.node.log(build::default_route_taken(peer, interface));
        }
        self.node.log(build::call_begun(peer, seconds));
        metrics::counter!("bindback_calls_total", "peer" => peer.clone()).increment(1);
        self.shared.touch();
        self.shared.view.send_modify(|view| {
            view.phase = Phase::Up;
            view.failure = None;
            view.default_route = taken;
            view.last_call = Some(Timestamp::now());
        });
    }

    /// Ends the dial command if it runs, then runs the one that hangs up.
    fn hang_up(&mut self) {
        self.search = None;
        let (command, words) = (self.command.take(), self.connector.hang_up.clone());
        let interface = self.connector.interface.clone();
        let stood = self.up_since.is_some();
        self.hanging = Some(Box::pin(async move {
            if let Some(command) = command {
                command.stop().await;
            }
            let Some(words) = words else { return Ok(()) };
            let hung = run(&words).await;
            let stands = interface.as_deref().map(look::leads_through);
            match (hung, stands) {
                // A link that is gone cannot be hung up, and its command may say so.
                (Ok(()), _) | (Err(_), Some(false)) => Ok(()),
                (Err(_), None) if !stood => Ok(()),
                (Err(failure), _) => Err(failure),
            }
        }));
    }

    fn free(&mut self) {
        self.permit = None;
        (self.device, self.search) = (None, None);
        if let Err(error) = std::fs::remove_file(self.note())
            && error.kind() != std::io::ErrorKind::NotFound
        {
            eprintln!("{}: {error}", self.note().display());
        }
        if let Some(guard) = self.guard.take() {
            self.aftermath = Some(Box::pin(guard.dismiss()));
        }
        if let Some(since) = self.up_since.take() {
            let reason = match self.reason.is_empty() {
                true => "it was not needed any more",
                false => self.reason.as_str(),
            };
            self.node.log(build::call_over(
                &self.connector.peer,
                since.elapsed().as_secs(),
                reason,
            ));
            metrics::counter!("bindback_call_seconds_total", "peer" => self.connector.peer.clone())
                .increment(since.elapsed().as_secs());
        }
        self.reason.clear();
        self.shared.view.send_modify(|view| view.phase = Phase::Down);
    }

    fn tell(&self, failure: &Failure, number: u32, next: Option<Duration>) {
        let peer = &self.connector.peer;
        let config = self.node.config();
        let place = config.dial_ups.iter().position(|one| one.peer == *peer).unwrap_or(0) + 1;
        let said = CallFailed {
            gateway: peer.clone(),
            code: failure.kind.code(),
            index: u32::try_from(place).unwrap_or(u32::MAX),
            kind: failure.kind.as_str().to_owned(),
            detail: failure.to_string(),
            number,
            next: next.and_then(|next| u32::try_from(next.as_secs()).ok()),
            exit: failure.exit.and_then(|code| u32::try_from(code).ok()),
            output: failure.output.clone(),
        };
        self.node.log(match failure.kind.link_stood() {
            true => build::link_failed(&said),
            false => build::dial_failed(&said),
        });
        let kind = failure.kind.as_str();
        metrics::counter!("bindback_call_failures_total", "peer" => peer.clone(), "kind" => kind)
            .increment(1);
        self.shared
            .view
            .send_modify(|view| view.failure = Some((Timestamp::now(), failure.clone())));
    }

    fn give_up(&self, failure: Failure) {
        let peer = &self.connector.peer;
        self.node.log(build::connection_not_opened(&Connection {
            entity: peer.clone(),
            peer: Some(peer.clone()),
            code: Some(failure.kind.code()),
            detail: failure.to_string(),
        }));
        self.shared.view.send_modify(|view| {
            view.ended += 1;
            view.given_up = Some(failure);
        });
    }

    fn publish(&self) {
        let next_try = match self.line.state() {
            State::Redialling { until, .. } => {
                let wait = until.saturating_sub(self.shared.now());
                Timestamp::now().checked_add(wait).ok()
            }
            _ => None,
        };
        let state = self.line.state().as_str();
        self.shared.view.send_if_modified(|view| {
            if view.state == state {
                return false;
            }
            (view.state, view.next_try) = (state, next_try);
            true
        });
        let up = matches!(self.line.state(), State::Up { .. });
        metrics::gauge!("bindback_line_up", "peer" => self.connector.peer.clone()).set(if up {
            1.0
        } else {
            0.0
        });
    }

    /// The note of a call that is under way.
    fn note(&self) -> PathBuf {
        let name: String = self
            .connector
            .peer
            .chars()
            .map(|one| if one.is_ascii_alphanumeric() { one } else { '_' })
            .collect();
        self.node.config().server.data_dir.join(format!("call-{name}"))
    }

    fn note_call(&self) {
        let note = self.note();
        if let Err(error) = std::fs::write(&note, format!("{}\n", self.connector.peer)) {
            eprintln!("{}: {error}", note.display());
        }
    }

    /// The last server died during a call: the line may stand for ever.
    async fn hang_up_after_crash(&mut self) {
        if !self.note().exists() {
            return;
        }
        if let Some(words) = &self.connector.hang_up {
            // The guard has done it as a rule, and a second time fails.
            let _ = run(words).await;
        }
        self.reason = "the server ended during the call".to_owned();
        self.up_since = Some(Instant::now());
        self.free();
    }
}

/// Runs the command that hangs up.
async fn run(words: &[String]) -> Result<(), Failure> {
    let mut running = Running::start(words).map_err(|error| {
        Failure::new(Kind::NotHungUp, format!("{}: {error}", words.first().map_or("", |one| one)))
    })?;
    let Ok((exit, output)) = tokio::time::timeout(HANG_UP, running.ended()).await else {
        running.stop().await;
        let detail = format!("its command did not end within {} s", HANG_UP.as_secs());
        return Err(Failure::new(Kind::NotHungUp, detail));
    };
    match exit {
        Exit::Code(0) => Ok(()),
        exit => Err(Failure { kind: Kind::NotHungUp, ..judge(words, &exit, &output) }),
    }
}

fn terms(connector: &DialUp) -> Terms {
    Terms {
        dial_timeout: connector.dial_timeout,
        tries: connector.tries,
        redial: connector.redial,
        idle: connector.idle,
        longest_call: connector.longest_call,
    }
}

async fn ended(command: &mut Option<Running>) -> (Exit, String) {
    match command {
        Some(running) => running.ended().await,
        None => std::future::pending().await,
    }
}

async fn ready<T>(pending: &mut Pending<T>) -> T {
    match pending {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

async fn at(due: Option<tokio::time::Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}
