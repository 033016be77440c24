//! RFC 5321 with Postfix at the other end: its own configuration, queue and address.
//!
//! Peer: Postfix, as the system has it. Skipped by name where it is missing.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use conformance::{Block, Letter, Organisation, Plan, Postfix, Side, skip, until};

/// How long mail may take.
const ROAD: Duration = Duration::from_secs(60);

/// A receiving host for far.test with one mailbox.
fn receiver(address: SocketAddr) -> Result<Postfix> {
    Postfix::start(
        address,
        &[
            ("virtual_mailbox_domains", "far.test".to_owned()),
            ("virtual_mailbox_maps", "inline:{ carla@far.test=carla/ }".to_owned()),
        ],
    )
}

/// WEST sends everything that nobody holds to a smart host.
fn plan(host: SocketAddr) -> Plan {
    let connector = format!(
        "[[connector]]\nname = 'internet'\nkind = 'smtp'\nhosts = ['{host}']\n\
         [[connector.address_space]]\npattern = '*'\n"
    );
    Plan::default()
        .with_on(Side::West, "smtp", "relay", "['127.0.0.0/8']")
        .with_more(Side::West, connector)
}

fn to_carla(subject: &str, text: &str) -> Letter {
    Letter::plain(&Side::West.user(), "carla@far.test", subject, text)
}

#[test]
fn our_mail_arrives_at_postfix_octet_for_octet() -> Result<()> {
    let name = "our_mail_arrives_at_postfix_octet_for_octet";
    if let Some(reason) = Postfix::why_not() {
        skip(name, &reason);
        return Ok(());
    }
    let postfix = receiver(SocketAddr::from((Block::take()?.address(0), 2525)))?;
    let organisation = Organisation::make(&plan(postfix.address()))?;
    let _west = organisation.start(Side::West)?;
    let long = "x".repeat(990);
    let mut letters = vec![
        to_carla("plain", "One line."),
        to_carla("dots", ".\r\n..\r\n.x\r\n\r\n."),
        to_carla("eight-bit", "Gr\u{fc}\u{df}e aus dem Westen \u{2708}"),
        to_carla("long", &format!("{long}\r\n{long}")),
        to_carla("large", &"0123456789\r\n".repeat(20_000)),
    ];
    letters[2].mail_parameters = "BODY=8BITMIME".to_owned();
    for letter in &letters {
        letter.hand_in(organisation.smtp(Side::West)).context("a letter was not taken")?;
    }
    let maildir = postfix.maildir("carla");
    until(ROAD, "the mail at Postfix", || Ok((maildir.count() >= letters.len()).then_some(())))?;
    let found = maildir.read()?;
    ensure!(found.len() == letters.len(), "{} files", found.len());
    for letter in &letters {
        // Postfix ends lines in its mailboxes with LF.
        let content = String::from_utf8(letter.content.clone())?.replace("\r\n", "\n");
        let same = found.iter().filter(|file| {
            let front = file.octets.strip_suffix(content.as_bytes());
            front.is_some_and(|front| {
                front.ends_with(b"\n") && !front.windows(2).any(|w| w == b"\n\n")
            })
        });
        ensure!(same.count() == 1, "not once as it was: {content:.200}");
    }
    organisation.until_empty(ROAD)
}

#[test]
fn postfix_s_refusal_comes_back_in_its_own_words() -> Result<()> {
    let name = "postfix_s_refusal_comes_back_in_its_own_words";
    if let Some(reason) = Postfix::why_not() {
        skip(name, &reason);
        return Ok(());
    }
    let postfix = receiver(SocketAddr::from((Block::take()?.address(0), 2525)))?;
    let organisation = Organisation::make(&plan(postfix.address()))?;
    let _west = organisation.start(Side::West)?;
    let mut letter = to_carla("two", "One of you is not there.");
    letter.to.push(("nobody@far.test".to_owned(), String::new()));
    letter.hand_in(organisation.smtp(Side::West)).context("it was not taken")?;
    let home = organisation.maildir(Side::West);
    until(ROAD, "the report", || Ok((home.count() > 0).then_some(())))?;
    organisation.until_empty(ROAD)?;
    std::thread::sleep(Duration::from_secs(2));
    let reports = home.read()?;
    ensure!(reports.len() == 1, "{} reports", reports.len());
    let text = reports[0].text().replace("\r\n ", " ");
    let host = postfix.address().ip();
    for words in [
        "Final-Recipient: rfc822; nobody@far.test".to_owned(),
        "Action: failed".to_owned(),
        "Status: 5.1.1".to_owned(),
        format!("Remote-MTA: dns; {host}"),
        "Diagnostic-Code: smtp; 550 5.1.1".to_owned(),
    ] {
        ensure!(text.contains(&words), "the report does not say {words:?}:\n{text}");
    }
    ensure!(!text.contains("Final-Recipient: rfc822; carla@"), "carla got hers: {text}");
    ensure!(postfix.maildir("carla").count() == 1, "carla has her mail once");
    Ok(())
}

#[test]
fn postfix_s_mail_arrives_here_octet_for_octet() -> Result<()> {
    let name = "postfix_s_mail_arrives_here_octet_for_octet";
    if let Some(reason) = Postfix::why_not() {
        skip(name, &reason);
        return Ok(());
    }
    let organisation = Organisation::make(&Plan::default())?;
    let _west = organisation.start(Side::West)?;
    let relay =
        format!("[{}]:{}", organisation.address(Side::West), organisation.smtp(Side::West).port());
    let address = SocketAddr::from((Block::take()?.address(0), 2525));
    let postfix = Postfix::start(address, &[("relayhost", relay)])?;
    let bert = Side::West.user();
    let letters = [
        Letter::plain("carla@far.test", &bert, "from-postfix", ".\r\n..dots\r\n"),
        Letter::plain("carla@far.test", &bert, "large", &"0123456789\r\n".repeat(20_000)),
    ];
    for letter in &letters {
        letter.hand_in(postfix.address()).context("Postfix did not take it")?;
    }
    let maildir = organisation.maildir(Side::West);
    until(ROAD, "the mail at WEST", || Ok((maildir.count() >= letters.len()).then_some(())))?;
    let found = maildir.read()?;
    for letter in &letters {
        ensure!(found.iter().filter(|file| file.is(&letter.content)).count() == 1, "not once");
    }
    // What has no mailbox here is refused, and Postfix tells its sender.
    let nobody = Letter::plain(&bert, "nobody@west.proof.test", "nobody", "Who are you?");
    nobody.hand_in(postfix.address()).context("Postfix did not take it")?;
    until(ROAD, "the report of Postfix", || {
        Ok(maildir.read()?.into_iter().find(conformance::Delivered::is_report))
    })?;
    ensure!(maildir.count() == letters.len() + 1, "{} files", maildir.count());
    Ok(())
}
