//! Looks at the link, at its device and at the peer behind it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;

use crate::node::Node;

/// How long one attempt to reach the peer may take, and the time between two: a slow line has a round trip of a second.
const ATTEMPT: Duration = Duration::from_secs(5);
const BETWEEN: Duration = Duration::from_millis(250);

/// Octets of a lock file or a table of routes that are read.
const READ_MAX: u64 = 1 << 20;

/// Returns once the peer's mapper port answers.
pub async fn for_peer(node: Arc<Node>, peer: String) {
    loop {
        if reaches(&node, &peer).await {
            return;
        }
        tokio::time::sleep(BETWEEN).await;
    }
}

async fn reaches(node: &Node, peer: &str) -> bool {
    let config = node.config();
    let Some(peer) = config.peer(peer) else { return false };
    let Ok(found) = node.resolver.resolve(&peer.host).await else { return false };
    for address in found.addresses {
        let connect = TcpStream::connect((address, peer.mapper_port));
        if let Ok(Ok(_)) = tokio::time::timeout(ATTEMPT, connect).await {
            return true;
        }
    }
    false
}

/// Whether a route leads through an interface now.
pub fn leads_through(interface: &str) -> bool {
    dialup::leads_through(&text("/proc/net/route"), &text("/proc/net/ipv6_route"), interface)
}

/// The interfaces of the default routes now.
pub fn default_routes() -> Vec<String> {
    dialup::default_routes(&text("/proc/net/route"))
}

/// Who holds a lock file, if a process that lives does: UUCP's form (Filesystem Hierarchy Standard 3.0, 5.9), its number in
/// ten characters. One without a number is held until somebody removes it.
pub fn holder(file: &Path) -> Option<String> {
    let held = std::fs::read(file).ok()?;
    let text = String::from_utf8_lossy(&held);
    let Some(number) = text.split_whitespace().next().and_then(|word| word.parse::<u32>().ok())
    else {
        return Some(format!("{} is there", file.display()));
    };
    lives(number).then(|| format!("process {number} holds {}", file.display()))
}

/// Whether a process lives; one that has ended and that nobody has asked for yet has let go of everything.
fn lives(number: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
    // The name before the state may hold anything, a bracket included (proc(5)).
    let state = stat.rsplit(')').next().and_then(|rest| rest.trim_start().chars().next());
    state.is_some_and(|state| !matches!(state, 'Z' | 'X'))
}

fn text(file: &str) -> String {
    use std::io::Read;
    let mut out = String::new();
    let read =
        std::fs::File::open(file).and_then(|file| file.take(READ_MAX).read_to_string(&mut out));
    match read {
        Ok(_) => out,
        // Without such a table there is no route of the kind.
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_counts_while_its_process_lives() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("LCK..ttyS0");
        assert_eq!(holder(&file), None);
        std::fs::write(&file, format!("{:>10}\n", std::process::id())).unwrap();
        assert!(holder(&file).unwrap().contains(&format!("process {}", std::process::id())));
        std::fs::write(&file, format!("{:>10}\n", u32::MAX)).unwrap();
        assert_eq!(holder(&file), None, "whoever made it has died");
        let mut ended = std::process::Command::new("/bin/true").spawn().unwrap();
        std::fs::write(&file, format!("{:>10}\n", ended.id())).unwrap();
        while lives(ended.id()) {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(holder(&file), None, "it has ended, and nobody has asked how");
        ended.wait().unwrap();
        std::fs::write(&file, "").unwrap();
        assert!(holder(&file).unwrap().ends_with("is there"));
    }
}
