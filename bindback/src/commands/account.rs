//! `bindback account`: the accounts that this server accepts.

use admin::api::{
    AccountAdd, AccountChanged, AccountPassword, AccountRemoved, AccountRole, AccountRow, Accounts,
};
use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use identity::Role;

use crate::backend::Backend;
use crate::cli::Setting;
use crate::failure::Found;
use crate::password;
use crate::table::Table;
use crate::when;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show the accounts
    #[command(after_help = "Example:\n  bindback account list")]
    List,
    /// Make an account
    #[command(
        after_help = "Example:\n  bindback account add 'DEMO\\svc-west' --role service-account-admin --password-file west.password"
    )]
    Add {
        #[command(flatten)]
        account: Name,
        /// What it may do; can be given more than once
        #[arg(long = "role", value_name = "ROLE", value_parser = roles())]
        roles: Vec<String>,
        #[command(flatten)]
        password: password::Source,
    },
    /// Give an account a new password
    #[command(
        after_help = "Example:\n  bindback account set-password 'DEMO\\svc-west' --password-file west.password"
    )]
    SetPassword {
        #[command(flatten)]
        account: Name,
        #[command(flatten)]
        password: password::Source,
    },
    /// Give an account a role
    #[command(
        after_help = "Example:\n  bindback account grant 'DEMO\\svc-west' --role service-account-admin"
    )]
    Grant {
        #[command(flatten)]
        account: Name,
        #[arg(long, value_parser = roles())]
        role: String,
    },
    /// Take a role from an account
    #[command(
        after_help = "Example:\n  bindback account revoke 'DEMO\\svc-west' --role service-account-admin"
    )]
    Revoke {
        #[command(flatten)]
        account: Name,
        #[arg(long, value_parser = roles())]
        role: String,
    },
    /// Remove an account
    #[command(after_help = "Example:\n  bindback account remove 'DEMO\\svc-west'")]
    Remove {
        #[command(flatten)]
        account: Name,
    },
}

#[derive(Debug, Args)]
struct Name {
    /// DOMAIN\name; in a shell it stands between quotes
    #[arg(value_name = "NAME")]
    name: String,
}

fn roles() -> PossibleValuesParser {
    PossibleValuesParser::new(Role::ALL.map(Role::as_str))
}

pub async fn run(arguments: Arguments, setting: &Setting<'_>) -> anyhow::Result<Found> {
    let config = setting.config()?;
    // Asked for before the store is locked: a person takes time.
    let action = read_password(arguments.action)?;
    let backend = Backend::find(config)?;
    match action {
        Ready::List => {
            let accounts = Accounts { accounts: backend.accounts().await? };
            setting.output.answer(&accounts, |accounts| list(&accounts.accounts))?;
        }
        Ready::Add(account) => {
            let row = backend.account_add(account).await?;
            changed(setting, &backend, row, "is made")?;
        }
        Ready::SetPassword(change) => {
            let row = backend.account_set_password(change).await?;
            changed(setting, &backend, row, "has a new password")?;
        }
        Ready::Grant(change) => {
            let row = backend.account_grant(change).await?;
            changed(setting, &backend, row, "is as asked")?;
        }
        Ready::Revoke(change) => {
            let row = backend.account_revoke(change).await?;
            changed(setting, &backend, row, "is as asked")?;
        }
        Ready::Remove(name) => {
            backend.account_remove(name.clone()).await?;
            let removed = AccountRemoved { removed: name };
            setting.output.answer(&removed, |gone| format!("{} is removed", gone.removed))?;
        }
    }
    Ok(Found::Nothing)
}

/// An action with all that it needs.
enum Ready {
    List,
    Add(AccountAdd),
    SetPassword(AccountPassword),
    Grant(AccountRole),
    Revoke(AccountRole),
    Remove(String),
}

fn read_password(action: Action) -> anyhow::Result<Ready> {
    Ok(match action {
        Action::List => Ready::List,
        Action::Add { account: Name { name }, roles, password } => {
            let password = password.read(&name)?;
            Ready::Add(AccountAdd { name, password, roles })
        }
        Action::SetPassword { account: Name { name }, password } => {
            let password = password.read(&name)?;
            Ready::SetPassword(AccountPassword { name, password })
        }
        Action::Grant { account: Name { name }, role } => Ready::Grant(AccountRole { name, role }),
        Action::Revoke { account: Name { name }, role } => {
            Ready::Revoke(AccountRole { name, role })
        }
        Action::Remove { account: Name { name } } => Ready::Remove(name),
    })
}

fn changed(
    setting: &Setting<'_>,
    backend: &Backend,
    account: AccountRow,
    what: &str,
) -> anyhow::Result<()> {
    setting.output.answer(&AccountChanged { account }, |changed| {
        let account = &changed.account;
        let roles = match account.roles.as_slice() {
            [] => "it has no role and may do nothing; give it one with `bindback account grant`"
                .to_owned(),
            [role] => format!("its role is {role}"),
            several => format!("its roles are {}", several.join(", ")),
        };
        let counts =
            if backend.is_running() { "" } else { "; no server runs, its store is changed" };
        format!("{} {what}; {roles}{counts}", account.name)
    })
}

fn list(accounts: &[AccountRow]) -> String {
    if accounts.is_empty() {
        return "no account is accepted; make one with `bindback account add`".to_owned();
    }
    let mut table = Table::new(&["NAME", "ENABLED", "PASSWORD SET", "ROLES"]);
    for account in accounts {
        table.row(vec![
            account.name.clone(),
            if account.enabled { "yes" } else { "no" }.to_owned(),
            when::show(account.password_set),
            account.roles.join(", "),
        ]);
    }
    table.render()
}
