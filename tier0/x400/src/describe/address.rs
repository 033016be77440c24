//! O/R names and addresses, X.411 figure 2 (MTSAbstractService, "OR Names").

use ber::Tag;

use super::names;
use super::schema::{Keyed, Known, NUMERIC, PRINTABLE, TELETEX, Type, one, opt};
use super::value::{Node, Value};

/// `ORName`, the directory name included.
pub(super) static OR_NAME: Type = Type::Implicit(
    Tag::application(0),
    &Type::Sequence(&[
        one("built-in-standard-attributes", &STANDARD_ATTRIBUTES),
        opt("built-in-domain-defined-attributes", &DOMAIN_DEFINED),
        opt("extension-attributes", &EXTENSION_ATTRIBUTES),
        opt("directory-name", &NAME).wrap(0),
    ]),
);

pub(super) static OR_ADDRESS: Type = Type::Sequence(&[
    one("built-in-standard-attributes", &STANDARD_ATTRIBUTES),
    opt("built-in-domain-defined-attributes", &DOMAIN_DEFINED),
    opt("extension-attributes", &EXTENSION_ATTRIBUTES),
]);

pub(super) static COUNTRY_NAME: Type = Type::Explicit(Tag::application(1), &COUNTRY);
pub(super) static ADMINISTRATION_DOMAIN: Type = Type::Explicit(Tag::application(2), &DOMAIN);

/// `PrivateDomainIdentifier` and what has the same form.
pub(super) static DOMAIN: Type =
    Type::Choice(&[one("numeric", &NUMERIC), one("printable", &PRINTABLE)]);

pub(super) static GLOBAL_DOMAIN: Type = Type::Implicit(
    Tag::application(3),
    &Type::Sequence(&[
        one("country-name", &COUNTRY_NAME),
        one("administration-domain-name", &ADMINISTRATION_DOMAIN),
        opt("private-domain-identifier", &DOMAIN),
    ]),
);

/// `Name` of X.501.
pub(super) static NAME: Type = Type::Choice(&[one(
    "rdnSequence",
    &Type::SequenceOf(&Type::SetOf(&Type::Keyed(&Keyed {
        tag: Tag::SEQUENCE,
        components: &[one("type", &Type::ObjectIdentifier), one("value", &Type::Any)],
        selector: "type",
        select: attribute,
    }))),
)]);

static COUNTRY: Type =
    Type::Choice(&[one("x121-dcc-code", &NUMERIC), one("iso-3166-alpha2-code", &PRINTABLE)]);

static STANDARD_ATTRIBUTES: Type = Type::Sequence(&[
    opt("country-name", &COUNTRY_NAME),
    opt("administration-domain-name", &ADMINISTRATION_DOMAIN),
    opt("network-address", &NUMERIC).tag(0),
    opt("terminal-identifier", &PRINTABLE).tag(1),
    opt("private-domain-name", &DOMAIN).wrap(2),
    opt("organization-name", &PRINTABLE).tag(3),
    opt("numeric-user-identifier", &NUMERIC).tag(4),
    opt("personal-name", &PERSONAL_NAME).tag(5),
    opt("organizational-unit-names", &Type::SequenceOf(&PRINTABLE)).tag(6),
]);

static PERSONAL_NAME: Type = Type::Set(&[
    one("surname", &PRINTABLE).tag(0),
    opt("given-name", &PRINTABLE).tag(1),
    opt("initials", &PRINTABLE).tag(2),
    opt("generation-qualifier", &PRINTABLE).tag(3),
]);

static TELETEX_PERSONAL_NAME: Type = Type::Set(&[
    one("surname", &TELETEX).tag(0),
    opt("given-name", &TELETEX).tag(1),
    opt("initials", &TELETEX).tag(2),
    opt("generation-qualifier", &TELETEX).tag(3),
]);

static UNIVERSAL_PERSONAL_NAME: Type = Type::Set(&[
    one("surname", &UNIVERSAL).tag(0),
    opt("given-name", &UNIVERSAL).tag(1),
    opt("initials", &UNIVERSAL).tag(2),
    opt("generation-qualifier", &UNIVERSAL).tag(3),
]);

static TELETEX_UNITS: Type = Type::SequenceOf(&TELETEX);
static UNIVERSAL_UNITS: Type = Type::SequenceOf(&UNIVERSAL);

static DOMAIN_DEFINED: Type =
    Type::SequenceOf(&Type::Sequence(&[one("type", &PRINTABLE), one("value", &PRINTABLE)]));
static TELETEX_DOMAIN_DEFINED: Type =
    Type::SequenceOf(&Type::Sequence(&[one("type", &TELETEX), one("value", &TELETEX)]));
static UNIVERSAL_DOMAIN_DEFINED: Type =
    Type::SequenceOf(&Type::Sequence(&[one("type", &UNIVERSAL), one("value", &UNIVERSAL)]));

/// `UniversalOrBMPString`.
pub(super) static UNIVERSAL: Type = Type::Set(&[
    one(
        "character-encoding",
        &Type::Choice(&[
            one("two-octets", &Type::Text(Tag::BMP_STRING)),
            one("four-octets", &Type::Text(Tag::UNIVERSAL_STRING)),
        ]),
    ),
    opt("iso-639-language-code", &PRINTABLE),
]);

static PDS_PARAMETER: Type =
    Type::Set(&[opt("printable-string", &PRINTABLE), opt("teletex-string", &TELETEX)]);

static UNFORMATTED: Type = Type::Set(&[
    opt("printable-address", &Type::SequenceOf(&PRINTABLE)),
    opt("teletex-string", &TELETEX),
]);

static POSTAL_CODE: Type =
    Type::Choice(&[one("numeric-code", &NUMERIC), one("printable-code", &PRINTABLE)]);

static NETWORK_ADDRESS: Type = Type::Choice(&[
    one(
        "e163-4-address",
        &Type::Sequence(&[one("number", &NUMERIC).tag(0), opt("sub-address", &NUMERIC).tag(1)]),
    ),
    one("psap-address", &PRESENTATION_ADDRESS).tag(0),
]);

/// `PresentationAddress` of X.520.
static PRESENTATION_ADDRESS: Type = Type::Sequence(&[
    opt("pSelector", &Type::Octets).wrap(0),
    opt("sSelector", &Type::Octets).wrap(1),
    opt("tSelector", &Type::Octets).wrap(2),
    one("nAddresses", &Type::SetOf(&Type::Octets)).wrap(3),
]);

static TERMINAL_TYPE: Type = Type::Number(super::schema::Names::Pairs(&[
    (3, "telex"),
    (4, "teletex"),
    (5, "g3-facsimile"),
    (6, "g4-facsimile"),
    (7, "ia5-terminal"),
    (8, "videotex"),
]));

static EXTENSION_ATTRIBUTES: Type = Type::SetOf(&Type::Keyed(&Keyed {
    tag: Tag::SEQUENCE,
    components: &[
        one("extension-attribute-type", &names::EXTENSION_ATTRIBUTE).tag(0),
        one("extension-attribute-value", &Type::Any).wrap(1),
    ],
    selector: "extension-attribute-type",
    select: extension_attribute,
}));

fn extension_attribute(selector: &Node) -> Option<Known> {
    let Value::Enumerated { name: Some(name), value } = selector.value else { return None };
    let of = match value {
        1 | 7 => &PRINTABLE,
        2 | 3 => &TELETEX,
        4 => &TELETEX_PERSONAL_NAME,
        5 => &TELETEX_UNITS,
        6 => &TELETEX_DOMAIN_DEFINED,
        8 => &COUNTRY,
        9 => &POSTAL_CODE,
        16 => &UNFORMATTED,
        10..=15 | 17..=21 => &PDS_PARAMETER,
        22 => &NETWORK_ADDRESS,
        23 => &TERMINAL_TYPE,
        26 => &UNIVERSAL_PERSONAL_NAME,
        27 => &UNIVERSAL_UNITS,
        28 => &UNIVERSAL_DOMAIN_DEFINED,
        24 | 25 | 29..=40 => &UNIVERSAL,
        _ => return None,
    };
    Some(Known { name, of, tell: false })
}

/// The attributes that names are made of, X.520.
fn attribute(selector: &Node) -> Option<Known> {
    static DIRECTORY_STRING: Type = Type::Choice(&[
        one("printableString", &PRINTABLE),
        one("teletexString", &TELETEX),
        one("universalString", &Type::Text(Tag::UNIVERSAL_STRING)),
        one("bmpString", &Type::Text(Tag::BMP_STRING)),
        one("uTF8String", &Type::Text(Tag::UTF8_STRING)),
    ]);
    let Value::ObjectIdentifier(dotted) = &selector.value else { return None };
    let (name, of): (_, &Type) = match dotted.as_str() {
        "2.5.4.3" => ("commonName", &DIRECTORY_STRING),
        "2.5.4.4" => ("surname", &DIRECTORY_STRING),
        "2.5.4.6" => ("countryName", &PRINTABLE),
        "2.5.4.7" => ("localityName", &DIRECTORY_STRING),
        "2.5.4.8" => ("stateOrProvinceName", &DIRECTORY_STRING),
        "2.5.4.10" => ("organizationName", &DIRECTORY_STRING),
        "2.5.4.11" => ("organizationalUnitName", &DIRECTORY_STRING),
        _ => return None,
    };
    Some(Known { name, of, tell: true })
}
