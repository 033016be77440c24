//! What a server itself lacks: its disk, descriptors, memory, a port that somebody else has. What it cannot take in it refuses, and no obstacle between
//! two servers shows it.

use finding::{Cause, Diagnosis, Evidence, Remedy};

use crate::shell::command;
use crate::snapshot::{ServerFacts, Snapshot, StoreTrouble};

/// The page of a full disk.
pub(crate) const DISK_PAGE: &str = "docs/findings/disk-space-low.md";

/// How sure it is: the server says so itself, of itself, at this moment.
const CERTAIN: f64 = 0.99;

/// What the servers of a snapshot say of themselves, the local one first.
pub(crate) fn diagnoses(snapshot: &Snapshot) -> Vec<Diagnosis> {
    let mut servers: Vec<&ServerFacts> = snapshot.servers.iter().collect();
    servers.sort_by_key(|server| server.name != snapshot.local);
    let mut found: Vec<Diagnosis> = Vec::new();
    for server in servers {
        found.extend(port_taken(server));
        found.extend(server.start_faults.iter().filter_map(|fault| cannot_start(server, fault)));
        for trouble in server.store_trouble.iter().chain(&server.shortages) {
            let known = |one: &Diagnosis, cause| one.cause == cause;
            if let Some(cause) = cause_of(&trouble.cause)
                && !found.iter().any(|one| known(one, cause))
            {
                found.push(of_trouble(server, trouble, cause));
            }
        }
    }
    found
}

/// It does not run, and somebody else has an address that it listens on: it cannot be started.
fn port_taken(server: &ServerFacts) -> Option<Diagnosis> {
    let (key, address) = server.taken_ports.first()?;
    let mut diagnosis = Diagnosis::new(Cause::RpcPortAlreadyInUse, CERTAIN);
    for (key, address) in &server.taken_ports {
        let says =
            format!("{} does not run, and somebody else listens on {address} ({key})", server.name);
        diagnosis.evidence.push(Evidence::new(
            format!("{} check listen", server.name),
            says,
            CERTAIN,
        ));
    }
    let port = address.rsplit(':').next().unwrap_or(address);
    let text = format!(
        "End the program that listens on {address} (ss -ltnp 'sport = :{port}' names it), or set {key} to another port; then start {}.",
        server.name
    );
    let command =
        server.config_path.as_deref().map(|config| command(&["bindback", "serve", "-c", config]));
    diagnosis.remedy.push(Remedy { text, command });
    diagnosis.reads.push(format!("docs/findings/{}.md", Cause::RpcPortAlreadyInUse.slug()));
    Some(diagnosis)
}

/// It does not run, and its start would stumble over this.
fn cannot_start(server: &ServerFacts, fault: &StoreTrouble) -> Option<Diagnosis> {
    let (cause, step) = match fault.cause.as_str() {
        "secret" => (
            Cause::ServiceAccountPasswordMismatch,
            "Put the password of the service account into that file, readable for the server's user and nobody else (chown, chmod 600)",
        ),
        "admin-token" => (
            Cause::ServiceAccountPasswordMismatch,
            "Put a token into that file, readable for the server's user and nobody else (chown, chmod 600)",
        ),
        "accounts-key" => (
            Cause::MtaDatabaseFilesMissing,
            "Put the key back where it was, from a backup: without it no account can be read",
        ),
        "folder" => (
            Cause::MtaDatabasePathWrong,
            "Give the folder to the server's user (chown -R), or start the server as the user that it belongs to",
        ),
        "port" => (
            Cause::RpcPortAlreadyInUse,
            "Give the key another port or address, or the right to open it (AmbientCapabilities=CAP_NET_BIND_SERVICE in its unit)",
        ),
        _ => return None,
    };
    let mut diagnosis = Diagnosis::new(cause, CERTAIN);
    diagnosis.headline = Some(format!("{} cannot be started: {}", server.name, fault.text));
    let source = format!("{} check start", server.name);
    diagnosis.evidence.push(Evidence::new(source, fault.text.clone(), CERTAIN));
    let text = format!("{step}; then start {}.", server.name);
    let command =
        server.config_path.as_deref().map(|config| command(&["bindback", "serve", "-c", config]));
    diagnosis.remedy.push(Remedy { text, command });
    Some(diagnosis)
}

fn cause_of(word: &str) -> Option<Cause> {
    match word {
        "disk-full" => Some(Cause::DiskSpaceLow),
        "damaged" => Some(Cause::MtaDatabaseCorrupt),
        "read-only" => Some(Cause::StoreReadOnly),
        "io-error" => Some(Cause::StoreDiskFault),
        "file-descriptors" => Some(Cause::FileDescriptorsExhausted),
        "memory" => Some(Cause::LowMemory),
        _ => None,
    }
}

fn of_trouble(server: &ServerFacts, trouble: &StoreTrouble, cause: Cause) -> Diagnosis {
    let text = match cause {
        Cause::DiskSpaceLow => {
            "Free space on the disk of the store; mail is taken again within seconds, without a restart."
        }
        Cause::StoreReadOnly => {
            "Look in the system's log why the filesystem of the store is read-only, mend it and make it writable; mail is \
             taken again within seconds, without a restart."
        }
        Cause::StoreDiskFault => {
            "Look in the system's log what the disk of the store fails with, and mend or replace it; what was accepted is \
             kept, and mail is taken again as soon as a write succeeds."
        }
        Cause::FileDescriptorsExhausted => {
            "Raise the hard limit of open files of the process (LimitNOFILE of its unit) and restart it, or find the \
             clients that hold so many connections."
        }
        Cause::LowMemory => {
            "Give the process more memory (memory.max of its control group, ulimit -v, server.memory_mib, smtp.memory_mib), \
             or let the mail go that waits for servers that are down."
        }
        _ => "Stop the server, check its store and repair it, and start it again.",
    };
    let mut diagnosis = Diagnosis::new(cause, CERTAIN);
    let source = format!("{} facts", server.name);
    diagnosis.evidence.push(Evidence::new(&source, trouble.text.clone(), CERTAIN));
    let repair = match (cause, server.config_path.as_deref()) {
        (Cause::MtaDatabaseCorrupt, Some(config)) => {
            Some(command(&["bindback", "check", "--repair", "-c", config]))
        }
        _ => None,
    };
    let repairs = repair.is_some();
    diagnosis.remedy.push(Remedy { text: text.to_owned(), command: repair });
    if let Some(config) = server.config_path.as_deref().filter(|_| repairs && !server.reachable) {
        let text = format!("Start {} again; what the repair took out is kept aside.", server.name);
        let command = Some(command(&["bindback", "serve", "-c", config]));
        diagnosis.remedy.push(Remedy { text, command });
    }
    match cause {
        Cause::DiskSpaceLow => {
            // The field's words name a limit of another server.
            diagnosis.headline = Some(format!("{} has too little room on its disk", server.name));
            diagnosis.reads.push(DISK_PAGE.to_owned());
        }
        _ => diagnosis.reads.push(format!("docs/findings/{}.md", cause.slug())),
    }
    diagnosis
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
        let remedy = &answer.diagnoses[0].remedy;
        assert_eq!(remedy[0].command.as_deref(), Some("bindback check --repair -c /srv/east.toml"));
        assert_eq!(remedy[1].command.as_deref(), Some("bindback serve -c /srv/east.toml"));
    }

    #[test]
    fn a_port_that_somebody_else_has_is_named_with_its_key() {
        let server = ServerFacts {
            name: "EAST".to_owned(),
            config_path: Some("/srv/east.toml".to_owned()),
            taken_ports: vec![("rpc.port".to_owned(), "192.0.2.1:4747".to_owned())],
            ..ServerFacts::default()
        };
        let best = port_taken(&server).unwrap();
        assert_eq!(best.cause, Cause::RpcPortAlreadyInUse);
        assert!(best.remedy[0].text.contains("sport = :4747"), "{:?}", best.remedy);
        assert_eq!(best.remedy[0].command.as_deref(), Some("bindback serve -c /srv/east.toml"));
        assert!(port_taken(&ServerFacts::default()).is_none());
    }

    #[test]
    fn what_keeps_a_server_from_starting_is_named() {
        for (word, cause) in [
            ("secret", Cause::ServiceAccountPasswordMismatch),
            ("accounts-key", Cause::MtaDatabaseFilesMissing),
            ("folder", Cause::MtaDatabasePathWrong),
            ("port", Cause::RpcPortAlreadyInUse),
        ] {
            let server = ServerFacts {
                name: "EAST".to_owned(),
                config_path: Some("/srv/east.toml".to_owned()),
                start_faults: vec![StoreTrouble { cause: word.to_owned(), text: "why".to_owned() }],
                ..ServerFacts::default()
            };
            let answer = crate::diagnose(&Snapshot {
                now: Timestamp::UNIX_EPOCH,
                local: "EAST".to_owned(),
                servers: vec![server],
                checks: Vec::new(),
            });
            let best = &answer.diagnoses[0];
            assert_eq!((best.cause, best.title()), (cause, "EAST cannot be started: why"));
            assert_eq!(best.remedy[0].command.as_deref(), Some("bindback serve -c /srv/east.toml"));
            assert!(!answer.undecided);
        }
    }

    #[test]
    fn what_a_server_lacks_beside_its_disk_is_named() {
        let lacks = |cause: &str| StoreTrouble { cause: cause.to_owned(), text: cause.to_owned() };
        let server = ServerFacts {
            name: "EAST".to_owned(),
            store_trouble: Some(lacks("read-only")),
            shortages: vec![lacks("file-descriptors"), lacks("memory")],
            ..ServerFacts::default()
        };
        let other = ServerFacts {
            name: "WEST".to_owned(),
            store_trouble: Some(lacks("io-error")),
            ..ServerFacts::default()
        };
        let snapshot = Snapshot {
            now: Timestamp::UNIX_EPOCH,
            local: "EAST".to_owned(),
            servers: vec![other, server],
            checks: Vec::new(),
        };
        let found: Vec<Cause> = diagnoses(&snapshot).iter().map(|one| one.cause).collect();
        assert_eq!(
            found,
            [
                Cause::StoreReadOnly,
                Cause::FileDescriptorsExhausted,
                Cause::LowMemory,
                Cause::StoreDiskFault
            ]
        );
    }
}
