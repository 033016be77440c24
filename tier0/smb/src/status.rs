//! Why a logon failed: STATUS_* of [MS-ERREF] 2.3.1 as a person reads them.

/// What a status means for the account that was presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The value.
    pub status: u32,
    /// Its name.
    pub name: &'static str,
    /// The slug of the cause that it stands for; empty where it stands for none alone.
    pub cause: &'static str,
    /// In words.
    pub text: &'static str,
}

const fn r(status: u32, name: &'static str, cause: &'static str, text: &'static str) -> Reason {
    Reason { status, name, cause, text }
}

/// The reasons.
const REASONS: &[Reason] = &[
    r(
        0xC000_0022,
        "STATUS_ACCESS_DENIED",
        "",
        "the server knows the account and denies the access",
    ),
    r(
        0xC000_005E,
        "STATUS_NO_LOGON_SERVERS",
        "logon-server-unavailable",
        "the server reaches no domain controller to ask about the account",
    ),
    r(0xC000_0064, "STATUS_NO_SUCH_USER", "service-account-missing", "there is no such account"),
    r(
        0xC000_006A,
        "STATUS_WRONG_PASSWORD",
        "service-account-password-mismatch",
        "the password is wrong",
    ),
    r(
        0xC000_006D,
        "STATUS_LOGON_FAILURE",
        "service-account-password-mismatch",
        "the name or the password is wrong; the server does not say which",
    ),
    r(
        0xC000_006E,
        "STATUS_ACCOUNT_RESTRICTION",
        "protected-users-member",
        "a restriction of the account forbids this logon",
    ),
    r(
        0xC000_006F,
        "STATUS_INVALID_LOGON_HOURS",
        "account-expired",
        "the account may not log on at this hour",
    ),
    r(
        0xC000_0070,
        "STATUS_INVALID_WORKSTATION",
        "account-expired",
        "the account may not log on from this machine",
    ),
    r(0xC000_0071, "STATUS_PASSWORD_EXPIRED", "password-expired", "the password has expired"),
    r(0xC000_0072, "STATUS_ACCOUNT_DISABLED", "account-disabled", "the account is disabled"),
    r(0xC000_00BB, "STATUS_NOT_SUPPORTED", "", "the server does not support what was asked for"),
    r(
        0xC000_00E5,
        "STATUS_INTERNAL_ERROR",
        "",
        "something failed inside the server, as while it starts; whether the account is right is not said",
    ),
    r(0xC000_0133, "STATUS_TIME_DIFFERENCE_AT_DC", "clock-skew", "the clocks differ by too much"),
    r(
        0xC000_015B,
        "STATUS_LOGON_TYPE_NOT_GRANTED",
        "logon-right-missing",
        "the account may not access this computer from the network",
    ),
    r(
        0xC000_018B,
        "STATUS_NO_TRUST_SAM_ACCOUNT",
        "secure-channel-broken",
        "the domain has no account for the server",
    ),
    r(
        0xC000_018C,
        "STATUS_TRUSTED_DOMAIN_FAILURE",
        "secure-channel-broken",
        "the trust between the domains has failed",
    ),
    r(
        0xC000_018D,
        "STATUS_TRUSTED_RELATIONSHIP_FAILURE",
        "secure-channel-broken",
        "the trust between the server and its domain has failed",
    ),
    r(
        0xC000_0192,
        "STATUS_NETLOGON_NOT_STARTED",
        "logon-server-unavailable",
        "Netlogon does not run there, so that no domain controller is asked",
    ),
    r(0xC000_0193, "STATUS_ACCOUNT_EXPIRED", "account-expired", "the account has expired"),
    r(
        0xC000_0224,
        "STATUS_PASSWORD_MUST_CHANGE",
        "password-expired",
        "the password must be changed before the first logon",
    ),
    r(0xC000_0234, "STATUS_ACCOUNT_LOCKED_OUT", "account-locked-out", "the account is locked out"),
    r(
        0xC000_0413,
        "STATUS_AUTHENTICATION_FIREWALL_FAILED",
        "logon-right-missing",
        "the trust lets only chosen accounts log on to this machine",
    ),
    r(0xC000_0418, "STATUS_NTLM_BLOCKED", "ntlm-blocked", "NTLM is blocked there"),
];

/// What a status means, if it is known.
#[must_use]
pub fn reason(status: u32) -> Option<&'static Reason> {
    REASONS.iter().find(|reason| reason.status == status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_in_order_and_once() {
        assert!(REASONS.windows(2).all(|pair| pair[0].status < pair[1].status));
        assert_eq!(reason(0xC000_015B).map(|one| one.cause), Some("logon-right-missing"));
        assert_eq!(reason(0), None);
    }
}
