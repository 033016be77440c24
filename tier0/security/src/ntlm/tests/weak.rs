//! Peers that are weaker than what is required, with and without the setting that takes them.

use super::{
    super::{Challenge, Flags, NtlmPolicy, TargetInfo},
    fixture::{PASSWORD, acceptor, initiator, run},
};
use crate::{Acceptor, AuthLevel, Initiator, LogonFailure, SecurityContext, SecurityError};

const ONLY_56: Flags = Flags(Flags::OFFER.0 & !Flags::KEY_128.0);
const ONLY_40: Flags = Flags(ONLY_56.0 & !Flags::KEY_56.0);

/// The contexts of both sides, the initiator's first.
type Both = (Box<dyn SecurityContext>, Box<dyn SecurityContext>);

/// A logon where the initiator offers `offer`, and each side has a policy.
fn log_on(
    offer: Flags,
    here: NtlmPolicy,
    there: NtlmPolicy,
    change: impl FnMut(usize, &mut Vec<u8>),
) -> Result<Both, SecurityError> {
    let mut initiator = initiator("EAST\\svc-west", PASSWORD).with_policy(here).with_offer(offer);
    let mut acceptor = acceptor().with_policy(there);
    acceptor.set_level(AuthLevel::Privacy);
    run(&mut initiator, &mut acceptor, change)?;
    Ok((Box::new(initiator).into_context()?, Box::new(acceptor).into_context()?))
}

fn refusal<T>(outcome: Result<T, SecurityError>) -> LogonFailure {
    match outcome {
        Err(SecurityError::Refused(failure)) => failure,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it was taken"),
    }
}

fn talk(mut one: Box<dyn SecurityContext>, mut other: Box<dyn SecurityContext>) {
    for _ in 0..3 {
        let mut pdu = b"header and a body".to_vec();
        let value = one.seal(&mut pdu, 7..17);
        assert_ne!(&pdu[7..], b"and a body");
        other.unseal(&mut pdu, 7..17, &value).unwrap();
        assert_eq!(pdu, b"header and a body");
        std::mem::swap(&mut one, &mut other);
    }
}

#[test]
fn short_keys_are_taken_only_where_the_setting_says_so() {
    let strict = NtlmPolicy::Strict;
    let untouched = |_: usize, _: &mut Vec<u8>| {};
    let failure = refusal(log_on(ONLY_56, NtlmPolicy::Allow56, strict, untouched));
    assert_eq!(
        failure.to_string(),
        "session security is too weak, the peer does not offer 128-bit session keys (only 56-bit ones)"
    );
    // The side that logs on says so too.
    let failure = refusal(log_on(ONLY_56, strict, NtlmPolicy::Allow56, untouched));
    assert!(failure.to_string().contains("56-bit"), "{failure}");
    for policy in [NtlmPolicy::Allow56, NtlmPolicy::AllowVersion1] {
        let (one, other) = log_on(ONLY_56, policy, policy, untouched).unwrap();
        talk(one, other);
        // 40 bits, and none at all, never.
        let failure = refusal(log_on(ONLY_40, policy, policy, untouched));
        assert!(failure.to_string().contains("40-bit"), "{failure}");
        for flag in [Flags::EXTENDED_SESSION_SECURITY, Flags::SIGN, Flags::SEAL, Flags::KEY_EXCH] {
            let offer = Flags(Flags::OFFER.0 & !flag.0);
            let failure = refusal(log_on(offer, policy, policy, untouched));
            assert!(matches!(failure, LogonFailure::WeakSessionSecurity { .. }), "{failure}");
        }
    }
}

#[test]
fn a_56_bit_session_is_not_a_128_bit_one() {
    let policy = NtlmPolicy::Allow56;
    let (mut weak, _) = log_on(ONLY_56, policy, policy, |_, _| {}).unwrap();
    let (_, mut strong) = log_on(Flags::OFFER, policy, policy, |_, _| {}).unwrap();
    let mut pdu = b"header and a body".to_vec();
    let value = weak.seal(&mut pdu, 7..17);
    strong.unseal(&mut pdu, 7..17, &value).unwrap_err();
}

/// A server older than version 2 sends no target info.
fn without_target_info(leg: usize, message: &mut Vec<u8>) {
    if leg == 2 {
        let mut challenge = Challenge::decode(message).unwrap();
        challenge.target_info = TargetInfo::default();
        challenge.flags = Flags(challenge.flags.0 & !Flags::TARGET_INFO.0);
        *message = challenge.encode().unwrap();
    }
}

#[test]
fn version_1_is_taken_and_given_only_where_the_setting_says_so() {
    let (v1, strict) = (NtlmPolicy::AllowVersion1, NtlmPolicy::Strict);
    let (one, other) = log_on(Flags::OFFER, v1, v1, without_target_info).unwrap();
    talk(one, other);
    for there in [strict, NtlmPolicy::Allow56] {
        let failure = refusal(log_on(Flags::OFFER, v1, there, without_target_info));
        assert_eq!(failure, LogonFailure::LmOrNtlmV1Refused);
        assert!(failure.to_string().contains("version 1"), "{failure}");
    }
    // Who does not allow it never gives one: what it sends is a version 2 answer, which this server finds lacking.
    let failure = refusal(log_on(Flags::OFFER, strict, v1, without_target_info));
    assert_eq!(failure, LogonFailure::TargetMismatch);
    // A version 1 answer with a wrong password is still wrong.
    let mut initiator = initiator("EAST\\svc-west", "wrong").with_policy(v1);
    let mut acceptor = acceptor().with_policy(v1);
    let failure = refusal(run(&mut initiator, &mut acceptor, without_target_info));
    assert_eq!(failure, LogonFailure::WrongPassword);
}

#[test]
fn lm_alone_is_never_taken() {
    let v1 = NtlmPolicy::AllowVersion1;
    let lm_alone = |leg: usize, message: &mut Vec<u8>| {
        without_target_info(leg, message);
        if leg == 3 {
            let mut answer = super::super::Authenticate::decode(message).unwrap();
            answer.nt_response.clear();
            *message = answer.encode().unwrap();
        }
    };
    let failure = refusal(log_on(Flags::OFFER, v1, v1, lm_alone));
    assert_eq!(failure, LogonFailure::LmRefused);
    assert!(failure.to_string().contains("LM alone"), "{failure}");
}
