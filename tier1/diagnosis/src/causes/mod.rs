//! The causes that the live doctor knows, each as data: what speaks for it, what against, the cure, the page.

mod account;
mod auth;
mod known;
mod name;
mod network;
mod rule;
pub(crate) mod schedule;
mod stale;
pub(crate) mod store;
mod x400;

pub(crate) use known::RULES;
pub(crate) use rule::{Case, Clue, Kind, Rule};
