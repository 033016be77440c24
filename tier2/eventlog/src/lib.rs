//! Event logs of Windows in every form that they leave it in.
//!
//! [`read_file`] finds out by its first octets what a file is and hands each [`Record`] on as it is read: .evtx (through
//! the crate of that name), the older [`evt`] of NT 4 to Server 2003, Event Viewer's XML, CSV and text, the MTA's own text
//! logs, lines of JSON, and text as people paste it. Binary logs hold only numbers and insertion strings: [`templates`]
//! make the text.
//!
//! Invariants: no record is kept, so memory does not grow with the log; every length that a file gives is checked before
//! it is believed; a file that goes round in circles ends. Deliberately left out: message files of other programs, so an
//! event that no template covers has its insertion strings for a text.

pub mod evt;
mod evtx_file;
mod mta_log;
mod record;
mod source;
mod table;
pub mod templates;
mod text;
mod words;
mod xml;

pub use record::{EventLogError, Record};
pub use source::{Form, Summary, read_file, read_octets};
pub use words::decode;
