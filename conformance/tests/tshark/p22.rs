//! Mail that is converted for an X.400 system that knows no mail (RFC 2156, RFC 2157): Wireshark reads the P22 content
//! without finding fault, and what arrives at the other end says the same.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use conformance::{Letter, Side, Tshark, until};
use serde_json::Value;

use super::x400_tcp::{Exchange, is_clean, tshark};

const DELIVERY: Duration = Duration::from_secs(60);
/// Of a P22 content, as it is told in an envelope.
const P22: &str = "22";

/// What the attachment is made of: every octet.
fn attachment() -> Vec<u8> {
    (0..=255).collect()
}

fn letter() -> Letter {
    let hex: String = attachment().iter().map(|octet| format!("={octet:02X}")).collect();
    let lines: Vec<String> =
        hex.as_bytes().chunks(60).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    let content = format!(
        "From: =?utf-8?Q?J=C3=B6rg_M=C3=BCller?= <{west}>\nTo: Anna <{east}>\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe_aus_K=C3=B6ln?=\nMessage-ID: <p22.1@west.proof.test>\nDate: Fri, 27 Nov 2026 10:00:00 +0000\nImportance: high\nX-Proof: kept\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nSch\u{f6}ne Gr\u{fc}\u{df}e\n--b\nContent-Type: application/pdf\nContent-Disposition: attachment; filename=\"report.pdf\"\nContent-Transfer-Encoding: quoted-printable\n\n{file}\n--b--\n",
        west = Side::West.user(),
        east = Side::East.user(),
        file = lines.join("=\n"),
    );
    let mut letter = Letter::plain(&Side::West.user(), &Side::East.user(), "p22", "");
    letter.mail_parameters = "BODY=8BITMIME".to_owned();
    letter.content = content.replace('\n', "\r\n").into_bytes();
    letter
}

/// Subject, text and files of a mail, as Python's library reads them.
const READ: &str = "
import email, email.policy, json, sys
mail = email.message_from_binary_file(sys.stdin.buffer, policy=email.policy.default)
leaves = [part for part in mail.walk() if not part.is_multipart()]
files = [part for part in leaves if part.get_filename()]
texts = [part for part in leaves if not part.get_filename()]
print(json.dumps({
    'subject': mail['subject'], 'from': mail['from'], 'id': mail['message-id'], 'proof': mail['x-proof'],
    'importance': mail['importance'], 'texts': [part.get_content() for part in texts],
    'files': [[part.get_filename(), part.get_payload(decode=True).hex()] for part in files],
}))";

fn read_by_python(mail: &[u8]) -> Result<Value> {
    use std::io::Write;
    let mut child = Command::new("python3")
        .args(["-c", READ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("python3")?;
    child.stdin.take().context("standard input")?.write_all(mail)?;
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "python3 cannot read {}", String::from_utf8_lossy(mail));
    Ok(serde_json::from_slice(&output.stdout)?)
}

#[test]
fn a_mail_crosses_as_p22() -> Result<()> {
    let Some(tshark) = tshark("a_mail_crosses_as_p22") else { return Ok(()) };
    let (exchange, servers) = Exchange::start("content = 'p22'", usize::MAX)?;
    letter().hand_in(exchange.organisation.smtp(Side::West))?;
    let maildir = exchange.organisation.maildir(Side::East);
    until(DELIVERY, "the mail at EAST", || Ok((maildir.count() >= 1).then_some(())))
        .with_context(|| exchange.said())?;
    let mails = maildir.read()?;
    ensure!(mails.len() == 1, "{mails:?}");
    let told = read_by_python(&mails[0].octets)?;
    ensure!(told["subject"] == "Gr\u{fc}\u{df}e aus K\u{f6}ln", "{told}");
    ensure!(
        told["texts"][0].as_str().map(str::trim_end) == Some("Sch\u{f6}ne Gr\u{fc}\u{df}e"),
        "{told}"
    );
    ensure!(
        told["from"].as_str().is_some_and(|from| from.contains("J\u{f6}rg M\u{fc}ller")),
        "{told}"
    );
    ensure!(told["proof"] == "kept" && told["importance"] == "high", "{told}");
    let hex: String = attachment().iter().map(|octet| format!("{octet:02x}")).collect();
    ensure!(told["files"] == serde_json::json!([["report.pdf", hex]]), "{told}");
    let file = exchange.end(servers, "x400-p22")?;
    is_read_by_wireshark(&tshark, &file)
}

fn is_read_by_wireshark(tshark: &Tshark, file: &Path) -> Result<()> {
    is_clean(tshark, file, &[])?;
    let message = tshark.fields(
        file,
        "p1.MTS_APDU == 0",
        &["p1.BuiltInContentType", "p22.user_relative_identifier", "p22.importance"],
    )?;
    ensure!(message.len() == 1, "{message:?}");
    ensure!(message[0][0].split(',').any(|one| one == P22), "{message:?}");
    ensure!(message[0][1].starts_with("p22.1(a)west.proof.test"), "{message:?}");
    ensure!(message[0][2] == "2", "{message:?}");
    let details = tshark.details(file, "p1.MTS_APDU == 0")?;
    for expected in ["general-text", "file-transfer", "report.pdf", "X-Proof"] {
        ensure!(details.contains(expected), "no {expected} in {details}");
    }
    Ok(())
}
