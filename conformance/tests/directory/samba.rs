//! The directory in a Samba domain controller, accounts in its domain, everything over Kerberos.
//!
//! The proof runs twice: outside it makes the controller, inside, in the controller's network, it has the servers.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use conformance::{Domain, Organisation, Plan, SambaDc, Side, one_object, skip, until};
use serde_json::Value;

use super::{LIMIT, Scenario, Stage, stage};

const NAME: &str = "samba_directory";
/// The controller's folder, for the run inside.
const INSIDE: &str = "BINDBACK_CONTROLLER";
/// The other controller's folder and a process in its namespaces.
const BESIDE: &str = "BINDBACK_CONTROLLER_BESIDE";
const BESIDE_ID: &str = "BINDBACK_CONTROLLER_BESIDE_ID";
const PASSWORD: &str = "Letters.And.1";
/// Descriptors of which a live controller is asked what they allow.
const DESCRIPTORS: usize = 30;
/// The account that both domains have, each its own.
const SAME_NAME: &str = "svc-mail";
const SITE: &str = "/O=Proof/OU=HQ";
const WEST: &str = r"EAST\svc-west";
const ROLE: &str = "service-account-admin";

fn account(side: Side) -> &'static str {
    match side {
        Side::East => "svc-east",
        Side::West => "svc-west",
    }
}

/// A file that only its owner may read.
fn secret(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, format!("{text}\n"))?;
    Ok(std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?)
}

/// Makes a controller with the schema, an account, a service and a keytab for each server.
fn controller() -> Result<SambaDc> {
    let prepare = |dc: &SambaDc| {
        for side in Side::BOTH {
            dc.add_user(account(side), PASSWORD)?;
            let keytab = dc.folder().join(format!("{}.keytab", side.name()));
            dc.add_service(account(side), &format!("host/{}", side.host()), &keytab)?;
            std::fs::set_permissions(&keytab, std::fs::Permissions::from_mode(0o600))?;
        }
        certify(dc)?;
        secret(&dc.folder().join("administrator"), SambaDc::PASSWORD)
    };
    let controller = SambaDc::start(prepare)?;
    controller.extend_schema()?;
    Ok(controller)
}

/// Gives a controller a certificate with its name in it, where it would make one without: an authority of its own signs it.
fn certify(dc: &SambaDc) -> Result<()> {
    let place = dc.folder().join("private/tls");
    std::fs::create_dir_all(&place)?;
    let openssl = |words: &str| -> Result<()> {
        let mut command = Command::new("/usr/bin/openssl");
        let output = command.args(words.split_whitespace()).current_dir(&place).output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    };
    openssl(
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem",
    )?;
    let name = format!("subjectAltName=DNS:{}", SambaDc::HOST);
    std::fs::write(place.join("names"), name)?;
    openssl("req -newkey rsa:2048 -nodes -subj /CN=controller -keyout key.pem -out request.pem")?;
    openssl(
        "x509 -req -days 2 -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -extfile names -out cert.pem",
    )?;
    // The controller takes no key that others may read.
    Ok(std::fs::set_permissions(place.join("key.pem"), std::fs::Permissions::from_mode(0o600))?)
}

/// Two controllers of domains that do not know each other, each with an account of the same name and another password.
fn two_controllers() -> Result<(SambaDc, SambaDc)> {
    let make = |domain: Domain, beside: Option<&SambaDc>, password: &str| -> Result<SambaDc> {
        let controller = SambaDc::start_in(domain, beside, |dc| {
            dc.add_user(SAME_NAME, password)?;
            secret(&dc.folder().join("administrator"), SambaDc::PASSWORD)
        })?;
        controller.extend_schema()?;
        Ok(controller)
    };
    let east = make(Domain::EAST, None, &password(Side::East))?;
    let west = make(Domain::WEST, Some(&east), &password(Side::West))?;
    Ok((east, west))
}

fn password(side: Side) -> String {
    format!("{PASSWORD}.{}", side.name())
}

/// Runs a test of this file again, in the controller's network.
fn inside(test: &str, run: impl FnOnce(PathBuf) -> Result<()>) -> Result<()> {
    if let Some(folder) = std::env::var_os(INSIDE) {
        return run(PathBuf::from(folder));
    }
    if let Some(reason) = SambaDc::missing() {
        skip(NAME, &reason);
        return Ok(());
    }
    again(test, &controller()?, &[])
}

/// Runs this program again in the controller's network, for one test.
fn again(test: &str, controller: &SambaDc, more: &[(&str, String)]) -> Result<()> {
    let mut command = controller.command(std::env::current_exe()?);
    command.args(["--exact", test, "--nocapture", "--include-ignored"]);
    command.env(INSIDE, controller.folder()).envs(more.iter().cloned());
    let output = command.output()?;
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    ensure!(output.status.success(), "{out}{err}");
    Ok(())
}

/// Two servers whose accounts, keys and directory are the domain's.
fn domain_stage(folder: &Path) -> Result<Stage> {
    let place = |name: &str| format!("'{}'", folder.join(name).display());
    let mut plan = Plan::default()
        .with("directory", "kind", "'ldap'")
        .with("directory", "host", &format!("'{}'", SambaDc::HOST))
        .with("directory", "protection", "'kerberos'")
        .with("directory", "base", "'DC=east,DC=test'")
        .with("directory", "bind_name", r"'EAST\Administrator'")
        .with("directory", "password_file", &place("administrator"))
        .with("directory", "poll_s", "1")
        .with("rpc", "kerberos_realm", &format!("'{}'", SambaDc::REALM))
        .with("rpc", "kerberos_kdc", &format!("'{}'", SambaDc::ADDRESS))
        // One server's way there is sealed by Kerberos, the other's is TLS.
        .with_on(Side::West, "directory", "protection", "'ldaps'")
        .with_on(Side::West, "directory", "ca_file", &place("private/tls/ca.pem"));
    for side in Side::BOTH {
        let keytab = format!("{}.keytab", side.name());
        plan = plan.with_on(side, "rpc", "account", &format!(r"'EAST\{}'", account(side))).with_on(
            side,
            "rpc",
            "kerberos_keytab",
            &place(&keytab),
        );
    }
    let stage = stage(&plan)?;
    for side in Side::BOTH {
        let file = stage.organisation.config(side);
        let known = format!("account = '{}'", side.other().account());
        let of_domain = format!("account = 'EAST\\{}'\nauth = 'kerberos'", account(side.other()));
        let text = std::fs::read_to_string(&file)?.replace(&known, &of_domain);
        std::fs::write(file, text)?;
        // Nothing is left of the accounts that every proof's servers begin with.
        let own = side.other().account();
        stage.organisation.command(side, &["account", "remove", own])?;
    }
    for side in Side::BOTH {
        let name = format!(r"EAST\{}", account(side));
        stage.organisation.command(Side::East, &["account", "grant", &name, "--role", ROLE])?;
    }
    Ok(stage)
}

fn described(organisation: &Organisation, side: Side, text: &str) -> Result<()> {
    until(LIMIT, &format!("{text} at {}", side.name()), || {
        let shown = organisation.command(side, &["directory", "show", SITE])?;
        Ok((shown["objects"][0]["attributes"]["description"][0] == text).then_some(()))
    })
}

#[test]
fn the_directory_and_the_accounts_are_a_domain_s() -> Result<()> {
    inside("samba::the_directory_and_the_accounts_are_a_domain_s", |folder| {
        let mut stage = domain_stage(&folder)?;
        let _servers = stage.organisation.start_both()?;
        stage.send_both("first")?;
        stage.arrived(LIMIT)?;
        let none = stage.organisation.command(Side::East, &["account", "list"])?;
        ensure!(none["accounts"] == serde_json::json!([]), "{none}");

        // A role taken in the domain's directory stops mail, and given again lets it flow.
        let role = |verb| {
            let words = vec!["directory", verb, ROLE, WEST, "--on", SITE, "--inherit"];
            (Side::East, words)
        };
        let scenario = Scenario {
            name: "site",
            fault: vec![role("revoke")],
            code: 5,
            step: "site",
            remedy: vec![role("grant")],
        };
        stage.play(&scenario).context("site")?;

        let organisation = &stage.organisation;
        organisation
            .command(Side::East, &["directory", "set", SITE, "description", "Größe 日本"])?;
        described(organisation, Side::West, "Größe 日本")?;
        let file = organisation.root().join("all.ldif").to_string_lossy().into_owned();
        organisation.command(Side::East, &["directory", "export", &file])?;
        let same =
            organisation.command(Side::West, &["directory", "import", &file, "--dry-run"])?;
        ensure!(same["changes"] == serde_json::json!([]), "{same}");
        descriptors_are_the_domain_s(&folder, organisation)?;
        rights_are_those_that_the_controller_allows(&folder, organisation)
    })
}

/// The controller's own view, through Samba's Python binding.
fn live(folder: &Path, words: &[&str]) -> Result<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samba/live.py");
    let mut command = Command::new("/usr/bin/python3");
    command.arg(script).arg(words[0]).arg(folder).args(&words[1..]).stdin(Stdio::null());
    let output = command.output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{said}");
    Ok(String::from_utf8(output.stdout)?)
}

/// What is shown of a descriptor that the controller has is what the controller has, also after it was written from here.
fn descriptors_are_the_domain_s(folder: &Path, organisation: &Organisation) -> Result<()> {
    let schema = "/CN=Schema/CN=NT-Security-Descriptor";
    for (object, extra) in [
        (SITE, "(OA;;RPWP;bf9679e5-0de6-11d0-a285-00aa003049e2;;AU)(D;CI;WD;;;BG)"),
        ("/O=Proof/OU=HQ/CN=Recipients", "(OA;CIIO;CR;ab721a54-1e2f-11d0-9819-00aa0040529b;;PS)"),
        (schema, ""),
    ] {
        let shown = || organisation.command(Side::East, &["directory", "show", object]);
        let view = shown()?["objects"][0].clone();
        if !extra.is_empty() {
            let list = view["sddl"].as_str().context("sddl")?;
            let list = if list.contains("D:") { list.to_owned() } else { format!("{list}D:") };
            let text = format!("{list}{extra}");
            let words = ["directory", "set", object, "nTSecurityDescriptor", &text];
            organisation.command(Side::East, &words)?;
        }
        let view = shown()?["objects"][0].clone();
        let (dn, text) =
            (view["dn"].as_str().context("dn")?, view["sddl"].as_str().context("sddl")?);
        let said = live(folder, &["same", dn, text])?;
        let said: Value = serde_json::from_str(&said)?;
        ensure!(said["same"] == true && said["live"].as_u64() > Some(0), "{object} {text}: {said}");
    }
    Ok(())
}

/// For random descriptors with object and attribute entries: what the controller lets an account do over LDAP is what our
/// access check says of the octets that the controller has.
fn rights_are_those_that_the_controller_allows(
    folder: &Path,
    organisation: &Organisation,
) -> Result<()> {
    let seed = std::env::var("BINDBACK_RIGHTS_SEED").unwrap_or_else(|_| "2026".to_owned());
    println!("seed {seed}");
    let tried = live(folder, &["rights", &seed, &DESCRIPTORS.to_string()])?;
    let tried: Vec<Value> = tried.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let file = organisation.root().join("questions");
    let questions: Vec<String> = tried.iter().map(|row| row["question"].to_string()).collect();
    std::fs::write(&file, questions.join("\n"))?;
    let words = ["directory", "descriptor", &file.to_string_lossy(), "--json"];
    let answers = one_object(&organisation.program.run(words)?.stdout)?;
    let answers = answers["descriptors"].as_array().context("descriptors")?.clone();
    ensure!(answers.len() == tried.len() && tried.len() == 6 * DESCRIPTORS, "{}", tried.len());
    let allowed = tried.iter().filter(|row| row["granted"] == true).count();
    for (row, answer) in tried.iter().zip(&answers) {
        ensure!(row["granted"] == answer["granted"], "{row}\nours {answer}");
    }
    println!("{} operations, {allowed} of them allowed", tried.len());
    ensure!(allowed > tried.len() / 10 && allowed < tried.len() * 9 / 10, "one-sided: {allowed}");
    Ok(())
}

/// Each server in its own domain, with that domain's directory and accounts.
fn two_domain_stage(east: &Path, west: &Path, west_id: &str) -> Result<Stage> {
    let helper = west.join("ntlm_auth");
    let text =
        format!("#!/bin/sh\nexec /usr/bin/nsenter -t {west_id} -m -- /usr/bin/ntlm_auth \"$@\"\n");
    std::fs::write(&helper, text)?;
    std::fs::set_permissions(&helper, std::fs::Permissions::from_mode(0o755))?;
    let mut plan = Plan::default()
        .with("directory", "kind", "'ldap'")
        .with("directory", "protection", "'kerberos'")
        .with("directory", "poll_s", "1")
        .with_on(Side::West, "rpc", "ntlm_auth", &format!("'{}'", helper.display()));
    for (side, domain, folder) in
        [(Side::East, Domain::EAST, east), (Side::West, Domain::WEST, west)]
    {
        let quoted = |text: &str| format!("'{text}'");
        let administrator = folder.join("administrator");
        for (section, key, value) in [
            ("directory", "host", quoted(domain.host)),
            ("directory", "base", quoted(domain.base)),
            ("directory", "bind_name", format!(r"'{}\Administrator'", domain.name)),
            ("directory", "password_file", quoted(&administrator.to_string_lossy())),
            ("rpc", "kerberos_realm", quoted(domain.realm)),
            ("rpc", "kerberos_kdc", quoted(domain.address)),
            ("rpc", "account", format!(r"'{}\{SAME_NAME}'", domain.name)),
            ("rpc", "winbind_domains", format!("['{}']", domain.name)),
        ] {
            plan = plan.with_on(side, section, key, &value);
        }
    }
    let stage = stage(&plan)?;
    for side in Side::BOTH {
        let organisation = &stage.organisation;
        let file = organisation.config(side);
        // What the other one has to be here: an account of this side's domain.
        let known = format!("account = '{}'", side.other().account());
        let here = format!(r"account = '{}\{SAME_NAME}'", side.name());
        let text = std::fs::read_to_string(&file)?.replace(&known, &here);
        std::fs::write(file, text)?;
        secret(&organisation.folder(side).join("secrets/service.password"), &password(side))?;
        organisation.command(side, &["account", "remove", side.other().account()])?;
        let name = format!(r"{}\{SAME_NAME}", side.name());
        organisation.command(side, &["account", "grant", &name, "--role", ROLE])?;
    }
    Ok(stage)
}

/// Claims: 20, 21, 22.
#[test]
#[ignore = "long; run with --full"]
fn two_untrusted_domains_with_accounts_of_the_same_name() -> Result<()> {
    const TEST: &str = "samba::two_untrusted_domains_with_accounts_of_the_same_name";
    let beside = (std::env::var_os(BESIDE), std::env::var(BESIDE_ID));
    let (Some(east), (Some(west), Ok(west_id))) = (std::env::var_os(INSIDE), beside) else {
        let helper = Path::new("/usr/bin/ntlm_auth");
        let no_helper = (!helper.exists())
            .then(|| format!("there is no {} (Debian: apt-get install winbind)", helper.display()));
        if let Some(reason) = SambaDc::missing().or(no_helper) {
            skip("samba_two_domains", &reason);
            return Ok(());
        }
        let (east, west) = two_controllers()?;
        let place = west.folder().to_string_lossy().into_owned();
        return again(TEST, &east, &[(BESIDE, place), (BESIDE_ID, west.inside().to_string())]);
    };
    let (east, west) = (PathBuf::from(east), PathBuf::from(west));
    let mut stage = two_domain_stage(&east, &west, &west_id)?;
    let _servers = stage.organisation.start_both()?;
    let since = Stage::now()?;
    stage.send_both("strangers")?;
    until(LIMIT, "both refuse", || {
        let refused = |side| stage.newest(side, 9297, &since);
        Ok((refused(Side::East)?.is_some() && refused(Side::West)?.is_some()).then_some(()))
    })?;
    let set = |stage: &Stage, side: Side| {
        let file = stage.organisation.folder(side.other()).join("secrets/service.password");
        let (file, other) = (file.to_string_lossy().into_owned(), side.other().name());
        let account = format!(r"{other}\{SAME_NAME}");
        let mut words = vec!["directory", "override-account", "set", other];
        words.extend(["--account", &account, "--password-file", &file]);
        stage.organisation.command(side, &words)
    };
    set(&stage, Side::West)?;
    std::thread::sleep(std::time::Duration::from_secs(3));
    ensure!(stage.organisation.waiting(Side::West)? == 1, "one side is not enough");
    set(&stage, Side::East)?;
    stage.arrived(LIMIT)?;

    let name = format!(r"EAST\{SAME_NAME}");
    for (step, on) in [
        ("organisation", "/O=Proof"),
        ("site", SITE),
        ("configuration", "/O=Proof/OU=HQ/CN=Configuration"),
    ] {
        let order =
            |verb| (Side::East, vec!["directory", verb, ROLE, &name, "--on", on, "--inherit"]);
        let scenario = Scenario {
            name: step,
            fault: vec![order("revoke")],
            code: 5,
            step,
            remedy: vec![order("grant")],
        };
        stage.play(&scenario).context(step)?;
    }
    // All that without Domain Admins.
    for (folder, domain) in [(&east, Domain::EAST), (&west, Domain::WEST)] {
        let mut command = Command::new("/usr/bin/samba-tool");
        command.args(["group", "listmembers", "Domain Admins", "-s"]).arg(folder.join("smb.conf"));
        command.arg("-H").arg(format!("tdb://{}", folder.join("private/sam.ldb").display()));
        let members = String::from_utf8(command.output()?.stdout)?;
        ensure!(
            members.contains("Administrator") && !members.contains(SAME_NAME),
            "{domain:?}: {members}"
        );
    }
    Ok(())
}
