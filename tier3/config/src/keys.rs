//! The table of keys: the parser, the reference page and the commented file all read it, and nothing else knows a
//! default.

mod dial_up;
mod directory;
mod mail;
mod rpc;
mod server;
mod ways;
mod x400;

use crate::section::Section;
use Fallback::Value;

/// What is used when a key is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fallback {
    /// This value, spelt as in the file.
    Value(&'static str),
    /// The value of another key of the same table.
    SameAs(&'static str),
    /// Nothing: the feature is off.
    Absent,
    /// Leaving it out is an error.
    Required,
}

/// What a value may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// ASCII text of so many characters.
    Text { min: usize, max: usize },
    /// Text of any characters that a line can show, so many units of UTF-16.
    Name { min: usize, max: usize },
    /// PrintableString (X.680, 41.4) of so many characters.
    Printable { min: usize, max: usize },
    /// A whole number, both ends included.
    Integer { min: i64, max: i64 },
    /// A number, both ends included.
    Real { min: f64, max: f64 },
    /// An IP address.
    Address,
    /// A list of IP addresses.
    Addresses,
    /// A selector: text, or octets in hexadecimal after `0x`.
    Selector { max: usize },
    /// An IP address and a port.
    Socket,
    /// A list of addresses with ports.
    Sockets,
    /// A list of networks.
    Networks,
    /// A host or mail domain name (RFC 1123, 2.1).
    Domain,
    /// A host name, or an IP address.
    Host,
    /// A list of host names or addresses, each with a port if need be.
    Hosts,
    /// A list of mail addresses or domains; `*` stands for any characters.
    Patterns,
    /// A list of mail domains, at least one, each once.
    Domains,
    /// A list of local parts, or `"*"` alone for any.
    Mailboxes,
    /// A list of NetBIOS domain names, each once.
    NetbiosDomains,
    /// `DOMAIN\name`.
    Account,
    /// A path, against the folder of the file when it is relative.
    Path,
    /// A program and its arguments, which no shell reads.
    Command,
    /// `http://host:port`.
    Url,
    /// One of these words.
    Choice(&'static [&'static str]),
}

impl Kind {
    /// The range in words, for the reference page and for errors.
    pub fn range(&self) -> String {
        match self {
            Self::Text { min, max } => format!("{min} to {max} ASCII characters"),
            Self::Name { min, max } => format!("{min} to {max} characters"),
            Self::Printable { min, max } if min == max => {
                format!("{min} characters of PrintableString")
            }
            Self::Printable { min, max } => format!("{min} to {max} characters of PrintableString"),
            Self::Integer { min, max } => format!("{min} to {max}"),
            Self::Real { min, max } => format!("{min:.1} to {max:.1}"),
            Self::Address => "an IP address".to_owned(),
            Self::Addresses => "a list of IP addresses".to_owned(),
            Self::Selector { max } => {
                format!("up to {max} characters, or 0x and hexadecimal octets")
            }
            Self::Socket => "an IP address and a port".to_owned(),
            Self::Sockets => "a list of IP addresses with ports".to_owned(),
            Self::Networks => "a list of networks".to_owned(),
            Self::Domain => "a host name".to_owned(),
            Self::Host => "a host name or an IP address".to_owned(),
            Self::Hosts => "a list of HOST or HOST:PORT".to_owned(),
            Self::Patterns => "a list of addresses or domains, * for any characters".to_owned(),
            Self::Domains => "a list of domain names, at least one".to_owned(),
            Self::Mailboxes => "a list of local parts, or \"*\" alone".to_owned(),
            Self::Account => "DOMAIN\\name".to_owned(),
            Self::Path => "a path".to_owned(),
            Self::Command => "a list: a program and its arguments".to_owned(),
            Self::Url => "http://HOST:PORT".to_owned(),
            Self::NetbiosDomains => "names of 1 to 15 characters, each once".to_owned(),
            Self::Choice(words) => words.join(", "),
        }
    }
}

/// One key of the file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Key {
    pub section: Section,
    pub name: &'static str,
    pub kind: Kind,
    pub fallback: Fallback,
    /// Empty where the value has no unit.
    pub unit: &'static str,
    /// A value that could stand there, spelt as in the file; errors and the commented file show it.
    pub example: &'static str,
    pub doc: &'static str,
}

impl Key {
    /// `section.name`.
    pub fn path(&self) -> String {
        format!("{}.{}", self.section.name(), self.name)
    }

    /// The key of this name in a table.
    pub fn find(section: Section, name: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.section == section && key.name == name)
    }
}

const fn key(
    section: Section,
    name: &'static str,
    kind: Kind,
    fallback: Fallback,
    example: &'static str,
    doc: &'static str,
) -> Key {
    Key { section, name, kind, fallback, unit: "", example, doc }
}

const fn counted(
    section: Section,
    name: &'static str,
    kind: Kind,
    fallback: &'static str,
    unit: &'static str,
    doc: &'static str,
) -> Key {
    Key { section, name, kind, fallback: Value(fallback), unit, example: fallback, doc }
}

const LOOPBACK: Fallback = Value("[\"127.0.0.0/8\", \"::1/128\"]");

/// Seconds that a timer may have at most: 30 days, beyond which a mistyped unit is likelier than a wish.
const TIMER_MAX: i64 = 2_592_000;

/// Seconds that a password may get old: ten years.
const AGE_MAX: i64 = 315_360_000;

/// Seconds that a message may live at most: one year.
const LIFE_MAX: i64 = 31_536_000;

/// Every key that the file may have, except the free names of `[hosts]`; the order counts within a section only.
pub const KEYS: &[Key] = &joined::<{ count(PARTS) }>(PARTS);

const PARTS: &[&[Key]] =
    &[server::KEYS, mail::KEYS, rpc::KEYS, dial_up::KEYS, directory::KEYS, ways::KEYS, x400::KEYS];

const fn count(parts: &[&[Key]]) -> usize {
    let (mut part, mut all) = (0, 0);
    while part < parts.len() {
        all += parts[part].len();
        part += 1;
    }
    all
}

const fn joined<const N: usize>(parts: &[&[Key]]) -> [Key; N] {
    let mut all = [parts[0][0]; N];
    let (mut part, mut from, mut at) = (0, 0, 0);
    while at < N {
        if from == parts[part].len() {
            (part, from) = (part + 1, 0);
        } else {
            all[at] = parts[part][from];
            (from, at) = (from + 1, at + 1);
        }
    }
    all
}
