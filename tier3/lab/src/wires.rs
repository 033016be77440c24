//! Servers in network namespaces of their own, joined by a bridge: what firewalls and links do to them is done by the system.
//!
//! Needs root, iproute2 and nftables. Nothing outside the namespaces is touched, and they go with this value; should this program
//! die, a guard takes them away.

use std::net::Ipv4Addr;
use std::process::Stdio;

use tokio::process::{Child, Command};

use crate::cast::Side;

/// Private (RFC 1918), and seen in no other namespace.
const NETWORK: [u8; 3] = [10, 77, 0];

/// Programs that it takes.
const PROGRAMS: [&str; 3] = ["ip", "nft", "tc"];

/// Where programs of administrators are, which are not always on the path.
const ADMINISTRATORS: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];

/// Takes the namespaces away when its input ends.
const GUARD: &str = "read -r _; for one; do ip netns del \"$one\"; done";

/// Why there are no wires.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WireError {
    #[error("cannot run {command}")]
    Run {
        command: String,
        #[source]
        source: std::io::Error,
    },
    #[error("{command} failed: {said}")]
    Failed { command: String, said: String },
    #[error("the system gives no random octets: {0}")]
    Random(getrandom::Error),
}

/// A namespace for each server and one for the bridge between them.
#[derive(Debug)]
pub(crate) struct Wires {
    prefix: String,
    sides: Vec<Side>,
    guard: Option<Child>,
}

impl Wires {
    /// Why they cannot be laid here, if they cannot.
    pub(crate) fn why_not() -> Option<String> {
        if !is_root() {
            return Some("it takes root, for network namespaces".to_owned());
        }
        let missing = PROGRAMS.iter().find(|name| !is_there(name))?;
        Some(format!("there is no {missing} on this machine"))
    }

    /// Makes the namespaces.
    pub(crate) async fn lay(sides: &[Side]) -> Result<Self, WireError> {
        let mut random = [0; 3];
        getrandom::fill(&mut random).map_err(WireError::Random)?;
        let prefix = random.iter().fold("bb".to_owned(), |out, one| format!("{out}{one:02x}"));
        let mut wires = Self { prefix, sides: sides.to_vec(), guard: None };
        let names: Vec<String> =
            sides.iter().map(|side| wires.namespace(*side)).chain([wires.bridge()]).collect();
        let mut guard = Command::new("sh");
        guard.args(["-c", GUARD, "sh"]).args(&names).stdin(Stdio::piped());
        guard.stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let started = guard.spawn();
        let command = "sh".to_owned();
        wires.guard = Some(started.map_err(|source| WireError::Run { command, source })?);
        let bridge = wires.bridge();
        for line in [
            format!("netns add {bridge}"),
            format!("-n {bridge} link add br0 type bridge"),
            format!("-n {bridge} link set br0 up"),
        ] {
            ip(&line).await?;
        }
        for side in sides {
            let (name, address) = (wires.namespace(*side), Self::address(*side));
            let port = format!("p{}", side.index());
            for line in [
                format!("netns add {name}"),
                format!("-n {name} link add eth0 type veth peer name {port} netns {bridge}"),
                format!("-n {bridge} link set {port} master br0 up"),
                format!("-n {name} address add {address}/24 dev eth0"),
                format!("-n {name} link set lo up"),
                format!("-n {name} link set eth0 up"),
            ] {
                ip(&line).await?;
            }
        }
        Ok(wires)
    }

    /// Where a server lives.
    pub(crate) fn address(side: Side) -> Ipv4Addr {
        let [a, b, c] = NETWORK;
        let last = u8::try_from(side.index() + 1).unwrap_or(u8::MAX);
        Ipv4Addr::new(a, b, c, last)
    }

    /// An address there that nobody has.
    pub(crate) const fn nowhere() -> Ipv4Addr {
        let [a, b, c] = NETWORK;
        Ipv4Addr::new(a, b, c, 99)
    }

    /// What is put before a command so that it runs where a server does.
    pub(crate) fn inside(&self, side: Side) -> Vec<String> {
        ["ip", "netns", "exec", &self.namespace(side)].map(str::to_owned).to_vec()
    }

    fn namespace(&self, side: Side) -> String {
        format!("{}-{}", self.prefix, side.folder())
    }

    fn bridge(&self) -> String {
        format!("{}-bridge", self.prefix)
    }
}

impl Drop for Wires {
    fn drop(&mut self) {
        // By now no server lives there; the guard finds nothing left to do.
        for name in self.sides.iter().map(|side| self.namespace(*side)).chain([self.bridge()]) {
            let mut command = std::process::Command::new("ip");
            command.args(["netns", "del", &name]).stdout(Stdio::null()).stderr(Stdio::null());
            // One that was never made cannot be taken away.
            let _ = command.status();
        }
        if let Some(guard) = &mut self.guard {
            let _ = guard.start_kill();
        }
    }
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Whether a program is found on the path.
pub(crate) fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let administrators = ADMINISTRATORS.map(std::path::PathBuf::from);
    std::env::split_paths(&path).chain(administrators).any(|one| one.join(program).is_file())
}

async fn ip(words: &str) -> Result<(), WireError> {
    let command = format!("ip {words}");
    let mut ip = Command::new("ip");
    ip.args(words.split(' ')).stdin(Stdio::null()).process_group(0);
    let output = ip.output().await;
    let output = output.map_err(|source| WireError::Run { command: command.clone(), source })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(WireError::Failed { command, said })
}
