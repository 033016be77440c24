//! Upper case as account names and the NTLM key derivation use it (MS-NLMP 3.3.2, `UpperCase`).

/// Upper-cases a name one character to one character, as Windows does for account names.
///
/// A character is left alone when its upper case would be several characters (the German sharp s) or would not lead
/// back to it (dotless i, long s, micro sign): Windows leaves these alone too, and otherwise two different names
/// would be one account.
#[must_use]
pub fn upcase(name: &str) -> String {
    name.chars().map(upcase_char).collect()
}

pub(crate) fn upcase_chars(name: &str) -> impl Iterator<Item = char> + '_ {
    name.chars().map(upcase_char)
}

fn upcase_char(c: char) -> char {
    match c {
        // Final sigma is the one common letter that does not lead back and still is the same letter.
        '\u{3C2}' => '\u{3A3}',
        // Georgian got capitals in Unicode 11; Windows's table is older and nobody writes names in them.
        '\u{10D0}'..='\u{10FF}' => c,
        _ => single(c.to_uppercase())
            .filter(|upper| single(upper.to_lowercase()) == Some(c))
            .unwrap_or(c),
    }
}

fn single(mut chars: impl Iterator<Item = char>) -> Option<char> {
    let first = chars.next()?;
    chars.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::upcase;

    #[test]
    fn upcases_letters_of_many_scripts() {
        for (given, expected) in [
            ("svc-mail1", "SVC-MAIL1"),
            ("jörg", "JÖRG"),
            ("νίκος", "ΝΊΚΟΣ"),
            ("дмитрий", "ДМИТРИЙ"),
            ("ÿ", "Ÿ"),
            ("日本", "日本"),
            ("𐐨", "𐐀"),
        ] {
            assert_eq!(upcase(given), expected);
        }
    }

    #[test]
    fn leaves_letters_alone_that_do_not_lead_back() {
        for kept in ["ß", "ı", "ſ", "µ", "ა", "ﬁ"] {
            assert_eq!(upcase(kept), kept);
        }
    }

    #[test]
    fn is_idempotent() {
        for c in '\0'..=char::MAX {
            let once = upcase(c.encode_utf8(&mut [0; 4]));
            assert_eq!(upcase(&once), once, "{c:?}");
        }
    }
}
