//! Two sides that talk to each other.

use std::{collections::HashMap, sync::Arc};

use identity::{AccountName, NtHash, Password};

use super::super::{
    AcceptSeed, NtlmAcceptor, NtlmCredentials, NtlmInitiator, NtlmSecret, NtlmSeed, ServerIdentity,
    nt_hash,
};
use crate::{
    Acceptor, Accounts, FileTime, Initiator, LogonFailure, SecurityContext, SecurityError, Step,
};

pub(super) const PASSWORD: &str = "Pässwört 1";

pub(super) struct Book(HashMap<AccountName, Result<NtHash, LogonFailure>>);

impl Accounts for Book {
    fn nt_hash(&self, account: &AccountName) -> Result<NtHash, LogonFailure> {
        self.0.get(account).cloned().unwrap_or(Err(LogonFailure::UnknownAccount))
    }
}

pub(super) fn book() -> Arc<Book> {
    let hash = nt_hash(&Password::from(PASSWORD));
    Arc::new(Book(HashMap::from([
        (name("EAST\\svc-west"), Ok(hash.clone())),
        (name("EAST\\jörg"), Ok(hash)),
        (name("EAST\\gone"), Err(LogonFailure::Disabled)),
        (name("EAST\\shut"), Err(LogonFailure::LockedOut)),
    ])))
}

pub(super) fn name(text: &str) -> AccountName {
    text.parse().unwrap()
}

pub(super) fn credentials(account: &str, password: &str) -> NtlmCredentials {
    NtlmCredentials {
        account: name(account),
        secret: NtlmSecret::Password(Password::from(password)),
        workstation: "WEST".to_owned(),
    }
}

pub(super) fn seed() -> NtlmSeed {
    NtlmSeed {
        client_challenge: *b"client-1",
        exported_session_key: *b"exported session",
        now: FileTime::from_unix_ms(1_790_000_000_000),
    }
}

pub(super) fn initiator(account: &str, password: &str) -> NtlmInitiator {
    NtlmInitiator::new(
        credentials(account, password),
        seed(),
        Some("host/east.demo.test".to_owned()),
    )
}

pub(super) fn acceptor_with(server_challenge: [u8; 8]) -> NtlmAcceptor {
    NtlmAcceptor::new(book(), identity(), seed_of(server_challenge))
}

pub(super) fn acceptor() -> NtlmAcceptor {
    acceptor_with(*b"server-1")
}

/// One that knows this account alone.
pub(super) fn acceptor_knowing(account: &str) -> NtlmAcceptor {
    let hash = nt_hash(&Password::from(PASSWORD));
    let book = Arc::new(Book(HashMap::from([(name(account), Ok(hash))])));
    NtlmAcceptor::new(book, identity(), seed_of(*b"server-1"))
}

fn identity() -> ServerIdentity {
    ServerIdentity {
        computer: "EAST1".to_owned(),
        domain: "EAST".to_owned(),
        dns_name: "east.demo.test".to_owned(),
    }
}

fn seed_of(server_challenge: [u8; 8]) -> AcceptSeed {
    AcceptSeed { server_challenge, now: FileTime::from_unix_ms(1_790_000_000_500) }
}

/// The three messages of a logon, each changed on the way by `change(leg, message)`.
pub(super) fn run(
    initiator: &mut NtlmInitiator,
    acceptor: &mut NtlmAcceptor,
    mut change: impl FnMut(usize, &mut Vec<u8>),
) -> Result<(), SecurityError> {
    let Step::Continue(mut negotiate) = initiator.step(None)? else {
        panic!("NEGOTIATE ends nothing");
    };
    change(1, &mut negotiate);
    let Step::Continue(mut challenge) = acceptor.step(&negotiate)? else {
        panic!("CHALLENGE ends nothing");
    };
    change(2, &mut challenge);
    let Step::Done { token: Some(mut authenticate) } = initiator.step(Some(&challenge))? else {
        panic!("AUTHENTICATE is the last token");
    };
    change(3, &mut authenticate);
    assert_eq!(acceptor.step(&authenticate)?, Step::Done { token: None });
    Ok(())
}

pub(super) fn contexts() -> (Box<dyn SecurityContext>, Box<dyn SecurityContext>) {
    let mut initiator = initiator("EAST\\svc-west", PASSWORD);
    let mut acceptor = acceptor();
    run(&mut initiator, &mut acceptor, |_, _| {}).unwrap();
    (Box::new(initiator).into_context().unwrap(), Box::new(acceptor).into_context().unwrap())
}
