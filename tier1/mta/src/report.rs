//! Reports that this MTA makes, X.411 14.3.4 and 12.2.1.3.

use jiff::Timestamp;
use queue::Failure;
use x400::{
    DeliveryOutcome, DiagnosticCode, DlExpansion, MessageTransferEnvelope, MtsIdentifier,
    MtsUserType, PerRecipientFields, PerRecipientReportFields, ReasonCode, Report, ReportContent,
    ReportTransferEnvelope, SupplementaryInformation, SuppliedInformation, TraceElement,
    append_trace,
};

use crate::numbers;
use crate::site::Site;

/// Octets of the subject's header that a report returns when the whole is not asked for.
const MAX_HEADER: usize = 64 * 1024;

/// Makes the one report about recipients that could not be served; `None` where the
/// originator wants none, or the originator is nobody.
#[must_use]
pub fn non_delivery(
    site: &Site,
    identifier: MtsIdentifier,
    subject: &MessageTransferEnvelope,
    content: &[u8],
    failures: &[(u32, Failure)],
    now: Timestamp,
) -> Option<Report> {
    let outcomes = failures.iter().filter_map(|(number, failure)| {
        let fields = subject.recipients.iter().find(|fields| fields.number == *number)?;
        let outcome = DeliveryOutcome::NotDelivered {
            reason: ReasonCode(failure.reason),
            diagnostic: failure.diagnostic.map(DiagnosticCode),
        };
        let mut recipient = recipient(subject, fields, outcome, now);
        recipient.supplementary_information = SupplementaryInformation::new(&failure.words());
        wants_non_delivery(subject, fields).then_some(recipient)
    });
    let recipients = outcomes.collect();
    report(site, identifier, subject, recipients, returned(subject, content), now)
}

/// Answers a probe about one recipient that would be served.
#[must_use]
pub fn probed(
    site: &Site,
    identifier: MtsIdentifier,
    subject: &MessageTransferEnvelope,
    (number, user_type): (u32, MtsUserType),
    now: Timestamp,
) -> Option<Report> {
    let fields = subject.recipients.iter().find(|fields| fields.number == number)?;
    let outcome = DeliveryOutcome::Delivered { time: now, user_type };
    let recipients = vec![recipient(subject, fields, outcome, now)];
    report(site, identifier, subject, recipients, None, now)
}

/// Makes the report about one recipient that was served; `None` where the originator did not
/// ask for it. The content is not returned.
#[must_use]
pub fn delivery(
    site: &Site,
    identifier: MtsIdentifier,
    subject: &MessageTransferEnvelope,
    (number, user_type): (u32, MtsUserType),
    now: Timestamp,
) -> Option<Report> {
    let fields = subject.recipients.iter().find(|fields| fields.number == number)?;
    let indicators = fields.indicators;
    let wanted = indicators.originator_report || (is_foreign(subject) && indicators.mta_report);
    if !wanted {
        return None;
    }
    let outcome = DeliveryOutcome::Delivered { time: now, user_type };
    let recipients = vec![recipient(subject, fields, outcome, now)];
    report(site, identifier, subject, recipients, None, now)
}

fn report(
    site: &Site,
    identifier: MtsIdentifier,
    subject: &MessageTransferEnvelope,
    recipients: Vec<PerRecipientReportFields>,
    returned_content: Option<Vec<u8>>,
    now: Timestamp,
) -> Option<Report> {
    let reverse_path = mixer::smtp_view(subject).ok()?.originator.reverse_path;
    if reverse_path.is_empty() || recipients.is_empty() {
        return None;
    }
    // Behind a list it is the list that hears first, and lets others know by its own policy (X.411 14.3.4).
    let lists = x400::dl_expansion_history(&subject.extensions).unwrap_or_default();
    let destination = lists.last().map_or(&subject.originator, |last| &last.list).clone();
    let mut envelope = ReportTransferEnvelope {
        destination,
        trace: vec![TraceElement {
            domain: identifier.domain.clone(),
            supplied: SuppliedInformation::relayed(now),
        }],
        identifier,
        extensions: Vec::new(),
        unknown: Vec::new(),
    };
    if !lists.is_empty() {
        let submitted = subject.trace.first().map_or(now, |first| first.supplied.arrival);
        let originator = DlExpansion { list: subject.originator.clone(), time: submitted };
        let steps: Vec<DlExpansion> = std::iter::once(originator).chain(lists).collect();
        x400::set_originator_and_dl_expansion_history(&mut envelope.extensions, &steps);
    }
    // A fresh trace is well formed.
    append_trace(&mut envelope, &site.domain, &site.mta_name, SuppliedInformation::relayed(now))
        .ok()?;
    let intermediate_trace =
        if recipients.iter().any(is_audited) { subject.trace.clone() } else { Vec::new() };
    let content = ReportContent {
        subject: subject.mts_identifier.clone(),
        intermediate_trace,
        original_eits: subject.original_eits.clone(),
        content_type: Some(subject.content_type.clone()),
        content_identifier: subject.content_identifier.clone(),
        returned_content,
        additional_information: None,
        extensions: Vec::new(),
        recipients,
        unknown: Vec::new(),
    };
    let mut report = Report { envelope, content };
    // The verbatim envelope is needed where the report becomes mail again.
    mixer::carry_envelope(subject, &mut report);
    for recipient in &mut report.content.recipients {
        let of = subject.recipients.iter().find(|fields| fields.number == recipient.number);
        recipient.number = of.map_or(recipient.number, numbers::specified);
    }
    Some(report)
}

/// The originating MTA may want to know what the originator does not; a server of this project
/// does not, as its mails carry the wishes of SMTP along.
fn wants_non_delivery(subject: &MessageTransferEnvelope, fields: &PerRecipientFields) -> bool {
    let indicators = fields.indicators;
    indicators.originator_report
        || indicators.originator_non_delivery_report
        || (is_foreign(subject) && (indicators.mta_report || indicators.mta_non_delivery_report))
}

/// True when the message did not begin as a mail at a server of this project.
fn is_foreign(subject: &MessageTransferEnvelope) -> bool {
    !matches!(mixer::SmtpOriginator::find(&subject.extensions), Ok(Some(_)))
}

/// An audited report was asked for: the MTA wants both kinds (X.411 12.2.1.1.1.7).
fn is_audited(fields: &PerRecipientReportFields) -> bool {
    fields.indicators.mta_report && fields.indicators.mta_non_delivery_report
}

fn recipient(
    subject: &MessageTransferEnvelope,
    fields: &PerRecipientFields,
    outcome: DeliveryOutcome,
    now: Timestamp,
) -> PerRecipientReportFields {
    let arrival = subject.trace.last().map_or(now, |last| last.supplied.arrival);
    PerRecipientReportFields {
        actual_recipient: fields.recipient.clone(),
        number: fields.number,
        indicators: fields.indicators,
        arrival,
        converted_eits: None,
        outcome,
        // Whom the originator, or the last list, had named.
        intended_recipient: x400::redirection_history(&fields.extensions)
            .ok()
            .and_then(|steps| steps.into_iter().next())
            .map(|step| step.intended_recipient),
        supplementary_information: None,
        extensions: Vec::new(),
        unknown: Vec::new(),
    }
}

/// The whole content where the originator asked for it; otherwise the header of a mail, which
/// the notification of it shows, and nothing of any other content.
fn returned(subject: &MessageTransferEnvelope, content: &[u8]) -> Option<Vec<u8>> {
    if subject.per_message_indicators.bit(MessageTransferEnvelope::CONTENT_RETURN_REQUEST) {
        return Some(content.to_vec());
    }
    if is_foreign(subject) || content.is_empty() {
        return None;
    }
    let header = mixer::header_block(content);
    Some(header[..header.len().min(MAX_HEADER)].to_vec())
}
