//! What a KDC says of an account that proves nothing: the first request of RFC 4120 section 3.1 alone.
//!
//! No proof is sent, so that no wrong password is counted against anybody. A KDC of Windows says of a disabled, locked or
//! expired account what it is, and of any other that it wants a proof first, with the encryption types that it has keys of.
//! RC4 is asked for too, to learn of accounts that have no AES key; it is never used.

use security::KerberosCode;
use wire::DecodeError;

use crate::Principal;
use crate::exchange::ExchangeSeed;
use crate::message::{EtypeInfo, KdcKind, KdcRep, KdcReq, KrbError, PaData, pa};
use crate::time::Time;
use crate::{Etype, etype_name};

/// RC4-HMAC, RFC 4757: number 23.
const RC4: i32 = 23;
/// How long a ticket would be good that nobody wants: ten minutes.
const LIFETIME: i64 = 600;
/// `KERB_ERR_TYPE_EXTENDED`, [MS-KILE] 2.2.1: what follows is a `KERB-EXT-ERROR`.
const EXTENDED: i64 = 3;
/// Length of a `KERB-EXT-ERROR`, [MS-KILE] 2.2.2: status, reserved, flags.
const EXTENDED_LENGTH: usize = 12;

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountAnswer {
    /// What the KDC says; none where it gives a ticket to who proves nothing.
    pub code: Option<KerberosCode>,
    /// The status behind it (`STATUS_*`, [MS-ERREF] 2.3.1), where the KDC tells it.
    pub status: Option<u32>,
    /// The encryption types that it has keys of, as far as they were asked for.
    pub etypes: Vec<i32>,
    /// How far its clock is ahead.
    pub ahead_s: Option<i64>,
    /// The realm that the account belongs to, where it is another one.
    pub realm: Option<String>,
}

impl AccountAnswer {
    /// True when the account may be used, as far as a KDC tells who proves nothing.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.code.is_none_or(|code| code == KerberosCode::KDC_ERR_PREAUTH_REQUIRED)
    }

    /// True when the KDC has a key of the account, and none of AES.
    #[must_use]
    pub fn is_without_aes(&self) -> bool {
        !self.etypes.is_empty()
            && self.etypes.iter().all(|etype| Etype::from_number(*etype).is_none())
    }

    /// The names of the encryption types.
    #[must_use]
    pub fn etype_names(&self) -> Vec<String> {
        self.etypes.iter().map(|etype| etype_name(*etype)).collect()
    }
}

/// The question about an account: an `AS-REQ` without a proof.
#[must_use]
pub fn account_question(client: &Principal, seed: ExchangeSeed, now: Time) -> Vec<u8> {
    let realm = client.realm.clone();
    let mut etypes = Etype::PREFERRED.map(Etype::number).to_vec();
    etypes.push(RC4);
    let request = KdcReq {
        kind: KdcKind::As,
        options: KdcReq::CANONICALIZE,
        client: Some(client.clone()),
        server: Principal::ticket_granting(&realm, &realm),
        till: now.seconds.saturating_add(LIFETIME),
        nonce: seed.nonce & 0x7fff_ffff,
        etypes,
    };
    request.encode(&request.body(), &[])
}

/// Reads the answer.
///
/// # Errors
/// [`DecodeError`] when it is none.
pub fn account_answer(octets: &[u8], now: Time) -> Result<AccountAnswer, DecodeError> {
    if !KrbError::is_one(octets) {
        let reply = KdcRep::decode(KdcKind::As, octets)?;
        let etypes = vec![reply.encrypted.etype];
        return Ok(AccountAnswer { code: None, status: None, etypes, ahead_s: None, realm: None });
    }
    let error = KrbError::decode(octets)?;
    // What goes with the code is the KDC's to choose; what cannot be read tells nothing.
    let methods = error.methods().unwrap_or_default();
    let info = methods.iter().find(|one| one.kind == pa::ETYPE_INFO2);
    let etypes = info.and_then(|info| EtypeInfo::decode_list(&info.value).ok()).unwrap_or_default();
    Ok(AccountAnswer {
        code: Some(error.code),
        status: status_of(&error, &methods),
        etypes: etypes.into_iter().map(|info| info.etype).collect(),
        ahead_s: Some(error.server_time.seconds.saturating_sub(now.seconds)),
        realm: error.client_realm,
    })
}

/// Windows puts the status into `KERB-ERROR-DATA`, Samba into an entry of the kind of a salt.
fn status_of(error: &KrbError, methods: &[PaData]) -> Option<u32> {
    let salt = methods.iter().find(|one| one.kind == pa::PW_SALT).map(|one| one.value.as_slice());
    let octets = match salt {
        Some(octets) => octets.to_vec(),
        None => extended(error.data.as_deref()?).ok()??,
    };
    if octets.len() != EXTENDED_LENGTH {
        return None;
    }
    let status = u32::from_le_bytes(octets.get(..4)?.try_into().ok()?);
    (status != 0).then_some(status)
}

/// `KERB-ERROR-DATA`, [MS-KILE] 2.2.1.
fn extended(data: &[u8]) -> Result<Option<Vec<u8>>, DecodeError> {
    let whole = ber::decode_one("KERB-ERROR-DATA", data)?;
    let mut fields = whole.expect(ber::Tag::SEQUENCE, "KERB-ERROR-DATA")?.children()?;
    let kind = fields.take(ber::Tag::context(1), "data-type")?.inner("data-type")?;
    let kind = kind.integer("data-type")?;
    let value = match fields.optional(ber::Tag::context(2))? {
        Some(value) => Some(value.inner("data-value")?.octets("data-value")?.into_owned()),
        None => None,
    };
    Ok(value.filter(|_| kind == EXTENDED))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time { seconds: 1_800_000_000, micros: 0 };

    fn error(code: KerberosCode, data: Option<Vec<u8>>) -> Vec<u8> {
        let server = Principal::ticket_granting("EAST.TEST", "EAST.TEST");
        let server_time = Time { seconds: NOW.seconds + 40, micros: 0 };
        KrbError { server_time, code, client_realm: None, server, text: None, data }.encode()
    }

    fn locked() -> Vec<u8> {
        [0xC000_0234_u32, 0, 1].iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    #[test]
    fn the_question_proves_nothing_and_asks_for_rc4_too() {
        let seed = ExchangeSeed { nonce: 7, confounder: [0; 16] };
        let octets = account_question(&Principal::account("svc", "EAST.TEST"), seed, NOW);
        let whole = ber::decode_one("AS-REQ", &octets).unwrap();
        // [3] padata is where a proof would stand.
        let mut fields = whole.children().unwrap().required("body").unwrap().children().unwrap();
        let tags: Vec<u32> =
            fields.collect_all().unwrap().iter().map(|field| field.tag.number).collect();
        assert_eq!(tags, [1, 2, 4]);
        assert!(octets.ends_with(&[2, 1, 23]));
    }

    #[test]
    fn the_status_is_found_where_windows_and_where_samba_put_it() {
        let mut out = ber::Encoder::new();
        out.constructed(ber::Tag::SEQUENCE, |fields| {
            fields
                .constructed(ber::Tag::context(1), |one| one.integer(ber::Tag::INTEGER, EXTENDED));
            fields.constructed(ber::Tag::context(2), |one| {
                one.octets(ber::Tag::OCTET_STRING, &locked());
            });
        });
        let samba = PaData::encode_list(&[PaData { kind: pa::PW_SALT, value: locked() }]);
        for data in [out.finish(), samba] {
            let octets = error(KerberosCode::KDC_ERR_CLIENT_REVOKED, Some(data));
            let answer = account_answer(&octets, NOW).unwrap();
            assert_eq!((answer.status, answer.ahead_s), (Some(0xC000_0234), Some(40)));
            assert!(!answer.is_usable());
            for end in 0..octets.len() {
                assert!(account_answer(&octets[..end], NOW).is_err(), "{end}");
            }
        }
        for odd in [Some(vec![0x30, 0]), Some(vec![1, 2, 3]), None] {
            let octets = error(KerberosCode::KDC_ERR_CLIENT_REVOKED, odd);
            assert_eq!(account_answer(&octets, NOW).unwrap().status, None);
        }
    }

    #[test]
    fn an_account_without_aes_keys_shows_itself() {
        let with = |etypes: &[i32]| {
            let list: Vec<EtypeInfo> = etypes
                .iter()
                .map(|etype| EtypeInfo { etype: *etype, salt: None, parameters: None })
                .collect();
            let info = PaData { kind: pa::ETYPE_INFO2, value: EtypeInfo::encode_list(&list) };
            let data = Some(PaData::encode_list(&[info]));
            account_answer(&error(KerberosCode::KDC_ERR_PREAUTH_REQUIRED, data), NOW).unwrap()
        };
        assert!(with(&[23]).is_usable() && with(&[23]).is_without_aes());
        assert!(!with(&[18, 23]).is_without_aes());
        assert!(!with(&[]).is_without_aes(), "nothing is known of its keys");
    }
}
