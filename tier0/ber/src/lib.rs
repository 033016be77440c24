//! X.690 basic encoding rules: a tolerant decoder and a deterministic encoder.
//!
//! The decoder takes what real peers send: indefinite lengths, constructed strings, long
//! forms of a length, in any mixture. Every [`Element`] keeps its raw octets, so that what
//! is not understood can be relayed unchanged. The encoder writes definite lengths in their
//! shortest form and nothing else.
//!
//! Left out on purpose: REAL, and any schema; the rooms above know their modules.

mod decode;
mod encode;
mod oid;
mod tag;
mod value;

pub use decode::{Children, Element, Partial, decode_one, decode_partial, decode_prefix};
pub use encode::Encoder;
pub use oid::{Oid, ParseOidError};
pub use tag::{Class, Tag};
pub use value::BitString;
