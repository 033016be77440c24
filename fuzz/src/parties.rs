//! Honest parties whose nonces and clocks stand still, so that an input means the same every time.

pub mod kerberos;

use std::sync::Arc;

use dcerpc::{
    AuthLevel, ClientConfig, DEFAULT_FRAGMENT, InterfaceRules, ServerConfig, SyntaxId, Uuid,
};
use identity::{AccountName, NtHash, Password};
use security::ntlm::{
    AcceptSeed, NtlmAcceptor, NtlmCredentials, NtlmInitiator, NtlmSecret, NtlmSeed, ServerIdentity,
    nt_hash,
};
use security::spnego::{Mechanism, SpnegoAcceptor, SpnegoInitiator};
use security::{Acceptor, Accounts, FileTime, Initiator, LogonFailure};

pub const INTERFACE: SyntaxId =
    SyntaxId::new(Uuid::from_u128(0x6f8d2c1a_3e57_4b0e_9c64_a1d05be27f93), 1, 0);
const ACCOUNT: &str = "EAST\\svc-west";
const PASSWORD: &str = "right";
const NOW: i64 = 1_790_000_000_000;

struct Book;

impl Accounts for Book {
    fn nt_hash(&self, account: &AccountName) -> Result<NtHash, LogonFailure> {
        if account.to_string() == ACCOUNT {
            Ok(nt_hash(&Password::from(PASSWORD)))
        } else {
            Err(LogonFailure::UnknownAccount)
        }
    }
}

pub fn ntlm_acceptor() -> NtlmAcceptor {
    let identity = ServerIdentity {
        computer: "EAST".to_owned(),
        domain: "EAST".to_owned(),
        dns_name: "east.demo.test".to_owned(),
    };
    let seed = AcceptSeed { server_challenge: *b"server-1", now: FileTime::from_unix_ms(NOW) };
    NtlmAcceptor::new(Arc::new(Book), identity, seed)
}

pub fn ntlm_initiator() -> NtlmInitiator {
    let credentials = NtlmCredentials {
        account: ACCOUNT.parse().expect("an account"),
        secret: NtlmSecret::Password(Password::from(PASSWORD)),
        workstation: "WEST".to_owned(),
    };
    let seed = NtlmSeed {
        client_challenge: *b"client-1",
        exported_session_key: *b"exported session",
        now: FileTime::from_unix_ms(NOW),
    };
    NtlmInitiator::new(credentials, seed, None)
}

pub fn spnego_acceptor() -> SpnegoAcceptor {
    let served: Vec<(Mechanism, Box<dyn Acceptor>)> =
        vec![(Mechanism::ntlm(), Box::new(ntlm_acceptor()))];
    SpnegoAcceptor::new(served)
}

pub fn spnego_initiator() -> SpnegoInitiator {
    let offered: Vec<(Mechanism, Box<dyn Initiator>)> =
        vec![(Mechanism::ntlm(), Box::new(ntlm_initiator()))];
    SpnegoInitiator::new(offered)
}

/// How a connection is protected: nobody, NTLM or SPNEGO at a level.
pub fn protection(choice: u8) -> (AuthLevel, Option<Box<dyn Initiator>>) {
    let level = match choice / 3 % 4 {
        0 => AuthLevel::Privacy,
        1 => AuthLevel::Integrity,
        2 => AuthLevel::Packet,
        _ => AuthLevel::Connect,
    };
    match choice % 3 {
        0 => (AuthLevel::None, None),
        1 => (level, Some(Box::new(ntlm_initiator()))),
        _ => (level, Some(Box::new(spnego_initiator()))),
    }
}

pub fn client(choice: u8) -> ClientConfig {
    let (level, initiator) = protection(choice);
    ClientConfig { interface: INTERFACE, level, initiator, max_fragment: DEFAULT_FRAGMENT }
}

pub fn server() -> ServerConfig {
    ServerConfig {
        interfaces: vec![InterfaceRules { syntax: INTERFACE, min_level: AuthLevel::None }],
        acceptor: Box::new(|auth_type| match auth_type {
            security::ntlm::AUTH_TYPE => Some(Box::new(ntlm_acceptor())),
            security::spnego::AUTH_TYPE => Some(Box::new(spnego_acceptor())),
            _ => None,
        }),
        max_fragment: DEFAULT_FRAGMENT,
        secondary_address: "4749".to_owned(),
        association_group: 0x0bad_cafe,
    }
}
