//! The directory in a Samba domain controller, accounts in its domain, everything over Kerberos.
//!
//! The proof runs twice: outside it makes the controller, inside, in the controller's network, it has the servers.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use conformance::{Organisation, Plan, SambaDc, Side, skip, until};

use super::{LIMIT, Scenario, Stage, stage};

const NAME: &str = "samba_directory";
/// The controller's folder, for the run inside.
const INSIDE: &str = "BINDBACK_CONTROLLER";
const PASSWORD: &str = "Letters.And.1";
const SITE: &str = "/O=Proof/OU=HQ";
const WEST: &str = r"EAST\svc-west";
const ROLE: &str = "service-account-admin";

fn account(side: Side) -> &'static str {
    match side {
        Side::East => "svc-east",
        Side::West => "svc-west",
    }
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
        let secret = dc.folder().join("administrator");
        std::fs::write(&secret, format!("{}\n", SambaDc::PASSWORD))?;
        Ok(std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600))?)
    };
    let controller = SambaDc::start(prepare)?;
    controller.extend_schema()?;
    Ok(controller)
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
    let controller = controller()?;
    let mut command = controller.command(std::env::current_exe()?);
    command.args(["--exact", test, "--nocapture", "--include-ignored"]);
    command.env(INSIDE, controller.folder());
    let output = command.output()?;
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    ensure!(output.status.success(), "{out}{err}");
    Ok(())
}

/// Two servers whose accounts, keys and directory are the domain's.
fn domain_stage(folder: &std::path::Path) -> Result<Stage> {
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
        .with("rpc", "kerberos_kdc", &format!("'{}'", SambaDc::ADDRESS));
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

/// Claims: 13.
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
        Ok(())
    })
}
