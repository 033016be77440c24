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

    /// The name of a file that was read, for people: a path tells whose it is, and what it is called may too.
    pub fn file(&self, number: usize, file: &Path) -> String {
        if self.redactor.is_none() {
            return file.display().to_string();
        }
        let form = file.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        let known = ["evtx", "evt", "xml", "csv", "txt", "log", "json", "jsonl"];
        let form = known.iter().find(|known| **known == form).map(|form| format!(".{form}"));
        format!("log-{number}{}", form.unwrap_or_default())
    }

    /// Writes a page.
    pub fn write(&mut self, file: &Path, page: &str) -> anyhow::Result<()> {
        let page = self.redactor.as_mut().map_or_else(|| page.to_owned(), |one| one.page(page));
        std::fs::write(file, page).with_context(|| format!("cannot write {}", file.display()))
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
