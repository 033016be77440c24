//! X.400 P1 and what carries it: session (X.225), presentation (X.226), ACSE (X.227), RTSE (X.228), MTS transfer
//! (X.411), as the sealed calls of a real exchange carried them, laid on TP0 (RFC 1006) for the dissectors.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use conformance::{Capture, Direction, Letter, Side, Tshark, skip, tpkt};

use crate::exchange::{record, unsealing};
use crate::stubs::{Association, associations};

/// What tshark says of contents and extensions under an object identifier of our own: true, and no fault.
const OWN_OID: &str = "BER: Dissector for OID not implemented";

/// The arc of our own object identifiers, 2.25.<UUID> (X.667), and what stands under it.
const ARC: [u128; 3] = [2, 25, 194_817_398_573_019_436_458_276_308_452_211_840_365];
const RFC822_CONTENT: u128 = 1;
const SMTP_RECIPIENT: u128 = 2;
const SMTP_ORIGINATOR: u128 = 3;

#[test]
fn p1_is_dissected() -> Result<()> {
    let Some(tshark) = Tshark::find() else {
        skip("p1_is_dissected", "tshark is not installed");
        return Ok(());
    };
    let mut letter = Letter::plain(&Side::West.user(), &Side::East.user(), "p1", "A letter on P1.");
    letter.to.push(("nobody@east.proof.test".to_owned(), "NOTIFY=FAILURE".to_owned()));
    letter.content.splice(..0, *b"Priority: urgent\r\n");
    let recorded = record("p1-sealed", &[letter], 1)?;
    let associations = associations(&unsealing(&tshark), &recorded)?;
    ensure!(
        associations.len() == 2,
        "{} associations, not one for mail and one for its report",
        associations.len()
    );
    let file = rfc1006(&associations)?;
    let file = file.as_path();

    let faults = tshark.faults(file)?;
    let own = |row: &Vec<String>| {
        row[2].split(",BER").all(|said| said.contains(OWN_OID.trim_start_matches("BER")))
    };
    ensure!(faults.iter().all(own), "tshark finds fault: {faults:?}");
    layers(&tshark, file)?;
    let identifier = message(&tshark, file)?;
    report(&tshark, file, &identifier)?;
    own_identifiers(&associations)
}

fn layers(tshark: &Tshark, file: &Path) -> Result<()> {
    let fields = [
        "ses.type",
        "pres.abstract_syntax_name",
        "acse.aSO_context_name",
        "rtse.checkpointSize",
        "rtse.windowSize",
        "p1.authenticated.initiator-name",
        "p1.authenticated.responder-name",
    ];
    // SPDUs CONNECT and ACCEPT (X.225 8.3.1, 8.3.4), AARQ and AARE, RTORQ and RTOAC, and the bind of X.411.
    let rows = tshark.fields(
        file,
        "acse.aarq_element && rtse.rtorq_apdu_element && p1.MTABindArgument",
        &fields,
    )?;
    ensure!(rows.len() == 2, "P1 binds seen: {rows:?}");
    // The abstract syntaxes id-as-acse, id-as-mta-rtse, id-as-mtse; the context id-ac-mts-transfer.
    let [from_west, from_east] = [&rows[0], &rows[1]];
    for row in [from_west, from_east] {
        ensure!(row[..3] == ["13", "2.2.1.0.1,2.6.0.2.12,2.6.0.2.7", "2.6.0.1.6"], "{row:?}");
        ensure!(row[3] == "30" && row[4] == "3", "checkpoints of 30 KiB, window of 3: {row:?}");
    }
    ensure!(from_west[5] == "WEST" && from_east[5] == "EAST", "{rows:?}");
    let rows = tshark.fields(
        file,
        "acse.aare_element && rtse.rtoac_apdu_element && p1.MTABindResult",
        &fields,
    )?;
    ensure!(
        rows.len() == 2 && rows.iter().all(|row| row[0] == "14" && row[2] == "2.6.0.1.6"),
        "{rows:?}"
    );
    ensure!(rows[0][6] == "EAST" && rows[1][6] == "WEST", "{rows:?}");
    // Activity start 45, data 1, activity end 41 and its answer 42; release 9 and 10 (X.225 8.3).
    let types = tshark.fields(file, "ses", &["tcp.stream", "ses.type"])?;
    for stream in ["0", "1"] {
        let seen: Vec<&str> =
            types.iter().filter(|row| row[0] == stream).map(|row| row[1].as_str()).collect();
        ensure!(seen == ["13", "14", "1,45", "1,1", "1,41", "2,42", "9", "10"], "SPDUs: {seen:?}");
    }
    let released = tshark.fields(file, "acse.rlrq_element || acse.rlre_element", &["ses.type"])?;
    ensure!(released.len() == 4, "releases: {released:?}");
    Ok(())
}

/// The message transfer envelope (X.411 12.2.1.1); gives its local identifier.
fn message(tshark: &Tshark, file: &Path) -> Result<String> {
    let fields = [
        "p1.local_identifier",
        "p1.country_name",
        "p1.printable",
        "p1.value",
        "p1.content_type",
        "p1.priority",
        "p1.originally_specified_recipient_number",
        "p1.arrival_time",
        "p1.routing_action",
        "p1.mta_name",
        "p1.content",
    ];
    let rows = tshark.fields(file, "p1.MTS_APDU == 0", &fields)?;
    let [row] = &rows[..] else { bail!("one message: {rows:?}") };
    ensure!(row[0].starts_with("WEST-"), "message identifier: {row:?}");
    ensure!(row[2].contains("PROOF"), "private domain: {row:?}");
    let values = "bert(a)west.proof.test,anna(a)east.proof.test,nobody(a)east.proof.test";
    ensure!(row[3] == values, "originator, then recipients: {row:?}");
    let details = tshark.details(file, "p1.MTS_APDU == 0")?;
    // The address as a domain-defined attribute, without the @ that PrintableString lacks (RFC 2156 3.4).
    for value in values.split(',') {
        ensure!(
            details.contains(&format!("(RFC-822={value})")),
            "{value} is no attribute: {details}"
        );
    }
    // An extended content type; urgent is 2 (X.411 figure 2, Priority).
    ensure!(row[4] == "1" && row[5] == "2", "content type, priority: {row:?}");
    ensure!(row[6] == "1,2", "recipients by number: {row:?}");
    ensure!(
        row[7].contains("UTC") && row[8].starts_with('0'),
        "trace with arrival time, relayed: {row:?}"
    );
    ensure!(row[9] == "WEST", "internal trace: {row:?}");
    ensure!(row[10].contains(&hex(b"A letter on P1.")), "content: {row:?}");
    Ok(row[0].clone())
}

/// The report and what it says of the message (X.411 12.2.1.3).
fn report(tshark: &Tshark, file: &Path, subject: &str) -> Result<()> {
    let fields = [
        "p1.local_identifier",
        "p1.value",
        "p1.originally_specified_recipient_number",
        "p1.non_delivery_reason_code",
        "p1.non_delivery_diagnostic_code",
        "p1.supplementary_information",
        "p1.mta_name",
        "p1.arrival_time",
    ];
    let rows = tshark.fields(file, "p1.MTS_APDU == 1", &fields)?;
    let [row] = &rows[..] else { bail!("one report: {rows:?}") };
    let (own, about) = row[0].split_once(',').context("two identifiers")?;
    ensure!(own.starts_with("EAST-") && about == subject, "identifiers: {row:?}");
    ensure!(
        row[1] == "bert(a)west.proof.test,nobody(a)east.proof.test",
        "destination, recipient: {row:?}"
    );
    ensure!(row[2] == "2", "the second recipient: {row:?}");
    // unable-to-transfer, unrecognised-OR-name.
    ensure!(row[3] == "1" && row[4] == "0", "reason, diagnostic: {row:?}");
    ensure!(row[5].contains("nobody") && row[6] == "EAST" && row[7].contains("UTC"), "{row:?}");
    Ok(())
}

/// tshark shows no arc above 32 bits; so the octets are compared with what X.690 8.19 makes of the arcs.
fn own_identifiers(associations: &[Association]) -> Result<()> {
    for (association, number) in [
        (0, RFC822_CONTENT),
        (0, SMTP_RECIPIENT),
        (0, SMTP_ORIGINATOR),
        (1, RFC822_CONTENT),
        (1, SMTP_RECIPIENT),
    ] {
        let oid = object_identifier(number);
        let units = &associations[association].units;
        let there =
            units.iter().any(|(_, unit)| unit.windows(oid.len()).any(|window| window == oid));
        ensure!(
            there,
            "association {association} has no {}.{number}",
            ARC.map(|arc| arc.to_string()).join(".")
        );
    }
    Ok(())
}

fn object_identifier(last: u128) -> Vec<u8> {
    let mut out = Vec::new();
    for arc in [ARC[0] * 40 + ARC[1], ARC[2], last] {
        let mut digits = vec![arc % 128];
        let mut rest = arc / 128;
        while rest > 0 {
            digits.push(rest % 128 + 128);
            rest /= 128;
        }
        out.extend(digits.into_iter().rev().filter_map(|digit| u8::try_from(digit).ok()));
    }
    out
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// Each association as a TCP connection to port 102.
fn rfc1006(associations: &[Association]) -> Result<PathBuf> {
    let capture = Capture::default();
    for (number, association) in (1..).zip(associations) {
        let client = SocketAddr::from(([127, 0, 0, 1], 40_000 + number));
        let server = SocketAddr::from(([127, 0, 0, 2], 102));
        let conversation = capture.conversation(client, server);
        conversation.say(Direction::ToServer, &tpkt::connection_request());
        conversation.say(Direction::ToClient, &tpkt::connection_confirm());
        for (direction, unit) in &association.units {
            conversation.say(*direction, &tpkt::data(unit));
        }
    }
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("p1.pcap");
    capture.write(&file)?;
    println!("laid on TP0: {}", file.display());
    Ok(file)
}
