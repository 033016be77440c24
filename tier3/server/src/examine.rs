//! Any host looked at from outside: names, ports, RPC at each level, SMB and NTLM; one logon at most until that one succeeds.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use dcerpc::well_known::ORIGINAL_MTA;
use dcerpc::{AuthLevel, SyntaxId, epm};
use diagnosis::{HostFacts, ProbeFact, ProbeResult};
use identity::{AccountName, Password};
use mta::rpc_interface;
use net::{Dialer, Resolver};
use probe::{
    Authority, AuthorityQuestion, Question, Road, ask_authority, ask_host, check_line, check_road,
};
use security::Initiator;
use security::ntlm::{NtlmCredentials, NtlmInitiator, NtlmSecret, NtlmSeed};

mod back;
mod domain;

use crate::node::{filetime_now, random};
use crate::rpc_tools::{Caller, Mechanisms, PingSettings, Step, StepResult, ping};

/// STATUS_LOGON_FAILURE, [MS-ERREF] 2.3.1: the name or the password.
const LOGON_FAILURE: u32 = 0xC000_006D;
/// STATUS_NTLM_BLOCKED, the same: no password was looked at, so that none was counted as wrong.
const NTLM_BLOCKED: u32 = 0xC000_0418;
/// The levels of the ladder, weakest first.
const LADDER: [(AuthLevel, &str); 4] = [
    (AuthLevel::Connect, "connect"),
    (AuthLevel::Packet, "packet"),
    (AuthLevel::Integrity, "integrity"),
    (AuthLevel::Privacy, "privacy"),
];

/// What is looked at, and as whom.
#[derive(Debug, Clone)]
pub struct Examination {
    pub host: String,
    pub mapper_port: u16,
    /// The table of names of the configuration, if there is one.
    pub hosts: BTreeMap<String, Vec<IpAddr>>,
    pub account: Option<(AccountName, Password)>,
    /// Whose state is read as that account; its own without one.
    pub about: Option<AccountName>,
    /// Where the host binds back to, if it runs Bindback: names of MTAs or hosts; without one, to whoever is here.
    pub towards: Vec<String>,
    /// For each step.
    pub patience: Duration,
}

/// What was found.
#[derive(Debug, Clone)]
pub struct Examined {
    pub facts: HostFacts,
    pub checks: Vec<ProbeFact>,
    /// What was sent that bears on an account.
    pub sent: Vec<String>,
    /// The account was let in, so no wrong password was counted.
    pub let_in: bool,
    /// It runs Bindback, and whether it tried the way back.
    pub way_back: WayBack,
}

/// What a host says of the way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WayBack {
    /// It does not run Bindback, as far as can be seen.
    Unknown,
    /// It runs Bindback, and nobody was there whom it would answer.
    NotAsked,
    /// It was asked and told nothing.
    NotTold,
    /// It told what it met.
    Told,
}

/// Looks at a host.
pub async fn examine(examination: &Examination) -> Examined {
    let dialer = Dialer {
        resolver: Resolver::new(&examination.hosts),
        connect_timeout: examination.patience,
        call_timeout: examination.patience,
    };
    let question = Question {
        from: "here",
        host: &examination.host,
        mapper_port: examination.mapper_port,
        patience: examination.patience,
        now: filetime_now(),
        client: random(),
        user: examination.account.as_ref().map(|(name, _)| (name.domain(), name.name())),
        nonce: u32::from_le_bytes(random()),
    };
    let account = examination.account.as_ref();
    let named =
        account.map(|(account, password)| (account.to_string(), initiator(account, password)));
    // Its name is never sent: only the first leg of the exchange is.
    #[expect(clippy::expect_used, reason = "these two words are a name")]
    let nobody = AccountName::new("WORKGROUP", "nobody").expect("a name");
    let first_leg = initiator(&nobody, &Password::new(String::new()));
    let (mut checks, learned) = ask_host(&dialer, &question, first_leg, named).await;
    let mut facts = HostFacts {
        host: examination.host.clone(),
        mapper_port: Some(examination.mapper_port),
        asked_as_somebody: account.is_some(),
        clock_ahead_s: learned.clock_ahead_s,
        keys_128: learned.keys_128,
        ..HostFacts::default()
    };
    if let Some(answer) = &learned.kdc {
        facts.kdc = said_by_kdc(answer);
        facts.without_aes = answer.is_without_aes();
    }
    facts.kdc_silent = learned.kdc_silent;
    let refused = learned.logon.filter(|status| *status != 0).and_then(probe::reason);
    facts.logon = refused.and_then(|one| Some((one.cause.parse().ok()?, one.text.to_owned())));
    facts.either_name_or_password = learned.logon == Some(LOGON_FAILURE);
    let mut sent = learned.sent.clone();
    let (mut way_back, mut let_in) = (WayBack::Unknown, learned.logon == Some(0));
    if learned.resolved && is_open(&checks, examination.mapper_port) {
        rpc(examination, &mut checks).await;
        checks.extend(own_port(examination, &dialer).await);
        let road = Road {
            from: "here",
            host: &examination.host,
            mapper_port: examination.mapper_port,
            interface: epm::INTERFACE,
        };
        let found = dialer.resolver.resolve(&examination.host).await;
        if let Some(address) = found.ok().and_then(|found| found.addresses.first().copied()) {
            checks.extend(check_line(&dialer, &road, address).await);
        }
        let known_wrong = learned.logon.is_some_and(|status| status != 0) || facts.kdc.is_some();
        let known = account.filter(|_| !known_wrong);
        let answered = back::ask(examination, &dialer, known, &mut sent).await;
        way_back = answered.way_back;
        let_in |= answered.let_in;
        checks.extend(answered.checks);
        facts.told.extend(answered.told);
        // Whom SMB let in has the right password: what fails behind that is something else.
        if let (Some(text), None) = (answered.refused, learned.logon) {
            facts.logon = Some((finding::Cause::ServiceAccountPasswordMismatch, text));
            facts.either_name_or_password = true;
        }
    }
    if let Some((account, password)) = account.filter(|_| learned.logon == Some(0)) {
        let about = examination.about.as_ref().unwrap_or(account);
        let addresses = dialer.resolver.resolve(&examination.host).await;
        if let Some(address) = addresses.ok().and_then(|found| found.addresses.first().copied()) {
            let at = SocketAddr::new(address, probe::SMB_PORT);
            let (more, authority) = read_about(examination, at, account, password, about).await;
            checks.extend(more);
            sent.push(format!("one logon as {account} over SMB to {at}, to read about {about}"));
            if let Some(told) = said_by_authority(&authority, about, about != account) {
                facts.logon = Some(told);
            }
        }
    }
    domain::ask(examination, &dialer, &learned, &mut facts, &mut checks, &mut sent).await;
    let has_ticket =
        checks.iter().any(|one| one.check == "kerberos-logon" && one.result == ProbeResult::Ok);
    let is_blocked = learned.logon == Some(NTLM_BLOCKED);
    let_in |= has_ticket;
    // A second wrong password is one too many: the ladder is climbed only by an account that was let in.
    let proved = learned.logon == Some(0) || has_ticket && !is_blocked;
    if let Some((account, password)) =
        account.filter(|_| proved && is_open(&checks, examination.mapper_port))
    {
        let climbed = ladder(examination, account, password, &mut checks).await;
        let logons = climbed.len();
        sent.push(format!("{logons} logons as {account} over RPC, after the first one succeeded"));
        facts.ladder = climbed;
    }
    let said = learned.logon.filter(|status| *status != 0 && !let_in && facts.logon.is_none());
    facts.unclear_logon = said.map(|status| match probe::reason(status) {
        Some(reason) => format!("{}: {}", reason.name, reason.text),
        None => format!("0x{status:08X}, which is no reason that is known"),
    });
    Examined { facts, checks, sent, let_in, way_back }
}

/// What account database and local security authority say of an account.
async fn read_about(
    examination: &Examination,
    at: SocketAddr,
    account: &AccountName,
    password: &Password,
    about: &AccountName,
) -> (Vec<ProbeFact>, Authority) {
    let question = AuthorityQuestion {
        from: "here",
        host: &examination.host,
        at,
        client: random(),
        patience: examination.patience,
        account: about,
        now: filetime_now().0,
    };
    ask_authority(&question, initiator(account, password)).await
}

/// The cause that the state of an account stands for, with its words. A policy may reach other machines than this one: where
/// the account has just logged on over the network it is not what stands in the way here.
fn said_by_authority(
    authority: &Authority,
    about: &AccountName,
    unproved: bool,
) -> Option<(finding::Cause, String)> {
    let now = filetime_now().0;
    let account = authority.account.as_ref();
    let is = |state: fn(&probe::SamAccount) -> bool| account.is_some_and(state);
    let (cause, text) = if authority.missing {
        (finding::Cause::ServiceAccountMissing, format!("there is no {about}"))
    } else if is(probe::SamAccount::is_disabled) {
        (finding::Cause::AccountDisabled, format!("{about} is disabled"))
    } else if is(probe::SamAccount::is_locked) {
        (finding::Cause::AccountLockedOut, format!("{about} is locked"))
    } else if account.is_some_and(|one| one.is_expired(now)) {
        (finding::Cause::AccountExpired, format!("{about} has expired"))
    } else if account.is_some_and(|one| one.is_password_expired(now)) {
        (finding::Cause::PasswordExpired, format!("the password of {about} has expired"))
    } else if let Some(who) = authority.denied_to() {
        let text = format!("{who} is denied to log on from the network");
        (finding::Cause::LogonRightMissing, text)
    } else {
        let text = authority.kept_out.as_ref().filter(|_| unproved)?;
        let text = format!("the group policy {text}");
        return Some((finding::Cause::LogonRightMissing, text));
    };
    Some((cause, format!("the account database: {text}")))
}

/// The cause that a KDC's answer about an account stands for, with its words. The status behind it tells more than the code.
fn said_by_kdc(answer: &probe::AccountAnswer) -> Option<(finding::Cause, String)> {
    if answer.is_usable() {
        return None;
    }
    let code = answer.code?;
    if let Some(reason) = answer.status.and_then(probe::reason)
        && let Ok(cause) = reason.cause.parse()
    {
        return Some((cause, format!("{}: {}", reason.name, reason.text)));
    }
    let cause = match code.win32() {
        1317 => finding::Cause::ServiceAccountMissing,
        1330 => finding::Cause::PasswordExpired,
        1331 => finding::Cause::AccountDisabled,
        1793 => finding::Cause::AccountExpired,
        _ => return None,
    };
    Some((cause, code.to_string()))
}

fn is_open(checks: &[ProbeFact], port: u16) -> bool {
    let end = format!(":{port}");
    let known = checks.iter().filter(|check| check.check == "tcp" && check.target.ends_with(&end));
    let mut known = known.peekable();
    // A mapper elsewhere was not tried yet.
    known.peek().is_none() || known.any(|check| check.result == ProbeResult::Ok)
}

/// The mapper and the interface of the MTA, as nobody.
async fn rpc(examination: &Examination, checks: &mut Vec<ProbeFact>) {
    for (name, interface) in [("rpc", None), ("rpc-mta", Some(SyntaxId::new(ORIGINAL_MTA, 1, 0)))] {
        let started = Instant::now();
        let steps = ping(&settings(examination, interface, None)).await;
        checks.push(of_steps(name, examination, &steps, started));
    }
}

/// The port of this MTA's own interface, where the mapper has it.
async fn own_port(examination: &Examination, dialer: &Dialer) -> Vec<ProbeFact> {
    let road = Road {
        from: "here",
        host: &examination.host,
        mapper_port: examination.mapper_port,
        interface: rpc_interface::INTERFACE,
    };
    let mut walked = check_road(dialer, &road, false).await;
    walked.retain(|one| matches!(one.check.as_str(), "map" | "tcp-rpc"));
    // Of other hosts nobody expects it.
    let is_there = walked.iter().any(|one| one.check == "map" && one.result == ProbeResult::Ok);
    if is_there { walked } else { Vec::new() }
}

/// A call at each level: where sealing breaks although signing works, session security differs.
async fn ladder(
    examination: &Examination,
    account: &AccountName,
    password: &Password,
    checks: &mut Vec<ProbeFact>,
) -> Vec<(String, bool)> {
    let mut climbed = Vec::new();
    for (level, name) in LADDER {
        let caller =
            Caller::with_password(account.clone(), password.clone(), Mechanisms::Ntlm, level);
        let started = Instant::now();
        let steps = ping(&settings(examination, None, Some(caller))).await;
        let answered = steps.last().is_some_and(|step| step.result == StepResult::Ok);
        checks.push(of_steps(&format!("rpc-{name}"), examination, &steps, started));
        climbed.push((name.to_owned(), answered));
    }
    climbed
}

fn settings(
    examination: &Examination,
    interface: Option<SyntaxId>,
    caller: Option<Caller>,
) -> PingSettings {
    PingSettings {
        host: examination.host.clone(),
        hosts: examination.hosts.clone(),
        port: None,
        mapper_port: examination.mapper_port,
        interface,
        further: Vec::new(),
        caller,
        count: 1,
        patience: examination.patience,
    }
}

fn of_steps(check: &str, examination: &Examination, steps: &[Step], started: Instant) -> ProbeFact {
    let last = steps.last();
    let result = last.map_or(ProbeResult::Error, |step| match step.result {
        StepResult::Ok => ProbeResult::Ok,
        StepResult::Refused if step.step == "mapper" => ProbeResult::NotFound,
        StepResult::Refused => ProbeResult::Refused,
        StepResult::Timeout => ProbeResult::Timeout,
        StepResult::Denied => ProbeResult::Denied,
        StepResult::Error => ProbeResult::Error,
    });
    ProbeFact {
        check: check.to_owned(),
        from: "here".to_owned(),
        target: examination.host.clone(),
        result,
        detail: last.map(|step| format!("{}: {}", step.step, step.text)).unwrap_or_default(),
        ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
    }
}

pub(crate) fn initiator(account: &AccountName, password: &Password) -> Box<dyn Initiator> {
    let credentials = NtlmCredentials {
        account: account.clone(),
        secret: NtlmSecret::Password(password.clone()),
        workstation: String::new(),
    };
    let seed = NtlmSeed {
        client_challenge: random(),
        exported_session_key: random(),
        now: filetime_now(),
    };
    Box::new(NtlmInitiator::new(credentials, seed, None))
}
