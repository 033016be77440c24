//! The same case as somebody else would have told it: other hosts, other table rows, another order, fields left out, other words.
//!
//! The words below are kept apart from the doctor's own lexicon on purpose: what it does not know must not matter much.

use serde_json::Value;

/// How often in a hundred a field is left out.
const FIELD_LEFT_OUT: u64 = 30;
/// How often in a hundred a word is replaced where there is another.
const WORD_REPLACED: u64 = 60;

/// Words with others that operators use for them.
const OTHER_WORDS: &[(&str, &[&str])] = &[
    ("server", &["machine", "system", "host", "box"]),
    ("servers", &["machines", "systems", "hosts"]),
    ("message", &["mail", "e-mail", "item"]),
    ("messages", &["mails", "e-mails", "items"]),
    ("mail", &["messages", "e-mail"]),
    ("stops", &["halts", "terminates", "goes down"]),
    ("stuck", &["waiting", "held up", "not moving"]),
    ("queue", &["backlog", "waiting line"]),
    ("queues", &["backlogs", "waiting lines"]),
    ("fails", &["does not work", "breaks", "is unsuccessful"]),
    ("fail", &["do not work", "break"]),
    ("failed", &["was unsuccessful", "broke"]),
    ("slow", &["sluggish", "taking long"]),
    ("large", &["big", "huge"]),
    ("small", &["little", "tiny"]),
    ("several", &["multiple", "a number of"]),
    ("many", &["numerous", "lots of"]),
    ("deleted", &["removed", "erased"]),
    ("removed", &["deleted", "taken away"]),
    ("installed", &["set up", "put on"]),
    ("wrong", &["incorrect", "bad"]),
    ("missing", &["absent", "not there"]),
    ("remote", &["distant", "other"]),
    ("foreign", &["third-party", "external"]),
    ("third-party", &["foreign", "other vendor's"]),
    ("restart", &["reboot", "starting again"]),
    ("upgrade", &["update"]),
    ("upgraded", &["updated"]),
    ("sites", &["locations"]),
    ("between", &["among"]),
    ("user", &["person"]),
    ("users", &["people"]),
    ("intermittent", &["sporadic", "on and off"]),
    ("NDR", &["non-delivery report", "bounce"]),
    ("two", &["a pair of", "2"]),
    ("high", &["heavy"]),
    ("configured", &["set"]),
    ("rejected", &["refused", "turned down"]),
    ("cannot", &["is unable to", "can not"]),
    ("starts", &["comes up", "begins"]),
    ("start", &["come up", "begin"]),
    ("grows", &["increases", "gets longer"]),
    ("list", &["group"]),
    ("address", &["addr."]),
    ("connector", &["link", "gateway"]),
    ("error", &["fault", "failure"]),
];

/// Words that stand before the name of a host or an organization in the text of an event.
const BEFORE_NAMES: [&str; 8] =
    ["remote server name ", "cn=", "ou=", "/o=", "l=", "\\\\", "p=", "ncacn_ip_tcp:"];

/// Words that stand before a number that means nothing elsewhere.
const BEFORE_NUMBERS: [&str; 5] = ["index: ", "index is ", "thread ", "procedure ", "block index "];

/// Changes a case in place; the same seed and place give the same change.
pub fn change(case: &mut Value, seed: u64, place: usize) {
    let mut dice = Dice::new(seed, place);
    if let Some(events) = case.get_mut("events").and_then(Value::as_array_mut) {
        for event in events.iter_mut() {
            change_event(event, &mut dice);
        }
        dice.shuffle(events);
    }
    if let Some(notes) = case.get_mut("notes").and_then(Value::as_array_mut) {
        for note in notes.iter_mut() {
            if let Value::String(text) = note {
                *text = other_words(text, &mut dice);
            }
        }
        dice.shuffle(notes);
    }
}

fn change_event(event: &mut Value, dice: &mut Dice) {
    let Some(fields) = event.as_object_mut() else { return };
    for field in ["source", "category", "type", "log", "server", "codes"] {
        if dice.below(100) < FIELD_LEFT_OUT {
            fields.remove(field);
        }
    }
    if let Some(Value::String(text)) = fields.get_mut("text") {
        *text = other_numbers(&other_names(text, dice), dice);
    }
}

fn other_words(text: &str, dice: &mut Dice) -> String {
    let words = text.split(' ').map(|word| {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric() && c != '-');
        let others = OTHER_WORDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(bare));
        match others {
            Some((_, others)) if !bare.is_empty() && dice.below(100) < WORD_REPLACED => {
                word.replace(bare, dice.pick(others))
            }
            _ => word.to_owned(),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Names after their labels become other names of the same kind.
fn other_names(text: &str, dice: &mut Dice) -> String {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_' || c == '.';
    after(text, &BEFORE_NAMES, part, |old| {
        // Names of the product's own objects stay.
        let own = ["configuration", "servers", "connections", "recipients", "microsoft"];
        if own.contains(&old.to_ascii_lowercase().as_str()) {
            return old.to_owned();
        }
        format!("NAME{}", dice.below(900) + 100)
    })
}

fn other_numbers(text: &str, dice: &mut Dice) -> String {
    after(
        text,
        &BEFORE_NUMBERS,
        |c| c.is_ascii_digit(),
        |old| {
            if old.is_empty() { String::new() } else { (dice.below(90) + 10).to_string() }
        },
    )
}

/// Replaces what follows a label, as far as its characters are of the kind that is meant.
fn after(
    text: &str,
    labels: &[&str],
    part: impl Fn(char) -> bool,
    mut other: impl FnMut(&str) -> String,
) -> String {
    let lower = text.to_ascii_lowercase();
    let mut out = String::new();
    let mut at = 0;
    while at < text.len() {
        let found = labels
            .iter()
            .filter_map(|label| Some(at + lower.get(at..)?.find(label)? + label.len()))
            .min();
        let Some(start) = found else { break };
        let end = text[start..].find(|c| !part(c)).map_or(text.len(), |length| start + length);
        out.push_str(&text[at..start]);
        if end > start {
            out.push_str(&other(&text[start..end]));
        }
        at = end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

/// Numbers that follow from a seed (xorshift64*).
struct Dice(u64);

impl Dice {
    fn new(seed: u64, place: usize) -> Self {
        let place = u64::try_from(place).unwrap_or(u64::MAX);
        let mixed =
            (seed ^ place.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_add(0x2545_f491_4f6c_dd1d);
        let mut dice = Self(mixed.max(1));
        for _ in 0..8 {
            dice.next();
        }
        dice
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 16) % limit.max(1)
    }

    fn index(&mut self, length: usize) -> usize {
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        usize::try_from(self.below(length)).unwrap_or(0)
    }

    fn pick<'a>(&mut self, list: &[&'a str]) -> &'a str {
        let at = self.index(list.len());
        list.get(at).copied().unwrap_or_default()
    }

    fn shuffle(&mut self, list: &mut [Value]) {
        for last in (1..list.len()).rev() {
            let other = self.index(last + 1);
            list.swap(last, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_seed_gives_one_change() {
        let given = json!({
            "events": [{ "id": 9318, "source": "MSExchangeMTA", "category": "Interface", "text":
                "Unable to bind. Locality Table (LTAB) index: 68, error 5, Remote Server Name WEST [x]" }],
            "notes": ["mail to two servers fails", "queue grows"],
        });
        let changed = |seed| {
            let mut case = given.clone();
            change(&mut case, seed, 3);
            case
        };
        assert_eq!(changed(7), changed(7));
        assert_ne!(changed(7), changed(8));
        let text = changed(7)["events"][0]["text"].as_str().unwrap().to_owned();
        assert!(!text.contains("WEST") && !text.contains("68"), "{text}");
        assert!(text.contains("error 5, Remote Server Name NAME"), "{text}");
    }
}
