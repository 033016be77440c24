//! RPC peers that lie, do not end, or never say a word: C706 12.6, MS-RPCE 2.2.2 and 3.3.
//!
//! No judge is needed: whatever they do, memory stays bounded, the association that misbehaves ends, and the calls of
//! others go on.

mod client;
mod pdu;
mod server;
