//! Interface definitions as tests read them: the files under `idl/` are the truth, and stubs that the code writes are walked as
//! NDR 2.0 (C706 chapter 14) says that the definition's are.
//!
//! [`Interface::parse`] reads the part of IDL (C706 chapter 6) that these files are written in, [`Interface::walk`] goes through the
//! stub of a request or response and fails on the first octet that does not fit. Left out: unions, enumerations, pipes, full
//! pointers that alias, multidimensional arrays, inheritance.

mod interface;
mod parse;
mod walk;

pub use interface::{Declaration, Interface, Operation, Way};
