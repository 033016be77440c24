//! Times: as they are given and as they are shown.

use jiff::{SignedDuration, Timestamp};

/// A time, RFC 3339 or so long ago (`90s`, `10m`, `2h`, `1d`).
pub fn parse(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let expected = || {
        format!(
            "{text:?} is no time; write 2026-01-31T12:00:00Z, or 10m for ten minutes ago (s, m, h, d)"
        )
    };
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let (count, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(expected)?;
    let seconds: i64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(expected()),
    };
    let count: u32 = count.parse().map_err(|_| expected())?;
    let back = i64::from(count).checked_mul(seconds).map(SignedDuration::from_secs);
    back.and_then(|back| now.checked_sub(back).ok()).ok_or_else(expected)
}

/// A point in time, RFC 3339 or a date, whose day begins at midnight UTC.
pub fn point(text: &str) -> Result<Timestamp, String> {
    let date = || text.parse::<jiff::civil::Date>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok();
    text.parse()
        .ok()
        .or_else(|| date().map(|day| day.timestamp()))
        .ok_or_else(|| "a time is written as 2027-01-31T12:00:00Z, a date as 2027-01-31".to_owned())
}

/// To the second, in UTC.
pub fn show(time: Timestamp) -> String {
    format!("{time:.0}")
}

/// The same, where there may be none.
pub fn show_some(time: Option<Timestamp>) -> String {
    time.map(show).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_given_in_two_ways() {
        let now: Timestamp = "2026-01-02T03:04:05.678Z".parse().unwrap();
        for (text, expected) in [
            ("10m", "2026-01-02T02:54:05.678Z"),
            ("90s", "2026-01-02T03:02:35.678Z"),
            ("2h", "2026-01-02T01:04:05.678Z"),
            ("1d", "2026-01-01T03:04:05.678Z"),
            ("2026-01-01T12:00:00+01:00", "2026-01-01T11:00:00Z"),
        ] {
            assert_eq!(parse(text, now).unwrap().to_string(), expected, "{text}");
        }
        for text in ["", "m", "10", "-5m", "10 m", "10y", "4294967295d", "é", "yesterday"] {
            assert!(parse(text, now).is_err(), "{text}");
        }
        assert_eq!(point("2027-01-31").unwrap().to_string(), "2027-01-31T00:00:00Z");
        assert_eq!(point("2027-01-31T01:00:00+01:00"), point("2027-01-31"));
        assert!(point("2027").is_err() && point("31.1.2027").is_err() && point("10m").is_err());
        assert_eq!(show(now), "2026-01-02T03:04:05Z");
    }
}
