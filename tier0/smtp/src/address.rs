//! Paths and mailboxes (RFC 5321 4.1.2, Command Argument Syntax; RFC 6531 3.3, non-ASCII).
//!
//! A mailbox is kept exactly as it came, because a quoted local part means something else without its quotes.
//! Source routes are checked for their outer form and dropped (RFC 5321 appendix C).

/// Limit of a path in octets: RFC 5321 4.5.3.1.3 asks for at least 256, but X.400 addresses in RFC 2156 form are longer.
pub const MAX_PATH: usize = 1024;
/// Limit of a domain in octets (RFC 5321 4.5.3.1.2).
pub const MAX_DOMAIN: usize = 255;
/// Limit of a domain label in octets (RFC 1035 2.3.4); a U-label may need more octets than its A-label.
const MAX_LABEL: usize = 252;

/// Why a path or mailbox was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("the path is not enclosed in angle brackets")]
    NoBrackets,
    #[error("the path has more than {MAX_PATH} octets")]
    TooLong,
    #[error("the source route is malformed")]
    SourceRoute,
    #[error("the local part is malformed")]
    LocalPart,
    #[error("the domain is missing or malformed")]
    Domain,
}

/// What stands between the angle brackets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Path<'a> {
    Null,
    Postmaster,
    Mailbox(&'a str),
}

/// Reads one path at the start of `text` and gives back what follows it.
pub(crate) fn parse_path(text: &str) -> Result<(Path<'_>, &str), AddressError> {
    let inner_and_rest = text.strip_prefix('<').ok_or(AddressError::NoBrackets)?;
    let end = closing_bracket(inner_and_rest).ok_or(AddressError::NoBrackets)?;
    let (inner, rest) = inner_and_rest.split_at(end);
    let rest = rest.strip_prefix('>').ok_or(AddressError::NoBrackets)?;
    if inner.len() > MAX_PATH {
        return Err(AddressError::TooLong);
    }
    if inner.is_empty() {
        return Ok((Path::Null, rest));
    }
    let mailbox = without_source_route(inner)?;
    if mailbox.eq_ignore_ascii_case("postmaster") {
        return Ok((Path::Postmaster, rest));
    }
    mailbox_parts(mailbox)?;
    Ok((Path::Mailbox(mailbox), rest))
}

/// Splits a mailbox at its `@` into local part (quotes kept) and domain, checking both (RFC 5321 4.1.2).
pub fn mailbox_parts(mailbox: &str) -> Result<(&str, &str), AddressError> {
    if mailbox.len() > MAX_PATH {
        return Err(AddressError::TooLong);
    }
    let local_end = if mailbox.starts_with('"') {
        quoted_string_end(mailbox).ok_or(AddressError::LocalPart)?
    } else {
        let end = mailbox.find('@').ok_or(AddressError::Domain)?;
        let atoms = mailbox.get(..end).ok_or(AddressError::LocalPart)?;
        if !atoms.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atext)) {
            return Err(AddressError::LocalPart);
        }
        end
    };
    let (local, rest) = mailbox.split_at_checked(local_end).ok_or(AddressError::LocalPart)?;
    let domain = rest.strip_prefix('@').ok_or(AddressError::Domain)?;
    if !is_domain(domain) {
        return Err(AddressError::Domain);
    }
    Ok((local, domain))
}

fn closing_bracket(text: &str) -> Option<usize> {
    let mut quoted = false;
    let mut escaped = false;
    for (at, octet) in text.bytes().enumerate() {
        match octet {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'>' if !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

fn without_source_route(inner: &str) -> Result<&str, AddressError> {
    if !inner.starts_with('@') {
        return Ok(inner);
    }
    let mut in_literal = false;
    for (at, octet) in inner.bytes().enumerate() {
        match octet {
            b'[' => in_literal = true,
            b']' => in_literal = false,
            b':' if !in_literal => {
                let (route, rest) = inner.split_at_checked(at).ok_or(AddressError::SourceRoute)?;
                let hops_are_domains =
                    route.split(',').all(|hop| hop.strip_prefix('@').is_some_and(is_domain));
                return match rest.strip_prefix(':') {
                    Some(mailbox) if hops_are_domains => Ok(mailbox),
                    _ => Err(AddressError::SourceRoute),
                };
            }
            _ => {}
        }
    }
    Err(AddressError::SourceRoute)
}

/// The offset behind the closing quote of a quoted string at the start of `text`.
fn quoted_string_end(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if character.is_control() => return None,
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

fn is_atext(character: char) -> bool {
    character.is_ascii_alphanumeric()
        || "!#$%&'*+-/=?^_`{|}~".contains(character)
        || is_beyond_ascii(character)
}

fn is_beyond_ascii(character: char) -> bool {
    !character.is_ascii() && !character.is_control() && !character.is_whitespace()
}

/// Whether `text` is a domain or an address literal; `_` is tolerated in labels, since host names on Windows use it.
pub(crate) fn is_domain(text: &str) -> bool {
    if text.is_empty() || text.len() > MAX_DOMAIN {
        return false;
    }
    if let Some(literal) = text.strip_prefix('[') {
        return literal.strip_suffix(']').is_some_and(|inside| {
            !inside.is_empty()
                && inside.chars().all(|c| c.is_ascii_graphic() && !"[]\\".contains(c))
        });
    }
    text.split('.').all(|label| {
        !label.is_empty()
            && label.len() <= MAX_LABEL
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_".contains(c) || is_beyond_ascii(c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_kept_as_they_came() {
        for (text, path, rest) in [
            ("<>", Path::Null, ""),
            ("<PostMaster> X", Path::Postmaster, " X"),
            ("<a@b>", Path::Mailbox("a@b"), ""),
            ("<a.b+c=d@x.example> SIZE=1", Path::Mailbox("a.b+c=d@x.example"), " SIZE=1"),
            ("<\"a b>@c\"@d>", Path::Mailbox("\"a b>@c\"@d"), ""),
            (r#"<"a\"\\b"@d>"#, Path::Mailbox(r#""a\"\\b"@d"#), ""),
            ("<@x,@[IPv6:::1]:a@b>", Path::Mailbox("a@b"), ""),
            ("<a@[127.0.0.1]>", Path::Mailbox("a@[127.0.0.1]"), ""),
            ("<jürgen@bücher.example>", Path::Mailbox("jürgen@bücher.example"), ""),
            ("</G=Ada/S=Lovelace/@gw.example>", Path::Mailbox("/G=Ada/S=Lovelace/@gw.example"), ""),
        ] {
            assert_eq!(parse_path(text), Ok((path, rest)), "{text}");
        }
    }

    #[test]
    fn malformed_paths_are_refused() {
        for (text, error) in [
            ("a@b", AddressError::NoBrackets),
            ("<a@b", AddressError::NoBrackets),
            ("<\"a@b>", AddressError::NoBrackets),
            ("<a>", AddressError::Domain),
            ("<a@>", AddressError::Domain),
            ("<a@b..c>", AddressError::Domain),
            ("<a@b.>", AddressError::Domain),
            ("<a@-b>", AddressError::Domain),
            ("<a@[]>", AddressError::Domain),
            ("<@b>", AddressError::SourceRoute),
            ("<@b a:x@y>", AddressError::SourceRoute),
            ("<.a@b>", AddressError::LocalPart),
            ("<a..b@c>", AddressError::LocalPart),
            ("<a b@c>", AddressError::LocalPart),
            ("<a@b@c>", AddressError::Domain),
            ("<\"a\"b@c>", AddressError::Domain),
            ("<\"a\tb\"@c>", AddressError::LocalPart),
            ("<a\u{85}b@c>", AddressError::LocalPart),
        ] {
            assert_eq!(parse_path(text), Err(error), "{text}");
        }
        let long = format!("<{}@b>", "a".repeat(MAX_PATH));
        assert_eq!(parse_path(&long), Err(AddressError::TooLong));
    }
}
