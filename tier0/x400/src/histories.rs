//! Where a message was sent instead of where it was meant for (X.411 8.3.1.1.1.7 and 8.3.1.1.1.8).

use ber::{Element, Encoder, Tag};
use jiff::Timestamp;
use wire::DecodeError;

use crate::codec::{MAX_LIST, list, mandatory, put_once, put_time, read_set, time};
use crate::extensions::{ExtensionField, ExtensionKind, standard};
use crate::or_address::OrName;

/// Steps that a history may have (X.411 `ub-redirections`, `ub-dl-expansions`).
pub const MAX_STEPS: usize = 512;

/// One step of a redirection (X.411 `Redirection`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirection {
    /// Who was meant before the step.
    pub intended_recipient: OrName,
    /// When it happened.
    pub time: Timestamp,
    /// Why; the numbers have names below.
    pub reason: i64,
}

impl Redirection {
    /// The recipient has an alternate recipient.
    pub const RECIPIENT_ASSIGNED: i64 = 0;
    /// The originator named an alternate recipient.
    pub const ORIGINATOR_REQUESTED: i64 = 1;
    /// The recipient's domain has an alternate recipient for what it does not know.
    pub const RECIPIENT_MD_ASSIGNED: i64 = 2;
    /// The directory has another address for the name.
    pub const DIRECTORY_LOOK_UP: i64 = 3;
    /// The address is another name of the recipient.
    pub const ALIAS: i64 = 4;
}

/// One list that was expanded (X.411 `DLExpansion`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DlExpansion {
    /// The list.
    pub list: OrName,
    /// When.
    pub time: Timestamp,
}

/// The redirections of a recipient, oldest first; empty when it was never redirected.
///
/// # Errors
/// The extension is there and is not well formed.
pub fn redirection_history(extensions: &[ExtensionField]) -> Result<Vec<Redirection>, DecodeError> {
    history(extensions, standard::REDIRECTION_HISTORY, "redirection-history", |step| {
        let mut children = step.children()?;
        let intended = children.required("intended-recipient-name")?;
        let (intended_recipient, time) = name_and_time(&intended)?;
        let reason = children.take(Tag::ENUMERATED, "redirection-reason")?;
        Ok(Redirection { intended_recipient, time, reason: reason.integer("redirection-reason")? })
    })
}

/// The lists that were expanded on the way, oldest first; empty when there were none.
///
/// # Errors
/// The extension is there and is not well formed.
pub fn dl_expansion_history(
    extensions: &[ExtensionField],
) -> Result<Vec<DlExpansion>, DecodeError> {
    history(extensions, standard::DL_EXPANSION_HISTORY, "dl-expansion-history", |step| {
        let (list, time) = name_and_time(&step)?;
        Ok(DlExpansion { list, time })
    })
}

/// Adds a step to the redirections of a recipient (X.411 8.3.1.1.1.7).
///
/// # Errors
/// The history that is there is not well formed.
pub fn add_redirection(
    extensions: &mut Vec<ExtensionField>,
    step: Redirection,
) -> Result<(), DecodeError> {
    let mut steps = redirection_history(extensions)?;
    steps.push(step);
    replace(extensions, standard::REDIRECTION_HISTORY, |encoder| {
        for step in &steps {
            encoder.constructed(Tag::SEQUENCE, |encoder| {
                write_name_and_time(encoder, &step.intended_recipient, step.time);
                encoder.integer(Tag::ENUMERATED, step.reason);
            });
        }
    });
    Ok(())
}

/// Adds a list to those that were expanded (X.411 8.3.1.1.1.8).
///
/// # Errors
/// The history that is there is not well formed.
pub fn add_dl_expansion(
    extensions: &mut Vec<ExtensionField>,
    step: DlExpansion,
) -> Result<(), DecodeError> {
    let mut steps = dl_expansion_history(extensions)?;
    steps.push(step);
    replace(extensions, standard::DL_EXPANSION_HISTORY, |encoder| {
        for step in &steps {
            write_name_and_time(encoder, &step.list, step.time);
        }
    });
    Ok(())
}

/// The originator and the lists that were expanded, oldest first, as a report tells them (X.411 8.3.1.2.1.4); empty
/// when it does not.
///
/// # Errors
/// The extension is there and is not well formed.
pub fn originator_and_dl_expansion_history(
    extensions: &[ExtensionField],
) -> Result<Vec<DlExpansion>, DecodeError> {
    let what = "originator-and-DL-expansion-history";
    history(extensions, standard::ORIGINATOR_AND_DL_EXPANSION_HISTORY, what, |step| {
        let (list, time) = name_and_time(&step)?;
        Ok(DlExpansion { list, time })
    })
}

/// Says in a report who the originator was, and which lists were expanded after.
pub fn set_originator_and_dl_expansion_history(
    extensions: &mut Vec<ExtensionField>,
    steps: &[DlExpansion],
) {
    replace(extensions, standard::ORIGINATOR_AND_DL_EXPANSION_HISTORY, |encoder| {
        for step in steps {
            write_name_and_time(encoder, &step.list, step.time);
        }
    });
}

/// Says in a report which list it was forwarded by (X.411 8.3.1.2.1.5).
pub fn set_reporting_dl_name(extensions: &mut Vec<ExtensionField>, list: &OrName) {
    let field =
        ExtensionField::standard(standard::REPORTING_DL_NAME, |encoder| list.write(encoder));
    put(extensions, field);
}

/// The recipient that the originator wants in place of one who cannot be served (X.411 8.2.1.1.1.4).
///
/// # Errors
/// The extension is there and is not well formed.
pub fn originator_requested_alternate(
    extensions: &[ExtensionField],
) -> Result<Option<OrName>, DecodeError> {
    let number = standard::ORIGINATOR_REQUESTED_ALTERNATE_RECIPIENT;
    let Some(field) = find(extensions, number) else { return Ok(None) };
    OrName::decode(field.value.as_bytes()).map(Some)
}

/// Who is not to get the message by way of a list (X.411 8.2.1.1.1.40); empty when the originator names nobody.
///
/// # Errors
/// The extension is there and is not well formed.
pub fn dl_exempted_recipients(extensions: &[ExtensionField]) -> Result<Vec<OrName>, DecodeError> {
    let Some(field) = find(extensions, standard::DL_EXEMPTED_RECIPIENTS) else {
        return Ok(Vec::new());
    };
    let value = ber::decode_one("dl-exempted-recipients", field.value.as_bytes())?;
    list(&value, "dl-exempted-recipients", MAX_LIST, OrName::read)
}

/// Whether one of the extensions that prohibit something does so: `recipient-reassignment-prohibited` or
/// `dl-expansion-prohibited` with the value 1. What cannot be read prohibits, since the originator said something.
#[must_use]
pub fn prohibits(extensions: &[ExtensionField], number: i64) -> bool {
    find(extensions, number).is_some_and(|field| {
        let value = ber::decode_one("prohibition", field.value.as_bytes());
        !value.and_then(|value| value.integer("prohibition")).is_ok_and(|value| value == 0)
    })
}

/// The time after which a message must not be delivered any more, where there is one.
///
/// # Errors
/// The extension is there and is not well formed.
pub fn latest_delivery_time(
    extensions: &[ExtensionField],
) -> Result<Option<Timestamp>, DecodeError> {
    let Some(field) = find(extensions, standard::LATEST_DELIVERY_TIME) else { return Ok(None) };
    let value = ber::decode_one("latest-delivery-time", field.value.as_bytes())?;
    time(&value, "latest-delivery-time").map(Some)
}

fn find(extensions: &[ExtensionField], number: i64) -> Option<&ExtensionField> {
    extensions.iter().find(|field| field.kind == ExtensionKind::Standard(number))
}

/// Writes a SEQUENCE OF in place of the extension of this number.
fn replace(extensions: &mut Vec<ExtensionField>, number: i64, steps: impl FnOnce(&mut Encoder)) {
    put(
        extensions,
        ExtensionField::standard(number, |encoder| {
            encoder.constructed(Tag::SEQUENCE, steps);
        }),
    );
}

fn put(extensions: &mut Vec<ExtensionField>, field: ExtensionField) {
    match extensions.iter_mut().find(|one| one.kind == field.kind) {
        // Its criticality stays what it was.
        Some(known) => known.value = field.value,
        None => extensions.push(field),
    }
}

fn write_name_and_time(encoder: &mut Encoder, name: &OrName, at: Timestamp) {
    encoder.constructed(Tag::SEQUENCE, |encoder| {
        name.write(encoder);
        put_time(encoder, Tag::UTC_TIME, at);
    });
}

fn history<T>(
    extensions: &[ExtensionField],
    number: i64,
    what: &'static str,
    read: impl FnMut(Element<'_>) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let Some(field) = find(extensions, number) else { return Ok(Vec::new()) };
    let value = ber::decode_one(what, field.value.as_bytes())?;
    list(&value, what, MAX_STEPS, read)
}

/// A SEQUENCE or SET of a name and a time, in either order.
fn name_and_time(element: &Element<'_>) -> Result<(OrName, Timestamp), DecodeError> {
    let (mut name, mut at) = (None, None);
    read_set(element, |child| {
        let offset = child.offset;
        if child.tag == OrName::TAG {
            put_once(&mut name, OrName::read(child)?, "name", offset)
        } else if child.tag == Tag::UTC_TIME {
            put_once(&mut at, time(&child, "time")?, "time", offset)
        } else {
            Ok(false)
        }
    })?;
    Ok((mandatory(name, "name", element)?, mandatory(at, "time", element)?))
}

#[cfg(test)]
mod tests {
    use ber::Tag;

    use super::*;

    #[test]
    fn histories_grow_and_are_read_back() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let name = |text: &str| text.parse::<OrName>().unwrap();
        let mut extensions = Vec::new();
        let steps = [("/C=XX/ADMD= /S=A/", 0), ("/C=XX/ADMD= /S=B/", 1)].map(|(text, reason)| {
            let time = at("2026-01-02T03:04:05Z");
            Redirection { intended_recipient: name(text), time, reason }
        });
        let lists = ["/C=XX/ADMD= /CN=L/", "/C=XX/ADMD= /CN=M/"]
            .map(|text| DlExpansion { list: name(text), time: at("2026-01-02T03:04:06Z") });
        for (step, list) in steps.iter().zip(&lists) {
            add_redirection(&mut extensions, step.clone()).unwrap();
            add_dl_expansion(&mut extensions, list.clone()).unwrap();
        }
        assert_eq!(extensions.len(), 2);
        assert_eq!(redirection_history(&extensions).unwrap(), steps);
        assert_eq!(dl_expansion_history(&extensions).unwrap(), lists);
        set_originator_and_dl_expansion_history(&mut extensions, &lists);
        assert_eq!(originator_and_dl_expansion_history(&extensions).unwrap(), lists);
    }

    #[test]
    fn a_prohibition_is_one_unless_it_says_no() {
        let number = standard::DL_EXPANSION_PROHIBITED;
        let field = |value| {
            ExtensionField::standard(number, |encoder| encoder.integer(Tag::ENUMERATED, value))
        };
        assert!(prohibits(&[field(1)], number) && !prohibits(&[field(0)], number));
        assert!(!prohibits(&[], number) && !prohibits(&[field(1)], 1));
        let odd = ExtensionField::standard(number, |encoder| encoder.null(Tag::NULL));
        assert!(prohibits(&[odd], number));
    }

    #[test]
    fn the_latest_delivery_time_is_found_and_garbage_is_an_error() {
        let at: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let number = standard::LATEST_DELIVERY_TIME;
        let good = ExtensionField::standard(number, |encoder| put_time(encoder, Tag::UTC_TIME, at));
        assert_eq!(latest_delivery_time(&[good]).unwrap(), Some(at));
        let bad = ExtensionField::standard(number, |encoder| encoder.null(Tag::NULL));
        assert!(latest_delivery_time(&[bad]).is_err());
        assert_eq!(latest_delivery_time(&[]).unwrap(), None);
    }
}
