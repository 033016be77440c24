//! What the directory says of accounts: who may bind, which account is shown to whom, who has the role that mail needs.

use directory::{
    Authorisation, Change, Directory, DirectoryError, LegacyAccount, Name, Object, Role, Step,
    authorise,
};
use identity::descriptor::access::{Request, Token, check};
use identity::{AccountName, Sid};

use super::{DirectoryTable, DirectoryTableError, now_ms};
use crate::account_table::AccountTable;
use crate::directory_ldap;

impl DirectoryTable {
    /// The token of an account: of this server's own, or of the domain's.
    #[must_use]
    pub fn token(&self, accounts: &AccountTable, account: &AccountName) -> Option<Token> {
        let own = accounts.token(account);
        own.or_else(|| self.domain_account(account).map(|found| directory_ldap::token(&found)))
    }

    /// The four objects that a bind depends on.
    #[must_use]
    pub fn contexts(&self) -> [Name; 4] {
        Step::ALL.map(|step| step.object(&self.shared.place.organisation, &self.shared.place.site))
    }

    /// This site's object, whose legacy account counts.
    #[must_use]
    pub fn group(&self) -> Name {
        Step::Site.object(&self.shared.place.organisation, &self.shared.place.site)
    }

    /// Whether an account may bind, by the site's copy.
    #[must_use]
    pub fn authorise(&self, accounts: &AccountTable, account: &AccountName) -> Authorisation {
        let token = self.token(accounts, account).unwrap_or_default();
        let copies = self.copies();
        let schema = if self.is_old(&copies.site) { &self.shared.at_start } else { &copies.site };
        let place = &self.shared.place;
        authorise(&copies.site, schema, &token, &place.organisation, &place.site)
    }

    /// Whether an account has a role on the site's configuration, by the site's copy.
    #[must_use]
    pub fn has_role(&self, accounts: &AccountTable, account: &AccountName, role: Role) -> bool {
        let Some(token) = self.token(accounts, account) else { return false };
        let place = &self.shared.place;
        let object = Step::Configuration.object(&place.organisation, &place.site);
        let request = Request::directory(role.rights().0);
        self.site()
            .effective(&object)
            .is_ok_and(|found| check(&found, &token, &request).is_granted())
    }

    /// Whether this server is of the old generation, by the site's copy.
    #[must_use]
    pub fn is_old_server(&self) -> bool {
        self.is_old(&self.copies().site)
    }

    /// Whether the schema counts as it was at the start.
    fn is_old(&self, directory: &Directory) -> bool {
        let configuration =
            Step::Configuration.object(&self.shared.place.organisation, &self.shared.place.site);
        let servers = configuration.child(directory::Kind::Cn, "Servers");
        let server = servers
            .and_then(|servers| servers.child(directory::Kind::Cn, &self.shared.place.server));
        server.is_ok_and(|name| {
            directory.get(&name).is_ok_and(|one| one.value("generation") == Some("old"))
        })
    }

    /// Whether a grant on the schema waits for a restart of this server.
    #[must_use]
    pub fn waits_for_restart(&self, accounts: &AccountTable, account: &AccountName) -> bool {
        let token = self.token(accounts, account).unwrap_or_default();
        let site = self.site();
        let place = &self.shared.place;
        let fresh = authorise(&site, &site, &token, &place.organisation, &place.site);
        fresh.failed().is_none() && self.authorise(accounts, account).failed().is_some()
    }

    /// The account of the connector that leads to this MTA, by the site's copy.
    #[must_use]
    pub fn override_account(&self, mta: &str) -> Option<AccountName> {
        let copies = self.copies();
        let folded = identity::upcase(mta);
        let connector = copies.site.objects().find(|object| {
            object.class.is_connector()
                && object
                    .values("targetMTAs")
                    .iter()
                    .any(|value| identity::upcase(value.as_str()) == folded)
                && object.value("overrideAccount").is_some()
        })?;
        connector.value("overrideAccount")?.parse().ok()
    }

    /// The connector that leads to this MTA.
    #[must_use]
    pub fn connector_to(&self, mta: &str) -> Option<Name> {
        let folded = identity::upcase(mta);
        let leads = |object: &&Object| {
            let targets = object.values("targetMTAs");
            object.class.is_connector()
                && targets.iter().any(|value| identity::upcase(value.as_str()) == folded)
        };
        self.copies().organisation.objects().find(leads).map(|object| object.name.clone())
    }

    /// What the site's copy says of the account that older servers use.
    #[must_use]
    pub fn legacy_account(&self) -> LegacyAccount {
        LegacyAccount::of(&self.copies().site, &self.group()).unwrap_or_default()
    }

    /// Gives or takes the role that the exchange of mail needs, on all four objects.
    ///
    /// # Errors
    /// The store fails.
    pub fn set_service_role(
        &self,
        who: &str,
        sid: &Sid,
        granted: bool,
    ) -> Result<Vec<Change>, DirectoryTableError> {
        let (now_ms, role) = (now_ms(), Role::ServiceAccountAdmin);
        let contexts = self.contexts();
        self.edit(who, now_ms, |directory| {
            for on in &contexts {
                if granted {
                    directory.grant(role, sid, on, true, now_ms)?;
                } else {
                    match directory.revoke(role, sid, on, now_ms) {
                        Ok(()) | Err(DirectoryError::NotGranted { .. }) => {}
                        Err(error) => return Err(error),
                    }
                }
            }
            Ok(())
        })
    }
}
