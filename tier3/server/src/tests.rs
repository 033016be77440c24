//! Real nodes with real listeners on loopback.

mod access;
mod bind_back;
mod fixture;
mod limits;
