//! Security descriptors (MS-DTYP 2.4.6), SDDL (2.5.1) and the access check (2.5.3.2) beside Samba's own, through its
//! Python binding: 20,000 random descriptors, every second one with a token and a question.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use conformance::{Program, one_object, skip};
use serde_json::Value;

const NAME: &str = "samba_descriptors";
/// Debian's, for which python3-samba is made; another one may come first on the path.
const PYTHON: &str = "/usr/bin/python3";
const COUNT: usize = 20_000;

#[test]
fn samba_descriptors_and_access_checks_agree() -> Result<()> {
    if !has_samba() {
        skip(NAME, "Samba's Python binding is not there (Debian: apt-get install python3-samba)");
        return Ok(());
    }
    let seed = std::env::var("BINDBACK_DESCRIPTOR_SEED").unwrap_or_else(|_| "2026".to_owned());
    println!("seed {seed}");
    let made = python(&["make", &seed, &COUNT.to_string()], "")?;
    let made = made + &python(&["provisioned"], "")?;
    let samba: Vec<Value> = made.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    println!("{} descriptors as a domain controller writes them", samba.len() - COUNT);
    ensure!(samba.len() >= COUNT + 10, "{} descriptors were made", samba.len());
    let (from_octets, from_text) = (ours(&samba, "hex")?, ours(&samba, "sddl")?);
    let mut back = String::new();
    let (mut checks, mut granted) = (0, 0);
    for ((theirs, octets), text) in samba.iter().zip(&from_octets).zip(&from_text) {
        let about = format!("{theirs}\nours {octets}");
        ensure!(octets["error"].is_null() && text["error"].is_null(), "{about} {text}");
        ensure!(octets["hex"] == theirs["hex"], "{about}");
        ensure!(one_revision(text) == one_revision(theirs), "{about} {text}");
        let (our_text, their_text) = (word(octets, "sddl"), word(theirs, "sddl"));
        ensure!(
            normal(our_text) == normal(their_text),
            "{} {}",
            normal(our_text),
            normal(their_text)
        );
        back.push_str(&format!(
            "{}\n",
            serde_json::json!({"sddl": our_text, "hex": theirs["hex"]})
        ));
        if theirs["granted"].is_boolean() {
            checks += 1;
            granted += usize::from(theirs["granted"] == true);
            ensure!(octets["granted"] == theirs["granted"], "{about}");
        }
    }
    for (line, theirs) in python(&["read"], &back)?.lines().zip(&samba) {
        let read: Value = serde_json::from_str(line)?;
        ensure!(read["text"] == theirs["hex"] && read["octets"] == theirs["hex"], "{theirs}");
    }
    println!("{checks} access checks agree, {granted} of them granted");
    ensure!(checks == COUNT / 2, "{checks} checks");
    ensure!(granted > checks / 10 && granted < checks * 9 / 10, "the questions are one-sided");
    Ok(())
}

fn has_samba() -> bool {
    let code = "import samba.security, samba.dcerpc.security";
    let mut command = Command::new(PYTHON);
    command.args(["-c", code]).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn python(arguments: &[&str], input: &str) -> Result<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samba/descriptors.py");
    let mut child = Command::new(PYTHON)
        .arg(script)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("python3 does not start")?;
    let mut stdin = child.stdin.take().context("no standard input")?;
    let input = input.to_owned();
    // Beside the reading, so that neither side waits for the other.
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output()?;
    let written = writer.join();
    ensure!(output.status.success(), "descriptors.py {arguments:?}: {}", output.status);
    ensure!(matches!(written, Ok(Ok(())) | Ok(Err(_))), "the writer panicked");
    Ok(String::from_utf8(output.stdout)?)
}

/// What the program says of Samba's descriptors, given as `form`.
fn ours(samba: &[Value], form: &str) -> Result<Vec<Value>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("descriptors.jsonl");
    let mut text = String::new();
    for row in samba {
        let mut asked = serde_json::json!({"domain": row["domain"]});
        for key in [form, "token", "desired"] {
            if !row[key].is_null() {
                asked[key] = row[key].clone();
            }
        }
        text.push_str(&format!("{asked}\n"));
    }
    std::fs::write(&file, text)?;
    let file = file.display().to_string();
    let arguments = ["directory", "descriptor", "--json", file.as_str()];
    let output = Program::find()?.command(arguments).output()?;
    let object = one_object(&output.stdout)?;
    let list = object["descriptors"].as_array().context("no descriptors")?;
    ensure!(list.len() == samba.len(), "{} answers", list.len());
    Ok(list.clone())
}

fn word<'a>(row: &'a Value, key: &str) -> &'a str {
    row[key].as_str().unwrap_or_default()
}

/// The octets, with the revision of both lists at 4: Samba always writes that, MS-DTYP 2.4.5 wants it only where
/// entries are about objects.
fn one_revision(row: &Value) -> String {
    let mut hex = word(row, "hex").to_owned();
    for offset in [12, 16] {
        let little = |at: usize| hex.get(2 * at..2 * at + 2).unwrap_or("00").to_owned();
        let number = format!("{}{}", little(offset + 1), little(offset));
        let at = usize::from_str_radix(&number, 16).unwrap_or(0);
        if at != 0 && hex.len() > 2 * at + 2 {
            hex.replace_range(2 * at..2 * at + 2, "04");
        }
    }
    hex
}

/// Samba 4.17 writes the letters of rights in another order than MS-DTYP lists them, numbers with eight digits, and no
/// rights as nothing: brought to one form.
fn normal(sddl: &str) -> String {
    let entries = sddl.split('(').map(|entry| {
        let mut fields: Vec<String> = entry.split(';').map(str::to_owned).collect();
        if let Some(rights) = fields.get_mut(2) {
            *rights = match rights.strip_prefix("0x") {
                Some(digits) => format!("0x{}", digits.trim_start_matches('0')),
                None => {
                    let mut letters: Vec<&[u8]> = rights.as_bytes().chunks(2).collect();
                    letters.sort_unstable();
                    String::from_utf8_lossy(&letters.concat()).into_owned()
                }
            };
            if rights == "0x" {
                rights.clear();
            }
        }
        fields.join(";")
    });
    entries.collect::<Vec<_>>().join("(")
}
