//! Program files, of which the version is read, and the table that they are compared with.

use crate::text;

/// Any octets as a program file.
pub fn version(octets: &[u8]) {
    if let Ok(Some(resource)) = modules::version_resource(octets) {
        let (whole, part) = (octets.as_ptr_range(), resource.as_ptr_range());
        assert!(whole.start <= part.start && part.end <= whole.end);
    }
    if let Ok(Some(version)) = modules::read_version(octets) {
        let said = version.file.to_string();
        assert_eq!(said.parse(), Ok(version.file));
        // Texts of a resource of 64 KiB.
        assert!(version.strings.values().map(String::len).sum::<usize>() <= 256 * 1024);
    }
}

/// Any text as the table.
pub fn table(octets: &[u8]) {
    let Some(text) = text(octets) else { return };
    if let Ok(table) = modules::Table::read(text) {
        let names = table.files().into_iter();
        let modules = names.map(|name| modules::Module { name, state: modules::State::Missing });
        let none = modules::Inventory { server: "EAST".to_owned(), modules: modules.collect() };
        assert!(modules::judge(&table, &[none]).is_healthy());
    }
}
