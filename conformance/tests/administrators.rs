//! Who may do what over the administrative socket, with real users of the machine: a role is required, and what is changed is
//! written down with who, when, before and after. Needs root, to be somebody else.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use conformance::{Letter, Organisation, Plan, Side, binary, skip, until};
use serde_json::Value;

/// Users that no machine gives anybody: only numbers matter.
const OPERATOR: u32 = 64_001;
const STRANGER: u32 = 64_002;
const LIMIT: Duration = Duration::from_secs(30);

/// Runs a command as somebody else.
fn command_as(user: u32, program: &Path, config: &Path, words: &[&str]) -> Result<Output> {
    let mut command = Command::new(program);
    command.args(words).arg("-c").arg(config).arg("--json").uid(user).gid(user);
    command.current_dir("/").output().context("the command")
}

fn open_for_all(path: &Path, mode: u32) -> Result<()> {
    Ok(std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?)
}

#[test]
fn whoever_has_no_role_is_refused_and_every_change_is_written_down() -> Result<()> {
    if std::fs::metadata("/proc/self")?.uid() != 0 {
        skip("administrators", "only root can be somebody else");
        return Ok(());
    }
    let plan = Plan::default().with_on(Side::East, "admin", "roles_file", "'roles.toml'");
    let organisation = Organisation::make(&plan)?;
    let folder = organisation.folder(Side::East);
    let roles = folder.join("roles.toml");
    std::fs::write(&roles, "")?;
    let _server = organisation.start(Side::East)?;
    // Everybody may reach the configuration, the socket and the program.
    let program = organisation.root().join("bindback");
    std::fs::copy(binary()?, &program)?;
    let socket_folder = folder.join("run");
    for path in [organisation.root(), &folder, &program] {
        open_for_all(path, 0o755)?;
    }
    let config = organisation.config(Side::East);
    open_for_all(&config, 0o644)?;
    let hand_in = Letter::plain("anna@east.proof.test", "bert@west.proof.test", "held", "x");
    ensure!(hand_in.hand_in(organisation.smtp(Side::East))?.code == 250, "not taken");

    let run = |user, words: &[&str]| command_as(user, &program, &config, words);
    // A folder that is closed is named, with the way to open it.
    open_for_all(&socket_folder, 0o700)?;
    let closed = String::from_utf8_lossy(&run(OPERATOR, &["queue", "list"])?.stderr).into_owned();
    let way_out = format!("`chmod o+x {}`", socket_folder.display());
    ensure!(closed.contains("is closed to you") && closed.contains(&way_out), "{closed}");
    open_for_all(&socket_folder, 0o711)?;
    let refused = |user, words: &[&str]| -> Result<()> {
        let output = run(user, words)?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned()
            + &String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.code() == Some(1), "{words:?} by {user}: {said}");
        ensure!(said.contains("needs the role"), "{words:?} by {user}: {said}");
        Ok(())
    };
    let done = |user, words: &[&str]| -> Result<Value> {
        let output = run(user, words)?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "{words:?} by {user}: {said}");
        conformance::one_object(&output.stdout)
    };
    refused(STRANGER, &["queue", "list"])?;
    refused(OPERATOR, &["queue", "list"])?;
    std::fs::write(&roles, format!("[[administrator]]\nuser = '{OPERATOR}'\nrole = 'admin'\n"))?;
    refused(STRANGER, &["queue", "list"])?;
    let described = ["directory", "set", "/O=Proof", "description", "Operated"];
    refused(STRANGER, &described)?;
    let queues = done(OPERATOR, &["queue", "list"])?;
    ensure!(queues["queues"][0]["messages"] == 1, "{queues}");
    done(OPERATOR, &described)?;
    done(OPERATOR, &["queue", "hold", "WEST"])?;
    let messages = done(OPERATOR, &["queue", "show"])?;
    let id = messages["messages"][0]["id"].as_str().context("no message")?.to_owned();
    done(OPERATOR, &["queue", "delete", &id])?;
    // More than the role holds.
    let west = Side::West.account();
    refused(OPERATOR, &["account", "disable", west])?;
    refused(OPERATOR, &["directory", "revoke", "admin", west, "--on", "/O=Proof"])?;
    refused(OPERATOR, &["directory", "set", "/O=Proof/OU=HQ", "serviceAccount", r"PROOF\other"])?;
    let shown = organisation.command(Side::East, &["account", "show", west])?;
    ensure!(shown["account"]["enabled"] == true, "{shown}");

    let audit = organisation.command(Side::East, &["directory", "audit"])?;
    let entries = audit["audit"].as_array().context("no trail")?;
    let by_operator: Vec<&Value> =
        entries.iter().filter(|entry| entry["who"] == format!("user {OPERATOR}")).collect();
    let whats: Vec<&str> = by_operator.iter().filter_map(|entry| entry["what"].as_str()).collect();
    ensure!(whats == ["/O=Proof", "the queue", &format!("message {id}")], "{audit}");
    ensure!(by_operator[0]["lines"][0] == "+ description: Operated", "{audit}");
    let deleted = by_operator[2]["lines"][0].as_str().unwrap_or_default();
    ensure!(deleted.starts_with("- from anna@east.proof.test to bert@west"), "{audit}");
    ensure!(!audit.to_string().contains(&format!("user {STRANGER}")), "{audit}");
    let events = organisation.command(Side::East, &["events", "--id", "9297"])?;
    let events = events["events"].as_array().context("no events")?.clone();
    let told = |user: u32| {
        events.iter().any(|event| {
            event["params"]["user"] == format!("user {user}")
                && event["params"]["step"] == "admin-role"
        })
    };
    ensure!(told(STRANGER) && told(OPERATOR), "{events:?}");
    Ok(())
}

/// The key that names the file counts after a reload, and the socket opens and closes with it.
#[test]
fn a_file_of_roles_counts_after_a_reload() -> Result<()> {
    let organisation = Organisation::make(&Plan::default())?;
    let (config, socket) = (organisation.config(Side::East), organisation.socket(Side::East));
    let server = organisation.start(Side::East)?;
    let mode = || -> Result<u32> { Ok(std::fs::metadata(&socket)?.permissions().mode() & 0o777) };
    ensure!(mode()? == 0o600, "the socket is open");
    let without = std::fs::read_to_string(&config)?;
    let roles = organisation.folder(Side::East).join("roles.toml");
    std::fs::write(roles, "")?;
    let with = without.replace("[admin]\n", "[admin]\nroles_file = 'roles.toml'\n");
    for (text, expected) in [(with, 0o666), (without, 0o600)] {
        std::fs::write(&config, text)?;
        let told = Command::new("kill").args(["-HUP", &server.id().to_string()]).status()?;
        ensure!(told.success(), "no signal");
        until(LIMIT, "the socket's mode", || Ok((mode()? == expected).then_some(())))?;
    }
    Ok(())
}

/// As bash asks: the words of the line, and which of them is being typed.
#[test]
fn names_are_completed_while_they_are_typed() -> Result<()> {
    let organisation = Organisation::make(&Plan::default())?;
    let config = organisation.config(Side::East).to_string_lossy().into_owned();
    let complete = |words: &[&str]| -> Result<Vec<String>> {
        let mut command = Command::new(binary()?);
        let line = [&["bindback", "-c", config.as_str()], words].concat();
        command.arg("--").args(&line).env("COMPLETE", "bash").env("_CLAP_IFS", "\n");
        command.env("_CLAP_COMPLETE_INDEX", (line.len() - 1).to_string());
        let output = command.output()?;
        ensure!(output.status.success(), "{output:?}");
        Ok(String::from_utf8(output.stdout)?.lines().map(str::to_owned).collect())
    };
    let objects = ["directory", "show", "/O=Proof"];
    ensure!(complete(&objects)?.is_empty(), "nobody runs that could be asked");
    let _server = organisation.start(Side::East)?;
    let found = complete(&objects)?;
    ensure!(found == ["/O=Proof", "/O=Proof/OU=HQ"], "{found:?}");
    let found = complete(&["directory", "grant", "view-only-admin", "proof"])?;
    ensure!(found == [Side::West.account()], "{found:?}");
    let found = complete(&["account", "show", "P"])?;
    ensure!(found == [Side::West.account()], "{found:?}");
    let found = complete(&["directory", "grant", "view"])?;
    ensure!(found == ["view-only-admin"], "{found:?}");
    in_bash(&config)
}

/// What bash itself puts on the line: escaped, unless a quote was typed.
fn in_bash(config: &str) -> Result<()> {
    let script = r#"
        source <(COMPLETE=bash "$1")
        COMP_WORDS=(bindback -c "$2" "$3" show "$4")
        COMP_CWORD=5
        _clap_complete_bindback bindback "$5" show
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let mta = "/O=Proof/OU=HQ/CN=Configuration/CN=Servers/CN=EAST/CN=Microsoft MTA";
    let cut = |length: usize| &mta[..mta.len() - length];
    let escaped = mta.replace(' ', "\\ ");
    for (group, line, word, expected) in [
        ("account", "P", "P", r"PROOF\\svc-west"),
        ("account", "'P", "P", r"PROOF\svc-west"),
        ("account", r"PROOF\\s", r"PROOF\\s", r"PROOF\\svc-west"),
        ("directory", cut(10), cut(10), escaped.as_str()),
        ("directory", &escaped[..escaped.len() - 1], &escaped[..escaped.len() - 1], &escaped),
        ("directory", "\"/", cut(1), mta),
    ] {
        let program = binary()?;
        let mut bash = Command::new("bash");
        bash.args(["--norc", "-c", script, "bash"]).arg(&program);
        let output = bash.args([config, group, line, word]).output()?;
        let said = String::from_utf8(output.stdout)?;
        ensure!(said.lines().eq([expected]), "{group} {line}: {said:?}");
    }
    Ok(())
}
