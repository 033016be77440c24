//! Codes of security packages and of objects, MS-ERREF 2.1, with the Win32 code of the same condition.

use super::{Row, row};

/// Sorted by code.
pub(super) static TABLE: &[Row] = &[
    row(0x8000_4001, "E_NOTIMPL", "the operation is not there", 120),
    row(0x8000_4003, "E_POINTER", "a pointer is not valid", 87),
    row(0x8000_4004, "E_ABORT", "the operation was broken off", 995),
    row(0x8000_4005, "E_FAIL", "the operation failed", 31),
    row(0x8000_ffff, "E_UNEXPECTED", "the operation failed in a way that nobody thought of", 31),
    row(0x8001_0105, "RPC_E_SERVERFAULT", "the server met an exception", 1726),
    row(0x8001_0108, "RPC_E_DISCONNECTED", "the object is disconnected from its clients", 1726),
    row(0x8007_0005, "E_ACCESSDENIED", "access denied", 5),
    row(0x8007_0006, "E_HANDLE", "the handle is not valid", 6),
    row(0x8007_000e, "E_OUTOFMEMORY", "out of memory", 14),
    row(0x8007_0057, "E_INVALIDARG", "a parameter is not valid", 87),
    row(0x8009_0300, "SEC_E_INSUFFICIENT_MEMORY", "the security package has no memory", 14),
    row(0x8009_0301, "SEC_E_INVALID_HANDLE", "the security handle is not valid", 6),
    row(0x8009_0302, "SEC_E_UNSUPPORTED_FUNCTION", "the security package cannot do that", 120),
    row(
        0x8009_0303,
        "SEC_E_TARGET_UNKNOWN",
        "the server is not known where tickets are given",
        1396,
    ),
    row(0x8009_0304, "SEC_E_INTERNAL_ERROR", "an internal error of the security package", 1359),
    row(0x8009_0305, "SEC_E_SECPKG_NOT_FOUND", "the security package does not exist", 1364),
    row(0x8009_0306, "SEC_E_NOT_OWNER", "the credentials belong to somebody else", 5),
    row(0x8009_0308, "SEC_E_INVALID_TOKEN", "the authentication token is not valid", 87),
    row(0x8009_030c, "SEC_E_LOGON_DENIED", "unknown account or wrong password", 1326),
    row(0x8009_030d, "SEC_E_UNKNOWN_CREDENTIALS", "the credentials cannot be used", 1312),
    row(0x8009_030e, "SEC_E_NO_CREDENTIALS", "there are no credentials", 1312),
    row(0x8009_030f, "SEC_E_MESSAGE_ALTERED", "the message was changed on the way", 1825),
    row(0x8009_0310, "SEC_E_OUT_OF_SEQUENCE", "the message is out of sequence", 1825),
    row(
        0x8009_0311,
        "SEC_E_NO_AUTHENTICATING_AUTHORITY",
        "nobody could be asked whether the logon is right",
        1311,
    ),
    row(0x8009_0316, "SEC_E_BAD_PKGID", "the security package is not known", 1364),
    row(0x8009_0317, "SEC_E_CONTEXT_EXPIRED", "the security context has expired", 1825),
    row(0x8009_0318, "SEC_E_INCOMPLETE_MESSAGE", "the authentication message is not complete", 87),
    row(0x8009_0322, "SEC_E_WRONG_PRINCIPAL", "the server is not the one that was meant", 1396),
    row(0x8009_0324, "SEC_E_TIME_SKEW", "the clocks of client and server differ", 1398),
    row(
        0x8009_0331,
        "SEC_E_ALGORITHM_MISMATCH",
        "client and server have no algorithm in common",
        1825,
    ),
    row(
        0x8009_0342,
        "SEC_E_KDC_UNKNOWN_ETYPE",
        "the key distribution center knows none of the encryption types",
        1825,
    ),
];
