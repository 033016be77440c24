//! Messages changed, cut and made up.

use super::{
    super::{Authenticate, Challenge, Negotiate, TargetInfo},
    fixture::{PASSWORD, acceptor, initiator, run},
};
use crate::{Acceptor, Initiator};

fn recorded() -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    run(&mut initiator("EAST\\svc-west", PASSWORD), &mut acceptor(), |_, message| {
        messages.push(message.clone());
    })
    .unwrap();
    messages
}

/// Feeds a changed message of one leg to the side that receives it, everything before it as it was.
fn accepted(leg: usize, changed: &[u8]) -> bool {
    run(&mut initiator("EAST\\svc-west", PASSWORD), &mut acceptor(), |at, message| {
        if at == leg {
            *message = changed.to_vec();
        }
    })
    .is_ok()
}

#[test]
fn every_flipped_bit_of_every_message_is_noticed() {
    for (leg, message) in (1..).zip(recorded()) {
        for bit in 0..message.len() * 8 {
            let mut changed = message.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(!accepted(leg, &changed), "leg {leg}, bit {bit}");
        }
    }
}

#[test]
fn every_truncation_and_every_extension_is_noticed() {
    for (leg, message) in (1..).zip(recorded()) {
        for len in 0..message.len() {
            assert!(!accepted(leg, &message[..len]), "leg {leg}, length {len}");
        }
        let mut longer = message.clone();
        longer.push(0);
        assert!(!accepted(leg, &longer), "leg {leg}, one more octet");
    }
}

#[test]
fn hostile_pointers_and_garbage_do_not_panic() {
    for message in recorded() {
        for at in 12..message.len() {
            for value in [0x00, 0x01, 0x7f, 0x80, 0xff] {
                let mut changed = message.clone();
                changed[at..].iter_mut().take(4).for_each(|octet| *octet = value);
                decode_all(&changed);
            }
        }
    }
    // A small linear congruential generator: the same garbage in every run.
    let mut state = 0x2545_f491_u32;
    for len in 0..512 {
        let mut garbage: Vec<u8> = (0..len)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                state.to_le_bytes()[3]
            })
            .collect();
        decode_all(&garbage);
        for message_type in 1..=3 {
            if len >= 12 {
                garbage[..12].copy_from_slice(b"NTLMSSP\0\0\0\0\0");
                garbage[8] = message_type;
                decode_all(&garbage);
            }
        }
    }
    decode_all(&vec![0; 100_000]);
}

fn decode_all(octets: &[u8]) {
    drop(Negotiate::decode(octets));
    drop(Challenge::decode(octets));
    drop(Authenticate::decode(octets));
    drop(TargetInfo::decode(octets));
    drop(acceptor().step(octets));
    let mut client = initiator("EAST\\svc-west", PASSWORD);
    client.step(None).unwrap();
    drop(client.step(Some(octets)));
}
