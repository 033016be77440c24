//! The steps, in order.

use std::time::Instant;

use jiff::Timestamp;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::report::{DemoOptions, DemoReport, FaultReport};
use crate::cast::{MAILBOXES, Side};
use crate::directory_server::{DirectoryKind, DirectoryPlan, OVERRIDES};
use crate::engine::{LabError, Narrator, RECOVERY_LIMIT, Setup, Stage, Workplace, count};
use crate::faults::{self, Fault};
use crate::kdc::KdcPlan;
use crate::letters::Letters;
use crate::organisation::Auth;
use crate::program::quoted;

/// Seconds that an association of a demo stays open without mail.
const IDLE_S: u32 = 2;

/// Carries out a demo from beginning to end.
///
/// # Errors
/// It could not be carried out, or was interrupted; no server is left running then. What it found to be wrong stands in the report.
pub async fn run(options: DemoOptions) -> Result<DemoReport, LabError> {
    let fault = chosen(&options)?;
    if options.auth == Auth::Kerberos && !options.directory.has_accounts() {
        KdcPlan::look()?;
    }
    DirectoryPlan::look(options.directory, options.auth)?;
    let letters = Letters::read(&options.files)?;
    let mut signals = Signals::listen()?;
    let narrator = Narrator::new(options.json);
    let workplace = Workplace::make(options.dir.as_deref())?;
    let result = tokio::select! {
        result = play(&options, fault, letters, (&narrator, &workplace)) => result,
        () = signals.next() => Err(LabError::Interrupted),
    };
    let result = match result {
        Ok((stage, report)) => close(&options, stage, report, &mut signals).await,
        Err(error) => Err(error),
    };
    let well = result.as_ref().is_ok_and(DemoReport::success);
    if !(options.once && well && workplace.remove()) {
        narrator.tell(&format!("Everything is kept in {}", workplace.root().display()));
    }
    result
}

/// The fault that is asked for, where it can be put in.
fn chosen(options: &DemoOptions) -> Result<&'static Fault, LabError> {
    let DemoOptions { carrier, auth, directory, fault: cause, .. } = *options;
    if directory.has_accounts() {
        return faults::find_in_domain(directory, auth, cause).ok_or_else(|| {
            LabError::WithThisDirectory { cause, known: faults::slugs_in_domain(directory, auth) }
        });
    }
    let found = match auth {
        Auth::Ntlm => faults::find(carrier, cause),
        Auth::Kerberos => faults::find_with_kerberos(cause),
    };
    found.ok_or(match faults::find(carrier, cause) {
        Some(_) => LabError::WithNtlmAlone(cause),
        None => LabError::UnknownFault(carrier, cause),
    })
}

/// All steps up to the last mail.
async fn play(
    options: &DemoOptions,
    fault: &'static Fault,
    letters: Letters,
    place: (&Narrator, &Workplace),
) -> Result<(Stage, FaultReport), LabError> {
    let (narrator, workplace) = place;
    narrator.step("Two servers, EAST and WEST, each a process of its own");
    let DemoOptions { carrier, auth, directory, .. } = *options;
    let setup = Setup {
        cast: directory.cast(),
        carrier,
        auth,
        set: fault.set,
        idle_s: IDLE_S,
        wired: false,
        directory,
    };
    let mut stage = Stage::set(narrator, workplace, letters, setup).await?;
    introduce(&stage)?;
    if directory == DirectoryKind::TwoDomains {
        narrator.step(
            "Neither domain trusts the other: each connector gets an account of the other side",
        );
        stage.act_all(&OVERRIDES).await?;
    }
    let mut report = FaultReport::new(options.fault);

    narrator.step("1. Real mail, both ways");
    stage.send_round(&Side::BOTH).await?;
    if !stage.await_all().await? {
        return Ok((stage, report));
    }
    tell_deliveries(&stage);
    stage.ask_for_health(fault.ask).await?;

    narrator.step(&format!("2. A fault: {}", fault.title));
    let since = Timestamp::now();
    stage.put_in(fault).await?;
    let entering: Vec<Side> = Side::BOTH.into_iter().filter(|side| stage.runs(*side)).collect();
    let round = stage.send_round(&entering).await?;
    narrator.timed(&format!("{} handed in", count(round.across, "message")));
    report.events = stage.await_symptoms(fault, &round, since).await?;
    stage.tell_events(&report.events);

    narrator.step(&format!("3. The doctor, asked on {}", fault.ask));
    if !diagnose(&mut stage, fault, &mut report).await? {
        return Ok((stage, report));
    }

    narrator.step("4. The remedy, word for word");
    let Some(took) = stage.cure(fault, &report.remedy).await? else { return Ok((stage, report)) };
    report.recovery_ms = Some(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
    report.recovered = took <= RECOVERY_LIMIT;

    narrator.step("5. Mail both ways again, and the count");
    stage.send_round(&Side::BOTH).await?;
    if stage.await_all().await? {
        tell_deliveries(&stage);
    }
    Ok((stage, report))
}

/// Asks the doctor and shows what it tells a person; says whether it named any cause.
async fn diagnose(
    stage: &mut Stage,
    fault: &Fault,
    report: &mut FaultReport,
) -> Result<bool, LabError> {
    let asked = Instant::now();
    let answer = stage.doctor(fault.ask).await?;
    let seconds = asked.elapsed().as_secs_f64();
    stage.show_doctor(fault.ask).await?;
    let undecided = answer.undecided;
    let Some(diagnosis) = answer.diagnoses.into_iter().next() else {
        stage.problem("the doctor found nothing".to_owned());
        return Ok(false);
    };
    stage.narrator.timed(&format!("diagnosed in {seconds:.2} s: {}", diagnosis.cause.slug()));
    if diagnosis.cause != fault.cause {
        let (said, put_in) = (diagnosis.cause.slug(), fault.cause.slug());
        stage.problem(format!("the doctor said {said} where {put_in} was put in"));
    }
    if undecided {
        stage.problem("the doctor is undecided".to_owned());
    }
    report.diagnosed = Some(diagnosis.cause);
    report.remedy = diagnosis.remedy;
    Ok(true)
}

/// Leaves the servers to whoever wants to look at them, stops them and counts for the last time.
async fn close(
    options: &DemoOptions,
    mut stage: Stage,
    fault: FaultReport,
    signals: &mut Signals,
) -> Result<DemoReport, LabError> {
    let narrator = stage.narrator.clone();
    if !options.once {
        invite(&stage);
        signals.next().await;
        narrator.step("Stopping");
    }
    let stopped = async {
        for side in Side::BOTH {
            stage.stop(side).await;
        }
    };
    tokio::select! {
        () = stopped => {}
        // Asked twice: what still runs is killed when the stage goes.
        () = signals.next() => return Err(LabError::Interrupted),
    }
    if options.once {
        stage.read_maildirs()?;
    }
    let servers = stage.servers();
    let problems = std::mem::take(&mut stage.problems);
    let report = DemoReport::new(&stage.ledger, servers, fault, problems, narrator.seconds());
    narrator.step(&format!(
        "{}: sent {}, delivered {}, reported {}, lost {}, duplicated {}",
        if report.success() { "All is well" } else { "NOT all is well" },
        report.sent,
        report.delivered,
        report.reported,
        report.lost,
        report.duplicated,
    ));
    report.problems.iter().for_each(|problem| narrator.tell(problem));
    Ok(report)
}

fn introduce(stage: &Stage) -> Result<(), LabError> {
    for server in stage.servers() {
        let pid = server.pid.map_or_else(String::new, |pid| format!(", process {pid}"));
        stage.narrator.timed(&format!("{} runs{pid}: {}", server.name, server.config.display()));
    }
    stage.narrator.tell("What the file of EAST sets (its comments explain every key):");
    stage.narrator.tell(&stage.configuration(Side::East)?);
    Ok(())
}

fn tell_deliveries(stage: &Stage) {
    let (delivered, sent) = (stage.ledger.delivered(), stage.ledger.sent());
    stage.narrator.timed(&format!(
        "{delivered} of {sent} delivered, each compared octet by octet: lost {}, duplicated {}",
        stage.ledger.lost(),
        stage.ledger.duplicated()
    ));
}

/// How to look at the servers.
fn invite(stage: &Stage) {
    let narrator = &stage.narrator;
    let program = quoted(&stage.program.exe().to_string_lossy());
    narrator.step("Both servers stay up. Look at them from another terminal, end with Ctrl-C:");
    for side in Side::BOTH {
        let config = quoted(&stage.organisation.config(side).to_string_lossy());
        for command in ["ltab", "queue list", "events --follow"] {
            narrator.tell(&format!("{program} {command} -c {config}"));
        }
    }
    let (from, to) = (MAILBOXES[0], MAILBOXES[2]);
    let smtp = stage.organisation.listeners(from.side).smtp();
    narrator.tell(&format!(
        "printf 'Subject: hello\\r\\n\\r\\nHello.\\r\\n' | curl smtp://{smtp} --mail-from {} --mail-rcpt {} --upload-file -",
        stage.cast().address(from),
        stage.cast().address(to)
    ));
    let inbox = stage.organisation.maildir(to).join("new");
    narrator.tell(&format!("ls -l {}", quoted(&inbox.to_string_lossy())));
    let all: Vec<String> =
        stage.cast().mailboxes().map(|mailbox| stage.cast().address(mailbox)).collect();
    narrator.tell(&format!("(mailboxes: {})", all.join(", ")));
}

/// Ctrl-C and the request of a service manager to stop.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> Result<Self, LabError> {
        let listen = |kind| signal(kind).map_err(LabError::Signals);
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
