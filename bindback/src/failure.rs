//! How a command ends: the exit status, and what is said about a failure.

use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;

use admin::{ClientError, OperationError, Refusal, Shape};
use clap::error::ErrorKind;
use config::{ConfigError, SecretError};
use lab::LabError;
use server::VaultError;

use crate::output::Output;
use serde::Serialize;

/// What a command that did its work tells by its exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// 0: done, or all is well.
    Nothing,
    /// 1: the doctor found something.
    Something,
}

/// Wrong usage or unreadable input: exit status 2. The text says the way out.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// Input that cannot be read: exit status 2.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {what}; {way_out}")]
pub struct Unreadable {
    pub what: String,
    pub way_out: &'static str,
    #[source]
    pub source: io::Error,
}

/// Standard output was closed by its reader, who has seen enough.
#[derive(Debug, thiserror::Error)]
#[error("standard output was closed")]
pub struct ReaderGone;

/// The exit status; a failure is told first.
pub fn exit_code(done: anyhow::Result<Found>, output: &Output) -> ExitCode {
    let error = match done {
        Ok(Found::Nothing) => return ExitCode::SUCCESS,
        Ok(Found::Something) => return ExitCode::from(1),
        Err(error) => error,
    };
    if error.is::<ReaderGone>() {
        return ExitCode::SUCCESS;
    }
    let text = chain(error.as_ref());
    eprintln!("bindback: {text}");
    if output.is_json() {
        // Standard output may be what failed; the exit status tells in any case.
        let _ = output.object(&Refusal { error: classified(error.as_ref(), text) });
    }
    ExitCode::from(if is_usage(error.as_ref()) { 2 } else { 1 })
}

/// The command line was not understood, or asked for help. With `--json` standard output is one object here too.
pub fn misused(error: &clap::Error) -> ExitCode {
    if error.kind() == ErrorKind::DisplayVersion && asks_for_json() {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        // Standard output may be closed.
        let _ = Output::new(true).object(&Version { version });
        return ExitCode::SUCCESS;
    }
    // Standard output or error may be closed; the exit status tells in any case.
    if !error.use_stderr() {
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    // An option that was given would stand there as one that has to be.
    let text = error.to_string().replace(" --config <FILE>", " [--config <FILE>]");
    let _ = write!(io::stderr(), "{text}");
    if asks_for_json() {
        let text = text.trim().trim_start_matches("error: ").to_owned();
        let _ = Output::new(true).object(&Refusal { error: OperationError::Invalid(text) });
    }
    ExitCode::from(2)
}

/// Whether `--json` is among the words; behind `--` all is a value.
fn asks_for_json() -> bool {
    std::env::args_os().skip(1).take_while(|word| word != "--").any(|word| word == "--json")
}

/// Which program this is.
#[derive(Debug, Serialize)]
struct Version {
    version: String,
}

impl Shape for Version {
    const NAME: &'static str = "version";
}

/// What went wrong and why, joined by colons; a cause that says the same as what it caused is not repeated.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut last = text.clone();
    for cause in causes(error).skip(1) {
        let said = cause.to_string();
        if said != last {
            text.push_str(": ");
            text.push_str(&said);
        }
        last = said;
    }
    text
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

fn is_usage(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|cause| {
        cause.is::<Usage>()
            || cause.is::<Unreadable>()
            || cause.is::<SecretError>()
            || cause.is::<VaultError>()
            || cause.downcast_ref().is_some_and(LabError::is_usage)
            || matches!(
                cause.downcast_ref(),
                Some(ConfigError::Read { .. } | ConfigError::Fault(_))
            )
            || matches!(operation(cause), Some(OperationError::Invalid(_)))
    })
}

/// Something exists already, or somebody else has it.
fn is_taken(error: &(dyn Error + 'static)) -> bool {
    matches!(error.downcast_ref(), Some(ConfigError::Exists { .. })) || server::is_in_use(error)
}

fn operation<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a OperationError> {
    match error.downcast_ref() {
        Some(ClientError::Refused(refusal)) => Some(refusal),
        _ => error.downcast_ref(),
    }
}

/// The same failure for a program: its kind and the whole text.
fn classified(error: &(dyn Error + 'static), text: String) -> OperationError {
    let refusal = causes(error).find_map(operation);
    let nobody = causes(error).any(|cause| {
        let client = cause.downcast_ref::<ClientError>();
        client.is_some_and(|client| {
            !matches!(client, ClientError::Refused(_) | ClientError::Unexpected { .. })
        })
    });
    match refusal {
        Some(OperationError::NotFound(_)) => OperationError::NotFound(text),
        Some(OperationError::Denied(_)) => OperationError::Denied(text),
        Some(OperationError::Conflict(_)) => OperationError::Conflict(text),
        Some(OperationError::Unavailable(_)) => OperationError::Unavailable(text),
        None if causes(error).any(is_taken) => OperationError::Conflict(text),
        _ if is_usage(error) => OperationError::Invalid(text),
        _ if nobody => OperationError::Unavailable(text),
        _ => OperationError::Internal(text),
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn a_chain_repeats_nothing() {
        #[derive(Debug, thiserror::Error)]
        #[error("{}", .0)]
        struct Same(#[source] io::Error);
        let inner = io::Error::other("no room");
        let error = Err::<(), _>(Same(inner)).context("cannot keep the mail").unwrap_err();
        assert_eq!(chain(error.as_ref()), "cannot keep the mail: no room");
    }

    #[test]
    fn whose_fault_it_is_decides_the_status() {
        let usage: anyhow::Error = Usage("say what".to_owned()).into();
        assert!(is_usage(usage.context("send").as_ref()));
        let invalid: anyhow::Error =
            ClientError::Refused(OperationError::Invalid("no such role".to_owned())).into();
        assert!(is_usage(invalid.as_ref()));
        let missing: anyhow::Error = OperationError::NotFound("no account".to_owned()).into();
        assert!(!is_usage(missing.as_ref()));
        assert!(matches!(classified(missing.as_ref(), String::new()), OperationError::NotFound(_)));
        let nobody: anyhow::Error = ClientError::NoServer { path: "/x".into() }.into();
        assert!(!is_usage(nobody.as_ref()));
        assert!(matches!(
            classified(nobody.as_ref(), String::new()),
            OperationError::Unavailable(_)
        ));
        let fault = config::Config::parse(std::path::Path::new("/x.toml"), "[serve]").unwrap_err();
        assert!(is_usage(anyhow::Error::from(fault).as_ref()));
    }
}
