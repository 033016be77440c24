//! What this process may use: file descriptors, raised at the start as far as the system lets it, and memory.
//!
//! Both limits are met before they hurt: a process that may open no more files cannot even be asked what is wrong, and
//! one that gets no more memory ends. So connections of clients leave descriptors over for the store, for peers and for
//! the administrator, and new mail is refused while memory is short.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that clients leave over: associations of peers, the store's files, mailboxes, the administrator.
const RESERVE: u64 = 1000;
/// How long after the last refusal a shortage still is one.
const RECENT: Duration = Duration::from_secs(60);
/// New mail is refused while less than this part of the memory is left, and taken again once a little more is.
const LEFT: u64 = 8;
const LEFT_AGAIN: u64 = 6;
/// From here on a limit of a control group is none: version 1 rounds the largest number down to a page.
const NO_LIMIT: u64 = 1 << 60;

/// What can run short beside the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Short {
    Descriptors,
    /// Mail that is coming in holds all that it may.
    Incoming,
    /// The process as a whole.
    Memory,
}

impl Short {
    /// The word for it in events and facts.
    #[must_use]
    pub const fn cause(self) -> &'static str {
        match self {
            Self::Descriptors => "file-descriptors",
            Self::Incoming | Self::Memory => "memory",
        }
    }
}

/// What is known of the limits of this process, and of what they kept it from.
#[derive(Debug, Default)]
pub struct Resources {
    files: AtomicU64,
    memory_is_short: AtomicBool,
    told: Mutex<BTreeMap<Short, (Instant, String)>>,
}

/// How much memory the process has and may have, in octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    pub used: u64,
    pub limit: u64,
}

impl Resources {
    /// Raises the limit of open files as far as the system lets it; gives the limit.
    pub fn raise_files(&self) -> u64 {
        let limit = getrlimit(Resource::Nofile);
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        let limit = match setrlimit(Resource::Nofile, raised) {
            Ok(()) => limit.maximum,
            // As it was: the event says what that means.
            Err(_) => limit.current,
        };
        let limit = limit.unwrap_or(u64::MAX);
        self.files.store(limit, Ordering::Relaxed);
        limit
    }

    /// The limit of open files that so many connections of clients ask for.
    #[must_use]
    pub fn files_wanted(connections: usize) -> u64 {
        u64::try_from(connections).unwrap_or(u64::MAX).saturating_add(RESERVE)
    }

    /// How many connections clients may have, if it may be so many; and whether descriptors are what keeps it lower.
    #[must_use]
    pub fn connections(&self, most: usize) -> (usize, bool) {
        let files = self.files.load(Ordering::Relaxed);
        // Not asked for: a test of parts of the server.
        let files = if files == 0 { u64::MAX } else { files };
        let room = files - RESERVE.min(files / 2);
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        (most.min(room), room < most)
    }

    /// The limit of open files.
    #[must_use]
    pub fn files(&self) -> u64 {
        self.files.load(Ordering::Relaxed)
    }

    /// Somebody was refused for want of this; true when it is worth an event, once in a while.
    pub fn refused(&self, short: Short, text: String) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let before = told.insert(short, (Instant::now(), text));
        before.is_none_or(|(last, _)| last.elapsed() > RECENT)
    }

    /// What is short now, or was a moment ago.
    #[must_use]
    pub fn shortages(&self) -> Vec<(Short, String)> {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = told.iter().filter(|(_, (last, _))| last.elapsed() <= RECENT);
        recent.map(|(short, (_, text))| (*short, text.clone())).collect()
    }

    /// Whether new mail is refused for want of memory.
    #[must_use]
    pub fn memory_is_short(&self) -> bool {
        self.memory_is_short.load(Ordering::Relaxed)
    }

    /// Looks at the memory of the process; what it has and may have while it is short.
    pub fn look_at_memory(&self, configured: u64) -> Option<Memory> {
        let memory = memory(configured)?;
        let part = if self.memory_is_short() { LEFT_AGAIN } else { LEFT };
        let short = memory.used > memory.limit - memory.limit / part;
        self.memory_is_short.store(short, Ordering::Relaxed);
        short.then_some(memory)
    }
}

/// The tightest of the limits that there are: the configured one, that of the control group, and the one on the address
/// space (setrlimit(2), RLIMIT_AS).
fn memory(configured: u64) -> Option<Memory> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let of = |field: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(field))?;
        let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
        Some(kib * 1024)
    };
    let resident = of("VmRSS:")?;
    let configured = (configured > 0).then_some(Memory { used: resident, limit: configured });
    let group = group_limit().map(|limit| Memory { used: resident, limit });
    let space = getrlimit(Resource::As).current;
    let space = space.and_then(|limit| Some(Memory { used: of("VmSize:")?, limit }));
    let limits = [configured, group, space].into_iter().flatten();
    limits.min_by_key(|memory| memory.limit.saturating_sub(memory.used))
}

fn group_limit() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    limit_of_groups(&groups, Path::new("/sys/fs/cgroup"))
}

/// The tightest limit of the groups of a process and of those above them: of the one hierarchy of version 2, or of the
/// hierarchy of memory of version 1 (cgroups(7), /proc/PID/cgroup).
fn limit_of_groups(groups: &str, mount: &Path) -> Option<u64> {
    let limits = groups.lines().filter_map(|line| {
        let mut fields = line.splitn(3, ':');
        let (_, controllers, own) = (fields.next()?, fields.next()?, fields.next()?);
        let (root, file) = match controllers {
            "" => (mount.to_owned(), "memory.max"),
            "memory" => (mount.join("memory"), "memory.limit_in_bytes"),
            _ => return None,
        };
        let own = root.join(own.trim_start_matches('/'));
        let above = own.ancestors().take_while(|folder| folder.starts_with(&root));
        above.filter_map(|folder| read_limit(&folder.join(file))).min()
    });
    limits.min()
}

fn read_limit(file: &Path) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    let limit = text.trim().parse().ok()?;
    // Version 2 says "max" where there is none, version 1 a number that no machine has.
    (limit < NO_LIMIT).then_some(limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_leave_descriptors_over() {
        let resources = Resources::default();
        assert_eq!(resources.connections(12_000), (12_000, false), "no limit is known");
        for (files, most) in [(20_000, 12_000), (13_000, 12_000), (4096, 3096), (120, 60)] {
            resources.files.store(files, Ordering::Relaxed);
            let short = files < Resources::files_wanted(12_000);
            assert_eq!(resources.connections(12_000), (most, short), "{files} files");
        }
    }

    #[test]
    fn memory_is_short_before_it_is_gone_and_well_again_a_little_later() {
        let resources = Resources::default();
        let used = memory(u64::MAX).unwrap().used;
        assert_eq!(resources.look_at_memory(used * 4), None);
        assert!(!resources.memory_is_short());
        let short = resources.look_at_memory(used).unwrap();
        assert_eq!(short.limit, used);
        assert!(resources.memory_is_short());
        assert_eq!(resources.look_at_memory(used * 4), None);
        assert!(!resources.memory_is_short());
    }

    #[test]
    fn the_tightest_limit_of_the_groups_above_counts_in_both_versions() {
        let mount = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| {
            let file = mount.path().join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        };
        write("system/memory.max", "300\n");
        write("system/mail/memory.max", "max\n");
        write("memory/memory.limit_in_bytes", "9223372036854771712\n");
        write("memory/box/memory.limit_in_bytes", "200\n");
        let limit = |groups| limit_of_groups(groups, mount.path());
        assert_eq!(limit("0::/system/mail\n"), Some(300));
        assert_eq!(limit("0::/\n"), None);
        assert_eq!(limit("4:memory:/\n3:cpu,cpuacct:/box\n"), None);
        assert_eq!(limit("4:memory:/box/deeper\n0::/\n"), Some(200));
    }

    #[test]
    fn a_shortage_is_told_once_in_a_while_and_shown_meanwhile() {
        let resources = Resources::default();
        assert!(resources.shortages().is_empty());
        assert!(resources.refused(Short::Descriptors, "first".to_owned()));
        assert!(!resources.refused(Short::Descriptors, "second".to_owned()));
        assert_eq!(resources.shortages(), [(Short::Descriptors, "second".to_owned())]);
    }
}
