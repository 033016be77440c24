//! Whole files: the smallest, a full one, and those that `init` writes.

use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use crate::{
    Config, ConfigError, DirectoryPlace, Fallback, InitAnswers, KEYS, Mailboxes, PeerAnswers,
    RANDOM_BYTES, Schedule, Section, StderrLevel, TransferMode, init, read_secret, template,
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
relay = ["10.1.0.0/16"]
dns = ["127.0.0.1:5353"]
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
[accounts]
key_file = "/keys/accounts"
policy_file = "policy.toml"
lockout_threshold = 5
lockout_reset_s = 60
lockout_duration_s = 0
password_overlap_s = 10
[directory]
kind = "ldap"
host = "dc1.demo.test"
port = 6636
protection = "starttls"
base = "DC=demo,DC=test"
bind_name = "cn=bindback"
password_file = "ldap.password"
ca_file = "/ca.pem"
poll_s = 7
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
[[dial_up]]
peer = "NORTH"
dial = ["dial", "north"]
hang_up = ["hang-up", "north"]
interface = "ppp0"
device = "ttyS0"
lock_file = "/run/lock/LCK..ttyS0"
dial_timeout_s = 1
tries = 2
redial_s = 3
open_interval_s = 4
open_retries = 5
idle_s = 6
longest_call_s = 70
schedule = "selected"
hours = "20:00-24:00"
[[connector]]
name = "internet"
kind = "smtp"
hosts = ["relay.demo.test:587"]
port = 2525
helo = "mail.demo.test"
max_message_size = 1000000
max_recipients = 10
allow_senders = ["*@demo.test"]
refuse_senders = ["guest@demo.test"]
open_retries = 5
max_associations = 2
messages_per_dialogue = 3
idle_s = 1
connect_timeout_s = 4
[[connector.address_space]]
type = "smtp"
pattern = "*"
cost = 10
max_message_size = 1000
[[connector]]
name = "to-north"
kind = "site"
peer = "NORTH"
[rfc1006]
listen = ["192.0.2.1", "2001:db8::1"]
port = 1102
allow = ["192.0.2.0/24"]
tpdu = 2048
t_selector = "MTA"
s_selector = "0x0001"
p_selector = "P1"
[[x400]]
name = "South"
name_case = "ignore"
host = "south.test"
port = 2102
domains = ["south.test"]
remote_password_file = "south-remote"
local_name = "EAST-X400"
local_password_file = "south-local"
mode = "x410"
dialogue = "two-way-alternate"
t_selector = "0xff"
s_selector = "s"
p_selector = "p"
checkpoint_kib = 0
window = 1
recovery_timeout_s = 1
open_retries = 2
open_interval_s = 3
transfer_retries = 4
transfer_interval_s = 5
lifetime_s = 6
disconnect_s = 7
threshold = 8
max_associations = 9
transfer_timeout_urgent_s = 10
transfer_timeout_normal_s = 11
transfer_timeout_non_urgent_s = 12
schedule = "selected"
hours = "08:00-12:00"
admin = "http://10.1.1.2:9100"
admin_token_file = "/etc/south.token"
configuration = "/etc/south.toml"
[[x400.address_space]]
type = "x400"
pattern = "c=DE"
cost = 10
max_message_size = 1000
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
    assert_eq!(config.rfc1006.own.session, [0, 1]);
    assert_eq!((config.rfc1006.port, config.rfc1006.tpdu), (1102, 2048));
    let south = config.x400("SOUTH").unwrap();
    assert_eq!((south.called.transport.as_slice(), south.port), (&[0xff][..], 2102));
    assert_eq!(south.schedule, Schedule::Selected(vec![(480, 720)]));
    assert_eq!((south.mode, south.two_way), (TransferMode::X410, true));
    assert_eq!(south.local_name, "EAST-X400");
    assert!((config.queue.retry_factor - 3.0).abs() < f64::EPSILON);
    assert_eq!(config.association.idle, Duration::from_secs(8));
    for (full, default) in [
        (format!("{:?}", config.smtp), format!("{:?}", bare.smtp)),
        (format!("{:?}", config.accounts), format!("{:?}", bare.accounts)),
        (format!("{:?}", config.directory), format!("{:?}", bare.directory)),
        (format!("{:?}", config.queue), format!("{:?}", bare.queue)),
        (format!("{:?}", config.association), format!("{:?}", bare.association)),
        (format!("{:?}", config.admin), format!("{:?}", bare.admin)),
        (format!("{:?}", config.events), format!("{:?}", bare.events)),
    ] {
        assert_ne!(full, default);
    }
}

/// The defaults are those of the classic connector.
#[test]
fn an_x400_connector_has_the_classic_defaults() {
    let text = format!(
        "{SMALLEST}[[x400]]\nname = \"WEST\"\nhost = \"west.test\"\ndomains = [\"west.test\"]\n"
    );
    let config = Config::parse(Path::new("/b.toml"), &text).unwrap();
    let west = config.x400("WEST").unwrap();
    let seconds = Duration::from_secs;
    assert_eq!((west.port, config.rfc1006.port, west.local_name.as_str()), (102, 102, "EAST"));
    assert_eq!((west.mode, west.two_way), (TransferMode::Normal, false));
    let (transfer, retry) = (&west.transfer, &west.retry);
    assert_eq!((transfer.checkpoint_kib, transfer.window), (30, 5));
    assert_eq!(transfer.recovery_timeout, seconds(60));
    let timeouts = [transfer.timeout_urgent, transfer.timeout_normal, transfer.timeout_non_urgent];
    assert_eq!(timeouts, [1000, 2000, 3000].map(seconds));
    assert_eq!((retry.open_retries, retry.open_interval), (144, seconds(600)));
    assert_eq!((retry.transfer_retries, retry.transfer_interval), (2, seconds(120)));
    assert_eq!((retry.lifetime, retry.disconnect), (seconds(300), seconds(120)));
    assert_eq!((retry.threshold, retry.max_associations), (50, 10));
    assert_eq!(west.schedule, Schedule::Always);
}

#[test]
fn connectors_that_contradict_themselves_are_told() {
    let parse = |more: &str| {
        let text = format!(
            "{SMALLEST}[[x400]]\nname = \"WEST\"\nhost = \"west.test\"\ndomains = [\"west.test\"]\n{more}"
        );
        Config::parse(Path::new("/b.toml"), &text).map_err(|error| error.to_string())
    };
    for (more, part) in [
        ("schedule = \"selected\"\n", "has no hours"),
        ("hours = \"08:00-09:00\"\n", "schedule \"selected\" only"),
        ("schedule = \"remote-initiated\"\n", "two-way-alternate"),
        ("schedule = \"selected\"\nhours = \"nine to five\"\n", "list of ranges"),
        ("t_selector = \"0xabc\"\n", "hexadecimal"),
        ("s_selector = \"seventeen letters\"\n", "has 17 octets"),
        ("admin = \"http://a.test:1\"\n", "x400.admin has no admin_token_file"),
        ("[[x400]]\nname = \"west\"\nhost = \"b\"\ndomains = [\"b.test\"]\n", "another MTA"),
        ("[[x400]]\nname = \"EAST\"\nhost = \"b\"\ndomains = [\"b.test\"]\n", "this server"),
        (
            "[[x400]]\nname = \"NORTH\"\nhost = \"b\"\ndomains = [\"west.test\"]\n",
            "belongs to WEST already",
        ),
    ] {
        let error = parse(more).unwrap_err();
        assert!(error.contains(part), "{more}: {error}");
    }
    parse("schedule = \"remote-initiated\"\ndialogue = \"two-way-alternate\"\n").unwrap();
}

#[test]
fn a_directory_in_ldap_needs_a_host_and_kerberos_a_realm() {
    let parse = |more: &str| Config::parse(Path::new("/b.toml"), &format!("{SMALLEST}{more}\n"));
    for (more, expected) in [
        ("kind = \"ldap\"", "directory.host is missing"),
        (
            "kind = \"ldap\"\nhost = \"dc\"\nprotection = \"kerberos\"",
            "rpc.kerberos_realm is missing",
        ),
        ("kind = \"ldap\"\nhost = \"dc\"\nprotection = \"none\"", "directory.protection"),
    ] {
        let error = parse(&format!("[directory]\n{more}")).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    for (protection, port) in [("ldaps", 636), ("starttls", 389)] {
        let more =
            format!("[directory]\nkind = \"ldap\"\nhost = \"dc\"\nprotection = \"{protection}\"");
        let config = parse(&more).unwrap();
        let DirectoryPlace::Ldap(ldap) = &config.directory else { panic!("{config:?}") };
        assert_eq!(
            (ldap.port, ldap.bind_name.as_str()),
            (port, config.rpc.account.to_string().as_str())
        );
        assert_eq!(ldap.password_file, config.rpc.password_file);
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
                && !key.section.is_list()
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
    // Others may pass the folder of the socket, which has a mode of its own, and look into none.
    let modes =
        [("data", 0o700), ("maildir", 0o700), ("run", 0o711), ("log", 0o700), ("secrets", 0o700)];
    for (name, mode) in modes {
        let found = folder.join(name).metadata().unwrap().permissions().mode();
        assert_eq!(found & 0o777, mode, "{name}");
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
