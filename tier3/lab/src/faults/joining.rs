//! Mistakes of whoever joins two servers by hand: what one configuration has of the other is not what it has itself.

use finding::Cause;

use super::table::{EAST, PLAIN, ROLE_REFUSED};
use super::{Act, Fault};

const ACCOUNT: &str = r"account = 'DEMO\svc-west'";
const MISSPELT: &str = r"account = 'DEMO\svc-wset'";

/// EAST expects another account of WEST than the one that it has, and that WEST presents.
pub(super) const PEER_ACCOUNT: Fault = Fault {
    name: "peer-account-misspelt",
    cause: Cause::ServiceAccountMismatch,
    title: "the account of a peer is misspelt",
    what: r"In EAST's table for WEST the account is DEMO\svc-wset, and WEST's is DEMO\svc-west.",
    put_in: &[Act::Replace(EAST, ACCOUNT, MISSPELT), Act::Restart(EAST)],
    expected: ROLE_REFUSED,
    cure: &[Act::Replace(EAST, MISSPELT, ACCOUNT), Act::Restart(EAST)],
    claims: &[36],
    ..PLAIN
};
