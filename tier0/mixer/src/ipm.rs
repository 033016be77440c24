//! Interpersonal messages as mail: P2, P22 and the military P772 into RFC 5322 and MIME (RFC 2156 4.7, RFC 2157).

mod body;
mod characters;
mod heading;
mod notification;

use ber::{Element, Tag};
use jiff::Timestamp;
use wire::DecodeError;
use x400::{ContentType, MessageTransferEnvelope, Priority};

use crate::entity::Entity;
use crate::mime::{date, line, put_field};
use heading::Heading;
use notification::Notification;

const WHAT: &str = "content";
/// Numbers of P2 and P22 (X.411 8.2.1.1.1.9), and their object identifiers (X.420 Annex A) with that of P772
/// (STANAG 4406 Annex A).
const NUMBERS: [i64; 2] = [2, 22];
const IDENTIFIERS: [&str; 3] = ["2.6.1.10.0", "2.6.1.10.1", "1.3.26.0.4406.0.4.1"];
/// Messages forwarded inside each other that become mails; what is deeper stays as it came.
const MAX_LEVEL: usize = 8;

/// How many messages a message is forwarded in.
#[derive(Debug, Clone, Copy, Default)]
struct Level(usize);

impl Level {
    fn deeper(self) -> Option<Self> {
        (self.0 < MAX_LEVEL).then_some(Self(self.0 + 1))
    }
}

/// True when [`ipm_to_mail`] reads contents of this type.
#[must_use]
pub fn is_interpersonal(content_type: &ContentType) -> bool {
    match content_type {
        ContentType::BuiltIn(number) => NUMBERS.contains(number),
        ContentType::Extended(oid) => IDENTIFIERS.contains(&oid.to_string().as_str()),
    }
}

/// The mail that an interpersonal message or notification is; the same input always makes the same octets.
///
/// Fields that begin with `X400-` tell what was on the envelope (RFC 2156 4.7.2). Blind recipients are left out, and
/// nothing else: parts that MIME has no type for come as `application/x400-bp`.
///
/// # Errors
/// The content is neither.
pub fn ipm_to_mail(
    envelope: &MessageTransferEnvelope,
    content: &[u8],
) -> Result<Vec<u8>, DecodeError> {
    let of_envelope = envelope_fields(envelope);
    let submitted = envelope.trace.first().map(|element| element.supplied.arrival);
    let content = ber::decode_one(WHAT, content)?;
    if content.tag == Tag::context(0) {
        mail_of_ipm(content, Level::default(), submitted, &of_envelope)
    } else if content.tag == Tag::context(1) {
        mail_of_notification(content, submitted, &of_envelope)
    } else {
        Err(content.invalid("InformationObject", "neither a message nor a notification"))
    }
}

/// `element` holds heading and body.
fn mail_of_ipm(
    element: Element<'_>,
    level: Level,
    submitted: Option<Timestamp>,
    of_envelope: &str,
) -> Result<Vec<u8>, DecodeError> {
    let mut parts = element.children()?;
    let heading = Heading::read(parts.required("heading")?)?;
    let entities = body::entities(parts.required("body")?, level)?;
    let mut header = of_envelope.to_owned();
    heading.write(&mut header, submitted);
    Ok(whole(&header, &together(entities)))
}

fn together(mut entities: Vec<Entity>) -> Entity {
    match entities.len() {
        0 => Entity::text("us-ascii", b""),
        1 => entities.remove(0),
        _ => Entity::parts("multipart/mixed", entities),
    }
}

fn mail_of_notification(
    element: Element<'_>,
    submitted: Option<Timestamp>,
    of_envelope: &str,
) -> Result<Vec<u8>, DecodeError> {
    let notification = Notification::read(element)?;
    let mut header = of_envelope.to_owned();
    let from = notification.from().map_or_else(|| "\"unknown\":;".to_owned(), |who| who.written());
    header.push_str(&format!("From: {from}\r\n"));
    put_field(&mut header, "Subject", notification.title());
    if let Some(submitted) = submitted {
        put_field(&mut header, "Date", &date(submitted));
    }
    put_field(&mut header, "Auto-Submitted", "auto-replied");
    Ok(whole(&header, &notification.entity()))
}

fn whole(header: &str, entity: &Entity) -> Vec<u8> {
    let mut mail = Vec::from(header);
    mail.extend_from_slice(b"MIME-Version: 1.0\r\n");
    entity.write(&mut mail);
    mail
}

/// What the envelope says (RFC 2156 4.7.2.1), the last domain of the trace first.
fn envelope_fields(envelope: &MessageTransferEnvelope) -> String {
    let mut out = String::new();
    for element in envelope.trace.iter().rev() {
        let arrival = date(element.supplied.arrival);
        put_field(&mut out, "X400-Received", &format!("by {}; {arrival}", element.domain));
    }
    out.push_str(&format!(
        "X400-Originator: {}\r\n",
        line(&envelope.originator.address.to_string())
    ));
    out.push_str(&format!(
        "X400-MTS-Identifier: [{}]\r\n",
        line(&envelope.mts_identifier.to_string())
    ));
    put_field(&mut out, "X400-Content-Type", &envelope.content_type.to_string());
    let priority = match envelope.priority {
        Priority::NonUrgent => "non-urgent",
        Priority::Normal => "normal",
        Priority::Urgent => "urgent",
    };
    put_field(&mut out, "Priority", priority);
    out
}

#[cfg(test)]
mod tests;
