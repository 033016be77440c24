//! What the events and remarks of a case say: sentences, events, codes.

use std::collections::{BTreeMap, BTreeSet};

use super::cleared;
use super::input::{Code, FieldCase, FieldEvent};
use super::numbers::{self, Codes};
use super::table::events::{self, Form};
use super::words::{spelled, words};

/// So many kinds of events (number and source) are looked at.
const MAX_KINDS: usize = 500;
/// So many different texts of one kind are looked at; more of them repeat what these say.
const MAX_ALIKE: usize = 6;
/// So many remarks are looked at.
const MAX_NOTES: usize = 500;
/// So many octets of one text are read: the Windows log allows 32 KiB in a record.
const MAX_TEXT: usize = 32 * 1024;
/// So many characters of a text are shown as evidence.
const SHOWN: usize = 140;
/// Numbers below are counts and codes in a remark, never events.
const FIRST_EVENT_IN_NOTES: i64 = 100;

/// The source of the security log, and its events that carry a code of Kerberos.
const AUDITING: &str = "microsoft-windows-security-auditing";
const OF_THE_KDC: std::ops::RangeInclusive<i64> = 4768..=4773;

/// One text.
#[derive(Debug)]
pub(super) struct Sentence {
    /// Where it stands, for people.
    pub(super) source: String,
    /// Its beginning, for people.
    pub(super) shown: String,
    pub(super) words: Vec<String>,
    /// True for a remark of a person, false for the text of an event.
    pub(super) is_note: bool,
    /// True for a remark that says that something is in order, or that a cure changed nothing.
    pub(super) is_in_order: bool,
}

/// One event.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) id: Option<i64>,
    /// Who logged it, in small letters; empty where that is not known.
    pub(super) source: String,
    pub(super) codes: Codes,
    /// Which sentence is its text.
    pub(super) sentence: usize,
}

/// Everything that a case says.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) sentences: Vec<Sentence>,
    pub(super) events: Vec<Seen>,
    /// Numbers that stand in remarks, with the sentence.
    pub(super) mentioned: Vec<(i64, usize)>,
    /// The codes of all events and remarks.
    pub(super) codes: Codes,
    /// Every word that stands anywhere.
    pub(super) vocabulary: BTreeSet<String>,
    /// How a word is spelled where it stands.
    pub(super) spelling: BTreeMap<String, String>,
    /// The words of remarks.
    told: BTreeSet<String>,
}

/// The number of an event of the MTA by its wording alone, as the MTA's own text logs and people who paste leave it.
#[must_use]
pub fn number_of(text: &str) -> Option<u32> {
    let form = events::recognise(&words(cut(text, MAX_TEXT)))?;
    u32::try_from(form.id).ok()
}

/// Reads a case.
pub(super) fn read(case: &FieldCase) -> Facts {
    let mut facts = Facts::default();
    for (event, text) in choose(&case.events) {
        add_event(&mut facts, event, text);
    }
    for note in case.notes.iter().take(MAX_NOTES) {
        add_note(&mut facts, cut(note, MAX_TEXT));
    }
    // What is said first and what is said last weighs the same.
    let mut facts = facts.sentences_in_order();
    facts.vocabulary = facts.sentences.iter().flat_map(|one| one.words.iter().cloned()).collect();
    facts
}

/// The events that are looked at: of each kind the first texts by alphabet, so that their order in the log is nothing.
fn choose(events: &[FieldEvent]) -> Vec<(&FieldEvent, &str)> {
    let mut kinds: BTreeMap<(Option<i64>, &str), BTreeMap<&str, &FieldEvent>> = BTreeMap::new();
    for event in events {
        let text = cut(event.text.as_deref().unwrap_or_default(), MAX_TEXT);
        let kind = (event.id, event.source.as_deref().unwrap_or_default());
        if kinds.len() >= MAX_KINDS && !kinds.contains_key(&kind) {
            continue;
        }
        let texts = kinds.entry(kind).or_default();
        texts.insert(text, event);
        // A text without a number can be of any kind.
        if texts.len() > if event.id.is_some() { MAX_ALIKE } else { MAX_KINDS } {
            texts.pop_last();
        }
    }
    kinds.into_values().flatten().map(|(text, event)| (event, text)).collect()
}

impl Facts {
    /// True for a word that stands in a remark.
    pub(super) fn is_told(&self, word: &str) -> bool {
        self.told.contains(word)
    }

    /// Evidence is told in the order of the texts' words, so that a shuffled case gives the same answer.
    fn sentences_in_order(mut self) -> Self {
        let mut order: Vec<usize> = (0..self.sentences.len()).collect();
        order.sort_by(|a, b| {
            let key = |at: &usize| {
                let one = &self.sentences[*at];
                (one.is_note, &one.source, &one.shown)
            };
            key(a).cmp(&key(b))
        });
        let mut place = vec![0; order.len()];
        for (new, old) in order.iter().enumerate() {
            place[*old] = new;
        }
        let mut moved: Vec<Option<Sentence>> = self.sentences.into_iter().map(Some).collect();
        self.sentences = order.iter().filter_map(|old| moved[*old].take()).collect();
        for event in &mut self.events {
            event.sentence = place[event.sentence];
        }
        self.events.sort_by_key(|event| event.sentence);
        for (_, sentence) in &mut self.mentioned {
            *sentence = place[*sentence];
        }
        self.mentioned.sort_unstable();
        self
    }
}

fn add_event(facts: &mut Facts, event: &FieldEvent, text: &str) {
    let source = provider(event.source.as_deref().unwrap_or_default());
    let form = form(event, text, &source);
    let id = event.id.or(form.map(|form| form.id));
    let mut codes = Codes::default();
    numbers::labelled(text, &mut codes);
    for (kind, code) in &event.codes {
        match code {
            Code::Number(value) => codes.add(kind, *value),
            Code::Text(value) => {
                if let Some(value) = numbers::parse(value) {
                    codes.add(kind, value);
                }
            }
            Code::Other(_) => {}
        }
    }
    if source == AUDITING && id.is_some_and(|id| OF_THE_KDC.contains(&id)) {
        codes.read_as_kerberos();
    }
    facts.codes.join(&codes);
    let mut said = Vec::new();
    for (form, word) in spelled(text) {
        facts.spelling.entry(form.clone()).or_insert(word);
        said.push(form);
    }
    for code in event.codes.values() {
        if let Code::Text(value) = code {
            said.extend(words(cut(value, 200)));
        }
    }
    // A number alone says as much as its text.
    if said.len() < 3
        && let Some(form) = form
    {
        said.extend(words(form.phrase));
    }
    name_reports(&codes, &mut said);
    let number = id.map_or_else(|| "event".to_owned(), |id| format!("event {id}"));
    let source_shown = match event.source.as_deref().filter(|source| !source.is_empty()) {
        Some(source) if !source.eq_ignore_ascii_case("MSExchangeMTA") => {
            format!("{} {number}", cut(source, 60))
        }
        _ => number,
    };
    let shown = match form {
        Some(form) => match codes.told() {
            codes if codes.is_empty() => form.meaning.to_owned(),
            codes => format!("{} ({codes})", form.meaning),
        },
        None => shown(text),
    };
    facts.sentences.push(Sentence {
        source: source_shown,
        shown,
        words: said,
        is_note: false,
        is_in_order: false,
    });
    facts.events.push(Seen { id, source, codes, sentence: facts.sentences.len() - 1 });
}

/// The name of a source in one form: `Microsoft Windows security auditing.` is how Event Viewer shows a provider.
fn provider(source: &str) -> String {
    let lower = source.trim().to_ascii_lowercase();
    if lower.starts_with("microsoft windows ") {
        return lower.trim_end_matches('.').replace(' ', "-");
    }
    lower
}

/// What kind of event it is: by its number, else by its wording.
fn form(event: &FieldEvent, text: &str, source: &str) -> Option<&'static Form> {
    match event.id {
        Some(id) if source.is_empty() || source.contains("mta") => events::form(id),
        Some(_) => None,
        None => events::recognise(&words(text)),
    }
}

fn add_note(facts: &mut Facts, note: &str) {
    let mut codes = Codes::default();
    numbers::labelled(note, &mut codes);
    facts.codes.join(&codes);
    let mut said = Vec::new();
    for (form, word) in spelled(note) {
        // The spelling of a remark goes before that of an event; of several the first by alphabet, so that their order is nothing.
        let is_new = facts.told.insert(form.clone());
        let known = facts.spelling.entry(form.clone()).or_insert_with(|| word.clone());
        if is_new || word < *known {
            *known = word;
        }
        said.push(form);
    }
    name_reports(&codes, &mut said);
    let at = facts.sentences.len();
    for number in numbers::bare(note) {
        facts.mentioned.push((number, at));
        if number >= FIRST_EVENT_IN_NOTES {
            facts.codes.add("mentioned", number);
        }
    }
    facts.sentences.push(Sentence {
        source: "note".to_owned(),
        shown: shown(note),
        is_in_order: cleared::is_in_order(&said),
        words: said,
        is_note: true,
    });
}

/// Reports give reason and diagnostic as numbers or as names; the names are what signs look for.
fn name_reports(codes: &Codes, said: &mut Vec<String>) {
    for (kind, names) in
        [("x400_reason", events::REASONS), ("x400_diagnostic", events::DIAGNOSTICS)]
    {
        for (number, name) in names {
            if codes.of(kind, &[*number]).is_some() {
                said.extend(words(name));
            }
        }
    }
}

/// The beginning of a text that ends at a character.
fn cut(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

fn shown(text: &str) -> String {
    let mut out = String::new();
    for word in cut(text, SHOWN * 4).split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    match out.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}...", &out[..at]),
        None => out,
    }
}
