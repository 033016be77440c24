//! Words of a text in one form each: lower case, joined where two stand for one thing, without endings, and with one word
//! for all that mean the same.

use super::lexicon::{JOINED, SAME, SILENT};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// No more words of one text are read: the longest event texts have a few hundred.
pub(super) const MAX_WORDS: usize = 2_000;
/// Longer words are dumps, not words.
const MAX_LETTERS: usize = 48;
/// The longest row of [`JOINED`].
const LONGEST_JOIN: usize = 4;

/// The words of a text, in their one form.
pub(super) fn words(text: &str) -> Vec<String> {
    spelled(text).into_iter().map(|(form, _)| form).collect()
}

/// The words of a text, in their one form and as they are spelled there.
pub(super) fn spelled(text: &str) -> Vec<(String, String)> {
    let raw = split(text);
    let mut out = Vec::with_capacity(raw.len());
    let mut at = 0;
    while at < raw.len() {
        let (word, used) = joined(&raw, at)
            .map_or_else(|| (raw[at].clone(), 1), |(word, used)| (word.to_owned(), used));
        out.push((one_form(&word), word));
        at += used;
    }
    out
}

/// A single word in its one form.
pub(super) fn one_form(word: &str) -> String {
    if let Some(same) = SAMES.get(word) {
        return same.clone();
    }
    let stem = stem(word);
    SAMES.get(stem.as_str()).cloned().unwrap_or(stem)
}

/// The forms of all words of the lexicon that begin so.
pub(super) fn forms_of_words_with(beginning: &str) -> BTreeSet<String> {
    let words = SAME.iter().flat_map(|row| row.split_whitespace());
    words.filter(|word| word.starts_with(beginning)).map(one_form).collect()
}

/// True for words that every text has and that say nothing.
pub(super) fn is_silent(word: &str) -> bool {
    SILENT_FORMS.contains(word) || (word.len() < 2 && !word.bytes().all(|b| b.is_ascii_digit()))
}

static SILENT_FORMS: LazyLock<BTreeSet<String>> =
    LazyLock::new(|| SILENT.split_whitespace().map(one_form).collect());

/// From every word, and from its stem, to the one that stands for its group.
static SAMES: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
    let mut map = BTreeMap::new();
    for row in SAME {
        let mut group = row.split_whitespace();
        let Some(head) = group.next().map(stem) else { continue };
        for word in row.split_whitespace() {
            map.insert(word.to_owned(), head.clone());
            map.insert(stem(word), head.clone());
        }
    }
    map
});

/// Words that are joined, and what they become.
type Join = (Vec<&'static str>, &'static str);

/// The joins, by their first word.
static JOINS: LazyLock<BTreeMap<&'static str, Vec<Join>>> = LazyLock::new(|| {
    let mut map: BTreeMap<&'static str, Vec<Join>> = BTreeMap::new();
    for (parts, whole) in JOINED {
        let parts: Vec<&str> = parts.split(' ').collect();
        map.entry(parts[0]).or_default().push((parts, whole));
    }
    for rows in map.values_mut() {
        // The longest match wins.
        rows.sort_by_key(|(parts, _)| std::cmp::Reverse(parts.len()));
    }
    map
});

/// Two or more words that stand for one, with how many they are.
fn joined(raw: &[String], at: usize) -> Option<(&'static str, usize)> {
    let end = raw.len().min(at + LONGEST_JOIN);
    let here = &raw[at..end];
    JOINS.get(here.first()?.as_str())?.iter().find_map(|(parts, whole)| {
        let fits = parts.len() <= here.len() && parts.iter().zip(here).all(|(a, b)| a == b);
        fits.then_some((*whole, parts.len()))
    })
}

fn split(text: &str) -> Vec<String> {
    let is_quote = |c: char| matches!(c, '\'' | '\u{2019}');
    let mut out = Vec::new();
    for piece in text.split(|c: char| !c.is_alphanumeric() && !is_quote(c)) {
        let piece = piece.trim_matches(is_quote);
        // `server's` is a server, `doesn't` a `doesn`.
        let piece = piece
            .strip_suffix(['s', 't'])
            .and_then(|rest| rest.strip_suffix(is_quote))
            .unwrap_or(piece);
        for word in piece.split(is_quote).filter(|word| !word.is_empty()) {
            if word.chars().count() <= MAX_LETTERS {
                out.push(word.to_lowercase());
            }
        }
        if out.len() >= MAX_WORDS {
            break;
        }
    }
    out
}

/// A word without its ending; a rule of thumb that treats a noun and its verb alike, no more.
pub(super) fn stem(word: &str) -> String {
    if word.len() < 4 || !word.bytes().all(|b| b.is_ascii_lowercase()) {
        return word.to_owned();
    }
    let word = singular(word);
    let mut word = without_verb_ending(&word);
    for (ending, kept) in [("ations", "at"), ("ation", "at"), ("ition", "it"), ("ly", "")] {
        if let Some(start) = word.strip_suffix(ending)
            && start.len() >= 4
        {
            word = format!("{start}{kept}");
            break;
        }
    }
    if word.len() > 4 && word.ends_with('e') {
        word.pop();
    }
    word
}

fn singular(word: &str) -> String {
    let cut = |count: usize| word[..word.len() - count].to_owned();
    if word.ends_with("ies") && word.len() > 4 {
        return format!("{}y", cut(3));
    }
    if ["sses", "xes", "ches", "shes", "zes"].iter().any(|ending| word.ends_with(ending)) {
        return cut(2);
    }
    let kept = ["ss", "us", "is", "ws", "as"].iter().any(|ending| word.ends_with(ending));
    if word.ends_with('s') && !kept { cut(1) } else { word.to_owned() }
}

fn without_verb_ending(word: &str) -> String {
    for ending in ["ing", "ed"] {
        let Some(start) = word.strip_suffix(ending) else { continue };
        // `exceed` and `speed` are whole.
        if start.len() < 3 || start.ends_with('e') || !start.bytes().any(|b| b"aeiouy".contains(&b))
        {
            continue;
        }
        let bytes = start.as_bytes();
        let doubled = bytes[bytes.len() - 1] == bytes[bytes.len() - 2]
            && !b"lsz".contains(&bytes[bytes.len() - 1]);
        return if doubled { start[..start.len() - 1].to_owned() } else { start.to_owned() };
    }
    word.to_owned()
}
