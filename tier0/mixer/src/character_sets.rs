//! The registered character sets of general texts, one table for both directions (ISO 2375, ISO 2022, RFC 2157 7.1.3).

/// A set that fills the right half of an 8-bit code whose left half is ASCII.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CharacterSet {
    /// Its name in MIME, which stands for both halves.
    pub name: &'static str,
    /// The number of its registration.
    pub registration: i64,
    /// The last octet of the escape sequence that designates it.
    pub escape: u8,
}

const fn set(name: &'static str, registration: i64, escape: u8) -> CharacterSet {
    CharacterSet { name, registration, escape }
}

/// In the order in which they are tried for a text.
pub(crate) const SETS: [CharacterSet; 13] = [
    set("iso-8859-1", 100, b'A'),
    set("iso-8859-15", 203, b'b'),
    set("iso-8859-2", 101, b'B'),
    set("iso-8859-9", 148, b'M'),
    set("iso-8859-5", 144, b'L'),
    set("iso-8859-7", 126, b'F'),
    set("iso-8859-3", 109, b'C'),
    set("iso-8859-4", 110, b'D'),
    set("iso-8859-10", 157, b'V'),
    set("iso-8859-13", 179, b'Y'),
    set("iso-8859-14", 199, b'_'),
    set("iso-8859-6", 127, b'G'),
    set("iso-8859-8", 138, b'H'),
];
/// UTF-8 without a level, which is written.
pub(crate) const UTF8: i64 = 196;
/// Every registration of UTF-8: levels 1 to 3, and without one.
pub(crate) const UTF8_SETS: [i64; 4] = [190, 191, 192, UTF8];
