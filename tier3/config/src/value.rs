//! Typed reading of one value; the range comes from its key.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use identity::AccountName;
use ipnet::IpNet;
use toml_edit::Value;

use crate::document::{Checked, Found, shown};
use crate::keys::Kind;
use crate::model::{HostPort, Insecure, Mailboxes, PeerAuth, RpcLevel, StderrLevel};
use crate::{address, names};

/// Entries of one list: far more than any server listens on or serves, and small enough that the checks between lists
/// stay quick.
const LIST_MAX: usize = 10_000;

/// RFC 5321, 4.5.3.1.3: octets of a path.
const PATTERN_MAX: usize = 256;

/// The port of SMTP (RFC 5321, 4.5.4.2).
const SMTP_PORT: u16 = 25;

/// Entries of a command, and octets of each: what `pppd` and scripts take, with room.
const WORDS_MAX: usize = 64;
const WORD_MAX: usize = 1024;

/// Whether an argument is, or announces, a secret: `password`, `--password=x`, `secret`.
fn shows_a_secret(word: &str) -> bool {
    let name = word.trim_start_matches('-').split(['=', ':']).next().unwrap_or_default();
    let name = name.to_ascii_lowercase();
    matches!(name.as_str(), "password" | "passwd" | "secret" | "passphrase")
}

impl Found<'_> {
    /// Text, within the length and alphabet of its key.
    pub(crate) fn text(&self) -> Checked<String> {
        let text = self.string(&self.value)?;
        let (min, max, problem) = match self.key.kind {
            Kind::Text { min, max } => (min, max, names::text_problem(text)),
            Kind::Name { min, max } => (min, max, names::name_problem(text)),
            Kind::Printable { min, max } => (min, max, names::printable_problem(text)),
            _ => (0, usize::MAX, None),
        };
        let length = match self.key.kind {
            // RPC carries names in UTF-16, and its limit is one of those.
            Kind::Name { .. } => text.encode_utf16().count(),
            _ => text.chars().count(),
        };
        if let Some(problem) = problem {
            return Err(self.bad_text(self.at, text, problem));
        }
        if length < min || length > max {
            return Err(self.bad_text(self.at, text, &format!("has {length} characters")));
        }
        Ok(text.to_owned())
    }

    /// The text where it stands in X.400 addresses as it is; else `other` is the key with what stands there instead.
    pub(crate) fn printable_or(&self, other: &str) -> Checked<String> {
        let text = self.text()?;
        let Some(problem) = names::printable_problem(&text) else { return Ok(text) };
        let what = format!("{} {problem}, which addresses of X.400 do not have", shown(&text));
        let way_out =
            format!("add `{other} = {}` with the name in those characters", self.key.example);
        Err(self.bad_value_with(self.at, &what, way_out))
    }

    /// Text in which spaces at the ends count, as in the address space `c=US;a= `.
    pub(crate) fn text_with_spaces(&self) -> Checked<String> {
        let text = self.string(&self.value)?;
        if names::text_problem(&format!(".{text}.")).is_some() {
            return Err(self.bad_text(self.at, text, "has a character outside printable ASCII"));
        }
        if let Kind::Text { max, .. } = self.key.kind
            && text.len() > max
        {
            return Err(self.bad_text(self.at, text, &format!("has {} characters", text.len())));
        }
        Ok(text.to_owned())
    }

    /// A whole number, within the range of its key.
    pub(crate) fn integer<T: TryFrom<i64>>(&self) -> Checked<T> {
        let Some(number) = self.value.as_integer() else {
            return Err(self.wrong_type(self.at, "a whole number", &self.value));
        };
        let in_range = match self.key.kind {
            Kind::Integer { min, max } => (min..=max).contains(&number),
            _ => true,
        };
        match T::try_from(number) {
            Ok(converted) if in_range => Ok(converted),
            _ => Err(self.bad_value(self.at, &format!("{number} is out of range"))),
        }
    }

    /// A number of seconds.
    pub(crate) fn seconds(&self) -> Checked<Duration> {
        self.integer::<u64>().map(Duration::from_secs)
    }

    /// A number, within the range of its key. A whole number is taken for one.
    pub(crate) fn real(&self) -> Checked<f64> {
        let whole =
            self.value.as_integer().and_then(|whole| i32::try_from(whole).ok()).map(f64::from);
        let Some(number) = self.value.as_float().or(whole) else {
            return Err(self.wrong_type(self.at, "a number", &self.value));
        };
        match self.key.kind {
            Kind::Real { min, max } if !(min..=max).contains(&number) => {
                Err(self.bad_value(self.at, &format!("{number} is out of range")))
            }
            _ => Ok(number),
        }
    }

    /// A path, against the folder of the file.
    pub(crate) fn path(&self) -> Checked<PathBuf> {
        let text = self.string(&self.value)?;
        if text.is_empty() || text.contains('\0') {
            return Err(self.bad_text(self.at, text, "is no path"));
        }
        Ok(self.folder().join(text))
    }

    /// A program with its arguments. What would not run, or would show a secret to whoever lists processes, is refused.
    pub(crate) fn command(&self) -> Checked<Vec<String>> {
        let words = self.list(|element| {
            let text = self.string(element)?;
            let problem = match text {
                _ if text.contains('\0') => "has a zero octet",
                _ if text.len() > WORD_MAX => "is longer than 1,024 octets",
                _ if shows_a_secret(text) => {
                    "looks like a secret, which every user of this machine could read: keep it in a file of the program (pppd: /etc/ppp/chap-secrets), readable by root alone"
                }
                _ => return Ok(text.to_owned()),
            };
            Err(self.bad_text(self.at_element(element), text, problem))
        })?;
        let problem = match words.first().map(String::as_str) {
            None => "the list is empty, and its first entry is the program".to_owned(),
            Some("") => "the program is empty".to_owned(),
            Some(program) if program.contains(' ') && words.len() == 1 => format!(
                "{} is one program with blanks in its name; no shell reads this, so give each argument as an entry of its own",
                shown(program)
            ),
            Some(program) if program.contains('/') && !program.starts_with('/') => {
                format!("{} is neither a name nor an absolute path", shown(program))
            }
            Some(_) if words.len() > WORDS_MAX => {
                format!("the list has {} entries, and the limit is {WORDS_MAX}", words.len())
            }
            Some(_) => return Ok(words),
        };
        Err(self.bad_value(self.at, &problem))
    }

    /// An IP address.
    pub(crate) fn address(&self) -> Checked<IpAddr> {
        let text = self.string(&self.value)?;
        text.parse().map_err(|_| self.bad_text(self.at, text, "is no IP address"))
    }

    /// A list of IP addresses.
    pub(crate) fn addresses(&self) -> Checked<Vec<IpAddr>> {
        self.list(|element| {
            let text = self.string(element)?;
            text.parse()
                .map_err(|_| self.bad_text(self.at_element(element), text, "is no IP address"))
        })
    }

    /// A selector: its octets.
    pub(crate) fn selector(&self) -> Checked<Vec<u8>> {
        let text = self.string(&self.value)?;
        let octets = match text.strip_prefix("0x") {
            None => match names::text_problem(text) {
                None => text.as_bytes().to_vec(),
                Some(problem) => return Err(self.bad_text(self.at, text, problem)),
            },
            Some(hex) => address::hex(hex)
                .ok_or_else(|| self.bad_text(self.at, text, "is not hexadecimal octets"))?,
        };
        match self.key.kind {
            Kind::Selector { max } if octets.len() > max => {
                Err(self.bad_text(self.at, text, &format!("has {} octets", octets.len())))
            }
            _ => Ok(octets),
        }
    }

    /// One of the words of its key, by its place among them.
    pub(crate) fn choice(&self) -> Checked<usize> {
        let text = self.string(&self.value)?;
        let Kind::Choice(words) = self.key.kind else { return Ok(0) };
        words
            .iter()
            .position(|word| *word == text)
            .ok_or_else(|| self.bad_text(self.at, text, "is none of the words"))
    }

    /// An IP address with a port.
    pub(crate) fn socket(&self) -> Checked<SocketAddr> {
        self.socket_in(&self.value)
    }

    /// A list of IP addresses with ports.
    pub(crate) fn sockets(&self) -> Checked<Vec<SocketAddr>> {
        self.list(|element| self.socket_in(element))
    }

    /// A list of networks.
    pub(crate) fn networks(&self) -> Checked<Vec<IpNet>> {
        self.list(|element| {
            let text = self.string(element)?;
            address::network(text)
                .map_err(|problem| self.bad_text(self.at_element(element), text, &problem))
        })
    }

    /// A host name, in lower case.
    pub(crate) fn domain(&self) -> Checked<String> {
        self.domain_in(&self.value)
    }

    /// A host name in lower case, or an IP address.
    pub(crate) fn host(&self) -> Checked<String> {
        let text = self.string(&self.value)?;
        if text.parse::<IpAddr>().is_ok() { Ok(text.to_owned()) } else { self.domain() }
    }

    /// A list of hosts, each with its port; 25 is that of SMTP.
    pub(crate) fn hosts(&self) -> Checked<Vec<HostPort>> {
        self.list(|element| {
            let text = self.string(element)?;
            address::host_port(text, SMTP_PORT)
                .map_err(|problem| self.bad_text(self.at_element(element), text, &problem))
        })
    }

    /// A list of patterns of mail addresses or domains, in lower case.
    pub(crate) fn patterns(&self) -> Checked<Vec<String>> {
        self.list(|element| {
            let text = self.string(element)?;
            let odd = |c: char| c.is_whitespace() || c.is_control();
            if text.is_empty() || text.len() > PATTERN_MAX || text.contains(odd) {
                return Err(self.bad_text(
                    self.at_element(element),
                    text,
                    "is no address or domain",
                ));
            }
            Ok(text.to_lowercase())
        })
    }

    /// A list of domain names in lower case, at least one, each once.
    pub(crate) fn domains(&self) -> Checked<Vec<String>> {
        let mut seen = BTreeSet::new();
        let domains = self.list(|element| {
            let domain = self.domain_in(element)?;
            if seen.insert(domain.clone()) {
                Ok(domain)
            } else {
                Err(self.bad_text(self.at_element(element), &domain, "stands in the list twice"))
            }
        })?;
        if domains.is_empty() {
            Err(self.bad_value(self.at, "the list is empty"))
        } else {
            Ok(domains)
        }
    }

    /// The local parts with a mailbox.
    pub(crate) fn mailboxes(&self) -> Checked<Mailboxes> {
        let mut any_at = None;
        let names = self.list(|element| {
            let text = self.string(element)?;
            if text == "*" {
                any_at = Some(self.at_element(element));
                return Ok(String::new());
            }
            match names::local_part_problem(text) {
                None => Ok(text.to_lowercase()),
                Some(problem) => Err(self.bad_text(self.at_element(element), text, problem)),
            }
        })?;
        match any_at {
            None => Ok(Mailboxes::Only(names.into_iter().collect())),
            Some(_) if names.len() == 1 => Ok(Mailboxes::Any),
            Some(at) => {
                Err(self.bad_value(at, "\"*\" means any mailbox, so nothing may stand beside it"))
            }
        }
    }

    /// The name of an account.
    pub(crate) fn account(&self) -> Checked<AccountName> {
        let text = self.string(&self.value)?;
        text.parse().map_err(|error: identity::NameError| {
            self.bad_text(self.at, text, &format!("is no account: {error}"))
        })
    }

    /// The URL of an API and the `host:port` in it.
    pub(crate) fn url(&self) -> Checked<(String, String)> {
        let text = self.string(&self.value)?;
        match address::authority(text) {
            Ok(authority) => Ok((format!("http://{authority}"), authority.to_owned())),
            Err(problem) => Err(self.bad_text(self.at, text, problem)),
        }
    }

    /// A level of `events.stderr_level`.
    pub(crate) fn stderr_level(&self) -> Checked<StderrLevel> {
        let text = self.string(&self.value)?;
        match text {
            "off" => Ok(StderrLevel::Off),
            "error" => Ok(StderrLevel::Error),
            "warning" => Ok(StderrLevel::Warning),
            "information" => Ok(StderrLevel::Information),
            _ => Err(self.bad_text(self.at, text, "is no level")),
        }
    }

    /// Whether it is this word; one of `others` is the only other thing that it may be.
    pub(crate) fn is_word(&self, word: &str, others: &[&str]) -> Checked<bool> {
        let text = self.string(&self.value)?;
        match text {
            _ if text == word => Ok(true),
            _ if others.contains(&text) => Ok(false),
            _ => Err(self.bad_text(self.at, text, "is none of the words that it may be")),
        }
    }

    /// A way of `peer.auth`.
    pub(crate) fn peer_auth(&self) -> Checked<PeerAuth> {
        self.one_of(&[
            ("ntlm", PeerAuth::Ntlm),
            ("kerberos", PeerAuth::Kerberos),
            ("negotiate", PeerAuth::Negotiate),
        ])
    }

    /// A level of protection.
    pub(crate) fn rpc_level(&self) -> Checked<RpcLevel> {
        self.one_of(&[("integrity", RpcLevel::Integrity), ("privacy", RpcLevel::Privacy)])
    }

    /// What is taken of weaker peers.
    pub(crate) fn insecure(&self) -> Checked<Insecure> {
        let all = [Insecure::Nothing, Insecure::Keys56, Insecure::NtlmVersion1];
        self.one_of(&all.map(|one| (one.as_str(), one)))
    }

    /// NetBIOS domain names in upper case, each once.
    pub(crate) fn netbios_domains(&self) -> Checked<Vec<String>> {
        let mut seen = BTreeSet::new();
        self.list(|element| {
            let text = self.string(element)?;
            let name = identity::upcase(text);
            let problem = match text.chars().count() {
                1..=15 => names::text_problem(text),
                length => {
                    return Err(self.bad_text(
                        self.at_element(element),
                        text,
                        &format!("has {length} characters"),
                    ));
                }
            };
            if let Some(problem) = problem {
                return Err(self.bad_text(self.at_element(element), text, problem));
            }
            if text.contains('\\') || !seen.insert(name.clone()) {
                let problem = "is no domain name, or stands in the list twice";
                return Err(self.bad_text(self.at_element(element), text, problem));
            }
            Ok(name)
        })
    }

    fn one_of<T: Copy>(&self, words: &[(&str, T)]) -> Checked<T> {
        let text = self.string(&self.value)?;
        match words.iter().find(|(word, _)| *word == text) {
            Some((_, meant)) => Ok(*meant),
            None => Err(self.bad_text(self.at, text, "is none of the words that may stand here")),
        }
    }

    fn domain_in(&self, value: &Value) -> Checked<String> {
        let text = self.string(value)?;
        match names::domain_problem(text) {
            None => Ok(text.to_lowercase()),
            Some(problem) => Err(self.bad_text(self.at_element(value), text, problem)),
        }
    }

    fn socket_in(&self, value: &Value) -> Checked<SocketAddr> {
        let text = self.string(value)?;
        text.parse().map_err(|_| {
            self.bad_text(self.at_element(value), text, "is no IP address with a port")
        })
    }

    fn list<T>(&self, element: impl FnMut(&Value) -> Checked<T>) -> Checked<Vec<T>> {
        let Some(array) = self.value.as_array() else {
            return Err(self.wrong_type(self.at, "a list", &self.value));
        };
        if array.len() > LIST_MAX {
            return Err(self.bad_value(
                self.at,
                &format!("the list has {} entries, and the limit is {LIST_MAX}", array.len()),
            ));
        }
        array.iter().map(element).collect()
    }

    fn string<'v>(&self, value: &'v Value) -> Checked<&'v str> {
        value
            .as_str()
            .ok_or_else(|| self.wrong_type(self.at_element(value), "text in quotes", value))
    }

    fn bad_text(&self, at: usize, text: &str, problem: &str) -> Box<crate::Fault> {
        self.bad_value(at, &format!("{} {problem}", shown(text)))
    }
}
