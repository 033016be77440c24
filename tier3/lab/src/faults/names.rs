//! Names that both sides resolve, and not alike: whoever is reached there denies access, which looks like a trouble of accounts.

use finding::Cause;

use super::table::{ACCESS_DENIED, EAST, FILTERED, WEST, bind_back_failed, bind_failed};
use super::{Act, Fault};

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
