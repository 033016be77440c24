//! The typed configuration of X.400 over TCP: `[rfc1006]` and `[[x400]]`.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use routing::AddressSpace;

use crate::model::NeighbourApi;

/// `[rfc1006]`: the listener for other MTAs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rfc1006 {
    pub listen: Vec<IpAddr>,
    pub port: u16,
    pub allow: Vec<IpNet>,
    /// In octets.
    pub tpdu: usize,
    pub own: Selectors,
    /// Present where associations over TLS are possible.
    pub tls: Option<TlsFiles>,
}

/// PEM files for TLS: this server's certificate and key, and the authorities that it trusts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
    pub trust: PathBuf,
    /// The revocation lists of the authorities, where they are looked at.
    pub revocation: Option<PathBuf>,
}

/// Transport, session and presentation selector; empty where none is said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selectors {
    pub transport: Vec<u8>,
    pub session: Vec<u8>,
    pub presentation: Vec<u8>,
}

/// `[[x400]]`: an MTA that mail is exchanged with by P1 over TCP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct X400 {
    /// The MTA name that it presents.
    pub name: String,
    pub ignore_case: bool,
    pub host: String,
    pub port: u16,
    /// Lower case.
    pub domains: Vec<String>,
    /// What it serves beside its domains.
    pub address_spaces: Vec<AddressSpace>,
    pub remote_password_file: Option<PathBuf>,
    /// The MTA name presented to it.
    pub local_name: String,
    pub local_password_file: Option<PathBuf>,
    pub mode: TransferMode,
    pub two_way: bool,
    pub called: Selectors,
    /// What this server presents to it, and what its calls must name.
    pub own: Selectors,
    /// It may call in modes other than `mode`, too.
    pub any_mode: bool,
    pub content: MailContent,
    /// The name in the other MTA's certificate, where associations run over TLS.
    pub tls_name: Option<String>,
    pub transfer: TransferTerms,
    pub retry: ConnectorRetry,
    pub schedule: Schedule,
    /// Where the doctor reads the other side, where it is one of ours.
    pub admin: Option<NeighbourApi>,
    pub configuration: Option<PathBuf>,
}

/// The application context of an association.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransferMode {
    /// mts-transfer, 1988 in normal mode.
    Normal,
    /// mts-transfer-protocol, 1988 over X.410.
    X410,
    /// mts-transfer-protocol-1984.
    X1984,
}

/// What becomes of a mail on its way to an MTA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailContent {
    /// It goes octet for octet under a content type of its own.
    Rfc822,
    /// It is converted into an interpersonal message of content type 22.
    P22,
}

/// What is offered to RTSE, and how long a transfer may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferTerms {
    /// In kibibytes; 0 means no checkpoints.
    pub checkpoint_kib: u16,
    pub window: u16,
    pub recovery_timeout: Duration,
    /// Without an octet in the middle of a transfer to this server.
    pub receive_timeout: Duration,
    /// Per kibibyte.
    pub timeout_urgent: Duration,
    pub timeout_normal: Duration,
    pub timeout_non_urgent: Duration,
}

/// When an association is opened, tried again and closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectorRetry {
    pub open_retries: u32,
    pub open_interval: Duration,
    pub transfer_retries: u32,
    pub transfer_interval: Duration,
    pub lifetime: Duration,
    pub disconnect: Duration,
    pub threshold: usize,
    pub max_associations: usize,
}

/// Minutes of a day.
const DAY: u16 = 24 * 60;

/// When this server calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schedule {
    Always,
    /// Minutes of the day in UTC, each range with its end excluded.
    Selected(Vec<(u16, u16)>),
    /// Incoming calls are refused, too.
    Never,
    /// Only the other MTA calls.
    RemoteInitiated,
}

impl Schedule {
    /// The ranges of `08:00-12:00 13:30-18:00`; `None` for anything else.
    pub(crate) fn hours(text: &str) -> Option<Vec<(u16, u16)>> {
        let minute = |text: &str| -> Option<u16> {
            let (hour, minute) = text.split_once(':')?;
            let good = |part: &str| part.len() == 2 && part.bytes().all(|one| one.is_ascii_digit());
            let (hour, minute): (u16, u16) = (
                good(hour).then(|| hour.parse().ok())??,
                good(minute).then(|| minute.parse().ok())??,
            );
            (hour < 24 && minute < 60 || (hour, minute) == (24, 0)).then_some(hour * 60 + minute)
        };
        let ranges: Option<Vec<_>> = text
            .split_whitespace()
            .map(|range| {
                let (from, to) = range.split_once('-')?;
                let (from, to) = (minute(from)?, minute(to)?);
                (from < to).then_some((from, to))
            })
            .collect();
        ranges.filter(|ranges| !ranges.is_empty())
    }

    /// Until when this server may not call, if it may not at this minute of the day, in UTC: in how many minutes it may,
    /// or `None` where time alone does not change that.
    #[must_use]
    pub fn closed(&self, minute: u16) -> Option<Option<u16>> {
        if self.is_open(minute) {
            return None;
        }
        let Self::Selected(ranges) = self else { return Some(None) };
        let waits = ranges.iter().map(|(from, _)| (from + DAY - minute) % DAY);
        Some(waits.min())
    }

    /// True when this server may call at this minute of the day, in UTC.
    #[must_use]
    pub fn is_open(&self, minute: u16) -> bool {
        match self {
            Self::Always => true,
            Self::Selected(ranges) => {
                ranges.iter().any(|(from, to)| (*from..*to).contains(&minute))
            }
            Self::Never | Self::RemoteInitiated => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Schedule;

    #[test]
    fn hours_are_ranges_of_the_day() {
        let ranges = Schedule::hours("08:00-12:00 13:30-24:00").unwrap();
        let schedule = Schedule::Selected(ranges);
        for (minute, open) in [(479, false), (480, true), (719, true), (720, false), (1439, true)] {
            assert_eq!(schedule.is_open(minute), open, "{minute}");
        }
        for (minute, closed) in
            [(479, Some(Some(1))), (480, None), (720, Some(Some(90))), (0, Some(Some(480)))]
        {
            assert_eq!(schedule.closed(minute), closed, "{minute}");
        }
        let early = Schedule::Selected(vec![(60, 120)]);
        assert_eq!(early.closed(1439), Some(Some(61)));
        assert_eq!(Schedule::Never.closed(0), Some(None));
        for bad in ["", "8-12", "08:00-07:00", "08:00-25:00", "08:60-09:00", "08:00", "+8:00-09:00"]
        {
            assert_eq!(Schedule::hours(bad), None, "{bad}");
        }
        assert!(Schedule::Always.is_open(0) && !Schedule::Never.is_open(0));
    }
}
