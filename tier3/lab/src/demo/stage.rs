//! The stage of a demo: both servers, what was sent, what arrived, and what was not as it must be.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use smtp::SendRequest;
use tokio::net::TcpStream;
use tokio::process::Command;

use super::error::DemoError;
use super::narration::{Narrator, count};
use super::report::ServerReport;
use super::workplace::Workplace;
use crate::ledger::Ledger;
use crate::letters::{self, Letters, Stamp};
use crate::observe::Observer;
use crate::organisation::{Carrier, MAILBOXES, Organisation, ROLE, Side};
use crate::process::{End, Process};
use crate::program::Program;

/// Between two looks.
pub(crate) const LOOK: Duration = Duration::from_millis(25);

/// How long a server may take until it is ready.
const READY_TIME: Duration = Duration::from_secs(20);

/// How long nothing may happen while something is awaited.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Starts with other ports, should somebody else take one in between.
const STARTS: usize = 3;

/// Everything that a demo has.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) narrator: Narrator,
    pub(crate) organisation: Organisation,
    pub(crate) program: Program,
    pub(crate) ledger: Ledger,
    pub(crate) problems: Vec<String>,
    letters: Letters,
    round: u32,
    processes: [Option<Process>; 2],
    last_ids: [Option<u32>; 2],
}

/// What was sent in one round.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Round {
    /// Messages, for each server that they entered, with a recipient on the other one.
    pub(crate) crossing: [u64; 2],
    /// The same, once for each of those recipients.
    pub(crate) crossing_deliveries: [usize; 2],
}

impl Stage {
    /// Makes the organisation and starts both servers.
    pub(crate) async fn set(
        narrator: &Narrator,
        workplace: &Workplace,
        letters: Letters,
        carrier: Carrier,
    ) -> Result<Self, DemoError> {
        let folder = workplace.programs();
        let program = Program::current(&folder).map_err(|source| DemoError::Folder {
            action: "link the program into",
            path: folder,
            source,
        })?;
        let mut stage = Self {
            narrator: narrator.clone(),
            organisation: Organisation::make(workplace.root(), carrier)?,
            program,
            ledger: Ledger::default(),
            problems: Vec::new(),
            letters,
            round: 0,
            processes: [None, None],
            last_ids: [None, None],
        };
        for attempt in 1.. {
            let Err(error) = stage.start_all().await else { break };
            stage.processes = [None, None];
            let listeners = Side::BOTH.map(|side| stage.organisation.listeners(side));
            if attempt == STARTS || listeners.iter().all(|one| one.are_free()) {
                return Err(error);
            }
            narrator.tell("Somebody else took one of the ports; once more with others.");
            workplace.clear()?;
            stage.organisation = Organisation::make(workplace.root(), carrier)?;
        }
        Ok(stage)
    }

    async fn start_all(&mut self) -> Result<(), DemoError> {
        for side in Side::BOTH {
            self.admit_peer(side).await?;
        }
        for side in Side::BOTH {
            self.start(side)?;
        }
        for side in Side::BOTH {
            self.await_ready(side).await?;
        }
        Ok(())
    }

    /// Gives a server that does not run yet the account of the other one.
    async fn admit_peer(&self, side: Side) -> Result<(), DemoError> {
        let password = self.organisation.password_file(side.other());
        let config = self.organisation.config(side);
        let (password, config) = (password.to_string_lossy(), config.to_string_lossy());
        let arguments = ["account", "add", side.other().account(), "--role", ROLE];
        let files = ["--password-file", &*password, "-c", &*config];
        let run = self.program.run(arguments.into_iter().chain(files), &[0]).await;
        let doing = format!("adding the account {} on {side}", side.other().account());
        run.map(drop).map_err(|source| DemoError::Command { doing, source })
    }

    fn start(&mut self, side: Side) -> Result<(), DemoError> {
        let mut command = Command::new(self.program.exe());
        command.arg("serve").arg("-c").arg(self.organisation.config(side));
        self.start_with(side, command)
    }

    /// Starts a server by a command that becomes it.
    pub(crate) fn start_with(&mut self, side: Side, command: Command) -> Result<(), DemoError> {
        let process = Process::start(command, &self.organisation.log(side))
            .map_err(|source| DemoError::Start { side, source })?;
        self.last_ids[side.index()] = process.id();
        self.processes[side.index()] = Some(process);
        Ok(())
    }

    /// Waits until a server answers its administrator and takes mail.
    async fn await_ready(&mut self, side: Side) -> Result<(), DemoError> {
        let deadline = Instant::now() + READY_TIME;
        let smtp = self.organisation.listeners(side).smtp();
        loop {
            self.check_alive()?;
            if self.observer(side).answers().await && TcpStream::connect(smtp).await.is_ok() {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(DemoError::NotReady {
                    side,
                    seconds: READY_TIME.as_secs(),
                    log: self.organisation.log(side),
                    tail: self.processes[side.index()]
                        .as_ref()
                        .map_or_else(String::new, Process::log_tail),
                });
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// An error if a server that should run does not.
    pub(crate) fn check_alive(&mut self) -> Result<(), DemoError> {
        for side in Side::BOTH {
            let Some(process) = &mut self.processes[side.index()] else { continue };
            if let Some(status) = process.ended() {
                let (log, tail) = (self.organisation.log(side), process.log_tail());
                return Err(DemoError::Died { side, status, log, tail });
            }
        }
        Ok(())
    }

    pub(crate) fn runs(&self, side: Side) -> bool {
        self.processes[side.index()].is_some()
    }

    pub(crate) fn running(&self) -> impl Iterator<Item = Side> {
        Side::BOTH.into_iter().filter(|side| self.runs(*side))
    }

    pub(crate) fn observer(&self, side: Side) -> Observer {
        Observer::new(side, &self.organisation.socket(side))
    }

    /// Stops a server; how it ended is a problem unless it ended well.
    pub(crate) async fn stop(&mut self, side: Side) {
        let Some(process) = self.processes[side.index()].take() else { return };
        match process.stop().await {
            End::Clean => {}
            End::Unclean(status) => self.problem(format!("{side} did not stop cleanly: {status}")),
            End::Killed => self.problem(format!("{side} did not stop and was killed")),
        }
    }

    /// Notes what is not as it must be.
    pub(crate) fn problem(&mut self, text: String) {
        self.narrator.timed(&format!("PROBLEM: {text}"));
        self.problems.push(text);
    }

    /// Hands in every letter at each of these servers.
    pub(crate) async fn send_round(&mut self, entering: &[Side]) -> Result<Round, DemoError> {
        self.round += 1;
        let mut round = Round::default();
        for side in entering {
            let stamp = Stamp { round: self.round, entering: *side, time: Timestamp::now() };
            for (index, letter) in self.letters.of(stamp).into_iter().enumerate() {
                let recipients = letters::recipients(index, *side);
                let request = SendRequest {
                    reverse_path: letters::sender(*side).address(),
                    recipients: recipients.iter().map(|mailbox| mailbox.address()).collect(),
                    content: letter.content.to_vec(),
                };
                let smtp = self.organisation.listeners(*side).smtp();
                let id = crate::smtp_client::hand_in(smtp, request).await.map_err(|source| {
                    DemoError::HandIn { side: *side, title: letter.title.clone(), source }
                })?;
                self.ledger.enter(&letter.content, id.as_deref(), &recipients);
                let across = recipients.iter().filter(|mailbox| mailbox.side != *side).count();
                round.crossing[side.index()] += u64::from(across > 0);
                round.crossing_deliveries[side.index()] += across;
                if self.round == 1 {
                    let octets = letter.content.len();
                    let to: Vec<String> = recipients.iter().map(|one| one.address()).collect();
                    let title = &letter.title;
                    self.narrator.tell(&format!(
                        "{side} took {title} ({octets} octets) for {}",
                        to.join(", ")
                    ));
                }
            }
        }
        Ok(round)
    }

    /// Reads what is new in the Maildirs; says whether there was anything.
    pub(crate) fn read_maildirs(&mut self) -> Result<bool, DemoError> {
        let mut found = false;
        for mailbox in MAILBOXES {
            for name in ["new", "cur"] {
                let folder = self.organisation.maildir(mailbox).join(name);
                let failed = |source| DemoError::Maildir { path: folder.clone(), source };
                let entries = match std::fs::read_dir(&folder) {
                    Ok(entries) => entries,
                    // Made with the first delivery.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    Err(error) => return Err(failed(error)),
                };
                for entry in entries {
                    let path = entry.map_err(failed)?.path();
                    if self.ledger.has_read(&path) {
                        continue;
                    }
                    let octets = std::fs::read(&path).map_err(failed)?;
                    self.ledger.handle_file(mailbox, path, &octets);
                    found = true;
                }
            }
        }
        Ok(found)
    }

    /// Waits until so many deliveries are settled; gives up when nothing arrives for a while.
    pub(crate) async fn await_deliveries(&mut self, wanted: usize) -> Result<bool, DemoError> {
        let mut deadline = Instant::now() + PATIENCE;
        let mut told = Instant::now();
        loop {
            if self.read_maildirs()? {
                deadline = Instant::now() + PATIENCE;
            }
            let settled = self.ledger.delivered() + self.ledger.reported();
            if settled >= wanted {
                return Ok(true);
            }
            if Instant::now() > deadline {
                return Ok(false);
            }
            if told.elapsed() > Duration::from_secs(1) {
                told = Instant::now();
                self.narrator.timed(&format!("{settled} of {wanted} delivered"));
            }
            self.check_alive()?;
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until every delivery is settled and nothing waits anywhere.
    pub(crate) async fn await_all(&mut self) -> Result<bool, DemoError> {
        let wanted = self.ledger.sent();
        if !self.await_deliveries(wanted).await? {
            let missing = count(u64::try_from(self.ledger.lost()).unwrap_or(u64::MAX), "delivery");
            self.problem(format!(
                "missing after {} s without any arrival: {missing}",
                PATIENCE.as_secs()
            ));
            return Ok(false);
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut waiting = 0;
            for side in self.running().collect::<Vec<_>>() {
                waiting += self.waiting(side).await?;
            }
            // Read after the queues: a second copy would come out of them.
            self.read_maildirs()?;
            if waiting == 0 {
                return Ok(true);
            }
            if Instant::now() > deadline {
                self.problem(format!(
                    "everything is delivered and queues still hold {}",
                    count(waiting, "message")
                ));
                return Ok(false);
            }
            self.check_alive()?;
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn waiting(&mut self, side: Side) -> Result<u64, DemoError> {
        let waiting = self.observer(side).waiting().await;
        waiting.map_err(|error| self.unanswered(side, error))
    }

    /// The error of a server that does not answer: that it died, if it did.
    pub(crate) fn unanswered(&mut self, side: Side, error: admin::ClientError) -> DemoError {
        match self.check_alive() {
            Err(died) => died,
            Ok(()) => DemoError::Observe { side, source: Box::new(error) },
        }
    }

    pub(crate) fn servers(&self) -> Vec<ServerReport> {
        Side::BOTH
            .iter()
            .map(|side| ServerReport {
                name: side.name().to_owned(),
                config: self.organisation.config(*side),
                maildir: self.organisation.maildirs(*side),
                pid: self.last_ids[side.index()],
            })
            .collect()
    }

    /// The keys that a configuration sets, without comments.
    pub(crate) fn configuration(&self, side: Side) -> Result<String, DemoError> {
        let text = read_text(&self.organisation.config(side))?;
        let mut lines: Vec<&str> = Vec::new();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            // A table that sets nothing says nothing.
            if line.starts_with('[') && lines.last().is_some_and(|last| last.starts_with('[')) {
                lines.pop();
            }
            lines.push(line);
        }
        lines.pop_if(|last| last.starts_with('['));
        Ok(lines.join("\n"))
    }
}

fn read_text(path: &Path) -> Result<String, DemoError> {
    std::fs::read_to_string(path).map_err(|source| DemoError::Folder {
        action: "read",
        path: path.to_owned(),
        source,
    })
}
