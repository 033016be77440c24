//! BER and the OSI stack.

use ber::Element;
use osi::observe::{Observer, Sender, Traced};
use osi::presentation::{AbortPpdu, AcceptPpdu, ConnectPpdu, RefusePpdu, UserData};
use osi::session::{Prefix, Tsdu};
use osi::transport::{Cotp, CotpEvent, CotpParameters, Tpdu, tpkt};
use osi::{Abstract, OpenParameters, Rejection, RespondParameters, Stack, StackEvent, acse, rtse};

use crate::{choice, parts, text};

/// Elements looked at in one input: an input of 4 KiB has fewer.
const MAX_ELEMENTS: usize = 10_000;

pub fn ber_elements(octets: &[u8]) {
    let _ = ber::decode_prefix("fuzz", octets);
    let _ = ber::decode_partial("fuzz", octets);
    if let Some(oid) = text(octets).and_then(|text| text.parse::<ber::Oid>().ok()) {
        assert_eq!(oid.to_string().parse::<ber::Oid>().ok(), Some(oid));
    }
    let Ok(element) = ber::decode_one("fuzz", octets) else { return };
    assert_eq!(element.raw, octets);
    let mut waiting = vec![element];
    let mut seen = 0;
    while let Some(element) = waiting.pop() {
        seen += 1;
        if seen > MAX_ELEMENTS {
            return;
        }
        values(&element);
        if let Ok(mut children) = element.children()
            && let Ok(all) = children.collect_all()
        {
            waiting.extend(all);
        }
    }
}

fn values(element: &Element<'_>) {
    let _ = element.integer("a");
    let _ = element.boolean("b");
    let _ = element.null("c");
    let _ = element.octets("e");
    let _ = element.bits("f");
    let _ = element.text("g");
    if let Ok(oid) = element.oid("d") {
        // By the text: an encoding that X.690 8.19.2 forbids is kept as it came, and shown as what it means.
        let shown = oid.to_string();
        let again = shown.parse::<ber::Oid>().expect("an identifier that was shown");
        assert_eq!(again.to_string(), shown);
    }
}

pub fn transport(octets: &[u8]) {
    if let Ok(Some((tpdu, used))) = tpkt::decode(octets) {
        assert!(used <= octets.len() && tpdu.len() < used);
        let mut written = Vec::new();
        tpkt::encode(tpdu, &mut written).expect("a packet that was read");
        assert_eq!(tpkt::decode(&written).expect("a packet").expect("whole").0, tpdu);
    }
    if let Ok(tpdu) = Tpdu::decode(octets)
        && let Ok(written) = tpdu.encode()
    {
        Tpdu::decode(&written).expect("a TPDU that was written");
    }
}

pub fn cotp(octets: &[u8]) {
    let Some((first, rest)) = choice(octets) else { return };
    let parameters = CotpParameters {
        reference: 7,
        maximum_tpdu: if first & 2 == 0 { 2048 } else { 65531 },
        maximum_tsdu: 100_000,
        calling_selector: Some(b"WEST".to_vec()),
        called_selector: Some(b"EAST".to_vec()),
    };
    let mut cotp = if first & 1 == 0 {
        Cotp::responder(parameters)
    } else {
        Cotp::initiator(parameters).expect("selectors fit")
    };
    for part in rest.chunks(if first & 4 == 0 { usize::MAX } else { 5 }) {
        let taken = cotp.handle_octets(part);
        while cotp.poll_output().is_some() {}
        while let Some(event) = cotp.poll_event() {
            match event {
                CotpEvent::Indication { .. } => drop(cotp.accept()),
                CotpEvent::Connected { .. } => drop(cotp.send_tsdu(&[1; 3000])),
                _ => {}
            }
        }
        assert!(taken.is_ok() || cotp.is_closed());
    }
}

pub fn session(octets: &[u8]) {
    if let Ok(tsdu) = Tsdu::decode(octets)
        && let Ok(written) = tsdu.spdu.encode(tsdu.prefix.unwrap_or(Prefix::Give))
    {
        let again = Tsdu::decode(&written).expect("an SPDU that was written");
        assert_eq!(again.spdu, tsdu.spdu);
    }
}

/// What stands octet-aligned need not be BER, but can be written as nothing else.
fn is_ber(data: &UserData<'_>) -> bool {
    data.0.iter().all(|pdv| ber::decode_one("fuzz", &pdv.value).is_ok())
}

pub fn presentation(octets: &[u8]) {
    if let Ok(ppdu) = ConnectPpdu::decode(octets)
        && is_ber(&ppdu.user_data)
    {
        ConnectPpdu::decode(&ppdu.encode()).expect("a CP that was written");
    }
    if let Ok(ppdu) = AcceptPpdu::decode(octets)
        && is_ber(&ppdu.user_data)
    {
        AcceptPpdu::decode(&ppdu.encode()).expect("a CPA that was written");
    }
    if let Ok(ppdu) = RefusePpdu::decode(octets)
        && is_ber(&ppdu.user_data)
    {
        RefusePpdu::decode(&ppdu.encode()).expect("a CPR that was written");
    }
    if let Ok(ppdu) = AbortPpdu::decode(octets) {
        AbortPpdu::decode(&ppdu.encode()).expect("an ARU or ARP that was written");
    }
    if let Ok(element) = ber::decode_one("fuzz", octets)
        && UserData::is(&element)
        && let Ok(data) = UserData::decode(element)
    {
        let _ = data.to_vec();
    }
}

pub fn acse_rtse(octets: &[u8]) {
    if let Ok(apdu) = acse::Apdu::decode(octets) {
        assert_eq!(acse::Apdu::decode(&apdu.encode()).expect("an ACSE APDU"), apdu);
    }
    if let Ok(apdu) = rtse::OpenRequest::decode(octets) {
        assert_eq!(rtse::OpenRequest::decode(&apdu.encode()).expect("an RTORQ"), apdu);
    }
    if let Ok(apdu) = rtse::OpenAccept::decode(octets) {
        assert_eq!(rtse::OpenAccept::decode(&apdu.encode()).expect("an RTOAC"), apdu);
    }
    if let Ok(apdu) = rtse::OpenReject::decode(octets) {
        assert_eq!(rtse::OpenReject::decode(&apdu.encode()).expect("an RTORJ"), apdu);
    }
    if let Ok(apdu) = rtse::Abort::decode(octets) {
        rtse::Abort::decode(&apdu.encode()).expect("an RTAB");
    }
    if let Ok(apdu) = rtse::Data::decode(octets) {
        let _ = apdu.encode();
    }
}

fn syntaxes() -> Abstract {
    let oid = |text: &str| text.parse().expect("an object identifier");
    Abstract {
        application_context: oid("2.6.0.1.6"),
        rtse_syntax: oid("2.6.0.2.7"),
        apdu_syntax: oid("2.6.0.2.12"),
    }
}

pub fn stack(octets: &[u8]) {
    let Some((first, rest)) = choice(octets) else { return };
    let mut stack = if first & 1 == 0 {
        Stack::responder(RespondParameters::new(syntaxes()))
    } else {
        let argument = vec![0xb0, 0x04, 0x31, 0x02, 0x80, 0x00];
        Stack::initiator(OpenParameters::new(syntaxes(), argument))
    };
    for tsdu in parts(rest) {
        let taken = stack.handle_tsdu(tsdu);
        while let Some(event) = stack.poll_event() {
            match event {
                StackEvent::OpenIndication { .. } if first & 2 == 0 => {
                    stack.accept_open(vec![0xb1, 0x04, 0x31, 0x02, 0x80, 0x00]);
                }
                StackEvent::OpenIndication { .. } => stack.refuse_open(None, Rejection::Busy),
                StackEvent::RecoveryIndication { .. } => {
                    stack.refuse_open(None, Rejection::CannotRecover);
                }
                StackEvent::OpenConfirmed { .. } => drop(stack.transfer(vec![0x30; 40_000])),
                StackEvent::TransferIndication { .. } => drop(stack.confirm_transfer()),
                _ => {}
            }
        }
        while stack.poll_transmit().is_some() {}
        if taken.is_err() {
            break;
        }
    }
}

pub fn observe(octets: &[u8]) {
    let mut observer = Observer::default();
    for (index, tsdu) in parts(octets).enumerate() {
        let mut traced = Traced::default();
        traced.push(tsdu, index * 100_000);
        let sender = if index % 2 == 0 { Sender::Initiator } else { Sender::Responder };
        if let Some(observed) = observer.handle_tsdu(sender, &traced) {
            assert!(observed.octets.octets().len() <= octets.len());
        }
    }
    let _ = observer.finish();
}
