//! Two hosts in network namespaces of their own, and the wire between them, which can be cut.

use std::ffi::OsStr;
use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, ensure};

use crate::address::Block;
use crate::disk::missing;
use crate::organisation::Side;

/// What the wire lets through a second: slow enough that a cut finds transfers under way.
const RATE: &str = "4mbit";

/// What nft does to whom a reset is due.
const RESET: &str = "reject with tcp reset";

/// Networks of one process at the same time: some runners run tests as its threads.
const TURNS: u32 = 8;
static NEXT: AtomicU32 = AtomicU32::new(0);

/// How the wire fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Nothing comes through, and nobody is told.
    Silent,
    /// Nothing that this side says comes through; it still hears the other one.
    Mute(Side),
    /// Whoever says anything hears that the connection is gone.
    Reset,
}

/// The hosts of EAST and WEST. The test itself reaches both over wires of their own, which are never cut.
///
/// Invariant: the namespaces, and with them the wires, are gone when this is dropped.
#[derive(Debug)]
pub struct Network {
    name: String,
    block: Block,
}

impl Network {
    /// Why there can be none here, if so.
    pub fn why_not() -> Option<String> {
        missing(&["ip", "tc", "nft"])
    }

    /// Makes both hosts.
    pub fn make() -> Result<Self> {
        let (process, turn) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed) % TURNS);
        // 62 blocks of four addresses in each of 250 networks.
        let number = process.wrapping_mul(TURNS).wrapping_add(turn) % (62 * 250);
        let third = u8::try_from(number / 62).unwrap_or(0);
        let last = u8::try_from(number % 62 * 4).unwrap_or(0);
        let first = Ipv4Addr::new(10, 213, third, last);
        // Names of interfaces have 15 characters at most (IFNAMSIZ), and two are put behind this.
        let network = Self { name: format!("bb{process}n{turn}"), block: Block::at(first) };
        network.build().with_context(|| format!("the network {}", network.name))?;
        Ok(network)
    }

    /// The servers' addresses.
    pub(crate) fn block(&self) -> Block {
        self.block
    }

    /// A command that runs a program on the host of a side; its process is the program's.
    pub fn command(&self, side: Side, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.space(side)]).arg(program);
        command
    }

    /// Runs a line on the host of a side; the wire between the hosts is the interface `wire` on each.
    pub fn run_on(&self, side: Side, line: &str) -> Result<String> {
        let space = self.space(side);
        let words = ["netns", "exec", &space].into_iter().chain(line.split_whitespace());
        let output = Command::new("ip").args(words).output()?;
        ensure!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn space(&self, side: Side) -> String {
        format!("{}{}", self.name, if side == Side::East { "e" } else { "w" })
    }

    fn build(&self) -> Result<()> {
        let spaces = Side::BOTH.map(|side| self.space(side));
        let [east, west] = [0, 1].map(|number| self.block.address(number));
        let tests = [2, 3].map(|number| self.block.address(number));
        for ((space, own), test) in spaces.iter().zip([east, west]).zip(tests) {
            let inside = |line: &str| ip(&format!("-n {space} {line}"));
            ip(&format!("netns add {space}"))?;
            inside("link set lo up")?;
            inside(&format!("addr add {own}/32 dev lo"))?;
            ip(&format!("link add {space}t type veth peer name test netns {space}"))?;
            inside("link set test up")?;
            ip(&format!("addr add {test}/32 dev {space}t"))?;
            ip(&format!("link set {space}t up"))?;
            ip(&format!("route add {own}/32 dev {space}t src {test}"))?;
            inside(&format!("route add {test}/32 dev test src {own}"))?;
        }
        let [e, w] = &spaces;
        ip(&format!("link add wire netns {e} type veth peer name wire netns {w}"))?;
        for (space, own, other) in [(e, east, west), (w, west, east)] {
            ip(&format!("-n {space} link set wire up"))?;
            ip(&format!("-n {space} route add {other}/32 dev wire src {own}"))?;
            run(
                "tc",
                &format!(
                    "-n {space} qdisc add dev wire root tbf rate {RATE} burst 16kb latency 300ms"
                ),
            )?;
        }
        Ok(())
    }

    /// Cuts the wire, which must be whole, until it is mended.
    pub fn cut(&self, cut: Cut) -> Result<()> {
        let space = self.space(Side::East);
        let west = self.block.address(1);
        let (from_west, to_west) = match cut {
            Cut::Silent => (Some("drop"), Some("drop")),
            Cut::Mute(Side::East) => (None, Some("drop")),
            Cut::Mute(Side::West) => (Some("drop"), None),
            Cut::Reset => (Some(RESET), Some(RESET)),
        };
        let chain = |hook: &str, what: &str, verdict: Option<&str>| {
            let Some(verdict) = verdict else { return String::new() };
            format!(
                "chain {hook} {{ type filter hook {hook} priority 0;\nip protocol tcp {what} {west} counter {verdict}\n}}\n"
            )
        };
        let rules = format!(
            "table ip cut {{\n{}{}}}\n",
            chain("input", "ip saddr", from_west),
            chain("output", "ip daddr", to_west)
        );
        nft(&space, &rules)
    }

    /// Makes the wire whole. Gives how many packets the cut took.
    pub fn mend(&self) -> Result<u64> {
        let space = self.space(Side::East);
        let list = ["netns", "exec", &space, "nft", "list", "table", "ip", "cut"];
        let output = Command::new("ip").args(list).output()?;
        let table = String::from_utf8_lossy(&output.stdout).into_owned();
        nft(&space, "delete table ip cut")?;
        let counts = table.split("counter packets ").skip(1);
        Ok(counts.filter_map(|rest| rest.split(' ').next()?.parse::<u64>().ok()).sum())
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for side in Side::BOTH {
            // The kernel takes away what is in a namespace later, and a network after this one may have the same names.
            // What was never made cannot be taken away.
            let space = self.space(side);
            for words in [["link", "del", &format!("{space}t")], ["netns", "del", &space]] {
                let _ = Command::new("ip").args(words).output();
            }
        }
    }
}

fn ip(line: &str) -> Result<()> {
    run("ip", line)
}

fn run(tool: &str, line: &str) -> Result<()> {
    let output = Command::new(tool).args(line.split_whitespace()).output()?;
    ensure!(output.status.success(), "{tool} {line}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

fn nft(space: &str, rules: &str) -> Result<()> {
    let output = Command::new("ip").args(["netns", "exec", space, "nft", rules]).output()?;
    ensure!(output.status.success(), "nft {rules}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
