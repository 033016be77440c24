//! How much each category of events logs, kept in the store.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError, RwLock};

use event::{Category, Definition, Level};
use store::{Row, Store, StoreError, Table};

/// The row of the table of states.
const ROW: &str = "event-levels";

/// The levels in force; a category that nobody set is at level 0.
#[derive(Debug, Default)]
pub struct EventLevels {
    set: RwLock<BTreeMap<u8, Level>>,
    /// Held by whoever sets one, until it is on disk.
    setting: Mutex<()>,
}

impl EventLevels {
    /// Reads what was set.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn open(store: &Store) -> Result<Self, StoreError> {
        let row = store.rows(Table::State)?.into_iter().find(|(key, _)| key == ROW);
        // A row that cannot be read counts as none: less is logged, and it can be set anew.
        let set = row.and_then(|(_, json)| serde_json::from_slice(&json).ok()).unwrap_or_default();
        Ok(Self { set: RwLock::new(set), setting: Mutex::default() })
    }

    /// The level of a category.
    pub fn of(&self, category: Category) -> Level {
        let set = self.set.read().unwrap_or_else(PoisonError::into_inner);
        set.get(&category.number()).copied().unwrap_or_default()
    }

    /// Whether an event is logged.
    pub fn admit(&self, definition: &Definition) -> bool {
        definition.level == Level::None || definition.level <= self.of(definition.category)
    }

    /// Every category with its level, in the order of the registry.
    pub fn all(&self) -> Vec<(Category, Level)> {
        Category::ALL.iter().map(|category| (*category, self.of(*category))).collect()
    }

    /// Sets a level; it is in force once it is on disk.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn set(&self, store: &Store, category: Category, level: Level) -> Result<(), StoreError> {
        self.set_by(category, level, |row| store.write_rows(vec![row]))
    }

    /// The same with what writes the row. Whoever logs an event meanwhile does not wait for the disk.
    fn set_by(
        &self,
        category: Category,
        level: Level,
        write: impl FnOnce(Row) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let _one = self.setting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut fresh = self.set.read().unwrap_or_else(PoisonError::into_inner).clone();
        fresh.insert(category.number(), level);
        // Numbers as keys and values: nothing that JSON cannot express.
        let json = serde_json::to_vec(&fresh).unwrap_or_default();
        write(Row { table: Table::State, key: ROW.to_owned(), json: Some(json) })?;
        *self.set.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_level_outlives_a_restart_and_lets_events_through() {
        let folder = tempfile::tempdir().unwrap();
        let sent = event::definition(event::own::id::OBJECT_SENT).unwrap();
        {
            let store = Store::open(folder.path()).unwrap();
            let levels = EventLevels::open(&store).unwrap();
            assert!(levels.all().iter().all(|(_, level)| *level == Level::None));
            assert!(!levels.admit(sent));
            assert!(levels.admit(event::definition(event::id::BIND_FAILED).unwrap()));
            levels.set(&store, Category::Interface, Level::Calls).unwrap();
            levels.set(&store, Category::X400Service, Level::Minimum).unwrap();
            assert!(!levels.admit(sent));
            levels.set(&store, Category::X400Service, Level::Medium).unwrap();
            assert!(levels.admit(sent));
            store.close();
        }
        let store = Store::open(folder.path()).unwrap();
        let levels = EventLevels::open(&store).unwrap();
        assert_eq!(levels.of(Category::X400Service), Level::Medium);
        assert_eq!(levels.of(Category::Interface), Level::Calls);
        assert_eq!(levels.of(Category::Security), Level::None);
    }

    #[test]
    fn events_do_not_wait_while_a_level_is_written() {
        let levels = Arc::new(EventLevels::default());
        let set = levels.set_by(Category::X400Service, Level::Medium, |_| {
            let (asked, answer) = (Arc::clone(&levels), std::sync::mpsc::channel());
            let (tell, hear) = answer;
            std::thread::spawn(move || tell.send(asked.of(Category::X400Service)));
            let heard = hear.recv_timeout(std::time::Duration::from_secs(20));
            assert_eq!(heard, Ok(Level::None), "not on disk yet, and not waited for");
            Ok(())
        });
        set.unwrap();
        assert_eq!(levels.of(Category::X400Service), Level::Medium);
    }
}
