//! What a military message adds to an interpersonal one, STANAG 4406 annex A
//! (MMSHeadingExtensions and the modules beside it).

use super::extension::SECURITY_LABEL;
use super::p22::{FORWARDED, IPM, IPN, OR_DESCRIPTOR};
use super::schema::{IA5, Known, Names, PRINTABLE, Type, one, opt};

/// The arc of heading, recipient and notification extensions, `id-mm`.
pub(super) const EXTENSION_ARC: &str = "1.3.26.0.4406.0.2.";

static PRECEDENCE: Type = Type::Number(Names::Row(&[
    "deferred",
    "routine",
    "priority",
    "immediate",
    "flash",
    "override",
]));

static MESSAGE_TYPE: Type = Type::Set(&[
    one("type", &Type::Number(Names::Row(&["exercise", "operation", "project", "drill"]))).tag(0),
    opt("identifier", &PRINTABLE).tag(1),
]);

static ADDRESS_LISTS: Type = Type::SequenceOf(&Type::Set(&[
    one("type", &Type::Number(Names::Row(&["primaryAddressList", "copyAddressList"]))).tag(0),
    one("listName", &OR_DESCRIPTOR).tag(1),
    opt("notificationRequest", &LIST_REQUEST).tag(2),
    opt("replyRequest", &LIST_REQUEST).tag(3),
]));
static LIST_REQUEST: Type = Type::Number(Names::Row(&["action", "info", "both"]));

static DISTRIBUTION: Type = Type::Set(&[
    opt("sics", &Type::SequenceOf(&PRINTABLE)).tag(0),
    opt(
        "dist-Extensions",
        &Type::SequenceOf(&Type::Sequence(&[
            one("dist-type", &Type::ObjectIdentifier),
            one("dist-value", &Type::Any),
        ])),
    )
    .tag(1),
]);

static EXEMPTED: Type = Type::SequenceOf(&OR_DESCRIPTOR);
static INSTRUCTIONS: Type = Type::SequenceOf(&PRINTABLE);

static OTHER_RECIPIENTS: Type = Type::SequenceOf(&Type::Set(&[
    one("type", &Type::Number(Names::Row(&["primary", "copy"]))).tag(0),
    one("designator", &PRINTABLE).tag(1),
]));

static PILOT: Type = Type::SequenceOf(&Type::Sequence(&[
    opt("pilotPrecedence", &PRECEDENCE).tag(0),
    opt("pilotRecipient", &Type::SequenceOf(&OR_DESCRIPTOR)).tag(1),
    opt("pilotSecurity", &SECURITY_LABEL).tag(2),
    opt("pilotHandling", &Type::SequenceOf(&PRINTABLE)).tag(3),
]));

static LABELS: Type = Type::Sequence(&[
    one("content-security-label", &SECURITY_LABEL).tag(0),
    opt("heading-security-label", &SECURITY_LABEL).tag(1),
    opt(
        "body-part-security-labels",
        &Type::SequenceOf(&Type::Set(&[
            one("body-part-security-label", &SECURITY_LABEL).tag(0),
            opt("body-part-sequence-number", &Type::Integer).tag(1),
        ])),
    )
    .tag(2),
]);

/// The content of a forwarded military message, in an OCTET STRING or without.
static MILITARY_CONTENT: Type =
    Type::Choice(&[one("content", &Type::Octets), one("mm", &IPM).tag(0), one("mn", &IPN).tag(1)]);

static NOTIFICATION_TYPE: Type = Type::Bits(&["acp127-nn", "acp127-pn", "acp127-tn"]);

static NOTIFICATION_RESPONSE: Type = Type::Set(&[
    one("acp127-notification-type", &NOTIFICATION_TYPE).tag(0),
    one("receipt-time", &Type::UtcTime).tag(1),
    opt("addressListIndicator", &ADDRESS_LISTS).tag(2),
    opt("acp127-recipient", &PRINTABLE).tag(3),
    opt("acp127-supp-info", &PRINTABLE).tag(4),
]);

static ADATP3: Type = Type::Choice(&[
    one("lineOriented", &IA5).tag(0),
    one("setOriented", &Type::SequenceOf(&IA5)).tag(1),
]);

pub(super) fn extension(dotted: &str) -> Option<Known> {
    let (name, of): (_, &'static Type) = match dotted.strip_prefix(EXTENSION_ARC)? {
        "0" => ("primary-precedence", &PRECEDENCE),
        "1" => ("copy-precedence", &PRECEDENCE),
        "2" => ("message-type", &MESSAGE_TYPE),
        "3" => ("address-list-indicator", &ADDRESS_LISTS),
        "4" => ("exempted-address", &EXEMPTED),
        "5" => ("extended-authorisation-info", &Type::UtcTime),
        "6" => ("distribution-codes", &DISTRIBUTION),
        "7" => ("handling-instructions", &INSTRUCTIONS),
        "8" => ("message-instructions", &INSTRUCTIONS),
        "9" => ("codress-message", &Type::Integer),
        "10" => ("originator-reference", &PRINTABLE),
        "11" => ("other-recipients-indicator", &OTHER_RECIPIENTS),
        "12" => ("pilot-forwarding-info", &PILOT),
        "13" => ("acp127-message-identifier", &PRINTABLE),
        "14" => ("originator-plad", &PRINTABLE),
        "15" => ("acp127-notification-request", &NOTIFICATION_TYPE),
        "16" => ("acp127-notification-response", &NOTIFICATION_RESPONSE),
        "17" => ("information-labels", &LABELS),
        _ => return None,
    };
    Some(Known { name, of, tell: true })
}

pub(super) fn body_part(dotted: &str) -> Option<Known> {
    let (name, of): (_, &'static Type) = match dotted {
        "1.3.26.0.4406.0.7.0" => ("id-nato-mmhs-et-adatp3", &ADATP3),
        "1.3.26.0.4406.0.7.1" => ("id-nato-mmhs-et-corrections", &IA5),
        "1.3.26.0.4406.0.7.2" => ("id-nato-mmhs-et-adatp3-parameters", &Type::Integer),
        "1.3.26.0.4406.0.7.3" => ("id-nato-mmhs-et-corrections-parameters", &Type::Integer),
        "1.3.26.0.4406.0.7.6" => ("id-nato-mmhs-et-forwarded-encrypted", &Type::Bits(&[])),
        "1.3.26.0.4406.0.7.7" => ("id-nato-mmhs-et-forwarded-encrypted-parameters", &FORWARDED),
        "1.3.26.0.4406.0.7.9" => ("id-nato-mmhs-et-mm-message", &IPM),
        "1.3.26.0.4406.0.7.10" => ("id-nato-mmhs-et-mm-message-parameters", &FORWARDED),
        "1.3.26.0.4406.0.7.12" => ("id-nato-mmhs-et-mm-acp127data", &IA5),
        "1.3.26.0.4406.0.7.13" => ("id-nato-mmhs-et-mm-acp127data-parameters", &Type::Integer),
        "2.6.1.4.17.1.3.26.0.4406.0.4.1" => ("id-et-content-p772", &MILITARY_CONTENT),
        _ => return None,
    };
    Some(Known { name, of, tell: true })
}
