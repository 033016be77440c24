//! `bindback x400 decode` against Wireshark's dissectors of X.411, X.420 and STANAG 4406: the same values in the same
//! capture, field by field; and what it does with broken input.
//!
//! Peer: tshark (written against 4.0). The capture holds a whole exchange in normal mode with checkpoints (message,
//! military message, probe, report) and two in X.410 mode.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use conformance::{Program, Tshark, one_object, skip};
use serde_json::Value;

/// The dissector's name of a field, and the identifier that the standard gives it.
const FIELDS: &[(&str, &str)] = &[
    ("p1.authenticated.initiator-name", "initiator-name"),
    ("p1.authenticated.responder-name", "responder-name"),
    ("p1.ia5_string", "ia5-string"),
    ("p1.iso_3166_alpha2_code", "iso-3166-alpha2-code"),
    ("p1.printable", "printable"),
    ("p1.local_identifier", "local-identifier"),
    ("p1.organization_name", "organization-name"),
    ("p1.OrganizationalUnitName", "organizational-unit-names"),
    ("p1.surname", "surname"),
    ("p1.given_name", "given-name"),
    ("p1.CommonName", "extension-attribute-value"),
    ("p1.extension_attribute_type", "extension-attribute-type"),
    ("p1.built_in", "built-in"),
    ("p1.extended", "extended"),
    ("p1.content_identifier", "content-identifier"),
    ("p1.content_length", "content-length"),
    ("p1.content", "content"),
    ("p1.priority", "priority"),
    ("p1.arrival_time", "arrival-time"),
    ("p1.routing_action", "routing-action"),
    ("p1.standard_extension", "standard-extension"),
    ("p1.security_policy_identifier", "security-policy-identifier"),
    ("p1.security_classification", "security-classification"),
    ("p1.ia5text", "ia5text"),
    ("p1.mta_name", "mta-name"),
    ("p1.originally_specified_recipient_number", "originally-specified-recipient-number"),
    ("p1.message_delivery_time", "message-delivery-time"),
    ("p1.type_of_MTS_user", "type-of-MTS-user"),
    ("p1.non_delivery_reason_code", "non-delivery-reason-code"),
    ("p1.non_delivery_diagnostic_code", "non-delivery-diagnostic-code"),
    ("p1.supplementary_information", "supplementary-information"),
    ("p22.user_relative_identifier", "user-relative-identifier"),
    ("p22.subject", "subject"),
    ("p772.identifier", "identifier"),
    ("p772.Sic", "sics"),
];

/// The same for the capture with a little of everything.
const FEATURES: &[(&str, &str)] = &[
    ("p22.acknowledgment_mode", "acknowledgment-mode"),
    ("p22.auto_forward_comment", "auto-forward-comment"),
    ("p22.bilaterally_defined", "bilaterally-defined"),
    ("p772.body_part_sequence_number", "body-part-sequence-number"),
    ("p1.built_in", "built-in"),
    ("p1.deferred_delivery_time", "deferred-delivery-time"),
    ("p1.deferred_time", "deferred-time"),
    ("p22.delivery_time", "delivery-time"),
    ("p772.designator", "designator"),
    ("p22.discard_reason", "discard-reason"),
    ("p1.dl_expansion_time", "dl-expansion-time"),
    ("p22.effective_from", "effective-from"),
    ("p22.expiry_time", "expiry-time"),
    ("p1.explicit_conversion", "explicit-conversion"),
    ("p22.free_form_name", "free-form-name"),
    ("p1.generation_qualifier", "generation-qualifier"),
    ("p1.given_name", "given-name"),
    ("p22.importance", "importance"),
    ("p1.initials", "initials"),
    ("p1.iso_639_language_code", "iso-639-language-code"),
    ("p1.network_address", "network-address"),
    ("p22.next_available", "next-available"),
    ("p1.non_delivery_diagnostic_code", "non-delivery-diagnostic-code"),
    ("p1.non_delivery_reason_code", "non-delivery-reason-code"),
    ("p22.non_receipt_reason", "non-receipt-reason"),
    ("p772.notificationRequest", "notificationRequest"),
    ("p1.number", "number"),
    ("p22.number_of_pages", "number-of-pages"),
    ("p1.numeric_user_identifier", "numeric-user-identifier"),
    ("p22.oid_code", "oid-code"),
    ("p1.origination_or_expansion_time", "origination-or-expansion-time"),
    ("p772.pilotPrecedence", "pilotPrecedence"),
    ("p1.printable_code", "printable-code"),
    ("p1.printable_string", "printable-string"),
    ("p1.privacy_mark", "privacy-mark"),
    ("p1.private_extension", "private-extension"),
    ("p22.receipt_time", "receipt-time"),
    ("p1.redirection_reason", "redirection-reason"),
    ("p1.redirection_time", "redirection-time"),
    ("p22.reference", "reference"),
    ("p22.repertoire", "repertoire"),
    ("p22.reply_time", "reply-time"),
    ("p1.security_classification", "security-classification"),
    ("p22.sensitivity", "sensitivity"),
    ("p1.standard_extension", "standard-extension"),
    ("p1.sub_address", "sub-address"),
    ("p22.subject", "subject"),
    ("p22.suppl_receipt_info", "suppl-receipt-info"),
    ("p1.supplementary_information", "supplementary-information"),
    ("p1.surname", "surname"),
    ("p22.syntax", "syntax"),
    ("p22.telephone_number", "telephone-number"),
    ("p1.teletex_string", "teletex-string"),
    ("p1.terminal_identifier", "terminal-identifier"),
    ("p1.two_octets", "two-octets"),
    ("p22.user_relative_identifier", "user-relative-identifier"),
];

/// The dissector's name of a bit, the bit string and the bit.
const BITS: &[(&str, &str, &str)] = &[
    (
        "p1.BuiltInEncodedInformationTypes.ia5.text",
        "built-in-encoded-information-types",
        "ia5-text",
    ),
    ("p1.BuiltInEncodedInformationTypes.unknown", "built-in-encoded-information-types", "unknown"),
    (
        "p1.PerMessageIndicators.U.disclosure.of.other.recipients",
        "per-message-indicators",
        "disclosure-of-other-recipients",
    ),
    (
        "p1.PerMessageIndicators.U.implicit.conversion.prohibited",
        "per-message-indicators",
        "implicit-conversion-prohibited",
    ),
    (
        "p1.PerMessageIndicators.U.alternate.recipient.allowed",
        "per-message-indicators",
        "alternate-recipient-allowed",
    ),
    (
        "p1.PerMessageIndicators.U.content.return.request",
        "per-message-indicators",
        "content-return-request",
    ),
    ("p1.PerRecipientIndicators.responsibility", "per-recipient-indicators", "responsibility"),
    (
        "p1.PerRecipientIndicators.originating.MTA.report",
        "per-recipient-indicators",
        "originating-MTA-report",
    ),
    (
        "p1.PerRecipientIndicators.originating.MTA.non.delivery.report",
        "per-recipient-indicators",
        "originating-MTA-non-delivery-report",
    ),
    (
        "p1.PerRecipientIndicators.originator.report",
        "per-recipient-indicators",
        "originator-report",
    ),
    (
        "p1.PerRecipientIndicators.originator.non.delivery.report",
        "per-recipient-indicators",
        "originator-non-delivery-report",
    ),
    ("p22.NotificationRequests.rn", "notification-requests", "rn"),
    ("p22.NotificationRequests.ipm.return", "notification-requests", "ipm-return"),
];

fn vector(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors").join(name)
}

fn decode(arguments: &[&str], file: &Path) -> Result<(Option<i32>, Value)> {
    let file = file.to_str().context("a path that is not UTF-8")?;
    let words = [&["x400", "decode", "--json", file], arguments].concat();
    let output = Program::find()?.run(words)?;
    Ok((output.status.code(), one_object(&output.stdout)?))
}

/// All scalars under a name, wherever it stands.
fn values(tree: &Value, name: &str, found: &mut Vec<String>) {
    match tree {
        Value::Object(members) => {
            for (key, value) in members {
                if key == name {
                    scalar(value, found);
                }
                values(value, name, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| values(item, name, found)),
        _ => {}
    }
}

fn scalar(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Number(number) => found.push(number.to_string()),
        Value::Array(items) => items.iter().for_each(|item| scalar(item, found)),
        Value::Object(members) => {
            if let Some(raw) = members.get("raw").and_then(Value::as_str) {
                found.push(digits(raw));
            } else if let Some(number) = members.get("value").and_then(Value::as_i64) {
                found.push(number.to_string());
            }
        }
        _ => {}
    }
}

/// For each bit string of this name, whether the bit is set.
fn bits(tree: &Value, name: &str, bit: &str, found: &mut Vec<String>) {
    match tree {
        Value::Object(members) => {
            for (key, value) in members {
                match value["bits"].as_array() {
                    Some(set) if key == name => {
                        let set = set.iter().any(|one| one == bit);
                        found.push(u8::from(set).to_string());
                    }
                    _ => bits(value, name, bit, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| bits(item, name, bit, found)),
        _ => {}
    }
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// The values that the dissectors give each of these fields, sorted.
fn told(tshark: &Tshark, file: &Path, fields: &[&str]) -> Result<Vec<Vec<String>>> {
    // The first exchange alone: of X.410 mode the dissectors show the bind only.
    let rows = tshark.fields(file, "tcp.stream == 0", fields)?;
    let mut told = vec![Vec::new(); fields.len()];
    for (column, cell) in rows.iter().flat_map(|row| row.iter().enumerate()) {
        let plain = |value: &str| match fields[column] {
            name if name.ends_with("_time") || name.ends_with("_available") => digits(value),
            "p22.effective_from" => digits(value),
            "p1.content" | "p22.bilaterally_defined" => value.replace(':', ""),
            _ => value.to_owned(),
        };
        told[column].extend(cell.split(',').filter(|value| !value.is_empty()).map(plain));
    }
    told.iter_mut().for_each(|values| values.sort_unstable());
    Ok(told)
}

#[test]
fn the_values_are_those_that_wireshark_reads() -> Result<()> {
    let Some(tshark) = Tshark::find() else {
        skip("x400_decode", "tshark is not installed");
        return Ok(());
    };
    let file = vector("x400.pcap");
    let (code, answer) = decode(&["--passwords"], &file)?;
    ensure!(code == Some(0), "exit status {code:?}");
    let first: Vec<Value> = answer["apdus"]
        .as_array()
        .context("no list of APDUs")?
        .iter()
        .filter(|apdu| apdu["connection"].to_string().contains(":40001"))
        .cloned()
        .collect();
    let kinds: Vec<&str> = first.iter().filter_map(|apdu| apdu["kind"].as_str()).collect();
    ensure!(
        kinds
            == [
                "bind-argument",
                "bind-result",
                "message",
                "ipm",
                "message",
                "military-message",
                "probe",
                "report"
            ],
        "{kinds:?}"
    );
    let tree = Value::Array(first);
    compare(&tshark, &file, &tree, FIELDS)?;
    let names: Vec<&str> = BITS.iter().map(|(field, ..)| *field).collect();
    for ((field, name, bit), expected) in BITS.iter().zip(told(&tshark, &file, &names)?) {
        let mut found = Vec::new();
        bits(&tree, name, bit, &mut found);
        found.sort_unstable();
        ensure!(!expected.is_empty(), "tshark has no {field}");
        ensure!(found == expected, "{bit} of {name}: {found:?}, but {field}: {expected:?}");
    }
    Ok(())
}

fn compare(tshark: &Tshark, file: &Path, tree: &Value, fields: &[(&str, &str)]) -> Result<()> {
    let names: Vec<&str> = fields.iter().map(|(field, _)| *field).collect();
    for ((field, name), expected) in fields.iter().zip(told(tshark, file, &names)?) {
        let mut found = Vec::new();
        values(tree, name, &mut found);
        found.sort_unstable();
        ensure!(!expected.is_empty(), "tshark has no {field}");
        ensure!(found == expected, "{name}: {found:?}, but {field}: {expected:?}");
    }
    Ok(())
}

/// Every form of address, most extensions, all basic body parts, notifications and military headings.
#[test]
fn the_rarer_values_are_those_that_wireshark_reads() -> Result<()> {
    let Some(tshark) = Tshark::find() else {
        skip("x400_decode_features", "tshark is not installed");
        return Ok(());
    };
    let file = vector("x400-features.pcap");
    let (code, answer) = decode(&[], &file)?;
    ensure!(code == Some(0), "exit status {code:?}");
    compare(&tshark, &file, &answer["apdus"], FEATURES)
}

#[test]
fn both_modes_and_both_formats_carry_the_same() -> Result<()> {
    let file = vector("x400.pcap");
    let (code, answer) = decode(&[], &file)?;
    ensure!(code == Some(0), "exit status {code:?}");
    ensure!(!answer.to_string().contains("secret"), "a password is shown unasked");
    let apdus = answer["apdus"].as_array().context("no list of APDUs")?;
    let messages: Vec<&Value> = apdus.iter().filter(|apdu| apdu["kind"] == "message").collect();
    // Normal mode, then X.410 mode with application protocols 12 and 1.
    ensure!(messages.len() == 4, "{} messages", messages.len());
    ensure!(messages[2]["fields"] == messages[0]["fields"], "X.410 mode differs");
    ensure!(messages[3]["fields"] == messages[0]["fields"], "X.410 mode of 1984 differs");
    let (_, alone) = decode(&[], &vector("message.ber"))?;
    ensure!(alone["apdus"][0]["fields"] == messages[0]["fields"], "the file alone differs");

    let other = Path::new(env!("CARGO_TARGET_TMPDIR")).join("x400.pcapng");
    let made = Command::new("editcap").args(["-F", "pcapng"]).arg(&file).arg(&other).status();
    if !made.is_ok_and(|status| status.success()) {
        skip("x400_decode_pcapng", "editcap is not installed");
        return Ok(());
    }
    let (code, again) = decode(&[], &other)?;
    ensure!(code == Some(0), "exit status {code:?} for pcapng");
    let fields = |answer: &Value| {
        let apdus = answer["apdus"].as_array().cloned().unwrap_or_default();
        apdus.iter().map(|apdu| apdu["fields"].clone()).collect::<Vec<_>>()
    };
    ensure!(fields(&again) == fields(&answer), "pcapng differs from pcap");
    Ok(())
}

/// The offset of every value of a capture is that of its octets in the file.
#[test]
fn offsets_are_those_of_the_file() -> Result<()> {
    let file = vector("x400.pcap");
    let octets = std::fs::read(&file)?;
    let (_, answer) = decode(&[], &file)?;
    for apdu in answer["apdus"].as_array().context("no list of APDUs")? {
        let at = apdu["offset"].as_u64().and_then(|at| usize::try_from(at).ok());
        let first = at.and_then(|at| octets.get(at)).copied();
        let expected: &[u8] = match apdu["kind"].as_str().unwrap_or_default() {
            "message" | "ipm" | "military-message" => &[0xa0],
            "probe" => &[0xa2],
            _ => &[0xa1],
        };
        ensure!(first.is_some_and(|first| expected.contains(&first)), "{apdu}");
    }
    Ok(())
}

#[test]
fn broken_input() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let cut = folder.path().join("cut.ber");
    let whole = std::fs::read(vector("p772.ber"))?;
    std::fs::write(&cut, &whole[..300])?;
    let (code, answer) = decode(&[], &cut)?;
    ensure!(code == Some(1), "exit status {code:?} for a file that is cut");
    let apdu = &answer["apdus"][0];
    ensure!(apdu["kind"] == "message", "{answer}");
    ensure!(apdu["errors"].as_array().is_some_and(|errors| !errors.is_empty()), "{answer}");
    ensure!(answer.to_string().contains("RUST.2"), "what was there is not shown: {answer}");

    let text = folder.path().join("letter.txt");
    std::fs::write(&text, "Dear all, this is no BER.")?;
    ensure!(decode(&[], &text)?.0 == Some(1), "exit status for a file of text");
    let (code, answer) = decode(&[], &folder.path().join("absent"))?;
    ensure!(code == Some(2) && answer["error"].is_object(), "{code:?}: {answer}");
    ensure!(decode(&[], folder.path())?.0 == Some(2), "exit status for a folder");

    let capture = folder.path().join("cut.pcap");
    let whole = std::fs::read(vector("x400.pcap"))?;
    std::fs::write(&capture, &whole[..3000])?;
    let (code, answer) = decode(&[], &capture)?;
    ensure!(code == Some(1), "exit status {code:?} for a capture that is cut");
    ensure!(answer.to_string().contains("does not end in the capture"), "{answer}");
    Ok(())
}
