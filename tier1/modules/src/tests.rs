//! Files that GNU windres made, what pefile reads of them, and sets of them (`vectors/`).

use finding::{Answer, Cause, CheckResult};

use super::*;

/// What is compiled in of `vectors/`.
macro_rules! vectors {
    ($($path:literal)*) => { &[$(($path, include_bytes!(concat!("../vectors/", $path)))),*] };
}

const FILES: &[(&str, &[u8])] = vectors!(
    "mixed/Schannel.dll" "mixed/Ntlmssps.dll" "mixed/SECURITY.DLL"
    "strong/schannel.dll" "strong/ntlmssps.dll" "weak/schannel.dll" "weak/ntlmssps.dll"
    "half/ems_rid.dll" "half/Emsmta.exe" "half/MTACHECK.EXE" "half/mtamsg.dll" "half/mtaperf.dll" "half/x400om.dll" "half/mad.exe"
    "whole/ems_rid.dll" "whole/Emsmta.exe" "whole/MTACHECK.EXE" "whole/mtamsg.dll" "whole/mtaperf.dll" "whole/x400om.dll" "whole/mad.exe"
);

fn shipped() -> Table {
    Table::read(SHIPPED).unwrap()
}

/// The modules of one folder of `vectors/`.
fn inventory(folder: &str) -> Inventory {
    let modules = shipped().files().into_iter().map(|name| {
        let path = |path: &str| path.eq_ignore_ascii_case(&format!("{folder}/{name}"));
        let found = FILES.iter().find(|(one, _)| path(one));
        let state = found.map_or(State::Missing, |(path, octets)| State::Found {
            path: (*path).to_owned(),
            version: read_version(octets).unwrap().unwrap(),
        });
        Module { name, state }
    });
    Inventory { server: folder.to_uppercase(), modules: modules.collect() }
}

fn judged(folders: &[&str]) -> Answer {
    judge(&shipped(), &folders.iter().map(|folder| inventory(folder)).collect::<Vec<_>>())
}

#[test]
fn versions_are_those_that_pefile_reads() {
    let oracle = include_str!("../vectors/oracle.tsv");
    assert_eq!(oracle.lines().count(), FILES.len());
    for line in oracle.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [path, file, product, described] = fields[..] else { panic!("{line}") };
        let (_, octets) = FILES.iter().find(|(one, _)| *one == path).unwrap();
        let version = read_version(octets).unwrap().unwrap();
        assert_eq!(version.file.to_string(), file, "{path}");
        assert_eq!(version.product.to_string(), product, "{path}");
        assert_eq!(version.string("FileDescription"), described, "{path}");
        assert_eq!(version.string("FileVersion"), file, "{path}");
    }
}

#[test]
fn a_file_that_ends_too_early_is_refused() {
    for (path, octets) in FILES.iter().take(5) {
        // Behind the resource stands nothing but what fills up its section.
        let end = octets.iter().rposition(|octet| *octet != 0).unwrap();
        for length in 0..end {
            let read = read_version(&octets[..length]);
            assert!(
                !matches!(read, Ok(Some(ref version)) if version.strings.len() == 3),
                "{path} {length}"
            );
        }
        assert!(read_version(octets).is_ok());
    }
}

#[test]
fn what_is_no_program_is_refused_by_name() {
    let refused = |octets: &[u8]| read_version(octets).unwrap_err().to_string();
    assert_eq!(
        refused(b"PK\x03\x04"),
        "program file: DOS signature at offset 0: it does not begin with MZ"
    );
    assert!(refused(b"MZ").contains("offset at offset 60"), "{}", refused(b"MZ"));
    // A program of 16 bits: another signature stands there.
    let mut old = vec![0; 256];
    old[..2].copy_from_slice(b"MZ");
    old[0x3c] = 0x80;
    old[0x80..0x82].copy_from_slice(b"NE");
    assert!(refused(&old).contains("no program of 32 or 64 bits"));
}

#[test]
fn every_octet_may_be_any_other() {
    let (_, octets) = FILES[0];
    for at in 0..octets.len() {
        for value in [0, 0x7f, 0xff] {
            let mut changed = octets.to_vec();
            changed[at] = value;
            // It is read or refused, and ends.
            let _ = read_version(&changed);
        }
    }
}

/// Claims: 16, 17.
#[test]
fn modules_of_two_strengths_on_one_server_are_named() {
    let answer = judged(&["mixed"]);
    let first = answer.first().unwrap();
    assert_eq!(first.cause, Cause::NtlmSessionSecurityMismatch);
    assert!(first.confidence >= 0.8 && !answer.undecided);
    let says: Vec<&str> = first.evidence.iter().map(|one| one.says.as_str()).collect();
    assert!(says[0].starts_with("schannel.dll 4.87.1961.1878 (\"TLS / SSL Security Provider (US and Canada Use Only)\") is 128-bit"), "{says:?}");
    assert!(
        says[0].contains("ntlmssps.dll 4.0.1381.7109") && says[0].contains("is 56-bit"),
        "{says:?}"
    );
    // Both ways out: all of 128 bits, or the matching ones of 56, by name.
    assert!(first.remedy[0].text.starts_with("On MIXED, make all of them 128-bit"));
    assert!(first.remedy[1].text.contains("matching 56-bit ntlmssps.dll, security.dll"));
}

/// Claims: 14, 15.
#[test]
fn servers_of_different_strength_are_told_and_equal_ones_are_not() {
    for same in [["strong", "strong"], ["weak", "weak"]] {
        assert!(judged(&same).is_healthy(), "{same:?}");
    }
    let answer = judged(&["strong", "weak"]);
    let first = answer.first().unwrap();
    assert_eq!(first.cause, Cause::NtlmSessionSecurityMismatch);
    assert!(
        first.remedy[0]
            .text
            .starts_with("Give WEAK its 128-bit modules (schannel.dll, ntlmssps.dll)"),
        "{:?}",
        first.remedy
    );
    // One of two that is mixed in itself is told as that, once.
    let answer = judged(&["mixed", "strong"]);
    assert_eq!(answer.diagnoses.len(), 1);
    assert!(answer.diagnoses[0].remedy[0].text.contains("MIXED"));
}

/// Claims: 27.
#[test]
fn a_repaired_set_is_whole_and_a_mixed_one_is_named() {
    assert!(judged(&["whole"]).is_healthy());
    let answer = judged(&["half"]);
    let first = answer.first().unwrap();
    assert_eq!(first.cause, Cause::IncompatibleDll);
    let says: Vec<&str> = first.evidence.iter().map(|one| one.says.as_str()).collect();
    assert!(says[0].starts_with("ems_rid.dll 5.5.2653.13"), "{says:?}");
    assert!(says[0].contains("older than 5.5.2655.1; emsmta.exe 5.5.2655.1"), "{says:?}");
    // Four are too old, the base is, and a word why.
    assert_eq!(says.len(), 6, "{says:?}");
    assert!(says[4].contains("service pack 4 is missing"), "{says:?}");
    let steps: Vec<&str> = first.remedy.iter().map(|one| one.text.as_str()).collect();
    assert_eq!(steps[0], "On HALF, install service pack 4 first.");
    assert!(
        steps[1].contains("ems_rid.dll, mtacheck.exe, mtamsg.dll, mtaperf.dll are no older"),
        "{steps:?}"
    );
    // All of before: only names beyond ASCII make it matter.
    let mut old = inventory("half");
    for module in &mut old.modules {
        if let State::Found { version, .. } = &mut module.state {
            version.file = version.file.min("5.5.2653.23".parse().unwrap());
        }
    }
    let answer = judge(&shipped(), &[old]);
    assert!(answer.undecided);
    assert_eq!(answer.first().unwrap().cause, Cause::ServiceAccountExtendedCharacters);
}

#[test]
fn every_file_is_a_line_of_the_checks() {
    let answer = judged(&["mixed"]);
    let line =
        |name: &str| answer.checks.iter().find(|check| check.target.ends_with(name)).unwrap();
    assert_eq!(line("Ntlmssps.dll").result, CheckResult::Ok);
    assert!(
        line("Ntlmssps.dll").detail.starts_with("4.0.1381.7109, 56-bit NT LM"),
        "{:?}",
        line("Ntlmssps.dll")
    );
    // What is not there is told where others of its set are.
    assert!(answer.checks.iter().all(|check| check.result == CheckResult::Ok), "{answer:?}");
    let answer = judged(&["weak"]);
    let missing: Vec<&str> = answer
        .checks
        .iter()
        .filter(|check| check.result == CheckResult::NotFound)
        .map(|check| check.target.as_str())
        .collect();
    assert_eq!(missing, ["security.dll"]);
    // What a set only needs stands in none, and is told all the same.
    let needed = judged(&["half"]);
    let needed = needed.checks.iter().find(|check| check.target == "half/mad.exe");
    assert!(needed.is_some_and(|check| check.result == CheckResult::Ok), "{needed:?}");
}

#[test]
fn an_operator_s_table_decides_by_version() {
    let text = "format = 1\n[[set]]\nname = 's'\nmodules = ['ntlmssps.dll', 'schannel.dll']\n\
        mixed = { cause = 'incompatible-dll', because = 'b', remedy = ['r'] }\nold = { cause = 'incompatible-dll', because = 'b', remedy = ['r'] }\n\
        [[set.kinds]]\nname = 'one'\nversions = { 'NTLMSSPS.dll' = ['4.0.1381..4.0.1381.7109'] }\n\
        [[set.kinds]]\nname = 'other'\nwords = ['us and canada']\n";
    let answer = judge(&Table::read(text).unwrap(), &[inventory("mixed")]);
    assert_eq!(answer.first().unwrap().cause, Cause::IncompatibleDll);
    let wrong =
        |from: &str, to: &str| Table::read(&text.replace(from, to)).unwrap_err().to_string();
    assert!(wrong("'4.0.1381..", "'x..").contains("\"x\" is no version"));
    assert!(wrong("'4.0.1381..4.0.1381.7109'", "'5..4'").contains("ends before it begins"));
    assert!(wrong("format = 1", "format = 2").contains("format = 2"));
    assert!(
        wrong("name = 's'", "nam = 's'").contains("line 3"),
        "{}",
        wrong("name = 's'", "nam = 's'")
    );
    assert!(wrong("'NTLMSSPS.dll'", "'other.dll'").contains("none of its modules"));
    assert!(wrong("incompatible-dll", "weather").contains("weather"));
}
