//! The program's outer edge: its configuration file, its ports, its signals, its JSON, and whom it serves
//! (RFC 5321 3.1, 3.6.2, 7.1; RFC 3463).

use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use conformance::{
    Block, Letter, MAPPER, Organisation, Plan, Process, Program, RPC, SMTP, Session, Side, until,
};
use serde_json::Value;

/// A server must have stopped so soon after SIGTERM.
const STOP: Duration = Duration::from_secs(10);

/// How long a started server may take to greet, and mail to arrive.
const PATIENCE: Duration = Duration::from_secs(15);

/// A new server's folder, moved to an address that nobody else uses.
struct New {
    program: Program,
    folder: tempfile::TempDir,
    block: Block,
}

impl New {
    fn make() -> Result<Self> {
        let program = Program::find()?;
        let folder = tempfile::Builder::new().prefix("bb").tempdir()?;
        let place = folder.path().join("new");
        let made = program.json([
            "init".as_ref(),
            place.as_os_str(),
            "--name".as_ref(),
            "EAST".as_ref(),
        ])?;
        ensure!(made["schema"] == "bindback.init/1", "{made}");
        let new = Self { program, folder, block: Block::take()? };
        ensure!(made["config"].as_str().map(Path::new) == Some(new.config().as_path()), "{made}");
        let text = std::fs::read_to_string(new.config())?;
        std::fs::write(new.config(), text.replace("127.0.0.1", &new.block.address(0).to_string()))?;
        Ok(new)
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("new/bindback.toml")
    }

    /// Puts `line` in the place of the line that begins with `begin`; gives its number.
    fn replace(&self, begin: &str, line: &str) -> Result<usize> {
        let text = std::fs::read_to_string(self.config())?;
        let at = text.lines().position(|line| line.starts_with(begin)).context("no such line")?;
        let lines: Vec<&str> =
            text.lines().enumerate().map(|(n, old)| if n == at { line } else { old }).collect();
        std::fs::write(self.config(), lines.join("\n") + "\n")?;
        Ok(at + 1)
    }

    fn start(&self) -> Result<Process> {
        let config = self.config();
        let command = self.program.command(["serve".as_ref(), "-c".as_ref(), config.as_os_str()]);
        let log = self.folder.path().join("log");
        let mut process = Process::start(command, &log)?;
        until(PATIENCE, "the greeting", || {
            let ended = process.try_wait()?;
            ensure!(ended.is_none(), "{ended:?}: {}", std::fs::read_to_string(&log)?);
            Ok(Session::connect((self.block.address(0), SMTP).into()).ok().map(|_| ()))
        })?;
        Ok(process)
    }

    /// Runs `serve`, which is not to start, and gives how it ended.
    fn refuse(&self) -> Result<Output> {
        let config = self.config();
        self.program.run(["serve".as_ref(), "-c".as_ref(), config.as_os_str()])
    }
}

/// `FILE:LINE:COLUMN` stands in standard error.
fn tells_place(output: &Output, file: &Path, line: usize, column: usize) -> Result<()> {
    let said = String::from_utf8_lossy(&output.stderr);
    let place = format!("{}:{line}:{column}", file.display());
    ensure!(said.contains(&place), "{place} is not in: {said}");
    ensure!(!said.contains("panicked"), "{said}");
    Ok(())
}

#[test]
fn what_init_writes_starts_takes_mail_and_stops() -> Result<()> {
    let new = New::make()?;
    let server = new.start()?;
    let letter = Letter::plain("anna@east.demo.test", "anna@east.demo.test", "self", "To myself.");
    letter.hand_in((new.block.address(0), SMTP).into())?;
    let maildir = conformance::Maildir::new(&new.folder.path().join("new/maildir/anna"));
    let mail = until(PATIENCE, "the mail", || Ok(maildir.read()?.pop()))?;
    ensure!(mail.is(&letter.content), "{}", mail.text());
    let end = server.terminate(STOP)?;
    ensure!(end.code == Some(0), "{end:?}");
    Ok(())
}

/// sd_notify(3), sd_watchdog_enabled(3).
#[test]
fn a_service_manager_is_told_of_the_start_of_life_and_of_the_end() -> Result<()> {
    let new = New::make()?;
    let place = new.folder.path().join("notify");
    let manager = UnixDatagram::bind(&place)?;
    manager.set_read_timeout(Some(PATIENCE))?;
    let config = new.config();
    let mut command = new.program.command(["serve".as_ref(), "-c".as_ref(), config.as_os_str()]);
    command.env("NOTIFY_SOCKET", &place).env("WATCHDOG_USEC", "400000");
    let server = Process::start(command, &new.folder.path().join("log"))?;
    let hear = || -> Result<String> {
        let mut room = [0; 256];
        let length = manager.recv(&mut room).context("the server says nothing")?;
        Ok(String::from_utf8(room[..length].to_vec())?)
    };
    let ready = hear()?;
    ensure!(ready.lines().any(|line| line == "READY=1"), "{ready}");
    ensure!(ready.contains(&format!("MAINPID={}", server.id())), "{ready}");
    // Who hears it may connect at once.
    Session::connect((new.block.address(0), SMTP).into())?;
    for _ in 0..3 {
        ensure!(hear()? == "WATCHDOG=1");
    }
    let end = server.terminate(STOP)?;
    ensure!(end.code == Some(0), "{end:?}");
    until(PATIENCE, "the word of the end", || Ok((hear()? == "STOPPING=1").then_some(())))
}

#[test]
fn nothing_is_overwritten_by_init() -> Result<()> {
    let new = New::make()?;
    let before = std::fs::read(new.config())?;
    let again = new.program.run(["init".as_ref(), new.folder.path().join("new").as_os_str()])?;
    ensure!(!again.status.success());
    ensure!(std::fs::read(new.config())? == before);
    Ok(())
}

#[test]
fn faults_of_the_file_are_told_with_their_place() -> Result<()> {
    for (begin, line, column, words) in [
        ("host_name", "hots_name = 'east.demo.test'", 1, vec!["hots_name", "host_name"]),
        ("mapper_port", "mapper_port = 70000", 15, vec!["mapper_port", "65535"]),
        ("domains", "domains = 'not a list'", 11, vec!["domains"]),
        ("account", "account = 'nobody'", 11, vec!["account", "DOMAIN"]),
        ("name", "name = 'EAST' 'WEST'", 15, vec![]),
    ] {
        let new = New::make()?;
        let number = new.replace(begin, line)?;
        let output = new.refuse()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.code() == Some(2), "{line} ended with {}: {said}", output.status);
        tells_place(&output, &new.config(), number, column).with_context(|| line.to_owned())?;
        for word in words {
            ensure!(said.contains(word), "{line}: no {word:?} in: {said}");
        }
    }
    Ok(())
}

#[test]
fn a_missing_file_is_wrong_usage() -> Result<()> {
    let new = New::make()?;
    std::fs::remove_file(new.config())?;
    let output = new.refuse()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.code() == Some(2) && said.contains("bindback init"), "{said}");
    Ok(())
}

#[test]
fn a_port_in_use_is_told_with_its_key_and_its_place() -> Result<()> {
    for (port, key, begin) in
        [(SMTP, "smtp.listen", "listen = ["), (MAPPER, "rpc.mapper_port", "mapper_port")]
    {
        let new = New::make()?;
        let text = std::fs::read_to_string(new.config())?;
        let number =
            text.lines().position(|line| line.starts_with(begin)).context("no such line")? + 1;
        let _taken = TcpListener::bind((new.block.address(0), port))?;
        let output = new.refuse()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(matches!(output.status.code(), Some(1 | 2)), "{}: {said}", output.status);
        for words in [key, &format!("{}:{port}", new.block.address(0)), "in use"] {
            ensure!(said.contains(words), "no {words:?} in: {said}");
        }
        let place = format!("{}:{number}:", new.config().display());
        ensure!(said.contains(&place), "the place {place} is not in: {said}");
    }
    Ok(())
}

#[test]
fn sigterm_stops_a_busy_server_in_time() -> Result<()> {
    let organisation = Organisation::make(&Plan::default())?;
    let [east, west] = organisation.start_both()?;
    // An association that stands, and people who stay.
    let letter = Letter::plain(&Side::West.user(), &Side::East.user(), "stay", "It stands.");
    letter.hand_in(organisation.smtp(Side::West))?;
    let maildir = organisation.maildir(Side::East);
    until(PATIENCE, "the mail", || Ok((maildir.count() == 1).then_some(())))?;
    let (mut session, _) = Session::connect(organisation.smtp(Side::East))?;
    session.command("EHLO slow.proof.test")?;
    let _half_open: Vec<_> = [MAPPER, RPC]
        .into_iter()
        .map(|port| std::net::TcpStream::connect(organisation.at(Side::East, port)))
        .collect::<Result<_, _>>()?;
    let config = organisation.config(Side::East);
    let follow = organisation.program.command([
        "events".as_ref(),
        "--follow".as_ref(),
        "-c".as_ref(),
        config.as_os_str(),
    ]);
    let mut follow = Process::start(follow, &organisation.root().join("follow.log"))?;
    std::thread::sleep(Duration::from_millis(300));
    for server in [east, west] {
        let end = server.terminate(STOP)?;
        ensure!(end.code == Some(0), "{end:?}");
        println!("stopped after {} ms", end.after.as_millis());
    }
    let status = until(PATIENCE, "the end of events --follow", || follow.try_wait())?;
    ensure!(status.signal().is_none(), "{status}");
    Ok(())
}

#[test]
fn every_command_answers_with_one_object_of_its_schema() -> Result<()> {
    let organisation = Organisation::make(&Plan::default())?;
    let _servers = organisation.start_both()?;
    let letter = organisation.root().join("letter.eml");
    std::fs::write(&letter, "Subject: from a file\n\nWith bare line ends.\n")?;
    let letter = letter.to_string_lossy().into_owned();
    let (to, password) =
        (Side::East.user(), organisation.folder(Side::East).join("secrets/service.password"));
    let password = password.to_string_lossy().into_owned();
    let ask = |arguments: &[&str]| organisation.command(Side::West, arguments);
    let checks: [(&[&str], &str, &str); 12] = [
        (&["send", &letter, "--to", &to], "send", "id"),
        (&["queue", "list"], "queue-list", "queues"),
        (&["queue", "show"], "queue-show", "messages"),
        (&["queue", "retry", "--all"], "queue-retry", "messages"),
        (&["ltab"], "ltab", "entries"),
        (&["events"], "events", "events"),
        (&["events", "--id", "9298"], "events", "events"),
        (&["account", "list"], "account-list", "accounts"),
        (&["account", "add", r"PROOF\new", "--password-file", &password], "account", "account"),
        (&["account", "remove", r"PROOF\new"], "account-remove", "removed"),
        (&["hosts", "list"], "hosts", "hosts"),
        (&["network", "list"], "network", "listeners"),
    ];
    for (arguments, schema, key) in checks {
        let answer = ask(arguments)?;
        ensure!(answer["schema"] == format!("bindback.{schema}/1"), "{arguments:?}: {answer}");
        ensure!(answer.get(key).is_some(), "{arguments:?} without {key}: {answer}");
    }
    let events = ask(&["events", "--id", "9298"])?;
    ensure!(events["events"].as_array().map(Vec::len) == Some(1), "one start-up: {events}");
    let maildir = organisation.maildir(Side::East);
    until(PATIENCE, "the mail of send", || Ok((maildir.count() == 1).then_some(())))?;
    // The table has the row of the association that carried it.
    let rows = ask(&["ltab"])?;
    ensure!(
        rows["entries"][0]["peer"] == "EAST" && rows["entries"][0]["direction"] == "out",
        "{rows}"
    );
    doctor(&organisation)
}

/// The doctor answers with exit status 1 where it finds something; so not by `command`.
fn doctor(organisation: &Organisation) -> Result<()> {
    let config = organisation.config(Side::West);
    let output = organisation.program.run([
        "doctor".as_ref(),
        "--json".as_ref(),
        "-c".as_ref(),
        config.as_os_str(),
    ])?;
    let answer: Value = conformance::one_object(&output.stdout)?;
    ensure!(answer["schema"] == "bindback.doctor/1", "{answer}");
    for key in ["undecided", "diagnoses", "checks"] {
        ensure!(answer.get(key).is_some(), "no {key}: {answer}");
    }
    ensure!(matches!(output.status.code(), Some(0 | 1)), "{}", output.status);
    Ok(())
}

#[test]
fn a_failed_command_still_answers_with_one_object() -> Result<()> {
    let new = New::make()?;
    let config = new.config();
    let output =
        new.program.run(["ltab".as_ref(), "--json".as_ref(), "-c".as_ref(), config.as_os_str()])?;
    let answer = conformance::one_object(&output.stdout)?;
    ensure!(answer["schema"] == "bindback.error/1", "{answer}");
    ensure!(output.status.code() == Some(1), "{}", output.status);
    ensure!(!output.stderr.is_empty());
    Ok(())
}

#[test]
fn the_server_is_no_open_relay() -> Result<()> {
    // WEST serves a network that this test is not in.
    let plan = Plan::default().with_on(Side::West, "smtp", "allow", "['192.0.2.0/24']");
    let organisation = Organisation::make(&plan)?;
    let _east = organisation.start(Side::East)?;
    let (mut session, _) = Session::connect(organisation.smtp(Side::East))?;
    session.command("EHLO spammer.proof.test")?;
    ensure!(session.command("MAIL FROM:<me@spam.test>")?.code == 250);
    for (address, code, status) in [
        ("victim@elsewhere.test", 550, "5.7.1"),
        ("victim%elsewhere.test@east.proof.test", 550, "5.1.1"),
        ("@east.proof.test:victim@elsewhere.test", 550, "5.7.1"),
        ("elsewhere.test!victim@east.proof.test", 550, "5.1.1"),
        ("\"victim@elsewhere.test\"@east.proof.test", 550, "5.1.1"),
        ("victim@[192.0.2.1]", 550, "5.7.1"),
        ("anna@sub.east.proof.test", 550, "5.7.1"),
        ("nobody@east.proof.test", 550, "5.1.1"),
    ] {
        let reply = session.command(&format!("RCPT TO:<{address}>"))?;
        ensure!(reply.code == code && reply.lines[0].contains(status), "{address}: {reply:?}");
    }
    let reply = session.command("DATA")?;
    ensure!(reply.code == 554 || reply.code == 503, "DATA without a recipient: {reply:?}");
    ensure!(session.command("RCPT TO:<anna@east.proof.test>")?.code == 250);

    let config = organisation.config(Side::West);
    let command =
        organisation.program.command(["serve".as_ref(), "-c".as_ref(), config.as_os_str()]);
    let _west = Process::start(command, &organisation.log(Side::West))?;
    let (mut session, greeting) = until(PATIENCE, "WEST's refusal", || {
        Ok(Session::connect(organisation.smtp(Side::West)).ok())
    })?;
    ensure!(greeting.code == 554, "{greeting:?}");
    let after = session.command("MAIL FROM:<me@spam.test>");
    ensure!(after.as_ref().map_or(true, |reply| reply.code >= 500), "{after:?}");
    Ok(())
}
