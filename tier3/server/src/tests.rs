//! Real nodes with real listeners on loopback.

mod access;
mod bind_back;
mod dial_up;
mod directory;
mod doctor;
mod fixture;
mod gateway;
mod limits;
mod link;
mod links;
mod local_delivery;
mod next_hops;
mod own_password;
mod poison;
mod queue;
mod reassignment;
mod rpc;
mod silence;
mod smtp;
mod smtp_out;
mod way_back;
mod x400;
mod x400_tls;
