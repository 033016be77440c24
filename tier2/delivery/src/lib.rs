//! Local delivery into Maildirs, once for each message and recipient.
//!
//! A file name is derived from message and recipient, so a delivery that is repeated after a crash finds its own file
//! and says so. A file is written to `tmp`, synced, linked into `new` (which fails where the name exists already), and
//! the directory is synced before the delivery counts.
//!
//! Invariants:
//! - What stands in `new` is complete and durable.
//! - A mailbox name from outside never leaves the directory it is joined to: [`mailbox_folder`].
//!
//! Left out: a message that its reader deleted or moved to another folder cannot be recognised; the queue's own
//! record is what normally prevents a second delivery, this is the net below it for a crash between the two.

mod error;
mod mailbox;
mod maildir;
mod shared_sync;

pub use error::{DeliveryError, FailureKind};
pub use mailbox::mailbox_folder;
pub use maildir::{Delivered, DeliveryKey, Maildir};
