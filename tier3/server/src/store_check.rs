//! The check of a server's store, asked for or at a start that needs it.

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
    let second = Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let aside = data_dir.join("aside").join(second);
    let checked = store::check(&store_folder(data_dir), repair.then_some(aside.as_path()))?;
    let aside = Some(aside).filter(|aside| aside.exists());
    Ok(StoreCheck { checked, aside })
}
