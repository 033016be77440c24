//! `bindback demo` as a person would start it: every fault is found, cured, and costs no mail.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use conformance::{Program, one_object, skip};

/// Longest run of a demo; it takes a few seconds.
const DEMO: Duration = Duration::from_secs(120);

/// Mail must flow again so soon after the cure.
const RECOVERY_MS: u64 = 5000;

const DEFAULT: &str = "service-account-password-mismatch";

fn demo(fault: Option<&str>) -> Result<()> {
    demo_with(fault, &[])
}

fn demo_with(fault: Option<&str>, more: &[&str]) -> Result<()> {
    let folder = tempfile::Builder::new().prefix("bb").tempdir()?;
    let place = folder.path().to_string_lossy().into_owned();
    let mut arguments = vec!["demo", "--once", "--json", "--dir", &place];
    arguments.extend(more);
    if let Some(slug) = fault {
        arguments.extend(["--fault", slug]);
    }
    let output = Program::find()?.run_within(DEMO, &arguments)?;
    let said = String::from_utf8_lossy(&output.stderr);
    let told = || format!("{}{said}", String::from_utf8_lossy(&output.stdout));
    let report = one_object(&output.stdout).with_context(told)?;
    let cause = fault.unwrap_or(match more {
        ["--carrier", "rfc1006"] => "mta-password-mismatch",
        _ => DEFAULT,
    });
    ensure!(output.status.code() == Some(0), "ended with {}: {}", output.status, told());
    ensure!(report["schema"] == "bindback.demo/1", "{}", told());
    for (key, expected) in [("lost", 0), ("duplicated", 0), ("reported", 0)] {
        ensure!(report[key] == expected, "{key} is {}: {}", report[key], told());
    }
    // Five letters each way before, during and after, the fifth to all four mailboxes.
    ensure!(
        report["sent"].as_u64() >= Some(40) && report["delivered"] == report["sent"],
        "{}",
        told()
    );
    let fault = &report["fault"];
    ensure!(fault["cause"] == cause && fault["diagnosed"] == cause, "{}", told());
    ensure!(fault["recovered"] == true, "{}", told());
    ensure!(fault["recovery_ms"].as_u64().is_some_and(|ms| ms <= RECOVERY_MS), "{}", told());
    ensure!(fault["events"].as_array().is_some_and(|events| !events.is_empty()), "{}", told());
    let remedies = fault["remedy"].as_array().context("remedy")?;
    ensure!(remedies.iter().any(|remedy| remedy["command"].is_string()), "{}", told());
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
