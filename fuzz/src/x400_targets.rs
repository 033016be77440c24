//! X.400: APDUs, binds, the describer, addresses and times as text.

use x400::{
    MtaBindArgument, MtaBindError, MtaBindResult, MtsApdu, MtsIdentifier, OrAddress, OrName,
};

use crate::text;

pub fn apdu(octets: &[u8]) {
    let Ok(apdu) = MtsApdu::decode(octets) else { return };
    let written = apdu.encode();
    let again = MtsApdu::decode(&written).expect("an APDU that was written");
    assert_eq!(again.encode(), written, "what is written is written the same again");
}

pub fn bind(octets: &[u8]) {
    if let Ok(argument) = MtaBindArgument::decode(octets) {
        MtaBindArgument::decode(&argument.encode()).expect("an argument that was written");
    }
    if let Ok(result) = MtaBindResult::decode(octets) {
        MtaBindResult::decode(&result.encode()).expect("a result that was written");
    }
    if let Ok(error) = MtaBindError::decode(octets) {
        let _ = error.name();
    }
}

pub fn describe(octets: &[u8]) {
    for described in x400::describe::describe(octets, None, &|offset| offset) {
        assert!(described.offset <= octets.len());
        assert!(described.offset + described.length <= octets.len());
        for fault in &described.faults {
            assert!(fault.offset <= octets.len(), "{fault:?}");
        }
    }
}

pub fn address_text(octets: &[u8]) {
    if let Ok(name) = OrName::decode(octets) {
        let shown = name.to_string();
        let _ = shown.parse::<OrName>();
    }
    let Some(text) = text(octets) else { return };
    if let Ok(address) = text.parse::<OrAddress>() {
        let shown = address.to_string();
        let again: OrAddress = shown.parse().unwrap_or_else(|error| panic!("{shown:?}: {error}"));
        assert_eq!(again, address, "{shown:?}");
    }
    let _ = text.parse::<OrName>();
    if let Ok(identifier) = text.parse::<MtsIdentifier>() {
        let shown = identifier.to_string();
        shown.parse::<MtsIdentifier>().unwrap_or_else(|error| panic!("{shown:?}: {error}"));
    }
}

pub fn times(octets: &[u8]) {
    let Some(text) = text(octets) else { return };
    if let Some(time) = x400::parse_utc_time(text, x400::REFERENCE_YEAR) {
        let shown = x400::format_utc_time(time);
        assert_eq!(x400::parse_utc_time(&shown, x400::REFERENCE_YEAR), Some(time), "{shown}");
    }
}
