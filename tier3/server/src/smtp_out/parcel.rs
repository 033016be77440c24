//! What goes over the wire for one piece of work.

use std::sync::Arc;

use queue::{Kind, MessageRecord, Work};
use smtp::{MAX_RECIPIENTS, MailParameters, RecipientParameters, Transaction};
use x400::MessageTransferEnvelope;

use crate::node::Node;
use crate::notification;

/// One message as transactions; more than one where it has very many recipients.
pub(super) struct Parcel {
    /// With the numbers of its recipients, in their order.
    pub(super) transactions: Vec<(Vec<u32>, Transaction)>,
}

/// Reads it out of the store.
///
/// # Errors
/// In words, for the queue: the store cannot be read, or what it holds.
pub(super) fn read(node: &Node, work: &Work, record: &MessageRecord) -> Result<Parcel, String> {
    let store = node.queue.store();
    let envelope = store.envelope(work.id).map_err(|error| error.to_string())?;
    let missing = |what| format!("the {what} of message {} is missing in the store", work.id);
    let envelope = envelope.ok_or_else(|| missing("envelope"))?;
    match record.head.kind {
        Kind::Report => {
            let content = Arc::from(notification::from_report(node, &envelope)?);
            let addresses =
                record.recipients.iter().filter(|one| work.recipients.contains(&one.number));
            let (numbers, recipients) = addresses
                .map(|one| (one.number, (one.address.clone(), RecipientParameters::default())))
                .unzip();
            let transaction = Transaction { recipients, content, ..Transaction::default() };
            Ok(Parcel { transactions: vec![(numbers, transaction)] })
        }
        Kind::Message => {
            let envelope =
                MessageTransferEnvelope::decode(&envelope).map_err(|error| error.to_string())?;
            let view = mixer::smtp_view(&envelope).map_err(|error| error.to_string())?;
            let content = store.content(work.id).map_err(|error| error.to_string())?;
            let content: Arc<[u8]> = Arc::from(content.ok_or_else(|| missing("content"))?);
            let wanted: Vec<_> = view
                .recipients
                .iter()
                .filter(|one| work.recipients.contains(&one.number))
                .map(|one| (one.number, recipient(&one.recipient)))
                .collect();
            let transactions = wanted.chunks(MAX_RECIPIENTS).map(|some| {
                let (numbers, recipients) = some.iter().cloned().unzip();
                let transaction = Transaction {
                    reverse_path: view.originator.reverse_path.clone(),
                    parameters: parameters(&view.originator),
                    recipients,
                    content: Arc::clone(&content),
                };
                (numbers, transaction)
            });
            Ok(Parcel { transactions: transactions.collect() })
        }
    }
}

/// BODY, SIZE and SMTPUTF8 follow from what is sent.
fn parameters(originator: &mixer::SmtpOriginator) -> MailParameters {
    MailParameters {
        ret: originator.ret.map(|ret| match ret {
            mixer::Return::Full => smtp::Return::Full,
            mixer::Return::Headers => smtp::Return::Headers,
        }),
        envid: originator.envid.clone(),
        mt_priority: originator.mt_priority,
        ..MailParameters::default()
    }
}

fn recipient(recipient: &mixer::SmtpRecipient) -> (String, RecipientParameters) {
    let notify = recipient.notify.map(|notify| match notify {
        mixer::Notify::Never => smtp::Notify::Never,
        mixer::Notify::On { success, failure, delay } => {
            smtp::Notify::On { success, failure, delay }
        }
    });
    let parameters = RecipientParameters { notify, orcpt: recipient.orcpt.clone() };
    (recipient.address.clone(), parameters)
}
