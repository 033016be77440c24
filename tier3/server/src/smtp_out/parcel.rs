//! What goes over the wire for one piece of work.

use std::sync::Arc;

use queue::{Kind, MessageRecord, Work};
use smtp::{MAX_RECIPIENTS, MailParameters, RecipientParameters, Transaction};

use crate::node::Node;
use crate::notification;
use crate::opened::Opened;

/// One message as transactions; more than one where it has very many recipients.
pub(super) struct Parcel {
    /// With the numbers of its recipients, in their order.
    pub(super) transactions: Vec<(Vec<u32>, Transaction)>,
}

/// Puts it together: of what is in memory, else of what stands in the store, which may wait for the disk.
///
/// # Errors
/// In words, for the queue: the store cannot be read, or what it holds.
pub(super) fn read(node: &Node, work: &Work, record: &MessageRecord) -> Result<Parcel, String> {
    match record.head.kind {
        Kind::Report => {
            let apdu = node.queue.store().envelope(work.id).map_err(|error| error.to_string())?;
            let missing = || format!("report {} is missing in the store", work.id);
            let content = notification::from_report(node, &apdu.ok_or_else(missing)?)?;
            let content = Arc::from(content);
            let addresses =
                record.recipients.iter().filter(|one| work.recipients.contains(&one.number));
            let (numbers, recipients) = addresses
                .map(|one| (one.number, (one.address.clone(), RecipientParameters::default())))
                .unzip();
            let transaction = Transaction { recipients, content, ..Transaction::default() };
            Ok(Parcel { transactions: vec![(numbers, transaction)] })
        }
        Kind::Message => of_message(&*node.queue.open_message(work.id)?, work),
    }
}

/// The same of a message that is in memory.
pub(super) fn of_message(opened: &Opened, work: &Work) -> Result<Parcel, String> {
    let view = mixer::smtp_view(&opened.subject.envelope).map_err(|error| error.to_string())?;
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
            content: Arc::clone(&opened.content),
        };
        (numbers, transaction)
    });
    Ok(Parcel { transactions: transactions.collect() })
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
