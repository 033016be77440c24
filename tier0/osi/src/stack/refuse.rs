//! Refusals of an association: the reasons, and what each is on the wire.

use std::fmt;

use ber::Oid;

use crate::acse::{self, AssociateResult, Diagnostic};
use crate::presentation::{ContextResult, ContextVerdict, RefusePpdu, UserData};
use crate::rtse::OpenReject;
use crate::session::{Prefix, Reference, Refuse, RefuseCode, Spdu};
use crate::{External, Layer, StackError};

use super::parameters::Link;

/// Why an association was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefuseReason {
    /// The user of the other stack refused; a bind error may tell more.
    User,
    /// Congestion, of the called user or of its session provider.
    Congestion,
    /// No session version in common.
    SessionVersion,
    /// The called session selector is unknown there, or nobody is attached to it.
    SessionSelector,
    /// Session functional units that RTSE needs are not offered.
    FunctionalUnits,
    /// Tokens that the initiator needs are not on its side.
    Tokens,
    /// Open data that continue in a CONNECT DATA OVERFLOW.
    Overflow,
    /// The session provider refused for a restriction of its implementation.
    SessionRestriction,
    /// X.410 mode.
    X410Mode,
    /// An abstract syntax is missing or not supported.
    AbstractSyntax,
    /// The basic encoding rules are missing or not supported.
    TransferSyntax,
    /// The presentation provider's reason, X.226 annex A.
    PresentationProvider(i64),
    /// Another application context.
    ApplicationContext,
    /// No ACSE version in common.
    AcseVersion,
    /// Two-way alternate, or a mode that is not defined.
    DialogueMode,
    /// A recovery of an association of which nothing is kept.
    Recovery,
    /// Checkpoints without a window.
    Window,
    /// None was given.
    Unspecified,
}

/// What a reason is on the wire.
struct Wire {
    code: RefuseCode,
    /// Of the presentation provider; the user refuses when absent.
    provider_reason: Option<i64>,
    /// Of the AARE; none is sent when absent.
    response: Option<(AssociateResult, Diagnostic)>,
    /// An RTORJ is sent.
    reject: bool,
}

impl RefuseReason {
    /// The one table of reasons and their form on the wire.
    fn wire(self) -> Wire {
        let session = |code| Wire { code, provider_reason: None, response: None, reject: false };
        let presentation =
            |reason| Wire { provider_reason: Some(reason), ..session(RefuseCode::USER_DATA) };
        let association = |result, diagnostic, reject| Wire {
            response: Some((result, diagnostic)),
            reject,
            ..session(RefuseCode::USER_DATA)
        };
        let permanent = AssociateResult::RejectedPermanent;
        match self {
            Self::User => association(permanent, Diagnostic::NO_REASON, true),
            Self::Congestion => session(RefuseCode::CONGESTION),
            Self::SessionVersion => session(RefuseCode::VERSION),
            Self::SessionSelector => session(RefuseCode::SELECTOR_UNKNOWN),
            Self::FunctionalUnits
            | Self::Tokens
            | Self::Overflow
            | Self::SessionRestriction
            | Self::X410Mode => session(RefuseCode::RESTRICTION),
            Self::AbstractSyntax | Self::TransferSyntax => presentation(0),
            Self::PresentationProvider(reason) => presentation(reason),
            Self::ApplicationContext => {
                association(permanent, Diagnostic::APPLICATION_CONTEXT, false)
            }
            Self::AcseVersion => association(permanent, Diagnostic::NO_COMMON_VERSION, false),
            Self::DialogueMode | Self::Recovery | Self::Window | Self::Unspecified => {
                association(permanent, Diagnostic::NO_REASON, false)
            }
        }
    }

    /// The layer that refuses.
    #[must_use]
    pub fn layer(self) -> Layer {
        match self {
            Self::Congestion
            | Self::SessionVersion
            | Self::SessionSelector
            | Self::FunctionalUnits
            | Self::Tokens
            | Self::Overflow
            | Self::SessionRestriction => Layer::Session,
            Self::X410Mode
            | Self::AbstractSyntax
            | Self::TransferSyntax
            | Self::PresentationProvider(_) => Layer::Presentation,
            Self::ApplicationContext | Self::AcseVersion => Layer::Acse,
            Self::User | Self::DialogueMode | Self::Recovery | Self::Window | Self::Unspecified => {
                Layer::Rtse
            }
        }
    }

    /// The number on the wire that says most: of the layer that refuses.
    #[must_use]
    pub fn number(self) -> i64 {
        let wire = self.wire();
        match (wire.provider_reason, wire.response) {
            (Some(reason), _) => reason,
            (None, Some((_, Diagnostic::User(number) | Diagnostic::Provider(number)))) => number,
            (None, None) => i64::from(wire.code.0),
        }
    }

    /// The reason of a session REFUSE without data that can be read.
    fn of_code(code: RefuseCode) -> Self {
        match code {
            RefuseCode::CONGESTION | RefuseCode::PROVIDER_CONGESTION => Self::Congestion,
            RefuseCode::SELECTOR_UNKNOWN | RefuseCode::NOT_ATTACHED => Self::SessionSelector,
            RefuseCode::VERSION => Self::SessionVersion,
            RefuseCode::RESTRICTION => Self::SessionRestriction,
            _ => Self::Unspecified,
        }
    }
}

/// A refusal to be sent.
pub(super) struct Refusal<'a> {
    pub reason: RefuseReason,
    pub bind_error: Option<&'a [u8]>,
    /// What presentation makes of the proposed contexts.
    pub results: ContextResult,
    /// Known once the contexts are.
    pub link: Option<Link>,
    pub application_context: &'a Oid,
}

impl Refusal<'_> {
    /// The REFUSE that tells it.
    pub(super) fn encode(&self, reference: Reference<'_>) -> Result<Vec<u8>, StackError> {
        let wire = self.reason.wire();
        let ppdu = self.encode_ppdu(&wire);
        // Version 1 holds 512 octets; a refusal that fits is worth more than its details.
        let fits = self.link.is_some_and(|link| link.version_2) || ppdu.len() <= 512;
        let user_data = if fits { &ppdu[..] } else { &[] };
        Spdu::Refuse(Refuse { reference, code: wire.code, user_data }).encode(Prefix::Give)
    }

    fn encode_ppdu(&self, wire: &Wire) -> Vec<u8> {
        if wire.code != RefuseCode::USER_DATA {
            return Vec::new();
        }
        let aare = match (self.link, wire.response) {
            (Some(link), Some((result, diagnostic))) => {
                let rtorj = wire.reject.then(|| OpenReject { user_data: self.bind_error }.encode());
                let apdu = acse::Apdu::AssociateResponse {
                    application_context: self.application_context.clone(),
                    result,
                    diagnostic,
                    user_information: rtorj
                        .as_deref()
                        .map(|rtorj| External::new(link.contexts.rtse, rtorj)),
                };
                Some((link, apdu.encode()))
            }
            _ => None,
        };
        let user_data = match &aare {
            Some((link, aare)) => UserData::single(link.contexts.acse, aare),
            None => UserData::default(),
        };
        let results = self.results.clone();
        RefusePpdu { results, provider_reason: wire.provider_reason, user_data }.encode()
    }
}

/// The bind error and the reason in a REFUSE that arrived; what cannot be read is no reason.
pub(super) fn decode(refuse: &Refuse<'_>) -> (Option<Vec<u8>>, RefuseReason) {
    let by_code = RefuseReason::of_code(refuse.code);
    let Ok(ppdu) = RefusePpdu::decode(refuse.user_data) else {
        return (None, by_code);
    };
    if let Some(reason) = ppdu.provider_reason {
        let has = |verdict| ppdu.results.contains(&verdict);
        let reason = if has(ContextVerdict::AbstractSyntax) {
            RefuseReason::AbstractSyntax
        } else if has(ContextVerdict::TransferSyntaxes) {
            RefuseReason::TransferSyntax
        } else {
            RefuseReason::PresentationProvider(reason)
        };
        return (None, reason);
    }
    let aare = ppdu.user_data.0.iter().find_map(|pdv| acse::Apdu::decode(&pdv.value).ok());
    let Some(acse::Apdu::AssociateResponse { diagnostic, user_information, .. }) = aare else {
        return (None, by_code);
    };
    match diagnostic {
        Diagnostic::APPLICATION_CONTEXT => return (None, RefuseReason::ApplicationContext),
        Diagnostic::NO_COMMON_VERSION => return (None, RefuseReason::AcseVersion),
        _ => {}
    }
    let reject = user_information.as_ref().and_then(|info| OpenReject::decode(&info.value).ok());
    match reject {
        Some(reject) => (reject.user_data.map(<[u8]>::to_vec), RefuseReason::User),
        None => (None, by_code),
    }
}

impl fmt::Display for RefuseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "refused by the user",
            Self::Congestion => "congestion",
            Self::SessionVersion => "no common session version",
            Self::SessionSelector => "session selector unknown",
            Self::FunctionalUnits => "session functional units missing",
            Self::Tokens => "tokens not on the initiator's side",
            Self::Overflow => "open data too long",
            Self::SessionRestriction => "restriction of the session implementation",
            Self::X410Mode => "x.410 mode",
            Self::AbstractSyntax => "abstract syntax not supported",
            Self::TransferSyntax => "transfer syntax not supported",
            Self::PresentationProvider(reason) => {
                return write!(f, "presentation provider reason {reason}");
            }
            Self::ApplicationContext => "application context not supported",
            Self::AcseVersion => "no common acse version",
            Self::DialogueMode => "dialogue mode not supported",
            Self::Recovery => "nothing is kept to recover",
            Self::Window => "checkpoints without a window",
            Self::Unspecified => "no reason given",
        })
    }
}
