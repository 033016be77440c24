//! Our RC4 beside one that is only slower.

use ::rc4::{KeyInit, StreamCipher};
use proptest::prelude::*;

use crate::ntlm::rc4::Rc4;

/// RFC 6229 section 2, the key of 128 bits.
#[test]
fn the_key_stream_is_that_of_the_vectors() {
    let key = std::array::from_fn(|at| u8::try_from(at + 1).unwrap());
    let mut stream = vec![0; 4112];
    Rc4::new(&key).apply(&mut stream);
    for (offset, expected) in [
        (0, "9ac7cc9a609d1ef7b2932899cde41b97"),
        (16, "5248c4959014126a6e8a84f11d1a9e1c"),
        (4096, "a36a4c301ae8ac13610ccbc12256cacc"),
    ] {
        assert_eq!(wire::to_hex(&stream[offset..offset + 16]), expected, "at {offset}");
    }
}

proptest! {
    #[test]
    fn any_pieces_of_any_stream_are_the_same(
        key: [u8; 16],
        lengths in prop::collection::vec(0_usize..700, 0..8),
    ) {
        let mut ours = Rc4::new(&key);
        let mut other = ::rc4::Rc4::new_from_slice(&key).unwrap();
        for length in lengths {
            let (mut piece, mut expected) = (vec![0x5a; length], vec![0x5a; length]);
            ours.apply(&mut piece);
            other.apply_keystream(&mut expected);
            prop_assert_eq!(piece, expected);
        }
    }
}
