//! Who may log on from the network: the account's own right, and policies above it, with precedence.
//!
//! As group policy does it: a policy that says who may (or who may not) replaces what the levels below say of that; then
//! a denial beats a permission. Nothing said at all means everybody may.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use identity::Account;
use serde::Deserialize;

/// The policy file, read again when it changes.
#[derive(Debug, Default)]
pub struct PolicyFile {
    path: Option<PathBuf>,
    read: Mutex<Read>,
}

#[derive(Debug, Default)]
struct Read {
    stamp: Option<(SystemTime, u64)>,
    policies: Vec<Policy>,
    fault: Option<String>,
}

/// The levels, lowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Level {
    Local,
    Site,
    Domain,
    Unit,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Policy {
    name: String,
    level: Level,
    /// Who has the right; replaces what lower levels say.
    network_logon: Option<Vec<String>>,
    /// Who is denied it; likewise.
    deny_network_logon: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    policy: Vec<Policy>,
}

/// Whether an account may log on from the network, and where that comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkRight {
    pub granted: bool,
    pub source: String,
}

impl PolicyFile {
    /// The file of the configuration, if it names one.
    #[must_use]
    pub fn new(path: Option<PathBuf>) -> Self {
        Self { path, read: Mutex::default() }
    }

    /// The right of an account.
    #[must_use]
    pub fn network_right(&self, account: &Account) -> NetworkRight {
        let Some(path) = &self.path else { return decide(&[], account) };
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.refresh(path);
        match &read.fault {
            // A policy that cannot be read might have denied it.
            Some(fault) => NetworkRight { granted: false, source: fault.clone() },
            None => decide(&read.policies, account),
        }
    }
}

impl Read {
    fn refresh(&mut self, path: &Path) {
        let stamp =
            std::fs::metadata(path).and_then(|found| Ok((found.modified()?, found.len()))).ok();
        if stamp.is_some() && stamp == self.stamp && self.fault.is_none() {
            return;
        }
        self.stamp = stamp;
        let text = std::fs::read_to_string(path).map_err(|error| error.to_string());
        let parsed = text.and_then(|text| {
            toml::from_str::<Document>(&text).map_err(|error| error.message().to_owned())
        });
        (self.policies, self.fault) = match parsed {
            Ok(document) => (document.policy, None),
            Err(error) => (Vec::new(), Some(format!("{} cannot be read: {error}", path.display()))),
        };
    }
}

fn decide(policies: &[Policy], account: &Account) -> NetworkRight {
    let highest = |says: fn(&Policy) -> Option<&Vec<String>>| {
        // The last of a level wins, as the one that is applied last.
        let of_level = policies.iter().filter_map(|policy| Some((policy, says(policy)?)));
        of_level.max_by_key(|(policy, _)| policy.level)
    };
    let denying = highest(|policy| policy.deny_network_logon.as_ref());
    if let Some((policy, names)) = denying
        && let Some(name) = names.iter().find(|name| is_member(account, name))
    {
        let source = format!("the policy {:?} denies it to {name}", policy.name);
        return NetworkRight { granted: false, source };
    }
    if denying.is_none() && account.network_logon == Some(false) {
        return NetworkRight { granted: false, source: "the account is denied it here".to_owned() };
    }
    if let Some((policy, names)) = highest(|policy| policy.network_logon.as_ref()) {
        return match names.iter().find(|name| is_member(account, name)) {
            Some(name) => {
                let source = format!("the policy {:?} gives it to {name}", policy.name);
                NetworkRight { granted: true, source }
            }
            None => {
                let source = format!("the policy {:?} gives it to others only", policy.name);
                NetworkRight { granted: false, source }
            }
        };
    }
    let source = match account.network_logon {
        Some(true) => "the account has it here",
        _ => "everyone has it",
    };
    NetworkRight { granted: true, source: source.to_owned() }
}

/// Whether a name of a policy is the account, one of its groups, or everybody.
fn is_member(account: &Account, name: &str) -> bool {
    let folded = identity::upcase(name);
    let is = |other: &str| identity::upcase(other) == folded;
    ["Everyone", "Authenticated Users", "NT AUTHORITY\\Authenticated Users", "NETWORK"]
        .into_iter()
        .any(is)
        || is(&account.name.to_string())
        || is(&account.sid.to_string())
        || account.groups.iter().any(|group| is(group))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> Account {
        let sid = identity::Sid::domain(1, 2, 3).member(1000).unwrap();
        let hash = identity::NtHash::new([0; 16]);
        let mut account = Account::new("DEMO\\svc".parse().unwrap(), sid, hash, 0);
        account.groups.insert("Mail Servers".to_owned());
        account
    }

    fn ask(text: &str, own: Option<bool>) -> (bool, String) {
        let document: Document = toml::from_str(text).unwrap();
        let account = Account { network_logon: own, ..account() };
        let right = decide(&document.policy, &account);
        (right.granted, right.source)
    }

    #[test]
    fn a_higher_policy_replaces_and_a_denial_beats() {
        let policy = |name: &str, level: &str, rest: &str| {
            format!("[[policy]]\nname = {name:?}\nlevel = {level:?}\n{rest}\n")
        };
        assert_eq!(ask("", None), (true, "everyone has it".to_owned()));
        assert!(!ask("", Some(false)).0);
        let site = policy("S", "site", "network_logon = [\"others\"]");
        assert_eq!(
            ask(&site, Some(true)),
            (false, "the policy \"S\" gives it to others only".to_owned())
        );
        let domain = policy("D", "domain", "network_logon = [\"mail servers\"]");
        for text in [format!("{site}{domain}"), format!("{domain}{site}")] {
            assert!(ask(&text, None).0, "the higher level counts, in whatever order");
        }
        let deny = policy("N", "local", "deny_network_logon = [\"demo\\\\SVC\"]");
        assert_eq!(
            ask(&format!("{domain}{deny}"), Some(true)),
            (false, "the policy \"N\" denies it to demo\\SVC".to_owned())
        );
        let allows_again = policy("U", "unit", "deny_network_logon = []");
        assert!(
            ask(&format!("{deny}{allows_again}"), Some(false)).0,
            "an empty denial replaces too"
        );
    }

    #[test]
    fn the_file_is_read_again_and_a_broken_one_lets_nobody_in() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy.toml");
        let file = PolicyFile::new(Some(path.clone()));
        assert!(!file.network_right(&account()).granted, "named and not there");
        std::fs::write(&path, "").unwrap();
        assert!(file.network_right(&account()).granted);
        std::fs::write(
            &path,
            "[[policy]]\nname = \"x\"\nlevel = \"domain\"\ndeny_network_logon = [\"Everyone\"]\n",
        )
        .unwrap();
        assert!(!file.network_right(&account()).granted);
        std::fs::write(&path, "[[policy]]\nname = \"x\"\nlevel = \"sky\"\n").unwrap();
        let right = file.network_right(&account());
        assert!(!right.granted && right.source.contains("cannot be read"), "{}", right.source);
    }
}
