//! Delivery status notifications (RFC 3464; RFC 6533 for addresses beyond ASCII).
//!
//! A notification is a function of its input: Message-ID and boundary are derived from the
//! report's identifier, so the same report always makes the same octets. Nothing that came
//! from outside can add a line to a header.

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use x400::{DiagnosticCode, ReasonCode};

use crate::error::MixerError;
use crate::header::{header_block, header_value};
use crate::mime::{ascii, date, from_xtext, line, put_address, put_field, put_text, utf8_xtext};
use crate::smtp_envelope::is_smtp_text;
use crate::status::Status;

/// Octets of a message that go back whole; of longer ones only the header does.
const MAX_RETURNED: usize = 1024 * 1024;

/// Octets of a line without its end (RFC 5322 2.1.1).
const MAX_LINE: usize = 998;

/// What a notification says.
#[derive(Debug, Clone)]
pub struct Dsn<'a> {
    /// The report's identifier, unique.
    pub report_id: &'a str,
    /// The identifier of the message that it is about.
    pub subject_id: &'a str,
    /// Host name of the MTA that writes the notification.
    pub reporting_mta: &'a str,
    /// Name of the X.400 MTA that made the report, where it is another one; the writer is then
    /// the gateway between the two (RFC 3464 2.2.2 and 2.2.3).
    pub x400_mta: Option<&'a str>,
    /// The mail address that the notification is from.
    pub postmaster: &'a str,
    /// Who gets it: the message's reverse path.
    pub reverse_path: &'a str,
    /// ENVID of the message, xtext.
    pub envid: Option<&'a str>,
    /// The message came with SMTPUTF8, so its sender can read UTF-8 headers.
    pub smtputf8: bool,
    /// When the message came in.
    pub arrival: Option<Timestamp>,
    /// When the notification is made.
    pub date: Timestamp,
    /// The recipients that it is about.
    pub recipients: &'a [DsnRecipient],
    /// What goes back of the message.
    pub original: Option<OriginalMessage<'a>>,
}

/// What goes back of a message; both hold the mail from its first octet.
#[derive(Debug, Clone, Copy)]
pub enum OriginalMessage<'a> {
    /// Its header.
    Header(&'a [u8]),
    /// All of it, where it is not too long and not binary; else its header.
    Full(&'a [u8]),
}

/// What a notification says of one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DsnRecipient {
    /// The mail address.
    pub address: String,
    /// ORCPT, `type;xtext`.
    pub orcpt: Option<String>,
    /// What became of the message.
    pub action: Action,
    /// Supplementary information of the X.400 report.
    pub supplementary: Option<String>,
    /// What went wrong last.
    pub last_error: Option<LastError>,
    /// Host name of the MTA that did not take the message, or took it.
    pub remote_mta: Option<String>,
    /// When it was tried last.
    pub last_attempt: Option<Timestamp>,
}

/// What became of a message (RFC 3464 2.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Not delivered and given up.
    Failed {
        /// Why, roughly.
        reason: ReasonCode,
        /// Why, exactly.
        diagnostic: Option<DiagnosticCode>,
    },
    /// Not delivered yet.
    Delayed {
        /// When it will be given up.
        retried_until: Option<Timestamp>,
    },
    /// Delivered.
    Delivered,
    /// Given to a system that tells no more.
    Relayed,
}

/// What went wrong last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LastError {
    /// Words of our own.
    Text(String),
    /// A reply of an SMTP server, code first.
    Smtp(String),
}

/// A notification ready to be sent, with the null reverse path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DsnMessage {
    /// The mail, CRLF line ends.
    pub octets: Vec<u8>,
    /// It needs SMTPUTF8.
    pub smtputf8: bool,
    /// It needs 8BITMIME.
    pub eight_bit: bool,
}

/// One body part.
struct Part {
    content_type: &'static str,
    octets: Vec<u8>,
}

/// Makes a notification.
///
/// # Errors
/// The reverse path is empty, nobody is reported on, or an address may not stand in a header.
pub fn build_dsn(dsn: &Dsn<'_>) -> Result<DsnMessage, MixerError> {
    if dsn.reverse_path.is_empty() {
        return Err(MixerError::NullReversePath);
    }
    if dsn.recipients.is_empty() {
        return Err(MixerError::NoRecipient);
    }
    let mta = dsn.x400_mta.unwrap_or_default();
    let addresses = [dsn.reverse_path, dsn.postmaster, dsn.reporting_mta, mta];
    if !addresses.iter().all(|address| is_smtp_text(address)) {
        return Err(MixerError::NotForSmtp("address of a notification"));
    }
    let global = dsn.smtputf8 || !dsn.reverse_path.is_ascii();
    let mut parts = vec![text_part(dsn), status_part(dsn, global)];
    parts.extend(dsn.original.map(|original| original_part(original, global)));
    let boundary = boundary(dsn.report_id, &parts);
    let header = mail_header(dsn, &boundary, &parts);
    let smtputf8 = !header.is_ascii()
        || parts.iter().any(|part| part.content_type.starts_with("message/global"));
    let eight_bit = smtputf8 || parts.iter().any(|part| !part.octets.is_ascii());
    let mut octets = header.into_bytes();
    for part in &parts {
        octets.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
        octets.extend_from_slice(format!("Content-Type: {}\r\n", part.content_type).as_bytes());
        let encoding = if part.octets.is_ascii() { "7bit" } else { "8bit" };
        octets
            .extend_from_slice(format!("Content-Transfer-Encoding: {encoding}\r\n\r\n").as_bytes());
        octets.extend_from_slice(&part.octets);
        octets.extend_from_slice(b"\r\n");
    }
    octets.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    Ok(DsnMessage { octets, smtputf8, eight_bit })
}

/// Hex of a hash, for a Message-ID or a boundary.
fn derived(kind: &str, report_id: &str, count: u32) -> String {
    let digest = Sha256::digest(format!("{kind} {count} {report_id}").as_bytes());
    wire::to_hex(&digest[..16])
}

/// A boundary that stands in no part; the first try nearly always does not.
fn boundary(report_id: &str, parts: &[Part]) -> String {
    let mut count = 0;
    loop {
        let boundary = format!("=_{}", derived("boundary", report_id, count));
        let taken = parts.iter().any(|part| {
            part.octets.windows(boundary.len()).any(|window| window == boundary.as_bytes())
        });
        // A part holds fewer boundaries than it has octets, so the count cannot run over.
        if !taken || count == u32::MAX {
            return boundary;
        }
        count += 1;
    }
}

fn mail_header(dsn: &Dsn<'_>, boundary: &str, parts: &[Part]) -> String {
    let mut out = String::new();
    put_address(&mut out, "From", &format!("Mail delivery <{}>", dsn.postmaster));
    put_address(&mut out, "To", &format!("<{}>", dsn.reverse_path));
    put_field(&mut out, "Subject", subject(dsn));
    put_field(&mut out, "Date", &date(dsn.date));
    let id = derived("message", dsn.report_id, 0);
    put_field(&mut out, "Message-ID", &format!("<{id}@{}>", ascii(dsn.reporting_mta)));
    if let Some(OriginalMessage::Header(mail) | OriginalMessage::Full(mail)) = dsn.original
        && let Some(original) = header_value(mail, "Message-ID").filter(|id| is_message_id(id))
    {
        put_field(&mut out, "In-Reply-To", &original);
    }
    put_field(&mut out, "Auto-Submitted", "auto-replied");
    put_field(&mut out, "MIME-Version", "1.0");
    let content_type =
        format!("multipart/report; report-type=delivery-status; boundary=\"{boundary}\"");
    put_field(&mut out, "Content-Type", &content_type);
    let ascii = parts.iter().all(|part| part.octets.is_ascii());
    put_field(&mut out, "Content-Transfer-Encoding", if ascii { "7bit" } else { "8bit" });
    out.push_str("\r\nThis is a report in MIME format.\r\n\r\n");
    out
}

/// True for `<left@right>` of plain characters that fits a line.
fn is_message_id(id: &str) -> bool {
    id.len() < 250
        && id.starts_with('<')
        && id.ends_with('>')
        && id.contains('@')
        && id.bytes().all(|byte| byte.is_ascii_graphic())
}

fn subject(dsn: &Dsn<'_>) -> &'static str {
    let any = |wanted: fn(&Action) -> bool| dsn.recipients.iter().any(|one| wanted(&one.action));
    if any(|action| matches!(action, Action::Failed { .. })) {
        "Undelivered mail"
    } else if any(|action| matches!(action, Action::Delayed { .. })) {
        "Delayed mail (still being tried)"
    } else {
        "Delivered mail"
    }
}

/// Chooses recipients by what became of the message.
type Wanted = fn(&Action) -> bool;

fn text_part(dsn: &Dsn<'_>) -> Part {
    let mut out = String::new();
    put_text(&mut out, "", 0, &format!("This is the mail system of {}.", dsn.reporting_mta));
    let groups: [(&str, Wanted); 4] = [
        (
            "Your mail could not be delivered to the recipients below, and it will not be tried \
             again. Please send it once more when the cause is gone.",
            |action| matches!(action, Action::Failed { .. }),
        ),
        (
            "Your mail has not been delivered yet to the recipients below. It will be tried \
             again; you need not do anything.",
            |action| matches!(action, Action::Delayed { .. }),
        ),
        ("Your mail was delivered to the recipients below.", |action| *action == Action::Delivered),
        (
            "Your mail was passed on for the recipients below to a system that sends no \
             reports of delivery.",
            |action| *action == Action::Relayed,
        ),
    ];
    for (words, wanted) in groups {
        let group = dsn.recipients.iter().filter(|recipient| wanted(&recipient.action));
        for (index, recipient) in group.enumerate() {
            if index == 0 {
                out.push_str("\r\n");
                put_text(&mut out, "", 0, words);
            }
            put_recipient(&mut out, recipient);
        }
    }
    out.push_str("\r\n");
    put_text(&mut out, "Message: ", 2, dsn.subject_id);
    if let Some(arrival) = dsn.arrival {
        put_text(&mut out, "Received: ", 2, &date(arrival));
    }
    put_text(&mut out, "Report: ", 2, dsn.report_id);
    let content_type =
        if out.is_ascii() { "text/plain; charset=us-ascii" } else { "text/plain; charset=utf-8" };
    Part { content_type, octets: out.into_bytes() }
}

fn put_recipient(out: &mut String, recipient: &DsnRecipient) {
    out.push_str("\r\n");
    put_address(out, "", &format!("<{}>", recipient.address));
    match recipient.action {
        Action::Failed { reason, diagnostic } => {
            put_text(out, "  Reason: ", 4, &format!("{reason}: {}.", reason.words()));
            if let Some(diagnostic) = diagnostic {
                let words = format!("{diagnostic}: {}.", diagnostic.words());
                put_text(out, "  Diagnostic: ", 4, &words);
            }
        }
        Action::Delayed { retried_until: Some(until) } => {
            put_text(out, "  Tried until: ", 4, &date(until));
        }
        Action::Delayed { retried_until: None } | Action::Delivered | Action::Relayed => {}
    }
    if let Some(LastError::Text(error) | LastError::Smtp(error)) = &recipient.last_error {
        put_text(out, "  Last error: ", 4, error);
    }
    if let Some(text) = &recipient.supplementary {
        put_text(out, "  Further information: ", 4, text);
    }
    if let Some(host) = &recipient.remote_mta {
        put_text(out, "  Other system: ", 4, host);
    }
    if let Some(time) = recipient.last_attempt {
        put_text(out, "  Last attempt: ", 4, &date(time));
    }
}

fn status_part(dsn: &Dsn<'_>, global: bool) -> Part {
    let mut out = String::new();
    if let Some(envid) = dsn.envid {
        let decoded = from_xtext(envid).unwrap_or_else(|| ascii(envid));
        put_field(&mut out, "Original-Envelope-Id", &decoded);
    }
    let writer = format!("dns; {}", ascii(dsn.reporting_mta));
    match dsn.x400_mta {
        Some(mta) => {
            put_field(&mut out, "Reporting-MTA", &format!("x400; {}", ascii(mta)));
            put_field(&mut out, "DSN-Gateway", &writer);
        }
        None => put_field(&mut out, "Reporting-MTA", &writer),
    }
    if let Some(arrival) = dsn.arrival {
        put_field(&mut out, "Arrival-Date", &date(arrival));
    }
    put_field(&mut out, "X400-MTS-Identifier", &ascii(dsn.subject_id));
    for recipient in dsn.recipients {
        out.push_str("\r\n");
        put_status(&mut out, recipient, global);
    }
    let content_type =
        if out.is_ascii() { "message/delivery-status" } else { "message/global-delivery-status" };
    Part { content_type, octets: out.into_bytes() }
}

/// The fields of one recipient (RFC 3464 2.3).
fn put_status(out: &mut String, recipient: &DsnRecipient, global: bool) {
    if let Some(original) = recipient.orcpt.as_deref().and_then(|orcpt| original(orcpt, global)) {
        put_address(out, "Original-Recipient", &original);
    }
    put_address(out, "Final-Recipient", &final_recipient(&recipient.address, global));
    let (action, status) = match recipient.action {
        Action::Failed { reason, diagnostic } => {
            // The server's own code is the more exact one.
            let heard = match &recipient.last_error {
                Some(LastError::Smtp(reply)) => Status::in_reply(reply),
                _ => None,
            };
            ("failed", heard.unwrap_or_else(|| Status::of(reason, diagnostic)))
        }
        Action::Delayed { .. } => ("delayed", Status(4, 0, 0)),
        Action::Delivered => ("delivered", Status::DELIVERED),
        Action::Relayed => ("relayed", Status::DELIVERED),
    };
    put_field(out, "Action", action);
    put_field(out, "Status", &status.to_string());
    if let Some(host) = &recipient.remote_mta {
        put_field(out, "Remote-MTA", &format!("dns; {}", ascii(host)));
    }
    if let Some(LastError::Smtp(reply)) = &recipient.last_error {
        put_field(out, "Diagnostic-Code", &format!("smtp; {}", ascii(reply)));
    }
    if let Action::Failed { reason, diagnostic } = recipient.action {
        let mut codes = format!("reason {reason}");
        if let Some(diagnostic) = diagnostic {
            codes.push_str(&format!(", diagnostic {diagnostic}"));
        }
        // One Diagnostic-Code is allowed, and the SMTP reply is the more exact one.
        if matches!(recipient.last_error, Some(LastError::Smtp(_))) {
            put_field(out, "X400-Diagnostic", &codes);
        } else {
            put_field(out, "Diagnostic-Code", &format!("X400; {codes}"));
        }
    }
    if let Some(LastError::Text(error)) = &recipient.last_error {
        put_field(out, "X-Last-Error", &ascii(error));
    }
    if let Some(text) = &recipient.supplementary {
        put_field(out, "X400-Supplementary-Information", &ascii(text));
    }
    if let Some(time) = recipient.last_attempt {
        put_field(out, "Last-Attempt-Date", &date(time));
    }
    if let Action::Delayed { retried_until: Some(until) } = recipient.action {
        put_field(out, "Will-Retry-Until", &date(until));
    }
}

/// An address with its type; UTF-8 as it is only where the receiver reads it (RFC 6533 3).
fn final_recipient(address: &str, global: bool) -> String {
    if address.is_ascii() {
        format!("rfc822; {address}")
    } else if global {
        format!("utf-8; {address}")
    } else {
        format!("utf-8; {}", utf8_xtext(address))
    }
}

/// ORCPT as Original-Recipient writes it; `None` when it is malformed.
fn original(orcpt: &str, global: bool) -> Option<String> {
    let (kind, value) = orcpt.split_once(';')?;
    let value = if kind.eq_ignore_ascii_case("utf-8") {
        // utf-8-addr-xtext may stay as it is in either kind of report.
        let plain = global || value.is_ascii();
        if plain { value.to_owned() } else { utf8_xtext(value) }
    } else {
        from_xtext(value)?
    };
    Some(format!("{}; {value}", ascii(&line(kind))))
}

fn original_part(original: OriginalMessage<'_>, global: bool) -> Part {
    let (OriginalMessage::Header(mail) | OriginalMessage::Full(mail)) = original;
    let header = header_block(mail);
    let international = global && !header.is_ascii();
    if matches!(original, OriginalMessage::Full(_)) && can_return(mail) {
        let content_type = if international { "message/global" } else { "message/rfc822" };
        return Part { content_type, octets: mail.to_vec() };
    }
    let mut octets = Vec::with_capacity(header.len());
    for line in header.split_inclusive(|octet| *octet == b'\n') {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        octets.extend(text.iter().take(MAX_LINE).filter(|octet| !b"\r\0".contains(octet)));
        octets.extend_from_slice(b"\r\n");
    }
    let content_type = if international { "message/global-headers" } else { "text/rfc822-headers" };
    Part { content_type, octets }
}

/// True for mail that may stand in another without being encoded: short, of CRLF lines.
fn can_return(mail: &[u8]) -> bool {
    mail.len() <= MAX_RETURNED
        && mail.ends_with(b"\r\n")
        && mail.split(|octet| *octet == b'\n').all(|line| line.len() <= MAX_LINE + 1)
        && !mail.contains(&0)
        && mail.windows(2).all(|pair| (pair[0] == b'\r') == (pair[1] == b'\n'))
}

#[cfg(test)]
mod tests;
