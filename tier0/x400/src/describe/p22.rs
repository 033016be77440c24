//! Interpersonal messages and notifications, X.420 (IPMSInformationObjects and the modules beside
//! it).

use ber::Tag;

use super::address::{OR_NAME, UNIVERSAL};
use super::extension::{ALGORITHM, SECURITY_LABEL, SIGNATURE, TOKEN};
use super::names::G3_PARAMETERS;
use super::p1::{DELIVERY_FIELDS, ENCODED_INFORMATION_TYPES, MTS_IDENTIFIER, TELETEX_PARAMETERS};
use super::schema::{GENERAL, IA5, Keyed, Known, Names, PRINTABLE, TELETEX, Type, one, opt};
use super::value::{Node, Value};
use super::{file_transfer, p772};

pub(super) static IPM: Type = Type::Sequence(&[one("heading", &HEADING), one("body", &BODY)]);

static HEADING: Type = Type::Set(&[
    one("this-IPM", &IDENTIFIER),
    opt("originator", &OR_DESCRIPTOR).tag(0),
    opt("authorizing-users", &Type::SequenceOf(&OR_DESCRIPTOR)).tag(1),
    opt("primary-recipients", &RECIPIENTS).tag(2),
    opt("copy-recipients", &RECIPIENTS).tag(3),
    opt("blind-copy-recipients", &RECIPIENTS).tag(4),
    opt("replied-to-IPM", &IDENTIFIER).tag(5),
    opt("obsoleted-IPMs", &Type::SequenceOf(&IDENTIFIER)).tag(6),
    opt("related-IPMs", &Type::SequenceOf(&IDENTIFIER)).tag(7),
    opt("subject", &TELETEX).wrap(8),
    opt("expiry-time", &Type::UtcTime).tag(9),
    opt("reply-time", &Type::UtcTime).tag(10),
    opt("reply-recipients", &Type::SequenceOf(&OR_DESCRIPTOR)).tag(11),
    opt("importance", &Type::Enumerated(Names::Row(&["low", "normal", "high"]))).tag(12),
    opt("sensitivity", &SENSITIVITY).tag(13),
    opt("auto-forwarded", &Type::Boolean).tag(14),
    opt("extensions", &EXTENSIONS).tag(15),
]);

static SENSITIVITY: Type =
    Type::Enumerated(Names::Pairs(&[(1, "personal"), (2, "private"), (3, "company-confidential")]));

static IDENTIFIER: Type = Type::Implicit(
    Tag::application(11),
    &Type::Set(&[opt("user", &OR_NAME), one("user-relative-identifier", &PRINTABLE)]),
);

pub(super) static OR_DESCRIPTOR: Type = Type::Set(&[
    opt("formal-name", &OR_NAME),
    opt("free-form-name", &TELETEX).tag(0),
    opt("telephone-number", &PRINTABLE).tag(1),
]);

pub(super) static RECIPIENTS: Type = Type::SequenceOf(&RECIPIENT);

static RECIPIENT: Type = Type::Set(&[
    one("recipient", &OR_DESCRIPTOR).tag(0),
    opt(
        "notification-requests",
        &Type::Bits(&["rn", "nrn", "ipm-return", "an-supported", "suppress-an"]),
    )
    .tag(1),
    opt("reply-requested", &Type::Boolean).tag(2),
    opt("recipient-extensions", &EXTENSIONS).tag(3),
]);

pub(super) static EXTENSIONS: Type = Type::SetOf(&Type::Keyed(&Keyed {
    tag: Tag::SEQUENCE,
    components: &[one("type", &Type::ObjectIdentifier), opt("value", &Type::Any)],
    selector: "type",
    select: extension,
}));

static BODY: Type = Type::SequenceOf(&BODY_PART);

static BODY_PART: Type = Type::Choice(&[one("basic", &BASIC), one("extended", &EXTENDED).tag(15)]);

static BASIC: Type = Type::Choice(&[
    one("ia5-text", &Type::Sequence(&[one("parameters", &IA5_PARAMETERS), one("data", &IA5)]))
        .tag(0),
    one("g3-facsimile", &Type::Sequence(&[one("parameters", &G3_FACSIMILE), one("data", &PAGES)]))
        .tag(3),
    one("g4-class1", &Type::SequenceOf(&Type::Any)).tag(4),
    one(
        "teletex",
        &Type::Sequence(&[one("parameters", &TELETEX_TEXT), one("data", &TELETEX_PAGES)]),
    )
    .tag(5),
    one(
        "videotex",
        &Type::Sequence(&[one("parameters", &VIDEOTEX), one("data", &VIDEOTEX_STRING)]),
    )
    .tag(6),
    one("nationally-defined", &Type::Any).wrap(7),
    one(
        "encrypted",
        &Type::Sequence(&[one("parameters", &ENCRYPTED), one("data", &Type::Bits(&[]))]),
    )
    .tag(8),
    one("message", &Type::Sequence(&[one("parameters", &FORWARDED), one("data", &IPM)])).tag(9),
    one("mixed-mode", &Type::SequenceOf(&Type::Any)).tag(11),
    one("bilaterally-defined", &Type::Octets).tag(14),
]);

static IA5_PARAMETERS: Type =
    Type::Set(&[
        opt("repertoire", &Type::Enumerated(Names::Pairs(&[(2, "ita2"), (5, "ia5")]))).tag(0)
    ]);

static G3_FACSIMILE: Type = Type::Set(&[
    opt("number-of-pages", &Type::Integer).tag(0),
    opt("non-basic-parameters", &G3_PARAMETERS).tag(1),
]);
static PAGES: Type = Type::SequenceOf(&Type::Bits(&[]));

static TELETEX_TEXT: Type = Type::Set(&[
    opt("number-of-pages", &Type::Integer).tag(0),
    opt("telex-compatible", &Type::Boolean).tag(1),
    opt("non-basic-parameters", &TELETEX_PARAMETERS).tag(2),
]);
static TELETEX_PAGES: Type = Type::SequenceOf(&TELETEX);

static VIDEOTEX: Type = Type::Set(&[opt(
    "syntax",
    &Type::Number(Names::Row(&["ids", "data-syntax1", "data-syntax2", "data-syntax3"])),
)
.tag(0)]);
static VIDEOTEX_STRING: Type = Type::Text(Tag::universal(21));

static ENCRYPTED: Type = Type::Set(&[
    one("algorithm-identifier", &ALGORITHM),
    opt("originator-certificates", &Type::SetOf(&Type::Any)),
]);

/// `MessageParameters`.
pub(super) static FORWARDED: Type = Type::Set(&[
    opt("delivery-time", &Type::UtcTime).tag(0),
    opt("delivery-envelope", &DELIVERY_FIELDS).tag(1),
]);

static EXTENDED: Type = Type::Sequence(&[
    opt("parameters", &Type::Keyed(&EXTERNAL)).tag(0),
    one("data", &Type::Keyed(&EXTERNAL)),
]);

pub(super) static EXTERNAL: Keyed = Keyed {
    tag: Tag::EXTERNAL,
    components: &[
        opt("direct-reference", &Type::ObjectIdentifier),
        opt("indirect-reference", &Type::Integer),
        opt("data-value-descriptor", &Type::Text(Tag::universal(7))),
        one(
            "encoding",
            &Type::Choice(&[
                one("single-ASN1-type", &Type::Any).wrap(0),
                one("octet-aligned", &Type::Octets).tag(1),
                one("arbitrary", &Type::Bits(&[])).tag(2),
            ]),
        ),
    ],
    selector: "direct-reference",
    select: body_part,
};

static CHARACTER_SETS: Type = Type::SetOf(&Type::Integer);

static VOICE_PARAMETERS: Type = Type::Sequence(&[
    opt("voice-message-duration", &Type::Integer).tag(0),
    one("voice-encoding-type", &Type::ObjectIdentifier).tag(1),
    opt("supplementary-information", &IA5).tag(2),
]);

/// Documents of ODA, whose elements are kept as they are.
static DOCUMENT: Type = Type::SequenceOf(&Type::Any);

/// `ForwardedContentParameters`.
static FORWARDED_CONTENT: Type = Type::Set(&[
    opt("delivery-time", &Type::UtcTime).tag(0),
    opt("delivery-envelope", &DELIVERY_FIELDS).tag(1),
    opt("mts-identifier", &MTS_IDENTIFIER).tag(2),
    opt("submission-proof", &Type::Any).tag(3),
]);

/// The content of a forwarded message: as X.420 has it in an OCTET STRING, or as some write it, without.
static CONTENT: Type = Type::Choice(&[
    one("content", &Type::Octets),
    one("ipm", &IPM).tag(0),
    one("ipn", &IPN).tag(1),
]);

/// The arcs of `id-et-content` and `id-ep-content`; the content type stands behind them.
const CONTENT_ARC: &str = "2.6.1.4.17.";
const CONTENT_PARAMETERS_ARC: &str = "2.6.1.11.17.";

/// What the object identifier of an extended body part says of its data or parameters.
fn body_part(selector: &Node) -> Option<Known> {
    let Value::ObjectIdentifier(dotted) = &selector.value else { return None };
    if let Some(known) = p772::body_part(dotted) {
        return Some(known);
    }
    if dotted.starts_with(CONTENT_PARAMETERS_ARC) {
        return Some(Known { name: "id-ep-content", of: &FORWARDED_CONTENT, tell: true });
    }
    let (name, of): (_, &'static Type) = match dotted.as_str() {
        "2.6.1.4.0" => ("id-et-ia5-text", &IA5),
        "2.6.1.11.0" => ("id-ep-ia5-text", &IA5_PARAMETERS),
        "2.6.1.4.2" => ("id-et-g3-facsimile", &PAGES),
        "2.6.1.11.2" => ("id-ep-g3-facsimile", &G3_FACSIMILE),
        "2.6.1.4.4" => ("id-et-teletex", &TELETEX_PAGES),
        "2.6.1.11.4" => ("id-ep-teletex", &TELETEX_TEXT),
        "2.6.1.4.5" => ("id-et-videotex", &VIDEOTEX_STRING),
        "2.6.1.11.5" => ("id-ep-videotex", &VIDEOTEX),
        "2.6.1.4.6" => ("id-et-encrypted", &Type::Bits(&[])),
        "2.6.1.11.6" => ("id-ep-encrypted", &ENCRYPTED),
        "2.6.1.4.3" => ("id-et-g4-class1", &DOCUMENT),
        "2.6.1.4.8" => ("id-et-mixed-mode", &DOCUMENT),
        "2.6.1.4.10" => ("id-et-nationally-defined", &Type::Any),
        "2.6.1.4.16" => ("id-et-voice", &Type::Octets),
        "2.6.1.11.16" => ("id-ep-voice", &VOICE_PARAMETERS),
        // Forwarded reports and what PKCS #7 signed or enveloped: kept as they are.
        "2.6.1.4.14" => ("id-et-report", &Type::Any),
        "2.6.1.4.18" => ("id-et-pkcs7", &Type::Any),
        "2.6.1.4.7" => ("id-et-message", &IPM),
        "2.6.1.11.7" => ("id-ep-message", &FORWARDED),
        "2.6.1.4.9" => ("id-et-bilaterally-defined", &Type::Octets),
        "2.6.1.4.11" => ("id-et-general-text", &GENERAL),
        "2.6.1.11.11" => ("id-ep-general-text", &CHARACTER_SETS),
        "2.6.1.4.12" => ("id-et-file-transfer", &file_transfer::DATA),
        "2.6.1.11.12" => ("id-ep-file-transfer", &file_transfer::PARAMETERS),
        "2.6.1.4.15" => ("id-et-notification", &IPN),
        "2.6.1.11.15" => ("id-ep-notification", &FORWARDED),
        "2.6.1.4.17.2.6.1.10.1" => ("id-et-content-p22", &CONTENT),
        "2.6.1.4.17.2.6.1.10.0" => ("id-et-content-p2", &CONTENT),
        _ if dotted.starts_with(CONTENT_ARC) => ("id-et-content", &Type::Any),
        _ => return None,
    };
    Some(Known { name, of, tell: true })
}

pub(super) static IPN: Type = Type::Set(&[
    one("subject-ipm", &IDENTIFIER),
    opt("ipn-originator", &OR_DESCRIPTOR).tag(1),
    opt("ipm-intended-recipient", &OR_DESCRIPTOR).tag(2),
    opt("conversion-eits", &ENCODED_INFORMATION_TYPES),
    opt("notification-extensions", &EXTENSIONS).tag(3),
    one("choice", &OUTCOME).wrap(0),
]);

static OUTCOME: Type = Type::Choice(&[
    one(
        "non-receipt-fields",
        &Type::Set(&[
            one(
                "non-receipt-reason",
                &Type::Enumerated(Names::Row(&["ipm-discarded", "ipm-auto-forwarded"])),
            )
            .tag(0),
            opt("discard-reason", &DISCARD_REASON).tag(1),
            opt("auto-forward-comment", &PRINTABLE).tag(2),
            opt("returned-ipm", &IPM).tag(3),
            opt("nrn-extensions", &EXTENSIONS).tag(4),
        ]),
    )
    .tag(0),
    one(
        "receipt-fields",
        &Type::Set(&[
            one("receipt-time", &Type::UtcTime).tag(0),
            opt("acknowledgment-mode", &Type::Enumerated(Names::Row(&["manual", "automatic"])))
                .tag(1),
            opt("suppl-receipt-info", &PRINTABLE).tag(2),
            opt("rn-extensions", &EXTENSIONS).tag(3),
        ]),
    )
    .tag(1),
    one("other-notification-type-fields", &EXTENSIONS).tag(2),
]);

static DISCARD_REASON: Type = Type::Enumerated(Names::Row(&[
    "ipm-expired",
    "ipm-obsoleted",
    "user-subscription-terminated",
    "not-used",
]));

static DISTRIBUTION_CODES: Type = Type::SequenceOf(&Type::Sequence(&[
    opt("oid-code", &Type::ObjectIdentifier),
    opt("alphanumeric-code", &UNIVERSAL),
    opt("or-descriptor", &OR_DESCRIPTOR).tag(0),
]));

static IPM_LABEL: Type = Type::Sequence(&[
    one("content-security-label", &SECURITY_LABEL).tag(0),
    opt("heading-security-label", &SECURITY_LABEL).tag(1),
    opt(
        "body-part-security-labels",
        &Type::SequenceOf(&Type::Choice(&[
            one("body-part-unlabelled", &Type::Null).tag(0),
            one("body-part-security-label", &SECURITY_LABEL).tag(1),
        ])),
    )
    .tag(2),
]);

static CIRCULATION: Type = Type::SequenceOf(&Type::Set(&[
    one("circulation-recipient", &RECIPIENT),
    opt("checked", &CHECKMARK),
]));

static CHECKMARK: Type = Type::Choice(&[
    one("simple", &Type::Null),
    one("timestamped", &Type::GeneralizedTime),
    one(
        "signed",
        &Type::Sequence(&[
            one(
                "circulation-signature-data",
                &Type::Sequence(&[
                    one("algorithm-identifier", &ALGORITHM),
                    one("this-IPM", &IDENTIFIER),
                    one("timestamp", &Type::GeneralizedTime),
                ]),
            ),
            one("algorithm-identifier", &ALGORITHM),
            one("encrypted", &Type::Bits(&[])),
        ]),
    ),
]);

static BODY_PART_SIGNATURES: Type = Type::SetOf(&Type::Set(&[
    one("body-part-number", &Type::Integer),
    one("body-part-signature", &SIGNATURE),
    // Certificates and what selects them: kept as they are.
    opt("originator-certificate-selector", &Type::Any).tag(1),
    opt("originator-certificates", &Type::Any).tag(0),
]));

static SECURITY_REQUEST: Type =
    Type::Bits(&["content-non-repudiation", "content-proof", "ipn-non-repudiation", "ipn-proof"]);

static SECURITY_RESPONSE: Type = Type::Set(&[
    one(
        "content-or-arguments",
        &Type::Choice(&[
            one("original-content", &Type::Octets),
            one(
                "original-security-arguments",
                &Type::Set(&[
                    opt("original-content-integrity-check", &SIGNATURE).tag(0),
                    opt("original-message-origin-authentication-check", &SIGNATURE).tag(1),
                    opt("original-message-token", &TOKEN).tag(2),
                ]),
            ),
        ]),
    ),
    opt("security-diagnostic-code", &Type::Integer),
]);

static LANGUAGES: Type = Type::SetOf(&PRINTABLE);
static INSTRUCTIONS: Type = Type::SequenceOf(&UNIVERSAL);

static ABSENCE: Type =
    Type::Sequence(&[opt("advice", &BODY_PART), opt("next-available", &Type::UtcTime)]);

static CHANGE_OF_ADDRESS: Type = Type::Sequence(&[
    one("new-address", &OR_DESCRIPTOR).tag(0),
    opt("effective-from", &Type::UtcTime).tag(1),
]);

static CATEGORIES: Type = Type::SequenceOf(&Type::Sequence(&[
    opt("reference", &Type::ObjectIdentifier).tag(0),
    opt("description", &UNIVERSAL).tag(1),
]));

/// `RFC822FieldList` (RFC 2156 Appendix): each field on a line.
static RFC_822_FIELDS: Type = Type::SequenceOf(&IA5);

/// What the identifier of a heading, recipient or notification extension says of its value.
fn extension(selector: &Node) -> Option<Known> {
    let Value::ObjectIdentifier(dotted) = &selector.value else { return None };
    if let Some(known) = p772::extension(dotted) {
        return Some(known);
    }
    let (name, of): (_, &'static Type) = match dotted.as_str() {
        "2.6.1.5.0" => ("incomplete-copy", &Type::Null),
        "2.6.1.5.1" => ("languages", &LANGUAGES),
        "2.6.1.5.2" => (
            "auto-submitted",
            &Type::Enumerated(Names::Row(&[
                "not-auto-submitted",
                "auto-generated",
                "auto-replied",
            ])),
        ),
        "2.6.1.5.3" => ("body-part-signatures", &BODY_PART_SIGNATURES),
        "2.6.1.5.4" => ("ipm-security-label", &IPM_LABEL),
        "2.6.1.5.5" => ("authorization-time", &Type::GeneralizedTime),
        "2.6.1.5.6" => ("circulation-list-recipients", &CIRCULATION),
        "2.6.1.5.7" => ("distribution-codes", &DISTRIBUTION_CODES),
        "2.6.1.5.8" => ("extended-subject", &UNIVERSAL),
        "2.6.1.5.9" => ("information-category", &CATEGORIES),
        "2.6.1.5.10" => ("manual-handling-instructions", &INSTRUCTIONS),
        "2.6.1.5.11" => ("originators-reference", &UNIVERSAL),
        "2.6.1.5.12" => ("precedence-policy-identifier", &Type::ObjectIdentifier),
        "2.6.1.20.0" => ("circulation-list-indicator", &Type::Null),
        "2.6.1.20.1" => ("precedence", &Type::Integer),
        "2.6.1.18.0" => ("recipient-security-request", &SECURITY_REQUEST),
        "2.6.1.18.1" => ("ipn-security-response", &SECURITY_RESPONSE),
        "2.6.1.19.0" => ("absence-advice", &ABSENCE),
        "2.6.1.19.1" => ("change-of-address-advice", &CHANGE_OF_ADDRESS),
        "1.3.6.1.7.1.3.2" => ("rfc-822-field-list", &RFC_822_FIELDS),
        _ => return None,
    };
    Some(Known { name, of, tell: true })
}
