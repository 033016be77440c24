//! What is said to the helper and what it says, ntlm_auth(1): `Name: value`, or `Name:: value` in base 64, ended by a dot.

use std::fmt::Write;

use security::{LogonFailure, LogonKey, LogonQuestion, LogonVerdict};
use zeroize::Zeroizing;

/// The question.
pub(crate) fn request(question: &LogonQuestion) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::new());
    let mut line = |name: &str, value: &str| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name}: {value}");
    };
    line("LANMAN-Challenge", &hex(&question.challenge));
    if !question.lm_response.is_empty() {
        line("LANMAN-Response", &hex(&question.lm_response));
    }
    line("NT-Response", &hex(&question.nt_response));
    // In base 64, so that no name can say something else to the helper.
    line("NT-Domain:", &base64(question.domain.as_bytes()));
    line("Username:", &base64(question.user.as_bytes()));
    if !question.workstation.is_empty() {
        line("Workstation:", &base64(question.workstation.as_bytes()));
    }
    line("Request-User-Session-Key", "Yes");
    text.push_str(".\n");
    text
}

/// The answer; none when it is none.
pub(crate) fn answer(text: &str) -> Option<LogonVerdict> {
    let value = |name: &str| {
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim))
    };
    match value("Authenticated")? {
        "Yes" => {
            let key = value("User-Session-Key").and_then(key);
            // An authority that gives no key has proved nothing that a session could be built on.
            Some(key.map_or(Err(LogonFailure::NoLogonServers), |key| Ok(LogonKey::new(key))))
        }
        "No" => {
            Some(Err(value("Authentication-Error").map_or(LogonFailure::WrongPassword, reason)))
        }
        _ => None,
    }
}

/// The reason: an NTSTATUS in hex, by its name, or by its words. The helper gives the words alone in this protocol, in
/// English whatever the language of the machine is.
fn reason(text: &str) -> LogonFailure {
    let hex = text.split("0x").skip(1).find_map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(rest.len());
        u32::from_str_radix(rest.get(..end)?, 16).ok()
    });
    let by_name = || NAMES.iter().find(|(name, _)| text.contains(name));
    let status = hex.or_else(|| by_name().map(|(_, status)| *status));
    if let Some(failure) = status.and_then(LogonFailure::from_ntstatus) {
        return failure;
    }
    let words = text.to_lowercase();
    let by_words = WORDS.iter().find(|(part, _)| words.contains(part));
    by_words.map_or(LogonFailure::NoLogonServers, |(_, failure)| *failure)
}

/// What is special to the words of a reason, the more special ones first.
const WORDS: [(&str, LogonFailure); 12] = [
    ("account does not exist", LogonFailure::UnknownAccount),
    ("current password is not correct", LogonFailure::WrongPassword),
    ("attempted logon is invalid", LogonFailure::WrongPassword),
    ("bad user", LogonFailure::WrongPassword),
    ("currently disabled", LogonFailure::Disabled),
    ("locked", LogonFailure::LockedOut),
    ("password has expired", LogonFailure::PasswordExpired),
    ("password must be changed", LogonFailure::PasswordExpired),
    ("account has expired", LogonFailure::AccountExpired),
    ("time restriction", LogonFailure::Restricted),
    ("restriction", LogonFailure::Restricted),
    ("workstation", LogonFailure::Restricted),
];

/// MS-ERREF 2.3.1; a name that holds another one stands before it.
const NAMES: [(&str, u32); 12] = [
    ("NT_STATUS_NO_SUCH_USER", 0xC000_0064),
    ("NT_STATUS_WRONG_PASSWORD", 0xC000_006A),
    ("NT_STATUS_LOGON_FAILURE", 0xC000_006D),
    ("NT_STATUS_ACCOUNT_DISABLED", 0xC000_0072),
    ("NT_STATUS_ACCOUNT_LOCKED_OUT", 0xC000_0234),
    ("NT_STATUS_PASSWORD_EXPIRED", 0xC000_0071),
    ("NT_STATUS_PASSWORD_MUST_CHANGE", 0xC000_0224),
    ("NT_STATUS_ACCOUNT_EXPIRED", 0xC000_0193),
    ("NT_STATUS_ACCOUNT_RESTRICTION", 0xC000_006E),
    ("NT_STATUS_INVALID_LOGON_HOURS", 0xC000_006F),
    ("NT_STATUS_INVALID_WORKSTATION", 0xC000_0070),
    ("NT_STATUS_NO_LOGON_SERVERS", 0xC000_005E),
];

fn key(text: &str) -> Option<[u8; 16]> {
    let mut key = [0; 16];
    if text.len() != 32 || !text.is_ascii() {
        return None;
    }
    for (octet, pair) in key.iter_mut().zip(text.as_bytes().as_chunks::<2>().0) {
        *octet = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(key)
}

fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}

/// RFC 4648 section 4.
fn base64(octets: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in octets.chunks(3) {
        let bits = (0..3)
            .fold(0u32, |bits, at| bits << 8 | u32::from(group.get(at).copied().unwrap_or(0)));
        for at in 0..4 {
            let index = usize::try_from(bits >> (18 - 6 * at) & 0x3f).unwrap_or(0);
            text.push(if at <= group.len() { char::from(ALPHABET[index]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_as_the_standard_has_it() {
        // RFC 4648 section 10.
        for (text, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(text.as_bytes()), coded);
        }
    }

    #[test]
    fn answers_as_the_helper_gives_them() {
        let yes = "Authenticated: Yes\nUser-Session-Key: 000102030405060708090A0B0C0D0E0F\n.\n";
        assert!(matches!(answer(yes), Some(Ok(_))));
        let refused = |text: &str| match answer(text) {
            Some(Err(failure)) => failure,
            other => panic!("{other:?}"),
        };
        for (text, expected) in [
            (
                "Authenticated: No\nAuthentication-Error: Logon failure (0xc000006d)\n.\n",
                LogonFailure::WrongPassword,
            ),
            (
                "Authenticated: No\nAuthentication-Error: NT_STATUS_ACCOUNT_DISABLED\n.\n",
                LogonFailure::Disabled,
            ),
            (
                "Authenticated: No\nAuthentication-Error: The account is locked (0xc0000234)\n.\n",
                LogonFailure::LockedOut,
            ),
            (
                "Authenticated: No\nAuthentication-Error: No trusted logon servers (0xc000005e)\n.\n",
                LogonFailure::NoLogonServers,
            ),
            (
                "Authenticated: No\nAuthentication-Error: The specified account does not exist.\n.\n",
                LogonFailure::UnknownAccount,
            ),
            (
                "Authenticated: No\nAuthentication-Error: There are no logon servers now.\n.\n",
                LogonFailure::NoLogonServers,
            ),
            (
                "Authenticated: No\nAuthentication-Error: something new\n.\n",
                LogonFailure::NoLogonServers,
            ),
            ("Authenticated: Yes\n.\n", LogonFailure::NoLogonServers),
            ("Authenticated: Yes\nUser-Session-Key: 00\n.\n", LogonFailure::NoLogonServers),
        ] {
            assert_eq!(refused(text), expected, "{text}");
        }
        assert!(answer("").is_none() && answer("Error: what?\n.\n").is_none());
        assert!(answer("Authenticated: Maybe\n.\n").is_none());
    }
}
