//! The fault: put in, seen, diagnosed, cured.

use std::path::Path;
use std::time::{Duration, Instant};

use finding::{Answer, Remedy};
use jiff::Timestamp;

use super::error::LabError;
use super::narration::count;
use super::stage::{LOOK, PATIENCE, Round, Stage};
use crate::cast::{Mailbox, Side, mailboxes};
use crate::faults::{Act, ExpectedEvent, Fault};
use crate::observe::TellingEvent;
use crate::process::Process;
use crate::program::{CommandError, shown};

/// Mail must flow again so soon after the cure.
pub(crate) const RECOVERY_LIMIT: Duration = Duration::from_millis(5000);

/// Codes with which the doctor may end: healthy, or something found.
const DOCTOR_CODES: &[i32] = &[0, 1];

impl Stage {
    /// Puts the fault in; no association from before stands any more then.
    pub(crate) async fn put_in(&mut self, fault: &Fault) -> Result<(), LabError> {
        self.narrator.tell(&self.cast().told(fault.what));
        // One that is cut would show as such, and not as a call that cannot be made.
        self.await_no_association().await?;
        self.act_all(fault.put_in).await?;
        self.await_no_association().await
    }

    /// Does one thing after the other.
    pub(crate) async fn act_all(&mut self, acts: &[Act]) -> Result<(), LabError> {
        for act in acts {
            self.act(act).await?;
        }
        Ok(())
    }

    async fn act(&mut self, act: &Act) -> Result<(), LabError> {
        match *act {
            Act::Run(side, words) => self.order(side, words, &[0]).await,
            Act::Fails(side, words) => self.order(side, words, &[1]).await,
            Act::Stop(side) => {
                // In a quiet moment: an association that is cut would show as such, and the next mail waits for a retry.
                self.await_no_association().await?;
                self.stop(side).await;
                let name = self.name(side);
                self.narrator.timed(&format!("{name} has stopped"));
                Ok(())
            }
            Act::Restart(side) => self.restart(side).await,
            Act::Write(side, name, text) => {
                let path = self.organisation.folder(side).join(name);
                let text = self.cast().told(text);
                self.narrator.tell(&format!("{} says now: {}", path.display(), text.trim_end()));
                written(&path, std::fs::write(&path, text))
            }
            Act::Replace(side, from, to) => {
                let path = self.organisation.config(side);
                let (from, to) = (self.filled(from)?, self.filled(to)?);
                self.narrator.tell(&format!(
                    "in {}: {} becomes {}",
                    path.display(),
                    from.trim().replace('\n', "; "),
                    to.trim().replace('\n', "; ")
                ));
                let changed = std::fs::read_to_string(&path)
                    .and_then(|text| std::fs::write(&path, text.replace(&from, &to)));
                written(&path, changed)
            }
            Act::Filter(side, rule) => {
                let line = format!(
                    "nft 'add table inet fault; add chain inet fault in {{ type filter hook input priority 0; }}; add rule inet fault in {rule}'"
                );
                self.shell(side, &line).await
            }
            Act::Shell(side, line) => self.shell(side, line).await,
            Act::ChangeKey(side) => {
                if let Some(kdc) = &self.kdc {
                    kdc.change_key(self.cast().host(side)).await?;
                } else if let Some(directory) = &self.directory {
                    directory.change_key(side).await?;
                }
                Ok(())
            }
            Act::Begin(name, side, words) => self.begin(name, side, words).await,
            Act::End(name) => {
                if let Some(process) = self.helpers.remove(name) {
                    process.stop().await;
                }
                Ok(())
            }
            Act::Hang(side) => {
                self.hang(side, true);
                Ok(())
            }
            Act::GoOn(side) => {
                self.hang(side, false);
                Ok(())
            }
            Act::Pose(side, as_what) => {
                self.disguises[side.index()].old_ntlm = as_what;
                self.restart(side).await
            }
            Act::Clock(side, off) => {
                self.disguises[side.index()].clock = off;
                self.restart(side).await
            }
        }
    }

    async fn restart(&mut self, side: Side) -> Result<(), LabError> {
        // In a quiet moment, as one would choose it.
        self.await_no_association().await?;
        self.stop(side).await;
        self.start_again(side).await?;
        let (name, how) = (self.name(side), self.disguises[side.index()].told());
        self.narrator.timed(&format!("{name} was started again{how}"));
        Ok(())
    }

    fn hang(&mut self, side: Side, hang: bool) {
        if let Some(process) = self.process(side) {
            process.hang(hang);
        }
        self.hung.retain(|one| *one != side);
        if hang {
            self.hung.push(side);
        }
        let what = if hang { "is stopped where it stands" } else { "goes on" };
        self.narrator.timed(&format!("the process of {} {what}", self.name(side)));
    }

    /// Starts what somebody else runs beside a server, and waits until it says that it is ready.
    async fn begin(
        &mut self,
        name: &'static str,
        side: Side,
        words: &[&str],
    ) -> Result<(), LabError> {
        let root = self.organisation.folder(side);
        let (ready, log) = (root.join(format!("{name}.ready")), root.join(format!("{name}.log")));
        let mut arguments = Vec::new();
        for word in words {
            arguments.push(self.filled(word)?);
        }
        arguments.extend(owned(&["--ready-file", &ready.to_string_lossy()]));
        self.narrator.tell(&format!("$ {} &", shown(arguments.iter().map(AsRef::as_ref))));
        let mut command = self.program_at(side).command();
        command.args(&arguments);
        let failed = |source| LabError::Start { side: name.to_owned(), source };
        let process = Process::start(command, &log).map_err(failed)?;
        self.helpers.insert(name, process);
        let deadline = Instant::now() + PATIENCE;
        while !ready.exists() {
            let ended = self.helpers.get_mut(name).and_then(Process::ended);
            if ended.is_some() || Instant::now() > deadline {
                let tail = self.helpers.get(name).map_or_else(String::new, Process::log_tail);
                let status = ended.unwrap_or_else(|| "nothing".to_owned());
                return Err(LabError::Died { side: name.to_owned(), status, log, tail });
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Runs a shell's line where a server lives.
    async fn shell(&mut self, side: Side, line: &str) -> Result<(), LabError> {
        let line = self.filled(line)?;
        self.narrator.tell(&format!("{}# {line}", self.name(side)));
        let run = self.program_at(side).run_line(&line).await;
        let doing = "what is done beside the servers".to_owned();
        run.map(drop).map_err(|source| LabError::Command { doing, source })
    }

    /// Runs a command on a server.
    async fn order(&mut self, side: Side, words: &[&str], fine: &[i32]) -> Result<(), LabError> {
        let mut arguments = Vec::new();
        for word in words {
            arguments.push(self.filled(word)?);
        }
        // The commands that ask other hosts have no server of their own.
        if words.first() != Some(&"rpc") {
            let config = self.organisation.config(side);
            arguments.extend(owned(&["-c", &config.to_string_lossy()]));
        }
        self.narrator.tell(&format!("$ {}", shown(arguments.iter().map(AsRef::as_ref))));
        // A server that is started lives where it always does; what asks it finds its socket anywhere.
        let program = match words.first() {
            Some(&"serve") => self.program_at(side),
            _ => self.program_of(side),
        };
        let run = program.run(&arguments, fine).await;
        let doing = "an order of the laboratory".to_owned();
        run.map(drop).map_err(|source| LabError::Command { doing, source })
    }

    /// A word of an order with what its marks stand for.
    fn filled(&mut self, word: &str) -> Result<String, LabError> {
        let mut out = self.cast().told(word);
        if out.contains("{changed}") {
            self.changed += 1;
            let file =
                self.organisation.write_password(&format!("changed{}.password", self.changed))?;
            out = out.replace("{changed}", &file.to_string_lossy());
        }
        let nowhere = self.organisation.nowhere().to_string();
        out = out.replace("{nowhere}", &nowhere);
        for side in Side::BOTH {
            let organisation = &self.organisation;
            let listeners = organisation.listeners(side);
            let marks = [
                ("password", organisation.password_file(side).display().to_string()),
                ("network", organisation.network(side)),
                ("address", listeners.address.to_string()),
                ("mapper", listeners.mapper.to_string()),
                ("lower", self.cast().name(side).to_ascii_lowercase()),
                ("folder", organisation.folder(side).display().to_string()),
                ("smtp", listeners.smtp().to_string()),
                (
                    "mailbox",
                    first_mailbox(side).map_or_else(String::new, |one| one.name.to_owned()),
                ),
                (
                    "pid",
                    self.process(side)
                        .and_then(Process::id)
                        .map_or_else(String::new, |id| id.to_string()),
                ),
            ];
            for (mark, text) in marks {
                out = out.replace(&format!("{{{}.{mark}}}", side.folder()), &text);
            }
        }
        Ok(out)
    }

    /// An association that stands knows nothing of the fault; without mail it is released soon.
    pub(crate) async fn await_no_association(&mut self) -> Result<(), LabError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut open = 0;
            for side in self.running().collect::<Vec<_>>() {
                let rows = self.observer(side).open_associations().await;
                open += rows.map_err(|error| self.unanswered(side, error))?;
            }
            if open == 0 {
                return Ok(());
            }
            if Instant::now() > deadline {
                let seconds = PATIENCE.as_secs();
                self.problem(format!(
                    "associations from before the fault still stand after {seconds} s"
                ));
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until exactly the mail that must stop has stopped and the events are logged; what is missing then is a problem.
    pub(crate) async fn await_symptoms(
        &mut self,
        fault: &Fault,
        round: &Round,
        since: Timestamp,
    ) -> Result<Vec<TellingEvent>, LabError> {
        let pairs = fault.stopped(self.cast().sides());
        let stopped: usize = pairs.iter().map(|(from, to)| round.deliveries(*from, *to)).sum();
        let flowing = self.ledger.sent() - stopped;
        let deadline = Instant::now() + PATIENCE;
        let mut told = vec![0; pairs.len()];
        loop {
            self.read_maildirs()?;
            let mut missing = Vec::new();
            for ((from, to), told) in pairs.iter().copied().zip(&mut told) {
                let (wanted, waiting) =
                    (round.messages(from, to), self.waiting_for(from, to).await?);
                let (on, peer) = (self.name(from), self.name(to));
                if waiting > *told {
                    *told = waiting;
                    let messages = count(waiting, "message");
                    self.narrator.timed(&format!("queue on {on} for {peer}: {messages}"));
                }
                if waiting < wanted {
                    let messages = count(waiting, "message");
                    missing.push(format!("{on} holds {messages} of the {wanted} that must wait"));
                }
            }
            if self.ledger.delivered() != flowing {
                let delivered = self.ledger.delivered();
                missing.push(format!("{delivered} deliveries where {flowing} must have flowed"));
            }
            let events = self.telling_events(since).await?;
            let unmet = self.unmet(fault.expected, &events);
            missing.extend(unmet.map(|event| format!("no {}", self.cast().told(&event))));
            if missing.is_empty() || Instant::now() > deadline {
                missing.into_iter().for_each(|text| self.problem(text));
                return Ok(events);
            }
            self.check_alive()?;
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The expectations that no event meets.
    fn unmet(
        &self,
        expected: &'static [ExpectedEvent],
        events: &[TellingEvent],
    ) -> impl Iterator<Item = String> {
        let met = |one: &ExpectedEvent| {
            let server = self.cast().name(one.server);
            events.iter().any(|event| event.is(one, server))
        };
        let unmet: Vec<String> =
            expected.iter().filter(|one| !met(one)).map(ToString::to_string).collect();
        unmet.into_iter()
    }

    async fn waiting_for(&mut self, side: Side, other: Side) -> Result<u64, LabError> {
        let peer = self.name(other);
        let waiting = self.observer(side).waiting_for(&peer).await;
        waiting.map_err(|error| self.unanswered(side, error))
    }

    /// What was logged by the servers that run.
    pub(crate) async fn telling_events(
        &mut self,
        since: Timestamp,
    ) -> Result<Vec<TellingEvent>, LabError> {
        let mut events = Vec::new();
        for side in self.running().collect::<Vec<_>>() {
            let found = self.observer(side).telling_events(since).await;
            events.extend(found.map_err(|error| self.unanswered(side, error))?);
        }
        Ok(events)
    }

    /// Tells each sort of event once.
    pub(crate) fn tell_events(&self, events: &[TellingEvent]) {
        let mut told: Vec<String> = Vec::new();
        for event in events {
            let codes = event.codes();
            if !told.contains(&codes) {
                self.narrator.tell(&format!("{codes}:\n    {}", event.text));
                told.push(codes);
            }
        }
    }

    /// Asks the doctor while nothing is wrong: a false alarm is a problem.
    pub(crate) async fn ask_for_health(&mut self, side: Side) -> Result<(), LabError> {
        let answer = self.doctor(side).await?;
        match answer.first() {
            None => {
                let name = self.name(side);
                self.narrator.timed(&format!("the doctor, asked on {name}: healthy"));
            }
            Some(diagnosis) => {
                let slug = diagnosis.cause.slug();
                self.problem(format!("a false alarm: the doctor said {slug} before any fault"));
            }
        }
        Ok(())
    }

    /// Shows what the doctor tells a person who asks on this server.
    pub(crate) async fn show_doctor(&self, side: Side) -> Result<(), LabError> {
        let arguments = self.doctor_arguments(side);
        self.narrator.tell(&format!("$ {}", shown(arguments.iter().map(AsRef::as_ref))));
        let told =
            self.program_at(side).run(&arguments, DOCTOR_CODES).await.map_err(asking_failed)?;
        self.narrator.tell(&String::from_utf8_lossy(&told.stdout));
        Ok(())
    }

    /// Sends a message to an address beyond the organisation's domains; `mailbox` is whose it is if it arrives, and no one's if it is to
    /// come back.
    pub(crate) async fn send_beyond(
        &mut self,
        from: Side,
        to: &str,
        arrives_at: Option<Side>,
    ) -> Result<(), LabError> {
        let to = self.filled(to)?;
        let subject = if arrives_at.is_some() { "arrives" } else { "comes back" };
        let content = format!("Subject: {subject}\r\n\r\n{}\r\n", "a line of text. ".repeat(20));
        let file = self.organisation.root.join("beyond.eml");
        written(&file, std::fs::write(&file, &content))?;
        match arrives_at {
            Some(side) => {
                let mailboxes: Vec<Mailbox> = first_mailbox(side).into_iter().collect();
                self.ledger.enter(&content.as_bytes().into(), None, &mailboxes);
            }
            None => self.ledger.expect_report(),
        }
        let file = file.to_string_lossy().into_owned();
        self.order(from, &["send", &file, "--to", &to], &[0]).await
    }

    /// Waits until a report that was expected has come.
    pub(crate) async fn await_report(&mut self) -> Result<(), LabError> {
        let deadline = Instant::now() + PATIENCE;
        while self.ledger.expects_report() {
            self.read_maildirs()?;
            if Instant::now() > deadline {
                self.problem("no report came back".to_owned());
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Waits until the doctor finds nothing any more, for as long as a recovery may take.
    pub(crate) async fn await_health(&mut self, side: Side) -> Result<(), LabError> {
        let begun = Instant::now();
        while !self.doctor(side).await?.is_healthy() {
            if begun.elapsed() > RECOVERY_LIMIT {
                self.problem("the doctor still finds something after the remedy".to_owned());
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Asks the doctor, a process that knows no more than its configuration.
    pub(crate) async fn doctor(&self, side: Side) -> Result<Answer, LabError> {
        let arguments = self.doctor_arguments(side).into_iter().chain(owned(&["--json"]));
        let output =
            self.program_at(side).run(arguments, DOCTOR_CODES).await.map_err(asking_failed)?;
        serde_json::from_slice(&output.stdout).map_err(LabError::Doctor)
    }

    fn doctor_arguments(&self, side: Side) -> Vec<String> {
        owned(&["doctor", "-c", &self.organisation.config(side).to_string_lossy()])
    }

    /// Carries out the remedy, its commands word for word, and waits for the stopped mail: how long it took, if it came.
    pub(crate) async fn cure(
        &mut self,
        fault: &Fault,
        remedy: &[Remedy],
    ) -> Result<Option<Duration>, LabError> {
        let lines: Vec<String> = remedy.iter().filter_map(|one| one.command.clone()).collect();
        if lines.is_empty() && fault.cure.is_empty() {
            self.problem("the remedy has no command".to_owned());
            return Ok(None);
        }
        let wanted = self.ledger.sent();
        let before = self.ledger.delivered();
        self.act_all(fault.cure).await?;
        for line in &lines {
            self.narrator.tell(&format!("$ {line}"));
            if let Err(error) = self.carry_out(line).await? {
                self.problem(format!("the remedy failed: {error}"));
            }
        }
        let cured = Instant::now();
        let flows = self.await_deliveries(wanted).await?;
        let took = cured.elapsed();
        if !flows {
            let missing = self.ledger.lost();
            self.problem(format!(
                "mail does not flow after the remedy: {missing} deliveries are missing"
            ));
            return Ok(None);
        }
        let deliveries = self.ledger.delivered() - before;
        let ms = took.as_millis();
        self.narrator.timed(&format!(
            "mail flows: {deliveries} stopped deliveries arrived {ms} ms after the last command"
        ));
        if took > RECOVERY_LIMIT {
            let allowed = RECOVERY_LIMIT.as_millis();
            self.problem(format!("recovery took {ms} ms, and {allowed} are allowed"));
        }
        Ok(Some(took))
    }

    /// Rotates the password of a server's account, on it and on every other server.
    pub(crate) async fn rotate(&mut self, side: Side, no_overlap: bool) -> Result<(), LabError> {
        let mut arguments = owned(&["account", "rotate", self.cast().account(side), "--generate"]);
        for other in self.cast().others(side) {
            let config = self.organisation.config(other);
            arguments.extend(owned(&["--on", &config.to_string_lossy()]));
        }
        if no_overlap {
            arguments.extend(owned(&["--no-overlap"]));
        }
        let config = self.organisation.config(side);
        arguments.extend(owned(&["-c", &config.to_string_lossy()]));
        self.narrator.tell(&format!("$ {}", shown(arguments.iter().map(AsRef::as_ref))));
        let run = self.program.run(&arguments, &[0]).await;
        let doing = "a rotation".to_owned();
        run.map(drop).map_err(|source| LabError::Command { doing, source })
    }

    /// Runs one line of a remedy in a shell; a server that it starts becomes that server's process.
    async fn carry_out(&mut self, line: &str) -> Result<Result<(), String>, LabError> {
        if !line.starts_with("bindback serve ") {
            return Ok(self
                .program_of(Side::East)
                .run_line(line)
                .await
                .map(drop)
                .map_err(|error| error.to_string()));
        }
        let started = self
            .sides()
            .into_iter()
            .find(|side| line.contains(&*self.organisation.config(*side).to_string_lossy()));
        match started {
            Some(side) if !self.runs(side) => {
                // The shell makes room for the server, so that its end is the server's end.
                let command = self.program_at(side).shell(&format!("exec {line}"));
                self.start_with(side, command).map(Ok)
            }
            Some(side) => Ok(Err(format!("{} runs already", self.name(side)))),
            None => Ok(Err("it starts a server that is none of these".to_owned())),
        }
    }
}

fn first_mailbox(side: Side) -> Option<Mailbox> {
    mailboxes(side).next()
}

fn asking_failed(source: CommandError) -> LabError {
    LabError::Command { doing: "asking the doctor".to_owned(), source }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn written(path: &Path, done: std::io::Result<()>) -> Result<(), LabError> {
    let path = path.to_owned();
    done.map_err(|source| LabError::Folder { action: "write", path, source })
}
