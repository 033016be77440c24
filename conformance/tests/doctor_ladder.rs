//! The ladder of `bindback doctor HOST`: a host whose SMB is in order and whose RPC seals with other keys than were agreed
//! (MS-NLMP 3.4.5.3).

use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use conformance::{
    Block, Process, Program, SMTP, SambaFiles, Session, binary, one_object, skip, until,
};
use serde_json::Value;

const NAME: &str = "ladder_of_a_host";
const START: Duration = Duration::from_secs(20);
const MAPPER: u16 = 135;
const PASSWORD: &str = "Passw0rd!";
/// A user of the system that is there on every one; its password is Samba's alone.
const USER: &str = "nobody";

/// Claims: 15, 33, 36.
#[test]
fn a_ladder_finds_where_keys_differ_although_the_logon_works() -> Result<()> {
    let address = Block::take()?.address(0);
    if let Some(reason) = SambaFiles::missing(address) {
        skip(NAME, &reason);
        return Ok(());
    }
    let _samba = SambaFiles::start(address, &[USER], PASSWORD, |_| Ok(Vec::new()))?;
    let folder = tempfile::tempdir()?;
    configure(folder.path(), address)?;
    for (words, first, answered) in [
        (&["serve"][..], Value::Null, ["ok", "ok", "ok", "ok"]),
        (
            &["lab", "old-peer", "56-bit-sealing"],
            "ntlm-session-security-mismatch".into(),
            ["ok", "refused", "refused", "refused"],
        ),
    ] {
        let mut command = std::process::Command::new(binary()?);
        command.args(words).arg("-c").arg(folder.path().join("bindback.toml"));
        let log = folder.path().join("log");
        let mut server = Process::start(command, &log)?;
        until(START, "the server", || {
            if let Some(status) = server.try_wait()? {
                bail!("it ended with {status}: {}", std::fs::read_to_string(&log)?);
            }
            // It greets once all its ports are open.
            Ok(Session::connect((address, SMTP).into()).ok().map(drop))
        })?;
        let said = ask(address)?;
        server.terminate(START)?;
        ensure!(said["diagnoses"][0]["cause"] == first, "{words:?}: {said}");
        let checks = said["checks"].as_array().context("checks")?;
        for (level, expected) in ["connect", "packet", "integrity", "privacy"].iter().zip(answered)
        {
            let name = format!("rpc-{level}");
            let rung = checks.iter().find(|check| check["check"] == *name).context("a rung")?;
            ensure!(rung["result"] == expected, "{words:?}: {rung}");
        }
    }
    Ok(())
}

/// A server that knows the account as Samba does.
fn configure(folder: &Path, address: Ipv4Addr) -> Result<()> {
    let secret = |name: &str| -> Result<()> {
        let path = folder.join(name);
        std::fs::write(&path, format!("{PASSWORD}\n"))?;
        Ok(std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?)
    };
    secret("own.password")?;
    let text = format!(
        "[server]\nname = 'OLD'\norganisation = 'East'\nsite = 'HQ'\nhost_name = 'old.east.test'\ndata_dir = 'data'\n[smtp]\nlisten = ['{address}:{SMTP}']\n\
         [mail]\ndomains = ['old.east.test']\nmailboxes = ['anna']\nmaildir = 'mail'\n\
         [rpc]\nlisten = '{address}'\nmapper_port = {MAPPER}\naccount = 'EAST\\svc-old'\npassword_file = 'own.password'\n\
         [admin]\nsocket = 'run/socket'\n"
    );
    let config = folder.join("bindback.toml");
    std::fs::write(&config, text)?;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
    let (user, config) = (format!("EAST\\{USER}"), config.display().to_string());
    let password = folder.join("own.password").display().to_string();
    let words = ["account", "add", &user, "--password-file", &password, "-c", &config];
    let output = Program::find()?.run(words)?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

fn ask(address: Ipv4Addr) -> Result<Value> {
    let (host, mapper) = (address.to_string(), MAPPER.to_string());
    let output = Program::find()?
        .command(["doctor", &host, "--json", "--user", &format!("EAST\\{USER}")])
        .args(["--mapper-port", &mapper, "--password-env", "BINDBACK_TEST_PASSWORD"])
        .env("BINDBACK_TEST_PASSWORD", PASSWORD)
        .output()?;
    one_object(&output.stdout).with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())
}
