//! Mail addresses as O/R addresses and back (RFC 2156 4.3).
//!
//! The address stands in domain-defined attributes beside the attributes of the organisation:
//! - an ASCII address: type `RFC-822`, encoded as a `PrintableString`, what is over 128
//!   characters in `RFC822C1` to `RFC822C3` (RFC 2156 4.3.2);
//! - an address with other characters: type `SMTPUTF8`, continued in `SMTPU8C1` to
//!   `SMTPU8C3`, its UTF-8 octets encoded in the same way. A type of its own, since a
//!   gateway that knows only `RFC-822` would send mail to a garbled address;
//! - an address too long for four attributes: type `SMTPHASH`, its SHA-256 in hex. It is
//!   unique but cannot be turned back, so only the private extension leads to the recipient;
//! - the empty reverse path: no attribute, common name `MAILER-DAEMON`.
//!
//! An O/R address without any of these is a mail address whose local part is its text, in
//! the domain [`X400_DOMAIN`] (RFC 2156 4.3.3 and 4.3.4): `"/C=XX/ADMD= /S=Doe/"@x400.invalid`.
//! A mail to such an address goes to the O/R address itself.
//!
//! O/R addresses compare without regard to case, local parts of mail need not; whatever must
//! be exact is taken from the private extension.

use sha2::{Digest, Sha256};
use x400::{DomainDefinedAttribute, OrAddress, OrName};

use crate::error::MixerError;
use crate::printable::{encoded, from_printable};
use crate::smtp_envelope::is_smtp_text;

/// Types of an ASCII address and its overflow.
const RFC822: [&str; 4] = ["RFC-822", "RFC822C1", "RFC822C2", "RFC822C3"];
/// Types of an internationalized address and its overflow.
const UTF8: [&str; 4] = ["SMTPUTF8", "SMTPU8C1", "SMTPU8C2", "SMTPU8C3"];
/// Type of the hash of an address that is too long for either.
const HASH: &str = "SMTPHASH";
/// Common name that stands for the empty reverse path.
const NULL_PATH: &str = "MAILER-DAEMON";
/// ub-domain-defined-attribute-value-length of X.411 Annex B.
const MAX_VALUE: usize = 128;

/// The domain of mail addresses that are O/R addresses; `.invalid` is nobody's (RFC 2606).
pub const X400_DOMAIN: &str = "x400.invalid";

/// The O/R address that the local part of a mail address is the text of.
fn written_out(address: &str) -> Option<OrAddress> {
    let (local_part, domain) = address.rsplit_once('@')?;
    if !domain.eq_ignore_ascii_case(X400_DOMAIN) {
        return None;
    }
    let Some(quoted) = local_part.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return local_part.parse().ok();
    };
    let mut text = String::new();
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        text.push(if character == '\\' { characters.next()? } else { character });
    }
    text.parse().ok()
}

/// The mail address that stands for an O/R address as a whole, also where it has one of mail in it.
#[must_use]
pub fn write_out(address: &OrAddress) -> String {
    let text = address.to_string().replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{text}\"@{X400_DOMAIN}")
}

/// The O/R address of a mail address, with the attributes of `base` (country to organization)
/// beside it.
#[must_use]
pub fn to_or_address(address: &str, base: &OrAddress) -> OrName {
    if let Some(address) = written_out(address) {
        return address.into();
    }
    let mut result = base.clone();
    if address.is_empty() {
        result.common_name = Some(NULL_PATH.to_owned());
        return result.into();
    }
    let types = if address.is_ascii() { RFC822 } else { UTF8 };
    let values = pieces(address);
    if values.len() <= types.len() {
        for (kind, value) in types.iter().zip(values) {
            result.domain_defined.push(attribute(kind, value));
        }
    } else {
        let digest = wire::to_hex(&Sha256::digest(address.as_bytes()));
        result.domain_defined.push(attribute(HASH, digest));
    }
    result.into()
}

fn attribute(kind: &str, value: String) -> DomainDefinedAttribute {
    DomainDefinedAttribute { kind: kind.to_owned(), value }
}

/// The encoded address cut at attribute length, never inside an escape.
fn pieces(address: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for octet in address.bytes() {
        let next = encoded(octet);
        match pieces.last_mut() {
            Some(last) if last.len() + next.len() <= MAX_VALUE => last.push_str(&next),
            _ => pieces.push(next),
        }
    }
    pieces
}

/// The mail address in an O/R name; the empty reverse path is an empty string.
///
/// # Errors
/// There is none, or what is there may not stand in an SMTP envelope.
pub fn to_rfc822(name: &OrName) -> Result<String, MixerError> {
    let address = &name.address;
    if address.domain_defined.is_empty()
        && address.common_name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(NULL_PATH))
    {
        return Ok(String::new());
    }
    for types in [RFC822, UTF8] {
        if address.domain_defined_value(types[0]).is_none() {
            continue;
        }
        let joined: String =
            types.iter().map_while(|kind| address.domain_defined_value(kind)).collect();
        let decoded = from_printable(&joined).filter(|decoded| {
            is_smtp_text(decoded) && decoded.contains('@') && (types == UTF8 || decoded.is_ascii())
        });
        return decoded.ok_or(MixerError::NotForSmtp("domain-defined attribute"));
    }
    // The hash of a mail address is no way back to it, and other domain-defined attributes
    // belong to the address.
    if address.domain_defined_value(HASH).is_some() {
        return Err(MixerError::NoMailAddress(name.to_string()));
    }
    let written = write_out(address);
    if is_smtp_text(&written) { Ok(written) } else { Err(MixerError::NotForSmtp("O/R address")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base() -> OrAddress {
        "/C=US/ADMD= /PRMD=ORG/O=EAST/".parse().unwrap()
    }

    #[test]
    fn plain_addresses() {
        let name = to_or_address("j_doe@east.test", &base());
        let text = "/C=US/ADMD= /PRMD=ORG/O=EAST/DD.RFC-822=j(u)doe(a)east.test/";
        assert_eq!(name.to_string(), text);
        assert_eq!(to_rfc822(&name).unwrap(), "j_doe@east.test");
        let null = to_or_address("", &base());
        assert_eq!(null.to_string(), "/C=US/ADMD= /PRMD=ORG/O=EAST/CN=MAILER-DAEMON/");
        assert_eq!(to_rfc822(&null).unwrap(), "");
    }

    #[test]
    fn long_and_international_addresses() {
        let long = format!("{}@{}.test", "x_".repeat(32), "d".repeat(60));
        let name = to_or_address(&long, &base());
        assert_eq!(name.address.domain_defined.len(), 2);
        assert!(name.address.domain_defined.iter().all(|one| one.value.len() <= MAX_VALUE));
        assert_eq!(to_rfc822(&name).unwrap(), long);
        let utf8 = "j\u{f6}rg@b\u{fc}cher.test";
        let name = to_or_address(utf8, &base());
        assert!(name.to_string().contains("/DD.SMTPUTF8=j(195)(182)rg(a)b(195)(188)cher.test/"));
        assert_eq!(to_rfc822(&name).unwrap(), utf8);
        let endless = format!("{}@x.test", "\u{f6}".repeat(200));
        let name = to_or_address(&endless, &base());
        assert_eq!(name.address.domain_defined[0].value.len(), 64);
        assert!(matches!(to_rfc822(&name), Err(MixerError::NoMailAddress(_))));
        assert_ne!(name, to_or_address(&format!("o{endless}"), &base()));
    }

    #[test]
    fn hostile_attributes() {
        for value in ["a(a)x(010)RCPT", "nobody", "a(a)(195)(182)", "a(a)x(062)(013)"] {
            let mut address = base();
            address.domain_defined.push(attribute("rfc-822", value.to_owned()));
            assert_eq!(
                to_rfc822(&address.into()),
                Err(MixerError::NotForSmtp("domain-defined attribute")),
                "{value}"
            );
        }
        let swapped: OrAddress = "/C=US/DD.RFC822C1=b.test/DD.RFC-822=a(a)/".parse().unwrap();
        assert_eq!(to_rfc822(&swapped.into()).unwrap(), "a@b.test");
    }
}
