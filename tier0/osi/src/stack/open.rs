//! The initiator's side of opening.

use ber::{Encoder, Tag, decode_one};

use super::established::Established;
use super::machine::State;
use super::output::Output;
use super::parameters::{Contexts, Link, OpenParameters, OpenedMode, Protocol};
use super::recover::Unfinished;
use super::sender::Sender;
use super::{StackEvent, refuse};
use crate::acse::{self, AssociateResult};
use crate::presentation::{
    AcceptPpdu, ConnectPpdu, ContextProposal, ContextVerdict, UserData, ber_transfer_syntax,
    decode_x410, encode_x410,
};
use crate::rtse::{ConnectionData, Negotiation, OpenAccept, OpenRequest, SessionIdentifier};
use crate::session::{Accept, Connect, Prefix, REQUIRED_UNITS, Reference, Spdu, Versions};
use crate::{External, Layer, StackError};

/// User data of a CONNECT without CONNECT DATA OVERFLOW, X.225 8.3.1.
pub(super) const MAX_CONNECT_DATA: usize = 10_240;
/// User data of a CONNECT of session protocol version 1, X.225 8.3.1.
const MAX_VERSION_1: usize = 512;
/// User data of one CONNECT DATA OVERFLOW, X.225 8.3.3.
const MAX_OVERFLOW: usize = 65_528;
/// All tokens on the responder's side, X.225 8.3.1.10.
const RESPONDERS_TURN: u8 = 0b00_01_01_01;
/// Open data in all: far more than any certificate chain.
pub(super) const MAX_OPEN_DATA: usize = 1024 * 1024;

/// CONNECT is sent, its answer awaited.
pub(super) struct Opening {
    link: Link,
    proposed: Negotiation,
    maximum_apdu: usize,
    session: SessionIdentifier,
    mode: OpenedMode,
    two_way: bool,
    offered: Versions,
    recover: Option<Unfinished>,
    /// Open data that did not fit into the CONNECT.
    overflow: Vec<u8>,
    tells: bool,
}

impl Opening {
    pub(super) const NAME: &str = "opening";

    /// What an abort is written with before the answer tells more.
    pub(super) fn link(&self) -> Link {
        self.link
    }

    /// What was to be gone on with, when it came to nothing.
    pub(super) fn take_recovery(&mut self) -> Option<Unfinished> {
        self.recover.take()
    }

    /// Queues the CONNECT.
    pub(super) fn start(parameters: &OpenParameters, out: &mut Output) -> Result<Self, StackError> {
        let normal = matches!(parameters.protocol, Protocol::Normal(_));
        let user_tag = if normal { Tag::OCTET_STRING } else { Tag::T61_STRING };
        let user = encode_reference(user_tag, &parameters.calling_reference);
        let common = encode_reference(Tag::UTC_TIME, parameters.common_reference.as_bytes());
        check_sizes(parameters, user.len().max(common.len()))?;
        let ppdu = encode_connect(parameters);
        let limit = if normal { MAX_OPEN_DATA } else { MAX_VERSION_1 };
        if ppdu.len() > limit {
            let (what, size) = ("connect user data", ppdu.len());
            return Err(StackError::TooLarge { what, size, limit });
        }
        let offered = match (normal, parameters.version_1 && ppdu.len() <= MAX_VERSION_1) {
            (false, _) => Versions::ONE,
            (true, true) => Versions(Versions::ONE.0 | Versions::TWO.0),
            (true, false) => Versions::TWO,
        };
        let (data, overflow) = ppdu.split_at(ppdu.len().min(MAX_CONNECT_DATA));
        let connect = Connect {
            reference: Reference { user: &user, common: &common, additional: &[] },
            versions: offered,
            token_setting: turn_of(parameters.recover.as_ref()),
            units: REQUIRED_UNITS,
            calling_selector: &parameters.calling_ssel,
            called_selector: &parameters.called_ssel,
            overflow: !overflow.is_empty(),
            user_data: data,
        };
        out.send(&Spdu::Connect(connect), Prefix::Give)?;
        let session = SessionIdentifier { calling: user, common, additional: Vec::new() };
        Ok(Self {
            link: Link { normal, contexts: Contexts::INITIATOR, version_2: normal },
            proposed: parameters.negotiation(),
            maximum_apdu: parameters.maximum_apdu,
            session,
            mode: match parameters.protocol {
                Protocol::Normal(_) => OpenedMode::Normal,
                Protocol::X410(number) => OpenedMode::X410(number),
            },
            two_way: parameters.two_way,
            offered,
            recover: parameters.recover.clone(),
            overflow: overflow.to_vec(),
            tells: parameters.tell_checkpoints,
        })
    }

    pub(super) fn handle(mut self, spdu: &Spdu<'_>, out: &mut Output) -> Result<State, StackError> {
        match spdu {
            Spdu::Accept(accept) => self.accepted(accept, out),
            Spdu::Refuse(refuse) => {
                let (bind_error, reason) = refuse::decode(refuse);
                out.unfinished = self.recover.take();
                out.tell(StackEvent::OpenRefused { bind_error, reason });
                Ok(State::Closed)
            }
            Spdu::OverflowAccept if !self.overflow.is_empty() => {
                let overflow = std::mem::take(&mut self.overflow);
                let mut pieces = overflow.chunks(MAX_OVERFLOW).peekable();
                while let Some(user_data) = pieces.next() {
                    let end = pieces.peek().is_none();
                    out.send(&Spdu::ConnectDataOverflow { end, user_data }, Prefix::Give)?;
                }
                Ok(State::Opening(self))
            }
            other => Err(StackError::Unexpected {
                layer: Layer::Session,
                expected: "ACCEPT or REFUSE",
                got: other.name(),
                state: Self::NAME,
            }),
        }
    }

    fn accepted(mut self, accept: &Accept<'_>, out: &mut Output) -> Result<State, StackError> {
        let incompatible = |layer, detail| Err(StackError::Incompatible { layer, detail });
        if !accept.version.offers(self.offered) {
            return incompatible(Layer::Session, "a version accepted that was not offered");
        }
        if accept.units & REQUIRED_UNITS != REQUIRED_UNITS {
            return incompatible(Layer::Session, "functional units missing");
        }
        self.link.version_2 = accept.version.offers(Versions::TWO) && self.link.normal;
        let rtoac_octets = if self.link.normal {
            normal_answer(accept.user_data, self.link)?
        } else {
            decode_x410(accept.user_data).map_err(Layer::Presentation.malformed())?.to_vec()
        };
        let element = decode_one("RTOACapdu", &rtoac_octets).map_err(Layer::Rtse.malformed())?;
        let rtoac = if self.link.normal {
            OpenAccept::decode(&rtoac_octets)
        } else {
            OpenAccept::read(element)
        }
        .map_err(Layer::Rtse.malformed())?;
        let negotiation = self.proposed.settle(rtoac.negotiation);
        if !negotiation.is_usable() {
            return incompatible(Layer::Rtse, "checkpoints without a window");
        }
        let sender = Sender::new(self.link, negotiation, self.maximum_apdu);
        let open = Established::initiator(
            self.link,
            (self.session, self.mode, self.two_way),
            negotiation,
            sender,
            self.maximum_apdu,
        );
        let mut open = Box::new(open.telling_checkpoints(self.tells));
        match (rtoac.data, self.recover) {
            (ConnectionData::Open(bind_result), None) => {
                out.tell(StackEvent::OpenConfirmed { bind_result: bind_result.to_vec() });
            }
            (ConnectionData::Recover(_), Some(unfinished)) => {
                // Segments of another size would not begin where the checkpoints are.
                if negotiation != unfinished.negotiation {
                    out.unfinished = Some(unfinished);
                    return incompatible(Layer::Rtse, "another checkpoint size on recovery");
                }
                out.tell(StackEvent::RecoveryConfirmed);
                open.go_on(unfinished, out)?;
            }
            (ConnectionData::Open(_), Some(unfinished)) => {
                out.unfinished = Some(unfinished);
                return incompatible(Layer::Rtse, "an open that was to be a recovery");
            }
            (ConnectionData::Recover(_), None) => {
                return incompatible(Layer::Rtse, "a recovery that was not asked for");
            }
        }
        Ok(State::Open(open))
    }
}

/// Whose turn it is on an association that begins: the initiator's, unless the other side is the
/// one to go on with a transfer, X.228 7.8.
fn turn_of(recover: Option<&Unfinished>) -> u8 {
    match recover {
        Some(unfinished) if unfinished.two_way && !unfinished.is_sending() => RESPONDERS_TURN,
        _ => 0,
    }
}

/// The RTOAC in an ACCEPT of normal mode.
fn normal_answer(user_data: &[u8], link: Link) -> Result<Vec<u8>, StackError> {
    let incompatible = |layer, detail| Err(StackError::Incompatible { layer, detail });
    let ppdu = AcceptPpdu::decode(user_data).map_err(Layer::Presentation.malformed())?;
    let ber = ContextVerdict::Accepted(ber_transfer_syntax());
    if ppdu.results.len() != 3 || ppdu.results.iter().any(|verdict| *verdict != ber) {
        return incompatible(Layer::Presentation, "presentation contexts not accepted");
    }
    let Some(aare) = ppdu.user_data.value(link.contexts.acse) else {
        return incompatible(Layer::Presentation, "no association control data");
    };
    let aare = acse::Apdu::decode(aare).map_err(Layer::Acse.malformed())?;
    let acse::Apdu::AssociateResponse { result, user_information, .. } = aare else {
        return Err(StackError::Unexpected {
            layer: Layer::Acse,
            expected: "AARE",
            got: aare.name(),
            state: Opening::NAME,
        });
    };
    match (result, user_information) {
        (AssociateResult::Accepted, Some(information)) => Ok(information.value.into_owned()),
        _ => incompatible(Layer::Acse, "an acceptance without its result and data"),
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
    let data = match &parameters.recover {
        Some(unfinished) => ConnectionData::Recover(unfinished.session.clone()),
        None => ConnectionData::Open(&parameters.bind_argument),
    };
    let mut rtorq = OpenRequest {
        negotiation: parameters.negotiation(),
        dialogue: parameters.dialogue(),
        data,
        application_protocol: None,
    };
    let syntaxes = match &parameters.protocol {
        Protocol::X410(number) => {
            rtorq.application_protocol = Some(*number);
            return encode_x410(|out| rtorq.write(out));
        }
        Protocol::Normal(syntaxes) => syntaxes,
    };
    let rtorq = rtorq.encode();
    let aarq = acse::Apdu::AssociateRequest {
        version_1: true,
        application_context: syntaxes.application_context.clone(),
        user_information: Some(External::new(Contexts::INITIATOR.rtse, &rtorq)),
    }
    .encode();
    let contexts = syntaxes
        .proposals()
        .into_iter()
        .map(|(id, abstract_syntax)| {
            let transfer_syntaxes = vec![ber_transfer_syntax()];
            ContextProposal { id, abstract_syntax, transfer_syntaxes }
        })
        .collect();
    ConnectPpdu {
        x410: None,
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
