//! Reliable transfer, X.228: RTORQ, RTOAC, RTORJ, RTTP, RTTR and RTAB, and their negotiation.

use std::borrow::Cow;
use std::fmt;

use ber::{Class, Element, Encoder, Tag, decode_one};
use wire::DecodeError;

/// What an absent checkpoint size means, X.228 annex A.
const DEFAULT_CHECKPOINT: u16 = 0;
/// What an absent window size means, X.228 annex A.
const ABSENT_WINDOW: u16 = 3;

/// Who sends, X.228 7.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DialogueMode {
    /// The initiator alone.
    Monologue,
    /// The owner of the turn.
    TwoWayAlternate,
    /// A value that X.228 does not define.
    Other(i64),
}

/// Checkpoint and window of an association.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Negotiation {
    /// Units of 1024 octets; 0 is no checkpoints.
    pub checkpoint_kib: u16,
    /// Minor synchronisation points that may be unconfirmed before the sender waits.
    pub window: u16,
}

impl Negotiation {
    /// The responder's answer: never more than proposed, X.228 7.1.
    ///
    /// A proposal of 0 means "no limit" to some and "none" to others; 0 is what both understand.
    #[must_use]
    pub fn answer(self, own: Self) -> Self {
        Self {
            checkpoint_kib: self.checkpoint_kib.min(own.checkpoint_kib),
            window: self.window.min(own.window.max(1)),
        }
    }

    /// What the initiator works with: an answer that enlarges the proposal is cut, because peers
    /// answer a small window with the absent one, which means 3.
    #[must_use]
    pub fn settle(self, answered: Self) -> Self {
        let checkpoint_kib = if self.checkpoint_kib == 0 {
            answered.checkpoint_kib
        } else {
            answered.checkpoint_kib.min(self.checkpoint_kib)
        };
        Self { checkpoint_kib, window: answered.window.min(self.window) }
    }

    /// True unless checkpoints are wanted that could never be sent.
    #[must_use]
    pub fn is_usable(self) -> bool {
        self.checkpoint_kib == 0 || self.window > 0
    }
}

/// What names a session connection: its references, each one BER value, X.228 annex A
/// (SessionConnectionIdentifier); X.225 8.3.1 has the same octets.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionIdentifier {
    pub calling: Vec<u8>,
    pub common: Vec<u8>,
    /// Empty when absent; the octets of the additional reference.
    pub additional: Vec<u8>,
}

/// ConnectionData of RTORQ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectionData<'a> {
    /// The encoding of the user's open data.
    Open(&'a [u8]),
    /// An association that broke is to be resumed.
    Recover(SessionIdentifier),
}

/// RTORQ, X.228 annex A.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenRequest<'a> {
    pub negotiation: Negotiation,
    pub dialogue: DialogueMode,
    pub data: ConnectionData<'a>,
    /// Of X.410 mode alone.
    pub application_protocol: Option<i64>,
}

/// RTOAC, X.228 annex A.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenAccept<'a> {
    pub negotiation: Negotiation,
    pub data: ConnectionData<'a>,
}

/// RTORJ, X.228 annex A.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenReject<'a> {
    /// refuseReason, of X.410 mode alone.
    pub reason: Option<i64>,
    /// The encoding of the user's reject data.
    pub user_data: Option<&'a [u8]>,
}

/// AbortReason of RTAB, X.228 annex A.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RtabReason {
    LocalSystemProblem,
    InvalidParameter,
    UnrecognizedActivity,
    TemporaryProblem,
    ProtocolError,
    PermanentProblem,
    UserError,
    TransferCompleted,
    /// A value that X.228 does not define.
    Other(i64),
}

/// RTAB, X.228 annex A.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abort {
    pub reason: RtabReason,
}

/// What travels as data in RTSE's own presentation context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data<'a> {
    /// RTTR: the next octets of the APDU.
    Transfer(Cow<'a, [u8]>),
    /// RTTP: the peer asks for the turn.
    TurnPlease { priority: i64 },
}

impl<'a> OpenRequest<'a> {
    /// Reads an RTORQ.
    ///
    /// # Errors
    /// It is malformed, or a field is out of range.
    pub fn decode(apdu: &'a [u8]) -> Result<Self, DecodeError> {
        Self::read(decode_one("RTORQapdu", apdu)?.expect(Tag::context(16), "RTORQapdu")?)
    }

    /// Reads the components of an RTORQ under whatever tag, as X.410 mode has them.
    ///
    /// # Errors
    /// They are malformed, or a field is out of range.
    pub fn read(outer: Element<'a>) -> Result<Self, DecodeError> {
        let (mut negotiation, mut application_protocol) = (absent(), None);
        let (mut dialogue, mut data) = (DialogueMode::Monologue, None);
        let mut children = outer.children()?;
        while let Some(child) = children.next_element()? {
            match (child.tag.class, child.tag.number) {
                (Class::Context, 0) => negotiation.checkpoint_kib = small(child, "checkpointSize")?,
                (Class::Context, 1) => negotiation.window = small(child, "windowSize")?,
                (Class::Context, 2) => {
                    dialogue = match child.integer("dialogueMode")? {
                        0 => DialogueMode::Monologue,
                        1 => DialogueMode::TwoWayAlternate,
                        other => DialogueMode::Other(other),
                    };
                }
                (Class::Context, 3) => data = Some(connection_data(child)?),
                (Class::Context, 4) => {
                    application_protocol = Some(child.integer("applicationProtocol")?);
                }
                _ => {}
            }
        }
        let data = data.ok_or_else(|| outer.invalid("connectionDataRQ", "absent"))?;
        Ok(Self { negotiation, dialogue, data, application_protocol })
    }

    /// Writes it; defaults are written out because peers mishandle their absence.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Encoder::new();
        out.constructed(Tag::context(16), |out| self.write(out));
        out.finish()
    }

    /// Writes the components alone.
    pub fn write(&self, out: &mut Encoder) {
        encode_negotiation(self.negotiation, out);
        let dialogue = match self.dialogue {
            DialogueMode::Monologue => 0,
            DialogueMode::TwoWayAlternate => 1,
            DialogueMode::Other(value) => value,
        };
        out.integer(Tag::context(2), dialogue);
        out.constructed(Tag::context(3), |out| encode_data(&self.data, out));
        if let Some(protocol) = self.application_protocol {
            out.integer(Tag::context(4), protocol);
        }
    }
}

impl<'a> OpenAccept<'a> {
    /// Reads an RTOAC.
    ///
    /// # Errors
    /// It is malformed, or a field is out of range.
    pub fn decode(apdu: &'a [u8]) -> Result<Self, DecodeError> {
        Self::read(decode_one("RTOACapdu", apdu)?.expect(Tag::context(17), "RTOACapdu")?)
    }

    /// Reads the components of an RTOAC under whatever tag, as X.410 mode has them.
    ///
    /// # Errors
    /// They are malformed, or a field is out of range.
    pub fn read(outer: Element<'a>) -> Result<Self, DecodeError> {
        let (mut negotiation, mut data) = (absent(), None);
        let mut children = outer.children()?;
        while let Some(child) = children.next_element()? {
            match (child.tag.class, child.tag.number) {
                (Class::Context, 0) => negotiation.checkpoint_kib = small(child, "checkpointSize")?,
                (Class::Context, 1) => negotiation.window = small(child, "windowSize")?,
                (Class::Context, 2) => data = Some(connection_data(child)?),
                _ => {}
            }
        }
        let data = data.ok_or_else(|| outer.invalid("connectionDataAC", "absent"))?;
        Ok(Self { negotiation, data })
    }

    /// Writes it.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Encoder::new();
        out.constructed(Tag::context(17), |out| self.write(out));
        out.finish()
    }

    /// Writes the components alone.
    pub fn write(&self, out: &mut Encoder) {
        encode_negotiation(self.negotiation, out);
        out.constructed(Tag::context(2), |out| encode_data(&self.data, out));
    }
}

impl<'a> OpenReject<'a> {
    /// Reads an RTORJ.
    ///
    /// # Errors
    /// It is malformed.
    pub fn decode(apdu: &'a [u8]) -> Result<Self, DecodeError> {
        Self::read(decode_one("RTORJapdu", apdu)?.expect(Tag::context(18), "RTORJapdu")?)
    }

    /// Reads the components of an RTORJ under whatever tag, as X.410 mode has them.
    ///
    /// # Errors
    /// They are malformed.
    pub fn read(outer: Element<'a>) -> Result<Self, DecodeError> {
        let mut this = Self::default();
        let mut children = outer.children()?;
        while let Some(child) = children.next_element()? {
            if child.tag == Tag::context(0) {
                this.reason = Some(child.integer("refuseReason")?);
            } else if child.tag == Tag::context(1) {
                this.user_data = Some(child.inner("userDataRJ")?.raw);
            }
        }
        Ok(this)
    }

    /// Writes it.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Encoder::new();
        out.constructed(Tag::context(18), |out| self.write(out));
        out.finish()
    }

    /// Writes the components alone.
    pub fn write(&self, out: &mut Encoder) {
        if let Some(reason) = self.reason {
            out.integer(Tag::context(0), reason);
        }
        if let Some(user_data) = self.user_data {
            out.constructed(Tag::context(1), |out| out.raw(user_data));
        }
    }
}

impl Abort {
    /// Reads an RTAB.
    ///
    /// # Errors
    /// It is malformed.
    pub fn decode(apdu: &[u8]) -> Result<Self, DecodeError> {
        Self::read(decode_one("RTABapdu", apdu)?.expect(Tag::context(22), "RTABapdu")?)
    }

    /// Reads the components of an RTAB under whatever tag, as X.410 mode has them.
    ///
    /// # Errors
    /// They are malformed.
    pub fn read(outer: Element<'_>) -> Result<Self, DecodeError> {
        // An absent reason is what a peer without one sends.
        let mut reason = RtabReason::LocalSystemProblem;
        let mut children = outer.children()?;
        while let Some(child) = children.next_element()? {
            if child.tag == Tag::context(0) {
                reason = RtabReason::from_value(child.integer("abortReason")?);
            }
        }
        Ok(Self { reason })
    }

    /// Writes it.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Encoder::new();
        out.constructed(Tag::context(22), |out| self.write(out));
        out.finish()
    }

    /// Writes the components alone.
    pub fn write(&self, out: &mut Encoder) {
        out.integer(Tag::context(0), self.reason.value());
    }
}

impl RtabReason {
    fn value(self) -> i64 {
        match self {
            Self::LocalSystemProblem => 0,
            Self::InvalidParameter => 1,
            Self::UnrecognizedActivity => 2,
            Self::TemporaryProblem => 3,
            Self::ProtocolError => 4,
            Self::PermanentProblem => 5,
            Self::UserError => 6,
            Self::TransferCompleted => 7,
            Self::Other(value) => value,
        }
    }

    fn from_value(value: i64) -> Self {
        match value {
            0 => Self::LocalSystemProblem,
            1 => Self::InvalidParameter,
            2 => Self::UnrecognizedActivity,
            3 => Self::TemporaryProblem,
            4 => Self::ProtocolError,
            5 => Self::PermanentProblem,
            6 => Self::UserError,
            7 => Self::TransferCompleted,
            other => Self::Other(other),
        }
    }
}

impl<'a> Data<'a> {
    /// Reads an RTTR or an RTTP.
    ///
    /// # Errors
    /// It is neither.
    pub fn decode(apdu: &'a [u8]) -> Result<Self, DecodeError> {
        let element = decode_one("RTSE-apdu", apdu)?;
        match element.tag {
            Tag::OCTET_STRING => Ok(Self::Transfer(element.octets("RTTRapdu")?)),
            Tag::INTEGER => Ok(Self::TurnPlease { priority: element.integer("RTTPapdu")? }),
            _ => Err(element.invalid("RTSE-apdu", "unexpected tag")),
        }
    }

    /// Writes it; see [`wrap_octets`](crate::presentation::wrap_octets) for large ones.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Encoder::new();
        match self {
            Self::Transfer(octets) => out.octets(Tag::OCTET_STRING, octets),
            Self::TurnPlease { priority } => out.integer(Tag::INTEGER, *priority),
        }
        out.finish()
    }
}

fn absent() -> Negotiation {
    Negotiation { checkpoint_kib: DEFAULT_CHECKPOINT, window: ABSENT_WINDOW }
}

/// A size that is not negative; one beyond 16 bits means as much as the largest.
fn small(element: Element<'_>, field: &'static str) -> Result<u16, DecodeError> {
    let value = element.integer(field)?;
    if value < 0 {
        return Err(element.invalid(field, "negative"));
    }
    Ok(u16::try_from(value).unwrap_or(u16::MAX))
}

fn connection_data(element: Element<'_>) -> Result<ConnectionData<'_>, DecodeError> {
    let choice = element.inner("connection data")?;
    match (choice.tag.class, choice.tag.number) {
        (Class::Context, 0) => Ok(ConnectionData::Open(choice.inner("open")?.raw)),
        (Class::Context, 1) => SessionIdentifier::read(choice).map(ConnectionData::Recover),
        _ => Err(choice.invalid("connection data", "unexpected tag")),
    }
}

fn encode_negotiation(negotiation: Negotiation, out: &mut Encoder) {
    out.integer(Tag::context(0), i64::from(negotiation.checkpoint_kib));
    out.integer(Tag::context(1), i64::from(negotiation.window));
}

fn encode_data(data: &ConnectionData<'_>, out: &mut Encoder) {
    match data {
        ConnectionData::Open(value) => {
            out.constructed(Tag::context(0), |out| out.raw(value));
        }
        ConnectionData::Recover(session) => {
            out.constructed(Tag::context(1), |out| session.write(out));
        }
    }
}

impl SessionIdentifier {
    /// A reference is at most so many octets, X.225 8.3.1.
    const MAX_REFERENCE: usize = 64;

    fn read(element: Element<'_>) -> Result<Self, DecodeError> {
        let mut children = element.children()?;
        let calling = children.required("callingSSuserReference")?;
        let common = children.required("commonReference")?;
        let additional = match children.optional(Tag::context(0))? {
            Some(additional) => additional.octets("additionalReferenceInformation")?.into_owned(),
            None => Vec::new(),
        };
        let this = Self { calling: calling.raw.to_vec(), common: common.raw.to_vec(), additional };
        let longest = this.calling.len().max(this.common.len()).max(this.additional.len());
        if longest > Self::MAX_REFERENCE {
            return Err(element.invalid("session connection identifier", "over 64 octets"));
        }
        Ok(this)
    }

    fn write(&self, out: &mut Encoder) {
        out.raw(&self.calling);
        out.raw(&self.common);
        if !self.additional.is_empty() {
            out.octets(Tag::context(0), &self.additional);
        }
    }
}

impl fmt::Display for RtabReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LocalSystemProblem => f.write_str("local system problem"),
            Self::InvalidParameter => f.write_str("invalid parameter"),
            Self::UnrecognizedActivity => f.write_str("unrecognized activity"),
            Self::TemporaryProblem => f.write_str("temporary problem"),
            Self::ProtocolError => f.write_str("protocol error"),
            Self::PermanentProblem => f.write_str("permanent problem"),
            Self::UserError => f.write_str("user error"),
            Self::TransferCompleted => f.write_str("transfer completed"),
            Self::Other(value) => write!(f, "abort reason {value}"),
        }
    }
}
