//! Parameters of MAIL and RCPT: SIZE (RFC 1870), BODY (RFC 6152, RFC 3030), SMTPUTF8 (RFC 6531), RET, ENVID, NOTIFY and
//! ORCPT (RFC 3461), MT-PRIORITY (RFC 6710).
//!
//! `Display` writes what `parse` reads; ENVID and ORCPT stay in the xtext form in which they came.

use std::fmt;

/// Limit of ENVID (RFC 3461 4.4).
const MAX_ENVID: usize = 100;
/// Limit of ORCPT (RFC 3461 4.2).
const MAX_ORCPT: usize = 500;
/// Limit of SIZE in digits (RFC 1870 3).
const MAX_SIZE_DIGITS: usize = 20;

/// Why a parameter was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    #[error("parameter {0} is not known")]
    Unknown(String),
    #[error("parameter {0} has a bad value")]
    Value(&'static str),
    #[error("parameter {0} stands twice")]
    Twice(&'static str),
}

/// What the content may hold (RFC 6152 2; RFC 3030 3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Body {
    #[default]
    SevenBit,
    EightBit,
    Binary,
}

/// How much of the message a report returns (RFC 3461 4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Return {
    Full,
    Headers,
}

/// When the sender wants to be told (RFC 3461 4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notify {
    Never,
    On { success: bool, failure: bool, delay: bool },
}

/// The parameters of MAIL.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MailParameters {
    pub body: Body,
    pub smtputf8: bool,
    pub ret: Option<Return>,
    /// xtext as received.
    pub envid: Option<String>,
    /// The declared size in octets; a declaration beyond 64 bits is `u64::MAX`.
    pub size: Option<u64>,
    /// -9..=9
    pub mt_priority: Option<i8>,
}

/// The parameters of RCPT.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecipientParameters {
    pub notify: Option<Notify>,
    /// `addr-type;xtext` as received.
    pub orcpt: Option<String>,
}

impl MailParameters {
    /// Reads `SP`-separated parameters as they stand behind the path (RFC 5321 4.1.2, Mail-parameters).
    pub fn parse(text: &str) -> Result<Self, ParameterError> {
        let mut parameters = Self::default();
        let mut body = None;
        for (keyword, value) in split(text) {
            match keyword.to_ascii_uppercase().as_str() {
                "BODY" => set(&mut body, "BODY", value.and_then(parse_body))?,
                "SMTPUTF8" if value.is_some() => return Err(ParameterError::Value("SMTPUTF8")),
                "SMTPUTF8" if parameters.smtputf8 => return Err(ParameterError::Twice("SMTPUTF8")),
                "SMTPUTF8" => parameters.smtputf8 = true,
                "RET" => set(&mut parameters.ret, "RET", value.and_then(parse_ret))?,
                "ENVID" => set(
                    &mut parameters.envid,
                    "ENVID",
                    value.filter(|v| v.len() <= MAX_ENVID && is_xtext(v)).map(str::to_owned),
                )?,
                "SIZE" => set(&mut parameters.size, "SIZE", value.and_then(parse_size))?,
                "MT-PRIORITY" => {
                    set(&mut parameters.mt_priority, "MT-PRIORITY", value.and_then(parse_priority))?
                }
                _ => return Err(ParameterError::Unknown(printable(keyword))),
            }
        }
        parameters.body = body.unwrap_or_default();
        Ok(parameters)
    }
}

impl RecipientParameters {
    /// Reads `SP`-separated parameters as they stand behind the path (RFC 5321 4.1.2, Rcpt-parameters).
    pub fn parse(text: &str) -> Result<Self, ParameterError> {
        let mut parameters = Self::default();
        for (keyword, value) in split(text) {
            match keyword.to_ascii_uppercase().as_str() {
                "NOTIFY" => set(&mut parameters.notify, "NOTIFY", value.and_then(parse_notify))?,
                "ORCPT" => set(
                    &mut parameters.orcpt,
                    "ORCPT",
                    value.filter(|v| is_original_recipient(v)).map(str::to_owned),
                )?,
                _ => return Err(ParameterError::Unknown(printable(keyword))),
            }
        }
        Ok(parameters)
    }
}

impl fmt::Display for MailParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = Vec::new();
        match self.body {
            Body::SevenBit => {}
            Body::EightBit => words.push("BODY=8BITMIME".to_owned()),
            Body::Binary => words.push("BODY=BINARYMIME".to_owned()),
        }
        if self.smtputf8 {
            words.push("SMTPUTF8".to_owned());
        }
        match self.ret {
            None => {}
            Some(Return::Full) => words.push("RET=FULL".to_owned()),
            Some(Return::Headers) => words.push("RET=HDRS".to_owned()),
        }
        if let Some(envid) = &self.envid {
            words.push(format!("ENVID={envid}"));
        }
        if let Some(size) = self.size {
            words.push(format!("SIZE={size}"));
        }
        if let Some(priority) = self.mt_priority {
            words.push(format!("MT-PRIORITY={priority}"));
        }
        f.write_str(&words.join(" "))
    }
}

impl fmt::Display for RecipientParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = Vec::new();
        match self.notify {
            None => {}
            Some(Notify::Never) => words.push("NOTIFY=NEVER".to_owned()),
            Some(Notify::On { success, failure, delay }) => {
                let chosen: Vec<&str> =
                    [(success, "SUCCESS"), (failure, "FAILURE"), (delay, "DELAY")]
                        .into_iter()
                        .filter_map(|(wanted, word)| wanted.then_some(word))
                        .collect();
                // An empty list has no form on the wire; leaving the parameter out means the default.
                if !chosen.is_empty() {
                    words.push(format!("NOTIFY={}", chosen.join(",")));
                }
            }
        }
        if let Some(orcpt) = &self.orcpt {
            words.push(format!("ORCPT={orcpt}"));
        }
        f.write_str(&words.join(" "))
    }
}

/// Parameters are separated by spaces; values never hold one (RFC 5321 4.1.2, esmtp-value).
fn split(text: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    text.split(' ').filter(|word| !word.is_empty()).map(|word| match word.split_once('=') {
        Some((keyword, value)) => (keyword, Some(value)),
        None => (word, None),
    })
}

fn set<T>(
    slot: &mut Option<T>,
    keyword: &'static str,
    value: Option<T>,
) -> Result<(), ParameterError> {
    if slot.is_some() {
        return Err(ParameterError::Twice(keyword));
    }
    *slot = Some(value.ok_or(ParameterError::Value(keyword))?);
    Ok(())
}

fn parse_body(value: &str) -> Option<Body> {
    match value.to_ascii_uppercase().as_str() {
        "7BIT" => Some(Body::SevenBit),
        "8BITMIME" => Some(Body::EightBit),
        "BINARYMIME" => Some(Body::Binary),
        _ => None,
    }
}

fn parse_ret(value: &str) -> Option<Return> {
    match value.to_ascii_uppercase().as_str() {
        "FULL" => Some(Return::Full),
        "HDRS" => Some(Return::Headers),
        _ => None,
    }
}

fn parse_notify(value: &str) -> Option<Notify> {
    if value.eq_ignore_ascii_case("NEVER") {
        return Some(Notify::Never);
    }
    let (mut success, mut failure, mut delay) = (false, false, false);
    for word in value.split(',') {
        let slot = match word.to_ascii_uppercase().as_str() {
            "SUCCESS" => &mut success,
            "FAILURE" => &mut failure,
            "DELAY" => &mut delay,
            _ => return None,
        };
        *slot = true;
    }
    Some(Notify::On { success, failure, delay })
}

fn parse_size(value: &str) -> Option<u64> {
    let digits =
        (1..=MAX_SIZE_DIGITS).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| value.parse().unwrap_or(u64::MAX))
}

fn parse_priority(value: &str) -> Option<i8> {
    let digits = value.strip_prefix('-').unwrap_or(value);
    let single = digits.len() == 1 && digits.bytes().all(|b| b.is_ascii_digit());
    single.then(|| value.parse().ok()).flatten()
}

/// RFC 3461 4: printable ASCII except `+` and `=`, or `+` and two upper-case hexadecimal digits.
fn is_xtext(value: &str) -> bool {
    let mut octets = value.bytes();
    while let Some(octet) = octets.next() {
        let fits = match octet {
            b'+' => [octets.next(), octets.next()]
                .iter()
                .all(|digit| digit.is_some_and(|d| matches!(d, b'0'..=b'9' | b'A'..=b'F'))),
            b'=' => false,
            _ => octet.is_ascii_graphic(),
        };
        if !fits {
            return false;
        }
    }
    !value.is_empty()
}

/// Any address type is kept, `x400` too; the `utf-8` one may hold UTF-8 and `\x{..}` (RFC 6533 3).
fn is_original_recipient(value: &str) -> bool {
    let Some((kind, address)) = value.split_once(';') else {
        return false;
    };
    let kind_fits =
        !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let address_fits = if kind.eq_ignore_ascii_case("utf-8") {
        !address.is_empty()
            && address.chars().all(|c| !c.is_control() && !c.is_whitespace() && c != '=')
    } else {
        is_xtext(address)
    };
    value.len() <= MAX_ORCPT && kind_fits && address_fits
}

/// An echo of the client's word that is safe in a reply.
fn printable(word: &str) -> String {
    word.chars().take(32).map(|c| if c.is_ascii_graphic() { c } else { '?' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_parameters_round_trip() {
        for text in [
            "",
            "BODY=8BITMIME",
            "BODY=BINARYMIME SMTPUTF8 RET=HDRS ENVID=QQ+20314159 SIZE=1000 MT-PRIORITY=-6",
            "RET=FULL SIZE=18446744073709551615 MT-PRIORITY=9",
        ] {
            assert_eq!(MailParameters::parse(text).expect(text).to_string(), text);
        }
        let lower = MailParameters::parse("body=7bit  size=5 ").unwrap();
        assert_eq!((lower.body, lower.size), (Body::SevenBit, Some(5)));
        assert_eq!(
            MailParameters::parse("SIZE=99999999999999999999").unwrap().size,
            Some(u64::MAX)
        );
    }

    #[test]
    fn recipient_parameters_round_trip() {
        for text in [
            "",
            "NOTIFY=NEVER",
            "NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;Bob+2Bx@example.com",
            "ORCPT=x400;/G+3DAda/S+3DLovelace/",
            "ORCPT=utf-8;jürgen@bücher.example",
        ] {
            assert_eq!(RecipientParameters::parse(text).expect(text).to_string(), text);
        }
    }

    #[test]
    fn bad_parameters_are_refused() {
        use ParameterError::{Twice, Unknown, Value};
        for (text, error) in [
            ("BODY", Value("BODY")),
            ("BODY=9BIT", Value("BODY")),
            ("BODY=7BIT BODY=7BIT", Twice("BODY")),
            ("SMTPUTF8=1", Value("SMTPUTF8")),
            ("SMTPUTF8 SMTPUTF8", Twice("SMTPUTF8")),
            ("RET=FULL RET=HDRS", Twice("RET")),
            ("ENVID=", Value("ENVID")),
            ("ENVID=a+2", Value("ENVID")),
            ("ENVID=a=b", Value("ENVID")),
            ("SIZE=-1", Value("SIZE")),
            ("SIZE=123456789012345678901", Value("SIZE")),
            ("MT-PRIORITY=10", Value("MT-PRIORITY")),
            ("MT-PRIORITY=+1", Value("MT-PRIORITY")),
            ("AUTH=<>", Unknown("AUTH".to_owned())),
            ("=x", Unknown(String::new())),
        ] {
            assert_eq!(MailParameters::parse(text), Err(error), "{text}");
        }
        for (text, error) in [
            ("NOTIFY=NEVER,DELAY", Value("NOTIFY")),
            ("NOTIFY=", Value("NOTIFY")),
            ("ORCPT=bob@example.com", Value("ORCPT")),
            ("ORCPT=rfc822;", Value("ORCPT")),
            ("SIZE=1", Unknown("SIZE".to_owned())),
        ] {
            assert_eq!(RecipientParameters::parse(text), Err(error), "{text}");
        }
        let long = format!("ORCPT=rfc822;{}", "a".repeat(MAX_ORCPT));
        assert_eq!(RecipientParameters::parse(&long), Err(Value("ORCPT")));
    }
}
