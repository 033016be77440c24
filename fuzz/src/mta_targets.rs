//! The MTA's RPC interface and the association over it.

use dcerpc::ByteOrder;
use mta::rpc_interface::{self, Piece};
use mta::{Association, AssociationNames, Output, Terms, account_interface, directory_interface};

use crate::{choice, parts};

pub fn interface(octets: &[u8]) {
    for order in [ByteOrder::Little, ByteOrder::Big] {
        if let Ok(bind) = rpc_interface::Bind::decode(octets, order) {
            assert!(
                rpc_interface::Bind::decode(&bind.encode(), ByteOrder::Little).expect("a bind")
                    == bind
            );
        }
        if let Ok(transfer) = rpc_interface::Transfer::decode(octets, order) {
            let again = rpc_interface::Transfer::decode(&transfer.encode(), ByteOrder::Little);
            assert_eq!(again.expect("a transfer"), transfer);
        }
        let _ = rpc_interface::Unbind::decode(octets, order);
        let _ = rpc_interface::decode_status(octets, order);
        if let Ok(read) = directory_interface::Read::decode(octets, order) {
            let again = directory_interface::Read::decode(&read.encode(), ByteOrder::Little);
            assert_eq!(again.expect("a reading"), read);
        }
        let _ = directory_interface::ReadAnswer::decode(octets, order);
        let _ = account_interface::decode_set_own_password(octets, order);
        let _ = account_interface::decode_answer(octets, order);
    }
}

pub fn association(octets: &[u8]) {
    let Some((first, rest)) = choice(octets) else { return };
    let names = AssociationNames { local_mta: "EAST".to_owned(), remote_mta: "WEST".to_owned() };
    let terms = Terms { checkpoint_kib: 30, window: 3 };
    let mut association = if first & 1 == 0 {
        Association::respond(names, terms, 65_536)
    } else {
        Association::initiate(names, terms, 65_536, "ref", "260101000000Z")
    };
    for (sequence, part) in (0..).zip(parts(rest)) {
        let end = part.last().is_none_or(|octet| octet & 1 == 0) || first & 2 == 0;
        let piece = Piece { sequence, end, octets: part.to_vec() };
        let taken = association.handle_piece(&piece);
        while let Some(output) = association.poll_output() {
            match output {
                Output::Opened => drop(association.send(vec![0xa0; 20_000])),
                Output::Received(_) => drop(association.confirm()),
                _ => {}
            }
        }
        while association.poll_piece().is_some() {}
        if taken.is_err() {
            return;
        }
    }
}
