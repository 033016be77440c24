//! Whom TLS trusts.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use crate::error::LdapError;
use crate::place::Place;

/// Where systems keep the certificates that they trust: Debian, Red Hat, SUSE.
const SYSTEM: [&str; 3] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
];

/// The client's side of a new TLS connection.
pub(crate) fn connection(place: &Place) -> Result<ClientConnection, LdapError> {
    let failed = |source| LdapError::Tls { host: place.host.clone(), source };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(failed)?
        .with_root_certificates(trusted(place.ca_file.as_deref())?)
        .with_no_client_auth();
    let name = ServerName::try_from(place.host.clone())
        .map_err(|error| failed(rustls::Error::General(error.to_string())))?;
    ClientConnection::new(Arc::new(config), name).map_err(failed)
}

fn trusted(file: Option<&Path>) -> Result<RootCertStore, LdapError> {
    let found = || SYSTEM.iter().map(PathBuf::from).find(|path| path.exists());
    let Some(path) = file.map(Path::to_owned).or_else(found) else {
        let why = "there is no such file; set directory.ca_file".to_owned();
        return Err(LdapError::Trust { path: SYSTEM[0].to_owned(), why });
    };
    let failed = |why: String| LdapError::Trust { path: path.display().to_string(), why };
    let certificates =
        CertificateDer::pem_file_iter(&path).map_err(|error| failed(error.to_string()))?;
    let mut store = RootCertStore::empty();
    for certificate in certificates {
        let certificate = certificate.map_err(|error| failed(error.to_string()))?;
        // The system's bundle may have old ones that cannot be used; a file of one's own should not.
        if let (Err(error), true) = (store.add(certificate), file.is_some()) {
            return Err(failed(error.to_string()));
        }
    }
    if store.is_empty() {
        return Err(failed("it has no certificate".to_owned()));
    }
    Ok(store)
}
