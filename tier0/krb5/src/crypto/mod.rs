//! Keys and what they do: RFC 3961 (simplified profile), RFC 3962, RFC 8009.

mod cts;
mod derive;
mod key;
mod string_to_key;
#[cfg(test)]
mod tests;
pub mod usage;

pub use key::{Key, KeyError, Sealed, UsageKeys, Wrong};
pub use string_to_key::{StringToKeyError, string_to_key};
