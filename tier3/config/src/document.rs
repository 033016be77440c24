//! The text as a TOML document with positions, and typed reading of one table of it.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use toml_edit::{Document, Item, TableLike, Value};

use crate::fault::{Fault, FaultKind};
use crate::keys::{Fallback, KEYS, Key};
use crate::nearest::nearest;
use crate::section::Section;

/// Characters of a wrong value that an error shows.
const SHOWN_MAX: usize = 60;

/// Every fault is boxed, so that the good path stays small.
pub(crate) type Checked<T> = Result<T, Box<Fault>>;

/// A parsed text.
#[derive(Debug)]
pub(crate) struct Source {
    file: PathBuf,
    folder: PathBuf,
    text: String,
    document: Document<String>,
}

impl Source {
    /// Parses the text; `file` must be absolute.
    pub(crate) fn parse(file: &Path, text: &str) -> Checked<Self> {
        let document = Document::parse(text.to_owned()).map_err(|error| {
            let (line, column) = position(text, error.span().map_or(0, |span| span.start));
            Box::new(Fault {
                file: file.to_owned(),
                line,
                column,
                kind: FaultKind::Syntax,
                what: format!("not TOML: {}", error.message().replace('\n', ", ")),
                way_out: "text stands in quotes, tables begin with [name], lists with [".to_owned(),
            })
        })?;
        let folder = file.parent().map_or_else(PathBuf::new, Path::to_owned);
        Ok(Self { file: file.to_owned(), folder, text: text.to_owned(), document })
    }

    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// A fault at an octet offset of the text.
    pub(crate) fn fault(
        &self,
        at: usize,
        kind: FaultKind,
        what: String,
        way_out: String,
    ) -> Box<Fault> {
        let (line, column) = position(&self.text, at);
        Box::new(Fault { file: self.file.clone(), line, column, kind, what, way_out })
    }

    /// Where the value of `section.key` begins, or the section when the key is on its default.
    pub(crate) fn value_offset(&self, dotted: &str) -> Option<usize> {
        let (section, key) = dotted.split_once('.')?;
        let (name, item) = self.document.as_table().get_key_value(section)?;
        let value = item.as_table_like().and_then(|table| table.get(key)).and_then(Item::span);
        let span = value.or_else(|| item.span()).or_else(|| name.span())?;
        Some(span.start)
    }

    /// Where every key and table begins, by their dotted names; a table of a list has its `name` between.
    pub(crate) fn offsets(&self) -> Vec<(String, usize)> {
        let mut found = Vec::new();
        let mut take =
            |prefix: &str, table: &dyn TableLike, span: Option<std::ops::Range<usize>>| {
                found.extend(span.map(|span| (prefix.to_owned(), span.start)));
                for (key, item) in table.iter() {
                    found.extend(item.span().map(|span| (format!("{prefix}.{key}"), span.start)));
                }
            };
        for (section, item) in self.document.as_table() {
            if let Some(tables) = item.as_array_of_tables() {
                for table in tables {
                    let name = table.get("name").and_then(Item::as_str).unwrap_or_default();
                    take(&format!("{section}.{name}"), table, table.span());
                }
            } else if let Some(table) = item.as_table_like() {
                take(section, table, item.span());
            }
        }
        found
    }

    /// The table of a section that stands at most once; it reads as empty when the file leaves it out.
    pub(crate) fn section(&self, section: Section) -> TableReader<'_> {
        let found = self.document.as_table().get_key_value(section.name());
        let table = found.and_then(|(_, item)| item.as_table_like());
        let at = found.map_or(self.text.trim_end().len(), |(key, item)| {
            start(item.span().or_else(|| key.span()))
        });
        TableReader { source: self, section, table, at }
    }

    /// The `[[peer]]` tables.
    pub(crate) fn peers(&self) -> Vec<TableReader<'_>> {
        self.tables(Section::Peer, self.document.get(Section::Peer.name()))
    }

    /// The `[[dial_up]]` tables.
    pub(crate) fn dial_ups(&self) -> Vec<TableReader<'_>> {
        self.tables(Section::DialUp, self.document.get(Section::DialUp.name()))
    }

    /// The `[[connector]]` tables.
    pub(crate) fn connectors(&self) -> Vec<TableReader<'_>> {
        self.tables(Section::Connector, self.document.get(Section::Connector.name()))
    }

    /// The `[[x400]]` tables.
    pub(crate) fn x400(&self) -> Vec<TableReader<'_>> {
        self.tables(Section::X400, self.document.get(Section::X400.name()))
    }

    fn tables<'a>(&'a self, section: Section, item: Option<&'a Item>) -> Vec<TableReader<'a>> {
        let Some(tables) = item.and_then(Item::as_array_of_tables) else { return Vec::new() };
        let reader = |table: &'a toml_edit::Table| TableReader {
            source: self,
            section,
            table: Some(table),
            at: start(table.span()),
        };
        tables.iter().map(reader).collect()
    }

    /// Checks that every table and key is one that is known.
    pub(crate) fn check_names(&self) -> Checked<()> {
        for (name, item) in self.document.as_table() {
            let at = self.document.as_table().key(name).map_or(0, |key| start(key.span()));
            let Some(section) = Section::ALL.into_iter().find(|section| section.name() == name)
            else {
                return Err(self.unknown_at_top(name, item, at));
            };
            match (section, item.as_array_of_tables()) {
                (list, Some(tables)) if list.is_list() => {
                    for table in tables {
                        self.check_table(section, table)?;
                    }
                }
                (Section::Hosts, None) if item.is_table_like() => {}
                (_, Some(_)) => return Err(self.wrong_shape(section, item, at)),
                (_, None) if section.is_list() => {
                    return Err(self.wrong_shape(section, item, at));
                }
                (_, None) => match item.as_table_like() {
                    Some(table) => self.check_table(section, table)?,
                    None => return Err(self.wrong_shape(section, item, at)),
                },
            }
        }
        Ok(())
    }

    fn check_table(&self, section: Section, table: &dyn TableLike) -> Checked<()> {
        for (name, item) in table.iter() {
            if Key::find(section, name).is_some() {
                continue;
            }
            if name == ADDRESS_SPACE
                && let Some(within) = section.spaces()
            {
                let at = table.key(name).map_or(0, |key| start(key.span()));
                let Some(spaces) = item.as_array_of_tables() else {
                    return Err(self.wrong_shape(within, item, at));
                };
                for space in spaces {
                    self.check_table(within, space)?;
                }
                continue;
            }
            let at = table.key(name).map_or(0, |key| start(key.span()));
            let known = || KEYS.iter().filter(|key| key.section == section).map(|key| key.name);
            let way_out = match nearest(name, known()) {
                Some(near) => format!("the nearest known key is {near}"),
                None => match KEYS.iter().find(|key| key.name == name) {
                    Some(key) => format!("{name} belongs under {}", key.section.header()),
                    None => format!(
                        "{} has the keys {}",
                        section.header(),
                        known().collect::<Vec<_>>().join(", ")
                    ),
                },
            };
            return Err(self.fault(
                at,
                FaultKind::UnknownKey,
                format!("unknown key {} in {}", shown(name), section.header()),
                way_out,
            ));
        }
        Ok(())
    }

    fn unknown_at_top(&self, name: &str, item: &Item, at: usize) -> Box<Fault> {
        let sections = || Section::ALL.into_iter().map(Section::name);
        let is_table = item.is_table() || item.is_array_of_tables();
        if !is_table && let Some(key) = KEYS.iter().find(|key| key.name == name) {
            let what = format!("{name} stands outside of every table");
            return self.fault(
                at,
                FaultKind::UnknownKey,
                what,
                format!("move it under {}", key.section.header()),
            );
        }
        let way_out = match nearest(name, sections()) {
            Some(near) => format!("the nearest known table is {near}"),
            None => format!("the tables are {}", sections().collect::<Vec<_>>().join(", ")),
        };
        let kind = if is_table { FaultKind::UnknownSection } else { FaultKind::UnknownKey };
        let noun = if is_table { "table" } else { "key" };
        self.fault(at, kind, format!("unknown {noun} {}", shown(name)), way_out)
    }

    fn wrong_shape(&self, section: Section, item: &Item, at: usize) -> Box<Fault> {
        let what = format!(
            "{} must be {}, and is {}",
            section.name(),
            shape(section),
            with_article(item.type_name())
        );
        self.fault(
            at,
            FaultKind::WrongType,
            what,
            format!("write {} on a line of its own, its keys below", section.header()),
        )
    }
}

fn shape(section: Section) -> &'static str {
    if section.is_list() { "a list of tables" } else { "one table" }
}

/// The name of the tables within `[[connector]]` and `[[x400]]`.
const ADDRESS_SPACE: &str = "address_space";

/// One table of the file.
#[derive(Clone, Copy)]
pub(crate) struct TableReader<'a> {
    source: &'a Source,
    section: Section,
    table: Option<&'a dyn TableLike>,
    at: usize,
}

impl<'a> TableReader<'a> {
    /// Where a key stands; where its table begins if it is left out.
    pub(crate) fn at_key(&self, name: &str) -> usize {
        let found = self.table.and_then(|table| table.get_key_value(name));
        found.map_or(self.at, |(key, item)| start(item.span().or_else(|| key.span())))
    }

    /// The `address_space` tables of a connector.
    pub(crate) fn address_spaces(&self) -> Vec<TableReader<'a>> {
        let item = self.table.and_then(|table| table.get(ADDRESS_SPACE));
        let within = self.section.spaces();
        within.map(|within| self.source.tables(within, item)).unwrap_or_default()
    }

    pub(crate) fn section(&self) -> Section {
        self.section
    }

    /// The entries, for a table of free names.
    pub(crate) fn entries(&self) -> Vec<(&'a str, usize, &'a Item)> {
        let Some(table) = self.table else {
            return Vec::new();
        };
        table
            .iter()
            .map(|(name, item)| {
                (name, table.key(name).map_or(self.at, |key| start(key.span())), item)
            })
            .collect()
    }

    /// The value of a key: the file's, or the default; a fault when there is neither.
    pub(crate) fn value(&self, name: &str) -> Checked<Found<'a>> {
        match self.optional(name)? {
            Some(found) => Ok(found),
            None => {
                let key = self.key(name);
                let missing = if self.table.is_none() {
                    format!("{} with its key {name}", self.section.header())
                } else {
                    key.path()
                };
                let way_out = format!(
                    "write `{} = {}` under {}",
                    key.name,
                    key.example,
                    self.section.header()
                );
                Err(self.source.fault(
                    self.at,
                    FaultKind::Missing,
                    format!("{missing} is missing"),
                    way_out,
                ))
            }
        }
    }

    /// The value of a key: the file's, or the default where it has one.
    pub(crate) fn optional(&self, name: &str) -> Checked<Option<Found<'a>>> {
        let key = self.key(name);
        let Some((written, item)) = self.table.and_then(|table| table.get_key_value(name)) else {
            return Ok(default(key).map(|value| Found {
                source: self.source,
                key,
                value: Cow::Owned(value),
                at: self.at,
            }));
        };
        match item.as_value() {
            Some(value) => Ok(Some(Found {
                source: self.source,
                key,
                value: Cow::Borrowed(value),
                at: start(value.span()),
            })),
            None => {
                let what = format!("{} is a table", key.path());
                Err(self.source.fault(
                    start(written.span()),
                    FaultKind::WrongType,
                    what,
                    format!("write `{} = {}`", key.name, key.example),
                ))
            }
        }
    }

    #[expect(
        clippy::expect_used,
        reason = "names come from this crate's own code; the test that loads a full file asks for every one"
    )]
    fn key(&self, name: &str) -> &'static Key {
        Key::find(self.section, name).expect("the key is in KEYS")
    }
}

#[expect(clippy::expect_used, reason = "defaults are constants, and a test parses every one")]
pub(crate) fn default(key: &Key) -> Option<Value> {
    match key.fallback {
        Fallback::Value(text) => Some(text.parse().expect("the default is a TOML value")),
        Fallback::SameAs(_) | Fallback::Absent | Fallback::Required => None,
    }
}

/// One value and where it stands. Its typed readers are in `load`.
pub(crate) struct Found<'a> {
    source: &'a Source,
    pub(crate) key: &'static Key,
    pub(crate) value: Cow<'a, Value>,
    pub(crate) at: usize,
}

impl Found<'_> {
    pub(crate) fn folder(&self) -> &Path {
        &self.source.folder
    }

    /// The offset of an element of a list.
    pub(crate) fn at_element(&self, element: &Value) -> usize {
        element.span().map_or(self.at, |span| span.start)
    }

    pub(crate) fn wrong_type(&self, at: usize, expected: &str, found: &Value) -> Box<Fault> {
        let what = format!(
            "{}: expected {expected}, found {}",
            self.key.path(),
            with_article(found.type_name())
        );
        self.source.fault(at, FaultKind::WrongType, what, self.way_out())
    }

    pub(crate) fn bad_value(&self, at: usize, problem: &str) -> Box<Fault> {
        self.bad_value_with(at, problem, self.way_out())
    }

    /// The same with a way out of its own.
    pub(crate) fn bad_value_with(&self, at: usize, problem: &str, way_out: String) -> Box<Fault> {
        let what = format!("{}: {problem}", self.key.path());
        self.source.fault(at, FaultKind::BadValue, what, way_out)
    }

    fn way_out(&self) -> String {
        format!("write {}, as in `{} = {}`", self.key.kind.range(), self.key.name, self.key.example)
    }
}

/// A value of the file as an error shows it: quoted, and not longer than a line.
pub(crate) fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(SHOWN_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("{short:?}")
}

fn with_article(type_name: &str) -> String {
    let article = if type_name.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {type_name}")
}

fn start(span: Option<std::ops::Range<usize>>) -> usize {
    span.map_or(0, |span| span.start)
}

/// Line and column, both from 1, columns in characters.
pub(crate) fn position(text: &str, at: usize) -> (usize, usize) {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let before = &text[..at];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::position;

    #[test]
    fn positions_count_characters() {
        let text = "ab\nä = 1\n";
        assert_eq!(position(text, 0), (1, 1));
        assert_eq!(position(text, 3), (2, 1));
        assert_eq!(position(text, 4), (2, 1));
        assert_eq!(position(text, 5), (2, 2));
        assert_eq!(position(text, 99), (3, 1));
    }
}
