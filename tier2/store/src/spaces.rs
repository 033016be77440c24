//! The keyspaces and how each is laid out.

use crate::error::StoreError;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, KvSeparationOptions};
use std::path::Path;

/// Contents from this size on stand apart from the tree, so that compaction moves references and not mail.
const CONTENT_SEPARATION: u32 = 4 * 1024;
/// Size of the files that hold them: small enough that removed mail gives its space back soon.
const CONTENT_FILE: u64 = 32 * 1024 * 1024;

/// A keyspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Space {
    Meta,
    Messages,
    Envelopes,
    Contents,
    Recipients,
    Seen,
    Accounts,
    Events,
    Peers,
    Track,
    Rows,
    Order,
}

impl Space {
    /// Every keyspace.
    pub(crate) const ALL: [Self; 12] = [
        Self::Meta,
        Self::Messages,
        Self::Envelopes,
        Self::Contents,
        Self::Recipients,
        Self::Seen,
        Self::Accounts,
        Self::Events,
        Self::Peers,
        Self::Track,
        Self::Rows,
        Self::Order,
    ];

    /// The keyspace of the engine's number: they are numbered as they are opened, from 1 on.
    pub(crate) fn numbered(number: u64) -> Option<Self> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        Self::ALL.get(index).copied()
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Messages => "messages",
            Self::Envelopes => "envelopes",
            Self::Contents => "contents",
            Self::Recipients => "recipients",
            Self::Seen => "seen",
            Self::Accounts => "accounts",
            Self::Events => "events",
            Self::Peers => "peers",
            Self::Track => "track",
            Self::Rows => "rows",
            Self::Order => "order",
        }
    }

    fn options(self) -> KeyspaceCreateOptions {
        let options = KeyspaceCreateOptions::default().manual_journal_persist(true);
        if self != Self::Contents {
            return options;
        }
        let separation = KvSeparationOptions::default()
            .separation_threshold(CONTENT_SEPARATION)
            .file_target_size(CONTENT_FILE);
        options.with_kv_separation(Some(separation))
    }
}

/// Handles to all keyspaces.
#[derive(Clone)]
pub(crate) struct Spaces {
    meta: Keyspace,
    messages: Keyspace,
    envelopes: Keyspace,
    contents: Keyspace,
    recipients: Keyspace,
    seen: Keyspace,
    accounts: Keyspace,
    events: Keyspace,
    peers: Keyspace,
    track: Keyspace,
    rows: Keyspace,
    order: Keyspace,
}

impl Spaces {
    pub(crate) fn open(db: &Database, dir: &Path) -> Result<Self, StoreError> {
        let open = |space: Space| {
            db.keyspace(space.name(), || space.options())
                .map_err(|error| StoreError::engine(dir, "opening a keyspace", error))
        };
        Ok(Self {
            meta: open(Space::Meta)?,
            messages: open(Space::Messages)?,
            envelopes: open(Space::Envelopes)?,
            contents: open(Space::Contents)?,
            recipients: open(Space::Recipients)?,
            seen: open(Space::Seen)?,
            accounts: open(Space::Accounts)?,
            events: open(Space::Events)?,
            peers: open(Space::Peers)?,
            track: open(Space::Track)?,
            rows: open(Space::Rows)?,
            order: open(Space::Order)?,
        })
    }

    pub(crate) const fn of(&self, space: Space) -> &Keyspace {
        match space {
            Space::Meta => &self.meta,
            Space::Messages => &self.messages,
            Space::Envelopes => &self.envelopes,
            Space::Contents => &self.contents,
            Space::Recipients => &self.recipients,
            Space::Seen => &self.seen,
            Space::Accounts => &self.accounts,
            Space::Events => &self.events,
            Space::Peers => &self.peers,
            Space::Track => &self.track,
            Space::Rows => &self.rows,
            Space::Order => &self.order,
        }
    }
}
