//! Two of the scenarios that a command on the resting account cannot put in: another account than the one that is expected, and
//! one that wrong passwords have locked.

use anyhow::{Result, ensure};
use conformance::{Plan, Side};

use crate::{LIMIT, RECOVERY, ROLE, Scenario, Stage, WEST, stage};

/// Scenario 2: WEST proves itself with an account that is known, has the role, and is not the one that EAST expects of it. Its
/// configuration is put right, and the running server takes it over.
///
/// Claims: 36.
#[test]
fn an_account_that_does_not_match_on_one_side_stops_mail() -> Result<()> {
    const OTHER: &str = r"PROOF\svc-other";
    let mut stage = stage(&Plan::default())?;
    let password = stage.organisation.folder(Side::West).join("secrets/service.password");
    let password = password.to_string_lossy().into_owned();
    let words = ["account", "add", OTHER, "--role", ROLE, "--password-file", &password];
    stage.organisation.command(Side::East, &words)?;
    let _servers = stage.organisation.start_both()?;
    stage.send_both("before")?;
    stage.arrived(LIMIT)?;
    stage.quiet()?;
    let since = Stage::now()?;
    let file = stage.organisation.config(Side::West);
    let right = std::fs::read_to_string(&file)?;
    let wrong = right.replace(&format!("account = '{WEST}'"), &format!("account = '{OTHER}'"));
    ensure!(wrong != right, "nothing is changed");
    std::fs::write(&file, &wrong)?;
    // Any command that edits the file lets the server read it again.
    let hosts = ["hosts", "set", "elsewhere.proof.test", "127.0.0.1"];
    stage.organisation.command(Side::West, &hosts)?;
    stage.send_both("meanwhile")?;
    let scenario = Scenario {
        name: "another account",
        fault: Vec::new(),
        code: 5,
        step: "account",
        remedy: Vec::new(),
    };
    stage.stopped(&scenario, &since)?;
    std::fs::write(&file, &right)?;
    stage.organisation.command(Side::West, &hosts)?;
    stage.arrived(RECOVERY)
}

/// Scenario 8, the state that only wrong passwords make.
#[test]
fn an_account_that_wrong_passwords_have_locked_stops_mail_until_it_is_unlocked() -> Result<()> {
    let plan = Plan::default().with_on(Side::East, "accounts", "lockout_threshold", "3").with_on(
        Side::East,
        "accounts",
        "lockout_duration_s",
        "0",
    );
    let mut stage = stage(&plan)?;
    let _servers = stage.organisation.start_both()?;
    stage.send_both("before")?;
    stage.arrived(LIMIT)?;
    stage.quiet()?;
    let config = stage.organisation.config(Side::West).to_string_lossy().into_owned();
    let wrong = stage.organisation.folder(Side::West).join("secrets/admin.token");
    let wrong = wrong.to_string_lossy().into_owned();
    // Somebody tries an account with a password that is not its own: each is a logon at EAST.
    let mut words = vec!["directory", "override-account", "set", "EAST", "--account", WEST];
    words.extend(["--password-file", &wrong, "-c", &config]);
    for _ in 0..3 {
        let tried = stage.organisation.program.run(&words)?;
        ensure!(!tried.status.success(), "a wrong password was taken");
    }
    let since = Stage::now()?;
    stage.send_both("meanwhile")?;
    let scenario = Scenario {
        name: "locked",
        fault: Vec::new(),
        code: 1909,
        step: "authentication",
        remedy: Vec::new(),
    };
    stage.stopped(&scenario, &since)?;
    let shown = stage.organisation.command(Side::East, &["account", "show", WEST])?;
    ensure!(shown["account"]["state"] == "locked", "{shown}");
    stage.organisation.command(Side::East, &["account", "unlock", WEST])?;
    stage.arrived(RECOVERY)
}
