//! The crate from the outside: whole files, faults with their places, edits, and new folders.

mod connectors;
mod dial_up;
mod edits;
mod faults;
mod files;
