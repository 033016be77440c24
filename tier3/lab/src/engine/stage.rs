//! The stage: the servers, what was sent, what arrived, and what was not as it must be.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use smtp::SendRequest;
use tokio::net::TcpStream;
use tokio::process::Command;

use super::error::LabError;
use super::narration::{Narrator, count};
use super::workplace::Workplace;
use crate::cast::{Cast, Side};
use crate::demo::ServerReport;
use crate::directory_server::{DirectoryKind, DirectoryPlan, DirectoryServers};
use crate::kdc::{Kdc, KdcPlan, REALM};
use crate::ledger::Ledger;
use crate::letters::{self, Letters, Stamp};
use crate::observe::Observer;
use crate::organisation::{Auth, Carrier, Organisation, Plan, ROLE, Setting};
use crate::process::{End, Process};
use crate::program::Program;
use crate::wires::Wires;

/// Between two looks.
pub(crate) const LOOK: Duration = Duration::from_millis(25);

/// Becomes the program that follows, under a clock that is `$0` off: faketime itself would stay before it and keep its signals.
const UNDER_A_CLOCK: &str = "LD_PRELOAD=$(faketime -f +0s printenv LD_PRELOAD) FAKETIME=$0 FAKETIME_DONT_FAKE_MONOTONIC=1 exec \"$@\"";

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
    /// By [`Side::index`].
    processes: [Option<Process>; 4],
    pub(crate) kdc: Option<Kdc>,
    last_ids: [Option<u32>; 4],
    /// Files with new passwords so far.
    pub(super) changed: u32,
    /// What others run beside the servers, by name.
    pub(super) helpers: BTreeMap<&'static str, Process>,
    /// Servers that were stopped where they stand.
    pub(super) hung: Vec<Side>,
    /// By [`Side::index`].
    pub(super) disguises: [Disguise; 4],
    /// Who keeps the directory, if others than the servers do; dropped after the servers that live in its network.
    pub(super) directory: Option<DirectoryServers>,
    /// Dropped after the servers that live there.
    wires: Option<Wires>,
}

/// What a server is started as, where not as itself.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Disguise {
    /// The old implementation of NTLM that it stands in for.
    pub(super) old_ntlm: Option<&'static str>,
    /// How far its clock is off.
    pub(super) clock: Option<&'static str>,
}

impl Disguise {
    pub(super) fn told(self) -> String {
        let old = self.old_ntlm.map(|kind| format!(", as a server of old NTLM ({kind})"));
        let clock = self.clock.map(|off| format!(", under a clock that is {off} off"));
        [old, clock].into_iter().flatten().collect()
    }
}

/// What the servers of a stage are.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) cast: Cast,
    pub(crate) carrier: Carrier,
    pub(crate) auth: Auth,
    pub(crate) set: &'static [Setting],
    /// Seconds that an association stays open without mail.
    pub(crate) idle_s: u32,
    /// Each server in a network namespace of its own.
    pub(crate) wired: bool,
    pub(crate) directory: DirectoryKind,
}

/// What was sent in one round from one server to another.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Round {
    crossing: BTreeMap<(Side, Side), (u64, usize)>,
    /// Messages with a recipient on another server.
    pub(crate) across: u64,
}

impl Round {
    /// Messages that entered `from` with a recipient on `to`.
    pub(crate) fn messages(&self, from: Side, to: Side) -> u64 {
        self.crossing.get(&(from, to)).map_or(0, |(messages, _)| *messages)
    }

    /// The same, once for each of those recipients.
    pub(crate) fn deliveries(&self, from: Side, to: Side) -> usize {
        self.crossing.get(&(from, to)).map_or(0, |(_, deliveries)| *deliveries)
    }
}

impl Stage {
    /// Makes the organisation and starts every server.
    pub(crate) async fn set(
        narrator: &Narrator,
        workplace: &Workplace,
        letters: Letters,
        setup: Setup,
    ) -> Result<Self, LabError> {
        let organisation = || -> Result<Organisation, LabError> {
            let Setup { cast, carrier, auth, set, idle_s, wired, directory } = setup.clone();
            let kdc = match auth {
                Auth::Kerberos if !directory.has_accounts() => {
                    Some(KdcPlan::make(workplace.root())?)
                }
                _ => None,
            };
            let directory = DirectoryPlan::make(directory, auth, workplace.root())?;
            Ok(Organisation::make(
                workplace.root(),
                Plan { cast, carrier, auth, kdc, directory, set, idle_s, wired },
            )?)
        };
        let wires = match setup.wired {
            true => Some(Wires::lay(setup.cast.sides()).await?),
            false => None,
        };
        let folder = workplace.programs();
        let program = Program::current(&folder).map_err(|source| LabError::Folder {
            action: "link the program into",
            path: folder,
            source,
        })?;
        let mut stage = Self {
            narrator: narrator.clone(),
            organisation: organisation()?,
            program,
            ledger: Ledger::default(),
            problems: Vec::new(),
            letters,
            round: 0,
            processes: [const { None }; 4],
            kdc: None,
            last_ids: [None; 4],
            changed: 0,
            helpers: BTreeMap::new(),
            hung: Vec::new(),
            disguises: [Disguise::default(); 4],
            directory: None,
            wires,
        };
        for attempt in 1.. {
            let Err(error) = stage.start_all().await else { break };
            stage.processes = [const { None }; 4];
            let free = |side: &Side| stage.organisation.listeners(*side).are_free();
            if attempt == STARTS || stage.cast().sides().iter().all(free) {
                return Err(error);
            }
            narrator.tell("Somebody else took one of the ports; once more with others.");
            workplace.clear()?;
            (stage.kdc, stage.directory) = (None, None);
            stage.organisation = organisation()?;
        }
        Ok(stage)
    }

    pub(crate) fn cast(&self) -> &Cast {
        self.organisation.cast()
    }

    /// The servers, in their order.
    pub(crate) fn sides(&self) -> Vec<Side> {
        self.cast().sides().to_vec()
    }

    /// The name of the server that plays there.
    pub(crate) fn name(&self, side: Side) -> String {
        self.cast().name(side).to_owned()
    }

    /// The program as it is called where this server lives.
    pub(crate) fn program_at(&self, side: Side) -> Program {
        let of_directory = || self.directory.as_ref().and_then(DirectoryServers::inside);
        match self.wires.as_ref().map(|wires| wires.inside(side)).or_else(of_directory) {
            Some(inside) => self.program.inside(inside),
            None => self.program.clone(),
        }
    }

    /// The program as an administrator calls it, whose commands ask servers by their sockets; where servers and directory
    /// share a network that leads nowhere, it is called there.
    pub(crate) fn program_of(&self, side: Side) -> Program {
        if self.directory.is_some() { self.program_at(side) } else { self.program.clone() }
    }

    /// Whether the servers are where no connection leads from here.
    fn is_apart(&self) -> bool {
        let of_directory = self.directory.as_ref().and_then(DirectoryServers::inside);
        self.wires.is_some() || of_directory.is_some()
    }

    async fn start_all(&mut self) -> Result<(), LabError> {
        if let Some(plan) = self.organisation.kdc().cloned() {
            let port = plan.port;
            self.kdc = Some(plan.start(&self.organisation).await?);
            self.narrator.timed(&format!("MIT's KDC of {REALM} runs on 127.0.0.1:{port}"));
        }
        if let Some(plan) = self.organisation.directory().cloned() {
            self.narrator.tell("The directory's server is set up; a domain takes its time.");
            let servers = plan.start(&self.organisation).await?;
            servers.told().iter().for_each(|line| self.narrator.timed(line));
            self.directory = Some(servers);
        }
        for side in self.sides() {
            for other in self.cast().others(side) {
                self.admit(side, other).await?;
            }
        }
        for side in self.sides() {
            self.start(side)?;
        }
        for side in self.sides() {
            self.await_ready(side).await?;
        }
        Ok(())
    }

    /// Gives a server that does not run yet the account of another one.
    async fn admit(&self, side: Side, other: Side) -> Result<(), LabError> {
        let password = self.organisation.password_file(other);
        let config = self.organisation.config(side);
        let (password, config) = (password.to_string_lossy(), config.to_string_lossy());
        let account = self.cast().account(other);
        // In a domain the account is there, and has to get its role.
        let of_domain = self.organisation.directory().is_some_and(DirectoryPlan::has_accounts);
        let (verb, doing) = if of_domain { ("grant", "granting") } else { ("add", "adding") };
        let mut arguments = vec!["account", verb, account, "--role", ROLE, "-c", &config];
        if !of_domain {
            arguments.extend(["--password-file", &password]);
        }
        let run = self.program_of(side).run(arguments, &[0]).await;
        let doing = format!("{doing} the account {account} on {}", self.cast().name(side));
        run.map(drop).map_err(|source| LabError::Command { doing, source })
    }

    /// Starts a server and waits until it is ready.
    pub(crate) async fn start_again(&mut self, side: Side) -> Result<(), LabError> {
        self.start(side)?;
        self.await_ready(side).await
    }

    fn start(&mut self, side: Side) -> Result<(), LabError> {
        let Disguise { old_ntlm, clock } = self.disguises[side.index()];
        let program = match clock {
            // The clock that time-outs are counted by goes on as it is.
            Some(off) => self.program_at(side).behind_all(&["sh", "-c", UNDER_A_CLOCK, off]),
            None => self.program_at(side),
        };
        let mut command = program.command();
        match old_ntlm {
            Some(kind) => command.args(["lab", "old-peer", kind]),
            None => command.arg("serve"),
        };
        command.arg("-c").arg(self.organisation.config(side));
        self.start_with(side, command)
    }

    /// Starts a server by a command that becomes it.
    pub(crate) fn start_with(&mut self, side: Side, command: Command) -> Result<(), LabError> {
        let process = Process::start(command, &self.organisation.log(side))
            .map_err(|source| LabError::Start { side: self.name(side), source })?;
        self.last_ids[side.index()] = process.id();
        self.processes[side.index()] = Some(process);
        Ok(())
    }

    /// Waits until a server answers its administrator and takes mail.
    async fn await_ready(&mut self, side: Side) -> Result<(), LabError> {
        let deadline = Instant::now() + READY_TIME;
        let smtp = self.organisation.listeners(side).smtp();
        loop {
            self.check_alive()?;
            // Into another network no connection leads from here; a server that answers listens.
            let takes_mail = async { self.is_apart() || TcpStream::connect(smtp).await.is_ok() };
            if self.observer(side).answers().await && takes_mail.await {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(LabError::NotReady {
                    side: self.name(side),
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
    pub(crate) fn check_alive(&mut self) -> Result<(), LabError> {
        for side in self.sides() {
            let Some(process) = &mut self.processes[side.index()] else { continue };
            if let Some(status) = process.ended() {
                let (log, tail) = (self.organisation.log(side), process.log_tail());
                return Err(LabError::Died { side: self.name(side), status, log, tail });
            }
        }
        Ok(())
    }

    /// The process of a server, while it runs.
    pub(super) fn process(&self, side: Side) -> Option<&Process> {
        self.processes[side.index()].as_ref()
    }

    pub(crate) fn runs(&self, side: Side) -> bool {
        self.processes[side.index()].is_some()
    }

    pub(crate) fn running(&self) -> impl Iterator<Item = Side> {
        let answers = |side: &Side| self.runs(*side) && !self.hung.contains(side);
        self.cast().sides().iter().copied().filter(answers)
    }

    pub(crate) fn observer(&self, side: Side) -> Observer {
        Observer::new(&self.organisation.socket(side))
    }

    /// Stops a server; how it ended is a problem unless it ended well.
    pub(crate) async fn stop(&mut self, side: Side) {
        let Some(process) = self.processes[side.index()].take() else { return };
        let side = self.name(side);
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
    pub(crate) async fn send_round(&mut self, entering: &[Side]) -> Result<Round, LabError> {
        self.round += 1;
        let mut round = Round::default();
        let cast = self.cast().clone();
        for side in entering.iter().copied() {
            let stamp = Stamp { round: self.round, entering: side, time: Timestamp::now() };
            for letter in self.letters.of(stamp, &cast) {
                let to: Vec<String> =
                    letter.recipients.iter().map(|mailbox| cast.address(*mailbox)).collect();
                let request = SendRequest {
                    reverse_path: cast.address(letters::sender(side)),
                    recipients: to.clone(),
                    content: letter.content.to_vec(),
                };
                let id = self.hand_in(side, &letter.title, request).await?;
                self.ledger.enter(&letter.content, id.as_deref(), &letter.recipients);
                let mut across = false;
                for other in cast.others(side) {
                    let there = letter.recipients.iter().filter(|one| one.side == other).count();
                    if there > 0 {
                        across = true;
                        let counted = round.crossing.entry((side, other)).or_default();
                        *counted = (counted.0 + 1, counted.1 + there);
                    }
                }
                round.across += u64::from(across);
                if self.round == 1 {
                    let (octets, title) = (letter.content.len(), &letter.title);
                    self.narrator.tell(&format!(
                        "{} took {title} ({octets} octets) for {}",
                        cast.name(side),
                        to.join(", ")
                    ));
                }
            }
        }
        Ok(round)
    }

    /// Over SMTP where that can be reached from here, else as a message from a file.
    async fn hand_in(
        &self,
        side: Side,
        title: &str,
        request: SendRequest,
    ) -> Result<Option<String>, LabError> {
        if !self.is_apart() {
            let smtp = self.organisation.listeners(side).smtp();
            let handed = crate::smtp_client::hand_in(smtp, request).await;
            return handed.map_err(|source| LabError::HandIn {
                side: self.name(side),
                title: title.to_owned(),
                source: Box::new(source),
            });
        }
        let file = self.organisation.root.join("letter.eml");
        let failed = |source| LabError::Folder { action: "write", path: file.clone(), source };
        std::fs::write(&file, &request.content).map_err(failed)?;
        let (file, config) =
            (file.display().to_string(), self.organisation.config(side).display().to_string());
        let mut words = vec!["send", &file, "--json", "-c", &config];
        words.extend(["--from", &request.reverse_path, "--to"]);
        words.extend(request.recipients.iter().map(String::as_str));
        let output = self.program.run(&words, &[0]).await.map_err(|source| {
            let doing = format!("handing in {title}");
            LabError::Command { doing, source }
        })?;
        let answer: serde_json::Value =
            serde_json::from_slice(&output.stdout).map_err(LabError::Doctor)?;
        Ok(answer["id"].as_str().map(str::to_owned))
    }

    /// Reads what is new in the Maildirs; says whether there was anything.
    pub(crate) fn read_maildirs(&mut self) -> Result<bool, LabError> {
        let mut found = false;
        for mailbox in self.cast().mailboxes().collect::<Vec<_>>() {
            for name in ["new", "cur"] {
                let folder = self.organisation.maildir(mailbox).join(name);
                let failed = |source| LabError::Maildir { path: folder.clone(), source };
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
    pub(crate) async fn await_deliveries(&mut self, wanted: usize) -> Result<bool, LabError> {
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
    pub(crate) async fn await_all(&mut self) -> Result<bool, LabError> {
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

    /// Messages that wait on a server for anything.
    pub(crate) async fn waiting(&mut self, side: Side) -> Result<u64, LabError> {
        let waiting = self.observer(side).waiting().await;
        waiting.map_err(|error| self.unanswered(side, error))
    }

    /// The error of a server that does not answer: that it died, if it did.
    pub(crate) fn unanswered(&mut self, side: Side, error: admin::ClientError) -> LabError {
        match self.check_alive() {
            Err(died) => died,
            Ok(()) => LabError::Observe { side: self.name(side), source: Box::new(error) },
        }
    }

    pub(crate) fn servers(&self) -> Vec<ServerReport> {
        let sides = self.cast().sides().iter();
        let report = |side: &Side| ServerReport {
            name: self.cast().name(*side).to_owned(),
            config: self.organisation.config(*side),
            maildir: self.organisation.maildirs(*side),
            pid: self.last_ids[side.index()],
        };
        sides.map(report).collect()
    }

    /// The keys that a configuration sets, without comments.
    pub(crate) fn configuration(&self, side: Side) -> Result<String, LabError> {
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

fn read_text(path: &Path) -> Result<String, LabError> {
    std::fs::read_to_string(path).map_err(|source| LabError::Folder {
        action: "read",
        path: path.to_owned(),
        source,
    })
}
