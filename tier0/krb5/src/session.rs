//! Signing and sealing once the keys stand: the tokens of RFC 4121 section 4.2, as DCE/RPC uses them (MS-KILE 3.4.5.4).
//!
//! A signature is a MIC token over what is signed. A seal is a Wrap token turned inside out: the body is encrypted where
//! it stands, everything else goes into the `auth_value`; header and trailer of the PDU are signed with it. In DCE style
//! the token is rotated by RRC and EC together, which is a fault of Windows that everybody followed. Outside of DCE/RPC
//! (LDAP) [`KerberosSession::wrap`] makes whole tokens. Sequence numbers are strict: the carrier keeps the order.

use std::ops::Range;

use hmac::{Hmac, KeyInit, Mac};
use security::{SecurityContext, SignatureError};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use crate::{Key, UsageKeys, usage};

const HEADER: usize = 16;
const BLOCK: usize = 16;
const MIC: [u8; 2] = [4, 4];
const WRAP: [u8; 2] = [5, 4];

const SENT_BY_ACCEPTOR: u8 = 1;
const SEALED: u8 = 2;
const ACCEPTOR_SUBKEY: u8 = 4;

/// Which side of the context this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Initiator,
    Acceptor,
}

/// What a session is made from.
pub(crate) struct Established {
    pub(crate) side: Side,
    pub(crate) key: Key,
    /// Whether the key is of the acceptor's choice.
    pub(crate) acceptor_subkey: bool,
    pub(crate) send_sequence: u32,
    pub(crate) receive_sequence: u32,
    /// Randomness for confounders.
    pub(crate) confounders: [u8; 32],
}

/// An established Kerberos context.
pub struct KerberosSession {
    send: Half,
    receive: Half,
    confounders: Confounders,
    header_signing: bool,
    broken: bool,
}

struct Half {
    seal: UsageKeys,
    sign: UsageKeys,
    sequence: u64,
    /// Flags that every token of this direction has.
    flags: u8,
}

/// Confounders that nobody foresees, from a seed.
struct Confounders {
    seed: Zeroizing<[u8; 32]>,
    count: u64,
}

impl Confounders {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    fn next(&mut self) -> [u8; BLOCK] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&*self.seed).expect("any length is a key");
        mac.update(&self.count.to_be_bytes());
        self.count += 1;
        let mut out = [0; BLOCK];
        out.copy_from_slice(&mac.finalize().into_bytes()[..BLOCK]);
        out
    }
}

impl KerberosSession {
    pub(crate) fn new(established: Established) -> Self {
        let Established { side, key, acceptor_subkey, send_sequence, receive_sequence, .. } =
            established;
        let subkey = if acceptor_subkey { ACCEPTOR_SUBKEY } else { 0 };
        let initiator = |sequence: u32| Half {
            seal: key.for_usage(usage::INITIATOR_SEAL),
            sign: key.for_usage(usage::INITIATOR_SIGN),
            sequence: sequence.into(),
            flags: subkey,
        };
        let acceptor = |sequence: u32| Half {
            seal: key.for_usage(usage::ACCEPTOR_SEAL),
            sign: key.for_usage(usage::ACCEPTOR_SIGN),
            sequence: sequence.into(),
            flags: subkey | SENT_BY_ACCEPTOR,
        };
        let (send, receive) = match side {
            Side::Initiator => (initiator(send_sequence), acceptor(receive_sequence)),
            Side::Acceptor => (acceptor(send_sequence), initiator(receive_sequence)),
        };
        let confounders = Confounders { seed: Zeroizing::new(established.confounders), count: 0 };
        Self { send, receive, confounders, header_signing: true, broken: false }
    }

    /// What stands before and behind the body, as far as it is signed.
    fn around<'a>(&self, pdu: &'a [u8], body: &Range<usize>) -> (&'a [u8], &'a [u8]) {
        if self.header_signing { (&pdu[..body.start], &pdu[body.end..]) } else { (&[], &[]) }
    }

    fn mac_len(&self) -> usize {
        self.send.seal.etype().mac_len()
    }

    /// Wraps a message into one token, as LDAP carries it (RFC 4121 section 4.2.4).
    #[must_use]
    pub fn wrap(&mut self, plain: &[u8], seal: bool) -> Vec<u8> {
        let mac_len = self.mac_len();
        if !seal {
            let extra = u16::try_from(mac_len).unwrap_or(0);
            let bare = self.send.wrap_header(0, 0, 0);
            let sum = self.send.seal.checksum(&[plain, &bare]);
            let header = self.send.wrap_header(0, extra, 0);
            self.send.advance();
            return [&header[..], plain, &sum].concat();
        }
        let header = self.send.wrap_header(SEALED, 0, 0);
        let mut body = plain.to_vec();
        let confounder = self.confounders.next();
        let sealed = self.send.seal.seal(confounder, &[], &mut body, &[], &header);
        self.send.advance();
        [&header[..], &sealed.confounder, &body, &sealed.tail, &sealed.mac].concat()
    }

    /// Takes a message out of its token, and tells whether it was encrypted.
    ///
    /// # Errors
    /// [`SignatureError`] when it is not the next one that the peer wrapped.
    pub fn unwrap(&mut self, token: &[u8]) -> Result<(Zeroizing<Vec<u8>>, bool), SignatureError> {
        if self.broken {
            return Err(SignatureError::Broken);
        }
        let outcome = self.unwrap_next(token);
        self.broken = outcome.is_err();
        outcome
    }

    fn unwrap_next(&mut self, token: &[u8]) -> Result<(Zeroizing<Vec<u8>>, bool), SignatureError> {
        let mac_len = self.mac_len();
        let (header, rest) = WrapHeader::parse(token)?;
        self.receive.check(&header.raw, header.flags & !SEALED)?;
        let mut rest = Zeroizing::new(rest.to_vec());
        if rest.is_empty() {
            return Err(SignatureError::Malformed);
        }
        let turn = header.rotation % rest.len();
        rest.rotate_left(turn);
        let mut bare = header.raw;
        bare[6..8].fill(0);
        let sealed = header.flags & SEALED != 0;
        let plain = if sealed {
            let tail = header.extra + HEADER;
            if rest.len() < BLOCK + tail + mac_len {
                return Err(SignatureError::Malformed);
            }
            let (text, mac) = rest.split_at(rest.len() - mac_len);
            let (confounder, text) = text.split_at(BLOCK);
            let (body, tail) = text.split_at(text.len() - tail);
            let mut body = Zeroizing::new(body.to_vec());
            let end = self
                .receive
                .seal
                .unseal(confounder, &[], &mut body, &[], tail, mac)
                .map_err(|_| SignatureError::Mismatch)?;
            same(&end[header.extra..], &bare)?;
            body
        } else {
            if header.extra != mac_len || rest.len() < mac_len {
                return Err(SignatureError::Malformed);
            }
            bare[4..6].fill(0);
            let (plain, sum) = rest.split_at(rest.len() - mac_len);
            let signed = self.receive.seal.verify(&[plain, &bare], sum);
            signed.map_err(|_| SignatureError::Mismatch)?;
            Zeroizing::new(plain.to_vec())
        };
        self.receive.advance();
        Ok((plain, sealed))
    }

    fn unseal_next(
        &mut self,
        pdu: &mut [u8],
        body: Range<usize>,
        auth_value: &[u8],
    ) -> Result<(), SignatureError> {
        let (header, rest) = WrapHeader::parse(auth_value)?;
        self.receive.check(&header.raw, header.flags)?;
        let mac_len = self.mac_len();
        let tail_len = header.extra + HEADER;
        let fits = header.flags & SEALED != 0
            && header.rotation == HEADER + mac_len
            && rest.len() == tail_len + mac_len + BLOCK;
        if !fits {
            return Err(SignatureError::Malformed);
        }
        let (tail, rest) = rest.split_at(tail_len);
        let (mac, confounder) = rest.split_at(mac_len);
        let (front, behind) = pdu.split_at_mut(body.end);
        let (before, text) = front.split_at_mut(body.start);
        let (before, after): (&[u8], &[u8]) =
            if self.header_signing { (before, behind) } else { (&[], &[]) };
        let end = self
            .receive
            .seal
            .unseal(confounder, before, text, after, tail, mac)
            .map_err(|_| SignatureError::Mismatch)?;
        let mut bare = header.raw;
        bare[6..8].fill(0);
        same(&end[header.extra..], &bare)?;
        self.receive.advance();
        Ok(())
    }

    fn verify_next(
        &mut self,
        pdu: &[u8],
        body: Range<usize>,
        auth_value: &[u8],
    ) -> Result<(), SignatureError> {
        let Some((header, sum)) = auth_value.split_at_checked(HEADER) else {
            return Err(SignatureError::Malformed);
        };
        if header[..2] != MIC || header[3..8] != [0xff; 5] {
            return Err(SignatureError::Malformed);
        }
        self.receive.check(header, header[2])?;
        let (before, after) = self.around(pdu, &body);
        self.receive
            .sign
            .verify(&[before, &pdu[body], after, header], sum)
            .map_err(|_| SignatureError::Mismatch)?;
        self.receive.advance();
        Ok(())
    }
}

impl SecurityContext for KerberosSession {
    fn signature_len(&self) -> usize {
        HEADER + self.mac_len()
    }

    fn seal_len(&self) -> usize {
        // Header, filling (EC), header again, integrity code, confounder.
        HEADER + BLOCK + HEADER + self.mac_len() + BLOCK
    }

    fn set_header_signing(&mut self, signed: bool) {
        self.header_signing = signed;
    }

    fn seal(&mut self, pdu: &mut [u8], body: Range<usize>) -> Vec<u8> {
        let rotation = u16::try_from(HEADER + self.mac_len()).unwrap_or(0);
        // Windows takes no EC of zero in DCE style; it fills one block.
        let extra = 16;
        let bare = self.send.wrap_header(SEALED, extra, 0);
        let header = self.send.wrap_header(SEALED, extra, rotation);
        let tail = [[0xff; BLOCK], bare].concat();
        let confounder = self.confounders.next();
        let (front, behind) = pdu.split_at_mut(body.end);
        let (before, text) = front.split_at_mut(body.start);
        let (before, after): (&[u8], &[u8]) =
            if self.header_signing { (before, behind) } else { (&[], &[]) };
        let sealed = self.send.seal.seal(confounder, before, text, after, &tail);
        self.send.advance();
        [&header[..], &sealed.tail, &sealed.mac, &sealed.confounder].concat()
    }

    fn sign(&mut self, pdu: &[u8], body: Range<usize>) -> Vec<u8> {
        let header = self.send.mic_header();
        let (before, after) = self.around(pdu, &body);
        let sum = self.send.sign.checksum(&[before, &pdu[body], after, &header]);
        self.send.advance();
        [&header[..], &sum].concat()
    }

    fn unseal(
        &mut self,
        pdu: &mut [u8],
        body: Range<usize>,
        auth_value: &[u8],
    ) -> Result<(), SignatureError> {
        if pdu.get(body.clone()).is_none() {
            self.broken = true;
            return Err(SignatureError::Malformed);
        }
        let outcome = if self.broken {
            Err(SignatureError::Broken)
        } else {
            self.unseal_next(pdu, body.clone(), auth_value)
        };
        if outcome.is_err() {
            self.broken = true;
            // Nobody may use what nobody vouches for.
            pdu[body].zeroize();
        }
        outcome
    }

    fn verify(
        &mut self,
        pdu: &[u8],
        body: Range<usize>,
        auth_value: &[u8],
    ) -> Result<(), SignatureError> {
        if self.broken {
            return Err(SignatureError::Broken);
        }
        let outcome = match pdu.get(body.clone()) {
            Some(_) => self.verify_next(pdu, body, auth_value),
            None => Err(SignatureError::Malformed),
        };
        self.broken = outcome.is_err();
        outcome
    }
}

impl Half {
    fn advance(&mut self) {
        self.sequence = self.sequence.wrapping_add(1);
    }

    fn mic_header(&self) -> [u8; HEADER] {
        let mut header = [0xff; HEADER];
        header[..2].copy_from_slice(&MIC);
        header[2] = self.flags;
        header[8..].copy_from_slice(&self.sequence.to_be_bytes());
        header
    }

    fn wrap_header(&self, flags: u8, extra: u16, rotation: u16) -> [u8; HEADER] {
        let mut header = [0xff; HEADER];
        header[..2].copy_from_slice(&WRAP);
        header[2] = self.flags | flags;
        header[4..6].copy_from_slice(&extra.to_be_bytes());
        header[6..8].copy_from_slice(&rotation.to_be_bytes());
        header[8..].copy_from_slice(&self.sequence.to_be_bytes());
        header
    }

    /// Direction, key and number of a token that came; `flags` are its flags.
    fn check(&self, header: &[u8], flags: u8) -> Result<(), SignatureError> {
        let flags_fit = flags & !SEALED == self.flags;
        if flags_fit && header[8..] == self.sequence.to_be_bytes() {
            Ok(())
        } else {
            Err(SignatureError::Mismatch)
        }
    }
}

struct WrapHeader {
    raw: [u8; HEADER],
    flags: u8,
    extra: usize,
    rotation: usize,
}

impl WrapHeader {
    fn parse(token: &[u8]) -> Result<(Self, &[u8]), SignatureError> {
        let Some((header, rest)) = token.split_at_checked(HEADER) else {
            return Err(SignatureError::Malformed);
        };
        let mut raw = [0; HEADER];
        raw.copy_from_slice(header);
        if raw[..2] != WRAP || raw[3] != 0xff {
            return Err(SignatureError::Malformed);
        }
        let number = |at: usize| usize::from(u16::from_be_bytes([raw[at], raw[at + 1]]));
        Ok((Self { raw, flags: raw[2], extra: number(4), rotation: number(6) }, rest))
    }
}

/// The header that was encrypted along must be the one in clear.
fn same(hidden: &[u8], header: &[u8]) -> Result<(), SignatureError> {
    if bool::from(hidden.ct_eq(header)) { Ok(()) } else { Err(SignatureError::Mismatch) }
}
