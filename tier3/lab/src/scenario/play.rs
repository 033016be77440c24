//! One scenario from beginning to end.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use finding::Answer;
use jiff::Timestamp;

use super::report::{DIAGNOSIS_LIMIT_S, Healthy, LabReport, LabResult, Pairs};
use super::table::{self, Scenario};
use crate::cast::{Cast, Side};
use crate::chance::Chance;
use crate::directory_server::DirectoryKind;
use crate::engine::{LOOK, LabError, Narrator, PATIENCE, RECOVERY_LIMIT, Setup, Stage, Workplace};
use crate::faults::{Act, Fault};
use crate::letters::Letters;
use crate::organisation::{Auth, Carrier};

/// Rounds of a rotation under load.
const ROTATIONS: u32 = 5;

/// Seconds that an association stays open without mail: a scenario waits for it.
pub(super) const IDLE_S: u32 = 1;

/// Between two answers of the doctor while the symptoms come in.
const ASK_AGAIN: Duration = Duration::from_millis(250);

/// What is asked of `lab run`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunOptions {
    pub name: String,
    /// Decides names, number and order of the servers.
    pub seed: u64,
    /// Where to work, and to leave all for a look; else a new temporary folder.
    pub dir: Option<PathBuf>,
    /// Standard output is left to the report.
    pub json: bool,
}

/// Plays one scenario for a person to watch.
///
/// # Errors
/// It could not be carried out; no server is left running then. What was found to be wrong stands in the report.
pub async fn run(options: RunOptions) -> Result<LabReport, LabError> {
    let scenario = table::find(&options.name)?;
    let listed = scenario.listed();
    if let Some(why_not) = listed.why_not {
        return Err(LabError::NotRunnable { name: options.name, why_not });
    }
    let narrator = Narrator::new(options.json);
    let workplace = Workplace::make(options.dir.as_deref())?;
    let played = tokio::select! {
        played = play(scenario, options.seed, &narrator, &workplace) => played,
        () = super::interrupt::interrupted() => Err(LabError::Interrupted),
    };
    let well = played.as_ref().is_ok_and(LabResult::success);
    if !(well && workplace.remove()) {
        narrator.tell(&format!("Everything is kept in {}", workplace.root().display()));
    }
    let none = (Healthy::default(), Pairs::default());
    Ok(LabReport::new(options.seed, vec![played?], Vec::new(), none))
}

/// The servers of a scenario.
fn setup(scenario: Scenario, chance: &mut Chance) -> Setup {
    let (fault, carrier) = match scenario {
        Scenario::Fault(fault, carrier) | Scenario::Harmless(fault, carrier) => {
            (Some(fault), carrier)
        }
        Scenario::Rotation => (None, Carrier::Rpc),
    };
    let accounts = fault.map_or(&[][..], |fault| fault.accounts);
    let more = chance.below(3);
    let two_alone = !accounts.is_empty() || fault.is_some_and(|fault| fault.two_alone);
    let servers = match fault.map_or(0, |fault| fault.servers) {
        0 if two_alone => 2,
        0 => 2 + more,
        fixed => fixed,
    };
    let mut cast = Cast::random(chance, servers);
    let in_domains = fault.is_some_and(Fault::in_domains);
    let directory = if in_domains { DirectoryKind::TwoDomains } else { DirectoryKind::Embedded };
    if in_domains {
        // The domains have names of their own, and their servers these.
        cast = directory.cast();
    }
    for (side, account) in accounts {
        let account = cast.told(account);
        cast = cast.with_account(*side, &account);
    }
    Setup {
        cast,
        carrier,
        auth: if fault.is_some_and(Fault::by_kerberos) { Auth::Kerberos } else { Auth::Ntlm },
        set: fault.map_or(&[], |fault| fault.set),
        idle_s: IDLE_S,
        wired: fault.is_some_and(|fault| fault.wired),
        directory,
    }
}

/// A stage with mail that flows.
pub(super) async fn flowing(
    setup: Setup,
    narrator: &Narrator,
    workplace: &Workplace,
) -> Result<Stage, LabError> {
    let names: Vec<&str> = setup.cast.sides().iter().map(|side| setup.cast.name(*side)).collect();
    narrator.step(&format!("{}, each a process of its own", names.join(", ")));
    let mut stage = Stage::set(narrator, workplace, Letters::Short, setup).await?;
    try_again(&mut stage).await?;
    Ok(stage)
}

/// Who called another one before that was up would wait for a retry, which comes late on purpose.
async fn try_again(stage: &mut Stage) -> Result<(), LabError> {
    for side in stage.running().collect::<Vec<_>>() {
        stage.act_all(&[Act::Run(side, &["queue", "retry", "--all"])]).await?;
    }
    Ok(())
}

/// Plays a scenario in a folder.
pub(super) async fn play(
    scenario: Scenario,
    seed: u64,
    narrator: &Narrator,
    workplace: &Workplace,
) -> Result<LabResult, LabError> {
    let listed = scenario.listed();
    let setup = setup(scenario, &mut Chance::new(seed));
    let mut result = LabResult::new(listed.name, listed.cause, setup.cast.sides().len(), seed);
    let mut stage = flowing(setup, narrator, workplace).await?;
    match scenario {
        Scenario::Fault(fault, _) if fault.returned.is_some() => {
            play_returned(&mut stage, fault, &mut result).await?;
        }
        Scenario::Fault(fault, _) if fault.degrading => {
            play_degrading(&mut stage, fault, &mut result).await?;
        }
        Scenario::Fault(fault, _) => play_fault(&mut stage, fault, &mut result).await?,
        Scenario::Harmless(fault, _) => play_harmless(&mut stage, fault, &mut result).await?,
        Scenario::Rotation => play_rotation(&mut stage, &mut result).await?,
    }
    close(&mut stage, &mut result).await?;
    Ok(result)
}

async fn play_fault(
    stage: &mut Stage,
    fault: &Fault,
    result: &mut LabResult,
) -> Result<(), LabError> {
    let narrator = stage.narrator.clone();
    stage.act_all(fault.prepare).await?;
    narrator.step("1. Mail, between all of them");
    let sides = stage.sides();
    stage.send_round(&sides).await?;
    if !stage.await_all().await? {
        return Ok(());
    }
    stage.ask_for_health(fault.ask).await?;

    narrator.step(&format!("2. A fault: {}", fault.title));
    let since = Timestamp::now();
    stage.put_in(fault).await?;
    let round = stage.send_round(&taking(stage, fault)).await?;
    let early = ask_early(stage, fault, since, result).await?;
    let before = stage.problems.len();
    let events = stage.await_symptoms(fault, &round, since).await?;
    result.stopped = stage.problems.len() == before;
    stage.tell_events(&events);
    let mut known: Vec<String> = Vec::new();
    result.events = events;
    result.events.retain(|event| {
        let codes = event.codes();
        let new = !known.contains(&codes);
        known.push(codes);
        new
    });

    let asked = stage.name(fault.ask);
    narrator.step(&format!("3. The doctor, asked on {asked}"));
    let answer = stage.doctor(fault.ask).await?;
    stage.show_doctor(fault.ask).await?;
    result.take(&answer);
    if result.right && result.seconds_to_diagnosis.is_none() {
        result.seconds_to_diagnosis = Some(early.elapsed().as_secs_f64());
    }
    tell_judgement(stage, result);
    if !result.right {
        return Ok(());
    }

    narrator.step("4. The remedy, word for word");
    let remedy = result.remedy.clone();
    let Some(took) = stage.cure(fault, &remedy).await? else { return Ok(()) };
    result.recovery_s = Some(took.as_secs_f64());
    result.recovered = took <= RECOVERY_LIMIT;

    narrator.step("5. Mail again, and the count");
    if fault.takes_none {
        stage.await_health(fault.ask).await?;
    }
    stage.send_round(&sides).await?;
    stage.await_all().await?;
    Ok(())
}

/// Asks the doctor from the first failed attempt on, until it names the cause first; gives back when that attempt ended.
async fn ask_early(
    stage: &mut Stage,
    fault: &Fault,
    since: Timestamp,
    result: &mut LabResult,
) -> Result<Instant, LabError> {
    let deadline = Instant::now() + PATIENCE;
    let failed = loop {
        let events = stage.telling_events(since).await?;
        if let Some(first) = events.iter().map(|event| event.time).min() {
            // The clock of a server may be ahead of this one.
            let ago = Timestamp::now().duration_since(first);
            let ago = Duration::try_from(ago).unwrap_or_default();
            break Instant::now().checked_sub(ago).unwrap_or_else(Instant::now);
        }
        if Instant::now() > deadline {
            break deadline;
        }
        stage.check_alive()?;
        tokio::time::sleep(LOOK).await;
    };
    let is_right = |answer: &Answer| {
        !answer.undecided && answer.diagnoses.first().is_some_and(|best| best.cause == fault.cause)
    };
    loop {
        let answer = stage.doctor(fault.ask).await?;
        let best = answer.diagnoses.first().map(|best| best.cause);
        result.first_answer = result.first_answer.or(best);
        let taken = failed.elapsed().as_secs_f64();
        if is_right(&answer) {
            result.seconds_to_diagnosis = Some(taken);
            let slug = fault.cause.slug();
            stage
                .narrator
                .timed(&format!("{slug} is named {taken:.2} s after the first attempt failed"));
            return Ok(failed);
        }
        if taken > DIAGNOSIS_LIMIT_S {
            return Ok(failed);
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
}

fn tell_judgement(stage: &mut Stage, result: &LabResult) {
    let named = result.first.map_or("nothing", finding::Cause::slug);
    if result.right {
        stage.narrator.timed(&format!("right: {named}"));
    } else {
        let put_in = result.cause.map_or("nothing", finding::Cause::slug);
        stage.problem(format!("the doctor said {named} where {put_in} was put in"));
    }
}

/// The servers that take mail while the fault stands.
fn taking(stage: &Stage, fault: &Fault) -> Vec<Side> {
    stage.running().filter(|side| !(fault.takes_none && *side == Side::East)).collect()
}

/// Mail that comes back: the report is all that tells.
async fn play_returned(
    stage: &mut Stage,
    fault: &Fault,
    result: &mut LabResult,
) -> Result<(), LabError> {
    let Some((from, to, arrives_at)) = fault.returned else { return Ok(()) };
    let narrator = stage.narrator.clone();
    let sides = stage.sides();
    narrator.step("1. Mail, between all of them");
    stage.send_round(&sides).await?;
    if !stage.await_all().await? {
        return Ok(());
    }
    stage.ask_for_health(fault.ask).await?;
    narrator.step(&format!("2. A fault: {}", fault.title));
    let since = Timestamp::now();
    stage.put_in(fault).await?;
    stage.send_beyond(from, to, None).await?;
    try_again(stage).await?;
    stage.await_report().await?;
    let begun = Instant::now();
    narrator.step("3. The doctor");
    let answer = stage.doctor(fault.ask).await?;
    result.seconds_to_diagnosis = Some(begun.elapsed().as_secs_f64());
    stage.show_doctor(fault.ask).await?;
    result.take(&answer);
    result.stopped = true;
    result.events = stage.telling_events(since).await?;
    tell_judgement(stage, result);
    narrator.step("4. The remedy");
    stage.act_all(fault.cure).await?;
    let cured = Instant::now();
    stage.send_beyond(from, to, Some(arrives_at)).await?;
    try_again(stage).await?;
    let flows = stage.await_all().await?;
    result.recovery_s = Some(cured.elapsed().as_secs_f64());
    result.recovered = flows && cured.elapsed() <= RECOVERY_LIMIT;
    stage.send_round(&sides).await?;
    try_again(stage).await?;
    stage.await_all().await?;
    Ok(())
}

/// A line that gets bad: mail may crawl over it, and the measure is named all the same.
async fn play_degrading(
    stage: &mut Stage,
    fault: &Fault,
    result: &mut LabResult,
) -> Result<(), LabError> {
    let narrator = stage.narrator.clone();
    stage.act_all(fault.prepare).await?;
    narrator.step("1. Mail, between all of them");
    let sides = stage.sides();
    stage.send_round(&sides).await?;
    if !stage.await_all().await? {
        return Ok(());
    }
    stage.ask_for_health(fault.ask).await?;
    narrator.step(&format!("2. A fault: {}", fault.title));
    let since = Timestamp::now();
    stage.put_in(fault).await?;
    let begun = Instant::now();
    stage.send_round(&taking(stage, fault)).await?;
    let answer = loop {
        let answer = stage.doctor(fault.ask).await?;
        result.take(&answer);
        result.first_answer = result.first_answer.or(result.first);
        if result.right || begun.elapsed() > PATIENCE {
            break answer;
        }
        tokio::time::sleep(ASK_AGAIN).await;
    };
    (result.stopped, result.degrading) = (true, true);
    result.events = stage.telling_events(since).await?;
    narrator.step("3. The doctor");
    stage.show_doctor(fault.ask).await?;
    tell_judgement(stage, result);
    if !result.right {
        return Ok(());
    }
    result.seconds_to_diagnosis = Some(begun.elapsed().as_secs_f64());
    narrator.step("4. The remedy");
    let remedy = answer.diagnoses.first().map(|one| one.remedy.clone()).unwrap_or_default();
    let Some(took) = stage.cure(fault, &remedy).await? else { return Ok(()) };
    result.recovery_s = Some(took.as_secs_f64());
    result.recovered = took <= RECOVERY_LIMIT;
    stage.await_health(fault.ask).await?;
    stage.send_round(&sides).await?;
    stage.await_all().await?;
    stage.ask_for_health(fault.ask).await?;
    Ok(())
}

/// A difference that is no fault: mail flows after it as before, and the doctor finds nothing.
async fn play_harmless(
    stage: &mut Stage,
    fault: &Fault,
    result: &mut LabResult,
) -> Result<(), LabError> {
    let sides = stage.sides();
    stage.send_round(&sides).await?;
    stage.await_all().await?;
    stage.narrator.clone().step(fault.title);
    stage.put_in(fault).await?;
    stage.send_round(&sides).await?;
    result.recovered = stage.await_all().await?;
    let answer = stage.doctor(fault.ask).await?;
    result.take(&answer);
    result.right = answer.is_healthy();
    tell_judgement(stage, result);
    Ok(())
}

/// Load, a rotation, load, and again; the last one ends the old password at once.
async fn play_rotation(stage: &mut Stage, result: &mut LabResult) -> Result<(), LabError> {
    let narrator = stage.narrator.clone();
    let sides = stage.sides();
    stage.send_round(&sides).await?;
    stage.await_all().await?;
    let since = Timestamp::now();
    narrator.step("Rotations under load");
    for round in 1..=ROTATIONS {
        for _ in 0..3 {
            stage.send_round(&sides).await?;
        }
        stage.rotate(Side::West, round == ROTATIONS).await?;
        stage.send_round(&sides).await?;
    }
    // An association that stands knows no new password.
    stage.await_no_association().await?;
    stage.send_round(&sides).await?;
    let all = stage.await_all().await?;
    result.events = stage.telling_events(since).await?;
    result.stopped = !all || !result.events.is_empty();
    for event in &result.events {
        stage.narrator.tell(&event.codes());
    }
    if result.stopped {
        stage.problem("a rotation made a transfer fail".to_owned());
    }
    let answer = stage.doctor(Side::West).await?;
    result.take(&answer);
    result.right = answer.is_healthy();
    result.recovered = all;
    Ok(())
}

/// Stops the servers and counts for the last time.
async fn close(stage: &mut Stage, result: &mut LabResult) -> Result<(), LabError> {
    let mut waiting = 0;
    for side in stage.running().collect::<Vec<_>>() {
        waiting += stage.waiting(side).await?;
    }
    for side in stage.sides() {
        stage.stop(side).await;
    }
    stage.read_maildirs()?;
    // What waits is not lost.
    let waiting = usize::try_from(waiting).unwrap_or(usize::MAX);
    result.lost = stage.ledger.lost().saturating_sub(waiting);
    result.duplicated = stage.ledger.duplicated();
    result.problems.append(&mut stage.problems);
    result.problems.extend(stage.ledger.strays().iter().map(ToString::to_string));
    stage.narrator.step(&format!(
        "{}: sent {}, delivered {}, lost {}, duplicated {}",
        if result.success() { "All is well" } else { "NOT all is well" },
        stage.ledger.sent(),
        stage.ledger.delivered(),
        result.lost,
        result.duplicated
    ));
    result.problems.iter().for_each(|problem| stage.narrator.tell(problem));
    Ok(())
}
