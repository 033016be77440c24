//! Message-ID and `IPMIdentifier` (X.420 7.1.1, RFC 2156 4.7.3).

use ber::{Encoder, Tag};
use sha2::{Digest, Sha256};
use x400::OrName;

use super::entity::Field;
use crate::printable::to_printable;

/// ub-local-ipm-identifier of X.420 Annex.
const MAX_LOCAL: usize = 64;

/// The identifier of a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Identifier {
    user: Option<OrName>,
    local: String,
    /// The Message-ID can be told from it.
    pub exact: bool,
}

impl Identifier {
    /// Of what stands between the angle brackets.
    ///
    /// One that was made of an identifier of X.400, `"local*address"@MHS`, becomes that again. One that is too long
    /// becomes its SHA-256 in hex, so that answers still point at it.
    pub fn of(id: &str) -> Self {
        if let Some(found) = Self::returning(id) {
            return found;
        }
        let local = to_printable(id);
        if local.len() <= MAX_LOCAL && id.is_ascii() {
            Self { user: None, local, exact: true }
        } else {
            Self::hashed(wire::to_hex(&Sha256::digest(id.as_bytes())))
        }
    }

    /// Of a digest that stands for a message without a Message-ID.
    pub fn hashed(digest: String) -> Self {
        Self { user: None, local: digest, exact: false }
    }

    fn returning(id: &str) -> Option<Self> {
        let (local, domain) = id.rsplit_once('@')?;
        if !domain.eq_ignore_ascii_case("MHS") {
            return None;
        }
        let local =
            local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(local);
        let (local, address) = local.split_once('*')?;
        let fits = local.len() <= MAX_LOCAL && to_printable(local) == local;
        let user = if address.is_empty() { None } else { Some(address.parse().ok()?) };
        fits.then(|| Self { user, local: local.to_owned(), exact: true })
    }

    pub fn write(&self, encoder: &mut Encoder, tag: Tag) {
        encoder.constructed(tag, |encoder| {
            if let Some(user) = &self.user {
                encoder.raw(&user.encode());
            }
            encoder.text(Tag::PRINTABLE_STRING, &self.local);
        });
    }
}

/// The identifiers in a field, and whether it holds nothing else.
pub(super) fn identifiers(field: &Field<'_>) -> (Vec<Identifier>, bool) {
    let value = field.unfolded();
    let text = String::from_utf8_lossy(&value);
    let (mut found, mut exact) = (Vec::new(), true);
    let mut rest = &*text;
    while let Some((before, behind)) = rest.split_once('<') {
        exact &= is_blank(before);
        let Some((id, behind)) = behind.split_once('>') else {
            return (found, false);
        };
        let id = Identifier::of(id.trim());
        exact &= id.exact;
        found.push(id);
        rest = behind;
    }
    (found, exact && is_blank(rest))
}

fn is_blank(text: &str) -> bool {
    text.chars().all(|character| character == ',' || character.is_whitespace())
}
