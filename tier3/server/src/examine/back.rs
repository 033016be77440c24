//! The way back from a host that runs Bindback, as that server meets it.

use std::time::Instant;

use dcerpc::AuthLevel;
use dcerpc::status::Status;
use diagnosis::{ProbeFact, ProbeResult, Told};
use finding::Cause;
use identity::{AccountName, Password};
use mta::probe_interface::{INTERFACE, PROBE_BIND_BACK, Probe, ProbeAnswer};
use net::{CallError, Dialer, FailureLayer, RpcClient, RpcTarget, chain};

use super::{Examination, WayBack, initiator};
use crate::link::Told as FarCheck;

/// Win32 `ERROR_ACCESS_DENIED` and `ERROR_NOT_FOUND`.
const ACCESS_DENIED: u32 = 5;
const NOT_FOUND: u32 = 1168;
/// Checks of one answer that are shown: a way to each of sixteen peers has about as many.
const MAX_CHECKS: usize = 256;
/// Characters of one text of an answer.
const MAX_TEXT: usize = 1000;
/// The far side waits for each step of several ways, one behind the other.
const STEPS: u32 = 6;

/// What came of it.
pub(super) struct Answered {
    pub(super) way_back: WayBack,
    pub(super) checks: Vec<ProbeFact>,
    /// What the far side met, as causes.
    pub(super) told: Vec<Told>,
    /// Why the account itself was not taken.
    pub(super) refused: Option<String>,
    /// The account was let in, whether or not it may ask.
    pub(super) let_in: bool,
}

impl Answered {
    fn nothing(way_back: WayBack) -> Self {
        Self { way_back, checks: Vec::new(), told: Vec::new(), refused: None, let_in: false }
    }
}

/// Asks for the way back where the endpoint mapper has the interface for it.
pub(super) async fn ask(
    examination: &Examination,
    dialer: &Dialer,
    account: Option<&(AccountName, Password)>,
    sent: &mut Vec<String>,
) -> Answered {
    let host = &examination.host;
    let found = dialer.resolver.resolve(host).await.map(|found| found.addresses);
    let Some(address) = found.ok().and_then(|found| found.first().copied()) else {
        return Answered::nothing(WayBack::Unknown);
    };
    if dialer.map(address, examination.mapper_port, &INTERFACE).await.is_err() {
        return Answered::nothing(WayBack::Unknown);
    }
    let Some((account, password)) = account else { return Answered::nothing(WayBack::NotAsked) };
    sent.push(format!("one logon as {account} over RPC to {host}, to have the way back tried"));
    let started = Instant::now();
    let mut answered = Answered::nothing(WayBack::NotTold);
    let (result, detail) = match called(examination, dialer, account, password).await {
        Ok(all) => {
            answered.way_back = WayBack::Told;
            answered.let_in = true;
            answered.told = all.iter().flat_map(meaning).collect();
            answered.checks = all.into_iter().map(|one| one.check).collect();
            (ProbeResult::Ok, format!("it takes {account}, and tried the way back"))
        }
        Err(Failed { result, detail, is_account, let_in }) => {
            answered.let_in = let_in;
            answered.refused = is_account.then(|| detail.clone());
            (result, detail)
        }
    };
    let own = ProbeFact {
        check: "way-back".to_owned(),
        from: "here".to_owned(),
        target: host.clone(),
        result,
        detail,
        ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
    };
    answered.checks.insert(0, own);
    answered
}

/// Why nothing was told.
struct Failed {
    result: ProbeResult,
    detail: String,
    /// The account was not let in.
    is_account: bool,
    /// The account was let in, and heard no.
    let_in: bool,
}

impl Failed {
    fn new(result: ProbeResult, detail: String) -> Self {
        Self { result, detail, is_account: false, let_in: false }
    }

    fn of_account(detail: String) -> Self {
        Self { is_account: true, ..Self::new(ProbeResult::Denied, detail) }
    }

    fn answered(result: ProbeResult, detail: String) -> Self {
        Self { let_in: true, ..Self::new(result, detail) }
    }
}

async fn called(
    examination: &Examination,
    dialer: &Dialer,
    account: &AccountName,
    password: &Password,
) -> Result<Vec<FarCheck>, Failed> {
    let target = RpcTarget {
        host: examination.host.clone(),
        mapper_port: examination.mapper_port,
        interface: INTERFACE,
        level: AuthLevel::Privacy,
    };
    let client =
        dialer.open(&target, || initiator(account, password)).await.map_err(|failures| {
            let last = failures.last();
            let detail = last.map(ToString::to_string).unwrap_or_default();
            match last.is_some_and(|one| one.layer == FailureLayer::Authentication) {
                true => Failed::of_account(detail),
                false => Failed::new(ProbeResult::Error, detail),
            }
        })?;
    let mut all = Vec::new();
    let whoever = [String::new()];
    let towards = if examination.towards.is_empty() { &whoever[..] } else { &examination.towards };
    for one in towards {
        all.extend(call(examination, &client, one).await?);
    }
    Ok(all)
}

async fn call(
    examination: &Examination,
    client: &RpcClient,
    towards: &str,
) -> Result<Vec<FarCheck>, Failed> {
    let error = |text: String| Failed::new(ProbeResult::Error, text);
    let stub = Probe { towards: towards.to_owned() }.encode();
    let patience = examination.patience.saturating_mul(STEPS);
    let reply = client.call(PROBE_BIND_BACK, stub, patience).await.map_err(|failed| {
        let detail = chain(&failed);
        match failed {
            // A wrong proof is told with the first call.
            CallError::Fault { status } if Status(status).win32() == ACCESS_DENIED => {
                Failed::of_account(detail)
            }
            _ => error(detail),
        }
    })?;
    let answer = ProbeAnswer::decode(&reply.stub, reply.order)
        .map_err(|malformed| error(format!("its answer is malformed: {malformed}")))?;
    match answer.status {
        0 => {}
        ACCESS_DENIED => {
            let text = "the account is let in, but speaks for no peer there and does not have the role view-only-admin on the configuration";
            return Err(Failed::answered(ProbeResult::Denied, text.to_owned()));
        }
        NOT_FOUND if towards.is_empty() => {
            return Err(Failed::answered(ProbeResult::NotFound, "it has no peer".to_owned()));
        }
        NOT_FOUND => {
            let text = format!("it has no peer that is {towards}, by name, host or address");
            return Err(Failed::answered(ProbeResult::NotFound, text));
        }
        other => return Err(error(format!("it answers with {}", Status(other)))),
    }
    let checks: Vec<FarCheck> = serde_json::from_slice(&answer.page)
        .map_err(|malformed| error(format!("its answer is no list of checks: {malformed}")))?;
    let checks = checks.into_iter().take(MAX_CHECKS);
    Ok(checks
        .map(|one| FarCheck { check: cleaned(one.check, &examination.host), code: one.code })
        .collect())
}

/// What a port stands for that answers nothing.
const NO_ANSWER: &[(Cause, u8)] =
    &[(Cause::PortFilteredByFirewall, 65), (Cause::RemoteServerUnreachable, 30)];

/// The causes that a check of the far side stands for, each with how sure that is.
fn meaning(told: &FarCheck) -> Vec<Told> {
    let FarCheck { check, code } = told;
    let by_code = || code.as_ref().map_or(&[][..], by_code);
    let (by, causes): (_, &[(Cause, u8)]) = match (check.check.as_str(), check.result) {
        (_, ProbeResult::Ok) => return Vec::new(),
        ("last-bind", _) => ("last-bind", by_code()),
        ("bind-back", _) => ("bind-back", by_code()),
        ("resolve", _) => ("resolve", &[(Cause::BindbackNameUnresolvable, 80)]),
        ("tcp-mapper", ProbeResult::Timeout) => ("tcp-mapper", NO_ANSWER),
        ("tcp-rpc", ProbeResult::Timeout) => ("tcp-rpc", NO_ANSWER),
        ("tcp-mapper", ProbeResult::Refused) => {
            ("tcp-mapper", &[(Cause::RemoteServerUnreachable, 65)])
        }
        ("map", _) => ("map", &[(Cause::RemoteServerUnreachable, 65)]),
        ("tcp-rpc", _) => ("tcp-rpc", &[(Cause::PortFilteredByFirewall, 55)]),
        ("tcp-x400", _) => ("tcp-x400", &[(Cause::RemoteServerUnreachable, 55)]),
        _ => return Vec::new(),
    };
    let text = format!("{} to {}: {}", check.from, check.target, check.detail);
    let told = |(cause, percent): &(Cause, u8)| Told {
        by,
        cause: *cause,
        percent: *percent,
        text: text.clone(),
    };
    causes.iter().map(told).collect()
}

/// What a server's own code for a refusal stands for; 5 is all that it hears from another one.
fn by_code(code: &u32) -> &'static [(Cause, u8)] {
    match *code {
        5 => &[
            (Cause::ServiceAccountLacksDirectoryRight, 40),
            (Cause::ServiceAccountPasswordMismatch, 35),
        ],
        1311 => &[(Cause::LogonServerUnavailable, 85)],
        1317 => &[(Cause::ServiceAccountMissing, 85)],
        1326 => &[(Cause::ServiceAccountPasswordMismatch, 85)],
        1330 | 1907 => &[(Cause::PasswordExpired, 85)],
        1331 => &[(Cause::AccountDisabled, 85)],
        1385 => &[(Cause::LogonRightMissing, 85)],
        1793 => &[(Cause::AccountExpired, 85)],
        1909 => &[(Cause::AccountLockedOut, 85)],
        _ => &[],
    }
}

/// A check as it may be shown: whoever answers is not trusted with a terminal, nor with our own words for who asks.
fn cleaned(check: ProbeFact, host: &str) -> ProbeFact {
    let plain = |text: &str| -> String {
        text.chars().map(|one| if one.is_control() { ' ' } else { one }).take(MAX_TEXT).collect()
    };
    let from = plain(&check.from);
    ProbeFact {
        check: plain(&check.check),
        from: if from == "here" || from.is_empty() { host.to_owned() } else { from },
        target: plain(&check.target),
        detail: plain(&check.detail),
        ..check
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_far_side_says_is_shown_as_its_own_and_in_one_line() {
        let check = ProbeFact {
            check: "resolve".to_owned(),
            from: "here".to_owned(),
            target: "a\u{1b}[2Jb".to_owned(),
            result: ProbeResult::Ok,
            detail: "x\r\ny".repeat(MAX_TEXT),
            ms: 1,
        };
        let shown = cleaned(check, "east.example");
        assert_eq!(shown.from, "east.example");
        assert_eq!(shown.target, "a [2Jb");
        assert_eq!(shown.detail.len(), MAX_TEXT);
        assert!(shown.detail.chars().all(|one| !one.is_control()));
    }
}
