//! Protected PDUs: in order they pass, otherwise they do not.

use super::fixture::contexts;
use crate::{SecurityContext, SignatureError};

const BODY: std::ops::Range<usize> = 24..56;

fn pdu(number: u32) -> Vec<u8> {
    let mut pdu: Vec<u8> = (0..64).collect();
    pdu[24..28].copy_from_slice(&number.to_le_bytes());
    pdu
}

fn sealed(context: &mut dyn SecurityContext, number: u32) -> (Vec<u8>, Vec<u8>) {
    let mut octets = pdu(number);
    let signature = context.seal(&mut octets, BODY);
    (octets, signature)
}

#[test]
fn a_thousand_messages_pass_both_ways_sealed_and_signed() {
    let (mut client, mut server) = contexts();
    for number in 0..1000 {
        let (mut octets, signature) = sealed(&mut *client, number);
        assert_eq!(signature.len(), client.signature_len());
        assert_eq!(octets[..24], pdu(number)[..24]);
        assert_eq!(octets[56..], pdu(number)[56..]);
        assert_ne!(octets[BODY], pdu(number)[BODY]);
        server.unseal(&mut octets, BODY, &signature).unwrap();
        assert_eq!(octets, pdu(number));
        let (mut octets, signature) = sealed(&mut *server, number);
        client.unseal(&mut octets, BODY, &signature).unwrap();
        let signed = pdu(number);
        let signature = client.sign(&signed, BODY);
        server.verify(&signed, BODY, &signature).unwrap();
    }
}

#[test]
fn replayed_reordered_lost_and_reflected_messages_fail() {
    let (mut client, mut server) = contexts();
    let first = sealed(&mut *client, 1);
    let second = sealed(&mut *client, 2);
    let mut octets = first.0.clone();
    server.unseal(&mut octets, BODY, &first.1).unwrap();
    let mut replayed = first.0.clone();
    let outcome = server.unseal(&mut replayed, BODY, &first.1);
    assert_eq!(outcome, Err(SignatureError::Mismatch));
    assert!(replayed[BODY].iter().all(|&octet| octet == 0), "wiped");
    let mut late = second.0.clone();
    let outcome = server.unseal(&mut late, BODY, &second.1);
    assert_eq!(outcome, Err(SignatureError::Broken));
    assert_eq!(server.verify(&late, BODY, &second.1), Err(SignatureError::Broken));

    let (mut client, mut server) = contexts();
    let _lost = sealed(&mut *client, 1);
    let (mut octets, signature) = sealed(&mut *client, 2);
    let outcome = server.unseal(&mut octets, BODY, &signature);
    assert_eq!(outcome, Err(SignatureError::Mismatch));

    let (mut client, _) = contexts();
    let (mut octets, signature) = sealed(&mut *client, 1);
    let outcome = client.unseal(&mut octets, BODY, &signature);
    assert_eq!(outcome, Err(SignatureError::Mismatch));
}

#[test]
fn every_flipped_bit_of_header_body_and_signature_fails() {
    let length = pdu(1).len();
    for bit in 0..(length + 16) * 8 {
        let (mut client, mut server) = contexts();
        let (mut octets, mut signature) = sealed(&mut *client, 1);
        if bit / 8 < length {
            octets[bit / 8] ^= 1 << (bit % 8);
        } else {
            signature[bit / 8 - length] ^= 1 << (bit % 8);
        }
        assert!(server.unseal(&mut octets, BODY, &signature).is_err(), "bit {bit}");
    }
}

#[test]
fn malformed_signatures_and_ranges_fail_without_panic() {
    for len in (0..40).filter(|&len| len != 16) {
        let (_, mut server) = contexts();
        let outcome = server.verify(&pdu(1), BODY, &vec![1; len]);
        assert_eq!(outcome, Err(SignatureError::Malformed));
    }
    let (mut client, mut server) = contexts();
    let (mut octets, signature) = sealed(&mut *client, 1);
    let outcome = server.unseal(&mut octets, 60..70, &signature);
    assert_eq!(outcome, Err(SignatureError::Malformed));
    let (_, mut server) = contexts();
    let backwards = std::ops::Range { start: 50, end: 40 };
    let outcome = server.unseal(&mut octets, backwards, &signature);
    assert_eq!(outcome, Err(SignatureError::Malformed));
}
