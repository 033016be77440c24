//! `bindback doctor HOST` against a Samba domain controller at each NTLM level and signing mode that Samba has (smb.conf(5),
//! `ntlm auth`, `lanman auth`, `server signing`, `smb encrypt`, `server min protocol`, `ldap server require strong auth`):
//! what keeps the account out is named, what does not is not, and what cannot be read for it is said.

use anyhow::{Context, Result, ensure};
use conformance::{Program, SambaDc, binary, one_object, skip};
use serde_json::Value;

const NAME: &str = "samba_levels";
const PASSWORD: &str = "Letters.And.1";

/// One way to set a controller up, and what is to be seen of it.
struct Mode {
    lines: &'static [&'static str],
    /// The first cause; none where the account is let in for RPC.
    cause: Option<&'static str>,
    /// Checks with their result, and words of their detail.
    checks: &'static [(&'static str, &'static str, &'static str)],
}

const MODES: &[Mode] = &[
    Mode {
        lines: &[
            "ntlm auth = ntlmv2-only",
            "lanman auth = no",
            "server signing = mandatory",
            "ldap server require strong auth = yes",
            "restrict anonymous = 2",
        ],
        cause: None,
        checks: &[
            ("ldap", "ok", "DC=east,DC=test"),
            ("ldap-account", "ok", "nothing keeps it from logging on"),
            ("rpc", "ok", ""),
            ("ntlm", "ok", "NTLM 2 session security"),
            ("logon", "ok", "signing is required"),
            ("smb", "ok", "signing required"),
            ("shares", "ok", "IPC$"),
            ("sam-account", "ok", "0 wrong passwords"),
            ("rpc-privacy", "ok", ""),
        ],
    },
    Mode {
        lines: &["ntlm auth = mschapv2-and-ntlmv2-only", "server signing = auto"],
        cause: None,
        checks: &[
            ("logon", "ok", "IPC$ is open to it"),
            ("smb", "ok", "signing not required"),
            ("shares", "ok", "IPC$"),
            ("rpc-integrity", "ok", ""),
        ],
    },
    Mode {
        lines: &["ntlm auth = ntlmv1-permitted", "lanman auth = yes", "server signing = disabled"],
        cause: None,
        checks: &[
            ("logon", "ok", "IPC$ is open to it"),
            ("smb", "ok", "signing not required"),
            ("sam-account", "ok", "0 wrong passwords"),
            ("rpc-privacy", "ok", ""),
        ],
    },
    Mode {
        lines: &["ntlm auth = disabled"],
        cause: Some("ntlm-blocked"),
        // No password was looked at, so the KDC is asked all the same.
        checks: &[("logon", "denied", "STATUS_NTLM_BLOCKED"), ("kerberos-logon", "ok", "")],
    },
    Mode {
        lines: &["smb encrypt = required"],
        cause: None,
        // Mail goes over RPC, which SMB's encryption does not touch.
        checks: &[
            ("logon", "denied", "encrypted sessions of SMB 3"),
            ("kerberos-logon", "ok", ""),
            ("rpc-privacy", "ok", ""),
        ],
    },
    Mode {
        lines: &["server min protocol = SMB3_11"],
        cause: None,
        checks: &[
            ("smb", "denied", "none of the dialects up to SMB 2.1"),
            ("kerberos-logon", "ok", ""),
            ("rpc-privacy", "ok", ""),
        ],
    },
];

/// Claims: 14, 32, 33, 38.
#[test]
fn the_doctor_knows_what_each_level_and_mode_of_samba_lets_through() -> Result<()> {
    if let Some(reason) = SambaDc::missing() {
        skip(NAME, &reason);
        return Ok(());
    }
    Program::find()?;
    let controller = SambaDc::start(|controller| controller.add_user("mta", PASSWORD))?;
    for mode in MODES {
        controller.restart_with(mode.lines)?;
        let said = answer(&controller)?;
        look(mode, &said).with_context(|| format!("{:?}: {said}", mode.lines))?;
    }
    // None of that counted a wrong password.
    let directory = format!("tdb://{}", controller.folder().join("private/sam.ldb").display());
    let shown = controller.tool(&["user", "show", "mta", "-H", &directory])?;
    ensure!(shown.contains("badPwdCount: 0"), "{shown}");
    Ok(())
}

fn look(mode: &Mode, said: &Value) -> Result<()> {
    match mode.cause {
        Some(cause) => {
            let first = &said["diagnoses"][0];
            let is_sure = first["confidence"].as_f64().is_some_and(|one| one >= 0.5);
            ensure!(first["cause"] == cause && is_sure, "{first}");
        }
        None => {
            let none = said["diagnoses"].as_array().is_some_and(Vec::is_empty);
            ensure!(none && said["undecided"] == false, "something is found");
        }
    }
    for (name, result, words) in mode.checks {
        let checks = said["checks"].as_array().context("no checks")?;
        let check = checks.iter().find(|check| check["check"] == *name);
        let check = check.with_context(|| format!("no {name}"))?;
        let detail = check["detail"].as_str().unwrap_or_default();
        ensure!(check["result"] == *result && detail.contains(words), "{check}");
    }
    Ok(())
}

/// The report, once the controller judges logons: it takes connections before winbind answers it, and says
/// STATUS_INTERNAL_ERROR until then, which is never called well.
fn answer(controller: &SambaDc) -> Result<Value> {
    for _ in 0..30 {
        let said = ask(controller)?;
        // STATUS_INTERNAL_ERROR.
        let is_early = said["checks"].to_string().contains("0xC00000E5");
        if !is_early {
            return Ok(said);
        }
        ensure!(said["undecided"] == true, "a controller that is not ready is well: {said}");
    }
    anyhow::bail!("the controller never judges a logon")
}

fn ask(controller: &SambaDc) -> Result<Value> {
    let mut command = controller.command(binary()?);
    command
        .args(["doctor", SambaDc::HOST, "--json", "--timeout", "10", "--user", "EAST\\mta"])
        .args(["--password-env", "BINDBACK_TEST_PASSWORD"])
        .env("BINDBACK_TEST_PASSWORD", PASSWORD);
    let output = command.output()?;
    one_object(&output.stdout).with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())
}
