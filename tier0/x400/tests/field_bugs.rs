//! Faults of other products in the field, each under the number of the article that told of it: what
//! they sent is read here, and what they choked on is not sent.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panic too")]

use ber::{Encoder, Oid, Tag};
use x400::{
    ContentType, ExtensionField, ExtensionKind, Message, MessageTransferEnvelope, MtsApdu,
    OrAddress, OrName, SuppliedInformation, append_trace, detects_loop, format_utc_time,
    internal_trace, parse_utc_time, standard,
};

const PLAIN: &[u8] = include_bytes!("vectors/plain.ber");
const REPORT: &[u8] = include_bytes!("vectors/report.ber");

fn envelope() -> MessageTransferEnvelope {
    let MtsApdu::Message(message) = MtsApdu::decode(PLAIN).unwrap() else { panic!("a message") };
    message.envelope
}

/// Puts elements into the SET of an envelope.
fn with(envelope: &MessageTransferEnvelope, more: &[u8]) -> Vec<u8> {
    let octets = envelope.encode();
    let element = ber::decode_one("test", &octets).unwrap();
    let mut encoder = Encoder::new();
    encoder.constructed(Tag::SET, |encoder| {
        encoder.raw(element.contents());
        encoder.raw(more);
    });
    encoder.finish()
}

fn contains(octets: &[u8], what: &[u8]) -> bool {
    octets.windows(what.len()).any(|window| window == what)
}

/// An empty SET of extensions in a report made a peer refuse it.
#[test]
fn q164049_an_empty_set_of_extensions_is_read_and_not_sent() {
    let empty = [0xa3, 0x00];
    let read = MessageTransferEnvelope::decode(&with(&envelope(), &empty)).unwrap();
    assert!(read.extensions.is_empty());
    assert!(!contains(&read.encode(), &empty));
    let MtsApdu::Report(mut report) = MtsApdu::decode(REPORT).unwrap() else { panic!() };
    report.content.extensions.clear();
    report.envelope.extensions.clear();
    let octets = report.encode();
    assert!(!contains(&octets, &[0xa3, 0x00]) && !contains(&octets, &[0xa1, 0x00]));
}

/// A content identifier without a character stopped a queue.
#[test]
fn q183014_a_content_identifier_of_length_zero() {
    let mut envelope = envelope();
    envelope.content_identifier = Some(String::new());
    let octets = envelope.encode();
    assert!(contains(&octets, &[0x4a, 0x00]));
    assert_eq!(MessageTransferEnvelope::decode(&octets).unwrap(), envelope);
}

/// Object identifiers over 32 octets crashed a peer.
#[test]
fn q231818_an_object_identifier_over_32_octets() {
    let arcs: Vec<u128> = [1, 3].into_iter().chain((0..30).map(|arc| 1 << (arc % 28))).collect();
    let oid = Oid::from_arcs(&arcs).unwrap();
    let mut envelope = envelope();
    envelope.extensions.push(ExtensionField::private(oid.clone(), |encoder| {
        encoder.null(Tag::NULL);
    }));
    let read = MessageTransferEnvelope::decode(&envelope.encode()).unwrap();
    assert_eq!(read.extensions.last().unwrap().kind, ExtensionKind::Private(oid));
}

/// A report whose content had the internal trace among its extensions could not be read.
#[test]
fn q115357_internal_trace_inside_the_content_of_a_report() {
    let MtsApdu::Report(mut report) = MtsApdu::decode(REPORT).unwrap() else { panic!() };
    let now = "2026-11-22T06:47:00Z".parse().unwrap();
    let domain = "c=XX;a=ICAO;p=EDDD".parse().unwrap();
    let mut other = envelope();
    append_trace(&mut other, &domain, "A", SuppliedInformation::relayed(now)).unwrap();
    report.content.extensions = other.extensions.clone();
    let MtsApdu::Report(read) = MtsApdu::decode(&report.encode()).unwrap() else { panic!() };
    assert_eq!(read.content.extensions, report.content.extensions);
    assert_eq!(internal_trace(&read.content.extensions).unwrap().len(), 1);
}

/// Two MTAs sent a message to and fro 512 times.
#[test]
fn q164838_a_message_between_two_mtas_for_ever() {
    let now = "2026-11-22T06:47:00Z".parse().unwrap();
    let domain = "c=XX;a=ICAO;p=EDDD".parse().unwrap();
    let mut envelope = envelope();
    for (visit, mta) in ["A", "B"].into_iter().enumerate() {
        assert!(!detects_loop(&envelope, &domain, mta), "{visit}");
        append_trace(&mut envelope, &domain, mta, SuppliedInformation::relayed(now)).unwrap();
    }
    assert!(detects_loop(&envelope, &domain, "A"), "the third hop is the first again");
}

/// What stands after the first `=` of an attribute was lost.
#[test]
fn q183064_an_equals_sign_in_a_domain_defined_attribute() {
    let address: OrAddress = "/C=US/ADMD= /DD.ID=a=b=c/".parse().unwrap();
    assert_eq!(address.domain_defined_value("ID"), Some("a=b=c"));
    let name = OrName::from(address);
    assert_eq!(OrName::decode(&name.encode()).unwrap(), name);
    assert_eq!(name.to_string().parse::<OrName>().unwrap(), name);
}

/// Type and value of one attribute went with those of another.
#[test]
fn q176181_types_and_values_of_domain_defined_attributes_stay_together() {
    let address: OrAddress = "/C=US/ADMD= /DD.A=1/DD.B=2/DD.A=3/".parse().unwrap();
    let octets = OrName::from(address).encode();
    let read = OrName::decode(&octets).unwrap().address;
    let pairs: Vec<_> =
        read.domain_defined.iter().map(|one| (one.kind.as_str(), one.value.as_str())).collect();
    assert_eq!(pairs, [("A", "1"), ("B", "2"), ("A", "3")]);
}

/// A name with a character that may not stand there ended the association for all mail: here it is relayed with that very
/// octet, and the recipients beside it are read as they are. What is no O/R name at all is an error of its APDU, which the
/// association outlives (`q181263_the_association_outlives_what_cannot_be_read` of the server).
#[test]
fn q181263_a_bad_address_is_a_fault_of_one_message() {
    let name = b"LFPGZPZX";
    let at = PLAIN.windows(name.len()).position(|window| window == name).unwrap();
    let mut bent = PLAIN.to_vec();
    bent[at] = 0xff;
    let MtsApdu::Message(plain) = MtsApdu::decode(PLAIN).unwrap() else { panic!() };
    let MtsApdu::Message(read) = MtsApdu::decode(&bent).unwrap() else { panic!() };
    let differing = plain.envelope.recipients.iter().zip(&read.envelope.recipients);
    assert_eq!(differing.filter(|(a, b)| a.recipient != b.recipient).count(), 1);
    let relayed = MtsApdu::Message(read).encode();
    let is_there = |octets: &[u8], what: &[u8]| octets.windows(what.len()).any(|one| one == what);
    assert!(is_there(&relayed, &bent[at - 2..at + name.len()]), "the name with its octet");
    // The name's own tag is another one: no message.
    let mut worse = PLAIN.to_vec();
    let tag = worse[..at].iter().rposition(|octet| *octet == 0x60).unwrap();
    worse[tag] = 0x6f;
    let error = MtsApdu::decode(&worse).unwrap_err().to_string();
    assert!(error.contains("recipient-name"), "{error}");
}

/// Years of two digits around 2000.
#[test]
fn q152874_years_of_two_digits() {
    let year = |text: &str| parse_utc_time(text, 2026).map(|at| at.to_string()[..4].to_owned());
    assert_eq!(year("991231235959Z").as_deref(), Some("1999"));
    assert_eq!(year("000101000000Z").as_deref(), Some("2000"));
    assert_eq!(year("261122064700Z").as_deref(), Some("2026"));
}

/// A whole P1 APDU of 246 octets, of which the length takes two octets, was cut.
#[test]
fn q194384_an_apdu_around_the_lengths_of_one_and_two_octets() {
    let small = MessageTransferEnvelope { extensions: Vec::new(), ..envelope() };
    for length in 0..600 {
        let content = vec![b'x'; length];
        let octets = MtsApdu::Message(Message { envelope: small.clone(), content }).encode();
        let MtsApdu::Message(read) = MtsApdu::decode(&octets).unwrap() else { panic!() };
        assert_eq!(read.content.len(), length);
    }
    assert_eq!(standard::name(38), Some("internal-trace-information"));
}

/// A content type that was written with another object identifier than it was read with went to a
/// recipient that could not read it: identifiers are kept as they are, known or not.
#[test]
fn q146588_the_object_identifier_of_a_content_type_stays_what_it_was() {
    for text in ["1.3.26.0.4406.0.4.1", "2.6.1.10.1", "1.2.840.113556.4.1", "2.25.1", "0.0"] {
        let oid: Oid = text.parse().unwrap();
        let sent = MessageTransferEnvelope {
            content_type: ContentType::Extended(oid.clone()),
            ..envelope()
        };
        let octets = sent.encode();
        let read = MessageTransferEnvelope::decode(&octets).unwrap();
        assert_eq!(read.content_type, ContentType::Extended(oid));
        assert_eq!(read.encode(), octets, "{text}");
    }
}

/// A P22 content with these body parts and this subject.
fn content(subject: &dyn Fn(&mut Encoder), parts: &dyn Fn(&mut Encoder)) -> Vec<u8> {
    let mut out = Encoder::new();
    out.constructed(Tag::context(0), |out| {
        out.constructed(Tag::SEQUENCE, |out| {
            out.constructed(Tag::SET, |out| {
                out.constructed(Tag::application(11), |out| {
                    out.primitive(Tag::PRINTABLE_STRING, b"1");
                });
                out.constructed(Tag::context(8), subject);
            });
            out.constructed(Tag::SEQUENCE, parts);
        });
    });
    // ipm [0] IMPLICIT: its own tag in the place of the SEQUENCE's.
    let inner = ber::decode_one("test", &out.finish()).unwrap().contents().to_vec();
    let sequence = ber::decode_one("test", &inner).unwrap().contents().to_vec();
    let mut out = Encoder::new();
    out.constructed(Tag::context(0), |out| out.raw(&sequence));
    out.finish()
}

fn described(octets: &[u8]) -> (String, bool) {
    let all = x400::describe::describe(octets, None, &|offset| offset);
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!(all[0].kind, x400::describe::Kind::Ipm);
    (format!("{:?}", all[0].fields), all[0].faults.is_empty())
}

/// Text that came as general text with the registrations of IA5 only could not be converted.
#[test]
fn q156369_general_text_that_is_ia5_is_read() {
    let octets = content(&|out| out.primitive(Tag::T61_STRING, b"x"), &|out| {
        // externally-defined [15]: parameters and data are EXTERNAL.
        out.constructed(Tag::context(15), |out| {
            for (last, tag, value) in [
                (11, Tag::context(0), &[0x31, 6, 2, 1, 1, 2, 1, 6][..]),
                (4, Tag::EXTERNAL, &[0x1b, 5, b'h', b'e', b'l', b'l', b'o'][..]),
            ] {
                out.constructed(tag, |out| {
                    let oid = Oid::from_arcs(&[2, 6, 1, last, 11]).unwrap();
                    out.oid(Tag::OBJECT_IDENTIFIER, &oid);
                    out.constructed(Tag::context(0), |out| out.raw(value));
                });
            }
        });
    });
    let (text, clean) = described(&octets);
    assert!(clean, "{text}");
    for part in ["hello", "value: Integer(1)", "value: Integer(6)"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

/// Accents of T.61 in a subject were taken for two characters, and their escapes for the end of it.
#[test]
fn q175042_a_subject_with_the_escapes_of_t61_is_read_to_its_end() {
    // Accents before their letter (T.61 3.3), shift out and in, and an escape to another set.
    let subject = b"M\xc8unchen \x1b$B!!\x1b(B \x0ex\x0f end";
    let octets = content(&|out| out.primitive(Tag::T61_STRING, subject), &|out| {
        out.constructed(Tag::context(0), |out| {
            out.constructed(Tag::SET, |_| {});
            out.primitive(Tag::IA5_STRING, b"text");
        });
    });
    let (text, clean) = described(&octets);
    assert!(clean, "{text}");
    assert!(text.contains("M\u{fc}nchen") && text.contains(" end"), "{text}");
}

/// Deferred delivery came an hour off after the clocks had changed: a time is an instant, and is
/// sent as one, whatever its offset says.
#[test]
fn q225345_summer_time_does_not_move_a_deferred_delivery() {
    // The hour that a spring night in Europe does not have, and the one that an autumn night has twice.
    for (text, instant) in [
        ("260329013000+0100", "2026-03-29T00:30:00Z"),
        ("260329033000+0200", "2026-03-29T01:30:00Z"),
        ("261025023000+0200", "2026-10-25T00:30:00Z"),
        ("261025023000+0100", "2026-10-25T01:30:00Z"),
        ("261025013000Z", "2026-10-25T01:30:00Z"),
    ] {
        let mut out = Encoder::new();
        out.primitive(Tag::context(0), text.as_bytes());
        let octets = with(&envelope(), &out.finish());
        let read = MessageTransferEnvelope::decode(&octets).unwrap();
        let expected = instant.parse().unwrap();
        assert_eq!(read.deferred_delivery, Some(expected), "{text}");
        let again = MessageTransferEnvelope { deferred_delivery: Some(expected), ..envelope() };
        let sent = format_utc_time(expected);
        assert!(sent.ends_with('Z') && contains(&again.encode(), sent.as_bytes()));
    }
}
