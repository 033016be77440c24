//! From the local part of an address to the name of a folder.

use crate::DeliveryError;

/// Limit of a file name on the usual file systems (NAME_MAX), in octets.
const MAX_FOLDER: usize = 255;

/// The folder name of a mailbox: the local part without its quotes, in lower case.
///
/// Whatever could leave or hide the folder is refused: `/`, NUL and other control characters, a leading dot (with it
/// `.` and `..`), white space at either end. Non-ASCII letters stay as they are written; composed and decomposed forms
/// are different mailboxes.
pub fn mailbox_folder(local_part: &str) -> Result<String, DeliveryError> {
    let refuse = |why| Err(DeliveryError::Mailbox { local_part: local_part.to_owned(), why });
    let Some(plain) = unquote(local_part) else {
        return refuse("its quotes do not match");
    };
    let folder = plain.to_lowercase();
    if folder.is_empty() {
        return refuse("it is empty");
    }
    if folder.len() > MAX_FOLDER {
        return refuse("it is longer than a file name may be");
    }
    if folder.starts_with('.') {
        return refuse("it begins with a dot");
    }
    if folder.contains('/') {
        return refuse("it has a slash");
    }
    if folder.chars().any(char::is_control) {
        return refuse("it has a control character");
    }
    if folder.trim() != folder {
        return refuse("it has white space at an end");
    }
    Ok(folder)
}

/// A quoted local part and its plain form are the same mailbox (RFC 5321 4.1.2).
fn unquote(local_part: &str) -> Option<String> {
    let Some(rest) = local_part.strip_prefix('"') else {
        return Some(local_part.to_owned());
    };
    let mut plain = String::new();
    let mut characters = rest.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => return characters.next().is_none().then_some(plain),
            '\\' => plain.push(characters.next()?),
            other => plain.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders() {
        for (local_part, folder) in [
            ("ada", "ada"),
            ("Ada.Lovelace+x", "ada.lovelace+x"),
            ("JÜRGEN", "jürgen"),
            ("\"Ada\"", "ada"),
            ("\"john doe\"", "john doe"),
            (r#""a\"b\\c""#, r#"a"b\c"#),
            ("a..b", "a..b"),
        ] {
            assert_eq!(mailbox_folder(local_part).expect(local_part), folder);
        }
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        let long = "a".repeat(MAX_FOLDER + 1);
        for local_part in [
            "",
            "\"\"",
            ".",
            "..",
            ".hidden",
            "\"..\"",
            r#""\.\.""#,
            "../x",
            "a/../b",
            "/etc",
            r#""\/etc""#,
            "a\0b",
            "a\nb",
            "a\u{85}b",
            " a",
            "a ",
            "\" \"",
            "\"a",
            "\"a\"b",
            "\"a\\",
            &long,
        ] {
            let error = mailbox_folder(local_part).expect_err(local_part);
            assert!(!error.is_temporary());
        }
    }
}
