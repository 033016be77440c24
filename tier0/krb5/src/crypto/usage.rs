//! What a key is used for (RFC 4120 section 7.5.1, RFC 4121 section 2).

/// AS-REQ timestamp.
pub const AS_REQ_TIMESTAMP: u32 = 1;
/// The part of a ticket that the service reads.
pub const TICKET: u32 = 2;
/// The part of an AS-REP that the client reads.
pub const AS_REP: u32 = 3;
/// TGS-REQ: checksum over the body.
pub const TGS_REQ_BODY: u32 = 6;
/// TGS-REQ: authenticator.
pub const TGS_REQ_AUTHENTICATOR: u32 = 7;
/// The part of a TGS-REP that the client reads, under the session key.
pub const TGS_REP_SESSION: u32 = 8;
/// As before, under the subkey.
pub const TGS_REP_SUBKEY: u32 = 9;
/// AP-REQ: authenticator.
pub const AP_REQ_AUTHENTICATOR: u32 = 11;
/// AP-REP.
pub const AP_REP: u32 = 12;
/// What the acceptor seals.
pub const ACCEPTOR_SEAL: u32 = 22;
/// What the acceptor signs.
pub const ACCEPTOR_SIGN: u32 = 23;
/// What the initiator seals.
pub const INITIATOR_SEAL: u32 = 24;
/// What the initiator signs.
pub const INITIATOR_SIGN: u32 = 25;
