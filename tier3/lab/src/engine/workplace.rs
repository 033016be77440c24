//! The folder that a demo works in.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::LabError;
use crate::cast::Side;
use crate::organisation::MakeError;

/// Tries to remove a folder in which servers are just dying, and the time between two.
const REMOVALS: u32 = 40;
const BETWEEN_REMOVALS: Duration = Duration::from_millis(25);

/// A folder, removed at the end only if it was made here and nobody will want to look into it.
#[derive(Debug)]
pub(crate) struct Workplace {
    root: PathBuf,
    temporary: bool,
    /// It goes with this value.
    passing: bool,
}

impl Workplace {
    /// The folder asked for, or a new temporary one.
    pub(crate) fn make(asked: Option<&Path>) -> Result<Self, LabError> {
        let Some(asked) = asked else { return Self::temporary() };
        let failed = |source| LabError::Folder { action: "use", path: asked.to_owned(), source };
        fs::create_dir_all(asked).map_err(failed)?;
        let root = asked.canonicalize().map_err(failed)?;
        for side in Side::ALL {
            let folder = root.join(side.folder());
            if folder.symlink_metadata().is_ok() {
                return Err(LabError::Occupied { path: folder });
            }
        }
        Ok(Self { root, temporary: false, passing: false })
    }

    fn temporary() -> Result<Self, LabError> {
        let mut random = [0; 4];
        getrandom::fill(&mut random).map_err(MakeError::Random)?;
        let name = format!("bindback-demo-{:08x}", u32::from_be_bytes(random));
        let path = std::env::temp_dir().join(name);
        // Made and not found: nobody else's folder is used, and nobody else may look into this one.
        let made = DirBuilder::new().mode(0o700).create(&path).and_then(|()| path.canonicalize());
        match made {
            Ok(root) => Ok(Self { root, temporary: true, passing: false }),
            Err(source) => Err(LabError::Folder { action: "make", path, source }),
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Where the program is linked under its name.
    pub(crate) fn programs(&self) -> PathBuf {
        self.root.join("bin")
    }

    /// Takes the servers' folders away for a new start.
    pub(crate) fn clear(&self) -> Result<(), LabError> {
        for side in Side::ALL {
            let path = self.root.join(side.folder());
            match fs::remove_dir_all(&path) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    return Err(LabError::Folder { action: "clear", path, source });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// A temporary folder that goes with this value, also where a run is broken off.
    pub(crate) fn passing() -> Result<Self, LabError> {
        let mut made = Self::temporary()?;
        made.passing = true;
        Ok(made)
    }

    /// Removes the folder if it is a temporary one; says whether it is gone.
    pub(crate) fn remove(&self) -> bool {
        if self.temporary {
            unmount_below(&self.root);
        }
        self.temporary && fs::remove_dir_all(&self.root).is_ok()
    }
}

/// Takes away the small disks that a scenario put below a folder (proc(5), mounts).
fn unmount_below(root: &Path) {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    for place in mounts.lines().filter_map(|line| line.split(' ').nth(1)) {
        if Path::new(place).starts_with(root) {
            // One that is still in use goes with its last user.
            let mut command = std::process::Command::new("umount");
            let _ = command.args(["-l", place]).stderr(std::process::Stdio::null()).status();
        }
    }
}

impl Drop for Workplace {
    fn drop(&mut self) {
        // Servers that were killed a moment ago may still put something there.
        for _ in 0..REMOVALS {
            if !self.passing || !self.root.exists() || self.remove() {
                return;
            }
            std::thread::sleep(BETWEEN_REMOVALS);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_temporary_folder_is_private_and_goes() {
        let workplace = Workplace::make(None).unwrap();
        let root = workplace.root().to_owned();
        assert_eq!(fs::metadata(&root).unwrap().permissions().mode() & 0o777, 0o700);
        assert!(workplace.remove() && !root.exists());
    }

    #[test]
    fn a_passing_folder_goes_with_its_value() {
        let workplace = Workplace::passing().unwrap();
        let root = workplace.root().to_owned();
        fs::create_dir(root.join("east")).unwrap();
        assert!(root.exists());
        drop(workplace);
        assert!(!root.exists());
    }

    #[test]
    fn a_folder_of_ones_own_is_kept_and_used_once() {
        let folder = tempfile::tempdir().unwrap();
        let asked = folder.path().join("a/b");
        let workplace = Workplace::make(Some(&asked)).unwrap();
        fs::create_dir(workplace.root().join("east")).unwrap();
        assert!(matches!(Workplace::make(Some(&asked)), Err(LabError::Occupied { .. })));
        workplace.clear().unwrap();
        workplace.clear().unwrap();
        assert!(Workplace::make(Some(&asked)).is_ok());
        assert!(!workplace.remove() && asked.exists());
    }
}
