//! What a process costs, as the kernel counts it, and what the disk gives.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// Ticks of the kernel's CPU clock a second (`getconf CLK_TCK`), on every Linux that is in use.
const TICKS: f64 = 100.0;

/// Seconds of CPU that a process and all its descendants have used, those that ended and were waited for included.
pub fn cpu_seconds(pid: u32) -> Result<f64> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    let mut own: BTreeMap<u32, f64> = BTreeMap::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(process) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let Ok(stat) = fs::read_to_string(format!("/proc/{process}/stat")) else { continue };
        // The name in brackets may hold anything.
        let Some((_, rest)) = stat.rsplit_once(')') else { continue };
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let number = |at: usize| fields.get(at).and_then(|text| text.parse::<u32>().ok());
        if let Some(parent) = number(1) {
            children.entry(parent).or_default().push(process);
        }
        // proc(5): utime, stime, cutime, cstime are fields 14 to 17 of the line.
        let ticks: u32 = (11..15).filter_map(number).sum();
        own.insert(process, f64::from(ticks) / TICKS);
    }
    let mut total = 0.0;
    let mut left = vec![pid];
    while let Some(process) = left.pop() {
        total += own.get(&process).copied().unwrap_or(0.0);
        left.extend(children.remove(&process).unwrap_or_default());
    }
    Ok(total)
}

/// Octets of memory that a process has resident.
pub fn resident(pid: u32) -> Result<u64> {
    memory(pid, "VmRSS:")
}

/// The most octets of memory that a process ever had resident.
pub fn peak(pid: u32) -> Result<u64> {
    memory(pid, "VmHWM:")
}

fn memory(pid: u32, which: &str) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(which)).context("no such line")?;
    let kib: u64 = line.trim().trim_end_matches(" kB").trim().parse()?;
    Ok(kib * 1024)
}

/// Appends of so many octets a second to one file, each synced before the next: what a single writer gets from the disk
/// that holds the temporary folders.
pub fn synced_appends_per_second(size: usize) -> Result<f64> {
    const TIME: Duration = Duration::from_secs(2);
    let mut file = tempfile::tempfile()?;
    let octets = vec![b'x'; size];
    let begin = Instant::now();
    let mut appended = 0_u32;
    while begin.elapsed() < TIME {
        file.write_all(&octets)?;
        file.sync_data()?;
        appended += 1;
    }
    Ok(f64::from(appended) / begin.elapsed().as_secs_f64())
}

/// The machine in one line.
pub fn machine() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("unknown CPU", |line| line.trim_start_matches(['\t', ' ', ':']));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory = memory.lines().next().unwrap_or_default().replace("MemTotal:", "");
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default().to_owned();
    format!(
        "{model}, {cores} cores, {} memory, Linux {}, load {load} at the start",
        memory.trim(),
        kernel.trim()
    )
}
