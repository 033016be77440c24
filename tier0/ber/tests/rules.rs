//! X.690 by example: what peers send is read, what is written is the shortest form.
#![expect(clippy::unwrap_used, reason = "a vector that does not parse is a broken test")]
use ber::{BitString, Encoder, Oid, Tag, decode_one, decode_partial, decode_prefix};
use proptest::prelude::*;
use wire::from_hex;

fn bytes(hex: &str) -> Vec<u8> {
    from_hex(hex).unwrap()
}

fn integer(value: i64) -> Vec<u8> {
    let mut encoder = Encoder::new();
    encoder.integer(Tag::INTEGER, value);
    encoder.finish()
}

#[test]
fn integers_take_the_fewest_octets() {
    for (value, hex) in [
        (0, "020100"),
        (127, "02017f"),
        (128, "02020080"),
        (-1, "0201ff"),
        (-128, "020180"),
        (-129, "0202ff7f"),
        (i64::MIN, "02088000000000000000"),
    ] {
        assert_eq!(integer(value), bytes(hex), "{value}");
        assert_eq!(decode_one("test", &bytes(hex)).unwrap().integer("value").unwrap(), value);
    }
}

#[test]
fn indefinite_and_constructed_strings_join() {
    // SEQUENCE (indefinite) { OCTET STRING (constructed, indefinite) { "ab", { "c" } } }
    let input = bytes("3080 2480 0402 6162 2403 040163 0000 0000");
    let sequence = decode_one("test", &input).unwrap();
    assert_eq!(sequence.raw, input);
    let string = sequence.inner("string").unwrap();
    assert_eq!(string.tag, Tag::OCTET_STRING);
    assert_eq!(string.octets("string").unwrap().as_ref(), b"abc");
    assert_eq!(string.offset, 2);
}

#[test]
fn high_tag_numbers_and_long_lengths() {
    let mut encoder = Encoder::new();
    encoder.primitive(Tag::context(31), &[7; 200]);
    encoder.constructed(Tag::application(1000), |inner| inner.null(Tag::NULL));
    let octets = encoder.finish();
    assert_eq!(&octets[..5], bytes("9f1f81c807"));
    let (first, used) = decode_prefix("test", &octets).unwrap();
    assert_eq!((first.tag, first.contents().len()), (Tag::context(31), 200));
    let second = decode_one("test", &octets[used..]).unwrap();
    assert_eq!(second.tag, Tag::application(1000));
    second.inner("null").unwrap().null("null").unwrap();
}

#[test]
fn object_identifiers_take_arcs_of_128_bits() {
    for (text, hex) in [
        ("2.6.0.1.6", "56000106"),
        ("1.2.840.113549", "2a864886f70d"),
        ("2.1.1", "5101"),
        ("2.999.3", "883703"),
    ] {
        let oid: Oid = text.parse().unwrap();
        assert_eq!(oid.as_bytes(), bytes(hex), "{text}");
        assert_eq!(oid.to_string(), text);
    }
    let wide = "2.25.329800735698586629295641978511506172918";
    assert_eq!(wide.parse::<Oid>().unwrap().to_string(), wide);
    for bad in ["", "1", "3.1", "1.40", "1..2", "1.2.x"] {
        assert!(bad.parse::<Oid>().is_err(), "{bad}");
    }
}

#[test]
fn bits_count_from_the_leading_one() {
    let value = BitString::from_bits(&[true, false, true]);
    assert_eq!(value, BitString { bytes: vec![0b1010_0000], unused: 5 });
    assert!(value.bit(0) && !value.bit(1) && value.bit(2) && !value.bit(3) && !value.bit(99));
    let mut encoder = Encoder::new();
    encoder.bits(Tag::BIT_STRING, &value);
    let octets = encoder.finish();
    assert_eq!(octets, bytes("030205a0"));
    assert_eq!(decode_one("test", &octets).unwrap().bits("bits").unwrap(), value);
    assert!(!BitString::default().bit(0));
}

#[test]
fn lying_lengths_are_refused_with_their_place() {
    for (hex, says) in [
        ("", "test: identifier at offset 0: 1 octets needed, 0 left"),
        ("0405 61", "test: contents at offset 2: 5 octets needed, 1 left"),
        ("0480", "test: length at offset 2: indefinite length of a primitive value"),
        ("04ff", "test: length at offset 2: reserved length octet ff"),
        ("0489 ffffffffffffffffff", "test: length at offset 11: length does not fit this machine"),
        ("020100 00", "test: end at offset 3: 1 octets too many"),
        ("3080 0201", "test: contents at offset 4: 1 octets needed, 0 left"),
    ] {
        assert_eq!(decode_one("test", &bytes(hex)).unwrap_err().to_string(), says, "{hex}");
    }
}

#[test]
fn endless_nesting_is_refused() {
    let deep = [0x30, 0x80].repeat(100_000);
    assert!(decode_one("test", &deep).unwrap_err().to_string().contains("over the limit of 128"));
}

proptest! {
    #[test]
    fn integers_round_trip(value: i64) {
        prop_assert_eq!(decode_one("test", &integer(value)).unwrap().integer("value").unwrap(), value);
    }

    #[test]
    fn garbage_never_panics(input in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok((element, used)) = decode_prefix("test", &input) {
            prop_assert_eq!(element.raw.len(), used);
            let _ = (element.integer("v"), element.oid("v"), element.bits("v"), element.octets("v"), element.text("v"));
            if let Ok(mut children) = element.children() {
                let _ = children.collect_all();
            }
        }
    }

    #[test]
    fn truncations_fail(text in "[a-z]{0,300}") {
        let mut encoder = Encoder::new();
        encoder.constructed(Tag::SEQUENCE, |e| e.text(Tag::UTF8_STRING, &text));
        let octets = encoder.finish();
        for end in 0..octets.len() {
            prop_assert!(decode_one("test", &octets[..end]).is_err());
        }
    }
}

#[test]
fn a_value_that_is_cut_short_shows_what_is_there() {
    let whole = bytes("30080201053003040141");
    for end in 2..whole.len() {
        let partial = decode_partial("test", &whole[..end]).unwrap();
        assert!(partial.fault.is_some(), "{end}");
        assert_eq!(partial.element.contents(), &whole[2..end]);
    }
    assert!(decode_partial("test", &whole[..1]).is_err());
    let partial = decode_partial("test", &whole).unwrap();
    assert_eq!(partial.fault, None);

    let cut = decode_partial("test", &whole[..8]).unwrap();
    let mut children = cut.element.children().unwrap();
    assert_eq!(children.next_partial().unwrap().unwrap().fault, None);
    let inner = children.next_partial().unwrap().unwrap();
    assert!(inner.fault.is_some());
    assert_eq!((inner.element.offset, inner.element.contents()), (5, &bytes("04")[..]));
    assert_eq!(children.next_partial().unwrap(), None);
    // An indefinite length without its end.
    let endless = bytes("3080020105");
    let open = decode_partial("test", &endless).unwrap();
    assert!(open.fault.is_some());
    assert_eq!(open.element.contents(), bytes("020105"));
}
