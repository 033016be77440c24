//! Tickets from a KDC that is a few lines long.

use identity::Password;
use security::KerberosCode;

use super::fixture::*;
use crate::message::*;
use crate::*;

const PASSWORD: &str = "open sesame";
const SEED: ExchangeSeed = ExchangeSeed { nonce: 0x1234_5678, confounder: [5; 16] };

fn client() -> Principal {
    "ann@EAST.TEST".parse().unwrap()
}

fn long_term() -> Key {
    let password = Password::from(PASSWORD);
    let one = 1u32.to_be_bytes();
    string_to_key(Etype::Aes256Sha1, &password, b"a salt of its own", Some(&one)).unwrap()
}

fn error(code: KerberosCode, data: Option<Vec<u8>>) -> Vec<u8> {
    KrbError {
        server_time: time(NOW + 400),
        code,
        client_realm: None,
        server: Principal::ticket_granting(REALM, REALM),
        text: Some("no\nway".to_owned()),
        data,
    }
    .encode()
}

fn preauth_required(etype: i32) -> Vec<u8> {
    let info = EtypeInfo {
        etype,
        salt: Some("a salt of its own".to_owned()),
        parameters: Some(1u32.to_be_bytes().to_vec()),
    };
    let value = EtypeInfo::encode_list(&[info]);
    let data = PaData::encode_list(&[PaData { kind: pa::ETYPE_INFO2, value }]);
    error(KerberosCode::KDC_ERR_PREAUTH_REQUIRED, Some(data))
}

struct Answer {
    kind: KdcKind,
    key: Key,
    usage: u32,
    nonce: u32,
    server: Principal,
    end: i64,
}

impl Answer {
    fn right() -> Self {
        Self {
            kind: KdcKind::As,
            key: long_term(),
            usage: usage::AS_REP,
            nonce: SEED.nonce,
            server: Principal::ticket_granting(REALM, REALM),
            end: NOW + 36_000,
        }
    }

    fn encode(self) -> Vec<u8> {
        let part = EncKdcRepPart {
            key: RawKey::from(&Key::from_random(Etype::Aes256Sha1, &[0x77; 32])),
            nonce: self.nonce,
            flags: TicketFlags::INITIAL,
            auth_time: NOW,
            start_time: None,
            end_time: self.end,
            server: self.server.clone(),
        };
        let cipher = self.key.encrypt(self.usage, [2; 16], &part.encode());
        let etype = self.key.etype().number();
        let secret = EncryptedData { etype: 18, kvno: Some(1), cipher: vec![0; 44] };
        KdcRep {
            kind: self.kind,
            padata: Vec::new(),
            client: client(),
            ticket: Ticket::new(self.server, secret),
            encrypted: EncryptedData { etype, kvno: None, cipher },
        }
        .encode()
    }
}

fn ask(password: &str) -> AsExchange {
    let secret = Secret::Password(Password::from(password));
    AsExchange::new(client(), secret, SEED, time(NOW)).0
}

/// What comes of an answer after the proof of the password was sent.
fn outcome(password: &str, answer: &[u8]) -> Result<Credential, ExchangeError> {
    let mut exchange = ask(password);
    let next = exchange.handle_answer(&preauth_required(18), time(NOW))?;
    assert!(matches!(next, Progress::Send(_)));
    match exchange.handle_answer(answer, time(NOW))? {
        Progress::Done(credential) => Ok(*credential),
        Progress::Send(_) => panic!("a third request"),
    }
}

#[test]
fn a_password_gets_a_ticket_after_its_proof() {
    let credential = outcome(PASSWORD, &Answer::right().encode()).unwrap();
    assert_eq!(credential.server.ticket_granting_for(), Some(REALM));
    assert_eq!(credential.end_time, NOW + 36_000);
    // Without pre-authentication the answer comes at once, with the default salt where none is told.
    let mut exchange = ask(PASSWORD);
    let failed = exchange.handle_answer(&Answer::right().encode(), time(NOW)).unwrap_err();
    assert!(matches!(failed, ExchangeError::WrongKey { .. }));
}

#[test]
fn every_failure_is_told_apart() {
    let refused = outcome(PASSWORD, &error(KerberosCode::KRB_AP_ERR_SKEW, None)).unwrap_err();
    assert!(matches!(
        &refused,
        ExchangeError::Refused { code: KerberosCode::KRB_AP_ERR_SKEW, ahead: 400, .. }
    ));
    assert!(refused.to_string().contains("(it says: noway)"), "{refused}");
    let wrong = outcome("wrong", &Answer::right().encode()).unwrap_err();
    assert_eq!(wrong.code(), Some(KerberosCode::KRB_AP_ERR_BAD_INTEGRITY));
    let nonce = Answer { nonce: 1, ..Answer::right() }.encode();
    let what = |answer: &[u8]| match outcome(PASSWORD, answer).unwrap_err() {
        ExchangeError::Mismatch { what } => what,
        other => panic!("{other}"),
    };
    assert_eq!(what(&nonce), "the nonce");
    let server = SERVICE.parse().unwrap();
    assert_eq!(what(&Answer { server, ..Answer::right() }.encode()), "the service");
    let expired = Answer { end: NOW, ..Answer::right() }.encode();
    assert!(matches!(outcome(PASSWORD, &expired), Err(ExchangeError::Expired { .. })));
    // A KDC that asks for the proof again and again gets it once.
    let again = outcome(PASSWORD, &preauth_required(18)).unwrap_err();
    assert_eq!(again.code(), Some(KerberosCode::KDC_ERR_PREAUTH_REQUIRED));
    let rc4 = ask(PASSWORD).handle_answer(&preauth_required(23), time(NOW)).unwrap_err();
    assert!(rc4.to_string().contains("RC4"), "{rc4}");
    let keys = Secret::Keys(vec![Key::from_random(Etype::Aes128Sha1, &[0; 32])]);
    let (mut exchange, _) = AsExchange::new(client(), keys, SEED, time(NOW));
    let lacks = exchange.handle_answer(&preauth_required(18), time(NOW)).unwrap_err();
    assert_eq!(lacks.code(), Some(KerberosCode::KDC_ERR_ETYPE_NOSUPP));
}

#[test]
fn a_ticket_gets_further_tickets_and_referrals() {
    let first = outcome(PASSWORD, &Answer::right().encode()).unwrap();
    let service: Principal = SERVICE.parse().unwrap();
    let get = |server: Principal| {
        let (exchange, _) = TgsExchange::new(&first, &service, SEED, time(NOW));
        assert_eq!(exchange.realm(), REALM);
        let key = first.key.clone();
        let usage = usage::TGS_REP_SESSION;
        let kind = KdcKind::Tgs;
        let answer = Answer { kind, key, usage, server, ..Answer::right() }.encode();
        exchange.handle_answer(&answer, time(NOW))
    };
    assert_eq!(get(service.clone()).unwrap().server, service);
    let referral = get(Principal::ticket_granting("WEST.TEST", REALM)).unwrap();
    let (next, _) = TgsExchange::new(&referral, &service, SEED, time(NOW));
    assert_eq!(next.realm(), "WEST.TEST");
    let other = get("host/other.test@EAST.TEST".parse().unwrap()).unwrap_err();
    assert_eq!(other, ExchangeError::Mismatch { what: "the service" });
}
