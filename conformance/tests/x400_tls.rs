//! X.400 over TLS with OpenSSL on the other side: RFC 8446 (handshake, client certificates, alerts), and mail between two
//! servers whose certificates OpenSSL made.
//!
//! Peer: the `openssl` program (written against 3.0): its certificates, `s_client` as a caller, `s_server` as the called.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use conformance::{Connector, Letter, Organisation, Plan, Process, Program, Side, skip, until};

const NAME: &str = "x400_tls";
const PORT: u16 = 1102;
const DELIVERY: Duration = Duration::from_secs(60);

/// What `openssl ca` needs to be told; the names of a certificate are in the section that is chosen by `-extensions`.
const AUTHORITY: &str = "[ca]
default_ca = d
[d]
database = index.txt
serial = serial
new_certs_dir = .
default_md = sha256
policy = p
unique_subject = no
crlnumber = crlnumber
[p]
commonName = supplied
[east.proof.test]
subjectAltName = DNS:east.proof.test
[west.proof.test]
subjectAltName = DNS:west.proof.test
";

#[test]
fn x400_tls_with_openssl() -> Result<()> {
    if Command::new("openssl").arg("version").stdout(Stdio::null()).status().is_err() {
        skip(NAME, "openssl is not there (Debian: apt-get install openssl)");
        return Ok(());
    }
    let organisation = Organisation::make(&Plan::default())?;
    let folder = organisation.root().join("ca");
    authority(&folder)?;
    for (file, name, until) in [
        ("east", "east.proof.test", "21200101000000Z"),
        ("west", "west.proof.test", "21200101000000Z"),
        ("expired", "west.proof.test", "20210101000000Z"),
        ("revoked", "west.proof.test", "21200101000000Z"),
    ] {
        certificate(&folder, file, name, until)?;
    }
    revocation_list(&folder)?;
    for side in Side::BOTH {
        connector(&organisation, &folder, side)?;
    }
    let servers = organisation.start_both()?;
    called_by_openssl(&organisation, &folder)?;
    openssl_is_called(&organisation, &folder)?;
    expires_and_is_renewed(&organisation, &folder)?;
    is_revoked(&organisation, &folder)?;
    for server in servers {
        server.terminate(Duration::from_secs(20))?;
    }
    Ok(())
}

fn openssl(folder: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new("openssl")
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .context("openssl")?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "openssl {arguments:?}: {said}");
    Ok(said)
}

fn authority(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    for (file, text) in
        [("ca.cnf", AUTHORITY), ("index.txt", ""), ("serial", "01\n"), ("crlnumber", "01\n")]
    {
        std::fs::write(folder.join(file), text)?;
    }
    let arguments = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 3650 -subj /CN=Authority";
    openssl(folder, &arguments.split(' ').collect::<Vec<_>>()).map(drop)
}

fn certificate(folder: &Path, file: &str, name: &str, until: &str) -> Result<()> {
    let request = format!(
        "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {file}.key -out {file}.csr -subj /CN={name}"
    );
    openssl(folder, &request.split(' ').collect::<Vec<_>>())?;
    let sign = format!(
        "ca -batch -notext -config ca.cnf -cert ca.pem -keyfile ca.key -extensions {name} -startdate 20200101000000Z -enddate {until} -in {file}.csr -out {file}.pem"
    );
    openssl(folder, &sign.split(' ').collect::<Vec<_>>()).map(drop)
}

/// The list of `revoked`, and of no other.
fn revocation_list(folder: &Path) -> Result<()> {
    let ca = "ca -config ca.cnf -cert ca.pem -keyfile ca.key";
    for rest in ["-revoke revoked.pem", "-gencrl -crldays 3650 -out lists.pem"] {
        openssl(folder, &format!("{ca} {rest}").split(' ').collect::<Vec<_>>())?;
    }
    Ok(())
}

/// Puts a connector over TLS in the place of the peer of an organisation.
fn connector(organisation: &Organisation, ca: &Path, side: Side) -> Result<()> {
    let trust = ca.join("ca.pem");
    let lists = ca.join("lists.pem");
    let rfc1006 = format!(
        "certificate = 'own.pem'\nkey = 'own.key'\ntrust = '{}'\nrevocation = '{}'",
        trust.display(),
        lists.display()
    );
    let x400 = "tls = 'required'\nopen_interval_s = 2\nlifetime_s = 1";
    let connector = Connector { port: PORT, rfc1006: &rfc1006, x400, through_relay: false };
    connector.install(organisation, side)?;
    install(organisation, ca, side, &side.name().to_lowercase())
}

/// Gives a server a certificate and its key.
fn install(organisation: &Organisation, ca: &Path, side: Side, file: &str) -> Result<()> {
    let folder = organisation.folder(side);
    let key = folder.join("own.key");
    std::fs::copy(ca.join(format!("{file}.pem")), folder.join("own.pem"))?;
    std::fs::copy(ca.join(format!("{file}.key")), &key)?;
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(())
}

/// What `s_client` says that calls EAST from the address of WEST.
fn s_client(organisation: &Organisation, ca: &Path, more: &str) -> Result<String> {
    let to = SocketAddr::from((organisation.address(Side::East), PORT));
    let from = organisation.address(Side::West);
    let arguments = format!(
        "s_client -connect {to} -bind {from}:0 -CAfile ca.pem -verify_return_error -verify_hostname east.proof.test {more}"
    );
    let output = Command::new("openssl")
        .args(arguments.split_whitespace())
        .current_dir(ca)
        .stdin(Stdio::null())
        .output()?;
    let text = [output.stdout, output.stderr].concat();
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// OpenSSL finds the server's certificate good, and is told what is wrong with its own.
fn called_by_openssl(organisation: &Organisation, ca: &Path) -> Result<()> {
    for version in ["-tls1_3", "-tls1_2"] {
        let said = s_client(organisation, ca, &format!("-cert west.pem -key west.key {version}"))?;
        ensure!(said.contains("Verify return code: 0 (ok)"), "{version}: {said}");
        ensure!(said.contains("CN = Authority"), "no client certificate is asked for: {said}");
    }
    // -ign_eof: the alert comes after the handshake, so that who leaves at once does not hear it.
    let expired = "-cert expired.pem -key expired.key -ign_eof";
    for (credentials, alert) in
        [(expired, "certificate expired"), ("-ign_eof", "certificate required")]
    {
        let said = s_client(organisation, ca, credentials)?;
        ensure!(said.contains(&format!("alert {alert}")), "{credentials}: {said}");
    }
    let causes: Vec<String> = organisation
        .events(Side::East)?
        .iter()
        .filter(|event| event["id"] == 20020)
        .filter_map(|event| Some(event["params"]["cause"].as_str()?.to_owned()))
        .collect();
    ensure!(causes == ["expired", "missing"], "events 20020 of EAST: {causes:?}");
    Ok(())
}

/// `x400 probe --tls` against `s_server`, which asks for a certificate: both are content.
fn openssl_is_called(organisation: &Organisation, ca: &Path) -> Result<()> {
    let at = SocketAddr::from((organisation.address(Side::West), PORT + 1));
    let mut command = Command::new("openssl");
    let arguments = format!(
        "s_server -accept {at} -cert west.pem -key west.key -CAfile ca.pem -Verify 1 -verify_return_error -rev"
    );
    command.args(arguments.split(' ')).current_dir(ca).stdin(Stdio::null());
    let log = ca.join("s_server.log");
    let server = Process::start(command, &log)?;
    let said = || std::fs::read_to_string(&log).unwrap_or_default();
    until(DELIVERY, "s_server", || Ok(said().contains("ACCEPT").then_some(())))?;
    let [certificate, key, trust] = ["east.pem", "east.key", "ca.pem"].map(|file| ca.join(file));
    let program = Program::find()?;
    let probe = |name: &str| -> Result<Vec<(String, String, String)>> {
        let mut words = vec!["x400".to_owned(), "probe".to_owned(), at.to_string()];
        words.extend("--json --timeout 1 --tls --tls-name".split(' ').map(str::to_owned));
        words.push(name.to_owned());
        for (option, file) in
            [("--certificate", &certificate), ("--key", &key), ("--trust", &trust)]
        {
            words.extend([option.to_owned(), file.display().to_string()]);
        }
        let output = program.run(words)?;
        let answer = conformance::one_object(&output.stdout)?;
        let steps = answer["steps"].as_array().context("steps")?;
        let word =
            |step: &serde_json::Value, key: &str| step[key].as_str().unwrap_or_default().to_owned();
        Ok(steps
            .iter()
            .map(|one| ["step", "result", "text"].map(|key| word(one, key)))
            .map(|[a, b, c]| (a, b, c))
            .collect())
    };
    let steps = probe("west.proof.test")?;
    ensure!(steps[2].0 == "tls" && steps[2].1 == "ok", "{steps:?}");
    ensure!(said().contains("Peer certificate: CN = east.proof.test"), "{}", said());
    let steps = probe("other.proof.test")?;
    ensure!(steps.len() == 3 && steps[2].1 == "denied", "{steps:?}");
    server.terminate(Duration::from_secs(10)).map(drop)
}

/// Mail crosses; with an expired certificate it waits and the doctor says so; with the renewed one it arrives.
fn expires_and_is_renewed(organisation: &Organisation, ca: &Path) -> Result<()> {
    send(organisation, "over-tls")?;
    arrived(organisation, 1)?;
    closed(organisation)?;
    waits_for_the_certificate(organisation, (ca, "expired"), "put a renewed certificate", 1)
}

/// The same with one that its authority has taken back, by the list that OpenSSL made.
fn is_revoked(organisation: &Organisation, ca: &Path) -> Result<()> {
    closed(organisation)?;
    waits_for_the_certificate(organisation, (ca, "revoked"), "has taken its certificate back", 2)
}

fn send(organisation: &Organisation, text: &str) -> Result<()> {
    let letter = Letter::plain(&Side::West.user(), &Side::East.user(), text, "x");
    letter.hand_in(organisation.smtp(Side::West))?;
    Ok(())
}

fn arrived(organisation: &Organisation, count: usize) -> Result<()> {
    let east = organisation.maildir(Side::East);
    until(DELIVERY, "the mail at EAST", || Ok((east.count() >= count).then_some(())))
        .with_context(|| Side::BOTH.map(|side| organisation.said(side)).join("\n"))
}

fn closed(organisation: &Organisation) -> Result<()> {
    until(DELIVERY, "the end of the association", || {
        let answer = organisation.command(Side::West, &["ltab"])?;
        let rows = answer["entries"].as_array().context("entries")?;
        let open = rows.iter().any(|row| row["state"] == "open");
        Ok((!open).then_some(()))
    })
}

fn waits_for_the_certificate(
    organisation: &Organisation,
    (ca, bad): (&Path, &str),
    says: &str,
    before: usize,
) -> Result<()> {
    install(organisation, ca, Side::West, bad)?;
    send(organisation, bad)?;
    let config = organisation.config(Side::West);
    let program = &organisation.program;
    let answer = until(DELIVERY, "the doctor's finding", || {
        let words = ["doctor", "--json", "-c"].map(str::to_owned);
        let output = program.run(words.into_iter().chain([config.display().to_string()]))?;
        let answer = conformance::one_object(&output.stdout)?;
        let first = &answer["diagnoses"][0];
        let remedy = first["remedy"][0]["text"].as_str().unwrap_or_default();
        let found = first["cause"] == "certificate-expired" && remedy.contains(says);
        Ok(found.then_some(answer))
    })?;
    let remedy = answer["diagnoses"][0]["remedy"][0]["text"].as_str().unwrap_or_default();
    ensure!(remedy.to_lowercase().contains("on west") && remedy.contains("own.pem"), "{remedy}");
    let count = organisation.maildir(Side::East).count();
    ensure!(count == before, "mail crossed with the {bad} certificate");
    install(organisation, ca, Side::West, "west")?;
    arrived(organisation, before + 1)
}
