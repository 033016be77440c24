//! The side that has a ticket (RFC 4121 section 4.1, MS-KILE 3.2.5 and 3.4.5.1).

use security::{
    AuthLevel, Initiator, KerberosCode, LogonFailure, SecurityContext, SecurityError, Step,
};

use crate::credential::Credential;
use crate::gss::{self, AUTH_TYPE, GssFlags, TokenId};
use crate::message::{ApRep, ApReq, Authenticator, EncApRepPart, EncryptedData, KrbError, RawKey};
use crate::session::{Established, KerberosSession, Side};
use crate::{Key, Time, usage};

/// How the exchange goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Three legs without envelopes, for DCE/RPC (MS-KILE 3.4.5.1).
    Dce,
    /// Two legs in envelopes, for everything else (RFC 4121 section 4.1).
    Gss,
}

/// Randomness and time for one context.
#[derive(Clone, Copy)]
pub struct ContextSeed {
    /// Now.
    pub now: Time,
    /// For a key of this side's choice.
    pub subkey: [u8; 32],
    /// Where this side begins to count.
    pub sequence: u32,
    /// For the confounders of the exchange and of everything sealed after it.
    pub confounders: [u8; 32],
    /// Go in front of the two messages of the exchange.
    pub exchange: [[u8; 16]; 2],
}

/// Sequence numbers begin below this: some peers read them as signed.
pub(crate) const SEQUENCE_MASK: u32 = 0x3fff_ffff;

/// One logon with a ticket.
pub struct KerberosInitiator {
    credential: Credential,
    seed: ContextSeed,
    style: Style,
    level: AuthLevel,
    state: State,
}

enum State {
    Start,
    AwaitReply,
    Established(Box<KerberosSession>),
    Failed,
}

impl KerberosInitiator {
    /// Begins a logon with `credential`, a ticket for the service that is called.
    #[must_use]
    pub fn new(credential: Credential, seed: ContextSeed, style: Style) -> Self {
        Self { credential, seed, style, level: AuthLevel::Privacy, state: State::Start }
    }

    /// Asks for no more protection than the level needs, which is [`AuthLevel::Privacy`] without this. Samba takes the
    /// flag for encryption as a promise that everything is sealed, and cannot sign an answer then.
    #[must_use]
    pub fn with_level(mut self, level: AuthLevel) -> Self {
        self.level = level;
        self
    }

    /// The context itself, for those who wrap messages.
    ///
    /// # Errors
    /// [`SecurityError::NotEstablished`] before the exchange is done.
    pub fn into_session(self) -> Result<KerberosSession, SecurityError> {
        match self.state {
            State::Established(session) => Ok(*session),
            _ => Err(SecurityError::NotEstablished),
        }
    }

    fn subkey(&self) -> Key {
        Key::from_random(self.credential.key.etype(), &self.seed.subkey)
    }

    fn request(&mut self) -> Vec<u8> {
        let Credential { key, client, ticket, .. } = &self.credential;
        let mut flags = GssFlags::MUTUAL
            .with(GssFlags::REPLAY)
            .with(GssFlags::SEQUENCE)
            .with(GssFlags::INTEGRITY);
        if self.level >= AuthLevel::Privacy {
            flags = flags.with(GssFlags::CONFIDENTIALITY);
        }
        if self.style == Style::Dce {
            flags = flags.with(GssFlags::DCE_STYLE);
        }
        let authenticator = Authenticator {
            client: client.clone(),
            checksum: Some((gss::CHECKSUM, flags.checksum())),
            time: self.seed.now,
            subkey: Some(RawKey::from(&self.subkey())),
            sequence: Some(self.seed.sequence & SEQUENCE_MASK),
        };
        let plain = authenticator.encode();
        let cipher = key.encrypt(usage::AP_REQ_AUTHENTICATOR, self.seed.exchange[0], &plain);
        let authenticator = EncryptedData { etype: key.etype().number(), kvno: None, cipher };
        let options = ApReq::MUTUAL_REQUIRED;
        let message = ApReq { options, ticket: ticket.clone(), authenticator }.encode();
        self.state = State::AwaitReply;
        match self.style {
            Style::Dce => message,
            Style::Gss => gss::frame(TokenId::ApReq, &message),
        }
    }

    fn handle_reply(&mut self, token: &[u8]) -> Result<Step, SecurityError> {
        let (message, _) = gss::unframe(token)?;
        if KrbError::is_one(message) {
            let error = KrbError::decode(message)?;
            return Err(LogonFailure::Kerberos(error.code).into());
        }
        let failed =
            || SecurityError::from(LogonFailure::Kerberos(KerberosCode::KRB_AP_ERR_MUT_FAIL));
        let reply = ApRep::decode(message)?;
        let key = &self.credential.key;
        let plain = key.decrypt(usage::AP_REP, &reply.encrypted.cipher).map_err(|_| failed())?;
        let part = EncApRepPart::decode(&plain)?;
        // The time comes back: who can read it has the service's key.
        if part.time != self.seed.now {
            return Err(failed());
        }
        let unusable =
            |_| SecurityError::from(LogonFailure::Kerberos(KerberosCode::KDC_ERR_ETYPE_NOSUPP));
        let (session_key, acceptor_subkey) = match &part.subkey {
            Some(subkey) => (subkey.key().map_err(unusable)?, true),
            None => (self.subkey(), false),
        };
        let receive_sequence = part.sequence.unwrap_or(0);
        let third = (self.style == Style::Dce).then(|| {
            let answer =
                EncApRepPart { time: part.time, subkey: None, sequence: Some(receive_sequence) };
            let cipher = key.encrypt(usage::AP_REP, self.seed.exchange[1], &answer.encode());
            let encrypted = EncryptedData { etype: key.etype().number(), kvno: None, cipher };
            ApRep { encrypted }.encode()
        });
        self.state = State::Established(Box::new(KerberosSession::new(Established {
            side: Side::Initiator,
            key: session_key,
            acceptor_subkey,
            send_sequence: self.seed.sequence & SEQUENCE_MASK,
            receive_sequence,
            confounders: self.seed.confounders,
        })));
        Ok(Step::Done { token: third })
    }
}

impl Initiator for KerberosInitiator {
    fn auth_type(&self) -> u8 {
        AUTH_TYPE
    }

    fn step(&mut self, token: Option<&[u8]>) -> Result<Step, SecurityError> {
        match (std::mem::replace(&mut self.state, State::Failed), token) {
            (State::Start, None) => Ok(Step::Continue(self.request())),
            (State::AwaitReply, Some(token)) => self.handle_reply(token),
            (State::Start, Some(_)) => {
                Err(SecurityError::OutOfTurn { expected: "no token before the request" })
            }
            (State::AwaitReply, None) => {
                Err(SecurityError::OutOfTurn { expected: "an answer to the request" })
            }
            (State::Established(_) | State::Failed, _) => {
                Err(SecurityError::OutOfTurn { expected: "no further token" })
            }
        }
    }

    fn into_context(self: Box<Self>) -> Result<Box<dyn SecurityContext>, SecurityError> {
        match self.state {
            State::Established(session) => Ok(session),
            _ => Err(SecurityError::NotEstablished),
        }
    }
}
