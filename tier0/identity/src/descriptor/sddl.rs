//! Descriptors as text, MS-DTYP 2.5.1: `O:BAG:BAD:P(A;;RPWP;;;AU)`.
//!
//! What the text form has no words for (conditions, claims, unknown kinds and flags) is refused, not left out.

use super::{Ace, AceFlags, AceKind, Acl, ObjectTypes, SecurityDescriptor, Slot, control, rights};
use crate::{Guid, Sid, well_known};

/// Longest text that is read: a descriptor of the largest size takes about this much.
const MAX_TEXT: usize = 1 << 20;

const KINDS: &[(&str, AceKind)] = &[
    ("A", AceKind::Allow),
    ("D", AceKind::Deny),
    ("AU", AceKind::Audit),
    ("AL", AceKind::Other(3)),
    ("OA", AceKind::AllowObject),
    ("OD", AceKind::DenyObject),
    ("OU", AceKind::AuditObject),
    ("OL", AceKind::Other(8)),
    ("ML", AceKind::Other(17)),
    ("SP", AceKind::Other(19)),
];

const FLAGS: &[(&str, AceFlags)] = &[
    ("OI", AceFlags::OBJECT_INHERIT),
    ("CI", AceFlags::CONTAINER_INHERIT),
    ("NP", AceFlags::NO_PROPAGATE),
    ("IO", AceFlags::INHERIT_ONLY),
    ("ID", AceFlags::INHERITED),
    ("SA", AceFlags::SUCCESS),
    ("FA", AceFlags::FAILURE),
];

/// Control bits of a list: letters, the bit of a DACL, the bit of a SACL.
const LIST_FLAGS: &[(&str, u16, u16)] = &[
    ("P", control::DACL_PROTECTED, control::SACL_PROTECTED),
    ("AR", control::DACL_AUTO_INHERIT_REQ, control::SACL_AUTO_INHERIT_REQ),
    ("AI", control::DACL_AUTO_INHERITED, control::SACL_AUTO_INHERITED),
];

const NULL: &str = "NO_ACCESS_CONTROL";

/// Why a text is no descriptor, or a descriptor has no text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SddlError {
    /// The text is longer than any descriptor's.
    #[error("a descriptor's text has at most {MAX_TEXT} characters")]
    TooLong,
    /// Something else was expected.
    #[error("{expected} is expected at character {at}: {found:?}")]
    Syntax {
        /// What.
        expected: &'static str,
        /// Where, in characters of the text.
        at: usize,
        /// What stands there.
        found: String,
    },
    /// Letters that each domain has of its own.
    #[error("{letters} at character {at} is the one of a domain, and no domain is given")]
    NoDomain {
        /// The two letters.
        letters: String,
        /// Where.
        at: usize,
    },
    /// A part that stands twice.
    #[error("the part {part}: stands twice")]
    Twice {
        /// `O`, `G`, `D` or `S`.
        part: char,
    },
    /// The descriptor has something that the text form cannot say.
    #[error(
        "an entry of kind {kind} with flags {flags:#04x} has no text form here; read it as octets"
    )]
    NoText {
        /// The entry's kind.
        kind: u8,
        /// Its flags.
        flags: u8,
    },
}

impl SecurityDescriptor {
    /// The text form; identifiers of `domain` get their letters.
    ///
    /// # Errors
    /// It has entries that the text form cannot express.
    pub fn to_sddl(&self, domain: Option<&Sid>) -> Result<String, SddlError> {
        let mut out = String::new();
        for (part, sid) in [("O:", &self.owner), ("G:", &self.group)] {
            if let Some(sid) = sid {
                out.push_str(part);
                out.push_str(&sid_text(sid, domain));
            }
        }
        for (part, slot, sacl) in [("D:", &self.dacl, false), ("S:", &self.sacl, true)] {
            if *slot == Slot::Absent {
                continue;
            }
            out.push_str(part);
            for (letters, of_dacl, of_sacl) in LIST_FLAGS {
                if self.has(if sacl { *of_sacl } else { *of_dacl }) {
                    out.push_str(letters);
                }
            }
            match slot.acl() {
                Some(acl) => {
                    for ace in &acl.aces {
                        out.push_str(&ace.to_sddl(domain)?);
                    }
                }
                None => out.push_str(NULL),
            }
        }
        Ok(out)
    }

    /// Reads the text form; letters that each domain has of its own need a `domain`.
    ///
    /// # Errors
    /// [`SddlError`] says what was expected where.
    pub fn from_sddl(text: &str, domain: Option<&Sid>) -> Result<Self, SddlError> {
        if text.len() > MAX_TEXT {
            return Err(SddlError::TooLong);
        }
        let mut scan = Scan { text, at: 0, domain };
        let mut descriptor = Self::default();
        let mut seen = String::new();
        while !scan.rest().is_empty() {
            let part = scan.part()?;
            if seen.contains(part) {
                return Err(SddlError::Twice { part });
            }
            seen.push(part);
            match part {
                'O' => descriptor.owner = Some(scan.whole_sid()?),
                'G' => descriptor.group = Some(scan.whole_sid()?),
                'D' => descriptor.dacl = scan.list(&mut descriptor, false)?,
                _ => descriptor.sacl = scan.list(&mut descriptor, true)?,
            }
        }
        Ok(descriptor)
    }
}

impl Ace {
    /// One entry as text, with its parentheses.
    ///
    /// # Errors
    /// It has something that the text form cannot express.
    pub fn to_sddl(&self, domain: Option<&Sid>) -> Result<String, SddlError> {
        let no_text = || SddlError::NoText { kind: self.kind.code(), flags: self.flags.0 };
        let (kind, _) = KINDS.iter().find(|one| one.1 == self.kind).ok_or_else(no_text)?;
        let known = FLAGS.iter().fold(0, |all, one| all | one.1.0);
        if !self.data.is_empty() || self.flags.0 & !known != 0 {
            return Err(no_text());
        }
        let flags: String =
            FLAGS.iter().filter(|one| self.flags.has(one.1)).map(|one| one.0).collect();
        let all = rights::LETTERS.iter().fold(0, |all, one| all | one.1);
        let mask = if self.mask == 0 || self.mask & !all != 0 {
            format!("{:#x}", self.mask)
        } else {
            rights::LETTERS.iter().filter(|one| self.mask & one.1 != 0).map(|one| one.0).collect()
        };
        let guid = |guid: Option<Guid>| guid.map_or_else(String::new, |guid| guid.to_string());
        let (object, inherited) = (guid(self.types.object), guid(self.types.inherited));
        let sid = sid_text(&self.sid, domain);
        Ok(format!("({kind};{flags};{mask};{object};{inherited};{sid})"))
    }
}

fn sid_text(sid: &Sid, domain: Option<&Sid>) -> String {
    well_known::letters_of(sid, domain).map_or_else(|| sid.to_string(), str::to_owned)
}

/// A place in the text.
struct Scan<'a> {
    text: &'a str,
    at: usize,
    domain: Option<&'a Sid>,
}

impl<'a> Scan<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn fail<T>(&self, expected: &'static str, at: usize) -> Result<T, SddlError> {
        let found = self.text.get(at..).unwrap_or_default().chars().take(24).collect();
        let at = self.text.get(..at).unwrap_or_default().chars().count();
        Err(SddlError::Syntax { expected, at, found })
    }

    /// The letter in front of a colon.
    fn part(&mut self) -> Result<char, SddlError> {
        let mut chars = self.rest().chars();
        match (chars.next(), chars.next()) {
            (Some(part @ ('O' | 'G' | 'D' | 'S')), Some(':')) => {
                self.at += 2;
                Ok(part)
            }
            _ => self.fail("O:, G:, D: or S:", self.at),
        }
    }

    /// An identifier that reaches to the next part.
    fn whole_sid(&mut self) -> Result<Sid, SddlError> {
        let rest = self.rest();
        let end = rest.find(':').map_or(rest.len(), |colon| colon.saturating_sub(1));
        // The letter in front of the colon is ASCII where the text is well-formed.
        let Some(word) = rest.get(..end) else { return self.fail("an identifier", self.at) };
        let sid = self.sid(word, self.at)?;
        self.at += end;
        Ok(sid)
    }

    fn sid(&self, word: &str, at: usize) -> Result<Sid, SddlError> {
        if let Some(sid) = well_known::by_letters(word, self.domain) {
            return Ok(sid);
        }
        if well_known::needs_domain(word) {
            return Err(SddlError::NoDomain { letters: word.to_owned(), at });
        }
        word.parse().or_else(|_| self.fail("an identifier, S-1-... or two letters", at))
    }

    fn list(&mut self, to: &mut SecurityDescriptor, sacl: bool) -> Result<Slot, SddlError> {
        let mut null = false;
        'flags: while !self.rest().is_empty() && !self.rest().starts_with('(') {
            if let Some(rest) = self.rest().strip_prefix(NULL) {
                null = true;
                self.at = self.text.len() - rest.len();
                continue;
            }
            for (letters, of_dacl, of_sacl) in LIST_FLAGS {
                if self.rest().starts_with(letters) {
                    to.set(if sacl { *of_sacl } else { *of_dacl }, true);
                    self.at += letters.len();
                    continue 'flags;
                }
            }
            break;
        }
        let mut aces = Vec::new();
        while self.rest().starts_with('(') {
            let start = self.at + 1;
            let Some(end) = self.rest().find(')') else { return self.fail(")", self.text.len()) };
            let end = self.at + end;
            aces.push(self.ace(start, end)?);
            self.at = end + 1;
        }
        if null && !aces.is_empty() {
            return self.fail("no entry behind NO_ACCESS_CONTROL", self.at);
        }
        Ok(if null { Slot::Null } else { Slot::Acl(Acl::new(aces)) })
    }

    fn ace(&self, start: usize, end: usize) -> Result<Ace, SddlError> {
        let mut fields = Vec::new();
        let mut at = start;
        for field in self.text[start..end].split(';') {
            fields.push((field, at));
            at += field.len() + 1;
        }
        let [kind, flags, mask, object, inherited, sid] = fields.as_slice() else {
            return self.fail("(kind;flags;rights;object;inherited object;identifier)", start);
        };
        let Some((_, found)) = KINDS.iter().find(|one| one.0 == kind.0) else {
            return self.fail("a kind of entry: A, D, OA, OD, AU, OU", kind.1);
        };
        let guid = |field: &(&str, usize)| -> Result<Option<Guid>, SddlError> {
            if field.0.is_empty() {
                return Ok(None);
            }
            match field.0.parse() {
                Ok(guid) if found.is_object() => Ok(Some(guid)),
                Ok(_) => self.fail("nothing, in an entry that is not about objects", field.1),
                Err(_) => self.fail("a GUID", field.1),
            }
        };
        let types = ObjectTypes { object: guid(object)?, inherited: guid(inherited)? };
        Ok(Ace {
            kind: *found,
            flags: self.flags(flags.0, flags.1)?,
            mask: self.mask(mask.0, mask.1)?,
            types,
            sid: self.sid(sid.0, sid.1)?,
            data: Vec::new(),
        })
    }

    fn flags(&self, mut word: &str, at: usize) -> Result<AceFlags, SddlError> {
        let mut flags = AceFlags::default();
        while !word.is_empty() {
            let found = FLAGS.iter().find_map(|one| Some((word.strip_prefix(one.0)?, one.1)));
            let Some((rest, flag)) = found else {
                return self.fail("flags: OI, CI, NP, IO, ID, SA, FA", at);
            };
            (word, flags) = (rest, flags.with(flag));
        }
        Ok(flags)
    }

    fn mask(&self, mut word: &str, at: usize) -> Result<u32, SddlError> {
        let number = match word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
            Some(digits) => Some(u32::from_str_radix(digits, 16)),
            None if word.starts_with(|c: char| c.is_ascii_digit()) => Some(word.parse()),
            None => None,
        };
        if let Some(number) = number {
            return number.or_else(|_| self.fail("a number of 32 bits", at));
        }
        let mut mask = 0;
        while !word.is_empty() {
            let letters = rights::LETTERS.iter().map(|one| (one.0, one.1));
            let found = letters
                .chain(rights::WORDS.iter().copied())
                .find_map(|one| Some((word.strip_prefix(one.0)?, one.1)));
            let Some((rest, bits)) = found else {
                return self.fail("rights: CC, DC, LC, SW, RP, WP, ... or a number", at);
            };
            (word, mask) = (rest, mask | bits);
        }
        Ok(mask)
    }
}
