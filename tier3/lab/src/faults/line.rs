//! Faults of the line between EAST and WEST: mail crawls, and a measure is beyond its threshold.

use config::Section;
use finding::Cause;

use super::table::{EAST, FILTERED, TRY_AGAIN, TRY_AGAIN_EAST, WEST, setting};
use super::{Act, Fault};

/// Nothing of it has to be logged: what is late is no failure yet.
const LINE: Fault = Fault {
    degrading: true,
    two_alone: true,
    expected: &[],
    cure: &[Act::Shell(EAST, "nft delete table inet fault"), TRY_AGAIN, TRY_AGAIN_EAST],
    set: &[
        setting(None, Section::Rpc, "call_timeout_s", "3"),
        setting(None, Section::Rpc, "connect_timeout_s", "3"),
    ],
    claims: &[28, 34, 35],
    ..FILTERED
};

pub(super) const LOSS: Fault = Fault {
    name: "packet-loss",
    cause: Cause::NetworkUnreliable,
    title: "three of ten packets are lost",
    what: "A packet filter on EAST drops three of ten packets that come from WEST.",
    put_in: &[Act::Filter(EAST, "ip saddr {west.address} numgen random mod 100 < 30 drop")],
    ..LINE
};

pub(super) const SMALL_MTU: Fault = Fault {
    name: "small-mtu-without-icmp",
    cause: Cause::MtuPathLimited,
    title: "large packets are dropped, and nobody says so",
    what: "What comes from WEST to EAST in packets of more than 576 octets is dropped without a word.",
    put_in: &[Act::Filter(EAST, "ip saddr {west.address} meta length > 576 drop")],
    // TCP repeats what was dropped after ever longer waits: a call that is given up early is tried anew.
    set: &[
        setting(None, Section::Rpc, "call_timeout_s", "2"),
        setting(None, Section::Rpc, "connect_timeout_s", "2"),
    ],
    ..LINE
};

pub(super) const SLOW: Fault = Fault {
    name: "slow-line",
    cause: Cause::NetworkInsufficientBandwidth,
    title: "the line has 56 kbit/s",
    what: "Both ends of the line send 56 kbit/s at most.",
    put_in: &[Act::Shell(WEST, MODEM), Act::Shell(EAST, MODEM)],
    cure: &[
        Act::Shell(WEST, "tc qdisc del dev eth0 root"),
        Act::Shell(EAST, "tc qdisc del dev eth0 root"),
        TRY_AGAIN,
    ],
    ..LINE
};
const MODEM: &str = "tc qdisc add dev eth0 root tbf rate 56kbit burst 1600 latency 2s";

pub(super) const TRANSLATED: Fault = Fault {
    name: "nat-in-one-direction",
    cause: Cause::NatBetweenServers,
    title: "addresses are translated in one direction",
    what: "What comes from WEST to EAST has another address in WEST's place; what EAST sends to WEST has not.",
    put_in: &[Act::Shell(
        EAST,
        "nft 'add table ip fault; add chain ip fault in { type nat hook input priority 100; }; add rule ip fault in ip saddr {west.address} snat to {nowhere}'",
    )],
    cure: &[],
    ..FILTERED
};

pub(super) const OTHER_ADDRESS: Fault = Fault {
    name: "multihomed-wrong-source",
    cause: Cause::MultihomedSourceAddress,
    title: "a server with two addresses calls from the other one",
    what: "WEST gets a second address, and a route from which its calls come from there.",
    put_in: &[Act::Shell(
        WEST,
        "ip address add {nowhere}/24 dev eth0 && ip route change $(ip route show dev eth0 | head -n 1 | cut -d' ' -f1) dev eth0 src {nowhere}",
    )],
    // Whoever WEST calls sees it there.
    two_alone: true,
    cure: &[],
    ..FILTERED
};
