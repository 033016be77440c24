//! The file transfer body part, X.420 (IPMSFileTransferBodyPartType) with the attributes of ISO 8571-4: what office programs
//! attach files with.

use ber::Tag;

use super::address::OR_NAME;
use super::p22::{EXTENSIONS, EXTERNAL};
use super::schema::{Names, PRINTABLE, Type, one, opt};

pub(super) static PARAMETERS: Type = Type::Sequence(&[
    opt("related-stored-file", &Type::SetOf(&RELATED)).tag(0),
    opt("contents-type", &CONTENTS_TYPE).wrap(1),
    opt("environment", &ENVIRONMENT).tag(2),
    opt("compression", &COMPRESSION).tag(3),
    opt("file-attributes", &ATTRIBUTES).tag(4),
    opt("extensions", &EXTENSIONS).tag(5),
]);

pub(super) static DATA: Type = Type::SequenceOf(&Type::Keyed(&EXTERNAL));

static GRAPHIC: Type = Type::Text(Tag::universal(25));
static GRAPHICS: Type = Type::SequenceOf(&GRAPHIC);

static PATHNAME: Type = Type::Choice(&[
    one("incomplete-pathname", &GRAPHICS).tag(0),
    one("complete-pathname", &Type::Implicit(Tag::application(23), &GRAPHICS)),
    // X.420 of 1999 prints this tag without its class.
    one("complete-pathname", &GRAPHICS).tag(23),
]);

static RELATED: Type = Type::Sequence(&[
    one(
        "file-identifier",
        &Type::Choice(&[
            one(
                "pathname-and-version",
                &Type::Sequence(&[
                    one("pathname", &PATHNAME).wrap(0),
                    opt("file-version", &GRAPHIC).tag(1),
                ]),
            )
            .tag(0),
            one(
                "cross-reference",
                &Type::Sequence(&[
                    one("application-cross-reference", &Type::Octets).tag(0),
                    opt("message-reference", &MESSAGE_REFERENCE).tag(1),
                    opt("body-part-reference", &Type::Integer).tag(2),
                ]),
            )
            .tag(1),
        ]),
    ),
    opt(
        "relationship",
        &Type::Choice(&[
            one(
                "explicit-relationship",
                &Type::Number(Names::Row(&["unspecified", "new-file", "replacement", "extension"])),
            )
            .tag(0),
            one("descriptive-relationship", &GRAPHIC).tag(1),
        ]),
    ),
]);

static MESSAGE_REFERENCE: Type =
    Type::Set(&[opt("user", &OR_NAME).tag(0), one("user-relative-identifier", &PRINTABLE).tag(1)]);

static CONTENTS_TYPE: Type = Type::Choice(&[
    one(
        "document-type",
        &Type::Sequence(&[
            one("document-type-name", &Type::ObjectIdentifier),
            opt("parameter", &Type::Any).wrap(0),
        ]),
    )
    .tag(0),
    one(
        "constraint-set-and-abstract-syntax",
        &Type::Sequence(&[
            one("constraint-set-name", &Type::ObjectIdentifier),
            one("abstract-syntax-name", &Type::ObjectIdentifier),
        ]),
    )
    .tag(1),
]);

static ENVIRONMENT: Type = Type::Sequence(&[
    opt("application-reference", &GENERAL_IDENTIFIER).wrap(0),
    opt("machine", &GENERAL_IDENTIFIER).wrap(1),
    opt("operating-system", &Type::ObjectIdentifier).tag(2),
    opt("user-visible-string", &GRAPHICS).tag(3),
]);

static GENERAL_IDENTIFIER: Type = Type::Choice(&[
    one("registered-identifier", &Type::ObjectIdentifier).tag(0),
    one("descriptive-identifier", &GRAPHICS).tag(1),
]);

static COMPRESSION: Type = Type::Sequence(&[
    one("compression-algorithm-id", &Type::ObjectIdentifier).tag(0),
    one("compression-algorithm-param", &Type::Any).wrap(1),
]);

static ATTRIBUTES: Type = Type::Sequence(&[
    opt("pathname", &PATHNAME),
    opt("permitted-actions", &PERMITTED_ACTIONS).tag(1),
    opt("storage-account", &ACCOUNT).wrap(3),
    opt("date-and-time-of-creation", &DATE).wrap(4),
    opt("date-and-time-of-last-modification", &DATE).wrap(5),
    opt("date-and-time-of-last-read-access", &DATE).wrap(6),
    opt("date-and-time-of-last-attribute-modification", &DATE).wrap(7),
    opt("identity-of-creator", &ACCOUNT).wrap(8),
    opt("identity-of-last-modifier", &ACCOUNT).wrap(9),
    opt("identity-of-last-reader", &ACCOUNT).wrap(10),
    opt("identity-of-last-attribute-modifier", &ACCOUNT).wrap(11),
    opt("object-availability", &AVAILABILITY).wrap(12),
    opt("object-size", &SIZE).wrap(13),
    opt("future-object-size", &SIZE).wrap(14),
    opt("access-control", &ACCESS_CONTROL).wrap(15),
    opt("legal-qualifications", &LEGAL).wrap(16),
    opt("private-use", &PRIVATE_USE).wrap(17),
    opt("attribute-extensions", &Type::SequenceOf(&Type::Any)).tag(22),
]);

static PERMITTED_ACTIONS: Type = Type::Bits(&[
    "read",
    "insert",
    "replace",
    "extend",
    "erase",
    "read-attribute",
    "change-attribute",
    "delete-Object",
    "traversal",
    "reverse-traversal",
    "random-Order",
    "pass",
    "link",
]);

static ACCESS_CONTROL: Type = Type::Choice(&[
    one("no-value-available", &Type::Null).tag(0),
    one("actual-values", &Type::SetOf(&ACCESS_CONTROL_ELEMENT)).tag(1),
]);

static ACCESS_CONTROL_ELEMENT: Type = Type::Sequence(&[
    one("action-list", &PERMITTED_ACTIONS).tag(0),
    opt("concurrency-access", &Type::Any).tag(1),
    opt("identity", &GRAPHIC).tag(2),
    opt("passwords", &PASSWORDS).tag(3),
    opt("location", &Type::Any).tag(4),
]);

static PASSWORDS: Type = Type::Sequence(&[
    one("read-password", &PASSWORD).wrap(0),
    one("insert-password", &PASSWORD).wrap(1),
    one("replace-password", &PASSWORD).wrap(2),
    one("extend-password", &PASSWORD).wrap(3),
    one("erase-password", &PASSWORD).wrap(4),
    one("read-attribute-password", &PASSWORD).wrap(5),
    one("change-attribute-password", &PASSWORD).wrap(6),
    one("delete-password", &PASSWORD).wrap(7),
    one("pass-passwords", &Type::SequenceOf(&PASSWORD)).tag(8),
    one("link-password", &PASSWORD).wrap(9),
]);

static PASSWORD: Type = Type::Choice(&[
    one("graphic-string", &Type::Secret(Tag::universal(25))),
    one("octet-string", &Type::Secret(Tag::OCTET_STRING)),
]);

static ACCOUNT: Type =
    Type::Choice(&[one("no-value-available", &Type::Null).tag(0), one("actual-values", &GRAPHIC)]);

static DATE: Type = Type::Choice(&[
    one("no-value-available", &Type::Null).tag(0),
    one("actual-values", &Type::GeneralizedTime).tag(1),
]);

static SIZE: Type = Type::Choice(&[
    one("no-value-available", &Type::Null).tag(0),
    one("actual-values", &Type::Integer).tag(1),
]);

static AVAILABILITY: Type = Type::Choice(&[
    one("no-value-available", &Type::Null).tag(0),
    one(
        "actual-values",
        &Type::Number(Names::Row(&["immediate-availability", "deferred-availability"])),
    )
    .tag(1),
]);

static LEGAL: Type = Type::Choice(&[
    one("no-value-available", &Type::Null).tag(0),
    one("actual-values", &GRAPHIC).tag(1),
]);

static PRIVATE_USE: Type = Type::Choice(&[
    one("no-value-available", &Type::Null).tag(0),
    one("abstract-Syntax-not-supported", &Type::Null).tag(1),
    one("actual-values", &Type::Keyed(&EXTERNAL)).tag(2),
]);
