//! Accounts from a file: lines `DOMAIN\NAME:PASSWORD`, which nobody else may read.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use identity::{AccountName, NtHash, Password};
use security::{Accounts, LogonFailure};

/// Octets of the file: some ten thousand accounts.
const FILE_MAX: u64 = 1 << 20;
/// The permissions of everybody but the owner.
const OTHERS: u32 = 0o077;

/// A file of accounts that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AccountsFileError {
    #[error("cannot read the accounts file {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(
        "others may read the accounts file {} (mode {mode:04o}); run: chmod 600 {}",
        path.display(),
        path.display()
    )]
    Exposed { path: PathBuf, mode: u32 },
    #[error("{}, line {line}: expected DOMAIN\\NAME:PASSWORD", path.display())]
    Line { path: PathBuf, line: usize },
    #[error("{} holds no account; write one as DOMAIN\\NAME:PASSWORD", path.display())]
    Empty { path: PathBuf },
}

/// The accounts; their passwords are kept as hashes only.
pub struct AccountsFile {
    accounts: BTreeMap<AccountName, NtHash>,
    domain: String,
}

impl AccountsFile {
    /// Reads the file. Empty lines, and those that begin with `#`, say nothing.
    ///
    /// # Errors
    /// It cannot be read, others may read it, or a line is no account.
    pub fn read(path: &Path) -> Result<Self, AccountsFileError> {
        let failed = |source| AccountsFileError::Read { path: path.to_owned(), source };
        let file = File::open(path).map_err(failed)?;
        // The mode is that of the open file, so that it cannot be exchanged in between.
        let mode = file.metadata().map_err(failed)?.mode() & 0o777;
        if mode & OTHERS != 0 {
            return Err(AccountsFileError::Exposed { path: path.to_owned(), mode });
        }
        let mut text = String::new();
        file.take(FILE_MAX).read_to_string(&mut text).map_err(failed)?;
        // Wiped when dropped, as every password is.
        let text = Password::new(text);
        let mut accounts = BTreeMap::new();
        let mut domain = None;
        for (index, line) in text.expose().lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = || AccountsFileError::Line { path: path.to_owned(), line: index + 1 };
            let (name, password) = line.split_once(':').ok_or_else(wrong)?;
            let name: AccountName = name.parse().map_err(|_| wrong())?;
            domain.get_or_insert_with(|| name.domain().to_owned());
            accounts.insert(name, security::ntlm::nt_hash(&Password::from(password)));
        }
        let domain = domain.ok_or_else(|| AccountsFileError::Empty { path: path.to_owned() })?;
        Ok(Self { accounts, domain })
    }

    /// The domain of the first account.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }
}

impl Accounts for AccountsFile {
    fn nt_hash(&self, account: &AccountName) -> Result<NtHash, LogonFailure> {
        self.accounts.get(account).cloned().ok_or(LogonFailure::UnknownAccount)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn read(text: &str, mode: u32) -> Result<AccountsFile, AccountsFileError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("accounts");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        AccountsFile::read(&path)
    }

    #[test]
    fn lines_are_accounts() {
        let file = read("# who\n\nEAST\\ann:a:b\nWEST\\bob:x\n", 0o600).unwrap();
        assert_eq!(file.domain(), "EAST");
        let hash = |name: &str| file.nt_hash(&name.parse().unwrap());
        assert!(hash("east\\ANN").unwrap() == security::ntlm::nt_hash(&Password::from("a:b")));
        assert!(matches!(hash("EAST\\bob"), Err(LogonFailure::UnknownAccount)));
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert!(matches!(
            read("EAST\\ann:x\n", 0o640),
            Err(AccountsFileError::Exposed { mode: 0o640, .. })
        ));
        assert!(matches!(read("\nann\n", 0o600), Err(AccountsFileError::Line { line: 2, .. })));
        assert!(matches!(read("# nobody\n", 0o600), Err(AccountsFileError::Empty { .. })));
    }
}
