//! Filesystems of a proof's own, which can fill, and lose their power.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};
use tempfile::TempDir;

/// A filesystem that is mounted until this is dropped.
#[derive(Debug)]
pub struct Disk {
    dir: TempDir,
    mounted: bool,
}

impl Disk {
    /// In memory; `None` where nothing may be mounted.
    pub fn memory(mib: u32) -> Result<Option<Self>> {
        let dir = tempfile::Builder::new().prefix("bb").tempdir()?;
        let options = format!("size={mib}m,mode=0700");
        let done = run(&["mount", "-t", "tmpfs", "-o", &options, "none"], &[dir.path()]);
        Ok(done.then_some(Self { dir, mounted: true }))
    }

    /// In a file, with a journal of its own.
    pub fn ext4(mib: u64) -> Result<Option<Self>> {
        let dir = tempfile::Builder::new().prefix("bb").tempdir()?;
        let image = dir.path().join("image");
        fs::File::create(&image)?.set_len(mib * 1024 * 1024)?;
        fs::create_dir(dir.path().join("disk"))?;
        if !run(&["mkfs.ext4", "-q", "-F"], &[&image]) {
            return Ok(None);
        }
        let mut disk = Self { dir, mounted: false };
        disk.mounted = disk.mount();
        Ok(disk.mounted.then_some(disk))
    }

    fn mount(&self) -> bool {
        let options = "loop,errors=remount-ro";
        run(&["mount", "-o", options], &[&self.dir.path().join("image"), &self.path()])
    }

    /// Where it is mounted.
    pub fn path(&self) -> PathBuf {
        let below = self.dir.path().join("disk");
        if below.exists() { below } else { self.dir.path().to_owned() }
    }

    /// As if the power went: what was not synced is gone.
    ///
    /// ext4 reports a sync as done that is under way at this moment. A machine without power tells nobody; whoever
    /// uses this stops the writers first (`Process::freeze`), or counts none of their later answers.
    pub fn cut(&mut self) -> Result<()> {
        let done = run(&["xfs_io", "-x", "-c", "shutdown"], &[&self.path()]);
        ensure!(done, "the filesystem cannot be shut down");
        Ok(())
    }

    /// As if the machine started again.
    pub fn mount_again(&mut self) -> Result<()> {
        ensure!(run(&["umount"], &[&self.path()]), "cannot unmount");
        self.mounted = false;
        if self.is_held()? {
            // Another process took a copy of all mounts while this was one of them (mount_namespaces(7)), and mounting
            // the file again would show the old filesystem, shut down as it is. A copy of the file is another one.
            let (image, copy) = (self.dir.path().join("image"), self.dir.path().join("copy"));
            ensure!(run(&["cp", "--sparse=always"], &[&image, &copy]), "cannot copy the image");
            fs::rename(&copy, &image)?;
        }
        ensure!(self.mount(), "cannot mount again");
        self.mounted = true;
        Ok(())
    }

    /// The filesystem finds a fault in itself (ext4's own test of that) and takes no more writes: every one fails with
    /// EROFS from now on. False where the kernel does not offer it.
    pub fn turn_read_only(&self) -> Result<bool> {
        let image = self.dir.path().join("image");
        let listed =
            Command::new("losetup").args(["-n", "-O", "NAME", "-j"]).arg(&image).output()?;
        let device = String::from_utf8_lossy(&listed.stdout).trim().replace("/dev/", "");
        ensure!(!device.is_empty() && !device.contains('\n'), "the loop device: {device:?}");
        let trigger = format!("/sys/fs/ext4/{device}/trigger_fs_error");
        Ok(fs::write(trigger, "1").is_ok())
    }

    /// As an administrator does: repairs the filesystem and mounts it in its place, whoever still holds the old one.
    pub fn mend(&mut self) -> Result<()> {
        ensure!(run(&["umount", "-l"], &[&self.path()]), "cannot unmount");
        self.mounted = false;
        let (image, copy) = (self.dir.path().join("image"), self.dir.path().join("copy"));
        ensure!(run(&["cp", "--sparse=always"], &[&image, &copy]), "cannot copy the image");
        let checked = Command::new("e2fsck").args(["-f", "-y"]).arg(&copy).output()?;
        // e2fsck(8): 1 means that faults were corrected.
        ensure!(matches!(checked.status.code(), Some(0 | 1)), "e2fsck: {checked:?}");
        fs::rename(&copy, &image)?;
        ensure!(self.mount(), "cannot mount again");
        self.mounted = true;
        Ok(())
    }

    /// Whether the file still is a device, though it is not mounted here any more.
    fn is_held(&self) -> Result<bool> {
        let image = self.dir.path().join("image");
        let listed = Command::new("losetup").arg("--associated").arg(&image).output()?;
        ensure!(listed.status.success(), "losetup: {}", String::from_utf8_lossy(&listed.stderr));
        Ok(!listed.stdout.is_empty())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.mounted && !run(&["umount"], &[&self.path()]) {
            // Somebody still holds it; it goes once they are gone.
            run(&["umount", "-l"], &[&self.path()]);
        }
    }
}

/// Why a proof that needs root and these tools cannot run, if it cannot.
pub fn missing(tools: &[&str]) -> Option<String> {
    let root =
        fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    if !root {
        return Some("not root".to_owned());
    }
    let missing = tools.iter().find(|tool| !has(tool));
    missing.map(|tool| format!("{tool} is not installed"))
}

/// Whether a tool is there.
pub fn has(tool: &str) -> bool {
    Command::new("which").arg(tool).output().is_ok_and(|output| output.status.success())
}

pub(crate) fn run(command: &[&str], paths: &[&Path]) -> bool {
    let mut process = Command::new(command[0]);
    process.args(&command[1..]).args(paths);
    process.output().is_ok_and(|output| output.status.success())
}
