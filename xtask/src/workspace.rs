//! Where the repository is, which packages it has, and which files.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// Folders that hold nothing of ours, wherever they stand.
const SKIPPED_FOLDERS: [&str; 2] = ["target", "node_modules"];

/// Deepest nesting of folders that is looked into; the tree has 6.
const DEPTH_MAX: usize = 16;

/// What `cargo metadata --no-deps` says, as far as it is needed.
#[derive(Debug, Deserialize)]
pub struct Metadata {
    pub packages: Vec<Package>,
    pub target_directory: PathBuf,
}

/// A member of the workspace.
#[derive(Debug, Deserialize)]
pub struct Package {
    pub name: String,
    pub description: Option<String>,
    pub manifest_path: PathBuf,
    pub dependencies: Vec<Dependency>,
}

/// A dependency as the manifest names it.
#[derive(Debug, Deserialize)]
pub struct Dependency {
    pub name: String,
    /// None for a normal one, else `dev` or `build`.
    pub kind: Option<String>,
    /// Set for members of the workspace.
    pub path: Option<PathBuf>,
}

/// What stands before the name of a room in the name of its package.
const PACKAGE_PREFIX: &str = "bindback-";

impl Package {
    /// The room that it is.
    pub fn room(&self) -> &str {
        self.name.strip_prefix(PACKAGE_PREFIX).unwrap_or(&self.name)
    }
}

impl Dependency {
    /// The room that it leads to, if it is one of ours; else the crate.
    pub fn room(&self) -> &str {
        self.name.strip_prefix(PACKAGE_PREFIX).unwrap_or(&self.name)
    }

    /// Its line in the text of the manifest, from 1; its key there is the name of the room or of the crate.
    pub fn line(&self, manifest: &str) -> usize {
        let is_key = |line: &str| {
            line.strip_prefix(self.room()).is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
        };
        manifest.lines().position(is_key).map_or(1, |index| index + 1)
    }
}

/// The folder of the repository.
pub fn root() -> Result<PathBuf> {
    // Cargo sets it when it runs this program; the place where it was compiled may be another copy.
    let start = match std::env::var_os("CARGO_MANIFEST_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => std::env::current_dir().context("no current folder")?,
    };
    let found = start.ancestors().find(|folder| folder.join("xtask/architecture.toml").is_file());
    match found {
        Some(folder) => Ok(folder.to_owned()),
        None => bail!("{} is not in the repository; run `cargo xtask` there", start.display()),
    }
}

/// Asks cargo.
pub fn metadata(root: &Path) -> Result<Metadata> {
    let output = Command::new(cargo())
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(root)
        .stderr(std::process::Stdio::inherit())
        .output()
        .context("cannot run cargo metadata")?;
    if !output.status.success() {
        bail!("cargo metadata failed");
    }
    serde_json::from_slice(&output.stdout)
        .context("cargo metadata gave something else than expected")
}

/// The cargo that runs this program.
pub fn cargo() -> std::ffi::OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Every file under a folder with this extension, sorted, without build output and dot folders.
pub fn files(folder: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    walk(folder, extension, 0, &mut found)?;
    found.sort();
    Ok(found)
}

fn walk(folder: &Path, extension: &str, depth: usize, found: &mut Vec<PathBuf>) -> Result<()> {
    if depth > DEPTH_MAX {
        bail!("{} is nested deeper than {DEPTH_MAX} folders", folder.display());
    }
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        let kind = entry.file_type()?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if kind.is_dir() {
            if !name.starts_with('.') && !SKIPPED_FOLDERS.contains(&name.as_ref()) {
                walk(&path, extension, depth + 1, found)?;
            }
        } else if kind.is_file() && path.extension() == Some(OsStr::new(extension)) {
            found.push(path);
        }
    }
    Ok(())
}
