//! The table: one row for each cause, in one file for each family.

mod auth;
mod benign;
mod content;
mod database;
mod directory;
pub(super) mod events;
pub(super) mod frequency;
mod links;
mod names;
mod network;
mod policy;
mod resources;
mod routing;
mod rows;
mod rpc;
mod rule;
pub(super) mod status;
mod today;
mod x400;

pub(super) use rows::rules;
pub(super) use rule::Rule;
use rule::rule;
