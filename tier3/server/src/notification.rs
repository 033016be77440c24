//! A report at its exit: a delivery status notification for a mailbox of this server.

use jiff::Timestamp;
use mixer::{Dsn, OriginalMessage};
use x400::MtsApdu;

use crate::node::Node;

/// Makes the mail of a report.
///
/// # Errors
/// The report cannot be read or not be expressed as mail; in words, for the queue.
pub fn from_report(node: &Node, apdu: &[u8]) -> Result<Vec<u8>, String> {
    let report = match MtsApdu::decode(apdu) {
        Ok(MtsApdu::Report(report)) => report,
        Ok(_) => return Err("the stored report is no report".to_owned()),
        Err(error) => return Err(error.to_string()),
    };
    let words = |error: mixer::MixerError| error.to_string();
    let originator = mixer::report_originator(&report).map_err(words)?;
    let recipients = mixer::report_recipients(&report).map_err(words)?;
    let config = node.config();
    let domain = config.mail.domains.first().map_or(config.server.host_name.as_str(), |d| d);
    let report_id = report.envelope.identifier.to_string();
    let subject_id = report.content.subject.to_string();
    let made = report.envelope.trace.first().map(|first| first.supplied.arrival);
    let trace = x400::internal_trace(&report.envelope.extensions).unwrap_or_default();
    let reporter = trace.first().map(|first| first.mta_name.as_str());
    let original = report.content.returned_content.as_deref();
    let notification = mixer::build_dsn(&Dsn {
        report_id: &report_id,
        subject_id: &subject_id,
        reporting_mta: &config.server.host_name,
        x400_mta: reporter.filter(|name| *name != x400::ia5_name(&config.server.name)),
        postmaster: &format!("postmaster@{domain}"),
        reverse_path: &originator.reverse_path,
        envid: originator.envid.as_deref(),
        smtputf8: originator.smtputf8,
        arrival: report.content.recipients.first().map(|fields| fields.arrival),
        // The report's own time, so that a repeated delivery makes the same octets.
        date: made.unwrap_or_else(Timestamp::now),
        recipients: &recipients,
        original: original.map(|octets| match originator.ret {
            Some(mixer::Return::Full) => OriginalMessage::Full(octets),
            _ => OriginalMessage::Header(octets),
        }),
    });
    notification.map(|message| message.octets).map_err(words)
}
