//! The disk under a server's own store: what it cannot take in it refuses, and no obstacle between two servers shows it.

use finding::{Cause, Diagnosis, Evidence, Remedy};

use crate::shell::command;
use crate::snapshot::{ServerFacts, Snapshot};

/// The page of a full disk.
pub(crate) const DISK_PAGE: &str = "docs/findings/disk-space-low.md";

/// How sure it is: the server says so itself, of itself, at this moment.
const CERTAIN: f64 = 0.99;

/// What the servers of a snapshot say of their own stores, the local one first.
pub(crate) fn diagnoses(snapshot: &Snapshot) -> Vec<Diagnosis> {
    let mut servers: Vec<&ServerFacts> = snapshot.servers.iter().collect();
    servers.sort_by_key(|server| server.name != snapshot.local);
    servers.into_iter().filter_map(of_server).collect()
}

fn of_server(server: &ServerFacts) -> Option<Diagnosis> {
    let trouble = server.store_trouble.as_ref()?;
    let (cause, text) = match trouble.cause.as_str() {
        "disk-full" => {
            let text = "Free space on the disk of the store; mail is taken again within seconds, \
                        without a restart."
                .to_owned();
            (Cause::DiskSpaceLow, text)
        }
        "damaged" => {
            let text = "Stop the server, check its store and repair it, and start it again.";
            (Cause::MtaDatabaseCorrupt, text.to_owned())
        }
        _ => return None,
    };
    let mut diagnosis = Diagnosis::new(cause, CERTAIN);
    let source = format!("{} facts", server.name);
    diagnosis.evidence.push(Evidence::new(&source, trouble.text.clone(), CERTAIN));
    let config = server.config_path.as_deref();
    let command = match (cause, config) {
        (Cause::MtaDatabaseCorrupt, Some(config)) => {
            Some(command(&["bindback", "check", "--repair", "-c", config]))
        }
        _ => None,
    };
    diagnosis.remedy.push(Remedy { text, command });
    if cause == Cause::DiskSpaceLow {
        diagnosis.reads.push(DISK_PAGE.to_owned());
    }
    Some(diagnosis)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::snapshot::StoreTrouble;

    #[test]
    fn a_full_disk_is_named_and_a_sound_store_is_not() {
        let mut server = ServerFacts { name: "EAST".to_owned(), ..ServerFacts::default() };
        let snapshot = |server: &ServerFacts| Snapshot {
            now: Timestamp::UNIX_EPOCH,
            local: "EAST".to_owned(),
            servers: vec![server.clone()],
            checks: Vec::new(),
        };
        assert!(crate::diagnose(&snapshot(&server)).diagnoses.is_empty());
        let trouble =
            |cause: &str| StoreTrouble { cause: cause.to_owned(), text: "low".to_owned() };
        server.store_trouble = Some(trouble("disk-full"));
        let answer = crate::diagnose(&snapshot(&server));
        assert_eq!(answer.diagnoses[0].cause, Cause::DiskSpaceLow);
        assert!(!answer.undecided);
        server.store_trouble = Some(trouble("damaged"));
        server.config_path = Some("/srv/east.toml".to_owned());
        let answer = crate::diagnose(&snapshot(&server));
        let remedy = answer.diagnoses[0].remedy[0].command.as_deref();
        assert_eq!(remedy, Some("bindback check --repair -c /srv/east.toml"));
    }
}
