//! Real nodes with real listeners on loopback.

mod access;
mod bind_back;
mod doctor;
mod fixture;
mod limits;
mod link;
mod queue;
mod smtp;
mod x400;
