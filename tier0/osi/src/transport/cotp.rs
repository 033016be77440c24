//! The machine of class 0: one transport connection over one TCP connection, X.224 6 and RFC 1006.

use std::collections::VecDeque;

use super::tpkt;
use super::x224::{Connection, DEFAULT_TPDU, Disconnect, DisconnectReason, MIN_TPDU, Tpdu};
use crate::{Layer, StackError};

/// Octets of the header of a DT.
const DATA_HEADER: usize = 3;

/// What a connection wants, or accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CotpParameters {
    /// Own reference; any number but 0.
    pub reference: u16,
    /// Octets of the largest TPDU; [`DEFAULT_TPDU`] leaves the parameter out.
    pub maximum_tpdu: usize,
    /// Octets of the largest TSDU that is taken from the peer.
    pub maximum_tsdu: usize,
    pub calling_selector: Option<Vec<u8>>,
    pub called_selector: Option<Vec<u8>>,
}

/// What a connection tells its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CotpEvent {
    /// A peer calls; answer with [`Cotp::accept`] or [`Cotp::refuse`].
    Indication {
        calling: Option<Vec<u8>>,
        called: Option<Vec<u8>>,
    },
    /// Data may flow; octets of the largest TPDU sent.
    Connected {
        tpdu: usize,
    },
    Tsdu(Vec<u8>),
    /// The peer did not accept the call, or ended the connection with a DR.
    Disconnected {
        reason: DisconnectReason,
        additional: Vec<u8>,
    },
    /// The peer rejected a TPDU of ours; nothing follows.
    Rejected {
        cause: u8,
    },
}

#[derive(Debug)]
enum State {
    /// Responder: no CR yet.
    Listening,
    /// Responder: the user has not answered.
    Called(Connection),
    /// Initiator: CR sent.
    Calling,
    Open {
        /// Octets of the largest TPDU sent.
        tpdu: usize,
    },
    Closed,
}

/// A transport connection of class 0.
///
/// Octets go in by [`handle_octets`](Self::handle_octets), come out by
/// [`poll_output`](Self::poll_output). After an error the connection is closed; the TCP
/// connection is to be closed when the output is sent.
#[derive(Debug)]
pub struct Cotp {
    parameters: CotpParameters,
    state: State,
    /// Octets that are not a whole packet yet; never more than one packet of them is kept.
    input: Vec<u8>,
    /// The TSDU that is arriving.
    tsdu: Vec<u8>,
    output: Vec<u8>,
    events: VecDeque<CotpEvent>,
}

impl Cotp {
    /// Calls: a CR is ready to be sent.
    ///
    /// # Errors
    /// The selectors do not fit into a CR.
    pub fn initiator(parameters: CotpParameters) -> Result<Self, StackError> {
        let request = Connection {
            destination: 0,
            source: parameters.reference,
            class: 0,
            size: proposed(&parameters),
            calling: parameters.calling_selector.clone(),
            called: parameters.called_selector.clone(),
        };
        let mut this = Self::new(parameters, State::Calling);
        this.send(&Tpdu::ConnectionRequest(request))?;
        Ok(this)
    }

    /// Waits for a call.
    #[must_use]
    pub fn responder(parameters: CotpParameters) -> Self {
        Self::new(parameters, State::Listening)
    }

    fn new(parameters: CotpParameters, state: State) -> Self {
        let (input, tsdu, output) = (Vec::new(), Vec::new(), Vec::new());
        Self { parameters, state, input, tsdu, output, events: VecDeque::new() }
    }

    /// Another limit for the TSDUs that come from now on.
    pub fn limit_tsdu(&mut self, octets: usize) {
        self.parameters.maximum_tsdu = octets;
    }

    /// Takes octets of the TCP connection, cut anywhere.
    ///
    /// # Errors
    /// The peer sent what cannot be read or what its state does not allow; the connection is
    /// closed, and an ER is ready to be sent where X.224 asks for it.
    pub fn handle_octets(&mut self, octets: &[u8]) -> Result<(), StackError> {
        if matches!(self.state, State::Closed) {
            return Ok(());
        }
        self.input.extend_from_slice(octets);
        let input = std::mem::take(&mut self.input);
        let mut from = 0;
        let done = loop {
            match tpkt::decode(&input[from..]) {
                Ok(Some((tpdu, used))) => {
                    from += used;
                    if let Err(error) = self.handle_tpdu(tpdu) {
                        break Err(error);
                    }
                    if matches!(self.state, State::Closed) {
                        break Ok(());
                    }
                }
                Ok(None) if from == 0 => {
                    self.input = input;
                    break Ok(());
                }
                Ok(None) => {
                    self.input = input[from..].to_vec();
                    break Ok(());
                }
                Err(error) => break Err(Layer::Transport.malformed()(error)),
            }
        };
        if done.is_err() {
            self.close();
        }
        done
    }

    /// The next thing to tell.
    pub fn poll_event(&mut self) -> Option<CotpEvent> {
        self.events.pop_front()
    }

    /// Octets to be sent; `None` when there are none.
    pub fn poll_output(&mut self) -> Option<Vec<u8>> {
        (!self.output.is_empty()).then(|| std::mem::take(&mut self.output))
    }

    /// True when nothing more comes in or goes out but what is queued.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// Takes the call that was indicated.
    ///
    /// # Errors
    /// There is none.
    pub fn accept(&mut self) -> Result<(), StackError> {
        let State::Called(request) = &self.state else { return Err(self.not_allowed("accept")) };
        // Never more than was proposed; what the caller left out is the default, and it stays
        // left out unless less is wanted.
        let wanted = request.size.unwrap_or(DEFAULT_TPDU);
        let tpdu = wanted.min(own(&self.parameters));
        let size = (request.size.is_some() || tpdu < wanted).then_some(tpdu);
        let confirm = Connection {
            destination: request.source,
            source: self.parameters.reference,
            class: 0,
            size,
            calling: request.calling.clone(),
            called: request.called.clone(),
        };
        self.send(&Tpdu::ConnectionConfirm(confirm))?;
        self.open(tpdu);
        Ok(())
    }

    /// Refuses the call that was indicated, with a DR.
    ///
    /// # Errors
    /// There is none.
    pub fn refuse(&mut self, reason: DisconnectReason) -> Result<(), StackError> {
        let State::Called(request) = &self.state else { return Err(self.not_allowed("refuse")) };
        let destination = request.source;
        let additional = Vec::new();
        let disconnect = Disconnect { destination, source: 0, reason, additional };
        self.send(&Tpdu::DisconnectRequest(disconnect))?;
        self.close();
        Ok(())
    }

    /// Sends a TSDU in as many TPDUs as it needs.
    ///
    /// # Errors
    /// The connection is not open.
    pub fn send_tsdu(&mut self, tsdu: &[u8]) -> Result<(), StackError> {
        let State::Open { tpdu } = self.state else { return Err(self.not_allowed("send")) };
        let room = tpdu - DATA_HEADER;
        let mut rest = tsdu;
        loop {
            let (data, after) = rest.split_at(rest.len().min(room));
            self.send(&Tpdu::Data { end: after.is_empty(), data })?;
            if after.is_empty() {
                return Ok(());
            }
            rest = after;
        }
    }

    fn send(&mut self, tpdu: &Tpdu<'_>) -> Result<(), StackError> {
        tpkt::encode(&tpdu.encode()?, &mut self.output)
    }

    fn handle_tpdu(&mut self, octets: &[u8]) -> Result<(), StackError> {
        let tpdu = Tpdu::decode(octets).map_err(Layer::Transport.malformed())?;
        let got = tpdu.name();
        match (&self.state, tpdu) {
            (State::Open { .. }, Tpdu::Data { end, data }) => self.handle_data(end, data),
            (State::Listening, Tpdu::ConnectionRequest(request)) => self.handle_call(request),
            (State::Calling, Tpdu::ConnectionConfirm(confirm)) => self.handle_confirm(&confirm),
            (State::Calling | State::Open { .. }, Tpdu::DisconnectRequest(disconnect)) => {
                let Disconnect { reason, additional, .. } = disconnect;
                self.events.push_back(CotpEvent::Disconnected { reason, additional });
                self.close();
                Ok(())
            }
            (State::Calling | State::Open { .. }, Tpdu::Error(error)) => {
                self.events.push_back(CotpEvent::Rejected { cause: error.cause });
                self.close();
                Ok(())
            }
            _ => Err(self.unexpected(got)),
        }
    }

    fn handle_call(&mut self, request: Connection) -> Result<(), StackError> {
        if request.class != 0 {
            // A caller of class 2 without an alternative class 0 cannot be served.
            let disconnect = Disconnect {
                destination: request.source,
                source: 0,
                reason: DisconnectReason::NEGOTIATION_FAILED,
                additional: Vec::new(),
            };
            self.send(&Tpdu::DisconnectRequest(disconnect))?;
            let detail = "class 0 is not what it calls for";
            return Err(StackError::Incompatible { layer: Layer::Transport, detail });
        }
        let (calling, called) = (request.calling.clone(), request.called.clone());
        self.events.push_back(CotpEvent::Indication { calling, called });
        self.state = State::Called(request);
        Ok(())
    }

    fn handle_confirm(&mut self, confirm: &Connection) -> Result<(), StackError> {
        let incompatible = |detail| StackError::Incompatible { layer: Layer::Transport, detail };
        if confirm.destination != self.parameters.reference {
            return Err(incompatible("the confirm is for another reference"));
        }
        if confirm.class != 0 {
            return Err(incompatible("the confirm is not of class 0"));
        }
        // A confirm that names more than was proposed is cut to the proposal.
        let proposal = own(&self.parameters);
        self.open(confirm.size.unwrap_or(proposal).min(proposal));
        Ok(())
    }

    fn handle_data(&mut self, end: bool, data: &[u8]) -> Result<(), StackError> {
        let (size, limit) = (self.tsdu.len() + data.len(), self.parameters.maximum_tsdu);
        if size > limit {
            return Err(StackError::TooLarge { what: "TSDU", size, limit });
        }
        self.tsdu.extend_from_slice(data);
        if end {
            self.events.push_back(CotpEvent::Tsdu(std::mem::take(&mut self.tsdu)));
        }
        Ok(())
    }

    fn open(&mut self, tpdu: usize) {
        self.state = State::Open { tpdu };
        self.events.push_back(CotpEvent::Connected { tpdu });
    }

    fn close(&mut self) {
        self.state = State::Closed;
        self.tsdu = Vec::new();
        self.input = Vec::new();
    }

    fn state_name(&self) -> &'static str {
        match self.state {
            State::Listening => "listening",
            State::Called(_) => "called",
            State::Calling => "calling",
            State::Open { .. } => "open",
            State::Closed => "closed",
        }
    }

    fn unexpected(&self, got: &'static str) -> StackError {
        let expected = match self.state {
            State::Listening => "CR",
            State::Called(_) => "nothing before its call is answered",
            State::Calling => "CC or DR",
            State::Open { .. } => "DT",
            State::Closed => "nothing",
        };
        let (layer, state) = (Layer::Transport, self.state_name());
        StackError::Unexpected { layer, expected, got, state }
    }

    fn not_allowed(&self, command: &'static str) -> StackError {
        StackError::NotAllowed { command, state: self.state_name() }
    }
}

/// The configured size as far as it can be told to a peer: the default, or a multiple of 128.
fn own(parameters: &CotpParameters) -> usize {
    match parameters.maximum_tpdu {
        DEFAULT_TPDU.. => DEFAULT_TPDU,
        size => size.max(MIN_TPDU) / MIN_TPDU * MIN_TPDU,
    }
}

/// What a CR says of the size: nothing when the default is meant.
fn proposed(parameters: &CotpParameters) -> Option<usize> {
    Some(own(parameters)).filter(|size| *size < DEFAULT_TPDU)
}
