//! An association over a stream of octets: RFC 1006 below, the X.400 stack above.
//!
//! RFC 1006, X.224 class 0. Pure: octets in, octets and the association's outputs out. A caller's
//! association starts when the transport connection stands; a called one when its user has taken
//! the call, which is judged by the called transport selector and by the address of the caller.

use osi::StackError;
use osi::transport::{Cotp, CotpEvent, CotpParameters};

use crate::association::{Association, AssociationError, Output, Refusal, RefusalProvider};

/// What the transport connection is opened or answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransportParameters {
    /// Octets of the largest TPDU, 128 to 65,531.
    pub tpdu: usize,
    /// Absent when empty.
    pub calling_selector: Vec<u8>,
    pub called_selector: Vec<u8>,
}

/// The octets do not make a transport connection, or what it carries is no association.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    #[error("the transport connection")]
    Transport(#[from] StackError),
    #[error("the association")]
    Association(#[from] AssociationError),
}

/// Who calls, by the selectors of the CR.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Called {
    pub calling_selector: Vec<u8>,
    pub called_selector: Vec<u8>,
}

pub use osi::StackError as CallError;
pub use osi::transport::DisconnectReason;

/// One association with its carrier.
pub struct Rfc1006 {
    cotp: Cotp,
    association: Association,
    /// The transport connection stands.
    open: bool,
    called: Option<Called>,
    refused: Option<Refusal>,
}

/// Octets of the largest TSDU: a segment without checkpoints is a whole message.
const MAX_TSDU: usize = osi::DEFAULT_MAXIMUM_APDU + 64 * 1024;
/// The same until the association stands: X.225 8.3.1 has no more than 10,240 octets of user data in one, and whoever has
/// not proved who it is takes no more memory than this.
const MAX_OPENING: usize = 64 * 1024;
/// Any number but 0; there is one transport connection on a TCP connection.
const REFERENCE: u16 = 1;

impl Rfc1006 {
    /// Calls; the association's CONNECT follows once the transport connection stands.
    ///
    /// # Errors
    /// A selector is too long.
    pub fn call(
        parameters: &TransportParameters,
        association: Association,
    ) -> Result<Self, StackError> {
        Ok(Self::new(Cotp::initiator(cotp(parameters))?, association))
    }

    /// Waits for a call.
    #[must_use]
    pub fn answer(parameters: &TransportParameters, association: Association) -> Self {
        Self::new(Cotp::responder(cotp(parameters)), association)
    }

    fn new(cotp: Cotp, association: Association) -> Self {
        Self { cotp, association, open: false, called: None, refused: None }
    }

    /// Takes octets of the stream.
    ///
    /// # Errors
    /// The peer broke a protocol; what is still to be sent can be polled.
    pub fn handle_octets(&mut self, octets: &[u8]) -> Result<(), TransportError> {
        let stands = self.association.agreed().is_some();
        self.cotp.limit_tsdu(if stands { MAX_TSDU } else { MAX_OPENING });
        let taken = self.cotp.handle_octets(octets);
        while let Some(event) = self.cotp.poll_event() {
            match event {
                CotpEvent::Indication { calling, called } => {
                    self.called = Some(Called {
                        calling_selector: calling.unwrap_or_default(),
                        called_selector: called.unwrap_or_default(),
                    });
                }
                CotpEvent::Connected { .. } => self.open = true,
                CotpEvent::Tsdu(unit) => self.association.handle_unit(&unit)?,
                CotpEvent::Disconnected { reason, additional } => {
                    self.disconnected(reason, &additional);
                }
                CotpEvent::Rejected { cause } => {
                    self.refuse(
                        i64::from(cause),
                        format!("the peer rejected a TPDU, cause {cause}"),
                    );
                }
            }
        }
        Ok(taken?)
    }

    /// Octets to be sent.
    pub fn poll_octets(&mut self) -> Option<Vec<u8>> {
        if let Some(octets) = self.cotp.poll_output() {
            return Some(octets);
        }
        if !self.open {
            return None;
        }
        let unit = self.association.poll_unit()?;
        // The transport connection is open; one that closed meanwhile takes nothing.
        self.cotp.send_tsdu(&unit).ok()?;
        self.cotp.poll_output()
    }

    /// The call that waits to be taken or refused.
    pub fn poll_called(&mut self) -> Option<Called> {
        self.called.take()
    }

    /// What happened.
    pub fn poll_output(&mut self) -> Option<Output> {
        if let Some(refusal) = self.refused.take() {
            return Some(Output::Refused(refusal));
        }
        self.association.poll_output()
    }

    /// Takes the call.
    ///
    /// # Errors
    /// There is none.
    pub fn accept_call(&mut self) -> Result<(), StackError> {
        self.cotp.accept()?;
        self.open = true;
        Ok(())
    }

    /// Refuses the call: nobody is attached to the called selector, or the caller is not known.
    ///
    /// # Errors
    /// There is none.
    pub fn refuse_call(&mut self, reason: DisconnectReason) -> Result<(), StackError> {
        self.cotp.refuse(reason)
    }

    /// The stream has ended.
    pub fn handle_lost(&mut self) {
        self.association.handle_lost();
    }

    /// The association on top.
    pub fn association(&mut self) -> &mut Association {
        &mut self.association
    }

    /// True when nothing more comes in or goes out but what is queued.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.cotp.is_closed() || self.association.is_closed()
    }

    fn disconnected(&mut self, reason: DisconnectReason, additional: &[u8]) {
        let mut text = format!("the peer refused the transport connection: {reason}");
        if !additional.is_empty() {
            text.push_str(&format!(" ({})", String::from_utf8_lossy(additional)));
        }
        self.refuse(i64::from(reason.0), text);
    }

    fn refuse(&mut self, reason: i64, text: String) {
        let refusal = Refusal {
            provider: RefusalProvider::Transport,
            reason,
            text,
            mismatch: None,
            presented: None,
        };
        if self.open {
            self.association.handle_lost();
        } else {
            self.refused = Some(refusal);
        }
    }
}

fn cotp(parameters: &TransportParameters) -> CotpParameters {
    let present = |selector: &[u8]| (!selector.is_empty()).then(|| selector.to_vec());
    CotpParameters {
        reference: REFERENCE,
        maximum_tpdu: parameters.tpdu,
        maximum_tsdu: MAX_TSDU,
        calling_selector: present(&parameters.calling_selector),
        called_selector: present(&parameters.called_selector),
    }
}
