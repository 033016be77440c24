//! The check of a server's store, asked for or at a start that needs it.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use store::{Checked, StoreError};

use crate::operations::store_folder;

/// What a check found, and where a repair put what it took out.
#[derive(Debug)]
pub struct StoreCheck {
    pub checked: Checked,
    pub aside: Option<PathBuf>,
}

/// Checks the store under a data folder, and repairs it if that is asked for.
///
/// # Errors
/// A server runs on it, or the disk fails. Damage is no error.
pub fn check_store(data_dir: &Path, repair: bool) -> Result<StoreCheck, StoreError> {
    let folder = store_folder(data_dir);
    // What lies in a folder that is closed seems not to be there.
    if let Err(source) = std::fs::metadata(&folder)
        && source.kind() == io::ErrorKind::PermissionDenied
    {
        return Err(StoreError::Permission {
            dir: folder,
            doing: "looking at the store",
            source: source.into(),
        });
    }
    let second = Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let aside = data_dir.join("aside").join(second);
    let checked = store::check(&folder, repair.then_some(aside.as_path()))?;
    let aside = Some(aside).filter(|aside| aside.exists());
    Ok(StoreCheck { checked, aside })
}

/// Whether somebody else has what was wanted: a store, a socket or a port.
#[must_use]
pub fn is_in_use(error: &(dyn Error + 'static)) -> bool {
    matches!(error.downcast_ref(), Some(StoreError::Locked { .. }))
        || matches!(error.downcast_ref(), Some(admin::ServeError::InUse { .. }))
        || error
            .downcast_ref::<io::Error>()
            .is_some_and(|one| one.kind() == io::ErrorKind::AddrInUse)
}
