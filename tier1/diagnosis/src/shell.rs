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
}
