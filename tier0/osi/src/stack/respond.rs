//! The responder's side of opening.

use ber::Tag;

use super::established::Established;
use super::machine::State;
use super::open::{MAX_OPEN_DATA, encode_reference};
use super::output::Output;
use super::parameters::{ABSENT_PROTOCOL, Abstract, Contexts, Link, OpenedMode, RespondParameters};
use super::recover::Unfinished;
use super::refuse::{Refusal, Rejection};
use super::{RefuseReason, StackEvent};
use crate::acse::{self, AssociateResult, Diagnostic};
use crate::presentation::{
    AcceptPpdu, ConnectPpdu, ContextId, ContextResult, ContextVerdict, UserData,
    ber_transfer_syntax, encode_x410,
};
use crate::rtse::{
    ConnectionData, DialogueMode, Negotiation, OpenAccept, OpenRequest, SessionIdentifier,
};
use crate::session::{Accept, Connect, Prefix, REQUIRED_UNITS, Reference, Spdu, Tsdu, Versions};
use crate::{External, Layer, StackError};

/// Two bits for each token; this pattern in any of them puts it on the responder's side.
const RESPONDERS_SIDE: u8 = 0b01;
/// The acceptor chooses the side.
const ACCEPTOR_CHOOSES: u8 = 0b10;

/// CONNECT is awaited.
pub(super) struct Listening {
    pub parameters: RespondParameters,
}

/// CONNECT has arrived and fits; the user decides.
pub(super) struct Deciding {
    parameters: RespondParameters,
    pub link: Link,
    results: ContextResult,
    /// What the initiator proposed.
    proposed: Negotiation,
    negotiation: Negotiation,
    session: SessionIdentifier,
    mode: OpenedMode,
    two_way: bool,
    /// This side has the first turn.
    turn: bool,
    /// The association that is to be gone on with.
    recover: Option<SessionIdentifier>,
}

/// CONNECT has arrived, and more of its user data is awaited.
pub(super) struct Gathering {
    listening: Listening,
    connect: Vec<u8>,
    data: Vec<u8>,
}

impl Gathering {
    pub(super) const NAME: &str = "waiting for more open data";

    pub(super) fn handle(mut self, spdu: &Spdu<'_>, out: &mut Output) -> Result<State, StackError> {
        let Spdu::ConnectDataOverflow { end, user_data } = spdu else {
            return Err(StackError::Unexpected {
                layer: Layer::Session,
                expected: "CONNECT DATA OVERFLOW",
                got: spdu.name(),
                state: Self::NAME,
            });
        };
        self.data.extend_from_slice(user_data);
        let (size, limit) = (self.data.len(), MAX_OPEN_DATA);
        if size > limit {
            return Err(StackError::TooLarge { what: "open data", size, limit });
        }
        if !end {
            return Ok(State::Gathering(self));
        }
        let tsdu = Tsdu::decode(&self.connect).map_err(Layer::Session.malformed())?;
        let Spdu::Connect(mut connect) = tsdu.spdu else {
            let detail = "a connect that is none";
            return Err(StackError::Incompatible { layer: Layer::Session, detail });
        };
        (connect.overflow, connect.user_data) = (false, &self.data);
        self.listening.handle(&Spdu::Connect(connect), out)
    }
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
        if connect.overflow && connect.versions.offers(Versions::TWO) {
            out.send(&Spdu::OverflowAccept, Prefix::Give)?;
            let data = connect.user_data.to_vec();
            let connect = spdu.encode(Prefix::Give)?;
            return Ok(State::Gathering(Gathering { listening: self, connect, data }));
        }
        let called = (connect.called_selector.to_vec(), Vec::new());
        let mut proposal = Proposal { results: Vec::new(), link: None, called };
        match self.judge(connect, &mut proposal)? {
            Ok(accepted) => {
                let Accepted { link, mode, proposed, negotiation, two_way, data } = accepted;
                let recover = match data {
                    Opened::Bind(bind_argument) => {
                        out.tell(StackEvent::OpenIndication {
                            bind_argument,
                            checkpoint_kib: negotiation.checkpoint_kib,
                            window: negotiation.window,
                            mode,
                            two_way,
                            called_ssel: std::mem::take(&mut proposal.called.0),
                            called_psel: std::mem::take(&mut proposal.called.1),
                        });
                        None
                    }
                    Opened::Recover(session) => {
                        out.tell(StackEvent::RecoveryIndication { session: session.clone() });
                        Some(session)
                    }
                };
                Ok(State::Deciding(Box::new(Deciding {
                    parameters: self.parameters,
                    link,
                    results: proposal.results,
                    proposed,
                    negotiation,
                    session: SessionIdentifier {
                        calling: connect.reference.user.to_vec(),
                        common: connect.reference.common.to_vec(),
                        additional: connect.reference.additional.to_vec(),
                    },
                    mode,
                    two_way,
                    turn: has_turn(connect.token_setting),
                    recover,
                })))
            }
            Err(reason) => {
                let refusal = Refusal {
                    reason,
                    bind_error: None,
                    rejected: Rejection::Validation,
                    results: proposal.results,
                    link: proposal.link,
                    application_context: self.parameters.normal.as_ref(),
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
        if let Err(reason) = self.judge_session(connect) {
            return Ok(Err(reason));
        }
        let ppdu =
            ConnectPpdu::decode(connect.user_data).map_err(Layer::Presentation.malformed())?;
        if let Some(components) = ppdu.x410 {
            return self.judge_x410(components, proposal);
        }
        let Some(syntaxes) = &self.parameters.normal else {
            return Ok(Err(RefuseReason::Mode));
        };
        proposal.called.1.clone_from(&ppdu.called_selector);
        if !answers_to(&self.parameters.psel, &ppdu.called_selector) {
            return Ok(Err(RefuseReason::PresentationSelector));
        }
        let contexts = match judge_contexts(syntaxes, &ppdu, proposal) {
            Ok(contexts) => contexts,
            Err(reason) => return Ok(Err(reason)),
        };
        let version_2 = connect.versions.offers(Versions::TWO);
        let link = Link { normal: true, contexts, version_2 };
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
        if application_context != syntaxes.application_context {
            return Ok(Err(RefuseReason::ApplicationContext));
        }
        let Some(information) = user_information else {
            let detail = "no reliable transfer data";
            return Err(StackError::Incompatible { layer: Layer::Acse, detail });
        };
        let rtorq = OpenRequest::decode(&information.value).map_err(Layer::Rtse.malformed())?;
        Ok(self.judge_transfer(&rtorq, link, OpenedMode::Normal))
    }

    /// The components of an RTORQ in X.410 mode.
    fn judge_x410(
        &self,
        components: &[u8],
        proposal: &mut Proposal,
    ) -> Result<Result<Accepted, RefuseReason>, StackError> {
        let link = Link { normal: false, contexts: Contexts::INITIATOR, version_2: false };
        proposal.link = Some(link);
        let element = ber::decode_one("RTORQapdu", components).map_err(Layer::Rtse.malformed())?;
        let rtorq = OpenRequest::read(element).map_err(Layer::Rtse.malformed())?;
        let protocol = rtorq.application_protocol.unwrap_or(ABSENT_PROTOCOL);
        if !self.parameters.x410.contains(&protocol) {
            return Ok(Err(RefuseReason::ApplicationContext));
        }
        Ok(self.judge_transfer(&rtorq, link, OpenedMode::X410(protocol)))
    }

    fn judge_session(&self, connect: &Connect<'_>) -> Result<(), RefuseReason> {
        // Selectors in X.410 mode are a fault of some callers, and passed over (KB Q152932).
        if !answers_to(&self.parameters.ssel, connect.called_selector) {
            return Err(RefuseReason::SessionSelector);
        }
        judge_session(connect)
    }

    fn judge_transfer(
        &self,
        rtorq: &OpenRequest<'_>,
        link: Link,
        mode: OpenedMode,
    ) -> Result<Accepted, RefuseReason> {
        let two_way = match rtorq.dialogue {
            DialogueMode::Monologue => false,
            DialogueMode::TwoWayAlternate => true,
            DialogueMode::Other(_) => return Err(RefuseReason::DialogueMode),
        };
        if !rtorq.negotiation.is_usable() {
            return Err(RefuseReason::Window);
        }
        let (negotiation, data) = match &rtorq.data {
            ConnectionData::Open(bind_argument) => (
                rtorq.negotiation.answer(self.parameters.negotiation()),
                Opened::Bind(bind_argument.to_vec()),
            ),
            // What the broken association had is what the recovered one has (KB Q187929).
            ConnectionData::Recover(session) => {
                (rtorq.negotiation, Opened::Recover(session.clone()))
            }
        };
        Ok(Accepted { link, mode, proposed: rtorq.negotiation, negotiation, two_way, data })
    }
}

/// Whether one of these selectors is called; none, or an empty one among them, stands for any, and so does a caller that
/// names none.
fn answers_to(own: &[Vec<u8>], called: &[u8]) -> bool {
    called.is_empty() || own.is_empty() || own.iter().any(|one| one.is_empty() || one == called)
}

/// Accepts the three contexts that are known here and rejects the others.
fn judge_contexts(
    syntaxes: &Abstract,
    ppdu: &ConnectPpdu<'_>,
    proposal: &mut Proposal,
) -> Result<Contexts, RefuseReason> {
    let mut found: [Option<ContextId>; 3] = [None; 3];
    let known = syntaxes.proposals();
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

/// What a proposal that fits comes to.
struct Accepted {
    link: Link,
    mode: OpenedMode,
    proposed: Negotiation,
    negotiation: Negotiation,
    two_way: bool,
    data: Opened,
}

enum Opened {
    Bind(Vec<u8>),
    Recover(SessionIdentifier),
}

/// What is known of a proposal when it is refused.
struct Proposal {
    results: ContextResult,
    link: Option<Link>,
    /// The session and the presentation selector that are called.
    called: (Vec<u8>, Vec<u8>),
}

impl Deciding {
    pub(super) const NAME: &str = "waiting for the user";

    /// Answers the proposal by other terms than those that were known when it came.
    pub(super) fn set_terms(&mut self, own: Negotiation) {
        // What the broken association had is what the recovered one has (KB Q187929).
        if self.recover.is_none() {
            self.negotiation = self.proposed.answer(own);
        }
    }

    /// Queues the ACCEPT for a bind.
    pub(super) fn accept(self, bind_result: &[u8], out: &mut Output) -> Result<State, StackError> {
        self.answer(ConnectionData::Open(bind_result), out).map(State::Open)
    }

    /// Queues the ACCEPT for a recovery, and goes on with what is kept; refuses where the
    /// broken association was of another kind.
    pub(super) fn recover(
        mut self,
        unfinished: Unfinished,
        out: &mut Output,
    ) -> Result<State, StackError> {
        let fits = unfinished.mode == self.mode
            && unfinished.progress.is_received() != self.turn
            && unfinished.negotiation == self.negotiation;
        match self.recover.take().filter(|session| fits && *session == unfinished.session) {
            Some(session) => {
                let mut open = self.answer(ConnectionData::Recover(session), out)?;
                open.go_on(unfinished, out)?;
                Ok(State::Open(open))
            }
            None => self.refuse(None, Rejection::CannotRecover, out),
        }
    }

    fn answer(
        self,
        data: ConnectionData<'_>,
        out: &mut Output,
    ) -> Result<Box<Established>, StackError> {
        let contexts = self.link.contexts;
        let rtoac = OpenAccept { negotiation: self.negotiation, data };
        let ppdu = if self.link.normal {
            let rtoac = rtoac.encode();
            let syntaxes = self.parameters.normal.as_ref();
            let aare = acse::Apdu::AssociateResponse {
                application_context: syntaxes.map_or_else(acse::abstract_syntax, |syntaxes| {
                    syntaxes.application_context.clone()
                }),
                result: AssociateResult::Accepted,
                diagnostic: Diagnostic::NULL,
                user_information: Some(External::new(contexts.rtse, &rtoac)),
            }
            .encode();
            AcceptPpdu {
                responding_selector: Vec::new(),
                results: self.results,
                user_data: UserData::single(contexts.acse, &aare),
            }
            .encode()
        } else {
            encode_x410(|out| rtoac.write(out))
        };
        // Version 1 holds 512 octets, X.225 8.3.4.
        if !self.link.version_2 && ppdu.len() > 512 {
            let (what, size, limit) = ("accept user data", ppdu.len(), 512);
            return Err(StackError::TooLarge { what, size, limit });
        }
        let tag = if self.link.normal { Tag::OCTET_STRING } else { Tag::T61_STRING };
        let user = encode_reference(tag, &self.parameters.responding_reference);
        let common = &self.session.common;
        let accept = Accept {
            reference: Reference { user: &user, common, additional: &[] },
            version: if self.link.version_2 { Versions::TWO } else { Versions::ONE },
            token_setting: 0,
            units: REQUIRED_UNITS,
            user_data: &ppdu,
        };
        out.send(&Spdu::Accept(accept), Prefix::Give)?;
        let open = Established::responder(
            self.link,
            (self.session, self.mode, self.two_way),
            self.negotiation,
            self.turn,
            self.parameters.maximum_apdu,
        );
        Ok(Box::new(open.telling_checkpoints(self.parameters.tell_checkpoints)))
    }

    /// Queues the REFUSE.
    pub(super) fn refuse(
        self,
        bind_error: Option<&[u8]>,
        rejected: Rejection,
        out: &mut Output,
    ) -> Result<State, StackError> {
        let refusal = Refusal {
            reason: RefuseReason::User,
            bind_error,
            rejected,
            results: self.results,
            link: Some(self.link),
            application_context: self.parameters.normal.as_ref(),
        };
        let reference = Reference { user: &[], common: &self.session.common, additional: &[] };
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
    // Some here and some there: no turn of RTSE is such.
    let tokens = tokens(connect.token_setting);
    if tokens.contains(&RESPONDERS_SIDE) && tokens.iter().any(|one| *one != RESPONDERS_SIDE) {
        return Err(RefuseReason::Tokens);
    }
    Ok(())
}

/// Major/activity, minor and data token; the one above them is of negotiated release only.
fn tokens(setting: u8) -> [u8; 3] {
    [4, 2, 0].map(|shift| setting >> shift & 0b11)
}

/// The first turn is the initiator's, unless it puts all tokens on this side.
fn has_turn(setting: u8) -> bool {
    let tokens = tokens(setting);
    tokens.iter().all(|one| *one == RESPONDERS_SIDE) && !tokens.contains(&ACCEPTOR_CHOOSES)
}
