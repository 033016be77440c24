//! A sign: what to look for, and how much it speaks for a cause (or, below zero, against it).
//!
//! Weights are logarithms of odds: 1 makes a cause about three times as likely as before, 3 twenty times. A phrase is
//! written as groups of words with blanks between them; all groups must be there, of a group one word (`queue|backlog`);
//! `access+denied` stands together, `unresolv*` begins so, `!cluster` must not be there. Words are compared in their one
//! form, so a phrase covers its inflections and its synonyms. Where the groups are spread over several remarks, or over
//! remarks and events, the phrase counts for less.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use super::facts::{Facts, Sentence};
use super::table::events;
use super::words::{forms_of_words_with, is_silent, one_form};

/// What a sign looks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Look {
    /// An event of the MTA, by its number.
    Event(&'static [i64]),
    /// The same with one of these codes in it.
    EventWith(&'static [i64], &'static [i64]),
    /// The same with a phrase in its text.
    EventSays(&'static [i64], &'static str),
    /// An event of another source, whose name begins so; no number means any.
    Log(&'static str, &'static [i64]),
    /// A code, wherever it stands.
    Code(&'static [i64]),
    /// A code that is the status of the other side's own call.
    Bind(&'static [i64]),
    /// A phrase.
    Says(&'static str),
    /// Events, and no remark that tells of trouble.
    Calm,
}

impl Look {
    /// The phrase that it looks for anywhere.
    pub(super) const fn phrase(&self) -> Option<&'static str> {
        match self {
            Self::Says(phrase) => Some(phrase),
            _ => None,
        }
    }
}

/// One sign.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sign {
    pub(super) look: Look,
    pub(super) weight: f64,
}

pub(super) const fn event(ids: &'static [i64], weight: f64) -> Sign {
    Sign { look: Look::Event(ids), weight }
}

pub(super) const fn with(ids: &'static [i64], codes: &'static [i64], weight: f64) -> Sign {
    Sign { look: Look::EventWith(ids, codes), weight }
}

pub(super) const fn telling(ids: &'static [i64], phrase: &'static str, weight: f64) -> Sign {
    Sign { look: Look::EventSays(ids, phrase), weight }
}

pub(super) const fn log(source: &'static str, ids: &'static [i64], weight: f64) -> Sign {
    Sign { look: Look::Log(source, ids), weight }
}

pub(super) const fn code(codes: &'static [i64], weight: f64) -> Sign {
    Sign { look: Look::Code(codes), weight }
}

pub(super) const fn bind(codes: &'static [i64], weight: f64) -> Sign {
    Sign { look: Look::Bind(codes), weight }
}

pub(super) const fn says(phrase: &'static str, weight: f64) -> Sign {
    Sign { look: Look::Says(phrase), weight }
}

pub(super) const fn calm(weight: f64) -> Sign {
    Sign { look: Look::Calm, weight }
}

/// How much a phrase counts whose groups stand in several remarks.
const SPREAD: f64 = 0.8;
/// How much a phrase counts that needs the texts of events.
const MIXED: f64 = 0.7;
/// How much a phrase counts of which one group is missing.
const ALMOST: f64 = 0.3;
/// So many groups must be there for that.
const ALMOST_GROUPS: usize = 2;
/// How much a number in a remark counts as an event.
const MENTIONED: f64 = 0.9;
/// So many silent words may stand between words that stand together.
const MAX_GAP: usize = 2;

/// A sign that was found.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// The weight, less what the place takes off.
    pub(super) weight: f64,
    /// Which sentences it rests on.
    pub(super) sentences: Vec<usize>,
}

/// A sign with its phrase read.
#[derive(Debug)]
pub(super) struct Reader {
    sign: Sign,
    phrase: Option<Phrase>,
}

impl Reader {
    pub(super) fn new(sign: Sign) -> Self {
        let phrase = match sign.look {
            Look::Says(text) | Look::EventSays(_, text) => Some(Phrase::new(text)),
            _ => None,
        };
        Self { sign, phrase }
    }

    /// Looks for the sign.
    pub(super) fn find(&self, facts: &Facts) -> Option<Found> {
        let (share, sentences) = match self.sign.look {
            Look::Event(ids) => event_or_mention(facts, ids)?,
            Look::EventWith(ids, codes) => event_with(facts, ids, codes)?,
            Look::EventSays(ids, _) => {
                let phrase = self.phrase.as_ref()?;
                let at = of_mta(facts, ids)
                    .find(|at| phrase.within(&[&facts.sentences[*at]]).is_some())?;
                (1.0, vec![at])
            }
            Look::Log(source, ids) => of_log(facts, source, ids)?,
            Look::Code(codes) => code_anywhere(facts, codes)?,
            Look::Bind(codes) => {
                let event = facts
                    .events
                    .iter()
                    .find(|event| event.codes.of("bind_error", codes).is_some())?;
                (1.0, vec![event.sentence])
            }
            Look::Calm => (1.0, calm_events(facts)?),
            Look::Says(_) => self.phrase.as_ref()?.anywhere(facts)?,
        };
        Some(Found { weight: self.sign.weight * share, sentences })
    }
}

/// Words of trouble; a remark that has one of them tells more than that an event was logged.
const TROUBLE: &str = "fail stop hang ndr backlog cannot unable stuck loop crash drop slow reject not no never wrong corrupt missing \
    delete lost block down unknown misroute full queue old different mismatch many install upgrade remove move large \
    restore new change";

static TROUBLES: LazyLock<BTreeSet<String>> =
    LazyLock::new(|| TROUBLE.split_whitespace().map(one_form).collect());

/// Sources whose events tell of a refusal, which is never nothing.
const REFUSALS: [&str; 8] =
    ["microsoft-windows-", "netlogon", "lsasrv", "kdc", "kerberos", "security", "schannel", "dcom"];

/// The events of a case whose remarks tell of no trouble.
fn calm_events(facts: &Facts) -> Option<Vec<usize>> {
    let notes = facts.sentences.iter().filter(|one| one.is_note);
    if notes.flat_map(|note| &note.words).any(|word| TROUBLES.contains(word)) {
        return None;
    }
    // Of an event that says nothing nobody knows whether it is harmless.
    let harmless = |source: &str| !REFUSALS.iter().any(|start| source.starts_with(start));
    let logged = facts.events.iter().filter(|event| harmless(&event.source));
    let logged = logged.map(|event| event.sentence);
    let logged: Vec<usize> =
        logged.filter(|at| !facts.sentences[*at].words.is_empty()).take(3).collect();
    if !logged.is_empty() {
        return Some(logged);
    }
    let (_, at) = facts.mentioned.iter().find(|(number, _)| events::form(*number).is_some())?;
    Some(vec![*at])
}

/// The sentences of the MTA's events with these numbers.
fn of_mta<'a>(facts: &'a Facts, ids: &'a [i64]) -> impl Iterator<Item = usize> + 'a {
    facts
        .events
        .iter()
        .filter(|event| event.source.is_empty() || event.source.contains("mta"))
        .filter(|event| event.id.is_some_and(|id| ids.contains(&id)))
        .map(|event| event.sentence)
}

/// A remark that gives one of these numbers.
fn mention(facts: &Facts, numbers: &[i64]) -> Option<usize> {
    facts.mentioned.iter().find(|(number, _)| numbers.contains(number)).map(|(_, at)| *at)
}

/// Small numbers in remarks count things; as events they must be called so.
fn mention_of_event(facts: &Facts, ids: &[i64]) -> Option<usize> {
    let named = |number: i64, at: usize| {
        number >= 100 || {
            let words = &facts.sentences[at].words;
            let number = number.to_string();
            words.windows(2).any(|pair| pair[1] == number && pair[0] == "event")
        }
    };
    let found =
        facts.mentioned.iter().find(|(number, at)| ids.contains(number) && named(*number, *at));
    found.map(|(_, at)| *at)
}

fn event_or_mention(facts: &Facts, ids: &[i64]) -> Option<(f64, Vec<usize>)> {
    of_mta(facts, ids)
        .next()
        .map(|at| (1.0, vec![at]))
        .or_else(|| mention_of_event(facts, ids).map(|at| (MENTIONED, vec![at])))
}

fn event_with(facts: &Facts, ids: &[i64], codes: &[i64]) -> Option<(f64, Vec<usize>)> {
    let inside = facts.events.iter().find(|event| {
        event.id.is_some_and(|id| ids.contains(&id)) && event.codes.any(codes).is_some()
    });
    if let Some(event) = inside {
        return Some((1.0, vec![event.sentence]));
    }
    // The event here, the code in a remark: `9318 with NT error 5`.
    let (share, mut sentences) = event_or_mention(facts, ids)?;
    let (_, code) = code_anywhere(facts, codes)?;
    sentences.extend(code);
    Some((share * MENTIONED, sentences))
}

fn of_log(facts: &Facts, source: &str, ids: &[i64]) -> Option<(f64, Vec<usize>)> {
    let fits = |id: Option<i64>| ids.is_empty() || id.is_some_and(|id| ids.contains(&id));
    let logged =
        facts.events.iter().find(|event| event.source.starts_with(source) && fits(event.id));
    if let Some(event) = logged {
        return Some((1.0, vec![event.sentence]));
    }
    let nameless = facts.events.iter().find(|event| {
        !ids.is_empty() && event.source.is_empty() && event.id.is_some_and(|id| ids.contains(&id))
    });
    nameless
        .map(|event| (MENTIONED, vec![event.sentence]))
        .or_else(|| mention(facts, ids).map(|at| (MENTIONED, vec![at])))
}

fn code_anywhere(facts: &Facts, codes: &[i64]) -> Option<(f64, Vec<usize>)> {
    if let Some(event) = facts.events.iter().find(|event| event.codes.any(codes).is_some()) {
        return Some((1.0, vec![event.sentence]));
    }
    let value = facts.codes.any(codes)?;
    Some((1.0, mention(facts, &[value]).into_iter().collect()))
}

/// One word of a phrase.
#[derive(Debug)]
struct Term {
    form: String,
    is_beginning: bool,
    /// The forms of words that begin so and have another word stand for them.
    other_forms: BTreeSet<String>,
}

impl Term {
    fn new(text: &str) -> Self {
        match text.strip_suffix('*') {
            Some(start) => Self {
                // Forms have lost this ending.
                form: start.trim_end_matches('e').to_owned(),
                is_beginning: true,
                other_forms: forms_of_words_with(start),
            },
            None => {
                Self { form: one_form(text), is_beginning: false, other_forms: BTreeSet::new() }
            }
        }
    }

    fn stands_in(&self, vocabulary: &BTreeSet<String>) -> bool {
        let from = vocabulary.range(self.form.clone()..).next();
        from.is_some_and(|word| self.fits(word)) || !self.other_forms.is_disjoint(vocabulary)
    }

    fn fits(&self, word: &str) -> bool {
        if self.is_beginning {
            word.starts_with(&self.form) || self.other_forms.contains(word)
        } else {
            word == self.form
        }
    }
}

/// Words that stand together.
type Together = Vec<Term>;

/// A phrase in parts.
#[derive(Debug)]
struct Phrase {
    wanted: Vec<Vec<Together>>,
    barred: Vec<Vec<Together>>,
}

impl Phrase {
    fn new(text: &str) -> Self {
        let (mut wanted, mut barred) = (Vec::new(), Vec::new());
        for group in text.split_whitespace() {
            let (list, group) = match group.strip_prefix('!') {
                Some(rest) => (&mut barred, rest),
                None => (&mut wanted, group),
            };
            list.push(
                group.split('|').map(|one| one.split('+').map(Term::new).collect()).collect(),
            );
        }
        Self { wanted, barred }
    }

    /// The share that the place leaves, and where.
    fn anywhere(&self, facts: &Facts) -> Option<(f64, Vec<usize>)> {
        if !self.can_stand(&facts.vocabulary) {
            return None;
        }
        let sentences = &facts.sentences;
        let all: Vec<&Sentence> = sentences.iter().collect();
        if self.barred.iter().any(|group| stands(group, &all).is_some()) {
            return None;
        }
        for (at, sentence) in sentences.iter().enumerate() {
            if self.within(&[sentence]).is_some() {
                return Some((1.0, vec![at]));
            }
        }
        let notes: Vec<&Sentence> = sentences.iter().filter(|one| one.is_note).collect();
        let first_note = sentences.iter().position(|one| one.is_note).unwrap_or(0);
        if let Some(places) = self.within(&notes) {
            return Some((SPREAD, places.into_iter().map(|at| at + first_note).collect()));
        }
        if let Some(places) = self.within(&all) {
            return Some((MIXED, places));
        }
        self.almost(&notes)
            .map(|places| (ALMOST, places.into_iter().map(|at| at + first_note).collect()))
    }

    /// False where too many groups have no word in the whole case: nearly always, and quickly found out.
    fn can_stand(&self, vocabulary: &BTreeSet<String>) -> bool {
        let absent = self.wanted.iter().filter(|group| {
            !group.iter().any(|together| together.iter().all(|term| term.stands_in(vocabulary)))
        });
        absent.count() <= usize::from(self.wanted.len() > ALMOST_GROUPS)
    }

    /// Where all wanted groups but one stand, if there are enough of them.
    fn almost(&self, sentences: &[&Sentence]) -> Option<Vec<usize>> {
        let mut places: Vec<usize> = Vec::new();
        let mut count = 0;
        for at in self.wanted.iter().filter_map(|group| stands(group, sentences)) {
            count += 1;
            if !places.contains(&at) {
                places.push(at);
            }
        }
        (count + 1 == self.wanted.len() && count >= ALMOST_GROUPS).then_some(places)
    }

    /// Where each wanted group stands.
    fn within(&self, sentences: &[&Sentence]) -> Option<Vec<usize>> {
        let mut places = Vec::new();
        for group in &self.wanted {
            let at = stands(group, sentences)?;
            if !places.contains(&at) {
                places.push(at);
            }
        }
        Some(places)
    }
}

fn stands(group: &[Together], sentences: &[&Sentence]) -> Option<usize> {
    sentences.iter().position(|one| group.iter().any(|together| runs(together, &one.words)))
}

fn runs(together: &Together, words: &[String]) -> bool {
    (0..words.len()).any(|start| runs_from(together, &words[start..]))
}

fn runs_from(together: &Together, words: &[String]) -> bool {
    let mut at = 0;
    for (index, term) in together.iter().enumerate() {
        let mut gap = 0;
        loop {
            let Some(word) = words.get(at) else { return false };
            at += 1;
            if term.fits(word) {
                break;
            }
            gap += 1;
            if index == 0 || gap > MAX_GAP || !is_silent(word) {
                return false;
            }
        }
    }
    true
}

/// The words of a phrase that must be there, in their one form.
pub(super) fn forms(phrase: &str) -> impl Iterator<Item = String> {
    let groups = phrase.split_whitespace().filter(|group| !group.starts_with('!'));
    groups.flat_map(|group| group.split(['|', '+'])).map(|word| Term::new(word).form)
}

/// For the tests of the table: a text of the first words of each group has the phrase in it.
#[cfg(test)]
pub(super) fn phrase_finds_itself(phrase: &str) -> bool {
    let groups = phrase.split_whitespace().filter(|group| !group.starts_with('!'));
    let read = Phrase::new(phrase);
    // Every choice within a group must be findable, with the first ones of the other groups.
    groups.clone().enumerate().all(|(place, group)| {
        group.split('|').all(|choice| {
            let text = groups.clone().enumerate().map(|(at, other)| {
                let first = other.split('|').next().unwrap_or_default();
                if at == place { choice } else { first }
            });
            let text = text.collect::<Vec<_>>().join(" and ").replace('+', " ").replace('*', "");
            let said = Sentence {
                source: String::new(),
                shown: String::new(),
                words: super::words::words(&text),
                is_note: true,
                is_in_order: false,
            };
            read.within(&[&said]).is_some()
        })
    })
}
