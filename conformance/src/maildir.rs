//! A Maildir as a mail reader sees it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Header fields that servers put in front of a content.
const TRACE_FIELDS: [&str; 4] = ["return-path", "delivered-to", "received", "x400-received"];

/// The folder of one mailbox.
#[derive(Debug, Clone)]
pub struct Maildir {
    folder: PathBuf,
}

/// One delivered file.
#[derive(Debug, Clone)]
pub struct Delivered {
    pub path: PathBuf,
    pub octets: Vec<u8>,
}

impl Maildir {
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Everything in `new`; a mailbox that nobody has written to is empty.
    pub fn read(&self) -> Result<Vec<Delivered>> {
        self.read_except(&BTreeSet::new())
    }

    /// The same without the files that are known: in a long run, reading all again at each look is what takes longest.
    pub fn read_except(&self, known: &BTreeSet<PathBuf>) -> Result<Vec<Delivered>> {
        let new = self.folder.join("new");
        let entries = match std::fs::read_dir(&new) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.with_context(|| format!("cannot read {}", new.display()))?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let path = entry?.path();
            if known.contains(&path) {
                continue;
            }
            let octets = std::fs::read(&path)?;
            found.push(Delivered { path, octets });
        }
        Ok(found)
    }

    /// How many files there are in `new`.
    pub fn count(&self) -> usize {
        std::fs::read_dir(self.folder.join("new")).map_or(0, Iterator::count)
    }
}

impl Delivered {
    /// Whether this is that content with nothing but trace fields in front.
    pub fn is(&self, content: &[u8]) -> bool {
        self.octets.strip_suffix(content).is_some_and(is_only_trace)
    }

    /// The value of the first header field of this name, unfolded.
    pub fn header(&self, name: &str) -> Option<String> {
        let text = self.text();
        let header = text.split_once("\r\n\r\n").map_or(text.as_str(), |(header, _)| header);
        let unfolded = header.replace("\r\n ", " ").replace("\r\n\t", " ");
        unfolded.lines().find_map(|line| {
            let (field, value) = line.split_once(':')?;
            field.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    }

    /// Whether this is a report (RFC 3462).
    pub fn is_report(&self) -> bool {
        self.header("Content-Type")
            .is_some_and(|value| value.to_ascii_lowercase().starts_with("multipart/report"))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.octets).into_owned()
    }
}

/// Whether these octets are whole trace fields, with their folded lines, and nothing else.
pub fn is_only_trace(octets: &[u8]) -> bool {
    let mut in_field = false;
    octets.split_inclusive(|octet| *octet == b'\n').all(|line| {
        if in_field && matches!(line.first(), Some(b' ' | b'\t')) {
            return line.ends_with(b"\n");
        }
        in_field = true;
        let name = line.split(|octet| *octet == b':').next().unwrap_or_default();
        let known = TRACE_FIELDS.iter().any(|field| name.eq_ignore_ascii_case(field.as_bytes()));
        line.ends_with(b"\n") && known
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trace_may_stand_in_front() {
        let file = |front: &str| Delivered {
            path: PathBuf::new(),
            octets: format!("{front}Subject: a\r\n\r\nb\r\n").into_bytes(),
        };
        let content = b"Subject: a\r\n\r\nb\r\n";
        assert!(file("").is(content));
        assert!(file("Return-Path: <x>\r\nReceived: from y\r\n\tby z\r\n").is(content));
        assert!(!file("To: x\r\n").is(content));
        assert!(!file("Received: from y\r\n\r\n").is(content));
        assert!(!file("Received: x").is(content));
        assert!(!file("").is(b"Subject: b\r\n\r\nb\r\n"));
    }
}
