//! `bindback doctor --fix`: does what the remedy says, sees with a test message whether mail flows, and takes it back where not.
//!
//! Only commands of this program are run, and of them only those whose effect can be taken back; each is undone by putting
//! back what stood there before, not by a guess at its opposite. Nothing is changed while the cause is undecided, while
//! nobody agreed, or where no server at hand can send the test message. A second fault may hide behind the first one: while
//! the test message does not arrive and the doctor names another cause, that one is mended too, a few times at most; at
//! the end all stays or all is taken back. Deliberately left out: servers whose configuration is on another machine, and
//! starting servers, which is their service manager's.

mod plan;
mod proof;
mod undo;

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::time::Duration;

use admin::Shape;
use clap::Args;
use config::Config;
use diagnosis::{Snapshot, diagnose};
use finding::{Answer, Cause, Diagnosis};
use serde::Serialize;

use super::{Report, gather, render};
use crate::cli::Setting;
use crate::failure::{Found, Usage, chain};
use plan::Step;
use proof::{Proof, Way};
use undo::Done;

/// So many causes are mended one after the other: more than two faults at once are a case for a person.
const MAX_CAUSES: usize = 3;

/// The options that go with it.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Do what the remedy says, after asking; a test message shows whether it helped, and what did not help is taken back
    #[arg(long, conflicts_with_all = ["hosts", "explain", "list_checks", "case", "events", "note", "only", "html", "redact"])]
    pub fix: bool,
    /// Do not ask
    #[arg(long, requires = "fix")]
    yes: bool,
    /// Seconds that the test message may take
    #[arg(long, value_name = "S", default_value_t = 60, requires = "fix", value_parser = clap::value_parser!(u64).range(1..=3600))]
    wait: u64,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum End {
    /// Nothing was wrong.
    Healthy,
    /// The test messages arrived.
    Fixed,
    /// Nothing was changed; `why` says why.
    NotDone,
    /// Mail did not flow, and all is as it was.
    Undone,
    /// Mail did not flow, and not all could be put back.
    NotUndone,
}

/// What was done.
#[derive(Debug, Serialize)]
struct Outcome {
    end: End,
    /// The causes that were mended, in order.
    causes: Vec<Cause>,
    steps: Vec<Taken>,
    tests: Vec<Proof>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

/// One step that was taken.
#[derive(Debug, Serialize)]
struct Taken {
    text: String,
    command: String,
    /// What stood there before, where one line can say it.
    before: Option<String>,
    done: bool,
    /// What was put back, or why not; absent while the change stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    undone: Option<String>,
}

/// The diagnosis and what came of it.
#[derive(Serialize)]
struct Fixed {
    #[serde(flatten)]
    report: Report,
    fix: Outcome,
}

impl Shape for Fixed {
    const NAME: &'static str = "doctor";
}

/// Mends what `report` found.
pub async fn run(
    options: &Options,
    setting: &Setting<'_>,
    config: &Config,
    report: Report,
    snapshot: &Snapshot,
) -> anyhow::Result<Found> {
    if !options.yes && !std::io::stdin().is_terminal() {
        let text = "--fix asks before it changes anything, and nobody can answer here; give --yes";
        return Err(Usage(text.to_owned()).into());
    }
    if !setting.output.is_json() {
        setting.output.text(&render::text(&report, false))?;
    }
    let mut repair = Repair { options, setting, config, done: Vec::new(), causes: Vec::new() };
    let outcome = repair.all(&report.answer, snapshot).await;
    let mended = matches!(outcome.end, End::Healthy | End::Fixed);
    if setting.output.is_json() {
        setting.output.object(&Fixed { report, fix: outcome })?;
    } else {
        setting.output.text(&told(&outcome))?;
    }
    Ok(if mended { Found::Nothing } else { Found::Something })
}

struct Repair<'a> {
    options: &'a Options,
    setting: &'a Setting<'a>,
    config: &'a Config,
    done: Vec<Done>,
    causes: Vec<Cause>,
}

impl Repair<'_> {
    async fn all(&mut self, answer: &Answer, snapshot: &Snapshot) -> Outcome {
        if answer.is_healthy() {
            return self.ended(End::Healthy, Vec::new(), None);
        }
        let mut tests = Vec::new();
        let mut current = answer.clone();
        let mut seen = snapshot.clone();
        let why = loop {
            let (steps, ways) = match self.prepare(&current, &seen).await {
                Ok(ready) => ready,
                Err(why) => break why,
            };
            if !self.agreed(&steps, &ways) {
                break "nobody agreed".to_owned();
            }
            if let Err(why) = self.take(steps).await {
                break why;
            }
            let patience = Duration::from_secs(self.options.wait);
            self.setting.output.narrate("Waiting for the test message ...");
            tests = proof::prove(&ways, patience).await;
            if tests.iter().all(Proof::arrived) {
                for done in &self.done {
                    done.forget().await;
                }
                return self.ended(End::Fixed, tests, None);
            }
            let missing = "the test message did not arrive".to_owned();
            if self.causes.len() >= MAX_CAUSES {
                break missing;
            }
            // Another fault may have stood behind the first one.
            match gather::gather(self.config).await {
                Ok(gathered) => seen = gathered.snapshot,
                Err(error) => break format!("{missing}, and {}", chain(&error)),
            }
            current = diagnose(&seen);
            let next = current.first().map(|first| first.cause);
            if current.undecided || next.is_none_or(|next| self.causes.contains(&next)) {
                break missing;
            }
        };
        if self.done.is_empty() {
            return self.ended(End::NotDone, tests, Some(why));
        }
        let mut end = End::Undone;
        for done in self.done.iter_mut().rev() {
            if !done.undo().await {
                end = End::NotUndone;
            }
        }
        self.ended(end, tests, Some(why))
    }

    fn ended(&mut self, end: End, tests: Vec<Proof>, why: Option<String>) -> Outcome {
        let steps = std::mem::take(&mut self.done).into_iter().map(|done| Taken {
            text: done.step.text,
            command: done.step.command,
            before: done.step.before,
            done: done.was_done,
            undone: done.undone,
        });
        Outcome {
            end,
            causes: std::mem::take(&mut self.causes),
            steps: steps.collect(),
            tests,
            why,
        }
    }

    /// What would be done about the first cause, and which ways will be tested.
    async fn prepare(
        &self,
        answer: &Answer,
        snapshot: &Snapshot,
    ) -> Result<(Vec<Step>, Vec<Way>), String> {
        let Some(first) = answer.first().filter(|_| !answer.undecided) else {
            let next = answer.next_probe.as_ref().map(|probe| format!(": {}", probe.check));
            return Err(format!("the cause is not settled{}", next.unwrap_or_default()));
        };
        let steps = steps(first).await?;
        let ways = proof::ways(first, snapshot).await;
        if ways.is_empty() {
            return Err("no server at hand can send a test message over this way, so that nobody would know whether it helped; take the steps by hand".to_owned());
        }
        Ok((steps, ways))
    }

    fn agreed(&self, steps: &[Step], ways: &[Way]) -> bool {
        let say = |text: &str| self.setting.output.narrate(text);
        say("\nWhat will be done");
        for (at, step) in steps.iter().enumerate() {
            say(&format!("  {}. {}\n       {}", at + 1, step.text, step.command));
            if let Some(before) = &step.before {
                say(&format!("       now: {before}"));
            }
            say(&format!("       taken back by: {}", step.kind.way_back()));
        }
        let tested: Vec<String> = ways.iter().map(ToString::to_string).collect();
        say(&format!("Then a test message goes {}.", tested.join(" and ")));
        if self.options.yes {
            return true;
        }
        let mut err = std::io::stderr().lock();
        let mut line = String::new();
        let asked = write!(err, "Do this? [y/N] ").and_then(|()| err.flush());
        asked.and_then(|()| std::io::stdin().lock().read_line(&mut line)).is_ok()
            && ["y", "yes"].contains(&line.trim().to_lowercase().as_str())
    }

    /// Takes the steps; one that fails ends it, and what was done before is undone with the rest.
    async fn take(&mut self, steps: Vec<Step>) -> Result<(), String> {
        let cause = steps.first().map(|step| step.cause);
        self.causes.extend(cause);
        for step in steps {
            let command = step.command.clone();
            let (done, failed) = Done::take(step).await;
            self.done.push(done);
            if let Some(error) = failed {
                return Err(format!("{command}: {error}"));
            }
        }
        Ok(())
    }
}

/// The commands of a remedy, if all of them are ours to run here.
async fn steps(diagnosis: &Diagnosis) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    for remedy in &diagnosis.remedy {
        if let Some(command) = &remedy.command {
            let step = plan::read(diagnosis.cause, &remedy.text, command).await;
            steps.push(step.map_err(|why| format!("{command}: {why}"))?);
        }
    }
    if steps.is_empty() {
        let what = diagnosis.remedy.first().map_or("there is no remedy", |one| one.text.as_str());
        return Err(format!("no command of ours can do it: {what}"));
    }
    Ok(steps)
}

/// The end, for a person.
fn told(outcome: &Outcome) -> String {
    let mut out = String::new();
    let mut line = |text: &str| {
        out.push_str(text);
        out.push('\n');
    };
    for test in &outcome.tests {
        line(&format!("Test message {test}"));
    }
    for step in &outcome.steps {
        if let Some(undone) = &step.undone {
            line(&format!("Taken back: {undone}"));
        }
    }
    let why = outcome.why.as_deref().unwrap_or_default();
    match outcome.end {
        End::Healthy => line("Nothing is wrong, and nothing was changed."),
        End::Fixed => line("Mail flows again."),
        End::NotDone => line(&format!("Nothing was changed: {why}.")),
        End::Undone => line(&format!("It did not help ({why}); all is as it was before.")),
        End::NotUndone => {
            line(&format!("It did not help ({why}), and not all could be put back; see above."));
        }
    }
    out
}
