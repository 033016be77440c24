//! What can go wrong at the boundary of this crate, grouped by whose fault it is.

use std::fmt;

use wire::DecodeError;

/// A layer of the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// X.224 class 0 over RFC 1006.
    Transport,
    /// X.225.
    Session,
    /// X.226.
    Presentation,
    /// X.227.
    Acse,
    /// X.228.
    Rtse,
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Transport => "transport",
            Self::Session => "session",
            Self::Presentation => "presentation",
            Self::Acse => "acse",
            Self::Rtse => "rtse",
        })
    }
}

/// Why a call of [`Stack`](crate::Stack) failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StackError {
    /// The peer sent octets that the layer cannot read; the association is aborted.
    #[error("malformed {layer} protocol data unit")]
    Malformed {
        layer: Layer,
        #[source]
        source: DecodeError,
    },
    /// The peer sent what its state does not allow; the association is aborted.
    #[error("{layer} protocol error: expected {expected}, got {got}, in state {state}")]
    Unexpected { layer: Layer, expected: &'static str, got: &'static str, state: &'static str },
    /// The peer answered with something that this stack cannot work with; the association is
    /// aborted.
    #[error("incompatible peer at the {layer} layer: {detail}")]
    Incompatible { layer: Layer, detail: &'static str },
    /// The peer resumes an activity of which nothing is kept here; the association is aborted.
    #[error("the peer resumes an activity that is not known")]
    UnknownActivity,
    /// The peer resumes an activity that has been taken whole: it is told so by the abort.
    #[error("the peer resumes an activity that is complete")]
    CompletedActivity,
    /// A size passes its limit; octets.
    #[error("{what} of {size} octets is over the limit of {limit}")]
    TooLarge { what: &'static str, size: usize, limit: usize },
    /// The user called what the state does not allow; nothing changed.
    #[error("{command} is not possible in state {state}")]
    NotAllowed { command: &'static str, state: &'static str },
    /// The APDU to transfer is not exactly one BER data value; nothing changed.
    #[error("the apdu to transfer is not one ber data value")]
    NotOneValue(#[source] DecodeError),
}

impl Layer {
    /// Makes a decoder's error one of this layer.
    pub(crate) fn malformed(self) -> impl FnOnce(DecodeError) -> StackError {
        move |source| StackError::Malformed { layer: self, source }
    }
}
