//! The vocabulary of each cause: a weak sign in every word that few causes share.
//!
//! The rarer a word is among the causes, the more it tells (the inverse document frequency of text retrieval). It catches
//! what nobody foresaw as a phrase.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::Facts;
use super::table::Rule;
use super::words::{is_silent, words};

/// A word of the definition alone is less of a symptom than one that people use.
const DEFINITION: f64 = 0.7;
/// The wording of an event is the same whatever caused it.
const EVENT_TEXT: f64 = 0.25;
/// So many words are shown as evidence.
const SHOWN: usize = 6;

/// The vocabularies of all causes.
#[derive(Debug)]
pub(super) struct Profiles {
    /// For each rule: word to weight.
    rules: Vec<BTreeMap<String, f64>>,
    /// How much a word tells.
    tells: BTreeMap<String, f64>,
}

/// What a vocabulary found.
#[derive(Debug, Default)]
pub(super) struct Overlap {
    pub(super) score: f64,
    /// The words, most telling first.
    pub(super) words: Vec<String>,
}

impl Profiles {
    pub(super) fn new(rules: &[&Rule]) -> Self {
        let vocabularies: Vec<BTreeMap<String, f64>> =
            rules.iter().map(|rule| vocabulary(rule)).collect();
        let mut found_in: BTreeMap<&str, u32> = BTreeMap::new();
        for word in vocabularies.iter().flat_map(BTreeMap::keys) {
            *found_in.entry(word).or_default() += 1;
        }
        let total = f64::from(u32::try_from(rules.len()).unwrap_or(u32::MAX));
        let tells = found_in
            .into_iter()
            .map(|(word, count)| (word.to_owned(), (total / f64::from(count)).ln().max(0.0)))
            .collect();
        Self { rules: vocabularies, tells }
    }

    /// How much each rule's vocabulary has in common with a case.
    pub(super) fn overlaps(&self, facts: &Facts) -> Vec<Overlap> {
        let mut asked: BTreeMap<&str, f64> = BTreeMap::new();
        for sentence in &facts.sentences {
            let weight = if sentence.is_note { 1.0 } else { EVENT_TEXT };
            for word in sentence.words.iter().filter(|word| !is_silent(word)) {
                let kept = asked.entry(word).or_insert(0.0);
                *kept = f64::max(*kept, weight);
            }
        }
        self.rules.iter().map(|vocabulary| self.overlap(vocabulary, &asked)).collect()
    }

    fn overlap(&self, vocabulary: &BTreeMap<String, f64>, asked: &BTreeMap<&str, f64>) -> Overlap {
        let mut hits: Vec<(f64, &str)> = asked
            .iter()
            .filter_map(|(word, weight)| {
                let own = vocabulary.get(*word)?;
                Some((own * weight * self.tells.get(*word)?, *word))
            })
            .collect();
        hits.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
        Overlap {
            score: hits.iter().map(|(score, _)| score).sum(),
            words: hits.iter().take(SHOWN).map(|(_, word)| (*word).to_owned()).collect(),
        }
    }
}

fn vocabulary(rule: &Rule) -> BTreeMap<String, f64> {
    let mut out = BTreeMap::new();
    let spoken: BTreeSet<String> = words(rule.words).into_iter().collect();
    for word in words(rule.cause.meaning()) {
        out.insert(word, DEFINITION);
    }
    for word in spoken {
        out.insert(word, 1.0);
    }
    out.retain(|word, _| !is_silent(word));
    out
}
