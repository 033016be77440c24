//! Faults of what a server stores its mail in, and of the memory that it has.

use config::Section;
use event::own::id;
use finding::Cause;

use super::table::{EAST, PLAIN, SERVER_UNAVAILABLE, TRY_AGAIN, WEST, bind_failed, setting, x400};
use super::{Act, Fault};

/// EAST takes no mail, from nobody.
const TAKES_NONE: Fault =
    Fault { stops: &[WEST], two_alone: true, takes_none: true, expected: &[], ..PLAIN };

pub(super) const DISK_FULL: Fault = Fault {
    name: "disk-full",
    cause: Cause::DiskSpaceLow,
    title: "the disk of the store is full",
    what: "The store of EAST stands on a small disk, and something else fills it up to four mebibytes.",
    prepare: &[
        Act::Stop(EAST),
        Act::Shell(
            EAST,
            "cd {east.folder} && mv data kept && mkdir data && mount -t tmpfs -o size=96m,mode=700 bindback-lab data && cp -a kept/. data/",
        ),
        Act::Restart(EAST),
    ],
    put_in: &[Act::Shell(
        EAST,
        "cd {east.folder}/data && dd if=/dev/zero of=ballast bs=1k count=$(($(df --output=avail -k . | tail -n 1) - 4096)) 2>/dev/null",
    )],
    expected: &[x400(EAST, id::STORE_REFUSES)],
    // The server looks at its disk once a second.
    cure: &[Act::Shell(EAST, "rm {east.folder}/data/ballast && sleep 2"), TRY_AGAIN],
    set: &[setting(Some(EAST), Section::Queue, "disk_reserve_mib", "8")],
    needs: &["root", "mount"],
    ..TAKES_NONE
};

pub(super) const MEMORY_SHORT: Fault = Fault {
    name: "memory-limit",
    cause: Cause::LowMemory,
    title: "the process may have no more memory",
    what: "The address space of EAST's process is limited to little more than it has already.",
    put_in: &[Act::Shell(
        EAST,
        "prlimit --pid {east.pid} --as=$(($(awk '/^VmSize/ { print $2 }' /proc/{east.pid}/status) * 1024 * 108 / 100)):unlimited",
    )],
    cure: &[Act::Shell(EAST, "prlimit --pid {east.pid} --as=unlimited:unlimited"), TRY_AGAIN],
    needs: &["prlimit"],
    // Peers are served from what is there; it is the clients that are refused.
    degrading: true,
    ..TAKES_NONE
};

pub(super) const DAMAGED: Fault = Fault {
    name: "store-damaged",
    cause: Cause::MtaDatabaseCorrupt,
    title: "the store is damaged",
    what: "EAST is stopped, and the largest table of its store loses its last 64 octets.",
    put_in: &[
        Act::Stop(EAST),
        Act::Shell(
            EAST,
            "truncate -s -64 $(ls -S {east.folder}/data/store/keyspaces/*/tables/* | head -n 1)",
        ),
    ],
    stops: &[WEST],
    for_all: true,
    ask: EAST,
    expected: &[bind_failed(WEST, SERVER_UNAVAILABLE, 0)],
    takes_none: true,
    ..PLAIN
};
