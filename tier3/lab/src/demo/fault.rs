//! The fault: put in, seen, diagnosed, cured.

use std::time::Instant;

use finding::{Answer, Diagnosis};
use jiff::Timestamp;

use super::error::DemoError;
use super::narration::count;
use super::report::{FaultReport, RECOVERY_LIMIT_MS};
use super::stage::{LOOK, PATIENCE, Round, Stage};
use crate::faults::{ExpectedEvent, Fault, PutIn};
use crate::observe::TellingEvent;
use crate::organisation::{ROLE, Side};
use crate::program::{CommandError, shown};

/// Where the demo's directory has its connectors.
const CONNECTIONS: &str = "/O=Demo/OU=HQ/CN=Configuration/CN=Connections";

/// Codes with which the doctor may end: healthy, or something found.
const DOCTOR_CODES: &[i32] = &[0, 1];

impl Stage {
    /// Puts the fault in; no association from before stands any more then.
    pub(crate) async fn put_in(&mut self, fault: &Fault) -> Result<(), DemoError> {
        self.narrator.tell(fault.what);
        if fault.put_in == PutIn::Stop {
            // One that is cut would show as such, and not as a call that cannot be made.
            self.await_no_association().await?;
            self.stop(Side::East).await;
            self.narrator.timed("EAST has stopped");
            return Ok(());
        }
        for arguments in self.put_in_commands(fault.put_in)? {
            self.narrator.tell(&format!("$ {}", shown(arguments.iter().map(AsRef::as_ref))));
            let run = self.program.run(&arguments, &[0]).await;
            let doing = "putting the fault in".to_owned();
            run.map_err(|source| DemoError::Command { doing, source })?;
        }
        self.await_no_association().await
    }

    fn put_in_commands(&self, put_in: PutIn) -> Result<Vec<Vec<String>>, DemoError> {
        let account = Side::West.account();
        let config = self.organisation.config(Side::East);
        let on_east = |words: &[&str]| {
            owned(words).into_iter().chain(owned(&["-c", &config.to_string_lossy()])).collect()
        };
        Ok(match put_in {
            PutIn::StopAgent => vec![
                on_east(&["account", "revoke", account, "--role", ROLE]),
                on_east(&["directory", "agent", "stop"]),
                on_east(&["account", "grant", account, "--role", ROLE]),
            ],
            other => vec![self.put_in_arguments(other)?],
        })
    }

    fn put_in_arguments(&self, put_in: PutIn) -> Result<Vec<String>, DemoError> {
        let account = Side::West.account();
        let (on, words) = match put_in {
            PutIn::ChangePassword => {
                let file = self.organisation.write_password("changed.password")?;
                let file = file.to_string_lossy();
                (Side::East, owned(&["account", "set-password", account, "--password-file", &file]))
            }
            PutIn::ChangeMtaPassword => {
                let file = self.organisation.write_password("changed.password")?;
                let (file, west) = (file.to_string_lossy(), Side::West.name());
                let words = ["x400", "set-password", west, "--remote", "--password-file", &*file];
                (Side::East, owned(&words))
            }
            PutIn::RemoveAccount => (Side::East, owned(&["account", "remove", account])),
            PutIn::RevokeRole => {
                (Side::East, owned(&["account", "revoke", account, "--role", ROLE]))
            }
            PutIn::RemoveHostName => (Side::West, owned(&["hosts", "remove", Side::East.host()])),
            PutIn::RemoveBindBackName => {
                (Side::West, owned(&["hosts", "remove", Side::East.bind_back_host()]))
            }
            PutIn::CloseRpc => {
                let network = self.organisation.network(Side::West);
                (Side::East, owned(&["network", "remove", "rpc", &network]))
            }
            PutIn::DisableAccount => (Side::East, owned(&["account", "disable", account])),
            PutIn::ExpireAccount => (Side::East, owned(&["account", "expire", account])),
            PutIn::ExpirePassword => {
                (Side::East, owned(&["account", "expire", account, "--password"]))
            }
            PutIn::DenyNetworkLogon => {
                (Side::East, owned(&["account", "rights", account, "--network-logon", "deny"]))
            }
            PutIn::SetLegacyAccount => {
                let file = self.organisation.password_file(Side::West);
                let file = file.to_string_lossy();
                let mut words = owned(&["directory", "legacy-account", "set", "--account"]);
                words.extend(owned(&[r"DEMO\svc-wets", "--password-file", &file, "--untested"]));
                (Side::West, words)
            }
            PutIn::SetOverrideAccount => {
                let connector = format!("{CONNECTIONS}/CN={}", Side::East.name());
                let words = ["directory", "set", &connector, "overrideAccount", r"EAST\svc-mail"];
                (Side::West, owned(&words))
            }
            // Done by a signal, or with commands of its own.
            PutIn::Stop | PutIn::StopAgent => return Ok(Vec::new()),
        };
        let config = self.organisation.config(on);
        Ok(words.into_iter().chain(owned(&["-c", &config.to_string_lossy()])).collect())
    }

    /// An association that stands knows nothing of the fault; without mail it is released soon.
    async fn await_no_association(&mut self) -> Result<(), DemoError> {
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
        round: Round,
        since: Timestamp,
    ) -> Result<Vec<TellingEvent>, DemoError> {
        let stopped: usize =
            fault.stops.iter().map(|side| round.crossing_deliveries[side.index()]).sum();
        let flowing = self.ledger.sent() - stopped;
        let deadline = Instant::now() + PATIENCE;
        let mut told = [0; 2];
        loop {
            self.read_maildirs()?;
            let mut missing = Vec::new();
            for side in fault.stops {
                let (wanted, waiting) =
                    (round.crossing[side.index()], self.waiting_for_peer(*side).await?);
                if waiting > told[side.index()] {
                    told[side.index()] = waiting;
                    let peer = side.other();
                    self.narrator.timed(&format!(
                        "queue on {side} for {peer}: {}",
                        count(waiting, "message")
                    ));
                }
                if waiting < wanted {
                    missing.push(format!(
                        "{side} holds {} of the {wanted} that must wait",
                        count(waiting, "message")
                    ));
                }
            }
            if self.ledger.delivered() != flowing {
                let delivered = self.ledger.delivered();
                missing.push(format!("{delivered} deliveries where {flowing} must have flowed"));
            }
            let events = self.telling_events(since).await?;
            missing.extend(unmet(fault.expected, &events).map(|event| format!("no {event}")));
            if missing.is_empty() || Instant::now() > deadline {
                missing.into_iter().for_each(|text| self.problem(text));
                return Ok(events);
            }
            self.check_alive()?;
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn waiting_for_peer(&mut self, side: Side) -> Result<u64, DemoError> {
        let waiting = self.observer(side).waiting_for_peer().await;
        waiting.map_err(|error| self.unanswered(side, error))
    }

    async fn telling_events(&mut self, since: Timestamp) -> Result<Vec<TellingEvent>, DemoError> {
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
    pub(crate) async fn ask_for_health(&mut self, side: Side) -> Result<(), DemoError> {
        let answer = self.doctor(side).await?;
        match answer.first() {
            None => self.narrator.timed(&format!("the doctor, asked on {side}: healthy")),
            Some(diagnosis) => {
                let slug = diagnosis.cause.slug();
                self.problem(format!("a false alarm: the doctor said {slug} before any fault"));
            }
        }
        Ok(())
    }

    /// Asks the doctor, a process that knows no more than its configuration.
    pub(crate) async fn ask_doctor(
        &mut self,
        fault: &Fault,
    ) -> Result<Option<Diagnosis>, DemoError> {
        let asked = Instant::now();
        let answer = self.doctor(fault.ask).await?;
        let seconds = asked.elapsed().as_secs_f64();
        let arguments = self.doctor_arguments(fault.ask);
        self.narrator.tell(&format!("$ {}", shown(arguments.iter().map(AsRef::as_ref))));
        let told = self.program.run(&arguments, DOCTOR_CODES).await.map_err(asking_failed)?;
        self.narrator.tell(&String::from_utf8_lossy(&told.stdout));
        let undecided = answer.undecided;
        let Some(diagnosis) = answer.diagnoses.into_iter().next() else {
            self.problem("the doctor found nothing".to_owned());
            return Ok(None);
        };
        self.narrator.timed(&format!("diagnosed in {seconds:.2} s: {}", diagnosis.cause.slug()));
        if diagnosis.cause != fault.cause {
            let (said, put_in) = (diagnosis.cause.slug(), fault.cause.slug());
            self.problem(format!("the doctor said {said} where {put_in} was put in"));
        }
        if undecided {
            self.problem("the doctor is undecided".to_owned());
        }
        Ok(Some(diagnosis))
    }

    async fn doctor(&self, side: Side) -> Result<Answer, DemoError> {
        let arguments = self.doctor_arguments(side).into_iter().chain(owned(&["--json"]));
        let output = self.program.run(arguments, DOCTOR_CODES).await.map_err(asking_failed)?;
        serde_json::from_slice(&output.stdout).map_err(DemoError::Doctor)
    }

    fn doctor_arguments(&self, side: Side) -> Vec<String> {
        owned(&["doctor", "-c", &self.organisation.config(side).to_string_lossy()])
    }

    /// Carries out the remedy word for word and waits for the stopped mail.
    pub(crate) async fn cure(&mut self, report: &mut FaultReport) -> Result<(), DemoError> {
        let lines: Vec<String> =
            report.remedy.iter().filter_map(|remedy| remedy.command.clone()).collect();
        if lines.is_empty() {
            self.problem("the remedy has no command".to_owned());
            return Ok(());
        }
        let wanted = self.ledger.sent();
        let before = self.ledger.delivered();
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
            return Ok(());
        }
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        report.recovery_ms = Some(ms);
        report.recovered = ms <= RECOVERY_LIMIT_MS;
        let deliveries = self.ledger.delivered() - before;
        self.narrator.timed(&format!(
            "mail flows: {deliveries} stopped deliveries arrived {ms} ms after the last command"
        ));
        if !report.recovered {
            self.problem(format!("recovery took {ms} ms, and {RECOVERY_LIMIT_MS} are allowed"));
        }
        Ok(())
    }

    /// Runs one line of a remedy in a shell; a server that it starts becomes that server's process.
    async fn carry_out(&mut self, line: &str) -> Result<Result<(), String>, DemoError> {
        if !line.starts_with("bindback serve ") {
            return Ok(self
                .program
                .run_line(line)
                .await
                .map(drop)
                .map_err(|error| error.to_string()));
        }
        let started = Side::BOTH
            .into_iter()
            .find(|side| line.contains(&*self.organisation.config(*side).to_string_lossy()));
        match started {
            Some(side) if !self.runs(side) => {
                // The shell makes room for the server, so that its end is the server's end.
                let command = self.program.shell(&format!("exec {line}"));
                self.start_with(side, command).map(Ok)
            }
            Some(side) => Ok(Err(format!("{side} runs already"))),
            None => Ok(Err("it starts a server that is none of the demo's".to_owned())),
        }
    }
}

fn asking_failed(source: CommandError) -> DemoError {
    DemoError::Command { doing: "asking the doctor".to_owned(), source }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// The expectations that no event meets.
fn unmet<'a>(
    expected: &'a [ExpectedEvent],
    events: &'a [TellingEvent],
) -> impl Iterator<Item = &'a ExpectedEvent> {
    expected.iter().filter(|one| !events.iter().any(|event| event.is(one)))
}
