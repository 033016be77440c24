//! The heading of an interpersonal message as fields of a mail (RFC 2156 4.7, "Mappings from an IPM to a MIME
//! message").

use ber::{Element, Tag};
use jiff::Timestamp;
use wire::DecodeError;
use x400::{OrName, REFERENCE_YEAR, parse_utc_time};

use super::characters::text;
use crate::address::{to_rfc822, write_out};
use crate::entity::{phrase, unstructured};
use crate::mime::{date, line, put_field};
use crate::printable::from_printable;

/// IPMIdentifier.
const IDENTIFIER: Tag = Tag::application(11);
/// ORName.
const OR_NAME: Tag = Tag::application(0);
/// Heading extensions (X.420 Annex A).
const EXTENDED_SUBJECT: &str = "2.6.1.5.8";
const AUTHORIZATION_TIME: &str = "2.6.1.5.5";
const LANGUAGES: &str = "2.6.1.5.1";
const AUTO_SUBMITTED: &str = "2.6.1.5.2";
/// The fields of a mail that crossed X.400 and have no place in a heading (RFC 2156 Appendix A).
pub(super) const RFC_822_FIELDS: &str = "1.3.6.1.7.1.3.2";
/// The domain of message identifiers that are those of X.400 (RFC 2156 4.7.3).
const IDENTIFIER_DOMAIN: &str = "MHS";
/// Most octets of fields of a mail that are taken over.
const MAX_FIELDS: usize = 64 * 1024;
/// Fields that this makes itself, or that describe a body which is made anew.
const OWN_FIELDS: [&str; 22] = [
    "from",
    "sender",
    "to",
    "cc",
    "bcc",
    "reply-to",
    "subject",
    "date",
    "message-id",
    "in-reply-to",
    "references",
    "mime-version",
    "received",
    "return-path",
    "delivered-to",
    "importance",
    "sensitivity",
    "expires",
    "reply-by",
    "supersedes",
    "autoforwarded",
    "disposition-notification-to",
];

/// What a heading says.
#[derive(Debug, Default)]
pub(super) struct Heading {
    identifier: Option<String>,
    originator: Option<Correspondent>,
    authorizing: Vec<Correspondent>,
    primary: Vec<Correspondent>,
    copy: Vec<Correspondent>,
    replied_to: Option<String>,
    obsoleted: Vec<String>,
    related: Vec<String>,
    subject: Option<String>,
    expiry: Option<Timestamp>,
    reply_by: Option<Timestamp>,
    reply_to: Vec<Correspondent>,
    importance: Option<i64>,
    sensitivity: Option<i64>,
    auto_forwarded: bool,
    auto_submitted: Option<i64>,
    languages: Vec<String>,
    authorized: Option<Timestamp>,
    wants_receipt: bool,
    fields: Vec<(String, String)>,
}

/// Somebody as a heading names them: ORDescriptor.
#[derive(Debug, Default)]
pub(super) struct Correspondent {
    address: Option<String>,
    name: Option<String>,
}

impl Correspondent {
    pub(super) fn read(element: Element<'_>) -> Result<Self, DecodeError> {
        let mut result = Self::default();
        let mut parts = element.children()?;
        while let Some(part) = parts.next_element()? {
            if part.tag == OR_NAME {
                let name = OrName::decode(part.raw)?;
                // What may not stand in an envelope can still be read.
                let address = to_rfc822(&name).unwrap_or_else(|_| write_out(&name.address));
                result.address = Some(address).filter(|address| !address.is_empty());
            } else if part.tag == Tag::context(0) {
                result.name = Some(any_text(part)?).filter(|name| !line(name).is_empty());
            }
        }
        Ok(result)
    }

    /// The address alone, if there is one.
    pub(super) fn address(&self) -> Option<&str> {
        self.address.as_deref()
    }

    /// As it stands in a field (RFC 5322 3.4); who has no address is a group without members.
    pub(super) fn written(&self) -> String {
        let address = self.address.as_deref().map(line);
        match (&self.name, address) {
            (Some(name), Some(address)) => format!("{} <{address}>", phrase(name)),
            (None, Some(address)) => format!("<{address}>"),
            (Some(name), None) => format!("{}:;", phrase(name)),
            (None, None) => "\"unknown\":;".to_owned(),
        }
    }
}

impl Heading {
    pub(super) fn read(element: Element<'_>) -> Result<Self, DecodeError> {
        let mut heading = Self::default();
        let mut fields = element.children()?;
        while let Some(field) = fields.next_element()? {
            if field.tag == IDENTIFIER {
                heading.identifier = Some(identifier(field)?);
            } else if field.tag.class == ber::Class::Context {
                heading.field(field)?;
            }
        }
        Ok(heading)
    }

    fn field(&mut self, field: Element<'_>) -> Result<(), DecodeError> {
        match field.tag.number {
            0 => self.originator = Some(Correspondent::read(field)?),
            1 => self.authorizing = all(field, Correspondent::read)?,
            2 => self.primary = all(field, |one| self.recipient(one))?,
            3 => self.copy = all(field, |one| self.recipient(one))?,
            // Blind recipients are nobody's business; each copy of the message has its own, if any.
            5 => self.replied_to = Some(identifier(field)?),
            6 => self.obsoleted = all(field, identifier)?,
            7 => self.related = all(field, identifier)?,
            8 => self.subject = Some(any_text(field)?),
            9 => self.expiry = time(field)?,
            10 => self.reply_by = time(field)?,
            11 => self.reply_to = all(field, Correspondent::read)?,
            12 => self.importance = Some(field.integer("importance")?),
            13 => self.sensitivity = Some(field.integer("sensitivity")?),
            14 => self.auto_forwarded = field.boolean("auto-forwarded")?,
            15 => {
                let mut extensions = field.children()?;
                while let Some(extension) = extensions.next_element()? {
                    self.extension(extension)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn recipient(&mut self, element: Element<'_>) -> Result<Correspondent, DecodeError> {
        let mut result = Correspondent::default();
        let mut parts = element.children()?;
        while let Some(part) = parts.next_element()? {
            if part.tag == Tag::context(0) {
                result = Correspondent::read(part)?;
            } else if part.tag == Tag::context(1) {
                self.wants_receipt |= part.bits("notification-requests")?.bit(0);
            }
        }
        Ok(result)
    }

    fn extension(&mut self, extension: Element<'_>) -> Result<(), DecodeError> {
        let mut parts = extension.children()?;
        let kind = parts.required("type")?.oid("type")?.to_string();
        let Some(value) = parts.next_element()? else { return Ok(()) };
        match kind.as_str() {
            EXTENDED_SUBJECT => self.subject = Some(any_text(value)?),
            AUTHORIZATION_TIME => self.authorized = time(value)?,
            LANGUAGES => self.languages = all(value, |one| text(&one))?,
            AUTO_SUBMITTED => self.auto_submitted = Some(value.integer("auto-submitted")?),
            RFC_822_FIELDS => self.fields = taken_over(value)?,
            _ => {}
        }
        Ok(())
    }

    /// Writes the fields; `submitted` is the date where the heading has none.
    pub(super) fn write(&self, out: &mut String, submitted: Option<Timestamp>) {
        let from = if self.authorizing.is_empty() {
            self.originator.as_slice()
        } else {
            self.authorizing.as_slice()
        };
        if from.is_empty() {
            put_addresses(out, "From", &[Correspondent::default()]);
        } else {
            put_addresses(out, "From", from);
        }
        if !self.authorizing.is_empty() {
            put_addresses(out, "Sender", self.originator.as_slice());
        }
        put_addresses(out, "Reply-To", &self.reply_to);
        put_addresses(out, "To", &self.primary);
        put_addresses(out, "Cc", &self.copy);
        put_field(out, "Subject", &unstructured(self.subject.as_deref().unwrap_or_default()));
        put_time(out, "Date", self.authorized.or(submitted));
        if let Some(identifier) = &self.identifier {
            put_field(out, "Message-ID", identifier);
        }
        if let Some(identifier) = &self.replied_to {
            put_field(out, "In-Reply-To", identifier);
        }
        let related: Vec<&str> =
            self.related.iter().chain(&self.replied_to).map(String::as_str).collect();
        put_some(out, "References", &related.join(" "));
        put_some(out, "Supersedes", &self.obsoleted.join(" "));
        put_time(out, "Expires", self.expiry);
        put_time(out, "Reply-By", self.reply_by);
        put_some(
            out,
            "Importance",
            named(self.importance, &[(0, "low"), (1, "normal"), (2, "high")]),
        );
        let sensitivities = [(1, "Personal"), (2, "Private"), (3, "Company-Confidential")];
        put_some(out, "Sensitivity", named(self.sensitivity, &sensitivities));
        put_some(out, "Content-Language", &line(&self.languages.join(", ")));
        if self.auto_forwarded {
            put_field(out, "Autoforwarded", "TRUE");
        }
        let submissions = [(0, "no"), (1, "auto-generated"), (2, "auto-replied")];
        put_some(out, "Auto-Submitted", named(self.auto_submitted, &submissions));
        if self.wants_receipt
            && let Some(originator) = &self.originator
        {
            put_addresses(out, "Disposition-Notification-To", std::slice::from_ref(originator));
        }
        for (name, value) in &self.fields {
            // Encoded words of a mail are read again by those who read it.
            let value = if value.is_ascii() { value.clone() } else { unstructured(value) };
            put_field(out, name, &value);
        }
    }
}

fn named<'a>(value: Option<i64>, names: &[(i64, &'a str)]) -> &'a str {
    let found = names.iter().find(|(number, _)| Some(*number) == value);
    found.map_or("", |(_, name)| name)
}

fn put_some(out: &mut String, name: &str, value: &str) {
    if !value.is_empty() {
        put_field(out, name, value);
    }
}

fn put_time(out: &mut String, name: &str, time: Option<Timestamp>) {
    if let Some(time) = time {
        put_field(out, name, &date(time));
    }
}

/// One address to a line: none of their spaces may be lost, which a quoted local part can have.
fn put_addresses(out: &mut String, name: &str, who: &[Correspondent]) {
    let written: Vec<String> = who.iter().map(Correspondent::written).collect();
    if !written.is_empty() {
        out.push_str(&format!("{name}: {}\r\n", written.join(",\r\n ")));
    }
}

/// The elements of a SEQUENCE OF or SET OF.
fn all<'a, T>(
    element: Element<'a>,
    mut read: impl FnMut(Element<'a>) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let mut result = Vec::new();
    let mut children = element.children()?;
    while let Some(child) = children.next_element()? {
        result.push(read(child)?);
    }
    Ok(result)
}

/// A string, or the one inside of tags around it.
pub(super) fn any_text(element: Element<'_>) -> Result<String, DecodeError> {
    let mut element = element;
    // An explicit tag, and the SET of UniversalOrBMPString; segments of one string are no more tags.
    while element.constructed {
        let Some(inner) = element.children()?.next_element()? else { return Ok(String::new()) };
        if inner.tag == Tag::OCTET_STRING {
            break;
        }
        element = inner;
    }
    // An implicit tag hides which string it is; X.420 has teletex there.
    if element.tag.class == ber::Class::Context {
        return Ok(x400::from_teletex(&element.octets("string")?));
    }
    text(&element)
}

/// UTCTime, or GeneralizedTime in whole seconds.
pub(super) fn time(element: Element<'_>) -> Result<Option<Timestamp>, DecodeError> {
    let text = element.text("time")?;
    if element.tag != Tag::GENERALIZED_TIME {
        return Ok(parse_utc_time(&text, REFERENCE_YEAR));
    }
    let year = text.get(..4).and_then(|year| year.parse().ok());
    Ok(year.zip(text.get(2..)).and_then(|(year, rest)| parse_utc_time(rest, year)))
}

/// An IPMIdentifier as a Message-ID (RFC 2156 4.7.3): one that a mail had comes back as it was.
pub(super) fn identifier(element: Element<'_>) -> Result<String, DecodeError> {
    let mut parts = element.children()?;
    let (mut user, mut relative) = (None, String::new());
    while let Some(part) = parts.next_element()? {
        if part.tag == IDENTIFIER {
            return identifier(part);
        } else if part.tag == OR_NAME {
            user = Some(OrName::decode(part.raw)?);
        } else {
            relative = text(&part)?;
        }
    }
    let of_mail = from_printable(&relative).map(|text| line(&text));
    // Most gateways leave the angle brackets away, and none of them names a user.
    let of_mail = of_mail.map(|text| {
        let bare = user.is_none() && text.contains('@') && !text.contains(['<', '>']);
        if bare { format!("<{text}>") } else { text }
    });
    if let Some(of_mail) = of_mail
        && of_mail.starts_with('<')
        && of_mail.ends_with('>')
        && of_mail.contains('@')
        && of_mail.bytes().all(|octet| octet.is_ascii_graphic())
    {
        return Ok(of_mail);
    }
    let user = user.map(|name| name.address.to_string()).unwrap_or_default();
    let local_part = line(&format!("{relative}*{user}")).replace('\\', "\\\\").replace('"', "\\\"");
    // A field is in ASCII, and X.400 has no more there; nor has it the low line that stands for a space.
    let local_part: String =
        local_part.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect();
    Ok(format!("<\"{}\"@{IDENTIFIER_DOMAIN}>", local_part.replace(' ', "_")))
}

/// The fields of a mail in a list that others may take over.
fn taken_over(value: Element<'_>) -> Result<Vec<(String, String)>, DecodeError> {
    let fields = rfc_822_fields(value)?;
    let fits = |name: &str| {
        let lower = name.to_ascii_lowercase();
        !name.is_empty()
            && name.len() <= 76
            && name.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
            && !lower.starts_with("content-")
            && !lower.starts_with("x400-")
            && !OWN_FIELDS.contains(&lower.as_str())
    };
    Ok(fields.into_iter().filter(|(name, _)| fits(name)).collect())
}

/// `RFC822FieldList` (RFC 2156 Appendix A): each field on a line, as IA5String; names and values of those that are two strings.
pub(super) fn rfc_822_fields(value: Element<'_>) -> Result<Vec<(String, String)>, DecodeError> {
    if value.raw.len() > MAX_FIELDS || !value.constructed {
        return Ok(Vec::new());
    }
    all(value, |field| {
        if field.tag == Tag::SEQUENCE {
            let mut parts = field.children()?;
            let name = text(&parts.required("field-name")?)?;
            let value = parts.next_element()?.map(|value| text(&value)).transpose()?;
            return Ok((name.trim_end_matches(':').to_owned(), value.unwrap_or_default()));
        }
        let field = text(&field)?;
        let (name, value) = field.split_once(':').unwrap_or_default();
        Ok((name.trim_end().to_owned(), value.trim().to_owned()))
    })
}
