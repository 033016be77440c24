//! The shares of a host as its server service lists them (MS-SRVS).

use dcerpc::{ByteOrder, NdrReader, NdrWriter, SyntaxId, Uuid};

use crate::msrpc::Decoded;

/// The interface.
pub(crate) const INTERFACE: SyntaxId =
    SyntaxId::new(Uuid::from_u128(0x4b324fc8_1670_01d3_1278_5a47bf6ee188), 3, 0);

pub(crate) const OP_SHARES: u16 = 15;

/// Names and types alone: what everybody may see (MS-SRVS 2.2.4.23).
const LEVEL: u32 = 1;
/// Octets of the answer.
const LEN: u32 = 0x1_0000;
/// Shares in one answer, and characters of a name or remark.
const MOST: usize = 10_000;

pub(crate) fn shares(host: &str) -> Vec<u8> {
    let mut writer = NdrWriter::new();
    writer.pointer(true);
    writer.string16(&format!("\\\\{host}"));
    // The level, and the union's discriminant; an empty container.
    writer.u32(LEVEL);
    writer.u32(LEVEL);
    writer.pointer(true);
    writer.u32(0);
    writer.pointer(false);
    writer.u32(LEN);
    writer.pointer(true);
    writer.u32(0);
    writer.into_vec()
}

/// The names of the shares; the status is a Win32 code here.
pub(crate) fn shares_told(stub: &[u8], order: ByteOrder) -> Decoded<Vec<String>> {
    let mut reader = NdrReader::new("NetrShareEnum", stub, order);
    reader.u32("Level")?;
    if reader.u32("switch")? != LEVEL {
        return Err(reader.invalid("switch", "a level that was not asked for"));
    }
    let mut names = Vec::new();
    if reader.pointer("Level1")? {
        reader.u32("EntriesRead")?;
        if reader.pointer("Buffer")? {
            let count = reader.max_count("Buffer", MOST)?;
            let mut heads = Vec::new();
            for _ in 0..count {
                let name = reader.pointer("shi1_netname")?;
                reader.u32("shi1_type")?;
                heads.push((name, reader.pointer("shi1_remark")?));
            }
            for (name, remark) in heads {
                if name {
                    names.push(reader.string16("shi1_netname", MOST)?);
                }
                if remark {
                    reader.string16("shi1_remark", MOST)?;
                }
            }
        }
    }
    reader.u32("TotalEntries")?;
    if reader.pointer("ResumeHandle")? {
        reader.u32("ResumeHandle")?;
    }
    Ok((Some(names), reader.u32("status")?))
}
