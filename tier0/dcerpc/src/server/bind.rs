//! Negotiation on the server side: contexts, features, identity.

use security::{AuthLevel, SecurityError, Step};

use super::{Exchange, Phase, Security, ServerAssociation, ServerEvent};
use crate::channel::{Channel, MAX_LEGS};
use crate::error::RpcError;
use crate::fragment::MIN_FRAGMENT;
use crate::pdu::{
    AuthVerifier, BindAck, Body, ContextElement, ContextResult, NakReason, Pdu, PduFlags,
    ProviderReason,
};
use crate::status;
use crate::uuid::SyntaxId;

/// The one bind-time feature that this server has: an orphaned call does not end the connection,
/// MS-RPCE 2.2.2.14 `KeepConnectionOnOrphanSupported`.
const KEEP_CONNECTION_ON_ORPHAN: u64 = 0x02;

/// Flags of an offer that its answer repeats.
const ECHOED: [PduFlags; 2] = [PduFlags::SUPPORT_HEADER_SIGN, PduFlags::CONC_MPX];

/// How one token was taken.
enum Leg {
    /// The token that goes back, if any.
    Answer(Option<AuthVerifier>),
    /// The identity is refused; the event says why.
    Refused,
}

impl ServerAssociation {
    pub(super) fn handle_bind(&mut self, pdu: &Pdu) -> Result<(), RpcError> {
        let Body::Bind(bind) = &pdu.body else {
            return Ok(());
        };
        if bind.contexts.is_empty() {
            return Err(RpcError::Protocol { detail: "a bind without a context" });
        }
        if bind.max_recv_frag < MIN_FRAGMENT || bind.max_xmit_frag < MIN_FRAGMENT {
            return Err(RpcError::Protocol { detail: "a fragment size under 1432" });
        }
        let results = self.negotiate(&bind.contexts)?;
        let answer = match &pdu.auth {
            None => None,
            Some(auth) => match self.begin_exchange(pdu.call_id, auth)? {
                Leg::Answer(answer) => answer,
                Leg::Refused => {
                    // The reason stays here; the number says only that the token was not taken.
                    self.send_nak(pdu.call_id, NakReason::INVALID_CHECKSUM)?;
                    self.close();
                    return Ok(());
                }
            },
        };
        let max_xmit = self.config.max_fragment.min(bind.max_recv_frag);
        let max_recv = self.config.max_fragment.min(bind.max_xmit_frag);
        self.phase = Phase::Bound { max_xmit, max_recv };
        let ack = self.ack(max_xmit, max_recv, results, self.config.secondary_address.clone());
        self.send_answer(pdu, Body::BindAck(ack), answer)
    }

    pub(super) fn handle_alter_context(&mut self, pdu: &Pdu) -> Result<(), RpcError> {
        let (Body::AlterContext(bind), Phase::Bound { max_xmit, max_recv }) =
            (&pdu.body, self.phase)
        else {
            return Ok(());
        };
        let results = self.negotiate(&bind.contexts)?;
        let leg = match &pdu.auth {
            None => Leg::Answer(None),
            Some(auth) => self.continue_exchange(auth, true)?,
        };
        match leg {
            Leg::Answer(answer) => {
                let ack = self.ack(max_xmit, max_recv, results, String::new());
                self.send_answer(pdu, Body::AlterContextResponse(ack), answer)
            }
            Leg::Refused => {
                self.send_fault(pdu.call_id, 0, status::ACCESS_DENIED, PduFlags::DID_NOT_EXECUTE)
            }
        }
    }

    /// The last leg; there is no answer, whatever comes of it (MS-RPCE 3.3.3.5.4).
    pub(super) fn handle_auth3(&mut self, pdu: &Pdu) -> Result<(), RpcError> {
        let Some(auth) = &pdu.auth else {
            return Err(RpcError::Protocol { detail: "an auth3 without a token" });
        };
        self.continue_exchange(auth, false).map(|_| ())
    }

    fn ack(
        &self,
        max_xmit_frag: u16,
        max_recv_frag: u16,
        results: Vec<ContextResult>,
        address: String,
    ) -> BindAck {
        let assoc_group_id = self.config.association_group;
        let secondary_address = address.into_bytes();
        BindAck { max_xmit_frag, max_recv_frag, assoc_group_id, secondary_address, results }
    }

    fn send_answer(
        &mut self,
        offer: &Pdu,
        body: Body,
        auth: Option<AuthVerifier>,
    ) -> Result<(), RpcError> {
        let mut flags = PduFlags::WHOLE;
        for flag in ECHOED.into_iter().filter(|flag| offer.flags.has(*flag)) {
            flags = flags.with(flag);
        }
        let pdu = Pdu { flags, auth, ..Pdu::new(offer.call_id, body) };
        self.output.push_back(pdu.encode()?);
        Ok(())
    }
}

/// Contexts.
impl ServerAssociation {
    fn negotiate(&mut self, offers: &[ContextElement]) -> Result<Vec<ContextResult>, RpcError> {
        if offers.len() + self.contexts.len() > self.limits.contexts {
            let limit = self.limits.contexts;
            return Err(RpcError::Limit { what: "presentation contexts", limit });
        }
        Ok(offers.iter().map(|offer| self.negotiate_one(offer)).collect())
    }

    fn negotiate_one(&mut self, offer: &ContextElement) -> ContextResult {
        let features = offer.transfer_syntaxes.iter().find_map(SyntaxId::bind_time_features);
        if let Some(features) = features {
            let agreed = features & KEEP_CONNECTION_ON_ORPHAN;
            return ContextResult::features(u16::try_from(agreed).unwrap_or(0));
        }
        let served = |rules: &super::InterfaceRules| rules.syntax.serves(&offer.abstract_syntax);
        let Some(index) = self.config.interfaces.iter().position(served) else {
            return ContextResult::rejected(ProviderReason::ABSTRACT_SYNTAX_NOT_SUPPORTED);
        };
        if !offer.transfer_syntaxes.contains(&SyntaxId::NDR) {
            return ContextResult::rejected(ProviderReason::TRANSFER_SYNTAXES_NOT_SUPPORTED);
        }
        // A number may be offered again for the same interface, as legs of an exchange do.
        match self.contexts.insert(offer.id, index) {
            Some(other) if other != index => {
                self.contexts.insert(offer.id, other);
                ContextResult::rejected(ProviderReason::NOT_SPECIFIED)
            }
            _ => ContextResult::ACCEPTED,
        }
    }
}

/// Identity.
impl ServerAssociation {
    fn begin_exchange(&mut self, call: u32, auth: &AuthVerifier) -> Result<Leg, RpcError> {
        let trailer = auth.trailer;
        let level = match AuthLevel::try_from(trailer.level) {
            Ok(level) if level > AuthLevel::None => level,
            _ => return Err(RpcError::Protocol { detail: "a token with a level that has none" }),
        };
        let Some(acceptor) = (self.config.acceptor)(trailer.auth_type) else {
            self.send_nak(call, NakReason::AUTHENTICATION_TYPE_NOT_RECOGNIZED)?;
            self.phase = Phase::Closed;
            return Err(RpcError::Protocol { detail: "an authentication type that is not served" });
        };
        self.security = Security::Exchanging(Exchange { acceptor, trailer, level, legs: 0 });
        self.continue_exchange(auth, true)
    }

    /// Takes the next token; `answerable` tells whether the PDU that it came in has an answer.
    fn continue_exchange(
        &mut self,
        auth: &AuthVerifier,
        answerable: bool,
    ) -> Result<Leg, RpcError> {
        let exchange = match std::mem::replace(&mut self.security, Security::Refused) {
            Security::Exchanging(exchange) => exchange,
            other => {
                self.security = other;
                return Err(RpcError::Protocol {
                    detail: "a token outside of a security exchange",
                });
            }
        };
        let Exchange { mut acceptor, trailer, level, legs } = exchange;
        let expected = (trailer.auth_type, trailer.level, trailer.context_id);
        let got = (auth.trailer.auth_type, auth.trailer.level, auth.trailer.context_id);
        if got != expected {
            return Err(RpcError::Protocol { detail: "a trailer of another security context" });
        }
        if legs >= MAX_LEGS {
            return Err(RpcError::Limit { what: "legs of a security exchange", limit: MAX_LEGS });
        }
        let account = |acceptor: &dyn security::Acceptor| acceptor.principal().cloned();
        let answer = |value| Leg::Answer(Some(AuthVerifier { trailer, value }));
        let outcome = match acceptor.step(&auth.value) {
            Ok(Step::Continue(_) | Step::Done { token: Some(_) }) if !answerable => {
                Err(SecurityError::OutOfTurn { expected: "a token that needs no answer" })
            }
            other => other,
        };
        match outcome {
            Ok(Step::Continue(token)) => {
                let legs = legs + 1;
                self.security = Security::Exchanging(Exchange { acceptor, trailer, level, legs });
                Ok(answer(token))
            }
            Ok(Step::Done { token }) => {
                let principal = account(acceptor.as_ref());
                let context = acceptor.into_context().map_err(RpcError::Security)?;
                let channel = Channel::new(context, trailer, level);
                self.security = Security::Established { channel, principal };
                Ok(token.map_or(Leg::Answer(None), answer))
            }
            Err(failure) => {
                let account = account(acceptor.as_ref());
                self.events.push_back(ServerEvent::AuthenticationFailed { account, failure });
                Ok(Leg::Refused)
            }
        }
    }
}
