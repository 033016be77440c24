//! SMTP out: connectors of kind smtp.
//!
//! `pool` starts workers for next hops that have mail and bounds them; each worker (`worker`) opens one connection
//! (`connection`) and carries message after message over it. Every next hop has workers of its own, so that one which is
//! slow or dead holds up no other. Replies become outcomes in `outcome`.
//!
//! A message goes out at least once: where a server took the content and its answer was lost, the message is sent again
//! (RFC 1047). Those are counted apart.

mod connection;
mod outcome;
mod parcel;
mod pool;
mod worker;

pub use pool::run;
