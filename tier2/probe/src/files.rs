//! Files of a share by their names, for whoever is let in: of a host whose program modules are to be compared.

use std::net::SocketAddr;
use std::time::Duration;

use security::Initiator;

use crate::share::{Share, ShareError};

/// Octets of one file that are read: the modules that are compared have less than one MiB each.
const MOST: usize = 8 * 1024 * 1024;

/// Which files are read, and where.
pub struct FilesQuestion<'a> {
    pub host: &'a str,
    /// Where SMB answers.
    pub at: SocketAddr,
    /// Sixteen octets that name this client.
    pub client: [u8; 16],
    /// For each step.
    pub patience: Duration,
    pub share: &'a str,
    /// Folders of the share; the empty name is the share itself.
    pub folders: &'a [String],
    /// Names of files; the host decides whether their case matters.
    pub names: &'a [String],
}

/// A file that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedFile {
    /// As it was asked for.
    pub name: String,
    /// `\\host\share\folder\name`.
    pub path: String,
    /// Its octets, or why they could not be read.
    pub octets: Result<Vec<u8>, String>,
}

/// Reads the files that are in any of the folders, with one logon; of two of one name the first.
///
/// # Errors
/// The share cannot be entered, in words.
pub async fn read_files(
    question: &FilesQuestion<'_>,
    initiator: Box<dyn Initiator>,
) -> Result<Vec<SharedFile>, String> {
    let FilesQuestion { host, at, client, patience, share, folders, names } = *question;
    let opened = Share::open(at, host, share, client, initiator, patience).await;
    let mut open = opened.map_err(|error| net::chain(&error))?;
    let mut files: Vec<SharedFile> = Vec::new();
    for folder in folders {
        for name in names {
            if files.iter().any(|file| file.name == *name) {
                continue;
            }
            let inside = if folder.is_empty() { name.clone() } else { format!("{folder}\\{name}") };
            let octets = match open.file(&inside, MOST).await {
                Ok(Some(octets)) => Ok(octets),
                Ok(None) => continue,
                Err(error @ ShareError::Refused { .. }) => Err(net::chain(&error)),
                Err(error) => return Err(net::chain(&error)),
            };
            let path = format!("\\\\{host}\\{share}\\{inside}");
            files.push(SharedFile { name: name.clone(), path, octets });
        }
    }
    Ok(files)
}
