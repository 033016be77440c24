//! The initiator's side of opening.

use ber::{Encoder, Tag};

use super::StackEvent;
use super::machine::State;
use super::output::Output;
use super::parameters::{Contexts, Link, OpenParameters};
use super::refuse;
use super::sender::Sender;
use crate::acse::{self, AssociateResult};
use crate::presentation::{
    AcceptPpdu, ConnectPpdu, ContextProposal, ContextVerdict, UserData, ber_transfer_syntax,
};
use crate::rtse::{ConnectionData, DialogueMode, Negotiation, OpenAccept, OpenRequest};
use crate::session::{Accept, Connect, Prefix, REQUIRED_UNITS, Reference, Spdu, Versions};
use crate::{External, Layer, StackError};

/// User data of a CONNECT without CONNECT DATA OVERFLOW, X.225 8.3.1.
const MAX_CONNECT_DATA: usize = 10_240;

/// CONNECT is sent, its answer awaited.
pub(super) struct Opening {
    proposed: Negotiation,
    maximum_apdu: usize,
}

impl Opening {
    pub(super) const NAME: &str = "opening";

    /// What an abort is written with before the answer tells more.
    pub(super) const LINK: Link = Link { contexts: Contexts::INITIATOR, version_2: true };

    /// Queues the CONNECT.
    pub(super) fn start(parameters: &OpenParameters, out: &mut Output) -> Result<Self, StackError> {
        let ppdu = encode_connect(parameters);
        if ppdu.len() > MAX_CONNECT_DATA {
            let (what, size, limit) = ("connect user data", ppdu.len(), MAX_CONNECT_DATA);
            return Err(StackError::TooLarge { what, size, limit });
        }
        let user = encode_reference(Tag::OCTET_STRING, &parameters.calling_reference);
        let common = encode_reference(Tag::UTC_TIME, parameters.common_reference.as_bytes());
        check_sizes(parameters, user.len().max(common.len()))?;
        let connect = Connect {
            reference: Reference { user: &user, common: &common, additional: &[] },
            versions: Versions::TWO,
            token_setting: 0,
            units: REQUIRED_UNITS,
            calling_selector: &parameters.calling_ssel,
            called_selector: &parameters.called_ssel,
            overflow: false,
            user_data: &ppdu,
        };
        out.send(&Spdu::Connect(connect), Prefix::Give)?;
        let (proposed, maximum_apdu) = (parameters.negotiation(), parameters.maximum_apdu);
        Ok(Self { proposed, maximum_apdu })
    }

    pub(super) fn handle(self, spdu: &Spdu<'_>, out: &mut Output) -> Result<State, StackError> {
        match spdu {
            Spdu::Accept(accept) => self.accepted(accept, out),
            Spdu::Refuse(refuse) => {
                let (bind_error, reason) = refuse::decode(refuse);
                out.tell(StackEvent::OpenRefused { bind_error, reason });
                Ok(State::Closed)
            }
            other => Err(StackError::Unexpected {
                layer: Layer::Session,
                expected: "ACCEPT or REFUSE",
                got: other.name(),
                state: Self::NAME,
            }),
        }
    }

    fn accepted(self, accept: &Accept<'_>, out: &mut Output) -> Result<State, StackError> {
        let incompatible = |layer, detail| Err(StackError::Incompatible { layer, detail });
        if !accept.version.offers(Versions::TWO) {
            return incompatible(Layer::Session, "version 2 not accepted");
        }
        if accept.units & REQUIRED_UNITS != REQUIRED_UNITS {
            return incompatible(Layer::Session, "functional units missing");
        }
        let ppdu = AcceptPpdu::decode(accept.user_data).map_err(Layer::Presentation.malformed())?;
        let ber = ContextVerdict::Accepted(ber_transfer_syntax());
        if ppdu.results.len() != 3 || ppdu.results.iter().any(|verdict| *verdict != ber) {
            return incompatible(Layer::Presentation, "presentation contexts not accepted");
        }
        let link = Self::LINK;
        let Some(aare) = ppdu.user_data.value(link.contexts.acse) else {
            return incompatible(Layer::Presentation, "no association control data");
        };
        let aare = acse::Apdu::decode(aare).map_err(Layer::Acse.malformed())?;
        let acse::Apdu::AssociateResponse { result, user_information, .. } = aare else {
            return Err(StackError::Unexpected {
                layer: Layer::Acse,
                expected: "AARE",
                got: aare.name(),
                state: Self::NAME,
            });
        };
        let (AssociateResult::Accepted, Some(information)) = (result, user_information) else {
            return incompatible(Layer::Acse, "an acceptance without its result and data");
        };
        let rtoac = OpenAccept::decode(&information.value).map_err(Layer::Rtse.malformed())?;
        let ConnectionData::Open(bind_result) = rtoac.data else {
            return incompatible(Layer::Rtse, "a recovery that was not asked for");
        };
        let negotiation = self.proposed.settle(rtoac.negotiation);
        if !negotiation.is_usable() {
            return incompatible(Layer::Rtse, "checkpoints without a window");
        }
        out.tell(StackEvent::OpenConfirmed { bind_result: bind_result.to_vec() });
        Ok(State::Sender(Sender::new(link, negotiation, self.maximum_apdu)))
    }
}

/// A session reference as RTSE has it: a BER value, X.228 7.1; nothing for nothing.
pub(super) fn encode_reference(tag: Tag, value: &[u8]) -> Vec<u8> {
    let mut out = Encoder::new();
    if !value.is_empty() {
        out.primitive(tag, value);
    }
    out.finish()
}

fn encode_connect(parameters: &OpenParameters) -> Vec<u8> {
    let rtorq = OpenRequest {
        negotiation: parameters.negotiation(),
        dialogue: DialogueMode::Monologue,
        data: ConnectionData::Open(&parameters.bind_argument),
    }
    .encode();
    let aarq = acse::Apdu::AssociateRequest {
        version_1: true,
        application_context: parameters.syntaxes.application_context.clone(),
        user_information: Some(External::new(Contexts::INITIATOR.rtse, &rtorq)),
    }
    .encode();
    let contexts = parameters
        .syntaxes
        .proposals()
        .into_iter()
        .map(|(id, abstract_syntax)| {
            let transfer_syntaxes = vec![ber_transfer_syntax()];
            ContextProposal { id, abstract_syntax, transfer_syntaxes }
        })
        .collect();
    ConnectPpdu {
        normal_mode: true,
        calling_selector: parameters.calling_psel.clone(),
        called_selector: parameters.called_psel.clone(),
        contexts,
        user_data: UserData::single(Contexts::INITIATOR.acse, &aarq),
    }
    .encode()
}

/// The sizes that X.225 8.3.1 sets for references and selectors.
fn check_sizes(parameters: &OpenParameters, reference: usize) -> Result<(), StackError> {
    let selector = parameters.calling_ssel.len().max(parameters.called_ssel.len());
    for (what, size, limit) in
        [("session reference", reference, 64), ("session selector", selector, 16)]
    {
        if size > limit {
            return Err(StackError::TooLarge { what, size, limit });
        }
    }
    Ok(())
}
