//! The security contexts of one connection, MS-RPCE 3.3.1.5.4 (security context multiplexing).

use identity::AccountName;
use security::{
    Acceptor, AuthLevel, LogonFailure, LogonQuestion, LogonVerdict, SecurityError, Step,
};

use super::fatal::Fatal;
use super::{ServerAssociation, ServerEvent};
use crate::channel::{Channel, MAX_LEGS};
use crate::error::RpcError;
use crate::pdu::{AuthVerifier, ContextResult, NakReason, Pdu, SecTrailer};
use crate::status;

/// Authentication type 0: none, which a trailer may not say.
pub(super) const TYPE_NONE: u8 = 0;

/// Who the client is: several identities at once, each with a number of the client's choice.
pub(super) struct Identities {
    all: Vec<Identity>,
    limit: usize,
    /// The one that came with the bind: what is unsigned belongs to it.
    first: Option<usize>,
    /// The last one at level [`AuthLevel::Connect`], whose requests are unsigned.
    connected: Option<usize>,
}

struct Identity {
    trailer: SecTrailer,
    level: AuthLevel,
    state: State,
}

enum State {
    /// The exchange goes on; nothing is executed yet.
    Exchanging {
        acceptor: Box<dyn Acceptor>,
        legs: usize,
    },
    /// Somebody else is asked whether the password is right; nothing that comes in is looked at meanwhile.
    Asking {
        acceptor: Box<dyn Acceptor>,
        legs: usize,
    },
    Established {
        channel: Channel,
        principal: Option<AccountName>,
    },
    Refused,
}

/// What waits for the verdict of somebody else.
pub(super) struct Asked {
    pub(super) index: usize,
    pub(super) call: u32,
    pub(super) at: AskedAt,
}

/// The PDU that brought the token.
pub(super) enum AskedAt {
    /// Its answer waits: the offer, and what is said of its contexts.
    Alter { offer: Box<Pdu>, results: Vec<ContextResult> },
    /// It has no answer.
    Auth3,
}

/// What a request that is not refused runs as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    Nobody,
    Identity(usize),
}

/// Why a request has no identity to run as.
pub(super) enum Stranger {
    /// Its exchange is not done.
    Unfinished,
    /// It was refused, is unknown, or its level is another one.
    Denied(&'static str),
    /// Its level demands a signature, and there is none.
    Unsigned,
}

impl Identities {
    pub(super) fn new(limit: usize) -> Self {
        Self { all: Vec::new(), limit, first: None, connected: None }
    }

    pub(super) fn channel(&mut self, index: Option<usize>) -> Option<&mut Channel> {
        match &mut self.all.get_mut(index?)?.state {
            State::Established { channel, .. } => Some(channel),
            _ => None,
        }
    }

    pub(super) fn principal(&self, index: Option<usize>) -> Option<AccountName> {
        match &self.all.get(index?)?.state {
            State::Established { principal, .. } => principal.clone(),
            _ => None,
        }
    }

    pub(super) fn level(&self, index: Option<usize>) -> AuthLevel {
        index.and_then(|index| self.all.get(index)).map_or(AuthLevel::None, |one| one.level)
    }

    /// Whom a request with this trailer, or none, is from.
    pub(super) fn caller(&self, trailer: Option<&SecTrailer>) -> Result<Caller, Stranger> {
        let Some(trailer) = trailer else {
            let Some(index) = self.connected.or(self.first) else {
                return Ok(Caller::Nobody);
            };
            return match self.all.get(index) {
                Some(Identity {
                    state: State::Exchanging { .. } | State::Asking { .. }, ..
                }) => Err(Stranger::Unfinished),
                Some(Identity { state: State::Established { channel, .. }, .. }) => {
                    if channel.protects() {
                        return Err(Stranger::Unsigned);
                    }
                    Ok(Caller::Identity(index))
                }
                _ => Err(Stranger::Denied("a request after a refused identity")),
            };
        };
        match self.find(trailer).and_then(|index| Some((index, self.all.get(index)?))) {
            Some((_, Identity { state: State::Exchanging { .. } | State::Asking { .. }, .. })) => {
                Err(Stranger::Unfinished)
            }
            Some((index, Identity { state: State::Established { .. }, .. })) => {
                Ok(Caller::Identity(index))
            }
            Some(_) => Err(Stranger::Denied("a request after a refused identity")),
            None => Err(Stranger::Denied("a trailer of no security context")),
        }
    }

    /// An identity by what a trailer names; while the exchange goes on its level does not count.
    fn find(&self, trailer: &SecTrailer) -> Option<usize> {
        self.all.iter().position(|one| {
            let same = one.trailer.auth_type == trailer.auth_type
                && one.trailer.context_id == trailer.context_id;
            let unfinished = matches!(one.state, State::Exchanging { .. });
            same && (unfinished || one.trailer.level == trailer.level)
        })
    }
}

/// How one token was taken.
pub(super) enum Leg {
    /// The token that goes back, if any.
    Answer(Option<AuthVerifier>),
    /// The identity is refused; the event says why.
    Refused(SecurityError),
    /// The verdict of somebody else is waited for.
    Asked(Box<LogonQuestion>),
}

impl ServerAssociation {
    /// The first token of the bind.
    pub(super) fn identify_at_bind(
        &mut self,
        call: u32,
        auth: &AuthVerifier,
    ) -> Result<Option<AuthVerifier>, Fatal> {
        let nak = |reason, detail| Fatal::nak(call, reason, RpcError::Protocol { detail });
        let index = self.begin(auth).map_err(|refusal| match refusal {
            Beginning::Level => nak(NakReason::NOT_SPECIFIED, "a token with a level that has none"),
            Beginning::NoType | Beginning::UnknownType => nak(
                NakReason::AUTHENTICATION_TYPE_NOT_RECOGNIZED,
                "an authentication type that is not served",
            ),
            Beginning::Call => nak(NakReason::INVALID_CHECKSUM, "the level of datagrams"),
            Beginning::TooMany => nak(NakReason::LOCAL_LIMIT_EXCEEDED, "too many identities"),
        })?;
        self.identities.first = Some(index);
        match self.step(index, auth, true) {
            Ok(Leg::Answer(answer)) => Ok(answer),
            // The reason stays here; the number says only that the token was not taken.
            Ok(Leg::Refused(failure)) => {
                Err(Fatal::nak(call, NakReason::INVALID_CHECKSUM, RpcError::Security(failure)))
            }
            // No mechanism has its password proved by its first token.
            Ok(Leg::Asked(_)) => {
                Err(nak(NakReason::NOT_SPECIFIED, "a first token that cannot be judged here"))
            }
            Err(error) => Err(Fatal::nak(call, NakReason::NOT_SPECIFIED, error)),
        }
    }

    /// A token of an alter_context: the next one, or the first of a further identity.
    pub(super) fn identify_at_alter(
        &mut self,
        call: u32,
        auth: &AuthVerifier,
    ) -> Result<AlterLeg, Fatal> {
        let fault = |status, error| Fatal::fault(call, 0, status, error).not_executed();
        let protocol = |status, detail| fault(status, RpcError::Protocol { detail });
        let index = match self.identities.find(&auth.trailer) {
            Some(index) => {
                let one = &self.identities.all[index];
                if !matches!(one.state, State::Exchanging { .. }) {
                    let detail = "a token outside of a security exchange";
                    return Err(protocol(status::ACCESS_DENIED, detail));
                }
                if one.trailer.level != auth.trailer.level {
                    let detail = "a level that changes within a security exchange";
                    return Err(protocol(status::ACCESS_DENIED, detail));
                }
                index
            }
            None => self.begin(auth).map_err(|refusal| match refusal {
                Beginning::UnknownType => {
                    protocol(status::SEC_PKG_ERROR, "an authentication type that is not served")
                }
                Beginning::TooMany => protocol(status::NCA_PROTO_ERROR, "too many identities"),
                _ => protocol(status::ACCESS_DENIED, "a type or level that has no identity"),
            })?,
        };
        match self.step(index, auth, true) {
            Ok(Leg::Answer(answer)) => Ok(AlterLeg::Answer(answer)),
            Ok(Leg::Asked(question)) => Ok(AlterLeg::Asked(index, question)),
            Ok(Leg::Refused(failure)) => Err(refused_at_alter(call, failure)),
            Err(error) => Err(fault(status::NCA_PROTO_ERROR, error)),
        }
    }

    /// The last token. There is no answer, whatever comes of it (MS-RPCE 3.3.3.5.4); only one that
    /// belongs to no exchange is a fault.
    pub(super) fn identify_at_auth3(
        &mut self,
        call: u32,
        auth: &AuthVerifier,
    ) -> Result<(), Fatal> {
        let fault = |error| Fatal::fault(call, 0, status::NCA_PROTO_ERROR, error).not_executed();
        let found = self.identities.find(&auth.trailer).filter(|index| {
            let one = &self.identities.all[*index];
            matches!(one.state, State::Exchanging { .. }) && one.trailer.level == auth.trailer.level
        });
        let Some(index) = found else {
            let detail = "a token outside of a security exchange";
            return Err(fault(RpcError::Protocol { detail }));
        };
        if let Leg::Asked(question) = self.step(index, auth, false).map_err(fault)? {
            self.ask(Asked { index, call, at: AskedAt::Auth3 }, question);
        }
        Ok(())
    }

    pub(super) fn ask(&mut self, asked: Asked, question: Box<LogonQuestion>) {
        self.asked = Some(asked);
        self.events.push_back(ServerEvent::LogonAsked { question });
    }

    /// Goes on with what waited for a verdict.
    pub(super) fn judge_logon(&mut self, verdict: LogonVerdict) -> Result<(), Fatal> {
        let Some(Asked { index, call, at }) = self.asked.take() else {
            return Ok(());
        };
        let answerable = matches!(at, AskedAt::Alter { .. });
        let fault = |error| Fatal::fault(call, 0, status::NCA_PROTO_ERROR, error).not_executed();
        let Some(one) = self.identities.all.get_mut(index) else {
            return Ok(());
        };
        let State::Asking { mut acceptor, legs } =
            std::mem::replace(&mut one.state, State::Refused)
        else {
            return Ok(());
        };
        let outcome = acceptor.resolve(verdict);
        let leg = self.take_step(index, acceptor, legs, outcome, answerable).map_err(fault)?;
        match (leg, at) {
            // Whatever comes of an auth3 shows at the next request.
            (_, AskedAt::Auth3) => Ok(()),
            (Leg::Answer(answer), AskedAt::Alter { offer, results }) => {
                self.answer_alter(&offer, results, answer)
            }
            (Leg::Refused(failure), _) => Err(refused_at_alter(call, failure)),
            (Leg::Asked(_), _) => {
                Err(fault(RpcError::Protocol { detail: "a logon that is asked twice" }))
            }
        }
    }

    fn begin(&mut self, auth: &AuthVerifier) -> Result<usize, Beginning> {
        let trailer = SecTrailer { pad_length: 0, ..auth.trailer };
        let level = match AuthLevel::try_from(trailer.level) {
            Ok(level) if level > AuthLevel::None => level,
            _ => return Err(Beginning::Level),
        };
        if trailer.auth_type == TYPE_NONE {
            return Err(Beginning::NoType);
        }
        if self.identities.all.len() >= self.identities.limit {
            return Err(Beginning::TooMany);
        }
        let mut acceptor =
            (self.config.acceptor)(trailer.auth_type).ok_or(Beginning::UnknownType)?;
        // It protects the calls of the connectionless protocol; clients send `Packet` instead.
        if level == AuthLevel::Call {
            return Err(Beginning::Call);
        }
        acceptor.set_level(level);
        let index = self.identities.all.len();
        let state = State::Exchanging { acceptor, legs: 0 };
        self.identities.all.push(Identity { trailer, level, state });
        Ok(index)
    }

    /// Takes the next token; `answerable` tells whether the PDU that it came in has an answer.
    fn step(
        &mut self,
        index: usize,
        auth: &AuthVerifier,
        answerable: bool,
    ) -> Result<Leg, RpcError> {
        let Some(one) = self.identities.all.get_mut(index) else {
            return Err(RpcError::Protocol { detail: "a token outside of a security exchange" });
        };
        let State::Exchanging { mut acceptor, legs } =
            std::mem::replace(&mut one.state, State::Refused)
        else {
            return Err(RpcError::Protocol { detail: "a token outside of a security exchange" });
        };
        if legs >= MAX_LEGS {
            return Err(RpcError::Limit { what: "legs of a security exchange", limit: MAX_LEGS });
        }
        let outcome = acceptor.step(&auth.value);
        self.take_step(index, acceptor, legs, outcome, answerable)
    }

    /// What a mechanism made of a token.
    fn take_step(
        &mut self,
        index: usize,
        acceptor: Box<dyn Acceptor>,
        legs: usize,
        outcome: Result<Step, SecurityError>,
        answerable: bool,
    ) -> Result<Leg, RpcError> {
        let Some(one) = self.identities.all.get_mut(index) else {
            return Err(RpcError::Protocol { detail: "a token outside of a security exchange" });
        };
        let (trailer, level) = (one.trailer, one.level);
        let account = |acceptor: &dyn Acceptor| acceptor.principal().cloned();
        let answer = |value| Leg::Answer(Some(AuthVerifier { trailer, value }));
        let outcome = match outcome {
            Ok(Step::Continue(_) | Step::Done { token: Some(_) }) if !answerable => {
                Err(SecurityError::OutOfTurn { expected: "a token that needs no answer" })
            }
            other => other,
        };
        match outcome {
            Ok(Step::Continue(token)) => {
                one.state = State::Exchanging { acceptor, legs: legs + 1 };
                Ok(answer(token))
            }
            Ok(Step::Ask(question)) => {
                one.state = State::Asking { acceptor, legs: legs + 1 };
                Ok(Leg::Asked(question))
            }
            Ok(Step::Done { token }) => {
                let principal = account(acceptor.as_ref());
                let context = acceptor.into_context().map_err(RpcError::Security)?;
                let channel = Channel::new(context, trailer, level);
                one.state = State::Established { channel, principal };
                if level == AuthLevel::Connect {
                    self.identities.connected = Some(index);
                }
                Ok(token.map_or(Leg::Answer(None), answer))
            }
            Err(failure) => {
                let account = account(acceptor.as_ref());
                let told = failure.clone();
                self.events.push_back(ServerEvent::AuthenticationFailed { account, failure: told });
                Ok(Leg::Refused(failure))
            }
        }
    }
}

/// How an alter_context was taken.
pub(super) enum AlterLeg {
    Answer(Option<AuthVerifier>),
    Asked(usize, Box<LogonQuestion>),
}

fn refused_at_alter(call: u32, failure: SecurityError) -> Fatal {
    let status = match failure {
        SecurityError::Refused(LogonFailure::WeakSessionSecurity { .. }) => status::SEC_PKG_ERROR,
        _ => status::ACCESS_DENIED,
    };
    Fatal::fault(call, 0, status, RpcError::Security(failure)).not_executed()
}

/// Why a first token begins nothing.
enum Beginning {
    Level,
    NoType,
    UnknownType,
    Call,
    TooMany,
}
