//! "Delayed": tells the sender of a mail that it still waits (RFC 3464 2.3.3, RFC 3461 4.1).

use std::sync::Arc;

use event::own;
use jiff::Timestamp;
use mixer::{
    Action, Body, Dsn, DsnRecipient, LastError, Notify, OriginalMessage, SmtpOriginator,
    SmtpRecipient,
};
use mta::Entry;
use queue::{MessageId, MessageRecord};

use crate::mail_content::mail_of;
use crate::node::Node;
use crate::processing::process;
use crate::settings;

/// Warns the originator, unless there is none or it does not want to hear of delays.
pub async fn send(node: &Arc<Node>, id: MessageId, recipients: &[u32]) {
    let Some(record) = node.queue.record(id) else { return };
    let waited = Timestamp::now().duration_since(record.head.submitted).as_mins();
    let waiting: Vec<u32> = recipients.to_vec();
    let made = {
        let (node, record) = (Arc::clone(node), record.clone());
        process(&Arc::clone(&node), id, "making a warning for", move || {
            make(&node, &record, &waiting)
        })
        .await
    };
    let entry = match made {
        Ok(Ok(Some(entry))) => entry,
        Ok(Ok(None)) | Err(_) => return,
        Ok(Err(error)) => {
            eprintln!("the sender of message {id} cannot be warned: {error}");
            return;
        }
    };
    match node.queue.accept(entry).await {
        Ok(_) => {
            let error = record.recipients.iter().find_map(|one| one.last_error.as_deref());
            let minutes = u64::try_from(waited).unwrap_or(0);
            node.log(own::message_delayed(&record.head.mts_id, minutes, error));
        }
        Err(error) => eprintln!("the sender of message {id} cannot be warned: {error}"),
    }
}

fn make(node: &Node, record: &MessageRecord, numbers: &[u32]) -> Result<Option<Entry>, String> {
    let words = |error: mixer::MixerError| error.to_string();
    let opened = node.queue.open_message(record.head.id)?;
    let view = mixer::smtp_view(&opened.subject.envelope).map_err(words)?;
    let reverse_path = view.originator.reverse_path;
    let recipients: Vec<DsnRecipient> = record
        .recipients
        .iter()
        .filter(|recipient| numbers.contains(&recipient.number))
        .filter_map(|recipient| {
            let seen = view.recipients.iter().find(|seen| seen.number == recipient.number)?;
            wants_delay(seen.recipient.notify).then(|| DsnRecipient {
                address: recipient.address.clone(),
                orcpt: seen.recipient.orcpt.clone(),
                action: Action::Delayed { retried_until: Some(record.head.expires) },
                supplementary: None,
                last_error: recipient.last_error.clone().map(LastError::Text),
                remote_mta: None,
                last_attempt: None,
            })
        })
        .collect();
    if reverse_path.is_empty() || recipients.is_empty() {
        return Ok(None);
    }
    let config = node.config();
    let domain = config.mail.domains.first().map_or(config.server.host_name.as_str(), |d| d);
    let (id, now) = (node.queue.next_id(), Timestamp::now());
    let site = settings::site(&config);
    let original = if opened.subject.probe { None } else { mail_of(&opened).ok() };
    let notice = mixer::build_dsn(&Dsn {
        report_id: &site.mts_identifier(id).to_string(),
        subject_id: &record.head.mts_id,
        reporting_mta: &config.server.host_name,
        x400_mta: None,
        postmaster: &format!("postmaster@{domain}"),
        reverse_path: &reverse_path,
        envid: view.originator.envid.as_deref(),
        smtputf8: view.originator.smtputf8,
        arrival: Some(record.head.submitted),
        date: now,
        recipients: &recipients,
        original: original.as_deref().map(OriginalMessage::Header),
    })
    .map_err(words)?;
    let routes = node.routes();
    let submission = mta::Submission {
        originator: SmtpOriginator {
            reverse_path: String::new(),
            ret: None,
            envid: None,
            smtputf8: notice.smtputf8,
            body: if notice.eight_bit { Body::EightBit } else { Body::SevenBit },
            mt_priority: None,
        },
        recipients: vec![SmtpRecipient {
            address: reverse_path,
            notify: Some(Notify::Never),
            orcpt: None,
        }],
        content: notice.octets,
        added: 0,
        submitted: now,
        routes: node.router(&routes),
    };
    let life = |priority| node.queue.expires(priority, now);
    let entry = mta::from_submission(&site, id, submission, life);
    entry.map(Some).map_err(|error| error.to_string())
}

/// Without a word about it a sender hears of delays (RFC 3461 4.1).
fn wants_delay(notify: Option<Notify>) -> bool {
    match notify {
        None => true,
        Some(Notify::Never) => false,
        Some(Notify::On { delay, .. }) => delay,
    }
}
