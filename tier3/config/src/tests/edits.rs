//! Edits keep comments and layout, and never leave a file that does not load.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::files::SMALLEST;
use crate::Config;
use crate::edit::{
    Change, Listener, allow_network, put_back, remove_host, remove_network, set_host,
};

const LAID_OUT: &str = r#"# The east server.
[server]
name = "EAST"   # as in the directory
organisation = "Demo"
site = "HQ"
host_name = "east.demo.test"

[mail]
domains = ["east.demo.test"]
mailboxes = ["anna"]

[rpc]
account = 'DEMO\svc-east'
allow = [
    "127.0.0.0/8",   # this machine
    "10.0.0.0/8",    # the site
]   # who may call

[hosts]
# The neighbour.
"West.demo.test" = "127.0.0.1"   # loopback

[queue]
retry_first_s = 5
"#;

fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bindback.toml");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

fn read(path: &PathBuf) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn a_text_is_put_back_unless_somebody_changed_it_since() {
    let (_folder, path) = file(LAID_OUT);
    set_host(&path, "north.demo.test", &["10.0.0.9".parse().unwrap()]).unwrap();
    let changed = read(&path);
    assert_ne!(changed, LAID_OUT);
    assert!(put_back(&path, &changed, LAID_OUT).unwrap());
    assert_eq!(read(&path), LAID_OUT);
    // Another one's change is not lost, and a text that does not load is not written.
    assert!(!put_back(&path, &changed, LAID_OUT).unwrap());
    assert!(put_back(&path, LAID_OUT, "[serve]").is_err());
    assert_eq!(read(&path), LAID_OUT);
}

#[test]
fn a_host_changes_in_place_and_goes() {
    let (_folder, path) = file(LAID_OUT);
    assert_eq!(
        set_host(&path, "west.demo.test", &["10.0.0.7".parse().unwrap()]).unwrap(),
        Change::Written
    );
    assert_eq!(read(&path), LAID_OUT.replace("= \"127.0.0.1\"", "= \"10.0.0.7\""));
    assert_eq!(
        set_host(&path, "WEST.demo.test", &["10.0.0.7".parse().unwrap()]).unwrap(),
        Change::AlreadySo
    );
    assert_eq!(
        set_host(&path, "west.demo.test", &["127.0.0.1".parse().unwrap()]).unwrap(),
        Change::Written
    );
    assert_eq!(read(&path), LAID_OUT);

    let added = LAID_OUT
        .replace("# loopback\n", "# loopback\n\"north.demo.test\" = [\"10.0.0.8\", \"::1\"]\n");
    set_host(&path, "north.demo.test", &["10.0.0.8".parse().unwrap(), "::1".parse().unwrap()])
        .unwrap();
    assert_eq!(read(&path), added);
    assert_eq!(remove_host(&path, "north.demo.test").unwrap(), Change::Written);
    assert_eq!(read(&path), LAID_OUT);
    assert_eq!(remove_host(&path, "north.demo.test").unwrap(), Change::AlreadySo);
    assert_eq!(remove_host(&path, "west.demo.test").unwrap(), Change::Written);
    assert!(Config::load(&path).unwrap().hosts.is_empty());
    assert!(
        read(&path).contains("# The east server.") && read(&path).contains("retry_first_s = 5")
    );
}

#[test]
fn hosts_appear_where_there_were_none() {
    let (_folder, path) = file(SMALLEST);
    assert_eq!(remove_host(&path, "a.test").unwrap(), Change::AlreadySo);
    set_host(&path, "a.test", &["::1".parse().unwrap()]).unwrap();
    assert_eq!(read(&path), format!("{SMALLEST}\n[hosts]\n\"a.test\" = \"::1\"\n"));
}

#[test]
fn networks_keep_their_lines() {
    let (_folder, path) = file(LAID_OUT);
    assert_eq!(
        allow_network(&path, Listener::Rpc, "192.168.0.0/16".parse().unwrap()).unwrap(),
        Change::Written
    );
    let site = "    \"10.0.0.0/8\",    # the site\n";
    assert_eq!(read(&path), LAID_OUT.replace(site, &format!("{site}    \"192.168.0.0/16\",\n")));
    assert_eq!(
        allow_network(&path, Listener::Rpc, "192.168.7.7/16".parse().unwrap()).unwrap(),
        Change::AlreadySo
    );
    assert_eq!(
        remove_network(&path, Listener::Rpc, "192.168.0.0/16".parse().unwrap()).unwrap(),
        Change::Written
    );
    assert_eq!(read(&path), LAID_OUT);
    assert_eq!(
        remove_network(&path, Listener::Rpc, "192.168.0.0/16".parse().unwrap()).unwrap(),
        Change::AlreadySo
    );
    assert_eq!(
        remove_network(&path, Listener::Rpc, "127.0.0.0/8".parse().unwrap()).unwrap(),
        Change::Written
    );
    let this_machine = "    \"127.0.0.0/8\",   # this machine\n";
    assert_eq!(read(&path), LAID_OUT.replace(this_machine, ""));
    assert_eq!(Config::load(&path).unwrap().rpc.allow, ["10.0.0.0/8".parse().unwrap()]);
}

#[test]
fn the_last_network_may_go_and_come_back() {
    let (_folder, path) = file(LAID_OUT);
    for network in ["127.0.0.0/8", "10.0.0.0/8"] {
        assert_eq!(
            remove_network(&path, Listener::Rpc, network.parse().unwrap()).unwrap(),
            Change::Written
        );
    }
    assert!(Config::load(&path).unwrap().rpc.allow.is_empty());
    for network in ["127.0.0.0/8", "10.0.0.0/8"] {
        assert_eq!(
            allow_network(&path, Listener::Rpc, network.parse().unwrap()).unwrap(),
            Change::Written
        );
    }
    assert_eq!(Config::load(&path).unwrap().rpc.allow.len(), 2);
}

#[test]
fn a_default_list_is_written_out_when_it_changes() {
    let (_folder, path) = file(SMALLEST);
    let loopback = "127.0.0.0/8".parse().unwrap();
    assert_eq!(allow_network(&path, Listener::Smtp, loopback).unwrap(), Change::AlreadySo);
    assert_eq!(read(&path), SMALLEST);
    assert_eq!(remove_network(&path, Listener::Rpc, loopback).unwrap(), Change::Written);
    assert_eq!(read(&path), format!("{SMALLEST}allow = [\"::1/128\"]\n"));
    assert_eq!(allow_network(&path, Listener::Rpc, loopback).unwrap(), Change::Written);
    assert_eq!(read(&path), format!("{SMALLEST}allow = [\"::1/128\", \"127.0.0.0/8\"]\n"));
    assert_eq!(
        allow_network(&path, Listener::Smtp, "10.0.0.0/8".parse().unwrap()).unwrap(),
        Change::Written
    );
    assert!(
        read(&path).ends_with("\n[smtp]\nallow = [\"127.0.0.0/8\", \"::1/128\", \"10.0.0.0/8\"]\n"),
        "{}",
        read(&path)
    );
}

#[test]
fn an_edit_that_would_not_load_changes_nothing() {
    let (folder, path) = file(LAID_OUT);
    let error = set_host(&path, "no name", &["::1".parse().unwrap()]).unwrap_err();
    assert!(error.to_string().contains("no name"), "{error}");
    assert!(set_host(&path, "a.test", &[]).is_err());
    assert_eq!(read(&path), LAID_OUT);
    std::fs::write(&path, "[server]\nnam = 1\n").unwrap();
    assert!(remove_host(&path, "a.test").unwrap_err().fault().is_some());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing temporary stays");
}

#[test]
fn mode_and_symbolic_link_stay() {
    let (folder, path) = file(LAID_OUT);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let link = folder.path().join("link.toml");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    set_host(&link, "a.test", &["::1".parse().unwrap()]).unwrap();
    assert!(link.is_symlink());
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o640);
    assert!(read(&path).contains("a.test"));
}

#[test]
fn edits_at_the_same_time_all_arrive() {
    let (_folder, path) = file(SMALLEST);
    std::thread::scope(|scope| {
        for number in 0..8 {
            let path = &path;
            scope.spawn(move || {
                set_host(path, &format!("h{number}.test"), &["::1".parse().unwrap()]).unwrap()
            });
        }
    });
    assert_eq!(Config::load(&path).unwrap().hosts.len(), 8);
}
