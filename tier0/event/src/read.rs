//! Events read back out of text.
//!
//! First to the letter, by the template of the catalogue; where that fails, tolerantly: by the phrase that only this event
//! has, and by the label before each value. Operators type, wrap, cut and translate such texts, and builds differ
//! (`Windows NT error code` for `NT/MTA error code`, `The locality table (LTAB) index is 76`). What is not there is left
//! out of the parameters; a placeholder (`%3`, `XXXX`) counts as not there.

use serde_json::Value;

use crate::catalogue::{Definition, Kind, all, definition, id};
use crate::record::Params;
use crate::template::{self, find};

/// No more of a text is read than this many octets: the Windows log allows 32 KiB in a record.
pub const MAX_TEXT: usize = 64 * 1024;

/// What a text says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The event.
    pub definition: &'static Definition,
    /// The parameters that were found.
    pub params: Params,
    /// True when the text follows the wording of the catalogue to the letter.
    pub exact: bool,
}

impl Reading {
    /// A parameter that is a number.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u32> {
        u32::try_from(self.params.get(name)?.as_u64()?).ok()
    }

    /// A parameter that is a text.
    #[must_use]
    pub fn word(&self, name: &str) -> Option<&str> {
        self.params.get(name)?.as_str()
    }
}

/// Reads an event out of its text; without a number the event is recognised by its wording.
///
/// `None` when the number is not in the catalogue, or when none is given and the wording is nobody's.
#[must_use]
pub fn read(number: Option<u32>, text: &str) -> Option<Reading> {
    let text = unwrap_lines(text);
    let definition = match number {
        Some(number) => definition(number)?,
        None => recognise(&text)?,
    };
    if let Some(mut params) = template::matches(definition, &text) {
        split_call(definition, &mut params);
        return Some(Reading { definition, params, exact: true });
    }
    Some(Reading { definition, params: tolerant(definition, &text), exact: false })
}

/// The text on one line with single blanks, cut at the limit.
fn unwrap_lines(text: &str) -> String {
    let end =
        (0..=MAX_TEXT.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let mut out = String::with_capacity(end);
    for word in text.get(..end).unwrap_or_default().split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// Phrases that only one event has, more particular ones first.
const PHRASES: &[(&str, u32)] = &[
    ("unable to bind over rpc", id::BIND_FAILED),
    ("mtaunbindback", id::UNBIND_BACK_FAILED),
    ("mtabindback", id::BIND_BACK_FAILED),
    ("mta unbind back", id::UNBIND_BACK_FAILED),
    ("bind back over rpc", id::BIND_BACK_FAILED),
    ("security violation", id::SECURITY_VIOLATION),
    ("rpc cancel call", id::CALL_CANCELLED),
    ("locality table is full", id::LOCALITY_TABLE_FULL),
    ("no data was sent over the rpc", id::NO_DATA_SENT),
    ("attempt to listen over rpc", id::LISTEN_FAILED),
    ("open retry delay timer", id::RETRY_TIMER),
    ("ended abnormally", id::ASSOCIATION_ENDED),
    ("could not be opened", id::CONNECTION_NOT_OPENED),
    ("number of associations allowed", id::ASSOCIATION_LIMIT),
    ("latest delivery time for message", id::MESSAGE_EXPIRED),
    ("is being generated for message", id::NON_DELIVERY),
    ("mta service startup complete", id::STARTED),
    ("service closedown complete", id::STOPPED),
];

fn recognise(text: &str) -> Option<&'static Definition> {
    let exact = all().find(|definition| template::matches(definition, text).is_some());
    exact.or_else(|| {
        let (_, number) = PHRASES.iter().find(|(phrase, _)| find(text, phrase).is_some())?;
        definition(*number)
    })
}

/// How a value is found when the wording is not the catalogue's.
struct Label {
    parameter: &'static str,
    /// Words before the value; the first that is there and is followed by a value wins.
    before: &'static [&'static str],
    /// Words that end a value that is text.
    after: &'static [&'static str],
}

const LABELS: &[Label] = &[
    Label {
        parameter: "code",
        before: &[
            "nt/mta error code",
            "windows nt error code",
            "windows nt error",
            "nt error",
            "mta error",
            "error code",
        ],
        after: &[],
    },
    Label { parameter: "comms", before: &["comms error", "communications error code"], after: &[] },
    Label { parameter: "bind", before: &["bind error"], after: &[] },
    Label {
        parameter: "ltab_index",
        before: &["(ltab) index", "table index", "ltab index", "ltab)", "table"],
        after: &[],
    },
    Label {
        parameter: "remote_server",
        before: &["remote server name"],
        after: &[", protocol string", " protocol string", " [", ","],
    },
    Label { parameter: "protocol_string", before: &["protocol string"], after: &[" ["] },
    Label { parameter: "user", before: &["the user ", "user "], after: &[" has caused"] },
    Label {
        parameter: "entity",
        before: &["association with entity", "to entity", "association to", "connection to"],
        after: &[" ended abnormally", " could not be", " has been reached", " on control block"],
    },
    Label { parameter: "limit", before: &["the limit is"], after: &[] },
    Label { parameter: "seconds", before: &["will be made in"], after: &[] },
    Label {
        parameter: "mts_id",
        before: &["for message"],
        after: &[" has expired", ". it was originally", " ["],
    },
    Label { parameter: "reason", before: &["reason code"], after: &[" and diagnostic", ")", ","] },
    Label { parameter: "diagnostic", before: &["diagnostic code"], after: &[")", "."] },
    Label {
        parameter: "recipient",
        before: &["originally destined for"],
        after: &[" (recipient", ", and was to be"],
    },
    Label { parameter: "recipient_number", before: &["recipient number"], after: &[] },
    Label { parameter: "ms", before: &["time (ms)"], after: &[] },
    Label { parameter: "cancel_result", before: &["cancel result"], after: &[] },
    Label { parameter: "thread", before: &["for thread"], after: &[] },
    Label { parameter: "version", before: &["version"], after: &[" (build"] },
    Label { parameter: "build", before: &["(build"], after: &[")"] },
];

fn tolerant(definition: &Definition, text: &str) -> Params {
    let mut params = Params::new();
    for label in LABELS {
        let Some(parameter) = definition.parameter(label.parameter) else { continue };
        if !definition.shows(parameter.name) {
            continue;
        }
        let value = label.before.iter().find_map(|before| {
            let rest = text.get(find(text, before)? + before.len()..)?;
            match parameter.kind {
                Kind::Number => leading_number(rest).map(Value::from),
                Kind::Text => leading_text(rest, label.after).map(Value::from),
            }
        });
        if let Some(value) = value {
            params.insert(parameter.name.to_owned(), value);
        }
    }
    params
}

/// The number right after a label: blanks, `:`, `=`, `,`, `.` and the word `is` may stand between.
fn leading_number(text: &str) -> Option<u32> {
    let text = text.trim_start_matches([' ', ':', '=', ',', '.']);
    let text = text
        .strip_prefix("is ")
        .or_else(|| text.strip_prefix("code "))
        .unwrap_or(text)
        .trim_start_matches([' ', ':', '=']);
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.get(..end)?.parse().ok()
}

/// The text right after a label, up to the first of the words that end it.
fn leading_text<'a>(text: &'a str, after: &[&str]) -> Option<&'a str> {
    let end = after.iter().filter_map(|word| find(text, word)).min().unwrap_or(text.len());
    let value =
        text.get(..end)?.trim_start_matches([' ', ':', '=']).trim_end_matches([' ', '.', ',']);
    let placeholder = value.is_empty()
        || value.starts_with('%')
        || value.chars().all(|c| matches!(c, '.' | 'X' | 'x'));
    (!placeholder).then_some(value)
}

/// In 9277 the name of the call may hold a blank (`RPC inactive`): the protocol string begins at its protocol sequence.
fn split_call(definition: &Definition, params: &mut Params) {
    if definition.id != id::CALL_CANCELLED {
        return;
    }
    let (Some(call), Some(string)) = (word(params, "call"), word(params, "protocol_string")) else {
        return;
    };
    if let Some(at) = find(&string, "ncacn_").filter(|at| *at > 0) {
        let (more, protocol) = string.split_at(at);
        params.insert("call".to_owned(), Value::from(format!("{call} {}", more.trim())));
        params.insert("protocol_string".to_owned(), Value::from(protocol));
    }
}

fn word(params: &Params, name: &str) -> Option<String> {
    params.get(name).and_then(Value::as_str).map(str::to_owned)
}

#[cfg(test)]
mod tests;
