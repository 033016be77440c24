//! Negotiation on the server side: sizes, groups, contexts, features.

use super::fatal::Fatal;
use super::identity::{AlterLeg, Asked, AskedAt, TYPE_NONE};
use super::{Context, Phase, ServerAssociation};
use crate::error::RpcError;
use crate::fragment::MIN_FRAGMENT;
use crate::pdu::{
    AuthVerifier, Bind, BindAck, Body, ContextElement, ContextResult, NakReason, NegotiationResult,
    Pdu, PduFlags, ProviderReason,
};
use crate::status;
use crate::uuid::SyntaxId;

/// The bind-time features of this server, MS-RPCE 2.2.2.14: several security contexts on one
/// connection, and an orphaned call does not end the connection.
const FEATURES: u64 = 0x01 | 0x02;

/// What a client that names a size below the smallest legal one is given, as Windows does.
const SMALLEST_GIVEN: u16 = 2048;

impl ServerAssociation {
    pub(super) fn handle_bind(&mut self, pdu: &Pdu) -> Result<(), Fatal> {
        let Body::Bind(bind) = &pdu.body else {
            return Ok(());
        };
        let call = pdu.call_id;
        let Some(group) = self.groups.join(bind.assoc_group_id, self.config.association_group)
        else {
            let error = RpcError::Protocol { detail: "an association group that is gone" };
            return Err(Fatal::nak(call, NakReason::NOT_SPECIFIED, error));
        };
        let results = self.negotiate(&bind.contexts).map_err(|error| {
            let reason = match error {
                RpcError::Limit { .. } => NakReason::LOCAL_LIMIT_EXCEEDED,
                _ => NakReason::NOT_SPECIFIED,
            };
            Fatal::nak(call, reason, error)
        })?;
        let answer = match &pdu.auth {
            None => None,
            Some(auth) => self.identify_at_bind(call, auth)?,
        };
        let multiplex = pdu.flags.has(PduFlags::CONC_MPX);
        self.header_signing = pdu.flags.has(PduFlags::SUPPORT_HEADER_SIGN);
        self.phase = Phase::Bound { fragment: self.agreed_fragment(bind), multiplex, group };
        let ack = self.ack(results, self.config.secondary_address.clone());
        let flags = if multiplex { PduFlags::CONC_MPX } else { PduFlags::default() };
        self.send_answer(pdu, Body::BindAck(ack), flags, answer)
    }

    pub(super) fn handle_alter_context(&mut self, pdu: &Pdu) -> Result<(), Fatal> {
        let Body::AlterContext(bind) = &pdu.body else {
            return Ok(());
        };
        let call = pdu.call_id;
        if pdu.auth.as_ref().is_some_and(|auth| auth.trailer.auth_type == TYPE_NONE) {
            let error = RpcError::Protocol { detail: "a token of no mechanism" };
            return Err(Fatal::fault(call, 0, status::ACCESS_DENIED, error).not_executed());
        }
        let results = self.negotiate(&bind.contexts).map_err(|error| {
            Fatal::fault(call, 0, status::NCA_PROTO_ERROR, error).not_executed()
        })?;
        let answer = match &pdu.auth {
            None => None,
            // An exchange that is over is answered by an empty token, which Windows looks for.
            Some(auth) => match self.identify_at_alter(call, auth)? {
                AlterLeg::Answer(answer) => answer,
                AlterLeg::Asked(index, question) => {
                    let at = AskedAt::Alter { offer: Box::new(pdu.clone()), results };
                    self.ask(Asked { index, call, at }, question);
                    return Ok(());
                }
            },
        };
        self.answer_alter(pdu, results, answer)
    }

    pub(super) fn answer_alter(
        &mut self,
        offer: &Pdu,
        results: Vec<ContextResult>,
        answer: Option<AuthVerifier>,
    ) -> Result<(), Fatal> {
        let empty = |auth: &AuthVerifier| AuthVerifier { trailer: auth.trailer, value: Vec::new() };
        let answer = offer.auth.as_ref().map(|auth| answer.unwrap_or_else(|| empty(auth)));
        // Sizes and group are agreed once, by the bind; what an alter_context says of them does
        // not count.
        let ack = self.ack(results, String::new());
        self.send_answer(offer, Body::AlterContextResponse(ack), PduFlags::default(), answer)
    }

    pub(super) fn handle_auth3(&mut self, pdu: &Pdu) -> Result<(), Fatal> {
        let Some(auth) = &pdu.auth else {
            let error = RpcError::Protocol { detail: "an auth3 without a token" };
            let fault = Fatal::fault(pdu.call_id, 0, status::NCA_PROTO_ERROR, error);
            return Err(fault.not_executed());
        };
        self.identify_at_auth3(pdu.call_id, auth)
    }

    /// One size for both directions, a multiple of eight, as others agree on it.
    fn agreed_fragment(&self, bind: &Bind) -> u16 {
        let offered = match bind.max_xmit_frag.min(bind.max_recv_frag) {
            size if size < MIN_FRAGMENT => SMALLEST_GIVEN,
            size => size,
        };
        offered.min(self.config.max_fragment) & !7
    }

    fn ack(&self, results: Vec<ContextResult>, address: String) -> BindAck {
        let (size, assoc_group_id) = match &self.phase {
            Phase::Bound { fragment, group, .. } => (*fragment, group.id()),
            _ => (self.config.max_fragment, self.config.association_group),
        };
        let secondary_address = address.into_bytes();
        BindAck {
            max_xmit_frag: size,
            max_recv_frag: size,
            assoc_group_id,
            secondary_address,
            results,
        }
    }

    fn send_answer(
        &mut self,
        offer: &Pdu,
        body: Body,
        more: PduFlags,
        auth: Option<AuthVerifier>,
    ) -> Result<(), Fatal> {
        let mut flags = PduFlags::WHOLE.with(more);
        if offer.flags.has(PduFlags::SUPPORT_HEADER_SIGN) {
            flags = flags.with(PduFlags::SUPPORT_HEADER_SIGN);
        }
        let pdu = Pdu { flags, auth, ..Pdu::new(offer.call_id, body) };
        self.output.push_back(pdu.encode().map_err(Fatal::silent)?);
        Ok(())
    }
}

/// Contexts.
impl ServerAssociation {
    fn negotiate(&mut self, offers: &[ContextElement]) -> Result<Vec<ContextResult>, RpcError> {
        if offers.is_empty() {
            return Err(RpcError::Protocol { detail: "an offer without a context" });
        }
        if offers.iter().any(|offer| offer.transfer_syntaxes.is_empty()) {
            return Err(RpcError::Protocol { detail: "a context without a transfer syntax" });
        }
        let features = |offer: &&ContextElement| offered_features(offer).is_some();
        if offers.iter().filter(features).count() > 1 {
            return Err(RpcError::Protocol { detail: "two offers of bind-time features" });
        }
        let new = offers.iter().filter(|offer| !self.contexts.contains_key(&offer.id)).count();
        if new + self.contexts.len() > self.limits.contexts {
            let limit = self.limits.contexts;
            return Err(RpcError::Limit { what: "presentation contexts", limit });
        }
        let mut accepted = Vec::new();
        offers.iter().map(|offer| self.negotiate_one(offer, &mut accepted)).collect()
    }

    fn negotiate_one(
        &mut self,
        offer: &ContextElement,
        accepted: &mut Vec<usize>,
    ) -> Result<ContextResult, RpcError> {
        if let Some(features) = offered_features(offer) {
            return Ok(ContextResult::features(u16::try_from(features & FEATURES).unwrap_or(0)));
        }
        let served = |rules: &super::InterfaceRules| rules.syntax.serves(&offer.abstract_syntax);
        let index = self.config.interfaces.iter().position(served);
        if let Some(bound) = self.contexts.get(&offer.id) {
            // A number may be offered again for the same, as the legs of an exchange do.
            if index != Some(bound.interface) {
                return Err(RpcError::Protocol { detail: "a context of another interface" });
            }
            if offer.transfer_syntaxes.contains(&SyntaxId::NDR64) {
                return Err(RpcError::Protocol { detail: "a context of another representation" });
            }
        }
        let Some(index) = index else {
            return Ok(ContextResult::rejected(ProviderReason::ABSTRACT_SYNTAX_NOT_SUPPORTED));
        };
        // One context for an interface in one offer: of further ones, which clients make for
        // other representations, one is taken and the rest are not.
        if accepted.contains(&index) || !offer.transfer_syntaxes.contains(&SyntaxId::NDR) {
            return Ok(ContextResult::rejected(ProviderReason::TRANSFER_SYNTAXES_NOT_SUPPORTED));
        }
        accepted.push(index);
        let context = Context { interface: index, asked: offer.abstract_syntax };
        self.contexts.insert(offer.id, context);
        debug_assert_eq!(ContextResult::ACCEPTED.result, NegotiationResult::Acceptance);
        Ok(ContextResult::ACCEPTED)
    }
}

/// Features count only as the first transfer syntax of a context.
fn offered_features(offer: &ContextElement) -> Option<u64> {
    offer.transfer_syntaxes.first().and_then(SyntaxId::bind_time_features)
}
