//! Texts of every definition there and back, and texts as operators have them.

use super::*;
use crate::build::{
    self, BindBackFailed, BindFailed, CallCancelled, ChannelBroken, Codes, Connection, NonDelivery,
};
use crate::build::{Draft, SecurityViolation};
use crate::catalogue::CATALOGUE;
use crate::record::Event;
use crate::words::{Category, EventType, Layer};

const ENTITY: &str = "/O=ORG/OU=SITE/CN=CONFIGURATION/CN=SERVERS/CN=EAST/CN=MICROSOFT MTA";
const MTS_ID: &str = "C=US;A= ;P=ORG;L=EAST-260102030405Z-12";

fn channel() -> ChannelBroken {
    ChannelBroken {
        ltab_index: 7,
        code: 1727,
        remote_server: "EAST".into(),
        detail: "call failed".into(),
    }
}

fn connection() -> Connection {
    Connection {
        entity: ENTITY.into(),
        peer: Some("EAST".into()),
        code: Some(5),
        detail: "access denied".into(),
    }
}

fn drafts() -> Vec<Draft> {
    vec![
        build::association_limit(ENTITY, Some("EAST"), 9),
        build::message_expired(MTS_ID, 2880, Some("access denied")),
        build::connection_not_opened(&connection()),
        build::non_delivery(&NonDelivery {
            reason: "unable-to-transfer".into(),
            diagnostic: "maximum-time-expired".into(),
            mts_id: MTS_ID.into(),
            recipient: "DN:/o=ORG/ou=SITE/cn=Recipients/cn=ANNA".into(),
            recipient_number: 6,
            redirected_to: None,
            last_error: None,
        }),
        build::retry_timer(ENTITY, Some("EAST"), 4, 600),
        build::association_ended(&connection()),
        build::call_cancelled(&CallCancelled {
            thread: 22,
            ltab_index: 142,
            ms: 1_804_070,
            cancel_result: 0,
            remote_server: "EAST".into(),
            call: "RPC inactive".into(),
            protocol_string: "ncacn_ip_tcp:192.168.20.3[1966]".into(),
        }),
        build::locality_table_full(240),
        build::security_violation(&SecurityViolation {
            user: r"ORG\svc-west".into(),
            ltab_index: 3,
            code: 1326,
            reason: "wrong password".into(),
            peer: Some("WEST".into()),
            layer: Some(Layer::Authentication),
            ..SecurityViolation::default()
        }),
        build::started("0.1.0", "17"),
        build::stopped("0.1.0", "17"),
        build::no_data_sent(&channel()),
        build::bind_failed(&BindFailed {
            ltab_index: 70,
            codes: Codes::own(5),
            remote_server: "EAST".into(),
            layer: Some(Layer::Authentication),
            detail: "access denied".into(),
            ..BindFailed::default()
        }),
        build::listen_failed(1720, "127.0.0.1:4749", "address in use"),
        build::bind_back_failed(&BindBackFailed {
            ltab_index: 68,
            codes: Codes::own(1722),
            remote_server: "WEST".into(),
            bind_back_name: "west-rpc.demo.test".into(),
            protocol_string: "ncacn_ip_tcp:16.37.164.181[4749]".into(),
            ..BindBackFailed::default()
        }),
        build::unbind_back_failed(&channel()),
        build::suspended_caller("WEST", "192.0.2.2"),
        build::credentials_refused(&build::CredentialsRefused {
            entity: "WEST".into(),
            presented_name: "West".into(),
            expected_name: "WEST".into(),
            differs: "name-case".into(),
            role: "caller".into(),
            address: "192.0.2.2".into(),
        }),
        build::unknown_mta(&build::UnknownMta {
            presented_name: "NORTH".into(),
            presentation_address: "/t:0x4d5441 /n:0xc0000202".into(),
            association_index: 3,
            ..build::UnknownMta::default()
        }),
        build::wrong_dialogue("WEST", 4, "two-way-alternate", "monologue"),
        build::out_refused(&refused()),
        build::in_refused(&refused()),
        build::wrong_t_selector("0x4d5442", "0x4d5441", "192.0.2.2"),
        build::accept_failed(10022, "192.0.2.2", "no connector has this address"),
        build::connect_failed("WEST", 10061, "192.0.2.2:102", "connection refused"),
        build::unknown_address("0xc0000202", "192.0.2.2"),
        build::weak_security("rpc.insecure = \"56-bit\""),
        build::dial_failed(&call_failed()),
        build::link_failed(&call_failed()),
    ]
}

fn call_failed() -> build::CallFailed {
    build::CallFailed {
        gateway: "WEST".into(),
        code: 676,
        index: 1,
        kind: "line-busy".into(),
        detail: "the line is busy".into(),
        number: 2,
        next: Some(60),
        exit: Some(8),
        output: "BUSY".into(),
    }
}

fn refused() -> build::AssociationRefused {
    build::AssociationRefused {
        entity: "WEST".into(),
        peer: Some("WEST".into()),
        provider: 6,
        reason: 2,
        control_block: 1,
        detail: "authentication-error".into(),
    }
}

fn stamped(draft: Draft) -> Event {
    draft.stamp("2026-01-02T03:04:05Z".parse().unwrap(), "WEST")
}

/// The parameters that the text shows.
fn shown(event: &Event) -> Params {
    let definition = event.definition().unwrap();
    let all = event.params.iter().filter(|(name, _)| definition.shows(name));
    all.map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[test]
fn every_definition_reads_back() {
    let drafts = drafts();
    let built: std::collections::BTreeSet<u32> = drafts.iter().map(Draft::id).collect();
    assert_eq!(built.len(), CATALOGUE.len(), "an event has no constructor here");
    for draft in drafts {
        let event = stamped(draft);
        for number in [Some(event.id), None] {
            let reading = read(number, &event.text).unwrap();
            assert!(reading.exact, "{}", event.text);
            assert_eq!(
                (reading.definition.id, reading.params),
                (event.id, shown(&event)),
                "{}",
                event.text
            );
        }
        for name in event.params.keys() {
            assert!(
                event.definition().unwrap().parameter(name).is_some(),
                "{} has no parameter {name}",
                event.id
            );
        }
    }
}

#[test]
fn every_definition_reads_back_when_wrapped() {
    for draft in drafts() {
        let event = stamped(draft);
        let wrapped = event.text.replacen(' ', "\r\n    ", 7);
        assert_eq!(read(Some(event.id), &wrapped).unwrap().params, shown(&event), "{wrapped}");
    }
}

#[test]
fn json_has_the_published_shape() {
    let event = stamped(drafts().swap_remove(8));
    let json = serde_json::to_value(&event).unwrap();
    let expected = serde_json::json!({
        "time": "2026-01-02T03:04:05Z", "server": "WEST", "id": 9297, "source": "MSExchangeMTA",
        "category": "Security", "severity": 14, "type": "Warning",
        "text": "The user ORG\\svc-west has caused a security violation. Locality table (LTAB) index: 3. Windows NT error \
                 code: 1326. [BASE IL INCOMING RPC 39 507] (14)",
        "params": {"user": "ORG\\svc-west", "ltab_index": 3, "code": 1326, "reason": "wrong password"},
        "layer": "authentication", "peer": "WEST",
    });
    assert_eq!(json, expected);
    assert_eq!(serde_json::from_value::<Event>(json).unwrap(), event);
}

#[test]
fn definitions_are_those_of_the_field() {
    let expected = [
        (37, EventType::Warning, Category::Security, 14),
        (48, EventType::Warning, Category::Security, 14),
        (51, EventType::Warning, Category::Security, 14),
        (55, EventType::Warning, Category::Security, 14),
        (57, EventType::Warning, Category::X400Service, 14),
        (208, EventType::Warning, Category::Security, 14),
        (289, EventType::Warning, Category::X400Service, 12),
        (290, EventType::Warning, Category::X400Service, 12),
        (301, EventType::Information, Category::X400Service, 0),
        (1290, EventType::Warning, Category::X400Service, 12),
        (1293, EventType::Warning, Category::X400Service, 12),
        (1294, EventType::Warning, Category::X400Service, 10),
        (4293, EventType::Warning, Category::FieldEngineering, 0),
        (9202, EventType::Warning, Category::OperatingSystem, 12),
        (9215, EventType::Warning, Category::OperatingSystem, 12),
        (9277, EventType::Warning, Category::Interface, 14),
        (9280, EventType::Warning, Category::Resource, 0),
        (9297, EventType::Warning, Category::Security, 14),
        (9298, EventType::Information, Category::X400Service, 14),
        (9299, EventType::Information, Category::X400Service, 16),
        (9301, EventType::Information, Category::Configuration, 10),
        (9309, EventType::Warning, Category::FieldEngineering, 12),
        (9311, EventType::Warning, Category::FieldEngineering, 12),
        (9316, EventType::Warning, Category::Interface, 12),
        (9318, EventType::Warning, Category::Interface, 14),
        (9321, EventType::Warning, Category::Interface, 14),
        (9322, EventType::Warning, Category::Interface, 14),
        (9323, EventType::Warning, Category::Interface, 14),
        // The only one that is not of the field.
        (9901, EventType::Warning, Category::Security, 12),
    ];
    let have: Vec<_> =
        CATALOGUE.iter().map(|one| (one.id, one.event_type, one.category, one.severity)).collect();
    assert_eq!(have, expected);
    for one in CATALOGUE {
        let tail = format!("({})", one.severity);
        assert_eq!(one.template.ends_with(&tail), one.severity != 0, "{}", one.id);
    }
}

/// One text from the field: number if it was given, text, event, and code, comms, bind, index.
type Case<'a> = (Option<u32>, &'a str, u32, [Option<u32>; 4]);

#[test]
fn texts_of_the_field_give_their_codes() {
    let cases: &[Case<'_>] = &[
        (
            None,
            "An RPC communications error occurred. Unable to bind over RPC. Locality Table (LTAB) index: 5, NT/MTA error \
             code: 1722. Comms error 1722, Bind error 0, Remote Server Name SREX [MAIN BASE 1 500 %10] (14)",
            9318,
            [Some(1722), Some(1722), Some(0), Some(5)],
        ),
        (
            None,
            "An RPC communications error occurred. Unable to bind over RPC. The locality table (LTAB) index is 76. Windows \
             NT error code: 1722. [BASE IL MAIN BASE 1 500] (12)",
            9318,
            [Some(1722), None, None, Some(76)],
        ),
        (
            Some(9318),
            "The locality table (LTAB) index is 76. Windows NT error code: XXXX. [BASE IL MAIN BASE 1 500] (12)",
            9318,
            [None, None, None, Some(76)],
        ),
        (
            None,
            "An interface error has occurred mta bind back over rpc has failed locatility table 108, mta error: 1722 1722 \
             bind error 0, remote server name... protocol string id-tcp:ipaddress of server.",
            9322,
            [Some(1722), None, Some(0), Some(108)],
        ),
        (
            None,
            "An interface error has occurred. An MtaBindBack over RPC has failed. Locality Table (LTAB) index: %1, NT/MTA \
             error code:5. Comms error %3, Bind error %4,Remote Server Name %5, Protocol String %6 [%7 %8 %9 %10]",
            9322,
            [Some(5), None, None, None],
        ),
        (None, "The user... Private MDB has caused a security violation...", 9297, [None; 4]),
    ];
    for (number, text, expected, codes) in cases {
        let reading = read(*number, text).unwrap();
        let have = ["code", "comms", "bind", "ltab_index"].map(|name| reading.number(name));
        assert_eq!((reading.definition.id, have), (*expected, *codes), "{text}");
    }
}

#[test]
fn names_survive_a_loose_text() {
    let text = "MtaBindBack over RPC failed. NT/MTA error code: 5. Comms error 5, Bind error 0, Remote Server Name: \
                OTHERSERVER, Protocol String: ncacn_ip_tcp:10.0.0.1[3208] [BASE IL INCOMING RPC 39 507]";
    let reading = read(None, text).unwrap();
    assert!(!reading.exact);
    assert_eq!(reading.word("remote_server"), Some("OTHERSERVER"));
    assert_eq!(reading.word("protocol_string"), Some("ncacn_ip_tcp:10.0.0.1[3208]"));
    let placeholders =
        "An MtaBindBack over RPC has failed. Remote Server Name %5, Protocol String %6 [%7]";
    assert!(read(None, placeholders).unwrap().params.is_empty());
}

#[test]
fn foreign_and_hostile_texts_do_no_harm() {
    assert_eq!(read(None, "The service was started."), None);
    assert_eq!(read(Some(4711), "anything"), None);
    assert!(read(Some(9318), "").unwrap().params.is_empty());
    let huge = "unable to bind over rpc ".to_owned() + &"ä".repeat(MAX_TEXT);
    assert_eq!(read(None, &huge).unwrap().definition.id, 9318);
    let number = "Unable to bind over RPC. NT/MTA error code: 99999999999999";
    assert_eq!(read(None, number).unwrap().number("code"), None);
    for draft in drafts() {
        let event = stamped(draft);
        for end in (0..event.text.len()).filter(|at| event.text.is_char_boundary(*at)) {
            let reading = read(Some(event.id), &event.text[..end]).unwrap();
            assert_eq!(reading.definition.id, event.id);
        }
    }
}

#[test]
fn a_hostile_name_cannot_break_the_line() {
    let said =
        BindFailed { remote_server: "EVIL\r\nname\u{7}".repeat(200), ..BindFailed::default() };
    let event = stamped(build::bind_failed(&said));
    assert!(!event.text.contains(['\r', '\n', '\u{7}']));
    assert!(event.word("remote_server").unwrap().chars().count() <= build::MAX_VALUE);
}
