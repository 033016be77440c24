//! The list of the causes that the engine knows.

use crate::causes::rule::Rule;
use crate::causes::{
    account, auth, clock, line, name, network, protection, source, stale, terms, x400,
};

/// Every cause that this engine knows.
pub(crate) const RULES: &[Rule] = &[
    auth::PASSWORD_MISMATCH,
    auth::ACCOUNT_MISSING,
    auth::LACKS_RIGHT,
    account::ACCOUNT_DISABLED,
    account::ACCOUNT_LOCKED,
    account::ACCOUNT_EXPIRED,
    account::PASSWORD_EXPIRED,
    account::NETWORK_RIGHT,
    account::WRONG_ACCOUNT,
    account::WRONG_OVERRIDE,
    account::UNTRUSTED,
    account::COPY_LAGS,
    account::NEEDS_RESTART,
    account::SPELLING,
    account::NO_LOGON_SERVER,
    clock::CLOCK_SKEW,
    protection::SESSION_SECURITY,
    protection::NTLM_VERSION,
    name::REMOTE_NAME,
    name::BIND_BACK_NAME,
    stale::STALE_ENTRY,
    network::PORT_FILTERED,
    network::SERVER_UNREACHABLE,
    source::TRANSLATED,
    source::OTHER_ADDRESS,
    line::LOSS,
    line::LARGE_PACKETS,
    line::THROUGHPUT,
    x400::PASSWORD,
    x400::NAME,
    x400::CERTIFICATE,
    terms::SCHEDULE,
    terms::TRANSPORT_SELECTOR,
    terms::UPPER_SELECTORS,
    terms::MODE,
    terms::DIALOGUE,
];
