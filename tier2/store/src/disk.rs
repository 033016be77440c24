//! What stands on disk: keys and values.
//!
//! Numbers in keys are big-endian, so that they sort. Structured values are one octet of version and then JSON: they
//! are small beside the contents, and a person can read them in an emergency. Envelopes and contents are kept as they
//! came.

use jiff::Timestamp;
use queue::{
    Kind, MessageHead, MessageId, MessageRecord, NextHop, Priority, RecipientRecord, Trouble,
    Wishes,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The format of the whole store, in `meta/format`.
pub(crate) const FORMAT: u32 = 1;
/// Key in `meta`: the format, as four octets.
pub(crate) const META_FORMAT: &[u8] = b"format";
/// Key in `meta`: the highest message identifier ever stored, as eight octets.
pub(crate) const META_LAST_ID: &[u8] = b"last-id";
/// Key in `meta`, while the store is open: a store that still has it was not closed in order.
pub(crate) const META_OPEN: &[u8] = b"open";
/// Keys in `meta` of hops that an operator stopped.
pub(crate) const META_HOLD: &[u8] = b"hold/";
/// The first octet of every structured value.
const VERSION: u8 = 1;
/// Room for a row of the usual length, so that it does not grow octet by octet.
const ROW_LEN: usize = 512;
/// Octets of a message identifier in a key.
pub(crate) const ID_LEN: usize = 8;

/// The row of a message.
#[derive(Serialize, Deserialize)]
pub(crate) struct DiskMessage {
    kind: Kind,
    mts_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message_id_header: Option<String>,
    originator: String,
    priority: Priority,
    submitted: Timestamp,
    expires: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deferred_until: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    latest_delivery: Option<Timestamp>,
    size: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    crashes: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    aside: Option<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    warned: bool,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A row that is written again and may hold more than this program knows: what a newer one added is kept.
pub(crate) trait Rewritten: Serialize {
    /// Every field that this program knows.
    const FIELDS: &'static [&'static str];
}

impl Rewritten for DiskMessage {
    const FIELDS: &'static [&'static str] = &[
        "kind",
        "mts_id",
        "message_id_header",
        "originator",
        "priority",
        "submitted",
        "expires",
        "deferred_until",
        "latest_delivery",
        "size",
        "crashes",
        "aside",
        "warned",
    ];
}

impl Rewritten for DiskRecipient {
    const FIELDS: &'static [&'static str] =
        &["address", "next_hop", "report_wanted", "attempts", "last_error", "due"];
}

/// A row in place of `old`, with the fields of the old one that this program does not know.
pub(crate) fn rewrite<T: Rewritten>(
    value: &T,
    old: Option<&[u8]>,
) -> Result<Vec<u8>, serde_json::Error> {
    type Fields = serde_json::Map<String, serde_json::Value>;
    let unknown: Option<Fields> = old.and_then(|old| decode::<Fields>(old).ok()).map(|mut old| {
        old.retain(|field, _| !T::FIELDS.contains(&field.as_str()));
        old
    });
    let Some(unknown) = unknown.filter(|unknown| !unknown.is_empty()) else {
        return encode(value);
    };
    let mut row = serde_json::to_value(value)?;
    if let Some(row) = row.as_object_mut() {
        row.extend(unknown);
    }
    encode(&row)
}

/// The row of a recipient.
#[derive(Serialize, Deserialize)]
pub(crate) struct DiskRecipient {
    address: String,
    next_hop: NextHop,
    report_wanted: bool,
    attempts: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    due: Option<Timestamp>,
}

impl DiskMessage {
    pub(crate) fn new(head: &MessageHead) -> Self {
        Self {
            kind: head.kind,
            mts_id: head.mts_id.clone(),
            message_id_header: head.message_id_header.clone(),
            originator: head.originator.clone(),
            priority: head.priority,
            submitted: head.submitted,
            expires: head.expires,
            deferred_until: head.wishes.deferred_until,
            latest_delivery: head.wishes.latest_delivery,
            size: head.size,
            crashes: head.trouble.crashes,
            aside: head.trouble.aside.clone(),
            warned: head.trouble.warned,
        }
    }

    /// What is known of a message whose row is gone.
    pub(crate) fn rebuilt(id: MessageId, size: u64, now: Timestamp) -> Self {
        let life = jiff::SignedDuration::from_hours(7 * 24);
        Self {
            kind: if size == 0 { Kind::Report } else { Kind::Message },
            mts_id: format!("rebuilt-{id}"),
            message_id_header: None,
            originator: String::new(),
            priority: Priority::Normal,
            submitted: now,
            expires: now.checked_add(life).unwrap_or(Timestamp::MAX),
            deferred_until: None,
            latest_delivery: None,
            size,
            crashes: 0,
            aside: None,
            warned: true,
        }
    }

    /// Whether there has to be a content beside the envelope: a report has none.
    pub(crate) fn needs_content(&self) -> bool {
        self.kind == Kind::Message
    }

    pub(crate) fn expire_at(&mut self, time: Timestamp) {
        self.expires = time;
    }

    pub(crate) fn into_record(self, id: MessageId) -> MessageRecord {
        let head = MessageHead {
            id,
            kind: self.kind,
            mts_id: self.mts_id,
            message_id_header: self.message_id_header,
            originator: self.originator,
            priority: self.priority,
            submitted: self.submitted,
            expires: self.expires,
            wishes: Wishes {
                deferred_until: self.deferred_until,
                latest_delivery: self.latest_delivery,
            },
            size: self.size,
            trouble: Trouble { crashes: self.crashes, aside: self.aside, warned: self.warned },
        };
        MessageRecord { head, recipients: Vec::new() }
    }
}

impl DiskRecipient {
    pub(crate) fn new(recipient: &RecipientRecord) -> Self {
        Self {
            address: recipient.address.clone(),
            next_hop: recipient.next_hop.clone(),
            report_wanted: recipient.report_wanted,
            attempts: recipient.attempts,
            last_error: recipient.last_error.clone(),
            due: recipient.due,
        }
    }

    pub(crate) fn into_record(self, number: u32) -> RecipientRecord {
        RecipientRecord {
            number,
            address: self.address,
            next_hop: self.next_hop,
            report_wanted: self.report_wanted,
            attempts: self.attempts,
            last_error: self.last_error,
            due: self.due,
        }
    }
}

/// Version octet and JSON.
pub(crate) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, serde_json::Error> {
    let mut octets = Vec::with_capacity(ROW_LEN);
    octets.push(VERSION);
    serde_json::to_writer(&mut octets, value)?;
    Ok(octets)
}

/// The reverse of [`encode`]; the error is for people.
pub(crate) fn decode<T: DeserializeOwned>(octets: &[u8]) -> Result<T, String> {
    serde_json::from_slice(json_of(octets)?).map_err(|error| error.to_string())
}

/// Version octet and JSON that somebody else made: its shape is theirs, the version tells only that it is JSON.
pub(crate) fn wrap(json: &[u8]) -> Vec<u8> {
    [&[VERSION], json].concat()
}

/// The reverse of [`wrap`]; the error is for people.
pub(crate) fn unwrap(octets: &[u8]) -> Result<Vec<u8>, String> {
    json_of(octets).map(<[u8]>::to_vec)
}

fn json_of(octets: &[u8]) -> Result<&[u8], String> {
    match octets.split_first() {
        Some((&VERSION, json)) => Ok(json),
        Some((other, _)) => Err(format!("version {other} is not known")),
        None => Err("it is empty".to_owned()),
    }
}

/// The key of a message in `messages`, `envelopes` and `contents`.
pub(crate) fn message_key(id: MessageId) -> [u8; ID_LEN] {
    id.number().to_be_bytes()
}

/// The reverse of [`message_key`].
pub(crate) fn read_message_key(key: &[u8]) -> Option<MessageId> {
    let octets = key.try_into().ok()?;
    Some(MessageId::from_number(u64::from_be_bytes(octets)))
}

/// The key of a recipient: its message's key and its number.
pub(crate) fn recipient_key(id: MessageId, number: u32) -> Vec<u8> {
    [message_key(id).as_slice(), &number.to_be_bytes()].concat()
}

/// The reverse of [`recipient_key`].
pub(crate) fn read_recipient_key(key: &[u8]) -> Option<(MessageId, u32)> {
    let (id, number) = key.split_at_checked(ID_LEN)?;
    let number = u32::from_be_bytes(number.try_into().ok()?);
    Some((read_message_key(id)?, number))
}

/// A time that sorts in keys, to the nanosecond.
pub(crate) fn time_key(time: Timestamp) -> [u8; 16] {
    // Offset so that times before 1970 sort first.
    let shifted = time.as_nanosecond() ^ i128::MIN;
    shifted.to_be_bytes()
}

/// The reverse of [`time_key`].
pub(crate) fn read_time(octets: &[u8]) -> Option<Timestamp> {
    let shifted = i128::from_be_bytes(octets.try_into().ok()?);
    Timestamp::from_nanosecond(shifted ^ i128::MIN).ok()
}

/// The row of a dedupe key; its value is the [`time_key`] of its end.
pub(crate) fn seen_key(key: &str) -> Vec<u8> {
    [b"k", key.as_bytes()].concat()
}

/// The row by which dedupe keys are found when their time is over.
pub(crate) fn seen_end_key(until: Timestamp, key: &str) -> Vec<u8> {
    [b"t", time_key(until).as_slice(), key.as_bytes()].concat()
}

/// Where the rows of [`seen_end_key`] start.
pub(crate) const SEEN_ENDS: &[u8] = b"t";

/// The end and the dedupe key of a [`seen_end_key`].
pub(crate) fn read_seen_end_key(key: &[u8]) -> Option<(Timestamp, &[u8])> {
    let (time, name) = key.strip_prefix(SEEN_ENDS)?.split_at_checked(16)?;
    Some((read_time(time)?, name))
}

/// The key of an event: its time, then a number that keeps those of one instant apart and in order.
pub(crate) fn event_key(time: Timestamp, number: u64) -> Vec<u8> {
    [time_key(time).as_slice(), &number.to_be_bytes()].concat()
}

/// The key of a peer: its MTA name, folded as names are compared.
pub(crate) fn peer_key(name: &str) -> Vec<u8> {
    identity::upcase(name).into_bytes()
}

/// The reverse of [`peer_key`]: the folded name.
pub(crate) fn read_peer_key(key: &[u8]) -> Option<String> {
    String::from_utf8(key.to_vec()).ok()
}

/// The key of an account: its name, folded as names are compared.
pub(crate) fn account_key(name: &identity::AccountName) -> Vec<u8> {
    identity::upcase(&name.to_string()).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    fn fields(row: &impl Serialize) -> Vec<String> {
        let value = serde_json::to_value(row).unwrap();
        let mut fields: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
        fields.sort();
        fields
    }

    /// Without this a field that is added here would be taken for one of a newer program and never be changed again.
    #[test]
    fn every_field_is_known() {
        let time = Some(Timestamp::UNIX_EPOCH);
        let message = DiskMessage {
            kind: Kind::Message,
            mts_id: String::new(),
            message_id_header: Some(String::new()),
            originator: String::new(),
            priority: Priority::Normal,
            submitted: Timestamp::UNIX_EPOCH,
            expires: Timestamp::UNIX_EPOCH,
            deferred_until: time,
            latest_delivery: time,
            size: 1,
            crashes: 1,
            aside: Some(String::new()),
            warned: true,
        };
        let mut known = DiskMessage::FIELDS.map_sorted();
        assert_eq!(fields(&message), known);
        let recipient = DiskRecipient {
            address: String::new(),
            next_hop: NextHop::Local,
            report_wanted: true,
            attempts: 0,
            last_error: Some(String::new()),
            due: time,
        };
        known = DiskRecipient::FIELDS.map_sorted();
        assert_eq!(fields(&recipient), known);
    }

    trait MapSorted {
        fn map_sorted(&self) -> Vec<String>;
    }

    impl MapSorted for &[&str] {
        fn map_sorted(&self) -> Vec<String> {
            let mut all: Vec<String> = self.iter().map(|one| (*one).to_owned()).collect();
            all.sort();
            all
        }
    }

    #[test]
    fn times_sort_and_read_back() {
        let times = [
            Timestamp::MIN,
            Timestamp::UNIX_EPOCH - SignedDuration::from_nanos(1),
            Timestamp::UNIX_EPOCH,
            Timestamp::UNIX_EPOCH + SignedDuration::from_nanos(1),
            Timestamp::MAX,
        ];
        for pair in times.windows(2) {
            assert!(time_key(pair[0]) < time_key(pair[1]));
        }
        for time in times {
            assert_eq!(read_time(&time_key(time)), Some(time));
        }
    }

    #[test]
    fn keys_read_back_and_garbage_does_not() {
        let id = MessageId::from_number(0x0102);
        assert_eq!(read_message_key(&message_key(id)), Some(id));
        assert_eq!(read_recipient_key(&recipient_key(id, 7)), Some((id, 7)));
        let until = Timestamp::UNIX_EPOCH;
        assert_eq!(
            read_seen_end_key(&seen_end_key(until, "a#1")),
            Some((until, b"a#1".as_slice()))
        );
        let long = recipient_key(id, 7);
        for length in 0..long.len() {
            assert_eq!(read_recipient_key(&long[..length]), None);
        }
        assert_eq!(read_seen_end_key(b"t123"), None);
    }

    #[test]
    fn values_carry_a_version() {
        let octets = encode(&5_u32).unwrap();
        assert_eq!(octets, b"\x015");
        assert_eq!(decode::<u32>(&octets), Ok(5));
        assert_eq!(decode::<u32>(b"\x025"), Err("version 2 is not known".to_owned()));
        assert_eq!(decode::<u32>(b""), Err("it is empty".to_owned()));
        assert!(decode::<u32>(b"\x01").is_err());
    }
}
