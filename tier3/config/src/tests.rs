//! The crate from the outside: whole files, faults with their places, edits, and new folders.

mod edits;
mod faults;
mod files;
