//! Global domain identifiers and MTS identifiers (X.411 8.2.1.1.1.1, figure 2 of clause 9).

use ber::{Element, Encoder, Tag};
use std::fmt;
use std::str::FromStr;
use wire::DecodeError;

use crate::address_text::{AddressError, escape, split_escaped};
use crate::codec::{WHAT, bounded_text, put_numeric_or_printable};

/// Octets of one part of an identifier; ub-local-id is 32 and ub-domain-name 16, peers pass
/// both (KB Q169860), and identifiers become keys, so they must stay short.
const MAX_IDENTIFIER_PART: usize = 128;

/// A management domain: country, administration domain, private domain (X.411 figure 2).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GlobalDomainIdentifier {
    /// Two letters, or the X.121 code as digits.
    pub country: String,
    /// A single space means any.
    pub admd: String,
    /// The private domain, if it is one.
    pub prmd: Option<String>,
}

/// The identifier of a message, probe or report, unique in all of MHS (X.411 `MTSIdentifier`).
#[doc(alias = "MTSIdentifier")]
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MtsIdentifier {
    /// The domain that gave it.
    pub domain: GlobalDomainIdentifier,
    /// Unique within the domain; at most 32 characters of IA5 when we make it.
    pub local: String,
}

impl GlobalDomainIdentifier {
    pub(crate) const TAG: Tag = Tag::application(3);

    pub(crate) fn read(element: Element<'_>) -> Result<Self, DecodeError> {
        let element = element.expect(Self::TAG, "global-domain-identifier")?;
        let mut children = element.children()?;
        let country = children.take(Tag::application(1), "country-name")?;
        let admd = children.take(Tag::application(2), "administration-domain-name")?;
        let prmd = children.next_element()?;
        Ok(Self {
            country: part(&country.inner("country-name")?, "country-name")?,
            admd: part(&admd.inner("administration-domain-name")?, "administration-domain-name")?,
            prmd: prmd.map(|prmd| part(&prmd, "private-domain-identifier")).transpose()?,
        })
    }

    pub(crate) fn write(&self, encoder: &mut Encoder) {
        encoder.constructed(Self::TAG, |encoder| {
            encoder.constructed(Tag::application(1), |encoder| {
                put_numeric_or_printable(encoder, &self.country);
            });
            encoder.constructed(Tag::application(2), |encoder| {
                put_numeric_or_printable(encoder, &self.admd);
            });
            if let Some(prmd) = &self.prmd {
                put_numeric_or_printable(encoder, prmd);
            }
        });
    }
}

impl MtsIdentifier {
    pub(crate) const TAG: Tag = Tag::application(4);

    pub(crate) fn read(element: Element<'_>) -> Result<Self, DecodeError> {
        let element = element.expect(Self::TAG, "mts-identifier")?;
        let mut children = element.children()?;
        let domain = GlobalDomainIdentifier::read(children.required("global-domain-identifier")?)?;
        let local = part(&children.required("local-identifier")?, "local-identifier")?;
        Ok(Self { domain, local })
    }

    pub(crate) fn write(&self, encoder: &mut Encoder) {
        encoder.constructed(Self::TAG, |encoder| {
            self.domain.write(encoder);
            encoder.text(Tag::IA5_STRING, &self.local);
        });
    }
}

/// Reads a part of an identifier: visible ASCII only, since identifiers become keys of
/// stores, lines of logs and names in text.
fn part(element: &Element<'_>, field: &'static str) -> Result<String, DecodeError> {
    let text = bounded_text(element, field, MAX_IDENTIFIER_PART)?;
    if is_part(&text) {
        Ok(text)
    } else {
        Err(DecodeError::invalid(WHAT, field, element.offset, "not printable ASCII"))
    }
}

fn is_part(text: &str) -> bool {
    text.len() <= MAX_IDENTIFIER_PART && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

impl fmt::Display for GlobalDomainIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c={};a={}", escape(&self.country, ";"), escape(&self.admd, ";"))?;
        self.prmd.as_ref().map_or(Ok(()), |prmd| write!(f, ";p={}", escape(prmd, ";")))
    }
}

impl fmt::Display for MtsIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{};l={}", self.domain, escape(&self.local, ";"))
    }
}

/// The values of `key=value` parts, in the order of `keys`.
fn parts<const N: usize>(text: &str, keys: [&str; N]) -> Result<[Option<String>; N], AddressError> {
    let mut values = [const { None }; N];
    for (key, value) in split_escaped(text, ';')? {
        let Some(at) = keys.iter().position(|known| key.trim_end().eq_ignore_ascii_case(known))
        else {
            return Err(AddressError::UnknownKey(key));
        };
        if !is_part(&value) {
            return Err(AddressError::BadCharacter(key));
        }
        if values[at].replace(value).is_some() {
            return Err(AddressError::Duplicate(key));
        }
    }
    Ok(values)
}

impl FromStr for GlobalDomainIdentifier {
    type Err = AddressError;

    /// Reads `c=US;a= ;p=ORG`.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let [country, admd, prmd] = parts(text, ["c", "a", "p"])?;
        Ok(Self {
            country: country.ok_or(AddressError::Missing("c"))?,
            admd: admd.ok_or(AddressError::Missing("a"))?,
            prmd,
        })
    }
}

impl FromStr for MtsIdentifier {
    type Err = AddressError;

    /// Reads `c=US;a= ;p=ORG;l=LOCAL`.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let [country, admd, prmd, local] = parts(text, ["c", "a", "p", "l"])?;
        let domain = GlobalDomainIdentifier {
            country: country.ok_or(AddressError::Missing("c"))?,
            admd: admd.ok_or(AddressError::Missing("a"))?,
            prmd,
        };
        Ok(Self { domain, local: local.ok_or(AddressError::Missing("l"))? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_there_and_back() {
        for text in ["c=US;a= ;p=ORG;l=EAST-261122T064700-1", "c=XX;a=ICAO;l=a=b$;$$c"] {
            assert_eq!(text.parse::<MtsIdentifier>().unwrap().to_string(), text);
        }
        let id: MtsIdentifier = "c=US;a= ;p=ORG;l=x".parse().unwrap();
        assert_eq!(id.domain.admd, " ");
        for bad in ["", "c=US", "c=US;a= ", "c=US;a= ;l=x;l=y", "c=US;a= ;q=1;l=x", "c=US;a= ;l=\n"]
        {
            assert!(bad.parse::<MtsIdentifier>().is_err(), "{bad}");
        }
    }

    #[test]
    fn digits_are_numeric_strings() {
        let id: MtsIdentifier = "c=208;a=0;p=P1;l=x".parse().unwrap();
        let mut encoder = Encoder::new();
        id.write(&mut encoder);
        let octets = encoder.finish();
        assert_eq!(wire::to_hex(&octets), "6415631061051203323038620312013013025031160178");
        let element = ber::decode_one("test", &octets).unwrap();
        assert_eq!(MtsIdentifier::read(element).unwrap(), id);
    }
}
