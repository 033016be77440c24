//! Two associations joined, with real and with made-up security.

use std::ops::Range;
use std::sync::Arc;

use identity::{AccountName, NtHash, Password};
use security::ntlm::{
    AcceptSeed, NtlmAcceptor, NtlmCredentials, NtlmInitiator, NtlmSecret, NtlmSeed, ServerIdentity,
    nt_hash,
};
use security::spnego::{self, Mechanism, SpnegoAcceptor, SpnegoInitiator};
use security::{
    Acceptor, Accounts, FileTime, Initiator, LogonFailure, SecurityContext, SecurityError,
    SignatureError, Step,
};

use crate::{
    AuthLevel, ClientAssociation, ClientConfig, ClientEvent, DEFAULT_FRAGMENT, InterfaceRules,
    Limits, RpcError, ServerAssociation, ServerConfig, ServerEvent, SyntaxId, Uuid,
};

pub(super) const INTERFACE: SyntaxId =
    SyntaxId::new(Uuid::from_u128(0x6f8d2c1a_3e57_4b0e_9c64_a1d05be27f93), 1, 0);

/// A second interface that demands nothing.
pub(super) const OPEN_INTERFACE: SyntaxId =
    SyntaxId::new(Uuid::from_u128(0x12345678_1234_1234_1234_123456789abc), 2, 3);

pub(super) const PASSWORD: &str = "right";
pub(super) const ACCOUNT: &str = "EAST\\svc-west";

/// Whose passwords somebody else knows.
pub(super) const FAR_DOMAIN: &str = "FAR";

/// Type number of the made-up mechanism.
pub(super) const FAKE: u8 = 99;

pub(super) struct Pair {
    pub(super) client: ClientAssociation,
    pub(super) server: ServerAssociation,
    /// Octets that one read gives.
    pub(super) chunk: usize,
    /// Every PDU that went over: true from the client.
    pub(super) log: Vec<(bool, Vec<u8>)>,
}

impl Pair {
    pub(super) fn new(client: ClientConfig, server: ServerConfig) -> Self {
        Self::with_limits(client, server, Limits::default())
    }

    pub(super) fn with_limits(client: ClientConfig, server: ServerConfig, limits: Limits) -> Self {
        let client = ClientAssociation::new(client);
        let server = ServerAssociation::with_limits(server, limits);
        Self { client, server, chunk: usize::MAX, log: Vec::new() }
    }

    /// Carries octets until both are silent.
    pub(super) fn run(&mut self) {
        self.try_run().unwrap();
    }

    pub(super) fn try_run(&mut self) -> Result<(), RpcError> {
        loop {
            let mut silent = true;
            while let Some(pdu) = self.client.poll_transmit() {
                silent = false;
                self.log.push((true, pdu.clone()));
                for part in pdu.chunks(self.chunk) {
                    self.server.handle_bytes(part)?;
                }
            }
            while let Some(pdu) = self.server.poll_transmit() {
                silent = false;
                self.log.push((false, pdu.clone()));
                for part in pdu.chunks(self.chunk) {
                    self.client.handle_bytes(part)?;
                }
            }
            if silent {
                return Ok(());
            }
        }
    }

    pub(super) fn client_events(&mut self) -> Vec<ClientEvent> {
        std::iter::from_fn(|| self.client.poll_event()).collect()
    }

    pub(super) fn server_events(&mut self) -> Vec<ServerEvent> {
        std::iter::from_fn(|| self.server.poll_event()).collect()
    }

    /// Carries octets; the server answers each request with its stub turned round.
    pub(super) fn run_echo(&mut self) -> Vec<ClientEvent> {
        let mut events = Vec::new();
        loop {
            self.run();
            events.extend(self.client_events());
            let requests = self.server_events();
            if requests.is_empty() {
                return events;
            }
            for event in requests {
                if let ServerEvent::Request { call, mut stub, .. } = event {
                    stub.reverse();
                    self.server.respond(call, &stub).unwrap();
                }
            }
        }
    }
}

/// True for a stub that was turned round on the way, with the padding that a verification trailer needs.
pub(super) fn came_back(stub: &[u8], reply: &[u8]) -> bool {
    reply.ends_with(stub) && reply.len() < stub.len() + 4
}

pub(super) fn client(level: AuthLevel, initiator: Option<Box<dyn Initiator>>) -> ClientConfig {
    ClientConfig { interface: INTERFACE, level, initiator, max_fragment: DEFAULT_FRAGMENT }
}

pub(super) fn server(min_level: AuthLevel) -> ServerConfig {
    ServerConfig {
        interfaces: vec![
            InterfaceRules { syntax: OPEN_INTERFACE, min_level: AuthLevel::None },
            InterfaceRules { syntax: INTERFACE, min_level },
        ],
        acceptor: Box::new(|auth_type| match auth_type {
            security::ntlm::AUTH_TYPE => Some(Box::new(ntlm_acceptor())),
            spnego::AUTH_TYPE => {
                let served: Vec<(Mechanism, Box<dyn Acceptor>)> =
                    vec![(Mechanism::ntlm(), Box::new(ntlm_acceptor()))];
                Some(Box::new(SpnegoAcceptor::new(served)))
            }
            FAKE => Some(Box::new(FakeSide { legs: 0, last: 5 })),
            _ => None,
        }),
        max_fragment: DEFAULT_FRAGMENT,
        secondary_address: "4749".to_owned(),
        association_group: 0x0bad_cafe,
    }
}

struct Book;

impl Accounts for Book {
    fn nt_hash(&self, account: &AccountName) -> Result<NtHash, LogonFailure> {
        if *account == ACCOUNT.parse().unwrap() {
            Ok(nt_hash(&Password::from(PASSWORD)))
        } else {
            Err(LogonFailure::UnknownAccount)
        }
    }

    fn elsewhere(&self, account: &AccountName) -> bool {
        account.domain() == FAR_DOMAIN
    }
}

fn ntlm_acceptor() -> NtlmAcceptor {
    let identity = ServerIdentity {
        computer: "EAST".to_owned(),
        domain: "EAST".to_owned(),
        dns_name: "east.demo.test".to_owned(),
    };
    let now = FileTime::from_unix_ms(1_790_000_000_000);
    NtlmAcceptor::new(Arc::new(Book), identity, AcceptSeed { server_challenge: *b"server-1", now })
}

pub(super) fn ntlm(account: &str, password: &str) -> Option<Box<dyn Initiator>> {
    let credentials = NtlmCredentials {
        account: account.parse().unwrap(),
        secret: NtlmSecret::Password(Password::from(password)),
        workstation: "WEST".to_owned(),
    };
    let seed = NtlmSeed {
        client_challenge: *b"client-1",
        exported_session_key: *b"exported session",
        now: FileTime::from_unix_ms(1_790_000_000_000),
    };
    Some(Box::new(NtlmInitiator::new(credentials, seed, None)))
}

pub(super) fn negotiated(account: &str, password: &str) -> Option<Box<dyn Initiator>> {
    Some(Box::new(SpnegoInitiator::new(vec![(Mechanism::ntlm(), ntlm(account, password)?)])))
}

/// A mechanism of `last` tokens, counted over both sides, that need no secret: it shows the roads
/// that NTLM does not take.
pub(super) struct FakeSide {
    legs: u8,
    last: u8,
}

/// A client side whose exchange has so many tokens, counted over both sides.
pub(super) fn fake(last: u8) -> Option<Box<dyn Initiator>> {
    Some(Box::new(FakeSide { legs: 0, last }))
}

impl FakeSide {
    /// A token is its number and how many there are.
    fn advance(&mut self, token: Option<&[u8]>) -> Result<Step, SecurityError> {
        if let Some(token) = token {
            let [number, last] = *token else {
                return Err(LogonFailure::Malformed.into());
            };
            if number != self.legs + 1 && self.legs != 0 || last > 40 {
                return Err(LogonFailure::Malformed.into());
            }
            (self.legs, self.last) = (number, last);
        }
        if self.legs == self.last {
            return Ok(Step::Done { token: None });
        }
        self.legs += 1;
        let token = vec![self.legs, self.last];
        Ok(if self.legs == self.last {
            Step::Done { token: Some(token) }
        } else {
            Step::Continue(token)
        })
    }
}

impl Initiator for FakeSide {
    fn auth_type(&self) -> u8 {
        FAKE
    }

    fn step(&mut self, token: Option<&[u8]>) -> Result<Step, SecurityError> {
        self.advance(token)
    }

    fn into_context(self: Box<Self>) -> Result<Box<dyn SecurityContext>, SecurityError> {
        Ok(Box::new(FakeContext { sent: 0, received: 0 }))
    }
}

impl Acceptor for FakeSide {
    fn auth_type(&self) -> u8 {
        FAKE
    }

    fn step(&mut self, token: &[u8]) -> Result<Step, SecurityError> {
        self.advance(Some(token))
    }

    fn principal(&self) -> Option<&AccountName> {
        None
    }

    fn into_context(self: Box<Self>) -> Result<Box<dyn SecurityContext>, SecurityError> {
        Ok(Box::new(FakeContext { sent: 0, received: 0 }))
    }
}

/// Seals by inverting octets, signs by adding them up with a sequence number.
struct FakeContext {
    sent: u64,
    received: u64,
}

fn sum(sequence: u64, pdu: &[u8]) -> Vec<u8> {
    let total = pdu.iter().fold(sequence, |sum, octet| sum.rotate_left(5) ^ u64::from(*octet));
    let mut value = total.to_le_bytes().to_vec();
    value.extend_from_slice(&sequence.to_le_bytes()[..4]);
    value
}

impl SecurityContext for FakeContext {
    fn signature_len(&self) -> usize {
        12
    }

    fn seal(&mut self, pdu: &mut [u8], body: Range<usize>) -> Vec<u8> {
        let value = self.sign(pdu, body.clone());
        pdu[body].iter_mut().for_each(|octet| *octet = !*octet);
        value
    }

    fn sign(&mut self, pdu: &[u8], _body: Range<usize>) -> Vec<u8> {
        self.sent += 1;
        sum(self.sent, pdu)
    }

    fn unseal(
        &mut self,
        pdu: &mut [u8],
        body: Range<usize>,
        auth_value: &[u8],
    ) -> Result<(), SignatureError> {
        pdu[body.clone()].iter_mut().for_each(|octet| *octet = !*octet);
        self.verify(pdu, body, auth_value)
    }

    fn verify(
        &mut self,
        pdu: &[u8],
        _body: Range<usize>,
        auth_value: &[u8],
    ) -> Result<(), SignatureError> {
        self.received += 1;
        if sum(self.received, pdu) == auth_value { Ok(()) } else { Err(SignatureError::Mismatch) }
    }
}
