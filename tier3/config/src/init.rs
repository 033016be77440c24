//! A new server's folder: configuration, secrets, and the folders that they name.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::fault::ConfigError;
use crate::load::absolute;
use crate::model::{Config, DEFAULT_FILE};
use crate::template::{InitAnswers, PASSWORD_FILE, TOKEN_FILE, template};

/// Octets of randomness that [`init`] needs: 24 for the password of the service account, 24 for the token of the API.
/// Either is beyond guessing (192 bits).
pub const RANDOM_BYTES: usize = 48;

/// Folders of a new server; nobody else may look into them.
const FOLDERS: [&str; 4] = ["data", "maildir", "log", "secrets"];
/// The folder of the socket. Others may pass, so that `admin.roles_file` is all that lets them in; the socket has a mode of its own.
const SOCKET_FOLDER: &str = "run";

/// What [`init`] wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Initialised {
    pub config: PathBuf,
    pub password_file: PathBuf,
    pub token_file: PathBuf,
}

/// Writes a new server's folder: a configuration that starts as it is, its two secrets and its folders. Nothing is
/// ever overwritten.
///
/// The answers are checked first, so that a fault in them leaves nothing behind. `random` must come from a
/// cryptographic source.
pub fn init(
    folder: &Path,
    answers: &InitAnswers,
    random: &[u8; RANDOM_BYTES],
) -> Result<Initialised, ConfigError> {
    let folder = absolute(folder)?;
    let paths = Initialised {
        config: folder.join(DEFAULT_FILE),
        password_file: folder.join(PASSWORD_FILE),
        token_file: folder.join(TOKEN_FILE),
    };
    let text = template(answers);
    Config::parse(&paths.config, &text)?;
    for path in [&paths.config, &paths.password_file, &paths.token_file] {
        if std::fs::symlink_metadata(path).is_ok() {
            return Err(ConfigError::Exists { path: path.clone() });
        }
    }
    create_folder(&folder, 0o755)?;
    for name in FOLDERS {
        create_folder(&folder.join(name), 0o700)?;
    }
    create_folder(&folder.join(SOCKET_FOLDER), 0o711)?;
    let (password, token) = random.split_at(RANDOM_BYTES / 2);
    create_file(&paths.password_file, 0o600, &format!("{}\n", hex(password)))?;
    create_file(&paths.token_file, 0o600, &format!("{}\n", hex(token)))?;
    // Last, so that a folder with a configuration is a whole one.
    create_file(&paths.config, 0o644, &text)?;
    Ok(paths)
}

fn create_folder(path: &Path, mode: u32) -> Result<(), ConfigError> {
    if path.is_dir() {
        return Ok(());
    }
    let made = DirBuilder::new().recursive(true).mode(mode).create(path);
    made.map_err(|source| ConfigError::Write { path: path.to_owned(), source })
}

fn create_file(path: &Path, mode: u32, text: &str) -> Result<(), ConfigError> {
    let written = OpenOptions::new().write(true).create_new(true).mode(mode).open(path).and_then(
        |mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        },
    );
    written.map_err(|source| match source.kind() {
        std::io::ErrorKind::AlreadyExists => ConfigError::Exists { path: path.to_owned() },
        _ => ConfigError::Write { path: path.to_owned(), source },
    })
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
