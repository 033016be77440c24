//! What a directory server says of itself to anybody: the root DSE (RFC 4512 5.1, [MS-ADTS] 3.1.1.3.2).
//!
//! One search without a bind (RFC 4513 5.1 allows it), which is all of LDAP that is spoken here. A domain controller tells
//! its name, its domain, its clock, and how one may log on.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use ber::{Class, Element, Encoder, Tag};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use wire::DecodeError;

/// A root DSE of Windows has some 5 KiB.
const MAX_ANSWER: usize = 256 * 1024;
/// What is asked for.
const ATTRIBUTES: [&str; 5] = [
    "dnsHostName",
    "defaultNamingContext",
    "ldapServiceName",
    "currentTime",
    "supportedSASLMechanisms",
];
/// The number of the one request.
const NUMBER: i64 = 1;
/// Seconds that the server may search.
const TIME_LIMIT: i64 = 5;
/// `SearchRequest`, `SearchResultEntry` and `SearchResultDone`, RFC 4511 4.5.
const REQUEST: u32 = 3;
const ENTRY: u32 = 4;
const DONE: u32 = 5;
/// `present` among the filters, RFC 4511 4.5.1.7.
const PRESENT: u32 = 7;

/// The attributes, by name in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RootDse(BTreeMap<String, Vec<String>>);

impl RootDse {
    /// The first value of an attribute.
    #[must_use]
    pub fn first(&self, name: &str) -> Option<&str> {
        self.0.get(&name.to_lowercase())?.first().map(String::as_str)
    }

    /// True for a domain controller.
    #[must_use]
    pub fn is_domain_controller(&self) -> bool {
        self.first("ldapServiceName").is_some()
    }

    /// The Kerberos realm: what stands behind the `@` of `ldapServiceName`.
    #[must_use]
    pub fn realm(&self) -> Option<&str> {
        self.first("ldapServiceName")?.split_once('@').map(|(_, realm)| realm)
    }

    /// Its clock, in seconds since 1970: `currentTime` is a generalized time in UTC.
    #[must_use]
    pub fn clock(&self) -> Option<i64> {
        let text = self.first("currentTime")?;
        let digits = text.get(..14).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?;
        let part = |from: usize, to: usize| digits.get(from..to)?.parse::<i64>().ok();
        let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
        // Days since 1970 of a civil date (Hinnant, chrono-compatible low-level date algorithms).
        let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
        let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let day_of_year = (153 * month + 2) / 5 + day - 1;
        let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719_468;
        Some(days * 86_400 + part(8, 10)? * 3_600 + part(10, 12)? * 60 + part(12, 14)?)
    }

    /// The attributes for people.
    #[must_use]
    pub fn told(&self) -> String {
        let mut parts = Vec::new();
        for (name, what) in
            [("dnsHostName", "host"), ("defaultNamingContext", "domain"), ("currentTime", "clock")]
        {
            parts.extend(self.first(name).map(|value| format!("{what} {value}")));
        }
        if let Some(ways) = self.0.get("supportedsaslmechanisms") {
            parts.push(format!("logons by {}", ways.join(", ")));
        }
        if parts.is_empty() { "it tells nothing of itself".to_owned() } else { parts.join("; ") }
    }
}

/// Asks a server.
///
/// # Errors
/// It cannot be reached, or what it answers is no LDAP; in words.
pub async fn ask(target: SocketAddr) -> Result<RootDse, String> {
    let said = |error: std::io::Error| error.to_string();
    let mut stream = TcpStream::connect(target).await.map_err(said)?;
    stream.write_all(&request()).await.map_err(said)?;
    let mut octets = Vec::new();
    loop {
        match read(&octets) {
            Ok(Some(found)) => return Ok(found),
            Err(error) if octets.len() >= MAX_ANSWER => return Err(error.to_string()),
            Ok(None) | Err(_) => {}
        }
        if octets.len() >= MAX_ANSWER {
            return Err(format!("its answer does not end within {MAX_ANSWER} octets"));
        }
        if stream.read_buf(&mut octets).await.map_err(said)? == 0 {
            return Err("it hung up before its answer was whole".to_owned());
        }
    }
}

const fn application(number: u32) -> Tag {
    Tag { class: Class::Application, number }
}

fn request() -> Vec<u8> {
    let mut out = Encoder::new();
    out.constructed(Tag::SEQUENCE, |message| {
        message.integer(Tag::INTEGER, NUMBER);
        message.constructed(application(REQUEST), |search| {
            search.octets(Tag::OCTET_STRING, b"");
            // The base object alone; no alias is followed.
            search.integer(Tag::ENUMERATED, 0);
            search.integer(Tag::ENUMERATED, 0);
            search.integer(Tag::INTEGER, 1);
            search.integer(Tag::INTEGER, TIME_LIMIT);
            search.boolean(Tag::BOOLEAN, false);
            search.octets(Tag::context(PRESENT), b"objectClass");
            search.constructed(Tag::SEQUENCE, |list| {
                for name in ATTRIBUTES {
                    list.octets(Tag::OCTET_STRING, name.as_bytes());
                }
            });
        });
    });
    out.finish()
}

/// The answer, once its end is there.
fn read(octets: &[u8]) -> Result<Option<RootDse>, DecodeError> {
    let mut found = RootDse::default();
    let mut rest = octets;
    while !rest.is_empty() {
        let (message, used) = ber::decode_prefix("LDAPMessage", rest)?;
        rest = rest.get(used..).unwrap_or_default();
        let mut fields = message.expect(Tag::SEQUENCE, "LDAPMessage")?.children()?;
        fields.take(Tag::INTEGER, "messageID")?;
        let operation = fields.required("protocolOp")?;
        if operation.tag == application(DONE) {
            return Ok(Some(found));
        }
        if operation.tag == application(ENTRY) {
            entry(&operation, &mut found)?;
        }
    }
    Ok(None)
}

fn entry(operation: &Element<'_>, found: &mut RootDse) -> Result<(), DecodeError> {
    let mut fields = operation.children()?;
    fields.take(Tag::OCTET_STRING, "objectName")?;
    let mut attributes = fields.take(Tag::SEQUENCE, "attributes")?.children()?;
    while let Some(attribute) = attributes.next_element()? {
        let mut parts = attribute.expect(Tag::SEQUENCE, "attribute")?.children()?;
        let name = parts.take(Tag::OCTET_STRING, "type")?.octets("type")?;
        let mut values = parts.take(Tag::SET, "vals")?.children()?;
        let mut list = Vec::new();
        while let Some(value) = values.next_element()? {
            let text = String::from_utf8_lossy(&value.octets("value")?).into_owned();
            list.push(text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect());
        }
        found.0.insert(String::from_utf8_lossy(&name).to_lowercase(), list);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> Vec<u8> {
        let mut out = Encoder::new();
        out.constructed(Tag::SEQUENCE, |message| {
            message.integer(Tag::INTEGER, NUMBER);
            message.constructed(application(ENTRY), |entry| {
                entry.octets(Tag::OCTET_STRING, b"");
                entry.constructed(Tag::SEQUENCE, |list| {
                    for (name, values) in [
                        ("currentTime", vec!["20260102030405.0Z"]),
                        ("ldapServiceName", vec!["east.test:dc1$@EAST.TEST"]),
                        ("supportedSASLMechanisms", vec!["GSS-SPNEGO", "NTLM"]),
                    ] {
                        list.constructed(Tag::SEQUENCE, |one| {
                            one.octets(Tag::OCTET_STRING, name.as_bytes());
                            one.constructed(Tag::SET, |set| {
                                for value in values {
                                    set.octets(Tag::OCTET_STRING, value.as_bytes());
                                }
                            });
                        });
                    }
                });
            });
        });
        out.constructed(Tag::SEQUENCE, |message| {
            message.integer(Tag::INTEGER, NUMBER);
            message.constructed(application(DONE), |done| done.integer(Tag::ENUMERATED, 0));
        });
        out.finish()
    }

    #[test]
    fn a_domain_controller_tells_realm_and_clock() {
        let whole = answer();
        let found = read(&whole).unwrap().unwrap();
        assert!(found.is_domain_controller());
        assert_eq!(found.realm(), Some("EAST.TEST"));
        // `date -u -d 2026-01-02T03:04:05Z +%s`
        assert_eq!(found.clock(), Some(1_767_323_045));
        assert!(found.told().ends_with("logons by GSS-SPNEGO, NTLM"), "{}", found.told());
        for end in 0..whole.len() {
            assert!(!matches!(read(&whole[..end]), Ok(Some(_))), "{end}");
        }
    }

    #[test]
    fn an_odd_clock_is_none() {
        for text in ["", "2026", "20261327", "2026010203040xZ", "ä0260102030405.0Z"] {
            let one = RootDse([("currenttime".to_owned(), vec![text.to_owned()])].into());
            assert_eq!(one.clock(), None, "{text}");
        }
    }
}
