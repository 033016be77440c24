//! The tree of named values: sample APDUs, every truncation, octets bent one by one.

use x400::describe::{Described, Kind, Node, Value, describe};

const PLAIN: &[u8] = include_bytes!("vectors/plain.ber");
const MESSAGE: &[u8] = include_bytes!("vectors/message.ber");
const PROBE: &[u8] = include_bytes!("vectors/probe.ber");
const REPORT: &[u8] = include_bytes!("vectors/report.ber");
const MILITARY: &[u8] = include_bytes!("vectors/p772.ber");
const CONTENT: &[u8] = include_bytes!("vectors/plain.p22");

fn tree(octets: &[u8]) -> Vec<Described> {
    describe(octets, None, &|offset| offset)
}

fn kinds(octets: &[u8]) -> Vec<Kind> {
    tree(octets).iter().map(|apdu| apdu.kind).collect()
}

fn text<'a>(node: &'a Node, path: &[&str]) -> &'a str {
    match &node.at(path).unwrap_or_else(|| panic!("no {path:?}")).value {
        Value::Text(text) | Value::ObjectIdentifier(text) => text,
        other => panic!("{path:?} is {other:?}"),
    }
}

fn list<'a>(node: &'a Node, path: &[&str]) -> &'a [Node] {
    match &node.at(path).unwrap_or_else(|| panic!("no {path:?}")).value {
        Value::List(nodes) => nodes,
        other => panic!("{path:?} is {other:?}"),
    }
}

#[test]
fn kinds_of_the_samples() {
    for (octets, expected) in [
        (PLAIN, vec![Kind::Message, Kind::Ipm]),
        (MESSAGE, vec![Kind::Message, Kind::Ipm]),
        (PROBE, vec![Kind::Probe]),
        (REPORT, vec![Kind::Report]),
        (MILITARY, vec![Kind::Message, Kind::MilitaryMessage]),
        (CONTENT, vec![Kind::Ipm]),
    ] {
        let all = tree(octets);
        assert_eq!(kinds(octets), expected);
        assert!(all.iter().all(|apdu| apdu.faults.is_empty()), "{all:?}");
        assert_eq!((all[0].offset, all[0].length), (0, octets.len()));
        assert!(!format!("{all:?}").contains("Unknown {"), "{all:?}");
    }
    let all = tree(&[PLAIN, REPORT, CONTENT].concat());
    let places: Vec<_> =
        all.iter().map(|apdu| (apdu.kind, apdu.offset, apdu.length, apdu.content_of)).collect();
    assert_eq!(
        places,
        [
            (Kind::Message, 0, 443, None),
            (Kind::Ipm, 229, 214, Some(0)),
            (Kind::Report, 443, 380, None),
            (Kind::Ipm, 823, 214, None),
        ]
    );
}

#[test]
fn values_and_their_places() {
    let all = tree(PLAIN);
    let envelope = all[0].fields.member("envelope").unwrap();
    assert_eq!(text(envelope, &["message-identifier", "local-identifier"]), "RUST.P1");
    let priority = envelope.member("priority").unwrap();
    assert_eq!(priority.value, Value::Enumerated { name: Some("urgent"), value: 2 });
    assert_eq!(&PLAIN[priority.offset..priority.offset + priority.length], [0x47, 1, 2]);
    let trace = list(envelope, &["trace-information"]);
    let arrival = trace[0].at(&["domain-supplied-information", "arrival-time"]).unwrap();
    let time = Some("2026-11-22T06:47:00Z".parse().unwrap());
    assert_eq!(arrival.value, Value::Time { time, raw: "261122064700Z".to_owned() });
    let recipient = &list(envelope, &["per-recipient-fields"])[0];
    let indicators = recipient.member("per-recipient-indicators").unwrap();
    let set = ["responsibility", "originating-MTA-non-delivery-report"];
    let set = [set[0], set[1], "originator-non-delivery-report"].map(str::to_owned).to_vec();
    assert_eq!(indicators.value, Value::Bits { set, octets: vec![0xa8], unused: 0 });
    let subject = all[1].fields.at(&["heading", "subject"]).unwrap();
    assert_eq!(subject.value, Value::Text("plain test".to_owned()));
    assert_eq!(&PLAIN[subject.offset..subject.offset + 2], [0x14, 10]);
}

#[test]
fn military_extensions_are_named() {
    let all = tree(MILITARY);
    let extensions = list(&all[1].fields, &["heading", "extensions"]);
    let names: Vec<&str> = extensions.iter().map(|one| text(one, &["name"])).collect();
    assert_eq!(
        names,
        [
            "primary-precedence",
            "copy-precedence",
            "message-type",
            "distribution-codes",
            "originator-reference",
            "handling-instructions",
        ]
    );
    assert_eq!(text(&extensions[0], &["type"]), "1.3.26.0.4406.0.2.0");
    let precedence = extensions[0].member("value").unwrap();
    assert_eq!(precedence.value, Value::Enumerated { name: Some("priority"), value: 2 });
    let sics = list(&extensions[3], &["value", "sics"]);
    assert_eq!(sics.len(), 2);
    // The content alone is told from P22 by them.
    let content = &MILITARY[all[1].offset..];
    assert_eq!(kinds(content), [Kind::MilitaryMessage]);
}

#[test]
fn binds() {
    let argument = wire::from_hex("a116800a4d54412d454444442d31a1081606736563726574").unwrap();
    let all = tree(&argument);
    assert_eq!(all[0].kind, Kind::BindArgument);
    assert_eq!(text(&all[0].fields, &["authenticated", "initiator-name"]), "MTA-EDDD-1");
    let path = ["authenticated", "initiator-credentials", "simple", "ia5-string"];
    assert_eq!(all[0].fields.at(&path).unwrap().value, Value::Secret(b"secret".to_vec()));
    let result = describe(&argument, Some(Kind::BindResult), &|offset| offset);
    assert_eq!(result[0].kind, Kind::BindResult);
    // As MTSE carries them.
    let wrapped = [&[0xb1, 0x18][..], &argument].concat();
    assert_eq!(kinds(&wrapped), [Kind::BindResult]);
    assert_eq!(kinds(&[0xb0, 2, 5, 0]), [Kind::BindArgument]);
    let error = tree(&[0xb2, 3, 2, 1, 2]);
    assert_eq!(error[0].kind, Kind::BindError);
    let value = &error[0].fields.member("mta-bind-error").unwrap().value;
    assert_eq!(*value, Value::Enumerated { name: Some("authentication-error"), value: 2 });
}

/// What no table knows stays, with its tag and octets, and is no fault.
#[test]
fn unknown_elements_are_kept() {
    // A component [9] at the end of the heading of a content.
    let heading = ber::decode_one("test", CONTENT).unwrap().children().unwrap();
    let parts = heading.clone().collect_all().unwrap();
    let strange = [0x89, 2, 0xaa, 0xbb];
    let fields = [parts[0].contents(), &strange[..], &[0x9f, 0x55, 1, 7]].concat();
    let mut out = ber::Encoder::new();
    out.constructed(ber::Tag::context(0), |out| {
        out.constructed(ber::Tag::SET, |out| out.raw(&fields));
        out.raw(parts[1].raw);
    });
    let all = tree(&out.finish());
    // [9] is the expiry time, which aabb is not.
    let unknown = list(&all[0].fields, &["heading", "unknown"]);
    assert_eq!(
        unknown[0].value,
        Value::Unknown { tag: "[85]".to_owned(), octets: vec![0x9f, 0x55, 1, 7] }
    );
    assert_eq!(all[0].faults.len(), 1);
    assert_eq!(all[0].faults[0].what, "not a time");
}

/// One product writes the type of an extension with an explicit tag.
#[test]
fn the_extension_type_of_drafts() {
    let whole = ber::decode_one("test", PLAIN).unwrap();
    let parts = whole.children().unwrap().collect_all().unwrap();
    // [3] { SEQUENCE { [0] { INTEGER 23 }, [2] { IA5String "x" } } }
    let field = [0x30, 10, 0xa0, 3, 2, 1, 23, 0xa2, 3, 0x16, 1, b'x'];
    let mut out = ber::Encoder::new();
    out.constructed(ber::Tag::context(0), |out| {
        out.constructed(ber::Tag::SET, |out| {
            out.raw(parts[0].contents());
            out.constructed(ber::Tag::context(3), |out| out.raw(&field));
        });
        out.raw(parts[1].raw);
    });
    let all = tree(&out.finish());
    let extension = &list(&all[0].fields, &["envelope", "extensions"])[0];
    let kind = extension.at(&["type", "standard-extension"]).unwrap();
    assert_eq!(kind.value, Value::Enumerated { name: Some("content-correlator"), value: 23 });
    assert_eq!(text(extension, &["value", "ia5text"]), "x");
    assert_eq!(all[0].faults.len(), 1, "{:?}", all[0].faults);
    assert!(all[0].faults[0].what.starts_with("an explicit tag"));
}

#[test]
fn every_truncation_shows_what_is_there() {
    for octets in [PLAIN, PROBE, REPORT, MILITARY, CONTENT] {
        for end in 1..octets.len() {
            let all = tree(&octets[..end]);
            assert!(all.iter().any(|apdu| !apdu.faults.is_empty()), "cut at {end}");
            for fault in all.iter().flat_map(|apdu| &apdu.faults) {
                assert!(fault.offset <= end, "{fault:?} beyond {end}");
            }
        }
    }
    let all = tree(&PLAIN[..150]);
    let identifier = ["envelope", "message-identifier", "local-identifier"];
    assert_eq!(text(&all[0].fields, &identifier), "RUST.P1");
    assert_eq!(all[0].faults.len(), 1, "{:?}", all[0].faults);
    assert!(tree(&[]).is_empty());
}

#[test]
fn bent_octets_never_panic() {
    for octets in [PLAIN, PROBE, REPORT, MILITARY, CONTENT, &MESSAGE[..700]] {
        for at in 0..octets.len() {
            for flip in [0x01, 0x1f, 0x20, 0x80, 0xff] {
                let mut bent = octets.to_vec();
                bent[at] ^= flip;
                let _ = tree(&bent);
            }
        }
    }
    // Nested deeper than anything may be.
    let deep: Vec<u8> = std::iter::repeat_n([0xa0, 0x80], 5000).flatten().collect();
    let _ = tree(&deep);
    let deep: Vec<u8> = std::iter::repeat_n([0x30, 0x80], 5000).flatten().collect();
    let _ = tree(&deep);
}

/// A content in pieces: offsets are those of the octets in the file.
#[test]
fn content_in_segments() {
    let whole = ber::decode_one("test", PLAIN).unwrap();
    let parts = whole.children().unwrap().collect_all().unwrap();
    let mut octets = vec![0xa0, 0x80];
    octets.extend_from_slice(parts[0].raw);
    octets.extend_from_slice(&[0x24, 0x80]);
    for piece in parts[1].contents().chunks(50) {
        octets.extend_from_slice(&[4, u8::try_from(piece.len()).unwrap()]);
        octets.extend_from_slice(piece);
    }
    octets.extend_from_slice(&[0, 0, 0, 0]);
    let all = tree(&octets);
    assert_eq!(all[1].kind, Kind::Ipm);
    assert!(all.iter().all(|apdu| apdu.faults.is_empty()));
    let subject = all[1].fields.at(&["heading", "subject"]).unwrap();
    assert_eq!(&octets[subject.offset..subject.offset + 2], [0x14, 10]);
}

#[test]
fn a_file_of_something_else_ends_soon() {
    let zeros = vec![0; 1_000_000];
    let all = tree(&zeros);
    assert_eq!(all.len(), 100);
    assert!(all[99].faults.iter().any(|fault| fault.what == "what follows is not shown"));
    // One list with more elements than are shown.
    let mut out = ber::Encoder::new();
    let nulls = [5, 0].repeat(1_100_000);
    out.constructed(ber::Tag::context(2), |out| {
        out.constructed(ber::Tag::context(2), |out| out.raw(&nulls));
    });
    let all = tree(&out.finish());
    assert!(all[0].faults.len() <= 1001);
    assert!(list(&all[0].fields, &["per-recipient-fields"]).len() <= 1_000_000);
}
