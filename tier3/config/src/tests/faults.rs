//! Every sort of fault, with its exact place.

use std::path::Path;

use super::files::SMALLEST;
use crate::{Config, Fault, FaultKind};

fn fault(text: &str) -> Fault {
    Config::parse(Path::new("/etc/b.toml"), text)
        .expect_err(text)
        .fault()
        .expect("a fault in the text")
        .clone()
}

/// Asserts kind, line, column, and what the message must hold.
#[track_caller]
fn check(text: &str, kind: FaultKind, place: (usize, usize), parts: &[&str]) {
    let fault = fault(text);
    let message = fault.to_string();
    assert_eq!((fault.kind, (fault.line, fault.column)), (kind, place), "{message}");
    assert!(message.starts_with(&format!("/etc/b.toml:{}:{}: ", place.0, place.1)), "{message}");
    assert!(!fault.way_out.is_empty() && !message.contains('\n'), "{message}");
    for part in parts {
        assert!(message.contains(part), "{part}: {message}");
    }
}

/// `SMALLEST` has ten lines; what is added stands from line 11.
fn with(added: &str) -> String {
    format!("{SMALLEST}{added}")
}

const PEER: &str = "[[peer]]\nname = \"WEST\"\nhost = \"west.test\"\naccount = 'D\\w'\ndomains = [\"west.test\"]\n";

#[test]
fn syntax() {
    check("[server]\nname = EAST\n", FaultKind::Syntax, (2, 8), &["not TOML", "quotes"]);
    check("[server]\nname = \"A\"\nname = \"B\"\n", FaultKind::Syntax, (3, 1), &["duplicate"]);
    check("[server\n", FaultKind::Syntax, (1, 8), &[]);
}

#[test]
fn unknown_keys_and_tables() {
    check(
        &with("maper_port = 135\n"),
        FaultKind::UnknownKey,
        (11, 1),
        &["\"maper_port\"", "[rpc]", "mapper_port"],
    );
    check(&with("  colour = 1\n"), FaultKind::UnknownKey, (11, 3), &["the keys listen, port"]);
    check(&with("retry_first_s = 1\n"), FaultKind::UnknownKey, (11, 1), &["belongs under [queue]"]);
    check(&with("[qeue]\n"), FaultKind::UnknownSection, (11, 2), &["\"qeue\"", "queue"]);
    check(
        &with("[[peers]]\n"),
        FaultKind::UnknownSection,
        (11, 3),
        &["nearest known table is peer"],
    );
    check("host_name = \"x\"\n", FaultKind::UnknownKey, (1, 1), &["move it under [server]"]);
    check("zzzzzzzz = 1\n", FaultKind::UnknownKey, (1, 1), &["the tables are server, smtp"]);
    check(
        &with(&format!("{PEER}acount = 'x'\n")),
        FaultKind::UnknownKey,
        (16, 1),
        &["[[peer]]", "account"],
    );
    check(&with("\"ä\" = 1\nx = 2\n"), FaultKind::UnknownKey, (11, 1), &[]);
}

#[test]
fn shapes_of_tables() {
    check(&with("[peer]\nname = \"WEST\"\n"), FaultKind::WrongType, (11, 2), &["peer", "[[peer]]"]);
    check("[[server]]\n", FaultKind::WrongType, (1, 3), &["one table", "[server]"]);
    check("server = 1\n", FaultKind::WrongType, (1, 1), &["an integer"]);
    check("hosts = 1\n", FaultKind::WrongType, (1, 1), &["[hosts]"]);
    check(
        &with("[rpc.port]\n"),
        FaultKind::WrongType,
        (11, 6),
        &["rpc.port is a table", "port = 0"],
    );
}

#[test]
fn wrong_types() {
    check(
        &with("port = \"135\"\n"),
        FaultKind::WrongType,
        (11, 8),
        &["rpc.port", "whole number", "found a string", "port = 0"],
    );
    check(&with("port = 1.5\n"), FaultKind::WrongType, (11, 8), &["found a float"]);
    check(&with("listen = 1\n"), FaultKind::WrongType, (11, 10), &["text in quotes", "an integer"]);
    check(&with("allow = \"10.0.0.0/8\"\n"), FaultKind::WrongType, (11, 9), &["expected a list"]);
    check(
        &with("allow = [\"10.0.0.0/8\", true]\n"),
        FaultKind::WrongType,
        (11, 24),
        &["found a boolean"],
    );
    check(
        &with("[queue]\nretry_factor = \"2\"\n"),
        FaultKind::WrongType,
        (12, 16),
        &["expected a number"],
    );
    check(
        &with("[hosts]\n\"a.test\" = 1\n"),
        FaultKind::WrongType,
        (12, 12),
        &["address in quotes"],
    );
    check(
        &with("[hosts]\nwest.demo.test = \"127.0.0.1\"\n"),
        FaultKind::WrongType,
        (12, 1),
        &["quotes"],
    );
}

#[test]
fn bad_values() {
    let bad = FaultKind::BadValue;
    check(&with("port = 70000\n"), bad, (11, 8), &["70000 is out of range", "0 to 65535"]);
    check(&with("mapper_port = 0\n"), bad, (11, 15), &["1 to 65535"]);
    check(&with("call_timeout_s = -1\n"), bad, (11, 18), &["out of range"]);
    check(&with("listen = \"localhost\"\n"), bad, (11, 10), &["no IP address"]);
    check(&with("allow = [\"::1\",\n  \"10.1.2.3/8\"]\n"), bad, (12, 3), &["10.0.0.0/8"]);
    check(&with("bind_back_name = \"a b\"\n"), bad, (11, 18), &["\"a b\""]);
    check(&with("password_file = \"\"\n"), bad, (11, 17), &["no path"]);
    check(&with("[smtp]\nlisten = [\"127.0.0.1\"]\n"), bad, (12, 11), &["with a port"]);
    check(&with("[smtp]\nmax_recipients = 10\n"), bad, (12, 18), &["100 to"]);
    check(&with("[queue]\nretry_factor = 0.5\n"), bad, (12, 16), &["1.0 to 10.0"]);
    check(&with("[queue]\nretry_factor = nan\n"), bad, (12, 16), &["out of range"]);
    check(
        &with("[events]\nstderr_level = \"loud\"\n"),
        bad,
        (12, 16),
        &["off, error, warning, information"],
    );
    check(&with("[hosts]\n\"a b\" = \"::1\"\n"), bad, (12, 1), &["hosts"]);
    check(
        &with("[hosts]\n\"a.test\" = \"b.test\"\n"),
        bad,
        (12, 12),
        &["\"b.test\" is no IP address"],
    );
    check(&with("[hosts]\n\"a.test\" = []\n"), bad, (12, 12), &["no address"]);
    check(&with(&PEER.replace("'D\\w'", "'w'")), bad, (14, 11), &["peer.account", "DOMAIN\\name"]);
    check(&with(&PEER.replace("[\"west.test\"]", "[]")), bad, (15, 11), &["the list is empty"]);
    check(&with(&PEER.replace("[\"west.test\"]", "[\"a.b\", \"A.B\"]")), bad, (15, 19), &["twice"]);
    check(&with(&format!("{PEER}admin = \"ftp://x\"\n")), bad, (16, 9), &["http://HOST:PORT"]);
    check(
        &with("[admin]\nsocket = \"/")
            .replace("socket = \"/", &format!("socket = \"/{}\"\n", "s".repeat(107))),
        bad,
        (12, 10),
        &["108"],
    );
}

#[test]
fn bad_values_of_the_first_tables() {
    let bad = FaultKind::BadValue;
    let replaced = |from: &str, to: &str| SMALLEST.replace(from, to);
    check(
        &replaced("\"EAST\"", &format!("\"{}\"", "E".repeat(33))),
        bad,
        (2, 8),
        &["33 characters", "1 to 32"],
    );
    check(&replaced("\"EAST\"", "\"\""), bad, (2, 8), &["0 characters"]);
    check(&replaced("\"EAST\"", "\"Ö\u{202e}\""), bad, (2, 8), &["cannot be shown"]);
    let long = "\"愛鷹山梨県東京都大阪府京都市北海道\"";
    check(&replaced("\"EAST\"", long), bad, (2, 8), &["in X.400", "32 are the limit", "shorter"]);
    check(
        &replaced("\"Demo\"", "\"Demo & Co\""),
        bad,
        (3, 16),
        &["PrintableString", "x400_organisation"],
    );
    check(
        &replaced("site = \"HQ\"", "site = \"HQ\"\ncountry = \"de\""),
        bad,
        (5, 11),
        &["capital"],
    );
    check(&replaced("site = \"HQ\"", "site = \"HQ\"\nadmd = \" A\""), bad, (5, 8), &["space"]);
    check(&replaced("[\"East.demo.test\"]", "[]"), bad, (7, 11), &["mail.domains", "empty"]);
    check(&replaced("[\"East.demo.test\"]", "[\"anna@east.test\"]"), bad, (7, 12), &["address"]);
    check(&replaced("[\"Anna\"]", "[\"anna@east.test\"]"), bad, (8, 14), &["@"]);
    check(&replaced("[\"Anna\"]", "[\"anna\", \"*\"]"), bad, (8, 22), &["any mailbox"]);
    check(
        &replaced("[\"Anna\"]", "[\"Anna\"]\npostmaster = \"bert\""),
        bad,
        (9, 14),
        &["mail.mailboxes"],
    );
    check(&replaced("'DEMO\\svc-east'", "'svc-east'"), bad, (10, 11), &["rpc.account"]);
}

#[test]
fn missing_keys() {
    let without = |line: &str| SMALLEST.replace(line, "");
    check(
        &without("host_name = \"East.demo.test\"\n"),
        FaultKind::Missing,
        (1, 1),
        &["server.host_name is missing", "host_name = "],
    );
    check(
        &without("account = 'DEMO\\svc-east'\n"),
        FaultKind::Missing,
        (9, 1),
        &["rpc.account is missing", "under [rpc]"],
    );
    check("", FaultKind::Missing, (1, 1), &["[server]", "under [server]"]);
    let no_rpc = without("[rpc]\naccount = 'DEMO\\svc-east'\n");
    check(&no_rpc, FaultKind::Missing, (8, 21), &["[rpc] with its key account is missing"]);
    check(
        &with(&PEER.replace("host = \"west.test\"\n", "")),
        FaultKind::Missing,
        (11, 1),
        &["peer.host"],
    );
    check(
        &with(&format!("{PEER}override_account = 'D\\x'\n")),
        FaultKind::Missing,
        (16, 20),
        &["override_password_file"],
    );
    check(
        &with(&format!("{PEER}admin_token_file = \"x\"\n")),
        FaultKind::Missing,
        (16, 20),
        &["add admin,"],
    );
    check(
        &with("[admin]\nlisten = \"127.0.0.1:9100\"\n"),
        FaultKind::Missing,
        (12, 10),
        &["token_file"],
    );
}

#[test]
fn clashes() {
    let second = PEER.replace("\"WEST\"", "\"West\"").replace("[\"west.test\"]", "[\"w.test\"]");
    check(
        &with(&format!("{PEER}{second}")),
        FaultKind::Duplicate,
        (17, 8),
        &["\"West\"", "another peer"],
    );
    check(
        &with(&PEER.replace("\"WEST\"", "\"east\"")),
        FaultKind::Duplicate,
        (12, 8),
        &["this server itself"],
    );
    check(
        &with(&PEER.replace("[\"west.test\"]", "[\"EAST.demo.test\"]")),
        FaultKind::Conflict,
        (15, 11),
        &["mail.domains already"],
    );
    let third = PEER.replace("\"WEST\"", "\"NORTH\"");
    check(&with(&format!("{PEER}{third}")), FaultKind::Conflict, (20, 11), &["belongs to WEST"]);
    check(
        &with("port = 135\n"),
        FaultKind::Conflict,
        (11, 8),
        &["rpc.port: 127.0.0.1:135 clashes with rpc.mapper_port"],
    );
    check(
        &with("mapper_port = 2525\n"),
        FaultKind::Conflict,
        (11, 15),
        &["clashes with smtp.listen"],
    );
    let admin = "[admin]\nlisten = \"0.0.0.0:2525\"\ntoken_file = \"t\"\n";
    check(&with(admin), FaultKind::Conflict, (12, 10), &["admin.listen", "own port"]);
    check(
        &with("[smtp]\nlisten = [\"127.0.0.1:25\", \"127.0.0.1:25\"]\n"),
        FaultKind::Conflict,
        (12, 10),
        &["smtp.listen"],
    );
    check(&with("[queue]\nretry_first_s = 1000\n"), FaultKind::Conflict, (12, 17), &["600"]);
    check(
        &with("[hosts]\n\"a.test\" = \"::1\"\n\"A.test\" = \"::1\"\n"),
        FaultKind::Duplicate,
        (13, 1),
        &["twice"],
    );
}

#[test]
fn kerberos_needs_its_realm() {
    check(
        &with("kerberos_keytab = \"x\"\n"),
        FaultKind::Missing,
        (11, 19),
        &["kerberos_keytab has no kerberos_realm"],
    );
    let peer = format!("{PEER}auth = \"kerberos\"\n");
    check(&with(&peer), FaultKind::Missing, (16, 8), &["peer.auth", "no rpc.kerberos_realm"]);
    let peer = format!("{PEER}auth = \"basic\"\n");
    check(&with(&peer), FaultKind::BadValue, (16, 8), &["\"basic\"", "ntlm, kerberos, negotiate"]);
    for (kdc, wrong) in [("a:0", "a:0"), ("a b:x", "b:x"), ("a/b", "a/b")] {
        let text = with(&format!("kerberos_realm = \"R\"\nkerberos_kdc = \"{kdc}\"\n"));
        check(&text, FaultKind::BadValue, (12, 16), &[wrong, "HOST:PORT"]);
    }
    let peer = format!("{PEER}kerberos_service = \"host/\"\n");
    check(&with(&peer), FaultKind::BadValue, (16, 20), &["SERVICE/HOST"]);
    let text = with(&format!(
        "kerberos_realm = \"R\"\nkerberos_kdc = \"a b:89 ::1 [::1]:88\"\n{PEER}auth = \"negotiate\"\n"
    ));
    let config = Config::parse(Path::new("/etc/b.toml"), &text).unwrap();
    assert_eq!(config.rpc.kerberos.unwrap().kdcs, ["a", "b:89", "::1", "[::1]:88"]);
    assert_eq!(config.peers[0].auth, crate::PeerAuth::Negotiate);
}

#[test]
fn every_truncation_is_a_fault_or_loads() {
    // No cut may panic, whatever it leaves.
    let text = with(&format!("{PEER}[hosts]\n\"ä.test\" = [\"::1\"]\n"));
    for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
        let _ = Config::parse(Path::new("/etc/b.toml"), &text[..end]);
    }
}

#[test]
fn a_long_or_hostile_value_is_shown_short() {
    let text = with(&format!("listen = \"{}\\n\\u001b[31m\"\n", "x".repeat(5000)));
    let message = fault(&text).to_string();
    assert!(message.len() < 300 && !message.contains('\u{1b}'), "{message}");
}
