//! Named numbers and named bits of X.411 and X.420.

use super::schema::{Names, Type};
use crate::{DiagnosticCode, MtsUserType, ReasonCode, standard};

pub(super) static EITS: &[&str] = &[
    "unknown",
    "telex",
    "ia5-text",
    "g3-facsimile",
    "g4-class-1",
    "teletex",
    "videotex",
    "voice",
    "sfd",
    "mixed-mode",
];

pub(super) static G3_PARAMETERS: Type = Type::SparseBits(&[
    (8, "two-dimensional"),
    (9, "fine-resolution"),
    (20, "unlimited-length"),
    (21, "b4-length"),
    (22, "a3-width"),
    (23, "b4-width"),
    (25, "t6-coding"),
    (30, "uncompressed"),
    (37, "width-middle-864-of-1728"),
    (38, "width-middle-1216-of-1728"),
    (44, "resolution-type"),
    (45, "resolution-400x400"),
    (46, "resolution-300x300"),
    (47, "resolution-8x15"),
    (49, "edi"),
    (50, "dtm"),
    (51, "bft"),
    (58, "mixed-mode"),
    (60, "character-mode"),
    (65, "twelve-bits"),
    (66, "preferred-huffmann"),
    (67, "full-colour"),
    (68, "jpeg"),
    (71, "processable-mode-26"),
]);

pub(super) static BUILT_IN_CONTENT_TYPE: Type = Type::Number(Names::Pairs(&[
    (0, "unidentified"),
    (1, "external"),
    (2, "interpersonal-messaging-1984"),
    (22, "interpersonal-messaging-1988"),
    (35, "edi-messaging"),
    (40, "voice-messaging"),
]));

pub(super) static PRIORITY: Type =
    Type::Enumerated(Names::Row(&["normal", "non-urgent", "urgent"]));

pub(super) static PER_MESSAGE_INDICATORS: Type = Type::Bits(&[
    "disclosure-of-other-recipients",
    "implicit-conversion-prohibited",
    "alternate-recipient-allowed",
    "content-return-request",
    "reserved",
    "bit-5",
    "bit-6",
    "service-message",
]);

pub(super) static PER_RECIPIENT_INDICATORS: Type = Type::Bits(&[
    "responsibility",
    "originating-MTA-report",
    "originating-MTA-non-delivery-report",
    "originator-report",
    "originator-non-delivery-report",
    "reserved-5",
    "reserved-6",
    "reserved-7",
]);

pub(super) static EXPLICIT_CONVERSION: Type = Type::Number(Names::Pairs(&[
    (0, "ia5-text-to-teletex"),
    (8, "ia5-text-to-g3-facsimile"),
    (9, "ia5-text-to-g4-class-1"),
    (10, "ia5-text-to-videotex"),
    (11, "teletex-to-ia5-text"),
    (12, "teletex-to-g3-facsimile"),
    (13, "teletex-to-g4-class-1"),
    (14, "teletex-to-videotex"),
    (16, "videotex-to-ia5-text"),
    (17, "videotex-to-teletex"),
]));

pub(super) static ROUTING_ACTION: Type = Type::Enumerated(Names::Row(&["relayed", "rerouted"]));
pub(super) static OTHER_ACTIONS: Type = Type::Bits(&["redirected", "dl-operation"]);
pub(super) static CRITICALITY: Type =
    Type::Bits(&["for-submission", "for-transfer", "for-delivery"]);

pub(super) static REASON: Type = Type::Number(Names::Function(|value| ReasonCode(value).name()));
pub(super) static DIAGNOSTIC: Type =
    Type::Number(Names::Function(|value| DiagnosticCode(value).name()));
pub(super) static USER_TYPE: Type =
    Type::Number(Names::Function(|value| MtsUserType(value).name()));
pub(super) static STANDARD_EXTENSION: Type = Type::Number(Names::Function(standard::name));

pub(super) static BIND_ERROR: Type = Type::Number(Names::Pairs(&[
    (0, "busy"),
    (2, "authentication-error"),
    (3, "unacceptable-dialogue-mode"),
    (4, "unacceptable-security-context"),
    (5, "inadequate-association-confidentiality"),
]));

pub(super) static CLASSIFICATION: Type = Type::Number(Names::Row(&[
    "unmarked",
    "unclassified",
    "restricted",
    "confidential",
    "secret",
    "top-secret",
]));

pub(super) static EXTENSION_ATTRIBUTE: Type = Type::Number(Names::Function(|value| {
    let index = usize::try_from(value.checked_sub(1)?).ok()?;
    EXTENSION_ATTRIBUTES.get(index).copied()
}));

/// Names of extension attributes from number 1 on.
static EXTENSION_ATTRIBUTES: &[&str] = &[
    "common-name",
    "teletex-common-name",
    "teletex-organization-name",
    "teletex-personal-name",
    "teletex-organizational-unit-names",
    "teletex-domain-defined-attributes",
    "pds-name",
    "physical-delivery-country-name",
    "postal-code",
    "physical-delivery-office-name",
    "physical-delivery-office-number",
    "extension-OR-address-components",
    "physical-delivery-personal-name",
    "physical-delivery-organization-name",
    "extension-physical-delivery-address-components",
    "unformatted-postal-address",
    "street-address",
    "post-office-box-address",
    "poste-restante-address",
    "unique-postal-name",
    "local-postal-attributes",
    "extended-network-address",
    "terminal-type",
    "universal-common-name",
    "universal-organization-name",
    "universal-personal-name",
    "universal-organizational-unit-names",
    "universal-domain-defined-attributes",
    "universal-physical-delivery-office-name",
    "universal-physical-delivery-office-number",
    "universal-extension-OR-address-components",
    "universal-physical-delivery-personal-name",
    "universal-physical-delivery-organization-name",
    "universal-extension-physical-delivery-address-components",
    "universal-unformatted-postal-address",
    "universal-street-address",
    "universal-post-office-box-address",
    "universal-poste-restante-address",
    "universal-unique-postal-name",
    "universal-local-postal-attributes",
];
