//! Names, accounts and addresses out of an answer, so that it can be shown to strangers: each becomes a word that stays
//! the same throughout.
//!
//! What is known by its form: addresses of both ages, host names of three labels and more, security identifiers, mailboxes, values of
//! directory names and O/R addresses, accounts behind their domain, and what stands behind the labels of Windows' security events.
//! Of servers whose names are known the name is found within other words too (`svc-west`, `east-application.csv`).

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

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
/// Attributes of directory names and O/R addresses whose values name somebody.
const ATTRIBUTES: [&str; 14] =
    ["o", "ou", "ou1", "ou2", "ou3", "ou4", "cn", "p", "prmd", "s", "g", "i", "l", "dc"];
/// Words behind which an account may stand without its domain.
const BEFORE_NAMES: [&str; 8] =
    ["account ", "account: ", "user ", "user: ", "name: ", "username ", "mailbox ", "logon of "];
/// Labels of the security events of Windows, without the colon, and the kind of what stands behind them.
const EVENT_LABELS: [(&str, &str); 17] = [
    ("User Name", "account"),
    ("Account Name", "account"),
    ("Logon Account", "account"),
    ("Logon account", "account"),
    ("Target Account ID", "account"),
    ("TargetUserName", "account"),
    ("SubjectUserName", "account"),
    ("SamAccountName", "account"),
    ("ServiceName", "account"),
    ("Domain", "domain"),
    ("Account Domain", "domain"),
    ("TargetDomainName", "domain"),
    ("SubjectDomainName", "domain"),
    ("Workstation Name", "server"),
    ("Source Workstation", "server"),
    ("WorkstationName", "server"),
    ("Workstation", "server"),
];
/// So much before a word decides about it.
const BEFORE: usize = 48;
/// A value with blanks is no longer than this (X.520: a common name has 64 characters).
const MAX_VALUE: usize = 64;

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

    /// A page without names: what stands between its tags. The style is not text, and no attribute holds what was read.
    pub fn page(&mut self, html: &str) -> String {
        let (style, body) = html.split_at(html.find("</style>").unwrap_or(0));
        let mut out = String::with_capacity(html.len());
        let (before, sheet) = style.split_at(style.find("<style>").unwrap_or(0));
        for (part, is_page) in [(before, true), (sheet, false), (body, true)] {
            if !is_page {
                out.push_str(part);
                continue;
            }
            for piece in part.split_inclusive('>') {
                let (text, tag) = piece.split_at(piece.find('<').unwrap_or(piece.len()));
                out.push_str(&self.text(text));
                out.push_str(tag);
            }
        }
        out
    }

    /// The text without names.
    pub fn text(&mut self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find(is_word) {
            out.push_str(&rest[..at]);
            rest = &rest[at..];
            let before = end_of(&out);
            if let Some(length) = ipv6(rest, before) {
                let replaced = self.word("address", &rest[..length]);
                out.push_str(&replaced);
                rest = &rest[length..];
                continue;
            }
            if let Some(length) = value(rest, before) {
                let replaced = self.word("name", &rest[..length]);
                out.push_str(&replaced);
                rest = &rest[length..];
                continue;
            }
            let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            let bare = word.trim_end_matches(['.', '-']);
            let replaced = self.replacement(bare, before, after);
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
        if let Some(kind) = kind(word, before) {
            return Some(self.word(kind, word));
        }
        if is_attribute(before) && !is_own_word(word) {
            return Some(self.of_attribute(word));
        }
        // An account: a domain, one backslash (two in JSON), a name.
        let has = |text: &str| !text.is_empty() && text.starts_with(|c: char| c.is_alphanumeric());
        let tail = after.strip_prefix("\\\\").or_else(|| after.strip_prefix('\\'));
        if tail.is_some_and(has) && word.len() > 1 && !before.ends_with(['\\', ':']) {
            return Some(self.word("domain", word));
        }
        let head = before.strip_suffix("\\\\").or_else(|| before.strip_suffix('\\'));
        if head.is_some_and(|head| head.ends_with(|c: char| c.is_alphanumeric())) {
            return Some(self.word("account", word));
        }
        self.within(word)
    }

    /// The value of an attribute; an identifier of a message (`EAST-260102030405Z-7`) keeps its time and number.
    fn of_attribute(&mut self, word: &str) -> String {
        let mut parts = word.rsplitn(3, '-');
        let digits = |text: &str| text.trim_end_matches('Z').bytes().all(|b| b.is_ascii_digit());
        match (parts.next(), parts.next(), parts.next()) {
            (Some(number), Some(time), Some(server))
                if time.len() > 8 && digits(number) && digits(time) =>
            {
                format!("{}-{time}-{number}", self.word("server", server))
            }
            _ => self.word("name", word),
        }
    }

    /// Names of servers that are parts of a word.
    fn within(&self, word: &str) -> Option<String> {
        let is_mark = |c: char| "-_.".contains(c);
        let mut found = false;
        let mut out = String::new();
        for piece in word.split_inclusive(is_mark) {
            let part = piece.trim_end_matches(is_mark);
            let known = self.known.get(&part.to_lowercase());
            let server = known.filter(|known| known.starts_with("server-"));
            found |= server.is_some();
            out.push_str(server.map_or(part, String::as_str));
            out.push_str(&piece[part.len()..]);
        }
        found.then_some(out)
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

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || "-_.@".contains(c)
}

/// The end of what was written.
fn end_of(text: &str) -> &str {
    text.get(text.floor_char_boundary(text.len().saturating_sub(BEFORE))..).unwrap_or_default()
}

/// What a word is by its form, or by the label before it.
fn kind(word: &str, before: &str) -> Option<&'static str> {
    if word.parse::<Ipv4Addr>().is_ok() {
        return Some("address");
    }
    if word.trim_matches('@').contains('@') {
        return Some("mailbox");
    }
    if word.starts_with("S-1-") {
        return Some("sid");
    }
    if before.ends_with("\\\\") && !is_own_word(word) && !before.ends_with(":\\\\") {
        return Some("name");
    }
    if before.ends_with("/n:0x") || (before.ends_with("/n:") && word.starts_with("0x")) {
        return Some("address");
    }
    if is_host_name(word) {
        return Some("host");
    }
    let label = before.trim_end().strip_suffix(':')?;
    let has_letters = word.chars().any(char::is_alphanumeric);
    let behind = before.ends_with(char::is_whitespace) && has_letters;
    let stands = |known: &str| {
        let rest = label.strip_suffix(known)?;
        (!rest.ends_with(char::is_alphanumeric)).then_some(())
    };
    EVENT_LABELS.iter().find(|(known, _)| behind && stands(known).is_some()).map(|(_, kind)| *kind)
}

/// Three labels at least, none of them empty, and the last one of letters: no version and no file.
fn is_host_name(word: &str) -> bool {
    let labels: Vec<&str> = word.split('.').collect();
    let whole = |label: &&str| !label.is_empty() && !label.contains(['_', '@']);
    labels.len() >= 3
        && labels.iter().all(whole)
        && labels
            .last()
            .is_some_and(|last| last.len() >= 2 && last.chars().all(|c| c.is_ascii_alphabetic()))
}

fn is_own_word(word: &str) -> bool {
    OWN_WORDS.contains(&word.to_lowercase().as_str())
}

/// Whether an attribute of a name and its equals sign stand before.
fn is_attribute(before: &str) -> bool {
    let Some(before) = before.strip_suffix('=') else { return false };
    let begin = before.rfind(|c: char| !c.is_alphanumeric()).map_or(0, |at| at + 1);
    let (rest, key) = before.split_at(begin);
    // What stands in quotes behind a sign of equality is of another language.
    ATTRIBUTES.contains(&key.to_lowercase().as_str()) && !rest.ends_with(['-', '_', '.'])
}

/// How long a value with blanks is that ends where the next attribute begins: `/O=ACME Corporation/OU=`.
fn value(rest: &str, before: &str) -> Option<usize> {
    if !is_attribute(before) {
        return None;
    }
    let end = rest.find(|c: char| !(is_word(c) || " '&,()".contains(c)))?;
    let value = rest.get(..end)?;
    let ends = rest.get(end..).is_some_and(|after| after.starts_with(['/', ';']));
    let blanks = value.contains(' ') && value.len() <= MAX_VALUE;
    (ends && blanks && !is_own_word(value)).then_some(end)
}

/// How long an address of IPv6 is that begins here.
fn ipv6(rest: &str, before: &str) -> Option<usize> {
    if before.ends_with(|c: char| c.is_alphanumeric() || c == ':') {
        return None;
    }
    let end = rest.find(|c: char| !(c.is_ascii_hexdigit() || ":.".contains(c)));
    let address = rest.get(..end.unwrap_or(rest.len()))?.trim_end_matches(['.', ':']);
    (address.matches(':').count() >= 2 && address.parse::<Ipv6Addr>().is_ok())
        .then_some(address.len())
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

    /// What Windows writes into its security log, and what the MTA writes of names, has forms of its own.
    #[test]
    fn names_are_known_by_where_they_stand() {
        let mut redactor = Redactor::new(["EAST", "WEST"]);
        for (text, expected) in [
            (
                "User Name: svc-mta Domain: ACME Workstation Name: PC7",
                "User Name: account-1 Domain: domain-1 Workstation Name: server-3",
            ),
            (
                "Account Name:\t\tjane.doe\nAccount Domain:\tBASLE",
                "Account Name:\t\taccount-2\nAccount Domain:\tdomain-2",
            ),
            (
                "SubStatus: 0xc000006a, TargetUserName: anna, IpAddress: fe80::12:3",
                "SubStatus: 0xc000006a, TargetUserName: account-3, IpAddress: address-1",
            ),
            (
                "C=US;A= ;P=ACME Inc;L=EAST-260102030405Z-7",
                "C=US;A= ;P=name-1;L=server-1-260102030405Z-7",
            ),
            ("s=Smith;g=John;o=Zurich", "s=name-2;g=name-3;o=name-4"),
            ("/O=Big Corp/OU=Site One/CN=Configuration", "/O=name-5/OU=name-6/CN=Configuration"),
            (
                "read east-application.csv and west.evtx",
                "read server-1-application.csv and server-2.evtx",
            ),
            ("svc_west on mail.corp.example", "svc_server-2 on host-1"),
            ("/t:0x4d /n:0x0A010203", "/t:0x4d /n:address-2"),
            // What is nobody's name stays.
            (
                "Emsmta.exe 5.5.2655.1, MTACHECK.LOG, at 03:04:05, code 0x80070005, 1::2 no",
                "Emsmta.exe 5.5.2655.1, MTACHECK.LOG, at 03:04:05, code 0x80070005, address-3 no",
            ),
            ("Domain: ", "Domain: "),
        ] {
            assert_eq!(redactor.text(text), expected, "{text}");
        }
    }

    #[test]
    fn a_page_keeps_its_tags_and_its_style() {
        let mut redactor = Redactor::new(["TABLE", "mark"]);
        let page = "<html><title>mark</title><style>.table{color:var(--mark)}</style><table class=\"mark\"><td>mark, table</td></table>";
        assert_eq!(
            redactor.page(page),
            "<html><title>server-2</title><style>.table{color:var(--mark)}</style><table class=\"mark\"><td>server-2, server-1</td></table>"
        );
    }
}
