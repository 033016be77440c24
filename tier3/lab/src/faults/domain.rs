//! Faults of servers whose accounts are a domain's.

use finding::Cause;

use super::accounts::KEY_DIFFERS;
use super::table::{PLAIN, UNKNOWN_REFUSED, WEST};
use super::{Act, Fault, find};
use crate::directory_server::{DirectoryKind, OVERRIDES, WEST_OVERRIDE};
use crate::organisation::{Auth, Carrier};

/// Those that have nothing to do with an account of a server's own.
const OF_ANY_ACCOUNT: [Cause; 6] = [
    Cause::ServiceAccountLacksDirectoryRight,
    Cause::RemoteNameUnresolvable,
    Cause::BindbackNameUnresolvable,
    Cause::LmhostsStaleEntry,
    Cause::PortFilteredByFirewall,
    Cause::RemoteServerUnreachable,
];

/// The connector has nothing to say, so that WEST presents the account of its own domain.
const NO_OVERRIDE: Fault = Fault {
    name: "untrusted-domains-without-override",
    cause: Cause::UntrustedDomainsNoMatchingAccount,
    title: "two domains that do not trust each other",
    what: r"On WEST the override account of the connector to EAST is taken away: WEST shows EAST WEST\svc-mail, which the domain EAST does not know, though it has an account of that name.",
    put_in: &[Act::Run(WEST, &["directory", "override-account", "clear", "EAST"])],
    expected: UNKNOWN_REFUSED,
    cure: &[WEST_OVERRIDE],
    ..PLAIN
};

/// The same between two real domain controllers of Samba: servers and domains have the names of these.
pub(super) const OF_SAMBA: Fault = Fault {
    name: "untrusted-domains-of-samba",
    title: "two domains of Samba that do not trust each other",
    prepare: &OVERRIDES,
    needs: &[SAMBA_DOMAINS],
    two_alone: true,
    claims: &[19, 20, 21, 36],
    ..NO_OVERRIDE
};

/// What a scenario needs whose accounts are in two domains of Samba.
pub(crate) const SAMBA_DOMAINS: &str = "samba-domains";

impl DirectoryKind {
    /// The fault that a demo puts in unless it is told another one.
    #[must_use]
    pub const fn default_fault(self, carrier: Carrier, auth: Auth) -> Cause {
        match (self, auth) {
            (Self::TwoDomains, _) => Cause::UntrustedDomainsNoMatchingAccount,
            // Whose password differs is the domain's to say, and no command of a server's puts it right.
            (Self::Samba, Auth::Ntlm) => Cause::ServiceAccountLacksDirectoryRight,
            _ => carrier.default_fault(),
        }
    }
}

/// The fault of this cause where accounts are in a domain, if this room can put it in.
#[must_use]
pub fn find_in_domain(
    directory: DirectoryKind,
    auth: Auth,
    cause: Cause,
) -> Option<&'static Fault> {
    match cause {
        Cause::UntrustedDomainsNoMatchingAccount => {
            (directory == DirectoryKind::TwoDomains).then_some(&NO_OVERRIDE)
        }
        Cause::ServiceAccountPasswordMismatch => (auth == Auth::Kerberos).then_some(&KEY_DIFFERS),
        other if OF_ANY_ACCOUNT.contains(&other) => find(Carrier::Rpc, other),
        _ => None,
    }
}

/// The causes of all those, for a person.
#[must_use]
pub fn slugs_in_domain(directory: DirectoryKind, auth: Auth) -> String {
    let first = directory.default_fault(Carrier::Rpc, auth);
    let others = OF_ANY_ACCOUNT.into_iter().filter(|one| *one != first);
    [first].into_iter().chain(others).map(Cause::slug).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_fault_of_each_directory_can_be_put_in() {
        for (directory, auth) in [
            (DirectoryKind::Samba, Auth::Kerberos),
            (DirectoryKind::Samba, Auth::Ntlm),
            (DirectoryKind::TwoDomains, Auth::Ntlm),
        ] {
            let first = directory.default_fault(Carrier::Rpc, auth);
            let fault = find_in_domain(directory, auth, first).unwrap();
            assert_eq!(fault.cause, first);
            assert!(slugs_in_domain(directory, auth).starts_with(first.slug()));
        }
        let without = find_in_domain(DirectoryKind::Samba, Auth::Ntlm, Cause::AccountDisabled);
        assert_eq!(without, None, "accounts of a domain are not the servers'");
    }
}
