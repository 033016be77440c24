//! Faults of routes: mail comes back as a report, and no queue grows.

use finding::Cause;

use super::table::{EAST, PLAIN, WEST};
use super::{Act, Fault};
use crate::cast::Side;

const RETURNED: Fault = Fault { two_alone: true, stops: &[], expected: &[], ask: EAST, ..PLAIN };

/// What stands in a configuration for the domains of EAST and of WEST.
const OF_EAST: &str = "domains = [\"east.demo.test\"]";
const OF_WEST: &str = "domains = [\"west.demo.test\"]";
/// The same with another domain beside them.
const EAST_MORE: &str = "domains = [\"east.demo.test\", \"more.test\"]";
const WEST_MORE: &str = "domains = [\"west.demo.test\", \"more.test\"]";
/// A recipient there.
const BEYOND: &str = "{east.mailbox}@more.test";

pub(super) const NO_ADDRESS_SPACE: Fault = Fault {
    name: "address-space-missing",
    cause: Cause::AddressSpaceMissing,
    title: "a server does not know where a domain goes",
    what: "WEST sends mail for more.test to EAST, and EAST knows of no such domain.",
    put_in: &[Act::Replace(WEST, OF_EAST, EAST_MORE), Act::Restart(WEST)],
    returned: Some((WEST, BEYOND, Side::East)),
    cure: &[Act::Replace(EAST, OF_EAST, EAST_MORE), Act::Restart(EAST)],
    ..RETURNED
};

pub(super) const LOOP: Fault = Fault {
    name: "message-loop",
    cause: Cause::MessageLoopBetweenSystems,
    title: "two servers send a domain to each other",
    what: "WEST sends mail for more.test to EAST, and EAST sends it to WEST.",
    put_in: &[
        Act::Replace(WEST, OF_EAST, EAST_MORE),
        Act::Replace(EAST, OF_WEST, WEST_MORE),
        Act::Restart(WEST),
        Act::Restart(EAST),
        super::table::TRY_AGAIN,
    ],
    returned: Some((WEST, BEYOND, Side::East)),
    cure: &[
        Act::Replace(EAST, WEST_MORE, OF_WEST),
        Act::Replace(EAST, OF_EAST, EAST_MORE),
        Act::Restart(EAST),
    ],
    ..RETURNED
};

pub(super) const TOO_LARGE: Fault = Fault {
    name: "message-size-limit",
    cause: Cause::MessageSizeLimitExceeded,
    title: "a connector takes small messages alone",
    what: "EAST sends mail for more.test by a connector to WEST's SMTP port, which takes messages of 100 octets at most.",
    put_in: &[
        Act::Replace(WEST, OF_WEST, WEST_MORE),
        Act::Restart(WEST),
        Act::Shell(EAST, CONNECTOR),
        Act::Restart(EAST),
    ],
    returned: Some((EAST, "{west.mailbox}@more.test", Side::West)),
    cure: &[
        Act::Replace(EAST, "max_message_size = 100", "max_message_size = 0"),
        Act::Restart(EAST),
    ],
    ..RETURNED
};
const CONNECTOR: &str = "printf '\\n[[connector]]\\nname = \"small\"\\nkind = \"smtp\"\\nhosts = [\"{west.smtp}\"]\\nmax_message_size = 100\\n[[connector.address_space]]\\npattern = \"more.test\"\\n' >> {east.folder}/bindback.toml";
