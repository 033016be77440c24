//! What a host's account database says of an account: the operations of SAMR that read it (MS-SAMR).

use dcerpc::{ByteOrder, ContextHandle, NdrReader, NdrWriter, SyntaxId, Uuid};
use identity::Sid;
use wire::DecodeError;

use crate::msrpc::{self, Decoded};

/// The interface.
pub(crate) const INTERFACE: SyntaxId =
    SyntaxId::new(Uuid::from_u128(0x12345778_1234_abcd_ef00_0123456789ac), 1, 0);

pub(crate) const OP_CLOSE: u16 = 1;
pub(crate) const OP_LOOKUP_DOMAIN: u16 = 5;
pub(crate) const OP_OPEN_DOMAIN: u16 = 7;
pub(crate) const OP_LOOKUP_NAMES: u16 = 17;
pub(crate) const OP_OPEN_USER: u16 = 34;
pub(crate) const OP_QUERY_USER: u16 = 36;
pub(crate) const OP_QUERY_DOMAIN: u16 = 46;
pub(crate) const OP_CONNECT: u16 = 57;

/// `SAM_SERVER_CONNECT` and `SAM_SERVER_LOOKUP_DOMAIN` (MS-SAMR 2.2.1.3).
const SERVER_ACCESS: u32 = 0x21;
/// `DOMAIN_READ_PASSWORD_PARAMETERS` and `DOMAIN_LOOKUP` (MS-SAMR 2.2.1.4).
const DOMAIN_ACCESS: u32 = 0x201;
/// `USER_READ_GENERAL`, `USER_READ_PREFERENCES`, `USER_READ_LOGON`, `USER_READ_ACCOUNT` (MS-SAMR 2.2.1.7).
const USER_ACCESS: u32 = 0x1b;
/// `UserLogonInformation` (MS-SAMR 2.2.6.28).
pub(crate) const LOGON_INFORMATION: u16 = 3;
/// `UserAccountInformation`.
pub(crate) const ACCOUNT_INFORMATION: u16 = 5;
/// `DomainLockoutInformation` (MS-SAMR 2.2.4.16).
const LOCKOUT_INFORMATION: u16 = 12;
/// The size that the array of names is declared with.
const MOST_NAMES: u32 = 1000;
/// The size that the hours of logon are declared with.
const HOURS: usize = 1260;
/// `SidTypeUser` (MS-SAMR 2.2.2.3).
const TYPE_USER: u32 = 1;

/// Bits of `UserAccountControl` (MS-SAMR 2.2.1.12).
const DISABLED: u32 = 0x1;
const PASSWORD_NOT_REQUIRED: u32 = 0x4;
const NORMAL: u32 = 0x10;
const NEVER_EXPIRES: u32 = 0x200;
const LOCKED: u32 = 0x400;
const EXPIRED: u32 = 0x2_0000;

/// When something happens that never does.
const NEVER: u64 = 0x7fff_ffff_ffff_ffff;

/// An account as the database has it. Times in the ticks of FILETIME, none where there is no such time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SamAccount {
    /// Its relative identifier.
    pub rid: u32,
    /// Wrong passwords since the last right one, as this controller counted them.
    pub bad_passwords: u16,
    /// `UserAccountControl` as it is.
    pub control: u32,
    /// When the password was set.
    pub password_set: Option<u64>,
    /// When it has to be another one.
    pub password_due: Option<u64>,
    /// When the account ends.
    pub expires: Option<u64>,
    /// After so many wrong passwords an account is locked; zero for never.
    pub lockout_threshold: Option<u16>,
}

impl SamAccount {
    /// It is switched off.
    #[must_use]
    pub fn is_disabled(&self) -> bool {
        self.control & DISABLED != 0
    }

    /// Too many wrong passwords locked it.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.control & LOCKED != 0
    }

    /// Its password is too old at `now`.
    #[must_use]
    pub fn is_password_expired(&self, now: u64) -> bool {
        self.control & EXPIRED != 0
            || (self.control & NEVER_EXPIRES == 0
                && self.password_due.is_some_and(|due| due <= now))
    }

    /// It ended before `now`.
    #[must_use]
    pub fn is_expired(&self, now: u64) -> bool {
        self.expires.is_some_and(|end| end <= now)
    }

    /// How many more wrong passwords lock it; none where nothing ever does.
    #[must_use]
    pub fn attempts_left(&self) -> Option<u16> {
        let threshold = self.lockout_threshold.filter(|threshold| *threshold != 0)?;
        Some(threshold.saturating_sub(self.bad_passwords))
    }

    /// What it says, in words.
    #[must_use]
    pub fn told(&self, now: u64) -> String {
        let mut parts = Vec::new();
        let states = [
            (self.is_disabled(), "disabled"),
            (self.is_locked(), "locked"),
            (self.is_expired(now), "expired"),
            (self.is_password_expired(now), "its password is expired"),
            (self.control & PASSWORD_NOT_REQUIRED != 0, "it needs no password"),
            (self.control & NORMAL == 0, "no account of a user"),
        ];
        parts.extend(states.into_iter().filter(|(is, _)| *is).map(|(_, word)| word.to_owned()));
        if parts.is_empty() {
            parts.push("enabled".to_owned());
        }
        let wrong = self.bad_passwords;
        parts.push(match self.lockout_threshold {
            Some(0) => format!("{wrong} wrong passwords, and none locks it"),
            Some(threshold) => format!("{wrong} wrong passwords of {threshold} that lock it"),
            None => format!("{wrong} wrong passwords"),
        });
        parts.join(", ")
    }
}

pub(crate) fn connect(host: &str) -> Vec<u8> {
    let mut writer = NdrWriter::new();
    writer.pointer(true);
    writer.string16(&format!("\\\\{host}"));
    writer.u32(SERVER_ACCESS);
    writer.into_vec()
}

pub(crate) fn lookup_domain(server: &ContextHandle, domain: &str) -> Vec<u8> {
    let mut writer = NdrWriter::new();
    writer.context_handle(server);
    msrpc::put_unicode_strings(&mut writer, &[domain]);
    writer.into_vec()
}

/// The identifier of a domain; none where the server does not know it.
pub(crate) fn domain_found(stub: &[u8], order: ByteOrder) -> Decoded<Sid> {
    let mut reader = NdrReader::new("SamrLookupDomainInSamServer", stub, order);
    let sid = if reader.pointer("DomainId")? { Some(msrpc::sid(&mut reader)?) } else { None };
    Ok((sid, reader.u32("status")?))
}

pub(crate) fn open_domain(server: &ContextHandle, domain: &Sid) -> Vec<u8> {
    let mut writer = NdrWriter::new();
    writer.context_handle(server);
    writer.u32(DOMAIN_ACCESS);
    msrpc::put_sid(&mut writer, domain);
    writer.into_vec()
}

pub(crate) fn lookup_name(domain: &ContextHandle, name: &str) -> Vec<u8> {
    let mut writer = NdrWriter::new();
    writer.context_handle(domain);
    writer.u32(1);
    writer.u32(MOST_NAMES);
    writer.actual_count(1);
    msrpc::put_unicode_strings(&mut writer, &[name]);
    writer.into_vec()
}

/// The relative identifier of a user; none where there is no such user.
pub(crate) fn name_found(stub: &[u8], order: ByteOrder) -> Decoded<u32> {
    let mut reader = NdrReader::new("SamrLookupNamesInDomain", stub, order);
    let mut array = |field| -> Result<Option<u32>, DecodeError> {
        let count = reader.u32("Count")?;
        if !reader.pointer(field)? {
            return Ok(None);
        }
        let max = reader.max_count(field, 1)?;
        if u32::try_from(max) != Ok(count) {
            return Err(reader.invalid(field, "two counts that differ"));
        }
        if max == 0 { Ok(None) } else { reader.u32(field).map(Some) }
    };
    let (rid, kind) = (array("RelativeIds")?, array("Use")?);
    let status = reader.u32("status")?;
    Ok((rid.filter(|_| kind == Some(TYPE_USER)), status))
}

pub(crate) fn open_user(domain: &ContextHandle, rid: u32) -> Vec<u8> {
    let mut writer = NdrWriter::new();
    writer.context_handle(domain);
    writer.u32(USER_ACCESS);
    writer.u32(rid);
    writer.into_vec()
}

pub(crate) fn query(handle: &ContextHandle, class: u16) -> Vec<u8> {
    let mut writer = NdrWriter::new();
    writer.context_handle(handle);
    writer.u16(class);
    writer.into_vec()
}

pub(crate) fn query_lockout(domain: &ContextHandle) -> Vec<u8> {
    query(domain, LOCKOUT_INFORMATION)
}

pub(crate) fn close(handle: &ContextHandle) -> Vec<u8> {
    let mut writer = NdrWriter::new();
    writer.context_handle(handle);
    writer.into_vec()
}

/// Takes what one class of information says into `account`; gives the status.
pub(crate) fn user_told(
    stub: &[u8],
    order: ByteOrder,
    account: &mut SamAccount,
) -> Result<u32, DecodeError> {
    let mut reader = NdrReader::new("SamrQueryInformationUser", stub, order);
    if !reader.pointer("Buffer")? {
        return reader.u32("status");
    }
    let class = reader.u16("class")?;
    // What the pointers point to stands behind all of it, in their order.
    let mut points = Vec::new();
    let strings = |reader: &mut NdrReader<'_>, points: &mut Vec<bool>, count: usize| {
        for _ in 0..count {
            points.push(msrpc::unicode_string_head(reader)?);
        }
        Ok::<_, DecodeError>(())
    };
    strings(&mut reader, &mut points, 2)?;
    account.rid = reader.u32("UserId")?;
    reader.u32("PrimaryGroupId")?;
    let hours;
    match class {
        LOGON_INFORMATION => {
            strings(&mut reader, &mut points, 5)?;
            let _ = (time(&mut reader, "LastLogon")?, time(&mut reader, "LastLogoff")?);
            account.password_set = time(&mut reader, "PasswordLastSet")?;
            time(&mut reader, "PasswordCanChange")?;
            account.password_due = time(&mut reader, "PasswordMustChange")?;
            hours = counts(&mut reader, account)?;
        }
        ACCOUNT_INFORMATION => {
            strings(&mut reader, &mut points, 6)?;
            let _ = (time(&mut reader, "LastLogon")?, time(&mut reader, "LastLogoff")?);
            hours = counts(&mut reader, account)?;
            account.password_set = time(&mut reader, "PasswordLastSet")?;
            account.expires = time(&mut reader, "AccountExpires")?;
        }
        _ => return Err(reader.invalid("class", "information that was not asked for")),
    }
    account.control = reader.u32("UserAccountControl")?;
    for points in points {
        msrpc::unicode_string_rest(&mut reader, points)?;
    }
    if hours {
        reader.conformant_varying_octets("LogonHours", HOURS)?;
    }
    reader.u32("status")
}

/// The counts, and whether hours of logon stand behind.
fn counts(reader: &mut NdrReader<'_>, account: &mut SamAccount) -> Result<bool, DecodeError> {
    reader.align(4)?;
    reader.u16("UnitsPerWeek")?;
    let hours = reader.pointer("LogonHours")?;
    account.bad_passwords = reader.u16("BadPasswordCount")?;
    reader.u16("LogonCount")?;
    Ok(hours)
}

/// A time in two halves (MS-SAMR 2.2.2.2).
fn time(reader: &mut NdrReader<'_>, field: &'static str) -> Result<Option<u64>, DecodeError> {
    let low = u64::from(reader.u32(field)?);
    let ticks = u64::from(reader.u32(field)?) << 32 | low;
    Ok(Some(ticks).filter(|ticks| *ticks != 0 && *ticks < NEVER))
}

/// How many wrong passwords lock an account.
pub(crate) fn lockout_told(stub: &[u8], order: ByteOrder) -> Decoded<u16> {
    let mut reader = NdrReader::new("SamrQueryInformationDomain2", stub, order);
    if !reader.pointer("Buffer")? {
        return Ok((None, reader.u32("status")?));
    }
    if reader.u16("class")? != LOCKOUT_INFORMATION {
        return Err(reader.invalid("class", "information that was not asked for"));
    }
    reader.u64("LockoutDuration")?;
    reader.u64("LockoutObservationWindow")?;
    let threshold = reader.u16("LockoutThreshold")?;
    Ok((Some(threshold), reader.u32("status")?))
}
