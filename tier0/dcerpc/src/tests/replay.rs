//! Authentication that was recorded, or that is passed on by somebody in the middle.

use std::sync::Arc;

use identity::{AccountName, NtHash, Password};
use security::ntlm::{AcceptSeed, NtlmAcceptor, ServerIdentity, nt_hash};
use security::{Acceptor, Accounts, AuthLevel, FileTime, LogonFailure};

use super::fixture::{ACCOUNT, PASSWORD, Pair, client, ntlm, server};
use crate::pdu::{Body, Pdu, Request};
use crate::{RpcError, ServerAssociation, ServerConfig, ServerEvent, status};

struct Book;

impl Accounts for Book {
    fn nt_hash(&self, _: &AccountName) -> Result<NtHash, LogonFailure> {
        Ok(nt_hash(&Password::from(PASSWORD)))
    }
}

/// The server of the fixture with another challenge, as every connection of a real one has.
fn fresh() -> ServerAssociation {
    ServerAssociation::new(ServerConfig {
        acceptor: Box::new(|_| {
            let identity = ServerIdentity {
                computer: "EAST".to_owned(),
                domain: "EAST".to_owned(),
                dns_name: "east.demo.test".to_owned(),
            };
            let now = FileTime::from_unix_ms(1_790_000_000_000);
            let seed = AcceptSeed { server_challenge: *b"server-2", now };
            let acceptor: Box<dyn Acceptor> =
                Box::new(NtlmAcceptor::new(Arc::new(Book), identity, seed));
            Some(acceptor)
        }),
        ..server(AuthLevel::Privacy)
    })
}

/// A call that was answered: bind, auth3 and request of the client as they went over.
fn recorded() -> (Pair, Vec<Vec<u8>>) {
    let mut pair =
        Pair::new(client(AuthLevel::Privacy, ntlm(ACCOUNT, PASSWORD)), server(AuthLevel::Privacy));
    pair.client.call(1, b"pay").unwrap();
    pair.run_echo();
    let sent = pair.log.iter().filter(|(client, _)| *client).map(|(_, pdu)| pdu.clone()).collect();
    (pair, sent)
}

fn requests(server: &mut ServerAssociation) -> usize {
    let events = std::iter::from_fn(|| server.poll_event());
    events.filter(|event| matches!(event, ServerEvent::Request { .. })).count()
}

#[test]
fn a_recorded_logon_is_good_for_its_own_challenge_only() {
    let (_, sent) = recorded();
    let mut server = fresh();
    server.handle_bytes(&sent[0]).unwrap();
    server.poll_transmit().unwrap();
    server.handle_bytes(&sent[1]).unwrap();
    let Some(ServerEvent::AuthenticationFailed { account, failure }) = server.poll_event() else {
        panic!("it was taken");
    };
    assert_eq!(account.unwrap().to_string(), ACCOUNT);
    assert_eq!(failure.logon_failure(), LogonFailure::WrongPassword);
    assert!(server.handle_bytes(&sent[2]).is_err());
    assert_eq!(requests(&mut server), 0);
    let Body::Fault(fault) = Pdu::decode(&server.poll_transmit().unwrap()).unwrap().body else {
        panic!("no fault");
    };
    assert_eq!(fault.status, status::ACCESS_DENIED);
}

#[test]
fn a_recorded_request_is_good_once() {
    let (mut pair, sent) = recorded();
    pair.server_events();
    assert!(matches!(pair.server.handle_bytes(&sent[2]), Err(RpcError::Signature(_))));
    assert_eq!(requests(&mut pair.server), 0);
}

/// Who passes a logon on has the connection afterwards, and no key: it can say nothing that counts.
#[test]
fn a_logon_that_is_passed_on_gives_no_key() {
    let call = |pair: &mut Pair, forge: &dyn Fn(Vec<u8>) -> Vec<u8>| {
        let body = Body::Request(Request {
            alloc_hint: 4,
            context_id: 0,
            opnum: 1,
            object: None,
            stub: b"pay!".to_vec(),
        });
        let octets = forge(Pdu::new(9, body).encode().unwrap());
        let outcome = pair.server.handle_bytes(&octets);
        assert_eq!(requests(&mut pair.server), 0);
        outcome.unwrap_err()
    };
    // Unsigned.
    let (mut pair, _) = recorded();
    pair.server_events();
    assert!(matches!(call(&mut pair, &|octets| octets), RpcError::Unsigned));
    // With a signature of another request under other octets.
    let (mut pair, sent) = recorded();
    pair.server_events();
    let forged = |_: Vec<u8>| {
        let mut octets = sent[2].clone();
        octets[24] ^= 1;
        octets
    };
    assert!(matches!(call(&mut pair, &forged), RpcError::Signature(_)));
}
