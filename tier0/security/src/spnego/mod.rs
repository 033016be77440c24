//! SPNEGO, RFC 4178 with MS-SPNG: both sides agree on a mechanism, and prove that nobody changed the offer.
//!
//! The initiator offers a list of mechanisms with the first token of the first one; the acceptor takes the first that it
//! serves. Once the mechanism can sign, each side sends an integrity code over the list as it was offered
//! (`mechListMIC`). It is demanded where the mechanism is not the initiator's first choice, and checked wherever it comes.
//! Left out: NegTokenInit2 hints (read over), and NTLM without its envelope.

mod acceptor;
mod initiator;
mod token;

#[cfg(test)]
mod tests;

pub use acceptor::SpnegoAcceptor;
pub use initiator::SpnegoInitiator;
pub use token::{AUTH_TYPE, Mechanism, NegState, NegTokenInit, NegTokenResp};
