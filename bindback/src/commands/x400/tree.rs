//! The answer for a person: one line for each value, with its offset in the file.

use std::fmt::Write as _;

use x400::describe::{Fault, Node, Value};

use super::Decoded;
use crate::output::clean;

/// Octets of a string that are shown; `--json` shows all.
const SHOWN_OCTETS: usize = 32;

pub(super) fn text(decoded: &Decoded, passwords: bool) -> String {
    let mut lines = Lines { out: String::new(), passwords };
    for (number, apdu) in decoded.apdus.iter().enumerate() {
        if number > 0 {
            lines.out.push('\n');
        }
        let described = &apdu.described;
        let (kind, length) = (described.kind.name(), described.length);
        let mut head = format!("{kind}, {length} octets at {}", described.offset);
        if described.content_of.is_some() {
            head.push_str(", content of the one before");
        }
        if let Some(connection) = &apdu.connection {
            let _ = write!(head, ", from {} to {}", connection.from, connection.to);
        }
        let _ = writeln!(lines.out, "{head}");
        lines.members(&described.fields, 1);
        lines.faults(&described.faults);
    }
    lines.faults(&decoded.faults);
    if decoded.apdus.is_empty() {
        lines.out.push_str("nothing of X.400 is in the file\n");
    }
    lines.out
}

struct Lines {
    out: String,
    passwords: bool,
}

impl Lines {
    fn faults(&mut self, faults: &[Fault]) {
        for fault in faults {
            let _ = writeln!(self.out, "error at {}: {}", fault.offset, clean(&fault.what));
        }
    }

    fn members(&mut self, node: &Node, depth: usize) {
        match &node.value {
            Value::Object(members) => {
                for member in members {
                    self.line(&member.node, member.name, depth);
                }
            }
            Value::List(nodes) => {
                for (number, inner) in nodes.iter().enumerate() {
                    self.line(inner, &format!("[{number}]"), depth);
                }
            }
            _ => {}
        }
    }

    fn line(&mut self, node: &Node, name: &str, depth: usize) {
        let _ = write!(self.out, "{:>8}  {:indent$}{name}", node.offset, "", indent = depth * 2);
        match &node.value {
            Value::Object(_) | Value::List(_) => {
                self.out.push('\n');
                self.members(node, depth + 1);
            }
            Value::Text(text) if text.trim_end_matches(['\r', '\n']).contains('\n') => {
                self.out.push('\n');
                for part in text.lines() {
                    let indent = depth * 2 + 2;
                    let _ = writeln!(self.out, "{:>8}  {:indent$}| {}", "", "", clean(part));
                }
            }
            value => {
                let _ = writeln!(self.out, ": {}", self.scalar(value));
            }
        }
    }

    fn scalar(&self, value: &Value) -> String {
        match value {
            Value::Null | Value::Object(_) | Value::List(_) => "-".to_owned(),
            Value::Boolean(value) => value.to_string(),
            Value::Integer(value) => value.to_string(),
            Value::Text(text) => format!("\"{}\"", clean(text)),
            Value::ObjectIdentifier(dotted) => dotted.clone(),
            Value::Octets(octets) => shortened(octets),
            Value::Secret(octets) if self.passwords => {
                format!("\"{}\"", clean(&String::from_utf8_lossy(octets)))
            }
            Value::Secret(octets) => format!("{} octets, shown with --passwords", octets.len()),
            Value::Time { time: Some(time), raw } => format!("{time} ({})", clean(raw)),
            Value::Time { time: None, raw } => format!("no time ({})", clean(raw)),
            Value::Enumerated { name, value } => {
                format!("{} ({value})", name.unwrap_or("not named"))
            }
            Value::Bits { set, octets, .. } if set.is_empty() || octets.len() > SHOWN_OCTETS => {
                shortened(octets)
            }
            Value::Bits { set, .. } => set.join(", "),
            Value::Unknown { tag, octets } => format!("{tag} {}", shortened(octets)),
        }
    }
}

fn shortened(octets: &[u8]) -> String {
    match octets.get(..SHOWN_OCTETS) {
        Some(first) if octets.len() > SHOWN_OCTETS => {
            format!("{}... ({} octets)", wire::to_hex(first), octets.len())
        }
        _ => wire::to_hex(octets),
    }
}
