//! The commands, one module each.

pub mod account;
pub mod demo;
pub mod directory;
pub mod doctor;
pub mod events;
pub mod hosts;
pub mod init;
pub mod ltab;
pub mod network;
pub mod queue;
mod reload;
pub mod route;
pub mod rpc;
pub mod send;
pub mod serve;
pub mod x400;
