//! The commented file of `bindback init`, made from the table of keys.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use identity::AccountName;
use toml_edit::{Array, Value};

use crate::keys::{Fallback, KEYS, Key};
use crate::model::GlobalDomain;
use crate::section::Section;

/// Characters of a comment line.
const WIDTH: usize = 100;

/// The folders and files that a template names, relative to its own folder.
pub(crate) const PASSWORD_FILE: &str = "secrets/service.password";
pub(crate) const TOKEN_FILE: &str = "secrets/admin.token";

/// Port of the endpoint mapper of a new server: one that needs no rights.
const MAPPER_PORT: u16 = 1135;

/// What a new configuration says; everything else keeps its default and stands in the file as a comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitAnswers {
    pub name: String,
    pub organisation: String,
    pub site: String,
    pub host_name: String,
    pub domain: GlobalDomain,
    pub smtp_listen: Vec<SocketAddr>,
    pub domains: Vec<String>,
    pub mailboxes: Vec<String>,
    pub postmaster: Option<String>,
    pub rpc_listen: IpAddr,
    pub rpc_port: u16,
    pub mapper_port: u16,
    pub bind_back_name: Option<String>,
    pub account: AccountName,
    pub peers: Vec<PeerAnswers>,
    pub x400: Vec<X400Answers>,
    pub hosts: Vec<(String, Vec<IpAddr>)>,
    /// With an address the file also names the token file that `init` writes.
    pub admin_listen: Option<SocketAddr>,
    /// Any other key, its value spelt as in the file; it wins over the fields above. Not for `[[peer]]` and
    /// `[hosts]`.
    pub set: Vec<(Section, &'static str, String)>,
}

/// One `[[peer]]` of a new configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerAnswers {
    pub name: String,
    pub host: String,
    pub bind_back: Option<String>,
    pub mapper_port: u16,
    pub account: AccountName,
    pub domains: Vec<String>,
    /// URL of its API, and the file with the token, relative to the configuration.
    pub admin: Option<(String, String)>,
    /// The peer's own configuration file.
    pub configuration: Option<String>,
    /// How to log on there; the default when absent.
    pub auth: Option<String>,
}

/// One `[[x400]]` of a new configuration: its keys, their values spelt as in the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct X400Answers {
    pub set: Vec<(&'static str, String)>,
}

impl Default for InitAnswers {
    /// A server on loopback, with ports that need no rights.
    #[expect(clippy::expect_used, reason = "a constant account name, which a test parses")]
    fn default() -> Self {
        Self {
            name: "EAST".to_owned(),
            organisation: "Demo".to_owned(),
            site: "HQ".to_owned(),
            host_name: "east.demo.test".to_owned(),
            domain: GlobalDomain {
                country: "XX".to_owned(),
                admd: " ".to_owned(),
                prmd: "DEMO".to_owned(),
            },
            smtp_listen: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 2525))],
            domains: vec!["east.demo.test".to_owned()],
            mailboxes: vec!["anna".to_owned()],
            postmaster: Some("anna".to_owned()),
            rpc_listen: IpAddr::from(Ipv4Addr::LOCALHOST),
            rpc_port: 0,
            mapper_port: MAPPER_PORT,
            bind_back_name: None,
            account: "DEMO\\svc-east".parse().expect("an account name"),
            peers: Vec::new(),
            x400: Vec::new(),
            hosts: vec![("east.demo.test".to_owned(), vec![IpAddr::from(Ipv4Addr::LOCALHOST)])],
            admin_listen: None,
            set: Vec::new(),
        }
    }
}

impl InitAnswers {
    fn value(&self, key: &Key) -> Option<String> {
        let set = self
            .set
            .iter()
            .rev()
            .find(|(section, name, _)| *section == key.section && *name == key.name);
        if let Some((_, _, value)) = set {
            return Some(value.clone());
        }
        match (key.section, key.name) {
            (Section::Server, "name") => Some(text(&self.name)),
            (Section::Server, "organisation") => Some(text(&self.organisation)),
            (Section::Server, "site") => Some(text(&self.site)),
            (Section::Server, "host_name") => Some(text(&self.host_name)),
            (Section::Server, "country") => Some(text(&self.domain.country)),
            (Section::Server, "admd") => Some(text(&self.domain.admd)),
            (Section::Server, "prmd") => Some(text(&self.domain.prmd)),
            (Section::Smtp, "listen") => Some(list(&self.smtp_listen)),
            (Section::Mail, "domains") => Some(list(&self.domains)),
            (Section::Mail, "mailboxes") => Some(list(&self.mailboxes)),
            (Section::Mail, "postmaster") => self.postmaster.as_deref().map(text),
            (Section::Rpc, "listen") => Some(text(&self.rpc_listen.to_string())),
            (Section::Rpc, "port") => Some(self.rpc_port.to_string()),
            (Section::Rpc, "mapper_port") => Some(self.mapper_port.to_string()),
            (Section::Rpc, "bind_back_name") => self.bind_back_name.as_deref().map(text),
            (Section::Rpc, "account") => Some(text(&self.account.to_string())),
            (Section::Rpc, "password_file") => Some(text(PASSWORD_FILE)),
            (Section::Admin, "listen") => {
                self.admin_listen.map(|address| text(&address.to_string()))
            }
            (Section::Admin, "token_file") => self.admin_listen.map(|_| text(TOKEN_FILE)),
            _ => None,
        }
    }
}

impl PeerAnswers {
    fn value(&self, key: &Key) -> Option<String> {
        match key.name {
            "name" => Some(text(&self.name)),
            "host" => Some(text(&self.host)),
            "bind_back" => self.bind_back.as_deref().map(text),
            "mapper_port" => Some(self.mapper_port.to_string()),
            "account" => Some(text(&self.account.to_string())),
            "domains" => Some(list(&self.domains)),
            "admin" => self.admin.as_ref().map(|(url, _)| text(url)),
            "admin_token_file" => self.admin.as_ref().map(|(_, file)| text(file)),
            "configuration" => self.configuration.as_deref().map(text),
            "auth" => self.auth.as_deref().map(text),
            _ => None,
        }
    }
}

/// The commented file. A key that the answers do not set stands in it as a comment with its default.
pub fn template(answers: &InitAnswers) -> String {
    let mut out = String::new();
    comment(
        &mut out,
        "Configuration of a Bindback server. A line with # at its front is a comment; where it shows a key, it shows the default or an example. Paths are taken against the folder of this file.",
    );
    for section in Section::ALL {
        out.push('\n');
        comment(&mut out, section.doc());
        match section {
            Section::Peer => peers(&mut out, answers),
            Section::X400 => connectors(&mut out, answers),
            list if list.is_list() => {
                out.push_str(&format!("# {}\n", list.header()));
                keys(&mut out, list, true, |_| None);
            }
            Section::Hosts => hosts(&mut out, answers),
            _ => {
                out.push_str(&format!("{}\n", section.header()));
                keys(&mut out, section, true, |key| answers.value(key));
                let unknown = |name: &str| Key::find(section, name).is_none();
                for (_, name, value) in
                    answers.set.iter().filter(|(of, name, _)| *of == section && unknown(name))
                {
                    // Kept, so that the load tells of it instead of a wish that was lost.
                    out.push_str(&format!("{name} = {value}\n"));
                }
            }
        }
    }
    out
}

fn peers(out: &mut String, answers: &InitAnswers) {
    if answers.peers.is_empty() {
        out.push_str("# [[peer]]\n");
        keys(out, Section::Peer, true, |_| None);
    }
    for (index, peer) in answers.peers.iter().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        out.push_str("[[peer]]\n");
        keys(out, Section::Peer, index == 0, |key| peer.value(key));
    }
}

fn connectors(out: &mut String, answers: &InitAnswers) {
    if answers.x400.is_empty() {
        out.push_str("# [[x400]]\n");
        keys(out, Section::X400, true, |_| None);
    }
    for (index, connector) in answers.x400.iter().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        out.push_str("[[x400]]\n");
        keys(out, Section::X400, index == 0, |key| {
            let set = connector.set.iter().rev().find(|(name, _)| *name == key.name);
            set.map(|(_, value)| value.clone())
        });
    }
}

fn hosts(out: &mut String, answers: &InitAnswers) {
    out.push_str("[hosts]\n");
    if answers.hosts.is_empty() {
        out.push_str("# \"west.demo.test\" = \"127.0.0.1\"\n");
    }
    for (name, addresses) in &answers.hosts {
        let value = match addresses.as_slice() {
            [address] => text(&address.to_string()),
            several => list(several),
        };
        out.push_str(&format!("{} = {value}\n", text(name)));
    }
}

/// The keys of a table; `all` also shows, as comments, those without a value.
fn keys(out: &mut String, section: Section, all: bool, value: impl Fn(&Key) -> Option<String>) {
    for key in KEYS.iter().filter(|key| key.section == section) {
        let value = value(key);
        if all {
            comment(out, &explanation(key));
        }
        match value {
            Some(value) => out.push_str(&format!("{} = {value}\n", key.name)),
            None if all => {
                let shown = match (key.section, key.name) {
                    // What another new server has: whoever takes the comment away is right with it.
                    (Section::Peer, "mapper_port") => MAPPER_PORT.to_string(),
                    _ => if let Fallback::Value(default) = key.fallback {
                        default
                    } else {
                        key.example
                    }
                    .to_owned(),
                };
                out.push_str(&format!("# {} = {shown}\n", key.name));
            }
            None => {}
        }
    }
}

fn explanation(key: &Key) -> String {
    let unit = if key.unit.is_empty() { String::new() } else { format!(" {}", key.unit) };
    let fallback = match key.fallback {
        Fallback::Value(default) => format!("; default {default}"),
        Fallback::SameAs(other) => format!("; default: as {other}"),
        Fallback::Absent => "; may be left out".to_owned(),
        Fallback::Required => String::new(),
    };
    format!("{} ({}{unit}{fallback})", key.doc, key.kind.range())
}

fn comment(out: &mut String, words: &str) {
    let mut line = String::from("#");
    for word in words.split(' ') {
        if line.chars().count() + 1 + word.chars().count() > WIDTH {
            out.push_str(&line);
            out.push('\n');
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    out.push_str(&line);
    out.push('\n');
}

fn text(value: &str) -> String {
    Value::from(value).to_string()
}

fn list<T: ToString>(values: &[T]) -> String {
    Value::Array(values.iter().map(ToString::to_string).collect::<Array>()).to_string()
}
