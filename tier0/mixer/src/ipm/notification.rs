//! Interpersonal notifications as disposition notifications (RFC 2156 4.7.4, RFC 8098).

use ber::{Element, Tag};
use jiff::Timestamp;
use wire::DecodeError;

use super::heading::{Correspondent, identifier, time};
use crate::entity::{Body, Entity};
use crate::mime::{date, line, put_field, put_text};

/// IPMIdentifier: the message that it is about.
const IDENTIFIER: Tag = Tag::application(11);
/// Why a message was discarded (X.420 `DiscardReasonField`).
const DISCARDED: [&str; 3] = [
    "its time was over",
    "a later message took its place",
    "the recipient is no longer subscribed",
];

/// What a notification says.
#[derive(Debug, Default)]
pub(super) struct Notification {
    subject: String,
    originator: Option<Correspondent>,
    intended: Option<Correspondent>,
    outcome: Outcome,
}

#[derive(Debug, Default)]
enum Outcome {
    Received {
        at: Option<Timestamp>,
        automatic: bool,
    },
    Discarded {
        why: Option<i64>,
    },
    Forwarded,
    #[default]
    Other,
}

impl Notification {
    pub(super) fn read(element: Element<'_>) -> Result<Self, DecodeError> {
        let mut result = Self::default();
        let mut fields = element.children()?;
        while let Some(field) = fields.next_element()? {
            if field.tag == IDENTIFIER {
                result.subject = identifier(field)?;
            } else if field.tag == Tag::context(1) {
                result.originator = Some(Correspondent::read(field)?);
            } else if field.tag == Tag::context(2) {
                result.intended = Some(Correspondent::read(field)?);
            } else if field.tag == Tag::context(0) {
                result.outcome = outcome(field.inner("choice")?)?;
            }
        }
        Ok(result)
    }

    pub(super) fn from(&self) -> Option<&Correspondent> {
        self.originator.as_ref()
    }

    /// For the subject of the mail.
    pub(super) fn title(&self) -> &'static str {
        match self.outcome {
            Outcome::Received { .. } => "Read",
            Outcome::Discarded { .. } => "Not read",
            Outcome::Forwarded => "Forwarded",
            Outcome::Other => "Notification",
        }
    }

    /// `multipart/report`: for people, then for programs.
    pub(super) fn entity(&self) -> Entity {
        let who = self
            .originator
            .as_ref()
            .map_or_else(|| "the recipient".to_owned(), Correspondent::written);
        let mut text = String::new();
        put_text(&mut text, "", 0, &format!("Your message {} to {who}:", line(&self.subject)));
        put_text(&mut text, "", 0, &self.words());
        let parts = vec![
            Entity::text("us-ascii", ascii(&text).as_bytes()),
            Entity {
                content_type: "message/disposition-notification".to_owned(),
                fields: Vec::new(),
                body: Body::Text(self.fields().into_bytes()),
            },
        ];
        Entity::parts("multipart/report; report-type=disposition-notification", parts)
    }

    fn words(&self) -> String {
        match &self.outcome {
            Outcome::Received { at, automatic } => {
                let when = at.map_or_else(String::new, |at| format!(" on {}", date(at)));
                let how = if *automatic { ", by a program" } else { "" };
                format!("it was received{when}{how}. That does not say that it was understood.")
            }
            Outcome::Discarded { why } => {
                let reason = why
                    .and_then(|why| usize::try_from(why).ok())
                    .and_then(|why| DISCARDED.get(why));
                let reason = reason.map_or_else(String::new, |reason| format!(": {reason}"));
                format!("it was discarded unread{reason}.")
            }
            Outcome::Forwarded => "it was passed on to somebody else and not read here.".to_owned(),
            Outcome::Other => {
                "something was done with it that this server has no name for.".to_owned()
            }
        }
    }

    /// RFC 8098 3.2.
    fn fields(&self) -> String {
        let mut out = String::new();
        let address = |who: Option<&Correspondent>| {
            who.and_then(Correspondent::address).map(|address| format!("rfc822; {}", line(address)))
        };
        if let Some(intended) = address(self.intended.as_ref()) {
            out.push_str(&format!("Original-Recipient: {}\r\n", ascii(&intended)));
        }
        let last = address(self.originator.as_ref())
            .unwrap_or_else(|| "rfc822; unknown@x400.invalid".to_owned());
        out.push_str(&format!("Final-Recipient: {}\r\n", ascii(&last)));
        put_field(&mut out, "Original-Message-ID", &self.subject);
        let disposition = match self.outcome {
            Outcome::Received { automatic: false, .. } => {
                "manual-action/MDN-sent-manually; displayed"
            }
            Outcome::Received { automatic: true, .. } => {
                "automatic-action/MDN-sent-automatically; displayed"
            }
            Outcome::Discarded { .. } => "automatic-action/MDN-sent-automatically; deleted",
            Outcome::Forwarded => "automatic-action/MDN-sent-automatically; dispatched",
            Outcome::Other => "automatic-action/MDN-sent-automatically; processed",
        };
        put_field(&mut out, "Disposition", disposition);
        out
    }
}

/// One that is forwarded in a message.
pub(super) fn entity(element: Element<'_>) -> Result<Entity, DecodeError> {
    Ok(Notification::read(element)?.entity())
}

fn outcome(choice: Element<'_>) -> Result<Outcome, DecodeError> {
    let mut fields = choice.children()?;
    let mut result = match choice.tag.number {
        0 => Outcome::Discarded { why: None },
        1 => Outcome::Received { at: None, automatic: false },
        _ => return Ok(Outcome::Other),
    };
    while let Some(field) = fields.next_element()? {
        match (&mut result, field.tag.number) {
            (Outcome::Discarded { .. }, 0) if field.integer("non-receipt-reason")? == 1 => {
                return Ok(Outcome::Forwarded);
            }
            (Outcome::Discarded { why }, 1) => *why = Some(field.integer("discard-reason")?),
            (Outcome::Received { at, .. }, 0) => *at = time(field)?,
            (Outcome::Received { automatic, .. }, 1) => {
                *automatic = field.integer("acknowledgment-mode")? == 1;
            }
            _ => {}
        }
    }
    Ok(result)
}

fn ascii(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect()
}
