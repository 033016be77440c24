//! Extensions that must be understood (X.411 9.1, criticality mechanism).

use x400::{Criticality, ExtensionField, ExtensionKind, MessageTransferEnvelope, standard};

/// The first extension of the message or of one recipient that is `critical` and that this
/// MTA does not know.
///
/// The standard extensions are known: what they ask is done or carried on.
pub(crate) fn unsupported(
    envelope: &MessageTransferEnvelope,
    number: u32,
    critical: impl Fn(&Criticality) -> bool,
) -> Option<&ExtensionField> {
    let recipient = envelope.recipients.iter().find(|fields| fields.number == number);
    let own = recipient.map(|fields| fields.extensions.as_slice()).unwrap_or_default();
    envelope.extensions.iter().chain(own).find(|field| {
        let known = match field.kind {
            ExtensionKind::Standard(number) => standard::name(number).is_some(),
            ExtensionKind::Private(_) => false,
        };
        !known && critical(&field.criticality)
    })
}
