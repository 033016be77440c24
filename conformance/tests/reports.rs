//! Non-delivery reports as the sender's mail reader sees them: RFC 3462 (multipart/report), RFC 3464 (fields),
//! X.411 8.3.1.2 (reasons and diagnostics), RFC 3461 (NOTIFY), RFC 5321 4.5.5 (null reverse path).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use conformance::{Delivered, Letter, Organisation, Plan, Side, until};

/// How long a report may take once the message is given up.
const REPORT: Duration = Duration::from_secs(15);

/// How long nothing must come where nothing is due; all queues are empty before.
const SILENCE: Duration = Duration::from_secs(2);

/// An address at EAST without a mailbox.
const UNKNOWN: &str = "nobody@east.proof.test";

fn send(letter: &Letter, server: SocketAddr) -> Result<()> {
    let reply = letter.hand_in(server).context("a letter was not taken")?;
    ensure!(reply.code == 250, "{reply:?}");
    Ok(())
}

/// The only file in a mailbox, once it is there and nothing else comes.
fn only(organisation: &Organisation, side: Side) -> Result<Delivered> {
    let maildir = organisation.maildir(side);
    until(REPORT, "a report", || Ok((maildir.count() > 0).then_some(())))?;
    organisation.until_empty(REPORT)?;
    std::thread::sleep(SILENCE);
    let mut all = maildir.read()?;
    let texts: Vec<String> = all.iter().map(Delivered::text).collect();
    ensure!(all.len() == 1, "{} files where one was due: {texts:#?}", all.len());
    all.pop().context("it is gone")
}

/// All of these must stand in the report.
fn says(report: &Delivered, wanted: &[&str]) -> Result<()> {
    ensure!(report.is_report(), "no report: {}", report.text());
    let text = report.text().replace("\r\n ", " ");
    for words in wanted {
        ensure!(text.contains(words), "the report does not say {words:?}:\n{text}");
    }
    Ok(())
}

#[test]
fn an_unknown_recipient_on_the_far_server_is_reported_once() -> Result<()> {
    let organisation = Organisation::make(&Plan::default())?;
    let _servers = organisation.start_both()?;
    let west = Side::West.user();
    let mut letter = Letter::plain(&west, UNKNOWN, "unknown", "To nobody and to anna.");
    letter.to.push((Side::East.user(), String::new()));
    send(&letter, organisation.smtp(Side::West))?;
    let report = only(&organisation, Side::West)?;
    says(
        &report,
        &[
            "Return-Path: <>",
            "Content-Type: multipart/report; report-type=delivery-status",
            "<nobody@east.proof.test>",
            "unable-to-transfer (1)",
            "unrecognised-OR-name (0)",
            "Final-Recipient: rfc822; nobody@east.proof.test",
            "Action: failed",
            "Status: 5.1.1",
            "Subject: unknown",
        ],
    )?;
    let about = report.text();
    ensure!(!about.contains("Final-Recipient: rfc822; anna@"), "anna got her mail: {about}");
    ensure!(organisation.maildir(Side::East).read()?.iter().any(|mail| mail.is(&letter.content)));
    Ok(())
}

#[test]
fn a_delivery_is_reported_once_to_who_asked_for_it() -> Result<()> {
    let organisation = Organisation::make(&Plan::default())?;
    let _servers = organisation.start_both()?;
    let west = Side::West.user();
    let mut letter = Letter::plain(&west, &Side::East.user(), "success", "NOTIFY=SUCCESS.");
    letter.to[0].1 = "NOTIFY=SUCCESS,FAILURE".to_owned();
    send(&letter, organisation.smtp(Side::West))?;
    let report = only(&organisation, Side::West)?;
    let recipient = format!("Final-Recipient: rfc822; {}", Side::East.user());
    says(
        &report,
        &[
            &recipient,
            "Action: delivered",
            "Status: 2.0.0",
            "Reporting-MTA: x400; EAST",
            "DSN-Gateway: dns; west.proof.test",
        ],
    )?;
    ensure!(organisation.maildir(Side::East).read()?.iter().any(|mail| mail.is(&letter.content)));
    Ok(())
}

/// Claims: 4.
#[test]
fn mail_that_outlives_its_time_is_reported_once_with_the_last_error() -> Result<()> {
    let plan = Plan::default().with("queue", "life_normal_s", "4");
    let organisation = Organisation::make(&plan)?;
    let _west = organisation.start(Side::West)?;
    let letter = Letter::plain(&Side::West.user(), &Side::East.user(), "late", "EAST is down.");
    let begin = Instant::now();
    send(&letter, organisation.smtp(Side::West))?;
    let report = only(&organisation, Side::West)?;
    ensure!(begin.elapsed() >= Duration::from_secs(4), "given up too early");
    says(
        &report,
        &[
            "<anna@east.proof.test>",
            "unable-to-transfer (1)",
            "maximum-time-expired (5)",
            "Final-Recipient: rfc822; anna@east.proof.test",
            "Action: failed",
            "Status: 4.4.7",
            // The last error: nobody listens there.
            "Connection refused",
        ],
    )?;
    let events = organisation.events(Side::West)?;
    for id in [208, 290] {
        let count = events.iter().filter(|event| event["id"] == id).count();
        ensure!(count == 1, "event {id} was logged {count} times");
    }
    Ok(())
}

#[test]
fn nobody_reports_on_a_report() -> Result<()> {
    let organisation = Organisation::make(&Plan::default())?;
    let _servers = organisation.start_both()?;
    // The reports about these cannot be delivered: the sender has no mailbox at WEST, at EAST, or lives nowhere.
    for (number, from) in ["ghost@west.proof.test", "ghost@east.proof.test", "ghost@elsewhere.test"]
        .iter()
        .enumerate()
    {
        let letter = Letter::plain(from, UNKNOWN, &format!("ghost-{number}"), "From nobody.");
        send(&letter, organisation.smtp(Side::West))?;
    }
    // A letter that does arrive, so that the silence is not that of a broken road.
    let letter = Letter::plain(&Side::West.user(), &Side::East.user(), "road", "The road is open.");
    send(&letter, organisation.smtp(Side::West))?;
    silence(&organisation, &[&letter])
}

#[test]
fn the_null_reverse_path_and_notify_never_get_no_report() -> Result<()> {
    let organisation = Organisation::make(&Plan::default())?;
    let _servers = organisation.start_both()?;
    let west = Side::West.user();
    let null = Letter::plain("", UNKNOWN, "null", "From the null reverse path.");
    let mut never = Letter::plain(&west, UNKNOWN, "never", "NOTIFY=NEVER.");
    never.to[0].1 = "NOTIFY=NEVER".to_owned();
    // Asking for no report takes no mail away from those who can be reached.
    let mut both = Letter::plain(&west, UNKNOWN, "both", "NEVER to one and to another.");
    both.to = vec![
        (UNKNOWN.to_owned(), "NOTIFY=NEVER".to_owned()),
        (Side::East.user(), "NOTIFY=NEVER".to_owned()),
    ];
    for letter in [&null, &never, &both] {
        send(letter, organisation.smtp(Side::West))?;
    }
    silence(&organisation, &[&both])
}

/// EAST's mailbox has these and WEST's has nothing, and there is no other mailbox, once both queues are empty.
fn silence(organisation: &Organisation, at_east: &[&Letter]) -> Result<()> {
    let east = organisation.maildir(Side::East);
    until(REPORT, "the mail at EAST", || Ok((east.count() >= at_east.len()).then_some(())))?;
    organisation.until_empty(REPORT)?;
    std::thread::sleep(SILENCE);
    organisation.until_empty(REPORT)?;
    for (side, letters) in [(Side::East, at_east), (Side::West, &[])] {
        let found = organisation.maildir(side).read()?;
        let texts: Vec<String> = found.iter().map(Delivered::text).collect();
        ensure!(found.len() == letters.len(), "{} has {texts:#?}", side.name());
        for letter in letters {
            ensure!(
                found.iter().any(|mail| mail.is(&letter.content)),
                "{} has {texts:#?}",
                side.name()
            );
        }
        let folders = std::fs::read_dir(organisation.folder(side).join("maildir"))?;
        for folder in folders {
            let name = folder?.file_name();
            ensure!(name == side.mailbox(), "{} has a mailbox {}", side.name(), name.display());
        }
    }
    Ok(())
}
