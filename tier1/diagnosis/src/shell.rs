//! Commands as they are typed into a POSIX shell.

/// One argument, quoted where a POSIX shell would read it otherwise (XCU 2.2, Quoting).
#[must_use]
pub fn quote(argument: &str) -> String {
    let plain = |c: char| {
        c.is_ascii_alphanumeric()
            || matches!(c, '-' | '_' | '.' | '/' | ':' | '@' | '%' | '+' | ',' | '=')
    };
    if !argument.is_empty() && argument.chars().all(plain) {
        return argument.to_owned();
    }
    format!("'{}'", argument.replace('\'', r"'\''"))
}

/// The words of a command line that [`quote`] made; `None` for anything that only a shell can read.
#[must_use]
pub fn words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut rest = line.chars();
    while let Some(one) = rest.next() {
        match one {
            ' ' => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                let mut inside = rest.next()?;
                while inside != '\'' {
                    word.push(inside);
                    inside = rest.next()?;
                }
            }
            '\\' => word.get_or_insert_default().push(rest.next()?),
            plain if quote(&plain.to_string()).starts_with('\'') => return None,
            plain => word.get_or_insert_default().push(plain),
        }
    }
    words.extend(word);
    Some(words)
}

/// A command line out of its words.
pub(crate) fn command(words: &[&str]) -> String {
    words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_quoted_only_where_needed() {
        assert_eq!(quote("east.toml"), "east.toml");
        assert_eq!(quote(r"ORG\svc-west"), r"'ORG\svc-west'");
        assert_eq!(quote("/a b/c"), "'/a b/c'");
        assert_eq!(quote("it's"), r"'it'\''s'");
        assert_eq!(quote(""), "''");
        assert_eq!(quote("$(reboot)"), "'$(reboot)'");
        assert_eq!(quote("~/x"), "'~/x'");
        assert_eq!(
            command(&["bindback", "serve", "-c", "/tmp/a b.toml"]),
            "bindback serve -c '/tmp/a b.toml'"
        );
    }

    #[test]
    fn words_are_read_as_they_were_quoted() {
        let all = ["bindback", r"ORG\svc-west", "", "it's", "a b", "$(reboot)", "x=y", "~", "ä"];
        assert_eq!(words(&command(&all)).unwrap(), all);
        for line in ["a; b", "a && b", "$(a)", "a > b", "'a", "a \\", "a | b", "\"a\"", "`a`"] {
            assert_eq!(words(line), None, "{line}");
        }
    }
}
