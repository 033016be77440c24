//! UTCTime with its two-digit year (X.680 clause 47; window of ICAO Doc 9880 3.2.2.3).

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

/// The year for which the decoders place the century window.
///
/// Decoders have no clock. Years from this one minus 59 up to plus 40 are told apart, which
/// holds the ten years back and forty ahead that the rule asks for, and old captures too.
pub const REFERENCE_YEAR: i16 = 2026;

/// How far ahead of the reference year a two-digit year may lie.
const YEARS_AHEAD: i16 = 40;

/// Writes `YYMMDDHHMMSSZ`, the only form sent (X.411 recommends seconds and UTC).
#[must_use]
pub fn format_utc_time(time: Timestamp) -> String {
    let civil = TimeZone::UTC.to_datetime(time);
    format!(
        "{:02}{:02}{:02}{:02}{:02}{:02}Z",
        civil.year().rem_euclid(100),
        civil.month(),
        civil.day(),
        civil.hour(),
        civil.minute(),
        civil.second()
    )
}

/// Reads UTCTime with or without seconds, ending in `Z` or an offset `+hhmm`.
///
/// A two-digit year is placed between `reference_year` - 59 and `reference_year` + 40.
#[must_use]
pub fn parse_utc_time(text: &str, reference_year: i16) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits != 10 && digits != 12 {
        return None;
    }
    let pair = |at: usize| -> Option<i8> {
        let (tens, units) = (bytes.get(at)?, bytes.get(at + 1)?);
        let digit = |byte: &u8| i8::try_from(byte.checked_sub(b'0')?).ok().filter(|d| *d < 10);
        Some(digit(tens)? * 10 + digit(units)?)
    };
    let last = reference_year.checked_add(YEARS_AHEAD)?;
    let year = last - (last - i16::from(pair(0)?)).rem_euclid(100);
    // A leap second is written as the second before it: civil time has no sixtieth.
    let second = if digits == 12 { pair(10)?.min(59) } else { 0 };
    let civil = DateTime::new(year, pair(2)?, pair(4)?, pair(6)?, pair(8)?, second, 0).ok()?;
    let offset = match &bytes[digits..] {
        b"Z" => 0,
        [sign @ (b'+' | b'-'), _, _, _, _] => {
            let (hours, minutes) = (pair(digits + 1)?, pair(digits + 3)?);
            let seconds = i32::from(hours) * 3600 + i32::from(minutes) * 60;
            if *sign == b'-' { -seconds } else { seconds }
        }
        _ => return None,
    };
    Offset::from_seconds(offset).ok()?.to_timestamp(civil).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        parse_utc_time(text, REFERENCE_YEAR).map(|time| time.to_string())
    }

    #[test]
    fn forms_that_peers_send() {
        assert_eq!(read("261122064700Z").unwrap(), "2026-11-22T06:47:00Z");
        assert_eq!(read("2611220647Z").unwrap(), "2026-11-22T06:47:00Z");
        assert_eq!(read("261122064700+0130").unwrap(), "2026-11-22T05:17:00Z");
        assert_eq!(read("2611220647-0100").unwrap(), "2026-11-22T07:47:00Z");
        for bad in ["", "Z", "261122064700", "26112206470Z", "261322064700Z", "261122064700+1"] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(read("261122064700\u{e9}"), None);
    }

    #[test]
    fn the_century_window() {
        assert_eq!(read("660101000000Z").unwrap(), "2066-01-01T00:00:00Z");
        assert_eq!(read("670101000000Z").unwrap(), "1967-01-01T00:00:00Z");
        assert_eq!(read("980101000000Z").unwrap(), "1998-01-01T00:00:00Z");
        let in_1998 = parse_utc_time("380101000000Z", 1998).unwrap();
        assert_eq!(in_1998.to_string(), "2038-01-01T00:00:00Z");
    }

    #[test]
    fn writes_what_it_reads() {
        for text in ["261122064700Z", "000229235959Z", "991231235959Z"] {
            let time = parse_utc_time(text, REFERENCE_YEAR).unwrap();
            assert_eq!(format_utc_time(time), text);
        }
    }
}
