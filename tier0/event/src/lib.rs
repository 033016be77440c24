//! The closed catalogue of events, and events read back out of text.
//!
//! An event is built by one constructor of [`build`] and never by hand, so its number, type, category and wording are
//! always those of [`catalogue`]. The wording is the one that operators' log tools already match. Pure: the time and the
//! server's name are given by whoever logs. Deliberately left out: storage, filtering by level, and Windows log files.

pub mod build;
mod catalogue;
mod journal;
pub mod own;
mod record;
mod template;
mod words;

mod read;

pub use build::Draft;
pub use catalogue::{CATALOGUE, Definition, Kind, Parameter, SOURCE, definition, id};
pub use journal::line;
pub use read::{MAX_TEXT, Reading, read};
pub use record::{Event, Params};
pub use words::{Category, EventType, Layer, Level, UnknownWord};
