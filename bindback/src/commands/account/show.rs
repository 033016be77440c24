//! One account for a person.

use admin::api::AccountRow;
use jiff::Timestamp;

/// Everything about it.
pub fn text(account: &AccountRow, resting: bool) -> String {
    let time = |time: Option<Timestamp>| time.map_or("never".to_owned(), |time| time.to_string());
    let mut lines = vec![
        account.name.clone(),
        format!("identifier: {}", account.sid),
        format!("state: {}", account.state),
        format!("made: {}", time(account.created)),
        format!("password set: {}", account.password_set),
        format!("password expires: {}", time(account.password_expires)),
        format!("expires: {}", time(account.expires)),
    ];
    if let Some(until) = account.locked_until {
        let until =
            if until == Timestamp::MAX { "it is unlocked".to_owned() } else { until.to_string() };
        lines.push(format!("locked until {until}; `bindback account unlock` opens it"));
    }
    if let Some(until) = account.older_password_until {
        lines.push(format!("the password before is good until {until}"));
    }
    let none = "none".to_owned();
    let list = |list: &[String]| if list.is_empty() { none.clone() } else { list.join(", ") };
    lines.push(format!("groups: {}", list(&account.groups)));
    let right = if account.network_logon { "yes" } else { "no" };
    lines.push(format!("may log on from the network: {right}, {}", account.network_logon_source));
    lines.push(format!(
        "roles on organisation, site, configuration and schema: {}",
        list(&account.roles)
    ));
    if resting {
        lines.push("no server runs, this is its store".to_owned());
    }
    lines.join("\n")
}
