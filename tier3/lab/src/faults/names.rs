//! Names that nobody resolves, that lead to where nobody is, or that both sides resolve and not alike: whoever is reached then
//! denies access, which looks like a trouble of accounts.

use finding::Cause;

use super::table::{
    ACCESS_DENIED, EAST, FILTERED, PLAIN, SERVER_UNAVAILABLE, WEST, bind_back_failed, bind_failed,
};
use super::{Act, Fault};

pub(super) const UNKNOWN_HOST: Fault = Fault {
    name: "remote-name-unresolvable",
    cause: Cause::RemoteNameUnresolvable,
    title: "the name of the remote server is unknown",
    what: "On WEST the name east.demo.test is taken out of the table of names.",
    put_in: &[Act::Run(WEST, &["hosts", "remove", "east.demo.test"])],
    stops: &[WEST],
    expected: &[bind_failed(WEST, SERVER_UNAVAILABLE, 0)],
    claims: &[7, 30],
    ..PLAIN
};

pub(super) const UNKNOWN_BIND_BACK: Fault = Fault {
    name: "bindback-name-unresolvable",
    cause: Cause::BindbackNameUnresolvable,
    title: "the name for the bind back is unknown",
    what: "On WEST the name east-rpc.demo.test, which EAST hands over for the bind back, is taken out of the table of names.",
    put_in: &[Act::Run(WEST, &["hosts", "remove", "east-rpc.demo.test"])],
    stops: &[EAST],
    ask: EAST,
    expected: &[
        bind_back_failed(WEST, SERVER_UNAVAILABLE),
        bind_failed(EAST, SERVER_UNAVAILABLE, SERVER_UNAVAILABLE),
    ],
    claims: &[7, 30],
    ..PLAIN
};

pub(super) const STALE_HOST: Fault = Fault {
    name: "lmhosts-stale-entry",
    cause: Cause::LmhostsStaleEntry,
    title: "the name of the remote server leads elsewhere",
    what: "On WEST the name east.demo.test leads to an address where nobody is.",
    put_in: &[Act::Run(WEST, &["hosts", "set", "east.demo.test", "{nowhere}"])],
    stops: &[WEST],
    expected: &[bind_failed(WEST, SERVER_UNAVAILABLE, 0)],
    claims: &[7, 30, 35],
    ..PLAIN
};

pub(super) const STALE_BIND_BACK: Fault = Fault {
    name: "bindback-name-leads-elsewhere",
    cause: Cause::LmhostsStaleEntry,
    title: "the name for the bind back leads elsewhere",
    what: "On WEST the name east-rpc.demo.test, which EAST hands over for the bind back, leads to an address where nobody is.",
    put_in: &[Act::Run(WEST, &["hosts", "set", "east-rpc.demo.test", "{nowhere}"])],
    stops: &[EAST],
    ask: EAST,
    expected: &[
        bind_back_failed(WEST, SERVER_UNAVAILABLE),
        bind_failed(EAST, SERVER_UNAVAILABLE, SERVER_UNAVAILABLE),
    ],
    claims: &[7, 30, 35],
    ..PLAIN
};

pub(super) const DEAD_ADDRESS: Fault = Fault {
    name: "name-leads-to-a-dead-address",
    cause: Cause::LmhostsStaleEntry,
    title: "the name leads to an address that nobody has",
    what: "On WEST the name east.demo.test leads to an address of the same network that no machine has.",
    put_in: &[Act::Run(WEST, &["hosts", "set", "east.demo.test", "{nowhere}"])],
    stops: &[WEST],
    expected: &[bind_failed(WEST, SERVER_UNAVAILABLE, 0)],
    cure: &[],
    claims: &[28, 30, 35],
    ..FILTERED
};

const TO_ITSELF: Fault =
    Fault { cause: Cause::LmhostsStaleEntry, cure: &[], claims: &[7, 30, 35, 36], ..FILTERED };

pub(super) const HOST: Fault = Fault {
    name: "name-leads-to-the-caller",
    title: "the name of the remote server leads to the caller itself",
    what: "On WEST the name east.demo.test leads to WEST's own address; everywhere else it leads to EAST.",
    put_in: &[Act::Run(WEST, &["hosts", "set", "east.demo.test", "{west.address}"])],
    stops: &[WEST],
    expected: &[bind_failed(WEST, ACCESS_DENIED, 0)],
    ..TO_ITSELF
};

pub(super) const BIND_BACK: Fault = Fault {
    name: "bindback-name-leads-to-the-called-server",
    title: "the name for the bind back leads to the called server itself",
    what: "On WEST the name east-rpc.demo.test, which EAST hands over for the bind back, leads to WEST's own address; on EAST it leads to EAST.",
    put_in: &[Act::Run(WEST, &["hosts", "set", "east-rpc.demo.test", "{west.address}"])],
    stops: &[EAST],
    ask: EAST,
    expected: &[
        bind_back_failed(WEST, ACCESS_DENIED),
        bind_failed(EAST, ACCESS_DENIED, ACCESS_DENIED),
    ],
    ..TO_ITSELF
};
