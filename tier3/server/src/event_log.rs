//! Where events go: the store, standard error or the journal, and JSON lines; and who follows.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::{Mutex, PoisonError};

use config::StderrLevel;
use event::{Category, Draft, Event, EventType, Level};
use jiff::Timestamp;
use store::{Store, StoreError};
use tokio::sync::broadcast;

use crate::event_levels::EventLevels;

/// Events that a slow follower may lag behind before it misses some.
const FOLLOWERS: usize = 1024;

/// The event log of a running server.
pub struct EventLog {
    server: String,
    stderr: StderrLevel,
    /// True when standard error is the journal, which reads `<4>` as a priority.
    journal: bool,
    json: Option<Mutex<File>>,
    store: Store,
    levels: EventLevels,
    followers: broadcast::Sender<Event>,
}

impl EventLog {
    /// Opens the log.
    ///
    /// # Errors
    /// The JSON file cannot be opened, or the levels cannot be read.
    pub fn open(
        server: &str,
        settings: &config::Events,
        store: Store,
    ) -> Result<Self, std::io::Error> {
        let json = match &settings.json_file {
            Some(path) => {
                let file = OpenOptions::new().create(true).append(true).mode(0o640).open(path)?;
                Some(Mutex::new(file))
            }
            None => None,
        };
        let levels = EventLevels::open(&store).map_err(std::io::Error::other)?;
        Ok(Self {
            server: server.to_owned(),
            stderr: settings.stderr_level,
            journal: std::env::var_os("JOURNAL_STREAM").is_some(),
            json,
            store,
            levels,
            followers: broadcast::channel(FOLLOWERS).0,
        })
    }

    /// How much each category logs.
    pub const fn levels(&self) -> &EventLevels {
        &self.levels
    }

    /// Whether an event of this number is logged: for one that takes work to build.
    pub fn admits(&self, number: u32) -> bool {
        event::definition(number).is_none_or(|definition| self.levels.admit(definition))
    }

    /// Sets the level of a category, from now on and over a restart.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn set_level(&self, category: Category, level: Level) -> Result<(), StoreError> {
        self.levels.set(&self.store, category, level)
    }

    /// Logs an event, now, if the level of its category admits it.
    pub fn log(&self, draft: Draft) {
        if !self.admits(draft.id()) {
            return;
        }
        let event = draft.stamp(Timestamp::now(), &self.server);
        metrics::counter!("bindback_events_total", "id" => event.id.to_string()).increment(1);
        if self.is_wanted(event.event_type) {
            eprintln!("{}", event::line(&event, self.journal));
        }
        match serde_json::to_vec(&event) {
            Ok(octets) => self.keep(&event, &octets),
            Err(error) => eprintln!("event {} cannot be written: {error}", event.id),
        }
        // Nobody may be following.
        let _ = self.followers.send(event);
    }

    /// Everything logged from now on.
    pub fn follow(&self) -> broadcast::Receiver<Event> {
        self.followers.subscribe()
    }

    fn keep(&self, event: &Event, octets: &[u8]) {
        if let Err(error) = self.store.append_event(octets, event.time) {
            eprintln!("event {} cannot be stored: {error}", event.id);
        }
        if let Some(json) = &self.json {
            let mut file = json.lock().unwrap_or_else(PoisonError::into_inner);
            if let Err(error) = file.write_all(&[octets, b"\n"].concat()) {
                eprintln!("event {} cannot be written to events.json_file: {error}", event.id);
            }
        }
    }

    fn is_wanted(&self, event_type: EventType) -> bool {
        let level = match event_type {
            EventType::Error => StderrLevel::Error,
            EventType::Warning => StderrLevel::Warning,
            EventType::Information => StderrLevel::Information,
        };
        level <= self.stderr
    }
}
