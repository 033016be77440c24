//! The heading of an interpersonal message (X.420 7.2) out of the fields of a mail (RFC 2156 5.1.3).

use ber::{Encoder, Tag};
use jiff::Timestamp;
use mail_parser::{Addr, Address, HeaderValue};
use x400::{OrAddress, REFERENCE_YEAR, format_utc_time, parse_utc_time};

use super::characters::{Teletex, teletex};
use super::entity::Field;
use super::identifier::{Identifier, identifiers};
use super::{Edition, Message, oid, write_field_list};
use crate::address::{to_or_address, to_rfc822};

/// ub-subject-field of X.420 Annex.
const MAX_SUBJECT: usize = 128;
/// ub-free-form-name of X.420 Annex.
const MAX_NAME: usize = 64;
/// Persons of one field; a mail with more keeps the field as it came beside the first ones.
const MAX_PERSONS: usize = 1024;
/// The heading extension `extended-subject` (X.420 (1999) 7.2.17.9).
const EXTENDED_SUBJECT: &[u128] = &[2, 6, 1, 5, 8];
/// Characters of an extended subject, ub-extended-subject-field.
const MAX_EXTENDED_SUBJECT: usize = 256;

/// Fields that the outermost message has no need of: its envelope and its body say what they do.
const SAID_ELSEWHERE: [&str; 5] =
    ["MIME-Version", "Content-Type", "Content-Transfer-Encoding", "Content-Disposition", "Date"];
/// Fields that servers write on the way, signatures of octets that are no more among them.
const WRITTEN_ON_THE_WAY: [&str; 6] =
    ["Received", "Return-Path", "Received-SPF", "DKIM-Signature", "Authentication-Results", "ARC-"];

/// One field of the heading.
struct Component {
    number: u32,
    write: Box<dyn FnOnce(&mut Encoder)>,
}

/// The fields of a mail, and which of them the heading has whole.
struct Reader<'a> {
    fields: &'a [Field<'a>],
    told: Vec<bool>,
    base: &'a OrAddress,
}

/// Writes the heading; what is left for the body (X.400 of 1984 has no extensions).
///
/// `name` identifies a mail without a Message-ID.
pub(super) fn write(
    encoder: &mut Encoder,
    fields: &[Field<'_>],
    message: &Message<'_>,
    name: impl FnOnce() -> String,
) -> Vec<String> {
    let mut reader = Reader { fields, told: vec![false; fields.len()], base: message.base };
    let this = reader.this(name);
    let mut components = reader.persons();
    components.extend(reader.references());
    let (subject, extended) = reader.subject();
    components.extend(subject);
    components.extend(reader.times());
    components.extend(reader.marks());
    components.sort_by_key(|component| component.number);
    let rest = reader.rest(message);
    let old = message.edition == Edition::Of1984;
    let extended = extended.filter(|_| !old);
    encoder.constructed(Tag::SET, |encoder| {
        this.write(encoder, Tag::application(11));
        for component in components {
            (component.write)(encoder);
        }
        if !old && (extended.is_some() || !rest.is_empty()) {
            encoder.constructed(Tag::context(15), |encoder| {
                if let Some(subject) = extended {
                    write_extended_subject(encoder, &subject);
                }
                if !rest.is_empty() {
                    write_field_list(encoder, &rest);
                }
            });
        }
    });
    if old { rest } else { Vec::new() }
}

impl Reader<'_> {
    fn first(&self, name: &str) -> Option<(usize, Field<'_>)> {
        self.fields.iter().copied().enumerate().find(|(_, field)| field.is(name))
    }

    fn this(&mut self, name: impl FnOnce() -> String) -> Identifier {
        let found = self.first("Message-ID").map(|(at, field)| (at, identifiers(&field)));
        let Some((at, (mut ids, exact))) = found else { return Identifier::hashed(name()) };
        if ids.is_empty() {
            return Identifier::hashed(name());
        }
        self.told[at] = exact && ids.len() == 1;
        ids.swap_remove(0)
    }

    /// originator, authorizing-users, the recipients, reply-recipients.
    fn persons(&mut self) -> Vec<Component> {
        let mut found = Vec::new();
        let mut sender = self.people("Sender");
        let mut from = self.people("From");
        // From alone names the originator; beside a Sender, and where there are several, who authorized it.
        let originator = if sender.is_empty() { from.first().cloned() } else { sender.pop() };
        if from.len() == 1 && from.first() == originator.as_ref() {
            from.clear();
        }
        if let Some(originator) = originator {
            found.push(component(0, move |encoder| originator.write(encoder, Tag::context(0))));
        }
        for (number, people) in [(1, from), (11, self.people("Reply-To"))] {
            if !people.is_empty() {
                found.push(component(number, move |encoder| {
                    encoder.constructed(Tag::context(number), |encoder| {
                        people.iter().for_each(|one| one.write(encoder, Tag::SET));
                    });
                }));
            }
        }
        for (number, name) in [(2, "To"), (3, "Cc"), (4, "Bcc")] {
            let people = self.people(name);
            if !people.is_empty() {
                found.push(component(number, move |encoder| {
                    encoder.constructed(Tag::context(number), |encoder| {
                        for one in &people {
                            encoder.constructed(Tag::SET, |encoder| {
                                one.write(encoder, Tag::context(0));
                            });
                        }
                    });
                }));
            }
        }
        found
    }

    /// Who is named in the fields of a name.
    fn people(&mut self, name: &str) -> Vec<Person> {
        let mut people = Vec::new();
        for (at, field) in self.fields.iter().enumerate().filter(|(_, field)| field.is(name)) {
            let parsed = field.parse(
                |stream| stream.parse_address().into_owned(),
                |value| match value {
                    HeaderValue::Address(address) => Some(address),
                    _ => None,
                },
            );
            let (addresses, mut exact): (Vec<Addr<'_>>, _) = match parsed {
                Some(Address::List(list)) => (list, true),
                // The name of a group has no place in the heading.
                Some(Address::Group(groups)) => {
                    let named = groups.iter().any(|group| group.name.is_some());
                    (groups.into_iter().flat_map(|group| group.addresses).collect(), !named)
                }
                None => (Vec::new(), false),
            };
            for address in addresses {
                if people.len() == MAX_PERSONS {
                    exact = false;
                    break;
                }
                match Person::of(&address, self.base) {
                    Some(person) => {
                        exact &= person.exact;
                        people.push(person);
                    }
                    None => exact = false,
                }
            }
            self.told[at] = exact;
        }
        people
    }

    /// replied-to-IPM, obsoleted-IPMs, related-IPMs.
    fn references(&mut self) -> Vec<Component> {
        let (mut found, mut related) = (Vec::new(), Vec::new());
        if let Some((at, (mut ids, exact))) = self.ids("In-Reply-To") {
            self.told[at] = exact;
            if ids.len() == 1 {
                let id = ids.swap_remove(0);
                found.push(component(5, move |encoder| id.write(encoder, Tag::context(5))));
            } else {
                // Several answers have no field of their own; what they are is told by the list.
                self.told[at] = false;
                related.append(&mut ids);
            }
        }
        if let Some((at, (mut ids, exact))) = self.ids("References") {
            self.told[at] = exact && related.is_empty() && !ids.is_empty();
            related.append(&mut ids);
        }
        let mut obsoleted = Vec::new();
        for name in ["Supersedes", "Obsoletes"] {
            if let Some((at, (mut ids, exact))) = self.ids(name) {
                self.told[at] = exact && obsoleted.is_empty() && !ids.is_empty();
                obsoleted.append(&mut ids);
            }
        }
        for (number, ids) in [(6, obsoleted), (7, related)] {
            if !ids.is_empty() {
                found.push(component(number, move |encoder| {
                    encoder.constructed(Tag::context(number), |encoder| {
                        ids.iter().for_each(|id| id.write(encoder, Tag::application(11)));
                    });
                }));
            }
        }
        found
    }

    fn ids(&self, name: &str) -> Option<(usize, (Vec<Identifier>, bool))> {
        self.first(name).map(|(at, field)| (at, identifiers(&field)))
    }

    /// subject, and the same with all its characters where T.61 does not have them or it is cut.
    fn subject(&mut self) -> (Option<Component>, Option<String>) {
        let parsed = self.first("Subject").and_then(|(at, field)| {
            let text = field.parse(
                |stream| stream.parse_unstructured().into_owned(),
                |value| value.into_text().map(|text| text.into_owned()),
            )?;
            Some((at, text))
        });
        let Some((at, text)) = parsed else { return (None, None) };
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let Teletex { octets, exact } = teletex(&text, MAX_SUBJECT);
        let extended = !text.is_ascii() || !exact;
        let fits = text.chars().count() <= MAX_EXTENDED_SUBJECT
            && !text.contains(char::REPLACEMENT_CHARACTER);
        self.told[at] = exact;
        let subject = component(8, move |encoder| {
            encoder.constructed(Tag::context(8), |encoder| {
                encoder.octets(Tag::T61_STRING, &octets);
            });
        });
        (Some(subject), (extended && fits).then_some(text))
    }

    /// expiry-time, reply-time.
    fn times(&mut self) -> Vec<Component> {
        let mut found = Vec::new();
        for (number, names) in [(9, ["Expires", "Expiry-Date"]), (10, ["Reply-By", "Reply-By"])] {
            let parsed = names.iter().find_map(|name| {
                let (at, field) = self.first(name)?;
                Some((at, time(&field)?))
            });
            if let Some((at, time)) = parsed {
                self.told[at] = true;
                found.push(component(number, move |encoder| {
                    encoder.text(Tag::context(number), &format_utc_time(time));
                }));
            }
        }
        found
    }

    /// importance, sensitivity, auto-forwarded.
    fn marks(&mut self) -> Vec<Component> {
        const IMPORTANCE: &[(&str, i64)] = &[("low", 0), ("normal", 1), ("high", 2)];
        const SENSITIVITY: &[(&str, i64)] =
            &[("personal", 1), ("private", 2), ("company-confidential", 3)];
        const AUTOFORWARDED: &[(&str, i64)] = &[("false", 0), ("true", 1)];
        let mut found = Vec::new();
        for (number, name, words) in [
            (12, "Importance", IMPORTANCE),
            (13, "Sensitivity", SENSITIVITY),
            (14, "Autoforwarded", AUTOFORWARDED),
        ] {
            let word = self.first(name).and_then(|(at, field)| {
                let value = field.unfolded().to_ascii_lowercase();
                let (_, value) = words.iter().find(|(word, _)| word.as_bytes() == value)?;
                Some((at, *value))
            });
            let Some((at, value)) = word else { continue };
            self.told[at] = true;
            found.push(component(number, move |encoder| {
                if number == 14 {
                    encoder.boolean(Tag::context(number), value == 1);
                } else {
                    encoder.integer(Tag::context(number), value);
                }
            }));
        }
        found
    }

    /// The fields that the heading does not have whole, each on a line.
    fn rest(&self, message: &Message<'_>) -> Vec<String> {
        let is_one_of = |field: &Field<'_>, names: &[&str]| {
            names.iter().any(|name| match name.strip_suffix('-') {
                Some(_) => field
                    .name
                    .get(..name.len())
                    .is_some_and(|start| start.eq_ignore_ascii_case(name)),
                None => field.is(name),
            })
        };
        // Nothing but its own heading says when a message inside another one was written.
        let elsewhere = SAID_ELSEWHERE.len() - usize::from(message.depth > 0);
        let old = message.edition == Edition::Of1984;
        let left_out = |field: &Field<'_>| {
            is_one_of(field, &SAID_ELSEWHERE[..elsewhere])
                || old && is_one_of(field, &WRITTEN_ON_THE_WAY)
        };
        let rest = self.fields.iter().zip(&self.told).filter(|(_, told)| !**told);
        rest.filter(|(field, _)| !left_out(field)).map(|(field, _)| field.line()).collect()
    }
}

fn component(number: u32, write: impl FnOnce(&mut Encoder) + 'static) -> Component {
    Component { number, write: Box::new(write) }
}

/// A date that UTCTime can hold.
fn time(field: &Field<'_>) -> Option<Timestamp> {
    let parsed = field.parse(
        |stream| stream.parse_date().into_owned(),
        |value| match value {
            HeaderValue::DateTime(date) => Some(date),
            _ => None,
        },
    )?;
    let time = Timestamp::from_second(parsed.to_timestamp()).ok()?;
    (parsed.is_valid() && parse_utc_time(&format_utc_time(time), REFERENCE_YEAR) == Some(time))
        .then_some(time)
}

/// `UniversalOrBMPString`: two octets for each character where they are enough.
fn write_extended_subject(encoder: &mut Encoder, text: &str) {
    encoder.constructed(Tag::SEQUENCE, |encoder| {
        encoder.oid(Tag::OBJECT_IDENTIFIER, &oid(EXTENDED_SUBJECT));
        encoder.constructed(Tag::SET, |encoder| {
            let two: Option<Vec<[u8; 2]>> = text
                .chars()
                .map(|c| u16::try_from(u32::from(c)).ok().map(u16::to_be_bytes))
                .collect();
            match two {
                Some(two) => encoder.octets(Tag::BMP_STRING, &two.concat()),
                None => {
                    let four: Vec<[u8; 4]> =
                        text.chars().map(|c| u32::from(c).to_be_bytes()).collect();
                    encoder.octets(Tag::UNIVERSAL_STRING, &four.concat());
                }
            }
        });
    });
}

/// `ORDescriptor`: somebody with a name and an address.
#[derive(Clone, PartialEq, Eq)]
struct Person {
    /// Encoded.
    formal_name: Option<Vec<u8>>,
    free_form_name: Option<Vec<u8>>,
    /// It says all that the mail does.
    exact: bool,
}

impl Person {
    fn of(address: &Addr<'_>, base: &OrAddress) -> Option<Self> {
        let text = address.address.as_deref().unwrap_or_default().trim();
        let formal = text.contains('@').then(|| to_or_address(text, base));
        let formal = formal.filter(|name| name.address.over_bound().is_none());
        let same =
            formal.as_ref().is_some_and(|name| to_rfc822(name).is_ok_and(|back| back == text));
        // Without an address that X.400 can have, the mail's own stands in the name.
        let shown = match (address.name.as_deref(), &formal) {
            (Some(name), _) if !name.trim().is_empty() => name.trim(),
            (_, None) => text,
            _ => "",
        };
        let shown: String = shown.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let name = teletex(&shown, MAX_NAME);
        if formal.is_none() && name.octets.is_empty() {
            return None;
        }
        Some(Self {
            formal_name: formal.map(|name| name.encode()),
            free_form_name: (!name.octets.is_empty()).then_some(name.octets),
            exact: same && name.exact,
        })
    }

    fn write(&self, encoder: &mut Encoder, tag: Tag) {
        encoder.constructed(tag, |encoder| {
            if let Some(name) = &self.formal_name {
                encoder.raw(name);
            }
            if let Some(name) = &self.free_form_name {
                encoder.octets(Tag::context(0), name);
            }
        });
    }
}
