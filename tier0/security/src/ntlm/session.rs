//! Signing and sealing with extended session security and key exchange (MS-NLMP 3.4.3, 3.4.4.2).
//!
//! The signature is over the whole PDU in the clear, as Windows and Samba make it; only the body is encrypted. Both
//! directions have one RC4 stream each, which runs through all messages: a lost, repeated or reordered PDU cannot pass.

use std::ops::Range;

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use super::Flags;
use super::crypto::{self, Direction, Key};
use super::mac::{Mac, Way};
use super::rc4::Rc4;
use crate::{SecurityContext, SignatureError};

/// The `auth_type` of NTLM (MS-RPCE 2.2.1.1.7, `RPC_C_AUTHN_WINNT`).
pub const AUTH_TYPE: u8 = 10;

/// Octets of a signature (MS-NLMP 2.2.2.9.2): version, checksum, sequence number.
const SIGNATURE_LEN: usize = 16;
const VERSION: [u8; 4] = 1u32.to_le_bytes();

/// An established NTLM context.
pub struct NtlmSession {
    session_key: Key,
    sealing_octets: usize,
    send: Stream,
    receive: Stream,
    broken: bool,
}

struct Stream {
    mac: Mac,
    cipher: Rc4,
    sequence: u32,
    direction: Direction,
    /// Without key exchange checksums are sent as they are (MS-NLMP 3.4.4.2).
    key_exchange: bool,
}

impl NtlmSession {
    /// `agreed` says whether keys are exchanged, and how long they are.
    pub(super) fn initiator(session_key: &Key, agreed: Flags) -> Self {
        let (send, receive) = (Direction::InitiatorToAcceptor, Direction::AcceptorToInitiator);
        Self::new(session_key, agreed, send, receive)
    }

    pub(super) fn acceptor(session_key: &Key, agreed: Flags) -> Self {
        let (send, receive) = (Direction::AcceptorToInitiator, Direction::InitiatorToAcceptor);
        Self::new(session_key, agreed, send, receive)
    }

    fn new(session_key: &Key, agreed: Flags, send: Direction, receive: Direction) -> Self {
        Self {
            session_key: session_key.clone(),
            sealing_octets: agreed.sealing_octets(),
            send: Stream::new(session_key, send, agreed),
            receive: Stream::new(session_key, receive, agreed),
            broken: false,
        }
    }

    fn check(&mut self, checksum: [u8; 8], auth_value: &[u8]) -> Result<(), SignatureError> {
        let expected = self.receive.signature(checksum);
        if auth_value.len() != SIGNATURE_LEN || auth_value[..4] != VERSION {
            self.broken = true;
            return Err(SignatureError::Malformed);
        }
        if !bool::from(expected.ct_eq(auth_value)) {
            self.broken = true;
            return Err(SignatureError::Mismatch);
        }
        Ok(())
    }
}

impl SecurityContext for NtlmSession {
    fn signature_len(&self) -> usize {
        SIGNATURE_LEN
    }

    fn session_key(&self) -> Option<Key> {
        Some(self.session_key.clone())
    }

    fn reset(&mut self) {
        for stream in [&mut self.send, &mut self.receive] {
            stream.cipher = {
                let octets = self.sealing_octets;
                Rc4::new(&crypto::seal_key(&self.session_key, stream.direction, octets))
            };
        }
    }

    fn seal(&mut self, pdu: &mut [u8], body: Range<usize>) -> Vec<u8> {
        let checksum = self.send.checksum_and_apply(pdu, body, Way::Seal);
        self.send.signature(checksum).to_vec()
    }

    fn sign(&mut self, pdu: &[u8], _body: Range<usize>) -> Vec<u8> {
        let checksum = self.send.checksum(pdu);
        self.send.signature(checksum).to_vec()
    }

    fn unseal(
        &mut self,
        pdu: &mut [u8],
        body: Range<usize>,
        auth_value: &[u8],
    ) -> Result<(), SignatureError> {
        let Some(part) = pdu.get_mut(body.clone()) else {
            self.broken = true;
            return Err(SignatureError::Malformed);
        };
        if self.broken {
            part.zeroize();
            return Err(SignatureError::Broken);
        }
        let checksum = self.receive.checksum_and_apply(pdu, body.clone(), Way::Unseal);
        let outcome = self.check(checksum, auth_value);
        if outcome.is_err() {
            // Nobody may use what nobody vouches for.
            pdu[body].zeroize();
        }
        outcome
    }

    fn verify(
        &mut self,
        pdu: &[u8],
        _body: Range<usize>,
        auth_value: &[u8],
    ) -> Result<(), SignatureError> {
        if self.broken {
            return Err(SignatureError::Broken);
        }
        let checksum = self.receive.checksum(pdu);
        self.check(checksum, auth_value)
    }
}

impl Stream {
    fn new(session_key: &Key, direction: Direction, agreed: Flags) -> Self {
        let seal_key = crypto::seal_key(session_key, direction, agreed.sealing_octets());
        Self {
            mac: Mac::new(&crypto::sign_key(session_key, direction)),
            cipher: Rc4::new(&seal_key),
            sequence: 0,
            direction,
            key_exchange: agreed.contains(Flags::KEY_EXCH),
        }
    }

    /// The checksum of a PDU in the clear, itself in the clear.
    fn checksum(&self, pdu: &[u8]) -> [u8; 8] {
        first_half(self.mac.code(self.sequence, pdu))
    }

    /// The same, and the body encrypted or decrypted; before the checksum in the RC4 stream.
    fn checksum_and_apply(&mut self, pdu: &mut [u8], body: Range<usize>, way: Way) -> [u8; 8] {
        let cipher = &mut self.cipher;
        first_half(self.mac.code_and_apply(self.sequence, pdu, body, cipher, way))
    }

    /// Encrypts the checksum and counts the message; after the body in the RC4 stream.
    fn signature(&mut self, mut checksum: [u8; 8]) -> [u8; SIGNATURE_LEN] {
        if self.key_exchange {
            self.cipher.apply(&mut checksum);
        }
        let mut signature = [0; SIGNATURE_LEN];
        signature[..4].copy_from_slice(&VERSION);
        signature[4..12].copy_from_slice(&checksum);
        signature[12..].copy_from_slice(&self.sequence.to_le_bytes());
        self.sequence = self.sequence.wrapping_add(1);
        signature
    }
}

/// As much of a code as a signature holds.
fn first_half(code: [u8; 16]) -> [u8; 8] {
    let [first, _] = *code.as_chunks::<8>().0 else { return [0; 8] };
    first
}
