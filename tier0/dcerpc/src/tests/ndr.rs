//! NDR by hand-made vectors and by round trips.

use proptest::prelude::*;

use crate::{ByteOrder, ContextHandle, NdrReader, NdrWriter, Uuid};

const ORDERS: [ByteOrder; 2] = [ByteOrder::Little, ByteOrder::Big];

fn sample(order: ByteOrder) -> Vec<u8> {
    let mut writer = NdrWriter::with_order(order);
    writer.u8(1);
    writer.u16(0x0203);
    writer.boolean(true);
    writer.u64(0x0405_0607_0809_0a0b);
    writer.pointer(true);
    writer.pointer(false);
    writer.string16("Aü");
    writer.u8(9);
    writer.conformant_octets(&[1, 2, 3]);
    writer.string8("ok");
    writer.into_vec()
}

fn read(stub: &[u8], order: ByteOrder) -> Result<(), wire::DecodeError> {
    let mut reader = NdrReader::new("sample", stub, order);
    assert_eq!(reader.u8("a")?, 1);
    assert_eq!(reader.u16("b")?, 0x0203);
    assert!(reader.boolean("c")?);
    assert_eq!(reader.u64("d")?, 0x0405_0607_0809_0a0b);
    assert!(reader.pointer("e")?);
    assert!(!reader.pointer("f")?);
    assert_eq!(reader.string16("g", 10)?, "Aü");
    assert_eq!(reader.u8("h")?, 9);
    assert_eq!(reader.conformant_octets("i", 10)?, [1, 2, 3]);
    assert_eq!(reader.string8("j", 10)?, "ok");
    assert!(reader.rest().is_empty());
    Ok(())
}

#[test]
fn vectors_in_both_orders() {
    let little = "01 00 0302 01 000000 0b0a090807060504 00000200 00000000\
        03000000 00000000 03000000 4100 fc00 0000 09 00 03000000 010203 00\
        03000000 00000000 03000000 6f6b00";
    let big = "01 00 0203 01 000000 0405060708090a0b 00020000 00000000\
        00000003 00000000 00000003 0041 00fc 0000 09 00 00000003 010203 00\
        00000003 00000000 00000003 6f6b00";
    for (order, vector) in [(ByteOrder::Little, little), (ByteOrder::Big, big)] {
        let octets = wire::from_hex(vector).unwrap();
        assert_eq!(wire::to_hex(&sample(order)), wire::to_hex(&octets));
        read(&octets, order).unwrap();
        for end in 0..octets.len() {
            read(&octets[..end], order).unwrap_err();
        }
    }
}

#[test]
fn strings_that_lie_are_refused() {
    let mut writer = NdrWriter::new();
    writer.string16("four");
    let good = writer.into_vec();
    let text = |stub: &[u8], limit| {
        NdrReader::new("text", stub, ByteOrder::Little).string16("text", limit)
    };
    assert_eq!(text(&good, 5).unwrap(), "four");
    text(&good, 4).unwrap_err();
    for (at, value) in
        [(0, 3), (0, 0xff), (4, 1), (8, 0), (8, 4), (8, 6), (12, 0), (20, 1), (13, 0xd8)]
    {
        let mut bad = good.clone();
        bad[at] = value;
        text(&bad, 5).unwrap_err();
    }
}

#[test]
fn huge_counts_are_refused_without_memory() {
    let stub = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff];
    for order in ORDERS {
        let reader = || NdrReader::new("huge", &stub, order);
        reader().string16("text", usize::MAX).unwrap_err();
        reader().string8("text", usize::MAX).unwrap_err();
        reader().conformant_octets("octets", usize::MAX).unwrap_err();
    }
}

proptest! {
    #[test]
    fn round_trips(text in "\\PC{0,40}", octets in prop::collection::vec(any::<u8>(), 0..60), number: u64, id: u128) {
        for order in ORDERS {
            let handle = ContextHandle { attributes: 7, uuid: Uuid::from_u128(id) };
            let mut writer = NdrWriter::with_order(order);
            writer.string8(&text);
            writer.context_handle(&handle);
            writer.conformant_varying_octets(&octets);
            writer.string16(&text);
            writer.u64(number);
            let stub = writer.into_vec();
            let mut reader = NdrReader::new("test", &stub, order);
            prop_assert_eq!(reader.string8("a", 1000).unwrap(), text.clone());
            prop_assert_eq!(reader.context_handle("b").unwrap(), handle);
            prop_assert_eq!(reader.conformant_varying_octets("c", 100).unwrap(), &octets[..]);
            prop_assert_eq!(reader.string16("d", 1000).unwrap(), text.clone());
            prop_assert_eq!(reader.u64("e").unwrap(), number);
        }
    }
}
