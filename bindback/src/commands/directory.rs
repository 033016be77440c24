//! `bindback directory`: the tree, its objects, and who may what.

mod descriptor;
mod render;

use std::io::Read as _;
use std::path::{Path, PathBuf};

use admin::OperationError;
use admin::directory_api::{
    AgentOrder, DirectoryAnswer, DirectoryOrder, GrantOrder, LIST_MOST, LegacyChange, Mode,
    SetOrder,
};
use anyhow::Context as _;
use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};

use crate::backend::Backend;
use crate::cli::Setting;
use crate::commands::account::test_logon;
use crate::complete;
use crate::failure::{Found, Unreadable, Usage};
use crate::password;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

/// The roles that can be granted; the directory knows what is in each.
const ROLES: [&str; 5] =
    ["view-only-admin", "admin", "permissions-admin", "service-account-admin", "send-as"];

#[derive(Debug, Subcommand)]
enum Action {
    /// List the objects
    #[command(
        after_help = "Examples:\n  bindback directory list /O=Demo/OU=HQ/CN=Configuration\n  bindback directory list /O=Demo/OU=HQ/CN=Recipients --children --limit 100"
    )]
    List {
        /// Only this object and what lies below it
        #[arg(value_name = "OBJECT", add = complete::objects())]
        under: Option<String>,
        /// Only what lies directly below it
        #[arg(long)]
        children: bool,
        /// So many objects at most
        #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=i64::from(LIST_MOST)))]
        limit: u32,
        /// Go on behind this object, with which the page before ended
        #[arg(long, value_name = "OBJECT")]
        after: Option<String>,
    },
    /// Show an object: its attributes, and who may what
    #[command(after_help = "Example:\n  bindback directory show /O=Demo/OU=HQ")]
    Show {
        #[arg(value_name = "OBJECT", add = complete::objects())]
        object: String,
    },
    /// Set an attribute of an object
    #[command(
        after_help = "Example:\n  bindback directory set /O=Demo/OU=HQ description 'Head office' --dry-run\n\nWithout a value the attribute is taken away."
    )]
    Set {
        #[command(flatten)]
        change: Change,
        /// Show the difference and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Make an object
    #[command(
        after_help = "Example:\n  bindback directory add /O=Demo/OU=HQ/CN=Configuration/CN=Connections/CN=WEST --class site-connector"
    )]
    Add {
        #[arg(value_name = "OBJECT", add = complete::objects())]
        object: String,
        /// What it is
        #[arg(long)]
        class: String,
    },
    /// Remove an object
    #[command(
        after_help = "Example:\n  bindback directory remove /O=Demo/OU=HQ/CN=Recipients/CN=anna"
    )]
    Remove {
        #[arg(value_name = "OBJECT", add = complete::objects())]
        object: String,
    },
    /// Show every attribute as it is stored, and stage changes for the expert
    #[command(
        after_help = "Example:\n  bindback directory raw /CN=Schema/CN=NT-Security-Descriptor\n  bindback directory raw /O=Demo --attribute nTSecurityDescriptor --set 'O:BAG:SYD:(A;CI;GA;;;BA)'\n  bindback directory apply\n\nA change is staged first and shown as a difference; `apply` writes what is staged, `discard` forgets it, `undo` takes the last change back."
    )]
    Raw {
        #[arg(value_name = "OBJECT", add = complete::objects())]
        object: String,
        /// Only this attribute; nTSecurityDescriptor is shown and set as SDDL
        #[arg(long, value_name = "NAME")]
        attribute: Option<String>,
        /// Stage this value; can be given more than once
        #[arg(long, value_name = "VALUE", requires = "attribute")]
        set: Vec<String>,
        /// Stage that the attribute is taken away
        #[arg(long, requires = "attribute", conflicts_with = "set")]
        clear: bool,
    },
    /// Show the staged changes
    #[command(after_help = "Example:\n  bindback directory staged")]
    Staged,
    /// Write the staged changes
    #[command(after_help = "Example:\n  bindback directory apply")]
    Apply,
    /// Forget the staged changes
    #[command(after_help = "Example:\n  bindback directory discard")]
    Discard,
    /// Take back the last change
    #[command(after_help = "Example:\n  bindback directory undo")]
    Undo,
    /// Grant a role on an object
    #[command(
        after_help = "Example:\n  bindback directory grant service-account-admin 'DEMO\\svc-west' --on /O=Demo --inherit\n\nOrganisation, site and configuration are three permission contexts, and the schema is a fourth: a grant on one does not reach the others."
    )]
    Grant(Grant),
    /// Take a role away that was granted on an object
    #[command(
        after_help = "Example:\n  bindback directory revoke service-account-admin 'DEMO\\svc-west' --on /O=Demo"
    )]
    Revoke(Grant),
    /// Say what an account may, and which entry of which object decides
    #[command(
        after_help = "Example:\n  bindback directory access 'DEMO\\svc-west'\n  bindback directory access 'DEMO\\svc-west' --on /O=Demo/OU=HQ\n\nWithout an object: the four steps of a bind."
    )]
    Access {
        #[arg(value_name = "ACCOUNT", add = complete::accounts())]
        account: String,
        /// The object
        #[arg(long, value_name = "OBJECT", add = complete::objects())]
        on: Option<String>,
    },
    /// Write the directory as LDIF
    #[command(after_help = "Example:\n  bindback directory export directory.ldif")]
    Export {
        /// The file; standard output without it
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Read LDIF: content and change records
    #[command(after_help = "Example:\n  bindback directory import changes.ldif --dry-run")]
    Import {
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Show the difference and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Show the agent that keeps the site's copy in step, start it, stop it, let it lag, or work once
    #[command(
        after_help = "Example:\n  bindback directory agent\n  bindback directory agent start"
    )]
    Agent {
        /// What to do
        #[arg(value_parser = PossibleValuesParser::new(["start", "stop", "lag", "once"]))]
        action: Option<String>,
        /// How long each change takes, with `lag`
        #[arg(long, value_name = "SECONDS", default_value_t = 60)]
        seconds: u32,
    },
    /// The account that older servers use (msExchLegacyAccount, msExchLegacyDomain)
    #[command(subcommand)]
    LegacyAccount(Legacy),
    /// The account of a connector for the other side, as another, untrusted domain needs it
    #[command(subcommand)]
    OverrideAccount(Override),
    /// Show who changed what
    #[command(after_help = "Example:\n  bindback directory audit --limit 20")]
    Audit {
        /// The newest so many
        #[arg(long)]
        limit: Option<u32>,
    },
    /// Read security descriptors: octets to text, text to octets, and who would get in
    Descriptor(descriptor::Arguments),
}

#[derive(Debug, Args)]
struct Change {
    #[arg(value_name = "OBJECT", add = complete::objects())]
    object: String,
    #[arg(value_name = "ATTRIBUTE")]
    attribute: String,
    #[arg(value_name = "VALUE")]
    values: Vec<String>,
    /// Beside the values that it has
    #[arg(long, conflicts_with = "remove")]
    add: bool,
    /// Away from the values that it has
    #[arg(long)]
    remove: bool,
}

#[derive(Debug, Args)]
struct Grant {
    #[arg(value_name = "ROLE", value_parser = PossibleValuesParser::new(ROLES))]
    role: String,
    /// DOMAIN\name, a group, a well-known name or an identifier
    #[arg(value_name = "ACCOUNT", add = complete::accounts())]
    account: String,
    /// The object
    #[arg(long, value_name = "OBJECT", add = complete::objects())]
    on: String,
    /// Also for what lies below it
    #[arg(long)]
    inherit: bool,
    /// Show the difference and change nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Subcommand)]
enum Legacy {
    /// Show it beside the account in use
    #[command(after_help = "Example:\n  bindback directory legacy-account show")]
    Show {
        /// The administrative group; this server's without it
        #[arg(value_name = "GROUP", add = complete::objects())]
        group: Option<String>,
    },
    /// Set account, domain and password together, after a logon test
    #[command(
        after_help = "Example:\n  bindback directory legacy-account set --account 'DEMO\\svc-east' --password-file east.password"
    )]
    Set {
        /// The administrative group; this server's without it
        #[arg(value_name = "GROUP", add = complete::objects())]
        group: Option<String>,
        #[arg(long, value_name = "ACCOUNT", add = complete::accounts())]
        account: String,
        #[command(flatten)]
        password: password::Source,
        /// Store it although no peer accepts it yet
        #[arg(long)]
        untested: bool,
    },
    /// Take it away: the service account of the configuration counts
    #[command(after_help = "Example:\n  bindback directory legacy-account clear")]
    Clear {
        /// The administrative group; this server's without it
        #[arg(value_name = "GROUP", add = complete::objects())]
        group: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
enum Override {
    /// Show it
    #[command(after_help = "Example:\n  bindback directory override-account show WEST")]
    Show {
        /// The MTA that the connector leads to, or the connector's object
        #[arg(value_name = "CONNECTOR")]
        connector: String,
    },
    /// Set account and password together, after a logon test
    #[command(
        after_help = "Example:\n  bindback directory override-account set WEST --account 'WEST\\svc-mail' --password-file west.password"
    )]
    Set {
        /// The MTA that the connector leads to, or the connector's object
        #[arg(value_name = "CONNECTOR")]
        connector: String,
        #[arg(long, value_name = "ACCOUNT", add = complete::accounts())]
        account: String,
        #[command(flatten)]
        password: password::Source,
        /// Store it although the peer does not accept it yet
        #[arg(long)]
        untested: bool,
    },
    /// Take it away
    #[command(after_help = "Example:\n  bindback directory override-account clear WEST")]
    Clear {
        /// The MTA that the connector leads to, or the connector's object
        #[arg(value_name = "CONNECTOR")]
        connector: String,
    },
}

pub async fn run(arguments: Arguments, setting: &Setting<'_>) -> anyhow::Result<Found> {
    if let Action::Descriptor(arguments) = arguments.action {
        return descriptor::run(arguments, setting.output);
    }
    let config = setting.config()?;
    let (mut file, mut read) = (None, None);
    let mut check_after = None;
    let order = match arguments.action {
        Action::Descriptor(_) => return Ok(Found::Nothing),
        Action::List { under, children, limit, after } => {
            DirectoryOrder::List { under, after, limit: Some(limit), children }
        }
        Action::Show { object } => DirectoryOrder::Show { object },
        Action::Set { change, dry_run } => DirectoryOrder::Set(change.order(dry_run)),
        Action::Add { object, class } => DirectoryOrder::Add { object, class },
        Action::Remove { object } => DirectoryOrder::Remove { object },
        Action::Raw { object, attribute: Some(attribute), set, clear }
            if clear || !set.is_empty() =>
        {
            let mode = Mode::Replace;
            DirectoryOrder::Stage(SetOrder { object, attribute, values: set, mode, dry_run: true })
        }
        Action::Raw { object, attribute, .. } => {
            return raw(setting, config, object, attribute).await;
        }
        Action::Staged => DirectoryOrder::Staged,
        Action::Apply => DirectoryOrder::Apply,
        Action::Discard => DirectoryOrder::Discard,
        Action::Undo => DirectoryOrder::Undo,
        Action::Grant(grant) => DirectoryOrder::Grant(grant.order()),
        Action::Revoke(grant) => DirectoryOrder::Revoke(grant.order()),
        Action::Access { account, on } => DirectoryOrder::Access { account, object: on },
        Action::Export { file: to } => {
            file = to;
            DirectoryOrder::Export
        }
        Action::Import { file, dry_run } => {
            let ldif = ldif_of(&file)?;
            read = Some(file);
            DirectoryOrder::Import { ldif, dry_run }
        }
        Action::Agent { action, seconds } => DirectoryOrder::Agent {
            change: action.map(|word| match word.as_str() {
                "start" => AgentOrder::Start,
                "stop" => AgentOrder::Stop,
                "once" => AgentOrder::Once,
                _ => AgentOrder::Lag(seconds),
            }),
        },
        Action::Audit { limit } => DirectoryOrder::Audit { limit },
        Action::OverrideAccount(order) => override_order(&config, order).await?,
        Action::LegacyAccount(Legacy::Show { group }) => {
            DirectoryOrder::LegacyAccount { group, change: None }
        }
        Action::LegacyAccount(Legacy::Clear { group }) => {
            DirectoryOrder::LegacyAccount { group, change: Some(LegacyChange::Clear) }
        }
        Action::LegacyAccount(Legacy::Set { group, account, password, untested }) => {
            let password = password.read_existing(&account)?;
            if !untested {
                test_logon(&config, None, &account, &password).await?;
            }
            check_after = (!untested).then(|| account.clone());
            let change = LegacyChange::Set { account, password, untested };
            DirectoryOrder::LegacyAccount { group, change: Some(change) }
        }
    };
    if let Some(path) = file.as_ref().filter(|path| std::fs::symlink_metadata(path).is_ok()) {
        let text = format!(
            "{} exists already, and nothing is overwritten; give another name",
            path.display()
        );
        return Err(OperationError::Conflict(text).into());
    }
    let hint = render::hint(&order);
    let backend = Backend::find(config)?;
    let answer = backend.directory(order).await;
    let answer = match read {
        Some(path) => answer.with_context(|| path.display().to_string())?,
        None => answer?,
    };
    if let (Some(path), Some(ldif)) = (&file, &answer.ldif) {
        std::fs::write(path, ldif).with_context(|| format!("cannot write {}", path.display()))?;
        setting.output.narrate(&format!("written to {}", path.display()));
        if setting.output.is_json() {
            // The text is in the file.
            setting.output.object(&DirectoryAnswer { ldif: None, ..answer })?;
        }
        return Ok(Found::Nothing);
    }
    let named = answer.legacy.as_ref().and_then(|legacy| {
        Some(format!("{}\\{}", legacy.domain.as_deref()?, legacy.account.as_deref()?))
    });
    let running = backend.is_running();
    setting.output.answer(&answer, |answer| render::text(answer, running, hint))?;
    if let Some(given) = check_after
        && named.is_none_or(|named| identity::upcase(&named) != identity::upcase(&given))
    {
        anyhow::bail!(
            "the attributes do not name {given}; see `bindback directory legacy-account show`"
        );
    }
    Ok(Found::Nothing)
}

/// Reads a file of LDIF, of which the administrative interface takes so much.
fn ldif_of(path: &Path) -> anyhow::Result<String> {
    /// A directory of a hundred thousand objects has less.
    const MOST: u64 = 200 << 20;
    let unreadable = |source| Unreadable {
        what: path.display().to_string(),
        way_out: "name an LDIF file in UTF-8",
        source,
    };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut text = String::new();
    // One octet more than is allowed shows that there is more.
    file.take(MOST + 1).read_to_string(&mut text).map_err(unreadable)?;
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > MOST {
        let (file, limit) = (path.display(), MOST >> 20);
        return Err(Usage(format!(
            "{file} is larger than {limit} MiB; import it in pieces, each a file of whole records"
        ))
        .into());
    }
    Ok(text)
}

async fn override_order(
    config: &config::Config,
    order: Override,
) -> anyhow::Result<DirectoryOrder> {
    Ok(match order {
        Override::Show { connector } => DirectoryOrder::OverrideAccount { connector, change: None },
        Override::Clear { connector } => {
            DirectoryOrder::OverrideAccount { connector, change: Some(LegacyChange::Clear) }
        }
        Override::Set { connector, account, password, untested } => {
            let password = password.read_existing(&account)?;
            if !untested {
                let peer = connector.rsplit('=').next().unwrap_or(&connector);
                test_logon(config, Some(peer), &account, &password).await?;
            }
            let change = Some(LegacyChange::Set { account, password, untested });
            DirectoryOrder::OverrideAccount { connector, change }
        }
    })
}

/// Every attribute as it is stored; the descriptor as SDDL and octets.
async fn raw(
    setting: &Setting<'_>,
    config: config::Config,
    object: String,
    attribute: Option<String>,
) -> anyhow::Result<Found> {
    let backend = Backend::find(config)?;
    let mut answer = backend.directory(DirectoryOrder::Show { object }).await?;
    for view in &mut answer.objects {
        view.attributes.insert("objectClass".to_owned(), vec![view.class.clone()]);
        view.attributes.insert("nTSecurityDescriptor".to_owned(), vec![view.sddl.clone()]);
        if let Some(only) = &attribute {
            view.attributes.retain(|name, _| name.eq_ignore_ascii_case(only));
            if view.attributes.is_empty() {
                return Err(Usage(format!("{} has no attribute {only}", view.name)).into());
            }
        }
    }
    setting.output.answer(&answer, render::raw)?;
    Ok(Found::Nothing)
}

impl Change {
    fn order(self, dry_run: bool) -> SetOrder {
        let mode = match (self.add, self.remove) {
            (true, _) => Mode::Add,
            (_, true) => Mode::Remove,
            _ => Mode::Replace,
        };
        SetOrder {
            object: self.object,
            attribute: self.attribute,
            values: self.values,
            mode,
            dry_run,
        }
    }
}

impl Grant {
    fn order(self) -> GrantOrder {
        GrantOrder {
            role: self.role,
            account: self.account,
            object: self.on,
            inherit: self.inherit,
            dry_run: self.dry_run,
        }
    }
}
