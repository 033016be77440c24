//! The responder's side of opening.

use ber::Tag;

use super::machine::State;
use super::open::encode_reference;
use super::output::Output;
use super::parameters::{Contexts, Link, RespondParameters};
use super::receiver::Receiver;
use super::refuse::Refusal;
use super::{RefuseReason, StackEvent};
use crate::acse::{self, AssociateResult, Diagnostic};
use crate::presentation::{
    AcceptPpdu, ConnectPpdu, ContextId, ContextResult, ContextVerdict, UserData,
    ber_transfer_syntax,
};
use crate::rtse::{ConnectionData, DialogueMode, Negotiation, OpenAccept, OpenRequest};
use crate::session::{Accept, Connect, Prefix, REQUIRED_UNITS, Reference, Spdu, Versions};
use crate::{External, Layer, StackError};

/// Two bits for each token; this pattern in any of them puts it on the responder's side.
const RESPONDERS_SIDE: u8 = 0b01;

/// CONNECT is awaited.
pub(super) struct Listening {
    pub parameters: RespondParameters,
}

/// CONNECT has arrived and fits; the user decides.
pub(super) struct Deciding {
    parameters: RespondParameters,
    pub link: Link,
    results: ContextResult,
    negotiation: Negotiation,
    common_reference: Vec<u8>,
}

impl Listening {
    pub(super) const NAME: &str = "listening";

    pub(super) fn handle(self, spdu: &Spdu<'_>, out: &mut Output) -> Result<State, StackError> {
        let Spdu::Connect(connect) = spdu else {
            return Err(StackError::Unexpected {
                layer: Layer::Session,
                expected: "CONNECT",
                got: spdu.name(),
                state: Self::NAME,
            });
        };
        let mut proposal = Proposal { results: Vec::new(), link: None };
        match self.judge(connect, &mut proposal)? {
            Ok((link, negotiation, bind_argument)) => {
                out.tell(StackEvent::OpenIndication {
                    bind_argument,
                    checkpoint_kib: negotiation.checkpoint_kib,
                    window: negotiation.window,
                });
                Ok(State::Deciding(Deciding {
                    parameters: self.parameters,
                    link,
                    results: proposal.results,
                    negotiation,
                    common_reference: connect.reference.common.to_vec(),
                }))
            }
            Err(reason) => {
                let refusal = Refusal {
                    reason,
                    bind_error: None,
                    results: proposal.results,
                    link: proposal.link,
                    application_context: &self.parameters.syntaxes.application_context,
                };
                out.transmit.push_back(refusal.encode(Reference::default())?);
                out.tell(StackEvent::OpenRefused { bind_error: None, reason });
                Ok(State::Closed)
            }
        }
    }

    /// Looks at every layer of the proposal; the inner error is what it is refused for.
    fn judge(
        &self,
        connect: &Connect<'_>,
        proposal: &mut Proposal,
    ) -> Result<Result<Accepted, RefuseReason>, StackError> {
        if let Err(reason) = judge_session(connect) {
            return Ok(Err(reason));
        }
        let ppdu =
            ConnectPpdu::decode(connect.user_data).map_err(Layer::Presentation.malformed())?;
        if !ppdu.normal_mode {
            return Ok(Err(RefuseReason::X410Mode));
        }
        let contexts = match self.judge_contexts(&ppdu, proposal) {
            Ok(contexts) => contexts,
            Err(reason) => return Ok(Err(reason)),
        };
        let link = Link { contexts, version_2: connect.versions.offers(Versions::TWO) };
        proposal.link = Some(link);
        let Some(aarq) = ppdu.user_data.value(contexts.acse) else {
            let detail = "no association control data";
            return Err(StackError::Incompatible { layer: Layer::Presentation, detail });
        };
        let aarq = acse::Apdu::decode(aarq).map_err(Layer::Acse.malformed())?;
        let acse::Apdu::AssociateRequest { version_1, application_context, user_information } =
            aarq
        else {
            return Err(StackError::Unexpected {
                layer: Layer::Acse,
                expected: "AARQ",
                got: aarq.name(),
                state: Self::NAME,
            });
        };
        if !version_1 {
            return Ok(Err(RefuseReason::AcseVersion));
        }
        if application_context != self.parameters.syntaxes.application_context {
            return Ok(Err(RefuseReason::ApplicationContext));
        }
        let Some(information) = user_information else {
            let detail = "no reliable transfer data";
            return Err(StackError::Incompatible { layer: Layer::Acse, detail });
        };
        let rtorq = OpenRequest::decode(&information.value).map_err(Layer::Rtse.malformed())?;
        Ok(self.judge_transfer(&rtorq).map(|(negotiation, bind)| (link, negotiation, bind)))
    }

    /// Accepts the three contexts that are known here and rejects the others.
    fn judge_contexts(
        &self,
        ppdu: &ConnectPpdu<'_>,
        proposal: &mut Proposal,
    ) -> Result<Contexts, RefuseReason> {
        let mut found: [Option<ContextId>; 3] = [None; 3];
        let known = self.parameters.syntaxes.proposals();
        let mut missing = RefuseReason::AbstractSyntax;
        for context in &ppdu.contexts {
            let place = known.iter().position(|(_, name)| *name == context.abstract_syntax);
            let verdict = match place {
                Some(place) if found[place].is_none() => {
                    if context.transfer_syntaxes.contains(&ber_transfer_syntax()) {
                        found[place] = Some(context.id);
                        ContextVerdict::Accepted(ber_transfer_syntax())
                    } else {
                        missing = RefuseReason::TransferSyntax;
                        ContextVerdict::TransferSyntaxes
                    }
                }
                // A second context of the same syntax has no use here.
                Some(_) => ContextVerdict::Provider(Some(0)),
                None => ContextVerdict::AbstractSyntax,
            };
            proposal.results.push(verdict);
        }
        match found {
            [Some(acse), Some(rtse), Some(apdu)] => Ok(Contexts { acse, rtse, apdu }),
            _ => Err(missing),
        }
    }

    fn judge_transfer(
        &self,
        rtorq: &OpenRequest<'_>,
    ) -> Result<(Negotiation, Vec<u8>), RefuseReason> {
        if rtorq.dialogue != DialogueMode::Monologue {
            return Err(RefuseReason::DialogueMode);
        }
        if !rtorq.negotiation.is_usable() {
            return Err(RefuseReason::Window);
        }
        let ConnectionData::Open(bind_argument) = rtorq.data else {
            return Err(RefuseReason::Recovery);
        };
        let negotiation = rtorq.negotiation.answer(self.parameters.negotiation());
        Ok((negotiation, bind_argument.to_vec()))
    }
}

/// The link, what is negotiated, and the bind argument.
type Accepted = (Link, Negotiation, Vec<u8>);

/// What is known of a proposal when it is refused.
struct Proposal {
    results: ContextResult,
    link: Option<Link>,
}

impl Deciding {
    pub(super) const NAME: &str = "waiting for the user";

    /// Queues the ACCEPT.
    pub(super) fn accept(self, bind_result: &[u8], out: &mut Output) -> Result<State, StackError> {
        let contexts = self.link.contexts;
        let rtoac =
            OpenAccept { negotiation: self.negotiation, data: ConnectionData::Open(bind_result) }
                .encode();
        let aare = acse::Apdu::AssociateResponse {
            application_context: self.parameters.syntaxes.application_context.clone(),
            result: AssociateResult::Accepted,
            diagnostic: Diagnostic::NULL,
            user_information: Some(External::new(contexts.rtse, &rtoac)),
        }
        .encode();
        let ppdu = AcceptPpdu {
            responding_selector: Vec::new(),
            results: self.results,
            user_data: UserData::single(contexts.acse, &aare),
        }
        .encode();
        // Version 1 holds 512 octets, X.225 8.3.4.
        if !self.link.version_2 && ppdu.len() > 512 {
            let (what, size, limit) = ("accept user data", ppdu.len(), 512);
            return Err(StackError::TooLarge { what, size, limit });
        }
        let user = encode_reference(Tag::OCTET_STRING, &self.parameters.responding_reference);
        let accept = Accept {
            reference: Reference { user: &user, common: &self.common_reference, additional: &[] },
            version: if self.link.version_2 { Versions::TWO } else { Versions::ONE },
            token_setting: 0,
            units: REQUIRED_UNITS,
            user_data: &ppdu,
        };
        out.send(&Spdu::Accept(accept), Prefix::Give)?;
        Ok(State::Receiver(Receiver::new(self.link, self.parameters.maximum_apdu)))
    }

    /// Queues the REFUSE.
    pub(super) fn refuse(
        self,
        bind_error: Option<&[u8]>,
        out: &mut Output,
    ) -> Result<State, StackError> {
        let refusal = Refusal {
            reason: RefuseReason::User,
            bind_error,
            results: self.results,
            link: Some(self.link),
            application_context: &self.parameters.syntaxes.application_context,
        };
        let reference = Reference { user: &[], common: &self.common_reference, additional: &[] };
        out.transmit.push_back(refusal.encode(reference)?);
        Ok(State::Closed)
    }
}

fn judge_session(connect: &Connect<'_>) -> Result<(), RefuseReason> {
    if !connect.versions.offers(Versions(Versions::ONE.0 | Versions::TWO.0)) {
        return Err(RefuseReason::SessionVersion);
    }
    if connect.units & REQUIRED_UNITS != REQUIRED_UNITS {
        return Err(RefuseReason::FunctionalUnits);
    }
    if connect.overflow {
        return Err(RefuseReason::Overflow);
    }
    // Release, major/activity, minor and data token; the first is only of negotiated release.
    let tokens = [4, 2, 0].map(|shift| connect.token_setting >> shift & 0b11);
    if tokens.contains(&RESPONDERS_SIDE) {
        return Err(RefuseReason::Tokens);
    }
    Ok(())
}
