//! Tools that other people made, and what a proof says that lacks its tool.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Says that a proof cannot run here: on standard output, and in the file that `cargo xtask test` reads.
pub fn skip(name: &str, reason: &str) {
    let line = format!("SKIP {name}: {reason}\n");
    print!("{line}");
    let Some(file) = std::env::var_os("BINDBACK_SKIPS") else { return };
    let written = OpenOptions::new()
        .create(true)
        .append(true)
        .open(file)
        .and_then(|mut file| file.write_all(line.as_bytes()));
    if let Err(error) = written {
        eprintln!("the skip of {name} is not recorded: {error}");
    }
}

/// Wireshark's dissectors on the command line.
#[derive(Debug, Clone, Default)]
pub struct Tshark {
    preferences: Vec<String>,
}

impl Tshark {
    /// tshark, if it is there.
    pub fn find() -> Option<Self> {
        let version = Command::new("tshark")
            .arg("--version")
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()
            .ok()
            .filter(|output| output.status.success())?;
        let text = String::from_utf8_lossy(&version.stdout).into_owned();
        println!("peer: {}", text.lines().next().unwrap_or("tshark"));
        Some(Self::default())
    }

    /// With a preference `name:value`.
    #[must_use]
    pub fn with(mut self, preference: &str) -> Self {
        self.preferences.push(preference.to_owned());
        self
    }

    /// One row for each packet that `filter` shows, one column for each field; several values of one packet stand
    /// in one column, separated by commas.
    pub fn fields(&self, file: &Path, filter: &str, fields: &[&str]) -> Result<Vec<Vec<String>>> {
        let mut arguments = vec!["-T", "fields", "-E", "separator=/t", "-E", "occurrence=a"];
        fields.iter().for_each(|field| arguments.extend(["-e", field]));
        let text = self.run(file, filter, &arguments)?;
        Ok(text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect())
    }

    /// Every detail of the packets that `filter` shows.
    pub fn details(&self, file: &Path, filter: &str) -> Result<String> {
        self.run(file, filter, &["-V"])
    }

    /// What the dissectors could not read or warn of, one line for each packet; nothing is as it should be.
    pub fn faults(&self, file: &Path) -> Result<Vec<Vec<String>>> {
        // Severity 0x600000 is a warning, 0x800000 an error (wsutil/epan expert severities).
        let filter = "_ws.malformed || _ws.expert.severity >= 6291456";
        self.fields(file, filter, &["frame.number", "frame.protocols", "_ws.expert.message"])
    }

    /// Writes the packets that `filter` shows into a file of their own.
    pub fn extract(&self, file: &Path, filter: &str, into: &Path) -> Result<()> {
        let into = into.to_str().context("a path that is not UTF-8")?;
        self.run(file, filter, &["-w", into]).map(drop)
    }

    fn run(&self, file: &Path, filter: &str, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new("tshark");
        // -n: names are not looked up; nothing leaves this machine.
        command.arg("-n").arg("-r").arg(file).args(["-Y", filter]).args(arguments);
        for preference in &self.preferences {
            command.arg("-o").arg(preference);
        }
        let output = command.stdin(Stdio::null()).output().context("tshark does not start")?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            bail!(
                "tshark {arguments:?} with filter {filter:?} ended with {}: {said}",
                output.status
            );
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}
