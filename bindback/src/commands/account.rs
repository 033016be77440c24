//! `bindback account`: the accounts that this server accepts.

use admin::api::{
    AccountAdd, AccountChanged, AccountPassword, AccountRemoved, AccountRole, AccountRow, Accounts,
};
use admin::directory_api::{AccountAction, AccountOrder};
use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use identity::Role;

use crate::backend::Backend;
use crate::cli::Setting;
use crate::complete;
use crate::failure::{Found, Usage};
use crate::password;
use crate::table::Table;

mod rotate;
mod show;

use crate::when;
pub use rotate::{Fresh, rotate, test_logon};

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
    /// Show an account with everything
    #[command(after_help = "Example:\n  bindback account show 'DEMO\\svc-west'")]
    Show {
        #[command(flatten)]
        account: Name,
    },
    /// Let an account log on again
    #[command(after_help = "Example:\n  bindback account enable 'DEMO\\svc-west'")]
    Enable {
        #[command(flatten)]
        account: Name,
    },
    /// Keep an account from logging on
    #[command(after_help = "Example:\n  bindback account disable 'DEMO\\svc-west'")]
    Disable {
        #[command(flatten)]
        account: Name,
    },
    /// Open an account that wrong passwords have locked
    #[command(after_help = "Example:\n  bindback account unlock 'DEMO\\svc-west'")]
    Unlock {
        #[command(flatten)]
        account: Name,
    },
    /// Say when an account, or its password, can no longer be used
    #[command(
        after_help = "Example:\n  bindback account expire 'DEMO\\svc-west' --at 2027-01-01T00:00:00Z\n  bindback account expire 'DEMO\\svc-west' --password --never\n\nWithout --at or --never: now."
    )]
    Expire {
        #[command(flatten)]
        account: Name,
        /// The password, not the account
        #[arg(long)]
        password: bool,
        /// When: 2027-01-01T12:00:00Z, or a date, whose day begins at midnight UTC
        #[arg(long, value_name = "TIME", value_parser = when::point, conflicts_with = "never")]
        at: Option<jiff::Timestamp>,
        /// Never
        #[arg(long)]
        never: bool,
        /// The password has to be changed before it is used again
        #[arg(long, conflicts_with_all = ["at", "never", "password"])]
        must_change: bool,
    },
    /// Show and change groups, and the right to log on from the network
    #[command(
        after_help = "Example:\n  bindback account rights 'DEMO\\svc-west' --network-logon default\n  bindback account rights 'DEMO\\svc-west' --group 'Mail Servers'\n\nA policy of accounts.policy_file goes before the account's own right."
    )]
    Rights {
        #[command(flatten)]
        account: Name,
        /// The account's own right to log on from the network
        #[arg(long, value_parser = PossibleValuesParser::new(["allow", "deny", "default"]))]
        network_logon: Option<String>,
        /// Put it into this group; can be given more than once
        #[arg(long = "group", value_name = "GROUP")]
        groups: Vec<String>,
        /// Take it out of this group; can be given more than once
        #[arg(long = "no-group", value_name = "GROUP")]
        no_groups: Vec<String>,
    },
    /// Give an account a new password on every server at hand, while mail flows
    #[command(
        after_help = "Example:\n  bindback account rotate 'DEMO\\svc-east' --generate -c /srv/east/bindback.toml\n\nEvery server at hand (this one, its peers whose configuration is named, and those of --on) takes the new password and keeps the old one for\naccounts.password_overlap_s; then the servers that use the account get the new one. --no-overlap ends the old one before the command ends."
    )]
    Rotate {
        #[command(flatten)]
        account: Name,
        #[command(flatten)]
        fresh: rotate::Fresh,
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
    #[arg(value_name = "NAME", add = complete::accounts())]
    name: String,
}

fn roles() -> PossibleValuesParser {
    PossibleValuesParser::new(Role::ALL.map(Role::as_str))
}

pub async fn run(arguments: Arguments, setting: &Setting<'_>) -> anyhow::Result<Found> {
    let config = setting.config()?;
    let action = match arguments.action {
        Action::Rotate { account: Name { name }, fresh } => {
            return rotate(setting, config, &name, &fresh).await;
        }
        other => other,
    };
    // Asked for before the store is locked: a person takes time.
    let action = read_password(action)?;
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
        Ready::Order(order) => {
            let view = backend.account(order).await?;
            let counts = !backend.is_running();
            setting.output.answer(&view, |view| show::text(&view.account, counts))?;
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
    Order(AccountOrder),
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
        other => order(other)?,
    })
}

/// The orders that need no password.
fn order(action: Action) -> anyhow::Result<Ready> {
    let (Name { name }, action) = match action {
        Action::Show { account } => (account, AccountAction::Show),
        Action::Enable { account } => (account, AccountAction::Enable),
        Action::Disable { account } => (account, AccountAction::Disable),
        Action::Unlock { account } => (account, AccountAction::Unlock),
        Action::Expire { account, must_change: true, .. } => (account, AccountAction::MustChange),
        Action::Expire { account, password, at, never, .. } => {
            let time = if never { None } else { Some(at.unwrap_or_else(jiff::Timestamp::now)) };
            let action = if password {
                AccountAction::PasswordExpires(time)
            } else {
                AccountAction::Expires(time)
            };
            (account, action)
        }
        Action::Rights { account, network_logon: Some(word), groups, no_groups }
            if groups.is_empty() && no_groups.is_empty() =>
        {
            let right = match word.as_str() {
                "allow" => Some(true),
                "deny" => Some(false),
                _ => None,
            };
            (account, AccountAction::NetworkLogon(right))
        }
        Action::Rights { network_logon: Some(_), .. } => {
            let text = "change groups and the right to log on from the network one after the other";
            return Err(Usage(text.to_owned()).into());
        }
        Action::Rights { account, groups, no_groups, .. } => {
            let both = |group: &&String| {
                no_groups.iter().any(|one| identity::upcase(one) == identity::upcase(group))
            };
            if let Some(group) = groups.iter().find(both) {
                let text = format!("{group:?} cannot be put into and taken out of at once");
                return Err(Usage(text).into());
            }
            let shows = groups.is_empty() && no_groups.is_empty();
            let change = AccountAction::Groups { add: groups, remove: no_groups };
            (account, if shows { AccountAction::Show } else { change })
        }
        // What needs a password was taken before.
        _ => return Err(Usage("this needs a password".to_owned()).into()),
    };
    Ok(Ready::Order(AccountOrder { name, action }))
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
    let mut table = Table::new(&["NAME", "STATE", "PASSWORD SET", "ROLES"]);
    for account in accounts {
        table.row(vec![
            account.name.clone(),
            account.state.clone(),
            when::show(account.password_set),
            account.roles.join(", "),
        ]);
    }
    table.render()
}
