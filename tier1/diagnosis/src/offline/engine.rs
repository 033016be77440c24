//! The engine: lets every row of the table speak to the facts, ranks, and says how sure it is.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use finding::{Answer, Diagnosis, Evidence, NextProbe, Remedy};

use super::cleared::ruled_out;
use super::confidence;
use super::facts::{Facts, Sentence, read};
use super::input::FieldCase;
use super::profile::{Overlap, Profiles};
use super::sign::{Found, Reader};
use super::speaks::{Speaks, Voice};
use super::stories::{self, Likeness, Stories};
use super::table::frequency::met;
use super::table::{Rule, rules};
use crate::catalogue::catalogue;

/// So many causes are always named.
const NAMED: usize = 5;
/// What the logarithm of how often a cause was met in the documented field is worth.
const FREQUENCY: f64 = 0.6;
/// What the strongest sign of a cause's row is worth.
const BEST_SIGN: f64 = 0.9;
/// The same for its further signs: they are seldom independent.
const MORE_SIGNS: f64 = 0.45;
/// The same for signs against it.
const AGAINST: f64 = 1.4;
/// What the strongest line from the side of events is worth.
const BEST_VOICE: f64 = 1.4;
/// The same for further lines.
const MORE_VOICES: f64 = 1.6;
/// Each further one counts this share of what the one before it did.
const FURTHER: f64 = 0.7;
/// What a unit of shared vocabulary is worth.
const VOCABULARY: f64 = 0.25;
/// What a unit of likeness with a story is worth.
const LIKENESS: f64 = 1.1;
/// What it is worth that a cause's signs reach every sentence of a case.
const REACH: f64 = 0.4;
/// A sign must weigh this to reach a sentence.
const REACHES: f64 = 0.6;
/// The best cause must reach this much to be the answer.
const DECIDED: f64 = 0.35;
/// The confidence in what nothing but its frequency speaks for.
const GUESS: f64 = 0.05;
/// No diagnosis shows more observations than this: nobody reads on.
const MAX_EVIDENCE: usize = 12;
/// So many words are shown as evidence.
const SHOWN_WORDS: usize = 8;

/// What stands behind an event or a remark, best cause first, always at least three.
///
/// A pure function: the same events and remarks in whatever order give the same answer.
#[must_use]
pub fn consult(case: &FieldCase) -> Answer {
    let facts = read(case);
    let mut weighed = weigh(&facts);
    weighed.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.rule.cause.cmp(&b.rule.cause)));
    let scores: Vec<f64> = weighed.iter().map(|one| one.score).collect();
    let mut stated = confidence::of(&scores);
    if weighed.first().is_none_or(Weighed::is_guess) {
        stated = vec![GUESS; scores.len()];
    }
    weighed.truncate(NAMED);
    let explained = weighed.first().map(Weighed::grounds).unwrap_or_default();
    let diagnoses: Vec<Diagnosis> = weighed
        .iter()
        .zip(stated)
        .enumerate()
        .map(|(place, (one, confidence))| {
            let unexplained = if place == 0 { BTreeSet::new() } else { explained.clone() };
            one.diagnosis(&facts, confidence, &unexplained)
        })
        .collect();
    let undecided = diagnoses
        .first()
        .is_none_or(|first| first.confidence < DECIDED || first.evidence.is_empty());
    let next_probe = match weighed.first() {
        // Who has told nothing is not asked for a check of what nobody saw.
        Some(first) if first.is_guess() => Some(NextProbe {
            check: "give the events of both servers (--events), and say what is seen (--note)"
                .to_owned(),
            would_tell: weighed.iter().take(2).map(|one| one.rule.cause).collect(),
            command: None,
        }),
        _ => next_probe(&weighed),
    };
    Answer { undecided, next_probe, diagnoses, checks: Vec::new() }
}

/// The rows with their signs read, and their vocabularies.
struct Library {
    rules: Vec<(&'static Rule, f64, Vec<Reader>)>,
    profiles: Profiles,
    stories: Stories,
    speaks: Speaks,
}

static LIBRARY: LazyLock<Library> = LazyLock::new(|| {
    let all = rules();
    let rules = all
        .iter()
        .map(|rule| {
            let readers = rule.signs.iter().map(|sign| Reader::new(*sign)).collect();
            (*rule, f64::from(met(rule.cause)).ln(), readers)
        })
        .collect();
    Library { rules, profiles: Profiles::new(&all), stories: Stories::new(), speaks: Speaks::new() }
});

/// One cause, weighed.
struct Weighed {
    rule: &'static Rule,
    score: f64,
    found: Vec<Found>,
    voices: Vec<Voice>,
    overlap: Overlap,
    likeness: Likeness,
    /// What is in order and would not be, and the sentence that says so.
    cleared: Option<(f64, usize)>,
}

fn weigh(facts: &Facts) -> Vec<Weighed> {
    let library = &*LIBRARY;
    let overlaps = library.profiles.overlaps(facts);
    let asked = stories::parts(facts);
    let mut heard = library.speaks.heard(&asked);
    let cleared = ruled_out(facts);
    let rows = library.rules.iter().zip(overlaps);
    rows.map(|((rule, frequency, readers), overlap)| {
        let found: Vec<Found> = readers.iter().filter_map(|reader| reader.find(facts)).collect();
        let voices = heard.remove(&rule.cause).unwrap_or_default();
        let likeness = library.stories.likeness(rule.cause, &asked);
        let cleared = cleared.get(&rule.cause).copied();
        let score = *frequency * FREQUENCY - cleared.map_or(0.0, |(weight, _)| weight)
            + signs(&found, facts.sentences.len())
            + voiced(&voices)
            + overlap.score * VOCABULARY
            + likeness.score * LIKENESS;
        Weighed { rule, score, found, voices, overlap, likeness, cleared }
    })
    .collect()
}

/// What the signs of a cause's own row say.
fn signs(found: &[Found], sentences: usize) -> f64 {
    let weights = found.iter().map(|one| one.weight);
    let against: f64 = weights.clone().filter(|weight| *weight < 0.0).sum();
    let reaching = found.iter().filter(|one| one.weight > REACHES);
    let reached: BTreeSet<usize> = reaching.flat_map(|one| one.sentences.clone()).collect();
    let of = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    best_and_more(weights.filter(|weight| *weight > 0.0), BEST_SIGN, MORE_SIGNS)
        + against * AGAINST
        + REACH * of(reached.len()) / of(sentences.max(1))
}

/// What the table from the side of events says.
fn voiced(voices: &[Voice]) -> f64 {
    best_and_more(voices.iter().map(|voice| voice.weight), BEST_VOICE, MORE_VOICES)
}

/// The best one, and the others with less and less effect.
fn best_and_more(weights: impl Iterator<Item = f64>, best: f64, more: f64) -> f64 {
    let mut weights: Vec<f64> = weights.collect();
    weights.sort_by(|a, b| b.total_cmp(a));
    let first = weights.first().copied().unwrap_or_default();
    first * best + dwindling(weights.iter().skip(1)) * more
}

/// The sum in which each next one counts for less.
fn dwindling<'a>(weights: impl Iterator<Item = &'a f64>) -> f64 {
    let mut share = 1.0;
    let mut sum = 0.0;
    for weight in weights {
        sum += weight * share;
        share *= FURTHER;
    }
    sum
}

impl Weighed {
    /// True where no more than a single word, or nothing at all, speaks for it.
    fn is_guess(&self) -> bool {
        let words: BTreeSet<&String> =
            self.likeness.parts.iter().chain(&self.overlap.words).collect();
        self.voices.is_empty() && words.len() < 2 && self.found.iter().all(|one| one.weight <= 0.0)
    }

    /// The sentences that speak for it.
    fn grounds(&self) -> BTreeSet<usize> {
        let found = self.found.iter().filter(|one| one.weight > 0.0);
        let voices = self.voices.iter().map(|voice| voice.sentence);
        found.flat_map(|one| one.sentences.iter().copied()).chain(voices).collect()
    }

    fn diagnosis(
        &self,
        facts: &Facts,
        confidence: f64,
        unexplained: &BTreeSet<usize>,
    ) -> Diagnosis {
        let mut diagnosis = Diagnosis::new(self.rule.cause, hundredths(confidence));
        for found in &self.found {
            let (source, says) = quote(facts, &found.sentences);
            let evidence =
                Evidence::new(source, says, hundredths(1.0 - (-found.weight.abs() / 2.0).exp()));
            add(
                if found.weight > 0.0 { &mut diagnosis.evidence } else { &mut diagnosis.against },
                evidence,
            );
        }
        for voice in &self.voices {
            let (source, says) = quote(facts, &[voice.sentence]);
            let weight = hundredths(1.0 - (-voice.weight / 2.0).exp());
            add(&mut diagnosis.evidence, Evidence::new(source, says, weight));
        }
        let shared = self.likeness.score * LIKENESS + self.overlap.score * VOCABULARY;
        let parts: Vec<&String> = self.likeness.parts.iter().chain(&self.overlap.words).collect();
        if let Some(says) = own_words(facts, &parts) {
            let weight = hundredths(1.0 - (-shared / 4.0).exp());
            add(&mut diagnosis.evidence, Evidence::new("words", says, weight));
        }
        if let Some(sentence) = self.cleared.and_then(|(_, at)| facts.sentences.get(at)) {
            let says = format!("in order: {}", sentence.shown);
            add(&mut diagnosis.against, Evidence::new(sentence.source.clone(), says, 0.6));
        }
        let own = self.grounds();
        for at in unexplained.difference(&own) {
            let Some(sentence) = facts.sentences.get(*at) else { continue };
            let says = format!("not explained by it: {}", sentence.shown);
            add(&mut diagnosis.against, Evidence::new(sentence.source.clone(), says, 0.3));
        }
        finish(&mut diagnosis.evidence);
        finish(&mut diagnosis.against);
        diagnosis.remedy = self
            .rule
            .remedy
            .iter()
            .map(|text| Remedy { text: (*text).to_owned(), command: None })
            .collect();
        let page = catalogue().into_iter().find(|reading| reading.cause == self.rule.cause);
        diagnosis.reads = vec![page.map_or_else(
            || format!("bindback doctor --explain {}", self.rule.cause),
            |reading| reading.path.to_owned(),
        )];
        diagnosis
    }
}

/// Where a sign was seen, and what stands there: of remarks and events together the remarks, since events speak for themselves.
fn quote(facts: &Facts, sentences: &[usize]) -> (String, String) {
    let all: Vec<&Sentence> = sentences.iter().filter_map(|at| facts.sentences.get(*at)).collect();
    if all.is_empty() {
        return ("codes".to_owned(), "a code that it gives".to_owned());
    }
    let (mut sources, mut says): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
    let has_note = all.iter().any(|one| one.is_note);
    for one in all {
        if !sources.contains(&one.source.as_str()) {
            sources.push(&one.source);
        }
        if one.is_note == has_note && !says.contains(&one.shown.as_str()) {
            says.push(&one.shown);
        }
    }
    (sources.join(" and "), says.join("; "))
}

/// The words that it has in common with the case, as they stand there, those of remarks first.
fn own_words(facts: &Facts, parts: &[&String]) -> Option<String> {
    let (mut told, mut logged): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
    for part in parts {
        let Some(word) = facts.spelling.get(*part) else { continue };
        let list = if facts.is_told(part) { &mut told } else { &mut logged };
        if !list.contains(&word.as_str()) {
            list.push(word);
        }
    }
    let (whose, words) =
        if told.is_empty() { ("words of the events", logged) } else { ("your words", told) };
    let shown: Vec<&str> = words.into_iter().take(SHOWN_WORDS).collect();
    (!shown.is_empty()).then(|| format!("{whose}: {}", shown.join(", ")))
}

/// The same observation is told once, with the most that it weighs.
fn add(list: &mut Vec<Evidence>, evidence: Evidence) {
    match list.iter_mut().find(|one| one.source == evidence.source && one.says == evidence.says) {
        Some(same) => same.weight = same.weight.max(evidence.weight),
        None => list.push(evidence),
    }
}

fn finish(list: &mut Vec<Evidence>) {
    list.sort_by(|a, b| {
        b.weight.total_cmp(&a.weight).then_with(|| (&a.source, &a.says).cmp(&(&b.source, &b.says)))
    });
    list.truncate(MAX_EVIDENCE);
}

/// The check that confirms or excludes the leader, and so tells it from the next one.
fn next_probe(weighed: &[Weighed]) -> Option<NextProbe> {
    let (first, second) = (weighed.first()?, weighed.get(1)?);
    Some(NextProbe {
        check: first.rule.probe.to_owned(),
        would_tell: vec![first.rule.cause, second.rule.cause],
        command: None,
    })
}

/// Two digits are all that these numbers are worth; neither certainty nor impossibility is ever claimed.
fn hundredths(confidence: f64) -> f64 {
    (confidence.clamp(0.01, 0.99) * 100.0).round() / 100.0
}
