//! Identifiers that mean the same everywhere, MS-DTYP 2.4.2.4, with their letters in SDDL (2.5.1.1).

use crate::Sid;

/// One well-known identifier.
struct Known {
    letters: &'static str,
    name: &'static str,
    authority: u8,
    parts: &'static [u32],
}

const fn known(
    letters: &'static str,
    name: &'static str,
    authority: u8,
    parts: &'static [u32],
) -> Known {
    Known { letters, name, authority, parts }
}

/// The same in every domain.
const FIXED: &[Known] = &[
    known("WD", "Everyone", 1, &[0]),
    known("CO", "CREATOR OWNER", 3, &[0]),
    known("CG", "CREATOR GROUP", 3, &[1]),
    known("OW", "OWNER RIGHTS", 3, &[4]),
    known("NU", "NT AUTHORITY\\NETWORK", 5, &[2]),
    known("IU", "NT AUTHORITY\\INTERACTIVE", 5, &[4]),
    known("SU", "NT AUTHORITY\\SERVICE", 5, &[6]),
    known("AN", "NT AUTHORITY\\ANONYMOUS LOGON", 5, &[7]),
    known("ED", "NT AUTHORITY\\ENTERPRISE DOMAIN CONTROLLERS", 5, &[9]),
    known("PS", "NT AUTHORITY\\SELF", 5, &[10]),
    known("AU", "NT AUTHORITY\\Authenticated Users", 5, &[11]),
    known("RC", "NT AUTHORITY\\RESTRICTED", 5, &[12]),
    known("SY", "NT AUTHORITY\\SYSTEM", 5, &[18]),
    known("LS", "NT AUTHORITY\\LOCAL SERVICE", 5, &[19]),
    known("NS", "NT AUTHORITY\\NETWORK SERVICE", 5, &[20]),
    known("WR", "NT AUTHORITY\\WRITE RESTRICTED", 5, &[33]),
    known("BA", "BUILTIN\\Administrators", 5, &[32, 544]),
    known("BU", "BUILTIN\\Users", 5, &[32, 545]),
    known("BG", "BUILTIN\\Guests", 5, &[32, 546]),
    known("PU", "BUILTIN\\Power Users", 5, &[32, 547]),
    known("AO", "BUILTIN\\Account Operators", 5, &[32, 548]),
    known("SO", "BUILTIN\\Server Operators", 5, &[32, 549]),
    known("PO", "BUILTIN\\Print Operators", 5, &[32, 550]),
    known("BO", "BUILTIN\\Backup Operators", 5, &[32, 551]),
    known("RE", "BUILTIN\\Replicator", 5, &[32, 552]),
    known("RU", "BUILTIN\\Pre-Windows 2000 Compatible Access", 5, &[32, 554]),
    known("RD", "BUILTIN\\Remote Desktop Users", 5, &[32, 555]),
    known("NO", "BUILTIN\\Network Configuration Operators", 5, &[32, 556]),
    known("MU", "BUILTIN\\Performance Monitor Users", 5, &[32, 558]),
    known("LU", "BUILTIN\\Performance Log Users", 5, &[32, 559]),
    known("IS", "BUILTIN\\IIS_IUSRS", 5, &[32, 568]),
    known("CY", "BUILTIN\\Cryptographic Operators", 5, &[32, 569]),
    known("ER", "BUILTIN\\Event Log Readers", 5, &[32, 573]),
    known("CD", "BUILTIN\\Certificate Service DCOM Access", 5, &[32, 574]),
    known("LW", "Mandatory Label\\Low Mandatory Level", 16, &[4096]),
    known("ME", "Mandatory Label\\Medium Mandatory Level", 16, &[8192]),
    known("HI", "Mandatory Label\\High Mandatory Level", 16, &[12288]),
    known("SI", "Mandatory Label\\System Mandatory Level", 16, &[16384]),
];

/// One of each domain, by its relative identifier.
const RELATIVE: &[(&str, &str, u32)] = &[
    ("RO", "Enterprise Read-only Domain Controllers", 498),
    ("LA", "Administrator", 500),
    ("LG", "Guest", 501),
    ("DA", "Domain Admins", 512),
    ("DU", "Domain Users", 513),
    ("DG", "Domain Guests", 514),
    ("DC", "Domain Computers", 515),
    ("DD", "Domain Controllers", 516),
    ("CA", "Cert Publishers", 517),
    ("SA", "Schema Admins", 518),
    ("EA", "Enterprise Admins", 519),
    ("PA", "Group Policy Creator Owners", 520),
    ("RS", "RAS and IAS Servers", 553),
];

impl Known {
    fn is(&self, sid: &Sid) -> bool {
        sid.authority() == u64::from(self.authority) && sid.parts() == self.parts
    }
}

/// The identifier of two letters of SDDL; `domain` is asked for those that each domain has.
pub(crate) fn by_letters(letters: &str, domain: Option<&Sid>) -> Option<Sid> {
    if let Some(found) = FIXED.iter().find(|one| one.letters == letters) {
        return Some(Sid::fixed(found.authority, found.parts));
    }
    let (_, _, rid) = RELATIVE.iter().find(|(of, _, _)| *of == letters)?;
    domain?.member(*rid).ok()
}

/// True for letters that mean something only with a domain.
pub(crate) fn needs_domain(letters: &str) -> bool {
    RELATIVE.iter().any(|(of, _, _)| *of == letters)
}

/// The two letters of an identifier.
pub(crate) fn letters_of(sid: &Sid, domain: Option<&Sid>) -> Option<&'static str> {
    if let Some(found) = FIXED.iter().find(|one| one.is(sid)) {
        return Some(found.letters);
    }
    let (of, rid) = sid.split()?;
    let (letters, _, _) = RELATIVE.iter().find(|(_, _, of)| *of == rid)?;
    (domain == Some(&of)).then_some(*letters)
}

/// The name of a well-known identifier, such as `Everyone` or `BUILTIN\Administrators`.
#[must_use]
pub fn name_of(sid: &Sid) -> Option<&'static str> {
    FIXED.iter().find(|one| one.is(sid)).map(|one| one.name)
}

/// The identifier of a well-known name, without regard to case; the part before the backslash may be left out.
#[must_use]
pub fn by_name(name: &str) -> Option<Sid> {
    let short = |full: &'static str| full.rsplit('\\').next().unwrap_or(full);
    let found = FIXED.iter().find(|one| {
        one.name.eq_ignore_ascii_case(name) || short(one.name).eq_ignore_ascii_case(name)
    })?;
    Some(Sid::fixed(found.authority, found.parts))
}

macro_rules! fixed {
    ($($(#[$doc:meta])* $name:ident = $authority:literal, $parts:expr;)*) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $name() -> Sid {
            Sid::fixed($authority, &$parts)
        }
    )*};
}

fixed! {
    /// Everyone, the unauthenticated included where they have a token at all.
    everyone = 1, [0];
    /// Stands for the owner in entries that are inherited.
    creator_owner = 3, [0];
    /// Stands for the primary group in entries that are inherited.
    creator_group = 3, [1];
    /// Says what an owner may do; without it an owner may read and change the descriptor.
    owner_rights = 3, [4];
    /// Whoever logs on from the network.
    network = 5, [2];
    /// Whoever logs on at the machine.
    interactive = 5, [4];
    /// Whoever logs on as a service. An account named "Service" is another one.
    service = 5, [6];
    /// Who gave no name.
    anonymous = 5, [7];
    /// Stands for the object itself, where it is an account.
    principal_self = 5, [10];
    /// Whoever gave a name and proved it.
    authenticated_users = 5, [11];
    /// The machine itself.
    system = 5, [18];
    /// The administrators of the machine or domain.
    administrators = 5, [32, 544];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_lead_there_and_back() {
        let domain = Sid::domain(7, 8, 9);
        for one in FIXED {
            let sid = by_letters(one.letters, None).unwrap();
            assert_eq!(letters_of(&sid, Some(&domain)), Some(one.letters));
            assert_eq!(name_of(&sid), Some(one.name));
            assert_eq!(by_name(&one.name.to_lowercase()), Some(sid));
        }
        for (letters, _, rid) in RELATIVE {
            let sid = by_letters(letters, Some(&domain)).unwrap();
            assert_eq!(sid, domain.member(*rid).unwrap());
            assert_eq!(letters_of(&sid, Some(&domain)), Some(*letters));
            assert_eq!(letters_of(&sid, None), None);
            assert!(by_letters(letters, None).is_none() && needs_domain(letters));
        }
        assert_eq!(by_name("administrators"), Some(administrators()));
    }
}
