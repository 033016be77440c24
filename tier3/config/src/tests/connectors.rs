//! `[[connector]]` and its address spaces.

use std::path::Path;

use super::files::SMALLEST;
use crate::{Config, ConfigError, ConnectorKind, HostPort, MailContent, Schedule, reference_page};

fn parse(added: &str) -> Result<Config, ConfigError> {
    Config::parse(Path::new("/etc/b.toml"), &format!("{SMALLEST}{added}"))
}

const WEST: &str = "[[peer]]\nname = \"WEST\"\nhost = \"west.test\"\naccount = 'D\\w'\ndomains = [\"west.test\"]\n";

#[test]
fn a_connector_says_where_and_for_whom() {
    let text = format!(
        "{WEST}[[connector]]\nname = \"internet\"\nkind = \"smtp\"\nmax_message_size = 1000\n\
         [[connector.address_space]]\npattern = \"*\"\ncost = 5\n\
         [[connector.address_space]]\ntype = \"x400\"\npattern = \"c=US;a= \"\nmax_message_size = 9\n\
         [[connector]]\nname = \"hub\"\nkind = \"smtp\"\nhosts = [\"Relay.test:587\", \"127.0.0.1\"]\nallow_senders = [\"*@A.test\"]\n\
         [[connector]]\nname = \"to-west\"\nkind = \"site\"\npeer = \"west\"\nopen_retries = 3\n\
         [[connector.address_space]]\npattern = \"*\"\ncost = 9\n"
    );
    let config = parse(&text).unwrap();
    let [internet, hub, west] = config.connectors.as_slice() else { panic!("three") };
    let ConnectorKind::Smtp(smtp) = &internet.kind else { panic!("smtp") };
    assert!(smtp.hosts.is_empty() && smtp.port == 25 && smtp.helo == "east.demo.test");
    assert_eq!(internet.restrictions.max_message_size, Some(1000));
    let spaces: Vec<(String, u32, Option<u64>)> = internet
        .address_spaces
        .iter()
        .map(|space| (space.to_string(), space.cost(), space.max_message_size))
        .collect();
    let expected = [("smtp:*".to_owned(), 5, None), ("x400:c=US;a= ".to_owned(), 1, Some(9))];
    assert_eq!(spaces, expected);
    let ConnectorKind::Smtp(smtp) = &hub.kind else { panic!("smtp") };
    let hosts = [("relay.test", 587), ("127.0.0.1", 25)]
        .map(|(host, port)| HostPort { host: host.to_owned(), port });
    assert_eq!(smtp.hosts, hosts);
    assert_eq!(hub.restrictions.allow_senders, ["*@a.test"]);
    assert_eq!(west.kind, ConnectorKind::Site { peer: "west".to_owned() });
    assert_eq!((west.open_retries, internet.open_retries), (Some(3), None));
    assert_eq!(config.connector("INTERNET"), Some(internet));
    assert_eq!(internet.schedule, Schedule::Always);
}

#[test]
fn an_x400_mta_has_address_spaces_of_its_own() {
    let x400 = "[[x400]]\nname = \"WEST\"\nhost = \"west.test\"\n";
    let space = |rest: &str| format!("{x400}[[x400.address_space]]\n{rest}");
    let config = parse(&space("pattern = \"/C=DE/ADMD= /\"\ncost = 7\n")).unwrap();
    let [found] = config.x400[0].address_spaces.as_slice() else { panic!() };
    assert_eq!((found.to_string().as_str(), found.cost()), ("x400:/C=DE/ADMD= /", 7));
    assert_eq!(config.x400[0].content, MailContent::Rfc822);
    let converting = format!("{x400}domains = [\"west.test\"]\ncontent = \"p22\"\n");
    assert_eq!(parse(&converting).unwrap().x400[0].content, MailContent::P22);
    let connector = "[[connector]]\nname = \"west\"\nkind = \"smtp\"\n";
    for (text, part) in [
        (space("pattern = \"c=DE;zz=1\"\n"), "x400.address_space.pattern"),
        (space("pattern = \"c=DE;zz=1\"\n"), "unknown key `zz`"),
        (space("patern = \"c=DE\"\n"), "[[x400.address_space]]"),
        (x400.to_owned(), "and no address space"),
        (space(&format!("pattern = \"c=DE\"\n{connector}")), "the name of something else"),
    ] {
        let error = parse(&text).unwrap_err();
        let fault = error.fault().expect(part).to_string();
        assert!(fault.contains(part), "{fault}");
    }
}

#[test]
fn a_connector_of_kind_smtp_may_have_hours() {
    let connector = |more: &str| format!("{WEST}[[connector]]\nname = \"x\"\n{more}");
    let smtp = |more: &str| connector(&format!("kind = \"smtp\"\n{more}"));
    let config = parse(&smtp("schedule = \"selected\"\nhours = \"08:00-09:30\"\n")).unwrap();
    assert_eq!(config.connectors[0].schedule, Schedule::Selected(vec![(480, 570)]));
    let config = parse(&smtp("schedule = \"never\"\n")).unwrap();
    assert_eq!(config.connectors[0].schedule, Schedule::Never);
    let site = "kind = \"site\"\npeer = \"WEST\"\nschedule = \"never\"\n";
    for (text, part) in [
        (smtp("schedule = \"selected\"\n"), "connector.schedule: \"selected\" has no hours"),
        (smtp("hours = \"08:00-09:30\"\n"), "connector.hours is of use"),
        (smtp("schedule = \"remote-initiated\"\n"), "schedule"),
        (connector(site), "only for connectors of kind smtp"),
    ] {
        let error = parse(&text).unwrap_err();
        let fault = error.fault().expect(part).to_string();
        assert!(fault.contains(part), "{fault}");
    }
}

#[test]
fn faults_name_their_place() {
    for (added, line, part) in [
        ("[connector]\nname = \"x\"\n", 11, "list of tables"),
        ("[[connector]]\nname = \"x\"\nkind = \"fax\"\n", 13, "is no kind"),
        ("[[connector]]\nname = \"x\"\nkind = \"site\"\n", 13, "connector.peer is missing"),
        ("[[connector]]\nname = \"x\"\nkind = \"site\"\npeer = \"Y\"\n", 14, "no peer \"Y\""),
        ("[[connector]]\nname = \"x\"\nkind = \"smtp\"\npeer = \"Y\"\n", 14, "of kind site"),
        ("[[connector]]\nname = \"x\"\nkind = \"smtp\"\nhost = \"Y\"\n", 14, "hosts"),
        ("[[connector]]\nname = \"east\"\nkind = \"smtp\"\n", 12, "the name of something else"),
        ("[[connector]]\nname = \"local\"\nkind = \"smtp\"\n", 12, "the name of something else"),
        (
            "[[connector]]\nname = \"x\"\nkind = \"smtp\"\n[[connector.address_space]]\npattern = \"a b\"\n",
            15,
            "no mail domain",
        ),
        (
            "[[connector]]\nname = \"x\"\nkind = \"smtp\"\n[[connector.address_space]]\npattern = \"*\"\ncost = 101\n",
            16,
            "out of range",
        ),
        (
            "[[connector]]\nname = \"x\"\nkind = \"smtp\"\n[[connector.address_space]]\npatern = \"*\"\n",
            15,
            "nearest known key is pattern",
        ),
        (
            "[[connector]]\nname = \"x\"\nkind = \"smtp\"\n[connector.address_space]\npattern = \"*\"\n",
            14,
            "list of tables",
        ),
    ] {
        let error = parse(added).expect_err(added);
        let fault = error.fault().expect(added);
        assert_eq!(fault.line, line, "{fault}");
        assert!(fault.to_string().contains(part), "{part}: {fault}");
    }
}

#[test]
fn the_reference_has_both_tables() {
    let page = reference_page();
    assert!(page.contains("## [[connector]]\n") && page.contains("## [[connector.address_space]]"));
}
