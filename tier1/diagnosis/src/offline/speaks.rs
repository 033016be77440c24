//! What parts of a case speak for when they stand together (`table/speaks.txt`).
//!
//! The rows of causes say what belongs to each; this table says it from the side of what is seen, so that every known event
//! has causes that it speaks for, and that a pair of events may tell more than the two alone.

use std::collections::BTreeMap;
use std::str::FromStr;

use finding::Cause;

use super::stories::Asked;
use super::table::status;
use super::words::spelled;

/// The table.
const TEXT: &str = include_str!("table/speaks.txt");

/// One line of the table.
#[derive(Debug)]
struct Line {
    parts: Vec<String>,
    causes: Vec<(Cause, f64)>,
}

/// The table, read.
#[derive(Debug)]
pub(super) struct Speaks(Vec<Line>);

/// What speaks for a cause, and how much.
#[derive(Clone, Copy, Debug)]
pub(super) struct Voice {
    pub(super) weight: f64,
    /// The sentence of its last part.
    pub(super) sentence: usize,
}

impl Speaks {
    pub(super) fn new() -> Self {
        Self(TEXT.lines().filter_map(read).collect())
    }

    /// What is heard in a case, by cause; a line needs all its parts, and weighs what the weakest of them lets it.
    pub(super) fn heard(&self, asked: &Asked) -> BTreeMap<Cause, Vec<Voice>> {
        let mut heard: BTreeMap<Cause, Vec<Voice>> = BTreeMap::new();
        for line in &self.0 {
            let found: Option<Vec<(f64, usize)>> =
                line.parts.iter().map(|part| asked.get(part).copied()).collect();
            let Some(found) = found else { continue };
            let share = found.iter().map(|(weight, _)| *weight).fold(1.0, f64::min);
            let sentence = found.last().map_or(0, |(_, at)| *at);
            for (cause, weight) in &line.causes {
                let voice = Voice { weight: share * weight, sentence };
                heard.entry(*cause).or_default().push(voice);
            }
        }
        heard
    }
}

/// Reads a line; remarks and empty lines are none. The tests see to it that all others can be read.
fn read(line: &str) -> Option<Line> {
    if line.starts_with('#') {
        return None;
    }
    let (parts, causes) = line.split_once('=')?;
    let causes = causes.split(',').filter_map(|one| {
        let (slug, weight) = one.trim().rsplit_once(' ')?;
        Some((Cause::from_str(slug).ok()?, weight.parse().ok()?))
    });
    Some(Line { parts: parts_of(parts), causes: causes.collect() })
}

/// The parts of a line in the form in which a case has them: marks as they are, words in their one form.
pub(super) fn parts_of(text: &str) -> Vec<String> {
    let words = text.split_whitespace().map(|word| word.trim_end_matches([';', ',']));
    let (named, words): (Vec<&str>, Vec<&str>) =
        words.partition(|word| status::named(word).is_some());
    let (marks, plain): (Vec<&str>, Vec<&str>) = words.into_iter().partition(|word| is_mark(word));
    let codes = named.into_iter().filter_map(status::named).map(|code| format!("c{code}"));
    let mut parts: Vec<String> = codes.chain(marks.into_iter().map(str::to_lowercase)).collect();
    parts.extend(spelled(&plain.join(" ")).into_iter().map(|(form, _)| form));
    parts
}

/// True for `e9318`, `c1722`, `k18` (a code of Kerberos), `@netlogon5719`.
fn is_mark(word: &str) -> bool {
    let number = |digits: &str| {
        let digits = digits.strip_prefix('-').unwrap_or(digits);
        !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
    };
    word.starts_with('@') || word.strip_prefix(['e', 'c', 'k']).is_some_and(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::offline::input::{Code, FieldCase, FieldEvent};
    use crate::offline::table::events;
    use crate::offline::{facts, stories};

    #[test]
    fn every_line_can_be_read() {
        for line in TEXT.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
            let read = read(line).unwrap_or_else(|| panic!("no line: {line}"));
            assert!(!read.parts.is_empty(), "{line}");
            assert_eq!(read.causes.len(), line.split(',').count(), "a cause is unknown: {line}");
            for (cause, weight) in &read.causes {
                assert!((0.1..=5.0).contains(weight), "{cause} in {line}");
            }
        }
    }

    #[test]
    fn every_known_event_speaks_for_something() {
        let spoken: Vec<String> =
            TEXT.lines().filter_map(read).flat_map(|line| line.parts).collect();
        let silent: Vec<i64> = events::FORMS
            .iter()
            .map(|form| form.id)
            .filter(|id| !spoken.contains(&format!("e{id}")))
            .collect();
        assert!(silent.is_empty(), "events that speak for nothing: {silent:?}");
    }
    /// A line is dead when a case that says all its parts, as events, codes and remarks, does not make it heard.
    #[test]
    fn every_line_can_be_heard() {
        let all = Speaks::new();
        let (mut dead, mut twice) = (Vec::new(), Vec::new());
        let mut seen = BTreeMap::new();
        for text in TEXT.lines().filter(|line| read(line).is_some()) {
            let line = read(text).unwrap();
            let mut parts = line.parts.clone();
            parts.sort();
            parts.dedup();
            if parts.len() < line.parts.len() {
                twice.push(("a part", text));
            }
            twice.extend(seen.insert(parts, text).map(|other| (other, text)));
            let asked = stories::parts(&facts::read(&told(text)));
            let heard = all.heard(&asked);
            let is_heard = line.causes.iter().all(|(cause, weight)| {
                let voices = heard.get(cause).map(Vec::as_slice).unwrap_or_default();
                voices.iter().any(|voice| voice.weight >= weight * 0.3)
            });
            if !is_heard {
                dead.push(text);
            }
        }
        assert!(
            twice.is_empty() && dead.is_empty(),
            "twice: {twice:#?}, nothing reaches: {dead:#?}"
        );
    }

    /// An event that has nothing but a code.
    fn coded(code: i64) -> FieldEvent {
        let codes = [("nt_error".to_owned(), Code::Number(code))].into();
        FieldEvent { codes, ..FieldEvent::default() }
    }

    /// A name of a code that is misspelled would be a word that nobody says.
    #[test]
    fn every_name_of_a_code_is_known() {
        let is_name = |part: &&str| part.contains('_') && !part.starts_with('@');
        for line in TEXT.lines().filter(|line| !line.starts_with('#')) {
            let Some((parts, _)) = line.split_once('=') else { continue };
            for name in parts.split_whitespace().filter(is_name) {
                assert!(status::named(name).is_some(), "{name} in {line}");
            }
        }
    }

    /// A case that says what stands before the equals sign of a line.
    fn told(text: &str) -> FieldCase {
        let (parts, _) = text.split_once('=').unwrap();
        let mut case = FieldCase::default();
        let mut note = Vec::new();
        for part in parts.split_whitespace() {
            if let Some(code) = status::named(part) {
                case.events.push(coded(code));
                continue;
            }
            let digits = part.trim_start_matches(|c: char| !c.is_ascii_digit());
            match (is_mark(part), part.chars().next()) {
                (true, Some('@')) => {
                    let source = part[1..part.len() - digits.len()].to_owned();
                    case.events.push(FieldEvent {
                        id: digits.parse().ok(),
                        source: Some(source),
                        text: Some("something".to_owned()),
                        ..FieldEvent::default()
                    });
                }
                (true, Some('e')) => case.events.push(FieldEvent {
                    id: digits.parse().ok(),
                    text: Some("something happened there".to_owned()),
                    ..FieldEvent::default()
                }),
                (true, Some('k')) => {
                    let code = Code::Number(part[1..].parse().unwrap());
                    case.events.last_mut().unwrap().codes.insert("status".to_owned(), code);
                }
                (true, _) => {
                    case.events.push(coded(part[1..].parse().unwrap()));
                }
                (false, _) => note.push(part),
            }
        }
        case.notes.push(note.join(" "));
        case
    }
}
