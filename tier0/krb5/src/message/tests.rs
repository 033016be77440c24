//! Every message round trips, and no truncation of it decodes.

use security::KerberosCode;

use super::*;
use crate::{Etype, Key, Principal, Time};

fn client() -> Principal {
    "ann@EAST.TEST".parse().unwrap()
}

fn encrypted() -> EncryptedData {
    EncryptedData { etype: 18, kvno: Some(300), cipher: (0..90).collect() }
}

fn ticket() -> Ticket {
    Ticket::new("host/east.test@EAST.TEST".parse().unwrap(), encrypted())
}

fn key() -> RawKey {
    RawKey::from(&Key::from_random(Etype::Aes256Sha1, &[7; 32]))
}

fn check<T: PartialEq + std::fmt::Debug, E: std::fmt::Debug>(
    value: &T,
    octets: &[u8],
    decode: impl Fn(&[u8]) -> Result<T, E>,
) {
    assert_eq!(&decode(octets).unwrap(), value);
    for cut in 0..octets.len() {
        decode(&octets[..cut]).unwrap_err();
    }
    let longer = [octets, &[0]].concat();
    decode(&longer).unwrap_err();
}

#[test]
fn messages_round_trip_and_truncations_fail() {
    let time = Time { seconds: 1_800_000_000, micros: 999_999 };
    check(&ticket(), &ticket().raw, Ticket::decode);
    let part = EncTicketPart {
        flags: TicketFlags(0x4000_0001),
        key: key(),
        client: client(),
        auth_time: 5,
        start_time: Some(6),
        end_time: 7,
    };
    check(&part, &part.encode(), EncTicketPart::decode);
    let request = ApReq {
        options: ApReq::MUTUAL_REQUIRED,
        ticket: ticket(),
        authenticator: EncryptedData { kvno: None, ..encrypted() },
    };
    check(&request, &request.encode(), ApReq::decode);
    let authenticator = Authenticator {
        client: client(),
        checksum: Some((0x8003, vec![1; 24])),
        time,
        subkey: Some(key()),
        sequence: Some(u32::MAX),
    };
    check(&authenticator, &authenticator.encode(), Authenticator::decode);
    let reply = ApRep { encrypted: encrypted() };
    check(&reply, &reply.encode(), ApRep::decode);
    let part = EncApRepPart { time, subkey: Some(key()), sequence: Some(0) };
    check(&part, &part.encode(), EncApRepPart::decode);
    let error = KrbError {
        server_time: time,
        code: KerberosCode(24),
        client_realm: Some("EAST.TEST".to_owned()),
        server: "krbtgt/EAST.TEST@EAST.TEST".parse().unwrap(),
        text: Some("no".to_owned()),
        data: Some(vec![0x30, 0]),
    };
    check(&error, &error.encode(), KrbError::decode);
    assert!(KrbError::is_one(&error.encode()));
    for kind in [KdcKind::As, KdcKind::Tgs] {
        let padata = vec![PaData { kind: pa::ETYPE_INFO2, value: vec![1, 2] }];
        let reply =
            KdcRep { kind, padata, client: client(), ticket: ticket(), encrypted: encrypted() };
        check(&reply, &reply.encode(), |octets| KdcRep::decode(kind, octets));
    }
    let part = EncKdcRepPart {
        key: key(),
        nonce: 9,
        flags: TicketFlags::INITIAL,
        auth_time: 5,
        start_time: None,
        end_time: 7,
        server: client(),
    };
    check(&part, &part.encode(), EncKdcRepPart::decode);
    let info = vec![
        EtypeInfo { etype: 18, salt: Some("s".to_owned()), parameters: Some(vec![0; 4]) },
        EtypeInfo { etype: 17, salt: None, parameters: None },
    ];
    check(&info, &EtypeInfo::encode_list(&info), EtypeInfo::decode_list);
    let list = vec![PaData { kind: 2, value: Vec::new() }];
    check(&list, &PaData::encode_list(&list), PaData::decode_list);
}

#[test]
fn numbers_of_older_programs_and_other_versions() {
    let mut octets = ticket().raw;
    let at = octets.windows(3).position(|part| part == [2, 1, 5]).unwrap();
    octets[at + 2] = 4;
    assert!(Ticket::decode(&octets).unwrap_err().to_string().contains("version 5"));
    // A sequence number of -1, as some write 2^32 - 1.
    let part = EncApRepPart { time: Time::default(), subkey: None, sequence: Some(0x7f) }.encode();
    let mut octets = part.to_vec();
    *octets.last_mut().unwrap() = 0xff;
    assert_eq!(EncApRepPart::decode(&octets).unwrap().sequence, Some(u32::MAX));
}
