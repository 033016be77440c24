//! Cursors over bytes, the decode error that points at an offset, and a hex dump.
//!
//! Every decoder of the project reads through [`Reader`], so that every refusal of bad
//! input says what was being read, which field, and at which offset. Nothing here panics
//! on input; lengths are checked before anything is taken.

mod error;
mod hex;
mod reader;
mod writer;

pub use error::{DecodeError, DecodeErrorKind};
pub use hex::{from_hex, hex_dump, to_hex};
pub use reader::Reader;
pub use writer::Writer;
