//! The processor time of a program and all its children, from /proc.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};

/// Clock ticks a second of /proc, on every Linux that we know.
const TICKS: u64 = 100;

/// Time that a process and everything below it used, user and system; children that ended are in it as soon as
/// their parent has waited for them, and before that by themselves.
pub fn cpu_time(root: u32) -> Result<Duration> {
    let mut processes = BTreeMap::new();
    for entry in std::fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(id) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // One that ended meanwhile is in its parent's figure.
        if let Ok(stat) = std::fs::read_to_string(format!("/proc/{id}/stat"))
            && let Some(process) = parse(&stat)
        {
            processes.insert(id, process);
        }
    }
    let own = processes.get(&root).with_context(|| format!("there is no process {root}"))?.1;
    let mut ticks = own;
    let mut parents = vec![root];
    while let Some(parent) = parents.pop() {
        for (id, (above, used)) in &processes {
            if *above == parent {
                ticks += used;
                parents.push(*id);
            }
        }
    }
    Ok(Duration::from_millis(ticks * 1000 / TICKS))
}

/// The parent, and the ticks of the process and of its children that were waited for: proc_pid_stat(5), fields 4
/// and 14 to 17.
fn parse(stat: &str) -> Option<(u32, u64)> {
    // The name may hold anything, even a parenthesis; what follows the last one does not.
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let parent = fields.get(1)?.parse().ok()?;
    let used =
        fields.get(11..15)?.iter().map(|field| field.parse::<u64>().ok()).sum::<Option<u64>>();
    Some((parent, used?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_proc_is_read_whatever_the_name() {
        let line = "42 (a) b) S 7 42 42 0 -1 0 0 0 0 0 1 2 30 400 20 0 1 0 5 6";
        assert_eq!(parse(line), Some((7, 433)));
        assert_eq!(parse("42 (a"), None);
    }

    #[test]
    fn a_child_that_ended_counts() {
        let before = cpu_time(std::process::id()).unwrap();
        let script = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
        assert!(std::process::Command::new("sh").args(["-c", script]).status().unwrap().success());
        assert!(cpu_time(std::process::id()).unwrap() >= before + Duration::from_millis(50));
    }
}
