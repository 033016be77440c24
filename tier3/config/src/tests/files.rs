//! Whole files: the smallest, a full one, and those that `init` writes.

use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use crate::{
    Config, ConfigError, Fallback, InitAnswers, KEYS, Mailboxes, PeerAnswers, RANDOM_BYTES,
    Section, StderrLevel, init, read_secret, template,
};

/// A file that says only what has to be said.
pub(super) const SMALLEST: &str = r#"[server]
name = "EAST"
organisation = "Demo"
site = "HQ"
host_name = "East.demo.test"
[mail]
domains = ["East.demo.test"]
mailboxes = ["Anna"]
[rpc]
account = 'DEMO\svc-east'
"#;

const FULL: &str = r#"
[server]
name = "EAST"
organisation = "Demo"
site = "HQ"
data_dir = "/var/lib/bindback"
host_name = "east.demo.test"
country = "DE"
admd = "A"
prmd = ""
[smtp]
listen = ["127.0.0.1:2525", "[::1]:2525"]
allow = ["10.0.0.0/8", "192.168.1.1"]
max_message_size = 1_000_000
max_recipients = 100
[mail]
domains = ["east.demo.test", "demo.test"]
mailboxes = ["*"]
maildir = "boxes"
postmaster = "bert"
[rpc]
listen = "::1"
port = 4000
mapper_port = 1135
bind_back_name = "east-rpc.demo.test"
account = 'DEMO\svc-east'
password_file = "pw"
allow = []
call_timeout_s = 1
idle_timeout_s = 2
connect_timeout_s = 3
bind_back_timeout_s = 4
ltab_limit = 5
[[peer]]
name = "WEST"
host = "west.demo.test"
account = 'DEMO\svc-west'
domains = ["west.demo.test"]
[[peer]]
name = "NORTH"
host = "10.1.1.1"
bind_back = "north-rpc.demo.test"
mapper_port = 2135
account = 'NORTH\svc'
domains = ["north.demo.test"]
override_account = 'NORTH\svc-east'
override_password_file = "north.pw"
admin = "http://10.1.1.1:9100/"
admin_token_file = "/etc/north.token"
configuration = "/etc/north.toml"
[hosts]
"West.demo.test" = "127.0.0.1"
east = ["127.0.0.1", "::1"]
[queue]
retry_first_s = 1
retry_factor = 3
retry_max_s = 2
life_urgent_s = 3
life_normal_s = 4
life_non_urgent_s = 5
[association]
checkpoint_kib = 0
window = 7
idle_s = 8
[admin]
socket = "/run/b.sock"
listen = "127.0.0.1:9100"
token_file = "token"
[events]
json_file = "events.jsonl"
stderr_level = "warning"
keep = 1000
"#;

#[test]
fn the_smallest_file_has_defaults_and_absolute_paths() {
    let config = Config::parse(Path::new("/etc/bindback/bindback.toml"), SMALLEST).unwrap();
    assert_eq!(config.server.host_name, "east.demo.test");
    assert_eq!(config.server.data_dir, Path::new("/etc/bindback/data"));
    assert_eq!(config.mail.maildir, Path::new("/etc/bindback/maildir"));
    assert_eq!(config.rpc.password_file, Path::new("/etc/bindback/secrets/service.password"));
    assert_eq!(config.admin.socket, Path::new("/etc/bindback/run/bindback.sock"));
    assert_eq!(config.server.domain.admd, " ");
    assert_eq!(config.smtp.listen, ["127.0.0.1:2525".parse().unwrap()]);
    assert_eq!(config.smtp.max_message_size, 52_428_800);
    assert_eq!((config.rpc.port, config.rpc.mapper_port, config.rpc.ltab_limit), (0, 135, 240));
    assert_eq!(config.rpc.bind_back_name, "east.demo.test");
    assert_eq!(config.rpc.call_timeout, Duration::from_secs(120));
    assert!(config.mail.mailboxes.contains("ANNA") && !config.mail.mailboxes.contains("bert"));
    assert!(config.mail.is_local_domain("EAST.demo.test"));
    assert!(config.peers.is_empty() && config.hosts.is_empty() && config.admin.listen.is_none());
    assert_eq!(config.events.stderr_level, StderrLevel::Information);
}

#[test]
fn a_full_file_sets_everything() {
    let config = Config::parse(Path::new("/srv/b.toml"), FULL).unwrap();
    let bare = Config::parse(Path::new("/srv/b.toml"), SMALLEST).unwrap();
    assert_eq!(config.server.domain.prmd, "");
    assert_eq!(config.smtp.allow[1].to_string(), "192.168.1.1/32");
    assert_eq!(config.mail.mailboxes, Mailboxes::Any);
    assert!(config.rpc.allow.is_empty());
    assert_eq!(config.peer("north").unwrap().bind_back, "north-rpc.demo.test");
    assert_eq!(config.peer("WEST").unwrap().bind_back, "west.demo.test");
    assert_eq!(config.peer_for_domain("WEST.demo.TEST").unwrap().name, "WEST");
    let north = &config.peers[1];
    assert_eq!(north.admin.as_ref().unwrap().url, "http://10.1.1.1:9100");
    assert_eq!(north.override_account.as_ref().unwrap().password_file, Path::new("/srv/north.pw"));
    assert_eq!(config.hosts["west.demo.test"], [IpAddr::from(Ipv4Addr::LOCALHOST)]);
    assert_eq!(config.hosts["east"].len(), 2);
    assert!((config.queue.retry_factor - 3.0).abs() < f64::EPSILON);
    assert_eq!(config.association.idle, Duration::from_secs(8));
    for (full, default) in [
        (format!("{:?}", config.smtp), format!("{:?}", bare.smtp)),
        (format!("{:?}", config.queue), format!("{:?}", bare.queue)),
        (format!("{:?}", config.association), format!("{:?}", bare.association)),
        (format!("{:?}", config.admin), format!("{:?}", bare.admin)),
        (format!("{:?}", config.events), format!("{:?}", bare.events)),
    ] {
        assert_ne!(full, default);
    }
}

#[test]
fn every_key_of_the_table_is_read() {
    // A key that the parser forgets could hold anything without a fault.
    for key in KEYS {
        let nonsense = format!("{} = {{ nonsense = true }}\n", key.name);
        let header = format!("{}\n", key.section.header());
        let mut text = String::new();
        let mut inside = false;
        let mut done = false;
        for line in FULL.lines() {
            if line.starts_with('[') {
                inside = format!("{line}\n") == header;
            }
            if inside && line.starts_with(&format!("{} = ", key.name)) {
                continue;
            }
            text.push_str(line);
            text.push('\n');
            if inside && !done && line.starts_with('[') {
                text.push_str(&nonsense);
                done = true;
            }
        }
        let error = Config::parse(Path::new("/b.toml"), &text).unwrap_err();
        assert!(error.to_string().contains(&key.path()), "{}: {error}", key.path());
    }
}

#[test]
fn the_template_loads_and_shows_every_key() {
    let text = template(&InitAnswers::default());
    let config = Config::parse(Path::new("/b/bindback.toml"), &text).unwrap();
    assert_eq!(config.rpc.mapper_port, 1135);
    assert!(config.peers.is_empty());
    for key in KEYS {
        let shown = text
            .lines()
            .any(|line| line.trim_start_matches("# ").starts_with(&format!("{} = ", key.name)));
        assert!(shown, "{}", key.path());
    }
    assert!(
        text.lines().all(|line| line.chars().count() <= 100 || !line.starts_with('#')),
        "{text}"
    );
}

#[test]
fn the_comments_of_the_template_are_true() {
    // With every comment that shows a default made live, nothing changes.
    let text = template(&InitAnswers { postmaster: None, ..InitAnswers::default() });
    let config = Config::parse(Path::new("/b/bindback.toml"), &text).unwrap();
    let mut live = String::new();
    let mut section = None;
    for line in text.lines() {
        let bare = line.trim_start_matches("# ");
        section = Section::ALL.into_iter().find(|section| section.header() == bare).or(section);
        let is_default = KEYS.iter().any(|key| {
            Some(key.section) == section
                && key.section != Section::Peer
                && matches!(key.fallback, Fallback::Value(default) if bare == format!("{} = {default}", key.name))
        });
        live.push_str(if is_default { bare } else { line });
        live.push('\n');
    }
    assert!(live.matches("\n#").count() < text.matches("\n#").count());
    assert_eq!(Config::parse(Path::new("/b/bindback.toml"), &live).unwrap(), config);
}

#[test]
fn the_template_carries_peers_hosts_and_other_keys() {
    let peer = |name: &str| PeerAnswers {
        name: name.to_owned(),
        host: format!("{name}.demo.test"),
        bind_back: Some(format!("{name}-rpc.demo.test")),
        mapper_port: 2135,
        account: format!("DEMO\\svc-{name}").parse().unwrap(),
        domains: vec![format!("{name}.demo.test")],
        admin: Some(("http://127.0.0.1:9101".to_owned(), "secrets/west.token".to_owned())),
        configuration: Some("../west/bindback.toml".to_owned()),
        auth: None,
    };
    let answers = InitAnswers {
        peers: vec![peer("west"), peer("north")],
        hosts: vec![(
            "a.test".to_owned(),
            vec![Ipv4Addr::LOCALHOST.into(), "::1".parse().unwrap()],
        )],
        admin_listen: Some("127.0.0.1:9100".parse().unwrap()),
        set: vec![
            (Section::Queue, "retry_first_s", "1".to_owned()),
            (Section::Events, "json_file", "\"e.jsonl\"".to_owned()),
        ],
        ..InitAnswers::default()
    };
    let config = Config::parse(Path::new("/b/bindback.toml"), &template(&answers)).unwrap();
    assert_eq!(config.peers.len(), 2);
    assert_eq!(config.peers[1].account.to_string(), "DEMO\\svc-north");
    assert_eq!(config.hosts["a.test"].len(), 2);
    assert_eq!(config.queue.retry_first, Duration::from_secs(1));
    assert_eq!(config.admin.token_file.as_deref(), Some(Path::new("/b/secrets/admin.token")));
    assert_eq!(config.events.json_file.as_deref(), Some(Path::new("/b/e.jsonl")));

    let wrong = InitAnswers {
        set: vec![(Section::Queue, "retry_frist_s", "1".to_owned())],
        ..InitAnswers::default()
    };
    let error = Config::parse(Path::new("/b/bindback.toml"), &template(&wrong)).unwrap_err();
    assert!(error.to_string().contains("retry_first_s"), "{error}");
}

#[test]
fn init_writes_once_and_keeps_secrets() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("new/east");
    let mut random = [0; RANDOM_BYTES];
    random[0] = 0xab;
    random[RANDOM_BYTES - 1] = 0xcd;
    let made = init(&folder, &InitAnswers::default(), &random).unwrap();
    let config = Config::load(&made.config).unwrap();
    assert_eq!(config.rpc.password_file, made.password_file);
    let password = read_secret(&made.password_file).unwrap();
    assert!(password.expose().starts_with("ab00") && password.expose().len() == RANDOM_BYTES);
    assert!(read_secret(&made.token_file).unwrap().expose().ends_with("00cd"));
    for name in ["data", "maildir", "run", "log", "secrets"] {
        assert_eq!(
            folder.join(name).metadata().unwrap().permissions().mode() & 0o777,
            0o700,
            "{name}"
        );
    }

    let again = init(&folder, &InitAnswers::default(), &[0; RANDOM_BYTES]).unwrap_err();
    assert!(matches!(again, ConfigError::Exists { ref path } if *path == made.config), "{again}");
    std::fs::remove_file(&made.config).unwrap();
    let again = init(&folder, &InitAnswers::default(), &[0; RANDOM_BYTES]).unwrap_err();
    assert!(
        matches!(again, ConfigError::Exists { ref path } if *path == made.password_file),
        "{again}"
    );
    assert!(!made.config.exists());
}

#[test]
fn a_fault_in_the_answers_leaves_nothing_behind() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("east");
    let answers = InitAnswers { host_name: "no name".to_owned(), ..InitAnswers::default() };
    assert!(init(&folder, &answers, &[0; RANDOM_BYTES]).is_err());
    assert!(!folder.exists());
}

#[test]
fn a_file_that_cannot_be_read_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("bindback.toml");
    let error = Config::load(&missing).unwrap_err();
    assert!(matches!(error, ConfigError::Read { .. }));
    assert!(error.to_string().contains("bindback init"), "{error}");
    assert!(Config::load(folder.path()).is_err());
    std::fs::write(&missing, vec![b'#'; 5_000_000]).unwrap();
    assert!(matches!(Config::load(&missing).unwrap_err(), ConfigError::Read { .. }));
    std::fs::write(&missing, b"# \xff\n").unwrap();
    assert!(matches!(Config::load(&missing).unwrap_err(), ConfigError::Read { .. }));
}
