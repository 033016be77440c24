//! Why a demo could not be carried out. What it found to be wrong is no error but a problem in its report.

use std::io;
use std::path::PathBuf;

use finding::Cause;

use crate::faults;
use crate::letters::LetterError;
use crate::organisation::{Carrier, MakeError, Side};
use crate::program::CommandError;
use crate::smtp_client::HandInError;

/// The error of this module.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error("no way is known to put in {cause}; take one of {}", slugs(*.0), cause = .1.slug())]
    UnknownFault(Carrier, Cause),
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
        side: Side,
        #[source]
        source: io::Error,
    },
    #[error("the server {side} ended with {status}; the end of {}:\n{tail}", log.display())]
    Died { side: Side, status: String, log: PathBuf, tail: String },
    #[error("the server {side} is not ready after {seconds} s; the end of {}:\n{tail}", log.display())]
    NotReady { side: Side, seconds: u64, log: PathBuf, tail: String },
    #[error("the server {side} did not take a message ({title})")]
    HandIn {
        side: Side,
        title: String,
        #[source]
        source: HandInError,
    },
    #[error("the server {side} does not answer its administrator")]
    Observe {
        side: Side,
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

impl DemoError {
    /// Whether the options ask for what cannot be: exit status 2.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::UnknownFault(..) | Self::Letter(_) | Self::Occupied { .. })
    }
}

impl From<MakeError> for DemoError {
    fn from(error: MakeError) -> Self {
        Self::Organisation(Box::new(error))
    }
}

fn slugs(carrier: Carrier) -> String {
    faults::of(carrier).iter().map(|fault| fault.cause.slug()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_fault_names_the_known_ones() {
        let told = DemoError::UnknownFault(Carrier::Rpc, Cause::PasswordExpired).to_string();
        assert!(told.starts_with("no way is known to put in password-expired"), "{told}");
        assert!(told.contains("service-account-missing, service-account-lacks"), "{told}");
    }
}
