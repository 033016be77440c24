//! The track of a message: one step for each thing that became of it, written with the transition that it tells of.

use crate::message::{Kind, MessageRecord};
use crate::name::{MessageId, NextHop};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What became of a message or of some of its recipients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepKind {
    /// It is on disk here and this server answers for it.
    Accepted,
    /// Put into mailboxes of this server.
    Delivered,
    /// Handed over to the next server, which answers for it from then on.
    Transferred,
    /// An attempt failed and is made again.
    Retried,
    /// It goes another way.
    Rerouted,
    /// A non-delivery report took its place.
    Reported,
    /// It ended without a report: none was wanted, or it is a report itself.
    Discarded,
    /// An operator removed it.
    Deleted,
    /// The originator was warned that it is delayed.
    Warned,
    /// It crashed or stalled processing too often and waits for an operator.
    SetAside,
    /// An operator let it go on.
    Released,
}

/// One recipient in a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRecipient {
    /// Its number in the message.
    pub number: u32,
    /// Its address.
    pub address: String,
    /// Where it goes, or went.
    pub next_hop: NextHop,
}

/// One step of one message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// When.
    pub time: Timestamp,
    /// The message.
    pub id: MessageId,
    /// What became of it.
    pub step: StepKind,
    /// Message or report.
    pub kind: Kind,
    /// The MTS identifier.
    pub mts_id: String,
    /// The `Message-ID` header of an RFC 5322 content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// The originator's address.
    pub from: String,
    /// Octets.
    pub size: u64,
    /// Whom it concerns.
    pub recipients: Vec<StepRecipient>,
    /// Why, or what else there is to say: the last error, the report's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Step {
    /// A step of those recipients of a record whose numbers are given.
    pub(crate) fn new(
        record: &MessageRecord,
        step: StepKind,
        numbers: Option<&[u32]>,
        detail: Option<String>,
        time: Timestamp,
    ) -> Self {
        let head = &record.head;
        let recipients = record
            .recipients
            .iter()
            .filter(|recipient| numbers.is_none_or(|numbers| numbers.contains(&recipient.number)))
            .map(|recipient| StepRecipient {
                number: recipient.number,
                address: recipient.address.clone(),
                next_hop: recipient.next_hop.clone(),
            })
            .collect();
        Self {
            time,
            id: head.id,
            step,
            kind: head.kind,
            mts_id: head.mts_id.clone(),
            message_id: head.message_id_header.clone(),
            from: head.originator.clone(),
            size: head.size,
            recipients,
            detail,
        }
    }
}
