//! The application contexts of P1 (X.419 8), and how each carries the data of a bind.

use ber::{Encoder, Tag};
use osi::{Abstract, OpenedMode, Protocol};
use wire::DecodeError;

/// Application context mts-transfer and its abstract syntaxes, X.419 (1999) annex.
const MTS_TRANSFER: &str = "2.6.0.1.6";
const MTA_RTSE: &str = "2.6.0.2.12";
const MTSE: &str = "2.6.0.2.7";

/// The tags that the normal mode puts around bind argument, result and error, X.419 (1999) 8.
pub(super) const BIND_ARGUMENT: u32 = 16;
pub(super) const BIND_RESULT: u32 = 17;
pub(super) const BIND_ERROR: u32 = 18;

/// The application contexts of P1, X.419 8: each is data, and the code for all is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransferProtocol {
    /// mts-transfer: 1988 in normal mode.
    MtsTransfer,
    /// mts-transfer-protocol: 1988 over X.410.
    MtsTransferProtocol,
    /// mts-transfer-protocol-1984.
    MtsTransferProtocol1984,
}

impl TransferProtocol {
    pub const ALL: [Self; 3] =
        [Self::MtsTransfer, Self::MtsTransferProtocol, Self::MtsTransferProtocol1984];

    /// The name as X.419 has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MtsTransfer => "mts-transfer",
            Self::MtsTransferProtocol => "mts-transfer-protocol",
            Self::MtsTransferProtocol1984 => "mts-transfer-protocol-1984",
        }
    }

    /// The number of the application protocol in X.410 mode; `None` in normal mode.
    pub(super) fn number(self) -> Option<i64> {
        match self {
            Self::MtsTransfer => None,
            Self::MtsTransferProtocol => Some(12),
            Self::MtsTransferProtocol1984 => Some(1),
        }
    }

    pub(super) fn of(mode: OpenedMode) -> Self {
        match mode {
            OpenedMode::Normal => Self::MtsTransfer,
            OpenedMode::X410(number) if Some(number) == Self::MtsTransferProtocol.number() => {
                Self::MtsTransferProtocol
            }
            OpenedMode::X410(_) => Self::MtsTransferProtocol1984,
        }
    }

    pub(super) fn protocol(self) -> Protocol {
        self.number().map_or_else(|| syntaxes().into(), Protocol::X410)
    }

    /// Puts the tag of normal mode around bind data; X.410 mode has them bare.
    pub(super) fn wrap(self, number: u32, inner: &[u8]) -> Vec<u8> {
        if self == Self::MtsTransfer { wrap(number, inner) } else { inner.to_vec() }
    }

    pub(super) fn unwrap(self, number: u32, octets: &[u8]) -> Result<&[u8], DecodeError> {
        if self == Self::MtsTransfer { unwrap(number, octets) } else { Ok(octets) }
    }
}

pub(super) fn syntaxes() -> Abstract {
    #[expect(clippy::expect_used, reason = "three literals that a test parses")]
    let oid = |text: &str| text.parse().expect("an object identifier");
    Abstract {
        application_context: oid(MTS_TRANSFER),
        rtse_syntax: oid(MTA_RTSE),
        apdu_syntax: oid(MTSE),
    }
}

pub(super) fn wrap(number: u32, inner: &[u8]) -> Vec<u8> {
    let mut encoder = Encoder::new();
    encoder.constructed(Tag::context(number), |encoder| encoder.raw(inner));
    encoder.finish()
}

pub(super) fn unwrap(number: u32, octets: &[u8]) -> Result<&[u8], DecodeError> {
    let outer = ber::decode_one("MTA bind", octets)?.expect(Tag::context(number), "bind")?;
    Ok(outer.inner("bind")?.raw)
}
