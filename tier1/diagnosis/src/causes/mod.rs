//! The causes that the live doctor knows, each as data: what speaks for it, what against, the cure, the page.

mod account;
mod auth;
mod clock;
pub(crate) mod dial_up;
#[cfg(test)]
mod east;
pub(crate) mod held;
pub(crate) mod joining;
mod known;
mod line;
mod name;
mod network;
mod protection;
pub(crate) mod returned;
mod rule;
pub(crate) mod schedule;
mod source;
mod stale;
pub(crate) mod store;
mod terms;
mod x400;

pub(crate) use account::{behind, hidden_legacy};
pub(crate) use auth::{account as presented_account, account_command, list_source};
pub(crate) use known::RULES;
pub(crate) use rule::{Case, Clue, Kind, Rule};
pub use schedule::SCHEDULE_CHECK;
