//! What the checks of one host, ours or anybody's, say about mail to it.

use finding::{Answer, Cause, Check, CheckResult, Diagnosis, Evidence, NextProbe, Remedy};

use crate::offline::{FieldCase, consult, remedy_of};

/// Kerberos and NTLM take clocks that differ by less.
const SKEW_S: i64 = 300;
/// The usual port of an endpoint mapper.
const MAPPER_PORT: u16 = 135;
/// So many causes are named when anything is wrong.
const NAMED: usize = 3;
/// Who makes the checks of a host.
const FROM_HERE: &str = "here";
/// The confidence in a cause that nothing but likeness speaks for.
const GUESS: f64 = 0.05;

/// What was learned of a host beside the checks themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostFacts {
    /// Its name.
    pub host: String,
    /// Where its endpoint mapper was looked for; 135 without one.
    pub mapper_port: Option<u16>,
    /// An account was given to log on with.
    pub asked_as_somebody: bool,
    /// How far its clock is ahead of ours.
    pub clock_ahead_s: Option<i64>,
    /// False where its NTLM offers no 128-bit keys.
    pub keys_128: Option<bool>,
    /// The cause that the status of a logon stands for, with its words; empty words where none was made.
    pub logon: Option<(Cause, String)>,
    /// True where the server does not say whether the name or the password is wrong.
    pub either_name_or_password: bool,
    /// The logon failed with a status that stands for no cause, and nothing else shows that the account is let in.
    pub unclear_logon: Option<String>,
    /// What the KDC says of the account before anything is proved: a cause where it says one, and its words.
    pub kdc: Option<(Cause, String)>,
    /// It is a domain controller whose KDC does not answer.
    pub kdc_silent: bool,
    /// The KDC has keys of the account, and none of AES.
    pub without_aes: bool,
    /// RPC calls by authentication level, weakest first: the level's name, and whether the call was answered.
    pub ladder: Vec<(String, bool)>,
    /// What Kerberos and the directory of the domain told.
    pub told: Vec<Told>,
}

/// Something that somebody of the host's domain said, and what it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Who said it: `kdc`, `directory`; of what a far side met itself, its check.
    pub by: &'static str,
    /// The cause that it stands for.
    pub cause: Cause,
    /// How sure that is, of a hundred.
    pub percent: u8,
    /// In words.
    pub text: String,
}

impl HostFacts {
    /// What one check told of it, and nothing else.
    #[must_use]
    pub fn only(&self, check: &str) -> Self {
        let by = |checks: &[&str]| checks.contains(&check);
        let of_logon = by(&["logon", "way-back", "sam-account", "lsa-rights", "group-policy"]);
        let tells = |told: &&Told| match told.by {
            "kdc" => by(&["kerberos-logon", "kerberos-ticket"]),
            "directory" => check.starts_with("ldap-"),
            by => by == check,
        };
        Self {
            host: self.host.clone(),
            mapper_port: self.mapper_port,
            asked_as_somebody: self.asked_as_somebody,
            clock_ahead_s: self.clock_ahead_s.filter(|_| by(&["ntlm", "smb", "ldap"])),
            keys_128: self.keys_128.filter(|_| check == "ntlm"),
            logon: self.logon.clone().filter(|_| of_logon),
            either_name_or_password: self.either_name_or_password && of_logon,
            unclear_logon: self.unclear_logon.clone().filter(|_| check == "logon"),
            kdc: self.kdc.clone().filter(|_| check == "kerberos-account"),
            kdc_silent: self.kdc_silent && by(&["tcp", "ldap"]),
            without_aes: self.without_aes && check == "kerberos-account",
            ladder: if check.starts_with("rpc-") { self.ladder.clone() } else { Vec::new() },
            told: self.told.iter().filter(tells).cloned().collect(),
        }
    }
}

/// What is wrong with a host, best cause first; nothing when nothing is.
#[must_use]
pub fn judge_host(facts: &HostFacts, checks: Vec<Check>) -> Answer {
    let mut found = Vec::new();
    names_and_ports(facts, &checks, &mut found);
    line(&checks, &mut found);
    kerberos(facts, &mut found);
    logon(facts, &mut found);
    for one in &facts.told {
        let confidence = f64::from(one.percent.min(99)) / 100.0;
        let source = format!("{} {}", facts.host, one.by);
        let evidence = vec![Evidence::new(source, one.text.clone(), confidence)];
        found.push(diagnosis(one.cause, confidence, evidence));
    }
    let mut found = merged(found);
    found.sort_by(|a: &Diagnosis, b| b.confidence.total_cmp(&a.confidence));
    let unclear = facts.unclear_logon.is_some();
    let undecided = found.first().map_or(unclear, |first| first.confidence < 0.5);
    fill_up(facts, &checks, &mut found);
    let host = crate::shell::quote(&facts.host);
    let (check, command) = if facts.asked_as_somebody {
        let port = mapper_port(facts);
        let command = format!("bindback rpc ping {host} --mapper-port {port}");
        (format!("follow a call to {} step by step", facts.host), command)
    } else {
        let command = format!("bindback doctor {host} --user 'DOMAIN\\NAME'");
        (format!("ask {} once more as the service account", facts.host), command)
    };
    let next_probe = undecided.then(|| NextProbe {
        check,
        would_tell: found.iter().take(2).map(|one| one.cause).collect(),
        command: Some(command),
    });
    Answer { undecided, diagnoses: found, next_probe, checks }
}

fn mapper_port(facts: &HostFacts) -> u16 {
    facts.mapper_port.unwrap_or(MAPPER_PORT)
}

/// Each cause once: what was said of it by several is its evidence together.
fn merged(all: Vec<Diagnosis>) -> Vec<Diagnosis> {
    let mut out: Vec<Diagnosis> = Vec::new();
    for one in all {
        match out.iter_mut().find(|known| known.cause == one.cause) {
            Some(known) => {
                known.confidence = known.confidence.max(one.confidence);
                let new = one.evidence.into_iter().filter(|new| !known.evidence.contains(new));
                known.evidence.extend(new.collect::<Vec<_>>());
            }
            None => out.push(one),
        }
    }
    out
}

fn names_and_ports(facts: &HostFacts, checks: &[Check], found: &mut Vec<Diagnosis>) {
    // What the host itself met on its ways is told beside these.
    let here = |check: &&Check| check.from == FROM_HERE;
    let of =
        |name: &'static str| checks.iter().filter(here).filter(move |check| check.check == name);
    if let Some(check) = of("resolve").find(|check| check.result != CheckResult::Ok) {
        found.push(diagnosis(Cause::RemoteNameUnresolvable, 0.9, vec![seen(check, 0.9)]));
        return;
    }
    // Who is called by the NetBIOS name gets another way than who is called by the DNS one.
    if let Some(check) = of("netbios-name").find(|check| check.result == CheckResult::Error) {
        let cause = Cause::MultihomedWrongAddressReturned;
        found.push(diagnosis(cause, 0.55, vec![seen(check, 0.6)]));
    }
    let ports: Vec<&Check> = of("tcp").collect();
    let silent = ports.iter().filter(|check| check.result == CheckResult::Timeout);
    let silent: Vec<&&Check> = silent.collect();
    let answering = ports.iter().filter(|check| {
        matches!(check.result, CheckResult::Ok | CheckResult::Refused | CheckResult::Reset)
    });
    if ports.is_empty() {
        return;
    }
    if silent.len() == ports.len() {
        let evidence = silent.iter().map(|check| seen(check, 0.4)).collect();
        found.push(diagnosis(Cause::RemoteServerUnreachable, 0.7, evidence));
        return;
    }
    // The mapper is what an RPC bind begins with.
    let port = format!(":{}", mapper_port(facts));
    let mapper = ports.iter().find(|check| check.target.ends_with(&port));
    match mapper.map(|check| (check, check.result)) {
        Some((check, CheckResult::Timeout)) => {
            let mut evidence = vec![seen(check, 0.7)];
            evidence.extend(answering.take(2).map(|check| seen(check, 0.4)));
            found.push(diagnosis(Cause::PortFilteredByFirewall, 0.8, evidence));
        }
        Some((check, CheckResult::Refused)) if !checks.iter().any(is_x400) => {
            found.push(diagnosis(Cause::RemoteServerUnreachable, 0.45, vec![seen(check, 0.4)]));
        }
        _ => {}
    }
    // The mapper answers, and the port that it names does not.
    let is_closed = |check: &&Check| match check.check.as_str() {
        "tcp-rpc" => check.result != CheckResult::Ok,
        "rpc-mta" => check.result == CheckResult::Timeout,
        _ => false,
    };
    if let Some(check) = checks.iter().filter(here).find(is_closed) {
        found.push(diagnosis(Cause::PortFilteredByFirewall, 0.75, vec![seen(check, 0.75)]));
    }
}

/// The line as the calls that were made over it show it.
fn line(checks: &[Check], found: &mut Vec<Diagnosis>) {
    for (name, cause, confidence) in [
        ("loss", Cause::NetworkUnreliable, 0.7),
        ("large-packets", Cause::MtuPathLimited, 0.75),
        ("throughput", Cause::NetworkInsufficientBandwidth, 0.65),
    ] {
        let bad = checks.iter().find(|one| one.check == name && one.result != CheckResult::Ok);
        found.extend(bad.map(|check| diagnosis(cause, confidence, vec![seen(check, confidence)])));
    }
}

/// True where X.400 over TCP is open: then RPC may not be wanted at all.
fn is_x400(check: &Check) -> bool {
    check.check == "tcp" && check.target.ends_with(":102") && check.result == CheckResult::Ok
}

/// What the KDC says of the account, and whether there is one at all.
fn kerberos(facts: &HostFacts, found: &mut Vec<Diagnosis>) {
    let source = format!("{} kdc", facts.host);
    if let Some((cause, text)) = &facts.kdc {
        let evidence = vec![Evidence::new(&source, text.clone(), 0.9)];
        found.push(diagnosis(*cause, 0.9, evidence));
    }
    if facts.without_aes {
        let says = "it has no AES key of the account: it wants its password set anew";
        found.push(diagnosis(
            Cause::KerberosRc4Refused,
            0.6,
            vec![Evidence::new(&source, says, 0.6)],
        ));
    }
    if facts.kdc_silent {
        let says = "it is a domain controller, and its port 88 does not answer";
        let evidence = vec![Evidence::new(&source, says, 0.8)];
        found.push(diagnosis(Cause::LogonServerUnavailable, 0.75, evidence));
    }
}

fn logon(facts: &HostFacts, found: &mut Vec<Diagnosis>) {
    if let Some((cause, text)) = &facts.logon {
        let evidence = vec![Evidence::new(format!("{} logon", facts.host), text.clone(), 0.9)];
        let (confidence, other) =
            if facts.either_name_or_password { (0.6, 0.3) } else { (0.9, 0.0) };
        if other > 0.0 {
            found.push(diagnosis(Cause::ServiceAccountMissing, other, evidence.clone()));
        }
        found.push(diagnosis(*cause, confidence, evidence));
    }
    if let Some(ahead) = facts.clock_ahead_s.filter(|ahead| ahead.abs() > SKEW_S) {
        let says = format!("its clock is {ahead:+} s from ours");
        let evidence = vec![Evidence::new(format!("{} clock", facts.host), says, 0.8)];
        found.push(diagnosis(Cause::ClockSkew, 0.75, evidence));
    }
    if facts.keys_128 == Some(false) {
        let says = "its NTLM offers no 128-bit keys";
        let evidence = vec![Evidence::new(format!("{} ntlm", facts.host), says, 0.8)];
        found.push(diagnosis(Cause::NtlmSessionSecurityMismatch, 0.8, evidence));
    }
    // Where signing works and sealing does not, the keys that are derived differ.
    let answered =
        |level: &str| facts.ladder.iter().find(|(name, _)| name == level).map(|one| one.1);
    let says = match (answered("connect"), answered("integrity"), answered("privacy")) {
        (_, Some(true), Some(false)) => {
            Some("an RPC call that is signed is answered, and one that is sealed is not")
        }
        // A signature of NTLM with key exchange goes through the cipher that seals (MS-NLMP 3.4.4.2).
        (Some(true), Some(false), Some(false)) => Some(
            "the logon for an RPC call is taken, and what is signed or sealed after it is not: both sides have other session keys",
        ),
        _ => None,
    };
    if let Some(says) = says {
        let evidence = vec![Evidence::new(format!("{} rpc", facts.host), says, 0.8)];
        found.push(diagnosis(Cause::NtlmSessionSecurityMismatch, 0.8, evidence));
    }
}

/// Three causes are named whenever anything is wrong.
fn fill_up(facts: &HostFacts, checks: &[Check], found: &mut Vec<Diagnosis>) {
    if found.is_empty() && facts.unclear_logon.is_none() {
        return;
    }
    let failed = checks.iter().filter(|check| check.result != CheckResult::Ok);
    let mut notes: Vec<String> = failed.map(|check| check.detail.clone()).collect();
    notes.extend(facts.logon.iter().map(|(_, text)| text.clone()));
    for mut likely in consult(&FieldCase { notes, ..FieldCase::default() }).diagnoses {
        if found.len() >= NAMED {
            break;
        }
        if found.iter().all(|known| known.cause != likely.cause) {
            likely.confidence = likely.confidence.min(GUESS);
            found.push(likely);
        }
    }
}

fn seen(check: &Check, weight: f64) -> Evidence {
    Evidence::new(format!("{} {}", check.check, check.target), check.detail.clone(), weight)
}

fn diagnosis(cause: Cause, confidence: f64, evidence: Vec<Evidence>) -> Diagnosis {
    let mut one = Diagnosis::new(cause, confidence);
    one.evidence = evidence;
    let steps = remedy_of(cause).iter();
    one.remedy = steps.map(|text| Remedy { text: (*text).to_owned(), command: None }).collect();
    one.reads = vec![format!("bindback doctor --explain {cause}")];
    one
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: &str, target: &str, result: CheckResult) -> Check {
        Check {
            check: kind.to_owned(),
            from: "here".to_owned(),
            target: target.to_owned(),
            result,
            detail: format!("{kind} of {target}"),
            ms: 1,
        }
    }

    fn first(facts: &HostFacts, checks: Vec<Check>) -> Option<Cause> {
        let answer = judge_host(facts, checks);
        assert!(answer.diagnoses.is_empty() || answer.diagnoses.len() >= 3, "{answer:?}");
        answer.diagnoses.first().map(|one| one.cause)
    }

    #[test]
    fn each_layer_has_its_cause() {
        let none = HostFacts { host: "EAST".to_owned(), ..HostFacts::default() };
        let ok = |kind: &str, target: &str| check(kind, target, CheckResult::Ok);
        assert_eq!(first(&none, vec![ok("resolve", "EAST"), ok("tcp", "1.2.3.4:135")]), None);
        let unknown = vec![check("resolve", "EAST", CheckResult::NotFound)];
        assert_eq!(first(&none, unknown), Some(Cause::RemoteNameUnresolvable));
        let silent = vec![ok("resolve", "EAST"), check("tcp", "1.2.3.4:135", CheckResult::Timeout)];
        assert_eq!(first(&none, silent.clone()), Some(Cause::RemoteServerUnreachable));
        let mut filtered = silent;
        filtered.push(ok("tcp", "1.2.3.4:445"));
        assert_eq!(first(&none, filtered), Some(Cause::PortFilteredByFirewall));
        let answers = || vec![ok("resolve", "EAST"), ok("tcp", "1.2.3.4:135")];
        for (name, cause) in [
            ("loss", Cause::NetworkUnreliable),
            ("large-packets", Cause::MtuPathLimited),
            ("throughput", Cause::NetworkInsufficientBandwidth),
        ] {
            let mut checks = answers();
            checks.push(ok(name, "EAST:135"));
            assert_eq!(first(&none, checks), None, "{name}");
            let mut checks = answers();
            checks.push(check(name, "EAST:135", CheckResult::Error));
            assert_eq!(first(&none, checks), Some(cause), "{name}");
        }
    }

    /// The mapper's port is not the one that mail goes to.
    #[test]
    fn a_closed_port_behind_an_open_mapper_is_named() {
        let facts = HostFacts { host: "EAST".to_owned(), ..HostFacts::default() };
        let with = |kind: &str, result| {
            let open = check("tcp", "1.2.3.4:135", CheckResult::Ok);
            vec![check("resolve", "EAST", CheckResult::Ok), open, check(kind, "EAST:4747", result)]
        };
        for (kind, result, cause) in [
            ("tcp-rpc", CheckResult::Ok, None),
            ("tcp-rpc", CheckResult::Timeout, Some(Cause::PortFilteredByFirewall)),
            ("tcp-rpc", CheckResult::Refused, Some(Cause::PortFilteredByFirewall)),
            ("rpc-mta", CheckResult::NotFound, None),
            ("rpc-mta", CheckResult::Timeout, Some(Cause::PortFilteredByFirewall)),
        ] {
            assert_eq!(first(&facts, with(kind, result)), cause, "{kind} {result:?}");
        }
    }

    /// A server of ours has its endpoint mapper where it was told to; nobody has to be on 135.
    #[test]
    fn the_endpoint_mapper_is_where_it_was_looked_for() {
        let mut facts = HostFacts { host: "EAST".to_owned(), ..HostFacts::default() };
        let answers = |target: &str, result| {
            let other = check("tcp", "1.2.3.4:445", CheckResult::Refused);
            vec![check("resolve", "EAST", CheckResult::Ok), other, check("tcp", target, result)]
        };
        let refused = answers("1.2.3.4:1135", CheckResult::Refused);
        assert_eq!(first(&facts, refused.clone()), None, "nobody asked for that port");
        facts.mapper_port = Some(1135);
        assert_eq!(first(&facts, refused.clone()), Some(Cause::RemoteServerUnreachable));
        assert_eq!(first(&facts, answers("1.2.3.4:1135", CheckResult::Ok)), None);
        let silent = answers("1.2.3.4:1135", CheckResult::Timeout);
        assert_eq!(first(&facts, silent), Some(Cause::PortFilteredByFirewall));
        // Whoever gave an account is not told to give one.
        let command = |facts: &HostFacts| {
            judge_host(facts, refused.clone()).next_probe.and_then(|next| next.command)
        };
        assert!(command(&facts).is_some_and(|command| command.contains("--user")));
        facts.asked_as_somebody = true;
        let ping = Some("bindback rpc ping EAST --mapper-port 1135".to_owned());
        assert_eq!(command(&facts), ping);
    }

    /// Claims: 30.
    #[test]
    fn a_netbios_name_that_leads_elsewhere_is_named() {
        let none = HostFacts { host: "EAST".to_owned(), ..HostFacts::default() };
        let mut checks = vec![
            check("resolve", "EAST", CheckResult::Ok),
            check("netbios-name", "EAST", CheckResult::Ok),
        ];
        assert_eq!(first(&none, checks.clone()), None);
        checks[1].result = CheckResult::Error;
        assert_eq!(first(&none, checks), Some(Cause::MultihomedWrongAddressReturned));
    }

    #[test]
    fn what_a_logon_says_leads() {
        let mut facts = HostFacts { host: "EAST".to_owned(), ..HostFacts::default() };
        facts.logon = Some((Cause::AccountDisabled, "the account is disabled".to_owned()));
        facts.clock_ahead_s = Some(900);
        assert_eq!(first(&facts, Vec::new()), Some(Cause::AccountDisabled));
        facts.logon = None;
        assert_eq!(first(&facts, Vec::new()), Some(Cause::ClockSkew));
        facts.clock_ahead_s = Some(-20);
        facts.ladder = vec![("integrity".to_owned(), true), ("privacy".to_owned(), false)];
        assert_eq!(first(&facts, Vec::new()), Some(Cause::NtlmSessionSecurityMismatch));
        facts.ladder[1].1 = true;
        assert_eq!(first(&facts, Vec::new()), None);
        let rungs = |connect, signed| {
            [("connect", connect), ("integrity", signed), ("privacy", false)]
                .map(|(level, answered)| (level.to_owned(), answered))
        };
        facts.ladder = rungs(true, false).into();
        assert_eq!(first(&facts, Vec::new()), Some(Cause::NtlmSessionSecurityMismatch));
        // Where not even the logon is taken, it is no question of keys.
        facts.ladder = rungs(false, false).into();
        assert_eq!(first(&facts, Vec::new()), None);
    }

    /// Claims: 38.
    #[test]
    fn a_refusal_that_nobody_explains_is_not_well() {
        let mut facts = HostFacts { host: "EAST".to_owned(), ..HostFacts::default() };
        assert!(judge_host(&facts, Vec::new()).is_healthy());
        facts.unclear_logon = Some("STATUS_INTERNAL_ERROR: something failed".to_owned());
        let answer = judge_host(&facts, vec![check("logon", "EAST", CheckResult::Denied)]);
        assert!(answer.undecided && !answer.is_healthy() && answer.next_probe.is_some());
        assert!(answer.diagnoses.iter().all(|one| one.confidence <= GUESS), "{answer:?}");
        facts.clock_ahead_s = Some(900);
        let answer = judge_host(&facts, Vec::new());
        assert!(!answer.undecided, "what is known is told: {answer:?}");
    }

    /// `--only`: what another check told decides nothing.
    #[test]
    fn one_check_alone_has_its_own_facts_alone() {
        let facts = HostFacts {
            host: "EAST".to_owned(),
            logon: Some((Cause::AccountDisabled, "the account is disabled".to_owned())),
            clock_ahead_s: Some(900),
            kdc_silent: true,
            ..HostFacts::default()
        };
        assert_eq!(first(&facts.only("logon"), Vec::new()), Some(Cause::AccountDisabled));
        assert_eq!(first(&facts.only("smb"), Vec::new()), Some(Cause::ClockSkew));
        assert_eq!(first(&facts.only("tcp"), Vec::new()), Some(Cause::LogonServerUnavailable));
        assert_eq!(first(&facts.only("netbios"), Vec::new()), None);
    }

    /// What a far side met on its own ways is not what was met from here.
    #[test]
    fn checks_of_the_far_side_are_not_ours() {
        let none = HostFacts { host: "EAST".to_owned(), ..HostFacts::default() };
        let mut far = check("resolve", "west", CheckResult::NotFound);
        assert_eq!(first(&none, vec![far.clone()]), Some(Cause::RemoteNameUnresolvable));
        far.from = "EAST".to_owned();
        assert_eq!(first(&none, vec![far]), None);
    }

    #[test]
    fn what_a_kdc_says_leads_and_its_silence_is_told() {
        let none = HostFacts { host: "DC1".to_owned(), ..HostFacts::default() };
        let locked = Some((Cause::AccountLockedOut, "the account is locked".to_owned()));
        let facts = HostFacts { kdc: locked, ..none.clone() };
        assert_eq!(first(&facts, Vec::new()), Some(Cause::AccountLockedOut));
        let facts = HostFacts { kdc_silent: true, ..none.clone() };
        assert_eq!(first(&facts, Vec::new()), Some(Cause::LogonServerUnavailable));
        let facts = HostFacts { without_aes: true, ..none.clone() };
        assert_eq!(first(&facts, Vec::new()), Some(Cause::KerberosRc4Refused));
        let told = |by, text: &str| Told {
            by,
            cause: Cause::ServicePrincipalNameDuplicate,
            percent: 85,
            text: text.to_owned(),
        };
        let told = vec![told("kdc", "code 8"), told("directory", "two own it")];
        let answer = judge_host(&HostFacts { told, ..none }, Vec::new());
        let best = &answer.diagnoses[0];
        assert_eq!(best.cause, Cause::ServicePrincipalNameDuplicate);
        assert_eq!(best.evidence.len(), 2, "told twice, named once: {answer:?}");
        assert!(answer.diagnoses.iter().skip(1).all(|one| one.cause != best.cause));
    }
}
