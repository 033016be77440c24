//! Reason and diagnostic codes of reports, with their names and with words for people
//! (X.411 8.3.1.2.1.10 and 8.3.1.2.1.11; numbers of figure 2 of clause 9).

use std::fmt;

/// Why a message was not delivered, roughly (X.411 `NonDeliveryReasonCode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReasonCode(pub i64);

/// Why a message was not delivered, exactly (X.411 `NonDeliveryDiagnosticCode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DiagnosticCode(pub i64);

/// What kind of user a message was delivered to (X.411 `TypeOfMTSUser`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MtsUserType(pub i64);

/// Constants, names and words of one kind of code, numbered from 0.
macro_rules! codes {
    ($type:ident, $what:literal, $count:literal: $($number:literal $constant:ident $name:literal $words:literal)*) => {
        impl $type {
            $(
                #[doc = concat!("`", $name, "`: ", $words, ".")]
                pub const $constant: Self = Self($number);
            )*

            /// Names and words by number.
            const TABLE: [(&'static str, &'static str); $count] = [$(($name, $words)),*];

            fn row(self) -> Option<&'static (&'static str, &'static str)> {
                usize::try_from(self.0).ok().and_then(|index| Self::TABLE.get(index))
            }

            /// The name that the standard gives the code; `None` for a number it does not have.
            #[must_use]
            pub fn name(self) -> Option<&'static str> {
                self.row().map(|row| row.0)
            }

            /// What the code means, as a clause in plain words.
            #[must_use]
            pub fn words(self) -> &'static str {
                self.row().map_or(concat!("a ", $what, " that is not known here"), |row| row.1)
            }
        }

        impl fmt::Display for $type {
            /// Writes name and number, `loop-detected (3)`.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.name() {
                    Some(name) => write!(f, "{name} ({})", self.0),
                    None => write!(f, "unknown ({})", self.0),
                }
            }
        }
    };
}

codes! { ReasonCode, "reason", 9:
    0 TRANSFER_FAILURE "transfer-failure" "the message could not be transferred"
    1 UNABLE_TO_TRANSFER "unable-to-transfer" "the message could not be transferred or delivered because of what it is or asks for"
    2 CONVERSION_NOT_PERFORMED "conversion-not-performed" "a conversion that was needed could not be made"
    3 PHYSICAL_RENDITION_NOT_PERFORMED "physical-rendition-not-performed" "the message could not be put on paper"
    4 PHYSICAL_DELIVERY_NOT_PERFORMED "physical-delivery-not-performed" "the letter could not be delivered"
    5 RESTRICTED_DELIVERY "restricted-delivery" "the recipient does not accept mail from this sender"
    6 DIRECTORY_OPERATION_UNSUCCESSFUL "directory-operation-unsuccessful" "a look-up in the directory failed"
    7 DEFERRED_DELIVERY_NOT_PERFORMED "deferred-delivery-not-performed" "deferred delivery is not possible"
    8 TRANSFER_FAILURE_FOR_SECURITY_REASON "transfer-failure-for-security-reason" "the message could not be transferred for a reason of security"
}

codes! { DiagnosticCode, "diagnostic", 79:
    0 UNRECOGNISED_OR_NAME "unrecognised-OR-name" "the recipient's address is not known"
    1 AMBIGUOUS_OR_NAME "ambiguous-OR-name" "the recipient's address fits more than one recipient"
    2 MTS_CONGESTION "mts-congestion" "the mail system is overloaded"
    3 LOOP_DETECTED "loop-detected" "the message went round in a loop"
    4 RECIPIENT_UNAVAILABLE "recipient-unavailable" "the recipient's mailbox cannot be reached at present"
    5 MAXIMUM_TIME_EXPIRED "maximum-time-expired" "the message could not be delivered within its time"
    6 ENCODED_INFORMATION_TYPES_UNSUPPORTED "encoded-information-types-unsupported" "the recipient cannot take this kind of contents"
    7 CONTENT_TOO_LONG "content-too-long" "the message is too long for the recipient"
    8 CONVERSION_IMPRACTICAL "conversion-impractical" "a conversion that was needed is not practical"
    9 IMPLICIT_CONVERSION_PROHIBITED "implicit-conversion-prohibited" "a conversion was needed but the sender forbade it"
    10 IMPLICIT_CONVERSION_NOT_SUBSCRIBED "implicit-conversion-not-subscribed" "a conversion was needed but the recipient has not ordered it"
    11 INVALID_ARGUMENTS "invalid-arguments" "the message carries values that contradict each other or are not allowed"
    12 CONTENT_SYNTAX_ERROR "content-syntax-error" "the content of the message is malformed"
    13 SIZE_CONSTRAINT_VIOLATION "size-constraint-violation" "a value in the message is longer than is allowed"
    14 PROTOCOL_VIOLATION "protocol-violation" "the message breaks the rules of the protocol"
    15 CONTENT_TYPE_NOT_SUPPORTED "content-type-not-supported" "this type of content is not supported"
    16 TOO_MANY_RECIPIENTS "too-many-recipients" "the message has too many recipients"
    17 NO_BILATERAL_AGREEMENT "no-bilateral-agreement" "there is no agreement between the two domains"
    18 UNSUPPORTED_CRITICAL_FUNCTION "unsupported-critical-function" "the message demands a function that is not supported"
    19 CONVERSION_WITH_LOSS_PROHIBITED "conversion-with-loss-prohibited" "a conversion would lose something and the sender forbade that"
    20 LINE_TOO_LONG "line-too-long" "a line is too long for the recipient's system"
    21 PAGE_SPLIT "page-split" "a page would have to be split"
    22 PICTORIAL_SYMBOL_LOSS "pictorial-symbol-loss" "pictures would be lost in the conversion"
    23 PUNCTUATION_SYMBOL_LOSS "punctuation-symbol-loss" "punctuation would be lost in the conversion"
    24 ALPHABETIC_CHARACTER_LOSS "alphabetic-character-loss" "letters would be lost in the conversion"
    25 MULTIPLE_INFORMATION_LOSS "multiple-information-loss" "several things would be lost in the conversion"
    26 RECIPIENT_REASSIGNMENT_PROHIBITED "recipient-reassignment-prohibited" "the recipient's mail is redirected but the sender forbade that"
    27 REDIRECTION_LOOP_DETECTED "redirection-loop-detected" "redirections lead back to where they began"
    28 DL_EXPANSION_PROHIBITED "dl-expansion-prohibited" "the recipient is a distribution list and the sender forbade its expansion"
    29 NO_DL_SUBMIT_PERMISSION "no-dl-submit-permission" "the sender may not send to this distribution list"
    30 DL_EXPANSION_FAILURE "dl-expansion-failure" "the distribution list could not be expanded"
    31 PHYSICAL_RENDITION_ATTRIBUTES_NOT_SUPPORTED "physical-rendition-attributes-not-supported" "the paper form that was asked for is not supported"
    32 UNDELIVERABLE_MAIL_PHYSICAL_DELIVERY_ADDRESS_INCORRECT "undeliverable-mail-physical-delivery-address-incorrect" "the postal address is incorrect"
    33 UNDELIVERABLE_MAIL_PHYSICAL_DELIVERY_OFFICE_INCORRECT_OR_INVALID "undeliverable-mail-physical-delivery-office-incorrect-or-invalid" "the postal office is incorrect"
    34 UNDELIVERABLE_MAIL_PHYSICAL_DELIVERY_ADDRESS_INCOMPLETE "undeliverable-mail-physical-delivery-address-incomplete" "the postal address is incomplete"
    35 UNDELIVERABLE_MAIL_RECIPIENT_UNKNOWN "undeliverable-mail-recipient-unknown" "the recipient is not known at the postal address"
    36 UNDELIVERABLE_MAIL_RECIPIENT_DECEASED "undeliverable-mail-recipient-deceased" "the recipient has died"
    37 UNDELIVERABLE_MAIL_ORGANIZATION_EXPIRED "undeliverable-mail-organization-expired" "the organization at the postal address no longer exists"
    38 UNDELIVERABLE_MAIL_RECIPIENT_REFUSED_TO_ACCEPT "undeliverable-mail-recipient-refused-to-accept" "the recipient refused the letter"
    39 UNDELIVERABLE_MAIL_RECIPIENT_DID_NOT_CLAIM "undeliverable-mail-recipient-did-not-claim" "the recipient did not collect the letter"
    40 UNDELIVERABLE_MAIL_RECIPIENT_CHANGED_ADDRESS_PERMANENTLY "undeliverable-mail-recipient-changed-address-permanently" "the recipient has moved for good"
    41 UNDELIVERABLE_MAIL_RECIPIENT_CHANGED_ADDRESS_TEMPORARILY "undeliverable-mail-recipient-changed-address-temporarily" "the recipient has moved for a time"
    42 UNDELIVERABLE_MAIL_RECIPIENT_CHANGED_TEMPORARY_ADDRESS "undeliverable-mail-recipient-changed-temporary-address" "the recipient has changed the temporary address"
    43 UNDELIVERABLE_MAIL_NEW_ADDRESS_UNKNOWN "undeliverable-mail-new-address-unknown" "the recipient's new postal address is not known"
    44 UNDELIVERABLE_MAIL_RECIPIENT_DID_NOT_WANT_FORWARDING "undeliverable-mail-recipient-did-not-want-forwarding" "the recipient did not want letters forwarded"
    45 UNDELIVERABLE_MAIL_ORIGINATOR_PROHIBITED_FORWARDING "undeliverable-mail-originator-prohibited-forwarding" "the sender forbade forwarding of the letter"
    46 SECURE_MESSAGING_ERROR "secure-messaging-error" "a security check of the message failed"
    47 UNABLE_TO_DOWNGRADE "unable-to-downgrade" "the next system is too old for what the message demands"
    48 UNABLE_TO_COMPLETE_TRANSFER "unable-to-complete-transfer" "the transfer of the message could not be completed"
    49 TRANSFER_ATTEMPTS_LIMIT_REACHED "transfer-attempts-limit-reached" "the transfer was tried as often as is allowed and failed each time"
    50 INCORRECT_NOTIFICATION_TYPE "incorrect-notification-type" "the message asks for a kind of notification that it may not"
    51 DL_EXPANSION_PROHIBITED_BY_SECURITY_POLICY "dl-expansion-prohibited-by-security-policy" "security policy forbids the expansion of the distribution list"
    52 FORBIDDEN_ALTERNATE_RECIPIENT "forbidden-alternate-recipient" "security policy forbids the alternate recipient"
    53 SECURITY_POLICY_VIOLATION "security-policy-violation" "the message breaks the security policy"
    54 SECURITY_SERVICES_REFUSAL "security-services-refusal" "security services were refused"
    55 UNAUTHORISED_DL_MEMBER "unauthorised-dl-member" "a member of the distribution list is not authorised"
    56 UNAUTHORISED_DL_NAME "unauthorised-dl-name" "the distribution list is not authorised"
    57 UNAUTHORISED_ORIGINALLY_INTENDED_RECIPIENT_NAME "unauthorised-originally-intended-recipient-name" "the intended recipient is not authorised"
    58 UNAUTHORISED_ORIGINATOR_NAME "unauthorised-originator-name" "the sender is not authorised"
    59 UNAUTHORISED_RECIPIENT_NAME "unauthorised-recipient-name" "the recipient is not authorised"
    60 UNRELIABLE_SYSTEM "unreliable-system" "a system on the way is not trusted"
    61 AUTHENTICATION_FAILURE_ON_SUBJECT_MESSAGE "authentication-failure-on-subject-message" "the origin of the message could not be proved"
    62 DECRYPTION_FAILED "decryption-failed" "the message could not be decrypted"
    63 DECRYPTION_KEY_UNOBTAINABLE "decryption-key-unobtainable" "the key to decrypt the message could not be had"
    64 DOUBLE_ENVELOPE_CREATION_FAILURE "double-envelope-creation-failure" "the outer envelope could not be made"
    65 DOUBLE_ENVELOPING_MESSAGE_RESTORING_FAILURE "double-enveloping-message-restoring-failure" "the inner message could not be restored"
    66 FAILURE_OF_PROOF_OF_MESSAGE "failure-of-proof-of-message" "the message could not be proved"
    67 INTEGRITY_FAILURE "integrity-failure-on-subject-message" "the message was changed on its way"
    68 INVALID_SECURITY_LABEL "invalid-security-label" "the security label is not valid"
    69 KEY_FAILURE "key-failure" "a key failed"
    70 MANDATORY_PARAMETER_ABSENCE "mandatory-parameter-absence" "a parameter that must be there is missing"
    71 OPERATION_SECURITY_FAILURE "operation-security-failure" "an operation failed for a reason of security"
    72 REPUDIATION_FAILURE "repudiation-failure-of-message" "non-repudiation could not be had"
    73 SECURITY_CONTEXT_FAILURE "security-context-failure" "the security context does not allow the message"
    74 TOKEN_DECRYPTION_FAILED "token-decryption-failed" "the message token could not be decrypted"
    75 TOKEN_ERROR "token-error" "the message token is wrong"
    76 UNKNOWN_SECURITY_LABEL "unknown-security-label" "the security label is not known"
    77 UNSUPPORTED_ALGORITHM_IDENTIFIER "unsupported-algorithm-identifier" "a cryptographic algorithm is not supported"
    78 UNSUPPORTED_SECURITY_POLICY "unsupported-security-policy" "the security policy is not supported"
}

codes! { MtsUserType, "type of user", 7:
    0 PUBLIC "public" "a user of a public domain"
    1 PRIVATE "private" "a user of a private domain"
    2 MS "ms" "a message store"
    3 DL "dl" "a distribution list"
    4 PDAU "pdau" "a physical delivery access unit"
    5 PHYSICAL_RECIPIENT "physical-recipient" "a recipient of letters"
    6 OTHER "other" "another kind of user"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_at_their_numbers() {
        let cases = [
            (DiagnosticCode::LOOP_DETECTED, "loop-detected (3)"),
            (DiagnosticCode::UNSUPPORTED_CRITICAL_FUNCTION, "unsupported-critical-function (18)"),
            (DiagnosticCode::SECURE_MESSAGING_ERROR, "secure-messaging-error (46)"),
            (
                DiagnosticCode::TRANSFER_ATTEMPTS_LIMIT_REACHED,
                "transfer-attempts-limit-reached (49)",
            ),
            (DiagnosticCode::UNRELIABLE_SYSTEM, "unreliable-system (60)"),
            (DiagnosticCode::UNSUPPORTED_SECURITY_POLICY, "unsupported-security-policy (78)"),
            (DiagnosticCode(79), "unknown (79)"),
            (DiagnosticCode(-1), "unknown (-1)"),
        ];
        for (code, text) in cases {
            assert_eq!(code.to_string(), text);
            let name = text.split(' ').next().unwrap();
            assert_eq!(code.name().unwrap_or("unknown"), name);
        }
        for (index, (name, _)) in DiagnosticCode::TABLE.iter().enumerate() {
            let code = DiagnosticCode(i64::try_from(index).unwrap());
            assert_eq!(code.name(), Some(*name));
        }
        assert_eq!(ReasonCode::UNABLE_TO_TRANSFER.to_string(), "unable-to-transfer (1)");
        assert_eq!(ReasonCode(8).name(), Some("transfer-failure-for-security-reason"));
        assert_eq!(ReasonCode(12).words(), "a reason that is not known here");
    }
}
