//! The PDUs of the connection-oriented protocol, C706 12.6 with the trailer of MS-RPCE 2.2.2.11.
//!
//! A [`Frame`] is one whole PDU as octets: header and trailer are checked, the body may still
//! be sealed. A [`Pdu`] is the decoded form. Decoding takes both byte orders, encoding can
//! give both; associations send little-endian.

mod bind;
mod body;
mod frame;
mod header;

pub use bind::{
    Bind, BindAck, BindNak, ContextElement, ContextResult, NakReason, NegotiationResult,
    ProviderReason,
};
pub use body::{Body, Fault, Request, Response};
pub(crate) use frame::OBJECT_LEN;
pub use frame::{AuthVerifier, Encoded, Frame, Pdu};
pub use header::{Header, PduFlags, PduType, SecTrailer};
