//! The answer on one screen.

use diagnosis::{ProbeFact, ProbeResult};
use finding::{Diagnosis, Evidence, NextProbe};

use super::Report;
use crate::output::clean;
use crate::table::Table;

/// Characters of a line; commands are never broken.
const WIDTH: usize = 100;
/// Observations that are shown without `-v`.
const FEW: usize = 5;
/// From here on a cause is sure enough to be an answer.
pub(super) const HALF: f64 = 0.5;
/// Other causes that are named without `-v`: the answer has at least three.
const OTHERS: usize = 2;
/// Observations of each of them, where nothing is decided.
const ALTERNATIVE_EVIDENCE: usize = 2;

pub fn text(report: &Report, verbose: bool) -> String {
    let mut out = String::new();
    let guessed = report.answer.undecided
        && !report.answer.diagnoses.is_empty()
        && report.answer.diagnoses.iter().all(|one| one.confidence <= super::GUESS);
    if !report.running {
        let known = !guessed && !report.answer.diagnoses.is_empty();
        let rest = if known {
            ": what its configuration, its store and its neighbours tell:"
        } else {
            "."
        };
        paragraph(&mut out, "", &format!("{} does not run{rest}", report.local));
        out.push('\n');
    }
    if guessed && !verbose {
        // Somebody who has nothing to go by should not be sent after a guess.
        paragraph(
            &mut out,
            "",
            "Undecided: nothing that was read points to a cause; -v shows guesses.",
        );
    } else {
        headline(&mut out, report);
    }
    let shown = match (guessed, verbose) {
        (_, true) => report.answer.diagnoses.len(),
        (true, false) => 0,
        (false, false) => 1,
    };
    for (at, diagnosis) in report.answer.diagnoses.iter().take(shown).enumerate() {
        if at > 0 {
            out.push('\n');
            paragraph(&mut out, "", &cause_line(diagnosis));
        }
        one(&mut out, diagnosis, verbose);
    }
    match (shown, report.answer.undecided && !verbose) {
        (0, _) => {}
        (_, true) => alternatives(&mut out, report, shown),
        (_, false) => others(&mut out, report, shown),
    }
    if let Some(next) = &report.answer.next_probe {
        next_probe(&mut out, next);
    }
    for note in &report.notes {
        out.push('\n');
        paragraph(&mut out, "Note: ", note);
    }
    checks(&mut out, &report.answer.checks, verbose);
    out
}

/// The cause in one line, or that there is none.
fn headline(out: &mut String, report: &Report) {
    let answer = &report.answer;
    match (&answer.diagnoses.first(), answer.undecided) {
        (Some(first), false) => paragraph(out, "", &cause_line(first)),
        (Some(first), true) => {
            paragraph(out, "", &format!("Undecided. Most likely: {}", cause_line(first)));
        }
        (None, true) => paragraph(out, "", "Undecided: too little could be read."),
        (None, false) => {
            paragraph(out, "", &format!("Nothing is wrong. Read: {}.", listed(&report.read)));
        }
    }
}

pub(super) fn listed<S: AsRef<str>>(names: &[S]) -> String {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    match names.as_slice() {
        [] => "nothing but the configuration".to_owned(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn cause_line(diagnosis: &Diagnosis) -> String {
    format!("{} ({}, {})", diagnosis.title(), diagnosis.cause, percent(diagnosis.confidence))
}

fn percent(confidence: f64) -> String {
    format!("{:.0} %", confidence * 100.0)
}

/// What speaks for it, what against it, and the cure.
fn one(out: &mut String, diagnosis: &Diagnosis, verbose: bool) {
    observations(out, "Evidence", &diagnosis.evidence, verbose);
    observations(out, "Against", &diagnosis.against, verbose);
    if !diagnosis.remedy.is_empty() {
        out.push_str("\nRemedy\n");
    }
    for (index, step) in diagnosis.remedy.iter().enumerate() {
        paragraph(out, &format!("  {}. ", index + 1), &step.text);
        if let Some(command) = &step.command {
            out.push_str(&format!("       {}\n", clean(command)));
        }
    }
    if diagnosis.reads.is_empty() {
        return;
    }
    out.push_str(&format!("\nMore: bindback doctor --explain {}\n", diagnosis.cause));
}

fn observations(out: &mut String, heading: &str, list: &[Evidence], verbose: bool) {
    if list.is_empty() {
        return;
    }
    out.push_str(&format!("\n{heading}\n"));
    let shown = if verbose { list.len() } else { FEW };
    for one in list.iter().take(shown) {
        paragraph(out, "  - ", &format!("{}: {}", one.source, one.says));
    }
    if list.len() > shown {
        out.push_str(&format!("  - and {} more, with -v\n", list.len() - shown));
    }
}

fn others(out: &mut String, report: &Report, shown: usize) {
    let rest = report.answer.diagnoses.iter().skip(shown).take(OTHERS);
    let (also, less): (Vec<&Diagnosis>, Vec<&Diagnosis>) =
        rest.partition(|one| one.confidence >= HALF);
    if !also.is_empty() || !less.is_empty() {
        out.push('\n');
    }
    // What is as good as sure is no rival of the first: something else is wrong, too.
    for one in also {
        paragraph(out, "Also: ", &cause_line(one));
        // The same cause on another way has a remedy of its own.
        for command in one.remedy.iter().filter_map(|step| step.command.as_deref()) {
            out.push_str(&format!("       {}\n", clean(command)));
        }
    }
    let less: Vec<String> =
        less.iter().map(|one| format!("{} ({})", one.cause, percent(one.confidence))).collect();
    if !less.is_empty() {
        paragraph(out, "Less likely: ", &less.join(", "));
    }
}

/// Where nothing is decided the next ones are told with what speaks for them.
fn alternatives(out: &mut String, report: &Report, shown: usize) {
    for diagnosis in report.answer.diagnoses.iter().skip(shown).take(OTHERS) {
        out.push('\n');
        paragraph(out, "Or: ", &cause_line(diagnosis));
        for one in diagnosis.evidence.iter().take(ALTERNATIVE_EVIDENCE) {
            paragraph(out, "  - ", &format!("{}: {}", one.source, one.says));
        }
    }
}

fn next_probe(out: &mut String, next: &NextProbe) {
    out.push('\n');
    paragraph(out, "Next: ", &next.check);
    if let Some(command) = &next.command {
        out.push_str(&format!("       {}\n", clean(command)));
    }
    if !next.would_tell.is_empty() {
        let causes: Vec<String> = next.would_tell.iter().map(ToString::to_string).collect();
        paragraph(out, "      ", &format!("It would tell apart {}.", causes.join(", ")));
    }
}

fn checks(out: &mut String, checks: &[ProbeFact], verbose: bool) {
    if checks.is_empty() {
        return;
    }
    out.push('\n');
    if !verbose {
        let failed = checks.iter().filter(|check| check.result != ProbeResult::Ok).count();
        let failed = match (failed, checks.len()) {
            (0, 1) => "and it went well by itself".to_owned(),
            (0, _) => "each went well by itself".to_owned(),
            (failed, _) => format!("{failed} failed"),
        };
        let (count, them) = match checks.len() {
            1 => ("1 check".to_owned(), "it"),
            many => (format!("{many} checks"), "them"),
        };
        out.push_str(&format!("{count} made, {failed}; -v shows {them}\n"));
        return;
    }
    let mut table = Table::new(&["CHECK", "FROM", "TARGET", "RESULT", "MS", "DETAIL"]);
    for check in checks {
        table.row(vec![
            check.check.clone(),
            check.from.clone(),
            check.target.clone(),
            word(check.result).to_owned(),
            check.ms.to_string(),
            check.detail.clone(),
        ]);
    }
    out.push_str(&table.render());
}

const fn word(result: ProbeResult) -> &'static str {
    match result {
        ProbeResult::Ok => "ok",
        ProbeResult::Refused => "refused",
        ProbeResult::Timeout => "timeout",
        ProbeResult::Denied => "denied",
        ProbeResult::NotFound => "not-found",
        ProbeResult::Reset => "reset",
        ProbeResult::Error => "error",
    }
}

/// Words in lines of [`WIDTH`]; further lines begin under the first word.
fn paragraph(out: &mut String, head: &str, words: &str) {
    let words = clean(words);
    let indent = head.chars().count();
    let mut line = head.to_owned();
    let mut empty = true;
    for word in words.split_whitespace() {
        if !empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            out.push_str(&line);
            out.push('\n');
            line = " ".repeat(indent);
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    out.push_str(line.trim_end());
    out.push('\n');
}
