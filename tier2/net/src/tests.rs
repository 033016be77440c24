//! Machines over real connections on loopback.

mod calls;
mod dialer;
mod fixture;
mod pump;
mod tls;
