//! An exchange of another implementation, decoded without complaint by two independent tools: a
//! probe in normal mode with checkpoints of 1 KiB. Octets are facts; each is read and written.

use wire::from_hex;

use super::*;

const CONNECT: &str = "0dc0011c0a090407727573746d74610b0f170d3236313132323036343730305a05091301001601021a0100\
    1402024934025331c18d31818aa003800101a2818282025031a433300f0201010604520100013004060251\
    01300f02010306045600020c300406025101300f02010506045600020730040602510161473045020101a0\
    40603e80020780a106060456000106be30282e020103a029b027800101810103820100a31ca01ab018a116\
    800a4d54412d454444442d31a1081606736563726574";
const ACCEPT: &str = "0ea7011c09090407706565726d74610b0f170d3236313132323036343730305a05091301001601021a0100\
    14020249c1783176a003800101a26fa51b3007800100810251013007800100810251013007800100810251\
    016150304e020101a049614780020780a106060456000106a203020100a305a103020100be2d282b020103\
    a026b124800101810103a21ca01ab118a116800a4d54412d4c4646462d31a1081606736563726574";
const MINOR_SYNC: &str = "010031032a0131";
const MINOR_SYNC_ACK: &str = "020032032a0131";
const ACTIVITY_END: &str = "010029032a0131";
const ACTIVITY_END_ACK: &str = "02002a032a0131";
const ACTIVITY_START: &str = "01002d052903020103";
const DATA: &str = "010001006181ec3081e9020103a081e30481e02881dd020105a081d7a281d4641e63146104130258586206\
    13044943414f1304454444441606525553542e33602a3028610413025858620613044943414fa206130445\
    44444483044146544ea60a130845444444594659584601164a0750524f424520318002100048020520692c\
    302a6314610413025858620613044943414f1304454444443112800d3236313132323036343730305a8201\
    00a244314260393024610413025858620613044943414fa20613044c46464683044c464646a60613044c46\
    50473111300f800101a10a13084c4650475a505a58800101810200d0";
const FINISH: &str = "0913110101c10e610c300a020101a0056203800100";
const DISCONNECT: &str = "0a10c10e610c300a020101a0056303800100";

const ALL: [&str; 10] = [
    CONNECT,
    ACCEPT,
    MINOR_SYNC,
    MINOR_SYNC_ACK,
    ACTIVITY_START,
    DATA,
    ACTIVITY_END,
    ACTIVITY_END_ACK,
    FINISH,
    DISCONNECT,
];

fn octets(hex: &str) -> Vec<u8> {
    from_hex(hex).unwrap()
}

#[test]
fn every_unit_is_read_and_written_the_same() {
    for hex in ALL {
        let octets = octets(hex);
        let tsdu = Tsdu::decode(&octets).unwrap();
        let prefix = tsdu.prefix.unwrap_or(Prefix::Give);
        assert_eq!(tsdu.spdu.encode(prefix).unwrap(), octets, "{}", tsdu.spdu.name());
    }
}

#[test]
fn responder_serves_the_initiator_of_the_sample() {
    let mut stack = Stack::responder(RespondParameters::new(syntaxes()));
    stack.handle_tsdu(&octets(CONNECT)).unwrap();
    let Some(StackEvent::OpenIndication { bind_argument, checkpoint_kib: 1, window: 3, .. }) =
        stack.poll_event()
    else {
        panic!("no indication");
    };
    // MTABind, authenticated, with a name and a password.
    assert_eq!(bind_argument[..4], [0xb0, 0x18, 0xa1, 0x16]);
    stack.accept_open(apdu(4));
    for hex in [ACTIVITY_START, DATA, ACTIVITY_END] {
        stack.handle_tsdu(&octets(hex)).unwrap();
    }
    let Some(StackEvent::TransferIndication { apdu }) = stack.poll_event() else {
        panic!("no transfer");
    };
    // A probe: the octets behind the EXTERNAL's head, to the end of the data.
    assert_eq!(apdu[..3], [0xa2, 0x81, 0xd4]);
    assert!(octets(DATA).ends_with(&apdu));
    stack.confirm_transfer().unwrap();
    stack.handle_tsdu(&octets(FINISH)).unwrap();
    let sent: Vec<_> = std::iter::from_fn(|| stack.poll_transmit()).collect();
    assert_eq!(sent[1..], [octets(ACTIVITY_END_ACK), octets(DISCONNECT)]);
    assert_eq!(stack.poll_event(), Some(StackEvent::ReleaseIndication));
}

#[test]
fn initiator_sends_what_the_sample_sends() {
    let probe = {
        let data = octets(DATA);
        data[data.len() - 215..].to_vec()
    };
    let parameters = OpenParameters { checkpoint_kib: 1, ..open_parameters() };
    let mut stack = Stack::initiator(parameters);
    let _ = stack.poll_transmit();
    stack.handle_tsdu(&octets(ACCEPT)).unwrap();
    let Some(StackEvent::OpenConfirmed { bind_result }) = stack.poll_event() else {
        panic!("not open");
    };
    assert_eq!(bind_result[..4], [0xb1, 0x18, 0xa1, 0x16]);
    stack.transfer(probe).unwrap();
    let sent: Vec<_> = std::iter::from_fn(|| stack.poll_transmit()).collect();
    let start = Spdu::ActivityStart { activity: &[2, 1, 1], user_data: &[] };
    assert_eq!(sent[0], start.encode(Prefix::Give).unwrap());
    assert_eq!(sent[1..], [octets(DATA), octets(ACTIVITY_END)]);
    stack.handle_tsdu(&octets(ACTIVITY_END_ACK)).unwrap();
    assert_eq!(stack.poll_event(), Some(StackEvent::TransferConfirmed));
    stack.release();
    assert_eq!(stack.poll_transmit(), Some(octets(FINISH)));
    stack.handle_tsdu(&octets(DISCONNECT)).unwrap();
    assert_eq!(stack.poll_event(), Some(StackEvent::Released));
}

#[test]
fn opening_is_octet_for_octet_that_of_the_sample() {
    let bind = |tag: u8, name: &[u8]| {
        let value = [&[tag, 0x18, 0xa1, 0x16, 0x80, 0x0a], name, &[0xa1, 8, 0x16, 6], b"secret"];
        value.concat()
    };
    let bind_argument = bind(0xb0, b"MTA-EDDD-1");
    let initiator = OpenParameters {
        checkpoint_kib: 1,
        calling_reference: b"rustmta".to_vec(),
        common_reference: "261122064700Z".to_owned(),
        called_psel: b"P1".to_vec(),
        called_ssel: b"S1".to_vec(),
        ..OpenParameters::new(syntaxes(), bind_argument)
    };
    let responder = RespondParameters {
        responding_reference: b"peermta".to_vec(),
        ..RespondParameters::new(syntaxes())
    };
    let mut pair = Pair::new(initiator, responder);
    pair.run();
    assert_eq!(pair.to_responder, [octets(CONNECT)]);
    pair.responder.accept_open(bind(0xb1, b"MTA-LFFF-1"));
    pair.run();
    assert_eq!(pair.to_initiator, [octets(ACCEPT)]);
    assert!(pair.initiator.is_open());
}
