//! What MTAs exchange: envelopes, reports and binds, X.411 figure 4 (MTAAbstractService).

use ber::Tag;

use super::address::{ADMINISTRATION_DOMAIN, COUNTRY_NAME, DOMAIN, GLOBAL_DOMAIN, OR_NAME};
use super::extension::{ALGORITHM, EXTENSIONS, SECURITY_LABEL, TOKEN};
use super::names;
use super::schema::{IA5, PRINTABLE, TELETEX, Type, one, opt};

pub(super) static MESSAGE: Type =
    Type::Sequence(&[one("envelope", &MESSAGE_ENVELOPE), one("content", &Type::Octets)]);

static MESSAGE_ENVELOPE: Type = Type::Set(&[
    one("message-identifier", &MTS_IDENTIFIER),
    one("originator-name", &OR_NAME),
    opt("original-encoded-information-types", &ENCODED_INFORMATION_TYPES),
    one("content-type", &CONTENT_TYPE),
    opt("content-identifier", &CONTENT_IDENTIFIER),
    opt("priority", &PRIORITY),
    opt("per-message-indicators", &PER_MESSAGE_INDICATORS),
    opt("deferred-delivery-time", &Type::UtcTime).tag(0),
    opt("per-domain-bilateral-information", &Type::SequenceOf(&BILATERAL)).tag(1),
    one("trace-information", &TRACE),
    opt("extensions", &EXTENSIONS).tag(3),
    one("per-recipient-fields", &Type::SequenceOf(&RECIPIENT)).tag(2),
]);

pub(super) static PROBE: Type = Type::Set(&[
    one("probe-identifier", &MTS_IDENTIFIER),
    one("originator-name", &OR_NAME),
    opt("original-encoded-information-types", &ENCODED_INFORMATION_TYPES),
    one("content-type", &CONTENT_TYPE),
    opt("content-identifier", &CONTENT_IDENTIFIER),
    opt("content-length", &Type::Integer).tag(0),
    opt("per-message-indicators", &PER_MESSAGE_INDICATORS),
    opt("per-domain-bilateral-information", &Type::SequenceOf(&BILATERAL)).tag(1),
    one("trace-information", &TRACE),
    opt("extensions", &EXTENSIONS).tag(3),
    one("per-recipient-fields", &Type::SequenceOf(&RECIPIENT)).tag(2),
]);

/// Of messages and probes alike.
static RECIPIENT: Type = Type::Set(&[
    one("recipient-name", &OR_NAME),
    one("originally-specified-recipient-number", &Type::Integer).tag(0),
    one("per-recipient-indicators", &names::PER_RECIPIENT_INDICATORS).tag(1),
    opt("explicit-conversion", &names::EXPLICIT_CONVERSION).tag(2),
    opt("extensions", &EXTENSIONS).tag(3),
]);

pub(super) static REPORT: Type =
    Type::Sequence(&[one("envelope", &REPORT_ENVELOPE), one("content", &REPORT_CONTENT)]);

static REPORT_ENVELOPE: Type = Type::Set(&[
    one("report-identifier", &MTS_IDENTIFIER),
    one("report-destination-name", &OR_NAME),
    one("trace-information", &TRACE),
    opt("extensions", &EXTENSIONS).tag(1),
]);

static REPORT_CONTENT: Type = Type::Set(&[
    one("subject-identifier", &MTS_IDENTIFIER),
    opt("subject-intermediate-trace-information", &TRACE),
    opt("original-encoded-information-types", &ENCODED_INFORMATION_TYPES),
    opt("content-type", &CONTENT_TYPE),
    opt("content-identifier", &CONTENT_IDENTIFIER),
    opt("returned-content", &Type::Octets).tag(1),
    opt("additional-information", &Type::Any).wrap(2),
    opt("extensions", &EXTENSIONS).tag(3),
    one("per-recipient-fields", &Type::SequenceOf(&REPORT_RECIPIENT)).tag(0),
]);

static REPORT_RECIPIENT: Type = Type::Set(&[
    one("actual-recipient-name", &OR_NAME).tag(0),
    one("originally-specified-recipient-number", &Type::Integer).tag(1),
    one("per-recipient-indicators", &names::PER_RECIPIENT_INDICATORS).tag(2),
    one("last-trace-information", &LAST_TRACE).tag(3),
    opt("originally-intended-recipient-name", &OR_NAME).tag(4),
    opt("supplementary-information", &PRINTABLE).tag(5),
    opt("extensions", &EXTENSIONS).tag(6),
]);

static LAST_TRACE: Type = Type::Set(&[
    one("arrival-time", &Type::UtcTime).tag(0),
    opt("converted-encoded-information-types", &ENCODED_INFORMATION_TYPES),
    one("report-type", &REPORT_TYPE).wrap(1),
]);

static REPORT_TYPE: Type = Type::Choice(&[
    one(
        "delivery",
        &Type::Set(&[
            one("message-delivery-time", &Type::UtcTime).tag(0),
            opt("type-of-MTS-user", &names::USER_TYPE).tag(1),
        ]),
    )
    .tag(0),
    one(
        "non-delivery",
        &Type::Set(&[
            one("non-delivery-reason-code", &names::REASON).tag(0),
            opt("non-delivery-diagnostic-code", &names::DIAGNOSTIC).tag(1),
        ]),
    )
    .tag(1),
]);

pub(super) static MTS_IDENTIFIER: Type = Type::Implicit(
    Tag::application(4),
    &Type::Sequence(&[
        one("global-domain-identifier", &GLOBAL_DOMAIN),
        one("local-identifier", &IA5),
    ]),
);

pub(super) static ENCODED_INFORMATION_TYPES: Type = Type::Implicit(
    Tag::application(5),
    &Type::Set(&[
        one("built-in-encoded-information-types", &Type::Bits(names::EITS)).tag(0),
        opt("g3-facsimile", &names::G3_PARAMETERS).tag(1),
        opt("teletex", &TELETEX_PARAMETERS).tag(2),
        opt("extended-encoded-information-types", &Type::SetOf(&Type::ObjectIdentifier)).tag(4),
    ]),
);

/// `TeletexNonBasicParameters`.
pub(super) static TELETEX_PARAMETERS: Type = Type::Set(&[
    opt("graphic-character-sets", &TELETEX).tag(0),
    opt("control-character-sets", &TELETEX).tag(1),
    opt("page-formats", &Type::Octets).tag(2),
    opt("miscellaneous-terminal-capabilities", &TELETEX).tag(3),
    opt("private-use", &Type::Octets).tag(4),
]);

static CONTENT_TYPE: Type = Type::Choice(&[
    one("built-in", &BUILT_IN_CONTENT_TYPE),
    one("extended", &Type::ObjectIdentifier),
]);
pub(super) static BUILT_IN_CONTENT_TYPE: Type =
    Type::Implicit(Tag::application(6), &names::BUILT_IN_CONTENT_TYPE);
pub(super) static CONTENT_IDENTIFIER: Type = Type::Implicit(Tag::application(10), &PRINTABLE);
pub(super) static PRIORITY: Type = Type::Implicit(Tag::application(7), &names::PRIORITY);
static PER_MESSAGE_INDICATORS: Type =
    Type::Implicit(Tag::application(8), &names::PER_MESSAGE_INDICATORS);

static BILATERAL: Type = Type::Sequence(&[
    one("country-name", &COUNTRY_NAME),
    one(
        "domain",
        &Type::Choice(&[
            one("administration-domain-name", &ADMINISTRATION_DOMAIN),
            one(
                "private-domain",
                &Type::Sequence(&[
                    // [0] replaces the application tag and wraps the CHOICE.
                    one("administration-domain-name", &ADMINISTRATION_DOMAIN).tag(0),
                    one("private-domain-identifier", &DOMAIN).wrap(1),
                ]),
            ),
        ]),
    ),
    one("bilateral-information", &Type::Any),
]);

pub(super) static TRACE: Type = Type::Implicit(
    Tag::application(9),
    &Type::SequenceOf(&Type::Sequence(&[
        one("global-domain-identifier", &GLOBAL_DOMAIN),
        one(
            "domain-supplied-information",
            &Type::Set(&[
                one("arrival-time", &Type::UtcTime).tag(0),
                one("routing-action", &names::ROUTING_ACTION).tag(2),
                opt("attempted-domain", &GLOBAL_DOMAIN),
                opt("deferred-time", &Type::UtcTime).tag(1),
                opt("converted-encoded-information-types", &ENCODED_INFORMATION_TYPES),
                opt("other-actions", &names::OTHER_ACTIONS).tag(3),
            ]),
        ),
    ])),
);

pub(super) static INTERNAL_TRACE: Type = Type::SequenceOf(&Type::Sequence(&[
    one("global-domain-identifier", &GLOBAL_DOMAIN),
    one("mta-name", &IA5),
    one(
        "mta-supplied-information",
        &Type::Set(&[
            one("arrival-time", &Type::UtcTime).tag(0),
            one("routing-action", &names::ROUTING_ACTION).tag(2),
            opt("attempted", &Type::Choice(&[one("mta", &IA5), one("domain", &GLOBAL_DOMAIN)])),
            opt("deferred-time", &Type::UtcTime).tag(1),
            opt("converted-encoded-information-types", &ENCODED_INFORMATION_TYPES),
            opt("other-actions", &names::OTHER_ACTIONS).tag(3),
        ]),
    ),
]));

pub(super) static BIND_ARGUMENT: Type = Type::Choice(&[
    one("unauthenticated", &Type::Null),
    one(
        "authenticated",
        &Type::Set(&[
            one("initiator-name", &IA5).tag(0),
            one("initiator-credentials", &CREDENTIALS).wrap(1),
            opt("security-context", &Type::SetOf(&SECURITY_LABEL)).tag(2),
        ]),
    )
    .tag(1),
]);

pub(super) static BIND_RESULT: Type = Type::Choice(&[
    one("unauthenticated", &Type::Null),
    one(
        "authenticated",
        &Type::Set(&[
            one("responder-name", &IA5).tag(0),
            one("responder-credentials", &CREDENTIALS).wrap(1),
        ]),
    )
    .tag(1),
]);

pub(super) static BIND_ERROR: Type = Type::Choice(&[one("mta-bind-error", &names::BIND_ERROR)]);

static CREDENTIALS: Type = Type::Choice(&[
    one(
        "simple",
        &Type::Choice(&[
            one("ia5-string", &Type::Secret(Tag::IA5_STRING)),
            one("octet-string", &Type::Secret(Tag::OCTET_STRING)),
        ]),
    ),
    one(
        "strong",
        &Type::Set(&[
            opt("bind-token", &TOKEN).tag(0),
            opt("certificate", &Type::Any).tag(1),
            opt("certificate-selector", &Type::Any).tag(2),
        ]),
    )
    .tag(0),
    one(
        "protected",
        &Type::Set(&[
            one(
                "signature",
                &Type::Sequence(&[
                    one("algorithmIdentifier", &ALGORITHM),
                    one("encrypted", &Type::Bits(&[])),
                ]),
            ),
            opt("time1", &Type::UtcTime).tag(0),
            opt("time2", &Type::UtcTime).tag(1),
            opt("random1", &Type::Bits(&[])).tag(2),
            opt("random2", &Type::Bits(&[])).tag(3),
        ]),
    )
    .tag(1),
]);

/// `OtherMessageDeliveryFields`, which a forwarded message brings with it.
pub(super) static DELIVERY_FIELDS: Type = Type::Set(&[
    one(
        "content-type",
        &Type::Choice(&[
            one("built-in", &BUILT_IN_CONTENT_TYPE).tag(0),
            one("extended", &Type::ObjectIdentifier),
        ]),
    ),
    one("originator-name", &OR_NAME),
    opt("original-encoded-information-types", &ENCODED_INFORMATION_TYPES).tag(1),
    opt("priority", &PRIORITY),
    opt("delivery-flags", &Type::SparseBits(&[(1, "implicit-conversion-prohibited")])).tag(2),
    opt("other-recipient-names", &Type::SequenceOf(&OR_NAME)).tag(3),
    one("this-recipient-name", &OR_NAME).tag(4),
    opt("originally-intended-recipient-name", &OR_NAME).tag(5),
    opt("converted-encoded-information-types", &ENCODED_INFORMATION_TYPES).tag(6),
    one("message-submission-time", &Type::UtcTime).tag(7),
    opt("content-identifier", &CONTENT_IDENTIFIER).tag(8),
    opt("extensions", &EXTENSIONS).tag(9),
]);
