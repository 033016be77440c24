//! The events by which Windows says why a logon failed, each from XML, from a table and from pasted text: the cause follows from
//! the status inside. What a binary log gives by name is what its XML has as named values.

use std::fmt::Write as _;

use diagnosis::{FieldCase, consult};
use finding::Cause::{self, *};

use super::logs::Log;

const SECURITY: &str = "Microsoft-Windows-Security-Auditing";

/// Number, source, the name of the value and how a text names it, the value, the cause.
type Row = (u32, &'static str, &'static str, &'static str, &'static str, Cause);

/// STATUS_* of [MS-ERREF] 2.3.1 in 4625 and 4776, codes of RFC 4120 7.5.9 in 4768, 4769 and 4771.
const ROWS: &[Row] = &[
    (4625, SECURITY, "SubStatus", "Sub Status", "0xC000006A", ServiceAccountPasswordMismatch),
    (4625, SECURITY, "SubStatus", "Sub Status", "0xC0000064", ServiceAccountMissing),
    (4625, SECURITY, "Status", "Status", "0xC000006D", ServiceAccountPasswordMismatch),
    (4625, SECURITY, "SubStatus", "Sub Status", "0xC0000071", PasswordExpired),
    (4625, SECURITY, "SubStatus", "Sub Status", "0xC0000072", AccountDisabled),
    (4625, SECURITY, "SubStatus", "Sub Status", "0xC0000193", AccountExpired),
    (4625, SECURITY, "SubStatus", "Sub Status", "0xC000006F", AccountExpired),
    (4625, SECURITY, "Status", "Status", "0xC0000133", ClockSkew),
    (4625, SECURITY, "Status", "Status", "0xC0000224", PasswordExpired),
    (4625, SECURITY, "Status", "Status", "0xC0000234", AccountLockedOut),
    (4625, SECURITY, "Status", "Status", "0xC000015B", LogonRightMissing),
    (4625, SECURITY, "Status", "Status", "0xC0000192", LogonServerUnavailable),
    (4625, SECURITY, "Status", "Status", "0xC000005E", LogonServerUnavailable),
    (4625, SECURITY, "Status", "Status", "0xC000018D", SecureChannelBroken),
    (4625, SECURITY, "Status", "Status", "0xC0000418", NtlmBlocked),
    (4776, SECURITY, "Status", "Error Code", "0xC000006A", ServiceAccountPasswordMismatch),
    (4776, SECURITY, "Status", "Error Code", "0xC0000064", ServiceAccountMissing),
    (4776, SECURITY, "Status", "Error Code", "0xC0000234", AccountLockedOut),
    (4776, SECURITY, "Status", "Error Code", "0xC0000072", AccountDisabled),
    (4768, SECURITY, "Status", "Result Code", "0x6", ServiceAccountMissing),
    (4768, SECURITY, "Status", "Result Code", "0xE", KerberosRc4Refused),
    (4768, SECURITY, "Status", "Result Code", "0x12", AccountDisabled),
    (4768, SECURITY, "Status", "Result Code", "0x17", PasswordExpired),
    (4768, SECURITY, "Status", "Result Code", "0x25", ClockSkew),
    (4769, SECURITY, "Status", "Failure Code", "0x7", ServicePrincipalNameMissing),
    (4769, SECURITY, "Status", "Failure Code", "0x8", ServicePrincipalNameDuplicate),
    (4769, SECURITY, "Status", "Failure Code", "0xE", KerberosRc4Refused),
    (4771, SECURITY, "Status", "Failure Code", "0x12", AccountDisabled),
    (4771, SECURITY, "Status", "Failure Code", "0x17", PasswordExpired),
    (4771, SECURITY, "Status", "Failure Code", "0x18", ServiceAccountPasswordMismatch),
    (4771, SECURITY, "Status", "Failure Code", "0x25", ClockSkew),
    (4740, SECURITY, "TargetUserName", "Account Name", "svc-east", AccountLockedOut),
    (8004, "Microsoft-Windows-NTLM", "UserName", "User", "svc-east", NtlmBlocked),
    (5719, "NETLOGON", "Domain", "Domain", "EAST", LogonServerUnavailable),
    (5827, "NETLOGON", "Machine", "Machine", "OLD1", NetlogonSealingRequired),
    (5828, "NETLOGON", "Account", "Account", "OLDTRUST", NetlogonSealingRequired),
    (5829, "NETLOGON", "Machine", "Machine", "OLD1", NetlogonSealingRequired),
    (
        10036,
        "Microsoft-Windows-DistributedCOM",
        "Address",
        "address",
        "10.1.2.3",
        DcomHardeningEnforced,
    ),
    (
        10037,
        "Microsoft-Windows-DistributedCOM",
        "Application",
        "application",
        "mta",
        DcomHardeningEnforced,
    ),
];

fn xml((id, source, name, _, value, _): &Row) -> String {
    format!(
        "<Events><Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='{source}'/>\
         <EventID>{id}</EventID><Level>0</Level><TimeCreated SystemTime='2026-01-02T03:04:05Z'/><Channel>Security</Channel>\
         <Computer>EAST</Computer></System><EventData><Data Name='TargetDomainName'>ORG</Data><Data Name='{name}'>{value}</Data>\
         <Data Name='LogonType'>3</Data></EventData></Event></Events>"
    )
}

fn table((id, source, _, label, value, _): &Row) -> String {
    // Event Viewer shows the provider of the security log by another name.
    let source = if *source == SECURITY { "Microsoft Windows security auditing." } else { source };
    format!(
        "Keywords,Date and Time,Source,Event ID,Task Category,Computer,Message\r\n\
         Audit Failure,1/2/2026 3:04:05 AM,{source},{id},Logon,EAST,\"It was refused.\r\n\r\n\t{label}:\t\t{value}\r\n\tLogon Type:\t3\"\r\n"
    )
}

fn lines((id, source, name, _, value, _): &Row) -> String {
    format!(
        "{{\"time\":\"2026-01-02T03:04:05Z\",\"server\":\"EAST\",\"source\":\"{source}\",\"id\":{id},\"params\":{{\"{name}\":\"{value}\"}}}}\n"
    )
}

/// Claims: 36.
#[test]
fn each_status_of_a_windows_event_leads_to_its_cause_from_every_form() {
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = String::new();
    for row in ROWS {
        for (form, text) in [("xml", xml(row)), ("csv", table(row)), ("jsonl", lines(row))] {
            let file = folder.path().join(format!("log.{form}"));
            std::fs::write(&file, text).unwrap();
            let log = Log::read(&file, String::new()).unwrap();
            let events = log.events(&[]);
            assert_eq!(events.first().and_then(|one| one.id), Some(i64::from(row.0)), "{form}");
            let answer = consult(&FieldCase { events, notes: Vec::new() });
            let best = &answer.diagnoses[0];
            if best.cause != row.5 || answer.undecided {
                let second = &answer.diagnoses[1];
                let _ = writeln!(
                    wrong,
                    "{} {} {form}: {} {:.2}, then {} {:.2}",
                    row.0, row.4, best.cause, best.confidence, second.cause, second.confidence
                );
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
