//! The messages of RFC 4120 section 5, each with its encoder and decoder in one file.
//!
//! Decoders take BER and pass over elements that they do not know at the end of a sequence; encoders write DER.

mod application;
mod basic;
mod error;
mod kdc;
mod padata;
#[cfg(test)]
mod tests;
mod ticket;

pub use application::{ApRep, ApReq, Authenticator, EncApRepPart};
pub use basic::{EncryptedData, RawKey};
pub use error::KrbError;
pub use kdc::{EncKdcRepPart, KdcKind, KdcRep, KdcReq};
pub(crate) use padata::timestamp;
pub use padata::{EtypeInfo, PaData, pa};
pub use ticket::{EncTicketPart, Ticket, TicketFlags};
