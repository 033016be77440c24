//! Names, accounts and addresses out of an answer, so that it can be shown to strangers: each becomes a word that stays
//! the same throughout.

use std::collections::BTreeMap;

/// Attributes of names whose values are the product's own words.
const OWN_WORDS: [&str; 12] = [
    "configuration",
    "connections",
    "servers",
    "recipients",
    "microsoft",
    "mta",
    "mdb",
    "dsa",
    "private",
    "public",
    "site-addressing",
    "name",
];
/// Words behind which a name follows.
const LABELS: [&str; 4] = ["/o=", "/ou=", "/cn=", "\\\\"];

/// Words behind which an account may stand without its domain.
const BEFORE_NAMES: [&str; 8] =
    ["account ", "account: ", "user ", "user: ", "name: ", "username ", "mailbox ", "logon of "];

/// What was replaced so far.
#[derive(Debug, Default)]
pub struct Redactor {
    known: BTreeMap<String, String>,
    counts: BTreeMap<&'static str, usize>,
}

impl Redactor {
    /// Knows these names of servers, with or without a domain behind them.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut one = Self::default();
        let mut all: Vec<&str> = names.into_iter().filter(|name| name.len() > 1).collect();
        all.sort_unstable();
        all.dedup();
        for name in all {
            one.word("server", name);
            if let Some((first, _)) = name.split_once('.') {
                one.word("server", first);
            }
        }
        one
    }

    /// The text without names.
    pub fn text(&mut self, text: &str) -> String {
        let is_word = |c: char| c.is_alphanumeric() || "-_.@".contains(c);
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find(is_word) {
            out.push_str(&rest[..at]);
            rest = &rest[at..];
            let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            let bare = word.trim_end_matches(['.', '-']);
            let replaced = self.replacement(bare, &out, after);
            out.push_str(replaced.as_deref().unwrap_or(bare));
            out.push_str(&word[bare.len()..]);
            rest = after;
        }
        out.push_str(rest);
        out
    }

    fn replacement(&mut self, word: &str, before: &str, after: &str) -> Option<String> {
        if let Some(known) = self.known.get(&word.to_lowercase())
            && (!is_plain(word, known) || stands_as_name(before, after))
        {
            return Some(known.clone());
        }
        if word.parse::<std::net::Ipv4Addr>().is_ok() {
            return Some(self.word("address", word));
        }
        if word.trim_matches('@').contains('@') {
            return Some(self.word("mailbox", word));
        }
        if word.starts_with("S-1-") {
            return Some(self.word("sid", word));
        }
        let lower = before.to_lowercase();
        if LABELS.iter().any(|label| lower.ends_with(label))
            && !OWN_WORDS.contains(&word.to_lowercase().as_str())
        {
            return Some(self.word("name", word));
        }
        // An account: a domain, one backslash (two in JSON), a name.
        let has = |text: &str| !text.is_empty() && text.starts_with(|c: char| c.is_alphanumeric());
        let tail = after.strip_prefix("\\\\").or_else(|| after.strip_prefix('\\'));
        if tail.is_some_and(has) && word.len() > 1 && !lower.ends_with(['\\', ':']) {
            return Some(self.word("domain", word));
        }
        let head = before.strip_suffix("\\\\").or_else(|| before.strip_suffix('\\'));
        if head.is_some_and(|head| head.ends_with(|c: char| c.is_alphanumeric())) {
            return Some(self.word("account", word));
        }
        None
    }

    fn word(&mut self, kind: &'static str, word: &str) -> String {
        if let Some(known) = self.known.get(&word.to_lowercase()) {
            return known.clone();
        }
        let count = self.counts.entry(kind).or_insert(0);
        *count += 1;
        let new = format!("{kind}-{count}");
        self.known.insert(word.to_lowercase(), new.clone());
        new
    }
}

/// Whether a known name could be a word of a sentence: an account or a part of one may be called `wrong`.
fn is_plain(word: &str, known: &str) -> bool {
    let of_account = ["account-", "domain-", "name-"].iter().any(|kind| known.starts_with(kind));
    of_account && word.chars().all(char::is_lowercase)
}

/// Whether a word stands where an account, or a value as a whole, stands.
fn stands_as_name(before: &str, after: &str) -> bool {
    let lower = before.to_lowercase();
    BEFORE_NAMES.iter().any(|label| lower.ends_with(label))
        || (before.ends_with(['"', '\'']) && after.starts_with(['"', '\'', '\\']))
        || (before.ends_with('(') && after.starts_with(')'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_an_account_too_stays_a_word() {
        let mut redactor = Redactor::default();
        assert_eq!(
            redactor.text(r"EAST refused FTU\wrong: the password is wrong"),
            r"EAST refused domain-1\account-1: the password is wrong"
        );
        assert_eq!(
            redactor.text("the account wrong, \"wrong\""),
            "the account account-1, \"account-1\""
        );
        assert_eq!(redactor.text(r"FTU\\wrong"), r"domain-1\\account-1");
        assert_eq!(
            redactor.text(r"a wrong name of FTU\svc-west, svc-west"),
            r"a wrong name of domain-1\account-2, account-2"
        );
    }

    #[test]
    fn no_name_is_left() {
        let mut redactor = Redactor::new(["EAST", "west.example.test"]);
        let text = r"EAST calls west.example.test (16.37.164.181[4749]) as ORG\svc-west; /o=Acme/ou=Basle/cn=Configuration; a.b@example.test, S-1-5-21-1-2.";
        let out = redactor.text(text);
        assert_eq!(
            out,
            r"server-1 calls server-2 (address-1[4749]) as domain-1\account-1; /o=name-1/ou=name-2/cn=Configuration; mailbox-1, sid-1."
        );
        // The same name is the same word later, in whatever case and in JSON.
        assert_eq!(
            redactor.text("East, West, ORG\\\\svc-west"),
            "server-1, server-3, domain-1\\\\account-1"
        );
    }
}
