//! The endpoint mapper, C706 appendix O, interface `ept` version 3.0.
//!
//! [`MapRequest`] and [`MapResponse`] are the parameters of `ept_map`, both ways; an [`EndpointMap`]
//! answers `ept_map`, `ept_lookup` and `ept_lookup_handle_free` without keeping any state between
//! calls. [`EndpointMap::dispatch_mut`] serves `ept_insert`, `ept_delete` and `ept_mgmt_delete` too, for callers that may
//! change the map; for all others they are denied.

mod change;
mod lookup;
mod map;
mod message;
mod tower;

pub use change::{encode_delete, encode_insert, encode_mgmt_delete};
pub use lookup::{Endpoint, LookupAnswer, encode_lookup};
pub use map::{EndpointMap, MapEntry};
pub use message::{MapRequest, MapResponse};
pub use tower::{Floor, Tower};

use crate::uuid::{SyntaxId, Uuid};

/// The interface, C706 appendix O.
pub const INTERFACE: SyntaxId =
    SyntaxId::new(Uuid::from_u128(0xe1af8308_5d1f_11c9_91a4_08002b14a0fa), 3, 0);

/// The port on which the world asks, C706 appendix I.
pub const PORT: u16 = 135;

/// The operation `ept_insert`.
pub const OP_INSERT: u16 = 0;
/// The operation `ept_delete`.
pub const OP_DELETE: u16 = 1;
/// The operation `ept_lookup`.
pub const OP_LOOKUP: u16 = 2;
/// The operation `ept_map`.
pub const OP_MAP: u16 = 3;
/// The operation `ept_lookup_handle_free`.
pub const OP_LOOKUP_HANDLE_FREE: u16 = 4;

/// The operation `ept_inq_object`.
pub const OP_INQ_OBJECT: u16 = 5;
/// The operation `ept_mgmt_delete`.
pub const OP_MGMT_DELETE: u16 = 6;

/// Towers or entries in one answer; asking for more gives so many, and a handle to go on with.
pub const MAX_ANSWERS: usize = 500;
