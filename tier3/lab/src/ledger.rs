//! What was sent and what arrived, counted as one message for one recipient.
//!
//! A delivered file is known by its octets: it ends with what was sent, and before that stand only header fields that servers put in front. Where the same octets
//! went to one mailbox several times, the identifier that SMTP told and the trace header repeats says which one it is.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cast::Mailbox;

/// Header fields that servers put in front of a content.
const TRACE_FIELDS: [&str; 4] = ["Return-Path", "Delivered-To", "Received", "X400-Received"];

/// Everything sent, with what became of it.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    deliveries: Vec<Delivery>,
    read: HashSet<PathBuf>,
    reported: usize,
    awaited_reports: usize,
    strays: Vec<Stray>,
}

#[derive(Debug)]
struct Delivery {
    mailbox: Mailbox,
    content: Arc<[u8]>,
    id: Option<String>,
    copies: usize,
}

/// A file in a Maildir that is nothing that was sent, and no report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stray {
    pub(crate) path: PathBuf,
    /// Where it leaves the sent message that it is most like.
    pub(crate) difference: Option<Difference>,
}

/// The first octet that differs, counted from the begin of the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) offset: usize,
    pub(crate) sent: Option<u8>,
    pub(crate) found: Option<u8>,
}

impl Ledger {
    /// Enters a message that a server took, once for each recipient.
    pub(crate) fn enter(&mut self, content: &Arc<[u8]>, id: Option<&str>, recipients: &[Mailbox]) {
        self.deliveries.extend(recipients.iter().map(|mailbox| Delivery {
            mailbox: *mailbox,
            content: Arc::clone(content),
            id: id.map(str::to_owned),
            copies: 0,
        }));
    }

    /// Whether this file was judged already.
    pub(crate) fn has_read(&self, path: &Path) -> bool {
        self.read.contains(path)
    }

    /// Judges a file of a Maildir.
    pub(crate) fn handle_file(&mut self, mailbox: Mailbox, path: PathBuf, octets: &[u8]) {
        match self.find(mailbox, octets) {
            Some(index) => self.deliveries[index].copies += 1,
            None => match reported_recipients(octets) {
                0 => {
                    let difference = self.difference(mailbox, octets);
                    self.strays.push(Stray { path: path.clone(), difference });
                }
                recipients => {
                    let awaited = recipients.min(self.awaited_reports);
                    self.awaited_reports -= awaited;
                    self.reported += recipients - awaited;
                }
            },
        }
        self.read.insert(path);
    }

    /// A message that counts nowhere is to come back as a report.
    pub(crate) const fn expect_report(&mut self) {
        self.awaited_reports += 1;
    }

    /// Whether such a report is still to come.
    pub(crate) const fn expects_report(&self) -> bool {
        self.awaited_reports > 0
    }

    pub(crate) fn sent(&self) -> usize {
        self.deliveries.len()
    }

    pub(crate) fn delivered(&self) -> usize {
        self.deliveries.iter().filter(|delivery| delivery.copies > 0).count()
    }

    pub(crate) fn reported(&self) -> usize {
        self.reported
    }

    /// Neither delivered nor reported.
    pub(crate) fn lost(&self) -> usize {
        self.sent().saturating_sub(self.delivered() + self.reported)
    }

    pub(crate) fn duplicated(&self) -> usize {
        self.deliveries.iter().map(|delivery| delivery.copies.saturating_sub(1)).sum()
    }

    pub(crate) fn strays(&self) -> &[Stray] {
        &self.strays
    }

    /// The delivery that a file is: the one with its identifier, else one that is missing so far, else any of the same octets (it arrived twice).
    fn find(&self, mailbox: Mailbox, octets: &[u8]) -> Option<usize> {
        let mut found: Option<(usize, u8)> = None;
        let mut longest = 0;
        for (index, delivery) in self.deliveries.iter().enumerate() {
            let length = delivery.content.len();
            if delivery.mailbox != mailbox || length < longest {
                continue;
            }
            let Some(trace) = octets.strip_suffix(&*delivery.content) else { continue };
            if !is_trace(trace) {
                continue;
            }
            let named = delivery.id.as_deref().is_some_and(|id| has_word(trace, id));
            let rank = if named { 2 } else { u8::from(delivery.copies == 0) };
            // A longer content is the better explanation: it leaves less to the trace.
            if found.is_none_or(|(_, best)| rank > best) || length > longest {
                found = Some((index, rank));
            }
            longest = length;
        }
        found.map(|(index, _)| index)
    }

    /// Compared with the missing message that it agrees with longest.
    fn difference(&self, mailbox: Mailbox, octets: &[u8]) -> Option<Difference> {
        let content = &octets[trace_length(octets)..];
        let missing =
            self.deliveries.iter().filter(|one| one.mailbox == mailbox && one.copies == 0);
        let (offset, sent) = missing
            .map(|one| {
                let agree = one.content.iter().zip(content).take_while(|(a, b)| a == b).count();
                (agree, &one.content)
            })
            .max_by_key(|(agree, _)| *agree)?;
        Some(Difference {
            offset,
            sent: sent.get(offset).copied(),
            found: content.get(offset).copied(),
        })
    }
}

impl std::fmt::Display for Stray {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = self.path.display();
        let Some(difference) = self.difference else {
            return write!(f, "{path} is nothing that was sent");
        };
        let octet = |octet: Option<u8>| octet.map_or("the end".to_owned(), |o| format!("{o:02x}"));
        write!(
            f,
            "{path} differs from what was sent: at octet {} it has {} in place of {}",
            difference.offset,
            octet(difference.found),
            octet(difference.sent)
        )
    }
}

/// Whether these octets are whole trace fields and nothing else.
fn is_trace(octets: &[u8]) -> bool {
    trace_length(octets) == octets.len()
}

/// Octets of the trace fields, with their folded lines, at the front.
fn trace_length(octets: &[u8]) -> usize {
    let mut length = 0;
    let mut in_field = false;
    for line in octets.split_inclusive(|octet| *octet == b'\n') {
        let folded = in_field && matches!(line.first(), Some(b' ' | b'\t'));
        if !line.ends_with(b"\n") || !(folded || starts_trace(line)) {
            break;
        }
        in_field = true;
        length += line.len();
    }
    length
}

fn starts_trace(line: &[u8]) -> bool {
    let Some(colon) = line.iter().position(|octet| *octet == b':') else { return false };
    TRACE_FIELDS.iter().any(|field| line[..colon].eq_ignore_ascii_case(field.as_bytes()))
}

/// Whether `word` stands in the text with nothing of a word beside it.
fn has_word(text: &[u8], word: &str) -> bool {
    let part = |octet: Option<&u8>| octet.is_some_and(u8::is_ascii_alphanumeric);
    !word.is_empty()
        && text.windows(word.len()).enumerate().any(|(at, window)| {
            window == word.as_bytes()
                && !part(at.checked_sub(1).and_then(|before| text.get(before)))
                && !part(text.get(at + word.len()))
        })
}

/// How many recipients a report (RFC 3464) gives up; 0 where it is no report.
fn reported_recipients(octets: &[u8]) -> usize {
    let text = String::from_utf8_lossy(octets).to_ascii_lowercase();
    let header = text.split_once("\r\n\r\n").map_or(text.as_str(), |(header, _)| header);
    if !header.contains("multipart/report") {
        return 0;
    }
    let failed = |line: &&str| {
        line.strip_prefix("action:").is_some_and(|action| action.trim().starts_with("failed"))
    };
    text.lines().filter(failed).count().max(1)
}

#[cfg(test)]
mod tests;
