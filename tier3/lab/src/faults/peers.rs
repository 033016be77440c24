//! A server of another time, and one whose clock is wrong: their proofs are not taken, though account and password are right.
//!
//! The old server is a process of ours that does what an old implementation of NTLM does (`bindback lab old-peer`); no setting of a
//! server leads there. The clock is faketime's.

use finding::Cause;

use super::table::{
    ACCESS_DENIED, BOTH, EAST, PLAIN, TRY_AGAIN, TRY_AGAIN_EAST, WEST, bind_back_failed,
    bind_failed, refused,
};
use super::{Act, ExpectedEvent, Fault};

/// Win32 `RPC_S_SEC_PKG_ERROR`: what was sealed cannot be read.
const SECURITY_PACKAGE: u32 = 1825;
/// Win32 `ERROR_TIME_SKEW`.
const TIME_SKEW: u32 = 1398;

const OLD: Fault = Fault {
    cause: Cause::NtlmSessionSecurityMismatch,
    stops: BOTH,
    cure: &[Act::Pose(WEST, None), TRY_AGAIN_EAST],
    two_alone: true,
    claims: &[14, 15, 36],
    ..PLAIN
};

pub(super) const VERSION_1: Fault = Fault {
    name: "ntlm-version-1-peer",
    cause: Cause::LmCompatibilityMismatch,
    title: "one server answers with NTLM version 1",
    what: "WEST is started as a server that answers with NTLM version 1 alone; EAST takes version 2.",
    put_in: &[Act::Pose(WEST, Some("version-1"))],
    expected: &[
        bind_failed(WEST, ACCESS_DENIED, 0),
        bind_back_failed(WEST, ACCESS_DENIED),
        bind_failed(EAST, ACCESS_DENIED, ACCESS_DENIED),
        refused(EAST, ACCESS_DENIED),
    ],
    claims: &[14, 36],
    ..OLD
};

/// Neither takes the other's bind: EAST refuses the keys of WEST as called and as caller.
const NO_BIND: [ExpectedEvent; 2] =
    [bind_failed(WEST, ACCESS_DENIED, 0), bind_failed(EAST, ACCESS_DENIED, 0)];

pub(super) const KEYS_56: Fault = Fault {
    name: "56-bit-peer",
    title: "one server has 56-bit keys alone",
    what: "WEST is started as a server that has 56-bit keys alone; EAST takes 128 bits.",
    put_in: &[Act::Pose(WEST, Some("56-bit"))],
    expected: &[NO_BIND[0], NO_BIND[1], refused(EAST, ACCESS_DENIED)],
    ..OLD
};

pub(super) const SEALING_56: Fault = Fault {
    name: "56-bit-sealing-under-128-bit",
    title: "128-bit keys are agreed, and one server seals with 56 bits",
    what: "WEST is started as a server of mixed modules: it agrees on 128-bit keys and seals with 56 bits of them.",
    put_in: &[Act::Pose(WEST, Some("56-bit-sealing"))],
    expected: &[NO_BIND[0], NO_BIND[1], refused(EAST, SECURITY_PACKAGE)],
    ..OLD
};

pub(super) const CLOCK: Fault = Fault {
    name: "clock-skew",
    cause: Cause::ClockSkew,
    title: "the clock of one server is ten minutes ahead",
    what: "EAST is started under a clock that is ten minutes ahead; accounts are proved by Kerberos.",
    put_in: &[Act::Clock(EAST, Some("+600s"))],
    stops: BOTH,
    expected: &[bind_failed(WEST, ACCESS_DENIED, 0), refused(EAST, TIME_SKEW)],
    cure: &[Act::Clock(EAST, None), TRY_AGAIN, TRY_AGAIN_EAST],
    needs: &["krb5kdc", "kdb5_util", "kadmin.local", "faketime"],
    two_alone: true,
    claims: &[36],
    ..PLAIN
};
