//! Sample APDUs decode to the values that another ASN.1 tool sees, encode again, and fail
//! whole at every truncation.

use wire::DecodeError;
use x400::{
    ContentType, DeliveryOutcome, DiagnosticCode, ExtensionKind, MessageTransferEnvelope, MtsApdu,
    MtsUserType, Priority, ReasonCode, decode_message_parts, internal_trace, standard,
};

const PLAIN: &[u8] = include_bytes!("vectors/plain.ber");
const MESSAGE: &[u8] = include_bytes!("vectors/message.ber");
const PROBE: &[u8] = include_bytes!("vectors/probe.ber");
const REPORT: &[u8] = include_bytes!("vectors/report.ber");

#[test]
fn every_truncation_fails() {
    for octets in [PLAIN, MESSAGE, PROBE, REPORT] {
        for end in 0..octets.len() {
            assert!(MtsApdu::decode(&octets[..end]).is_err(), "{end}");
        }
        let longer = [octets, &[0]].concat();
        assert!(MtsApdu::decode(&longer).is_err());
    }
}

/// Cuts the outer element properly, so that what is inside is what is short.
#[test]
fn every_truncation_inside_fails_without_panic() {
    for octets in [PLAIN, PROBE, REPORT] {
        for end in 4..octets.len() {
            let inner = &octets[4..end];
            let length = u16::try_from(inner.len()).unwrap().to_be_bytes();
            let cut = [&[octets[0], 0x82, length[0], length[1]], inner].concat();
            let _: Result<MtsApdu, DecodeError> = MtsApdu::decode(&cut);
        }
        for at in 0..octets.len() {
            for flip in [0x01, 0x20, 0x80, 0xff] {
                let mut bent = octets.to_vec();
                bent[at] ^= flip;
                let _: Result<MtsApdu, DecodeError> = MtsApdu::decode(&bent);
            }
        }
    }
}

#[test]
fn plain_message() {
    let MtsApdu::Message(message) = MtsApdu::decode(PLAIN).unwrap() else { panic!("a message") };
    let envelope = &message.envelope;
    assert_eq!(envelope.mts_identifier.to_string(), "c=XX;a=ICAO;p=EDDD;l=RUST.P1");
    assert_eq!(envelope.originator.to_string(), "/C=XX/ADMD=ICAO/PRMD=EDDD/O=AFTN/OU=EDDDYFYX/");
    assert_eq!(envelope.content_type, ContentType::BuiltIn(22));
    assert_eq!(envelope.content_identifier.as_deref(), Some("TEST 001"));
    assert_eq!(envelope.priority, Priority::Urgent);
    assert!(envelope.per_message_indicators.bit(MessageTransferEnvelope::CONTENT_RETURN_REQUEST));
    assert_eq!(envelope.trace.len(), 1);
    assert_eq!(envelope.trace[0].domain, envelope.mts_identifier.domain);
    assert_eq!(envelope.trace[0].supplied.arrival.to_string(), "2026-11-22T06:47:00Z");
    let [recipient] = &envelope.recipients[..] else { panic!("one recipient") };
    assert_eq!(
        recipient.recipient.to_string(),
        "/C=XX/ADMD=ICAO/PRMD=LFFF/O=LFFF/OU=LFPG/CN=LFPGZPZX/"
    );
    assert_eq!(recipient.number, 1);
    let indicators = recipient.indicators;
    assert!(indicators.responsibility && indicators.mta_non_delivery_report);
    assert!(indicators.originator_non_delivery_report);
    assert!(!indicators.mta_report && !indicators.originator_report);
    assert!(message.content.ends_with(b"Hello from Rust"));
    assert_eq!(MtsApdu::Message(message.clone()).encode(), PLAIN);

    let (parts, content) = decode_message_parts(PLAIN).unwrap();
    assert_eq!((parts, &content[..]), (envelope.clone(), &message.content[..]));
    assert!(matches!(content, std::borrow::Cow::Borrowed(_)));
    let alone = envelope.encode();
    assert_eq!(MessageTransferEnvelope::decode(&alone).unwrap(), *envelope);
    assert!(decode_message_parts(REPORT).is_err());
}

#[test]
fn message_with_extensions() {
    let MtsApdu::Message(message) = MtsApdu::decode(MESSAGE).unwrap() else { panic!("a message") };
    let kinds: Vec<String> =
        message.envelope.extensions.iter().map(|extension| extension.kind.to_string()).collect();
    assert_eq!(
        kinds,
        ["message-security-label", "content-correlator", "internal-trace-information"]
    );
    let correlator = &message.envelope.extensions[1];
    assert_eq!(correlator.kind, ExtensionKind::Standard(standard::CONTENT_CORRELATOR));
    assert_eq!(correlator.value.as_bytes(), b"\x16\x06corr-1");
    let internal = internal_trace(&message.envelope.extensions).unwrap();
    assert_eq!(internal[0].mta_name, "MTA-EDDD-1");
    assert!(message.envelope.original_eits.is_some());
    assert_eq!(MtsApdu::Message(message).encode(), MESSAGE);
}

#[test]
fn probe() {
    let apdu = MtsApdu::decode(PROBE).unwrap();
    let MtsApdu::Probe(probe) = &apdu else { panic!("a probe") };
    assert_eq!(probe.envelope.mts_identifier.local, "RUST.3");
    assert!(probe.content_length.is_some() && probe.envelope.deferred_delivery.is_none());
    assert_eq!(probe.envelope.recipients.len(), 1);
    assert_eq!(apdu.encode(), PROBE);
}

#[test]
fn report_of_delivery_and_non_delivery() {
    let MtsApdu::Report(report) = MtsApdu::decode(REPORT).unwrap() else { panic!("a report") };
    assert_eq!(report.envelope.identifier.local, "PEER.9");
    assert_eq!(report.content.subject.local, "RUST.1");
    let [delivered, refused] = &report.content.recipients[..] else { panic!("two recipients") };
    assert_eq!(
        delivered.outcome,
        DeliveryOutcome::Delivered {
            time: "2026-11-22T06:47:10Z".parse().unwrap(),
            user_type: MtsUserType::PRIVATE
        }
    );
    assert_eq!(
        refused.outcome,
        DeliveryOutcome::NotDelivered {
            reason: ReasonCode::UNABLE_TO_TRANSFER,
            diagnostic: Some(DiagnosticCode::UNRECOGNISED_OR_NAME)
        }
    );
    assert_eq!(refused.number, 2);
    assert_eq!(refused.supplementary_information.as_ref().unwrap().as_str(), "no such user");
    assert_eq!(report.encode(), REPORT);
}

/// Indefinite lengths, a content in pieces and a SET in reverse order give the same value.
#[test]
fn other_encodings_of_the_same_message() {
    let element = ber::decode_one("test", PLAIN).unwrap();
    let mut parts = element.children().unwrap();
    let (envelope, content) = (parts.required("a").unwrap(), parts.required("b").unwrap());
    let fields = envelope.children().unwrap().collect_all().unwrap();
    let mut octets = vec![0xa0, 0x80, 0x31, 0x80];
    for field in fields.iter().rev() {
        octets.extend_from_slice(field.raw);
    }
    octets.extend_from_slice(&[0, 0, 0x24, 0x80]);
    for piece in content.contents().chunks(100) {
        octets.extend_from_slice(&[4, u8::try_from(piece.len()).unwrap()]);
        octets.extend_from_slice(piece);
    }
    octets.extend_from_slice(&[0, 0, 0, 0]);
    let apdu = MtsApdu::decode(&octets).unwrap();
    assert_eq!(apdu, MtsApdu::decode(PLAIN).unwrap());
    assert_eq!(apdu.encode(), PLAIN);
}

/// KB Q140937: a peer leaves three bits of the indicators unused; we send eight.
#[test]
fn q140937_indicators_with_unused_bits() {
    let at = PLAIN.windows(4).rposition(|window| window == [0x81, 0x02, 0x00, 0xa8]).unwrap();
    let mut octets = PLAIN.to_vec();
    octets[at + 2] = 3;
    let MtsApdu::Message(message) = MtsApdu::decode(&octets).unwrap() else { panic!("a message") };
    let encoded = MtsApdu::Message(message).encode();
    assert_eq!(encoded, PLAIN);
}
