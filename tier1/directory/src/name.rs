//! Names of objects in both shapes: `/O=Org/OU=Site/CN=Recipients/CN=anna` and an LDAP DN (RFC 4514).
//!
//! In LDAP the organisation lies in the configuration container, a site is an administrative group, and what the old shape
//! has below `CN=Configuration` lies directly below the group. Both shapes name the same object and lead to each other.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Most parts of a name: the deepest object of the field has six.
pub const MAX_DEPTH: usize = 16;
/// Most characters of one part: X.520 ub-common-name is 64; servers of the field took 256.
pub const MAX_VALUE: usize = 256;

/// What a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The organisation.
    O,
    /// The site.
    Ou,
    /// Everything else.
    Cn,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::O => "O",
            Self::Ou => "OU",
            Self::Cn => "CN",
        }
    }
}

/// One part of a name.
#[derive(Debug, Clone)]
pub struct Rdn {
    /// What it is.
    pub kind: Kind,
    /// How it is spelt.
    pub value: String,
}

/// The name of an object; compared without regard to case.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(Vec<Rdn>);

impl Name {
    /// Joins parts.
    ///
    /// # Errors
    /// [`NameError`] names the part that cannot be.
    pub fn new(parts: Vec<Rdn>) -> Result<Self, NameError> {
        if parts.is_empty() {
            return Err(NameError::Empty);
        }
        if parts.len() > MAX_DEPTH {
            return Err(NameError::TooDeep);
        }
        for part in &parts {
            check_value(&part.value)?;
        }
        Ok(Self(parts))
    }

    /// A name that no object has.
    pub(crate) fn nowhere() -> Self {
        Self(vec![Rdn { kind: Kind::Cn, value: "?".to_owned() }])
    }

    /// The parts, outermost first.
    #[must_use]
    pub fn parts(&self) -> &[Rdn] {
        &self.0
    }

    /// The name below this one.
    ///
    /// # Errors
    /// The value cannot be a part, or the name would be too deep.
    pub fn child(&self, kind: Kind, value: &str) -> Result<Self, NameError> {
        let mut parts = self.0.clone();
        parts.push(Rdn { kind, value: value.to_owned() });
        Self::new(parts)
    }

    /// The name that this one lies below, if it is not outermost.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let (_, rest) = self.0.split_last()?;
        (!rest.is_empty()).then(|| Self(rest.to_vec()))
    }

    /// The last part's value.
    #[must_use]
    pub fn leaf(&self) -> &str {
        self.0.last().map_or("", |part| part.value.as_str())
    }

    /// Whether this is `other` or lies below it.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.len() >= other.0.len() && Self(self.0[..other.0.len()].to_vec()) == *other
    }

    /// The key under which it is kept: folded as names are compared. Parts end in a character that no value may have.
    #[must_use]
    pub fn key(&self) -> String {
        let part =
            |part: &Rdn| format!("{}={}\u{1}", part.kind.as_str(), identity::upcase(&part.value));
        self.0.iter().map(part).collect()
    }

    /// The LDAP shape under `base`, such as `DC=demo,DC=test`.
    #[must_use]
    pub fn to_ldap(&self, base: &str) -> String {
        let mut outermost_first: Vec<&str> = vec!["Configuration"];
        let mut parts = self.0.as_slice();
        if let [Rdn { kind: Kind::O, value }, rest @ ..] = parts {
            outermost_first.extend(["Services", "Microsoft Exchange", value]);
            parts = rest;
            if let [Rdn { kind: Kind::Ou, value }, rest @ ..] = rest {
                outermost_first.extend(["Administrative Groups", value]);
                parts = match rest {
                    // The container itself stays, so that it has a name of its own.
                    [first, below @ ..] if is(first, CONFIGURATION) && !below.is_empty() => below,
                    other => other,
                };
            }
        }
        outermost_first.extend(parts.iter().map(|part| part.value.as_str()));
        let innermost_first = outermost_first.iter().rev();
        let cn: Vec<String> =
            innermost_first.map(|value| format!("CN={}", escaped(value))).collect();
        format!("{},{base}", cn.join(","))
    }

    /// Reads either shape; a DN must end in `base`.
    ///
    /// # Errors
    /// [`NameError`] says what is wrong with it.
    pub fn parse(text: &str, base: &str) -> Result<Self, NameError> {
        if text.starts_with('/') { text.parse() } else { from_ldap(text, base) }
    }
}

const CONFIGURATION: &str = "Configuration";
/// The container of a site that lies beside its configuration.
const RECIPIENTS: &str = "Recipients";

fn is(part: &Rdn, value: &str) -> bool {
    part.kind == Kind::Cn && part.value.eq_ignore_ascii_case(value)
}

fn check_value(value: &str) -> Result<(), NameError> {
    if value.is_empty() || value.trim() != value {
        return Err(NameError::Blank);
    }
    if value.chars().nth(MAX_VALUE).is_some() {
        return Err(NameError::TooLong);
    }
    if value.chars().any(char::is_control) {
        return Err(NameError::Control);
    }
    Ok(())
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.0 {
            let value = part.value.replace('\\', "\\\\").replace('/', "\\/");
            write!(f, "/{}={value}", part.kind.as_str())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let text = text.strip_prefix('/').ok_or(NameError::Shape)?;
        let parts = split(text, '/')?;
        let parts = parts.iter().map(|part| {
            let (kind, value) = part.split_once('=').ok_or(NameError::Shape)?;
            let kind = match kind.to_ascii_uppercase().as_str() {
                "O" => Kind::O,
                "OU" => Kind::Ou,
                "CN" => Kind::Cn,
                _ => return Err(NameError::Shape),
            };
            Ok(Rdn { kind, value: value.to_owned() })
        });
        Self::new(parts.collect::<Result<_, _>>()?)
    }
}

/// Splits at a character that is not escaped, and takes the escapes away.
fn split(text: &str, at: char) -> Result<Vec<String>, NameError> {
    let mut parts = vec![Vec::new()];
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let Some(last) = parts.last_mut() else { break };
        if c == '\\' {
            let next = chars.next().ok_or(NameError::Shape)?;
            let low =
                next.to_digit(16).and_then(|_| chars.clone().next()).and_then(|c| c.to_digit(16));
            match (at, next.to_digit(16), low) {
                // RFC 4514 2.4: two hexadecimal digits are an octet of UTF-8.
                (',', Some(high), Some(low)) => {
                    chars.next();
                    last.push(u8::try_from(high * 16 + low).unwrap_or(0));
                }
                _ => push(last, next),
            }
        } else if c == at {
            parts.push(Vec::new());
        } else {
            push(last, c);
        }
        if parts.len() > 2 * MAX_DEPTH {
            return Err(NameError::TooDeep);
        }
    }
    parts.into_iter().map(|part| String::from_utf8(part).map_err(|_| NameError::Shape)).collect()
}

fn push(to: &mut Vec<u8>, c: char) {
    to.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

fn escaped(value: &str) -> String {
    let mut out = String::new();
    for (index, c) in value.chars().enumerate() {
        if matches!(c, ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=') || (index == 0 && c == '#') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn from_ldap(text: &str, base: &str) -> Result<Name, NameError> {
    let other = || NameError::OtherBase { base: base.to_owned() };
    let at = text.len().checked_sub(base.len()).ok_or_else(other)?;
    let (front, end) = text.split_at_checked(at).ok_or_else(other)?;
    let front = front.strip_suffix(',').ok_or_else(other)?;
    if !end.eq_ignore_ascii_case(base) {
        return Err(other());
    }
    let mut values = Vec::new();
    for part in split(front, ',')? {
        let (kind, value) = part.split_once('=').ok_or(NameError::Shape)?;
        if !kind.trim().eq_ignore_ascii_case("CN") {
            return Err(NameError::Shape);
        }
        values.push(value.to_owned());
    }
    values.reverse();
    let words: Vec<&str> = values.iter().map(String::as_str).collect();
    let same = |value: &str, word: &str| value.eq_ignore_ascii_case(word);
    let rdn = |kind, value: &str| Rdn { kind, value: value.to_owned() };
    let mut parts = Vec::new();
    let rest = match words.as_slice() {
        [c, s, m, organisation, rest @ ..]
            if same(c, CONFIGURATION) && same(s, "Services") && same(m, "Microsoft Exchange") =>
        {
            parts.push(rdn(Kind::O, organisation));
            match rest {
                [groups, site, below @ ..] if same(groups, "Administrative Groups") => {
                    parts.push(rdn(Kind::Ou, site));
                    if below.first().is_some_and(|first| {
                        !same(first, RECIPIENTS) && !same(first, CONFIGURATION)
                    }) {
                        parts.push(rdn(Kind::Cn, CONFIGURATION));
                    }
                    below
                }
                other => other,
            }
        }
        [c, rest @ ..] if same(c, CONFIGURATION) => rest,
        _ => return Err(NameError::Shape),
    };
    parts.extend(rest.iter().map(|value| rdn(Kind::Cn, value)));
    Name::new(parts)
}

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.to_string()
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Name {}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

/// Why a text is no name of an object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// There is nothing.
    #[error("the name of an object is empty")]
    Empty,
    /// It has another form.
    #[error("an object is named /O=Org/OU=Site/CN=... or by an LDAP DN of CN parts")]
    Shape,
    /// A DN of somewhere else.
    #[error("the DN does not end in this directory's base, which is {base:?}")]
    OtherBase {
        /// What it has to end in.
        base: String,
    },
    /// It has too many parts.
    #[error("the name of an object has at most {MAX_DEPTH} parts")]
    TooDeep,
    /// A part is too long.
    #[error("a part of a name has at most {MAX_VALUE} characters")]
    TooLong,
    /// A part is empty or has blanks at its ends.
    #[error("a part of a name is empty, or begins or ends with a blank")]
    Blank,
    /// A control character.
    #[error("a name has no control characters")]
    Control,
}
