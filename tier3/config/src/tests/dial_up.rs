//! `[[dial_up]]`.

use std::path::Path;
use std::time::Duration;

use super::files::SMALLEST;
use crate::{Config, ConfigError, Schedule};

fn parse(added: &str) -> Result<Config, ConfigError> {
    Config::parse(Path::new("/etc/b.toml"), &format!("{SMALLEST}{added}"))
}

const WEST: &str = "[[peer]]\nname = \"WEST\"\nhost = \"west.test\"\naccount = 'D\\w'\ndomains = [\"west.test\"]\n";

fn connector(lines: &str) -> String {
    format!("{WEST}[[dial_up]]\npeer = \"WEST\"\n{lines}")
}

/// Claims: 18
#[test]
fn a_dial_up_connector_has_its_commands_and_the_times_of_the_field() {
    let config = parse(&connector(
        "dial = [\"pppd\", \"call\", \"west\", \"updetach\"]\nhang_up = [\"poff\", \"west\"]\nlock_file = \"lock\"\n",
    ))
    .unwrap();
    let one = config.dial_up("west").unwrap();
    assert_eq!(one.dial, ["pppd", "call", "west", "updetach"]);
    assert_eq!(one.hang_up.as_deref().unwrap(), ["poff", "west"]);
    assert_eq!(one.lock_file.as_deref(), Some(Path::new("/etc/lock")));
    assert_eq!((one.tries, one.open_retries), (3, 144));
    assert_eq!(one.open_interval, Duration::from_secs(600));
    assert_eq!((one.schedule.clone(), one.waits_for_calls()), (Schedule::Always, false));
    let called = parse(&connector("schedule = \"remote-initiated\"\n")).unwrap();
    assert!(called.dial_ups[0].waits_for_calls() && called.dial_ups[0].dial.is_empty());
    let hours = "dial = [\"d\"]\nschedule = \"selected\"\nhours = \"20:00-24:00\"\n";
    assert_eq!(
        parse(&connector(hours)).unwrap().dial_ups[0].schedule,
        Schedule::Selected(vec![(1200, 1440)])
    );
}

#[test]
fn nonsense_is_refused_with_its_place_and_the_way_out() {
    let dial = "dial = [\"pppd\", \"call\", \"west\"]\n";
    let with = |lines: &str| connector(&format!("{dial}{lines}"));
    for (text, parts) in [
        (connector(""), ["dial_up.dial is missing", "remote-initiated"]),
        (connector("dial = []\n"), ["the list is empty", "dial_up.dial"]),
        (
            connector("dial = [\"pppd call west\"]\n"),
            ["no shell reads this", "an entry of its own"],
        ),
        (connector("dial = [\"bin/dial\"]\n"), ["absolute path", "dial_up.dial"]),
        (
            connector("dial = [\"pppd\", \"user\", \"x\", \"password\", \"y\"]\n"),
            ["looks like a secret", "chap-secrets"],
        ),
        (
            connector("dial = [\"dial\", \"--password=y\"]\n"),
            ["looks like a secret", "dial_up.dial"],
        ),
        (connector("dial = \"pppd call west\"\n"), ["a list", "dial_up.dial"]),
        (connector("schedule = \"never\"\nhang_up = [\"x\"]\n"), ["has no dial", "remove hang_up"]),
        (with("schedule = \"remote-initiated\"\n"), ["the peer dials", "remove dial"]),
        (with("schedule = \"selected\"\n"), ["has no hours", "add hours"]),
        (with("idle_s = 20\nlongest_call_s = 15\n"), ["longest_call_s", "idle_s shorter"]),
        (with("tries = 0\n"), ["dial_up.tries", "out of range"]),
        (with("tires = 2\n"), ["tires", "tries"]),
        (with("[[dial_up]]\npeer = \"WEST\"\ndial = [\"x\"]\n"), ["already", "remove one"]),
        (
            with("").replace("peer = \"WEST\"", "peer = \"West\""),
            ["upper and lower case", "\"WEST\""],
        ),
        (with("").replace("peer = \"WEST\"", "peer = \"NORTH\""), ["no peer", "[[peer]]"]),
        (
            with("").replace("host = ", "directory = \"replicated\"\nhost = "),
            ["replicated", "[[dial_up]]"],
        ),
    ] {
        let told = parse(&text).unwrap_err().to_string();
        assert!(parts.iter().all(|part| told.contains(part)), "{text}\n{told}");
        assert!(told.contains("/etc/b.toml:"), "{told}");
    }
}
