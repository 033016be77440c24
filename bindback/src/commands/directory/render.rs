//! Answers of the directory for a person.

use admin::directory_api::{ChangeView, DirectoryAnswer, DirectoryOrder, ObjectView};

use crate::output::clean;
use crate::table::Table;

/// What is said below the changes of an order that writes none of them; and where there are none.
#[derive(Debug, Clone, Copy)]
pub struct Hint {
    changes: &'static str,
    nothing: &'static str,
}

/// What an order is about, as far as its changes are not written.
pub fn hint(order: &DirectoryOrder) -> Option<Hint> {
    const NOTHING: &str = "nothing to change";
    let trial = Hint { changes: "nothing is changed: this was a trial", nothing: NOTHING };
    match order {
        DirectoryOrder::Stage(_) => Some(Hint {
            changes: "staged; `bindback directory apply` writes it, `discard` forgets it",
            nothing: NOTHING,
        }),
        DirectoryOrder::Staged => Some(Hint {
            changes: "`bindback directory apply` writes what is staged, `discard` forgets it",
            nothing: "nothing is staged",
        }),
        DirectoryOrder::Discard => {
            Some(Hint { changes: "forgotten; nothing is staged", nothing: "nothing was staged" })
        }
        DirectoryOrder::Set(order) if order.dry_run => Some(trial),
        DirectoryOrder::Grant(order) | DirectoryOrder::Revoke(order) if order.dry_run => {
            Some(trial)
        }
        DirectoryOrder::Import { dry_run: true, .. } => Some(trial),
        _ => None,
    }
}

/// Any answer.
pub fn text(answer: &DirectoryAnswer, running: bool, hint: Option<Hint>) -> String {
    let mut parts = Vec::new();
    if let Some(ldif) = &answer.ldif {
        return ldif.clone();
    }
    if let Some(legacy) = &answer.legacy {
        let named = match (&legacy.domain, &legacy.account) {
            (None, None) => "nothing: the service account counts".to_owned(),
            (domain, account) => {
                let word =
                    |part: &Option<String>| part.clone().unwrap_or_else(|| "(not set)".to_owned());
                format!("{}\\{}", word(domain), word(account))
            }
        };
        parts.push(format!("{} names {}", legacy.group, clean(&named)));
        let agrees = if legacy.agrees { "they agree" } else { "THEY DIFFER" };
        parts.push(format!(
            "the service account of the configuration is {}; {agrees}",
            legacy.in_use
        ));
    }
    if let Some(found) = &answer.overrides {
        let text = match &found.account {
            None => "has no override account".to_owned(),
            Some(account) => {
                let kept =
                    if found.password_kept { "kept here" } else { "that of the configuration" };
                format!("presents {}; its password is {kept}", clean(account))
            }
        };
        parts.push(format!("{} {text}", found.connector));
    }
    if let Some(agent) = &answer.agent {
        let since = agent.behind_since.map_or("the site's copy is in step".to_owned(), |since| {
            format!("the site's copy has been behind since {since}; it does not have:")
        });
        let lag = agent.lag_s.map_or(String::new(), |lag| format!(" by {lag} s"));
        parts.push(format!("the agent is {}{lag}; {since}", agent.mode));
        for source in &agent.sources {
            let read = source.last_read.map_or("never".to_owned(), |at| at.to_string());
            let (server, state) = (clean(&source.server), clean(&source.state));
            parts.push(format!("{server}'s copy: {state}; last read {read}"));
        }
        if let Some(state) = &agent.ldap {
            parts.push(format!("the LDAP server: {}", clean(state)));
        }
        parts.extend(agent.faults.iter().map(|fault| format!("not understood: {}", clean(fault))));
    }
    match answer.objects.as_slice() {
        [] => {}
        [one] if !one.effective_sddl.is_empty() => parts.push(object(one)),
        several => {
            let mut table = Table::new(&["CLASS", "OBJECT"]);
            for one in several {
                table.row(vec![one.class.clone(), clean(&one.name)]);
            }
            parts.push(table.render());
        }
    }
    if let Some(more) = &answer.more {
        parts.push(format!("there are more; go on with --after '{}'", clean(more)));
    }
    for access in &answer.access {
        let word = if access.granted { "yes" } else { "no " };
        parts.push(format!("{word}  {}, {}: {}", access.what, access.object, clean(&access.why)));
    }
    for entry in &answer.audit {
        parts.push(format!("{}  {}  {}", entry.time, entry.who, clean(&entry.what)));
        parts.extend(entry.lines.iter().map(|line| format!("    {}", clean(line))));
    }
    parts.extend(answer.changes.iter().map(change));
    let quiet = parts.is_empty();
    if answer.applied && !answer.changes.is_empty() {
        let counts = if running { "" } else { "; no server runs, its store is changed" };
        parts.push(format!("changed{counts}; `bindback directory undo` takes it back"));
    } else if quiet {
        parts.push(hint.map_or("nothing to change", |hint| hint.nothing).to_owned());
    } else if let Some(hint) = hint.filter(|_| !answer.changes.is_empty()) {
        parts.push(hint.changes.to_owned());
    }
    parts.join("\n")
}

fn change(change: &ChangeView) -> String {
    let lines = change.lines.iter().map(|line| format!("  {}", clean(line)));
    std::iter::once(clean(&change.object)).chain(lines).collect::<Vec<_>>().join("\n")
}

fn object(one: &ObjectView) -> String {
    let mut lines = vec![clean(&one.name), one.dn.clone(), format!("class: {}", one.class)];
    for (name, values) in &one.attributes {
        lines.extend(values.iter().map(|value| format!("{name}: {}", clean(value))));
    }
    lines.push(format!("changed: {}", one.changed));
    lines.push("who may what:".to_owned());
    lines.extend(one.permissions.iter().map(|line| format!("  {}", clean(line))));
    lines.join("\n")
}

/// Every attribute as it is stored.
pub fn raw(answer: &DirectoryAnswer) -> String {
    let lines = answer.objects.iter().flat_map(|one| {
        let values = one.attributes.iter();
        let values = values.flat_map(|(name, values)| {
            values.iter().map(move |value| format!("{name}: {}", clean(value)))
        });
        std::iter::once(format!("dn: {}", one.dn)).chain(values)
    });
    lines.collect::<Vec<_>>().join("\n")
}
