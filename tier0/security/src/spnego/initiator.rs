//! The side that makes an offer, RFC 4178 section 5.

use super::{AUTH_TYPE, Mechanism, NegState, NegTokenInit, NegTokenResp};
use crate::{Initiator, SecurityContext, SecurityError, Step};

/// One negotiation.
pub struct SpnegoInitiator {
    offered: Vec<(Mechanism, Box<dyn Initiator>)>,
    state: State,
}

enum State {
    Start,
    /// The offer is out; nobody has said yet which mechanism it will be.
    Offered {
        list: Vec<u8>,
    },
    Exchanging {
        initiator: Box<dyn Initiator>,
        list: Vec<u8>,
        first: bool,
    },
    /// This side is done and has sent its integrity code.
    AwaitCompletion {
        context: Box<dyn SecurityContext>,
        list: Vec<u8>,
        first: bool,
    },
    Established(Box<dyn SecurityContext>),
    Failed,
}

impl SpnegoInitiator {
    /// Begins a negotiation; the mechanisms come best first, each with what initiates it.
    #[must_use]
    pub fn new(offered: Vec<(Mechanism, Box<dyn Initiator>)>) -> Self {
        Self { offered, state: State::Start }
    }

    fn offer(&mut self) -> Result<Step, SecurityError> {
        let Some((_, first)) = self.offered.first_mut() else {
            return Err(SecurityError::Rejected);
        };
        let token = match first.step(None)? {
            Step::Continue(token) => Some(token),
            Step::Done { .. } | Step::Ask(_) => {
                return Err(SecurityError::OutOfTurn { expected: "a mechanism with an answer" });
            }
        };
        let mechanisms = self.offered.iter().map(|(mechanism, _)| mechanism.clone()).collect();
        let offer = NegTokenInit::new(mechanisms, token);
        let token = offer.encode();
        self.state = State::Offered { list: offer.list };
        Ok(Step::Continue(token))
    }

    /// The first answer says which mechanism it is.
    fn begin(&mut self, list: Vec<u8>, said: NegTokenResp) -> Result<Step, SecurityError> {
        let chosen = match &said.mechanism {
            None => Some(0),
            Some(chosen) => self.offered.iter().position(|(offered, _)| offered == chosen),
        };
        let Some(index) = chosen else {
            return Err(SecurityError::Rejected);
        };
        let (_, mut initiator) = self.offered.swap_remove(index);
        if index == 0 {
            return self.advance(initiator, list, true, said);
        }
        // Another mechanism than the one whose token went along: it begins now.
        let Step::Continue(token) = initiator.step(None)? else {
            return Err(SecurityError::OutOfTurn { expected: "a mechanism with an answer" });
        };
        self.state = State::Exchanging { initiator, list, first: false };
        Ok(respond(Some(token), None))
    }

    fn advance(
        &mut self,
        mut initiator: Box<dyn Initiator>,
        list: Vec<u8>,
        first: bool,
        said: NegTokenResp,
    ) -> Result<Step, SecurityError> {
        let Some(token) = said.token else {
            return Err(SecurityError::Negotiation);
        };
        match initiator.step(Some(&token))? {
            Step::Continue(token) => {
                self.state = State::Exchanging { initiator, list, first };
                Ok(respond(Some(token), None))
            }
            Step::Done { token } => {
                let mut context = initiator.into_context()?;
                let mic = context.sign(&list, 0..0);
                self.state = State::AwaitCompletion { context, list, first };
                Ok(respond(token, Some(mic)))
            }
            Step::Ask(_) => Err(SecurityError::OutOfTurn { expected: "an answer of this side" }),
        }
    }

    fn complete(
        &mut self,
        mut context: Box<dyn SecurityContext>,
        list: &[u8],
        first: bool,
        said: &NegTokenResp,
    ) -> Result<Step, SecurityError> {
        if said.state != Some(NegState::AcceptCompleted) {
            return Err(SecurityError::Negotiation);
        }
        match &said.mic {
            Some(mic) => {
                context.verify(list, 0..0, mic).map_err(|_| SecurityError::Negotiation)?;
            }
            // Where the first choice was taken nothing could be gained by a change.
            None if first => {}
            None => return Err(SecurityError::Negotiation),
        }
        context.reset();
        self.state = State::Established(context);
        Ok(Step::Done { token: None })
    }
}

fn respond(token: Option<Vec<u8>>, mic: Option<Vec<u8>>) -> Step {
    Step::Continue(NegTokenResp { state: None, mechanism: None, token, mic }.encode())
}

fn read(token: Option<&[u8]>) -> Result<NegTokenResp, SecurityError> {
    let Some(token) = token else {
        return Err(SecurityError::OutOfTurn { expected: "an answer to the offer" });
    };
    let said = NegTokenResp::decode(token)?;
    if said.state == Some(NegState::Reject) { Err(SecurityError::Rejected) } else { Ok(said) }
}

impl Initiator for SpnegoInitiator {
    fn auth_type(&self) -> u8 {
        AUTH_TYPE
    }

    fn step(&mut self, token: Option<&[u8]>) -> Result<Step, SecurityError> {
        match std::mem::replace(&mut self.state, State::Failed) {
            State::Start if token.is_none() => self.offer(),
            State::Start => Err(SecurityError::OutOfTurn { expected: "no token before the offer" }),
            State::Offered { list } => self.begin(list, read(token)?),
            State::Exchanging { initiator, list, first } => {
                self.advance(initiator, list, first, read(token)?)
            }
            State::AwaitCompletion { context, list, first } => {
                self.complete(context, &list, first, &read(token)?)
            }
            State::Established(_) | State::Failed => {
                Err(SecurityError::OutOfTurn { expected: "no further token" })
            }
        }
    }

    fn into_context(self: Box<Self>) -> Result<Box<dyn SecurityContext>, SecurityError> {
        match self.state {
            State::Established(context) => Ok(context),
            _ => Err(SecurityError::NotEstablished),
        }
    }
}
