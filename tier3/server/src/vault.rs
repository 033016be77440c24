//! Encryption of verifiers and stored passwords at rest: XChaCha20-Poly1305 (RFC 8439 with the nonce of 24 octets, so that
//! random ones never meet) under a key in a file of mode 0600 or in a systemd credential.
//!
//! What is sealed is bound to its place: a verifier that is moved to another account's row does not open.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::node::random;

const KEY: usize = 32;
const NONCE: usize = 24;
/// Name of the systemd credential (systemd.exec(5), `LoadCredential`).
const CREDENTIAL: &str = "bindback-accounts-key";

/// Why the key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    #[error("the key of the accounts (accounts.key_file)")]
    Read(#[from] config::SecretError),
    #[error("{} holds no key: 64 hexadecimal digits on one line", path.display())]
    NotAKey { path: PathBuf },
    #[error("the accounts are encrypted, and the key {} is gone; put it back, from a backup if need be (accounts.key_file)", path.display())]
    Missing { path: PathBuf },
    #[error("cannot write the key of the accounts to {} (accounts.key_file)", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{what} cannot be decrypted: it was encrypted with another key than {} has, or it is damaged", path.display())]
    Sealed { what: String, path: PathBuf },
}

/// The key.
#[derive(Clone)]
pub struct Vault {
    cipher: Arc<XChaCha20Poly1305>,
    path: PathBuf,
}

impl Vault {
    /// Reads the key; makes one where there is none and nothing is encrypted yet.
    ///
    /// # Errors
    /// It is missing, no key, or others may read it.
    pub fn open(file: &Path, in_use: bool) -> Result<Self, VaultError> {
        let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        let credential = credentials.map(|folder| folder.join(CREDENTIAL));
        let path = credential.filter(|path| path.exists()).unwrap_or_else(|| file.to_owned());
        if !path.exists() {
            if in_use {
                return Err(VaultError::Missing { path });
            }
            make(&path).map_err(|source| VaultError::Write { path: path.clone(), source })?;
        }
        let text = config::read_secret(&path)?;
        let key = octets(text.expose()).filter(|key| key.len() == KEY);
        let key = Zeroizing::new(key.ok_or_else(|| VaultError::NotAKey { path: path.clone() })?);
        let cipher = XChaCha20Poly1305::new_from_slice(&key);
        let cipher = cipher.map_err(|_| VaultError::NotAKey { path: path.clone() })?;
        Ok(Self { cipher: Arc::new(cipher), path })
    }

    /// Encrypts for one place; the answer is hexadecimal.
    #[must_use]
    pub fn seal(&self, place: &str, secret: &[u8]) -> String {
        let nonce: [u8; NONCE] = random();
        let payload = Payload { msg: secret, aad: place.as_bytes() };
        #[expect(clippy::expect_used, reason = "fails only beyond 256 GiB")]
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), payload).expect("a short secret");
        nonce.iter().chain(&sealed).map(|octet| format!("{octet:02x}")).collect()
    }

    /// Decrypts what was sealed for this place.
    ///
    /// # Errors
    /// It was not sealed with this key for this place.
    pub fn open_sealed(&self, place: &str, sealed: &str) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let failed = || VaultError::Sealed { what: place.to_owned(), path: self.path.clone() };
        let octets = octets(sealed).ok_or_else(failed)?;
        let (nonce, sealed) = octets.split_first_chunk::<NONCE>().ok_or_else(failed)?;
        let payload = Payload { msg: sealed, aad: place.as_bytes() };
        let opened = self.cipher.decrypt(&XNonce::from(*nonce), payload);
        opened.map(Zeroizing::new).map_err(|_| failed())
    }
}

fn make(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let key: Zeroizing<[u8; KEY]> = Zeroizing::new(random());
    let text: Zeroizing<String> =
        Zeroizing::new(key.iter().map(|octet| format!("{octet:02x}")).collect());
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{}", *text)?;
    file.sync_all()?;
    // What is sealed with it is worth nothing once a loss of power has taken its name away.
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => std::fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

fn octets(hex: &str) -> Option<Vec<u8>> {
    if !hex.len().is_multiple_of(2) {
        return None;
    }
    let digit = |c: u8| char::from(c).to_digit(16).and_then(|value| u8::try_from(value).ok());
    hex.as_bytes()
        .chunks_exact(2)
        .map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn opens_only_with_its_key_and_at_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("k/one"), folder.path().join("two"));
        let vault = Vault::open(&one, false).unwrap();
        let sealed = vault.seal("account A", b"secret");
        assert!(!sealed.contains("736563726574"));
        assert_ne!(sealed, vault.seal("account A", b"secret"), "a nonce of its own each time");
        let again = Vault::open(&one, true).unwrap();
        assert_eq!(*again.open_sealed("account A", &sealed).unwrap(), b"secret");
        assert!(again.open_sealed("account B", &sealed).is_err());
        let other = Vault::open(&two, false).unwrap();
        assert!(other.open_sealed("account A", &sealed).is_err());
        let mut spoilt = sealed.clone();
        spoilt.replace_range(60..61, if &sealed[60..61] == "0" { "1" } else { "0" });
        assert!(again.open_sealed("account A", &spoilt).is_err());
        for short in ["", "00", "zz"] {
            assert!(again.open_sealed("account A", short).is_err());
        }
    }

    #[test]
    fn a_key_that_is_gone_or_open_to_others_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        assert!(matches!(Vault::open(&path, true), Err(VaultError::Missing { .. })));
        drop(Vault::open(&path, false).unwrap());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(Vault::open(&path, true), Err(VaultError::Read(_))));
        std::fs::write(&path, "short\n").unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(Vault::open(&path, true), Err(VaultError::NotAKey { .. })));
    }
}
