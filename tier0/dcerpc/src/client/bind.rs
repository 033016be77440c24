//! The bind, and the legs of security exchanges.

use security::{AuthLevel, Initiator, SecurityError, Step};

use super::more::Altering;
use super::{
    AUTH_CONTEXT, BIND_CALL, BindRefusal, ClientAssociation, ClientEvent, ContextNumber, Exchange,
    FEATURE_CONTEXT, FEATURES, IdentityNumber, Phase, unexpected,
};
use crate::channel::{Channel, MAX_LEGS};
use crate::error::RpcError;
use crate::fragment::MIN_FRAGMENT;
use crate::pdu::{
    AuthVerifier, Bind, BindAck, Body, ContextElement, NegotiationResult, Pdu, PduFlags, PduType,
    SecTrailer,
};
use crate::uuid::SyntaxId;

impl ClientAssociation {
    pub(super) fn send_bind(
        &mut self,
        initiator: Option<Box<dyn Initiator>>,
    ) -> Result<(), BindRefusal> {
        let mut flags = PduFlags::WHOLE.with(PduFlags::CONC_MPX);
        let (exchange, auth) = match (self.level, initiator) {
            (AuthLevel::None, _) => (None, None),
            (_, None) => return Err(BindRefusal::NoCredentials),
            (level, Some(initiator)) => {
                flags = flags.with(PduFlags::SUPPORT_HEADER_SIGN);
                self.header_signing.0 = true;
                let (exchange, auth) = begin(initiator, level, 0, BIND_CALL)?;
                (Some(exchange), auth)
            }
        };
        let mut offer = self.offer(ContextNumber::FIRST);
        offer.contexts.push(ContextElement {
            id: FEATURE_CONTEXT,
            abstract_syntax: offer.contexts[0].abstract_syntax,
            transfer_syntaxes: vec![SyntaxId::features(FEATURES.into())],
        });
        let pdu = Pdu { flags, auth, ..Pdu::new(BIND_CALL, Body::Bind(offer)) };
        let Ok(bytes) = pdu.encode() else {
            let expected = "a first token that fits one PDU";
            return Err(BindRefusal::Security(SecurityError::OutOfTurn { expected }));
        };
        self.output.push_back(bytes);
        self.phase = Phase::Binding { exchange, altering: false };
        Ok(())
    }

    /// The offer of one context.
    pub(super) fn offer(&self, context: ContextNumber) -> Bind {
        let interface = self.contexts.get(&context.0).map(|context| context.interface);
        Bind {
            max_xmit_frag: self.max_receive,
            max_recv_frag: self.max_receive,
            assoc_group_id: self.group,
            contexts: vec![ContextElement {
                id: context.0,
                abstract_syntax: interface.unwrap_or(SyntaxId::NDR),
                transfer_syntaxes: vec![SyntaxId::NDR],
            }],
        }
    }

    /// bind_ack or alter_context_resp.
    pub(super) fn handle_ack(
        &mut self,
        call: u32,
        pdu_flags: PduFlags,
        ack: &BindAck,
        auth: Option<AuthVerifier>,
    ) -> Result<(), RpcError> {
        if self.is_bound() {
            return self.handle_alteration(call, ack, auth);
        }
        let Phase::Binding { exchange, altering } = &mut self.phase else {
            return Err(unexpected("a response", PduType::BindAck, "bound"));
        };
        let (exchange, altering) = (exchange.take(), *altering);
        // The offer of the alter_context is the same again, so both answers are read alike.
        if let Some(refusal) = refusal_of(ack)? {
            self.refuse(refusal);
            return Ok(());
        }
        if !altering {
            // Sizes, features, group and multiplexing are agreed once, by the bind.
            if ack.max_recv_frag < MIN_FRAGMENT {
                return Err(RpcError::Protocol { detail: "a fragment size under 1432" });
            }
            self.max_fragment = self.max_fragment.min(ack.max_recv_frag);
            self.multiplex = pdu_flags.has(PduFlags::CONC_MPX);
            self.group = ack.assoc_group_id;
            self.header_signing.1 =
                self.header_signing.0 && pdu_flags.has(PduFlags::SUPPORT_HEADER_SIGN);
            self.features = match ack.results.get(1) {
                Some(said) if said.result == NegotiationResult::NegotiateAck => {
                    said.reason.0 & FEATURES
                }
                _ => 0,
            };
        }
        match exchange {
            None => self.bound(None),
            Some(exchange) => self.next_leg(exchange, auth),
        }
    }

    pub(super) fn next_leg(
        &mut self,
        mut exchange: Exchange,
        auth: Option<AuthVerifier>,
    ) -> Result<(), RpcError> {
        if exchange.done {
            return self.establish(exchange);
        }
        exchange.legs += 1;
        if exchange.legs > MAX_LEGS {
            return Err(RpcError::Limit { what: "legs of a security exchange", limit: MAX_LEGS });
        }
        let Some(auth) = auth else {
            return Err(RpcError::Protocol {
                detail: "the server did not answer the authentication",
            });
        };
        let trailer = exchange.trailer;
        if auth.trailer.auth_type != trailer.auth_type
            || auth.trailer.context_id != trailer.context_id
        {
            return Err(RpcError::Protocol { detail: "a trailer of another security context" });
        }
        let step = exchange.initiator.step(Some(&auth.value)).map_err(RpcError::Security)?;
        match step {
            Step::Continue(value) => {
                let auth = Some(AuthVerifier { trailer, value });
                self.send_alteration(exchange.call, ContextNumber::FIRST, auth)?;
                if exchange.identity == IdentityNumber::FIRST.0 {
                    self.phase = Phase::Binding { exchange: Some(exchange), altering: true };
                } else {
                    self.altering = Some(Altering::Identity(exchange));
                }
                Ok(())
            }
            Step::Done { token } => {
                if let Some(value) = token {
                    let auth = Some(AuthVerifier { trailer, value });
                    let pdu = Pdu { auth, ..Pdu::new(exchange.call, Body::Auth3) };
                    self.output.push_back(pdu.encode()?);
                }
                self.establish(exchange)
            }
            Step::Ask(_) => Err(RpcError::Security(asks())),
        }
    }

    pub(super) fn send_alteration(
        &mut self,
        call: u32,
        context: ContextNumber,
        auth: Option<AuthVerifier>,
    ) -> Result<(), RpcError> {
        let mut flags = PduFlags::WHOLE;
        if self.header_signing.0 {
            flags = flags.with(PduFlags::SUPPORT_HEADER_SIGN);
        }
        let body = Body::AlterContext(self.offer(context));
        self.output.push_back(Pdu { flags, auth, ..Pdu::new(call, body) }.encode()?);
        Ok(())
    }

    fn establish(&mut self, exchange: Exchange) -> Result<(), RpcError> {
        let Exchange { initiator, trailer, level, identity, .. } = exchange;
        let context = initiator.into_context().map_err(RpcError::Security)?;
        let channel = Channel::new(context, trailer, level);
        if identity == IdentityNumber::FIRST.0 {
            return self.bound(Some(channel));
        }
        if let Some(place) = self.identities.get_mut(identity) {
            *place = Some(channel);
        }
        self.events.push_back(ClientEvent::IdentityAdded(IdentityNumber(identity)));
        self.next_wanted()
    }

    fn bound(&mut self, channel: Option<Channel>) -> Result<(), RpcError> {
        self.identities[IdentityNumber::FIRST.0] = channel;
        self.phase = Phase::Bound;
        self.events.push_back(ClientEvent::Bound);
        self.send_waiting()?;
        self.next_wanted()
    }
}

/// The first leg of an exchange.
pub(super) fn begin(
    mut initiator: Box<dyn Initiator>,
    level: AuthLevel,
    identity: usize,
    call: u32,
) -> Result<(Exchange, Option<AuthVerifier>), BindRefusal> {
    let (token, done) = match initiator.step(None).map_err(BindRefusal::Security)? {
        Step::Continue(token) => (Some(token), false),
        Step::Done { token } => (token, true),
        Step::Ask(_) => return Err(BindRefusal::Security(asks())),
    };
    let context_id = AUTH_CONTEXT.saturating_add(u32::try_from(identity).unwrap_or(u32::MAX));
    let auth_type = initiator.auth_type();
    let trailer = SecTrailer { auth_type, level: level.into(), pad_length: 0, context_id };
    let auth = token.map(|value| AuthVerifier { trailer, value });
    Ok((Exchange { initiator, trailer, level, identity, call, legs: 1, done }, auth))
}

/// Only acceptors ask.
fn asks() -> SecurityError {
    SecurityError::OutOfTurn { expected: "a token of the side that logs on" }
}

/// Why the first context of an offer is refused; none when it is not.
pub(super) fn refusal_of(ack: &BindAck) -> Result<Option<BindRefusal>, RpcError> {
    let Some(result) = ack.results.first() else {
        return Err(RpcError::Protocol { detail: "a bind_ack without a result" });
    };
    if result.result != NegotiationResult::Acceptance {
        let (result, reason) = (result.result, result.reason);
        return Ok(Some(BindRefusal::Context { result, reason }));
    }
    if result.transfer_syntax != SyntaxId::NDR {
        return Err(RpcError::Protocol { detail: "a transfer syntax that was not offered" });
    }
    Ok(None)
}
