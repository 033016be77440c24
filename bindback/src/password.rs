//! Where a password comes from: a prompt, a file or an environment variable, never an argument.

use std::io;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use identity::Password;

use crate::failure::Usage;

/// The options of every command that needs a password.
#[derive(Debug, Args)]
pub struct Source {
    /// Read the password from this file, which nobody else may read
    #[arg(long, value_name = "FILE", conflicts_with = "password_env")]
    password_file: Option<PathBuf>,
    /// Read the password from this environment variable
    #[arg(long, value_name = "NAME")]
    password_env: Option<String>,
}

impl Source {
    /// A new password; without an option it is asked for at the terminal, twice.
    pub fn read(&self, account: &str) -> anyhow::Result<Password> {
        if let Some(given) = self.given()? {
            return Ok(given);
        }
        let first = ask(&format!("New password of {account}: "))?;
        let second = ask("The same again: ")?;
        if first.expose() != second.expose() {
            return Err(Usage("the two passwords differ; nothing was changed".to_owned()).into());
        }
        if first.expose().is_empty() {
            return Err(Usage("an empty password is none; nothing was changed".to_owned()).into());
        }
        Ok(first)
    }

    /// The password that an account has; without an option it is asked for at the terminal, once.
    pub fn read_existing(&self, account: &str) -> anyhow::Result<Password> {
        match self.given()? {
            Some(given) => Ok(given),
            None => ask(&format!("Password of {account}: ")),
        }
    }

    /// What an option gives, without asking.
    pub fn given(&self) -> anyhow::Result<Option<Password>> {
        if let Some(file) = &self.password_file {
            return Ok(Some(config::read_secret(file)?));
        }
        let Some(name) = &self.password_env else {
            return Ok(None);
        };
        match std::env::var(name) {
            Ok(text) if !text.is_empty() => Ok(Some(Password::new(text))),
            _ => Err(Usage(format!(
                "the environment variable {name} holds no password; set it, or use --password-file FILE"
            ))
            .into()),
        }
    }
}

fn ask(prompt: &str) -> anyhow::Result<Password> {
    match rpassword::prompt_password(prompt) {
        Ok(text) => Ok(Password::new(text)),
        // ENXIO: there is no terminal to ask at.
        Err(error) if matches!(error.raw_os_error(), Some(6)) || error.kind() == io::ErrorKind::NotFound => {
            Err(Usage("there is no terminal to ask for the password; use --password-file FILE or --password-env NAME".to_owned()).into())
        }
        Err(error) => Err(error).context("the password cannot be read from the terminal"),
    }
}
