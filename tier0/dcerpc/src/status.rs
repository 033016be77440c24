//! Status codes of remote calls: number, name and words.
//!
//! Fault PDUs carry codes of two families: those of the architecture (C706 appendix E, `nca_*`
//! and the `ept_*` ones of appendix O) and Win32 ones (MS-ERREF 2.2), which Windows also puts there. Results of calls and
//! of logons bring NTSTATUS and the codes of security packages. This is the one table that names them all; one that is
//! not in it is shown in hex.

mod architecture;
mod nt;
mod security;
mod win32;

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
/// An entry that the endpoint map cannot hold: C706 appendix O `ept_s_invalid_entry`.
pub const EPT_INVALID_ENTRY: u32 = 0x16c9_a0d3;
/// The endpoint map could not be changed: C706 appendix O `ept_s_update_failed`.
pub const EPT_UPDATE_FAILED: u32 = 0x16c9_a0d4;
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

const fn win32(code: u32, name: &'static str, words: &'static str) -> Row {
    row(code, name, words, code)
}

/// No two of them have a code in common: the families have ranges of their own.
static TABLES: [&[Row]; 4] = [win32::TABLE, architecture::TABLE, security::TABLE, nt::TABLE];

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
            None if self.0 <= 0xffff => write!(f, "status {:#010x} ({})", self.0, self.0),
            None => write!(f, "status {:#010x}", self.0),
        }
    }
}

fn find(code: u32) -> Option<&'static Row> {
    TABLES.iter().find_map(|table| {
        table.binary_search_by_key(&code, |row| row.code).ok().map(|index| &table[index])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_so_that_it_can_be_searched() {
        let mut all = Vec::new();
        for table in TABLES {
            assert!(table.is_sorted_by(|a, b| a.code < b.code));
            all.extend(table.iter().map(|row| row.code));
        }
        assert!(all.len() > 500, "{}", all.len());
        all.sort_unstable();
        assert!(all.is_sorted_by(|a, b| a < b), "a code stands in two tables");
        // Every condition has a Win32 code that is itself in the table, so that it has words too.
        for row in TABLES.into_iter().flatten() {
            assert!(find(row.win32).is_some_and(|found| found.win32 == found.code), "{}", row.name);
            assert!(!row.words.is_empty() && !row.words.ends_with('.'), "{}", row.name);
        }
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
        assert_eq!(Status(4321).to_string(), "status 0x000010e1 (4321)");
        for (code, name, win32) in [
            (0xc000_006d, "STATUS_LOGON_FAILURE", 1326),
            (0xc002_001b, "STATUS_RPC_CALL_FAILED", 1726),
            (0x8009_030c, "SEC_E_LOGON_DENIED", 1326),
            (0x1c00_0018, "nca_s_fault_pipe_comm_error", 1820),
            (1766, "RPC_S_INTERNAL_ERROR", 1766),
            (1820, "RPC_S_COMM_FAILURE", 1820),
            (11_001, "WSAHOST_NOT_FOUND", 11_001),
        ] {
            assert_eq!((Status(code).name(), Status(code).win32()), (Some(name), win32));
        }
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
