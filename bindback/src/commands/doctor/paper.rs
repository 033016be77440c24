//! Where an answer goes, and what is taken out of it on the way.

use std::path::Path;

use admin::{Shape, enveloped};
use anyhow::Context as _;
use serde::Serialize;

use super::redact::Redactor;
use crate::output::Output;

/// How the answer is to be shown.
#[derive(Debug)]
pub struct Paper<'a> {
    pub html: Option<&'a Path>,
    pub verbose: bool,
    /// Takes names out, where that is asked for.
    pub redactor: Option<Redactor>,
}

impl<'a> Paper<'a> {
    /// The same, knowing these names of servers.
    pub fn knowing<'b>(&self, names: impl IntoIterator<Item = &'b str>) -> Self
    where
        'a: 'b,
    {
        let redactor = self.redactor.is_some().then(|| Redactor::new(names));
        Self { html: self.html, verbose: self.verbose, redactor }
    }

    /// Writes a file.
    pub fn write(&mut self, file: &Path, text: &str) -> anyhow::Result<()> {
        let text = self.redactor.as_mut().map_or_else(|| text.to_owned(), |one| one.text(text));
        std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
    }

    /// Prints the answer.
    pub fn answer<T: Shape + Serialize>(
        &mut self,
        output: &Output,
        answer: &T,
        text: impl FnOnce(&T) -> String,
    ) -> anyhow::Result<()> {
        let Some(redactor) = &mut self.redactor else { return output.answer(answer, text) };
        if output.is_json() {
            let whole = enveloped(answer).context("the answer cannot be written as JSON")?;
            output.text(&redactor.text(&whole))
        } else {
            output.text(&redactor.text(&text(answer)))
        }
    }
}
