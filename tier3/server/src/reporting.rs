//! One report for what failed for good: made here, queued with the removal of what it is about.

use std::collections::BTreeMap;
use std::sync::Arc;

use event::build::{self, NonDelivery};
use jiff::Timestamp;
use mta::Subject;
use queue::{Clock, Failure, Kind, MessageRecord, NewMessage, Outcome};
use tokio::sync::mpsc;
use x400::{DiagnosticCode, MtsUserType, ReasonCode};

use crate::mail_queue::{AcceptError, ReportOrder};
use crate::node::Node;
use crate::processing::process;
use crate::{reassignment, settings};

/// Makes reports until the server stops.
pub async fn run(node: Arc<Node>, mut orders: mpsc::UnboundedReceiver<ReportOrder>) {
    loop {
        let order = tokio::select! {
            order = orders.recv() => order,
            () = node.stopped() => return,
        };
        let Some(order) = order else { return };
        report(&node, order).await;
    }
}

async fn report(node: &Arc<Node>, mut order: ReportOrder) {
    let id = order.id;
    let numbers: Vec<u32> = order.failures.iter().map(|(number, _)| *number).collect();
    let record = node.queue.record(order.id);
    let redirected = match &record {
        Some(record) if record.head.kind == Kind::Message => to_alternates(node, &order).await,
        _ => BTreeMap::new(),
    };
    if let Some(record) = &record {
        log(node, record, &order.failures, &redirected);
    }
    // What becomes of those is told of their copies.
    order.failures.retain(|(number, _)| !redirected.contains_key(number));
    if order.failures.is_empty() {
        node.queue.report_created(id, &numbers, None);
        return;
    }
    let made = {
        let node = Arc::clone(node);
        process(&Arc::clone(&node), id, "reporting on", move || make(&node, &order)).await
    };
    let report = match made {
        Ok(Ok(report)) => report,
        // It is set aside, or was crashed upon once: the report is made after the next start.
        Err(_) => return,
        Ok(Err(error)) => {
            // Without a readable envelope nobody can be told; the log has the event.
            eprintln!("message {id} failed and cannot be reported: {error}");
            None
        }
    };
    if report.is_some() {
        metrics::counter!("bindback_reports_total").increment(1);
    }
    node.queue.report_created(id, &numbers, report);
}

/// Sends the message on to the alternates that its originator named for recipients that failed; their addresses. A message
/// whose time is over goes nowhere: the copy would have no time left either.
async fn to_alternates(node: &Arc<Node>, order: &ReportOrder) -> BTreeMap<u32, String> {
    let mut redirected = BTreeMap::new();
    let in_time = |failure: &Failure| failure.ended.is_none_or(|clock| clock == Clock::OpenRetries);
    let failed = order.failures.iter().filter(|(_, failure)| in_time(failure));
    let failed: Vec<u32> = failed.map(|(number, _)| *number).collect();
    if failed.is_empty() {
        return redirected;
    }
    let opened = {
        let (node, id) = (Arc::clone(node), order.id);
        process(&Arc::clone(&node), id, "reading", move || node.queue.open_message(id)).await
    };
    // What cannot be read is reported as well as it can be.
    let Ok(Ok(opened)) = opened else { return redirected };
    for number in failed {
        let tried = reassignment::try_alternate(node, &opened, number).await;
        if let Some(tried) = tried.filter(|tried| tried.outcome == Outcome::Done) {
            redirected.insert(number, tried.address);
        }
    }
    redirected
}

fn make(node: &Node, order: &ReportOrder) -> Result<Option<NewMessage>, String> {
    let store = node.queue.store();
    let words = |error: store::StoreError| error.to_string();
    let Some(envelope) = store.envelope(order.id).map_err(words)? else {
        return Err("its envelope is missing in the store".to_owned());
    };
    let subject = mta::subject(&envelope).map_err(|error| error.to_string())?.envelope;
    // A report is made all the same where the content is lost.
    let content = store.content(order.id).map_err(words)?.unwrap_or_default();
    let site = settings::site(&node.config());
    let (id, now) = (node.queue.next_id(), Timestamp::now());
    let identifier = site.mts_identifier(id);
    let report = mta::non_delivery(&site, identifier, &subject, &content, &order.failures, now);
    let Some(report) = report else { return Ok(None) };
    let life = |priority, submitted| node.queue.expires(priority, submitted);
    let entry = mta::report_entry(id, &report, now, node.router(&node.routes()), life);
    entry.map(Some).map_err(|error| error.to_string())
}

/// Reports that a recipient was served, where the originator asked for it, or that it would
/// be, where the subject is a probe.
pub async fn report_delivery(
    node: &Node,
    subject: Option<&Subject>,
    (number, user_type): (u32, MtsUserType),
) {
    let Some(Subject { envelope: subject, probe, .. }) = subject else { return };
    let (id, now) = (node.queue.next_id(), Timestamp::now());
    let site = settings::site(&node.config());
    let make = if *probe { mta::probed } else { mta::delivery };
    let Some(report) = make(&site, site.mts_identifier(id), subject, (number, user_type), now)
    else {
        return;
    };
    let life = |priority, submitted| node.queue.expires(priority, submitted);
    match mta::report_entry(id, &report, now, node.router(&node.routes()), life) {
        Ok(mut entry) => {
            // A delivery that is repeated after a crash is not reported again.
            let fields = subject.recipients.iter().find(|fields| fields.number == number);
            let key = fields.map(|fields| mta::once_key(subject, fields)).unwrap_or_default();
            entry.seen = vec![format!("{key}#delivered")];
            if let Err(error) = node.queue.accept(entry).await
                && !matches!(error, AcceptError::Repeated)
            {
                eprintln!("the delivery of {} cannot be reported: {error}", subject.mts_identifier);
            }
        }
        Err(error) => {
            eprintln!("the delivery of {} cannot be reported: {error}", subject.mts_identifier);
        }
    }
}

/// Events 208 and 290, one for each recipient.
fn log(
    node: &Node,
    record: &MessageRecord,
    failures: &[(u32, Failure)],
    redirected: &BTreeMap<u32, String>,
) {
    let lived = record.head.expires.duration_since(record.head.submitted).as_mins();
    let life = |failure: &Failure| failure.ended.is_some_and(|clock| clock != Clock::OpenRetries);
    if let Some((_, failure)) = failures.iter().find(|(_, failure)| life(failure)) {
        let minutes = u32::try_from(lived).unwrap_or(u32::MAX);
        node.log(build::message_expired(&record.head.mts_id, minutes, Some(&failure.error)));
    }
    for (number, failure) in failures {
        let recipient = record.recipients.iter().find(|recipient| recipient.number == *number);
        let diagnostic = failure.diagnostic.map(DiagnosticCode);
        node.log(build::non_delivery(&NonDelivery {
            reason: words(ReasonCode(failure.reason).name(), failure.reason),
            diagnostic: match diagnostic {
                Some(code) => words(code.name(), code.0),
                None => "none".to_owned(),
            },
            mts_id: record.head.mts_id.clone(),
            recipient: recipient.map_or_else(String::new, |recipient| recipient.address.clone()),
            recipient_number: *number,
            redirected_to: redirected.get(number).cloned(),
            last_error: Some(failure.words()),
        }));
    }
}

fn words(name: Option<&str>, number: i64) -> String {
    name.map_or_else(|| number.to_string(), str::to_owned)
}
