//! Latest-delivery-time among the extensions (X.411 8.2.1.1.1.13 and 12.2.1.1.1.7).

use ber::Element;
use jiff::Timestamp;

use crate::codec::time;
use crate::extensions::{ExtensionField, ExtensionKind, standard};

/// When the originator does not want the message any more; nothing where it is not given or cannot be read, since a
/// message must not be lost for a wish.
#[must_use]
pub fn latest_delivery_time(extensions: &[ExtensionField]) -> Option<Timestamp> {
    let wanted = ExtensionKind::Standard(standard::LATEST_DELIVERY_TIME);
    let extension = extensions.iter().find(|extension| extension.kind == wanted)?;
    let element: Element<'_> =
        ber::decode_one("LatestDeliveryTime", extension.value.as_bytes()).ok()?;
    time(&element, "latest-delivery-time").ok()
}

#[cfg(test)]
mod tests {
    use ber::Tag;

    use super::*;
    use crate::codec::put_time;

    #[test]
    fn it_is_found_and_garbage_is_none() {
        let at: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let number = standard::LATEST_DELIVERY_TIME;
        let good = ExtensionField::standard(number, |encoder| put_time(encoder, Tag::UTC_TIME, at));
        assert_eq!(latest_delivery_time(&[good]), Some(at));
        let bad = ExtensionField::standard(number, |encoder| encoder.null(Tag::NULL));
        assert_eq!(latest_delivery_time(&[bad]), None);
        assert_eq!(latest_delivery_time(&[]), None);
    }
}
