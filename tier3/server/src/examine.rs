//! Any host looked at from outside: names, ports, RPC at each level, SMB and NTLM; one logon at most until that one succeeds.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use dcerpc::well_known::ORIGINAL_MTA;
use dcerpc::{AuthLevel, SyntaxId};
use diagnosis::{HostFacts, ProbeFact, ProbeResult};
use identity::{AccountName, Password};
use net::{Dialer, Resolver};
use probe::{Question, ask_host};
use security::Initiator;
use security::ntlm::{NtlmCredentials, NtlmInitiator, NtlmSecret, NtlmSeed};

use crate::node::{filetime_now, random};
use crate::rpc_tools::{Caller, Mechanisms, PingSettings, Step, StepResult, ping};

/// STATUS_LOGON_FAILURE, [MS-ERREF] 2.3.1: the name or the password.
const LOGON_FAILURE: u32 = 0xC000_006D;
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
        patience: examination.patience,
        now: filetime_now(),
        client: random(),
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
        clock_ahead_s: learned.clock_ahead_s,
        keys_128: learned.keys_128,
        ..HostFacts::default()
    };
    let refused = learned.logon.filter(|status| *status != 0).and_then(probe::reason);
    facts.logon = refused.and_then(|one| Some((one.cause.parse().ok()?, one.text.to_owned())));
    facts.either_name_or_password = learned.logon == Some(LOGON_FAILURE);
    let mut sent = learned.sent;
    if learned.resolved && is_open(&checks, examination.mapper_port) {
        rpc(examination, &mut checks).await;
        // A second wrong password is one too many: the ladder is climbed only by an account that was let in.
        if let Some((account, password)) = account.filter(|_| learned.logon == Some(0)) {
            let climbed = ladder(examination, account, password, &mut checks).await;
            sent.push(format!(
                "{} logons as {account} over RPC, after the first one succeeded",
                climbed.len()
            ));
            facts.ladder = climbed;
        }
    }
    Examined { facts, checks, sent }
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

fn initiator(account: &AccountName, password: &Password) -> Box<dyn Initiator> {
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
