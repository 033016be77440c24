//! The side that takes an offer, RFC 4178 section 5.

use identity::AccountName;

use super::{AUTH_TYPE, Mechanism, NegState, NegTokenInit, NegTokenResp};
use crate::{Acceptor, AuthLevel, LogonVerdict, SecurityContext, SecurityError, Step};

/// One negotiation.
pub struct SpnegoAcceptor {
    served: Vec<(Mechanism, Box<dyn Acceptor>)>,
    /// Who the mechanism says it is, kept when the mechanism was consumed.
    principal: Option<AccountName>,
    state: State,
}

enum State {
    Start,
    Exchanging(Exchange),
    /// The mechanism asks somebody else; with the integrity code that came.
    Asking(Exchange, Option<Vec<u8>>),
    Established(Box<dyn SecurityContext>),
    Failed,
}

struct Exchange {
    acceptor: Box<dyn Acceptor>,
    list: Vec<u8>,
    /// Said once, with the first answer.
    mechanism: Option<Mechanism>,
    /// The mechanism is not the initiator's first choice.
    mic_required: bool,
}

impl SpnegoAcceptor {
    /// Begins a negotiation; each mechanism comes with what accepts it.
    #[must_use]
    pub fn new(served: Vec<(Mechanism, Box<dyn Acceptor>)>) -> Self {
        Self { served, principal: None, state: State::Start }
    }

    fn choose(&mut self, token: &[u8]) -> Result<Step, SecurityError> {
        let offer = NegTokenInit::decode(token)?;
        let chosen = offer.mechanisms.iter().enumerate().find_map(|(rank, offered)| {
            let index = self.served.iter().position(|(served, _)| served == offered)?;
            Some((rank, index))
        });
        let Some((rank, index)) = chosen else {
            return Err(SecurityError::Rejected);
        };
        let (mechanism, acceptor) = self.served.swap_remove(index);
        let exchange = Exchange {
            acceptor,
            list: offer.list,
            mechanism: Some(mechanism),
            mic_required: rank != 0,
        };
        match offer.mech_token {
            // A token that came along is for the first mechanism only.
            Some(token) if rank == 0 => self.advance(exchange, &token, None),
            _ => Ok(self.answer(exchange, None)),
        }
    }

    fn go_on(&mut self, exchange: Exchange, token: &[u8]) -> Result<Step, SecurityError> {
        let said = NegTokenResp::decode(token)?;
        if said.state == Some(NegState::Reject) {
            return Err(SecurityError::Rejected);
        }
        let Some(token) = said.token else {
            return Err(SecurityError::Negotiation);
        };
        self.advance(exchange, &token, said.mic.as_deref())
    }

    fn advance(
        &mut self,
        mut exchange: Exchange,
        token: &[u8],
        mic: Option<&[u8]>,
    ) -> Result<Step, SecurityError> {
        let step = exchange.acceptor.step(token);
        self.principal = exchange.acceptor.principal().cloned();
        self.go_by(exchange, step?, mic)
    }

    fn go_by(
        &mut self,
        exchange: Exchange,
        step: Step,
        mic: Option<&[u8]>,
    ) -> Result<Step, SecurityError> {
        match step {
            Step::Continue(token) => Ok(self.answer(exchange, Some(token))),
            Step::Done { token } => self.complete(exchange, token, mic),
            Step::Ask(question) => {
                self.state = State::Asking(exchange, mic.map(<[u8]>::to_vec));
                Ok(Step::Ask(question))
            }
        }
    }

    fn answer(&mut self, mut exchange: Exchange, token: Option<Vec<u8>>) -> Step {
        let mechanism = exchange.mechanism.take();
        let state = if exchange.mic_required && mechanism.is_some() {
            NegState::RequestMic
        } else {
            NegState::AcceptIncomplete
        };
        self.state = State::Exchanging(exchange);
        let answer = NegTokenResp { state: Some(state), mechanism, token, mic: None };
        Step::Continue(answer.encode())
    }

    fn complete(
        &mut self,
        exchange: Exchange,
        token: Option<Vec<u8>>,
        mic: Option<&[u8]>,
    ) -> Result<Step, SecurityError> {
        let Exchange { acceptor, list, mechanism, mic_required } = exchange;
        let mut context = acceptor.into_context()?;
        let mic = match mic {
            Some(mic) => {
                context.verify(&list, 0..0, mic).map_err(|_| SecurityError::Negotiation)?;
                let own = context.sign(&list, 0..0);
                context.reset();
                Some(own)
            }
            None if mic_required => return Err(SecurityError::Negotiation),
            None => None,
        };
        self.state = State::Established(context);
        let state = Some(NegState::AcceptCompleted);
        let answer = NegTokenResp { state, mechanism, token, mic };
        Ok(Step::Done { token: Some(answer.encode()) })
    }
}

impl Acceptor for SpnegoAcceptor {
    fn auth_type(&self) -> u8 {
        AUTH_TYPE
    }

    fn set_level(&mut self, level: AuthLevel) {
        for (_, acceptor) in &mut self.served {
            acceptor.set_level(level);
        }
    }

    fn step(&mut self, token: &[u8]) -> Result<Step, SecurityError> {
        match std::mem::replace(&mut self.state, State::Failed) {
            State::Start => self.choose(token),
            State::Exchanging(exchange) => self.go_on(exchange, token),
            State::Asking(..) | State::Established(_) | State::Failed => {
                Err(SecurityError::OutOfTurn { expected: "no further token" })
            }
        }
    }

    fn resolve(&mut self, verdict: LogonVerdict) -> Result<Step, SecurityError> {
        match std::mem::replace(&mut self.state, State::Failed) {
            State::Asking(mut exchange, mic) => {
                let step = exchange.acceptor.resolve(verdict)?;
                self.go_by(exchange, step, mic.as_deref())
            }
            _ => Err(SecurityError::OutOfTurn { expected: "no verdict that nobody asked for" }),
        }
    }

    fn principal(&self) -> Option<&AccountName> {
        self.principal.as_ref()
    }

    fn into_context(self: Box<Self>) -> Result<Box<dyn SecurityContext>, SecurityError> {
        match self.state {
            State::Established(context) => Ok(context),
            _ => Err(SecurityError::NotEstablished),
        }
    }
}
