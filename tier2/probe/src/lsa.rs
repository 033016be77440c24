//! What a host's local security authority says: the rights of an account and the trusts of the domain (MS-LSAD).

use dcerpc::{ByteOrder, ContextHandle, NdrReader, NdrWriter, SyntaxId, Uuid};
use identity::Sid;
use wire::DecodeError;

use crate::msrpc::{self, Decoded};

/// The interface.
pub(crate) const INTERFACE: SyntaxId =
    SyntaxId::new(Uuid::from_u128(0x12345778_1234_abcd_ef00_0123456789ab), 0, 0);

pub(crate) const OP_CLOSE: u16 = 0;
pub(crate) const OP_ACCOUNT_RIGHTS: u16 = 36;
pub(crate) const OP_OPEN_POLICY: u16 = 44;
pub(crate) const OP_TRUSTS: u16 = 50;

/// `POLICY_VIEW_LOCAL_INFORMATION` and `POLICY_LOOKUP_NAMES` (MS-LSAD 2.2.1.1.2).
const POLICY_ACCESS: u32 = 0x801;
/// Octets of trusts in one answer.
const TRUSTS_LEN: u32 = 0x1_0000;
/// Rights and trusts in one answer: far over what there is.
const MOST: usize = 4096;
/// Octets of the attributes of the object, as their first field tells (MS-LSAD 2.2.9).
const ATTRIBUTES_LEN: u32 = 24;

/// A trust, seen from the domain that was asked (MS-LSAD 2.2.7.9).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    /// Its DNS name, or the flat one where it has none.
    pub name: String,
    pub flat_name: String,
    /// Its accounts are taken here.
    pub outbound: bool,
    /// Our accounts are taken there.
    pub inbound: bool,
}

impl Trust {
    /// In words.
    #[must_use]
    pub fn told(&self) -> String {
        let way = match (self.outbound, self.inbound) {
            (true, true) => "both ways",
            (true, false) => "its accounts are taken here",
            (false, true) => "our accounts are taken there",
            (false, false) => "switched off",
        };
        format!("{} ({}): {way}", self.name, self.flat_name)
    }
}

pub(crate) fn open_policy(host: &str) -> Vec<u8> {
    let mut writer = NdrWriter::new();
    writer.pointer(true);
    writer.string16(&format!("\\\\{host}"));
    writer.u32(ATTRIBUTES_LEN);
    writer.pointer(false);
    writer.pointer(false);
    writer.u32(0);
    writer.pointer(false);
    writer.pointer(false);
    writer.u32(POLICY_ACCESS);
    writer.into_vec()
}

pub(crate) fn account_rights(policy: &ContextHandle, account: &Sid) -> Vec<u8> {
    let mut writer = NdrWriter::new();
    writer.context_handle(policy);
    msrpc::put_sid(&mut writer, account);
    writer.into_vec()
}

/// The names of the rights that an account has of its own.
pub(crate) fn rights_told(stub: &[u8], order: ByteOrder) -> Decoded<Vec<String>> {
    let mut reader = NdrReader::new("LsarEnumerateAccountRights", stub, order);
    reader.u32("Entries")?;
    if !reader.pointer("UserRights")? {
        return Ok((None, reader.u32("status")?));
    }
    let count = reader.max_count("UserRights", MOST)?;
    let mut pointing = Vec::new();
    for _ in 0..count {
        pointing.push(msrpc::unicode_string_head(&mut reader)?);
    }
    let mut rights = Vec::new();
    for points in pointing {
        rights.push(msrpc::unicode_string_rest(&mut reader, points)?);
    }
    Ok((Some(rights), reader.u32("status")?))
}

pub(crate) fn trusts(policy: &ContextHandle) -> Vec<u8> {
    let mut writer = NdrWriter::new();
    writer.context_handle(policy);
    writer.u32(0);
    writer.u32(TRUSTS_LEN);
    writer.into_vec()
}

pub(crate) fn trusts_told(stub: &[u8], order: ByteOrder) -> Decoded<Vec<Trust>> {
    let mut reader = NdrReader::new("LsarEnumerateTrustedDomainsEx", stub, order);
    reader.u32("EnumerationContext")?;
    reader.u32("EntriesRead")?;
    if !reader.pointer("EnumerationBuffer")? {
        return Ok((None, reader.u32("status")?));
    }
    let count = reader.max_count("EnumerationBuffer", MOST)?;
    let mut heads = Vec::new();
    for _ in 0..count {
        let name = msrpc::unicode_string_head(&mut reader)?;
        let flat = msrpc::unicode_string_head(&mut reader)?;
        let sid = reader.pointer("Sid")?;
        let direction = reader.u32("TrustDirection")?;
        reader.u32("TrustType")?;
        reader.u32("TrustAttributes")?;
        heads.push((name, flat, sid, direction));
    }
    let mut trusts = Vec::new();
    for (name, flat, sid, direction) in heads {
        let name = msrpc::unicode_string_rest(&mut reader, name)?;
        let flat_name = msrpc::unicode_string_rest(&mut reader, flat)?;
        if sid {
            msrpc::sid(&mut reader)?;
        }
        let name = if name.is_empty() { flat_name.clone() } else { name };
        let (inbound, outbound) = (direction & 1 != 0, direction & 2 != 0);
        trusts.push(Trust { name, flat_name, outbound, inbound });
    }
    Ok((Some(trusts), reader.u32("status")?))
}

/// A handle and the status behind it, as all operations that open something give them.
pub(crate) fn opened(stub: &[u8], order: ByteOrder) -> Result<(ContextHandle, u32), DecodeError> {
    let mut reader = NdrReader::new("an opened handle", stub, order);
    Ok((reader.context_handle("handle")?, reader.u32("status")?))
}
