//! Orders to the directory.

use admin::OperationError;
use admin::directory_api::{
    AccessView, AgentOrder, AgentView, AuditView, ChangeView, DirectoryAnswer, DirectoryOrder,
    GrantOrder, LIST_MOST, LegacyChange, LegacyView, Mode, ObjectView, OverrideView, SetOrder,
    SourceView,
};
use config::Config;
use directory::{
    Agent, Change, Class, Directory, DirectoryError, LegacyAccount, Name, Object, Role,
};
use identity::descriptor::access::{ObjectNode, Request, check};
use identity::{SecurityDescriptor, Sid};
use jiff::Timestamp;

use super::accounts::{Ledger, account_error, account_name, directory_error};
use super::links;
use crate::directory_table::now_ms;

/// Where the password of the account that older servers use is kept.
pub const LEGACY_SECRET: &str = "legacy-account";
/// Entries of the audit trail that one answer shows unless it is asked for others.
const AUDIT_SHOWN: usize = 100;
const DESCRIPTOR: &str = "nTSecurityDescriptor";

/// Does what is asked.
///
/// # Errors
/// It cannot be done; nothing is changed then.
pub fn follow(
    ledger: &Ledger,
    config: &Config,
    order: DirectoryOrder,
) -> Result<DirectoryAnswer, OperationError> {
    let table = &ledger.directory;
    match order {
        DirectoryOrder::List { under, after, limit, children } => {
            let limit = limit.unwrap_or(LIST_MOST).clamp(1, LIST_MOST);
            list(ledger, (under.as_deref(), after.as_deref()), limit, children)
        }
        DirectoryOrder::Show { object } => show(ledger, &object),
        DirectoryOrder::Set(order) => {
            let name = name(ledger, &order.object)?;
            edit(ledger, config, order.dry_run, |directory| set(directory, &name, &order))
        }
        DirectoryOrder::Add { object, class } => {
            let name = name(ledger, &object)?;
            let class = Class::find(&class).ok_or_else(|| {
                let all: Vec<&str> = Class::all().map(Class::as_str).collect();
                OperationError::Invalid(format!(
                    "no class is named {class:?}; there are {}",
                    all.join(", ")
                ))
            })?;
            edit(ledger, config, false, |directory| {
                directory.add(Object::new(name, class, now_ms()))
            })
        }
        DirectoryOrder::Remove { object } => {
            let name = name(ledger, &object)?;
            edit(ledger, config, false, |directory| directory.remove(&name).map(drop))
        }
        DirectoryOrder::Stage(order) => stage(ledger, config, &order),
        DirectoryOrder::Staged => Ok(answer(table.staged(), false)),
        DirectoryOrder::Apply => apply(ledger, config),
        DirectoryOrder::Discard => {
            let staged = table.staged();
            table.stage(Vec::new()).map_err(directory_error)?;
            Ok(answer(staged, false))
        }
        DirectoryOrder::Undo => undo(ledger, config),
        DirectoryOrder::Grant(order) => grant(ledger, config, &order, true),
        DirectoryOrder::Revoke(order) => grant(ledger, config, &order, false),
        DirectoryOrder::Access { account, object } => access(ledger, &account, object.as_deref()),
        DirectoryOrder::Export => {
            let ldif = directory::export(&table.organisation(), &table.place().base);
            let ldif = ldif.map_err(|error| directory_error(error.into()))?;
            Ok(DirectoryAnswer { ldif: Some(ldif), ..DirectoryAnswer::default() })
        }
        DirectoryOrder::Import { ldif, dry_run } => {
            let base = table.place().base.clone();
            edit(ledger, config, dry_run, |directory| {
                *directory = directory::import(directory, &ldif, &base, now_ms())?;
                Ok(())
            })
        }
        DirectoryOrder::Agent { change } => agent(ledger, config, change),
        DirectoryOrder::LegacyAccount { group, change } => {
            legacy(ledger, config, group.as_deref(), change)
        }
        DirectoryOrder::OverrideAccount { connector, change } => {
            override_account(ledger, &connector, change)
        }
        DirectoryOrder::Audit { limit } => audit(ledger, limit),
    }
}

fn name(ledger: &Ledger, text: &str) -> Result<Name, OperationError> {
    let base = &ledger.directory.place().base;
    Name::parse(text, base).map_err(|error| OperationError::Invalid(format!("{text:?}: {error}")))
}

/// A page of a list: never more than that, however many objects there are.
fn list(
    ledger: &Ledger,
    (under, after): (Option<&str>, Option<&str>),
    limit: u32,
    children: bool,
) -> Result<DirectoryAnswer, OperationError> {
    let directory = ledger.directory.organisation();
    let base = &ledger.directory.place().base;
    let plain = |object: &Object| ObjectView {
        name: object.name.to_string(),
        dn: object.name.to_ldap(base),
        class: object.class.as_str().to_owned(),
        changed: time(object.changed_ms),
        ..ObjectView::default()
    };
    let under = under.map(|text| name(ledger, text)).transpose()?;
    if let Some(name) = &under {
        directory.get(name).map_err(|error| directory_error(error.into()))?;
    }
    let behind = after.map(|text| name(ledger, text).map(|name| name.key())).transpose()?;
    let behind = behind.unwrap_or_default();
    let below = under.as_ref().map(Name::key).unwrap_or_default();
    let own = under.as_ref().and_then(|name| directory.get(name).ok());
    // The object itself stands first.
    let first = own.filter(|_| !children && behind.is_empty());
    let all: Box<dyn Iterator<Item = &Object>> = if children {
        Box::new(directory.children(under.as_ref(), &behind))
    } else {
        let within = directory.behind(behind.as_str().max(&below));
        Box::new(within.take_while(|object| object.name.key().starts_with(&below)))
    };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut objects: Vec<ObjectView> =
        first.into_iter().chain(all).take(limit.saturating_add(1)).map(plain).collect();
    let goes_on = objects.len() > limit;
    objects.truncate(limit);
    let more = objects.last().filter(|_| goes_on).map(|last| last.name.clone());
    Ok(DirectoryAnswer { objects, more, ..DirectoryAnswer::default() })
}

fn show(ledger: &Ledger, text: &str) -> Result<DirectoryAnswer, OperationError> {
    let directory = ledger.directory.organisation();
    let failed = |error: DirectoryError| directory_error(error.into());
    let object_name = name(ledger, text)?;
    let object = directory.get(&object_name).map_err(failed)?;
    let effective = directory.effective(&object_name).map_err(failed)?;
    let attributes = object.attributes().map(|(name, values)| {
        (name.to_owned(), values.iter().map(|value| value.as_str().to_owned()).collect())
    });
    let sddl = |descriptor: &SecurityDescriptor| {
        descriptor.to_sddl(None).unwrap_or_else(|error| error.to_string())
    };
    let view = ObjectView {
        name: object.name.to_string(),
        dn: object.name.to_ldap(&ledger.directory.place().base),
        class: object.class.as_str().to_owned(),
        attributes: attributes.collect(),
        sddl: sddl(&object.descriptor),
        effective_sddl: sddl(&effective),
        permissions: permissions(ledger, &effective),
        changed: time(object.changed_ms),
    };
    Ok(DirectoryAnswer { objects: vec![view], ..DirectoryAnswer::default() })
}

/// The effective entries in words: the role where one fits, else the rights.
fn permissions(ledger: &Ledger, effective: &SecurityDescriptor) -> Vec<String> {
    let aces = effective.dacl.acl().into_iter().flat_map(|acl| &acl.aces);
    let effective = aces.filter(|ace| ace.is_effective());
    let line = |ace: &identity::Ace| {
        let who = ledger.accounts.name_of(&ace.sid);
        let who = who.or_else(|| ledger.directory.domain_name_of(&ace.sid));
        let who = who.unwrap_or_else(|| format!("{} (nobody known)", ace.sid));
        let role = Role::ALL.into_iter().find(|role| role.rights() == (ace.mask, ace.types.object));
        let what = role.map_or_else(
            || identity::descriptor::rights::describe(ace.mask),
            |role| format!("role {role}"),
        );
        let verb = if ace.kind.denies() { "denied" } else { "allowed" };
        let from = if ace.is_inherited() { ", inherited" } else { "" };
        format!("{who}: {verb} {what}{from}")
    };
    effective.map(line).collect()
}

/// Makes an edit, or shows what it would change.
fn edit(
    ledger: &Ledger,
    config: &Config,
    dry_run: bool,
    edit: impl FnOnce(&mut Directory) -> Result<(), DirectoryError>,
) -> Result<DirectoryAnswer, OperationError> {
    let table = &ledger.directory;
    let edit = |directory: &mut Directory| {
        let before = directory.clone();
        edit(directory)?;
        links::check(config, &before, directory)
    };
    if dry_run {
        let old = table.organisation();
        let mut new = old.clone();
        edit(&mut new).map_err(|error| directory_error(error.into()))?;
        return Ok(answer(directory::diff(&old, &new), false));
    }
    let changes = table.edit(&ledger.who, now_ms(), edit).map_err(directory_error)?;
    Ok(answer(changes, true))
}

fn set(directory: &mut Directory, name: &Name, order: &SetOrder) -> Result<(), DirectoryError> {
    directory.change(name, now_ms(), |object| {
        if order.attribute.eq_ignore_ascii_case(DESCRIPTOR) {
            let text = order.values.first().map(String::as_str).unwrap_or_default();
            let parsed = SecurityDescriptor::from_sddl(text, None);
            object.descriptor = parsed.map_err(|error| DirectoryError::Value {
                attribute: "nTSecurityDescriptor",
                value: text.chars().take(80).collect(),
                expected: format!("SDDL ({error})"),
            })?;
            return Ok(());
        }
        let kept: Vec<String> =
            object.values(&order.attribute).iter().map(|value| value.as_str().to_owned()).collect();
        let values: Vec<String> = match order.mode {
            Mode::Replace => order.values.clone(),
            Mode::Add => {
                let fresh = order.values.iter().filter(|one| !kept.contains(one)).cloned();
                kept.iter().cloned().chain(fresh).collect()
            }
            Mode::Remove => kept.into_iter().filter(|one| !order.values.contains(one)).collect(),
        };
        object.set(&order.attribute, &values.iter().map(String::as_str).collect::<Vec<_>>())
    })
}

/// Puts a change beside those that are staged; the difference is against the directory as it stands.
fn stage(
    ledger: &Ledger,
    config: &Config,
    order: &SetOrder,
) -> Result<DirectoryAnswer, OperationError> {
    let table = &ledger.directory;
    let old = table.organisation();
    let failed = |error: DirectoryError| directory_error(error.into());
    let mut new = old.clone();
    for change in table.staged() {
        change.apply(&mut new, now_ms()).map_err(failed)?;
    }
    set(&mut new, &name(ledger, &order.object)?, order).map_err(failed)?;
    links::check(config, &old, &new).map_err(failed)?;
    let changes = directory::diff(&old, &new);
    table.stage(changes.clone()).map_err(directory_error)?;
    Ok(answer(changes, false))
}

fn apply(ledger: &Ledger, config: &Config) -> Result<DirectoryAnswer, OperationError> {
    let table = &ledger.directory;
    let staged = table.staged();
    if staged.is_empty() {
        return Err(OperationError::Conflict(
            "nothing is staged; see `bindback directory raw`".to_owned(),
        ));
    }
    let made = edit(ledger, config, false, |directory| {
        staged.iter().try_for_each(|change| change.apply(directory, now_ms()))
    })?;
    table.stage(Vec::new()).map_err(directory_error)?;
    Ok(made)
}

/// Takes back the newest changes that were made together.
fn undo(ledger: &Ledger, config: &Config) -> Result<DirectoryAnswer, OperationError> {
    let trail = ledger.directory.audit().map_err(directory_error)?;
    let Some(last) = trail.iter().rev().find(|entry| entry.change.is_some()) else {
        return Err(OperationError::Conflict("no change of the directory is known".to_owned()));
    };
    let together = trail.iter().filter(|entry| entry.together == last.together);
    let changes: Vec<Change> = together.filter_map(|entry| entry.change.clone()).collect();
    edit(ledger, config, false, |directory| {
        changes.iter().rev().try_for_each(|change| change.inverse().apply(directory, now_ms()))
    })
}

fn grant(
    ledger: &Ledger,
    config: &Config,
    order: &GrantOrder,
    granted: bool,
) -> Result<DirectoryAnswer, OperationError> {
    let role: Role = order.role.parse().map_err(OperationError::Invalid)?;
    let on = name(ledger, &order.object)?;
    let sid = sid(ledger, &order.account)?;
    let mut done = edit(ledger, config, order.dry_run, |directory| {
        if granted {
            directory.grant(role, &sid, &on, order.inherit, now_ms())
        } else {
            directory.revoke(role, &sid, &on, now_ms())
        }
    })?;
    // As it was asked: identifiers are of little use to a person.
    let (written, asked) = (format!(";{sid})"), format!(";{})", order.account));
    for line in done.changes.iter_mut().flat_map(|change| &mut change.lines) {
        *line = line.replace(&written, &asked);
    }
    Ok(done)
}

fn sid(ledger: &Ledger, who: &str) -> Result<Sid, OperationError> {
    let found = ledger.accounts.sid_of(who).map_err(account_error)?;
    let of_domain = || {
        let name: identity::AccountName = who.parse().ok()?;
        Some(ledger.directory.look_up(&name)?.sid)
    };
    found.or_else(of_domain).ok_or_else(|| {
        let text = format!("{who:?} is no account, group or well-known name here; `bindback account list` shows the accounts");
        OperationError::NotFound(text)
    })
}

/// The steps of a bind, or the roles on one object.
fn access(
    ledger: &Ledger,
    account: &str,
    object: Option<&str>,
) -> Result<DirectoryAnswer, OperationError> {
    let account = account_name(account)?;
    // For what it leaves in mind.
    drop(ledger.directory.look_up(&account));
    let Some(token) = ledger.directory.token(&ledger.accounts, &account) else {
        sid(ledger, &account.to_string())?;
        return Ok(DirectoryAnswer::default());
    };
    let named = |text: String| {
        // Identifiers are of little use to a person.
        let name_of = |sid| {
            let own = ledger.accounts.name_of(sid);
            own.or_else(|| ledger.directory.domain_name_of(sid))
        };
        let named = |text: &str, sid| text.contains(&format!(";{sid})")).then(|| name_of(sid));
        token.sids.iter().fold(text, |text, sid| match named(&text, sid).flatten() {
            Some(name) => text.replace(&format!(";{sid})"), &format!(";{name})")),
            None => text,
        })
    };
    let Some(text) = object else {
        let steps = ledger.directory.authorise(&ledger.accounts, &account).steps.into_iter();
        let access = steps.map(|step| AccessView {
            object: step.object.to_string(),
            what: format!("bind, step {}", step.step.as_str()),
            granted: step.granted,
            why: named(step.why),
        });
        return Ok(DirectoryAnswer { access: access.collect(), ..DirectoryAnswer::default() });
    };
    let object = name(ledger, text)?;
    let effective = ledger
        .directory
        .site()
        .effective(&object)
        .map_err(|error| directory_error(error.into()))?;
    let access = Role::ALL.into_iter().map(|role| {
        let (mask, right) = role.rights();
        let tree: Vec<ObjectNode> =
            right.map(|guid| ObjectNode { level: 0, guid }).into_iter().collect();
        let found = check(&effective, &token, &Request::directory(mask).on(&tree));
        AccessView {
            object: object.to_string(),
            what: format!("role {role}"),
            granted: found.is_granted(),
            why: named(found.explain(&effective)),
        }
    });
    Ok(DirectoryAnswer { access: access.collect(), ..DirectoryAnswer::default() })
}

fn agent_words(mode: Agent) -> String {
    match mode {
        Agent::Running => "running".to_owned(),
        Agent::Lagging { lag_ms } => format!("lagging by {} s", lag_ms / 1000),
        Agent::Stopped => "stopped".to_owned(),
    }
}

fn agent(
    ledger: &Ledger,
    config: &Config,
    change: Option<AgentOrder>,
) -> Result<DirectoryAnswer, OperationError> {
    let table = &ledger.directory;
    let before = table.agent().0;
    let mode = match change {
        None => None,
        Some(AgentOrder::Start) => Some(Agent::Running),
        Some(AgentOrder::Stop) => Some(Agent::Stopped),
        Some(AgentOrder::Lag(seconds)) => {
            Some(Agent::Lagging { lag_ms: i64::from(seconds) * 1000 })
        }
        Some(AgentOrder::Once) => {
            table.catch_up().map_err(directory_error)?;
            None
        }
    };
    if let Some(mode) = mode {
        table.set_agent(mode, now_ms()).map_err(directory_error)?;
        table.ask_sources();
        let lines = vec![format!("- {}", agent_words(before)), format!("+ {}", agent_words(mode))];
        table.write_audit(&ledger.who, "the directory's agent", lines).map_err(directory_error)?;
    }
    let (mode, since, behind) = table.agent();
    let (word, lag_s) = match mode {
        Agent::Running => ("running", None),
        Agent::Lagging { lag_ms } => ("lagging", Some(lag_ms / 1000)),
        Agent::Stopped => ("stopped", None),
    };
    let ldap = table.ldap_status();
    let of_ldap = ldap.as_ref().map(|status| status.faults.clone()).unwrap_or_default();
    let known = table.sources();
    let of_sources = known.iter().flat_map(|(server, source)| {
        source.faults.iter().map(move |fault| format!("from {server}: {fault}"))
    });
    let sources = config.peers.iter().filter(|peer| peer.replicated).map(|peer| {
        let source = known.get(&peer.name).cloned().unwrap_or_default();
        let unread = || if source.last_ms.is_some() { "ok" } else { "not read yet" }.to_owned();
        SourceView {
            server: peer.name.clone(),
            last_read: source.last_ms.map(time),
            state: source.trouble.clone().unwrap_or_else(unread),
        }
    });
    let view = AgentView {
        mode: word.to_owned(),
        lag_s,
        behind_since: since.map(time),
        ldap: ldap.as_ref().map(|status| status.trouble.clone().unwrap_or_else(|| "ok".to_owned())),
        faults: of_ldap.into_iter().chain(of_sources).collect(),
        sources: sources.collect(),
    };
    Ok(DirectoryAnswer { agent: Some(view), ..answer(behind, false) })
}

fn legacy(
    ledger: &Ledger,
    config: &Config,
    group: Option<&str>,
    change: Option<LegacyChange>,
) -> Result<DirectoryAnswer, OperationError> {
    let table = &ledger.directory;
    let group = group.map_or_else(|| Ok(table.group()), |text| name(ledger, text))?;
    let mut changes = Vec::new();
    let changed = change.is_some();
    match change {
        None => {}
        Some(LegacyChange::Clear) => {
            let done = table.edit(&ledger.who, now_ms(), |directory| {
                LegacyAccount::set(directory, &group, None, now_ms())
            });
            changes = done.map_err(directory_error)?;
        }
        Some(LegacyChange::Set { account, password, .. }) => {
            let account = account_name(&account)?;
            ledger.accounts.keep_secret(LEGACY_SECRET, password.expose()).map_err(account_error)?;
            // An account that is known here gets what the exchange of mail needs, on the schema, too.
            let known = sid(ledger, &account.to_string()).ok();
            let done = table.edit(&ledger.who, now_ms(), |directory| {
                LegacyAccount::set(directory, &group, Some(&account), now_ms())?;
                let all = table.contexts();
                known.iter().flat_map(|sid| all.iter().map(move |on| (sid, on))).try_for_each(
                    |(sid, on)| directory.grant(Role::ServiceAccountAdmin, sid, on, true, now_ms()),
                )
            });
            changes = done.map_err(directory_error)?;
        }
    }
    let found = LegacyAccount::of(&table.organisation(), &group);
    let found = found.map_err(|error| directory_error(error.into()))?;
    let in_use = config.rpc.account.clone();
    let agrees = found.name().is_none_or(|name| name.is_ok_and(|name| name.matches(&in_use)));
    let view = LegacyView {
        group: group.to_string(),
        account: found.account,
        domain: found.domain,
        in_use: in_use.to_string(),
        agrees,
    };
    Ok(DirectoryAnswer { legacy: Some(view), ..answer(changes, changed) })
}

/// Shows, sets or takes away the account of a connector, its password with it.
fn override_account(
    ledger: &Ledger,
    connector: &str,
    change: Option<LegacyChange>,
) -> Result<DirectoryAnswer, OperationError> {
    let table = &ledger.directory;
    let object = if connector.contains('=') {
        name(ledger, connector)?
    } else {
        table.connector_to(connector).ok_or_else(|| {
            let text = format!("no connector leads to {connector:?}; `bindback directory list` shows the connectors");
            OperationError::NotFound(text)
        })?
    };
    let changed = change.is_some();
    let account = match change {
        None => None,
        Some(LegacyChange::Clear) => Some(None),
        Some(LegacyChange::Set { account, password, .. }) => {
            let account = account_name(&account)?;
            let place = crate::node::override_secret(&account);
            ledger.accounts.keep_secret(&place, password.expose()).map_err(account_error)?;
            Some(Some(account.to_string()))
        }
    };
    let mut changes = Vec::new();
    if let Some(account) = account {
        let values: Vec<&str> = account.as_deref().into_iter().collect();
        let done = table.edit(&ledger.who, now_ms(), |directory| {
            directory.change(&object, now_ms(), |object| object.set("overrideAccount", &values))
        });
        changes = done.map_err(directory_error)?;
    }
    let organisation = table.organisation();
    let found = organisation.get(&object).map_err(|error| directory_error(error.into()))?;
    let account = found.value("overrideAccount").map(str::to_owned);
    let kept = account.as_deref().and_then(|name| name.parse().ok()).map(|name| {
        ledger.accounts.secret(&crate::node::override_secret(&name)).map(|kept| kept.is_some())
    });
    let password_kept = kept.transpose().map_err(account_error)?.unwrap_or(false);
    let view = OverrideView { connector: object.to_string(), account, password_kept };
    Ok(DirectoryAnswer { overrides: Some(view), ..answer(changes, changed) })
}

fn audit(ledger: &Ledger, limit: Option<u32>) -> Result<DirectoryAnswer, OperationError> {
    let trail = ledger.directory.audit().map_err(directory_error)?;
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(AUDIT_SHOWN);
    let skip = trail.len().saturating_sub(limit);
    let shown = trail.into_iter().skip(skip).map(|entry| AuditView {
        time: time(entry.time_ms),
        who: entry.who,
        what: entry.what,
        lines: entry.lines,
    });
    Ok(DirectoryAnswer { audit: shown.collect(), ..DirectoryAnswer::default() })
}

fn answer(changes: Vec<Change>, applied: bool) -> DirectoryAnswer {
    let views = changes
        .iter()
        .map(|change| ChangeView { object: change.object().to_string(), lines: change.lines() });
    DirectoryAnswer { changes: views.collect(), applied, ..DirectoryAnswer::default() }
}

fn time(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or_default()
}
