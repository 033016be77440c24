//! Read-only checks that give typed facts for a snapshot.
//!
//! Each check asks one question of one place, within the dialer's deadlines, sends no
//! credentials and changes nothing.

mod road;

pub use road::{Road, check_road, check_x400};
