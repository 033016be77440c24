//! O/R addresses as text (RFC 2156 4.1.1; the keys of RFC 1685 are read too).
//!
//! `/C=US/ADMD= /PRMD=ORG/O=EAST/DD.RFC-822=jo(a)east.test/`. In a value `$` quotes the next
//! character, so `$/`, `$=` and `$$`; a control character is written `$(0a)`. An unquoted
//! `=` after the first is part of the value (KB Q183064). Extension attributes that have no
//! key of their own are written `X-EXT.<number>=<hex of the value>`.

use std::fmt::{self, Write};
use std::str::FromStr;

use crate::codec::Raw;
use crate::or_address::{
    DomainDefinedAttribute, ExtensionAttribute, OrAddress, OrName, PersonalName,
};

/// Octets of one address as text; addresses stand on command lines and in configuration.
const MAX_ADDRESS_TEXT: usize = 16_384;

/// Organizational units that have a key of their own (ub-organizational-units is 4).
const MAX_UNITS: usize = 4;

/// Their keys where the order matters.
const UNIT_KEYS: [&str; MAX_UNITS] = ["OU1", "OU2", "OU3", "OU4"];

/// Why a text is no address or identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// The text is longer than any address may be.
    #[error("longer than {MAX_ADDRESS_TEXT} octets")]
    TooLong,
    /// A part has no `=`.
    #[error("`{0}` is not of the form key=value")]
    NoValue(String),
    /// A key that no attribute has.
    #[error("unknown key `{0}`")]
    UnknownKey(String),
    /// A key stands twice.
    #[error("key `{0}` stands twice")]
    Duplicate(String),
    /// A mandatory key is missing.
    #[error("key `{0}` is missing")]
    Missing(&'static str),
    /// The value of this key has a character that may not stand there.
    #[error("the value of `{0}` has a character that is not allowed")]
    BadCharacter(String),
    /// The text is empty.
    #[error("no attribute")]
    Empty,
}

/// Quotes `$`, control characters and those of `special`.
pub(crate) fn escape(value: &str, special: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for character in value.chars() {
        if character.is_control() {
            let _ = write!(text, "$({:02x})", u32::from(character));
            continue;
        }
        if character == '$' || special.contains(character) {
            text.push('$');
        }
        text.push(character);
    }
    text
}

/// Splits at unquoted `separator`, each part at its first unquoted `=`, and takes the
/// quotes away; empty parts are passed over.
pub(crate) fn split_escaped(
    text: &str,
    separator: char,
) -> Result<Vec<(String, String)>, AddressError> {
    if text.len() > MAX_ADDRESS_TEXT {
        return Err(AddressError::TooLong);
    }
    let mut parts = Vec::new();
    let (mut key, mut value) = (None, String::new());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        rest = &rest[character.len_utf8()..];
        if character == '$' {
            let (quoted, length) = unquote(rest);
            value.extend(quoted);
            rest = &rest[length..];
        } else if character == separator {
            push_part(&mut parts, key.take(), std::mem::take(&mut value))?;
        } else if character == '=' && key.is_none() {
            key = Some(std::mem::take(&mut value).trim_start().to_owned());
        } else {
            value.push(character);
        }
    }
    push_part(&mut parts, key, value)?;
    Ok(parts)
}

fn push_part(
    parts: &mut Vec<(String, String)>,
    key: Option<String>,
    value: String,
) -> Result<(), AddressError> {
    match key {
        Some(key) => parts.push((key, value)),
        None if value.trim().is_empty() => {}
        None => return Err(AddressError::NoValue(value)),
    }
    Ok(())
}

/// What the quote before `rest` stands for, and the octets that it takes.
fn unquote(rest: &str) -> (Option<char>, usize) {
    let control =
        rest.strip_prefix('(').and_then(|inner| inner.split_once(')')).and_then(|(digits, _)| {
            let value = u32::from_str_radix(digits, 16).ok()?;
            let control = char::from_u32(value).filter(|character| character.is_control())?;
            Some((control, digits.len() + 2))
        });
    match control {
        Some((character, length)) => (Some(character), length),
        None => {
            let next = rest.chars().next();
            (next, next.map_or(0, char::len_utf8))
        }
    }
}

impl fmt::Display for OrAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut put = |key: &str, value: &str| write!(f, "/{key}={}", escape(value, "/="));
        let mut put_some = |key: &str, value: &Option<String>| {
            value.as_ref().map_or(Ok(()), |value| put(key, value))
        };
        put_some("C", &self.country)?;
        put_some("ADMD", &self.admd)?;
        put_some("PRMD", &self.prmd)?;
        put_some("X121", &self.network_address)?;
        put_some("T-ID", &self.terminal_identifier)?;
        put_some("O", &self.organization)?;
        put_some("N-ID", &self.numeric_user_identifier)?;
        for (number, unit) in (1..).zip(&self.organizational_units) {
            let key = if self.organizational_units.len() == 1 || number > MAX_UNITS {
                "OU".to_owned()
            } else {
                format!("OU{number}")
            };
            put(&key, unit)?;
        }
        if let Some(name) = &self.personal_name {
            put("S", &name.surname)?;
            let parts = [
                ("G", &name.given_name),
                ("I", &name.initials),
                ("GQ", &name.generation_qualifier),
            ];
            for (key, part) in parts {
                part.as_ref().map_or(Ok(()), |part| put(key, part))?;
            }
        }
        self.common_name.as_ref().map_or(Ok(()), |name| put("CN", name))?;
        for attribute in &self.domain_defined {
            put(&format!("DD.{}", escape(&attribute.kind, "/=")), &attribute.value)?;
        }
        for attribute in &self.extension_attributes {
            let hex = wire::to_hex(attribute.value.as_bytes());
            put(&format!("X-EXT.{}", attribute.number), &hex)?;
        }
        f.write_str("/")
    }
}

impl OrAddress {
    /// Writes the address in the order of F.401, from the person up to the country:
    /// `G=Jo; S=Doe; O=X; P=ORG; A= ; C=US`, with `DDA:type=value`.
    #[must_use]
    pub fn to_f401(&self) -> String {
        let name = self.personal_name.as_ref();
        let mut text: Vec<String> = Vec::new();
        let mut put = |key: &str, value: Option<&str>| {
            text.extend(value.map(|value| format!("{key}={}", escape(value, ";"))));
        };
        put("G", name.and_then(|name| name.given_name.as_deref()));
        put("I", name.and_then(|name| name.initials.as_deref()));
        put("S", name.map(|name| name.surname.as_str()));
        put("Q", name.and_then(|name| name.generation_qualifier.as_deref()));
        put("CN", self.common_name.as_deref());
        put("N-ID", self.numeric_user_identifier.as_deref());
        put("X.121", self.network_address.as_deref());
        put("T-ID", self.terminal_identifier.as_deref());
        put("O", self.organization.as_deref());
        for (number, unit) in (1..).zip(&self.organizational_units) {
            put(if number > MAX_UNITS { "OU" } else { UNIT_KEYS[number - 1] }, Some(unit));
        }
        put("P", self.prmd.as_deref());
        put("A", self.admd.as_deref());
        put("C", self.country.as_deref());
        for attribute in &self.domain_defined {
            let kind = escape(&attribute.kind, ";=");
            text.push(format!("DDA:{kind}={}", escape(&attribute.value, ";")));
        }
        for attribute in &self.extension_attributes {
            let hex = wire::to_hex(attribute.value.as_bytes());
            text.push(format!("X-EXT.{}={hex}", attribute.number));
        }
        text.join("; ")
    }
}

impl fmt::Display for OrName {
    /// Writes the address; a directory name has no text form here.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

impl FromStr for OrName {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        text.parse::<OrAddress>().map(Self::from)
    }
}

impl FromStr for OrAddress {
    type Err = AddressError;

    /// Reads `/C=../` or, when the text does not begin with `/`, `C=..;A=..`.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let text = text.trim_start();
        let separator = if text.starts_with('/') { '/' } else { ';' };
        let mut address = Self::default();
        let mut builder = Builder::default();
        let parts = split_escaped(text, separator)?;
        if parts.is_empty() {
            return Err(AddressError::Empty);
        }
        for (key, value) in parts {
            builder.put(&mut address, key, value)?;
        }
        builder.finish(address)
    }
}

/// What cannot be put into the address before the whole text is read.
#[derive(Default)]
struct Builder {
    surname: Option<String>,
    given_name: Option<String>,
    initials: Option<String>,
    generation_qualifier: Option<String>,
    numbered_units: [Option<String>; MAX_UNITS],
}

impl Builder {
    fn put(
        &mut self,
        address: &mut OrAddress,
        key: String,
        value: String,
    ) -> Result<(), AddressError> {
        let upper = key.trim_end().to_ascii_uppercase();
        let place = match upper.as_str() {
            "C" => &mut address.country,
            "ADMD" | "A" => {
                // An administration domain left empty means any, which is one space.
                let value = if value.is_empty() { " ".to_owned() } else { value };
                return set_once(&mut address.admd, key, value);
            }
            "PRMD" | "P" => &mut address.prmd,
            "X121" | "X.121" => &mut address.network_address,
            "T-ID" => &mut address.terminal_identifier,
            "O" => &mut address.organization,
            "N-ID" | "UA-ID" => &mut address.numeric_user_identifier,
            "CN" => &mut address.common_name,
            "S" => &mut self.surname,
            "G" => &mut self.given_name,
            "I" => &mut self.initials,
            "GQ" | "Q" => &mut self.generation_qualifier,
            "OU1" => &mut self.numbered_units[0],
            "OU2" => &mut self.numbered_units[1],
            "OU3" => &mut self.numbered_units[2],
            "OU4" => &mut self.numbered_units[3],
            "OU" => {
                address.organizational_units.push(value);
                return Ok(());
            }
            _ => return put_typed(address, key, value),
        };
        if value.is_empty() { Ok(()) } else { set_once(place, key, value) }
    }

    fn finish(self, mut address: OrAddress) -> Result<OrAddress, AddressError> {
        let mut units: Vec<String> = self.numbered_units.into_iter().flatten().collect();
        units.append(&mut address.organizational_units);
        address.organizational_units = units;
        if let Some(surname) = self.surname {
            address.personal_name = Some(PersonalName {
                surname,
                given_name: self.given_name,
                initials: self.initials,
                generation_qualifier: self.generation_qualifier,
            });
        } else if self.given_name.is_some()
            || self.initials.is_some()
            || self.generation_qualifier.is_some()
        {
            return Err(AddressError::Missing("S"));
        }
        // Keys without values, as in `C=`, say nothing.
        if address == OrAddress::default() { Err(AddressError::Empty) } else { Ok(address) }
    }
}

fn set_once(place: &mut Option<String>, key: String, value: String) -> Result<(), AddressError> {
    if place.replace(value).is_some() { Err(AddressError::Duplicate(key)) } else { Ok(()) }
}

/// Reads keys that carry a type: domain-defined and extension attributes.
fn put_typed(address: &mut OrAddress, key: String, value: String) -> Result<(), AddressError> {
    let after = |prefix: &str| {
        key.get(..prefix.len())
            .filter(|start| start.eq_ignore_ascii_case(prefix))
            .map(|_| key[prefix.len()..].to_owned())
    };
    if let Some(kind) = after("DD.").or_else(|| after("DDA:")) {
        address.domain_defined.push(DomainDefinedAttribute { kind, value });
    } else if key.eq_ignore_ascii_case("RFC-822") {
        address.domain_defined.push(DomainDefinedAttribute { kind: key, value });
    } else if let Some(number) = after("X-EXT.") {
        let number = number.parse().map_err(|_| AddressError::UnknownKey(key.clone()))?;
        let value = wire::from_hex(&value)
            .and_then(|octets| Raw::new(octets).ok())
            .ok_or(AddressError::BadCharacter(key))?;
        address.extension_attributes.push(ExtensionAttribute { number, value });
    } else {
        return Err(AddressError::UnknownKey(key));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for text in [
            "/C=US/ADMD= /PRMD=ORG/O=EAST/DD.RFC-822=jo(a)east.test/",
            "/C=GB/ADMD=GOLD 400/PRMD=P/O=O$/U/OU1=a/OU2=b/S=Kille/G=Steve/I=E/GQ=II/",
            "/C=XX/ADMD=ICAO/PRMD=EDDD/O=AFTN/OU=EDDDYFYX/CN=LFPGZPZX/",
            "/C=US/ADMD=0/X121=31161/T-ID=T1/N-ID=77/DD.a$=b=c$=d$$$(0a)/X-EXT.3=130161/",
        ] {
            let address: OrAddress = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
            let name = OrName::from(address);
            assert_eq!(OrName::decode(&name.encode()).unwrap().to_string(), text);
        }
    }

    #[test]
    fn other_spellings() {
        let a: OrAddress = "G=Jo;S=Doe;O=X;OU1=u;P=P;A=;C=US;DDA:RFC-822=a=b".parse().unwrap();
        let b: OrAddress = "/c=us/admd=/prmd=p/o=x/ou=U/s=doe/g=jo/rfc-822=a=b/".parse().unwrap();
        assert_eq!(a, b);
        assert_eq!(a.admd.as_deref(), Some(" "));
        assert_eq!(a.domain_defined_value("rfc-822"), Some("a=b"));
    }

    #[test]
    fn both_orders() {
        for text in [
            "/C=US/ADMD= /PRMD=ORG/O=EAST/DD.RFC-822=jo(a)east.test/",
            "/C=GB/ADMD=GOLD 400/PRMD=P/O=a$/b,c/OU1=a/OU2=b/S=Kille/G=Steve/I=E/GQ=II/",
            "/C=US/ADMD=0/X121=31161/T-ID=T1/N-ID=77/DD.a$=b;=c$=d$$$(0a)/X-EXT.3=130161/",
        ] {
            let address: OrAddress = text.parse().unwrap();
            let other: OrAddress = address.to_f401().parse().unwrap();
            assert_eq!(other.to_string(), text, "{}", address.to_f401());
        }
        let address: OrAddress = "G=Jo; S=Doe; O=X; P=ORG; A= ; C=US".parse().unwrap();
        assert_eq!(address.to_f401(), "G=Jo; S=Doe; O=X; P=ORG; A= ; C=US");
    }

    #[test]
    fn four_forms_and_their_bounds() {
        use crate::or_address::AddressForm::{Mnemonic, Numeric, Postal, Terminal};
        for (text, form) in [
            ("/C=US/ADMD= /O=X/S=Doe/", Mnemonic),
            ("/C=US/ADMD= /N-ID=77/", Numeric),
            ("/C=US/ADMD= /X-EXT.9=130161/", Postal),
            ("/X121=31161/T-ID=T1/", Terminal),
        ] {
            assert_eq!(text.parse::<OrAddress>().unwrap().form(), form, "{text}");
        }
        for (text, over) in [
            ("/C=US/ADMD= /O=X/S=Doe/", None),
            ("/C=US/PRMD=12345678901234567/", Some("PRMD")),
            ("/C=US/S=Doe/GQ=VIII/", Some("GQ")),
            ("/C=US/OU=a/OU=b/OU=c/OU=d/OU=e/", Some("OU")),
            ("/C=US/DD.LONGTYPE9=x/", Some("DD")),
        ] {
            assert_eq!(text.parse::<OrAddress>().unwrap().over_bound(), over, "{text}");
        }
    }

    #[test]
    fn bad_texts() {
        use AddressError::{Duplicate, Empty, Missing, NoValue, TooLong, UnknownKey};
        let cases = [
            ("", Empty),
            ("/", Empty),
            ("C=", Empty),
            ("/C=US/C=GB/", Duplicate("C".into())),
            ("/C=US/x/", NoValue("x".into())),
            ("/C=US/Z=1/", UnknownKey("Z".into())),
            ("/C=US/G=Jo/", Missing("S")),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<OrAddress>().unwrap_err(), error, "{text}");
        }
        assert_eq!("x".repeat(20_000).parse::<OrAddress>().unwrap_err(), TooLong);
    }
}
