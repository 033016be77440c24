//! The list of the causes that the engine knows.

use crate::causes::rule::Rule;
use crate::causes::{auth, name, network, x400};

/// Every cause that this engine knows.
pub(crate) const RULES: &[Rule] = &[
    auth::PASSWORD_MISMATCH,
    auth::ACCOUNT_MISSING,
    auth::LACKS_RIGHT,
    name::REMOTE_NAME,
    name::BIND_BACK_NAME,
    network::PORT_FILTERED,
    network::SERVER_UNREACHABLE,
    x400::PASSWORD,
    x400::NAME,
];
