//! After a change of the configuration file: the running server is asked to read it again.

use admin::{Shape, api::Reloaded};
use config::edit::Change;
use serde::Serialize;

use crate::backend;
use crate::cli::Setting;
use crate::failure::Found;

/// What a change of the configuration file came to.
#[derive(Debug, Serialize)]
struct Changed {
    /// False when the file said so already.
    changed: bool,
    /// True when a running server was told.
    running: bool,
    applied: Vec<String>,
    needs_restart: Vec<String>,
}

impl Shape for Changed {
    const NAME: &'static str = "config-change";
}

/// Tells of the change, after the server took it over. A server is told even when the file said so already: it may not have read it since.
pub async fn tell(change: Change, what: &str, setting: &Setting<'_>) -> anyhow::Result<Found> {
    tell_beside(change, what, None, setting).await
}

/// The same where something beside the file was changed, which a running server reads whenever it needs it.
pub async fn tell_beside(
    change: Change,
    what: &str,
    beside: Option<&str>,
    setting: &Setting<'_>,
) -> anyhow::Result<Found> {
    let reloaded = backend::reload_if_running(&setting.config()?).await?;
    let running = reloaded.is_some();
    let Reloaded { mut applied, needs_restart } = reloaded.unwrap_or_default();
    if running {
        applied.extend(beside.map(str::to_owned));
    }
    let changed = Changed { changed: change == Change::Written, running, applied, needs_restart };
    setting.output.answer(&changed, |changed| text(changed, what))?;
    Ok(Found::Nothing)
}

fn text(changed: &Changed, what: &str) -> String {
    let mut out = if changed.changed {
        what.to_owned()
    } else {
        format!("{what} (the file said so already)")
    };
    out.push_str(match (changed.running, changed.applied.is_empty()) {
        (false, _) => "; no server runs, it counts from the next start on",
        (true, false) => "; the running server has taken it over",
        (true, true) => "; nothing changed for the running server",
    });
    if !changed.needs_restart.is_empty() {
        out.push_str(&format!("; to take over {}, restart it", changed.needs_restart.join(", ")));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_change_came_to_is_said() {
        let mut changed = Changed {
            changed: true,
            running: true,
            applied: vec!["hosts".to_owned()],
            needs_restart: Vec::new(),
        };
        assert_eq!(
            text(&changed, "x is 127.0.0.1"),
            "x is 127.0.0.1; the running server has taken it over"
        );
        changed.needs_restart = vec!["rpc.port".to_owned()];
        assert!(text(&changed, "x").ends_with("; to take over rpc.port, restart it"));
        let rest = Changed { running: false, changed: false, needs_restart: Vec::new(), ..changed };
        assert_eq!(
            text(&rest, "x"),
            "x (the file said so already); no server runs, it counts from the next start on"
        );
    }
}
