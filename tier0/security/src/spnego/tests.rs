//! Two sides that negotiate, with NTLM inside and a mechanism that nobody serves.

use std::sync::Arc;

use identity::{AccountName, NtHash, Password};

use super::*;
use crate::ntlm::{
    AcceptSeed, NtlmAcceptor, NtlmCredentials, NtlmInitiator, NtlmSecret, NtlmSeed, ServerIdentity,
    nt_hash,
};
use crate::{
    Acceptor, Accounts, AuthLevel, FileTime, Initiator, LogonFailure, SecurityContext,
    SecurityError, Step,
};

const NOW: FileTime = FileTime(134_344_736_000_000_000);

struct Book;

impl Accounts for Book {
    fn nt_hash(&self, _: &AccountName) -> Result<NtHash, LogonFailure> {
        Ok(nt_hash(&Password::from("right")))
    }
}

/// A mechanism whose first token nobody reads.
struct Unknown;

impl Initiator for Unknown {
    fn auth_type(&self) -> u8 {
        0
    }

    fn step(&mut self, _: Option<&[u8]>) -> Result<Step, SecurityError> {
        Ok(Step::Continue(b"a token of something else".to_vec()))
    }

    fn into_context(self: Box<Self>) -> Result<Box<dyn SecurityContext>, SecurityError> {
        Err(SecurityError::NotEstablished)
    }
}

fn other() -> Mechanism {
    Mechanism::new("1.2.840.113554.1.2.2".parse().unwrap())
}

fn ntlm_initiator(password: &str) -> Box<dyn Initiator> {
    let credentials = NtlmCredentials {
        account: "EAST\\svc-west".parse().unwrap(),
        secret: NtlmSecret::Password(Password::from(password)),
        workstation: "WEST".to_owned(),
    };
    let seed = NtlmSeed {
        client_challenge: *b"client-1",
        exported_session_key: *b"exported session",
        now: NOW,
    };
    Box::new(NtlmInitiator::new(credentials, seed, None))
}

fn initiator(password: &str) -> SpnegoInitiator {
    SpnegoInitiator::new(vec![(Mechanism::ntlm(), ntlm_initiator(password))])
}

fn second_choice() -> SpnegoInitiator {
    SpnegoInitiator::new(vec![
        (other(), Box::new(Unknown)),
        (Mechanism::ntlm(), ntlm_initiator("right")),
    ])
}

fn acceptor() -> SpnegoAcceptor {
    let identity = ServerIdentity {
        computer: "EAST".to_owned(),
        domain: "EAST".to_owned(),
        dns_name: "east.demo.test".to_owned(),
    };
    let seed = AcceptSeed { server_challenge: *b"server-1", now: NOW };
    let ntlm = NtlmAcceptor::new(Arc::new(Book), identity, seed);
    SpnegoAcceptor::new(vec![(Mechanism::ntlm(), Box::new(ntlm))])
}

/// Carries tokens to and fro, each changed by `on_the_way`; gives how many there were.
fn run(
    initiator: &mut SpnegoInitiator,
    acceptor: &mut SpnegoAcceptor,
    mut on_the_way: impl FnMut(usize, &mut Vec<u8>),
) -> Result<usize, SecurityError> {
    let mut to_initiator: Option<Vec<u8>> = None;
    for leg in (0..10).step_by(2) {
        let mut token = match initiator.step(to_initiator.as_deref())? {
            Step::Ask(question) => panic!("{question:?}"),
            Step::Continue(token) => token,
            Step::Done { token } => {
                assert_eq!(token, None);
                return Ok(leg);
            }
        };
        on_the_way(leg, &mut token);
        let mut token = match acceptor.step(&token)? {
            Step::Ask(question) => panic!("{question:?}"),
            Step::Continue(token) | Step::Done { token: Some(token) } => token,
            Step::Done { token: None } => panic!("a negotiation ends with an answer"),
        };
        on_the_way(leg + 1, &mut token);
        to_initiator = Some(token);
    }
    panic!("a negotiation without end");
}

fn speak(initiator: SpnegoInitiator, acceptor: SpnegoAcceptor) {
    let mut client = Box::new(initiator).into_context().unwrap();
    let mut server = Box::new(acceptor).into_context().unwrap();
    for number in 0..20_u8 {
        let mut pdu = vec![number; 40];
        let signature = client.seal(&mut pdu, 8..32);
        server.unseal(&mut pdu, 8..32, &signature).unwrap();
        assert_eq!(pdu, [number; 40]);
        let signature = server.sign(&pdu, 8..32);
        client.verify(&pdu, 8..32, &signature).unwrap();
    }
}

#[test]
fn the_first_choice_takes_four_tokens_with_integrity_codes() {
    let (mut client, mut server) = (initiator("right"), acceptor());
    let mut codes = 0;
    let legs = run(&mut client, &mut server, |_, token| {
        codes += usize::from(NegTokenResp::decode(token).is_ok_and(|said| said.mic.is_some()));
    });
    assert_eq!((legs, codes), (Ok(4), 2));
    assert_eq!(server.principal().unwrap().to_string(), "EAST\\svc-west");
    speak(client, server);
}

#[test]
fn another_choice_begins_anew_and_demands_the_codes() {
    let (mut client, mut server) = (second_choice(), acceptor());
    let mut states = Vec::new();
    let legs = run(&mut client, &mut server, |leg, token| {
        if leg % 2 == 1 {
            states.push(NegTokenResp::decode(token).unwrap().state.unwrap());
        }
    });
    assert_eq!(legs, Ok(6));
    let [request, more, done] =
        [NegState::RequestMic, NegState::AcceptIncomplete, NegState::AcceptCompleted];
    assert_eq!(states, [request, more, done]);
    speak(client, server);

    for victim in [4, 5] {
        let outcome = run(&mut second_choice(), &mut acceptor(), |leg, token| {
            if leg == victim {
                let said = NegTokenResp::decode(token).unwrap();
                *token = NegTokenResp { mic: None, ..said }.encode();
            }
        });
        assert_eq!(outcome, Err(SecurityError::Negotiation), "{victim}");
    }
}

#[test]
fn a_changed_offer_is_noticed() {
    let outcome = run(&mut second_choice(), &mut acceptor(), |leg, token| {
        if leg == 0 {
            // Somebody takes the better mechanism out.
            *token = NegTokenInit::new(vec![Mechanism::ntlm()], None).encode();
        }
    });
    assert_eq!(outcome, Err(SecurityError::Negotiation));
}

#[test]
fn nothing_in_common_is_refused_and_so_is_a_wrong_password() {
    let mut stranger = SpnegoInitiator::new(vec![(other(), Box::new(Unknown))]);
    assert_eq!(run(&mut stranger, &mut acceptor(), |_, _| {}), Err(SecurityError::Rejected));
    let mut server = acceptor();
    let outcome = run(&mut initiator("wrong"), &mut server, |_, _| {});
    assert_eq!(outcome, Err(SecurityError::Refused(LogonFailure::WrongPassword)));
    assert_eq!(server.principal().unwrap().to_string(), "EAST\\svc-west");
    let reject = NegTokenResp { state: Some(NegState::Reject), ..NegTokenResp::default() };
    let mut client = initiator("right");
    client.step(None).unwrap();
    assert_eq!(client.step(Some(&reject.encode())), Err(SecurityError::Rejected));
    assert!(matches!(client.step(None), Err(SecurityError::OutOfTurn { .. })));
}

#[test]
fn the_level_reaches_the_mechanism() {
    let mut server = acceptor();
    server.set_level(AuthLevel::Integrity);
    // SEAL taken out of NEGOTIATE, which its own integrity code covers: noticed at the end only.
    let outcome = run(&mut initiator("right"), &mut server, |leg, token| {
        if leg == 0 {
            let at = token.windows(7).position(|part| part == b"NTLMSSP").unwrap() + 12;
            token[at] &= !0x20;
        }
    });
    assert!(matches!(outcome, Err(SecurityError::Refused(_))), "{outcome:?}");
}

#[test]
fn truncated_tokens_never_decode() {
    let mut tokens = Vec::new();
    run(&mut initiator("right"), &mut acceptor(), |_, token| tokens.push(token.clone())).unwrap();
    for token in &tokens {
        for end in 0..token.len() {
            assert!(NegTokenInit::decode(&token[..end]).is_err());
            assert!(NegTokenResp::decode(&token[..end]).is_err());
        }
    }
    let init = NegTokenInit::decode(&tokens[0]).unwrap();
    assert_eq!(init.encode(), tokens[0]);
    assert_eq!(NegTokenResp::decode(&tokens[1]).unwrap().encode(), tokens[1]);
}

#[test]
fn an_offer_as_samba_sends_it() {
    // NTLM alone, with hints left out, RFC 4178 section 4.2.1.
    let vector = "601c06062b0601050502a0123010a00e300c060a2b06010401823702020a";
    let octets = wire::from_hex(vector).unwrap();
    let offer = NegTokenInit::decode(&octets).unwrap();
    assert_eq!(offer.mechanisms, [Mechanism::ntlm()]);
    assert_eq!(offer.encode(), octets);
}
