//! MS-NLMP 4.2.4 (NTLMv2 Authentication) with the inputs of 4.2.1, and 4.2.2.1.2 for the NT hash.

use identity::Password;
use wire::{from_hex, to_hex};
use zeroize::Zeroizing;

use super::super::{
    Authenticate, AvId, Challenge, ClientBlob, Flags, Negotiate, NtResponse, NtlmSession,
    TargetInfo, Version,
    crypto::{self, Direction, Key},
    nt_hash,
};
use crate::{FileTime, SecurityContext};

const SERVER_CHALLENGE: [u8; 8] = [0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef];
const CLIENT_CHALLENGE: [u8; 8] = [0xaa; 8];
const TEMP: &str = "01010000000000000000000000000000aaaaaaaaaaaaaaaa0000000002000c0044006f006d006100\
    69006e0001000c005300650072007600650072000000000000000000";
const CHALLENGE: &str = "4e544c4d53535000020000000c000c003800000033828ae20123456789abcdef0000000000\
    000000240024004400000006007017\
    0000000f53006500720076006500720002000c0044006f006d00610069006e0001000c0053006500720076006500720000000000";
const AUTHENTICATE: &str = "4e544c4d535350000300000018001800\
    6c00000054005400840000000c000c00480000000800080054000000100010005c00000010001000d8000000358288e2\
    0501280a0000000f44006f006d00610069006e00550073006500720043004f004d0050005500540045005200\
    86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa68cd0ab851e51c96aabc927bebef6a1c\
    01010000000000000000000000000000aaaaaaaaaaaaaaaa0000000002000c0044006f006d00610069006e0001000c00\
    5300650072007600650072000000000000000000c5dad2544fc9799094ce1ce90bc9d03e";

fn bytes(hex: &str) -> Vec<u8> {
    from_hex(&hex.replace(char::is_whitespace, "")).unwrap()
}

fn response_key() -> Key {
    crypto::ntowf_v2(&nt_hash(&Password::from("Password")), "User", "Domain")
}

fn exported_session_key() -> Key {
    Zeroizing::new([0x55; 16])
}

fn target_info() -> TargetInfo {
    let mut info = TargetInfo::default();
    info.set_name(AvId::NB_DOMAIN_NAME, "Domain");
    info.set_name(AvId::NB_COMPUTER_NAME, "Server");
    info
}

#[test]
fn nt_hash_4_2_2_1_2() {
    let hash = nt_hash(&Password::from("Password"));
    assert_eq!(to_hex(hash.expose()), "a4f49c406510bdcab6824ee7c30fd852");
}

#[test]
fn ntowf_v2_4_2_4_1_1() {
    assert_eq!(to_hex(&*response_key()), "0c868a403bfd7a93a3001ef22ef02e3f");
}

#[test]
fn temp_4_2_4_1_3() {
    let blob = ClientBlob {
        time: FileTime(0),
        client_challenge: CLIENT_CHALLENGE,
        target_info: target_info(),
    };
    assert_eq!(to_hex(&blob.encode().unwrap()), to_hex(&bytes(TEMP)));
    assert_eq!(ClientBlob::decode(&bytes(TEMP)).unwrap(), blob);
    // The four octets behind the pairs are optional, everything before is not.
    for len in 0..bytes(TEMP).len() - 4 {
        assert!(ClientBlob::decode(&bytes(TEMP)[..len]).is_err(), "{len}");
    }
}

#[test]
fn session_base_key_4_2_4_1_2() {
    let key = response_key();
    let proof = crypto::nt_proof(&key, &SERVER_CHALLENGE, &bytes(TEMP));
    let base = crypto::session_base_key(&key, &proof);
    assert_eq!(to_hex(&*base), "8de40ccadbc14a82f15cb0ad0de95ca3");
}

#[test]
fn lm_v2_response_4_2_4_2_1() {
    let response = crypto::lm_v2_response(&response_key(), &SERVER_CHALLENGE, &CLIENT_CHALLENGE);
    assert_eq!(to_hex(&response), "86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa");
}

#[test]
fn nt_proof_4_2_4_2_2() {
    let proof = crypto::nt_proof(&response_key(), &SERVER_CHALLENGE, &bytes(TEMP));
    assert_eq!(to_hex(&*proof), "68cd0ab851e51c96aabc927bebef6a1c");
}

#[test]
fn encrypted_session_key_4_2_4_2_3() {
    let key = response_key();
    let proof = crypto::nt_proof(&key, &SERVER_CHALLENGE, &bytes(TEMP));
    let exchange = crypto::session_base_key(&key, &proof);
    let encrypted = crypto::rc4_key(&exchange, &exported_session_key());
    assert_eq!(to_hex(&*encrypted), "c5dad2544fc9799094ce1ce90bc9d03e");
    assert_eq!(crypto::rc4_key(&exchange, &encrypted), exported_session_key());
}

#[test]
fn challenge_message_4_2_4_3() {
    let octets = bytes(CHALLENGE);
    let message = Challenge::decode(&octets).unwrap();
    assert_eq!(message.target_name, "Server");
    assert_eq!(message.flags, Flags(0xe28a_8233));
    assert_eq!(message.server_challenge, SERVER_CHALLENGE);
    assert_eq!(message.target_info, target_info());
    assert_eq!(message.version, Some(Version { product: [6, 0, 0x70, 0x17], revision: 15 }));
    assert_eq!(to_hex(&message.encode().unwrap()), to_hex(&octets));
    for len in 0..octets.len() {
        assert!(Challenge::decode(&octets[..len]).is_err(), "{len}");
    }
}

#[test]
fn authenticate_message_4_2_4_3() {
    let octets = bytes(AUTHENTICATE);
    let message = Authenticate::decode(&octets).unwrap();
    assert_eq!(message.flags, Flags(0xe288_8235));
    assert_eq!(message.domain, "Domain");
    assert_eq!(message.user, "User");
    assert_eq!(message.workstation, "COMPUTER");
    assert_eq!(message.mic, None);
    assert_eq!(message.version.map(|version| version.revision), Some(15));
    let response = NtResponse::decode(&message.nt_response).unwrap();
    let proof = crypto::nt_proof(&response_key(), &SERVER_CHALLENGE, &response.blob);
    assert_eq!(*proof, response.proof);
    assert_eq!(response.encode(), message.nt_response);
    assert_eq!(to_hex(&message.encode().unwrap()), to_hex(&octets));
    for len in 0..octets.len() {
        assert!(Authenticate::decode(&octets[..len]).is_err(), "{len}");
    }
}

#[test]
fn negotiate_message() {
    // The shape of a Windows offer with sealing: no names, version 10.0.19041 (0x4a61).
    let octets = bytes(
        "4e544c4d5353500001000000b78208e200000000280000000000000028000000\
         0a00614a0000000f",
    );
    let message = Negotiate::decode(&octets).unwrap();
    assert_eq!(message.flags, Flags(0xe208_82b7));
    assert!(message.flags.require_strong(Default::default()).is_ok());
    assert!(message.domain.is_empty() && message.workstation.is_empty());
    for len in 0..octets.len() {
        assert!(Negotiate::decode(&octets[..len]).is_err(), "{len}");
    }
    // We point empty parts to the end of the fixed part too.
    assert_eq!(to_hex(&message.encode().unwrap()), to_hex(&octets));
}

#[test]
fn negotiate_message_with_names() {
    let message = Negotiate {
        flags: Flags::OFFER | Flags::OEM_DOMAIN_SUPPLIED | Flags::OEM_WORKSTATION_SUPPLIED,
        domain: b"EAST".to_vec(),
        workstation: b"EAST-1".to_vec(),
        version: Some(Version::OURS),
    };
    let octets = message.encode().unwrap();
    assert_eq!(Negotiate::decode(&octets).unwrap(), message);
    for len in 0..octets.len() {
        assert!(Negotiate::decode(&octets[..len]).is_err(), "{len}");
    }
}

#[test]
fn target_info_fails_on_every_truncation_and_on_nonsense() {
    let octets = target_info().encode().unwrap();
    assert_eq!(TargetInfo::decode(&octets).unwrap(), target_info());
    for len in 0..octets.len() {
        assert!(TargetInfo::decode(&octets[..len]).is_err(), "{len}");
    }
    assert!(TargetInfo::decode(&[1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]).is_err(), "twice");
    assert!(TargetInfo::decode(&[0, 0, 1, 0, 7]).is_err(), "end with a value");
    let mut many: Vec<u8> = (1..=33u8).flat_map(|id| [id, 0, 0, 0]).collect();
    many.extend([0; 4]);
    assert!(TargetInfo::decode(&many).is_err(), "too many");
}

#[test]
fn seal_and_sign_keys_4_2_4_4() {
    let key = exported_session_key();
    assert_eq!(
        to_hex(&*crypto::seal_key(&key, Direction::InitiatorToAcceptor, 16)),
        "59f600973cc4960a25480a7c196e4c58"
    );
    assert_eq!(
        to_hex(&*crypto::sign_key(&key, Direction::InitiatorToAcceptor)),
        "4788dc861b4782f35d43fd98fe1a2d39"
    );
}

#[test]
fn gss_wrap_ex_4_2_4_4() {
    let plain = bytes("50006c00610069006e007400650078007400");
    let mut sealed = plain.clone();
    let all = 0..sealed.len();
    let signature = NtlmSession::initiator(&exported_session_key(), Flags::OFFER)
        .seal(&mut sealed, all.clone());
    assert_eq!(to_hex(&sealed), "54e50165bf1936dc996020c1811b0f06fb5f");
    assert_eq!(to_hex(&signature), "010000007fb38ec5c55d497600000000");
    NtlmSession::acceptor(&exported_session_key(), Flags::OFFER)
        .unseal(&mut sealed, all, &signature)
        .unwrap();
    assert_eq!(sealed, plain);
}
