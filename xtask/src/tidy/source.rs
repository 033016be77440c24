//! The rules of one source file: length, functions, notes to self, and what a `lib.rs` holds. And arrows that no code
//! uses.

use std::path::Path;

use anyhow::{Context, Result};

use super::Violation;
use crate::scan::Scan;
use crate::workspace::{self, Metadata, Package};

/// Lines of a file (STYLE, 4).
const FILE_LINES_MAX: usize = 1000;

/// Lines of a function (STYLE, 4).
const FUNCTION_LINES_MAX: usize = 150;

/// Notes to self; one is let through with the number of an issue, as in `NOTE(#12)`.
const NOTES: [&str; 3] = ["TODO", "FIXME", "XXX"];

/// Macros that stand for code that is not there.
const UNFINISHED: [&str; 2] = ["todo", "unimplemented"];

/// Words that begin something else than a declaration or a re-export.
const DEFINITIONS: [&str; 9] =
    ["fn", "impl", "struct", "enum", "union", "trait", "static", "const", "macro_rules"];

/// Checks every source file. Gives the number of files, too.
pub fn check(root: &Path, metadata: &Metadata) -> Result<(usize, Vec<Violation>)> {
    let mut violations = Vec::new();
    let mut count = 0;
    for package in &metadata.packages {
        let folder = package.manifest_path.parent().unwrap_or(root);
        let mut texts = Vec::new();
        for path in workspace::files(folder, "rs")? {
            let text = std::fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            violations.extend(file(&name, &text));
            texts.push(text);
        }
        count += texts.len();
        let manifest = package.manifest_path.strip_prefix(root).unwrap_or(&package.manifest_path);
        let text = std::fs::read_to_string(&package.manifest_path)
            .with_context(|| format!("cannot read {}", manifest.display()))?;
        let unused = unused_arrows(package, &text, &texts);
        violations.extend(
            unused.map(|(line, what)| Violation::new(manifest.display().to_string(), line, what)),
        );
    }
    Ok((count, violations))
}

fn file(name: &str, text: &str) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut fail = |line: usize, what: String| violations.push(Violation::new(name, line, what));
    let scan = Scan::new(text);
    let lines = text.lines().count();
    if lines > FILE_LINES_MAX {
        fail(
            FILE_LINES_MAX + 1,
            format!(
                "the file has {lines} lines, and the limit is {FILE_LINES_MAX}; split it by subject"
            ),
        );
    }
    for function in scan.functions() {
        if function.length > FUNCTION_LINES_MAX {
            let what = format!(
                "fn {} has {} lines, and the limit is {FUNCTION_LINES_MAX}; split it by state",
                function.name, function.length
            );
            fail(function.line, what);
        }
    }
    for (index, comment) in scan.comments.lines().enumerate() {
        if let Some(note) = note(comment) {
            fail(
                index + 1,
                format!(
                    "{note} without an issue; do it now, or write {note}(#N) with the issue's number"
                ),
            );
        }
    }
    for word in UNFINISHED {
        for line in macro_lines(&scan.code, word) {
            fail(
                line,
                format!(
                    "{word}! stands for code that is not there; write it or remove the path to it"
                ),
            );
        }
    }
    for test in scan
        .ignored()
        .into_iter()
        .filter(|test| test.reason.as_deref().is_none_or(|reason| reason.trim().is_empty()))
    {
        fail(
            test.line,
            format!(
                "{} is ignored without a reason; write #[ignore = \"...\"] or let it run",
                test.name
            ),
        );
    }
    let is_lib = name.ends_with("src/lib.rs");
    if is_lib && !text.starts_with("//!") {
        fail(1, "a lib.rs begins with its module header; write //! what the room is".to_owned());
    }
    if (is_lib || name.ends_with("/mod.rs"))
        && let Some((line, word)) = first_definition(&scan.code)
    {
        let holds = "a file that holds docs, declarations and re-exports only";
        fail(line, format!("`{word}` in {holds}; move it to a file of its own"));
    }
    violations
}

/// The note to self in a comment, unless an issue's number stands behind it.
fn note(comment: &str) -> Option<&'static str> {
    NOTES.into_iter().find(|note| {
        comment.match_indices(note).any(|(at, _)| {
            let rest = &comment[at + note.len()..];
            let alone = !comment[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_')
                && !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
            let has_issue = rest
                .strip_prefix("(#")
                .and_then(|rest| rest.split_once(')'))
                .is_some_and(|(number, _)| number.parse::<u32>().is_ok());
            alone && !has_issue
        })
    })
}

fn macro_lines(code: &str, name: &str) -> Vec<usize> {
    let call = format!("{name}!");
    let stands = |line: &str| {
        line.match_indices(&call)
            .any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
    };
    code.lines().enumerate().filter(|(_, line)| stands(line)).map(|(index, _)| index + 1).collect()
}

/// The first line of a `lib.rs` on which something is defined, and by which word. One is enough: they move together.
fn first_definition(code: &str) -> Option<(usize, String)> {
    for (index, line) in code.lines().enumerate() {
        let words: Vec<&str> = line
            .split(|c: char| !(c.is_alphanumeric() || c == '_'))
            .filter(|word| !word.is_empty())
            .collect();
        let inline_module = words.contains(&"mod") && line.contains('{');
        if inline_module {
            return Some((index + 1, "mod ... {".to_owned()));
        }
        if !words.contains(&"use")
            && let Some(word) = words.iter().find(|word| DEFINITIONS.contains(word))
        {
            return Some((index + 1, (*word).to_owned()));
        }
    }
    None
}

/// Arrows of the manifest that no code goes along.
fn unused_arrows<'a>(
    package: &'a Package,
    manifest: &'a str,
    texts: &[String],
) -> impl Iterator<Item = (usize, String)> + use<'a> {
    let codes: Vec<String> = texts.iter().map(|text| Scan::new(text).code).collect();
    let arrows = package.dependencies.iter().filter(|dependency| dependency.path.is_some());
    arrows.filter(move |arrow| !codes.iter().any(|code| goes_along(code, arrow.room()))).map(
        |arrow| {
            let list = super::architecture::FILE;
            let what =
                format!("no code uses the arrow to {}; remove it here and in {list}", arrow.room());
            (arrow.line(manifest), what)
        },
    )
}

/// True when the code has a path that begins with this room.
fn goes_along(code: &str, room: &str) -> bool {
    code.match_indices(room).any(|(at, _)| {
        let before = code[..at].trim_end();
        let rest = &code[at + room.len()..];
        let begins = !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '.')
            && (!before.ends_with("::"));
        let path = rest.trim_start().starts_with("::");
        let whole = before.ends_with("use") && rest.starts_with([';', ' ']);
        begins && (path || whole)
    })
}

#[cfg(test)]
mod tests {
    use super::{file, first_definition, goes_along, note};

    fn found(name: &str, text: &str) -> Vec<String> {
        file(name, text).into_iter().map(|violation| violation.to_string()).collect()
    }

    #[test]
    fn long_files_and_functions() {
        let body = "    a();\n".repeat(149);
        assert_eq!(
            found("a/src/x.rs", &format!("fn short() {{\n{}}}\n", "    a();\n".repeat(148))),
            Vec::<String>::new()
        );
        let long = found("a/src/x.rs", &format!("\nfn long() {{\n{body}}}\n"));
        assert_eq!(
            long,
            ["a/src/x.rs:2: fn long has 151 lines, and the limit is 150; split it by state"]
        );
        let file = found("a/src/x.rs", &"\n".repeat(1001));
        assert!(file[0].starts_with("a/src/x.rs:1001: the file has 1001 lines"), "{file:?}");
    }

    #[test]
    fn notes_and_unfinished_code() {
        for (comment, expected) in [
            ("// TODO: later", Some("TODO")),
            ("// TODO(#12): later", None),
            ("// TODO(me): later", Some("TODO")),
            ("/// FIXME", Some("FIXME")),
            ("// MASTODON TODOS", None),
        ] {
            assert_eq!(note(comment), expected, "{comment}");
        }
        let text = "fn a() {\n    let t = \"TODO todo!()\";\n    todo!()\n}\nfn b() { my_todo!() }\n#[ignore]\nfn c() {}\n#[ignore = \" \"]\nfn d() {}\n";
        let found = found("a/src/x.rs", text);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].starts_with("a/src/x.rs:3: todo! stands"), "{found:?}");
        assert!(found[1].starts_with("a/src/x.rs:6: c is ignored"), "{found:?}");
    }

    #[test]
    fn a_lib_declares_and_does_not_define() {
        let good = "//! A room.\n#![allow(missing_docs)]\nmod a;\n#[cfg(test)]\nmod tests;\npub mod b;\npub use a::{\n    Enum, r#fn,\n};\n";
        assert!(first_definition("pub use a::{const_fn, self as impl_};\n").is_none());
        assert!(found("tier0/a/src/lib.rs", &good.replace("r#fn", "X")).is_empty());
        let bad = found("tier0/a/src/lib.rs", "mod a {\n}\npub fn f() {}\n");
        assert_eq!(bad.len(), 2, "{bad:?}");
        assert!(bad[0].contains("begins with its module header"));
        assert!(found("tier0/a/src/b/mod.rs", "//! b\nimpl A {}\n").len() == 1);
        assert!(found("tier0/a/src/b.rs", "fn f() {}\n").is_empty());
    }

    #[test]
    fn arrows_are_used_by_paths() {
        for used in [
            "use wire::Reader;",
            "let a = wire::hex(b);",
            "use {\n  wire::Reader,\n};",
            "use wire;",
            "use wire as w;",
        ] {
            assert!(goes_along(used, "wire"), "{used}");
        }
        for unused in [
            "use crate::wire::Reader;",
            "let wire = 1;",
            "self.wire::<u8>()",
            "rewire::a()",
            "use crate::{wired::A};",
        ] {
            assert!(!goes_along(unused, "wire"), "{unused}");
        }
    }
}
