//! Logons whose password somebody else knows.

use std::sync::Arc;

use identity::{AccountName, NtHash, Password};
use zeroize::Zeroizing;

use super::{
    super::{
        AcceptSeed, NtResponse, NtlmAcceptor, NtlmPolicy, ServerIdentity, crypto, nt_hash,
        version_1,
    },
    fixture::{PASSWORD, initiator, name},
};
use crate::spnego::{Mechanism, SpnegoAcceptor, SpnegoInitiator};
use crate::{
    Acceptor, Accounts, FileTime, Initiator, LogonFailure, LogonKey, LogonQuestion, LogonVerdict,
    SecurityError, Step,
};

/// Knows nobody itself.
struct Elsewhere;

impl Accounts for Elsewhere {
    fn nt_hash(&self, _: &AccountName) -> Result<NtHash, LogonFailure> {
        panic!("nobody here knows a password");
    }

    fn elsewhere(&self, account: &AccountName) -> bool {
        account.domain() == "EAST"
    }
}

fn acceptor() -> NtlmAcceptor {
    let identity = ServerIdentity {
        computer: "EAST1".to_owned(),
        domain: "EAST".to_owned(),
        dns_name: "east.demo.test".to_owned(),
    };
    let now = FileTime::from_unix_ms(1_790_000_000_500);
    NtlmAcceptor::new(
        Arc::new(Elsewhere),
        identity,
        AcceptSeed { server_challenge: *b"server-1", now },
    )
}

/// The domain: it knows the password and computes what a domain controller computes.
fn domain(question: &LogonQuestion) -> LogonVerdict {
    let hash = nt_hash(&Password::from(PASSWORD));
    if question.nt_response.len() == 24 {
        let base = version_1::session_base_key(&hash);
        return Ok(LogonKey::new(*base));
    }
    let response = NtResponse::decode(&question.nt_response).unwrap();
    let key = crypto::ntowf_v2(&hash, &question.user, &question.domain);
    let proof = crypto::nt_proof(&key, &question.challenge, &response.blob);
    if *proof != response.proof {
        return Err(LogonFailure::WrongPassword);
    }
    let base: Zeroizing<[u8; 16]> = crypto::session_base_key(&key, &proof);
    Ok(LogonKey::new(*base))
}

fn ask(acceptor: &mut dyn Acceptor, client: &mut dyn Initiator) -> Box<LogonQuestion> {
    let Step::Continue(negotiate) = client.step(None).unwrap() else { panic!("no token") };
    let Step::Continue(challenge) = acceptor.step(&negotiate).unwrap() else { panic!("no token") };
    let (Step::Done { token: Some(answer) } | Step::Continue(answer)) =
        client.step(Some(&challenge)).unwrap()
    else {
        panic!("no answer");
    };
    let Step::Ask(question) = acceptor.step(&answer).unwrap() else { panic!("nobody asked") };
    question
}

#[test]
fn the_verdict_decides_and_its_key_protects() {
    let (mut client, mut server) = (initiator("EAST\\svc-west", PASSWORD), acceptor());
    let question = ask(&mut server, &mut client);
    assert_eq!(question.account, name("EAST\\svc-west"));
    assert!(!format!("{question:?}").contains("response"));
    // Nothing but the verdict counts while it is asked.
    assert_eq!(server.resolve(domain(&question)).unwrap(), Step::Done { token: None });
    assert_eq!(server.principal(), Some(&name("EAST\\svc-west")));
    let mut one = Box::new(client).into_context().unwrap();
    let mut other = Box::new(server).into_context().unwrap();
    let mut pdu = b"header and a body".to_vec();
    let value = one.seal(&mut pdu, 7..17);
    other.unseal(&mut pdu, 7..17, &value).unwrap();
}

#[test]
fn in_spnego_the_answer_waits_for_the_verdict() {
    let inner: Box<dyn Initiator> = Box::new(initiator("EAST\\svc-west", PASSWORD));
    let mut client = SpnegoInitiator::new(vec![(Mechanism::ntlm(), inner)]);
    let mut server = SpnegoAcceptor::new(vec![(Mechanism::ntlm(), Box::new(acceptor()))]);
    let question = ask(&mut server, &mut client);
    let Step::Done { token: Some(last) } = server.resolve(domain(&question)).unwrap() else {
        panic!("no answer");
    };
    assert_eq!(client.step(Some(&last)).unwrap(), Step::Done { token: None });
    Box::new(client).into_context().unwrap();
    Box::new(server).into_context().unwrap();
}

#[test]
fn refusals_and_wrong_keys_let_nobody_in() {
    let (mut client, mut server) = (initiator("EAST\\svc-west", "wrong"), acceptor());
    let question = ask(&mut server, &mut client);
    let refused = server.resolve(domain(&question));
    assert_eq!(refused, Err(SecurityError::Refused(LogonFailure::WrongPassword)));
    assert_eq!(server.principal(), Some(&name("EAST\\svc-west")));
    assert!(Box::new(server).into_context().is_err());

    // A key that is not the session's: the integrity code shows it.
    let (mut client, mut server) = (initiator("EAST\\svc-west", PASSWORD), acceptor());
    ask(&mut server, &mut client);
    let refused = server.resolve(Ok(LogonKey::new([7; 16])));
    assert_eq!(refused, Err(SecurityError::Refused(LogonFailure::MicWrong)));

    let mut server = acceptor();
    assert!(matches!(
        server.resolve(Err(LogonFailure::Disabled)),
        Err(SecurityError::OutOfTurn { .. })
    ));
}

#[test]
fn version_1_is_asked_with_the_joint_challenge() {
    let policy = NtlmPolicy::AllowVersion1;
    let mut client = initiator("EAST\\svc-west", PASSWORD).with_policy(policy);
    let mut server = acceptor().with_policy(policy);
    let Step::Continue(negotiate) = client.step(None).unwrap() else { panic!("no token") };
    let Step::Continue(challenge) = server.step(&negotiate).unwrap() else { panic!("no token") };
    let mut old = super::super::Challenge::decode(&challenge).unwrap();
    old.target_info = super::super::TargetInfo::default();
    old.flags = super::super::Flags(old.flags.0 & !super::super::Flags::TARGET_INFO.0);
    let Step::Done { token: Some(answer) } = client.step(Some(&old.encode().unwrap())).unwrap()
    else {
        panic!("no answer");
    };
    let Step::Ask(question) = server.step(&answer).unwrap() else { panic!("nobody asked") };
    assert_eq!(question.challenge, version_1::joint_challenge(b"server-1", b"client-1"));
    assert_eq!(server.resolve(domain(&question)).unwrap(), Step::Done { token: None });
}
