//! The version resource inside a program file: Microsoft's "PE Format", headers (section "File Headers"), section table and the `.rsrc`
//! section.
//!
//! Only what leads to the one resource is read. Offsets and lengths are the file's own and therefore hostile: each is checked against the
//! file before it is used, the resource tree is walked three levels deep and no deeper, and tables have named limits.

use wire::{DecodeError, Reader};

const WHAT: &str = "program file";
/// Where the DOS header says where the PE signature is (`e_lfanew`).
const NEW_HEADER_AT: usize = 0x3c;
/// COFF file header, its length.
const COFF_LEN: usize = 20;
/// The kinds of optional header: PE32 and PE32+, and where each has its data directories.
const PE32: (u16, usize) = (0x10b, 96);
const PE32_PLUS: (u16, usize) = (0x20b, 112);
/// Index of the resource table among the data directories.
const RESOURCES: usize = 2;
/// More sections no loader takes ("PE Format", COFF File Header).
const MAX_SECTIONS: u16 = 96;
/// Octets of one row of the section table.
const SECTION_LEN: usize = 40;
/// Rows of one resource directory that are looked through: a program has some dozens of kinds of resource.
const MAX_ROWS: u16 = 4096;
/// Octets of a version resource: its strings have 64 KiB at most, since their lengths have 16 bits.
const MAX_RESOURCE: usize = 64 * 1024;
/// The kind of a version resource, `RT_VERSION`.
const RT_VERSION: u32 = 16;
/// The high bit of a row's offset: it leads to a further directory.
const DEEPER: u32 = 0x8000_0000;

/// One section: where the loader puts it, and where it stands in the file.
#[derive(Clone, Copy)]
struct Section {
    address: u32,
    octets: u32,
    at: u32,
}

/// Finds the version resource of a program file; none where the program has no such resource.
///
/// # Errors
/// It is no program of 32 or 64 bits, or its headers and tables lead out of it.
pub fn version_resource(file: &[u8]) -> Result<Option<&[u8]>, DecodeError> {
    let (sections, resources) = headers(file)?;
    if resources == 0 {
        return Ok(None);
    }
    let root = place(&sections, resources)
        .ok_or_else(|| DecodeError::invalid(WHAT, "resource table", 0, "it is in no section"))?;
    let Some(kind) = row(file, root, 0, Some(RT_VERSION))? else { return Ok(None) };
    // The first name and the first language: a program has one version.
    let Some(name) = row(file, root, kind, None)? else { return Ok(None) };
    let Some(entry) = row(file, root, name, None)? else { return Ok(None) };
    let mut reader = at(file, add(root, entry)?)?;
    let (address, octets) = (reader.u32_le("OffsetToData")?, reader.u32_le("Size")?);
    let octets = usize::try_from(octets).unwrap_or(usize::MAX);
    if octets > MAX_RESOURCE {
        return Err(DecodeError::limit(WHAT, "version resource", reader.offset(), MAX_RESOURCE));
    }
    let start = place(&sections, address).ok_or_else(|| {
        DecodeError::invalid(WHAT, "version resource", reader.offset(), "it is in no section")
    })?;
    at(file, start)?.bytes("version resource", octets).map(Some)
}

/// The sections, and the address of the resource table; 0 for none.
fn headers(file: &[u8]) -> Result<(Vec<Section>, u32), DecodeError> {
    let mut reader = Reader::new(WHAT, file);
    if reader.bytes("DOS signature", 2)? != b"MZ" {
        return Err(DecodeError::invalid(WHAT, "DOS signature", 0, "it does not begin with MZ"));
    }
    let header = at(file, NEW_HEADER_AT)?.u32_le("e_lfanew")?;
    let mut reader = at(file, usize::try_from(header).unwrap_or(usize::MAX))?;
    if reader.bytes("PE signature", 4)? != b"PE\0\0" {
        return Err(reader.invalid("PE signature", "it is no program of 32 or 64 bits"));
    }
    let mut coff =
        Reader::with_offset(WHAT, reader.bytes("COFF header", COFF_LEN)?, reader.offset());
    coff.skip("Machine", 2)?;
    let count = coff.u16_le("NumberOfSections")?;
    if count > MAX_SECTIONS {
        return Err(DecodeError::limit(
            WHAT,
            "NumberOfSections",
            coff.offset(),
            MAX_SECTIONS.into(),
        ));
    }
    coff.skip("dates and symbols", 12)?;
    let optional = usize::from(coff.u16_le("SizeOfOptionalHeader")?);
    let offset = reader.offset();
    let optional = reader.bytes("optional header", optional)?;
    let resources = resource_table(Reader::with_offset(WHAT, optional, offset))?;
    let mut sections = Vec::with_capacity(count.into());
    for _ in 0..count {
        let mut section =
            Reader::with_offset(WHAT, reader.bytes("section", SECTION_LEN)?, reader.offset());
        section.skip("Name and VirtualSize", 12)?;
        sections.push(Section {
            address: section.u32_le("VirtualAddress")?,
            octets: section.u32_le("SizeOfRawData")?,
            at: section.u32_le("PointerToRawData")?,
        });
    }
    Ok((sections, resources))
}

fn resource_table(mut header: Reader<'_>) -> Result<u32, DecodeError> {
    let directories = match header.u16_le("Magic")? {
        magic if magic == PE32.0 => PE32.1,
        magic if magic == PE32_PLUS.0 => PE32_PLUS.1,
        _ => return Err(header.invalid("Magic", "it is neither PE32 nor PE32+")),
    };
    // The count of directories stands right before them.
    header.skip("optional header", directories - 2 - 4)?;
    let count = usize::try_from(header.u32_le("NumberOfRvaAndSizes")?).unwrap_or(usize::MAX);
    if count <= RESOURCES {
        return Ok(0);
    }
    header.skip("data directories", 8 * RESOURCES)?;
    header.u32_le("resource table")
}

/// The offset of the first row that has this number, or of the first one at all, from the root of the tree.
fn row(
    file: &[u8],
    root: usize,
    directory: usize,
    wanted: Option<u32>,
) -> Result<Option<usize>, DecodeError> {
    let mut reader = at(file, add(root, directory)?)?;
    reader.skip("resource directory", 12)?;
    let (named, numbered) =
        (reader.u16_le("NumberOfNamedEntries")?, reader.u16_le("NumberOfIdEntries")?);
    let rows = named.saturating_add(numbered);
    if rows > MAX_ROWS {
        return Err(DecodeError::limit(
            WHAT,
            "resource directory",
            reader.offset(),
            MAX_ROWS.into(),
        ));
    }
    for _ in 0..rows {
        let (number, offset) = (reader.u32_le("Name")?, reader.u32_le("Offset")?);
        if wanted.is_none_or(|wanted| wanted == number) {
            let offset = offset & !DEEPER;
            return Ok(Some(usize::try_from(offset).unwrap_or(usize::MAX)));
        }
    }
    Ok(None)
}

/// Where in the file an address of the loaded program stands.
fn place(sections: &[Section], address: u32) -> Option<usize> {
    let section = sections.iter().find(|section| {
        address.checked_sub(section.address).is_some_and(|inside| inside < section.octets)
    })?;
    let at = section.at.checked_add(address - section.address)?;
    usize::try_from(at).ok()
}

fn at(file: &[u8], offset: usize) -> Result<Reader<'_>, DecodeError> {
    let rest = file.get(offset..);
    let rest = rest.ok_or_else(|| DecodeError::truncated(WHAT, "offset", offset, 1, 0))?;
    Ok(Reader::with_offset(WHAT, rest, offset))
}

fn add(a: usize, b: usize) -> Result<usize, DecodeError> {
    a.checked_add(b).ok_or_else(|| DecodeError::invalid(WHAT, "offset", a, "it is beyond any file"))
}
