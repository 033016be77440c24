//! Who is let in, and who is not.

use std::sync::Arc;

use security::spnego::{Mechanism, SpnegoAcceptor, SpnegoInitiator};
use security::{Acceptor, AuthLevel, Initiator, KerberosCode, LogonFailure, SecurityError, Step};

use super::fixture::*;
use crate::message::TicketFlags;
use crate::*;

fn refusal(forge: &Forge, now: i64) -> KerberosCode {
    let failed = meet(forge.credential(), &service(Etype::Aes256Sha1), now).err().unwrap();
    match failed.logon_failure() {
        LogonFailure::Kerberos(code) => code,
        other => panic!("{other}"),
    }
}

fn right() -> Forge {
    Forge::right(Etype::Aes256Sha1)
}

#[test]
fn a_ticket_lets_in_with_every_encryption_type() {
    for etype in Etype::PREFERRED {
        meet(Forge::right(etype).credential(), &service(etype), NOW).unwrap();
    }
}

#[test]
fn every_refusal_has_its_code() {
    let other = Key::from_random(Etype::Aes256Sha1, &[0x52; 32]);
    for (forge, code) in [
        (Forge { end: NOW - 301, ..right() }, KerberosCode::KRB_AP_ERR_TKT_EXPIRED),
        (Forge { start: NOW + 301, ..right() }, KerberosCode::KRB_AP_ERR_TKT_NYV),
        (Forge { flags: TicketFlags::INVALID, ..right() }, KerberosCode::KRB_AP_ERR_TKT_NYV),
        (Forge { key: other.clone(), ..right() }, KerberosCode::KRB_AP_ERR_MODIFIED),
        (Forge { key: other.clone(), kvno: 4, ..right() }, KerberosCode::KRB_AP_ERR_BADKEYVER),
        (
            Forge { key: other, server: "host/west.test@EAST.TEST", ..right() },
            KerberosCode::KRB_AP_ERR_NOT_US,
        ),
        (Forge::right(Etype::Aes128Sha1), KerberosCode::KRB_AP_ERR_NOKEY),
    ] {
        assert_eq!(refusal(&forge, NOW), code);
    }
    assert_eq!(refusal(&right(), NOW + 301), KerberosCode::KRB_AP_ERR_SKEW);
    assert_eq!(refusal(&right(), NOW - 301), KerberosCode::KRB_AP_ERR_SKEW);
    meet(right().credential(), &service(Etype::Aes256Sha1), NOW + 300).unwrap();
}

#[test]
fn another_name_of_the_same_account_is_taken_and_a_name_in_parts_is_no_account() {
    let alias = Forge { server: "HOST/alias.test@EAST.TEST", ..right() };
    meet(alias.credential(), &service(Etype::Aes256Sha1), NOW).unwrap();
    let parts = Forge { client: "host/west.test@EAST.TEST", ..right() };
    let failed = meet(parts.credential(), &service(Etype::Aes256Sha1), NOW).err().unwrap();
    assert_eq!(failed.logon_failure(), LogonFailure::UnknownAccount);
}

#[test]
fn encryption_that_was_not_asked_for_suffices_only_below_privacy() {
    for (level, passes) in [
        (AuthLevel::Connect, true),
        (AuthLevel::Packet, true),
        (AuthLevel::Integrity, true),
        (AuthLevel::Privacy, false),
    ] {
        let service = service(Etype::Aes256Sha1);
        let initiator = KerberosInitiator::new(right().credential(), seed(NOW, 1), Style::Dce);
        let mut initiator = initiator.with_level(AuthLevel::Integrity);
        let mut acceptor = KerberosAcceptor::new(service, seed(NOW, 2));
        acceptor.set_level(level);
        let reply = token(acceptor.step(&token(initiator.step(None).unwrap())).unwrap());
        let third = token(initiator.step(Some(&reply)).unwrap());
        assert_eq!(acceptor.step(&third).is_ok(), passes, "{level:?}");
    }
}

#[test]
fn a_replayed_request_is_refused() {
    let service = service(Etype::Aes256Sha1);
    let mut initiator = KerberosInitiator::new(right().credential(), seed(NOW, 1), Style::Dce);
    let request = token(initiator.step(None).unwrap());
    let accept =
        |token: &[u8]| KerberosAcceptor::new(Arc::clone(&service), seed(NOW, 2)).step(token);
    accept(&request).unwrap();
    let again = accept(&request).unwrap_err();
    assert_eq!(again, LogonFailure::Kerberos(KerberosCode::KRB_AP_ERR_REPEAT).into());
    // A fresh one of the same client passes.
    let mut fresh = KerberosInitiator::new(right().credential(), seed(NOW, 3), Style::Dce);
    accept(&token(fresh.step(None).unwrap())).unwrap();
}

#[test]
fn the_third_leg_of_another_logon_is_refused() {
    let service = service(Etype::Aes256Sha1);
    let third = |fill: u8| {
        let mut initiator =
            KerberosInitiator::new(right().credential(), seed(NOW, fill), Style::Dce);
        let mut acceptor = KerberosAcceptor::new(Arc::clone(&service), seed(NOW, fill ^ 0x80));
        let reply = token(acceptor.step(&token(initiator.step(None).unwrap())).unwrap());
        (token(initiator.step(Some(&reply)).unwrap()), acceptor)
    };
    let (first, _) = third(1);
    let (second, mut acceptor) = third(2);
    let expected: SecurityError = LogonFailure::Kerberos(KerberosCode::KRB_AP_ERR_MUT_FAIL).into();
    assert_eq!(acceptor.step(&first).unwrap_err(), expected);
    assert!(matches!(acceptor.step(&second), Err(SecurityError::OutOfTurn { .. })));
}

#[test]
fn a_server_without_the_key_cannot_pretend() {
    let service = service(Etype::Aes256Sha1);
    let mut initiator = KerberosInitiator::new(right().credential(), seed(NOW, 1), Style::Dce);
    initiator.step(None).unwrap();
    // The answer to another request of the same client.
    let mut other = KerberosInitiator::new(right().credential(), seed(NOW - 1, 9), Style::Dce);
    let mut acceptor = KerberosAcceptor::new(Arc::clone(&service), seed(NOW, 2));
    let reply = token(acceptor.step(&token(other.step(None).unwrap())).unwrap());
    let failed = initiator.step(Some(&reply)).unwrap_err();
    assert_eq!(failed, LogonFailure::Kerberos(KerberosCode::KRB_AP_ERR_MUT_FAIL).into());
}

#[test]
fn the_server_s_own_words_reach_the_client() {
    let mut initiator = KerberosInitiator::new(right().credential(), seed(NOW, 1), Style::Dce);
    initiator.step(None).unwrap();
    let error = crate::message::KrbError {
        server_time: time(NOW),
        code: KerberosCode::KRB_AP_ERR_MODIFIED,
        client_realm: None,
        server: SERVICE.parse().unwrap(),
        text: None,
        data: None,
    };
    let failed = initiator.step(Some(&error.encode())).unwrap_err();
    assert_eq!(failed, LogonFailure::Kerberos(KerberosCode::KRB_AP_ERR_MODIFIED).into());
}

#[test]
fn truncated_and_changed_tokens_never_pass_and_never_panic() {
    let service = service(Etype::Aes128Sha1);
    let forge = Forge::right(Etype::Aes128Sha1);
    let mut initiator = KerberosInitiator::new(forge.credential(), seed(NOW, 1), Style::Dce);
    let request = token(initiator.step(None).unwrap());
    for cut in 0..request.len() {
        let mut acceptor = KerberosAcceptor::new(Arc::clone(&service), seed(NOW, 2));
        acceptor.step(&request[..cut]).unwrap_err();
    }
    let mut acceptor = KerberosAcceptor::new(Arc::clone(&service), seed(NOW, 2));
    let reply = token(acceptor.step(&request).unwrap());
    for cut in 0..reply.len() {
        let mut again = KerberosInitiator::new(forge.credential(), seed(NOW, 1), Style::Dce);
        again.step(None).unwrap();
        again.step(Some(&reply[..cut])).unwrap_err();
    }
}

#[test]
fn two_legs_in_envelopes_wrap_messages() {
    for etype in Etype::PREFERRED {
        let service = service(etype);
        let credential = Forge::right(etype).credential();
        let mut initiator = KerberosInitiator::new(credential, seed(NOW, 1), Style::Gss);
        let mut acceptor = KerberosAcceptor::new(Arc::clone(&service), seed(NOW, 2));
        let request = token(initiator.step(None).unwrap());
        assert_eq!(request[0], 0x60);
        let reply = token(acceptor.step(&request).unwrap());
        assert!(matches!(initiator.step(Some(&reply)).unwrap(), Step::Done { token: None }));
        let mut left = initiator.into_session().unwrap();
        let mut right = acceptor.into_session().unwrap();
        for (seal, text) in [(true, &b"hello"[..]), (false, b"in clear"), (true, b"")] {
            let wrapped = left.wrap(text, seal);
            assert_eq!(wrapped.windows(8).any(|part| part == b"in clear"), text == b"in clear");
            let (plain, sealed) = right.unwrap(&wrapped).unwrap();
            assert_eq!((plain.as_slice(), sealed), (text, seal));
            let back = right.wrap(text, seal);
            assert_eq!(left.unwrap(&back).unwrap().0.as_slice(), text);
        }
        // A token that was rotated on the way, as Windows sends it.
        let mut turned = left.wrap(b"rotate me", true);
        let rotation = 28;
        turned[16..].rotate_right(rotation);
        turned[6..8].copy_from_slice(&u16::try_from(rotation).unwrap().to_be_bytes());
        assert_eq!(right.unwrap(&turned).unwrap().0.as_slice(), b"rotate me");
        let mut bad = left.wrap(b"change me", true);
        *bad.last_mut().unwrap() ^= 1;
        right.unwrap(&bad).unwrap_err();
        right.unwrap(&left.wrap(b"too late", true)).unwrap_err();
    }
}

#[test]
fn every_changed_octet_of_a_wrapped_message_fails() {
    for at in 0..16 + 16 + 9 + 16 + 12 {
        for seal in [true, false] {
            let service = service(Etype::Aes256Sha1);
            let mut initiator =
                KerberosInitiator::new(right().credential(), seed(NOW, 1), Style::Gss);
            let mut acceptor = KerberosAcceptor::new(service, seed(NOW, 2));
            let request = token(initiator.step(None).unwrap());
            initiator.step(Some(&token(acceptor.step(&request).unwrap()))).unwrap();
            let mut left = initiator.into_session().unwrap();
            let mut right = acceptor.into_session().unwrap();
            let mut wrapped = left.wrap(b"change me", seal);
            let Some(octet) = wrapped.get_mut(at) else { continue };
            *octet ^= 1;
            assert!(right.unwrap(&wrapped).is_err(), "octet {at}, sealed {seal}");
        }
    }
}

#[test]
fn spnego_picks_kerberos_under_both_numbers() {
    for (offered, served) in [
        (Mechanism::kerberos_ms(), Mechanism::kerberos()),
        (Mechanism::kerberos(), Mechanism::kerberos_ms()),
    ] {
        let service = service(Etype::Aes256Sha1);
        let inner = KerberosInitiator::new(right().credential(), seed(NOW, 1), Style::Dce);
        let mut initiator = SpnegoInitiator::new(vec![(offered, Box::new(inner))]);
        let inner = KerberosAcceptor::new(Arc::clone(&service), seed(NOW, 2));
        let mut acceptor = SpnegoAcceptor::new(vec![(served, Box::new(inner))]);
        let first = token(initiator.step(None).unwrap());
        let second = token(acceptor.step(&first).unwrap());
        let third = token(initiator.step(Some(&second)).unwrap());
        let fourth = token(acceptor.step(&third).unwrap());
        assert!(matches!(initiator.step(Some(&fourth)).unwrap(), Step::Done { token: None }));
        let mut left = Box::new(initiator).into_context().unwrap();
        let mut right = Box::new(acceptor).into_context().unwrap();
        let mut pdu = *b"headerBODY BODY BODY BODYtrailer";
        let value = left.seal(&mut pdu, 6..25);
        right.unseal(&mut pdu, 6..25, &value).unwrap();
        assert_eq!(&pdu, b"headerBODY BODY BODY BODYtrailer");
    }
}
