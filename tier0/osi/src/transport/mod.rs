//! X.224 class 0 over TCP: RFC 1006, and class 0 of RFC 2126.
//!
//! [`tpkt`] is the packet, [`Tpdu`] what it holds, [`Cotp`] the machine that turns a stream of
//! octets into transport service data units and back.
//!
//! Left out: class 2, expedited data (RFC 1006 has a TPDU of its own for it), checksums.

mod cotp;
#[cfg(test)]
mod tests;
pub mod tpkt;
mod x224;

pub use cotp::{Cotp, CotpEvent, CotpParameters};
pub use x224::{
    Connection, DEFAULT_TPDU, Disconnect, DisconnectReason, MAX_TPDU, MIN_TPDU, Tpdu, TpduError,
};
