//! A site's copy of the directory, and the agent that keeps it in step: it may lag, or stop.
//!
//! Changes are made in the organisation's directory. A server authorises by its site's copy. While the agent runs without
//! lag both are the same; otherwise accounts can disagree, as they did.

use serde::{Deserialize, Serialize};

use crate::change::{Change, diff};
use crate::tree::Directory;

/// The agent that brings changes to the copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "agent", rename_all = "kebab-case")]
pub enum Agent {
    /// Changes are in the copy at once.
    #[default]
    Running,
    /// Each change reaches the copy this long after it was made.
    Lagging {
        /// In milliseconds.
        lag_ms: i64,
    },
    /// Nothing reaches the copy.
    Stopped,
}

/// The organisation's directory and a site's copy of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Copies {
    /// What was administered.
    pub organisation: Directory,
    /// What the site's servers go by.
    pub site: Directory,
    /// What keeps them in step.
    pub agent: Agent,
    /// When the oldest change that is not in the copy yet was made.
    pub behind_since_ms: Option<i64>,
}

impl Copies {
    /// Both alike.
    #[must_use]
    pub fn of(directory: Directory) -> Self {
        Self {
            site: directory.clone(),
            organisation: directory,
            agent: Agent::Running,
            behind_since_ms: None,
        }
    }

    /// Takes over a changed directory of the organisation.
    pub fn replace(&mut self, organisation: Directory, now_ms: i64) {
        self.organisation = organisation;
        if self.agent == Agent::Running {
            // Also where only the times of changes differ, which nobody has to wait for.
            self.catch_up();
            return;
        }
        if self.behind_since_ms.is_none() && !self.behind().is_empty() {
            self.behind_since_ms = Some(now_ms);
        }
        self.poll(now_ms);
    }

    /// Takes over changes that were made to this very copy, whatever the agent does: only what comes from elsewhere waits for it.
    pub fn replace_own(&mut self, organisation: Directory, changes: &[Change]) {
        for change in changes {
            match organisation.get(change.object()) {
                Ok(object) => self.site.put(object.clone()),
                Err(_) => self.site.drop_key(&change.object().key()),
            }
        }
        self.organisation = organisation;
        if self.site == self.organisation {
            self.behind_since_ms = None;
        }
    }

    /// Brings the copy into step once, whatever the agent does.
    pub fn catch_up(&mut self) {
        self.site = self.organisation.clone();
        self.behind_since_ms = None;
    }

    /// Another mode of the agent.
    pub fn set_agent(&mut self, agent: Agent, now_ms: i64) {
        self.agent = agent;
        self.poll(now_ms);
    }

    /// Lets the agent work; whether the copy changed.
    pub fn poll(&mut self, now_ms: i64) -> bool {
        let due = match (self.agent, self.behind_since_ms) {
            (_, None) | (Agent::Stopped, _) => false,
            (Agent::Running, Some(_)) => true,
            (Agent::Lagging { lag_ms }, Some(since)) => now_ms.saturating_sub(since) >= lag_ms,
        };
        if due {
            self.catch_up();
        }
        due
    }

    /// When the agent has something to do next.
    #[must_use]
    pub fn due_ms(&self) -> Option<i64> {
        match (self.agent, self.behind_since_ms) {
            (Agent::Lagging { lag_ms }, Some(since)) => Some(since.saturating_add(lag_ms)),
            _ => None,
        }
    }

    /// What the copy does not have yet.
    #[must_use]
    pub fn behind(&self) -> Vec<Change> {
        diff(&self.site, &self.organisation)
    }
}
