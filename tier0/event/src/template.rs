//! Templates: filled in when an event is built, matched when one is read back.

use serde_json::Value;

use crate::catalogue::{Definition, Kind};
use crate::record::Params;

/// One piece of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// Text that stands as it is.
    Literal(&'a str),
    /// The place of a parameter.
    Parameter(&'a str),
}

/// The pieces of a template, in order.
pub(crate) fn pieces(template: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = template;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        if let Some(inside) = rest.strip_prefix('{')
            && let Some((name, after)) = inside.split_once('}')
        {
            rest = after;
            return Some(Piece::Parameter(name));
        }
        let end =
            rest.char_indices().skip(1).find(|(_, c)| *c == '{').map_or(rest.len(), |(at, _)| at);
        let (literal, after) = rest.split_at(end);
        rest = after;
        Some(Piece::Literal(literal))
    })
}

/// The classic rendering of an event; a parameter that is absent leaves its place empty.
pub(crate) fn render(definition: &Definition, params: &Params) -> String {
    let mut out = String::with_capacity(definition.template.len() + 64);
    for piece in pieces(definition.template) {
        match piece {
            Piece::Literal(literal) => out.push_str(literal),
            Piece::Parameter(name) => match params.get(name) {
                Some(Value::String(text)) => out.push_str(text),
                Some(other) => out.push_str(&other.to_string()),
                None => {}
            },
        }
    }
    out
}

/// Reads the parameters out of a text that follows the template to the letter (blanks and case aside).
///
/// Of several ways to read an ambiguous text the one with the shortest first value is taken; a value that the template
/// wants to be a number and that is none makes the whole reading fail, so that the tolerant reader takes over.
pub(crate) fn matches(definition: &Definition, text: &str) -> Option<Params> {
    let mut params = Params::new();
    let mut rest = text;
    let mut open: Option<&str> = None;
    for piece in pieces(definition.template) {
        match piece {
            Piece::Parameter(name) => open = Some(name),
            Piece::Literal(literal) => {
                let at = find(rest, literal)?;
                let value = rest.get(..at)?;
                match open.take() {
                    Some(name) => keep(definition, &mut params, name, value)?,
                    None if at > 0 => return None,
                    None => {}
                }
                rest = rest.get(at + literal.len()..)?;
            }
        }
    }
    if let Some(name) = open {
        keep(definition, &mut params, name, rest)?;
        rest = "";
    }
    rest.trim().is_empty().then_some(params)
}

/// Where `literal` first stands in `text`, ASCII case aside.
pub(crate) fn find(text: &str, literal: &str) -> Option<usize> {
    let (text, literal) = (text.as_bytes(), literal.as_bytes());
    if literal.is_empty() {
        return Some(0);
    }
    text.windows(literal.len()).position(|window| window.eq_ignore_ascii_case(literal))
}

fn keep(definition: &Definition, params: &mut Params, name: &str, value: &str) -> Option<()> {
    let value = value.trim();
    if value.is_empty() {
        return Some(());
    }
    let value = match definition.parameter(name)?.kind {
        Kind::Number => Value::from(value.parse::<u32>().ok()?),
        Kind::Text => Value::from(value),
    };
    params.insert(name.to_owned(), value);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_falls_into_pieces() {
        let all: Vec<_> = pieces("a {b}{c} d").collect();
        assert_eq!(
            all,
            [
                Piece::Literal("a "),
                Piece::Parameter("b"),
                Piece::Parameter("c"),
                Piece::Literal(" d")
            ]
        );
        assert_eq!(pieces("{").collect::<Vec<_>>(), [Piece::Literal("{")]);
        assert_eq!(pieces("").count(), 0);
    }

    #[test]
    fn finding_ignores_case_and_keeps_to_character_bounds() {
        assert_eq!(find("ä Comms Error 5", "comms error"), Some(3));
        assert_eq!(find("short", "longer than that"), None);
    }
}
