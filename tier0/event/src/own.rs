//! Events of the queue and its store: those of the field that fit, and this MTA's own where the field has none.
//!
//! The original ends itself when its disk is full or its database is sick (9411, 9405), so it has no event for a server
//! that refuses new mail, keeps what it has and goes on by itself. These have a source and numbers of their own, from
//! 20001 on, where the original has none.

use crate::build::Draft;
use crate::catalogue::{Definition, Parameter, SOURCE, number, text};
use crate::words::Category::{self, FieldEngineering, Resource, Security, X400Service};
use crate::words::EventType::{self, Error, Information, Warning};
use crate::words::Level;

/// The source of events that the original does not know.
pub const OWN_SOURCE: &str = "Bindback";

/// The numbers of these events by name.
pub mod id {
    /// The time came until which a message was deferred.
    pub const DEFERRAL_ENDED: u32 = 273;
    /// A message is not to be delivered before a time.
    pub const DEFERRAL_BEGAN: u32 = 275;
    /// A message goes another way.
    pub const REROUTED: u32 = 287;
    /// A check of the store ended well.
    pub const STORE_CHECKED: u32 = 2207;
    /// The store is checked, since it was not closed in order.
    pub const STORE_CHECK_BEGINS: u32 = 2219;
    /// The store takes no new mail.
    pub const STORE_REFUSES: u32 = 20001;
    /// An object was handed to another MTA.
    pub const OBJECT_SENT: u32 = 271;
    /// An object was taken from another MTA.
    pub const OBJECT_RECEIVED: u32 = 272;
    /// The store takes mail again.
    pub const STORE_RECOVERED: u32 = 20002;
    /// The clock was set.
    pub const CLOCK_SET: u32 = 20003;
    /// The process may open no more files.
    pub const DESCRIPTORS_EXHAUSTED: u32 = 20004;
    /// A message was set aside.
    pub const MESSAGE_SET_ASIDE: u32 = 20005;
    /// The originator of a message was warned.
    pub const MESSAGE_DELAYED: u32 = 20006;
    /// Mail was refused for want of memory.
    pub const MEMORY_LIMIT: u32 = 20007;
    /// The server's own watch found what stops mail to a next hop.
    pub const FINDING: u32 = 20008;
    /// That is over.
    pub const FINDING_CLOSED: u32 = 20009;
    /// The process may open fewer files than its connections ask for.
    pub const DESCRIPTORS_FEW: u32 = 20010;
    /// TLS with another MTA did not come about.
    pub const TLS_REFUSED: u32 = 20020;
    /// A call of a dial-up connector stands.
    pub const CALL_BEGUN: u32 = 20040;
    /// A call of a dial-up connector is over.
    pub const CALL_OVER: u32 = 20041;
    /// The link of a call became the default route.
    pub const DEFAULT_ROUTE_TAKEN: u32 = 20042;
}

const fn own(
    id: u32,
    event_type: EventType,
    category: Category,
    template: &'static str,
    parameters: &'static [Parameter],
) -> Definition {
    Definition {
        id,
        source: OWN_SOURCE,
        category,
        event_type,
        severity: 0,
        level: Level::None,
        template,
        parameters,
    }
}

const fn classic(
    id: u32,
    category: Category,
    severity: u8,
    template: &'static str,
    parameters: &'static [Parameter],
) -> Definition {
    Definition {
        id,
        source: SOURCE,
        category,
        event_type: Warning,
        severity,
        level: Level::None,
        template,
        parameters,
    }
}

/// What is told of an object that crosses.
const OBJECT: &[Parameter] = &[
    text("object"),
    text("entity"),
    text("entity_kind"),
    text("priority"),
    text("kind"),
    text("mts_id"),
    number("length"),
];

/// Every event of the queue and its store, by number.
pub const OWN: &[Definition] = &[
    Definition {
        event_type: Information,
        level: Level::Medium,
        ..classic(
            id::OBJECT_SENT,
            X400Service,
            10,
            "Object {object} was sent to entity {entity}. The entity is a {entity_kind}, object is a {priority} priority \
             {kind}, the MTS identifier is {mts_id}, and content length {length}. (10)",
            OBJECT,
        )
    },
    Definition {
        event_type: Information,
        level: Level::Medium,
        ..classic(
            id::OBJECT_RECEIVED,
            X400Service,
            10,
            "Object {object} received from entity {entity}. The entity is a {entity_kind}, object is a {priority} priority \
             {kind}, the MTS identifier is {mts_id}, and content length is {length}. (10)",
            OBJECT,
        )
    },
    classic(
        id::DEFERRAL_ENDED,
        X400Service,
        12,
        "A deferred delivery timer has expired for message {mts_id}, object {object}. (12)",
        &[text("mts_id"), text("object")],
    ),
    Definition {
        event_type: Information,
        ..classic(
            id::DEFERRAL_BEGAN,
            X400Service,
            10,
            "A deferred delivery timer started for message id {mts_id}, object {object}. Delivery is scheduled for \
             {time}. (10)",
            &[text("mts_id"), text("object"), text("time")],
        )
    },
    classic(
        id::REROUTED,
        X400Service,
        0,
        "Successful rerouting. MTS Identifier {mts_id}, New Connector {new_connector}, New Target entity {new_entity}, Old \
         Connector {old_connector}, Old Target entity {old_entity}",
        &[
            text("mts_id"),
            text("new_connector"),
            text("new_entity"),
            text("old_connector"),
            text("old_entity"),
        ],
    ),
    classic(
        id::STORE_CHECKED,
        FieldEngineering,
        14,
        "The MTA database recovery operation has completed successfully. Recovery details can be found in the file: \
         {file}. [MTA MAIN BASE 1 43] (14)",
        &[text("file"), number("objects"), number("faults")],
    ),
    classic(
        id::STORE_CHECK_BEGINS,
        FieldEngineering,
        14,
        "The MTA is running recovery on the internal message database because the MTA was not shut down cleanly. This \
         operation may take some time. Status updates will be written to the Windows NT Event Log. [MTA MAIN BASE 1 43] \
         (14)",
        &[],
    ),
    own(
        id::STORE_REFUSES,
        Error,
        Resource,
        "The store takes no new mail ({cause}): {detail}. What was accepted is kept. New mail is refused for now, and \
         taken again as soon as this has passed.",
        &[text("cause"), text("detail"), text("directory")],
    ),
    own(
        id::STORE_RECOVERED,
        Information,
        Resource,
        "The store takes mail again after {seconds} seconds; the cause was {cause}.",
        &[number("seconds"), text("cause")],
    ),
    own(
        id::CLOCK_SET,
        Warning,
        Resource,
        "The clock of this machine was set {direction} by {seconds} seconds. Retries and message lives that run keep the \
         time that they have left.",
        &[text("direction"), number("seconds")],
    ),
    own(
        id::DESCRIPTORS_EXHAUSTED,
        Warning,
        Resource,
        "No more connections are taken by {listener} for now: {detail}. The limit of open files of this process is \
         {limit}.",
        &[text("listener"), text("detail"), number("limit")],
    ),
    own(
        id::MESSAGE_SET_ASIDE,
        Error,
        X400Service,
        "Message {mts_id} ({message}) was set aside, since it crashed or stalled processing {crashes} times: {evidence}. \
         The rest goes on. Look at it with `bindback track {message}`, let it go on with `bindback queue release \
         {message}`.",
        &[text("mts_id"), text("message"), number("crashes"), text("evidence")],
    ),
    own(
        id::MESSAGE_DELAYED,
        Information,
        X400Service,
        "Message {mts_id} waits for more than {minutes} minutes; its originator is warned.",
        &[text("mts_id"), number("minutes"), text("last_error")],
    ),
    own(
        id::MEMORY_LIMIT,
        Warning,
        Resource,
        "Mail was refused for now: {held} octets of mail that is coming in are held in memory, and the limit is {limit}.",
        &[number("held"), number("limit")],
    ),
    own(
        id::FINDING,
        Warning,
        X400Service,
        "Mail with {next_hop} is stopped. The cause: {meaning} ({cause}, {percent} %). What to do: {remedy} More with \
         `bindback doctor`.",
        &[text("next_hop"), text("cause"), text("meaning"), text("percent"), text("remedy")],
    ),
    own(
        id::FINDING_CLOSED,
        Information,
        X400Service,
        "Mail with {next_hop} can flow again after {seconds} seconds; the cause was {cause}.",
        &[text("next_hop"), number("seconds"), text("cause")],
    ),
    own(
        id::DESCRIPTORS_FEW,
        Warning,
        Resource,
        "This process may open {limit} files, and the connections that smtp.max_connections allows ask for {wanted}. Fewer \
         clients are let in at the same time; raise the hard limit of open files (LimitNOFILE), or lower that key.",
        &[number("limit"), number("wanted")],
    ),
    own(
        id::TLS_REFUSED,
        Warning,
        Security,
        "TLS with the MTA {entity} was refused by the {refused_by} side ({cause}): {detail}.",
        &[
            text("entity"),
            text("refused_by"),
            text("cause"),
            text("detail"),
            text("role"),
            text("address"),
            number("code"),
        ],
    ),
    own(
        id::CALL_BEGUN,
        Information,
        X400Service,
        "A call to {gateway} stands after {seconds} seconds; what waits on either side crosses now.",
        &[text("gateway"), number("seconds")],
    ),
    own(
        id::CALL_OVER,
        Information,
        X400Service,
        "The call to {gateway} is over after {seconds} seconds, and the line is hung up: {reason}.",
        &[text("gateway"), number("seconds"), text("reason")],
    ),
    own(
        id::DEFAULT_ROUTE_TAKEN,
        Warning,
        Resource,
        "The call to {gateway} made its link {interface} the default route of this machine: whatever has no route of its own \
         goes over the line, and others may not reach this server until it is hung up.",
        &[text("gateway"), text("interface")],
    ),
];

/// An object that crosses between two MTAs.
#[derive(Clone, Copy, Debug)]
pub struct Object<'a> {
    /// Its number in the queue here.
    pub object: &'a str,
    /// The other MTA or connector, by its configured name.
    pub entity: &'a str,
    /// `MTA` or `connector`.
    pub entity_kind: &'a str,
    /// `Urgent`, `Normal` or `Non-urgent`.
    pub priority: &'a str,
    /// `Message` or `Report`.
    pub kind: &'a str,
    pub mts_id: &'a str,
    /// Octets of its content.
    pub length: u64,
}

/// 271: an object was handed over.
pub fn object_sent(object: &Object<'_>) -> Draft {
    crossing(id::OBJECT_SENT, object)
}

/// 272: an object was taken.
pub fn object_received(object: &Object<'_>) -> Draft {
    crossing(id::OBJECT_RECEIVED, object)
}

fn crossing(number: u32, object: &Object<'_>) -> Draft {
    Draft::new(number)
        .text("object", object.object)
        .text("entity", object.entity)
        .text("entity_kind", object.entity_kind)
        .text("priority", object.priority)
        .text("kind", object.kind)
        .text("mts_id", object.mts_id)
        .number("length", object.length)
}

/// 273: the time came until which a message was deferred; `object` is its number in the queue.
pub fn deferral_ended(mts_id: &str, object: &str) -> Draft {
    Draft::new(id::DEFERRAL_ENDED).text("mts_id", mts_id).text("object", object)
}

/// 275: a message is not to be delivered before a time.
pub fn deferral_began(mts_id: &str, object: &str, until: &str) -> Draft {
    Draft::new(id::DEFERRAL_BEGAN).text("mts_id", mts_id).text("object", object).text("time", until)
}

/// 287: a message goes another way.
pub fn rerouted(mts_id: &str, new: &str, old: &str) -> Draft {
    Draft::new(id::REROUTED)
        .text("mts_id", mts_id)
        .text("new_connector", new)
        .text("new_entity", new)
        .text("old_connector", old)
        .text("old_entity", old)
}

/// 2219: the store is checked.
pub fn store_check_begins() -> Draft {
    Draft::new(id::STORE_CHECK_BEGINS)
}

/// 2207: a check of the store ended well.
pub fn store_checked(file: &str, objects: u64, faults: u64) -> Draft {
    Draft::new(id::STORE_CHECKED)
        .text("file", file)
        .number("objects", objects)
        .number("faults", faults)
}

/// 20001: the store takes no new mail.
pub fn store_refuses(cause: &str, detail: &str, directory: &str) -> Draft {
    Draft::new(id::STORE_REFUSES)
        .text("cause", cause)
        .text("detail", detail)
        .text("directory", directory)
}

/// 20002: the store takes mail again.
pub fn store_recovered(cause: &str, seconds: u64) -> Draft {
    Draft::new(id::STORE_RECOVERED).text("cause", cause).number("seconds", seconds)
}

/// 20003: the clock was set, forward or back.
pub fn clock_set(forward: bool, seconds: u64) -> Draft {
    let direction = if forward { "forward" } else { "back" };
    Draft::new(id::CLOCK_SET).text("direction", direction).number("seconds", seconds)
}

/// 20004: no more files can be opened.
pub fn descriptors_exhausted(listener: &str, detail: &str, limit: u64) -> Draft {
    Draft::new(id::DESCRIPTORS_EXHAUSTED)
        .text("listener", listener)
        .text("detail", detail)
        .number("limit", limit)
}

/// 20005: a message was set aside.
pub fn message_set_aside(mts_id: &str, message: &str, crashes: u32, evidence: &str) -> Draft {
    Draft::new(id::MESSAGE_SET_ASIDE)
        .text("mts_id", mts_id)
        .text("message", message)
        .number("crashes", crashes)
        .text("evidence", evidence)
}

/// 20006: an originator is warned.
pub fn message_delayed(mts_id: &str, minutes: u64, last_error: Option<&str>) -> Draft {
    Draft::new(id::MESSAGE_DELAYED)
        .text("mts_id", mts_id)
        .number("minutes", minutes)
        .maybe("last_error", last_error)
}

/// 20007: mail was refused for want of memory.
pub fn memory_limit(held: u64, limit: u64) -> Draft {
    Draft::new(id::MEMORY_LIMIT).number("held", held).number("limit", limit)
}

/// What stops mail to a next hop.
#[derive(Clone, Copy, Debug)]
pub struct FindingFound<'a> {
    pub next_hop: &'a str,
    /// Its slug.
    pub cause: &'a str,
    pub meaning: &'a str,
    pub percent: &'a str,
    pub remedy: &'a str,
}

/// 20008: the server's own watch found what stops mail to a next hop.
pub fn finding(said: &FindingFound<'_>) -> Draft {
    Draft::new(id::FINDING)
        .text("next_hop", said.next_hop)
        .text("cause", said.cause)
        .text("meaning", said.meaning)
        .text("percent", said.percent)
        .text("remedy", said.remedy)
}

/// 20009: what stopped mail to a next hop is over.
pub fn finding_closed(next_hop: &str, cause: &str, seconds: u64) -> Draft {
    Draft::new(id::FINDING_CLOSED)
        .text("next_hop", next_hop)
        .text("cause", cause)
        .number("seconds", seconds)
}

/// 20010: the process may open fewer files than its connections ask for.
pub fn descriptors_few(limit: u64, wanted: u64) -> Draft {
    Draft::new(id::DESCRIPTORS_FEW).number("limit", limit).number("wanted", wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::read;

    #[test]
    fn every_event_is_built_and_reads_back() {
        let object = Object {
            object: "000000000000001f",
            entity: "WEST",
            entity_kind: "MTA",
            priority: "Normal",
            kind: "Message",
            mts_id: "EAST.1",
            length: 393,
        };
        let drafts = [
            object_sent(&object),
            object_received(&object),
            deferral_ended("EAST.1", "000000000000001f"),
            deferral_began("EAST.1", "000000000000001f", "2026-01-03T00:00:00Z"),
            rerouted("EAST.1", "NORTH", "WEST"),
            store_checked("/var/check.json", 10, 1),
            store_check_begins(),
            store_refuses("disk-full", "no space is left", "/var/lib/bindback/store"),
            store_recovered("disk-full", 60),
            clock_set(false, 86400),
            descriptors_exhausted("SMTP", "too many open files", 1024),
            message_set_aside("EAST.1", "000000000000001f", 2, "panicked"),
            message_delayed("EAST.1", 240, Some("refused")),
            memory_limit(1000, 999),
            finding(&FindingFound {
                next_hop: "WEST",
                cause: "account-disabled",
                meaning: "The account is disabled",
                percent: "95",
                remedy: "On EAST, enable it.",
            }),
            finding_closed("WEST", "account-disabled", 61),
            descriptors_few(1024, 13000),
            crate::build::tls_refused(&crate::build::TlsRefused {
                entity: "WEST".into(),
                peer: Some("WEST".into()),
                refused_by: "local",
                cause: "expired".into(),
                detail: "certificate expired".into(),
                role: "caller",
                address: "192.0.2.2".into(),
                code: 0x800b_0101,
            }),
            crate::build::call_begun("WEST", 31),
            crate::build::call_over("WEST", 90, "nothing crossed for 15 s"),
            crate::build::default_route_taken("WEST", "ppp0"),
        ];
        let numbers: Vec<u32> = drafts.iter().map(Draft::id).collect();
        assert_eq!(numbers, OWN.iter().map(|one| one.id).collect::<Vec<_>>());
        for draft in drafts {
            let event = draft.stamp("2026-01-02T03:04:05Z".parse().unwrap(), "WEST");
            for number in [Some(event.id), None] {
                let reading = read(number, &event.text).unwrap();
                assert_eq!(reading.definition.id, event.id, "{}", event.text);
            }
            assert!(!event.text.contains('{'), "{}", event.text);
        }
    }

    #[test]
    fn the_page_names_every_event_of_our_own() {
        let page = include_str!("../../../docs/events.md");
        for one in OWN {
            assert!(page.contains(&format!("| {} |", one.id)), "docs/events.md misses {}", one.id);
        }
    }
}
