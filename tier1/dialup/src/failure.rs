//! How a call failed, out of what the dial command left: its end, and the words of the modem.

use std::fmt;

/// Octets of a command's output that are kept: the words of a modem and a few lines of a log.
pub const OUTPUT_LIMIT: usize = 400;

/// Exit codes of pppd(8), from its section EXIT STATUS.
mod pppd {
    pub const OPTIONS: i32 = 2;
    pub const LOCKED: i32 = 6;
    pub const NOT_OPENED: i32 = 7;
    pub const CONNECT_FAILED: i32 = 8;
    pub const PTY_FAILED: i32 = 9;
    pub const NO_PROTOCOL: i32 = 10;
    pub const PEER_NOT_AUTHENTIC: i32 = 11;
    pub const NO_ECHO: i32 = 15;
    pub const HUNG_UP: i32 = 16;
    pub const NOT_AUTHENTICATED: i32 = 19;
}

/// What went wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Another program, or another connector, has the modem.
    DeviceBusy,
    /// The other end is engaged.
    LineBusy,
    /// Nobody takes the call.
    NoAnswer,
    /// The modem hears no dial tone.
    NoDialTone,
    /// Somebody answers, and no modem does.
    NoCarrier,
    /// The entry of the phone book is wrong or not there.
    EntryWrong,
    /// The modem is not there.
    DeviceMissing,
    /// One end did not prove itself to the other one; the line's own accounts, not those of the servers.
    NotAuthenticated,
    /// The two ends found no network protocol to speak.
    NoProtocol,
    /// The command could not be run at all.
    NotStarted,
    /// It failed, and did not say how.
    Failed,
    /// The link did not come up in time.
    TimedOut,
    /// The link is up, and the peer gives no sign over it.
    Silent,
    /// The link went down during a call.
    Lost,
    /// The call lasted longer than it may.
    TooLong,
    /// The link could not be taken down.
    NotHungUp,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 16] = [
        Self::DeviceBusy,
        Self::LineBusy,
        Self::NoAnswer,
        Self::NoDialTone,
        Self::NoCarrier,
        Self::EntryWrong,
        Self::DeviceMissing,
        Self::NotAuthenticated,
        Self::NoProtocol,
        Self::NotStarted,
        Self::Failed,
        Self::TimedOut,
        Self::Silent,
        Self::Lost,
        Self::TooLong,
        Self::NotHungUp,
    ];

    /// The number that the field has for it: a RAS error code.
    #[must_use]
    pub const fn code(self) -> u32 {
        match self {
            Self::DeviceBusy => 602,
            Self::DeviceMissing => 608,
            Self::EntryWrong => 623,
            Self::Lost => 629,
            Self::TooLong => 631,
            Self::Failed | Self::NotStarted | Self::NotHungUp => 651,
            Self::LineBusy => 676,
            Self::NoAnswer => 678,
            Self::NoCarrier => 679,
            Self::NoDialTone => 680,
            Self::NotAuthenticated => 691,
            Self::TimedOut => 718,
            Self::NoProtocol => 720,
            Self::Silent => 721,
        }
    }

    /// One word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DeviceBusy => "device-busy",
            Self::LineBusy => "line-busy",
            Self::NoAnswer => "no-answer",
            Self::NoDialTone => "no-dial-tone",
            Self::NoCarrier => "no-carrier",
            Self::EntryWrong => "entry-wrong",
            Self::DeviceMissing => "device-missing",
            Self::NotAuthenticated => "not-authenticated",
            Self::NoProtocol => "no-protocol",
            Self::NotStarted => "not-started",
            Self::Failed => "failed",
            Self::TimedOut => "timed-out",
            Self::Silent => "silent",
            Self::Lost => "lost",
            Self::TooLong => "too-long",
            Self::NotHungUp => "not-hung-up",
        }
    }

    /// True when the link stood, so that it is no dial error but one of communication.
    #[must_use]
    pub const fn link_stood(self) -> bool {
        matches!(self, Self::Silent | Self::Lost | Self::TooLong | Self::NotHungUp)
    }

    const fn words(self) -> &'static str {
        match self {
            Self::DeviceBusy => "the device is in use",
            Self::LineBusy => "the line is busy",
            Self::NoAnswer => "nobody answers the call",
            Self::NoDialTone => "there is no dial tone",
            Self::NoCarrier => "no modem answers the call",
            Self::EntryWrong => "the phone-book entry is wrong or not there",
            Self::DeviceMissing => "the device cannot be opened",
            Self::NotAuthenticated => "the line's own authentication failed",
            Self::NoProtocol => "the two ends found no network protocol",
            Self::NotStarted => "the dial command cannot be run",
            Self::Failed => "the dial command failed",
            Self::TimedOut => "the link did not come up in time",
            Self::Silent => "the link is up, and the peer gives no sign over it",
            Self::Lost => "the link went down during the call",
            Self::TooLong => "the call lasted longer than it may and was cut",
            Self::NotHungUp => "the link could not be taken down",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

/// A call that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What went wrong.
    pub kind: Kind,
    /// With which code the command ended, if it ended by itself.
    pub exit: Option<i32>,
    /// What is known beside that, in words; empty where nothing is.
    pub detail: String,
    /// The last words of the command, [`OUTPUT_LIMIT`] octets at most; no line that may hold a secret.
    pub output: String,
}

impl Failure {
    /// One that no command is behind.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, exit: None, detail: detail.into(), output: String::new() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        if !self.detail.is_empty() {
            write!(f, ": {}", self.detail)?;
        }
        if !self.output.is_empty() {
            write!(f, "; it said: {}", self.output)?;
        }
        Ok(())
    }
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself.
    Code(i32),
    /// By a signal.
    Signal(i32),
    /// It never began.
    NotStarted(String),
}

/// What a dial command that failed says by its end and its output. Any program may say it with the words of a modem
/// (ITU-T V.250, 6.5: result codes); those of pppd(8) have a meaning by their number, too.
#[must_use]
pub fn judge(command: &[String], exit: &Exit, output: &str) -> Failure {
    let program = command.first().map_or("", String::as_str);
    let name = program.rsplit('/').next().unwrap_or(program);
    let (exit, kind, detail) = match exit {
        Exit::NotStarted(why) => (None, Kind::NotStarted, format!("{name}: {why}")),
        Exit::Signal(signal) => {
            (None, Kind::Failed, format!("{name} was ended by signal {signal}"))
        }
        Exit::Code(code) => {
            let numbered = matches!(name, "pppd" | "pon").then(|| by_number(*code)).flatten();
            let kind = by_words(output).or(numbered).unwrap_or(Kind::Failed);
            (Some(*code), kind, format!("{name} ended with {code}"))
        }
    };
    Failure { kind, exit, detail, output: shown(output) }
}

fn by_number(code: i32) -> Option<Kind> {
    Some(match code {
        pppd::OPTIONS => Kind::EntryWrong,
        pppd::LOCKED => Kind::DeviceBusy,
        pppd::NOT_OPENED => Kind::DeviceMissing,
        pppd::CONNECT_FAILED | pppd::PTY_FAILED => Kind::NoCarrier,
        pppd::NO_PROTOCOL => Kind::NoProtocol,
        pppd::PEER_NOT_AUTHENTIC | pppd::NOT_AUTHENTICATED => Kind::NotAuthenticated,
        pppd::NO_ECHO => Kind::Silent,
        pppd::HUNG_UP => Kind::Lost,
        _ => return None,
    })
}

/// The last line that says something decides: what came before it was an attempt or an echo.
fn by_words(output: &str) -> Option<Kind> {
    output.lines().rev().find_map(|line| {
        let upper = line.to_ascii_uppercase();
        let says = |words: &str| holds_words(&upper, words);
        // Whoever prints every possible word prints what it waits for, as chat(8) does with its ABORT strings.
        if says("ABORT") {
            return None;
        }
        let kind = if says("NO DIALTONE") || says("NO DIAL TONE") {
            Kind::NoDialTone
        } else if says("NO ANSWER") {
            Kind::NoAnswer
        } else if says("NO CARRIER") {
            Kind::NoCarrier
        } else if says("IS LOCKED BY") || says("DEVICE OR RESOURCE BUSY") || says("DEVICE BUSY") {
            Kind::DeviceBusy
        } else if says("BUSY") {
            Kind::LineBusy
        } else if says("NO SUCH ENTRY")
            || says("NO PHONE BOOK ENTRY")
            || says("CANNOT FIND PHONEBOOK ENTRY")
        {
            Kind::EntryWrong
        } else if says("AUTHENTICATION FAILED") {
            Kind::NotAuthenticated
        } else {
            return None;
        };
        Some(kind)
    })
}

/// Whether the words stand in a line as words.
fn holds_words(line: &str, words: &str) -> bool {
    line.match_indices(words).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + words.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    })
}

/// What a command said, fit to be shown: its last lines on one, printable, at most [`OUTPUT_LIMIT`] octets, and without the
/// lines that may hold a secret.
#[must_use]
pub fn shown(output: &str) -> String {
    let fit = |line: &str| {
        let clean: String = line.chars().filter(|one| !one.is_control()).collect();
        let clean = clean.trim();
        let lower = clean.to_ascii_lowercase();
        let secret = ["passw", "secret", "passphrase", "user="];
        match secret.iter().any(|word| lower.contains(word)) {
            true => "(a line that may hold a secret is left out)".to_owned(),
            false => clean.to_owned(),
        }
    };
    let mut kept: Vec<String> = Vec::new();
    let mut octets = 0;
    for line in output.lines().rev().map(fit).filter(|line| !line.is_empty()) {
        octets += line.len() + 2;
        if octets > OUTPUT_LIMIT {
            if kept.is_empty() {
                let end = line.floor_char_boundary(OUTPUT_LIMIT);
                kept.push(line[..end].to_owned());
            }
            break;
        }
        kept.push(line);
    }
    kept.reverse();
    kept.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(program: &str, code: i32, output: &str) -> Kind {
        judge(&[program.to_owned(), "west".to_owned()], &Exit::Code(code), output).kind
    }

    #[test]
    fn the_words_of_a_modem_decide_and_the_last_ones_win() {
        for (output, kind) in [
            ("ATDT 0911\r\nBUSY\r\n", Kind::LineBusy),
            ("NO CARRIER", Kind::NoCarrier),
            ("abort on (BUSY)\nabort on (NO CARRIER)\nsend (ATDT1^M)\nNO ANSWER\n", Kind::NoAnswer),
            ("no dial tone", Kind::NoDialTone),
            ("Device ttyS0 is locked by pid 17", Kind::DeviceBusy),
            ("BUSY\nNO DIALTONE", Kind::NoDialTone),
            ("the business is closed", Kind::Failed),
            ("west: no such entry", Kind::EntryWrong),
            ("CHAP authentication failed", Kind::NotAuthenticated),
            ("", Kind::Failed),
        ] {
            assert_eq!(of("/opt/dial", 1, output), kind, "{output}");
        }
    }

    #[test]
    fn the_numbers_of_pppd_count_for_pppd_alone() {
        for (code, kind) in [
            (2, Kind::EntryWrong),
            (6, Kind::DeviceBusy),
            (7, Kind::DeviceMissing),
            (8, Kind::NoCarrier),
            (10, Kind::NoProtocol),
            (16, Kind::Lost),
            (19, Kind::NotAuthenticated),
            (5, Kind::Failed),
        ] {
            assert_eq!(of("/usr/sbin/pppd", code, ""), kind, "{code}");
            assert_eq!(of("/opt/dial", code, ""), Kind::Failed, "{code}");
        }
        assert_eq!(of("pppd", 8, "BUSY"), Kind::LineBusy, "what the modem said is more exact");
        let command = ["nobody".to_owned()];
        let failed = judge(&command, &Exit::NotStarted("not found".to_owned()), "");
        assert_eq!(failed.to_string(), "the dial command cannot be run: nobody: not found");
        assert_eq!(judge(&command, &Exit::Signal(9), "").kind, Kind::Failed);
    }

    #[test]
    fn what_is_shown_is_short_printable_and_no_secret() {
        let output = "one\r\nPAP AuthReq user=\"ras\" password=\"Dial.Pass1\"\n\u{1b}[31mBUSY\n";
        let text = shown(output);
        assert_eq!(text, "one; (a line that may hold a secret is left out); [31mBUSY");
        assert!(!text.contains("Dial.Pass1"));
        for line in ["Password: x1", "CHAP secret x1", "passphrase x1", "user=x1 name"] {
            assert!(!shown(line).contains("x1"), "{line}");
        }
        let long = shown(&format!("{}\nlast", "x".repeat(5000)));
        assert_eq!(long, "last");
        assert_eq!(shown(&"ü".repeat(5000)).len(), OUTPUT_LIMIT);
        assert!(shown(&"line of some length\n".repeat(500)).len() <= OUTPUT_LIMIT);
    }

    #[test]
    fn every_kind_has_a_word_of_its_own() {
        let mut words: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Kind::ALL.len());
        assert!(Kind::ALL.iter().all(|kind| (600..=752).contains(&kind.code())), "RAS numbers");
    }
}
