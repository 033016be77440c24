//! All scenarios, runs without a fault, and pairs of faults.

use jiff::Timestamp;

use super::play::{IDLE_S, flowing, play};
use super::report::{Healthy, LabReport, LabResult, Pairs};
use super::table;
use crate::cast::{Cast, Side};
use crate::chance::Chance;
use crate::directory_server::DirectoryKind;
use crate::engine::{LabError, Narrator, Setup, Stage, Workplace};
use crate::faults::{FAULTS, Fault};
use crate::organisation::{Auth, Carrier};

/// How long two faults may take until both were met.
const BOTH_MET: std::time::Duration = std::time::Duration::from_secs(3);

/// What is asked of `lab matrix`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatrixOptions {
    pub seed: u64,
    /// Only these scenarios; all without any.
    pub only: Vec<String>,
    /// Runs in which nothing is wrong.
    pub healthy: u32,
    /// Runs with two faults, chosen by chance.
    pub pairs: u32,
    /// Runs with these two faults, each as `NAME+NAME`.
    pub chosen_pairs: Vec<String>,
}

/// Plays the scenarios one after the other; `tell` hears of each result as it comes.
///
/// # Errors
/// A name is unknown, or a run could not be carried out; no server is left running then.
pub async fn matrix(
    options: MatrixOptions,
    mut tell: impl FnMut(&LabResult),
) -> Result<LabReport, LabError> {
    let mut chosen = Vec::new();
    for name in &options.only {
        chosen.push(table::find(name)?);
    }
    if options.only.is_empty() && options.chosen_pairs.is_empty() {
        chosen.extend(table::all());
    }
    let played = async {
        let mut chance = Chance::new(options.seed);
        let (mut results, mut skipped) = (Vec::new(), Vec::new());
        for scenario in chosen {
            let listed = scenario.listed();
            let seed = chance.next() >> 32;
            if let Some(why_not) = listed.why_not {
                skipped.push(format!("{}: {why_not}", listed.name));
                continue;
            }
            let workplace = Workplace::passing()?;
            let result = play(scenario, seed, &Narrator::silent(), &workplace).await;
            let result = result?;
            tell(&result);
            results.push(result);
        }
        let healthy = healthy(options.healthy, &mut chance).await?;
        let mut given = Vec::new();
        for names in &options.chosen_pairs {
            given.push(pair(names)?);
        }
        let pairs = pairs(options.pairs, given, &mut chance).await?;
        Ok(LabReport::new(options.seed, results, skipped, (healthy, pairs)))
    };
    tokio::select! {
        report = played => report,
        () = super::interrupt::interrupted() => Err(LabError::Interrupted),
    }
}

fn plain_setup(chance: &mut Chance) -> Setup {
    let servers = 2 + chance.below(3);
    let cast = Cast::random(chance, servers);
    let (carrier, auth, directory) = (Carrier::Rpc, Auth::Ntlm, DirectoryKind::Embedded);
    Setup { cast, carrier, auth, set: &[], idle_s: IDLE_S, wired: false, directory }
}

async fn healthy(runs: u32, chance: &mut Chance) -> Result<Healthy, LabError> {
    let mut found = Healthy { runs, ..Healthy::default() };
    for _ in 0..runs {
        let workplace = Workplace::passing()?;
        let told = well(&workplace, chance).await;
        let told = told?;
        found.false_alarms += u32::from(!told.is_empty());
        found.said.extend(told);
    }
    Ok(found)
}

/// One run without a fault: what the doctor said all the same.
async fn well(workplace: &Workplace, chance: &mut Chance) -> Result<Vec<String>, LabError> {
    let mut stage = flowing(plain_setup(chance), &Narrator::silent(), workplace).await?;
    let sides = stage.sides();
    let mut said = ask_all(&stage, "before any mail").await?;
    stage.send_round(&sides).await?;
    said.extend(ask_all(&stage, "while mail flows").await?);
    stage.await_all().await?;
    // Neither a restart nor a change of a password is a fault.
    match chance.below(3) {
        0 => stage.act_all(&[crate::faults::Act::Restart(Side::East)]).await?,
        1 => stage.rotate(Side::West, false).await?,
        _ => stage.await_no_association().await?,
    }
    stage.send_round(&sides).await?;
    stage.await_all().await?;
    said.extend(ask_all(&stage, "after it").await?);
    said.append(&mut stage.problems);
    Ok(said)
}

async fn ask_all(stage: &Stage, when: &str) -> Result<Vec<String>, LabError> {
    let mut said = Vec::new();
    for side in stage.sides() {
        if let Some(best) = stage.doctor(side).await?.diagnoses.first() {
            said.push(format!("{} {when}: {}", stage.cast().name(side), best.cause.slug()));
        }
    }
    Ok(said)
}

/// Two faults by their names.
fn pair(names: &str) -> Result<(&'static Fault, &'static Fault), LabError> {
    let find = |name: &str| {
        let fault = FAULTS.iter().find(|fault| fault.name == name && fault.suits_a_pair());
        fault.ok_or_else(|| LabError::UnknownScenario(name.to_owned()))
    };
    let (one, other) =
        names.split_once('+').ok_or_else(|| LabError::UnknownScenario(names.to_owned()))?;
    Ok((find(one)?, find(other)?))
}

async fn pairs(
    runs: u32,
    given: Vec<(&'static Fault, &'static Fault)>,
    chance: &mut Chance,
) -> Result<Pairs, LabError> {
    let simple: Vec<&Fault> = FAULTS.iter().filter(|fault| fault.suits_a_pair()).collect();
    let mut all = given;
    for _ in 0..runs {
        let one = simple[chance.below(simple.len())];
        let other = loop {
            let other = simple[chance.below(simple.len())];
            if other.cause != one.cause {
                break other;
            }
        };
        all.push((one, other));
    }
    let runs = u32::try_from(all.len()).unwrap_or(u32::MAX);
    let mut found = Pairs { runs, ..Pairs::default() };
    for (one, other) in all {
        let workplace = Workplace::passing()?;
        let named = both(&workplace, chance, (one, other)).await;
        let named = named?;
        if named.contains(&one.cause) && named.contains(&other.cause) {
            found.both += 1;
        } else {
            let named: Vec<&str> = named.iter().map(|cause| cause.slug()).collect();
            found.missed.push(format!("{} + {}: {}", one.name, other.name, named.join(", ")));
        }
    }
    Ok(found)
}

/// Two faults at once: the first three causes.
async fn both(
    workplace: &Workplace,
    chance: &mut Chance,
    (one, other): (&Fault, &Fault),
) -> Result<Vec<finding::Cause>, LabError> {
    let mut stage = flowing(plain_setup(chance), &Narrator::silent(), workplace).await?;
    let sides = stage.sides();
    stage.send_round(&sides).await?;
    stage.await_all().await?;
    let since = Timestamp::now();
    stage.put_in(one).await?;
    stage.put_in(other).await?;
    stage.send_round(&sides).await?;
    let deadline = std::time::Instant::now() + BOTH_MET * 10;
    while stage.telling_events(since).await?.is_empty() && std::time::Instant::now() < deadline {
        tokio::time::sleep(crate::engine::LOOK).await;
    }
    tokio::time::sleep(BOTH_MET).await;
    let answer = stage.doctor(one.ask).await?;
    Ok(answer.diagnoses.iter().take(3).map(|one| one.cause).collect())
}
