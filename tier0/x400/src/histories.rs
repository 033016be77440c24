//! Where a message was sent instead of where it was meant for (X.411 8.3.1.1.1.7 and 8.3.1.1.1.8).

use ber::{Element, Tag};
use jiff::Timestamp;
use wire::DecodeError;

use crate::codec::{MAX_TRACE, list, mandatory, put_once, read_set, time};
use crate::extensions::{ExtensionField, ExtensionKind, standard};
use crate::or_address::OrName;

/// One step of a redirection (X.411 `Redirection`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirection {
    /// Who was meant before the step.
    pub intended_recipient: OrName,
    /// When it happened.
    pub time: Timestamp,
    /// Why: 0 assigned by the recipient, 1 requested by the originator, 2 assigned by the
    /// domain.
    pub reason: i64,
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

fn history<T>(
    extensions: &[ExtensionField],
    number: i64,
    what: &'static str,
    read: impl FnMut(Element<'_>) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let Some(field) = find(extensions, number) else { return Ok(Vec::new()) };
    let value = ber::decode_one(what, field.value.as_bytes())?;
    list(&value, what, MAX_TRACE, read)
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
    use crate::codec::put_time;

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
