//! Status codes of remote calls: number, name and words.
//!
//! Fault PDUs carry codes of two families: those of the architecture (C706 appendix E, `nca_*`
//! and the `ept_*` ones of appendix O) and Win32 ones (MS-ERREF 2.2), which Windows also puts there.

use std::fmt;

/// Access denied.
pub const ACCESS_DENIED: u32 = 5;
/// The stub does not fit the interface: `RPC_X_BAD_STUB_DATA`.
pub const BAD_STUB_DATA: u32 = 0x0000_06f7;
/// The server cannot be reached: `RPC_S_SERVER_UNAVAILABLE`.
pub const SERVER_UNAVAILABLE: u32 = 1722;
/// The endpoint mapper has no endpoint: `EPT_S_NOT_REGISTERED`.
pub const ENDPOINT_NOT_REGISTERED: u32 = 1753;
/// The security mechanism of this side failed: `RPC_S_SEC_PKG_ERROR`.
pub const SEC_PKG_ERROR: u32 = 1825;
/// The call is not active: `RPC_S_NO_CALL_ACTIVE`.
pub const NO_CALL_ACTIVE: u32 = 1725;
/// The operation number is out of range.
pub const NCA_OP_RNG_ERROR: u32 = 0x1c01_0002;
/// The interface is not known.
pub const NCA_UNK_IF: u32 = 0x1c01_0003;
/// The peer broke the protocol.
pub const NCA_PROTO_ERROR: u32 = 0x1c01_000b;
/// Too many calls.
pub const NCA_SERVER_TOO_BUSY: u32 = 0x1c01_0014;
/// The call was cancelled.
pub const NCA_FAULT_CANCEL: u32 = 0x1c00_000d;
/// A context handle that this server did not give, or took back.
pub const NCA_FAULT_CONTEXT_MISMATCH: u32 = 0x1c00_001a;
/// No memory for the call.
pub const NCA_FAULT_REMOTE_NO_MEMORY: u32 = 0x1c00_001b;
/// The call failed for a reason that has no code.
pub const NCA_FAULT_UNSPEC: u32 = 0x1c00_0012;
/// No, or no more, entries in the endpoint map: C706 appendix O `ept_s_not_registered`.
pub const EPT_NOT_REGISTERED: u32 = 0x16c9_a0d6;

/// One code with its name and its meaning in words.
struct Row {
    code: u32,
    name: &'static str,
    words: &'static str,
    win32: u32,
}

const fn row(code: u32, name: &'static str, words: &'static str, win32: u32) -> Row {
    Row { code, name, words, win32 }
}

/// Sorted by code. The last column is the Win32 code of the same condition as a Windows client
/// shows it (MS-RPCE 3.3.3.5, MS-ERREF 2.2).
static TABLE: &[Row] = &[
    row(0, "ERROR_SUCCESS", "no error", 0),
    row(5, "ERROR_ACCESS_DENIED", "access denied", 5),
    row(14, "ERROR_OUTOFMEMORY", "out of memory", 14),
    row(53, "ERROR_BAD_NETPATH", "the network path was not found", 53),
    row(87, "ERROR_INVALID_PARAMETER", "a parameter is not valid", 87),
    row(121, "ERROR_SEM_TIMEOUT", "the time allowed for an answer is over", 121),
    row(1311, "ERROR_NO_LOGON_SERVERS", "no logon server is available", 1311),
    row(1317, "ERROR_NO_SUCH_USER", "the account does not exist", 1317),
    row(1326, "ERROR_LOGON_FAILURE", "unknown account or wrong password", 1326),
    row(1330, "ERROR_PASSWORD_EXPIRED", "the password has expired", 1330),
    row(1331, "ERROR_ACCOUNT_DISABLED", "the account is disabled", 1331),
    row(
        1385,
        "ERROR_LOGON_TYPE_NOT_GRANTED",
        "the account has not been granted this kind of logon",
        1385,
    ),
    row(1398, "ERROR_TIME_SKEW", "the clocks of client and server differ", 1398),
    row(1460, "ERROR_TIMEOUT", "the operation timed out", 1460),
    row(1702, "RPC_S_INVALID_BINDING", "the binding handle is not valid", 1702),
    row(1703, "RPC_S_PROTSEQ_NOT_SUPPORTED", "the protocol sequence is not supported", 1703),
    row(1706, "RPC_S_INVALID_ENDPOINT_FORMAT", "the endpoint format is not valid", 1706),
    row(1707, "RPC_S_INVALID_NET_ADDR", "the network address is not valid", 1707),
    row(1715, "RPC_S_NOT_LISTENING", "the server is not listening for calls", 1715),
    row(1717, "RPC_S_UNKNOWN_IF", "the interface is unknown", 1717),
    row(1722, "RPC_S_SERVER_UNAVAILABLE", "the RPC server is unavailable", 1722),
    row(1723, "RPC_S_SERVER_TOO_BUSY", "the RPC server is too busy", 1723),
    row(1725, "RPC_S_NO_CALL_ACTIVE", "no call is active", 1725),
    row(1726, "RPC_S_CALL_FAILED", "the remote procedure call failed", 1726),
    row(
        1727,
        "RPC_S_CALL_FAILED_DNE",
        "the remote procedure call failed and did not execute",
        1727,
    ),
    row(
        1728,
        "RPC_S_PROTOCOL_ERROR",
        "a protocol error occurred in the remote procedure call",
        1728,
    ),
    row(
        1730,
        "RPC_S_UNSUPPORTED_TRANS_SYN",
        "the transfer syntax is not supported by the server",
        1730,
    ),
    row(1745, "RPC_S_PROCNUM_OUT_OF_RANGE", "the procedure number is out of range", 1745),
    row(1747, "RPC_S_UNKNOWN_AUTHN_SERVICE", "the authentication service is unknown", 1747),
    row(1748, "RPC_S_UNKNOWN_AUTHN_LEVEL", "the authentication level is unknown", 1748),
    row(
        1753,
        "EPT_S_NOT_REGISTERED",
        "no more endpoints are available from the endpoint mapper",
        1753,
    ),
    row(1766, "RPC_S_COMM_FAILURE", "a communications failure occurred during the call", 1766),
    row(1775, "RPC_X_SS_IN_NULL_CONTEXT", "a null context handle was passed", 1775),
    row(1783, "RPC_X_BAD_STUB_DATA", "the stub received bad data", 1783),
    row(1792, "ERROR_NETLOGON_NOT_STARTED", "the network logon service was not started", 1792),
    row(1818, "RPC_S_CALL_CANCELLED", "the remote procedure call was cancelled", 1818),
    row(1825, "RPC_S_SEC_PKG_ERROR", "a security package error occurred", 1825),
    row(1909, "ERROR_ACCOUNT_LOCKED_OUT", "the account is locked out", 1909),
    row(11001, "WSAHOST_NOT_FOUND", "no such host is known", 11001),
    row(
        EPT_CANT_PERFORM_OP,
        "ept_s_cant_perform_op",
        "the endpoint mapper cannot perform the operation",
        1752,
    ),
    row(EPT_NOT_REGISTERED, "ept_s_not_registered", "no endpoint is registered", 1753),
    row(0x1c00_0001, "nca_s_fault_int_div_by_zero", "the server divided by zero", 1767),
    row(0x1c00_0002, "nca_s_fault_addr_error", "the server met an addressing error", 1768),
    row(0x1c00_000d, "nca_s_fault_cancel", "the call was cancelled", 1818),
    row(0x1c00_000e, "nca_s_fault_ill_inst", "the server met an illegal instruction", 1726),
    row(0x1c00_0012, "nca_s_fault_unspec", "the call failed for an unspecified reason", 1726),
    row(
        0x1c00_0013,
        "nca_s_fault_remote_comm_failure",
        "the server could not reach its own partner",
        1726,
    ),
    row(
        0x1c00_0018,
        "nca_s_fault_user_defined",
        "the call failed for a reason of the application",
        1726,
    ),
    row(0x1c00_001a, "nca_s_fault_context_mismatch", "the context handle is not valid", 6),
    row(0x1c00_001b, "nca_s_fault_remote_no_memory", "the server has no memory for the call", 1726),
    row(0x1c01_0001, "nca_s_comm_failure", "the server cannot be reached", 1722),
    row(0x1c01_0002, "nca_s_op_rng_error", "the operation number is out of range", 1745),
    row(0x1c01_0003, "nca_s_unk_if", "the interface is unknown", 1717),
    row(0x1c01_0006, "nca_s_wrong_boot_time", "the server was started again", 1727),
    row(
        0x1c01_0009,
        "nca_s_you_crashed",
        "the server believes that the client was started again",
        1726,
    ),
    row(0x1c01_000b, "nca_s_proto_error", "a protocol error", 1728),
    row(0x1c01_0013, "nca_s_out_args_too_big", "the results are too big", 1726),
    row(0x1c01_0014, "nca_s_server_too_busy", "the server is too busy", 1723),
    row(0x1c01_0017, "nca_s_unsupported_type", "the object type is not supported", 1732),
];

/// C706 appendix O: the mapper cannot do this.
pub const EPT_CANT_PERFORM_OP: u32 = 0x16c9_a0cd;

/// A status code, shown with its name and words where they are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Status(pub u32);

impl Status {
    /// The name in its standard.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        find(self.0).map(|row| row.name)
    }

    /// The meaning in words.
    #[must_use]
    pub fn words(self) -> Option<&'static str> {
        find(self.0).map(|row| row.words)
    }

    /// The Win32 code of the same condition; a code that is not in the table is its own.
    #[must_use]
    pub fn win32(self) -> u32 {
        find(self.0).map_or(self.0, |row| row.win32)
    }

    /// The code that a fault PDU carries for a Win32 condition: that of the architecture where
    /// there is one, else the Win32 code itself, as Windows does it.
    #[must_use]
    pub fn fault_from_win32(win32: u32) -> Self {
        Self(match win32 {
            6 => NCA_FAULT_CONTEXT_MISMATCH,
            1717 => NCA_UNK_IF,
            1723 => NCA_SERVER_TOO_BUSY,
            1726 => NCA_FAULT_UNSPEC,
            1728 => NCA_PROTO_ERROR,
            1745 => NCA_OP_RNG_ERROR,
            1818 => NCA_FAULT_CANCEL,
            other => other,
        })
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match find(self.0) {
            // Win32 codes are known by their decimal number, the others in hex.
            Some(row) if row.code <= 0xffff => {
                write!(f, "{} ({}, {})", row.words, row.name, row.code)
            }
            Some(row) => write!(f, "{} ({}, {:#010x})", row.words, row.name, row.code),
            None => write!(f, "status {:#010x}", self.0),
        }
    }
}

fn find(code: u32) -> Option<&'static Row> {
    TABLE.binary_search_by_key(&code, |row| row.code).ok().map(|index| &TABLE[index])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_so_that_it_can_be_searched() {
        assert!(TABLE.is_sorted_by(|a, b| a.code < b.code));
    }

    #[test]
    fn known_and_unknown_codes_in_words() {
        assert_eq!(Status(ACCESS_DENIED).to_string(), "access denied (ERROR_ACCESS_DENIED, 5)");
        assert_eq!(
            Status(NCA_UNK_IF).to_string(),
            "the interface is unknown (nca_s_unk_if, 0x1c010003)"
        );
        assert_eq!(Status(0xdead_beef).to_string(), "status 0xdeadbeef");
        assert_eq!(Status(0xdead_beef).name(), None);
        assert_eq!(Status(BAD_STUB_DATA).words(), Some("the stub received bad data"));
    }

    #[test]
    fn faults_and_win32_codes_map_both_ways() {
        for win32 in [5, 6, 1717, 1722, 1723, 1726, 1728, 1745, 1753, 1783, 1818] {
            assert_eq!(Status::fault_from_win32(win32).win32(), win32);
        }
        assert_eq!(Status(EPT_NOT_REGISTERED).win32(), ENDPOINT_NOT_REGISTERED);
        assert_eq!(Status(0x1234_5678).win32(), 0x1234_5678);
    }
}
