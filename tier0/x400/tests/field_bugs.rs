//! Faults of other products in the field, each under the number of the article that told of it: what
//! they sent is read here, and what they choked on is not sent.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panic too")]

use ber::{Encoder, Oid, Tag};
use x400::{
    ExtensionField, ExtensionKind, Message, MessageTransferEnvelope, MtsApdu, OrAddress, OrName,
    SuppliedInformation, append_trace, detects_loop, internal_trace, parse_utc_time, standard,
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

/// A name with a character that may not stand there ended the association for all mail.
#[test]
fn q181263_a_bad_address_is_a_fault_of_one_message() {
    let octets = PLAIN.to_vec();
    let at = octets.windows(8).position(|window| window == b"LFPGZPZX").unwrap();
    let mut bent = octets.clone();
    bent[at] = 0xff;
    // Read for relay as it is, or refused as a whole: never half.
    match MtsApdu::decode(&bent) {
        Ok(apdu) => assert_eq!(MtsApdu::decode(&apdu.encode()).unwrap(), apdu),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
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
