//! Domain accounts on the MTA's own interface: winbind judges, through Samba's `ntlm_auth`, which gives the session key (MS-NLMP
//! 3.2.5.1.2, ntlm_auth(1)). A domain controller runs winbind itself, so no machine has to be joined for it.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use conformance::{Process, Program, SambaDc, binary, one_object, skip, until};
use serde_json::Value;

const NAME: &str = "samba_winbind";
const HELPER: &str = "/usr/bin/ntlm_auth";
const PASSWORD: &str = "Letters.And.1";
/// The interface of idl/mta.idl.
const MTA: &str = "6f8d2c1a-3e57-4b0e-9c64-a1d05be27f93:1.0";
const START: Duration = Duration::from_secs(30);

#[test]
fn samba_winbind_judges_the_accounts_of_a_domain() -> Result<()> {
    let missing = SambaDc::missing().or_else(|| {
        (!Path::new(HELPER).exists())
            .then(|| format!("there is no {HELPER} (Debian: apt-get install winbind)"))
    });
    if let Some(reason) = missing {
        skip(NAME, &reason);
        return Ok(());
    }
    let program = Program::find()?;
    let controller = SambaDc::start(|controller| {
        controller.add_user("svc-west", PASSWORD)?;
        controller.add_user("gone", PASSWORD)?;
        let local = format!("tdb://{}", controller.folder().join("private/sam.ldb").display());
        controller.tool(&["user", "disable", "gone", "-H", &local]).map(drop)
    })?;
    let folder = tempfile::tempdir()?;
    let place = folder.path().join("east");
    let said = program.run(["init".as_ref(), place.as_os_str()])?;
    ensure!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let config = place.join("bindback.toml");
    let text = std::fs::read_to_string(&config)?;
    std::fs::write(&config, text.replacen("[rpc]\n", "[rpc]\nwinbind_domains = [\"EAST\"]\n", 1))?;
    let _server = serve(&controller, &config, folder.path())?;

    for mechanism in ["ntlm", "negotiate"] {
        let (code, said) = ping(&controller, "EAST\\svc-west", PASSWORD, mechanism)?;
        ensure!(code == Some(0), "{mechanism}: {said}");
        for (account, password) in [
            ("EAST\\svc-west", "wrong"),
            ("EAST\\nobody-there", PASSWORD),
            ("EAST\\gone", PASSWORD),
            // A domain that winbind is not asked about, and this server has no such account.
            ("DEMO\\svc-west", PASSWORD),
        ] {
            let (code, said) = ping(&controller, account, password, mechanism)?;
            let last = said["steps"].as_array().and_then(|steps| steps.last()).cloned();
            let last = last.context("no step")?;
            ensure!(code == Some(1) && last["step"] == "authentication", "{account}: {said}");
        }
    }
    let refusals = refusals(&controller, &config)?;
    for (user, code) in [
        ("EAST\\svc-west", 1326),
        ("EAST\\nobody-there", 1317),
        ("EAST\\gone", 1331),
        ("DEMO\\svc-west", 1317),
    ] {
        ensure!(
            refusals.contains(&(user.to_owned(), code)),
            "{user} was not refused with {code}: {refusals:?}"
        );
    }
    Ok(())
}

/// A command of the program where the controller is.
fn inside(controller: &SambaDc, arguments: &[&str]) -> Result<Command> {
    let mut command = controller.command(binary()?);
    command.args(arguments).stdin(Stdio::null());
    Ok(command)
}

fn serve(controller: &SambaDc, config: &Path, folder: &Path) -> Result<Process> {
    let config = config.display().to_string();
    let log = folder.join("serve.log");
    let mut server = Process::start(inside(controller, &["serve", "-c", &config])?, &log)?;
    until(START, "the server", || {
        if let Some(status) = server.try_wait()? {
            bail!("serve ended with {status}: {}", std::fs::read_to_string(&log)?);
        }
        let mut probe =
            inside(controller, &["rpc", "endpoints", "127.0.0.1", "--mapper-port", "1135"])?;
        Ok(probe.output()?.status.success().then_some(()))
    })?;
    Ok(server)
}

fn ping(
    controller: &SambaDc,
    account: &str,
    password: &str,
    mechanism: &str,
) -> Result<(Option<i32>, Value)> {
    let mut command = inside(
        controller,
        &["rpc", "ping", "127.0.0.1", "--mapper-port", "1135", "--interface", MTA, "--json"],
    )?;
    command
        .args(["--user", account, "--password-env", "BINDBACK_TEST_PASSWORD"])
        .args(["--auth", mechanism, "--level", "privacy", "-n", "2"])
        .env("BINDBACK_TEST_PASSWORD", password);
    let output = command.output()?;
    let said = one_object(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    println!("{account} {mechanism}: {said}");
    Ok((output.status.code(), said))
}

/// Who was refused, with which code: the exact reason, which the wire does not carry.
fn refusals(controller: &SambaDc, config: &Path) -> Result<Vec<(String, u64)>> {
    let config = config.display().to_string();
    let output =
        inside(controller, &["events", "-c", &config, "--id", "9297", "--json"])?.output()?;
    let said = one_object(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    let events = said["events"].as_array().context("no events")?;
    let found = events.iter().filter_map(|event| {
        let params = &event["params"];
        Some((params["user"].as_str()?.to_owned(), params["code"].as_u64()?))
    });
    Ok(found.collect())
}
