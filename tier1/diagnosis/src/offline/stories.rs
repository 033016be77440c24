//! How people tell it: a few invented stories for each cause, and which of them a case is most like.
//!
//! A story is a bag of words, event numbers, codes and sources (`table/stories_*.txt`). What few causes have in common tells
//! most (the inverse document frequency of text retrieval); a story counts as far as the case has its parts in it. A case
//! is as like a cause as the best of its stories is, with a little for the next best. It catches what no sign foresaw.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use finding::Cause;

use super::facts::Facts;
use super::speaks::parts_of;
use super::table::events;
use super::words::is_silent;

/// The stories, as they stand in the table.
const TEXTS: [&str; 6] = [
    include_str!("table/stories_servers.txt"),
    include_str!("table/stories_mail.txt"),
    include_str!("table/stories_inside.txt"),
    include_str!("table/stories_field.txt"),
    include_str!("table/stories_today.txt"),
    include_str!("table/stories_plain.txt"),
];
/// The wording of an event is the same whatever caused it.
const EVENT_TEXT: f64 = 0.4;
/// What is said to be in order is no symptom.
pub(super) const IN_ORDER: f64 = 0.3;
/// A number in a remark is less sure to be an event than one in a log.
const MENTIONED: f64 = 0.8;
/// Smaller numbers in a remark count things.
const LEAST_MENTIONED: i64 = 20;
/// What the second best story of a cause adds.
const SECOND: f64 = 0.5;
/// A long story has more chances to be met by accident; its length takes this power off.
const LENGTH: f64 = 0.3;
/// So many shared parts are shown as evidence.
const SHOWN: usize = 6;

/// All stories.
#[derive(Debug)]
pub(super) struct Stories {
    /// For each cause: its stories, each a set of parts.
    told: BTreeMap<Cause, Vec<BTreeSet<String>>>,
    tells: BTreeMap<String, f64>,
}

/// How like a cause's stories a case is.
#[derive(Clone, Debug, Default)]
pub(super) struct Likeness {
    pub(super) score: f64,
    /// What they share, most telling first.
    pub(super) parts: Vec<String>,
}

impl Stories {
    pub(super) fn new() -> Self {
        let told = parse();
        let mut found_in: BTreeMap<&str, u32> = BTreeMap::new();
        for stories in told.values() {
            let parts: BTreeSet<&str> = stories.iter().flatten().map(String::as_str).collect();
            for part in parts {
                *found_in.entry(part).or_default() += 1;
            }
        }
        let total = f64::from(u32::try_from(told.len()).unwrap_or(u32::MAX));
        let tells = found_in
            .into_iter()
            .map(|(part, count)| (part.to_owned(), (total / f64::from(count)).ln()))
            .collect();
        Self { told, tells }
    }

    /// How like each cause's stories a case is.
    pub(super) fn likeness(&self, cause: Cause, asked: &Asked) -> Likeness {
        let Some(stories) = self.told.get(&cause) else { return Likeness::default() };
        let mut scores: Vec<Likeness> =
            stories.iter().map(|story| self.compare(story, asked)).collect();
        scores.sort_by(|a, b| b.score.total_cmp(&a.score));
        let second = scores.get(1).map_or(0.0, |second| second.score);
        let mut best = scores.into_iter().next().unwrap_or_default();
        best.score += SECOND * second;
        best
    }

    fn compare(&self, story: &BTreeSet<String>, asked: &Asked) -> Likeness {
        let mut length = 0.0;
        let mut hits = Vec::new();
        for part in story {
            let tells = self.tells.get(part).copied().unwrap_or_default();
            length += tells;
            if let Some((weight, _)) = asked.get(part) {
                hits.push((tells * weight, part.as_str()));
            }
        }
        hits.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
        let sum: f64 = hits.iter().map(|(score, _)| score).sum();
        Likeness {
            score: if length > 0.0 { sum / f64::powf(length, LENGTH) } else { 0.0 },
            parts: hits.iter().take(SHOWN).map(|(_, part)| (*part).to_owned()).collect(),
        }
    }
}

/// The parts of a case, each with how much it counts and the sentence that it stands in.
pub(super) type Asked = BTreeMap<String, (f64, usize)>;

/// The parts of a case, words that say nothing alone included: a line of the table may need them beside others.
pub(super) fn parts(facts: &Facts) -> Asked {
    let mut asked = Asked::new();
    let mut add = |part: String, weight: f64, at: usize| {
        let kept = asked.entry(part).or_insert((0.0, at));
        if weight > kept.0 {
            *kept = (weight, at);
        }
    };
    for (at, sentence) in facts.sentences.iter().enumerate() {
        let weight = match (sentence.is_note, sentence.is_in_order) {
            (true, true) => IN_ORDER,
            (true, false) => 1.0,
            (false, _) => EVENT_TEXT,
        };
        // Bare numbers of an event's text are rows, sizes and times; its codes are read by their labels.
        let says =
            |word: &&String| sentence.is_note || !word.bytes().all(|octet| octet.is_ascii_digit());
        for word in sentence.words.iter().filter(says) {
            add(word.clone(), weight, at);
        }
    }
    for event in &facts.events {
        for code in event.codes.reasons() {
            add(format!("c{code}"), 1.0, event.sentence);
        }
        for code in event.codes.kerberos() {
            add(format!("k{code}"), 1.0, event.sentence);
        }
        let Some(id) = event.id else { continue };
        if event.source.is_empty() || event.source.contains("mta") {
            add(format!("e{id}"), 1.0, event.sentence);
        } else {
            add(format!("@{}{id}", one_word(&event.source)), 1.0, event.sentence);
        }
    }
    for (number, at) in &facts.mentioned {
        if *number >= LEAST_MENTIONED && events::form(*number).is_some() {
            add(format!("e{number}"), MENTIONED, *at);
        }
        if facts.codes.any(&[*number]).is_some() {
            add(format!("c{number}"), MENTIONED, *at);
        }
    }
    for code in facts.codes.reasons() {
        add(format!("c{code}"), MENTIONED, facts.sentences.len());
    }
    asked
}

/// A source without its blanks.
fn one_word(source: &str) -> String {
    source.split_whitespace().next().unwrap_or_default().to_owned()
}

fn parse() -> BTreeMap<Cause, Vec<BTreeSet<String>>> {
    let mut told: BTreeMap<Cause, Vec<BTreeSet<String>>> = BTreeMap::new();
    let mut cause = None;
    for line in TEXTS.iter().flat_map(|text| text.lines()).filter(|line| !line.starts_with('#')) {
        if !line.starts_with(' ') {
            cause = Cause::from_str(line.trim()).ok();
        } else if let Some(cause) = cause {
            told.entry(cause).or_default().push(story(line));
        }
    }
    told
}

fn story(line: &str) -> BTreeSet<String> {
    parts_of(line).into_iter().filter(|part| !is_silent(part)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::offline::words::one_form;
    use finding::Group;

    #[test]
    fn every_cause_has_stories_of_more_than_one_word() {
        let told = parse();
        let heads = TEXTS.iter().flat_map(|text| text.lines());
        for line in heads.filter(|line| !line.starts_with([' ', '#']) && !line.is_empty()) {
            assert!(Cause::from_str(line).is_ok(), "no cause: {line}");
        }
        for cause in Cause::ALL.iter().filter(|cause| cause.group() != Group::Defect) {
            let stories = told.get(cause).map(Vec::as_slice).unwrap_or_default();
            assert!(stories.len() >= 2, "{cause} has {} stories", stories.len());
            assert!(stories.iter().all(|story| story.len() >= 2), "{cause}: {stories:?}");
        }
    }

    #[test]
    fn what_few_share_tells_more() {
        let stories = Stories::new();
        assert!(stories.tells["e9280"] > stories.tells[&one_form("queue")]);
    }
}
