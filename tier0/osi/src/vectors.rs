//! Every protocol data unit on its own: written, read back, and cut at every octet.

use std::borrow::Cow;
use std::fmt::Debug;

use ber::{Oid, decode_one};
use wire::DecodeError;

use crate::acse::{self, AssociateResult, Diagnostic};
use crate::presentation::{
    AbortPpdu, AcceptPpdu, ConnectPpdu, ContextId, ContextProposal, ContextVerdict, Pdv,
    ProviderAbortReason, RefusePpdu, UserData, ber_transfer_syntax, wrap_octets,
};
use crate::rtse::{
    self, ConnectionData, Data, DialogueMode, Negotiation, OpenAccept, OpenReject, OpenRequest,
    RtabReason, SessionIdentifier,
};
use crate::session::{
    Abort, Accept, Connect, ExceptionReason, Prefix, Reference, Refuse, RefuseCode, Resume, Spdu,
    Tsdu, Versions,
};
use crate::{External, Layer};

/// A BER value with nothing to say.
const VALUE: &[u8] = &[4, 2, 0xaa, 0xbb];

/// Asserts that `octets` are read as `expected`, and that no truncation of them is read.
fn check<'a, T: Debug + PartialEq>(
    octets: &'a [u8],
    expected: &T,
    decode: impl Fn(&'a [u8]) -> Result<T, DecodeError>,
) {
    assert_eq!(&decode(octets).unwrap(), expected);
    for length in 0..octets.len() {
        assert!(decode(&octets[..length]).is_err(), "{expected:?} cut at {length}");
    }
}

fn name(text: &str) -> Oid {
    text.parse().unwrap()
}

fn reference() -> Reference<'static> {
    Reference { user: &[4, 1, 1], common: &[23, 1, 2], additional: &[9] }
}

fn resume() -> Resume<'static> {
    Resume {
        called: &[1],
        calling: &[4, 1, 1],
        common: &[23, 1, 2],
        additional: &[9],
        old_activity: &[2, 1, 7],
        serial: 12,
        activity: &[2, 1, 8],
    }
}

fn spdus() -> Vec<Spdu<'static>> {
    let (reason, user_data, serial) = (ExceptionReason::SequenceError, VALUE, 999_998);
    vec![
        Spdu::Connect(Connect {
            reference: reference(),
            versions: Versions::TWO,
            token_setting: 0b10_10_10_10,
            units: 0x0249,
            calling_selector: b"a",
            called_selector: b"sixteen octets.!",
            overflow: true,
            user_data,
        }),
        Spdu::Accept(Accept {
            reference: reference(),
            version: Versions::ONE,
            token_setting: 0,
            units: 0x0249,
            user_data,
        }),
        Spdu::Refuse(Refuse { reference: reference(), code: RefuseCode::USER_DATA, user_data }),
        Spdu::Finish { user_data },
        Spdu::Disconnect { user_data },
        Spdu::NotFinished { user_data },
        Spdu::Abort(Abort {
            transport_released: true,
            by_user: true,
            protocol_error: true,
            user_data,
        }),
        Spdu::AbortAccept,
        Spdu::GiveTokens { tokens: 0x15 },
        Spdu::PleaseTokens { tokens: 0x15, user_data },
        Spdu::ActivityStart { activity: &[2, 1, 7], user_data },
        Spdu::ActivityResume(resume()),
        Spdu::ConnectDataOverflow { end: true, user_data },
        Spdu::ConnectDataOverflow { end: false, user_data },
        Spdu::OverflowAccept,
        Spdu::GiveTokensConfirm,
        Spdu::GiveTokensAck,
        Spdu::MinorSync { serial, explicit: true },
        Spdu::MinorSync { serial: 0, explicit: false },
        Spdu::MinorSyncAck { serial },
        Spdu::ActivityEnd { serial },
        Spdu::MajorSync { serial },
        Spdu::ActivityEndAck { serial },
        Spdu::ActivityInterrupt { reason },
        Spdu::ActivityInterruptAck,
        Spdu::ActivityDiscard { reason },
        Spdu::ActivityDiscardAck,
        Spdu::ExceptionReport,
        Spdu::ExceptionData { reason, user_data },
    ]
}

#[test]
fn session_units() {
    for spdu in spdus() {
        for prefix in [Prefix::Give, Prefix::Please] {
            let octets = spdu.encode(prefix).unwrap();
            assert_eq!(Tsdu::decode(&octets).unwrap().spdu, spdu);
            for length in 0..octets.len() {
                let cut = Tsdu::decode(&octets[..length]);
                // What is left of a concatenation at this one place is an empty GIVE TOKENS or
                // PLEASE TOKENS, whole in itself.
                let is_category_0 = length == 2 && octets[0] <= 2 && octets[1] == 0;
                assert_eq!(cut.is_ok(), is_category_0, "{} cut at {length}", spdu.name());
            }
            let longer = [&octets[..], &[0]].concat();
            assert!(Tsdu::decode(&longer).is_err(), "{} with an octet more", spdu.name());
        }
    }
}

#[test]
fn long_session_parameters() {
    for size in [1, 253, 254, 255, 256, 512, 513, 10_240] {
        let data = vec![0x55; size];
        let connect = Connect {
            reference: Reference::default(),
            versions: Versions::TWO,
            token_setting: 0,
            units: 0x0249,
            calling_selector: &[],
            called_selector: &[],
            overflow: false,
            user_data: &data,
        };
        let octets = Spdu::Connect(connect.clone()).encode(Prefix::Give).unwrap();
        assert_eq!(Tsdu::decode(&octets).unwrap().spdu, Spdu::Connect(connect));
        let code = if size > 512 { 194 } else { 193 };
        let at = octets.len() - size - if size < 255 { 2 } else { 4 };
        assert_eq!(octets[at], code);
    }
    let data = vec![0; 70_000];
    assert!(Spdu::Finish { user_data: &data }.encode(Prefix::Give).is_err());
}

#[test]
fn segmented_data_are_refused() {
    assert!(Tsdu::decode(&[1, 0, 1, 3, 25, 1, 1, 0x61]).is_err());
    assert!(Tsdu::decode(&[1, 0, 1, 3, 25, 1, 3, 0x61]).is_ok());
}

#[test]
fn serial_numbers_are_one_to_six_digits() {
    for wrong in [&b""[..], b"1234567", b"-1", b"1a"] {
        let length = u8::try_from(wrong.len()).unwrap();
        let tsdu = [&[1, 0, 49, length + 2, 42, length], wrong].concat();
        assert!(Tsdu::decode(&tsdu).is_err());
    }
}

fn verdicts() -> Vec<ContextVerdict> {
    vec![
        ContextVerdict::Accepted(ber_transfer_syntax()),
        ContextVerdict::UserRejected,
        ContextVerdict::AbstractSyntax,
        ContextVerdict::TransferSyntaxes,
        ContextVerdict::Provider(Some(3)),
        ContextVerdict::Provider(None),
    ]
}

#[test]
fn presentation_units() {
    let connect = ConnectPpdu {
        x410: None,
        calling_selector: b"from".to_vec(),
        called_selector: b"to".to_vec(),
        contexts: vec![ContextProposal {
            id: ContextId(300),
            abstract_syntax: name("2.6.0.2.7"),
            transfer_syntaxes: vec![ber_transfer_syntax(), name("1.2.3")],
        }],
        user_data: UserData::single(ContextId(1), VALUE),
    };
    check(&connect.encode(), &connect, ConnectPpdu::decode);
    let accept = AcceptPpdu {
        responding_selector: b"to".to_vec(),
        results: verdicts(),
        user_data: UserData::single(ContextId(1), VALUE),
    };
    check(&accept.encode(), &accept, AcceptPpdu::decode);
    for provider_reason in [None, Some(4)] {
        let user_data = UserData::single(ContextId(1), VALUE);
        let refuse = RefusePpdu { results: verdicts(), provider_reason, user_data };
        check(&refuse.encode(), &refuse, RefusePpdu::decode);
    }
    for abort in [
        AbortPpdu::User(UserData::single(ContextId(1), VALUE)),
        AbortPpdu::User(UserData::default()),
        AbortPpdu::Provider(ProviderAbortReason::UnexpectedPpdu),
        AbortPpdu::Provider(ProviderAbortReason::Other(99)),
    ] {
        check(&abort.encode(), &abort, AbortPpdu::decode);
    }
}

#[test]
fn contexts_are_numbered_once_and_bounded() {
    let proposal = |id| ContextProposal {
        id: ContextId(id),
        abstract_syntax: name("1.2.3"),
        transfer_syntaxes: vec![ber_transfer_syntax()],
    };
    let connect = |contexts| ConnectPpdu {
        x410: None,
        calling_selector: Vec::new(),
        called_selector: Vec::new(),
        contexts,
        user_data: UserData::default(),
    };
    let twice = connect(vec![proposal(1), proposal(1)]).encode();
    assert!(ConnectPpdu::decode(&twice).is_err());
    let many = connect((0..33).map(proposal).collect()).encode();
    assert!(ConnectPpdu::decode(&many).is_err());
}

#[test]
fn octets_wrapped_in_one_go_equal_those_of_the_encoder() {
    for size in [0, 1, 100, 127, 128, 255, 256, 65_535, 65_536, 70_000] {
        let octets = vec![7; size];
        for context in [ContextId(3), ContextId(300)] {
            let rttr = Data::Transfer(Cow::Borrowed(&octets)).encode();
            let expected = UserData::single(context, &rttr).to_vec();
            let wrapped = wrap_octets(&[], context, size, |out| out.extend_from_slice(&octets));
            assert!(wrapped == expected, "{size}");

            let mut head = crate::presentation::external_head(context, size);
            head.extend_from_slice(&octets);
            let mut encoder = ber::Encoder::new();
            External::new(context, &octets).encode(&mut encoder);
            assert!(head == encoder.finish(), "{size}");
        }
    }
}

#[test]
fn user_data_of_other_forms() {
    let decode = |octets: &[u8]| -> Result<Vec<(i64, Vec<u8>)>, DecodeError> {
        let UserData(values) = UserData::decode(decode_one("test", octets)?)?;
        Ok(values
            .into_iter()
            .map(|Pdv { context, value }| (context.0, value.into_owned()))
            .collect())
    };
    // A transfer syntax name before, an octet-aligned value, indefinite lengths.
    let named = [0x61, 0x0d, 0x30, 0x0b, 6, 2, 0x51, 1, 2, 1, 3, 0xa0, 2, 5, 0];
    assert_eq!(decode(&named).unwrap(), [(3, vec![5, 0])]);
    let aligned = [0x61, 0x09, 0x30, 0x07, 2, 1, 3, 0x81, 2, 5, 0];
    assert_eq!(decode(&aligned).unwrap(), [(3, vec![5, 0])]);
    let indefinite = [0x61, 0x80, 0x30, 0x80, 2, 1, 3, 0xa0, 0x80, 5, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(decode(&indefinite).unwrap(), [(3, vec![5, 0])]);
    // Simply encoded, an arbitrary bit string, no context.
    for wrong in [
        &[0x40, 2, 5, 0][..],
        &[0x61, 0x0a, 0x30, 0x08, 2, 1, 3, 0x82, 3, 0, 5, 0],
        &[0x61, 6, 0x30, 4, 0xa0, 2, 5, 0],
    ] {
        assert!(decode(wrong).is_err());
    }
}

#[test]
fn association_control_units() {
    let information = || Some(External::new(ContextId(3), VALUE));
    for apdu in [
        acse::Apdu::AssociateRequest {
            version_1: true,
            application_context: name("2.6.0.1.6"),
            user_information: information(),
        },
        acse::Apdu::AssociateResponse {
            application_context: name("2.6.0.1.6"),
            result: AssociateResult::RejectedTransient,
            diagnostic: Diagnostic::NO_COMMON_VERSION,
            user_information: information(),
        },
        acse::Apdu::AssociateResponse {
            application_context: name("2.6.0.1.6"),
            result: AssociateResult::Accepted,
            diagnostic: Diagnostic::NULL,
            user_information: None,
        },
        acse::Apdu::ReleaseRequest { reason: Some(0) },
        acse::Apdu::ReleaseResponse { reason: None },
        acse::Apdu::Abort { by_provider: true, user_information: None },
        acse::Apdu::Abort { by_provider: false, user_information: information() },
    ] {
        check(&apdu.encode(), &apdu, acse::Apdu::decode);
    }
}

#[test]
fn association_request_without_version_and_with_direct_reference() {
    // Application context, then a title, then user information with reference 2.1.1 as well.
    let aarq = [
        0x60, 0x1e, 0xa1, 6, 6, 4, 0x56, 0, 1, 6, 0xa6, 3, 6, 1, 0x55, 0xbe, 0x0f, 0x28, 0x0d, 6,
        2, 0x51, 1, 2, 1, 3, 0xa0, 4, 4, 2, 0xaa, 0xbb,
    ];
    let expected = acse::Apdu::AssociateRequest {
        version_1: true,
        application_context: name("2.6.0.1.6"),
        user_information: Some(External::new(ContextId(3), VALUE)),
    };
    check(&aarq, &expected, acse::Apdu::decode);
}

#[test]
fn reliable_transfer_units() {
    let negotiation = Negotiation { checkpoint_kib: 30, window: 5 };
    for dialogue in [DialogueMode::Monologue, DialogueMode::TwoWayAlternate] {
        let data = ConnectionData::Open(VALUE);
        let request = OpenRequest { negotiation, dialogue, data, application_protocol: Some(12) };
        check(&request.encode(), &request, OpenRequest::decode);
    }
    let accept = OpenAccept { negotiation, data: ConnectionData::Open(VALUE) };
    check(&accept.encode(), &accept, OpenAccept::decode);
    for user_data in [None, Some(VALUE)] {
        let reject = OpenReject { reason: None, user_data };
        check(&reject.encode(), &reject, OpenReject::decode);
    }
    for reason in [RtabReason::TransferCompleted, RtabReason::Other(77)] {
        let abort = rtse::Abort { reason };
        check(&abort.encode(), &abort, rtse::Abort::decode);
    }
    for data in [Data::Transfer(Cow::Borrowed(b"octets")), Data::TurnPlease { priority: 5 }] {
        check(&data.encode(), &data, Data::decode);
    }
}

#[test]
fn absent_negotiation_means_the_defaults() {
    let request = [0xb0, 8, 0xa3, 6, 0xa0, 4, 4, 2, 0xaa, 0xbb];
    let decoded = OpenRequest::decode(&request).unwrap();
    assert_eq!(decoded.negotiation, Negotiation { checkpoint_kib: 0, window: 3 });
    assert_eq!(decoded.dialogue, DialogueMode::Monologue);
    let session =
        SessionIdentifier { calling: vec![4, 1, 7], common: vec![23, 1, 8], additional: vec![9] };
    let recover = OpenRequest {
        data: ConnectionData::Recover(session),
        application_protocol: None,
        ..decoded
    };
    check(&recover.encode(), &recover, OpenRequest::decode);
}

#[test]
fn negotiation_never_grows() {
    let pair = |checkpoint_kib, window| Negotiation { checkpoint_kib, window };
    // (proposed, own, answer)
    for (proposed, own, answer) in [
        (pair(30, 3), pair(30, 3), pair(30, 3)),
        (pair(63, 3), pair(30, 5), pair(30, 3)),
        (pair(1, 1), pair(30, 3), pair(1, 1)),
        (pair(0, 3), pair(30, 3), pair(0, 3)),
        (pair(30, 3), pair(0, 0), pair(0, 1)),
    ] {
        assert_eq!(proposed.answer(own), answer);
    }
    // (proposed, answered, used)
    for (proposed, answered, used) in [
        (pair(30, 3), pair(30, 3), pair(30, 3)),
        (pair(30, 1), pair(64, 3), pair(30, 1)),
        (pair(30, 3), pair(0, 3), pair(0, 3)),
        (pair(0, 3), pair(4, 3), pair(4, 3)),
    ] {
        assert_eq!(proposed.settle(answered), used);
    }
}

#[test]
fn errors_name_their_layer() {
    let error = rtse::Abort::decode(&[]).map_err(Layer::Rtse.malformed()).unwrap_err();
    assert_eq!(error.to_string(), "malformed rtse protocol data unit");
}
