//! What stops authentication between servers of today: NTLM, Kerberos, hardening, account states.
//!
//! Events are those of the security log (4624 to 4776, with sub-status), of Netlogon (5719 to 5829), of the NTLM operational
//! log (8001 to 8004), of the Kerberos and LSA providers (3, 14, 40960, 40961) and of DCOM (10036 to 10038).

use finding::Cause;

use super::{Rule, rule, status};
use crate::offline::sign::{code, log, says};

const DISABLED: &[i64] = &[status::STATUS_ACCOUNT_DISABLED, status::ERROR_ACCOUNT_DISABLED];
const LOCKED: &[i64] = &[status::STATUS_ACCOUNT_LOCKED_OUT, status::ERROR_ACCOUNT_LOCKED_OUT];
const EXPIRED: &[i64] = &[
    status::STATUS_ACCOUNT_EXPIRED,
    status::STATUS_INVALID_LOGON_HOURS,
    status::STATUS_INVALID_WORKSTATION,
    status::ERROR_ACCOUNT_EXPIRED,
    status::ERROR_INVALID_LOGON_HOURS,
    status::ERROR_INVALID_WORKSTATION,
];
const SKEW: &[i64] =
    &[status::STATUS_TIME_DIFFERENCE_AT_DC, status::SEC_E_TIME_SKEW, status::ERROR_TIME_SKEW];

pub(super) const RULES: &[Rule] = &[
    rule(
        Cause::NtlmBlocked,
        "ntlm blocked restricted audit outgoing incoming deny policy removed disabled operational log restrict security policy",
        &[
            log("microsoft-windows-ntlm", &[4001, 4002, 4003, 4004], 4.5),
            log("microsoft-windows-ntlm", &[8001, 8002, 8003, 8004], 2.6),
            code(&[status::STATUS_NTLM_BLOCKED], 5.0),
            says("ntlm block|deny|disabled|restrict|restricted|removed|forbidden|off", 3.4),
        ],
        "read the NTLM operational log (4001 to 4004, 8001 to 8004) of both servers and of the domain controller",
        &[
            "Give the service a principal name and let both sides use Kerberos.",
            "Until then add the peer to the exceptions of the policy Restrict NTLM on the side that logs the block.",
        ],
    ),
    rule(
        Cause::KerberosRc4Refused,
        "rc4 aes key encryption type etype kerberos krbtgt supported encryption types no suitable key ticket unsupported des kdc_err_etype_nosupp",
        &[
            log("microsoft-windows-kerberos-key-distribution-center", &[14, 16, 26, 27, 42], 3.4),
            log("kdc", &[14, 16, 26, 27, 42], 3.4),
            log("microsoft-windows-security-auditing", &[4768, 4769], 0.6),
            says("rc4 refuse|disabled|removed|blocked|without|no", 3.4),
            says("aes key|keys no|missing|without", 3.0),
            says(
                "etype|encryption+type|encryption+types unsupported|nosupp|support|suitable|not",
                2.6,
            ),
            code(&[status::STATUS_KDC_UNKNOWN_ETYPE, status::SEC_E_KDC_UNKNOWN_ETYPE], 3.4),
        ],
        "ask for a ticket with each encryption type; read msDS-SupportedEncryptionTypes of the account and when its password was last set",
        &[
            "Set the account's password once more, so that it gets AES keys.",
            "Set its supported encryption types to AES, and make a new keytab where one is used.",
        ],
    ),
    rule(
        Cause::ServicePrincipalNameDuplicate,
        "duplicate service principal name spn two accounts setspn ticket modified krb_ap_err_modified kerberos",
        &[
            log("kdc", &[11], 4.0),
            log("microsoft-windows-kerberos-key-distribution-center", &[11], 4.0),
            log("microsoft-windows-security-kerberos", &[4], 3.0),
            log("kerberos", &[4], 3.0),
            says("duplicate|two|twice spn|principal+name|serviceprincipalname", 4.0),
            says("krb+ap+err+modified|err+modified", 2.6),
        ],
        "search the directory for all accounts with this service principal name",
        &[
            "Take the service principal name off every account but the one under which the service runs.",
        ],
    ),
    rule(
        Cause::ServicePrincipalNameMissing,
        "service principal name missing spn not registered unknown principal kdc_err_s_principal_unknown setspn fallback to ntlm",
        &[
            says(
                "no|missing|without|not|unregistered|unknown spn|principal+name|serviceprincipalname",
                3.6,
            ),
            says("principal+unknown", 3.4),
            code(&[status::SEC_E_TARGET_UNKNOWN, status::STATUS_NO_TRUST_SAM_ACCOUNT], 2.0),
            log("lsasrv", &[40961], 1.4),
        ],
        "ask the domain controller for a ticket to the name that the caller uses",
        &[
            "Register the service principal name, with the short name and the full one, on the account under which the service runs.",
        ],
    ),
    rule(
        Cause::ClockSkew,
        "clock skew time difference kerberos krb_ap_err_skew w32time five minutes not synchronised",
        &[
            code(SKEW, 3.0),
            says("clock|time skew", 4.0),
            says("err+skew", 4.0),
            says(
                "clock|time difference|differ|apart|ahead|behind minute|minutes|kerberos|logon",
                2.6,
            ),
            log("w32time", &[], 1.6),
            log("microsoft-windows-time-service", &[], 1.6),
        ],
        "compare the clocks of both servers and of the domain controller (the challenge of NTLM carries the time)",
        &["Set the clock, and let both machines take their time from the same source."],
    ),
    rule(
        Cause::NetlogonSealingRequired,
        "netlogon vulnerable secure channel denied enforcement mode rpc sealing signing domain controller update machine account 5827 5828 5829 5838 5840",
        &[
            // Denied, and signed where sealing is asked for; then what is still allowed: by the phase, by policy, or with RC4.
            log("netlogon", &[5827, 5828, 5841], 4.6),
            log("netlogon", &[5838, 5839], 4.0),
            log("netlogon", &[5829], 2.4),
            log("netlogon", &[5830, 5831, 5840], 0.6),
            says("vulnerable secure+channel|netlogon", 3.4),
            says("netlogon sealing|seal|enforce*|enforcement", 3.4),
        ],
        "read the Netlogon events 5827 to 5831 and 5838 to 5841 on the domain controllers",
        &[
            "Update the machine or device that the event names, so that it signs and seals its channel.",
            "Until then enter its account in the policy that allows vulnerable Netlogon channels, and take it out again.",
        ],
    ),
    rule(
        Cause::DcomHardeningEnforced,
        "dcom hardening activation authentication level packet integrity 10036 10037 10038 distributedcom raise",
        &[
            log("microsoft-windows-distributedcom", &[10036, 10037, 10038], 4.8),
            log("dcom", &[10036, 10037, 10038], 4.8),
            says("dcom hardening|activation|integrity|level", 3.6),
            says("packet+integrity|activation+authentication+level", 3.0),
        ],
        "bind with each authentication level and see from which on the server accepts",
        &[
            "Raise the activation authentication level of the client named in the event to packet integrity, or update it.",
        ],
    ),
    rule(
        Cause::SmbSigningRequired,
        "smb signing required not supported signature require security signature server client session refused hardening",
        &[
            says(
                "smb signing|sign|signature|signatures required|require|requires|mandatory|enforced",
                3.6,
            ),
            log("microsoft-windows-smbclient", &[31013, 31999], 2.4),
            log("microsoft-windows-smbserver", &[3021], 2.4),
        ],
        "negotiate SMB and read whether the server requires signing; open a session with signing off and on",
        &["Switch signing on at the side that has it off; update the side that cannot sign."],
    ),
    rule(
        Cause::LdapChannelBindingRequired,
        "ldap channel binding signing required strongerauthrequired 2889 3039 3040 simple bind unsigned directory service",
        &[
            log(
                "microsoft-windows-activedirectory_domainservice",
                &[2886, 2887, 2888, 2889, 3039, 3040, 3041],
                4.4,
            ),
            log("ntds", &[2886, 2887, 2888, 2889, 3039, 3040, 3041], 4.4),
            says("ldap channel+binding|signing|integrity|stronger", 3.8),
            says("strong+authentication+required|strongerauthrequired", 3.4),
            code(&[status::ERROR_DS_STRONG_AUTH_REQUIRED], 2.0),
        ],
        "bind to the directory plain, signed and over TLS, and compare the answers",
        &[
            "Let the client sign its bind or use TLS with channel binding; update it where it cannot.",
        ],
    ),
    rule(
        Cause::ProtectedUsersMember,
        "protected users group authentication policy silo member ntlm not allowed account restriction",
        &[
            says("protected+users|protected+user", 4.6),
            says("authentication policy|silo", 2.4),
            log("microsoft-windows-authentication", &[100, 101, 104, 105, 106], 3.8),
            code(
                &[
                    status::STATUS_ACCOUNT_RESTRICTION,
                    status::ERROR_ACCOUNT_RESTRICTION,
                    status::STATUS_AUTHENTICATION_FIREWALL_FAILED,
                ],
                2.0,
            ),
        ],
        "list the groups of the presented account, nested ones included",
        &[
            "Take the service account out of Protected Users, or let the service use Kerberos with AES.",
        ],
    ),
    rule(
        Cause::ManagedServiceAccountUnusable,
        "managed service account gmsa password retrieve kds root key principals allowed computer group test-adserviceaccount",
        &[
            says("gmsa|msa|managed+service+account", 4.2),
            says("kds root|key", 2.6),
            log(
                "microsoft-windows-security-netlogon",
                &[9000, 9001, 9002, 9003, 9004, 9005, 9006, 9007],
                3.4,
            ),
            log("netlogon", &[9001, 9002, 9003, 9004], 2.6),
        ],
        "ask the domain controller for the managed password as this computer",
        &[
            "Add the computer to the principals that may retrieve the managed password, and restart it so that its groups are read again.",
            "Where no KDS root key exists, make one and wait ten hours.",
        ],
    ),
    rule(
        Cause::CertificateExpired,
        "certificate expired not trusted chain tls schannel validity renewed handshake alert",
        &[
            // Expired, not valid, of an unknown issuer; then an alert, whatever it is about.
            log("schannel", &[36881], 4.4),
            log("schannel", &[36876, 36882], 2.6),
            log("schannel", &[36887, 36888], 1.2),
            says("certificate expired|invalid|untrusted|renew|validity|old", 4.2),
            code(
                &[status::CERT_E_EXPIRED, status::SEC_E_CERT_EXPIRED, status::SEC_E_UNTRUSTED_ROOT],
                4.0,
            ),
            says("tls|ssl handshake|alert fail", 1.6),
        ],
        "open a TLS connection and read the validity of every certificate of the chain",
        &[
            "Renew the certificate, install it with its chain, and restart the service that uses it.",
        ],
    ),
    rule(
        Cause::AccountDisabled,
        "account disabled logon user currently disabled 531 service account administrator",
        &[code(DISABLED, 5.0), log("security", &[531], 4.0), says("account|user disabled", 3.4)],
        "read the state of the presented account",
        &["Enable the account; find out who disabled it."],
    ),
    rule(
        Cause::AccountLockedOut,
        "account locked out lockout bad password attempts 539 4740 644 threshold",
        &[
            code(LOCKED, 5.0),
            log("security", &[539, 644], 4.0),
            log("microsoft-windows-security-auditing", &[4740], 4.0),
            says("account|user locked|lockout|locked+out", 3.8),
        ],
        "read the state and the bad-password count of the presented account, without a logon",
        &[
            "Correct the wrong password at the place that event 4740 names, then unlock the account.",
            "Do not raise the threshold: the next wrong password would lock it again.",
        ],
    ),
    rule(
        Cause::AccountExpired,
        "account expired logon hours workstation restriction not allowed at this time from this computer 530 532 533",
        &[
            code(EXPIRED, 4.6),
            log("security", &[530, 532, 533], 4.0),
            says("account expired", 3.4),
            says("logon hours|hour|workstation|workstations restrict|allowed|not", 2.4),
        ],
        "read the expiry date, the logon hours and the workstations of the presented account",
        &[
            "Extend the account, or lift the restriction of hours or workstations, for the service account.",
        ],
    ),
];
