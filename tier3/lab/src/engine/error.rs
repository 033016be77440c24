//! Why a demo could not be carried out. What it found to be wrong is no error but a problem in its report.

use std::io;
use std::path::PathBuf;

use finding::Cause;

use crate::directory_server::DirectoryServerError;
use crate::faults;
use crate::kdc::KdcError;
use crate::letters::LetterError;
use crate::organisation::{Carrier, MakeError};
use crate::program::CommandError;
use crate::smtp_client::HandInError;
use crate::wires::WireError;

/// The error of this module.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    #[error("no way is known to put in {cause}; take one of {}", slugs(*.0), cause = .1.slug())]
    UnknownFault(Carrier, Cause),
    #[error("{cause} is put in with --auth ntlm alone; take another fault, or leave out --auth kerberos", cause = .0.slug())]
    WithNtlmAlone(Cause),
    #[error("there is no scenario {0}; `bindback lab list` shows them")]
    UnknownScenario(String),
    #[error("the scenario {name} cannot be played here: {why_not}")]
    NotRunnable { name: String, why_not: String },
    #[error(transparent)]
    Letter(#[from] LetterError),
    #[error("cannot {action} {}", path.display())]
    Folder {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} holds servers already; choose another folder with --dir, or remove it", path.display())]
    Occupied { path: PathBuf },
    /// No program for it on this machine.
    #[error("{0}")]
    NoKdc(String),
    #[error("cannot set up the KDC")]
    Kdc(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No program for it on this machine.
    #[error("{0}")]
    NoDirectoryServer(String),
    #[error("{cause} cannot be put in with this directory; take one of {known}", cause = .cause.slug())]
    WithThisDirectory { cause: Cause, known: String },
    #[error("cannot set up the directory's server")]
    DirectoryServer(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("cannot lay the wires between the servers")]
    Wires(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("cannot make the organisation")]
    Organisation(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("{doing} failed")]
    Command {
        doing: String,
        #[source]
        source: CommandError,
    },
    #[error("cannot start the server {side}")]
    Start {
        side: String,
        #[source]
        source: io::Error,
    },
    #[error("the server {side} ended with {status}; the end of {}:\n{tail}", log.display())]
    Died { side: String, status: String, log: PathBuf, tail: String },
    #[error("the server {side} is not ready after {seconds} s; the end of {}:\n{tail}", log.display())]
    NotReady { side: String, seconds: u64, log: PathBuf, tail: String },
    #[error("the server {side} did not take a message ({title})")]
    HandIn {
        side: String,
        title: String,
        #[source]
        source: Box<HandInError>,
    },
    #[error("the server {side} does not answer its administrator")]
    Observe {
        side: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("cannot read the Maildir {}", path.display())]
    Maildir {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the doctor's answer is not what it publishes")]
    Doctor(#[source] serde_json::Error),
    #[error("cannot listen for signals")]
    Signals(#[source] io::Error),
    #[error("interrupted")]
    Interrupted,
}

impl LabError {
    /// Whether the options ask for what cannot be: exit status 2.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::UnknownFault(..)
                | Self::WithNtlmAlone(_)
                | Self::UnknownScenario(_)
                | Self::NotRunnable { .. }
                | Self::Letter(_)
                | Self::Occupied { .. }
                | Self::NoKdc(_)
                | Self::NoDirectoryServer(_)
                | Self::WithThisDirectory { .. }
        )
    }
}

impl From<KdcError> for LabError {
    fn from(error: KdcError) -> Self {
        match error {
            missing @ KdcError::Missing(_) => Self::NoKdc(missing.to_string()),
            other => Self::Kdc(Box::new(other)),
        }
    }
}

impl From<DirectoryServerError> for LabError {
    fn from(error: DirectoryServerError) -> Self {
        match error {
            missing @ DirectoryServerError::Missing { .. } => {
                Self::NoDirectoryServer(missing.to_string())
            }
            other => Self::DirectoryServer(Box::new(other)),
        }
    }
}

impl From<WireError> for LabError {
    fn from(error: WireError) -> Self {
        Self::Wires(Box::new(error))
    }
}

impl From<MakeError> for LabError {
    fn from(error: MakeError) -> Self {
        Self::Organisation(Box::new(error))
    }
}

fn slugs(carrier: Carrier) -> String {
    let mut slugs: Vec<&str> = Vec::new();
    for fault in faults::of(carrier).iter().filter(|fault| fault.suits_a_demo()) {
        if !slugs.contains(&fault.cause.slug()) {
            slugs.push(fault.cause.slug());
        }
    }
    slugs.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_fault_names_the_known_ones() {
        let told = LabError::UnknownFault(Carrier::Rpc, Cause::PasswordExpired).to_string();
        assert!(told.starts_with("no way is known to put in password-expired"), "{told}");
        assert!(told.contains("service-account-missing, service-account-lacks"), "{told}");
    }
}
