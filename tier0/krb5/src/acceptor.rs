//! The side that has the keys of a service (RFC 4120 section 3.2, RFC 4121 section 4.1, MS-KILE 3.4.5.1).

use std::sync::{Arc, PoisonError, RwLock};

use identity::AccountName;
use security::{
    Acceptor, AuthLevel, KerberosCode, LogonFailure, SecurityContext, SecurityError, Step,
};
use zeroize::Zeroizing;

use crate::gss::{self, AUTH_TYPE, GssFlags, TokenId};
use crate::initiator::{ContextSeed, SEQUENCE_MASK};
use crate::message::{
    ApRep, ApReq, Authenticator, EncApRepPart, EncTicketPart, EncryptedData, RawKey, Ticket,
    TicketFlags,
};
use crate::replay::{ReplayCache, Seen};
use crate::session::{Established, KerberosSession, Side};
use crate::{Key, Keytab, KeytabEntry, Principal, usage};

/// How far clocks may differ, in seconds (RFC 4120 section 8.2).
pub const MAX_SKEW: i64 = 300;

/// Keys of other names that are tried on a ticket, so that a long keytab does not make each request dear.
const MAX_ALIASES: usize = 64;

/// What all acceptors of a service share.
#[derive(Debug, Default)]
pub struct Service {
    keytab: RwLock<Arc<Keytab>>,
    /// Realms, and the domain that their accounts are of.
    domains: Vec<(String, String)>,
    replays: ReplayCache,
}

impl Service {
    /// A service with the keys of one or several principals.
    #[must_use]
    pub fn new(keytab: Keytab) -> Self {
        let keytab = RwLock::new(Arc::new(keytab));
        Self { keytab, domains: Vec::new(), replays: ReplayCache::new() }
    }

    /// Accounts of `realm` are those of `domain`; without this the realm itself is the domain.
    #[must_use]
    pub fn with_domain(mut self, realm: &str, domain: &str) -> Self {
        self.domains.push((realm.to_owned(), domain.to_owned()));
        self
    }

    /// The keys.
    #[must_use]
    pub fn keytab(&self) -> Arc<Keytab> {
        Arc::clone(&self.keytab.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts other keys in place; what was seen stays seen.
    pub fn replace_keytab(&self, keytab: Keytab) {
        *self.keytab.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keytab);
    }

    /// The account of a client; there is none for names of several parts.
    fn account(&self, client: &Principal) -> Option<AccountName> {
        let [name] = client.components.as_slice() else {
            return None;
        };
        let realm = identity::upcase(&client.realm);
        let known = self.domains.iter().find(|(one, _)| identity::upcase(one) == realm);
        let domain = known.map_or(client.realm.as_str(), |(_, domain)| domain);
        AccountName::new(domain, name).ok()
    }

    /// Reads a ticket with whichever key fits.
    fn open(&self, ticket: &Ticket) -> Result<Zeroizing<Vec<u8>>, KerberosCode> {
        let Ticket { server, encrypted, .. } = ticket;
        let fits = |entry: &&KeytabEntry| entry.key.etype == encrypted.etype;
        let try_one = |entry: &KeytabEntry| {
            entry.key.key().ok()?.decrypt(usage::TICKET, &encrypted.cipher).ok()
        };
        let own = |entry: &&KeytabEntry| entry.principal.matches(server);
        let keytab = self.keytab();
        let entries = keytab.entries();
        if let Some(plain) = entries.iter().filter(own).filter(fits).find_map(try_one) {
            return Ok(plain);
        }
        // Other names of the same account have the same key (MS-KILE: aliases of a service).
        let others = entries.iter().filter(|entry| !own(entry)).filter(fits).take(MAX_ALIASES);
        if let Some(plain) = others.into_iter().find_map(try_one) {
            return Ok(plain);
        }
        let known: Vec<_> = entries.iter().filter(own).collect();
        let same_type: Vec<_> = known.iter().filter(|entry| fits(entry)).collect();
        // A keytab may hold the low octet of the version alone.
        let version = |kvno: u32| same_type.iter().any(|entry| entry.kvno & 0xff == kvno & 0xff);
        Err(match (known.is_empty(), same_type.is_empty(), encrypted.kvno) {
            (true, ..) => KerberosCode::KRB_AP_ERR_NOT_US,
            (_, true, _) => KerberosCode::KRB_AP_ERR_NOKEY,
            (_, _, Some(kvno)) if !version(kvno) => KerberosCode::KRB_AP_ERR_BADKEYVER,
            _ => KerberosCode::KRB_AP_ERR_MODIFIED,
        })
    }
}

/// One logon.
pub struct KerberosAcceptor {
    service: Arc<Service>,
    seed: ContextSeed,
    principal: Option<AccountName>,
    level: AuthLevel,
    state: State,
}

enum State {
    Start,
    /// The answer is out; in DCE style it comes back.
    AwaitThird {
        key: Key,
        flags: GssFlags,
        session: Box<KerberosSession>,
    },
    Established(Box<KerberosSession>),
    Failed,
}

/// A request whose ticket and authenticator were read.
struct Request {
    key: Key,
    authenticator: Authenticator,
    flags: GssFlags,
    wants_proof: bool,
}

impl KerberosAcceptor {
    /// Begins a logon at `service`.
    #[must_use]
    pub fn new(service: Arc<Service>, seed: ContextSeed) -> Self {
        Self { service, seed, principal: None, level: AuthLevel::Privacy, state: State::Start }
    }

    /// The context itself, for those who unwrap messages.
    ///
    /// # Errors
    /// [`SecurityError::NotEstablished`] before the exchange is done.
    pub fn into_session(self) -> Result<KerberosSession, SecurityError> {
        match self.state {
            State::Established(session) => Ok(*session),
            _ => Err(SecurityError::NotEstablished),
        }
    }

    fn read(&mut self, message: &[u8]) -> Result<Request, SecurityError> {
        let request = ApReq::decode(message)?;
        let plain = self.service.open(&request.ticket).map_err(refuse)?;
        let ticket = EncTicketPart::decode(&plain)?;
        self.principal = self.service.account(&ticket.client);
        let now = self.seed.now.seconds;
        if ticket.flags.has(TicketFlags::INVALID)
            || ticket.start_time.unwrap_or(ticket.auth_time) > now.saturating_add(MAX_SKEW)
        {
            return Err(refuse(KerberosCode::KRB_AP_ERR_TKT_NYV));
        }
        if ticket.end_time < now.saturating_sub(MAX_SKEW) {
            return Err(refuse(KerberosCode::KRB_AP_ERR_TKT_EXPIRED));
        }
        let key = ticket.key.key().map_err(|_| refuse(KerberosCode::KDC_ERR_ETYPE_NOSUPP))?;
        let cipher = &request.authenticator.cipher;
        let plain = key
            .decrypt(usage::AP_REQ_AUTHENTICATOR, cipher)
            .map_err(|_| refuse(KerberosCode::KRB_AP_ERR_BAD_INTEGRITY))?;
        let authenticator = Authenticator::decode(&plain)?;
        if authenticator.client != ticket.client {
            return Err(refuse(KerberosCode::KRB_AP_ERR_BADMATCH));
        }
        let time = authenticator.time.seconds;
        if now.abs_diff(time) > MAX_SKEW.unsigned_abs() {
            return Err(refuse(KerberosCode::KRB_AP_ERR_SKEW));
        }
        match self.service.replays.look(cipher, now, time.saturating_add(MAX_SKEW)) {
            Seen::New => {}
            Seen::Before => return Err(refuse(KerberosCode::KRB_AP_ERR_REPEAT)),
            Seen::Full => return Err(refuse(KerberosCode::KDC_ERR_SVC_UNAVAILABLE)),
        }
        let flags = match &authenticator.checksum {
            Some((gss::CHECKSUM, octets)) => GssFlags::of_checksum(octets),
            _ => None,
        };
        let flags = flags.ok_or_else(|| refuse(KerberosCode::KRB_AP_ERR_INAPP_CKSUM))?;
        if self.principal.is_none() {
            return Err(LogonFailure::UnknownAccount.into());
        }
        let wants_proof =
            request.options & ApReq::MUTUAL_REQUIRED != 0 || flags.has(GssFlags::MUTUAL);
        Ok(Request { key, authenticator, flags, wants_proof })
    }

    fn answer(&mut self, token: &[u8]) -> Result<Step, SecurityError> {
        let (message, framed) = gss::unframe(token)?;
        let Request { key, authenticator, flags, wants_proof } = self.read(message)?;
        let initiator_key = match &authenticator.subkey {
            Some(subkey) => subkey.key().map_err(|_| refuse(KerberosCode::KDC_ERR_ETYPE_NOSUPP))?,
            None => key.clone(),
        };
        let subkey = Key::from_random(initiator_key.etype(), &self.seed.subkey);
        let sequence = self.seed.sequence & SEQUENCE_MASK;
        let established = |key, acceptor_subkey| {
            let receive_sequence = authenticator.sequence.unwrap_or(0);
            Box::new(KerberosSession::new(Established {
                side: Side::Acceptor,
                key,
                acceptor_subkey,
                send_sequence: if acceptor_subkey { sequence } else { receive_sequence },
                receive_sequence,
                confounders: self.seed.confounders,
            }))
        };
        if !wants_proof {
            self.suffices(flags)?;
            // Nothing can be told to a client that wants no answer: its own key and number serve both ways.
            self.state = State::Established(established(initiator_key, false));
            return Ok(Step::Done { token: None });
        }
        let part = EncApRepPart {
            time: authenticator.time,
            subkey: Some(RawKey::from(&subkey)),
            sequence: Some(sequence),
        };
        let cipher = key.encrypt(usage::AP_REP, self.seed.exchange[0], &part.encode());
        let encrypted = EncryptedData { etype: key.etype().number(), kvno: None, cipher };
        let message = ApRep { encrypted }.encode();
        let session = established(subkey, true);
        if flags.has(GssFlags::DCE_STYLE) {
            self.state = State::AwaitThird { key, flags, session };
            return Ok(Step::Continue(message));
        }
        self.suffices(flags)?;
        self.state = State::Established(session);
        let token = if framed { gss::frame(TokenId::ApRep, &message) } else { message };
        Ok(Step::Done { token: Some(token) })
    }

    /// The client must have asked for what the level protects; Windows refuses it at the last leg.
    fn suffices(&self, flags: GssFlags) -> Result<(), SecurityError> {
        if self.level < AuthLevel::Privacy || flags.has(GssFlags::CONFIDENTIALITY) {
            return Ok(());
        }
        Err(LogonFailure::WeakSessionSecurity { missing: "encryption (Kerberos, GSS_C_CONF)" }
            .into())
    }

    fn finish(
        &mut self,
        key: &Key,
        flags: GssFlags,
        session: Box<KerberosSession>,
        token: &[u8],
    ) -> Result<Step, SecurityError> {
        let (message, _) = gss::unframe(token)?;
        let reply = ApRep::decode(message)?;
        let plain = key
            .decrypt(usage::AP_REP, &reply.encrypted.cipher)
            .map_err(|_| refuse(KerberosCode::KRB_AP_ERR_MUT_FAIL))?;
        let part = EncApRepPart::decode(&plain)?;
        // Our number comes back, so this is no replay; the time is not looked at: some send the present one.
        if part.sequence != Some(self.seed.sequence & SEQUENCE_MASK) {
            return Err(refuse(KerberosCode::KRB_AP_ERR_MUT_FAIL));
        }
        self.suffices(flags)?;
        self.state = State::Established(session);
        Ok(Step::Done { token: None })
    }
}

fn refuse(code: KerberosCode) -> SecurityError {
    LogonFailure::Kerberos(code).into()
}

impl Acceptor for KerberosAcceptor {
    fn auth_type(&self) -> u8 {
        AUTH_TYPE
    }

    fn set_level(&mut self, level: AuthLevel) {
        self.level = level;
    }

    fn step(&mut self, token: &[u8]) -> Result<Step, SecurityError> {
        match std::mem::replace(&mut self.state, State::Failed) {
            State::Start => self.answer(token),
            State::AwaitThird { key, flags, session } => self.finish(&key, flags, session, token),
            State::Established(_) | State::Failed => {
                Err(SecurityError::OutOfTurn { expected: "no further token" })
            }
        }
    }

    fn principal(&self) -> Option<&AccountName> {
        self.principal.as_ref()
    }

    fn into_context(self: Box<Self>) -> Result<Box<dyn SecurityContext>, SecurityError> {
        match self.state {
            State::Established(session) => Ok(session),
            _ => Err(SecurityError::NotEstablished),
        }
    }
}
