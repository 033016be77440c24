//! Extension fields and security elements, X.411 figure 2 (MTSAbstractService, "Extension Fields").

use ber::Tag;

use super::address::{GLOBAL_DOMAIN, NAME, OR_ADDRESS, OR_NAME};
use super::names;
use super::p1::{INTERNAL_TRACE, TRACE};
use super::p22::RECIPIENTS;
use super::schema::{IA5, Keyed, Known, Names, PRINTABLE, TELETEX, Type, one, opt};
use super::value::{Node, Value};
use crate::standard;

pub(super) static EXTENSIONS: Type = Type::SetOf(&Type::Keyed(&Keyed {
    tag: Tag::SEQUENCE,
    components: &[
        one(
            "type",
            &Type::Choice(&[
                one("standard-extension", &names::STANDARD_EXTENSION).tag(0),
                one("private-extension", &Type::ObjectIdentifier).tag(3),
            ]),
        ),
        opt("criticality", &names::CRITICALITY).tag(1),
        opt("value", &Type::Any).wrap(2),
    ],
    selector: "type",
    select: extension,
}));

pub(super) static SECURITY_LABEL: Type = Type::Set(&[
    opt("security-policy-identifier", &Type::ObjectIdentifier),
    opt("security-classification", &names::CLASSIFICATION),
    opt("privacy-mark", &PRINTABLE),
    opt(
        "security-categories",
        &Type::SetOf(&Type::Sequence(&[
            one("type", &Type::ObjectIdentifier).tag(0),
            one("value", &Type::Any).wrap(1),
        ])),
    ),
]);

pub(super) static ALGORITHM: Type =
    Type::Sequence(&[one("algorithm", &Type::ObjectIdentifier), opt("parameters", &Type::Any)]);

pub(super) static TOKEN: Type = Type::Sequence(&[
    one("token-type-identifier", &Type::ObjectIdentifier).tag(0),
    one("token", &Type::Any).wrap(1),
]);

pub(super) static SIGNATURE: Type =
    Type::Sequence(&[one("algorithmIdentifier", &ALGORITHM), one("encrypted", &Type::Bits(&[]))]);

static EXEMPTED: Type = Type::SetOf(&OR_NAME);

static HISTORY: Type = Type::SequenceOf(&Type::Sequence(&[
    one(
        "intended-recipient-name",
        &Type::Sequence(&[
            one("intended-recipient", &OR_NAME),
            one("redirection-time", &Type::UtcTime),
        ]),
    ),
    one(
        "redirection-reason",
        &Type::Enumerated(Names::Row(&[
            "recipient-assigned-alternate-recipient",
            "originator-requested-alternate-recipient",
            "recipient-MD-assigned-alternate-recipient",
            "directory-look-up",
            "alias",
        ])),
    ),
]));

static DL_HISTORY: Type = Type::SequenceOf(&Type::Sequence(&[
    one("dl", &OR_NAME),
    one("dl-expansion-time", &Type::UtcTime),
]));

static ORIGINATOR_HISTORY: Type = Type::SequenceOf(&Type::Sequence(&[
    one("originator-or-dl-name", &OR_NAME),
    one("origination-or-expansion-time", &Type::UtcTime),
]));

static REPORTING_MTA: Type = Type::Sequence(&[
    one("domain", &GLOBAL_DOMAIN),
    one("mta-name", &IA5),
    opt("mta-directory-name", &NAME).wrap(0),
]);

static CORRELATOR: Type = Type::Choice(&[one("ia5text", &IA5), one("octets", &Type::Octets)]);

static DELIVERY_METHODS: Type = Type::SequenceOf(&Type::Number(Names::Row(&[
    "any-delivery-method",
    "mhs-delivery",
    "physical-delivery",
    "telex-delivery",
    "teletex-delivery",
    "g3-facsimile-delivery",
    "g4-facsimile-delivery",
    "ia5-terminal-delivery",
    "videotex-delivery",
    "telephone-delivery",
])));

static DELIVERY_MODES: Type = Type::Bits(&[
    "ordinary-mail",
    "special-delivery",
    "express-mail",
    "counter-collection",
    "counter-collection-with-telephone-advice",
    "counter-collection-with-telex-advice",
    "counter-collection-with-teletex-advice",
    "bureau-fax-delivery",
]);

static REGISTERED_MAIL: Type = Type::Number(Names::Row(&[
    "non-registered-mail",
    "registered-mail",
    "registered-mail-to-addressee-in-person",
]));

static PHYSICAL_REPORT: Type = Type::Number(Names::Row(&[
    "return-of-undeliverable-mail-by-PDS",
    "return-of-notification-by-PDS",
    "return-of-notification-by-MHS",
    "return-of-notification-by-MHS-and-PDS",
]));

/// The two values of an extension that allows or prohibits, asks or does not.
macro_rules! pair {
    ($no:literal, $yes:literal) => {
        &Type::Enumerated(Names::Row(&[$no, $yes]))
    };
}

/// What the identifier of an extension says of its value.
fn extension(selector: &Node) -> Option<Known> {
    let number = match selector.member("standard-extension")?.value {
        Value::Enumerated { value, .. } => value,
        _ => return None,
    };
    let of: &'static Type = match number {
        1 => pair!("recipient-reassignment-allowed", "recipient-reassignment-prohibited"),
        2 | 27 | 31 => &OR_NAME,
        3 => pair!("dl-expansion-allowed", "dl-expansion-prohibited"),
        4 => pair!("conversion-with-loss-allowed", "conversion-with-loss-prohibited"),
        5 => &Type::UtcTime,
        6 => &DELIVERY_METHODS,
        7 => pair!("physical-forwarding-allowed", "physical-forwarding-prohibited"),
        8 => pair!(
            "physical-forwarding-address-not-requested",
            "physical-forwarding-address-requested"
        ),
        9 => &DELIVERY_MODES,
        10 => &REGISTERED_MAIL,
        11 => &TELETEX,
        12 => &Type::ObjectIdentifier,
        13 => &OR_ADDRESS,
        14 => &PHYSICAL_REPORT,
        16 => &TOKEN,
        17 => &ALGORITHM,
        18 | 19 | 24 | 29 | 33 | 35 => &SIGNATURE,
        20 => &SECURITY_LABEL,
        21 => pair!("proof-of-submission-not-requested", "proof-of-submission-requested"),
        22 => pair!("proof-of-delivery-not-requested", "proof-of-delivery-requested"),
        23 => &CORRELATOR,
        25 => &HISTORY,
        26 => &DL_HISTORY,
        30 => &ORIGINATOR_HISTORY,
        37 => &TRACE,
        38 => &INTERNAL_TRACE,
        39 => &REPORTING_MTA,
        41 => &RECIPIENTS,
        42 => &EXEMPTED,
        // Certificates and what names them: kept as they are.
        _ => return None,
    };
    Some(Known { name: standard::name(number)?, of, tell: false })
}
