//! TLS of the connectors: certificates out of their files, and who may call with which.
//!
//! Read for every connection: a renewed certificate is in force at once.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use config::{SecretError, TlsFiles, X400, read_key};
use net::{Credentials, CredentialsError, FIRST_OCTET};
use tokio::net::TcpStream;

use super::line::LineEnd;
use crate::blocking::blocking;

/// Octets of a file of certificates: some hundred of them.
const PEM_MAX: u64 = 1024 * 1024;

/// Octets of a file of revocation lists: some hundred thousand revoked certificates, which are read for each connection.
const LISTS_MAX: u64 = 16 * 1024 * 1024;

/// TLS cannot be offered here: a file is at fault.
#[derive(Debug, thiserror::Error)]
pub enum TlsFilesError {
    #[error("cannot read {}; make sure that the file exists and that the user of the server may read it", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} is larger than {most} octets; name a PEM file with certificates or revocation lists", path.display())]
    TooLarge { path: PathBuf, most: u64 },
    #[error("the private key")]
    Key(#[from] SecretError),
    #[error("certificate {}, key {}, trust {}", files.certificate.display(), files.key.display(), files.trust.display())]
    Content {
        files: Box<TlsFiles>,
        #[source]
        source: CredentialsError,
    },
}

/// What this server shows, and whom it trusts.
///
/// # Errors
/// One of the files cannot be read or used.
pub async fn credentials(files: &TlsFiles) -> Result<Credentials, TlsFilesError> {
    let files = files.clone();
    blocking(move || {
        let certificate = read(&files.certificate, PEM_MAX)?;
        let trust = read(&files.trust, PEM_MAX)?;
        let key = read_key(&files.key)?;
        let lists = files.revocation.as_deref().map(|path| read(path, LISTS_MAX)).transpose()?;
        Credentials::from_pem(&certificate, &key, &trust)
            .and_then(|own| match &lists {
                Some(lists) => own.with_revocation(lists),
                None => Ok(own),
            })
            .map_err(|source| TlsFilesError::Content { files: Box::new(files), source })
    })
    .await
}

fn read(path: &Path, most: u64) -> Result<Vec<u8>, TlsFilesError> {
    use std::io::Read;
    let failed = |source| TlsFilesError::Read { path: path.to_owned(), source };
    let mut octets = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(most + 1).read_to_end(&mut octets).map_err(failed)?;
    if u64::try_from(octets.len()).is_ok_and(|length| length <= most) {
        Ok(octets)
    } else {
        Err(TlsFilesError::TooLarge { path: path.to_owned(), most })
    }
}

/// Whether a caller begins with TLS; RFC 1006 and TLS differ in the first octet.
///
/// # Errors
/// It leaves without a word, or says none in time.
pub async fn begins_with_tls(
    stream: &TcpStream,
    place: &str,
    patience: Duration,
) -> Result<bool, LineEnd> {
    let mut first = [0];
    let peer = place.to_owned();
    match tokio::time::timeout(patience, stream.peek(&mut first)).await {
        Ok(Ok(1)) => Ok(first == [FIRST_OCTET]),
        Ok(_) => Err(LineEnd::Lost { peer }),
        Err(_) => Err(LineEnd::Silent { peer, waited: patience }),
    }
}

/// Of the connectors of a caller's address those that it may be, by the way it came; the error is
/// why none is left.
pub fn of_the_same_security(
    candidates: Vec<X400>,
    secured: bool,
    peer_is: impl Fn(&str) -> bool,
) -> Result<Vec<X400>, NotThisWay> {
    if candidates.is_empty() {
        return Ok(candidates);
    }
    let (with, without): (Vec<X400>, Vec<X400>) =
        candidates.into_iter().partition(|one| one.tls_name.is_some());
    let peer = |list: &[X400]| match list {
        [one] => Some(one.name.clone()),
        _ => None,
    };
    if !secured {
        let why = NotThisWay { cause: "required", peer: peer(&with), names: Vec::new() };
        return if without.is_empty() { Err(why) } else { Ok(without) };
    }
    if with.is_empty() {
        return Err(NotThisWay { cause: "not-asked-for", peer: peer(&without), names: Vec::new() });
    }
    let names: Vec<String> = with.iter().filter_map(|one| one.tls_name.clone()).collect();
    let peer = peer(&with);
    let named: Vec<X400> =
        with.into_iter().filter(|one| one.tls_name.as_deref().is_some_and(&peer_is)).collect();
    if named.is_empty() {
        return Err(NotThisWay { cause: "wrong-name", peer, names });
    }
    Ok(named)
}

/// A caller has not come the way that its connectors say.
#[derive(Debug)]
pub struct NotThisWay {
    pub cause: &'static str,
    /// The connector, where there is one only.
    pub peer: Option<String>,
    names: Vec<String>,
}

impl NotThisWay {
    pub fn detail(&self) -> String {
        match self.cause {
            "required" => "the caller came without TLS, which its connector requires".to_owned(),
            "not-asked-for" => {
                "the caller came with TLS, and its connector has tls = \"never\"".to_owned()
            }
            _ => format!(
                "the caller's certificate does not have the name {}",
                self.names.join(" or ")
            ),
        }
    }
}
