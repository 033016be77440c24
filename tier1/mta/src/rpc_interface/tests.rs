use super::*;

/// The declarations of the IDL, comments gone and white space folded.
fn idl() -> String {
    let text = include_str!("../../../../idl/mta.idl");
    let code: Vec<&str> = text.lines().map(|line| line.split("//").next().unwrap_or("")).collect();
    code.join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The operations in order, each with its parameters in order.
fn operations() -> Vec<(String, Vec<String>)> {
    let idl = idl();
    let word = |text: &str| text.rsplit([' ', '*']).next().unwrap_or_default().to_owned();
    idl.split("error_status_t Mta")
        .skip(1)
        .map(|text| {
            let (name, rest) = text.split_once('(').unwrap();
            let parameters = rest.split_once(");").unwrap().0;
            // Commas inside attributes do not part parameters: "[" follows every real one.
            let parameters = parameters.split(", [").map(word).collect();
            (format!("Mta{name}"), parameters)
        })
        .collect()
}

#[test]
fn the_interface_is_the_one_of_the_idl() {
    let idl = idl();
    assert!(idl.contains(&format!("uuid({})", INTERFACE.uuid)), "{}", INTERFACE.uuid);
    assert!(idl.contains(&format!("version({}.{})", INTERFACE.major, INTERFACE.minor)));
    for (name, value) in [
        ("MTA_NAME_LIMIT", MTA_NAME_LIMIT),
        ("BINDING_LIMIT", BINDING_LIMIT),
        ("PIECE_LIMIT", PIECE_LIMIT),
        ("PIECE_END", usize::try_from(PIECE_END).unwrap()),
    ] {
        assert!(idl.contains(&format!("{name} = {value};")), "{name} = {value}");
    }
}

#[test]
fn the_operations_are_those_of_the_idl() {
    let expected = [
        (
            MTA_BIND,
            "MtaBind",
            "binding caller_name called_name bind_back_binding token max_piece agreed_piece bind_status channel",
        ),
        (MTA_BIND_BACK, "MtaBindBack", "binding called_name token max_piece agreed_piece channel"),
        (MTA_TRANSFER, "MtaTransfer", "channel sequence flags length piece"),
        (MTA_UNBIND, "MtaUnbind", "channel"),
        (MTA_UNBIND_BACK, "MtaUnbindBack", "channel"),
    ];
    let found = operations();
    assert_eq!(found.len(), expected.len());
    for (opnum, name, parameters) in expected {
        let (found_name, found_parameters) = &found[usize::from(opnum)];
        assert_eq!((found_name.as_str(), found_parameters.join(" ").as_str()), (name, parameters));
    }
}

fn handle() -> ContextHandle {
    let mut writer = NdrWriter::new();
    writer.u32(0);
    writer.octets(&[7; 16]);
    let stub = writer.into_vec();
    NdrReader::new("test", &stub, ByteOrder::Little).context_handle("handle").unwrap()
}

/// Decodes what was encoded, and fails on every truncation of it.
fn check<T: PartialEq + std::fmt::Debug>(
    value: &T,
    stub: &[u8],
    decode: impl Fn(&[u8], ByteOrder) -> Result<T, DecodeError>,
) {
    let decode = |stub: &[u8]| decode(stub, ByteOrder::Little);
    assert_eq!(decode(stub).as_ref(), Ok(value));
    for cut in 0..stub.len() {
        assert!(decode(&stub[..cut]).is_err(), "cut at {cut}");
    }
    // Padding before a verification trailer is no octet too many; anything else is.
    assert_eq!(decode(&[stub, &[0; 3]].concat()).as_ref(), Ok(value));
    assert!(decode(&[stub, &[0; 4]].concat()).is_err(), "four octets too many");
    assert!(decode(&[stub, &[1]].concat()).is_err(), "an octet that is no padding");
}

#[test]
fn stubs_round_trip() {
    let token = AssociationToken([9; 16]);
    let bind = Bind {
        caller_name: "EAST".to_owned(),
        called_name: "WÜST-日本".to_owned(),
        bind_back_binding: "ncacn_ip_tcp:east.example[135]".to_owned(),
        token,
        max_piece: 65_536,
    };
    check(&bind, &bind.encode(), Bind::decode);
    let answer = BindAnswer { agreed_piece: 1, bind_status: 1722, channel: handle(), status: 1722 };
    check(&answer, &answer.encode(), BindAnswer::decode);
    let back = BindBack { called_name: "WEST".to_owned(), token, max_piece: 1 };
    check(&back, &back.encode(), BindBack::decode);
    let answer = BindBackAnswer { agreed_piece: 4096, channel: handle(), status: 5 };
    check(&answer, &answer.encode(), BindBackAnswer::decode);
    let piece = Piece { sequence: 3, end: true, octets: b"session".to_vec() };
    let transfer = Transfer { channel: handle(), piece };
    check(&transfer, &transfer.encode(), Transfer::decode);
    let unbind = Unbind { channel: handle() };
    check(&unbind, &unbind.encode(), Unbind::decode);
    check(&5, &encode_status(5), decode_status);
}

#[test]
fn a_name_over_the_limit_is_refused() {
    let back = BindBack {
        called_name: "X".repeat(MTA_NAME_LIMIT + 1),
        token: AssociationToken([0; 16]),
        max_piece: 1,
    };
    assert!(BindBack::decode(&back.encode(), ByteOrder::Little).is_err());
}
