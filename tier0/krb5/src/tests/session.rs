//! Signing and sealing in DCE style (RFC 4121 section 4.2, MS-KILE 3.4.5.4).

use security::{SecurityContext, SignatureError};

use super::fixture::*;
use crate::*;

fn pair(etype: Etype) -> Pair {
    meet(Forge::right(etype).credential(), &service(etype), NOW).unwrap()
}

const PDU: &[u8; 56] = b"header of 24 octets.....body of 24 octets.......trailer!";
const BODY: std::ops::Range<usize> = 24..48;

#[test]
fn sizes_are_those_of_windows() {
    for (etype, sign, seal) in [
        (Etype::Aes128Sha1, 28, 76),
        (Etype::Aes256Sha1, 28, 76),
        (Etype::Aes128Sha256, 32, 80),
        (Etype::Aes256Sha384, 40, 88),
    ] {
        let (mut left, _) = pair(etype);
        assert_eq!((left.signature_len(), left.seal_len()), (sign, seal));
        assert_eq!(left.sign(PDU, BODY).len(), sign);
        let value = left.seal(&mut PDU.to_vec(), BODY);
        assert_eq!(value.len(), seal);
        // Flags: sealed, with the acceptor's subkey; EC 16; RRC without EC (the fault of Windows).
        assert_eq!(value[..4], [5, 4, 6, 0xff]);
        assert_eq!(value[4..8], [0, 16, 0, u8::try_from(seal - 48).unwrap()]);
    }
}

#[test]
fn a_thousand_pdus_pass_both_ways() {
    for etype in Etype::PREFERRED {
        let (mut left, mut right) = pair(etype);
        for number in 0..250usize {
            let body = number % 33;
            let mut pdu = vec![0x5a; 24 + body + 8];
            let value = left.seal(&mut pdu, 24..24 + body);
            assert_eq!(pdu[..24], [0x5a; 24]);
            right.unseal(&mut pdu, 24..24 + body, &value).unwrap();
            assert!(pdu.iter().all(|octet| *octet == 0x5a));
            let value = right.sign(&pdu, 24..24 + body);
            left.verify(&pdu, 24..24 + body, &value).unwrap();
        }
    }
}

#[test]
fn every_changed_octet_of_header_body_trailer_and_value_fails() {
    for etype in [Etype::Aes256Sha1, Etype::Aes128Sha256] {
        for at in 0..PDU.len() + 88 {
            let (mut left, mut right) = pair(etype);
            let mut pdu = PDU.to_vec();
            let mut value = left.seal(&mut pdu, BODY);
            if at >= PDU.len() + value.len() {
                continue;
            }
            match at.checked_sub(PDU.len()) {
                None => pdu[at] ^= 1,
                Some(at) => value[at] ^= 1,
            }
            right.unseal(&mut pdu, BODY, &value).unwrap_err();
            assert_eq!(pdu[BODY], [0; 24], "nobody sees what nobody vouches for ({at})");
            let (mut left, mut right) = pair(etype);
            let mut pdu = PDU.to_vec();
            let mut value = left.sign(&pdu, BODY);
            match at.checked_sub(PDU.len()) {
                None => pdu[at] ^= 1,
                Some(at) if at < value.len() => value[at] ^= 1,
                Some(_) => continue,
            }
            right.verify(&pdu, BODY, &value).unwrap_err();
        }
    }
}

#[test]
fn without_header_signing_only_the_body_counts() {
    let (mut left, mut right) = pair(Etype::Aes256Sha1);
    left.set_header_signing(false);
    right.set_header_signing(false);
    let mut pdu = PDU.to_vec();
    let value = left.seal(&mut pdu, BODY);
    pdu[0] ^= 1;
    right.unseal(&mut pdu, BODY, &value).unwrap();
    let value = left.sign(&pdu, BODY);
    pdu[50] ^= 1;
    right.verify(&pdu, BODY, &value).unwrap();
    right.set_header_signing(true);
    let value = left.sign(&pdu, BODY);
    assert_eq!(right.verify(&pdu, BODY, &value), Err(SignatureError::Mismatch));
}

#[test]
fn replayed_reordered_reflected_and_truncated_pdus_fail() {
    let sealed = |left: &mut Box<dyn SecurityContext>| {
        let mut pdu = PDU.to_vec();
        let value = left.seal(&mut pdu, BODY);
        (pdu, value)
    };
    let (mut left, mut right) = pair(Etype::Aes256Sha1);
    let (pdu, value) = sealed(&mut left);
    right.unseal(&mut pdu.clone(), BODY, &value).unwrap();
    assert_eq!(right.unseal(&mut pdu.clone(), BODY, &value), Err(SignatureError::Mismatch));
    let (next, value) = sealed(&mut left);
    assert_eq!(right.unseal(&mut next.clone(), BODY, &value), Err(SignatureError::Broken));

    let (mut left, mut right) = pair(Etype::Aes256Sha1);
    let (_, _) = sealed(&mut left);
    let (pdu, value) = sealed(&mut left);
    assert_eq!(right.unseal(&mut pdu.clone(), BODY, &value), Err(SignatureError::Mismatch));
    let (mut left, _) = pair(Etype::Aes256Sha1);
    let (pdu, value) = sealed(&mut left);
    assert_eq!(left.unseal(&mut pdu.clone(), BODY, &value), Err(SignatureError::Mismatch));
    for cut in 0..value.len() {
        let (_, mut right) = pair(Etype::Aes256Sha1);
        right.unseal(&mut pdu.clone(), BODY, &value[..cut]).unwrap_err();
    }
    let (_, mut right) = pair(Etype::Aes256Sha1);
    assert_eq!(right.unseal(&mut [0; 8], 0..9, &value), Err(SignatureError::Malformed));
    assert_eq!(right.verify(&[0; 8], 0..9, &value), Err(SignatureError::Broken));
}
