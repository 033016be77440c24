//! The grammar of names in the file: each check says what is wrong, or nothing.

/// RFC 1035, 2.3.4: octets of a name, without the final dot.
const DOMAIN_MAX: usize = 253;

/// RFC 1035, 2.3.4: octets of a label.
const LABEL_MAX: usize = 63;

/// RFC 5321, 4.5.3.1.1: octets of a local part.
const LOCAL_PART_MAX: usize = 64;

/// X.680, 41.4: the characters of PrintableString besides letters and digits.
const PRINTABLE_MARKS: &str = " '()+,-./:=?";

/// What keeps `text` from being a host or mail domain name (RFC 1123, 2.1; the underscore of NetBIOS names is let
/// through).
pub(crate) fn domain_problem(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        return Some("is empty");
    }
    if text.len() > DOMAIN_MAX {
        return Some("has more than 253 characters");
    }
    if text.contains('@') {
        return Some("is an address; a domain has no part before the @");
    }
    let labels: Vec<&str> = text.split('.').collect();
    for label in &labels {
        if label.is_empty() {
            return Some("has an empty part beside a dot");
        }
        if label.len() > LABEL_MAX {
            return Some("has a part of more than 63 characters");
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Some("has a part that begins or ends with a hyphen");
        }
        if !label.is_ascii() {
            return Some("has a letter beyond ASCII; write it in the ASCII form of DNS (xn--...)");
        }
        if !label
            .bytes()
            .all(|octet| octet.is_ascii_alphanumeric() || octet == b'-' || octet == b'_')
        {
            return Some("has a character that is no letter, digit, hyphen or underscore");
        }
    }
    if labels.last().is_some_and(|label| label.bytes().all(|octet| octet.is_ascii_digit())) {
        return Some("ends in digits only, so that it would be taken for an IP address");
    }
    None
}

/// What keeps `text` from being the local part of a mailbox here (the dot-string of RFC 5321, 4.1.2, and UTF-8 as RFC
/// 6531 allows it).
pub(crate) fn local_part_problem(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        return Some("is empty");
    }
    if text.len() > LOCAL_PART_MAX {
        return Some("has more than 64 octets");
    }
    if text.contains('@') {
        return Some("has an @; write only what stands before it");
    }
    if text.starts_with('.') || text.ends_with('.') || text.contains("..") {
        return Some("has a dot at an end, or two together");
    }
    let atom = |c: char| c.is_alphanumeric() || !c.is_ascii() || "!#$%&'*+-=?^_`{|}~.".contains(c);
    if text.chars().any(|c| !atom(c) || c.is_control() || c.is_whitespace()) {
        return Some("has a character that a mailbox name cannot have");
    }
    None
}

/// What keeps `text` from being ASCII text that can be shown on a line.
pub(crate) fn text_problem(text: &str) -> Option<&'static str> {
    if !text.bytes().all(|octet| octet == b' ' || octet.is_ascii_graphic()) {
        return Some("has a character outside printable ASCII");
    }
    if text.starts_with(' ') || text.ends_with(' ') {
        return Some("begins or ends with a space");
    }
    None
}

/// What keeps `text` from being a name that can be shown on a line and looks like nothing else there.
pub(crate) fn name_problem(text: &str) -> Option<&'static str> {
    // Line and paragraph separators, and what turns the direction of writing (Unicode 9.0 chapter 23).
    let hidden = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    if text.chars().any(|c| c.is_control() || hidden(c)) {
        return Some("has a character that cannot be shown on a line");
    }
    if text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace) {
        return Some("begins or ends with a space");
    }
    None
}

/// What keeps `text` from being a PrintableString (X.680, 41.4).
pub(crate) fn printable_problem(text: &str) -> Option<&'static str> {
    let good = |c: char| c.is_ascii_alphanumeric() || PRINTABLE_MARKS.contains(c);
    (!text.chars().all(good)).then_some(
        "has a character outside PrintableString (letters, digits, space and '()+,-./:=?)",
    )
}

#[cfg(test)]
mod tests {
    use super::{
        domain_problem, local_part_problem, name_problem, printable_problem, text_problem,
    };

    #[test]
    fn good_names_pass() {
        for name in ["east.demo.test", "EAST", "x", "3com.test", "a_b.test", "xn--bcher-kva.test"] {
            assert_eq!(domain_problem(name), None, "{name}");
        }
        for name in ["anna", "anna.b+c", "jörg", "o'neil", "*x"] {
            assert_eq!(local_part_problem(name), None, "{name}");
        }
        assert_eq!(text_problem("EAST 1"), None);
        assert_eq!(printable_problem("Demo (Ltd.)"), None);
        for name in ["EAST", "Köln 1", "Ko\u{308}ln", "日本", "Müller & Söhne"] {
            assert_eq!(name_problem(name), None, "{name}");
        }
    }

    #[test]
    fn bad_names_say_why() {
        let long = "a".repeat(64);
        for name in [
            "",
            "a..b",
            ".a",
            "a.",
            "-a.test",
            "a-.test",
            "a b",
            "10.0.0.1",
            "anna@a.test",
            "ä.test",
            &long,
        ] {
            assert!(domain_problem(name).is_some(), "{name}");
        }
        assert!(domain_problem(&"a.".repeat(127)).is_some());
        for name in [
            "",
            "anna@x",
            ".a",
            "a.",
            "a..b",
            "a b",
            "a/b",
            "a\\b",
            "a\u{7}",
            "\u{2028}",
            &"a".repeat(65),
        ] {
            assert!(local_part_problem(name).is_some(), "{name}");
        }
        for text in ["é", " a", "a ", "a\tb"] {
            assert!(text_problem(text).is_some(), "{text}");
        }
        assert!(printable_problem("Demo & Co").is_some());
        for name in ["a\nb", "\u{7}", " a", "a\u{3000}", "a\u{202e}b", "a\u{200b}b"] {
            assert!(name_problem(name).is_some(), "{name:?}");
        }
    }
}
