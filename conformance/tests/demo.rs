//! `bindback demo` as a person would start it: every fault is found, cured, and costs no mail.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use conformance::{Program, one_object, skip};

/// Longest run of a demo; it takes a few seconds, and minutes where domains are made first.
const DEMO: Duration = Duration::from_secs(300);

/// Mail must flow again so soon after the cure.
const RECOVERY_MS: u64 = 5000;

const DEFAULT: &str = "service-account-password-mismatch";

fn demo(fault: Option<&str>) -> Result<()> {
    demo_with(fault, &[])
}

fn demo_with(fault: Option<&str>, more: &[&str]) -> Result<()> {
    let cause = fault.unwrap_or(match more {
        ["--carrier", "rfc1006"] => "mta-password-mismatch",
        _ => DEFAULT,
    });
    let chosen = fault.map(|slug| ["--fault", slug]);
    let words = [more, chosen.as_ref().map_or(&[][..], |words| &words[..])].concat();
    // Five letters each way before, during and after, the fifth to all four mailboxes.
    played(cause, &words, 40)
}

/// Plays a demo that puts in this cause; at least so many deliveries are made.
fn played(cause: &str, more: &[&str], deliveries: u64) -> Result<()> {
    let folder = tempfile::Builder::new().prefix("bb").tempdir()?;
    let place = folder.path().to_string_lossy().into_owned();
    let mut arguments = vec!["demo", "--once", "--json", "--dir", &place];
    arguments.extend(more);
    let output = Program::find()?.run_within(DEMO, &arguments)?;
    let said = String::from_utf8_lossy(&output.stderr);
    let told = || format!("{}{said}", String::from_utf8_lossy(&output.stdout));
    let report = one_object(&output.stdout).with_context(told)?;
    ensure!(output.status.code() == Some(0), "ended with {}: {}", output.status, told());
    ensure!(report["schema"] == "bindback.demo/1", "{}", told());
    for (key, expected) in [("lost", 0), ("duplicated", 0), ("reported", 0)] {
        ensure!(report[key] == expected, "{key} is {}: {}", report[key], told());
    }
    ensure!(
        report["sent"].as_u64() >= Some(deliveries) && report["delivered"] == report["sent"],
        "{}",
        told()
    );
    let fault = &report["fault"];
    ensure!(fault["cause"] == cause && fault["diagnosed"] == cause, "{}", told());
    ensure!(fault["recovered"] == true, "{}", told());
    ensure!(fault["recovery_ms"].as_u64().is_some_and(|ms| ms <= RECOVERY_MS), "{}", told());
    ensure!(fault["events"].as_array().is_some_and(|events| !events.is_empty()), "{}", told());
    let remedies = fault["remedy"].as_array().context("remedy")?;
    // One that needs a password which only a person knows has its command in the text.
    let telling = |remedy: &serde_json::Value| {
        let text = remedy["text"].as_str().unwrap_or_default();
        remedy["command"].is_string() || text.contains(": bindback ")
    };
    ensure!(remedies.iter().any(telling), "{}", told());
    ensure!(report["servers"].as_array().map(Vec::len) == Some(2), "{}", told());
    println!("{cause}: {} ms to recovery, {} s in all", fault["recovery_ms"], report["seconds"]);
    ended(&report)
}

/// With `--once` nothing is left running.
fn ended(report: &serde_json::Value) -> Result<()> {
    for server in report["servers"].as_array().context("servers")? {
        let pid = server["pid"].as_u64().context("pid")?;
        let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        ensure!(!String::from_utf8_lossy(&command).contains("serve"), "server {pid} still runs");
    }
    Ok(())
}

/// Claims: 3, 7, 37.
#[test]
fn the_default_fault() -> Result<()> {
    demo(None)
}

/// Mail over X.400 on TCP; the fault is a wrong MTA password.
#[test]
fn over_rfc1006() -> Result<()> {
    demo_with(None, &["--carrier", "rfc1006"])
}

#[test]
fn the_default_fault_with_kerberos() -> Result<()> {
    if !["/usr/sbin/krb5kdc", "/usr/local/sbin/krb5kdc"]
        .into_iter()
        .any(|path| Path::new(path).exists())
    {
        skip(
            "the_default_fault_with_kerberos",
            "MIT's KDC is not there (Debian: apt-get install krb5-kdc krb5-admin-server)",
        );
        return Ok(());
    }
    demo_with(None, &["--auth", "kerberos"])
}

/// Two letters that cross quickly also where nothing is optimised.
fn letters(folder: &Path) -> Result<Vec<String>> {
    let letter = |name: &str, text: &str| -> Result<String> {
        let file = folder.join(name);
        let content = format!(
            "Subject: {name}\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
        );
        std::fs::write(&file, content)?;
        Ok(file.to_string_lossy().into_owned())
    };
    Ok(vec![letter("plain.eml", "Hello.")?, letter("umlauts.eml", "Größe 日本")?])
}

/// A demo whose directory others keep.
fn demo_elsewhere(fault: &str, more: &[&str]) -> Result<()> {
    let folder = tempfile::Builder::new().prefix("bb").tempdir()?;
    let letters = letters(folder.path())?;
    let mut words: Vec<&str> = letters.iter().map(String::as_str).collect();
    words.extend(more);
    words.extend(["--fault", fault]);
    played(fault, &words, 8)
}

/// Whether a demo with this directory can be played here; why not is what the program says.
fn can_be(name: &str, more: &[&str]) -> Result<bool> {
    let words = [&["demo", "--once", "/does/not/exist.eml"], more].concat();
    let output = Program::find()?.run_within(DEMO, &words)?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.code() == Some(2), "{said}");
    let why_not = said.lines().find(|line| line.contains("--directory"));
    if let Some(why_not) = why_not {
        skip(name, why_not);
    }
    Ok(why_not.is_none())
}

/// The directory in OpenLDAP, which both servers share.
#[test]
fn with_the_directory_in_openldap() -> Result<()> {
    let words = ["--directory", "openldap"];
    if !can_be("with_the_directory_in_openldap", &words)? {
        return Ok(());
    }
    demo_elsewhere("service-account-lacks-directory-right", &words)
}

/// Directory and accounts in the domain of a Samba domain controller, everything over Kerberos; a key is changed in the domain.
#[test]
fn with_directory_and_accounts_in_a_domain_of_samba() -> Result<()> {
    let words = ["--directory", "samba"];
    if !can_be("with_directory_and_accounts_in_a_domain_of_samba", &words)? {
        return Ok(());
    }
    demo_elsewhere(DEFAULT, &words)
}

/// Two domains that do not trust each other, each with an account of the same name; an override account is taken away.
///
/// Claims: 20, 21.
#[test]
#[ignore = "long; run with --full"]
fn with_two_untrusted_domains_of_samba() -> Result<()> {
    let words = ["--directory", "samba", "--untrusted"];
    if !can_be("with_two_untrusted_domains_of_samba", &words)? {
        return Ok(());
    }
    demo_elsewhere("untrusted-domains-no-matching-account", &words)
}

/// What does not go together is told with the way out, and nothing is started.
#[test]
fn options_that_do_not_go_together_are_refused() -> Result<()> {
    for (words, way_out) in [
        (&["--untrusted"][..], "give --directory samba"),
        (&["--untrusted", "--directory", "samba", "--auth", "kerberos"], "leave out --auth"),
        (&["--directory", "openldap", "--carrier", "rfc1006"], "leave out --directory"),
        (&["--auth", "kerberos", "--carrier", "rfc1006"], "leave out --auth"),
        (&["--directory", "samba", "--fault", "account-disabled"], "take one of"),
    ] {
        let output = Program::find()?.run([&["demo", "--once"], words].concat())?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.code() == Some(2) && said.contains(way_out), "{words:?}: {said}");
    }
    Ok(())
}

#[test]
fn service_account_missing() -> Result<()> {
    demo(Some("service-account-missing"))
}

#[test]
fn service_account_lacks_directory_right() -> Result<()> {
    demo(Some("service-account-lacks-directory-right"))
}

#[test]
fn remote_name_unresolvable() -> Result<()> {
    demo(Some("remote-name-unresolvable"))
}

#[test]
fn bindback_name_unresolvable() -> Result<()> {
    demo(Some("bindback-name-unresolvable"))
}

#[test]
fn port_filtered_by_firewall() -> Result<()> {
    demo(Some("port-filtered-by-firewall"))
}

#[test]
fn remote_server_unreachable() -> Result<()> {
    demo(Some("remote-server-unreachable"))
}

#[test]
fn account_disabled() -> Result<()> {
    demo(Some("account-disabled"))
}

#[test]
fn account_expired() -> Result<()> {
    demo(Some("account-expired"))
}

#[test]
fn password_expired() -> Result<()> {
    demo(Some("password-expired"))
}

#[test]
fn logon_right_missing() -> Result<()> {
    demo(Some("logon-right-missing"))
}

#[test]
fn service_account_mismatch() -> Result<()> {
    demo(Some("service-account-mismatch"))
}

#[test]
fn override_account_wrong() -> Result<()> {
    demo(Some("override-account-wrong"))
}

#[test]
fn directory_not_replicated() -> Result<()> {
    demo(Some("directory-not-replicated"))
}
