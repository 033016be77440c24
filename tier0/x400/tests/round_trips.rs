//! Any value encodes to octets that decode to it again, and no octets make a decoder panic.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panic too")]

use ber::{BitString, Tag};
use jiff::Timestamp;
use proptest::prelude::*;
use x400::{
    ContentType, Criticality, DeliveryOutcome, DiagnosticCode, DomainDefinedAttribute,
    ExtensionField, ExtensionKind, GlobalDomainIdentifier, Message, MessageTransferEnvelope,
    MtsApdu, MtsIdentifier, MtsUserType, OrAddress, OrName, PerRecipientFields,
    PerRecipientIndicators, PerRecipientReportFields, PersonalName, Priority, Probe, ReasonCode,
    Report, ReportContent, ReportTransferEnvelope, SupplementaryInformation, SuppliedInformation,
    TraceElement,
};

const TEXT: &str = "[A-Za-z0-9 '()+,./:=?$;-]{1,20}";

fn text() -> impl Strategy<Value = String> {
    TEXT
}

fn domain() -> impl Strategy<Value = GlobalDomainIdentifier> {
    (text(), text(), proptest::option::of(text()))
        .prop_map(|(country, admd, prmd)| GlobalDomainIdentifier { country, admd, prmd })
}

fn identifier() -> impl Strategy<Value = MtsIdentifier> {
    (domain(), "[ -~]{1,32}").prop_map(|(domain, local)| MtsIdentifier { domain, local })
}

fn address() -> impl Strategy<Value = OrAddress> {
    let some = || proptest::option::of(text());
    let person = (text(), some(), some(), some()).prop_map(|(surname, given_name, initials, q)| {
        PersonalName { surname, given_name, initials, generation_qualifier: q }
    });
    let attribute =
        (text(), text()).prop_map(|(kind, value)| DomainDefinedAttribute { kind, value });
    (
        [some(), some(), some(), some(), some()],
        proptest::option::of(person),
        proptest::collection::vec(text(), 0..4),
        some(),
        proptest::collection::vec(attribute, 0..4),
    )
        .prop_map(
            |(plain, personal_name, organizational_units, common_name, domain_defined)| {
                let [country, admd, prmd, organization, network_address] = plain;
                OrAddress {
                    country,
                    admd,
                    prmd,
                    organization,
                    network_address,
                    personal_name,
                    organizational_units,
                    common_name,
                    domain_defined,
                    ..OrAddress::default()
                }
            },
        )
}

fn name() -> impl Strategy<Value = OrName> {
    address().prop_map(OrName::from)
}

fn time() -> impl Strategy<Value = Timestamp> {
    // 1970 to 2065, inside the century window of the decoders.
    (0_i64..3_000_000_000).prop_map(|seconds| Timestamp::from_second(seconds).unwrap())
}

fn indicators() -> impl Strategy<Value = PerRecipientIndicators> {
    any::<[bool; 5]>().prop_map(|bits| PerRecipientIndicators {
        responsibility: bits[0],
        mta_report: bits[1],
        mta_non_delivery_report: bits[2],
        originator_report: bits[3],
        originator_non_delivery_report: bits[4],
    })
}

fn extension() -> impl Strategy<Value = ExtensionField> {
    let kind = prop_oneof![
        (0_i64..100_000).prop_map(ExtensionKind::Standard),
        proptest::collection::vec(any::<u128>(), 0..3).prop_map(|arcs| {
            let arcs = [&[1, 3][..], &arcs].concat();
            ExtensionKind::Private(ber::Oid::from_arcs(&arcs).unwrap())
        }),
    ];
    (kind, any::<[bool; 3]>(), proptest::collection::vec(any::<u8>(), 0..40)).prop_map(
        |(kind, [submission, transfer, delivery], octets)| {
            let mut field = ExtensionField::standard(0, |encoder| {
                encoder.octets(Tag::OCTET_STRING, &octets);
            });
            field.kind = kind;
            field.criticality = Criticality::new(submission, transfer, delivery);
            field
        },
    )
}

fn extensions() -> impl Strategy<Value = Vec<ExtensionField>> {
    proptest::collection::vec(extension(), 0..3)
}

fn trace() -> impl Strategy<Value = Vec<TraceElement>> {
    let element = (domain(), time()).prop_map(|(domain, arrival)| TraceElement {
        domain,
        supplied: SuppliedInformation::relayed(arrival),
    });
    proptest::collection::vec(element, 0..3)
}

fn content_type() -> impl Strategy<Value = ContentType> {
    prop_oneof![
        any::<i64>().prop_map(ContentType::BuiltIn),
        any::<u128>().prop_map(|arc| {
            ContentType::Extended(ber::Oid::from_arcs(&[2, 25, arc, 1]).unwrap())
        }),
    ]
}

prop_compose! {
    fn recipient()(
        recipient in name(),
        number in any::<u32>(),
        indicators in indicators(),
        explicit_conversion in proptest::option::of(any::<i64>()),
        extensions in extensions(),
    ) -> PerRecipientFields {
        PerRecipientFields { recipient, number, indicators, explicit_conversion, extensions, unknown: Vec::new() }
    }
}

prop_compose! {
    fn envelope()(
        mts_identifier in identifier(),
        originator in name(),
        content_type in content_type(),
        content_identifier in proptest::option::of("[A-Za-z0-9 ]{0,16}"),
        priority in prop_oneof![Just(Priority::Urgent), Just(Priority::Normal), Just(Priority::NonUrgent)],
        disclose in any::<bool>(),
        deferred_delivery in proptest::option::of(time()),
        trace in trace(),
        extensions in extensions(),
        recipients in proptest::collection::vec(recipient(), 0..4),
    ) -> MessageTransferEnvelope {
        let per_message_indicators =
            if disclose { BitString::from_bits(&[true]) } else { BitString::default() };
        MessageTransferEnvelope {
            mts_identifier, originator, original_eits: None, content_type, content_identifier, priority,
            per_message_indicators, deferred_delivery, bilateral: None, trace, extensions, recipients,
            unknown: Vec::new(),
        }
    }
}

fn outcome() -> impl Strategy<Value = DeliveryOutcome> {
    prop_oneof![
        (time(), 0_i64..9).prop_map(|(time, user)| DeliveryOutcome::Delivered {
            time,
            user_type: MtsUserType(user)
        }),
        (any::<i64>(), proptest::option::of(any::<i64>())).prop_map(|(reason, diagnostic)| {
            DeliveryOutcome::NotDelivered {
                reason: ReasonCode(reason),
                diagnostic: diagnostic.map(DiagnosticCode),
            }
        }),
    ]
}

prop_compose! {
    fn reported()(
        actual_recipient in name(),
        number in any::<u32>(),
        indicators in indicators(),
        arrival in time(),
        outcome in outcome(),
        intended_recipient in proptest::option::of(name()),
        supplementary in "\\PC{0,300}",
        extensions in extensions(),
    ) -> PerRecipientReportFields {
        PerRecipientReportFields {
            actual_recipient, number, indicators, arrival, converted_eits: None, outcome, intended_recipient,
            supplementary_information: SupplementaryInformation::new(&supplementary), extensions,
            unknown: Vec::new(),
        }
    }
}

prop_compose! {
    fn report()(
        identifier in identifier(),
        subject in identifier(),
        destination in name(),
        trace in trace(),
        content_type in proptest::option::of(content_type()),
        returned_content in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..300)),
        extensions in extensions(),
        recipients in proptest::collection::vec(reported(), 0..3),
    ) -> Report {
        Report {
            envelope: ReportTransferEnvelope {
                identifier, destination, trace, extensions: extensions.clone(), unknown: Vec::new(),
            },
            content: ReportContent {
                subject, intermediate_trace: Vec::new(), original_eits: None, content_type,
                content_identifier: None, returned_content, additional_information: None, extensions,
                recipients, unknown: Vec::new(),
            },
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn messages(envelope in envelope(), content in proptest::collection::vec(any::<u8>(), 0..400)) {
        let apdu = MtsApdu::Message(Message { envelope, content });
        let octets = apdu.encode();
        prop_assert_eq!(MtsApdu::decode(&octets).unwrap(), apdu.clone());
        prop_assert_eq!(MtsApdu::decode(&octets).unwrap().encode(), octets);
    }

    #[test]
    fn probes(envelope in envelope(), content_length in proptest::option::of(any::<i64>())) {
        // A probe has neither of these.
        let envelope = MessageTransferEnvelope {
            priority: Priority::Normal, deferred_delivery: None, ..envelope
        };
        let apdu = MtsApdu::Probe(Probe { envelope, content_length });
        let octets = apdu.encode();
        prop_assert_eq!(MtsApdu::decode(&octets).unwrap(), apdu);
    }

    #[test]
    fn reports(report in report()) {
        let apdu = MtsApdu::Report(report);
        let octets = apdu.encode();
        prop_assert_eq!(MtsApdu::decode(&octets).unwrap(), apdu);
    }

    #[test]
    fn texts(address in address(), identifier in identifier()) {
        prop_assert_eq!(identifier.to_string().parse::<MtsIdentifier>().unwrap(), identifier);
        let mut address = address;
        address.country.get_or_insert_with(|| "US".to_owned());
        let text = address.to_string();
        let read: OrAddress = text.parse().unwrap();
        prop_assert_eq!(read.to_string(), text);
        prop_assert_eq!(read, address);
    }

    #[test]
    fn any_octets(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = MtsApdu::decode(&octets);
        let _ = OrName::decode(&octets);
    }

    #[test]
    fn bent_octets(envelope in envelope(), at in any::<proptest::sample::Index>(), octet in any::<u8>()) {
        let mut octets = MtsApdu::Message(Message { envelope, content: vec![0; 20] }).encode();
        let at = at.index(octets.len());
        octets[at] = octet;
        if let Ok(apdu) = MtsApdu::decode(&octets) {
            let _ = apdu.encode();
        }
    }

    #[test]
    fn any_text(text in "\\PC{0,60}") {
        let _ = text.parse::<OrAddress>();
        let _ = text.parse::<MtsIdentifier>();
    }
}

/// 10,000 random APDUs there and back. With a folder in `BINDBACK_RANDOM_APDUS` they are written there, a thousand in
/// each file, for a decoder of somebody else: `another_decoder_agrees_on_ten_thousand_apdus`.
#[test]
#[ignore = "10,000 random APDUs"]
#[expect(clippy::disallowed_methods, reason = "files are how another program gets them")]
fn ten_thousand_for_another_decoder() {
    use proptest::strategy::ValueTree;
    let folder = std::env::var_os("BINDBACK_RANDOM_APDUS");
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for part in 0..10 {
        let mut octets = Vec::new();
        for number in 0..1000 {
            let apdu = if number % 10 == 0 {
                MtsApdu::Report(report().new_tree(&mut runner).unwrap().current())
            } else {
                let envelope = envelope().new_tree(&mut runner).unwrap().current();
                MtsApdu::Message(Message { envelope, content: vec![b'x'; number % 300] })
            };
            let encoded = apdu.encode();
            assert_eq!(MtsApdu::decode(&encoded).unwrap(), apdu);
            octets.extend(encoded);
        }
        if let Some(folder) = &folder {
            std::fs::write(std::path::Path::new(folder).join(format!("{part}.ber")), octets)
                .unwrap();
        }
    }
}
