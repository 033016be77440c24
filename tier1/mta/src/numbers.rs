//! The two numbers of a recipient: the one that X.411 gives it, and the one that the queue finds it by.
//!
//! originally-specified-recipient-number (X.411 12.2.1.1.1.6) tells the recipients that the originator specified. It goes on
//! unchanged when a recipient is redirected, and the members of a list have that of the list, so that several recipients of a
//! message may share one. Here each recipient needs a number of its own. Where that is another one, the number of X.411
//! stands beside it in a private extension, which never leaves this server and is not taken from others.

use std::collections::BTreeSet;

use queue::NewMessage;
use x400::{ExtensionField, ExtensionKind, MessageTransferEnvelope, PerRecipientFields};

fn kind() -> ExtensionKind {
    ExtensionKind::Private(mixer::oids::specified_number())
}

/// The number that X.411 gives the recipient.
pub(crate) fn specified(fields: &PerRecipientFields) -> u32 {
    let kind = kind();
    let kept = fields.extensions.iter().find(|field| field.kind == kind);
    let number = kept.and_then(|field| {
        let value = ber::decode_one("recipient number", field.value.as_bytes()).ok()?;
        u32::try_from(value.integer("recipient number").ok()?).ok()
    });
    number.unwrap_or(fields.number)
}

/// Gives the recipient a number of its own.
pub(crate) fn set_own(fields: &mut PerRecipientFields, own: u32) {
    let specified = specified(fields);
    forget(fields);
    if own != specified {
        let field = ExtensionField::private(mixer::oids::specified_number(), |encoder| {
            encoder.integer(ber::Tag::INTEGER, i64::from(specified));
        });
        fields.extensions.push(field);
    }
    fields.number = own;
}

/// Makes the fields those of another MTA's message again.
pub(crate) fn restore(fields: &mut PerRecipientFields) {
    fields.number = specified(fields);
    forget(fields);
}

/// Drops what is this server's own.
pub(crate) fn forget(fields: &mut PerRecipientFields) {
    let kind = kind();
    fields.extensions.retain(|field| field.kind != kind);
}

/// Gives recipients that share a number numbers of their own, in the envelope and in its queue entry.
pub(crate) fn tell_apart(envelope: &mut MessageTransferEnvelope, entry: &mut NewMessage) {
    let all: BTreeSet<u32> = envelope.recipients.iter().map(|fields| fields.number).collect();
    let mut free = (1..=u32::MAX).filter(|number| !all.contains(number));
    let mut taken = BTreeSet::new();
    let mut own = entry.recipients.iter_mut();
    for fields in &mut envelope.recipients {
        if !taken.insert(fields.number) {
            // There are fewer recipients than numbers.
            let number = free.next().unwrap_or(fields.number);
            set_own(fields, number);
        }
        if fields.indicators.responsibility
            && let Some(recipient) = own.next()
        {
            recipient.number = fields.number;
        }
    }
}
