//! Inventories of servers compared with the table.

use finding::{Answer, Check, CheckResult, Diagnosis, Evidence, Remedy};

use crate::table::{Kind, Meaning, Set};
use crate::{ModuleVersion, Table};

/// Confidence in a set that is mixed on one server: the files themselves say so.
const MIXED: f64 = 0.9;
/// In a difference between two servers: whether it matters depends on what they ask of each other.
const DIFFERENT: f64 = 0.6;
/// In modules that are all of before: whether it matters depends on what they are given.
const OLD: f64 = 0.4;
/// Below this the answer is undecided.
const DECIDED: f64 = 0.5;

/// The modules of one server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// The server, or the folder that stands for it.
    pub server: String,
    /// What was looked for, found or not.
    pub modules: Vec<Module>,
}

/// One file that was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// Its name as the table has it, in lower case.
    pub name: String,
    pub state: State,
}

/// What there is under the name of a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// A module, and where it is.
    Found { path: String, version: ModuleVersion },
    /// A file of which no version can be read, where it is, and why.
    Unreadable { path: String, why: String },
    /// Nothing.
    Missing,
}

/// What is wrong with the modules, best cause first; nothing where nothing is.
#[must_use]
pub fn judge(table: &Table, inventories: &[Inventory]) -> Answer {
    let mut found = Vec::new();
    for set in &table.sets {
        for inventory in inventories {
            found.extend(alone(set, inventory));
        }
        found.extend(between(set, inventories));
    }
    found.sort_by(|a: &Diagnosis, b| b.confidence.total_cmp(&a.confidence));
    let mut diagnoses: Vec<Diagnosis> = Vec::new();
    for one in found {
        match diagnoses.iter_mut().find(|known| known.cause == one.cause) {
            Some(known) => known.evidence.extend(one.evidence),
            None => diagnoses.push(one),
        }
    }
    let undecided = diagnoses.first().is_some_and(|first| first.confidence < DECIDED);
    let lines = inventories.iter().flat_map(|one| {
        let told = one.modules.iter().filter(|module| is_told(table, one, module));
        told.map(|module| check(table, one, module))
    });
    Answer { undecided, diagnoses, next_probe: None, checks: lines.collect() }
}

/// A member of a set with its version.
type Member<'a> = (&'a str, &'a ModuleVersion);

impl Inventory {
    fn version(&self, name: &str) -> Option<&ModuleVersion> {
        let module = self.modules.iter().find(|module| module.name.eq_ignore_ascii_case(name))?;
        match &module.state {
            State::Found { version, .. } => Some(version),
            State::Unreadable { .. } | State::Missing => None,
        }
    }

    fn members<'a>(&'a self, set: &'a Set) -> Vec<Member<'a>> {
        let all = set.modules.iter();
        all.filter_map(|name| Some((name.as_str(), self.version(name)?))).collect()
    }

    /// The members of which the kind is known.
    fn kinds<'a>(&'a self, set: &'a Set) -> Vec<(Member<'a>, &'a Kind)> {
        let members = self.members(set).into_iter();
        members
            .filter_map(|(name, version)| Some(((name, version), set.kind_of(name, version)?)))
            .collect()
    }

    fn source(&self) -> String {
        format!("{} modules", self.server)
    }
}

/// What one server's modules say by themselves.
fn alone(set: &Set, inventory: &Inventory) -> Option<Diagnosis> {
    match set.at_least {
        Some(least) => {
            let members = inventory.members(set);
            let (old, new): (Vec<_>, Vec<_>) =
                members.iter().copied().partition(|(_, version)| version.file < least);
            let mut evidence: Vec<Evidence> = Vec::new();
            for (name, version) in &old {
                let says = match new.first() {
                    Some((other, beside)) => format!(
                        "{} is older than {least}; {} beside it is not, and wants the same of it",
                        told(name, version),
                        told(other, beside)
                    ),
                    None => format!("{} is older than {least}", told(name, version)),
                };
                evidence.push(Evidence::new(
                    inventory.source(),
                    says,
                    if new.is_empty() { 0.4 } else { 0.9 },
                ));
            }
            let (lacking, lacks) = needs(set, inventory);
            let is_mixed = !old.is_empty() && !new.is_empty();
            if old.is_empty() && (new.is_empty() || lacking.is_empty()) {
                return None;
            }
            evidence.extend(lacking);
            let (meaning, confidence) =
                if is_mixed || old.is_empty() { (&set.mixed, MIXED) } else { (&set.old, OLD) };
            let files: Vec<&str> = old.iter().map(|(name, _)| *name).collect();
            let mut diagnosis = diagnosis(meaning, confidence, evidence, &inventory.server, &files);
            let first = lacks.map(|what| Remedy {
                text: format!("On {}, install {what} first.", inventory.server),
                command: None,
            });
            diagnosis.remedy.splice(0..0, first);
            Some(diagnosis)
        }
        None => mixed_kinds(set, inventory),
    }
}

fn mixed_kinds(set: &Set, inventory: &Inventory) -> Option<Diagnosis> {
    let kinds = inventory.kinds(set);
    let (_, first) = kinds.first()?;
    kinds.iter().find(|(_, kind)| kind.name != first.name)?;
    // The ones to be put in order are those of the kinds that stand before the last one in the table, which is the best.
    let best =
        set.kinds.iter().rev().find(|kind| kinds.iter().any(|(_, one)| one.name == kind.name))?;
    let mut evidence = Vec::new();
    let mut files = Vec::new();
    for ((name, version), kind) in &kinds {
        let others = kinds.iter().filter(|(_, other)| other.name != kind.name);
        let others: Vec<String> = others
            .map(|((other, beside), of)| format!("{} is {}", told(other, beside), of.name))
            .collect();
        let says = format!(
            "{} is {} and belongs with {} modules alone, but {}",
            told(name, version),
            kind.name,
            kind.name,
            others.join(", ")
        );
        evidence.push(Evidence::new(inventory.source(), says, 0.9));
        if kind.name != best.name {
            files.push(*name);
        }
    }
    Some(diagnosis(&set.mixed, MIXED, evidence, &inventory.server, &files))
}

/// What is there beside the set and too old: evidence, and what would bring it.
fn needs(set: &Set, inventory: &Inventory) -> (Vec<Evidence>, Option<String>) {
    let lacking = set.needs.iter().filter_map(|need| {
        let version = inventory.version(&need.module)?;
        (version.file < need.at_least).then_some((need, version))
    });
    let mut evidence = Vec::new();
    let mut with = None;
    for (need, version) in lacking {
        let says = format!(
            "{} is older than {}: {} is missing, which the set needs",
            told(&need.module, version),
            need.at_least,
            need.with
        );
        evidence.push(Evidence::new(inventory.source(), says, 0.7));
        with = Some(need.with.clone());
    }
    (evidence, with)
}

/// Servers that are each in order, and do not fit each other.
fn between(set: &Set, inventories: &[Inventory]) -> Option<Diagnosis> {
    let mut seen: Vec<(&Inventory, &Kind, Vec<&str>)> = Vec::new();
    for inventory in inventories {
        let kinds = inventory.kinds(set);
        let (_, kind) = kinds.first()?;
        if kinds.iter().any(|(_, other)| other.name != kind.name) {
            // It is told as what it is.
            return None;
        }
        let files = kinds.iter().map(|((name, _), _)| *name).collect();
        seen.push((inventory, kind, files));
    }
    let place = |kind: &Kind| set.kinds.iter().position(|one| one.name == kind.name);
    let (worst, best) =
        (seen.iter().min_by_key(|one| place(one.1))?, seen.iter().max_by_key(|one| place(one.1))?);
    if worst.1.name == best.1.name {
        return None;
    }
    let evidence = seen.iter().map(|(inventory, kind, files)| {
        Evidence::new(inventory.source(), format!("{} are {}", files.join(", "), kind.name), 0.6)
    });
    Some(diagnosis(&set.old, DIFFERENT, evidence.collect(), &worst.0.server, &worst.2))
}

fn told(name: &str, version: &ModuleVersion) -> String {
    let described = version.string("FileDescription");
    let described =
        if described.is_empty() { String::new() } else { format!(" (\"{described}\")") };
    format!("{name} {}{described}", version.file)
}

fn diagnosis(
    meaning: &Meaning,
    confidence: f64,
    mut evidence: Vec<Evidence>,
    server: &str,
    files: &[&str],
) -> Diagnosis {
    let mut one = Diagnosis::new(meaning.cause, confidence);
    evidence.push(Evidence::new("table of modules", meaning.because.clone(), 0.3));
    one.evidence = evidence;
    let filled =
        |text: &String| text.replace("{server}", server).replace("{modules}", &files.join(", "));
    one.remedy =
        meaning.remedy.iter().map(|text| Remedy { text: filled(text), command: None }).collect();
    one.reads = vec![format!("bindback doctor --explain {}", meaning.cause)];
    one
}

/// A file that is not there is worth a word where others of its set are.
fn is_told(table: &Table, inventory: &Inventory, module: &Module) -> bool {
    let has = |set: &&Set| set.modules.iter().any(|one| one.eq_ignore_ascii_case(&module.name));
    let mut sets = table.sets.iter().filter(has);
    module.state != State::Missing || sets.any(|set| !inventory.members(set).is_empty())
}

/// One file as a line of the doctor's checks.
fn check(table: &Table, inventory: &Inventory, module: &Module) -> Check {
    let (result, target, detail) = match &module.state {
        State::Found { path, version } => {
            let kinds = table
                .sets
                .iter()
                .filter(|set| set.modules.iter().any(|one| one.eq_ignore_ascii_case(&module.name)));
            let kinds: Vec<String> = kinds
                .filter(|set| !set.kinds.is_empty())
                .map(|set| {
                    set.kind_of(&module.name, version).map_or_else(
                        || ", of no kind that the table knows".to_owned(),
                        |kind| format!(", {}", kind.name),
                    )
                })
                .collect();
            let described = version.string("FileDescription");
            (
                CheckResult::Ok,
                path.clone(),
                format!("{}{} {described}", version.file, kinds.concat()).trim_end().to_owned(),
            )
        }
        State::Unreadable { path, why } => (CheckResult::Error, path.clone(), why.clone()),
        State::Missing => {
            (CheckResult::NotFound, module.name.clone(), "there is no such file".to_owned())
        }
    };
    Check {
        check: "module".to_owned(),
        from: inventory.server.clone(),
        target,
        result,
        detail,
        ms: 0,
    }
}
