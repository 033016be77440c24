//! The side that logs on (MS-NLMP 3.1.5).

use identity::{AccountName, NtHash, Password, upcase};
use wire::DecodeError;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::{
    AUTH_TYPE, Authenticate, AvId, Challenge, ClientBlob, Flags, Negotiate, NtResponse, NtlmPolicy,
    NtlmSession, OldNtlm, ReflectionGuard, TargetInfo, Version,
    crypto::{self, Key},
    messages::MIC_RANGE,
    version_1,
};
use crate::{FileTime, Initiator, LogonFailure, SecurityContext, SecurityError, Step};

/// How the initiator knows the password.
#[derive(Debug, Clone)]
pub enum NtlmSecret {
    /// In the clear.
    Password(Password),
    /// As its NT hash.
    Hash(NtHash),
}

/// Who logs on.
#[derive(Debug, Clone)]
pub struct NtlmCredentials {
    /// The account.
    pub account: AccountName,
    /// Its password.
    pub secret: NtlmSecret,
    /// The name of this machine, for the acceptor's logs; may be empty.
    pub workstation: String,
}

/// What must be fresh for each logon, from a cryptographic random source and the clock.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct NtlmSeed {
    /// The nonce.
    pub client_challenge: [u8; 8],
    /// The session key.
    pub exported_session_key: [u8; 16],
    /// The time, sent when the acceptor tells none.
    #[zeroize(skip)]
    pub now: FileTime,
}

/// One logon.
pub struct NtlmInitiator {
    credentials: NtlmCredentials,
    seed: NtlmSeed,
    target_name: Option<String>,
    guard: Option<ReflectionGuard>,
    own_name: Option<String>,
    policy: NtlmPolicy,
    offer: Flags,
    old: Option<OldNtlm>,
    state: State,
}

enum State {
    Start,
    AwaitChallenge { negotiate: Vec<u8> },
    Established { session_key: Key, agreed: Flags },
    Failed,
}

impl NtlmInitiator {
    /// Begins a logon; `target_name` is the service principal name of the server that is meant, such as
    /// `host/west.demo.test`.
    #[must_use]
    pub fn new(credentials: NtlmCredentials, seed: NtlmSeed, target_name: Option<String>) -> Self {
        Self {
            credentials,
            seed,
            target_name,
            guard: None,
            own_name: None,
            policy: NtlmPolicy::Strict,
            offer: Flags::OFFER,
            old: None,
            state: State::Start,
        }
    }

    /// Takes a weaker acceptor too. With [`NtlmPolicy::AllowVersion1`] one that sends no target info, as servers older than
    /// version 2 do, gets a version 1 response.
    #[must_use]
    pub fn with_policy(mut self, policy: NtlmPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Offers something else than [`Flags::OFFER`], to see what an acceptor says to that.
    #[must_use]
    pub fn with_offer(mut self, offer: Flags) -> Self {
        self.offer = offer;
        self
    }

    /// Does what an old implementation does.
    #[must_use]
    pub fn standing_in_for(mut self, old: OldNtlm) -> Self {
        self.policy = old.policy();
        self.offer = old.offers(self.offer);
        self.old = Some(old);
        self
    }

    /// Refuses challenges that this process issued itself.
    #[must_use]
    pub fn with_reflection_guard(mut self, guard: ReflectionGuard) -> Self {
        self.guard = Some(guard);
        self
    }

    /// Refuses challenges of a server that has this computer name, NetBIOS or DNS.
    ///
    /// Not for a program that talks to the server on its own machine on purpose.
    #[must_use]
    pub fn with_own_name(mut self, name: impl Into<String>) -> Self {
        self.own_name = Some(name.into());
        self
    }

    fn negotiate(&mut self) -> Result<Step, SecurityError> {
        let message = Negotiate {
            flags: self.offer,
            domain: Vec::new(),
            workstation: Vec::new(),
            version: Some(Version::OURS),
        }
        .encode()?;
        self.state = State::AwaitChallenge { negotiate: message.clone() };
        Ok(Step::Continue(message))
    }

    fn answer(&mut self, negotiate: &[u8], token: &[u8]) -> Result<Step, SecurityError> {
        let challenge = Challenge::decode(token)?;
        self.check(&challenge)?;
        let session_key: Key = Zeroizing::new(self.seed.exported_session_key);
        let agreed = challenge.flags.common(self.offer) | Flags::VERSION;
        let old = self.old == Some(OldNtlm::Version1)
            || self.policy == NtlmPolicy::AllowVersion1 && challenge.target_info.is_empty();
        let Proof { lm_response, nt_response, exchange_key } = match old {
            true => self.prove_by_version_1(&challenge),
            false => self.prove(challenge)?,
        };
        let mut message = Authenticate {
            flags: agreed,
            domain: self.credentials.account.domain().to_owned(),
            user: self.credentials.account.name().to_owned(),
            workstation: self.credentials.workstation.clone(),
            lm_response,
            nt_response,
            encrypted_session_key: crypto::rc4_key(&exchange_key, &session_key).to_vec(),
            version: Some(Version::OURS),
            mic: Some([0; 16]),
        }
        .encode()?;
        let mic = crypto::mic(&session_key, [negotiate, token, &message]);
        message[MIC_RANGE].copy_from_slice(&mic);
        self.state = State::Established { session_key, agreed };
        Ok(Step::Done { token: Some(message) })
    }

    fn prove(&self, challenge: Challenge) -> Result<Proof, SecurityError> {
        let hash = self.hash();
        let account = &self.credentials.account;
        let response_key = crypto::ntowf_v2(&hash, account.name(), account.domain());
        let timestamp = challenge.target_info.timestamp();
        let blob = ClientBlob {
            time: timestamp.unwrap_or(self.seed.now),
            client_challenge: self.seed.client_challenge,
            target_info: self.target_info(challenge.target_info),
        }
        .encode()?;
        let proof = crypto::nt_proof(&response_key, &challenge.server_challenge, &blob);
        let exchange_key = crypto::session_base_key(&response_key, &proof);
        let lm_response = if timestamp.is_some() {
            vec![0; 24]
        } else {
            crypto::lm_v2_response(
                &response_key,
                &challenge.server_challenge,
                &self.seed.client_challenge,
            )
        };
        let nt_response = NtResponse { proof: *proof, blob }.encode();
        Ok(Proof { lm_response, nt_response, exchange_key })
    }

    fn prove_by_version_1(&self, challenge: &Challenge) -> Proof {
        let hash = self.hash();
        let (server, client) = (&challenge.server_challenge, &self.seed.client_challenge);
        let base_key = version_1::session_base_key(&hash);
        Proof {
            lm_response: version_1::lm_response(client),
            nt_response: version_1::response(&hash, server, client).to_vec(),
            exchange_key: version_1::exchange_key(&base_key, server, client),
        }
    }

    fn check(&self, challenge: &Challenge) -> Result<(), SecurityError> {
        challenge.flags.require_strong(self.policy)?;
        if !challenge.flags.contains(Flags::UNICODE) {
            return Err(SecurityError::Malformed(DecodeError::invalid(
                "NTLM CHALLENGE",
                "NegotiateFlags",
                20,
                "Unicode was offered and is not taken",
            )));
        }
        if let Some(guard) = &self.guard
            && guard.issued(&challenge.server_challenge)
        {
            return Err(LogonFailure::Reflected.into());
        }
        if let Some(own) = &self.own_name
            && names(&challenge.target_info, own)
        {
            return Err(LogonFailure::Reflected.into());
        }
        Ok(())
    }

    fn hash(&self) -> NtHash {
        match &self.credentials.secret {
            NtlmSecret::Hash(hash) => hash.clone(),
            NtlmSecret::Password(password) => crypto::nt_hash(password),
        }
    }

    /// The acceptor's pairs, and ours. The integrity code is promised even to an acceptor that sent no timestamp:
    /// otherwise somebody on the way could take the timestamp out and the code with it.
    fn target_info(&self, mut info: TargetInfo) -> TargetInfo {
        info.promise_mic();
        if let Some(target) = &self.target_name {
            info.set_name(AvId::TARGET_NAME, target);
        }
        info
    }
}

impl Initiator for NtlmInitiator {
    fn auth_type(&self) -> u8 {
        AUTH_TYPE
    }

    fn step(&mut self, token: Option<&[u8]>) -> Result<Step, SecurityError> {
        match (std::mem::replace(&mut self.state, State::Failed), token) {
            (State::Start, None) => self.negotiate(),
            (State::AwaitChallenge { negotiate }, Some(token)) => self.answer(&negotiate, token),
            (State::Start, Some(_)) => {
                Err(SecurityError::OutOfTurn { expected: "no token before NEGOTIATE" })
            }
            (State::AwaitChallenge { .. }, None) => {
                Err(SecurityError::OutOfTurn { expected: "a CHALLENGE" })
            }
            (State::Established { .. } | State::Failed, _) => {
                Err(SecurityError::OutOfTurn { expected: "no further token" })
            }
        }
    }

    fn into_context(self: Box<Self>) -> Result<Box<dyn SecurityContext>, SecurityError> {
        match &self.state {
            State::Established { session_key, agreed } => {
                let agreed = self.old.map_or(*agreed, |old| old.derives_by(*agreed));
                Ok(Box::new(NtlmSession::initiator(session_key, agreed)))
            }
            _ => Err(SecurityError::NotEstablished),
        }
    }
}

/// What proves the password, and the key that follows from it.
struct Proof {
    lm_response: Vec<u8>,
    nt_response: Vec<u8>,
    exchange_key: Key,
}

fn names(info: &TargetInfo, own: &str) -> bool {
    [AvId::NB_COMPUTER_NAME, AvId::DNS_COMPUTER_NAME]
        .into_iter()
        .filter_map(|id| info.name(id))
        .any(|name| upcase(&name) == upcase(own))
}
