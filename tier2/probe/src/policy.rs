//! What the group policies of a domain say of logons over the network: the security templates in SYSVOL (MS-GPSB 2.2).
//!
//! All policies are read, linked or not: which one is in force where only the machine that it reaches can say. What stands in one
//! of them is told with its name.

use identity::Sid;

use crate::share::{Share, ShareError};

/// The share in which a domain controller keeps policies.
pub(crate) const SHARE: &str = "sysvol";
/// Where in a policy the template of security settings is.
const TEMPLATE: &str = "MACHINE\\Microsoft\\Windows NT\\SecEdit\\GptTmpl.inf";
/// Octets of a template that are read: those of large sites have some 100 KiB.
const MOST: usize = 1024 * 1024;
/// Policies that are read.
const MOST_POLICIES: usize = 1000;

const RIGHTS: &str = "privilege rights";
const VALUES: &str = "registry values";
/// Settings that decide whether a logon of NTLM or a session succeeds, in lower case, with what is shown.
const SETTINGS: [(&str, &str); 7] = [
    ("control\\lsa\\lmcompatibilitylevel", "LmCompatibilityLevel"),
    ("control\\lsa\\msv1_0\\ntlmminclientsec", "NtlmMinClientSec"),
    ("control\\lsa\\msv1_0\\ntlmminserversec", "NtlmMinServerSec"),
    ("control\\lsa\\msv1_0\\restrictsendingntlmtraffic", "RestrictSendingNTLMTraffic"),
    ("control\\lsa\\msv1_0\\restrictreceivingntlmtraffic", "RestrictReceivingNTLMTraffic"),
    ("services\\lanmanserver\\parameters\\requiresecuritysignature", "RequireSecuritySignature"),
    ("control\\lsa\\restrictremotesam", "RestrictRemoteSam"),
];

/// What one policy says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// The domain's folder and the identifier of the policy.
    pub name: String,
    /// Who may log on from the network, where the policy says it: identifiers, or names as they stand there.
    pub network: Option<Vec<String>>,
    /// Who may not.
    pub deny_network: Vec<String>,
    /// Settings of sessions and logons by name.
    pub settings: Vec<(String, String)>,
}

impl Policy {
    /// Reads a template.
    #[must_use]
    pub fn read(name: &str, template: &[u8]) -> Self {
        let mut policy = Self { name: name.to_owned(), ..Self::default() };
        let mut section = String::new();
        for line in text(template).lines().map(str::trim) {
            if let Some(inner) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                section = inner.to_lowercase();
                continue;
            }
            let Some((key, value)) = line.split_once('=') else { continue };
            let (key, value) = (key.trim().to_lowercase(), value.trim());
            let holders = || -> Vec<String> {
                let all = value.split(',').map(|one| one.trim().trim_start_matches('*'));
                all.filter(|one| !one.is_empty()).map(str::to_owned).collect()
            };
            match (section.as_str(), key.as_str()) {
                (RIGHTS, "senetworklogonright") => policy.network = Some(holders()),
                (RIGHTS, "sedenynetworklogonright") => policy.deny_network = holders(),
                (VALUES, key) => {
                    let known = SETTINGS.iter().find(|(end, _)| key.ends_with(end));
                    if let Some((_, shown)) = known {
                        // The type of the value stands before it.
                        let value = value.split_once(',').map_or(value, |(_, value)| value);
                        policy.settings.push(((*shown).to_owned(), value.to_owned()));
                    }
                }
                _ => {}
            }
        }
        policy
    }

    /// It says nothing that bears on logons.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.network.is_none() && self.deny_network.is_empty() && self.settings.is_empty()
    }

    /// The one of `who` that is denied a logon from the network, or is left out where only others may.
    #[must_use]
    pub fn keeps_out(&self, who: &[String]) -> Option<String> {
        let is = |list: &[String], one: &String| list.iter().any(|x| x.eq_ignore_ascii_case(one));
        if let Some(denied) = who.iter().find(|one| is(&self.deny_network, one)) {
            return Some(format!("{} gives SeDenyNetworkLogonRight to {denied}", self.name));
        }
        let network = self.network.as_ref()?;
        let none = !who.iter().any(|one| is(network, one));
        none.then(|| {
            format!(
                "{} gives SeNetworkLogonRight to {} alone",
                self.name,
                if network.is_empty() { "nobody".to_owned() } else { network.join(", ") }
            )
        })
    }

    /// In words.
    #[must_use]
    pub fn told(&self) -> String {
        let mut parts = Vec::new();
        if let Some(network) = &self.network {
            parts.push(format!("SeNetworkLogonRight {}", network.join(" ")));
        }
        if !self.deny_network.is_empty() {
            parts.push(format!("SeDenyNetworkLogonRight {}", self.deny_network.join(" ")));
        }
        parts.extend(self.settings.iter().map(|(name, value)| format!("{name} {value}")));
        format!("{}: {}", self.name, parts.join(", "))
    }
}

/// Whom a right may be given to so that the account has it: itself and the groups that every account of a domain is in.
pub(crate) fn holders(account: Option<&Sid>, name: &str) -> Vec<String> {
    let mut all: Vec<String> = ["S-1-1-0", "S-1-5-11", "S-1-5-32-545"].map(str::to_owned).into();
    if let Some(sid) = account {
        all.push(sid.to_string());
        // Domain Users (MS-DTYP 2.4.2.4).
        all.extend(sid.split().and_then(|(domain, _)| Some(domain.member(513).ok()?.to_string())));
    }
    all.push(name.to_owned());
    all
}

/// Reads the policies of all domains that this controller keeps; `share` has to be in [`SHARE`].
pub(crate) async fn read_all(share: &mut Share) -> Result<Vec<Policy>, ShareError> {
    let mut policies = Vec::new();
    for domain in share.list("").await?.unwrap_or_default() {
        let folder = format!("{domain}\\Policies");
        for policy in share.list(&folder).await?.unwrap_or_default() {
            if policies.len() >= MOST_POLICIES {
                return Ok(policies);
            }
            let path = format!("{folder}\\{policy}\\{TEMPLATE}");
            if let Some(template) = share.file(&path, MOST).await? {
                policies.push(Policy::read(&format!("{domain} {policy}"), &template));
            }
        }
    }
    Ok(policies)
}

/// Templates are UTF-16 with a mark as a rule; old ones are not.
fn text(octets: &[u8]) -> String {
    let units = |octets: &[u8], of: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = octets.as_chunks::<2>().0.iter().map(|pair| of(*pair)).collect();
        String::from_utf16_lossy(&units)
    };
    match octets {
        [0xff, 0xfe, rest @ ..] => units(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => units(rest, u16::from_be_bytes),
        _ => String::from_utf8_lossy(octets).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[Unicode]\r\nUnicode=yes\r\n[Privilege Rights]\r\n\
        SeNetworkLogonRight = *S-1-5-32-544,*S-1-5-11\r\nSeDenyNetworkLogonRight = *S-1-5-21-1-2-3-1104,svc-old\r\n\
        [Registry Values]\r\nMACHINE\\System\\CurrentControlSet\\Control\\Lsa\\LmCompatibilityLevel=4,5\r\n\
        MACHINE\\System\\CurrentControlSet\\Control\\Lsa\\MSV1_0\\NTLMMinServerSec=4,537395200\r\n\
        MACHINE\\Software\\Other=1,\"x\"\r\n";

    #[test]
    fn a_template_is_read_in_each_encoding() {
        let mut wide = vec![0xff, 0xfe];
        wide.extend(TEXT.encode_utf16().flat_map(u16::to_le_bytes));
        for template in [wide, TEXT.as_bytes().to_vec()] {
            let policy = Policy::read("P", &template);
            assert_eq!(policy.network, Some(vec!["S-1-5-32-544".into(), "S-1-5-11".into()]));
            assert_eq!(policy.deny_network, ["S-1-5-21-1-2-3-1104", "svc-old"]);
            let settings = [("LmCompatibilityLevel", "5"), ("NtlmMinServerSec", "537395200")];
            assert_eq!(policy.settings, settings.map(|(a, b)| (a.to_owned(), b.to_owned())));
        }
    }

    #[test]
    fn who_is_kept_out_is_told() {
        let policy = Policy::read("P", TEXT.as_bytes());
        let account = |rid| Sid::domain(1, 2, 3).member(rid).unwrap();
        let out = |rid, name| policy.keeps_out(&holders(Some(&account(rid)), name));
        assert!(out(1104, "svc").unwrap().contains("SeDenyNetworkLogonRight to S-1-5-21"));
        assert!(out(1105, "SVC-OLD").unwrap().contains("SeDenyNetworkLogonRight to SVC-OLD"));
        assert_eq!(out(1105, "svc"), None);
        let few = Policy::read("P", b"[Privilege Rights]\nSeNetworkLogonRight = *S-1-5-32-544\n");
        assert!(few.keeps_out(&holders(None, "svc")).unwrap().ends_with("S-1-5-32-544 alone"));
        assert!(Policy::read("P", b"[Version]\nx=1\n").is_silent());
    }
}
