//! Numbers that are codes, read out of texts.

use std::collections::BTreeMap;

/// Kinds of codes whose numbers stand for a setting or an object, not for a reason.
const NOT_REASONS: [&str; 6] =
    ["limit", "configured", "object", "network_type", "network_address_hex", KERBEROS];
/// The kind of the codes of Kerberos, which have small numbers that mean other things elsewhere.
const KERBEROS: &str = "kerberos";
/// The labels before a code in the text of an event, and the kind of code that follows; more particular ones first.
const LABELS: &[(&str, &str)] = &[
    ("bind error", "bind_error"),
    ("comms error", "comms_error"),
    ("conversion error", "conversion_error"),
    ("sockets error", "sockets_error"),
    ("socket error", "sockets_error"),
    ("winsock error", "sockets_error"),
    ("ras error", "ras_error"),
    ("operating system error", "os_error"),
    ("reason code", "x400_reason"),
    ("diagnostic code", "x400_diagnostic"),
    ("error code", "error"),
    ("system error", "error"),
    ("service error", "error"),
    ("rpc error", "error"),
    ("nt error", "error"),
    ("error", "error"),
    ("errors", "error"),
    ("code", "error"),
    ("sub status", "status"),
    ("substatus", "status"),
    ("failure code", "status"),
    ("result code", "status"),
    ("status", "status"),
];
/// The codes of Kerberos are below this.
const KERBEROS_CODES: i64 = 128;
/// So many characters may stand between a label and its number: `error code is: `.
const GAP: usize = 16;
/// So many numbers of one text are read.
const MAX_NUMBERS: usize = 64;
/// So many codes are shown.
const MAX_TOLD: usize = 4;
/// So much of the name of a code is shown.
const MAX_KIND: usize = 30;
/// HRESULT_FROM_WIN32 puts a Win32 code into the low word of this facility.
const WIN32_FACILITY: i64 = 0x8007_0000;

/// Codes by kind.
#[derive(Clone, Debug, Default)]
pub(super) struct Codes(BTreeMap<String, Vec<i64>>);

impl Codes {
    pub(super) fn add(&mut self, kind: &str, value: i64) {
        let list = self.0.entry(kind.to_owned()).or_default();
        for value in [Some(value), win32(value)].into_iter().flatten() {
            if !list.contains(&value) && list.len() < MAX_NUMBERS {
                list.push(value);
            }
        }
    }

    /// Of an event of the KDC: its small numbers are codes of RFC 4120 7.5.9, and no reasons of Windows.
    pub(super) fn read_as_kerberos(&mut self) {
        let small = |value: &i64| (0..KERBEROS_CODES).contains(value);
        let mut codes: Vec<i64> =
            self.0.values().flatten().copied().filter(|value| small(value)).collect();
        self.0.values_mut().for_each(|list| list.retain(|value| !small(value)));
        codes.sort_unstable();
        codes.into_iter().for_each(|code| self.add(KERBEROS, code));
    }

    /// The codes of Kerberos.
    pub(super) fn kerberos(&self) -> &[i64] {
        self.0.get(KERBEROS).map_or(&[], Vec::as_slice)
    }

    /// Takes over what others hold.
    pub(super) fn join(&mut self, other: &Self) {
        for (kind, list) in &other.0 {
            for value in list {
                self.add(kind, *value);
            }
        }
    }

    /// The reasons, for people: `nt error 1722, bind error 0`.
    pub(super) fn told(&self) -> String {
        let reasons = self.0.iter().filter(|(kind, _)| !NOT_REASONS.contains(&kind.as_str()));
        let mut told = Vec::new();
        for (kind, list) in reasons.take(MAX_TOLD) {
            let numbers: Vec<String> =
                list.iter().take(MAX_TOLD).map(ToString::to_string).collect();
            let kind: String = kind.chars().take(MAX_KIND).collect();
            told.push(format!("{} {}", kind.replace('_', " "), numbers.join(", ")));
        }
        told.join(", ")
    }

    /// Every value that stands as a reason.
    pub(super) fn reasons(&self) -> impl Iterator<Item = i64> + '_ {
        let reasons = self.0.iter().filter(|(kind, _)| !NOT_REASONS.contains(&kind.as_str()));
        reasons.flat_map(|(_, list)| list).copied()
    }

    /// True when one of these values stands as a reason, of whatever kind.
    pub(super) fn any(&self, values: &[i64]) -> Option<i64> {
        let reasons = self.0.iter().filter(|(kind, _)| !NOT_REASONS.contains(&kind.as_str()));
        reasons.flat_map(|(_, list)| list).copied().find(|value| values.contains(value))
    }

    /// True when one of these values stands under this kind.
    pub(super) fn of(&self, kind: &str, values: &[i64]) -> Option<i64> {
        self.0.get(kind)?.iter().copied().find(|value| values.contains(value))
    }
}

/// The Win32 code inside an HRESULT.
fn win32(value: i64) -> Option<i64> {
    let value = if value < 0 { value + (1 << 32) } else { value };
    ((value & !0xffff) == WIN32_FACILITY).then_some(value & 0xffff)
}

/// A number as people write it: decimal, `0x` and hexadecimal digits, with a sign.
pub(super) fn parse(text: &str) -> Option<i64> {
    let text = text.trim();
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => i64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

/// The codes of a text, each by the label before it.
pub(super) fn labelled(text: &str, codes: &mut Codes) {
    let lower = text.to_ascii_lowercase();
    for (number, start) in numbers(&lower) {
        if let Some(kind) = label(&lower, start) {
            codes.add(kind, number);
        }
    }
}

/// Every number of a remark: people leave the label out (`1722 in one direction`, `9297 and 3161`).
pub(super) fn bare(text: &str) -> Vec<i64> {
    numbers(&text.to_ascii_lowercase()).map(|(number, _)| number).collect()
}

/// The kind that the nearest label before a place gives.
fn label(lower: &str, start: usize) -> Option<&'static str> {
    let from = (start.saturating_sub(GAP + 24)..=start).find(|at| lower.is_char_boundary(*at))?;
    let before = lower.get(from..start)?;
    let (_, kind, end) = LABELS
        .iter()
        .filter_map(|(label, kind)| Some((*label, *kind, before.rfind(label)? + label.len())))
        .max_by_key(|(label, _, end)| (*end, label.len()))?;
    let gap = before.get(end..)?;
    let other_word = gap.split(|c: char| !c.is_alphanumeric()).any(|word| {
        !matches!(
            word,
            "" | "is" | "code" | "was" | "no" | "number" | "returned" | "and" | "or" | "nt" | "mta"
        ) && !word.bytes().all(|b| b.is_ascii_digit())
    });
    (!other_word && gap.len() <= GAP).then_some(kind)
}

/// Numbers with the places where they begin; digits inside words and versions are not numbers.
fn numbers(text: &str) -> impl Iterator<Item = (i64, usize)> {
    let inside = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    let mut rest = 0;
    std::iter::from_fn(move || {
        loop {
            let start = rest + text.get(rest..)?.find(inside)?;
            let word = text.get(start..)?;
            let word = word.get(..word.find(|c| !inside(c)).unwrap_or(word.len()))?;
            rest = start + word.len();
            if let Some(number) = parse(word.trim_end_matches(['.', '-'])) {
                return Some((number, start));
            }
        }
    })
    .take(MAX_NUMBERS)
}
