//! Secrets in files: a password or a token, alone on its line.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use identity::Password;
use zeroize::Zeroizing;

/// Permission bits of group and others: none may be set.
const OTHERS: u32 = 0o077;

/// The bit that a credential of systemd may have: an access list that lets the service's user alone read it shows as the
/// group's (systemd.exec(5), LoadCredential=; acl(5)), and the folder is closed to all others.
const BY_LIST: u32 = 0o040;

/// Octets of a secret with its newline: Windows passwords have at most 256 characters, of at most 4 octets each.
const SECRET_MAX: u64 = 1026;

/// Octets of a private key in PEM: one of RSA with 16,384 bits takes under 13,000.
const KEY_MAX: u64 = 32 * 1024;

/// Why a secret could not be read. The secret itself is never part of it.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("cannot read the secret in {}; make sure that the file exists and belongs to the user of the server", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot write the secret into {}; make sure that its folder exists and belongs to the user of the server", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the secret in {} may be read by others (mode {mode:03o}); run: chmod 600 {}", path.display(), path.display())]
    Exposed { path: PathBuf, mode: u32 },
    #[error("{} is no regular file; put the secret into a file of its own", path.display())]
    NotAFile { path: PathBuf },
    #[error("{} holds no secret; write one line of UTF-8 text, at most {SECRET_MAX} octets, into it", path.display())]
    Malformed { path: PathBuf },
    #[error("{} is larger than {KEY_MAX} octets; put a private key in PEM into it, and nothing else", path.display())]
    TooLarge { path: PathBuf },
}

/// Reads the secret in a file, which nobody but its owner may read. One newline at the end is not part of it.
pub fn read_secret(path: &Path) -> Result<Password, SecretError> {
    let failed = |source| SecretError::Read { path: path.to_owned(), source };
    let file = open_private(path)?;
    // Room for all of it at once: a buffer that grows would leave copies behind.
    let mut text = String::with_capacity(usize::try_from(SECRET_MAX).unwrap_or(usize::MAX) + 1);
    match file.take(SECRET_MAX + 1).read_to_string(&mut text) {
        Ok(length) if u64::try_from(length).is_ok_and(|length| length <= SECRET_MAX) => {}
        Err(source) if source.kind() != io::ErrorKind::InvalidData => return Err(failed(source)),
        _ => return Err(SecretError::Malformed { path: path.to_owned() }),
    }
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    if text.is_empty() || text.contains(['\n', '\r', '\0']) {
        return Err(SecretError::Malformed { path: path.to_owned() });
    }
    Ok(Password::new(text))
}

/// Reads a private key in PEM, whose file nobody but its owner may read.
///
/// # Errors
/// The file cannot be read, others may read it, or it is larger than any key.
pub fn read_key(path: &Path) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let failed = |source| SecretError::Read { path: path.to_owned(), source };
    // Room for all of it at once, as above.
    let mut text =
        Zeroizing::new(Vec::with_capacity(usize::try_from(KEY_MAX).unwrap_or(usize::MAX) + 1));
    let length = open_private(path)?.take(KEY_MAX + 1).read_to_end(&mut text).map_err(failed)?;
    if u64::try_from(length).is_ok_and(|length| length <= KEY_MAX) {
        Ok(text)
    } else {
        Err(SecretError::TooLarge { path: path.to_owned() })
    }
}

fn open_private(path: &Path) -> Result<File, SecretError> {
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    open_private_in(path, credentials.as_deref())
}

fn open_private_in(path: &Path, credentials: Option<&Path>) -> Result<File, SecretError> {
    let failed = |source| SecretError::Read { path: path.to_owned(), source };
    // Looked at before it is opened: opening a pipe would wait for a writer.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(SecretError::NotAFile { path: path.to_owned() });
    }
    let file = File::open(path).map_err(failed)?;
    // The mode is that of the open file, so that it cannot be exchanged in between.
    let mode = file.metadata().map_err(failed)?.mode() & 0o777;
    let is_credential = credentials.is_some_and(|folder| path.parent() == Some(folder));
    let forbidden = if is_credential { OTHERS & !BY_LIST } else { OTHERS };
    if mode & forbidden != 0 {
        return Err(SecretError::Exposed { path: path.to_owned(), mode });
    }
    Ok(file)
}

/// Puts another secret into a file, in one step; nobody else may read it. The file is made if it
/// is not there.
///
/// # Errors
/// The file cannot be written.
pub fn replace_secret(path: &Path, secret: &Password) -> Result<(), SecretError> {
    let failed = |source| SecretError::Write { path: path.to_owned(), source };
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let beside = path.with_file_name(name);
    let _ = std::fs::remove_file(&beside);
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        file.write_all(secret.expose().as_bytes())?;
        file.write_all(b"\n")?;
        if let Ok(old) = std::fs::metadata(path) {
            let made = file.metadata()?;
            if (made.uid(), made.gid()) != (old.uid(), old.gid()) {
                std::os::unix::fs::fchown(&file, Some(old.uid()), Some(old.gid()))?;
            }
        }
        file.sync_all()?;
        std::fs::rename(&beside, path)?;
        // Others have taken it, or are about to: a loss of power must not bring the old one back.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    })();
    if written.is_err() {
        // Best effort: the error that counts is the one above.
        let _ = std::fs::remove_file(&beside);
    }
    written.map_err(failed)
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::{SecretError, open_private_in, read_key, read_secret, replace_secret};

    fn file(content: &[u8], mode: u32) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        (folder, path)
    }

    #[test]
    fn one_newline_is_not_part_of_it() {
        for (content, expected) in
            [("pass word", "pass word"), ("pässword \n", "pässword "), ("password\r\n", "password")]
        {
            let (_folder, path) = file(content.as_bytes(), 0o600);
            assert_eq!(read_secret(&path).unwrap().expose(), expected);
        }
        let (_folder, path) = file(b"read-only", 0o400);
        assert_eq!(read_secret(&path).unwrap().expose(), "read-only");
    }

    #[test]
    fn a_secret_is_replaced_and_stays_secret() {
        let (folder, path) = file(b"old\n", 0o600);
        replace_secret(&path, &identity::Password::from("new one")).unwrap();
        assert_eq!(read_secret(&path).unwrap().expose(), "new one");
        let other = folder.path().join("made");
        replace_secret(&other, &identity::Password::from("made")).unwrap();
        assert_eq!(read_secret(&other).unwrap().expose(), "made");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
        let nowhere = folder.path().join("no/such");
        let error = replace_secret(&nowhere, &identity::Password::from("x")).unwrap_err();
        assert!(matches!(error, SecretError::Write { .. }));
    }

    #[test]
    fn others_may_not_read_it() {
        for mode in [0o640, 0o604, 0o644, 0o620, 0o601] {
            let (_folder, path) = file(b"hunter2\n", mode);
            let error = read_secret(&path).unwrap_err();
            assert!(matches!(error, SecretError::Exposed { mode: found, .. } if found == mode));
            let text = error.to_string();
            assert!(text.contains("chmod 600") && text.contains(&format!("{mode:03o}")), "{text}");
            assert!(!text.contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn a_credential_may_have_an_access_list() {
        for (mode, in_folder, elsewhere) in [
            (0o400, true, true),
            (0o440, true, false),
            (0o444, false, false),
            (0o460, false, false),
        ] {
            let (folder, path) = file(b"hunter2\n", mode);
            let other = folder.path().join("credentials");
            assert_eq!(open_private_in(&path, Some(folder.path())).is_ok(), in_folder, "{mode:o}");
            assert_eq!(open_private_in(&path, Some(&other)).is_ok(), elsewhere, "{mode:o}");
            assert_eq!(open_private_in(&path, None).is_ok(), elsewhere, "{mode:o}");
        }
    }

    #[test]
    fn a_key_has_many_lines_and_is_as_private() {
        let (_folder, path) = file(b"-----BEGIN\nx\n", 0o600);
        assert_eq!(read_key(&path).unwrap().as_slice(), b"-----BEGIN\nx\n");
        let (_folder, path) = file(b"-----BEGIN\nx\n", 0o640);
        assert!(matches!(read_key(&path).unwrap_err(), SecretError::Exposed { .. }));
        let (_folder, path) = file(&[b'x'; 40_000], 0o600);
        assert!(matches!(read_key(&path).unwrap_err(), SecretError::TooLarge { .. }));
    }

    #[test]
    fn what_is_no_secret_is_refused() {
        for content in [&b""[..], b"\n", b"two\nlines\n", b"\xff\xfe", b"nul\0", &[b'x'; 2000]] {
            let (_folder, path) = file(content, 0o600);
            assert!(
                matches!(read_secret(&path).unwrap_err(), SecretError::Malformed { .. }),
                "{content:?}"
            );
        }
        let (folder, path) = file(b"x", 0o600);
        assert!(matches!(read_secret(folder.path()).unwrap_err(), SecretError::NotAFile { .. }));
        assert!(matches!(
            read_secret(&path.with_extension("gone")).unwrap_err(),
            SecretError::Read { .. }
        ));
    }
}
