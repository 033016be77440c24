//! Versions of program modules: read out of their files, and compared as sets with a table.
//!
//! An update that reached half of a set of modules leaves a server that looks well and is not: it negotiates what its other half cannot
//! keep. The files tell: each carries its version. Which ones belong together is data, a table in TOML that an operator can replace.
//! Deliberately left out: where the files come from, and anything of a module but its version resource.

mod image;
mod judge;
mod resource;
mod table;
mod version;

pub use image::version_resource;
pub use judge::{Inventory, Module, State, judge};
pub use resource::{ModuleVersion, read_version};
pub use table::{SHIPPED, Set, Table, TableError};
pub use version::Version;

#[cfg(test)]
mod tests;
