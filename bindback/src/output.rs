//! Standard output: one JSON object, or lines for a person.

use std::io::{self, Write};

use admin::{Shape, enveloped, enveloped_as};
use anyhow::Context as _;
use serde::Serialize;

use crate::failure::ReaderGone;

/// How the answer is to be printed.
#[derive(Debug)]
pub struct Output {
    json: bool,
}

impl Output {
    /// `json`: one JSON object on standard output, and all else on standard error.
    pub const fn new(json: bool) -> Self {
        Self { json }
    }

    pub const fn is_json(&self) -> bool {
        self.json
    }

    /// The answer: as JSON with its schema, or as the text that `text` makes of it.
    pub fn answer<T: Shape + Serialize>(
        &self,
        answer: &T,
        text: impl FnOnce(&T) -> String,
    ) -> anyhow::Result<()> {
        if self.json { self.object(answer) } else { self.text(&text(answer)) }
    }

    /// The answer under a name of its own, where several commands have its shape in common.
    pub fn answer_as<T: Serialize>(
        &self,
        name: &str,
        answer: &T,
        text: impl FnOnce(&T) -> String,
    ) -> anyhow::Result<()> {
        if !self.json {
            return self.text(&text(answer));
        }
        put(&enveloped_as(name, answer).context("the answer cannot be written as JSON")?)
    }

    /// One JSON object on a line.
    pub fn object<T: Shape + Serialize>(&self, answer: &T) -> anyhow::Result<()> {
        put(&enveloped(answer).context("the answer cannot be written as JSON")?)
    }

    /// The same for an object that carries its schema already.
    pub fn published(&self, answer: &impl Serialize) -> anyhow::Result<()> {
        put(&serde_json::to_string(answer).context("the answer cannot be written as JSON")?)
    }

    /// Text; its last line is ended if it is not.
    pub fn text(&self, text: &str) -> anyhow::Result<()> {
        put(text.strip_suffix('\n').unwrap_or(text))
    }

    /// What is told beside the answer.
    pub fn narrate(&self, text: &str) {
        // Nobody is left to be told of a failure here.
        let _ = writeln!(io::stderr(), "{text}");
    }
}

fn put(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(ReaderGone.into()),
        done => done.context("cannot write to standard output"),
    }
}

/// Octets as a person reads them: exact below one KiB, else with one decimal.
pub fn size(octets: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if octets < 1024 {
        return format!("{octets} B");
    }
    // Tenths of the unit, rounded up, so that nothing looks smaller than it is.
    let mut tenths = u128::from(octets) * 10;
    let mut unit = "B";
    for next in UNITS {
        tenths = tenths.div_ceil(1024);
        unit = next;
        if tenths < 10_240 {
            break;
        }
    }
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

/// Text that came from elsewhere, without characters that a terminal would obey.
pub fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_readable() {
        for (octets, expected) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (5 * 1024 * 1024, "5.0 MiB"),
            (u64::MAX, "16384.0 PiB"),
        ] {
            assert_eq!(size(octets), expected);
        }
    }

    #[test]
    fn nothing_reaches_the_terminal_but_text() {
        assert_eq!(clean("a\x1b[31mb\r\nc"), "a [31mb  c");
    }
}
