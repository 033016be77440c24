//! `bindback doctor --modules FOLDER`: the versions of program modules as sets, from folders here or from a host's share.

use std::path::{Path, PathBuf};
use std::time::Duration;

use admin::Shape;
use clap::Args;
use diagnosis::{FieldCase, consult};
use finding::Answer;
use identity::{AccountName, Password};
use modules::{Inventory, Module, SHIPPED, State, Table, judge, read_version};
use serde::Serialize;
use server::examine::Examined;
use server::shared_files::{SharedFiles, read_shared};

use super::host::Names;
use super::paper::Paper;
use super::{GUESS, NAMED, Report, html, render};
use crate::cli::Setting;
use crate::failure::{Found, Unreadable, Usage};
use crate::output::Output;

/// Where in a folder of a whole system modules are, too: Windows' own, and Exchange's.
const INSIDE: [&[&str]; 2] = [&["system32"], &["exchsrvr", "bin"]];
/// A larger file is no module of any set.
const MOST: u64 = 64 * 1024 * 1024;
/// For each step towards a share.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Args)]
pub struct Wanted {
    /// Compare the versions of program modules in this folder, its system32 and its exchsrvr/bin with a table of sets; twice for two servers. With HOST and --user: a share such as ADMIN$, or a folder of one
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["explain", "list_checks", "case", "events", "note", "only", "fix"])]
    pub modules: Vec<String>,
    /// Compare with this table instead of the one that comes with the program
    #[arg(long, value_name = "FILE.toml", requires = "modules")]
    pub module_table: Option<PathBuf>,
    /// Print the table of modules that comes with the program, to begin one's own with
    #[arg(long, conflicts_with_all = ["explain", "list_checks", "modules", "hosts"])]
    pub show_module_table: bool,
}

impl Wanted {
    /// Shares are read as somebody.
    pub fn check(&self, has_account: bool) -> anyhow::Result<()> {
        if self.modules.is_empty() || has_account {
            return Ok(());
        }
        let text = "--modules of a host are read from a share, which lets nobody in without an account; name one with --user 'DOMAIN\\NAME'";
        Err(Usage(text.to_owned()).into())
    }

    fn table(&self) -> anyhow::Result<Table> {
        let Some(file) = &self.module_table else { return Ok(Table::read(SHIPPED)?) };
        let what = file.display().to_string();
        let text = std::fs::read_to_string(file).map_err(|source| Unreadable {
            what: what.clone(),
            way_out: "name a table of modules; --show-module-table prints one to begin with",
            source,
        })?;
        Table::read(&text).map_err(|error| Usage(format!("{what}: {error}")).into())
    }
}

#[derive(Debug, Serialize)]
struct Shipped {
    table: &'static str,
}

impl Shape for Shipped {
    const NAME: &'static str = "doctor-modules";
}

/// Prints the table that comes with the program.
pub fn show(output: &Output) -> anyhow::Result<Found> {
    output.answer(&Shipped { table: SHIPPED }, |shipped| shipped.table.to_owned())?;
    Ok(Found::Nothing)
}

/// Folders of this machine.
pub fn run(options: &Wanted, setting: &Setting<'_>, paper: Paper<'_>) -> anyhow::Result<Found> {
    let table = options.table()?;
    let mut inventories = Vec::new();
    for folder in &options.modules {
        inventories.push(read_folder(&table, Path::new(folder))?);
    }
    let mut answer = judge(&table, &inventories);
    fill_up(&mut answer);
    let report = Report {
        answer,
        local: "this machine".to_owned(),
        running: true,
        read: options.modules.clone(),
        notes: Vec::new(),
    };
    let mut paper = paper.knowing([]);
    if let Some(file) = paper.html {
        let page = html::Page {
            title: "Bindback: program modules",
            answer: &report.answer,
            lanes: Vec::new(),
            remarks: Vec::new(),
        };
        paper.write(file, &html::render(&page))?;
    }
    let verbose = paper.verbose;
    paper.answer(setting.output, &report, |report| render::text(report, verbose))?;
    Ok(Found::Nothing)
}

/// Shares of the hosts that let the account in; none where no share is to be read.
pub async fn of_hosts(
    options: &Wanted,
    examined: &[Examined],
    account: Option<&(AccountName, Password)>,
    hosts: &Names,
    notes: &mut Vec<String>,
) -> anyhow::Result<Option<Answer>> {
    let Some((account, password)) = account.filter(|_| !options.modules.is_empty()) else {
        return Ok(None);
    };
    let table = options.table()?;
    let mut inventories = Vec::new();
    // A second wrong password is one too many.
    for one in examined.iter().filter(|one| one.let_in) {
        let host = one.facts.host.clone();
        let mut modules: Vec<Module> = Vec::new();
        for place in &options.modules {
            let (share, folders) = place_in_share(place);
            let wanted = SharedFiles {
                host: host.clone(),
                hosts: hosts.clone(),
                account: account.clone(),
                password: password.clone(),
                patience: PATIENCE,
                share,
                folders,
                names: table.files().into_iter().collect(),
            };
            notes
                .push(format!("Sent: one logon as {account} over SMB to {host}, to read {place}."));
            match read_shared(&wanted).await {
                Ok(files) => {
                    modules.extend(files.into_iter().map(|file| Module {
                        state: state(file.path, file.octets),
                        name: file.name,
                    }))
                }
                Err(why) => {
                    notes.push(format!("No modules were read from {place} of {host}: {why}."))
                }
            }
        }
        if modules.is_empty() {
            notes.push(format!(
                "{host} has none of the modules of the table in {}.",
                options.modules.join(", ")
            ));
        }
        inventories.push(completed(&table, host, modules));
    }
    Ok(Some(judge(&table, &inventories)))
}

/// A share alone stands for itself and the usual folders in it; else the one folder that is named.
fn place_in_share(place: &str) -> (String, Vec<String>) {
    let place = place.trim_matches(['\\', '/']).replace('/', "\\");
    match place.split_once('\\') {
        Some((share, folder)) => (share.to_owned(), vec![folder.to_owned()]),
        None => {
            let inside = INSIDE.iter().map(|path| path.join("\\"));
            (place.clone(), std::iter::once(String::new()).chain(inside).collect())
        }
    }
}

/// The modules in a folder of this machine.
fn read_folder(table: &Table, folder: &Path) -> anyhow::Result<Inventory> {
    let list = |folder: &Path| -> std::io::Result<Vec<PathBuf>> {
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            paths.push(entry?.path());
        }
        paths.sort();
        Ok(paths)
    };
    let is = |path: &Path, name: &str| {
        path.file_name().is_some_and(|one| one.to_string_lossy().eq_ignore_ascii_case(name))
    };
    let top = list(folder).map_err(|source| Unreadable {
        what: folder.display().to_string(),
        way_out: "name a folder with program modules, such as WINNT\\system32 or exchsrvr\\bin",
        source,
    })?;
    let mut paths = top.clone();
    for inside in INSIDE {
        let mut level = top.clone();
        for name in inside {
            let next = level.iter().find(|path| path.is_dir() && is(path, name));
            level = next.map(|path| list(path)).transpose()?.unwrap_or_default();
        }
        paths.extend(level);
    }
    let found = table.files().into_iter().filter_map(|name| {
        let path = paths.iter().find(|path| path.is_file() && is(path, &name))?;
        Some(Module { state: state(path.display().to_string(), octets(path)), name })
    });
    let modules: Vec<Module> = found.collect();
    if modules.is_empty() {
        let known: Vec<String> = table.files().into_iter().collect();
        let text = format!(
            "{} has none of the modules of the table: {}",
            folder.display(),
            known.join(", ")
        );
        return Err(Usage(text).into());
    }
    Ok(completed(table, folder.display().to_string(), modules))
}

fn octets(path: &Path) -> Result<Vec<u8>, String> {
    let length = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if length > MOST {
        return Err(format!("{length} octets are too many for a module"));
    }
    std::fs::read(path).map_err(|error| error.to_string())
}

fn state(path: String, octets: Result<Vec<u8>, String>) -> State {
    match octets.map(|octets| read_version(&octets)) {
        Ok(Ok(Some(version))) => State::Found { path, version },
        Ok(Ok(None)) => State::Unreadable { path, why: "it has no version".to_owned() },
        Ok(Err(error)) => State::Unreadable { path, why: error.to_string() },
        Err(why) => State::Unreadable { path, why },
    }
}

/// Every file that the table speaks of is there or missing.
fn completed(table: &Table, server: String, mut modules: Vec<Module>) -> Inventory {
    for name in table.files() {
        if modules.iter().all(|module| module.name != name) {
            modules.push(Module { name, state: State::Missing });
        }
    }
    Inventory { server, modules }
}

/// Three causes are named whenever anything is wrong.
fn fill_up(answer: &mut Answer) {
    let evidence = answer.diagnoses.iter().flat_map(|one| &one.evidence);
    let notes: Vec<String> = evidence.map(|one| one.says.clone()).collect();
    if notes.is_empty() {
        return;
    }
    for mut likely in consult(&FieldCase { notes, ..FieldCase::default() }).diagnoses {
        if answer.diagnoses.len() >= NAMED {
            break;
        }
        if answer.diagnoses.iter().all(|known| known.cause != likely.cause) {
            likely.confidence = likely.confidence.min(GUESS);
            answer.diagnoses.push(likely);
        }
    }
}
