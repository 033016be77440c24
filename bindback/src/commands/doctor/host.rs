//! `bindback doctor HOST...`: any host, looked at from here.

use std::collections::BTreeMap;
use std::time::Duration;

use diagnosis::judge_host;
use finding::{Answer, Diagnosis};
use identity::{AccountName, Password};
use server::examine::{Examination, Examined, examine};
use tokio::task::JoinSet;

use super::paper::Paper;
use super::{Arguments, Report, html, modules, render};
use crate::cli::Setting;
use crate::failure::{Found, Usage};

/// More hosts at once would be a scan.
const MAX_HOSTS: usize = 16;
/// The usual port of an endpoint mapper (C706, appendix H).
const MAPPER_PORT: u16 = 135;

/// Looks at the hosts, all at once.
pub async fn run(
    arguments: &Arguments,
    setting: &Setting<'_>,
    paper: Paper<'_>,
) -> anyhow::Result<Found> {
    if arguments.hosts.len() > MAX_HOSTS {
        let text =
            format!("{} hosts are too many; name {MAX_HOSTS} at most", arguments.hosts.len());
        return Err(Usage(text).into());
    }
    let (account, hosts, peers_port) = identity_of(arguments, setting)?;
    let mapper_port = arguments.mapper_port.or(peers_port).unwrap_or(MAPPER_PORT);
    arguments.modules.check(account.is_some())?;
    let mut running = JoinSet::new();
    for (at, host) in arguments.hosts.iter().enumerate() {
        let examination = Examination {
            host: host.clone(),
            mapper_port,
            hosts: hosts.clone(),
            account: account.clone(),
            about: arguments.about.clone(),
            patience: Duration::from_secs(arguments.timeout),
        };
        running.spawn(async move { (at, examine(&examination).await) });
    }
    let mut done = running.join_all().await;
    done.sort_by_key(|(at, _)| *at);
    let examined: Vec<Examined> = done.into_iter().map(|(_, one)| one).collect();
    let mut notes = notes(&examined, account.as_ref().map(|(account, _)| account));
    let mut answer = joined(&examined);
    if let Some(found) =
        modules::of_hosts(&arguments.modules, &examined, account.as_ref(), &hosts, &mut notes)
            .await?
    {
        answer.checks.extend(found.checks);
        merge(&mut answer, found.diagnoses);
    }
    let report = Report {
        answer,
        local: "this machine".to_owned(),
        running: true,
        read: arguments.hosts.clone(),
        notes,
    };
    let mut paper = paper.knowing(arguments.hosts.iter().map(String::as_str));
    if let Some(file) = paper.html {
        let page = html::Page {
            title: "Bindback: hosts looked at from outside",
            answer: &report.answer,
            lanes: Vec::new(),
            remarks: report.notes.clone(),
        };
        paper.write(file, &html::render(&page))?;
    }
    paper.answer(setting.output, &report, |report| render::text(report, arguments.verbose))?;
    Ok(if report.answer.is_healthy() { Found::Nothing } else { Found::Something })
}

pub(super) type Names = BTreeMap<String, Vec<std::net::IpAddr>>;
type Account = Option<(AccountName, Password)>;

/// As whom, with which names, and where a peer's endpoint mapper listens.
fn identity_of(
    arguments: &Arguments,
    setting: &Setting<'_>,
) -> anyhow::Result<(Account, Names, Option<u16>)> {
    if let Some(user) = &arguments.user {
        let password = arguments.password.read_existing(&user.to_string())?;
        return Ok((Some((user.clone(), password)), Names::new(), None));
    }
    let Some(peer) = &arguments.as_peer else { return Ok((None, Names::new(), None)) };
    let config = setting.config()?;
    let known = config.peers.iter().find(|one| one.name.eq_ignore_ascii_case(peer));
    let Some(known) = known else {
        let names: Vec<&str> = config.peers.iter().map(|one| one.name.as_str()).collect();
        let text =
            format!("{peer} is no peer of {}; there are {}", config.server.name, names.join(", "));
        return Err(Usage(text).into());
    };
    let (account, file) = match &known.override_account {
        Some(other) => (&other.account, &other.password_file),
        None => (&config.rpc.account, &config.rpc.password_file),
    };
    let password = config::read_secret(file)?;
    let port = Some(known.mapper_port);
    Ok((Some((account.clone(), password)), config.hosts.clone(), port))
}

/// One answer for all hosts: causes that two of them share are told once.
fn joined(examined: &[Examined]) -> Answer {
    let mut all =
        Answer { undecided: false, diagnoses: Vec::new(), next_probe: None, checks: Vec::new() };
    for one in examined {
        let answer = judge_host(&one.facts, one.checks.clone());
        all.undecided |= answer.undecided;
        all.next_probe = all.next_probe.or(answer.next_probe);
        all.checks.extend(answer.checks);
        merge(&mut all, answer.diagnoses);
    }
    all
}

/// Causes that are known already get the evidence; best first.
fn merge(all: &mut Answer, diagnoses: Vec<Diagnosis>) {
    for diagnosis in diagnoses {
        match all.diagnoses.iter_mut().find(|known| known.cause == diagnosis.cause) {
            Some(known) => {
                known.confidence = known.confidence.max(diagnosis.confidence);
                known.evidence.extend(diagnosis.evidence);
            }
            None => all.diagnoses.push(diagnosis),
        }
    }
    all.diagnoses.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
}

/// What was sent, and what was not known before it was.
fn notes(examined: &[Examined], account: Option<&AccountName>) -> Vec<String> {
    let mut out: Vec<String> =
        examined.iter().flat_map(|one| &one.sent).map(|sent| format!("Sent: {sent}.")).collect();
    match account {
        // It was read, or nothing was risked.
        Some(_) if examined.iter().all(|one| one.let_in) => {}
        Some(account) if out.iter().any(|sent| sent.contains("logon")) => out.push(format!(
            "How many wrong passwords {account} may still give was not read before; no more than one logon that fails was made for each host."
        )),
        Some(account) if examined.iter().any(|one| one.facts.kdc.is_some()) => out.push(format!(
            "No logon was made: what the KDC says of {account} is reason enough for one to fail."
        )),
        Some(_) => out.push("No logon was made: SMB is not open on any of the hosts.".to_owned()),
        None => out.push("No logon was made; --user 'DOMAIN\\NAME' tells whether an account is let in, and why not.".to_owned()),
    }
    out.push(
        "This is the way from here only; run the same on the other side, towards here.".to_owned(),
    );
    out
}
