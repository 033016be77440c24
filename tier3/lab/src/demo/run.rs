//! The steps, in order.

use jiff::Timestamp;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::error::DemoError;
use super::narration::{Narrator, count};
use super::report::{DemoOptions, DemoReport, FaultReport};
use super::stage::Stage;
use super::workplace::Workplace;
use crate::faults::{self, Fault, PutIn};
use crate::letters::Letters;
use crate::organisation::{MAILBOXES, Side, mailboxes};
use crate::program::quoted;

/// Carries out a demo from beginning to end.
///
/// # Errors
/// It could not be carried out, or was interrupted; no server is left running then. What it found to be wrong stands in the report.
pub async fn run(options: DemoOptions) -> Result<DemoReport, DemoError> {
    let fault = faults::find(options.carrier, options.fault)
        .ok_or(DemoError::UnknownFault(options.carrier, options.fault))?;
    let letters = Letters::read(&options.files)?;
    let mut signals = Signals::listen()?;
    let narrator = Narrator::new(options.json);
    let workplace = Workplace::make(options.dir.as_deref())?;
    let result = tokio::select! {
        result = play(&options, fault, letters, (&narrator, &workplace)) => result,
        () = signals.next() => Err(DemoError::Interrupted),
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

/// All steps up to the last mail.
async fn play(
    options: &DemoOptions,
    fault: &'static Fault,
    letters: Letters,
    place: (&Narrator, &Workplace),
) -> Result<(Stage, FaultReport), DemoError> {
    let (narrator, workplace) = place;
    narrator.step("Two servers, EAST and WEST, each a process of its own");
    let mut stage = Stage::set(narrator, workplace, letters, options.carrier).await?;
    introduce(&stage)?;
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
    let entering = if fault.put_in == PutIn::Stop { &[Side::West][..] } else { &Side::BOTH };
    let round = stage.send_round(entering).await?;
    narrator.timed(&format!("{} handed in", count(round.crossing.iter().sum(), "message")));
    report.events = stage.await_symptoms(fault, round, since).await?;
    stage.tell_events(&report.events);

    narrator.step(&format!("3. The doctor, asked on {}", fault.ask));
    let Some(diagnosis) = stage.ask_doctor(fault).await? else { return Ok((stage, report)) };
    report.diagnosed = Some(diagnosis.cause);
    report.remedy = diagnosis.remedy;

    narrator.step("4. The remedy, word for word");
    stage.cure(&mut report).await?;
    if report.recovery_ms.is_none() {
        return Ok((stage, report));
    }

    narrator.step("5. Mail both ways again, and the count");
    stage.send_round(&Side::BOTH).await?;
    if stage.await_all().await? {
        tell_deliveries(&stage);
    }
    Ok((stage, report))
}

/// Leaves the servers to whoever wants to look at them, stops them and counts for the last time.
async fn close(
    options: &DemoOptions,
    mut stage: Stage,
    fault: FaultReport,
    signals: &mut Signals,
) -> Result<DemoReport, DemoError> {
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
        () = signals.next() => return Err(DemoError::Interrupted),
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

fn introduce(stage: &Stage) -> Result<(), DemoError> {
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
        from.address(),
        to.address()
    ));
    let inbox = stage.organisation.maildir(to).join("new");
    narrator.tell(&format!("ls -l {}", quoted(&inbox.to_string_lossy())));
    let all: Vec<String> =
        Side::BOTH.into_iter().flat_map(mailboxes).map(|mailbox| mailbox.address()).collect();
    narrator.tell(&format!("(mailboxes: {})", all.join(", ")));
}

/// Ctrl-C and the request of a service manager to stop.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> Result<Self, DemoError> {
        let listen = |kind| signal(kind).map_err(DemoError::Signals);
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
