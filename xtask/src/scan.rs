//! Rust source, seen just closely enough for tidy: which octets are code, comment or literal, and where functions
//! end.
//!
//! Left out: everything that needs a syntax tree. Macros are read as the code that they look like.

/// A source text taken apart; each part has the length and the lines of the whole, with spaces where the others are.
pub struct Scan {
    pub code: String,
    pub comments: String,
    /// Code with its literals, without comments.
    pub code_and_literals: String,
}

/// A function with a body.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    pub name: String,
    /// From 1.
    pub line: usize,
    /// Lines from `fn` to the closing brace, both included.
    pub length: usize,
}

/// A test with `#[ignore]`.
#[derive(Debug, PartialEq, Eq)]
pub struct Ignored {
    pub name: String,
    pub line: usize,
    pub reason: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Code,
    Comment,
    Literal,
}

impl Scan {
    /// Takes a source text apart.
    pub fn new(source: &str) -> Self {
        let chars: Vec<char> = source.chars().collect();
        let parts = parts(&chars);
        let only = |wanted: &[Part]| -> String {
            let keep = |(c, part): (&char, &Part)| {
                if *c == '\n' || wanted.contains(part) { *c } else { ' ' }
            };
            chars.iter().zip(&parts).map(keep).collect()
        };
        Self {
            code: only(&[Part::Code]),
            comments: only(&[Part::Comment]),
            code_and_literals: only(&[Part::Code, Part::Literal]),
        }
    }

    /// Every function with a body, nested ones too.
    pub fn functions(&self) -> Vec<Function> {
        let chars: Vec<char> = self.code.chars().collect();
        let mut found = Vec::new();
        for (at, word) in words(&chars) {
            if word != "fn" {
                continue;
            }
            let name: String = chars[at + 2..]
                .iter()
                .skip_while(|c| c.is_whitespace())
                .take_while(|c| is_word(**c))
                .collect();
            // A type such as `fn(u8) -> u8` has no name.
            if let Some(end) = body_end(&chars[at..]).filter(|_| !name.is_empty()) {
                let length = chars[at..at + end].iter().filter(|c| **c == '\n').count() + 1;
                found.push(Function { name, line: line_of(&chars, at), length });
            }
        }
        found
    }

    /// Every test that is ignored.
    pub fn ignored(&self) -> Vec<Ignored> {
        let code: Vec<char> = self.code.chars().collect();
        let full: Vec<char> = self.code_and_literals.chars().collect();
        let mut found = Vec::new();
        for (at, word) in words(&code) {
            let before: String = code[..at]
                .iter()
                .rev()
                .take_while(|c| **c != '\n')
                .filter(|c| !c.is_whitespace())
                .collect();
            if word != "ignore" || !before.starts_with("[#") {
                continue;
            }
            let attribute: String = full[at..].iter().take_while(|c| **c != ']').collect();
            let reason = attribute
                .split_once('"')
                .and_then(|(_, rest)| rest.rsplit_once('"'))
                .map(|(text, _)| text.to_owned());
            let mut after =
                words(&code[at..]).into_iter().skip_while(|(_, word)| word != "fn").skip(1);
            let name = after.next().map(|(_, name)| name).unwrap_or_default();
            found.push(Ignored { name, line: line_of(&code, at), reason });
        }
        found
    }
}

fn line_of(chars: &[char], at: usize) -> usize {
    chars[..at].iter().filter(|c| **c == '\n').count() + 1
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The words and where they begin.
fn words(chars: &[char]) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    for (at, c) in chars.iter().enumerate().filter(|(_, c)| is_word(**c)) {
        match found.last_mut() {
            Some((start, word)) if at > 0 && is_word(chars[at - 1]) && *start < at => word.push(*c),
            _ => found.push((at, c.to_string())),
        }
    }
    found
}

/// Where the body that follows ends; none for a declaration without one.
fn body_end(code: &[char]) -> Option<usize> {
    let mut round = 0_usize;
    let mut braces = 0_usize;
    for (at, c) in code.iter().enumerate() {
        match c {
            '(' | '[' if braces == 0 => round += 1,
            ')' | ']' if braces == 0 => round = round.saturating_sub(1),
            ';' if round == 0 && braces == 0 => return None,
            '{' if round == 0 => braces += 1,
            '}' if round == 0 => {
                braces = braces.checked_sub(1)?;
                if braces == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

fn parts(chars: &[char]) -> Vec<Part> {
    let mut parts = vec![Part::Code; chars.len()];
    let mut at = 0;
    while at < chars.len() {
        let (part, end) = next(chars, at);
        parts[at..end].fill(part);
        at = end;
    }
    parts
}

/// The part that begins here, and where it ends.
fn next(chars: &[char], at: usize) -> (Part, usize) {
    let rest = &chars[at..];
    let after_word = at > 0 && is_word(chars[at - 1]);
    match rest {
        ['/', '/', ..] => {
            (Part::Comment, at + rest.iter().position(|c| *c == '\n').unwrap_or(rest.len()))
        }
        ['/', '*', ..] => (Part::Comment, at + block_comment(rest)),
        ['"', ..] => (Part::Literal, at + quoted(rest, '"')),
        ['r' | 'b' | 'c', ..] if !after_word => match raw_string(rest) {
            Some(length) => (Part::Literal, at + length),
            None => (Part::Code, at + 1),
        },
        ['\'', '\\', ..] => (Part::Literal, at + quoted(rest, '\'')),
        // A lifetime has no closing quote behind one character.
        ['\'', _, '\'', ..] => (Part::Literal, at + 3),
        _ => (Part::Code, at + 1),
    }
}

fn block_comment(rest: &[char]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        match &rest[at..] {
            ['/', '*', ..] => {
                depth += 1;
                at += 2;
            }
            ['*', '/', ..] => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    rest.len()
}

fn quoted(rest: &[char], quote: char) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            '\\' => at += 2,
            c if c == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// The length of `r"..."`, `br#"..."#` and their like.
fn raw_string(rest: &[char]) -> Option<usize> {
    let prefix = rest.iter().take(2).take_while(|c| matches!(c, 'r' | 'b' | 'c')).count();
    if !rest[..prefix].contains(&'r') {
        return None;
    }
    let hashes = rest[prefix..].iter().take_while(|c| **c == '#').count();
    let open = prefix + hashes;
    if rest.get(open) != Some(&'"') {
        return None;
    }
    let closes = |at: &usize| {
        rest[*at] == '"' && rest[at + 1..].iter().take_while(|c| **c == '#').count() >= hashes
    };
    let close = (open + 1..rest.len()).find(closes);
    Some(close.map_or(rest.len(), |close| close + 1 + hashes))
}

#[cfg(test)]
mod tests {
    use super::{Function, Ignored, Scan};

    #[test]
    fn code_comments_and_literals_are_told_apart() {
        let source = "let a = \"// no { comment\\\" \"; // yes { \"\nlet b = 'x'; let c: &'static str = r#\"a\"b\"#; /* a /* b */ c */ let d = b'\\''; let r = 1;";
        let scan = Scan::new(source);
        assert!(!scan.code.contains('{') && !scan.code.contains("comment"), "{}", scan.code);
        assert!(
            scan.comments.contains("yes {") && !scan.comments.contains("no {"),
            "{}",
            scan.comments
        );
        assert!(
            scan.code.contains("'static str")
                && scan.code.contains("let d")
                && scan.code.contains("let r = 1;")
        );
        assert!(scan.code_and_literals.contains("a\"b"));
        assert_eq!(scan.code.chars().count(), source.chars().count());
        assert_eq!(scan.code.matches('\n').count(), 1);
    }

    #[test]
    fn functions_have_their_lengths() {
        let source = "fn one() {}\n\npub fn two(a: [u8; 4]) -> u8\nwhere\n    u8: Copy,\n{\n    let f: fn(u8) -> u8 = x;\n    \"}\";\n}\ntrait T {\n    fn none(&self);\n    fn some(&self) { if a { b } }\n}\n";
        let named = |name: &str, line, length| Function { name: name.to_owned(), line, length };
        assert_eq!(
            Scan::new(source).functions(),
            [named("one", 1, 1), named("two", 3, 7), named("some", 12, 1)]
        );
    }

    #[test]
    fn ignored_tests_and_their_reasons() {
        let source = "#[test]\n#[ignore]\nfn a() {}\n#[test]\n#[ignore = \"takes an hour\"]\nasync fn b() {}\nlet ignore = 1; // #[ignore]\n";
        let ignored = |name: &str, line, reason: Option<&str>| Ignored {
            name: name.to_owned(),
            line,
            reason: reason.map(str::to_owned),
        };
        assert_eq!(
            Scan::new(source).ignored(),
            [ignored("a", 2, None), ignored("b", 5, Some("takes an hour"))]
        );
    }

    #[test]
    fn no_text_makes_it_panic() {
        let source = "fn a() { r#\"x\"#; '\\'' /* /* */ \"\\\" } b\"\\\\\"";
        let chars: Vec<char> = source.chars().collect();
        for start in 0..chars.len() {
            for end in start..=chars.len() {
                let part: String = chars[start..end].iter().collect();
                let scan = Scan::new(&part);
                let _ = (scan.functions(), scan.ignored());
            }
        }
    }
}
