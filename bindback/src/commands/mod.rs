//! The commands, one module each.

pub mod account;
pub mod check;
pub mod demo;
pub mod directory;
pub mod doctor;
pub mod events;
pub mod hosts;
pub mod init;
pub mod lab;
pub mod ltab;
pub mod network;
pub mod queue;
pub(crate) mod reload;
pub mod route;
pub mod rpc;
pub mod send;
pub mod serve;
pub mod site;
pub mod store;
pub mod track;
pub mod x400;
