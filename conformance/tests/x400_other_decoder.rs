//! What our encoder writes, read by asn1tools, an ASN.1 compiler that nobody here wrote: X.411 in plain types
//! (`x400/p1.asn`), 10,000 random messages and reports, value by value beside `x400 decode --json`.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use conformance::{binary, one_object, skip};
use serde_json::Value;

const NAME: &str = "another_decoder_agrees_on_ten_thousand_apdus";

#[test]
#[ignore = "10,000 APDUs for another decoder"]
fn another_decoder_agrees_on_ten_thousand_apdus() -> Result<()> {
    let there = Command::new("python3").args(["-c", "import asn1tools"]).output();
    if !there.is_ok_and(|output| output.status.success()) {
        skip(NAME, "Python has no asn1tools (pip install asn1tools)");
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    // Those of the round trips, whose generator the encoder's room keeps.
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut written = Command::new(cargo);
    written.args(["test", "-q", "-p", "bindback-x400", "--test", "round_trips"]);
    written.args(["ten_thousand_for_another_decoder", "--", "--ignored"]);
    written.env("BINDBACK_RANDOM_APDUS", folder.path());
    ensure!(written.status()?.success(), "no APDUs were written");
    let (mut apdus, mut values) = (0, 0);
    for part in 0..10 {
        let verdict = judge(&folder.path().join(format!("{part}.ber")))?;
        ensure!(verdict["different"] == 0, "part {part}: {verdict}");
        apdus += verdict["apdus"].as_u64().context("no count of APDUs")?;
        values += verdict["values"].as_u64().context("no count of values")?;
    }
    println!("{NAME}: {apdus} APDUs, {values} values, no difference");
    ensure!(apdus == 10_000, "only {apdus} APDUs");
    Ok(())
}

fn judge(apdus: &Path) -> Result<Value> {
    let said = apdus.with_extension("json");
    let output = Command::new(binary()?).args(["x400", "decode", "--json"]).arg(apdus).output()?;
    // 1: some random extension has the number of a real one, and not its value.
    let told = matches!(output.status.code(), Some(0 | 1));
    ensure!(told, "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    std::fs::write(&said, output.stdout)?;
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/x400");
    let mut python = Command::new("python3");
    python.arg(tests.join("judge.py")).arg(tests.join("p1.asn")).arg(apdus).arg(&said);
    let output = python.output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    one_object(&output.stdout)
}
