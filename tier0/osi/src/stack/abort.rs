//! Aborts: the reasons, and what each is on the wire.

use std::fmt;

use super::parameters::Link;
use crate::presentation::{AbortPpdu, ProviderAbortReason, UserData};
use crate::rtse::{self, RtabReason};
use crate::session::{Abort, Prefix, Spdu};
use crate::{External, Layer, StackError, acse};

/// Why an association was aborted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AbortReason {
    /// The user of the stack wished it.
    User,
    /// The other side broke the protocol of a layer.
    Protocol(Layer),
    /// The other side agreed to something that this side cannot work with.
    Incompatible,
    /// What RTSE gave as its reason.
    Rtse(RtabReason),
    /// Something local passes a limit of the protocol or of the configuration.
    TooLarge,
    /// The carrier is gone.
    ChannelLost,
    /// None was given.
    Unspecified,
}

/// What a reason is on the wire.
enum Wire {
    /// The session provider aborts, protocol error.
    Session,
    /// ARP.
    Presentation(ProviderAbortReason),
    /// ABRT by the ACSE provider.
    Acse,
    /// ABRT by the ACSE user, with an RTAB.
    Rtse(RtabReason),
}

impl AbortReason {
    /// The one table of reasons and their form on the wire.
    fn wire(self) -> Wire {
        match self {
            Self::User => Wire::Rtse(RtabReason::UserError),
            // The stack raises no error of transport; a carrier that fails can only be dropped.
            Self::Protocol(Layer::Session | Layer::Transport) => Wire::Session,
            Self::Protocol(Layer::Presentation) => {
                Wire::Presentation(ProviderAbortReason::InvalidParameterValue)
            }
            Self::Protocol(Layer::Acse) => Wire::Acse,
            Self::Protocol(Layer::Rtse) => Wire::Rtse(RtabReason::ProtocolError),
            Self::Incompatible => Wire::Rtse(RtabReason::InvalidParameter),
            Self::Rtse(reason) => Wire::Rtse(reason),
            Self::TooLarge => Wire::Rtse(RtabReason::PermanentProblem),
            Self::ChannelLost | Self::Unspecified => Wire::Rtse(RtabReason::LocalSystemProblem),
        }
    }

    /// The reason that an error of ours or of the peer is.
    pub(super) fn of_error(error: &StackError) -> Self {
        match error {
            StackError::Malformed { layer, .. } | StackError::Unexpected { layer, .. } => {
                Self::Protocol(*layer)
            }
            StackError::Incompatible { .. } => Self::Incompatible,
            StackError::UnknownActivity => Self::Rtse(RtabReason::UnrecognizedActivity),
            StackError::CompletedActivity => Self::Rtse(RtabReason::TransferCompleted),
            StackError::TooLarge { .. } => Self::TooLarge,
            StackError::NotAllowed { .. } | StackError::NotOneValue(_) => Self::Unspecified,
        }
    }

    /// The ABORT that tells this reason; without a link nothing is agreed that could carry it.
    pub(super) fn encode(self, link: Option<Link>) -> Result<Vec<u8>, StackError> {
        let wire = self.wire();
        // Version 1 holds nine octets of user data, too few for any PPDU.
        let ppdu = match link {
            Some(link) if !link.normal => encode_x410(&wire),
            Some(link) if link.version_2 => encode_ppdu(&wire, link),
            _ => Vec::new(),
        };
        let by_user = !matches!(wire, Wire::Session) && link.is_some();
        let abort =
            Abort { transport_released: true, by_user, protocol_error: !by_user, user_data: &ppdu };
        Spdu::Abort(abort).encode(Prefix::Give)
    }

    /// The reason in an ABORT that arrived; what cannot be read is no reason.
    pub(super) fn decode(abort: &Abort<'_>) -> Self {
        if abort.user_data.is_empty() {
            return if abort.protocol_error {
                Self::Protocol(Layer::Session)
            } else {
                Self::Unspecified
            };
        }
        // In X.410 mode the components of the RTAB stand in a SET.
        let x410 = ber::decode_one("ARU-PPDU", abort.user_data)
            .ok()
            .filter(|element| element.tag == ber::Tag::SET)
            .and_then(|element| rtse::Abort::read(element).ok());
        if let Some(rtab) = x410 {
            return of_rtab(rtab.reason);
        }
        match AbortPpdu::decode(abort.user_data) {
            Ok(AbortPpdu::Provider(_)) => Self::Protocol(Layer::Presentation),
            Ok(AbortPpdu::User(user_data)) => user_data
                .0
                .iter()
                .find_map(|pdv| acse::Apdu::decode(&pdv.value).ok().map(|apdu| of_acse(&apdu)))
                .unwrap_or(Self::Unspecified),
            Err(_) => Self::Unspecified,
        }
    }
}

fn of_acse(apdu: &acse::Apdu<'_>) -> AbortReason {
    let acse::Apdu::Abort { by_provider, user_information } = apdu else {
        return AbortReason::Unspecified;
    };
    if *by_provider {
        return AbortReason::Protocol(Layer::Acse);
    }
    let rtab = user_information.as_ref().and_then(|info| rtse::Abort::decode(&info.value).ok());
    rtab.map_or(AbortReason::Unspecified, |abort| of_rtab(abort.reason))
}

fn of_rtab(reason: RtabReason) -> AbortReason {
    match reason {
        RtabReason::UserError => AbortReason::User,
        RtabReason::ProtocolError => AbortReason::Protocol(Layer::Rtse),
        RtabReason::InvalidParameter => AbortReason::Incompatible,
        reason => AbortReason::Rtse(reason),
    }
}

/// Six octets, of the nine that version 1 has room for.
fn encode_x410(wire: &Wire) -> Vec<u8> {
    let reason = match wire {
        Wire::Session => return Vec::new(),
        Wire::Rtse(reason) => *reason,
        Wire::Presentation(_) | Wire::Acse => RtabReason::ProtocolError,
    };
    let mut out = ber::Encoder::new();
    out.constructed(ber::Tag::SET, |out| rtse::Abort { reason }.write(out));
    out.finish()
}

fn encode_ppdu(wire: &Wire, link: Link) -> Vec<u8> {
    let (by_provider, rtab) = match wire {
        Wire::Session => return Vec::new(),
        Wire::Presentation(reason) => return AbortPpdu::Provider(*reason).encode(),
        Wire::Acse => (true, None),
        Wire::Rtse(reason) => (false, Some(rtse::Abort { reason: *reason }.encode())),
    };
    let user_information = rtab.as_deref().map(|rtab| External::new(link.contexts.rtse, rtab));
    let abrt = acse::Apdu::Abort { by_provider, user_information }.encode();
    AbortPpdu::User(UserData::single(link.contexts.acse, &abrt)).encode()
}

impl fmt::Display for AbortReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User => f.write_str("user abort"),
            Self::Protocol(layer) => write!(f, "{layer} protocol error"),
            Self::Incompatible => f.write_str("incompatible parameters"),
            Self::Rtse(reason) => write!(f, "rtse abort: {reason}"),
            Self::TooLarge => f.write_str("over a limit"),
            Self::ChannelLost => f.write_str("carrier lost"),
            Self::Unspecified => f.write_str("no reason given"),
        }
    }
}
