//! The offline doctor: from a few events and remarks, with no server to ask, to the causes that would explain them.
//!
//! [`consult`] turns what it is given into [`facts`], lets every row of the [`table`] speak to them, and ranks. A row is data:
//! the words people use for it, signs with weights in both directions, the check that would
//! settle it, and the cure. A sign names a mechanism (an event and what it means, a code, a phrase for a symptom);
//! it never names a case.
//!
//! Invariants: the answer is a pure function of the input and of nothing else, the order of events and remarks does not
//! matter, no name of a host or number of a table row is evidence, and every buffer has a limit. Deliberately left out:
//! live checks, binary event logs, and reading files.

mod cleared;
mod confidence;
mod engine;
mod facts;
mod input;
mod lexicon;
mod numbers;
mod page;
mod profile;
mod sign;
mod speaks;
mod stories;
mod table;
mod words;

#[cfg(test)]
mod tests;

pub use engine::consult;
pub use facts::number_of;
pub use input::{Code, FieldCase, FieldEvent};
pub use page::page;
pub(crate) use page::remedy_of;
