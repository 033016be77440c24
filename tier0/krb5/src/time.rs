//! Times as Kerberos writes them (RFC 4120 section 5.2.3): whole seconds, UTC, without fractions.

use ber::{Element, Encoder, Tag};
use wire::DecodeError;

/// A moment: seconds since 1970-01-01 UTC and microseconds of the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time {
    /// Seconds since 1970-01-01 UTC.
    pub seconds: i64,
    /// 0 to 999,999.
    pub micros: u32,
}

impl Time {
    /// From microseconds since 1970-01-01 UTC.
    #[must_use]
    pub fn from_unix_micros(micros: i64) -> Self {
        let rest = micros.rem_euclid(1_000_000);
        Self { seconds: micros.div_euclid(1_000_000), micros: u32::try_from(rest).unwrap_or(0) }
    }
}

/// Writes a KerberosTime; years outside 0 to 9999 become the nearest of them.
pub(crate) fn put_time(out: &mut Encoder, seconds: i64) {
    const FIRST: i64 = -62_167_219_200;
    const LAST: i64 = 253_402_300_799;
    let seconds = seconds.clamp(FIRST, LAST);
    let (year, month, day) = civil(seconds.div_euclid(86_400));
    let second = seconds.rem_euclid(86_400);
    let text = format!(
        "{year:04}{month:02}{day:02}{:02}{:02}{:02}Z",
        second / 3600,
        second / 60 % 60,
        second % 60
    );
    out.text(Tag::GENERALIZED_TIME, &text);
}

/// Reads a KerberosTime.
pub(crate) fn time_of(element: Element<'_>, field: &'static str) -> Result<i64, DecodeError> {
    let element = element.expect(Tag::GENERALIZED_TIME, field)?;
    let octets = element.octets(field)?;
    let wrong = || element.invalid(field, "not YYYYMMDDHHMMSSZ");
    let digits: &[u8; 14] = match octets.split_last() {
        Some((b'Z', digits)) => digits.try_into().map_err(|_| wrong())?,
        _ => return Err(wrong()),
    };
    if !digits.iter().all(u8::is_ascii_digit) {
        return Err(wrong());
    }
    let number = |range: std::ops::Range<usize>| {
        digits[range].iter().fold(0i64, |sum, digit| sum * 10 + i64::from(digit - b'0'))
    };
    let (month, day) = (number(4..6), number(6..8));
    let (hour, minute, second) = (number(8..10), number(10..12), number(12..14));
    let in_range = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !in_range {
        return Err(wrong());
    }
    Ok(days(number(0..4), month, day) * 86_400 + hour * 3600 + minute * 60 + second)
}

/// Days since 1970-01-01 of a date in the Gregorian calendar; years begin in March, so that leap days come last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The reverse of [`days`].
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march + 2) / 5 + 1;
    let month = if march < 10 { march + 3 } else { march - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_round_trip_as_text() {
        for (seconds, text) in [
            (0, "19700101000000Z"),
            (951_782_399, "20000228235959Z"),
            (951_868_800, "20000301000000Z"),
            (2_147_483_647, "20380119031407Z"),
            (-1, "19691231235959Z"),
        ] {
            let mut out = Encoder::new();
            put_time(&mut out, seconds);
            let octets = out.finish();
            assert_eq!(&octets[2..], text.as_bytes());
            let element = ber::decode_one("test", &octets).unwrap();
            assert_eq!(time_of(element, "time").unwrap(), seconds);
        }
        for day in (-800_000..800_000).step_by(97) {
            let (year, month, date) = civil(day);
            assert_eq!(days(year, month, date), day);
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "20380119031407", "20381319031407Z", "2038011903140Z", "20380119031407.5Z"]
        {
            let mut out = Encoder::new();
            out.text(Tag::GENERALIZED_TIME, text);
            let octets = out.finish();
            let element = ber::decode_one("test", &octets).unwrap();
            time_of(element, "time").unwrap_err();
        }
    }
}
