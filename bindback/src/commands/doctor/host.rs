//! `bindback doctor HOST...`: any host, looked at from here.

use std::collections::BTreeMap;
use std::time::Duration;

use diagnosis::judge_host;
use finding::{Answer, Diagnosis};
use identity::{AccountName, Password};
use server::examine::{Examination, Examined, WayBack, examine};
use tokio::task::JoinSet;

use super::library::takes_a_logon;
use super::paper::Paper;
use super::render::listed;
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
    let Asker { account, hosts, mapper_port: peers_port, own_name } =
        identity_of(arguments, setting)?;
    let mapper_port = arguments.mapper_port.or(peers_port).unwrap_or(MAPPER_PORT);
    arguments.modules.check(account.is_some())?;
    let only = arguments.only.as_deref();
    // Nothing is shown of a logon, so none is made.
    let account = account.filter(|_| only.is_none_or(takes_a_logon));
    let mut running = JoinSet::new();
    for (at, host) in arguments.hosts.iter().enumerate() {
        let examination = Examination {
            host: host.clone(),
            mapper_port,
            hosts: hosts.clone(),
            account: account.clone(),
            about: arguments.about.clone(),
            towards: towards(&arguments.hosts, at, own_name.as_deref()),
            patience: Duration::from_secs(arguments.timeout),
        };
        running.spawn(async move { (at, examine(&examination).await) });
    }
    let mut done = running.join_all().await;
    done.sort_by_key(|(at, _)| *at);
    let mut examined: Vec<Examined> = done.into_iter().map(|(_, one)| one).collect();
    if let Some(only) = &arguments.only {
        for one in &mut examined {
            one.checks.retain(|check| check.check == *only);
            one.facts = one.facts.only(only);
        }
    }
    let who = account.as_ref().map(|(account, _)| account);
    let mut notes = notes(&examined, who, only.is_some_and(|only| !takes_a_logon(only)));
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

/// As whom, with which names, and where a peer's endpoint mapper listens.
#[derive(Default)]
struct Asker {
    account: Option<(AccountName, Password)>,
    hosts: Names,
    mapper_port: Option<u16>,
    /// The MTA that is here, where a peer of it is asked.
    own_name: Option<String>,
}

/// Where a host that runs Bindback is to bind back to: the other hosts that are named, and the MTA that is here.
fn towards(hosts: &[String], at: usize, own_name: Option<&str>) -> Vec<String> {
    let others = hosts.iter().enumerate().filter(|(other, _)| *other != at);
    own_name.map(str::to_owned).into_iter().chain(others.map(|(_, host)| host.clone())).collect()
}

fn identity_of(arguments: &Arguments, setting: &Setting<'_>) -> anyhow::Result<Asker> {
    if let Some(user) = &arguments.user {
        let password = arguments.password.read_existing(&user.to_string())?;
        return Ok(Asker { account: Some((user.clone(), password)), ..Asker::default() });
    }
    let Some(peer) = &arguments.as_peer else { return Ok(Asker::default()) };
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
    Ok(Asker {
        account: Some((account.clone(), password)),
        hosts: config.hosts.clone(),
        mapper_port: Some(known.mapper_port),
        own_name: Some(config.server.name.clone()),
    })
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
    // What one host leaves open another one may have decided.
    if all.diagnoses.first().is_some_and(|first| first.confidence >= render::HALF) {
        (all.undecided, all.next_probe) = (false, None);
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
fn notes(examined: &[Examined], account: Option<&AccountName>, is_only: bool) -> Vec<String> {
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
        Some(_) => out.push("No logon was made: none of the hosts has SMB open or runs Bindback.".to_owned()),
        None if is_only => out.push("No logon was made: the check takes none.".to_owned()),
        None => out.push("No logon was made; --user 'DOMAIN\\NAME' tells whether an account is let in, and why not.".to_owned()),
    }
    out.extend(examined.iter().filter_map(|one| {
        let why = one.facts.unclear_logon.as_ref()?;
        Some(format!(
            "{} refused the logon and does not say what is wrong with the account: {why}.",
            one.facts.host
        ))
    }));
    let of = |way: WayBack| -> Vec<&str> {
        let those = examined.iter().filter(|one| one.way_back == way);
        those.map(|one| one.facts.host.as_str()).collect()
    };
    let told = of(WayBack::Told);
    if !told.is_empty() {
        let one = match told.as_slice() {
            [_] => "runs Bindback and tried its ways to its peers",
            _ => "run Bindback and tried their ways to their peers",
        };
        out.push(format!("{} {one}: those checks are from there.", listed(&told)));
    }
    if let quiet @ [_, ..] = of(WayBack::NotAsked).as_slice() {
        let text = "with --user and an account that has the role view-only-admin there, or with --as-peer, the way back is tried from there too";
        let verb = if quiet.len() == 1 { "runs" } else { "run" };
        out.push(format!("{} {verb} Bindback: {text}.", listed(quiet)));
    }
    out.extend(examined.iter().filter(|one| one.way_back == WayBack::NotTold).filter_map(|one| {
        let check = one.checks.iter().find(|check| check.check == "way-back")?;
        let host = &one.facts.host;
        Some(format!("{host} runs Bindback, and its way back was not tried: {}.", check.detail))
    }));
    if told.len() < examined.len() {
        out.push(
            "This is the way from here; run the same on the other side, towards here.".to_owned(),
        );
    }
    out
}
