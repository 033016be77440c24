//! Faults of the network between two servers: packets and connections that somebody takes away.

use finding::Cause;

use super::table::{
    EAST, FILTERED, PLAIN, SERVER_UNAVAILABLE, TRY_AGAIN, TRY_AGAIN_EAST, WEST, bind_back_failed,
    bind_failed,
};
use super::{Act, Fault};

pub(super) const ADDRESS_NOT_LET_IN: Fault = Fault {
    name: "port-filtered-by-firewall",
    cause: Cause::PortFilteredByFirewall,
    title: "the RPC port is closed to one server",
    what: "EAST's RPC port no longer lets the address of WEST in; its endpoint mapper still answers.",
    put_in: &[Act::Run(EAST, &["network", "remove", "rpc", "{west.network}"])],
    // Whoever calls a loopback address does so from WEST's.
    for_all: true,
    expected: &[
        bind_failed(WEST, SERVER_UNAVAILABLE, 0),
        bind_back_failed(WEST, SERVER_UNAVAILABLE),
        bind_failed(EAST, SERVER_UNAVAILABLE, SERVER_UNAVAILABLE),
    ],
    claims: &[7, 28, 35],
    ..PLAIN
};

pub(super) const RPC_DROPPED: Fault = Fault {
    name: "rpc-port-dropped",
    title: "a firewall drops what goes to the RPC port",
    what: "On EAST a packet filter drops what comes from WEST to the static RPC port; the mapper's port is open.",
    put_in: &[filter("ip saddr {west.address} tcp dport 4747 drop")],
    ..FILTERED
};

pub(super) const RPC_REJECTED: Fault = Fault {
    name: "rpc-port-rejected",
    title: "a firewall rejects what goes to the RPC port",
    what: "On EAST a packet filter resets connections of WEST to the static RPC port; the mapper's port is open.",
    put_in: &[filter("ip saddr {west.address} tcp dport 4747 reject with tcp reset")],
    ..FILTERED
};

pub(super) const MAPPER_DROPPED: Fault = Fault {
    name: "mapper-port-dropped",
    title: "a firewall drops what goes to the endpoint mapper",
    what: "On EAST a packet filter drops what comes from WEST to port 135.",
    put_in: &[filter("ip saddr {west.address} tcp dport 135 drop")],
    ..FILTERED
};

pub(super) const ONE_WAY: Fault = Fault {
    name: "one-way-cut",
    title: "connections are let through in one direction alone",
    what: "A packet filter on EAST drops every connection that WEST opens to its mail ports; EAST's own to WEST go through.",
    put_in: &[filter("ip saddr {west.address} tcp dport { 25, 135, 4747 } ct state new drop")],
    ..FILTERED
};

pub(super) const LINK_DOWN: Fault = Fault {
    name: "link-down",
    cause: Cause::RemoteServerUnreachable,
    title: "the remote server has lost its network",
    what: "The network link of EAST is taken down; its processes run.",
    put_in: &[Act::Shell(EAST, "ip link set eth0 down")],
    for_all: true,
    expected: &[bind_failed(WEST, SERVER_UNAVAILABLE, 0), bind_failed(EAST, SERVER_UNAVAILABLE, 0)],
    cure: &[Act::Shell(EAST, "ip link set eth0 up"), TRY_AGAIN, TRY_AGAIN_EAST],
    ..FILTERED
};

/// A rule of a packet filter on EAST, in a table of its own.
const fn filter(rule: &'static str) -> Act {
    Act::Filter(EAST, rule)
}
