//! What a version resource says (Windows API, "VS_VERSIONINFO structure" and its children).

use std::collections::BTreeMap;

use wire::{DecodeError, Reader};

use crate::Version;
use crate::image::version_resource;

const WHAT: &str = "version resource";
/// `dwSignature` of `VS_FIXEDFILEINFO`.
const SIGNATURE: u32 = 0xfeef_04bd;
/// Blocks of one resource that are looked at; a program has one table of a dozen strings for each of its languages.
const MAX_BLOCKS: usize = 1024;
/// UTF-16 units of one key or value that are kept.
const MAX_TEXT: usize = 1024;
const STRINGS: &str = "StringFileInfo";

/// What a module says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModuleVersion {
    /// Its version, which is what sets are compared by.
    pub file: Version,
    /// The version of what it is a part of.
    pub product: Version,
    /// Its texts by name (`FileDescription`, `ProductName` ...), of its first language.
    pub strings: BTreeMap<String, String>,
}

impl ModuleVersion {
    /// The text of this name.
    #[must_use]
    pub fn string(&self, name: &str) -> &str {
        self.strings.get(name).map_or("", String::as_str)
    }
}

/// Reads the version of a program file; none where it has none.
///
/// # Errors
/// It is no program, or its version resource is broken.
pub fn read_version(file: &[u8]) -> Result<Option<ModuleVersion>, DecodeError> {
    let Some(octets) = version_resource(file)? else { return Ok(None) };
    let mut left = MAX_BLOCKS;
    let root = Block::read(&mut Reader::new(WHAT, octets), &mut left)?;
    let mut version = fixed(&root)?;
    let mut children = root.children();
    while let Some(block) = next(&mut children, &mut left)? {
        // Each of its children is a table of one language; the first one is enough.
        if block.key == STRINGS
            && let Some(table) = next(&mut block.children(), &mut left)?
        {
            let mut strings = table.children();
            while let Some(string) = next(&mut strings, &mut left)? {
                version.strings.insert(string.key.clone(), string.text());
            }
            break;
        }
    }
    Ok(Some(version))
}

/// `VS_FIXEDFILEINFO`.
fn fixed(root: &Block<'_>) -> Result<ModuleVersion, DecodeError> {
    let mut reader = Reader::with_offset(WHAT, root.value, root.value_at);
    if reader.u32_le("dwSignature")? != SIGNATURE {
        return Err(reader.invalid("dwSignature", "it is none of a version"));
    }
    reader.skip("dwStrucVersion", 4)?;
    let mut version = || -> Result<Version, DecodeError> {
        Ok(Version::of_halves(reader.u32_le("version")?, reader.u32_le("version")?))
    };
    let (file, product) = (version()?, version()?);
    Ok(ModuleVersion { file, product, strings: BTreeMap::new() })
}

/// One block: a key, a value, and blocks inside it.
struct Block<'a> {
    key: String,
    value: &'a [u8],
    value_at: usize,
    /// What stands behind the value, with its offset.
    rest: &'a [u8],
    rest_at: usize,
}

impl<'a> Block<'a> {
    fn read(reader: &mut Reader<'a>, left: &mut usize) -> Result<Self, DecodeError> {
        let start = reader.offset();
        *left = left
            .checked_sub(1)
            .ok_or_else(|| DecodeError::limit(WHAT, "blocks", start, MAX_BLOCKS))?;
        let length = usize::from(reader.u16_le("wLength")?);
        let value_length = usize::from(reader.u16_le("wValueLength")?);
        let is_text = reader.u16_le("wType")? == 1;
        let Some(inner) = length.checked_sub(6) else {
            return Err(DecodeError::invalid(
                WHAT,
                "wLength",
                start,
                "it is shorter than its own head",
            ));
        };
        // Compilers of resources disagree on whether the last block counts its padding: as much as there is.
        let inner = reader.bytes("block", inner.min(reader.remaining()))?;
        let mut body = Reader::with_offset(WHAT, inner, start + 6);
        let key = terminated(&mut body);
        align(&mut body);
        // The length of a text is counted in characters, and by some in octets.
        let octets = if is_text { value_length.saturating_mul(2) } else { value_length };
        let value_at = body.offset();
        let value = body.bytes("value", octets.min(body.remaining()))?;
        align(&mut body);
        Ok(Self { key, value, value_at, rest: body.rest(), rest_at: body.offset() })
    }

    fn children(&self) -> Reader<'a> {
        Reader::with_offset(WHAT, self.rest, self.rest_at)
    }

    /// Its value as text.
    fn text(&self) -> String {
        terminated(&mut Reader::new(WHAT, self.value))
    }
}

/// The next block, unless nothing but padding is left.
fn next<'a>(reader: &mut Reader<'a>, left: &mut usize) -> Result<Option<Block<'a>>, DecodeError> {
    if reader.rest().iter().all(|octet| *octet == 0) {
        return Ok(None);
    }
    let block = Block::read(reader, left)?;
    align(reader);
    Ok(Some(block))
}

/// UTF-16 up to a zero or the end.
fn terminated(reader: &mut Reader<'_>) -> String {
    let mut units = Vec::new();
    while let Ok(unit) = reader.u16_le("text") {
        if unit == 0 {
            break;
        }
        if units.len() < MAX_TEXT {
            units.push(unit);
        }
    }
    String::from_utf16_lossy(&units)
}

/// Passes over what fills up to a multiple of four octets of the resource.
fn align(reader: &mut Reader<'_>) {
    let fill = reader.offset().next_multiple_of(4) - reader.offset();
    // At the end it may be missing.
    let _ = reader.skip("padding", fill.min(reader.remaining()));
}
