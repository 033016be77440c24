//! The directory in OpenLDAP: shared by two servers, watched, changed from both sides, and gone for a while.

use anyhow::{Context, Result, ensure};
use conformance::{Letter, OpenLdap, Organisation, Plan, Side, skip, until};
use serde_json::Value;

use super::{LIMIT, play_all, stage};

const NAME: &str = "openldap";
const SITE: &str = "/O=Proof/OU=HQ";
const SITE_DN: &str = "CN=HQ,CN=Administrative Groups,CN=Proof,CN=Microsoft Exchange,CN=Services,CN=Configuration,dc=proof,dc=test";

/// OpenLDAP, unless it is not here.
fn server() -> Result<Option<OpenLdap>> {
    if let Some(reason) = OpenLdap::missing() {
        skip(NAME, &reason);
        return Ok(None);
    }
    OpenLdap::start().map(Some)
}

fn description(organisation: &Organisation, side: Side) -> Result<Value> {
    let shown = organisation.command(side, &["directory", "show", SITE])?;
    Ok(shown["objects"][0]["attributes"]["description"][0].clone())
}

fn until_described(organisation: &Organisation, side: Side, text: &str) -> Result<()> {
    until(LIMIT, &format!("{text} at {}", side.name()), || {
        Ok((description(organisation, side)? == text).then_some(()))
    })
}

fn ldif(server: &OpenLdap, text: &str) -> Result<String> {
    let file = server.path("change.ldif");
    std::fs::write(&file, text)?;
    server.client("ldapmodify", &["-f", &file.to_string_lossy()])
}

/// The names of all objects that a server has.
fn objects(organisation: &Organisation, side: Side) -> Result<Vec<String>> {
    let listed = organisation.command(side, &["directory", "list"])?;
    let rows = listed["objects"].as_array().context("objects")?;
    Ok(rows.iter().filter_map(|row| row["name"].as_str().map(str::to_owned)).collect())
}

#[test]
fn two_servers_share_a_directory_in_openldap_and_see_every_change() -> Result<()> {
    let Some(mut server) = server()? else { return Ok(()) };
    let stage = stage(&server.plan(Plan::default(), "ldaps"))?;
    let organisation = &stage.organisation;
    let _servers = organisation.start_both()?;
    let (east, west) = (objects(organisation, Side::East)?, objects(organisation, Side::West)?);
    for name in ["EAST", "WEST"] {
        let mta = format!("{SITE}/CN=Configuration/CN=Servers/CN={name}/CN=Microsoft MTA");
        ensure!(east.contains(&mta) && west.contains(&mta), "{mta}: {east:?} {west:?}");
    }

    // Changed here, seen there; and what OpenLDAP's own client reads is what was meant.
    organisation.command(Side::East, &["directory", "set", SITE, "description", "Größe 日本"])?;
    until_described(organisation, Side::West, "Größe 日本")?;
    let search = ["-LLL", "-b", SITE_DN, "-s", "base"];
    let entry = server.client("ldapsearch", &search)?;
    ensure!(entry.contains("bindbackDescription:: R3LDtsOfZSDml6XmnKw=\n"), "{entry}");
    ensure!(entry.contains("bindbackClass: site\n"), "{entry}");

    // Changed by somebody else's client.
    ldif(
        &server,
        &format!(
            "dn: {SITE_DN}\nchangetype: modify\nreplace: bindbackDescription\nbindbackDescription: by hand\n"
        ),
    )?;
    for side in Side::BOTH {
        until_described(organisation, side, "by hand")?;
    }
    let trail = organisation.command(Side::West, &["directory", "audit"])?;
    let theirs = trail["audit"].as_array().context("audit")?.iter().rev().find(|entry| {
        entry["lines"]
            .as_array()
            .is_some_and(|lines| lines.contains(&"+ description: by hand".into()))
    });
    let who = theirs.context("no entry")?["who"].as_str().unwrap_or_default();
    ensure!(who.contains("LDAP"), "{trail}");

    // What one exports the other has; a difference is shown and not made.
    let file = organisation.root().join("all.ldif").to_string_lossy().into_owned();
    organisation.command(Side::East, &["directory", "export", &file])?;
    let same = organisation.command(Side::West, &["directory", "import", &file, "--dry-run"])?;
    ensure!(same["changes"] == serde_json::json!([]), "{same}");
    let text = std::fs::read_to_string(&file)?.replace("by hand", "by import");
    std::fs::write(&file, text)?;
    let shown = organisation.command(Side::West, &["directory", "import", &file, "--dry-run"])?;
    ensure!(shown["changes"].as_array().is_some_and(|all| all.len() == 1), "{shown}");
    ensure!(description(organisation, Side::West)? == "by hand");
    organisation.command(Side::West, &["directory", "import", &file])?;
    until_described(organisation, Side::East, "by import")?;

    // Added by one, removed by a foreign client, gone for both.
    let extra = format!("{SITE}/CN=Recipients/CN=zoë, the \"first\"");
    organisation.command(Side::East, &["directory", "add", &extra, "--class", "mailbox"])?;
    until(LIMIT, "the new one", || {
        Ok(objects(organisation, Side::West)?.contains(&extra).then_some(()))
    })?;
    let found = server.client("ldapsearch", &["-LLL", "-b", OpenLdap::BASE, "(cn=zo*)", "1.1"])?;
    let dn = found.lines().find_map(|line| line.strip_prefix("dn:")).context("no DN")?;
    ldif(&server, &format!("dn:{dn}\nchangetype: delete\n"))?;
    for side in Side::BOTH {
        until(LIMIT, "its end", || {
            Ok((!objects(organisation, side)?.contains(&extra)).then_some(()))
        })?;
    }

    // Descriptors: what one server grants stands in OpenLDAP and counts at the other.
    let grant = ["directory", "grant", "view-only-admin", "S-1-5-21-1-2-3-1104", "--on", SITE];
    organisation.command(Side::East, &grant)?;
    until(LIMIT, "the grant", || {
        let shown = organisation.command(Side::West, &["directory", "show", SITE])?;
        Ok(shown["objects"][0]["sddl"]
            .as_str()
            .is_some_and(|sddl| sddl.contains("S-1-5-21-1-2-3-1104"))
            .then_some(()))
    })?;

    away(&mut server, organisation)
}

/// Without OpenLDAP mail flows by what is known, changes are refused with the reason, and all is well once it is back.
fn away(server: &mut OpenLdap, organisation: &Organisation) -> Result<()> {
    server.stop()?;
    let state = |side| -> Result<String> {
        let agent = organisation.command(side, &["directory", "agent"])?;
        Ok(agent["agent"]["ldap"].as_str().unwrap_or_default().to_owned())
    };
    until(LIMIT, "the trouble", || Ok(state(Side::West)?.contains("connect").then_some(())))?;
    let config = organisation.config(Side::West).to_string_lossy().into_owned();
    let words = ["directory", "set", SITE, "description", "x", "-c", config.as_str()];
    let refused = organisation.program.run(words)?;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    ensure!(
        !refused.status.success() && said.contains("cannot connect to the LDAP server"),
        "{said}"
    );
    let (from, to) = (Side::East.user(), Side::West.user());
    let reply =
        Letter::plain(&from, &to, "without", "Across.").hand_in(organisation.smtp(Side::East))?;
    ensure!(reply.code == 250, "{reply:?}");
    organisation.until_empty(LIMIT)?;
    ensure!(organisation.maildir(Side::West).count() == 1);
    server.resume()?;
    until(LIMIT, "the end of the trouble", || Ok((state(Side::West)? == "ok").then_some(())))?;
    organisation.command(Side::West, &["directory", "set", SITE, "description", "back again"])?;
    until_described(organisation, Side::East, "back again")?;
    broken(server, organisation)
}

/// What cannot be understood is told and lets nobody in; it ends nothing else.
fn broken(server: &OpenLdap, organisation: &Organisation) -> Result<()> {
    let recipients = format!("CN=Recipients,{SITE_DN}");
    let change = |what: &str| {
        ldif(
            server,
            &format!(
                "dn: {recipients}\nchangetype: modify\nreplace: bindbackSecurityDescriptor\n{what}"
            ),
        )
    };
    change("bindbackSecurityDescriptor:: AQAEgP///38=\n")?;
    let loops = format!(
        "dn: CN=oops,{recipients}\nchangetype: add\nobjectClass: bindbackObject\ncn: oops\nbindbackClass: zebra\n"
    );
    ldif(server, &loops)?;
    until(LIMIT, "both faults", || {
        let agent = organisation.command(Side::East, &["directory", "agent"])?;
        let faults = agent["agent"]["faults"].to_string();
        Ok((faults.contains("lets nobody in") && faults.contains("none that is known"))
            .then_some(()))
    })?;
    let name = format!("{SITE}/CN=Recipients");
    let shown = organisation.command(Side::East, &["directory", "show", &name])?;
    ensure!(shown["objects"][0]["class"] == "container", "{shown}");
    ldif(server, &format!("dn: CN=oops,{recipients}\nchangetype: delete\n"))?;
    change("")?;
    until(LIMIT, "no faults", || {
        let agent = organisation.command(Side::East, &["directory", "agent"])?;
        Ok(agent["agent"]["faults"].is_null().then_some(()))
    })
}

#[test]
fn faults_of_the_directory_in_openldap_stop_mail_and_are_cured() -> Result<()> {
    let Some(server) = server()? else { return Ok(()) };
    play_all(server.plan(Plan::default(), "starttls"), "organisation")?;
    Ok(())
}

/// All scenarios of the embedded directory.
#[test]
#[ignore = "long; run with --full"]
fn every_scenario_is_the_same_with_the_directory_in_openldap() -> Result<()> {
    let Some(server) = server()? else { return Ok(()) };
    play_all(server.plan(Plan::default(), "ldaps"), "")
}

#[test]
fn a_certificate_of_somebody_else_is_refused() -> Result<()> {
    let Some(server) = server()? else { return Ok(()) };
    let (mine, theirs) = (server.path("ca.pem"), OpenLdap::start()?);
    std::fs::copy(theirs.path("ca.pem"), &mine)?;
    let failed = stage(&server.plan(Plan::default(), "ldaps"));
    let said = format!("{:#}", failed.err().context("it was trusted")?);
    ensure!(
        said.contains("directory.ca_file") && said.contains("invalid peer certificate"),
        "{said}"
    );
    Ok(())
}
