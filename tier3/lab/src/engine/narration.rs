//! The story of a demo, line by line with times.

use std::io::{self, Write};
use std::time::Instant;

/// Columns of the time in front of a line.
const INDENT: &str = "           ";

/// Tells what happens.
#[derive(Debug, Clone)]
pub(crate) struct Narrator {
    to: To,
    start: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum To {
    Output,
    Error,
    Nobody,
}

impl Narrator {
    /// Standard output, or standard error where another reader has the output.
    pub(crate) fn new(to_stderr: bool) -> Self {
        let to = if to_stderr { To::Error } else { To::Output };
        Self { to, start: Instant::now() }
    }

    /// A story that nobody hears.
    pub(crate) fn silent() -> Self {
        Self { to: To::Nobody, start: Instant::now() }
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    /// The headline of a step.
    pub(crate) fn step(&self, title: &str) {
        self.line("");
        self.timed(title);
    }

    /// Something that happened now.
    pub(crate) fn timed(&self, text: &str) {
        self.line(&format!("[{:7.2} s] {text}", self.seconds()));
    }

    /// More about it.
    pub(crate) fn tell(&self, text: &str) {
        for line in text.lines() {
            self.line(&format!("{INDENT} {line}"));
        }
    }

    fn line(&self, text: &str) {
        let text = text.trim_end();
        // A reader that went away stops the story, not the demo.
        let _ = match self.to {
            To::Error => writeln!(io::stderr(), "{text}"),
            To::Output => writeln!(io::stdout(), "{text}"),
            To::Nobody => Ok(()),
        };
    }
}

/// `1 message`, `2 messages`, `2 deliveries`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    match (number, noun.strip_suffix('y')) {
        (1, _) => format!("1 {noun}"),
        (_, Some(stem)) => format!("{number} {stem}ies"),
        (_, None) => format!("{number} {noun}s"),
    }
}
