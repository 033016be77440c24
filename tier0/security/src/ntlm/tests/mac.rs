//! Hash and cipher in one pass beside the libraries, one after the other.

use ::rc4::{KeyInit, StreamCipher};
use hmac::{Hmac, Mac as _};
use md5::Md5;
use proptest::prelude::*;
use zeroize::Zeroizing;

use crate::ntlm::mac::{Mac, Way};
use crate::ntlm::rc4::Rc4;

fn code(key: &[u8; 16], sequence: u32, pdu: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Md5>::new_from_slice(key).unwrap();
    mac.update(&sequence.to_le_bytes());
    mac.update(pdu);
    mac.finalize().into_bytes().to_vec()
}

/// A PDU of every length about the ends of blocks, with a body at every place in it.
fn pdu_and_body() -> impl Strategy<Value = (Vec<u8>, std::ops::Range<usize>)> {
    prop::collection::vec(any::<u8>(), 0..420).prop_flat_map(|pdu| {
        let length = pdu.len();
        (Just(pdu), 0..=length, 0..=length)
            .prop_map(|(pdu, one, other)| (pdu, one.min(other)..one.max(other)))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn one_pass_does_what_two_do(
        keys: ([u8; 16], [u8; 16]),
        sequence: u32,
        (clear, body) in pdu_and_body(),
    ) {
        let mac = Mac::new(&Zeroizing::new(keys.0));
        let (mut ours, mut back) = (Rc4::new(&keys.1), Rc4::new(&keys.1));
        let mut theirs = ::rc4::Rc4::new_from_slice(&keys.1).unwrap();
        let expected = code(&keys.0, sequence, &clear);
        prop_assert_eq!(mac.code(sequence, &clear).to_vec(), expected.clone());

        let (mut pdu, mut sealed) = (clear.clone(), clear.clone());
        theirs.apply_keystream(&mut sealed[body.clone()]);
        let sealing = mac.code_and_apply(sequence, &mut pdu, body.clone(), &mut ours, Way::Seal);
        prop_assert_eq!(sealing.to_vec(), expected.clone());
        prop_assert_eq!(&pdu, &sealed);

        let opening = mac.code_and_apply(sequence, &mut pdu, body, &mut back, Way::Unseal);
        prop_assert_eq!(opening.to_vec(), expected);
        prop_assert_eq!(pdu, clear);

        // Both streams stand at the same place behind it.
        let mut behind = [[0_u8; 9]; 3];
        ours.apply(&mut behind[0]);
        back.apply(&mut behind[1]);
        theirs.apply_keystream(&mut behind[2]);
        prop_assert_eq!(behind[0], behind[2]);
        prop_assert_eq!(behind[1], behind[2]);
    }
}
