//! Recipients to next hops.
//!
//! A recipient's mail domain names the server that holds it, or an address space of a connector covers its address. The
//! choice between several ways is the classic MTA's; each answer says why it fell as it did. Pure: what is known of the
//! ways at the moment (failed, not open yet) and of the message (size, sender, where it came from) is handed in.
//!
//! Left out on purpose: the state of links beyond the next server, which nobody here can know, and distribution lists.

mod address;
mod choose;
mod link;
mod space;
mod table;

pub use address::{Address, AddressType, X400_DOMAIN, canonical, or_address};
pub use choose::{AllOpen, Choice, Closed, Considered, LinkStates, Request, Route, Router};
pub use link::{Activation, Link, Outlet, Restriction, Restrictions};
pub use space::{AddressSpace, COSTS, SpaceError};
pub use table::{Domains, Table, TableError, TableRow};
