//! A client against the routers, over a Unix socket and over TCP.

mod fake;
mod hostile;
mod neighbour;
mod roles;
mod socket;
