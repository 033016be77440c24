//! The directory as an expert sees it: raw attributes, staged changes, the legacy account of an administrative group.

use anyhow::{Context, Result, ensure};
use conformance::{Organisation, Plan, Side};
use serde_json::{Value, json};

use super::{SCHEMA, WEST};

const SITE: &str = "/O=Proof/OU=HQ";

fn east(organisation: &Organisation, words: &[&str]) -> Result<Value> {
    organisation.command(Side::East, words).with_context(|| format!("{words:?}"))
}

/// Every attribute with the descriptor as text; a change is staged, shown, forgotten or written, and taken back.
///
/// Claims: 12.
#[test]
fn raw_attributes_are_shown_staged_written_and_taken_back() -> Result<()> {
    let organisation = Organisation::make(&Plan::default())?;
    let _servers = organisation.start_both()?;
    let raw = ["directory", "raw", SCHEMA];
    let shown = east(&organisation, &raw)?;
    let attributes = &shown["objects"][0]["attributes"];
    ensure!(attributes["attributeID"] == json!(["1.2.840.113556.1.2.281"]), "{shown}");
    let before =
        attributes["nTSecurityDescriptor"][0].as_str().context("no descriptor")?.to_owned();
    ensure!(before.starts_with("D:"), "{before}");

    // Without the entry of the service account: staged, and nothing is changed yet.
    let empty = [&raw[..], &["--attribute", "nTSecurityDescriptor", "--set", "D:"]].concat();
    let staged = east(&organisation, &empty)?;
    ensure!(staged["applied"] == false && staged["changes"][0]["object"] == SCHEMA, "{staged}");
    ensure!(east(&organisation, &["directory", "staged"])?["changes"] == staged["changes"]);
    let still = east(&organisation, &raw)?;
    ensure!(still["objects"][0]["attributes"]["nTSecurityDescriptor"][0] == before.as_str());
    east(&organisation, &["directory", "discard"])?;
    ensure!(east(&organisation, &["directory", "staged"])?["changes"] == json!([]));

    // Staged again and written: the account may not read descriptors any more; then all is taken back.
    let may = |organisation: &Organisation| -> Result<bool> {
        let words = ["directory", "show", SCHEMA];
        let permissions = east(organisation, &words)?["objects"][0]["permissions"].to_string();
        Ok(permissions.contains("svc-west"))
    };
    ensure!(may(&organisation)?, "the service account has no right before");
    east(&organisation, &empty)?;
    let applied = east(&organisation, &["directory", "apply"])?;
    ensure!(applied["applied"] == true, "{applied}");
    ensure!(!may(&organisation)?, "the service account kept its right");
    let undone = east(&organisation, &["directory", "undo"])?;
    ensure!(undone["applied"] == true, "{undone}");
    ensure!(may(&organisation)?, "the change was not taken back");
    let trail = east(&organisation, &["directory", "audit"])?;
    let about = |entry: &&Value| entry["object"] == SCHEMA || entry.to_string().contains(SCHEMA);
    let entries = trail["audit"].as_array().context("audit")?.iter().filter(about).count();
    ensure!(entries >= 2, "{trail}");
    Ok(())
}

/// Shown beside the account in use; a password that does not fit is not stored; set, shown, cleared.
///
/// Claims: 23, 24, 29.
#[test]
fn the_legacy_account_is_shown_verified_set_and_cleared() -> Result<()> {
    let organisation = Organisation::make(&Plan::default())?;
    let _servers = organisation.start_both()?;
    let west = |words: &[&str]| -> Result<Value> {
        organisation.command(Side::West, words).with_context(|| format!("{words:?}"))
    };
    let show = ["directory", "legacy-account", "show"];
    let shown = west(&show)?;
    ensure!(shown["legacy"]["account"].is_null() && shown["legacy"]["group"] == SITE, "{shown}");
    ensure!(shown["legacy"]["in_use"] == WEST, "{shown}");

    let folder = organisation.folder(Side::West);
    let file = |name: &str| folder.join("secrets").join(name).to_string_lossy().into_owned();
    let (right, wrong) = (file("service.password"), file("admin.token"));
    let config = organisation.config(Side::West).to_string_lossy().into_owned();
    let set = ["directory", "legacy-account", "set", "--account", WEST, "--password-file"];
    // EAST refuses that password: nothing is stored.
    let words = [&set[..], &[wrong.as_str(), "-c", config.as_str()]].concat();
    let refused = organisation.program.run(words)?;
    ensure!(!refused.status.success(), "a password that the peer refuses was stored");
    ensure!(west(&show)?["legacy"]["account"].is_null());

    // A wrong name, as a migration leaves it, is shown as what does not agree.
    let other = r"PROOF\svc-other";
    let words = ["directory", "legacy-account", "set", "--account", other, "--password-file"];
    west(&[&words[..], &[right.as_str(), "--untested"]].concat())?;
    let shown = west(&show)?;
    ensure!(shown["legacy"]["account"].to_string().contains("svc-other"), "{shown}");

    let found = west(&[&set[..], &[right.as_str()]].concat())?;
    ensure!(found["applied"] == true, "{found}");
    let shown = west(&show)?;
    ensure!(shown["legacy"]["account"].to_string().contains("svc-west"), "{shown}");
    ensure!(shown["legacy"]["agrees"] == true, "{shown}");
    // Another one that EAST takes, and that is known here: tried, stored, and given what the exchange of mail needs, on the schema, too.
    let add = ["account", "add", other, "--password-file", &right];
    east(&organisation, &[&add[..], &["--role", "service-account-admin"]].concat())?;
    west(&add)?;
    let may = || -> Result<Vec<bool>> {
        let access = west(&["directory", "access", other])?;
        let rows = access["access"].as_array().context("access")?;
        Ok(rows.iter().map(|row| row["granted"] == true).collect())
    };
    ensure!(may()? == [false; 4]);
    west(&[&words[..], &[right.as_str()]].concat())?;
    let shown = west(&show)?;
    ensure!(shown["legacy"]["account"] == "svc-other" && shown["legacy"]["agrees"] == false);
    ensure!(may()? == [true; 4]);
    west(&["directory", "legacy-account", "clear"])?;
    ensure!(west(&show)?["legacy"]["account"].is_null());
    Ok(())
}
