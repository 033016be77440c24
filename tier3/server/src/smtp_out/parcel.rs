//! What goes over the wire for one piece of work.

use std::sync::Arc;

use queue::{Kind, MessageRecord, Outcome, Work};
use smtp::{MAX_RECIPIENTS, MailParameters, RecipientParameters, Transaction};

use crate::mail_content::mail_of;
use crate::node::Node;
use crate::notification;
use crate::opened::Opened;

/// One message as transactions; more than one where it has very many recipients.
pub(super) struct Parcel {
    /// With the numbers of its recipients, in their order.
    pub(super) transactions: Vec<(Vec<u32>, Transaction)>,
    /// What it was made of; a report has none.
    pub(super) opened: Option<Arc<Opened>>,
}

impl Parcel {
    /// Only the question whether it could be sent: there is nothing to send.
    pub(super) fn is_probe(&self) -> bool {
        self.opened.as_ref().is_some_and(|opened| opened.subject.probe)
    }
}

/// Puts it together: of what is in memory, else of what stands in the store, which may wait for the disk.
///
/// # Errors
/// The outcome for all recipients: the store cannot be read, or what it holds; or it is no mail.
pub(super) fn read(node: &Node, work: &Work, record: &MessageRecord) -> Result<Parcel, Outcome> {
    let retry = |error: String| Outcome::Retry { error };
    match record.head.kind {
        Kind::Report => {
            let apdu = node.queue.store().envelope(work.id);
            let apdu = apdu.map_err(|error| retry(error.to_string()))?;
            let missing = || retry(format!("report {} is missing in the store", work.id));
            let content = notification::from_report(node, &apdu.ok_or_else(missing)?);
            let content = content.map_err(retry)?;
            let content = Arc::from(content);
            let addresses =
                record.recipients.iter().filter(|one| work.recipients.contains(&one.number));
            let (numbers, recipients) = addresses
                .map(|one| (one.number, (one.address.clone(), RecipientParameters::default())))
                .unzip();
            let transaction = Transaction { recipients, content, ..Transaction::default() };
            Ok(Parcel { transactions: vec![(numbers, transaction)], opened: None })
        }
        Kind::Message => of_message(node.queue.open_message(work.id).map_err(retry)?, work),
    }
}

/// The same of a message that is in memory.
pub(super) fn of_message(opened: Arc<Opened>, work: &Work) -> Result<Parcel, Outcome> {
    if opened.subject.probe {
        return Ok(Parcel { transactions: Vec::new(), opened: Some(opened) });
    }
    let view = mixer::smtp_view(&opened.subject.envelope)
        .map_err(|error| Outcome::Retry { error: error.to_string() })?;
    let content = mail_of(&opened)?;
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
    let transactions = transactions.collect();
    Ok(Parcel { transactions, opened: Some(opened) })
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
