//! The texts of the MTA's events, to put the insertion strings of a binary log into.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// One event a line: number, category, wording.
const TEXT: &str = include_str!("templates.txt");
/// What other sources log that bears on mail, by source and number.
const OTHERS: &[(&str, u32, &str)] = &[
    ("netlogon", 3210, "Failed to authenticate with %1, a domain controller for domain %2."),
    (
        "netlogon",
        3224,
        "Changing machine account password for account %1 failed with the following error: %2",
    ),
    (
        "netlogon",
        5719,
        "No domain controller is available for domain %1 for the following reason: %2",
    ),
    (
        "netlogon",
        5721,
        "The session setup to the domain controller %1 for the domain %2 failed because there is no trust account %3.",
    ),
    (
        "netlogon",
        5722,
        "The session setup from the computer %1 failed to authenticate. The name of the account referenced in the security database is %2. The following error occurred: %3",
    ),
    (
        "netlogon",
        5723,
        "The session setup from computer %1 failed because the security database has no trust account %2.",
    ),
    (
        "netlogon",
        5770,
        "The session setup to the domain controller %1 from computer %2 using account %4 failed. %2 is declared to be a backup domain controller in domain %3.",
    ),
    (
        "netlogon",
        5827,
        "The Netlogon service denied a vulnerable Netlogon secure channel connection from a machine account. Machine SamAccountName: %1, domain: %2",
    ),
    (
        "netlogon",
        5828,
        "The Netlogon service denied a vulnerable Netlogon secure channel connection using a trust account. Trust name: %2",
    ),
    (
        "netlogon",
        5829,
        "The Netlogon service allowed a vulnerable Netlogon secure channel connection. Machine SamAccountName: %1, domain: %2",
    ),
    (
        "srv",
        2011,
        "The server's configuration parameter irpstacksize is too small for the server to use a local device.",
    ),
    (
        "srv",
        2019,
        "The server was unable to allocate from the system nonpaged pool because the pool was empty.",
    ),
    (
        "srv",
        2020,
        "The server was unable to allocate from the system paged pool because the pool was empty.",
    ),
    (
        "lsasrv",
        40960,
        "The Security System detected an authentication error for the server %1. The failure code from authentication protocol %2 was %3.",
    ),
    (
        "lsasrv",
        40961,
        "The Security System could not establish a secured connection with the server %1. No authentication protocol was available.",
    ),
    (
        "service control manager",
        7000,
        "The %1 service failed to start due to the following error: %2",
    ),
    (
        "service control manager",
        7001,
        "The %1 service depends on the %2 service which failed to start because of the following error: %3",
    ),
    (
        "service control manager",
        7003,
        "The %1 service depends on the following nonexistent service: %2",
    ),
    (
        "service control manager",
        7009,
        "Timeout (%1 milliseconds) waiting for the %2 service to connect.",
    ),
    (
        "service control manager",
        7013,
        "Logon attempt with current password failed with the following error: %1",
    ),
];

/// A template with its category.
#[derive(Clone, Copy, Debug)]
struct Template {
    category: Option<&'static str>,
    text: &'static str,
}

static MTA: LazyLock<BTreeMap<u32, Template>> = LazyLock::new(|| {
    let lines = TEXT.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| {
            let mut fields = line.splitn(3, '\t');
            let id = fields.next()?.parse().ok()?;
            let category = fields.next().filter(|category| *category != "-");
            Some((id, Template { category, text: fields.next()? }))
        })
        .collect()
});

/// The text of an event with its insertion strings in place; those that the wording has no place for follow it.
#[must_use]
pub fn fill(source: &str, id: u32, strings: &[String]) -> String {
    let Some(template) = find(source, id) else { return strings.join(" ") };
    let mut used = vec![false; strings.len()];
    let mut out = String::with_capacity(template.len() + 64);
    let mut rest = template;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let number = after[..digits].parse::<usize>().ok().filter(|number| *number > 0);
        match number.and_then(|number| Some((number, strings.get(number - 1)?))) {
            Some((number, string)) => {
                out.push_str(string);
                used[number - 1] = true;
            }
            None => out.push_str(&rest[at..=at + digits]),
        }
        rest = &after[digits..];
    }
    out.push_str(rest);
    let left: Vec<&str> = strings
        .iter()
        .zip(&used)
        .filter(|(_, used)| !**used)
        .map(|(text, _)| text.as_str())
        .collect();
    if !left.is_empty() {
        out.push_str(" (");
        out.push_str(&left.join(", "));
        out.push(')');
    }
    out
}

/// The category of an event of the MTA.
#[must_use]
pub fn category(source: &str, id: u32) -> Option<&'static str> {
    MTA.get(&id).filter(|_| is_mta(source))?.category
}

fn find(source: &str, id: u32) -> Option<&'static str> {
    if is_mta(source) {
        return MTA.get(&id).map(|template| template.text);
    }
    let source = source.to_ascii_lowercase();
    let found = OTHERS.iter().find(|(known, number, _)| *number == id && source.ends_with(known));
    found.map(|(_, _, text)| *text)
}

fn is_mta(source: &str) -> bool {
    source.eq_ignore_ascii_case(event::SOURCE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(list: &[&str]) -> Vec<String> {
        list.iter().map(|one| (*one).to_owned()).collect()
    }

    #[test]
    fn insertion_strings_find_their_places() {
        let text = fill("MSExchangeMTA", 9318, &strings(&["4", "1722", "1722", "0", "WEST", "a"]));
        assert!(text.contains("index: 4, NT/MTA error code: 1722. Comms error 1722, Bind error 0, Remote Server Name WEST [a %7"), "{text}");
        assert_eq!(fill("Other", 1, &strings(&["a", "b"])), "a b");
        let five = fill("NETLOGON", 5719, &strings(&["DOM", "no logon servers", "more"]));
        assert!(five.contains("domain DOM") && five.ends_with("(more)"), "{five}");
    }

    #[test]
    fn every_line_is_a_template() {
        let lines = TEXT.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(MTA.len(), lines);
        assert_eq!(category("MSExchangeMTA", 9318), Some("Interface"));
    }

    #[test]
    fn what_the_catalogue_reads_is_what_a_template_makes() {
        let made = fill("MSExchangeMTA", 9318, &strings(&["4", "1722", "1722", "0", "WEST"]));
        let read = event::read(Some(9318), &made).unwrap();
        assert_eq!(read.word("remote_server"), Some("WEST"), "{:?}", read.params);
    }
}
