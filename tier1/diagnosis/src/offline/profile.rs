//! The vocabulary of each cause: a weak sign in every word that few causes share.
//!
//! The rarer a word is among the causes, the more it tells (the inverse document frequency of text retrieval). It catches
//! what nobody foresaw as a phrase.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::Facts;
use super::sign::forms;
use super::stories::IN_ORDER;
use super::table::Rule;
use super::words::{is_silent, words};

/// A word of the definition alone is less of a symptom than one that people use.
const DEFINITION: f64 = 0.7;
/// A word of a sign's phrase is a symptom too, but it counts already where the phrase is found.
const PHRASE: f64 = 0.5;
/// A word that only begins like one of the vocabulary says less.
const NEAR: f64 = 0.6;
/// So many letters must agree for two words to be near.
const NEAR_LETTERS: usize = 5;
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
            let weight = match (sentence.is_note, sentence.is_in_order) {
                (true, true) => IN_ORDER,
                (true, false) => 1.0,
                (false, _) => EVENT_TEXT,
            };
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
                let (own, known) = nearest(vocabulary, word)?;
                Some((own * weight * self.tells.get(known)?, *word))
            })
            .collect();
        hits.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
        Overlap {
            score: hits.iter().map(|(score, _)| score).sum(),
            words: hits.iter().take(SHOWN).map(|(_, word)| (*word).to_owned()).collect(),
        }
    }
}

/// The word of a vocabulary that is this one, or begins like it.
fn nearest<'a>(vocabulary: &'a BTreeMap<String, f64>, word: &str) -> Option<(f64, &'a str)> {
    if let Some((known, weight)) = vocabulary.get_key_value(word) {
        return Some((*weight, known));
    }
    let start = word.get(..NEAR_LETTERS)?;
    vocabulary
        .range(start.to_owned()..)
        .take_while(|(known, _)| known.starts_with(start))
        .filter(|(known, _)| {
            let longer = known.len().max(word.len());
            let same = known.bytes().zip(word.bytes()).take_while(|(a, b)| a == b).count();
            same * 4 >= longer * 3
        })
        .map(|(known, weight)| (weight * NEAR, known.as_str()))
        .max_by(|a, b| a.0.total_cmp(&b.0))
}

fn vocabulary(rule: &Rule) -> BTreeMap<String, f64> {
    let mut out = BTreeMap::new();
    let spoken: BTreeSet<String> = words(rule.words).into_iter().collect();
    let phrases = rule.signs.iter().filter(|sign| sign.weight > 0.0);
    for word in phrases.filter_map(|sign| sign.look.phrase()).flat_map(forms) {
        out.insert(word, PHRASE);
    }
    for word in words(rule.cause.meaning()) {
        out.insert(word, DEFINITION);
    }
    for word in spoken {
        out.insert(word, 1.0);
    }
    out.retain(|word, _| !is_silent(word));
    out
}
