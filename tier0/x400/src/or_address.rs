//! O/R names and addresses (X.402 clause 18; X.411 8.5.5, figure 2 of clause 9).
//!
//! Numeric and printable variants of an attribute are one value here; the encoder writes
//! `NumericString` for digits (RFC 2156 4.1.1). The common name is read from its extension
//! attribute; all other extension attributes, teletex and universal variants included, are
//! kept as they came. Two addresses are equal when they differ only in case and in runs of
//! spaces (X.402 18.4).
//!
//! A name that was read is written with the octets that it was read from: whoever relays it
//! changes neither the string type of an attribute nor a character that does not belong there.

use ber::{Element, Encoder, Tag};
use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use wire::DecodeError;

use crate::codec::{Raw, list, put_numeric_or_printable, put_raw, read_set, text};

/// Attributes of one list in an address; ub-extension-attributes is 256, the other lists
/// of X.411 hold at most four.
const MAX_ATTRIBUTES: usize = 256;

/// The extension attribute `common-name` (X.411 figure 2).
const COMMON_NAME: i64 = 1;

/// An O/R name: an address, and a directory name where one was given (X.411 `ORName`).
#[doc(alias = "ORName")]
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrName {
    /// The address.
    pub address: OrAddress,
    /// The element `[0]` that holds the directory name, as it came.
    pub directory_name: Option<Raw>,
    received: Received,
}

/// The octets that an O/R name was read from, without the name's own tag. They are how the value was written and no part of
/// it: names that differ in them alone are equal.
#[derive(Clone, Default)]
enum Received {
    /// The name was made here.
    #[default]
    None,
    /// All, and the octets of `BuiltInStandardAttributes` at their beginning.
    All(Box<[u8]>, usize),
    /// `BuiltInStandardAttributes` alone; what follows was changed.
    Standard(Box<[u8]>),
}

/// An O/R address (X.402 clause 18).
#[doc(alias = "ORAddress")]
#[derive(Debug, Clone, Default)]
pub struct OrAddress {
    /// Two letters or the X.121 code.
    pub country: Option<String>,
    /// Administration domain; a single space means any.
    pub admd: Option<String>,
    /// Private domain.
    pub prmd: Option<String>,
    /// X.121 address of a terminal.
    pub network_address: Option<String>,
    /// Terminal identifier.
    pub terminal_identifier: Option<String>,
    /// Organization.
    pub organization: Option<String>,
    /// Numeric user identifier.
    pub numeric_user_identifier: Option<String>,
    /// Personal name.
    pub personal_name: Option<PersonalName>,
    /// Organizational units, the most significant first.
    pub organizational_units: Vec<String>,
    /// Common name, where it came as a printable string.
    pub common_name: Option<String>,
    /// Domain-defined attributes in their order.
    pub domain_defined: Vec<DomainDefinedAttribute>,
    /// All other extension attributes.
    pub extension_attributes: Vec<ExtensionAttribute>,
    /// Elements among the built-in standard attributes that are not known.
    pub unknown: Vec<Raw>,
}

/// A person's name (X.411 `PersonalName`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PersonalName {
    /// Surname, the only part that must be there.
    pub surname: String,
    /// Given name.
    pub given_name: Option<String>,
    /// Initials without that of the surname.
    pub initials: Option<String>,
    /// Such as `III`.
    pub generation_qualifier: Option<String>,
}

/// A domain-defined attribute (X.411 `BuiltInDomainDefinedAttribute`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainDefinedAttribute {
    /// Its type, at most 8 characters by the standard, such as `RFC-822`.
    pub kind: String,
    /// Its value, at most 128 characters by the standard.
    pub value: String,
}

/// An extension attribute whose value is kept as it came (X.411 `ExtensionAttribute`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtensionAttribute {
    /// The attribute's number.
    pub number: i64,
    /// The element inside the explicit tag `[1]`.
    pub value: Raw,
}

/// Numbers of the extension attributes that only postal addresses have (X.411 figure 2).
const POSTAL_ATTRIBUTES: std::ops::RangeInclusive<i64> = 7..=21;

/// What an address names its user by (X.402 18.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressForm {
    /// By names.
    Mnemonic,
    /// By a number.
    Numeric,
    /// By a postal address.
    Postal,
    /// By the network address of a terminal.
    Terminal,
}

impl OrName {
    /// The tag of an `ORName` that no other tag replaces.
    pub(crate) const TAG: Tag = Tag::application(0);

    /// Reads an `ORName` under its own tag.
    pub(crate) fn read(element: Element<'_>) -> Result<Self, DecodeError> {
        Self::read_contents(element.expect(Self::TAG, "or-name")?)
    }

    /// Reads an `ORName` whose tag an IMPLICIT one has replaced.
    pub(crate) fn read_contents(element: Element<'_>) -> Result<Self, DecodeError> {
        let mut children = element.children()?;
        let standard = children.take(Tag::SEQUENCE, "built-in-standard-attributes")?;
        let received = Received::All(Box::from(element.contents()), standard.raw.len());
        let mut address = OrAddress::read_standard(standard)?;
        if let Some(attributes) = children.optional(Tag::SEQUENCE)? {
            address.domain_defined =
                list(&attributes, "domain-defined-attributes", MAX_ATTRIBUTES, |attribute| {
                    DomainDefinedAttribute::read(&attribute)
                })?;
        }
        if let Some(attributes) = children.optional(Tag::SET)? {
            address.read_extensions(&attributes)?;
        }
        let directory_name = children.optional(Tag::context(0))?.map(Raw::from);
        Ok(Self { address, directory_name, received })
    }

    pub(crate) fn write(&self, encoder: &mut Encoder) {
        self.write_tagged(encoder, Self::TAG);
    }

    pub(crate) fn write_tagged(&self, encoder: &mut Encoder, tag: Tag) {
        encoder.constructed(tag, |encoder| {
            match &self.received {
                Received::All(octets, _) => return encoder.raw(octets),
                Received::Standard(octets) => {
                    encoder.raw(octets);
                    self.address.write_rest(encoder);
                }
                Received::None => self.address.write_fields(encoder),
            }
            if let Some(name) = &self.directory_name {
                encoder.raw(name.as_bytes());
            }
        });
    }

    /// Changes what follows the built-in standard attributes: domain-defined and extension attributes, directory name.
    pub(crate) fn change_rest(&mut self) -> (&mut OrAddress, &mut Option<Raw>) {
        if let Received::All(octets, standard) = &self.received {
            // The length is that of an element inside of these octets.
            self.received =
                Received::Standard(Box::from(octets.get(..*standard).unwrap_or_default()));
        }
        (&mut self.address, &mut self.directory_name)
    }

    /// Reads a stand-alone `ORName`.
    ///
    /// # Errors
    /// The octets are not one `ORName`.
    pub fn decode(octets: &[u8]) -> Result<Self, DecodeError> {
        Self::read(ber::decode_one("ORName", octets)?)
    }

    /// Writes a stand-alone `ORName`.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut encoder = Encoder::new();
        self.write(&mut encoder);
        encoder.finish()
    }
}

impl PartialEq for Received {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Received {}

impl PartialOrd for Received {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Received {
    fn cmp(&self, _: &Self) -> Ordering {
        Ordering::Equal
    }
}

impl Hash for Received {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

impl std::fmt::Debug for Received {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "made here",
            Self::All(..) => "as received",
            Self::Standard(_) => "in part as received",
        })
    }
}

impl From<OrAddress> for OrName {
    fn from(address: OrAddress) -> Self {
        Self { address, directory_name: None, received: Received::None }
    }
}

impl OrAddress {
    fn read_standard(element: Element<'_>) -> Result<Self, DecodeError> {
        let mut address = Self::default();
        let mut unknown = Vec::new();
        let mut children = element.children()?;
        while let Some(child) = children.next_element()? {
            if !address.read_attribute(&child)? {
                unknown.push(Raw::from(child));
            }
        }
        address.unknown = unknown;
        Ok(address)
    }

    fn read_attribute(&mut self, child: &Element<'_>) -> Result<bool, DecodeError> {
        let inner = |field| text(&child.inner(field)?, field).map(Some);
        let plain = |field| text(child, field).map(Some);
        if child.tag == Tag::application(1) {
            self.country = inner("country-name")?;
        } else if child.tag == Tag::application(2) {
            self.admd = inner("administration-domain-name")?;
        } else if child.tag == Tag::context(0) {
            self.network_address = plain("network-address")?;
        } else if child.tag == Tag::context(1) {
            self.terminal_identifier = plain("terminal-identifier")?;
        } else if child.tag == Tag::context(2) {
            self.prmd = inner("private-domain-name")?;
        } else if child.tag == Tag::context(3) {
            self.organization = plain("organization-name")?;
        } else if child.tag == Tag::context(4) {
            self.numeric_user_identifier = plain("numeric-user-identifier")?;
        } else if child.tag == Tag::context(5) {
            self.personal_name = Some(PersonalName::read(child)?);
        } else if child.tag == Tag::context(6) {
            let field = "organizational-unit-names";
            self.organizational_units =
                list(child, field, MAX_ATTRIBUTES, |unit| text(&unit, field))?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn read_extensions(&mut self, element: &Element<'_>) -> Result<(), DecodeError> {
        let attributes = list(element, "extension-attributes", MAX_ATTRIBUTES, |attribute| {
            let mut children = attribute.children()?;
            let number = children
                .take(Tag::context(0), "extension-attribute-type")?
                .integer("extension-attribute-type")?;
            let value = children
                .take(Tag::context(1), "extension-attribute-value")?
                .inner("extension-attribute-value")?;
            Ok((number, value))
        })?;
        for (number, value) in attributes {
            let printable = value.tag == Tag::PRINTABLE_STRING;
            if number == COMMON_NAME && printable && self.common_name.is_none() {
                self.common_name = Some(text(&value, "common-name")?);
            } else {
                self.extension_attributes
                    .push(ExtensionAttribute { number, value: Raw::from(value) });
            }
        }
        Ok(())
    }

    fn write_fields(&self, encoder: &mut Encoder) {
        encoder.constructed(Tag::SEQUENCE, |encoder| self.write_standard(encoder));
        self.write_rest(encoder);
    }

    fn write_rest(&self, encoder: &mut Encoder) {
        if !self.domain_defined.is_empty() {
            encoder.constructed(Tag::SEQUENCE, |encoder| {
                for attribute in &self.domain_defined {
                    attribute.write(encoder);
                }
            });
        }
        if self.common_name.is_none() && self.extension_attributes.is_empty() {
            return;
        }
        encoder.constructed(Tag::SET, |encoder| {
            if let Some(name) = &self.common_name {
                write_extension(encoder, COMMON_NAME, |encoder| {
                    encoder.text(Tag::PRINTABLE_STRING, name);
                });
            }
            for attribute in &self.extension_attributes {
                write_extension(encoder, attribute.number, |encoder| {
                    encoder.raw(attribute.value.as_bytes());
                });
            }
        });
    }

    fn write_standard(&self, encoder: &mut Encoder) {
        let choice = |encoder: &mut Encoder, tag, value: &Option<String>| {
            if let Some(value) = value {
                encoder.constructed(tag, |encoder| put_numeric_or_printable(encoder, value));
            }
        };
        let plain = |encoder: &mut Encoder, tag, value: &Option<String>| {
            if let Some(value) = value {
                encoder.text(tag, value);
            }
        };
        choice(encoder, Tag::application(1), &self.country);
        choice(encoder, Tag::application(2), &self.admd);
        plain(encoder, Tag::context(0), &self.network_address);
        plain(encoder, Tag::context(1), &self.terminal_identifier);
        choice(encoder, Tag::context(2), &self.prmd);
        plain(encoder, Tag::context(3), &self.organization);
        plain(encoder, Tag::context(4), &self.numeric_user_identifier);
        if let Some(name) = &self.personal_name {
            name.write(encoder);
        }
        if !self.organizational_units.is_empty() {
            encoder.constructed(Tag::context(6), |encoder| {
                for unit in &self.organizational_units {
                    encoder.text(Tag::PRINTABLE_STRING, unit);
                }
            });
        }
        put_raw(encoder, &self.unknown);
    }

    /// The value of the first domain-defined attribute of this type, of either case.
    #[must_use]
    pub fn domain_defined_value(&self, kind: &str) -> Option<&str> {
        self.domain_defined
            .iter()
            .find(|attribute| attribute.kind.eq_ignore_ascii_case(kind))
            .map(|attribute| attribute.value.as_str())
    }

    /// Which of the four forms of X.402 18.5 the address has.
    #[must_use]
    pub fn form(&self) -> AddressForm {
        let postal = self
            .extension_attributes
            .iter()
            .any(|attribute| POSTAL_ATTRIBUTES.contains(&attribute.number));
        let named = self.organization.is_some()
            || self.personal_name.is_some()
            || self.common_name.is_some();
        if self.numeric_user_identifier.is_some() {
            AddressForm::Numeric
        } else if postal {
            AddressForm::Postal
        } else if self.network_address.is_some() && (self.country.is_none() || !named) {
            AddressForm::Terminal
        } else {
            AddressForm::Mnemonic
        }
    }

    /// The key of the first attribute that is longer than X.411 Annex B allows.
    ///
    /// Whoever makes an address keeps to the bounds; a relay passes over those of others.
    #[must_use]
    pub fn over_bound(&self) -> Option<&'static str> {
        let long = |value: &Option<String>, bound: usize| {
            value.as_ref().is_some_and(|value| value.chars().count() > bound)
        };
        let name = self.personal_name.clone().unwrap_or_default();
        let bounds = [
            ("C", long(&self.country, 3)),
            ("ADMD", long(&self.admd, 16)),
            ("PRMD", long(&self.prmd, 16)),
            ("X121", long(&self.network_address, 16)),
            ("T-ID", long(&self.terminal_identifier, 24)),
            ("O", long(&self.organization, 64)),
            ("N-ID", long(&self.numeric_user_identifier, 32)),
            ("CN", long(&self.common_name, 64)),
            ("S", name.surname.chars().count() > 40),
            ("G", long(&name.given_name, 16)),
            ("I", long(&name.initials, 5)),
            ("GQ", long(&name.generation_qualifier, 3)),
            (
                "OU",
                self.organizational_units.len() > 4
                    || self.organizational_units.iter().any(|unit| unit.chars().count() > 32),
            ),
            (
                "DD",
                self.domain_defined.len() > 4
                    || self.domain_defined.iter().any(|attribute| {
                        attribute.kind.chars().count() > 8 || attribute.value.chars().count() > 128
                    }),
            ),
        ];
        bounds.into_iter().find(|(_, over)| *over).map(|(key, _)| key)
    }

    /// The attributes that compare, most significant first: the key of RFC 2156 in lower case, with the value as
    /// X.402 18.4 compares it: in lower case, runs of spaces made one. A domain-defined attribute is `dd.<type>`, an
    /// extension attribute `x-ext.<number>` with its octets in hex, an unknown one `unknown`.
    #[must_use]
    pub fn attributes(&self) -> Vec<(String, String)> {
        let mut list = Vec::new();
        let mut put = |key: &str, value: &str| list.push((key.to_owned(), folded(value)));
        let attributes = [
            ("c", &self.country),
            ("admd", &self.admd),
            ("prmd", &self.prmd),
            ("x121", &self.network_address),
            ("t-id", &self.terminal_identifier),
            ("o", &self.organization),
            ("n-id", &self.numeric_user_identifier),
            ("cn", &self.common_name),
        ];
        for (key, value) in attributes {
            if let Some(value) = value {
                put(key, value);
            }
        }
        for unit in &self.organizational_units {
            put("ou", unit);
        }
        if let Some(name) = &self.personal_name {
            put("s", &name.surname);
            let parts = [
                ("g", &name.given_name),
                ("i", &name.initials),
                ("gq", &name.generation_qualifier),
            ];
            for (key, value) in parts {
                if let Some(value) = value {
                    put(key, value);
                }
            }
        }
        for attribute in &self.domain_defined {
            put(&format!("dd.{}", folded(&attribute.kind)), &attribute.value);
        }
        // Extension attributes are a SET: their order says nothing.
        let mut extensions: Vec<(i64, String)> = self
            .extension_attributes
            .iter()
            .map(|attribute| (attribute.number, wire::to_hex(attribute.value.as_bytes())))
            .collect();
        extensions.sort_unstable();
        extensions.iter().for_each(|(number, hex)| put(&format!("x-ext.{number}"), hex));
        self.unknown.iter().for_each(|raw| put("unknown", &wire::to_hex(raw.as_bytes())));
        list
    }

    /// A text that is equal for equal addresses and differs for others.
    #[must_use]
    pub fn match_key(&self) -> String {
        let attributes = self.attributes().into_iter();
        attributes.map(|(key, value)| format!("{key}\u{1f}{value}\u{1e}")).collect()
    }
}

fn write_extension(encoder: &mut Encoder, number: i64, value: impl FnOnce(&mut Encoder)) {
    encoder.constructed(Tag::SEQUENCE, |encoder| {
        encoder.integer(Tag::context(0), number);
        encoder.constructed(Tag::context(1), value);
    });
}

/// Lower case, with runs of spaces made one and those at the ends dropped (X.402 18.4).
fn folded(value: &str) -> String {
    let words: Vec<&str> = value.split(' ').filter(|word| !word.is_empty()).collect();
    words.join(" ").to_lowercase()
}

impl PartialEq for OrAddress {
    fn eq(&self, other: &Self) -> bool {
        self.match_key() == other.match_key()
    }
}

impl Eq for OrAddress {}

impl PartialOrd for OrAddress {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for OrAddress {
    fn cmp(&self, other: &Self) -> Ordering {
        self.match_key().cmp(&other.match_key())
    }
}

impl Hash for OrAddress {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.match_key().hash(state);
    }
}

impl PersonalName {
    fn read(element: &Element<'_>) -> Result<Self, DecodeError> {
        let mut name = Self::default();
        read_set(element, |child| {
            let value = text(&child, "personal-name")?;
            if child.tag == Tag::context(0) {
                name.surname = value;
            } else if child.tag == Tag::context(1) {
                name.given_name = Some(value);
            } else if child.tag == Tag::context(2) {
                name.initials = Some(value);
            } else if child.tag == Tag::context(3) {
                name.generation_qualifier = Some(value);
            } else {
                return Ok(false);
            }
            Ok(true)
        })?;
        Ok(name)
    }

    fn write(&self, encoder: &mut Encoder) {
        encoder.constructed(Tag::context(5), |encoder| {
            encoder.text(Tag::context(0), &self.surname);
            let parts = [&self.given_name, &self.initials, &self.generation_qualifier];
            for (number, part) in (1..).zip(parts) {
                if let Some(part) = part {
                    encoder.text(Tag::context(number), part);
                }
            }
        });
    }
}

impl DomainDefinedAttribute {
    fn read(element: &Element<'_>) -> Result<Self, DecodeError> {
        let mut children = element.children()?;
        let kind = text(&children.required("type")?, "domain-defined-attribute type")?;
        let value = text(&children.required("value")?, "domain-defined-attribute value")?;
        Ok(Self { kind, value })
    }

    fn write(&self, encoder: &mut Encoder) {
        encoder.constructed(Tag::SEQUENCE, |encoder| {
            encoder.text(Tag::PRINTABLE_STRING, &self.kind);
            encoder.text(Tag::PRINTABLE_STRING, &self.value);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> OrAddress {
        text.parse().unwrap()
    }

    #[test]
    fn case_spaces_and_numeric_variants_do_not_matter() {
        assert_eq!(address("/C=us/ADMD= /O=A  Firm/"), address("/C=US/ADMD=  /O=a firm /"));
        assert_ne!(address("/C=US/ADMD= /"), address("/C=US/ADMD=X/"));
        assert_ne!(address("/C=US/O=A/OU=B/"), address("/C=US/O=A/OU1=B/OU2=C/"));
        // One 1988 peer sends PRMD 42 as a printable string, another as a numeric one.
        let hex = "6016 3014 6104 13025553 6203 130120 a204 13023432 8001 31";
        let read = OrName::decode(&wire::from_hex(hex).unwrap()).unwrap();
        assert_eq!(read.address, address("/C=US/ADMD= /PRMD=42/X121=1/"));
        let made = OrName::from(read.address);
        assert!(wire::to_hex(&made.encode()).contains("a20412023432"));
    }

    #[test]
    fn unknown_attributes_are_kept() {
        let octets = wire::from_hex("600d 300b 6104 13025553 8903 010203").unwrap();
        let read = OrName::decode(&octets).unwrap();
        assert_eq!(read.address.unknown.len(), 1);
        assert_eq!(read.encode(), octets);
        for end in 0..octets.len() {
            assert!(OrName::decode(&octets[..end]).is_err());
        }
    }

    /// Every attribute that an address can have, each with an octet that no text of its type has, in a string type that the
    /// encoder would not choose, with lengths that it would not write.
    #[test]
    fn every_attribute_is_written_with_the_octets_that_it_was_read_from() {
        let standard = [
            "6180 1302 44e4 0000",    // country-name, indefinite length
            "6203 1301 20",           // administration-domain-name
            "8003 3132e4",            // network-address
            "8103 61e462",            // terminal-identifier
            "a204 1302 3432",         // private-domain-name, digits as PrintableString
            "8381 03 4fe462",         // organization-name, a length that could be shorter
            "a407 0402 4ee4 0401 31", // numeric-user-identifier, constructed
            "a510 8003 53e453 8103 47e447 8201 e4 8301 df", // personal-name
            "a60a 1303 55e455 1303 56f656", // organizational-unit-names
            "8901 ff",                // an attribute that is not known
        ];
        let domain_defined = "300c 300a 1403 4ee44e 1403 56fc56";
        let extensions = [
            "300a 8001 01 a105 1303 43e443",                // common-name
            "300a 8001 02 a105 1403 43e443",                // teletex-common-name
            "3010 8001 04 a10b 3109 8003 53e453 8102 47f6", // teletex-personal-name
            "300a 8001 63 a105 1303 58e458",                // one that is not known
        ];
        let directory_name = "a002 3000";
        let join = |parts: &[&str]| wire::from_hex(&parts.join(" ")).unwrap();
        let inside = |tag: u8, octets: Vec<u8>| {
            let length = u8::try_from(octets.len()).unwrap();
            [vec![tag, 0x81, length], octets].concat()
        };
        let contents = [
            inside(0x30, join(&standard)),
            join(&[domain_defined]),
            inside(0x31, join(&extensions)),
            join(&[directory_name]),
        ]
        .concat();
        let read = OrName::decode(&inside(0x60, contents.clone())).unwrap();
        let address = &read.address;
        assert_eq!(address.organization.as_deref(), Some("O\u{e4}b"));
        assert_eq!(address.common_name.as_deref(), Some("C\u{e4}C"));
        assert_eq!(address.domain_defined[0].value, "V\u{fc}V");
        assert_eq!((address.extension_attributes.len(), address.unknown.len()), (3, 1));
        assert_eq!(read.encode(), inside(0x60, contents));
        let made = OrName::from(address.clone());
        assert_ne!(made.encode(), read.encode(), "the octets do not come from the values");
        // What is changed behind the standard attributes leaves those as they came.
        let mut changed = read.clone();
        let (address, directory_name) = changed.change_rest();
        (address.common_name, *directory_name) = (None, None);
        let octets = changed.encode();
        assert!(wire::to_hex(&octets).contains(&wire::to_hex(&join(&standard))));
        assert!(!wire::to_hex(&octets).contains("130343e443"), "{}", wire::to_hex(&octets));
    }
}
