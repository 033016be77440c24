//! Who gets in and who does not, and with which reason.

use identity::{CodePage, NtHash, Password};
use wire::from_hex;
use zeroize::Zeroizing;

use super::{
    super::{
        Authenticate, AvId, Challenge, ClientBlob, Flags, Negotiate, NtResponse, NtlmAcceptor,
        NtlmCredentials, NtlmInitiator, NtlmSecret, ReflectionGuard, TargetInfo, Version, crypto,
        messages::MIC_RANGE, nt_hash,
    },
    fixture::{
        PASSWORD, acceptor, acceptor_knowing, acceptor_with, credentials, initiator, name, run,
        seed,
    },
};
use crate::{Acceptor, Initiator, LogonFailure, SecurityError, Step};

fn refused(outcome: Result<(), SecurityError>) -> LogonFailure {
    match outcome {
        Err(SecurityError::Refused(failure)) => failure,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[test]
fn right_password_logs_on_in_any_spelling_of_the_user() {
    for account in ["EAST\\svc-west", "EAST\\SVC-West", "east\\svc-west", "EAST\\JÖRG"] {
        let (mut client, mut server) = (initiator(account, PASSWORD), acceptor());
        run(&mut client, &mut server, |_, _| {}).unwrap();
        assert_eq!(server.principal(), Some(&name(account)));
        assert!(Box::new(client).into_context().is_ok());
        assert!(Box::new(server).into_context().is_ok());
    }
}

#[test]
fn hash_serves_as_well_as_password() {
    let by_hash = NtlmCredentials {
        secret: NtlmSecret::Hash(nt_hash(&Password::from(PASSWORD))),
        ..credentials("EAST\\svc-west", "")
    };
    let mut client = NtlmInitiator::new(by_hash, seed(), None);
    run(&mut client, &mut acceptor(), |_, _| {}).unwrap();
}

#[test]
fn refusals_have_their_reasons_and_name_the_claimed_account() {
    for (account, password, expected, win32) in [
        ("EAST\\svc-west", "wrong", LogonFailure::WrongPassword, 1326),
        ("EAST\\svc-west", "", LogonFailure::WrongPassword, 1326),
        ("EAST\\nobody", PASSWORD, LogonFailure::UnknownAccount, 1317),
        ("WEST\\svc-west", PASSWORD, LogonFailure::UnknownAccount, 1317),
        ("EAST\\gone", PASSWORD, LogonFailure::Disabled, 1331),
        ("EAST\\shut", PASSWORD, LogonFailure::LockedOut, 1909),
    ] {
        let (mut client, mut server) = (initiator(account, password), acceptor());
        let failure = refused(run(&mut client, &mut server, |_, _| {}));
        assert_eq!((failure, failure.win32()), (expected, win32));
        assert_eq!(server.principal(), Some(&name(account)));
        let again = server.step(&[]);
        assert!(matches!(again, Err(SecurityError::OutOfTurn { .. })));
        assert!(Box::new(server).into_context().is_err());
    }
}

#[test]
fn unknown_account_is_refused_even_with_the_dummy_hash() {
    let by_hash = NtlmCredentials {
        secret: NtlmSecret::Hash(NtHash::new([0; 16])),
        ..credentials("EAST\\nobody", "")
    };
    let mut client = NtlmInitiator::new(by_hash, seed(), None);
    let failure = refused(run(&mut client, &mut acceptor(), |_, _| {}));
    assert_eq!(failure, LogonFailure::UnknownAccount);
}

#[test]
fn each_missing_protection_is_named_by_either_side() {
    for (flag, missing) in [
        (Flags::EXTENDED_SESSION_SECURITY, "NTLM2 (extended) session security"),
        (Flags::KEY_128, "128-bit session keys (only 56-bit ones)"),
        (Flags::KEY_EXCH, "key exchange"),
        (Flags::SIGN, "signing"),
        (Flags::SEAL, "sealing"),
    ] {
        for (leg, at) in [(1, 12), (2, 20), (3, 60)] {
            let take_out = |at_leg, message: &mut Vec<u8>| {
                if at_leg == leg {
                    let flags = u32::from_le_bytes(message[at..at + 4].try_into().unwrap());
                    message[at..at + 4].copy_from_slice(&(flags & !flag.0).to_le_bytes());
                }
            };
            let failure =
                refused(run(&mut initiator("EAST\\svc-west", PASSWORD), &mut acceptor(), take_out));
            assert_eq!(failure, LogonFailure::WeakSessionSecurity { missing });
            assert!(failure.to_string().ends_with(missing), "{failure}");
        }
    }
}

/// An AUTHENTICATE built by hand, with a right proof over whatever blob is given.
struct Forge {
    server: NtlmAcceptor,
    negotiate: Vec<u8>,
    challenge: Vec<u8>,
}

impl Forge {
    fn new() -> Self {
        let mut server = acceptor();
        let Ok(Step::Continue(negotiate)) = initiator("EAST\\svc-west", PASSWORD).step(None) else {
            panic!("no NEGOTIATE");
        };
        let Ok(Step::Continue(challenge)) = server.step(&negotiate) else {
            panic!("no CHALLENGE");
        };
        Self { server, negotiate, challenge }
    }

    /// With a server that knows this account.
    fn knowing(account: &str) -> Self {
        let mut forge = Self::new();
        // It offers its code page and no Unicode; so do both from then on.
        let flags = Flags((Flags::OFFER.0 & !Flags::UNICODE.0) | Flags::OEM.0);
        forge.negotiate[12..16].copy_from_slice(&flags.0.to_le_bytes());
        let mut server = acceptor_knowing(account);
        let Ok(Step::Continue(challenge)) = server.step(&forge.negotiate) else {
            panic!("no CHALLENGE");
        };
        assert!(Challenge::decode(&challenge).unwrap().flags.contains(Flags::OEM));
        (forge.server, forge.challenge) = (server, challenge);
        forge
    }

    /// An answer whose user stands in the octets of a code page; the proof is over the name.
    fn answer_in_oem(
        &mut self,
        domain: &str,
        (user, octets): (&str, &[u8]),
        password: &str,
    ) -> Result<Step, SecurityError> {
        let mut info = self.target_info();
        info.promise_mic();
        let key = crypto::ntowf_v2(&nt_hash(&Password::from(password)), user, domain);
        let blob = ClientBlob {
            time: info.timestamp().unwrap_or_default(),
            client_challenge: [7; 8],
            target_info: info,
        }
        .encode()
        .unwrap();
        let proof = crypto::nt_proof(&key, b"server-1", &blob);
        let session_key = Zeroizing::new([9; 16]);
        let exchange_key = crypto::session_base_key(&key, &proof);
        // As many octets of ASCII keep the place.
        let place = "~".repeat(octets.len());
        let message = Authenticate {
            flags: Flags((Flags::OFFER.0 & !Flags::UNICODE.0) | Flags::OEM.0),
            domain: domain.to_owned(),
            user: place.clone(),
            workstation: String::new(),
            lm_response: vec![0; 24],
            nt_response: NtResponse { proof: *proof, blob }.encode(),
            encrypted_session_key: crypto::rc4_key(&exchange_key, &session_key).to_vec(),
            version: Some(Version::OURS),
            mic: Some([0; 16]),
        };
        let mut sent = message.encode().unwrap();
        let at = sent.windows(place.len()).position(|part| part == place.as_bytes()).unwrap();
        sent[at..at + octets.len()].copy_from_slice(octets);
        let mic = crypto::mic(&session_key, [&self.negotiate, &self.challenge, &sent]);
        sent[MIC_RANGE].copy_from_slice(&mic);
        self.server.step(&sent)
    }

    fn target_info(&self) -> TargetInfo {
        Challenge::decode(&self.challenge).unwrap().target_info
    }

    fn answer(
        &mut self,
        domain: &str,
        info: TargetInfo,
        change: impl FnOnce(&mut Authenticate),
    ) -> Result<Step, SecurityError> {
        let key = crypto::ntowf_v2(&nt_hash(&Password::from(PASSWORD)), "svc-west", domain);
        let blob = ClientBlob {
            time: info.timestamp().unwrap_or_default(),
            client_challenge: [7; 8],
            target_info: info,
        }
        .encode()
        .unwrap();
        let proof = crypto::nt_proof(&key, b"server-1", &blob);
        let session_key = Zeroizing::new([9; 16]);
        let exchange_key = crypto::session_base_key(&key, &proof);
        let mut message = Authenticate {
            flags: Flags::OFFER,
            domain: domain.to_owned(),
            user: "svc-west".to_owned(),
            workstation: String::new(),
            lm_response: vec![0; 24],
            nt_response: NtResponse { proof: *proof, blob }.encode(),
            encrypted_session_key: crypto::rc4_key(&exchange_key, &session_key).to_vec(),
            version: Some(Version::OURS),
            mic: Some([0; 16]),
        };
        change(&mut message);
        let mut octets = message.encode().unwrap();
        if message.mic.is_some() {
            let mic = crypto::mic(&session_key, [&self.negotiate, &self.challenge, &octets]);
            octets[MIC_RANGE].copy_from_slice(&mic);
        }
        self.server.step(&octets)
    }

    fn expect(
        mut self,
        info: TargetInfo,
        change: impl FnOnce(&mut Authenticate),
        expected: LogonFailure,
    ) {
        let outcome = self.answer("EAST", info, change);
        assert_eq!(outcome, Err(SecurityError::Refused(expected)));
        assert!(Box::new(self.server).into_context().is_err());
    }
}

fn promised(forge: &Forge) -> TargetInfo {
    let mut info = forge.target_info();
    info.promise_mic();
    info
}

#[test]
fn forged_answer_is_good_when_nothing_is_wrong_with_it() {
    for domain in ["EAST", ""] {
        let mut forge = Forge::new();
        let info = promised(&forge);
        assert_eq!(forge.answer(domain, info, |_| {}), Ok(Step::Done { token: None }));
        assert_eq!(forge.server.principal(), Some(&name("EAST\\svc-west")));
    }
}

#[test]
fn oem_names_are_read() {
    let mut forge = Forge::new();
    let info = promised(&forge);
    let outcome = forge.answer("EAST", info, |message| {
        message.flags = Flags((message.flags.0 & !Flags::UNICODE.0) | Flags::OEM.0);
    });
    assert_eq!(outcome, Ok(Step::Done { token: None }));
}

/// A client without Unicode writes names in its code page and in capitals (MS-NLMP 3.1.5.1.1); the response is over the names
/// themselves. Which page it is the proof tells.
///
/// Claims: 25.
#[test]
fn oem_names_beyond_ascii_are_read_in_the_page_that_the_proof_tells() {
    for (account, user, page) in [
        ("EAST\\jörg", "JÖRG", CodePage::Oem850),
        ("EAST\\jörg", "JÖRG", CodePage::Oem437),
        ("EAST\\jörg", "JÖRG", CodePage::Windows1252),
        ("EAST\\jörg", "JÖRG", CodePage::Utf8),
        ("EAST\\svc-weiß", "SVC-WEIß", CodePage::Oem850),
        ("EAST\\svc-øre", "SVC-ØRE", CodePage::Oem850),
        ("EAST\\svc-øre", "SVC-ØRE", CodePage::Windows1252),
        ("EAST\\svc-日本", "SVC-日本", CodePage::Utf8),
        ("EAST\\svc-日本", "SVC-日本", CodePage::Oem932),
        ("EAST\\メール", "メール", CodePage::Oem932),
    ] {
        let octets = page.encode(user).unwrap();
        for (password, expected) in [
            (PASSWORD, Ok(Step::Done { token: None })),
            ("wrong", Err(SecurityError::Refused(LogonFailure::WrongPassword))),
        ] {
            let mut forge = Forge::knowing(account);
            let outcome = forge.answer_in_oem("EAST", (user, &octets), password);
            assert_eq!(outcome, expected, "{user} in {page:?}");
            assert_eq!(forge.server.principal(), Some(&name(account)), "{user} in {page:?}");
        }
    }
    // A name that is nobody's in any page is told in the most usual one.
    let mut forge = Forge::knowing("EAST\\jörg");
    let outcome = forge.answer_in_oem("EAST", ("ÜBEL", b"\x9aBEL"), PASSWORD);
    assert_eq!(outcome, Err(SecurityError::Refused(LogonFailure::UnknownAccount)));
    assert_eq!(forge.server.principal(), Some(&name("EAST\\ÜBEL")));
}

#[test]
fn missing_mic_is_refused_whether_or_not_it_was_promised() {
    let forge = Forge::new();
    let info = forge.target_info();
    forge.expect(info, |_| {}, LogonFailure::MicMissing);

    let forge = Forge::new();
    let info = forge.target_info();
    forge.expect(info, |message| message.mic = None, LogonFailure::MicMissing);

    let forge = Forge::new();
    let info = promised(&forge);
    forge.expect(info, |message| message.mic = None, LogonFailure::MicMissing);
}

#[test]
fn wrong_password_is_refused_with_and_without_mic() {
    for mic in [Some([0; 16]), None] {
        let forge = Forge::new();
        let info = promised(&forge);
        forge.expect(
            info,
            |message| {
                message.mic = mic;
                message.nt_response[0] ^= 1;
            },
            LogonFailure::WrongPassword,
        );
    }
}

#[test]
fn old_and_anonymous_answers_are_refused() {
    type Change = fn(&mut Authenticate);
    let cases: [(Change, LogonFailure); 6] = [
        (|m| m.nt_response.truncate(24), LogonFailure::LmOrNtlmV1Refused),
        (|m| m.nt_response.clear(), LogonFailure::LmRefused),
        (
            |m| {
                m.user.clear();
                m.nt_response.clear();
            },
            LogonFailure::Anonymous,
        ),
        (|m| m.flags = m.flags | Flags::ANONYMOUS, LogonFailure::Anonymous),
        (|m| m.user.clear(), LogonFailure::Malformed),
        (|m| m.encrypted_session_key.clear(), LogonFailure::Malformed),
    ];
    for (change, expected) in cases {
        let forge = Forge::new();
        let info = promised(&forge);
        forge.expect(info, change, expected);
    }
}

#[test]
fn answers_meant_for_another_server_are_refused() {
    for id in [
        AvId::NB_COMPUTER_NAME,
        AvId::NB_DOMAIN_NAME,
        AvId::DNS_COMPUTER_NAME,
        AvId::DNS_DOMAIN_NAME,
        AvId::TIMESTAMP,
    ] {
        let forge = Forge::new();
        let mut info = promised(&forge);
        let mut value = info.get(id).unwrap().to_vec();
        value[0] ^= 1;
        info.set(id, value);
        forge.expect(info, |_| {}, LogonFailure::TargetMismatch);
    }
    let forge = Forge::new();
    let mut nothing = TargetInfo::default();
    nothing.promise_mic();
    forge.expect(nothing, |_| {}, LogonFailure::TargetMismatch);
}

#[test]
fn an_answer_is_good_for_its_own_challenge_only() {
    let mut recorded = Vec::new();
    run(&mut initiator("EAST\\svc-west", PASSWORD), &mut acceptor(), |_, message| {
        recorded.push(message.clone());
    })
    .unwrap();
    let mut later = acceptor_with(*b"server-2");
    later.step(&recorded[0]).unwrap();
    assert_eq!(later.step(&recorded[2]), Err(SecurityError::Refused(LogonFailure::WrongPassword)));
}

#[test]
fn own_challenge_is_not_answered() {
    let guard = ReflectionGuard::new();
    let mut server = acceptor().with_reflection_guard(guard.clone());
    let mut client = initiator("EAST\\svc-west", PASSWORD).with_reflection_guard(guard.clone());
    let failure = refused(run(&mut client, &mut server, |_, _| {}));
    assert_eq!(failure, LogonFailure::Reflected);
    assert!(guard.issued(b"server-1"));
    drop(server);
    assert!(!guard.issued(b"server-1"));
}

#[test]
fn challenge_is_forgotten_when_answered() {
    let guard = ReflectionGuard::new();
    let mut server = acceptor().with_reflection_guard(guard.clone());
    run(&mut initiator("EAST\\svc-west", PASSWORD), &mut server, |_, _| {}).unwrap();
    assert!(!guard.issued(b"server-1"));
}

#[test]
fn server_with_our_own_name_is_not_answered() {
    for own in ["east1", "EAST.demo.test"] {
        let mut client = initiator("EAST\\svc-west", PASSWORD).with_own_name(own);
        let failure = refused(run(&mut client, &mut acceptor(), |_, _| {}));
        assert_eq!(failure, LogonFailure::Reflected);
    }
    let mut other = initiator("EAST\\svc-west", PASSWORD).with_own_name("WEST1");
    run(&mut other, &mut acceptor(), |_, _| {}).unwrap();
}

#[test]
fn steps_out_of_turn_are_errors() {
    let mut client = initiator("EAST\\svc-west", PASSWORD);
    assert!(matches!(client.step(Some(&[])), Err(SecurityError::OutOfTurn { .. })));
    let mut client = initiator("EAST\\svc-west", PASSWORD);
    client.step(None).unwrap();
    assert!(matches!(client.step(None), Err(SecurityError::OutOfTurn { .. })));
    assert!(Box::new(client).into_context().is_err());
}

#[test]
fn without_timestamp_the_old_response_is_filled_and_the_mic_still_sent() {
    let mut client = initiator("Domain\\User", "Password");
    client.step(None).unwrap();
    let challenge = Challenge {
        target_name: "Server".to_owned(),
        flags: Flags::OFFER,
        server_challenge: [1; 8],
        target_info: TargetInfo::default(),
        version: None,
    };
    // The version flag without a version would be a lie.
    let challenge = Challenge { flags: Flags(challenge.flags.0 & !Flags::VERSION.0), ..challenge };
    let token = challenge.encode().unwrap();
    let Ok(Step::Done { token: Some(answer) }) = client.step(Some(&token)) else {
        panic!("no AUTHENTICATE");
    };
    let message = Authenticate::decode(&answer).unwrap();
    assert_ne!(message.lm_response, vec![0; 24]);
    assert!(message.mic.is_some_and(|mic| mic != [0; 16]));
    let response = NtResponse::decode(&message.nt_response).unwrap();
    let blob = ClientBlob::decode(&response.blob).unwrap();
    assert!(blob.target_info.promises_mic());
    assert_eq!(blob.target_info.name(AvId::TARGET_NAME).as_deref(), Some("host/east.demo.test"));
    assert_eq!(blob.time, seed().now);
}

#[test]
fn names_that_do_not_fit_are_errors() {
    let mut long = credentials("EAST\\svc-west", PASSWORD);
    long.workstation = "x".repeat(40_000);
    let mut client = NtlmInitiator::new(long, seed(), None);
    let outcome = run(&mut client, &mut acceptor(), |_, _| {});
    assert!(matches!(outcome, Err(SecurityError::TooLong { .. })));
}

#[test]
fn offer_without_any_character_set_is_refused() {
    let message = Negotiate {
        flags: Flags(Flags::OFFER.0 & !Flags::UNICODE.0),
        domain: Vec::new(),
        workstation: Vec::new(),
        version: Some(Version::OURS),
    };
    let outcome = acceptor().step(&message.encode().unwrap());
    assert!(matches!(outcome, Err(SecurityError::Malformed(_))));
    assert!(acceptor().step(&from_hex("4e544c4d53535000").unwrap()).is_err());
}

#[test]
fn nothing_secret_is_printed() {
    let text = format!("{:?}", credentials("EAST\\svc-west", PASSWORD));
    assert!(!text.contains(PASSWORD));
    let step = format!("{:?}", initiator("EAST\\svc-west", PASSWORD).step(None).unwrap());
    assert_eq!(step, "Continue(40 octets)");
}
