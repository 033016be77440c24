//! Why a logon failed: one enum, and beside it the one table of codes and words.

use crate::KerberosCode;

/// Why a logon was refused.
///
/// The numbers are for events and for the administrator of this server. What goes to the peer is the RPC room's
/// business and should not tell an unknown account from a wrong password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{}{}", self.words(), self.missing())]
pub enum LogonFailure {
    /// The account is known and the password is another one.
    WrongPassword,
    /// There is no such account.
    UnknownAccount,
    /// The account is disabled.
    Disabled,
    /// The account is locked out.
    LockedOut,
    /// The account can no longer be used.
    AccountExpired,
    /// The account's password can no longer be used.
    PasswordExpired,
    /// The account's password must be changed first.
    MustChangePassword,
    /// The account may not log on from the network.
    LogonTypeNotGranted,
    /// Nobody who knows the account's domain can be asked.
    NoLogonServers,
    /// The domain is known, and is not trusted here.
    TrustFailed,
    /// The peer wants to log on as nobody.
    Anonymous,
    /// The peer answered with NTLM version 1.
    LmOrNtlmV1Refused,
    /// The peer answered with LM alone, which no setting takes.
    LmRefused,
    /// The account may not log on like this, here or now.
    Restricted,
    /// The peer does not offer, or took back, a protection that is required here.
    WeakSessionSecurity {
        /// The protection that is missing.
        missing: &'static str,
    },
    /// The message integrity code is missing; it is due since the challenge carried a timestamp (MS-NLMP 3.1.5.1.2).
    MicMissing,
    /// One of the three messages was changed on the way (MS-NLMP 3.2.5.1.2).
    MicWrong,
    /// The answer is for another server's challenge.
    TargetMismatch,
    /// The challenge is this server's own, sent back.
    Reflected,
    /// The token makes no sense.
    Malformed,
    /// The logon went well, and what the peer protected after it cannot be read.
    KeysDiffer,
    /// Kerberos has a reason of its own.
    Kerberos(KerberosCode),
}

impl LogonFailure {
    /// The Win32 error code that events and messages carry (MS-ERREF 2.2).
    #[must_use]
    pub const fn win32(self) -> u32 {
        self.row().0
    }

    /// The reason that another authority gave, by its NTSTATUS; none for a status that is no refusal of a logon.
    #[must_use]
    pub const fn from_ntstatus(status: u32) -> Option<Self> {
        Some(match status {
            0xC000_0064 => Self::UnknownAccount,
            // "Logon failure" is what an authority says that does not tell the two apart.
            0xC000_006A | 0xC000_006D => Self::WrongPassword,
            0xC000_0072 => Self::Disabled,
            0xC000_0234 => Self::LockedOut,
            0xC000_0071 | 0xC000_0224 => Self::PasswordExpired,
            0xC000_0193 => Self::AccountExpired,
            0xC000_006E | 0xC000_006F | 0xC000_0070 | 0xC000_015B => Self::Restricted,
            0xC000_005E | 0xC000_00DC | 0xC000_018A | 0xC000_018B | 0xC000_018C | 0xC000_018D
            | 0xC000_0233 | 0xC000_00B5 | 0xC000_00BE => Self::NoLogonServers,
            _ => return None,
        })
    }

    /// The NTSTATUS (MS-ERREF 2.3.1).
    #[must_use]
    pub const fn ntstatus(self) -> u32 {
        self.row().1
    }

    const fn words(self) -> &'static str {
        self.row().2
    }

    const fn missing(self) -> &'static str {
        match self {
            Self::WeakSessionSecurity { missing } => missing,
            Self::Kerberos(code) => code.words(),
            _ => "",
        }
    }

    const fn row(self) -> (u32, u32, &'static str) {
        match self {
            Self::WrongPassword => (1326, 0xC000_006A, "the password is wrong"),
            Self::UnknownAccount => (1317, 0xC000_0064, "the account does not exist"),
            Self::Disabled => (1331, 0xC000_0072, "the account is disabled"),
            Self::LockedOut => (1909, 0xC000_0234, "the account is locked out"),
            Self::AccountExpired => (1793, 0xC000_0193, "the account has expired"),
            Self::PasswordExpired => (1330, 0xC000_0071, "the account's password has expired"),
            Self::MustChangePassword => {
                (1907, 0xC000_0224, "the account's password must be changed first")
            }
            Self::LogonTypeNotGranted => (
                1385,
                0xC000_015B,
                "the account does not have the right to log on from the network",
            ),
            Self::NoLogonServers => {
                (1311, 0xC000_005E, "no server that knows the account's domain can be reached")
            }
            Self::TrustFailed => (1788, 0xC000_018C, "the account's domain is not trusted here"),
            Self::Anonymous => (5, 0xC000_0022, "anonymous logon is refused"),
            Self::LmOrNtlmV1Refused => (
                5,
                0xC000_0022,
                "the peer answered with NTLM version 1, NTLM version 2 is required",
            ),
            Self::LmRefused => {
                (5, 0xC000_0022, "the peer answered with LM alone, NTLM version 2 is required")
            }
            Self::Restricted => {
                (1327, 0xC000_006E, "a restriction of the account forbids the logon")
            }
            Self::WeakSessionSecurity { .. } => {
                (5, 0xC000_0022, "session security is too weak, the peer does not offer ")
            }
            Self::MicMissing => (5, 0xC000_0022, "the peer left out the message integrity code"),
            Self::MicWrong => {
                (5, 0xC000_0022, "the authentication messages were changed on the way")
            }
            Self::TargetMismatch => {
                (5, 0xC000_0022, "the peer answered the challenge of another server")
            }
            Self::Reflected => (5, 0xC000_0022, "the challenge is this server's own, sent back"),
            Self::Malformed => (87, 0xC000_000D, "the authentication token is malformed"),
            // STATUS_RPC_SEC_PKG_ERROR, as the wire has it.
            Self::KeysDiffer => (
                1825,
                0xC002_0057,
                "what the peer protected cannot be read: both sides have other session keys, or it was changed on the way",
            ),
            // STATUS_LOGON_FAILURE: what Kerberos means stands in its own code.
            Self::Kerberos(code) => (code.win32(), 0xC000_006D, ""),
        }
    }
}
