//! Changes to a configuration file that keep its comments and layout.
//!
//! The new text is checked as a whole before it replaces the old one in one rename, so that a reader sees the old
//! file or the new one, and never one that
//! does not load. Edits of several processes wait for each other at a lock on the folder.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::net::IpAddr;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use toml_edit::{Array, DocumentMut, Item, RawString, Table, TableLike, Value};

use crate::address;
use crate::document::default;
use crate::fault::ConfigError;
use crate::keys::Key;
use crate::load::read_text;
use crate::model::Config;
use crate::section::Section;

/// What an edit did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The file was rewritten.
    Written,
    /// It said so already and was left alone.
    AlreadySo,
}

/// A listener with a list of networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listener {
    Rpc,
    Smtp,
    Rfc1006,
}

impl Listener {
    const fn section(self) -> Section {
        match self {
            Self::Rpc => Section::Rpc,
            Self::Smtp => Section::Smtp,
            Self::Rfc1006 => Section::Rfc1006,
        }
    }
}

/// Gives a host name these addresses in `[hosts]`, in place of any that it had.
pub fn set_host(path: &Path, name: &str, addresses: &[IpAddr]) -> Result<Change, ConfigError> {
    edit(path, |document, config| {
        if config.hosts.get(&name.to_lowercase()).is_some_and(|known| known == addresses) {
            return;
        }
        let value = match addresses {
            [address] => Value::from(address.to_string()),
            several => Value::Array(several.iter().map(ToString::to_string).collect::<Array>()),
        };
        let table = table(document, Section::Hosts);
        let written = written_name(table, name).unwrap_or_else(|| name.to_owned());
        replace(table, &written, value);
    })
}

/// Takes a host name out of `[hosts]`.
pub fn remove_host(path: &Path, name: &str) -> Result<Change, ConfigError> {
    edit(path, |document, _| {
        let Some(table) = document.get_mut(Section::Hosts.name()).and_then(Item::as_table_like_mut)
        else {
            return;
        };
        if let Some(written) = written_name(table, name) {
            table.remove(&written);
        }
    })
}

/// Adds a network to `allow` of a listener, unless it is there.
pub fn allow_network(
    path: &Path,
    listener: Listener,
    network: IpNet,
) -> Result<Change, ConfigError> {
    let network = network.trunc();
    edit_allow(path, listener, |array| {
        if !array.iter().any(|element| same(element, network)) {
            push(array, network);
        }
    })
}

/// Takes a network out of `allow` of a listener. Wider networks that contain it stay.
pub fn remove_network(
    path: &Path,
    listener: Listener,
    network: IpNet,
) -> Result<Change, ConfigError> {
    let network = network.trunc();
    edit_allow(path, listener, |array| {
        for index in (0..array.len()).rev() {
            if array.get(index).is_some_and(|element| same(element, network)) {
                remove(array, index);
            }
        }
    })
}

/// Removes an element with the comment behind it; the comment behind the element before it stays.
fn remove(array: &mut Array, index: usize) {
    let removed = array.remove(index);
    let before = decor_text(removed.decor().prefix());
    // What stands between two elements begins with the comment of the first, up to the end of its line.
    let join = |after: &str| match (before.find('\n'), after.find('\n')) {
        (Some(end), Some(start)) => format!("{}{}", &before[..end], &after[start..]),
        (None, Some(_)) => after.to_owned(),
        (_, None) => before.to_owned(),
    };
    match array.get_mut(index) {
        Some(next) => {
            let prefix = join(decor_text(next.decor().prefix()));
            next.decor_mut().set_prefix(prefix);
        }
        None => {
            let trailing = array.trailing().as_str().unwrap_or_default().to_owned();
            if trailing.contains('\n') {
                array.set_trailing(join(&trailing));
            }
        }
    }
}

/// Adds an element: on a line of its own, with the indentation of the others, where the list has one element a line.
fn push(array: &mut Array, network: IpNet) {
    let trailing = array.trailing().as_str().unwrap_or_default().to_owned();
    let indentation = array.iter().last().and_then(|last| {
        let prefix = decor_text(last.decor().prefix());
        prefix.rfind('\n').map(|newline| prefix[newline + 1..].to_owned())
    });
    let (Some(indentation), Some(newline), true) =
        (indentation, trailing.rfind('\n'), array.trailing_comma())
    else {
        array.push(network.to_string());
        return;
    };
    // A comment behind the last comma belongs to the element before it, and so moves in front of the new one.
    let (comment, closing) = trailing.split_at(newline);
    let mut value = Value::from(network.to_string());
    value.decor_mut().set_prefix(format!("{comment}\n{indentation}"));
    array.push_formatted(value);
    array.set_trailing(closing);
}

fn decor_text(raw: Option<&RawString>) -> &str {
    raw.and_then(RawString::as_str).unwrap_or_default()
}

fn same(element: &Value, network: IpNet) -> bool {
    element.as_str().and_then(|text| address::network(text).ok()) == Some(network)
}

fn edit_allow(
    path: &Path,
    listener: Listener,
    change: impl FnOnce(&mut Array),
) -> Result<Change, ConfigError> {
    let section = listener.section();
    edit(path, |document, _| {
        let found = document.get_mut(section.name()).and_then(|table| table.get_mut("allow"));
        if let Some(array) = found.and_then(Item::as_array_mut) {
            change(array);
            return;
        }
        // Left out so far: what the default says has to be said now.
        let Some(Value::Array(mut array)) = Key::find(section, "allow").and_then(default) else {
            return;
        };
        let before = array.to_string();
        change(&mut array);
        if array.to_string() != before {
            replace(table(document, section), "allow", Value::Array(array));
        }
    })
}

/// Sets a key, keeping a comment at the end of its line.
fn replace(table: &mut dyn TableLike, name: &str, mut value: Value) {
    if let Some(old) = table.get(name).and_then(Item::as_value) {
        *value.decor_mut() = old.decor().clone();
    }
    match table.get_mut(name) {
        Some(item) => *item = Item::Value(value),
        None => {
            table.insert(name, Item::Value(value));
        }
    }
}

/// How the file spells a name of which case does not count.
fn written_name(table: &dyn TableLike, name: &str) -> Option<String> {
    table
        .iter()
        .map(|(written, _)| written)
        .find(|written| written.eq_ignore_ascii_case(name))
        .map(str::to_owned)
}

/// The table of a section, made at the end of the file if there is none. The file has been checked, so it is a table
/// if it is there.
#[expect(
    clippy::expect_used,
    reason = "the file was checked before, and what is inserted is a table"
)]
fn table(document: &mut DocumentMut, section: Section) -> &mut dyn TableLike {
    document
        .entry(section.name())
        .or_insert_with(|| Item::Table(Table::new()))
        .as_table_like_mut()
        .expect("the section is a table")
}

/// Puts an earlier text of the file back, if it still reads `now`; false where somebody has changed it since.
pub fn put_back(path: &Path, now: &str, before: &str) -> Result<bool, ConfigError> {
    let (path, folder) = lock(path)?;
    if read_text(&path)? != now {
        return Ok(false);
    }
    Config::parse(&path, before)?;
    let failed = |source| ConfigError::Write { path: path.clone(), source };
    write(&path, before).map_err(failed)?;
    folder.sync_all().map_err(failed)?;
    Ok(true)
}

fn edit(
    path: &Path,
    change: impl FnOnce(&mut DocumentMut, &Config),
) -> Result<Change, ConfigError> {
    let (path, folder) = lock(path)?;
    let failed = |source| ConfigError::Write { path: path.clone(), source };
    let old = read_text(&path)?;
    let config = Config::parse(&path, &old)?;
    let Ok(mut document) = old.parse::<DocumentMut>() else {
        unreachable!("the text was parsed a moment ago");
    };
    let untouched = document.to_string();
    change(&mut document, &config);
    let new = document.to_string();
    if new == untouched {
        return Ok(Change::AlreadySo);
    }
    Config::parse(&path, &new)?;
    write(&path, &new).map_err(failed)?;
    folder.sync_all().map_err(failed)?;
    Ok(Change::Written)
}

/// The file itself, and its folder, locked until that is let go.
fn lock(path: &Path) -> Result<(PathBuf, File), ConfigError> {
    // A rename would replace a symbolic link by a file.
    let path = path
        .canonicalize()
        .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
    let failed = |source| ConfigError::Write { path: path.clone(), source };
    let folder = File::open(path.parent().unwrap_or(Path::new("/"))).map_err(failed)?;
    folder.lock().map_err(failed)?;
    Ok((path, folder))
}

/// Replaces the file in one step; mode and owner stay.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let old = std::fs::metadata(path)?;
    let temporary = beside(path);
    if temporary.exists() {
        // Left by a process of this number that was killed; the lock says that nobody writes it now.
        std::fs::remove_file(&temporary)?;
    }
    let result = (|| {
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(text.as_bytes())?;
        let made = file.metadata()?;
        if (made.uid(), made.gid()) != (old.uid(), old.gid()) {
            std::os::unix::fs::fchown(&file, Some(old.uid()), Some(old.gid()))?;
        }
        file.set_permissions(std::fs::Permissions::from_mode(old.mode() & 0o7777))?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)
    })();
    if result.is_err() {
        // Best effort: the error that counts is the one above.
        let _ = std::fs::remove_file(&temporary);
    }
    result
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    path.with_file_name(name)
}
