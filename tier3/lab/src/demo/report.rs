//! What is asked of a demo and what it found.

use std::path::PathBuf;

use finding::{Cause, Remedy};
use serde::Serialize;

use crate::directory_server::DirectoryKind;
use crate::ledger::Ledger;
use crate::observe::TellingEvent;
use crate::organisation::{Auth, Carrier};

/// What is asked of a demo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoOptions {
    /// Mail to send; without any, five messages of its own.
    pub files: Vec<PathBuf>,
    /// End after the last step; else the servers stay up until Ctrl-C.
    pub once: bool,
    /// Where to work; else a new temporary folder.
    pub dir: Option<PathBuf>,
    /// How the servers prove themselves.
    pub auth: Auth,
    /// Who keeps the directory and, with it, the accounts.
    pub directory: DirectoryKind,
    /// What is put in.
    pub fault: Cause,
    /// What mail crosses by.
    pub carrier: Carrier,
    /// Standard output is left to the report.
    pub json: bool,
}

impl Default for DemoOptions {
    fn default() -> Self {
        Self {
            files: Vec::new(),
            once: false,
            dir: None,
            auth: Auth::Ntlm,
            directory: DirectoryKind::Embedded,
            fault: Carrier::Rpc.default_fault(),
            carrier: Carrier::Rpc,
            json: false,
        }
    }
}

/// What a demo found; serialised, the object `bindback.demo/1`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DemoReport {
    schema: &'static str,
    /// Messages, once for each recipient, over all phases.
    pub sent: usize,
    pub delivered: usize,
    /// Came back as a non-delivery report.
    pub reported: usize,
    pub lost: usize,
    pub duplicated: usize,
    pub servers: Vec<ServerReport>,
    pub fault: FaultReport,
    /// What was not as it must be, in words; empty when all went well.
    pub problems: Vec<String>,
    pub seconds: f64,
}

/// One server of a demo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServerReport {
    pub name: String,
    pub config: PathBuf,
    pub maildir: PathBuf,
    /// Of the process that ran last.
    pub pid: Option<u32>,
}

/// What the fault did and how it was cured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FaultReport {
    pub cause: Cause,
    /// Logged by both servers since the fault was put in, until the doctor was asked.
    pub events: Vec<TellingEvent>,
    /// The doctor's first cause.
    pub diagnosed: Option<Cause>,
    /// What the doctor said to do.
    pub remedy: Vec<Remedy>,
    /// All stopped mail was delivered within 5 seconds of the cure.
    pub recovered: bool,
    /// From the end of the last command to the delivery of the last stopped message.
    pub recovery_ms: Option<u64>,
}

impl FaultReport {
    /// Nothing known yet.
    pub(crate) fn new(cause: Cause) -> Self {
        Self {
            cause,
            events: Vec::new(),
            diagnosed: None,
            remedy: Vec::new(),
            recovered: false,
            recovery_ms: None,
        }
    }
}

impl DemoReport {
    /// The counts of a ledger with everything else around them.
    pub(crate) fn new(
        ledger: &Ledger,
        servers: Vec<ServerReport>,
        fault: FaultReport,
        mut problems: Vec<String>,
        seconds: f64,
    ) -> Self {
        problems.extend(ledger.strays().iter().map(ToString::to_string));
        Self {
            schema: "bindback.demo/1",
            sent: ledger.sent(),
            delivered: ledger.delivered(),
            reported: ledger.reported(),
            lost: ledger.lost(),
            duplicated: ledger.duplicated(),
            servers,
            fault,
            problems,
            seconds,
        }
    }

    /// Everything sent arrived once and unchanged, the doctor was right, and mail recovered.
    #[must_use]
    pub fn success(&self) -> bool {
        self.sent > 0
            && self.delivered == self.sent
            && self.lost == 0
            && self.duplicated == 0
            && self.fault.diagnosed == Some(self.fault.cause)
            && self.fault.recovered
            && self.problems.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::cast::MAILBOXES;

    fn good() -> DemoReport {
        let mut ledger = Ledger::default();
        let content: Arc<[u8]> = Arc::from(&b"a\r\n"[..]);
        ledger.enter(&content, None, &MAILBOXES[..1]);
        ledger.handle_file(MAILBOXES[0], PathBuf::from("new/1"), &content);
        let mut fault = FaultReport::new(Cause::RemoteNameUnresolvable);
        fault.diagnosed = Some(Cause::RemoteNameUnresolvable);
        fault.recovered = true;
        fault.recovery_ms = Some(12);
        fault.remedy.push(Remedy { text: "t".to_owned(), command: Some("c".to_owned()) });
        let server = ServerReport {
            name: "EAST".to_owned(),
            config: PathBuf::from("/d/east/bindback.toml"),
            maildir: PathBuf::from("/d/east/maildir"),
            pid: Some(7),
        };
        DemoReport::new(&ledger, vec![server], fault, Vec::new(), 1.5)
    }

    #[test]
    fn success_needs_everything() {
        assert!(good().success());
        let spoilt: [fn(&mut DemoReport); 7] = [
            |report| report.delivered = 0,
            |report| report.lost = 1,
            |report| report.duplicated = 1,
            |report| report.fault.recovered = false,
            |report| report.fault.diagnosed = None,
            |report| report.fault.diagnosed = Some(Cause::ServiceAccountMissing),
            |report| report.problems.push("x".to_owned()),
        ];
        for spoil in spoilt {
            let mut report = good();
            spoil(&mut report);
            assert!(!report.success(), "{report:?}");
        }
    }

    #[test]
    fn the_object_is_the_published_one() {
        let json = serde_json::to_value(good()).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "schema": "bindback.demo/1",
                "sent": 1, "delivered": 1, "reported": 0, "lost": 0, "duplicated": 0,
                "servers": [{
                    "name": "EAST", "config": "/d/east/bindback.toml",
                    "maildir": "/d/east/maildir", "pid": 7,
                }],
                "fault": {
                    "cause": "remote-name-unresolvable", "events": [],
                    "diagnosed": "remote-name-unresolvable",
                    "remedy": [{ "text": "t", "command": "c" }],
                    "recovered": true, "recovery_ms": 12,
                },
                "problems": [],
                "seconds": 1.5,
            })
        );
    }
}
