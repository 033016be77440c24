//! What is no fault of mail and should be known: it stands below the answer.

use crate::causes::held;
use crate::snapshot::Snapshot;

/// Remarks on the servers of a snapshot.
#[must_use]
pub fn remarks(snapshot: &Snapshot) -> Vec<String> {
    let mut all = held::remarks(snapshot);
    all.extend(snapshot.servers.iter().flat_map(pending));
    all
}

/// A configuration file that says something else than the server runs with.
fn pending(server: &crate::ServerFacts) -> Vec<String> {
    let (name, mut found) = (&server.name, Vec::new());
    let file = server.config_path.as_deref().unwrap_or("its configuration");
    if let Some(fault) = &server.file_fault {
        found.push(format!(
            "{name} goes on with the configuration that it read before: its file cannot be used, so that a restart would fail: {fault}"
        ));
    }
    if !server.unread.is_empty() {
        found.push(format!(
            "{name} has not read what was changed in {file} ({}): have it read (kill -HUP PID, or systemctl reload)",
            server.unread.join(", ")
        ));
    }
    if !server.needs_restart.is_empty() {
        found.push(format!(
            "{name} runs with other values than {file} has, which count after a restart: {}; restart it (systemctl restart, or end it and \
             bindback serve -c {file})",
            server.needs_restart.join(", ")
        ));
    }
    found
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::ServerFacts;

    #[test]
    fn a_file_that_differs_from_what_runs_is_remarked() {
        let mut server = ServerFacts {
            name: "EAST".to_owned(),
            config_path: Some("/srv/east.toml".to_owned()),
            ..ServerFacts::default()
        };
        let of = |server: &ServerFacts| {
            remarks(&Snapshot {
                now: Timestamp::UNIX_EPOCH,
                local: "EAST".to_owned(),
                servers: vec![server.clone()],
                checks: Vec::new(),
            })
        };
        assert!(of(&server).is_empty());
        server.unread = vec!["peer".to_owned()];
        server.needs_restart = vec!["rpc.listen".to_owned()];
        let found = of(&server);
        assert!(found[0].contains("(peer)") && found[0].contains("HUP"), "{found:?}");
        assert!(found[1].contains("rpc.listen") && found[1].contains("restart"), "{found:?}");
        server.file_fault = Some("line 3".to_owned());
        assert!(of(&server)[0].contains("line 3"));
    }
}
