//! The side that is logged on to (MS-NLMP 3.2.5).

use std::sync::Arc;

use identity::{AccountName, CodePage, NtHash};
use subtle::ConstantTimeEq;
use wire::DecodeError;

use super::{
    AUTH_TYPE, Authenticate, AvId, Challenge, ClientBlob, Flags, Negotiate, NtResponse, NtlmPolicy,
    NtlmSession, OldNtlm, ReflectionGuard, TargetInfo, Version,
    crypto::{self, Key},
    messages::MIC_RANGE,
    reflection::Outstanding,
    version_1,
};
use crate::{
    Acceptor, Accounts, AuthLevel, FileTime, LogonFailure, LogonQuestion, LogonVerdict,
    SecurityContext, SecurityError, Step,
};

/// The names of this server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerIdentity {
    /// Its NetBIOS name, such as `EAST`.
    pub computer: String,
    /// The NetBIOS name of its domain; its own name when it has none.
    pub domain: String,
    /// Its DNS name, such as `east.demo.test`.
    pub dns_name: String,
}

/// What must be fresh for each logon, from a cryptographic random source and the clock.
#[derive(Debug, Clone)]
pub struct AcceptSeed {
    /// The nonce.
    pub server_challenge: [u8; 8],
    /// The time, sent to the initiator; it obliges the initiator to send the message integrity code.
    pub now: FileTime,
}

/// One logon.
pub struct NtlmAcceptor {
    accounts: Arc<dyn Accounts>,
    identity: ServerIdentity,
    seed: AcceptSeed,
    guard: Option<ReflectionGuard>,
    /// What is protected, once that was told; everything else.
    level: Option<AuthLevel>,
    anonymous: bool,
    policy: NtlmPolicy,
    old: Option<OldNtlm>,
    principal: Option<AccountName>,
    state: State,
}

enum State {
    Start,
    AwaitAuthenticate(Challenged),
    /// Somebody else is asked whether the password is right.
    Asking(Box<Claim>),
    Established {
        session_key: Key,
        agreed: Flags,
    },
    Failed,
}

/// An answer that is right but for the password.
struct Claim {
    said: Challenged,
    message: Authenticate,
    token: Vec<u8>,
    kind: Kind,
}

enum Kind {
    Version1 {
        client_challenge: [u8; 8],
    },
    /// With an integrity code, where one was promised.
    Version2 {
        response: NtResponse,
        promised: bool,
    },
}

/// What was said so far.
struct Challenged {
    negotiate: Vec<u8>,
    challenge: Vec<u8>,
    target_info: TargetInfo,
    _outstanding: Option<Outstanding>,
}

impl NtlmAcceptor {
    /// Begins a logon.
    #[must_use]
    pub fn new(accounts: Arc<dyn Accounts>, identity: ServerIdentity, seed: AcceptSeed) -> Self {
        Self {
            accounts,
            identity,
            seed,
            guard: None,
            level: None,
            anonymous: false,
            policy: NtlmPolicy::Strict,
            old: None,
            principal: None,
            state: State::Start,
        }
    }

    /// Takes the logon of nobody too (MS-NLMP 3.2.5.1.2), whose principal is `None` and whose keys everybody knows.
    ///
    /// For a server whose interfaces tell nobody apart, such as one that others test their clients with.
    #[must_use]
    pub fn with_anonymous(mut self) -> Self {
        self.anonymous = true;
        self
    }

    /// Takes weaker initiators too.
    #[must_use]
    pub fn with_policy(mut self, policy: NtlmPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Does what an old implementation does.
    #[must_use]
    pub fn standing_in_for(mut self, old: OldNtlm) -> Self {
        self.policy = old.policy();
        self.old = Some(old);
        self
    }

    /// Lets the initiators of this process know the challenge, so that they refuse it.
    #[must_use]
    pub fn with_reflection_guard(mut self, guard: ReflectionGuard) -> Self {
        self.guard = Some(guard);
        self
    }

    fn challenge(&mut self, token: &[u8]) -> Result<Step, SecurityError> {
        let negotiate = Negotiate::decode(token)?;
        match self.level {
            // What the level demands beyond that is asked of the answer, which says whose it is.
            Some(_) => negotiate.flags.require_for(AuthLevel::None, self.policy)?,
            None => negotiate.flags.require_strong(self.policy)?,
        }
        let target_info = self.target_info();
        let offer = self.old.map_or(negotiate.flags, |old| old.offers(negotiate.flags));
        let message = Challenge {
            target_name: self.identity.domain.clone(),
            flags: agreed(offer)?,
            server_challenge: self.seed.server_challenge,
            target_info: target_info.clone(),
            version: Some(Version::OURS),
        }
        .encode()?;
        self.state = State::AwaitAuthenticate(Challenged {
            negotiate: token.to_vec(),
            challenge: message.clone(),
            target_info,
            _outstanding: self.guard.as_ref().map(|guard| guard.issue(self.seed.server_challenge)),
        });
        Ok(Step::Continue(message))
    }

    fn target_info(&self) -> TargetInfo {
        let mut info = TargetInfo::default();
        info.set_name(AvId::NB_DOMAIN_NAME, &self.identity.domain);
        info.set_name(AvId::NB_COMPUTER_NAME, &self.identity.computer);
        if let Some((_, dns_domain)) = self.identity.dns_name.split_once('.') {
            info.set_name(AvId::DNS_DOMAIN_NAME, dns_domain);
        }
        info.set_name(AvId::DNS_COMPUTER_NAME, &self.identity.dns_name);
        info.set(AvId::TIMESTAMP, self.seed.now.0.to_le_bytes().to_vec());
        info
    }

    fn authenticate(&mut self, said: Challenged, token: &[u8]) -> Result<Step, SecurityError> {
        let message = self.spelt(Authenticate::decode(token)?, token);
        let required = self.level.unwrap_or(AuthLevel::Privacy);
        if self.anonymous && is_nobody(&message) {
            // Those who are nobody often offer less; their keys are known to all anyway.
            if required == AuthLevel::Privacy {
                message.flags.require_for(required, self.policy)?;
            }
            return self.admit_nobody(&said, &message, token);
        }
        let account = match self.claimed(&message) {
            Err(LogonFailure::Malformed) => {
                // No account has such a name; who reads the event should still see what came.
                self.principal = recorded(&message);
                let named = self.principal.is_some();
                let failure =
                    if named { LogonFailure::UnknownAccount } else { LogonFailure::Malformed };
                return Err(failure.into());
            }
            other => other?,
        };
        self.principal = Some(account.clone());
        message.flags.require_for(required, self.policy)?;
        let kind = self.kind_of(&message)?;
        let claim = Claim { said, message, token: token.to_vec(), kind };
        if self.accounts.elsewhere(&account) {
            self.check_promises(&claim)?;
            let question = self.question(&account, &claim);
            self.state = State::Asking(Box::new(claim));
            return Ok(Step::Ask(Box::new(question)));
        }
        let base_key = self.prove(&account, &claim.message, &claim.kind)?;
        self.check_promises(&claim)?;
        self.admit(&claim, &base_key)
    }

    /// The answer with its names in the code page that they were meant in. The message does not say which it is, and the proof
    /// does: it is over the names, so that one that was read wrongly proves nothing.
    fn spelt(&self, message: Authenticate, token: &[u8]) -> Authenticate {
        let is_plain = message.user.is_ascii() && message.domain.is_ascii();
        if is_plain || message.flags.contains(Flags::UNICODE) {
            return message;
        }
        let mut known = None;
        for page in CodePage::ALL {
            let Ok(read) = Authenticate::decode_in(token, page) else { continue };
            let Ok(account) = self.claimed(&read) else { continue };
            if matches!(self.accounts.nt_hash(&account), Err(LogonFailure::UnknownAccount)) {
                continue;
            }
            let kind = self.kind_of(&read);
            if kind.is_ok_and(|kind| self.prove(&account, &read, &kind).is_ok()) {
                return read;
            }
            known.get_or_insert(read);
        }
        known.unwrap_or(message)
    }

    /// LM and version 1 are told apart by their length alone.
    fn kind_of(&self, message: &Authenticate) -> Result<Kind, SecurityError> {
        let lm_only = message.nt_response.is_empty() && !message.lm_response.is_empty();
        if lm_only {
            return Err(LogonFailure::LmRefused.into());
        }
        if message.nt_response.len() != version_1::RESPONSE_LEN {
            let response = NtResponse::decode(&message.nt_response)?;
            let blob = ClientBlob::decode(&response.blob)?;
            let promised = blob.target_info.promises_mic();
            return Ok(Kind::Version2 { response, promised });
        }
        if self.policy < NtlmPolicy::AllowVersion1 {
            return Err(LogonFailure::LmOrNtlmV1Refused.into());
        }
        let client_challenge =
            message.lm_response.first_chunk::<8>().ok_or(LogonFailure::Malformed)?;
        Ok(Kind::Version1 { client_challenge: *client_challenge })
    }

    /// What a version 2 answer says beside the proof.
    fn check_promises(&self, claim: &Claim) -> Result<(), SecurityError> {
        let Kind::Version2 { response, promised } = &claim.kind else {
            return Ok(());
        };
        let required = self.level.unwrap_or(AuthLevel::Privacy);
        // Samba leaves the code out where it is not to sign anything. Nobody gains by taking the promise away: the proof
        // of the password covers it.
        let signs = required == AuthLevel::Privacy || claim.message.flags.contains(Flags::SIGN);
        if !promised && signs {
            return Err(LogonFailure::MicMissing.into());
        }
        let blob = ClientBlob::decode(&response.blob)?;
        if !blob.target_info.contains_all(&claim.said.target_info) {
            return Err(LogonFailure::TargetMismatch.into());
        }
        Ok(())
    }

    fn question(&self, account: &AccountName, claim: &Claim) -> LogonQuestion {
        let message = &claim.message;
        LogonQuestion {
            account: account.clone(),
            user: message.user.clone(),
            domain: message.domain.clone(),
            workstation: message.workstation.clone(),
            challenge: self.asked_challenge(claim),
            lm_response: match claim.kind {
                Kind::Version1 { .. } => message.lm_response.clone(),
                Kind::Version2 { .. } => Vec::new(),
            },
            nt_response: message.nt_response.clone(),
        }
    }

    /// A version 1 response with extended session security is over a challenge that both sides made.
    fn asked_challenge(&self, claim: &Claim) -> [u8; 8] {
        match claim.kind {
            Kind::Version2 { .. } => self.seed.server_challenge,
            Kind::Version1 { client_challenge } => {
                version_1::joint_challenge(&self.seed.server_challenge, &client_challenge)
            }
        }
    }

    /// The password was proved; the rest of what the answer promised.
    fn admit(&mut self, claim: &Claim, base_key: &Key) -> Result<Step, SecurityError> {
        let (exchange_key, promised) = match &claim.kind {
            Kind::Version2 { promised, .. } => (base_key.clone(), *promised),
            Kind::Version1 { client_challenge } => {
                let server = &self.seed.server_challenge;
                (version_1::exchange_key(base_key, server, client_challenge), false)
            }
        };
        let session_key = session_key(&claim.message, &exchange_key)?;
        if promised {
            check_mic(&claim.said, &claim.message, &claim.token, &session_key)?;
        }
        self.state = State::Established { session_key, agreed: claim.message.flags };
        Ok(Step::Done { token: None })
    }

    /// The base key of nobody is all zeros, so an integrity code proves nothing and may be absent.
    fn admit_nobody(
        &mut self,
        said: &Challenged,
        message: &Authenticate,
        token: &[u8],
    ) -> Result<Step, SecurityError> {
        let session_key = session_key(message, &Key::default())?;
        if message.mic.is_some_and(|mic| mic != [0; 16]) {
            check_mic(said, message, token, &session_key)?;
        }
        self.state = State::Established { session_key, agreed: message.flags };
        Ok(Step::Done { token: None })
    }

    /// Who it says it is. An empty domain means this server's own.
    fn claimed(&self, message: &Authenticate) -> Result<AccountName, LogonFailure> {
        if is_nobody(message) || message.flags.contains(Flags::ANONYMOUS) {
            return Err(LogonFailure::Anonymous);
        }
        let domain =
            if message.domain.is_empty() { &self.identity.domain } else { &message.domain };
        AccountName::new(domain, &message.user).map_err(|_| LogonFailure::Malformed)
    }

    /// Checks the password proof, with the same work whether or not the account may log on; gives the session base key.
    fn prove(
        &self,
        account: &AccountName,
        message: &Authenticate,
        kind: &Kind,
    ) -> Result<Key, LogonFailure> {
        let (hash, refused) = match self.accounts.nt_hash(account) {
            Ok(hash) => (hash, None),
            Err(failure) => (NtHash::new([0; 16]), Some(failure)),
        };
        let server_challenge = &self.seed.server_challenge;
        let prove = |hash: &NtHash| {
            let (right, base_key) = match kind {
                Kind::Version2 { response, .. } => {
                    // The names as they were sent: the initiator derived its key from them.
                    let response_key = crypto::ntowf_v2(hash, &message.user, &message.domain);
                    let proof = crypto::nt_proof(&response_key, server_challenge, &response.blob);
                    let right = bool::from(proof.ct_eq(&response.proof));
                    (right, crypto::session_base_key(&response_key, &response.proof))
                }
                Kind::Version1 { client_challenge } => {
                    let proof = version_1::response(hash, server_challenge, client_challenge);
                    let right = bool::from(proof.ct_eq(&*message.nt_response));
                    (right, version_1::session_base_key(hash))
                }
            };
            right.then_some(base_key)
        };
        let right = prove(&hash);
        match refused {
            Some(failure) => Err(failure),
            None => {
                let older = || prove(&self.accounts.older_nt_hash(account)?);
                right.or_else(older).ok_or(LogonFailure::WrongPassword)
            }
        }
    }
}

impl Acceptor for NtlmAcceptor {
    fn auth_type(&self) -> u8 {
        AUTH_TYPE
    }

    fn set_level(&mut self, level: AuthLevel) {
        self.level = Some(level);
    }

    fn step(&mut self, token: &[u8]) -> Result<Step, SecurityError> {
        match std::mem::replace(&mut self.state, State::Failed) {
            State::Start => self.challenge(token),
            State::AwaitAuthenticate(said) => self.authenticate(said, token),
            State::Asking(_) | State::Established { .. } | State::Failed => {
                Err(SecurityError::OutOfTurn { expected: "no further token" })
            }
        }
    }

    fn resolve(&mut self, verdict: LogonVerdict) -> Result<Step, SecurityError> {
        match std::mem::replace(&mut self.state, State::Failed) {
            State::Asking(claim) => {
                let base_key = verdict?.0;
                self.admit(&claim, &base_key)
            }
            _ => Err(SecurityError::OutOfTurn { expected: "no verdict that nobody asked for" }),
        }
    }

    fn principal(&self) -> Option<&AccountName> {
        self.principal.as_ref()
    }

    fn into_context(self: Box<Self>) -> Result<Box<dyn SecurityContext>, SecurityError> {
        match &self.state {
            State::Established { session_key, agreed } => {
                let agreed = self.old.map_or(*agreed, |old| old.derives_by(*agreed));
                Ok(Box::new(NtlmSession::acceptor(session_key, agreed)))
            }
            _ => Err(SecurityError::NotEstablished),
        }
    }
}

/// A name as it can be written down: what no account name may have becomes an underscore.
fn recorded(message: &Authenticate) -> Option<AccountName> {
    let clean = |text: &str| -> String {
        let allowed = |c: char| !c.is_control() && !"\"/\\[]:;|=,+*?<>".contains(c);
        text.chars().map(|c| if allowed(c) { c } else { '_' }).collect()
    };
    AccountName::new(&clean(&message.domain), &clean(&message.user)).ok()
}

/// What the acceptor takes of an offer (MS-NLMP 3.2.5.1.1).
fn agreed(offer: Flags) -> Result<Flags, DecodeError> {
    let charset = if offer.contains(Flags::UNICODE) {
        Flags::UNICODE
    } else if offer.contains(Flags::OEM) {
        Flags::OEM
    } else {
        return Err(DecodeError::invalid(
            "NTLM NEGOTIATE",
            "NegotiateFlags",
            12,
            "neither Unicode nor a code page is offered",
        ));
    };
    let optional = Flags::SIGN
        | Flags::SEAL
        | Flags::ALWAYS_SIGN
        | Flags::EXTENDED_SESSION_SECURITY
        | Flags::KEY_128
        | Flags::KEY_EXCH
        | Flags::KEY_56;
    Ok(offer.common(optional)
        | charset
        | Flags::NTLM
        | Flags::REQUEST_TARGET
        | Flags::TARGET_TYPE_DOMAIN
        | Flags::TARGET_INFO
        | Flags::VERSION)
}

/// What an authority does that is asked about a version 2 answer: the session base key, when the password is right.
///
/// Of use to whoever stands in for a domain; an acceptor does it for itself.
#[must_use]
pub fn verify(
    hash: &NtHash,
    nt_response: &[u8],
    challenge: [u8; 8],
    user: &str,
    domain: &str,
) -> Option<[u8; 16]> {
    let response = NtResponse::decode(nt_response).ok()?;
    let key = crypto::ntowf_v2(hash, user, domain);
    let proof = crypto::nt_proof(&key, &challenge, &response.blob);
    let right = bool::from(proof.ct_eq(&response.proof));
    right.then(|| *crypto::session_base_key(&key, &response.proof))
}

/// The key that the initiator chose, or without key exchange the base key itself.
fn session_key(message: &Authenticate, base_key: &Key) -> Result<Key, LogonFailure> {
    if !message.flags.contains(Flags::KEY_EXCH) {
        return Ok(base_key.clone());
    }
    let encrypted = <[u8; 16]>::try_from(&*message.encrypted_session_key)
        .map_err(|_| LogonFailure::Malformed)?;
    Ok(crypto::rc4_key(base_key, &encrypted))
}

fn is_nobody(message: &Authenticate) -> bool {
    message.user.is_empty() && message.nt_response.is_empty()
}

fn check_mic(
    said: &Challenged,
    message: &Authenticate,
    token: &[u8],
    session_key: &Key,
) -> Result<(), LogonFailure> {
    let mic = message.mic.ok_or(LogonFailure::MicMissing)?;
    let mut blanked = token.to_vec();
    blanked.get_mut(MIC_RANGE).ok_or(LogonFailure::MicMissing)?.fill(0);
    let expected = crypto::mic(session_key, [&said.negotiate, &said.challenge, &blanked]);
    if bool::from(expected.ct_eq(&mic)) { Ok(()) } else { Err(LogonFailure::MicWrong) }
}
