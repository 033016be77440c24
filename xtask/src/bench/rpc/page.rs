//! `docs/performance-rpc.md`, from one run.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::{CONCURRENCY, Measured, Ratio};

const PAGE: &str = "docs/performance-rpc.md";

pub(super) fn write(
    root: &Path,
    measured: &[Measured],
    ratios: &[Ratio],
    skipped: &[(String, String)],
    seconds: u64,
) -> Result<()> {
    let mut out = String::from(
        "# Performance of RPC: what was measured\n\n\
         Every figure here comes from one run of the command beside it; the next run replaces it. Absolute figures move with\n\
         the machine and its neighbours, so what is promised are the ratios.\n\n\
         ## RPC: processor time of the server, ours beside Samba's\n\n",
    );
    let _ = writeln!(
        out,
        "    cargo build --release -p bindback\n    cargo xtask bench rpc --seconds {seconds} --write\n\n{}\n",
        machine()?
    );
    out.push_str(
        "The client is the same for all, `bindback rpc bench`. The operation is `inq_if_ids` of the management interface, which\n\
         every server has and which does next to nothing. NTLM bind: connect, bind with NTLMv2, one call, close. Kerberos bind:\n\
         the same with a ticket that the client got before, AES-256, from the controller's KDC for both servers; ours runs in the\n\
         controller's network with an exported keytab. The controller's figure holds the one ticket that each run begins with (two\n\
         exchanges with its KDC). Sealed call: NTLM at\n\
         level privacy, with so many octets behind the operation's parameters (it has none; what stands behind them is read by nobody,\n\
         but is received, joined from its fragments and unsealed), an answer of some hundred octets sealed. The processor time is that of\n\
         the server's processes and their children, user and system (/proc/PID/stat); that of the run's logons is taken off the calls.\n",
    );
    let _ = writeln!(out, "{CONCURRENCY} callers at the same time, {seconds} s for each figure.\n");
    out.push_str("| figure | server | CPU each | a second | counted |\n|---|---|---|---|---|\n");
    for one in measured {
        let _ = writeln!(
            out,
            "| {} | {} | {:.1} µs | {:.0} | {} |",
            one.figure, one.server, one.cpu_us, one.per_s, one.count
        );
    }
    out.push_str("\n| figure | ours beside | ratio | aim | |\n|---|---|---|---|---|\n");
    for ratio in ratios {
        let (aim, word) = ratio.words();
        let _ = writeln!(
            out,
            "| {} | {} | {:.3} | {aim} | {word} |",
            ratio.figure, ratio.beside, ratio.ratio
        );
    }
    if !skipped.is_empty() {
        out.push_str("\nNot measured:\n\n");
    }
    for (name, reason) in skipped {
        let _ = writeln!(out, "- {name}: {reason}");
    }
    std::fs::write(root.join(PAGE), out).with_context(|| format!("cannot write {PAGE}"))
}

/// What it was measured on, in words.
fn machine() -> Result<String> {
    let cpu = std::fs::read_to_string("/proc/cpuinfo")?;
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown", |rest| rest.trim_start_matches([' ', '\t', ':']));
    let count = cpu.lines().filter(|line| line.starts_with("processor")).count();
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let samba = Command::new("smbd").arg("--version").output().ok();
    let samba = samba.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    let samba = samba.map_or("no Samba".to_owned(), |text| {
        format!("Samba {}", text.trim_start_matches("Version "))
    });
    let load = std::fs::read_to_string("/proc/loadavg")?;
    let load = load.split_whitespace().next().unwrap_or("?").to_owned();
    Ok(format!(
        "Machine: {count} processors ({model}), Linux {}, {samba}; load average {load} at the end of the run.",
        kernel.trim()
    ))
}
