//! This server's copy of the directory beside those of others: what is told of it, what is taken over, what was removed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use directory::{Change, Directory, Object, Replica, Tombstone, Tombstones, diff};
use identity::AccountName;
use mta::directory_interface::{PAGE_LIMIT, Read, ReadAnswer};
use serde::{Deserialize, Serialize};
use store::{Row, Table};
use tokio::sync::Notify;

use super::{DirectoryTable, DirectoryTableError, agent_row, json, now_ms, object_rows};

const TOMBSTONE: &str = "directory-tombstone ";
/// Octets of a page, about; the objects of a small organisation are one page.
const PAGE: usize = PAGE_LIMIT / 10;
/// How far another server's clock may go before this one's: what was changed later than that is not taken over, since
/// nobody could change it any more.
const AHEAD_MS: i64 = 24 * 3600 * 1000;
/// Objects of another server that were not understood and are told by name.
const FAULTS_TOLD: usize = 50;

/// What a table knows beside its own objects.
#[derive(Debug)]
pub(super) struct Beside {
    known: Mutex<Known>,
    /// Whether the copy is kept in step with that of another server.
    replicated: bool,
    version: AtomicU64,
    once: AtomicBool,
    asked: Notify,
}

#[derive(Debug, Default)]
struct Known {
    gone: Tombstones,
    sources: BTreeMap<String, Source>,
}

/// How it went last with a server whose copy is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Source {
    pub last_ms: Option<i64>,
    /// Why it cannot be read.
    pub trouble: Option<String>,
    /// What was not understood, and left out.
    pub faults: Vec<String>,
}

/// One page of a copy.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Page {
    objects: Vec<serde_json::Value>,
    gone: Vec<Tombstone>,
    /// What to ask for the next page with; empty at the end.
    next: String,
}

impl Beside {
    /// What the store has of it.
    pub(super) fn open(
        rows: &[(String, Vec<u8>)],
        replicated: bool,
    ) -> Result<Self, DirectoryTableError> {
        let mut known = Known::default();
        for (key, octets) in rows {
            let damaged = |error: serde_json::Error| {
                DirectoryTableError::Damaged(key.clone(), error.to_string())
            };
            if key.starts_with(TOMBSTONE) {
                let one: Tombstone = serde_json::from_slice(octets).map_err(damaged)?;
                known.gone.note(&one.name, one.removed_ms);
            }
        }
        known.gone.forget(now_ms());
        // Another one after each start: what was told before is no longer counted on.
        let first = u64::from_le_bytes(crate::node::random()) >> 1 | 1;
        Ok(Self {
            known: Mutex::new(known),
            replicated,
            version: AtomicU64::new(first),
            once: AtomicBool::new(false),
            asked: Notify::new(),
        })
    }

    /// Whether the copy is kept in step with that of another server.
    pub(super) fn is_replicated(&self) -> bool {
        self.replicated
    }

    /// There is something new to tell.
    pub(super) fn changed(&self) {
        self.version.fetch_add(1, Ordering::Relaxed);
    }

    /// Gives what changes are about its time; the rows to be written with them.
    pub(super) fn stamp(
        &self,
        directory: &mut Directory,
        changes: &[Change],
        now_ms: i64,
    ) -> Result<Vec<Row>, DirectoryTableError> {
        let mut known = self.known();
        let gone = std::mem::take(&mut known.gone);
        let mut replica = Replica { directory: std::mem::take(directory), gone };
        replica.stamp(changes, now_ms);
        *directory = replica.directory;
        known.gone = replica.gone;
        let removed = changes.iter().filter_map(|change| match change {
            Change::Remove { object } => known.gone.of_name(&object.name),
            _ => None,
        });
        removed.map(tombstone_row).collect()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tombstone_row(one: &Tombstone) -> Result<Row, DirectoryTableError> {
    let key = format!("{TOMBSTONE}{}", one.name.key());
    let json = json(&key, one)?;
    Ok(Row { table: Table::State, key, json: Some(json) })
}

impl DirectoryTable {
    /// A page of the copy in force, as it is told to another server.
    ///
    /// # Errors
    /// An object has no JSON form.
    pub fn page(&self, asked: &Read) -> Result<ReadAnswer, DirectoryTableError> {
        let beside = &self.shared.beside;
        let version = beside.version.load(Ordering::Relaxed);
        if asked.known == version {
            return Ok(ReadAnswer { version, page: Vec::new(), status: 0 });
        }
        let (mut page, mut size) = (Page::default(), 0);
        let mut objects_left = false;
        if !asked.after.starts_with('-') {
            let after = asked.after.strip_prefix('+').unwrap_or_default();
            let copies = self.copies();
            for object in copies.site.behind(after) {
                let value = serde_json::to_value(object).map_err(|error| {
                    DirectoryTableError::Damaged(object.name.to_string(), error.to_string())
                })?;
                let octets = value.to_string().len();
                if octets > PAGE_LIMIT / 2 {
                    // Of no use to anybody who cannot hold it; nothing real comes near.
                    eprintln!("{} is too large to be told to other servers", object.name);
                    continue;
                }
                page.objects.push(value);
                page.next = format!("+{}", object.name.key());
                size += octets;
                if size > PAGE {
                    objects_left = true;
                    break;
                }
            }
        }
        if !objects_left {
            page.next.clear();
            let after = asked.after.strip_prefix('-').unwrap_or_default();
            let copies = self.copies();
            let gone = beside.known().gone.clone();
            // What the copy in force still has is not gone yet.
            for one in gone.behind(after).filter(|one| copies.site.get(&one.name).is_err()) {
                if size > PAGE {
                    page.next = format!("-{}", page.gone.last().map_or_else(String::new, key_of));
                    break;
                }
                size += one.name.key().len() + 64;
                page.gone.push(one.clone());
            }
        }
        Ok(ReadAnswer { version, page: json("page", &page)?, status: 0 })
    }

    /// Takes over what is newer in another server's copy; whether this site's copy changed.
    ///
    /// # Errors
    /// The store or the LDAP server fails, or both together are too many.
    pub fn replicate(&self, source: &str, heard: Heard) -> Result<bool, DirectoryTableError> {
        let beside = &self.shared.beside;
        let now_ms = now_ms();
        let Heard { replica: theirs, faults } = heard;
        let mut last = self.shared.order.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.copies().clone();
        let gone = beside.known().gone.clone();
        let own = Replica { directory: before.organisation.clone(), gone };
        let mut both = own.clone();
        both.join(&theirs)?;
        let changes = diff(&own.directory, &both.directory);
        let mut rows = Vec::new();
        for one in both.gone.iter() {
            if own.gone.removed_ms(&one.name) != Some(one.removed_ms) {
                rows.push(tombstone_row(one)?);
            }
        }
        let who = format!("the agent, from {source}");
        let changed = if let Some(backing) = &self.shared.backing {
            if !changes.is_empty() {
                let found = backing.service.apply(&changes)?;
                self.take_in_order(&mut last, found, now_ms, Some(&who))?
            } else {
                false
            }
        } else {
            let mut copies = before.clone();
            copies.replace(both.directory, now_ms);
            if beside.once.swap(false, Ordering::Relaxed) {
                copies.catch_up();
            }
            let of_site = diff(&before.site, &copies.site);
            rows.extend(object_rows(Table::Directory, &changes, &copies.organisation)?);
            rows.extend(object_rows(Table::SiteDirectory, &of_site, &copies.site)?);
            if copies.behind_since_ms != before.behind_since_ms {
                rows.push(agent_row(&copies)?);
            }
            rows.extend(self.audit_of_others(&mut last, &who, now_ms, &changes)?);
            if !rows.is_empty() {
                self.shared.store.write_rows(std::mem::take(&mut rows))?;
            }
            if copies != before {
                self.put_copies(copies);
            }
            !of_site.is_empty()
        };
        if !rows.is_empty() {
            self.shared.store.write_rows(rows)?;
        }
        let mut known = beside.known();
        if known.gone != both.gone {
            known.gone = both.gone;
            beside.changed();
        }
        let found = known.sources.entry(source.to_owned()).or_default();
        *found = Source { last_ms: Some(now_ms), trouble: None, faults };
        Ok(changed)
    }

    /// The source has nothing new, or cannot be read.
    pub fn note_source(&self, source: &str, trouble: Option<String>) {
        let mut known = self.shared.beside.known();
        let found = known.sources.entry(source.to_owned()).or_default();
        if trouble.is_none() {
            found.last_ms = Some(now_ms());
            // What is known is in the copy since it was asked for.
            self.shared.beside.once.store(false, Ordering::Relaxed);
        }
        found.trouble = trouble;
    }

    /// The servers whose copies are read, and how it went last.
    #[must_use]
    pub fn sources(&self) -> BTreeMap<String, Source> {
        self.shared.beside.known().sources.clone()
    }

    /// Brings the copy into step once, whatever the agent does: with what is known now, and with what is read next.
    ///
    /// # Errors
    /// The store fails.
    pub fn catch_up(&self) -> Result<bool, DirectoryTableError> {
        self.shared.beside.once.store(self.shared.beside.is_replicated(), Ordering::Relaxed);
        let changed = self.work(directory::Copies::catch_up)?;
        self.ask_sources();
        Ok(changed)
    }

    /// Lets the sources be read at once.
    pub fn ask_sources(&self) {
        self.shared.beside.asked.notify_waiters();
    }

    /// Rings when the sources are to be read at once.
    pub async fn sources_asked(&self) {
        self.shared.beside.asked.notified().await;
    }

    /// The machine account of a server, by the site's copy: only a new one has any.
    #[must_use]
    pub fn machine_account_of(&self, mta: &str) -> Option<AccountName> {
        let folded = identity::upcase(mta);
        let copies = self.copies();
        let server = copies.site.objects().find(|object| {
            object.class == directory::Class::Server
                && identity::upcase(object.name.leaf()) == folded
        })?;
        if server.value("generation") == Some("old") {
            return None;
        }
        server.value("machineAccount")?.parse().ok()
    }
}

fn key_of(one: &Tombstone) -> String {
    one.name.key()
}

/// What a page that was read holds.
#[derive(Debug, Default)]
pub struct Received {
    objects: Vec<Object>,
    gone: Vec<Tombstone>,
    faults: Vec<String>,
    unheard: usize,
}

/// The copy of another server, as it was heard.
#[derive(Debug, Default)]
pub struct Heard {
    pub replica: Replica,
    /// What was left out, since it could not be understood.
    pub faults: Vec<String>,
}

/// A reading that leads to nothing.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    #[error("a page is no JSON of the expected shape")]
    Malformed(#[from] serde_json::Error),
    #[error("the pages go in circles: {0:?} does not stand behind {1:?}")]
    Circle(String, String),
    #[error("it tells of more than {} objects", directory::MAX_OBJECTS)]
    TooMany,
    #[error("its objects")]
    Directory(#[from] directory::DirectoryError),
}

impl Received {
    /// Takes a page; gives what to ask for the next with, which is empty at the end.
    ///
    /// # Errors
    /// It cannot be one. An object in it that cannot be understood is left out and told as a fault.
    pub fn take(&mut self, page: &[u8], asked: &str) -> Result<String, PageError> {
        let page: Page = serde_json::from_slice(page)?;
        let latest = now_ms().saturating_add(AHEAD_MS);
        for value in page.objects {
            let name = value["name"].as_str().unwrap_or("an object without a name").to_owned();
            let object = serde_json::from_value::<Object>(value).map_err(|error| error.to_string());
            let object =
                object.and_then(|object| object.checked().map_err(|error| error.to_string()));
            match object {
                Ok(object) if object.latest_ms() > latest => {
                    self.fault(&name, "it was changed in the future; set the clocks");
                }
                Ok(object) => self.objects.push(object),
                Err(error) => self.fault(&name, &error),
            }
        }
        self.gone.extend(page.gone.into_iter().filter(|one| one.removed_ms <= latest));
        if self.objects.len() > directory::MAX_OBJECTS
            || self.gone.len() > directory::MAX_TOMBSTONES
        {
            return Err(PageError::TooMany);
        }
        // '+' stands before '-', and objects before tombstones.
        if !page.next.is_empty() && page.next.as_str() <= asked {
            return Err(PageError::Circle(page.next, asked.to_owned()));
        }
        Ok(page.next)
    }

    fn fault(&mut self, name: &str, what: &str) {
        if self.faults.len() < FAULTS_TOLD {
            let name: String = name.chars().take(300).collect();
            self.faults.push(format!("{name}: {what}"));
        } else {
            self.unheard += 1;
        }
    }

    /// The copy that was read.
    ///
    /// # Errors
    /// A name stands twice.
    pub fn whole(mut self) -> Result<Heard, PageError> {
        if self.unheard > 0 {
            self.faults.push(format!("and {} more", self.unheard));
        }
        let directory = Directory::from_objects(self.objects)?;
        let replica = Replica { directory, gone: self.gone.into_iter().collect() };
        Ok(Heard { replica, faults: self.faults })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(objects: &[serde_json::Value], next: &str) -> Vec<u8> {
        serde_json::to_vec(&serde_json::json!({"objects": objects, "gone": [], "next": next}))
            .unwrap()
    }

    fn object(name: &str, changed_ms: i64) -> serde_json::Value {
        let object = Object::new(name.parse().unwrap(), directory::Class::Container, changed_ms);
        serde_json::to_value(object).unwrap()
    }

    #[test]
    fn a_hostile_page_is_refused_or_its_objects_are_left_out() {
        let mut received = Received::default();
        assert!(matches!(received.take(b"{", ""), Err(PageError::Malformed(_))));
        let mut wrong = object("/O=Demo/CN=x", 1);
        wrong["attributes"] = serde_json::json!({"cost": ["cheap"]});
        let mut nameless = object("/O=Demo", 1);
        nameless["name"] = serde_json::json!("/O=");
        let future = object("/O=Later", i64::MAX);
        let next =
            received.take(&page(&[wrong, nameless, future, object("/O=Good", 1)], "+b"), "+a");
        assert_eq!(next.unwrap(), "+b");
        for circle in ["+a", "+b"] {
            let taken = received.take(&page(&[], circle), "+b");
            assert!(matches!(taken, Err(PageError::Circle(..))), "{taken:?}");
        }
        let Heard { replica, faults } = received.whole().unwrap();
        assert_eq!(replica.directory.len(), 1);
        assert_eq!(faults.len(), 3, "{faults:?}");
        assert!(faults[0].starts_with("/O=Demo/CN=x: cost is no attribute"), "{faults:?}");
        assert!(faults[2].contains("in the future"), "{faults:?}");
        let mut twice = Received::default();
        twice.take(&page(&[object("/O=A", 1), object("/O=a", 2)], ""), "").unwrap();
        assert!(twice.whole().is_err(), "one name twice");
        let mut many = Received::default();
        let bad = vec![serde_json::json!({"name": "/O=x"}); 500];
        many.take(&page(&bad, ""), "").unwrap();
        let faults = many.whole().unwrap().faults;
        assert_eq!((faults.len(), faults[50].as_str()), (51, "and 450 more"));
    }
}
