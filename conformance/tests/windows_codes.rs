//! The doctor's codes of Windows beside Samba's tables, through its Python binding: each name has the number that Samba gives it.
//!
//! Samba has no table of HRESULTs in this binding; those are left out.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use conformance::skip;

const NAME: &str = "windows_codes";
/// Debian's, for which python3-samba is made; another one may come first on the path.
const PYTHON: &str = "/usr/bin/python3";
const TABLE: &str = "../tier1/diagnosis/src/offline/table/status.rs";
/// Prints `NAME number` for every code that Samba knows, with its own prefixes off.
const TELL: &str = "
from samba import ntstatus, werror
for module in (ntstatus, werror):
    for name in dir(module):
        if name.startswith(('NT_STATUS_', 'WERR_')):
            print(name, getattr(module, name) & 0xffffffff)
";

#[test]
fn codes_of_windows_have_the_names_that_samba_gives_them() -> Result<()> {
    let told = Command::new(PYTHON).args(["-c", TELL]).output();
    let Some(told) = told.ok().filter(|told| told.status.success()) else {
        skip(NAME, "Samba's Python binding is not there (Debian: apt-get install python3-samba)");
        return Ok(());
    };
    let told = String::from_utf8(told.stdout)?;
    let samba: Vec<(&str, u64)> = told
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter_map(|(name, number)| Some((name, number.parse().ok()?)))
        .collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(TABLE);
    let table =
        std::fs::read_to_string(&path).with_context(|| format!("{} is away", path.display()))?;
    let (_, table) = table.split_once("codes! {").context("the table has no beginning")?;
    let mut wrong = Vec::new();
    let mut compared = 0;
    for line in table.lines() {
        let Some((name, number)) = line.trim().trim_end_matches(';').split_once(" = ") else {
            continue;
        };
        let digits = number.replace('_', "");
        let number = match digits.strip_prefix("0x") {
            Some(hex) => u64::from_str_radix(hex, 16)?,
            None => digits.parse()?,
        };
        if name.starts_with("SEC_E_") || name.starts_with("CERT_E_") {
            continue;
        }
        let theirs = match name.strip_prefix("ERROR_") {
            Some(rest) => format!("WERR_{rest}"),
            None if name.starts_with("STATUS_") => format!("NT_{name}"),
            None => format!("WERR_{name}"),
        };
        compared += 1;
        let known = samba.iter().find(|(known, _)| *known == theirs);
        if known.is_none_or(|(_, theirs)| *theirs != number) {
            wrong.push(format!("{name} = {number}, Samba: {known:?}"));
        }
    }
    ensure!(compared >= 60, "{compared} codes were compared");
    ensure!(wrong.is_empty(), "{wrong:#?}");
    Ok(())
}
