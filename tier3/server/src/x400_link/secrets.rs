//! What a connector presents and expects, with the passwords out of their files.
//!
//! Read at every bind: a password that is put right is in force at once.

use std::path::PathBuf;

use config::{SecretError, X400, read_secret};
use mta::{Expected, Presented};
use x400::Secret;

use crate::blocking::blocking;

/// Both sides of a bind.
pub struct BindTerms {
    pub local: Presented,
    pub remote: Expected,
}

/// Reads what a connector presents and expects.
///
/// # Errors
/// A password file cannot be read.
pub async fn bind_terms(connector: &X400) -> Result<BindTerms, SecretError> {
    let local = connector.local_password_file.clone();
    let remote = connector.remote_password_file.clone();
    let (local, remote) =
        blocking(move || -> Result<_, SecretError> { Ok((password(local)?, password(remote)?)) })
            .await?;
    Ok(BindTerms {
        local: Presented { name: connector.local_name.clone(), password: local },
        remote: Expected {
            name: connector.name.clone(),
            password: remote,
            ignore_case: connector.ignore_case,
        },
    })
}

fn password(file: Option<PathBuf>) -> Result<Option<Secret>, SecretError> {
    file.map(|file| Ok(Secret::new(read_secret(&file)?.expose()))).transpose()
}
