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
