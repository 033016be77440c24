//! TLS as a layer between a protocol machine and its stream: octets in, octets out.
//!
//! RFC 8446 and RFC 5246, by rustls. Both sides show a certificate (RFC 8446 4.4.2.4 leaves that to
//! the called side; here it always asks), and each holds the other's to its authorities and to a
//! name. Certificates are read anew for every connection, so that a renewed one is in force at
//! once. Revocation lists (RFC 5280 5) are looked at where there are some: for the certificate itself, and not for those
//! of authorities in between. Not here: OCSP, session tickets.

use std::io::{Read, Write};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::verify_server_name;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, ServerName};
use rustls::server::{ParsedCertificate, VerifierBuilderError, WebPkiClientVerifier};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, ClientConnection, Connection, RootCertStore,
    ServerConfig, ServerConnection,
};

use crate::pump::Machine;

/// The first octet of every TLS connection: a record with a handshake (RFC 8446 5.1).
pub const FIRST_OCTET: u8 = 0x16;
/// Octets of decrypted data that the machine takes at once: those of one record (RFC 8446 5.1).
const RECORD: usize = 16 * 1024;

/// What this side shows, and whom it trusts.
#[derive(Debug)]
pub struct Credentials {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    trust: Arc<RootCertStore>,
    /// `None`: nobody is asked whether a certificate was taken back.
    revocation: Option<Vec<CertificateRevocationListDer<'static>>>,
}

/// Which of the files is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Certificate,
    Key,
    Trust,
    Revocation,
}

/// What is in the files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    #[error("the {} holds no {}; it must be PEM", part.file(), part.content())]
    Empty { part: Part },
    #[error("the {} cannot be read as PEM", part.file())]
    Pem {
        part: Part,
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    #[error("the {} cannot be used", part.file())]
    Unusable {
        part: Part,
        #[source]
        source: rustls::Error,
    },
    #[error("{name:?} is no name that a certificate could have")]
    Name { name: String },
}

impl Part {
    fn file(self) -> &'static str {
        match self {
            Self::Certificate => "certificate file",
            Self::Key => "key file",
            Self::Trust => "file of trusted authorities",
            Self::Revocation => "file of revocation lists",
        }
    }

    fn content(self) -> &'static str {
        match self {
            Self::Key => "private key",
            Self::Revocation => "revocation list",
            Self::Certificate | Self::Trust => "certificate",
        }
    }
}

impl Credentials {
    /// Takes the PEM text of a certificate with its chain, of its key, and of the authorities whose
    /// certificates are trusted.
    ///
    /// # Errors
    /// One of them cannot be read or used.
    pub fn from_pem(
        certificate: &[u8],
        key: &[u8],
        trust: &[u8],
    ) -> Result<Self, CredentialsError> {
        let chain = certificates(certificate, Part::Certificate)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|source| match source {
            rustls::pki_types::pem::Error::NoItemsFound => {
                CredentialsError::Empty { part: Part::Key }
            }
            source => CredentialsError::Pem { part: Part::Key, source },
        })?;
        let mut store = RootCertStore::empty();
        for authority in certificates(trust, Part::Trust)? {
            let part = Part::Trust;
            store.add(authority).map_err(|source| CredentialsError::Unusable { part, source })?;
        }
        Ok(Self { chain, key, trust: Arc::new(store), revocation: None })
    }

    /// Takes the PEM text of the authorities' revocation lists: from now on a certificate must be on a list that is in
    /// time, of the authority that signed it, and not revoked there. Nobody's certificate passes without such a list.
    ///
    /// # Errors
    /// There is none, or one cannot be read.
    pub fn with_revocation(mut self, lists: &[u8]) -> Result<Self, CredentialsError> {
        let part = Part::Revocation;
        let all: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(lists).collect();
        let all = all.map_err(|source| CredentialsError::Pem { part, source })?;
        if all.is_empty() {
            return Err(CredentialsError::Empty { part });
        }
        self.revocation = Some(all);
        // What is in the PEM is looked at when a verifier is made of it.
        self.verifier_of_callers()?;
        Ok(self)
    }

    /// Judges the certificates of those who are called.
    fn verifier_of_called(&self) -> Result<Arc<WebPkiServerVerifier>, CredentialsError> {
        let builder =
            WebPkiServerVerifier::builder_with_provider(Arc::clone(&self.trust), provider());
        let builder = match &self.revocation {
            Some(lists) => builder
                .with_crls(lists.iter().cloned())
                .only_check_end_entity_revocation()
                .enforce_revocation_expiration(),
            None => builder,
        };
        builder.build().map_err(|error| no_verifier(&error))
    }

    /// Judges the certificates of callers.
    fn verifier_of_callers(
        &self,
    ) -> Result<Arc<dyn rustls::server::danger::ClientCertVerifier>, CredentialsError> {
        let builder =
            WebPkiClientVerifier::builder_with_provider(Arc::clone(&self.trust), provider());
        let builder = match &self.revocation {
            Some(lists) => builder
                .with_crls(lists.iter().cloned())
                .only_check_end_entity_revocation()
                .enforce_revocation_expiration(),
            None => builder,
        };
        builder.build().map_err(|error| no_verifier(&error))
    }
}

fn no_verifier(error: &VerifierBuilderError) -> CredentialsError {
    let part = match error {
        VerifierBuilderError::InvalidCrl(_) => Part::Revocation,
        _ => Part::Trust,
    };
    CredentialsError::Unusable { part, source: rustls::Error::General(error.to_string()) }
}

fn certificates(pem: &[u8], part: Part) -> Result<Vec<CertificateDer<'static>>, CredentialsError> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let all = all.map_err(|source| CredentialsError::Pem { part, source })?;
    if all.is_empty() { Err(CredentialsError::Empty { part }) } else { Ok(all) }
}

/// What is wrong with a certificate, or with TLS as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsFault {
    Expired,
    NotYetValid,
    /// No trusted authority has signed it.
    Untrusted,
    WrongName,
    Revoked,
    /// This side has revocation lists, and none of the authority that signed the certificate.
    NoList,
    /// The time of this side's revocation list is over.
    ListExpired,
    /// A certificate was asked for and none was shown.
    Missing,
    /// Some other fault of a certificate.
    Certificate,
    /// The octets are no TLS, or both sides have nothing in common.
    Protocol,
}

impl TlsFault {
    /// One word for logs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::NotYetValid => "not-yet-valid",
            Self::Untrusted => "untrusted",
            Self::WrongName => "wrong-name",
            Self::Revoked => "revoked",
            Self::NoList => "no-revocation-list",
            Self::ListExpired => "revocation-list-expired",
            Self::Missing => "missing",
            Self::Certificate => "certificate",
            Self::Protocol => "protocol",
        }
    }

    /// The number that Windows has for it (winerror.h: `CERT_E_*`, `CRYPT_E_*`, `SEC_E_*`).
    #[must_use]
    pub fn code(self) -> u32 {
        match self {
            Self::Expired | Self::NotYetValid => 0x800b_0101,
            Self::Untrusted => 0x800b_0109,
            Self::WrongName => 0x800b_010f,
            Self::Revoked => 0x800b_010c,
            // CRYPT_E_NO_REVOCATION_CHECK, CRYPT_E_REVOCATION_OFFLINE.
            Self::NoList => 0x8009_2012,
            Self::ListExpired => 0x8009_2013,
            Self::Missing => 0x8009_030d,
            Self::Certificate => 0x800b_010a,
            Self::Protocol => 0x8009_0326,
        }
    }
}

/// TLS did not come about, or broke.
#[derive(Debug, Clone, thiserror::Error)]
#[error("TLS failed")]
pub struct TlsError {
    pub fault: TlsFault,
    /// The other side refuses this one: the fault is of what this side showed.
    pub by_peer: bool,
    #[source]
    source: rustls::Error,
}

impl From<rustls::Error> for TlsError {
    fn from(source: rustls::Error) -> Self {
        let (fault, by_peer) = match &source {
            rustls::Error::InvalidCertificate(error) => (fault_of(error), false),
            rustls::Error::NoCertificatesPresented => (TlsFault::Missing, false),
            rustls::Error::AlertReceived(alert) => (fault_told(*alert), true),
            _ => (TlsFault::Protocol, false),
        };
        Self { fault, by_peer, source }
    }
}

fn fault_of(error: &CertificateError) -> TlsFault {
    use CertificateError as E;
    match error {
        E::Expired | E::ExpiredContext { .. } => TlsFault::Expired,
        E::NotValidYet | E::NotValidYetContext { .. } => TlsFault::NotYetValid,
        E::UnknownIssuer | E::BadSignature => TlsFault::Untrusted,
        E::NotValidForName | E::NotValidForNameContext { .. } => TlsFault::WrongName,
        E::Revoked => TlsFault::Revoked,
        E::UnknownRevocationStatus => TlsFault::NoList,
        E::ExpiredRevocationList | E::ExpiredRevocationListContext { .. } => TlsFault::ListExpired,
        _ => TlsFault::Certificate,
    }
}

/// What an alert of the other side says of this side's certificate, RFC 8446 6.2.
fn fault_told(alert: AlertDescription) -> TlsFault {
    match alert {
        AlertDescription::CertificateExpired => TlsFault::Expired,
        AlertDescription::UnknownCA => TlsFault::Untrusted,
        AlertDescription::CertificateRevoked => TlsFault::Revoked,
        AlertDescription::CertificateRequired => TlsFault::Missing,
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateUnknown => TlsFault::Certificate,
        _ => TlsFault::Protocol,
    }
}

/// A machine, with or without TLS under it.
pub struct Secured<M> {
    pub machine: M,
    tls: Option<Box<Connection>>,
}

/// The machine refused what came, or TLS did.
#[derive(Debug, thiserror::Error)]
pub enum SecuredError<E: std::error::Error + 'static> {
    #[error(transparent)]
    Machine(E),
    #[error(transparent)]
    Tls(TlsError),
}

impl<M> Secured<M> {
    /// Without TLS.
    pub fn plain(machine: M) -> Self {
        Self { machine, tls: None }
    }

    /// Calls with TLS; the other side's certificate must have `name`.
    ///
    /// # Errors
    /// The credentials cannot be used, or the name is none.
    pub fn call(
        machine: M,
        credentials: Credentials,
        name: &str,
    ) -> Result<Self, CredentialsError> {
        let name = server_name(name)?;
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(unusable)?;
        let mut config = builder
            .with_webpki_verifier(credentials.verifier_of_called()?)
            .with_client_auth_cert(credentials.chain, credentials.key)
            .map_err(unusable)?;
        config.resumption = rustls::client::Resumption::disabled();
        let connection = ClientConnection::new(Arc::new(config), name).map_err(unusable)?;
        Ok(Self { machine, tls: Some(Box::new(Connection::Client(connection))) })
    }

    /// Waits to be called with TLS, by somebody whose certificate an authority has signed.
    ///
    /// # Errors
    /// The credentials cannot be used.
    pub fn answer(machine: M, credentials: Credentials) -> Result<Self, CredentialsError> {
        let verifier = credentials.verifier_of_callers()?;
        let builder = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(unusable)?;
        let mut config = builder
            .with_client_cert_verifier(verifier)
            .with_single_cert(credentials.chain, credentials.key)
            .map_err(unusable)?;
        config.send_tls13_tickets = 0;
        let connection = ServerConnection::new(Arc::new(config)).map_err(unusable)?;
        Ok(Self { machine, tls: Some(Box::new(Connection::Server(connection))) })
    }

    /// True with TLS under it.
    #[must_use]
    pub fn is_secured(&self) -> bool {
        self.tls.is_some()
    }

    /// True while TLS is not agreed on: until then nothing is known of who calls.
    #[must_use]
    pub fn is_negotiating(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.is_handshaking())
    }

    /// Whether the other side's certificate, which an authority has signed, has this name.
    #[must_use]
    pub fn peer_is(&self, name: &str) -> bool {
        let certificate =
            self.tls.as_ref().and_then(|tls| tls.peer_certificates()).and_then(<[_]>::first);
        let (Some(certificate), Ok(name)) = (certificate, server_name(name)) else { return false };
        ParsedCertificate::try_from(certificate)
            .is_ok_and(|parsed| verify_server_name(&parsed, &name).is_ok())
    }

    /// Tells the other side that nothing more comes (RFC 8446 6.1).
    pub fn close(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
        }
    }

    /// Version and cipher suite, for who asks; `None` before TLS is agreed on.
    #[must_use]
    pub fn suite(&self) -> Option<String> {
        let tls = self.tls.as_ref()?;
        let version = tls.protocol_version()?;
        let suite = tls.negotiated_cipher_suite()?.suite();
        Some(format!("{version:?} {suite:?}"))
    }
}

impl<M: Machine> Machine for Secured<M>
where
    M::Error: std::error::Error + 'static,
{
    type Error = SecuredError<M::Error>;

    fn handle_bytes(&mut self, mut bytes: &[u8]) -> Result<(), Self::Error> {
        let Some(tls) = &mut self.tls else {
            return self.machine.handle_bytes(bytes).map_err(SecuredError::Machine);
        };
        let mut plain = [0; RECORD];
        while !bytes.is_empty() {
            // Reading from a slice fails only where rustls has no room, which what follows makes.
            let taken = tls.read_tls(&mut bytes).unwrap_or(0);
            let state = tls
                .process_new_packets()
                .map_err(|error| SecuredError::Tls(TlsError::from(error)))?;
            let mut left = state.plaintext_bytes_to_read();
            if taken == 0 && left == 0 {
                break;
            }
            while left > 0 {
                let count = match tls.reader().read(&mut plain) {
                    Ok(count) if count > 0 => count,
                    _ => break,
                };
                left -= count;
                self.machine.handle_bytes(&plain[..count]).map_err(SecuredError::Machine)?;
            }
        }
        Ok(())
    }

    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        let Some(tls) = &mut self.tls else { return self.machine.poll_transmit() };
        if !tls.is_handshaking()
            && !tls.wants_write()
            && let Some(octets) = self.machine.poll_transmit()
        {
            tls.set_buffer_limit(None);
            // Writing into a buffer without limit does not fail.
            tls.writer().write_all(&octets).ok()?;
        }
        let mut out = Vec::new();
        while tls.wants_write() {
            match tls.write_tls(&mut out) {
                Ok(count) if count > 0 => {}
                Ok(_) | Err(_) => break,
            }
        }
        (!out.is_empty()).then_some(out)
    }

    fn wants_input(&self) -> bool {
        self.machine.wants_input()
    }
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn server_name(name: &str) -> Result<ServerName<'static>, CredentialsError> {
    ServerName::try_from(name.to_owned())
        .map_err(|_| CredentialsError::Name { name: name.to_owned() })
}

fn unusable(source: rustls::Error) -> CredentialsError {
    CredentialsError::Unusable { part: Part::Certificate, source }
}
