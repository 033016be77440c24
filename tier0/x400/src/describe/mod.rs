//! Any APDU of X.400 as a tree of named values, for people and for comparison.
//!
//! Driven by tables that hold the components of X.411 (1999), X.420 (1999) and STANAG 4406 as the
//! standards spell them; one walk serves all. It is apart from the decoders that the MTA acts on:
//! those refuse what is broken, this shows as much of it as there is.
//!
//! Invariants: no element is lost (what no table knows is kept with its tag and octets); a fault
//! does not end the walk; no input panics or makes the walk deeper than [`walk`]'s limit.
//!
//! Left out: attributes of P3 and P7, the inside of certificates and tokens that are signed.

mod address;
mod apdu;
mod extension;
mod file_transfer;
mod names;
mod p1;
mod p22;
mod p772;
mod schema;
mod value;
mod walk;

pub use apdu::{Described, Kind, describe};
pub use value::{Fault, Member, Node, Value};
