//! A page on a cause that only logs tell of, made from its row: what it is, what it shows itself by, what decides, the cure.

use std::fmt::Write as _;

use finding::{Cause, Group};

use super::sign::{Look, Sign};
use super::table::{Rule, events, rules};

/// A sign weaker than this is not worth a line.
const SHOWN: f64 = 1.0;

/// The page.
#[must_use]
pub fn page(cause: Cause) -> String {
    let mut out = format!("# {cause}\n\n{}\n", cause.meaning());
    let Some(rule) = rules().into_iter().find(|rule| rule.cause == cause) else {
        debug_assert_eq!(cause.group(), Group::Defect);
        out.push_str(
            "\n## Here\n\nIt is a fault in the code of the original product, cured there by an update. This MTA does not have it,\n\
             and the doctor does not name it.\n\n## What to do\n\n1. On a server that runs the original product, install its last update.\n",
        );
        return out;
    };
    out.push_str("\n## What you see\n\n");
    let mut signs: Vec<&Sign> = rule.signs.iter().filter(|sign| sign.weight >= SHOWN).collect();
    signs.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    for sign in signs {
        line(&mut out, &told(&sign.look));
    }
    against(&mut out, rule);
    out.push_str("\n## How the doctor tells\n\nIt weighs the signs above, the events of both servers and the words of the remarks; no single one is proof.\nWhat decides: ");
    out.push_str(rule.probe);
    out.push_str(".\n\n## What to do\n\n");
    for (at, step) in rule.remedy.iter().enumerate() {
        line_numbered(&mut out, at + 1, step);
    }
    out
}

/// The steps of the cure of a cause, as its row has them.
pub(crate) fn remedy_of(cause: Cause) -> &'static [&'static str] {
    rules().into_iter().find(|rule| rule.cause == cause).map_or(&[], |rule| rule.remedy)
}

fn against(out: &mut String, rule: &Rule) {
    let mut against = rule.signs.iter().filter(|sign| sign.weight < 0.0).peekable();
    if against.peek().is_some() {
        out.push_str("\nWhat speaks against it:\n\n");
        for sign in against {
            line(out, &told(&sign.look));
        }
    }
}

fn line(out: &mut String, text: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "- {text}");
}

fn line_numbered(out: &mut String, number: usize, text: &str) {
    let _ = writeln!(out, "{number}. {text}");
}

fn told(look: &Look) -> String {
    let numbers = |list: &[i64]| {
        let list: Vec<String> = list.iter().map(|number| code(*number)).collect();
        list.join(", ")
    };
    match look {
        Look::Event([one]) => match events::form(*one) {
            Some(form) => format!("event {one}: {}", form.meaning),
            None => format!("event {one}"),
        },
        Look::Event(ids) => format!("one of the events {}", numbers(ids)),
        Look::EventWith(ids, codes) => {
            format!("event {} with code {}", numbers(ids), numbers(codes))
        }
        Look::EventSays(ids, phrase) => {
            format!("event {} whose text has {}", numbers(ids), spoken(phrase))
        }
        Look::Log(source, []) => format!("events of the source {source}"),
        Look::Log(source, ids) => format!("event {} of the source {source}", numbers(ids)),
        Look::Code(codes) => format!("code {}", numbers(codes)),
        Look::Bind(codes) => format!("bind error {}", numbers(codes)),
        Look::Says(phrase) => format!("words such as {}", spoken(phrase)),
        Look::Calm => "events, and nobody who complains".to_owned(),
    }
}

/// A STATUS_* or HRESULT is read in hexadecimal.
fn code(number: i64) -> String {
    if number > 0x7fff_ffff { format!("0x{number:08X}") } else { number.to_string() }
}

/// A phrase as a person reads it: `queue (or backlog) + stuck`.
fn spoken(phrase: &str) -> String {
    let groups = phrase.split_whitespace().map(|group| {
        let (without, group) = match group.strip_prefix('!') {
            Some(rest) => ("without ", rest),
            None => ("", group),
        };
        let words: Vec<String> =
            group.split('|').map(|word| word.replace('+', " ").replace('*', "...")).collect();
        format!("{without}\"{}\"", words.join("\" or \""))
    });
    groups.collect::<Vec<_>>().join(", together with ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_a_page() {
        for cause in Cause::ALL {
            let page = page(*cause);
            assert!(page.starts_with(&format!("# {cause}\n")), "{cause}");
            assert!(page.contains("## What to do\n\n1. "), "{cause}");
            if cause.group() != Group::Defect {
                assert!(page.contains("## What you see\n\n- "), "{cause}: {page}");
                assert!(page.contains("What decides: "), "{cause}");
            }
        }
    }
}
