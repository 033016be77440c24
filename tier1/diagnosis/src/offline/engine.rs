//! The engine: lets every row of the table speak to the facts, ranks, and says how sure it is.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use finding::{Answer, Diagnosis, Evidence, NextProbe, Remedy};

use super::facts::{Facts, read};
use super::input::FieldCase;
use super::profile::{Overlap, Profiles};
use super::sign::{Found, Reader};
use super::table::{Rule, rules};
use crate::catalogue::catalogue;

/// So many causes are always named.
const NAMED: usize = 5;
/// Each further sign of a cause adds this share of what the one before it added: signs are seldom independent.
const FURTHER: f64 = 0.8;
/// What a unit of shared vocabulary is worth beside a sign.
const VOCABULARY: f64 = 0.3;
/// Shared vocabulary never outweighs a clear sign.
const VOCABULARY_MOST: f64 = 4.0;
/// How steeply odds follow from scores; below one, because signs of one cause are told by the same person of one event.
const STEEPNESS: f64 = 0.75;
/// The score of "none of these": what a cause must beat before it is believed.
const NONE_OF_THESE: f64 = 2.2;
/// The best cause must reach this much to be the answer.
const DECIDED: f64 = 0.25;
/// No diagnosis shows more observations than this: nobody reads on.
const MAX_EVIDENCE: usize = 12;

/// What stands behind an event or a remark, best cause first, always at least three.
///
/// A pure function: the same events and remarks in whatever order give the same answer.
#[must_use]
pub fn consult(case: &FieldCase) -> Answer {
    let facts = read(case);
    let mut weighed = weigh(&facts);
    let most = weighed.iter().map(|one| one.score).fold(NONE_OF_THESE, f64::max);
    let odds = |score: f64| (STEEPNESS * (score - most)).exp();
    let all: f64 = weighed.iter().map(|one| odds(one.score)).sum::<f64>() + odds(NONE_OF_THESE);
    weighed.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.rule.cause.cmp(&b.rule.cause)));
    weighed.truncate(NAMED);
    let explained = weighed.first().map(Weighed::grounds).unwrap_or_default();
    let diagnoses: Vec<Diagnosis> = weighed
        .iter()
        .enumerate()
        .map(|(place, one)| {
            let unexplained = if place == 0 { BTreeSet::new() } else { explained.clone() };
            one.diagnosis(&facts, odds(one.score) / all, &unexplained)
        })
        .collect();
    let undecided = diagnoses
        .first()
        .is_none_or(|first| first.confidence < DECIDED || first.evidence.is_empty());
    Answer { undecided, next_probe: next_probe(&weighed), diagnoses, checks: Vec::new() }
}

/// The rows with their signs read, and their vocabularies.
struct Library {
    rules: Vec<(&'static Rule, Vec<Reader>)>,
    profiles: Profiles,
}

static LIBRARY: LazyLock<Library> = LazyLock::new(|| {
    let all = rules();
    let rules = all
        .iter()
        .map(|rule| (*rule, rule.signs.iter().map(|sign| Reader::new(*sign)).collect()))
        .collect();
    Library { rules, profiles: Profiles::new(&all) }
});

/// One cause, weighed.
struct Weighed {
    rule: &'static Rule,
    score: f64,
    found: Vec<Found>,
    overlap: Overlap,
}

fn weigh(facts: &Facts) -> Vec<Weighed> {
    let overlaps = LIBRARY.profiles.overlaps(facts);
    LIBRARY
        .rules
        .iter()
        .zip(overlaps)
        .map(|((rule, readers), overlap)| {
            let found: Vec<Found> =
                readers.iter().filter_map(|reader| reader.find(facts)).collect();
            let score =
                rule.prior + joined(&found) + (overlap.score * VOCABULARY).min(VOCABULARY_MOST);
            Weighed { rule, score, found, overlap }
        })
        .collect()
}

/// Signs for a cause add up with less and less effect; signs against it count in full.
fn joined(found: &[Found]) -> f64 {
    let mut weights: Vec<f64> = found.iter().map(|one| one.weight).collect();
    weights.sort_by(|a, b| b.total_cmp(a));
    let mut share = 1.0;
    let mut sum = 0.0;
    for weight in weights {
        if weight > 0.0 {
            sum += weight * share;
            share *= FURTHER;
        } else {
            sum += weight;
        }
    }
    sum
}

impl Weighed {
    /// The sentences that speak for it.
    fn grounds(&self) -> BTreeSet<usize> {
        let found = self.found.iter().filter(|one| one.weight > 0.0);
        found.flat_map(|one| one.sentences.iter().copied()).collect()
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
        if !self.overlap.words.is_empty() {
            let weight =
                1.0 - (-(self.overlap.score * VOCABULARY).min(VOCABULARY_MOST) / 4.0).exp();
            let says = format!(
                "what is said fits it in the words {}",
                spelled(facts, &self.overlap.words)
            );
            add(&mut diagnosis.evidence, Evidence::new("vocabulary", says, hundredths(weight)));
        }
        let own = self.grounds();
        for at in unexplained.difference(&own) {
            let sentence = &facts.sentences[*at];
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
        diagnosis.reads = page.map(|reading| reading.path.to_owned()).into_iter().collect();
        diagnosis
    }
}

/// Where a sign was seen, and what stands there.
fn quote(facts: &Facts, sentences: &[usize]) -> (String, String) {
    let Some(first) = sentences.first().and_then(|at| facts.sentences.get(*at)) else {
        return ("codes".to_owned(), "a code that it gives".to_owned());
    };
    let mut says: Vec<&str> = Vec::new();
    for sentence in sentences.iter().filter_map(|at| facts.sentences.get(*at)) {
        if !says.contains(&sentence.shown.as_str()) {
            says.push(&sentence.shown);
        }
    }
    (first.source.clone(), says.join("; "))
}

/// Words as they stand in the remarks; those of events in their one form.
fn spelled(facts: &Facts, words: &[String]) -> String {
    let words: Vec<&str> =
        words.iter().map(|word| facts.spelling.get(word).unwrap_or(word).as_str()).collect();
    words.join(", ")
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
