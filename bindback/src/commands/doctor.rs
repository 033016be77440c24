//! `bindback doctor`: why mail is stopped, and what to do about it.

mod fix;
mod gather;
mod host;
mod html;
mod library;
mod logs;
mod modules;
mod offline;
mod paper;
mod redact;
mod render;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod windows_events;

use std::path::PathBuf;

use admin::Shape;
use clap::Args;
use diagnosis::{FieldCase, SCHEDULE_CHECK, consult, diagnose, remarks};
use finding::{Answer, Cause, NextProbe};
use identity::AccountName;
use serde::Serialize;

use crate::cli::Setting;
use crate::failure::Found;
use crate::password;
pub use logs::said as unreadable_log;
use paper::Paper;

/// So many causes are named when anything is wrong.
const NAMED: usize = 3;
/// The confidence in what nothing but silence speaks for.
const GUESS: f64 = 0.05;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  bindback doctor\n  bindback doctor -v\n  bindback doctor --explain port-filtered-by-firewall\n  bindback doctor east.example.test --user 'ORG\\svc-west' --password-file west.password\n  bindback doctor dc.example.test --user 'ORG\\reader' --password-file reader.password --about 'ORG\\svc-west'\n  bindback doctor --events east.evtx --events west.evt --html report.html\n  bindback doctor --events east.csv --note 'same site, worked until the update'\n  bindback doctor --case case.json --json\n  bindback doctor --modules /mnt/east/winnt --modules /mnt/west/winnt\n  bindback doctor east.example.test --user 'ORG\\admin' --password-file admin.password --modules 'ADMIN$' --modules 'D$\\exchsrvr\\bin'\n\nReads this server (its store, where it does not run) and every neighbour whose admin address is in the configuration, and asks each of them to probe its peers. Exit status: 0 healthy, 1 something is wrong. With --case, --events, --note or --modules without HOST no server is asked: the answer rests on what is given, and the exit status is 0."
)]
pub struct Arguments {
    /// Look at these hosts from here, whatever they run, instead of at this server and its peers
    #[arg(value_name = "HOST", conflicts_with_all = ["explain", "list_checks", "case", "events", "note"])]
    hosts: Vec<String>,
    /// Log on to the hosts as this account: once over SMB, and over RPC only if that went well
    #[arg(long, value_name = "DOMAIN\\NAME", requires = "hosts")]
    user: Option<AccountName>,
    #[command(flatten)]
    password: password::Source,
    /// Read the state of this account, as --user, without a logon as it: disabled, locked, expired, and how many wrong passwords it may still give
    #[arg(long, value_name = "DOMAIN\\NAME", requires = "user")]
    about: Option<AccountName>,
    /// Use the name table of the configuration, and the account that this server presents to this peer
    #[arg(long, value_name = "PEER", requires = "hosts", conflicts_with = "user")]
    as_peer: Option<String>,
    /// The port of the hosts' endpoint mapper [default: that of --as-peer, else 135]
    #[arg(long, value_name = "PORT", requires = "hosts")]
    mapper_port: Option<u16>,
    /// Seconds that each step towards a host may take
    #[arg(long, value_name = "S", default_value_t = 5, requires = "hosts", value_parser = clap::value_parser!(u64).range(1..=60))]
    timeout: u64,
    /// Explain a cause
    #[arg(long, value_name = "CAUSE", conflicts_with = "list_checks", value_parser = library::cause)]
    explain: Option<Cause>,
    /// Show what is checked and which causes can be found
    #[arg(long)]
    list_checks: bool,
    /// Say what stands behind the events and remarks of a file, without asking a server
    #[arg(long, value_name = "FILE.json", conflicts_with_all = ["explain", "list_checks"])]
    case: Option<PathBuf>,
    /// The same for a log: .evtx, .evt, XML, CSV, JSON lines, the MTA's text log or pasted text; twice for two servers
    #[arg(long, value_name = "FILE", conflicts_with_all = ["explain", "list_checks"])]
    events: Vec<PathBuf>,
    /// A remark on environment or symptoms, in plain words; may be repeated
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["explain", "list_checks"], value_parser = library::remark)]
    note: Vec<String>,
    /// Use the answers of this check only; of a host, make no logon that it does not take
    #[arg(long, value_name = "CHECK", value_parser = library::check, conflicts_with_all = ["explain", "list_checks", "case", "events", "note"])]
    only: Option<String>,
    /// Write the report as one file for a colleague, with a timeline of the servers
    #[arg(long, value_name = "FILE.html", conflicts_with_all = ["explain", "list_checks"])]
    html: Option<PathBuf>,
    /// Replace names, accounts and addresses in all that is printed or written
    #[arg(long, conflicts_with_all = ["explain", "list_checks"])]
    redact: bool,
    /// Show every check and all the evidence
    #[arg(short, long)]
    verbose: bool,
    #[command(flatten)]
    modules: modules::Wanted,
    #[command(flatten)]
    fix: fix::Options,
}

/// The answer, with what it rests on.
#[derive(Debug, Serialize)]
struct Report {
    #[serde(flatten)]
    answer: Answer,
    /// The server that the doctor was asked on.
    local: String,
    /// False when it does not answer; what is known of it comes from its store then, or from its configuration.
    running: bool,
    /// The servers whose own tables and logs were read.
    read: Vec<String>,
    /// What could not be read, and what to do about that.
    notes: Vec<String>,
}

impl Shape for Report {
    const NAME: &'static str = "doctor";
}

pub async fn run(arguments: Arguments, setting: &Setting<'_>) -> anyhow::Result<Found> {
    if let Some(cause) = arguments.explain {
        return library::explain(cause, setting.output);
    }
    if arguments.list_checks {
        return library::list(setting.output);
    }
    if arguments.modules.show_module_table {
        return modules::show(setting.output);
    }
    let paper = Paper {
        html: arguments.html.as_deref(),
        verbose: arguments.verbose,
        redactor: arguments.redact.then(redact::Redactor::default),
    };
    if arguments.case.is_some() || !arguments.events.is_empty() || !arguments.note.is_empty() {
        let given = offline::Given {
            case: arguments.case.as_deref(),
            events: &arguments.events,
            notes: &arguments.note,
        };
        return offline::run(&given, setting, &paper);
    }
    if arguments.hosts.is_empty() && !arguments.modules.modules.is_empty() {
        return modules::run(&arguments.modules, setting, paper);
    }
    if !arguments.hosts.is_empty() {
        return host::run(&arguments, setting, paper).await;
    }
    let config = setting.config()?;
    let mut gathered = gather::gather(&config).await?;
    if let Some(only) = &arguments.only {
        gathered.snapshot.checks.retain(|check| check.check == *only);
    }
    gathered.notes.extend(remarks(&gathered.snapshot));
    let mut answer = diagnose(&gathered.snapshot);
    if let Some(only) = &arguments.only {
        answer.checks.retain(|check| check.check == *only);
    }
    if !gathered.runs {
        answer.undecided |= answer.is_healthy();
        fill_up(&mut answer, &config);
        // What cannot be started is put right first, and the remedy has that.
        let own = gathered.snapshot.server(&config.server.name);
        let startable = own.is_none_or(|own| own.start_faults.is_empty());
        answer.next_probe = startable.then(|| start(&config));
    }
    let servers = &gathered.snapshot.servers;
    let names =
        servers.iter().flat_map(|one| [one.name.as_str(), &one.host_name, &one.bind_back_name]);
    let mut paper = paper.knowing(names);
    if let Some(file) = paper.html {
        let title = format!("Bindback: the mail of {}", gathered.snapshot.local);
        let logged = logs::of_servers(servers);
        let lanes = logged.iter().map(|(name, events)| html::Lane {
            name: name.clone(),
            ahead_s: 0,
            events: events.iter().map(|one| (one, false)).collect(),
        });
        let page = html::Page {
            title: &title,
            answer: &answer,
            lanes: lanes.collect(),
            remarks: gathered.notes.clone(),
        };
        paper.write(file, &html::render(&page))?;
    }
    let closed = answer.checks.iter().filter(|check| check.check == SCHEDULE_CHECK);
    gathered.notes.extend(closed.map(|check| format!("{}: {}.", check.from, check.detail)));
    let report = Report {
        answer,
        local: gathered.snapshot.local.clone(),
        running: gathered.runs,
        read: gathered.read,
        notes: gathered.notes,
    };
    if arguments.fix.fix {
        return fix::run(&arguments.fix, setting, &config, report, &gathered.snapshot).await;
    }
    paper.answer(setting.output, &report, |report| render::text(report, arguments.verbose))?;
    Ok(if report.answer.is_healthy() { Found::Nothing } else { Found::Something })
}

/// Three causes are named whenever anything is wrong: beside what a stopped server left behind, what keeps one from running.
fn fill_up(answer: &mut Answer, config: &config::Config) {
    let remark = format!("the MTA service of {} is stopped and does not start", config.server.name);
    let case = FieldCase { notes: vec![remark], ..FieldCase::default() };
    for mut likely in consult(&case).diagnoses {
        if answer.diagnoses.len() >= NAMED {
            break;
        }
        if answer.diagnoses.iter().all(|known| known.cause != likely.cause) {
            // No more than a guess, and less likely than anything that was seen.
            let least = answer.diagnoses.last().map_or(GUESS, |known| known.confidence);
            likely.confidence = likely.confidence.min(least).min(GUESS);
            answer.diagnoses.push(likely);
        }
    }
}

/// A server that does not run shows little; what else is wrong is seen once it does.
fn start(config: &config::Config) -> NextProbe {
    let file = diagnosis::quote(&config.file.display().to_string());
    NextProbe {
        check: format!("start {}, then ask again", config.server.name),
        would_tell: Vec::new(),
        command: Some(format!("bindback serve -c {file}")),
    }
}
