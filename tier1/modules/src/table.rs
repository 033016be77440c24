//! The table of modules that belong together: TOML, shipped with the program and replaceable by an operator.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use finding::Cause;
use serde::Deserialize;

use crate::{ModuleVersion, Version};

/// The table that comes with the program.
pub const SHIPPED: &str = include_str!("table.toml");
/// The one form of the table that there is.
const FORMAT: u32 = 1;

/// All sets.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    format: u32,
    /// In the order of the file.
    #[serde(default, rename = "set")]
    pub sets: Vec<Set>,
}

/// Modules that have to be of one kind, or of one version at least.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Set {
    /// What the set is, in words.
    pub name: String,
    /// File names; their case does not matter.
    pub modules: Vec<String>,
    /// The kinds, of which all modules of a server have to be of the same one.
    #[serde(default)]
    pub kinds: Vec<Kind>,
    /// The version that all modules have to have at least.
    pub at_least: Option<Version>,
    /// What has to be there before the set can be.
    #[serde(default)]
    pub needs: Vec<Need>,
    /// What it stands for that one server has modules of two kinds, or some that are older than they may be.
    pub mixed: Meaning,
    /// What it stands for that two servers have different kinds, or that all modules of one are older.
    pub old: Meaning,
}

/// One kind of a set.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kind {
    /// A word for it, for example `128-bit`.
    pub name: String,
    /// Phrases, one of which stands in the texts of such a module; their case does not matter.
    #[serde(default)]
    pub words: Vec<String>,
    /// By file name the versions of such modules: `A` or `A..B`, both ends included.
    #[serde(default)]
    pub versions: BTreeMap<String, Vec<Range>>,
}

/// A module outside the set that has to have a version.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Need {
    pub module: String,
    pub at_least: Version,
    /// What brings that version, for example `service pack 4`.
    pub with: String,
}

/// A cause with its cure.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meaning {
    pub cause: Cause,
    /// Why, in one sentence.
    pub because: String,
    /// What to do, in order; `{server}` is the server, `{modules}` the files that do not belong.
    pub remedy: Vec<String>,
}

/// Versions from the one to the other, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Range {
    from: Version,
    to: Version,
}

impl TryFrom<String> for Range {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (from, to) = text.split_once("..").unwrap_or((&text, &text));
        let read = |text: &str| text.trim().parse::<Version>().map_err(|error| error.to_string());
        let range = Self { from: read(from)?, to: read(to)? };
        if range.from > range.to {
            Err(format!("\"{text}\" ends before it begins"))
        } else {
            Ok(range)
        }
    }
}

/// Why a table cannot be used.
#[derive(Debug)]
pub enum TableError {
    /// It is no TOML, or a key is unknown, missing, or of the wrong sort; the text says where.
    Malformed(toml_edit::de::Error),
    /// Its form is of another time.
    Format(u32),
    /// A set says what cannot be.
    Set { name: String, what: &'static str },
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(error) => write!(f, "{}", error.to_string().trim_end()),
            Self::Format(found) => {
                write!(f, "format = {found}, and {FORMAT} is the one that is known")
            }
            Self::Set { name, what } => write!(f, "the set \"{name}\" {what}"),
        }
    }
}

impl std::error::Error for TableError {}

impl Table {
    /// Reads a table.
    ///
    /// # Errors
    /// It is malformed, or a set of it makes no sense.
    pub fn read(text: &str) -> Result<Self, TableError> {
        let table: Self = toml_edit::de::from_str(text).map_err(TableError::Malformed)?;
        if table.format != FORMAT {
            return Err(TableError::Format(table.format));
        }
        for set in &table.sets {
            if let Some(what) = set.fault() {
                return Err(TableError::Set { name: set.name.clone(), what });
            }
        }
        Ok(table)
    }

    /// Every file name that the table speaks of, in lower case.
    #[must_use]
    pub fn files(&self) -> BTreeSet<String> {
        let needed =
            |set: &Set| set.needs.iter().map(|need| need.module.clone()).collect::<Vec<_>>();
        let all = self.sets.iter().flat_map(|set| set.modules.iter().cloned().chain(needed(set)));
        all.map(|name| name.to_lowercase()).collect()
    }
}

impl Set {
    fn fault(&self) -> Option<&'static str> {
        let has = |name: &str| self.modules.iter().any(|one| one.eq_ignore_ascii_case(name));
        let known = |kind: &Kind| kind.versions.keys().all(|name| has(name));
        if self.modules.len() < 2 {
            Some("needs two modules at least")
        } else if self.kinds.is_empty() == self.at_least.is_none() {
            Some("needs either kinds or at_least, and not both")
        } else if self.kinds.len() == 1 {
            Some("needs two kinds at least")
        } else if !self.kinds.iter().all(known) {
            Some("has versions of a file that is none of its modules")
        } else {
            None
        }
    }

    /// The kind of a module, by its version, else by its texts.
    pub(crate) fn kind_of(&self, name: &str, version: &ModuleVersion) -> Option<&Kind> {
        let by_version = self.kinds.iter().find(|kind| {
            let mut listed =
                kind.versions.iter().filter(|(file, _)| file.eq_ignore_ascii_case(name));
            listed.any(|(_, ranges)| {
                ranges.iter().any(|range| range.from <= version.file && version.file <= range.to)
            })
        });
        by_version.or_else(|| {
            let texts: Vec<String> =
                version.strings.values().map(|text| text.to_lowercase()).collect();
            let says = |word: &String| texts.iter().any(|text| text.contains(&word.to_lowercase()));
            self.kinds.iter().find(|kind| kind.words.iter().any(says))
        })
    }
}
