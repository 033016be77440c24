//! The error codes of Kerberos (RFC 4120 section 7.5.9): one table of names, words, remedies and Win32 codes.

use std::fmt;

/// An error code of Kerberos; those that nobody knows here are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KerberosCode(pub u32);

/// Name, words, what to do, Win32 code (MS-ERREF 2.2).
type Row = (&'static str, &'static str, &'static str, u32);

macro_rules! codes {
    ($($constant:ident = $number:literal, $win32:literal, $words:literal, $remedy:literal;)*) => {
        impl KerberosCode {
            $(
                #[doc = $words]
                pub const $constant: Self = Self($number);
            )*

            const fn row(self) -> Option<Row> {
                Some(match self.0 {
                    $($number => (
                        stringify!($constant),
                        concat!(stringify!($constant), " (", $number, "): ", $words),
                        $remedy,
                        $win32,
                    ),)*
                    _ => return None,
                })
            }

            /// Every code of the table, for tests and pages.
            pub const KNOWN: &'static [Self] = &[$(Self($number)),*];
        }
    };
}

codes! {
    KDC_ERR_NAME_EXP = 1, 1793, "the client's entry in the KDC has expired",
        "extend the account's expiry date";
    KDC_ERR_SERVICE_EXP = 2, 1793, "the service's entry in the KDC has expired",
        "extend the expiry date of the service's account";
    KDC_ERR_BAD_PVNO = 3, 1825, "the KDC does not speak Kerberos version 5",
        "look whether the address is that of a KDC";
    KDC_ERR_C_PRINCIPAL_UNKNOWN = 6, 1317, "the KDC does not know the client",
        "check the account's name and the realm; create the account where it is missing";
    KDC_ERR_S_PRINCIPAL_UNKNOWN = 7, 1396, "the KDC does not know the service",
        "register the service principal name for the account that the service runs as (setspn -S, samba-tool spn add, kadmin addprinc), and call the server by the name that is registered";
    KDC_ERR_PRINCIPAL_NOT_UNIQUE = 8, 1396, "several accounts have the same service principal name",
        "find the second account (setspn -X) and take the name away from it";
    KDC_ERR_NULL_KEY = 9, 1825, "client or service has no key",
        "set the account's password anew";
    KDC_ERR_NEVER_VALID = 11, 1398, "the times that were asked for are never valid",
        "set both clocks by the same time server";
    KDC_ERR_POLICY = 12, 1327, "the KDC's policy forbids it",
        "look at logon hours, workstations and authentication policies of the account";
    KDC_ERR_BADOPTION = 13, 1825, "the KDC cannot grant an option",
        "look at the account's delegation and renewal settings";
    KDC_ERR_ETYPE_NOSUPP = 14, 1825, "no encryption type suits both sides",
        "let the account have AES keys: set msDS-SupportedEncryptionTypes to 24 and set its password anew; in a keytab, export the AES keys";
    KDC_ERR_SUMTYPE_NOSUPP = 15, 1825, "the KDC does not take the checksum type",
        "update the KDC: AES checksums are missing";
    KDC_ERR_PADATA_TYPE_NOSUPP = 16, 1825, "the KDC wants a pre-authentication that is not offered here",
        "let the account log on with a password (not with a smart card alone)";
    KDC_ERR_CLIENT_REVOKED = 18, 1331, "the account is disabled, locked out or expired",
        "look at the account: enable it, unlock it or extend it";
    KDC_ERR_SERVICE_REVOKED = 19, 1331, "the service's account is disabled",
        "enable the service's account";
    KDC_ERR_TGT_REVOKED = 20, 1331, "the ticket-granting ticket was revoked",
        "log on anew (kinit)";
    KDC_ERR_CLIENT_NOTYET = 21, 1327, "the account is not valid yet",
        "compare the clocks, and the account's starting date";
    KDC_ERR_SERVICE_NOTYET = 22, 1327, "the service's account is not valid yet",
        "compare the clocks, and the account's starting date";
    KDC_ERR_KEY_EXPIRED = 23, 1330, "the password has expired",
        "set a new password, and a new keytab where one is used; let passwords of service accounts not expire";
    KDC_ERR_PREAUTH_FAILED = 24, 1326, "the password or the key of the keytab is wrong",
        "give the right password; where a keytab is used, export it anew after the last change of the password";
    KDC_ERR_PREAUTH_REQUIRED = 25, 1326, "the KDC wants proof of the password first",
        "give a password or a keytab";
    KDC_ERR_SERVER_NOMATCH = 26, 1396, "ticket and server do not belong together",
        "log on anew (kinit)";
    KDC_ERR_MUST_USE_USER2USER = 27, 1396, "the service takes user-to-user tickets only",
        "register the service principal name for an account with a password of its own";
    KDC_ERR_PATH_NOT_ACCEPTED = 28, 1355, "the path of trusts is not accepted",
        "check the trust between the two realms";
    KDC_ERR_SVC_UNAVAILABLE = 29, 1722, "a service that the KDC needs does not answer",
        "look at the KDC's own log; try another KDC";
    KRB_AP_ERR_BAD_INTEGRITY = 31, 1326, "the integrity check of decrypted octets failed",
        "the password or keytab does not fit the account: set or export it anew";
    KRB_AP_ERR_TKT_EXPIRED = 32, 1398, "the ticket has expired",
        "log on anew (kinit), and compare the clocks";
    KRB_AP_ERR_TKT_NYV = 33, 1398, "the ticket is not valid yet",
        "set both clocks by the same time server";
    KRB_AP_ERR_REPEAT = 34, 1326, "the same request came before: a replay",
        "find out who sends it twice; a client that did so in good faith tries again with a new one";
    KRB_AP_ERR_NOT_US = 35, 1396, "the ticket is not for this service",
        "put the service's principal into the keytab, or call the server by its own name";
    KRB_AP_ERR_BADMATCH = 36, 1326, "ticket and authenticator are of different clients",
        "log on anew (kinit)";
    KRB_AP_ERR_SKEW = 37, 1398, "the clocks differ by more than five minutes",
        "set both clocks by the same time server";
    KRB_AP_ERR_BADADDR = 38, 1326, "the ticket is for another network address",
        "ask for tickets without addresses";
    KRB_AP_ERR_BADVERSION = 39, 1825, "another version of the protocol",
        "look whether the address is that of a KDC or of a Kerberos service";
    KRB_AP_ERR_MSG_TYPE = 40, 1825, "another message than the one that is due",
        "look at what stands between the two sides";
    KRB_AP_ERR_MODIFIED = 41, 1396, "the ticket does not fit the service's key",
        "the service's password changed after its keytab was made, or the name belongs to another account: export the keytab anew, and look for a second owner of the name (setspn -X)";
    KRB_AP_ERR_BADORDER = 42, 1825, "a message is out of order",
        "look at what stands between the two sides";
    KRB_AP_ERR_BADKEYVER = 44, 1396, "the service has another version of its key than the ticket",
        "export the keytab anew after the last change of the password";
    KRB_AP_ERR_NOKEY = 45, 1396, "the service has no key of that principal and encryption type",
        "export the principal's AES keys into the service's keytab";
    KRB_AP_ERR_MUT_FAIL = 46, 1326, "the server could not prove who it is",
        "somebody else answers at that address, or the service's key is wrong";
    KRB_AP_ERR_BADDIRECTION = 47, 1825, "a message came back to its sender",
        "look at what stands between the two sides";
    KRB_AP_ERR_METHOD = 48, 1825, "another way of authentication is demanded",
        "look at the server's policy";
    KRB_AP_ERR_BADSEQ = 49, 1825, "a message has the wrong sequence number",
        "look at what stands between the two sides";
    KRB_AP_ERR_INAPP_CKSUM = 50, 1825, "the checksum is of a kind that proves nothing",
        "update the other side";
    KRB_AP_PATH_NOT_ACCEPTED = 51, 1355, "the path of trusts is not accepted",
        "check the trust between the two realms";
    KRB_ERR_RESPONSE_TOO_BIG = 52, 1825, "the answer is too long for UDP",
        "let TCP to port 88 of the KDC pass";
    KRB_ERR_GENERIC = 60, 1825, "an error without a code of its own",
        "look at the KDC's own log";
    KRB_ERR_FIELD_TOOLONG = 61, 1825, "the message is too long for the KDC",
        "look at the KDC's own log";
    KDC_ERR_WRONG_REALM = 68, 1355, "the client belongs to another realm",
        "give the realm that the account belongs to (--realm)";
    KDC_ERR_CLIENT_NAME_MISMATCH = 75, 1317, "the certificate is for another account",
        "log on with the account's own certificate";
}

impl KerberosCode {
    /// The name in the standard.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        self.row().map(|row| row.0)
    }

    /// Name, number and words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self.row() {
            Some(row) => row.1,
            None => "a code that is not in the standard",
        }
    }

    /// What to do.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self.row() {
            Some(row) => row.2,
            None => "look at the KDC's own log",
        }
    }

    /// The Win32 code that comes closest.
    #[must_use]
    pub const fn win32(self) -> u32 {
        match self.row() {
            Some(row) => row.3,
            None => 1825,
        }
    }
}

impl fmt::Display for KerberosCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.row() {
            Some(row) => f.write_str(row.1),
            None => write!(f, "Kerberos error {} (not in the standard)", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_every_code() {
        let page = include_str!("../../../docs/kerberos.md");
        for code in KerberosCode::KNOWN {
            let row = format!("| {} | `{}` | {} |", code.0, code.name().unwrap(), code.win32());
            assert!(page.contains(&row) && page.contains(code.remedy()), "{code}");
        }
    }

    #[test]
    fn known_codes_say_what_to_do_and_unknown_ones_are_shown() {
        for code in KerberosCode::KNOWN {
            assert!(code.to_string().contains(&format!("({})", code.0)), "{code}");
            assert!(!code.remedy().is_empty() && code.name().is_some());
        }
        assert_eq!(
            KerberosCode::KRB_AP_ERR_SKEW.to_string(),
            "KRB_AP_ERR_SKEW (37): the clocks differ by more than five minutes"
        );
        assert_eq!(KerberosCode(200).to_string(), "Kerberos error 200 (not in the standard)");
    }
}
