//! A folder that belongs to its user alone, and its files.
//!
//! The folder is opened and checked once. All files are then opened relative to this open folder, so that another folder, put in its
//! place later, is never used.

use std::{
    fs::{DirBuilder, File},
    io::{self, Read as _, Write as _},
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::fs::DirBuilderExt as _,
    },
    path::Path,
    process,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use rustix::{
    fs::{
        AtFlags, Dir, FileType, Mode, OFlags, Stat, Timespec, Timestamps, UTIME_NOW, fstat, futimens, open,
        openat, renameat, statat, unlinkat,
    },
    io::Errno,
    process::geteuid,
};
use streamgauge_common::clock;

/// How the name of an entry ends.
pub(super) const ENDING: &str = ".code";
/// What is in the name of an entry that is being written.
const UNFINISHED: &str = ".unfinished-";
/// What an unfinished entry is older than where its process has ended.
const ABANDONED_SECONDS: i64 = 3600;
/// What others than the owner may do.
const OTHERS: u32 = 0o077;

/// The folder, opened.
#[derive(Debug)]
pub(super) struct Folder {
    opened: OwnedFd,
}

/// A file in it.
struct Listed {
    name: String,
    bytes: u64,
    /// When it was used last, in seconds and nanoseconds.
    used: (i64, u64),
}

impl Folder {
    /// Opens a folder, which is made if it is not there.
    ///
    /// # Errors
    /// Where it is not a folder of this user alone.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        match DirBuilder::new().recursive(true).mode(0o700).create(path) {
            // A link to nowhere, or a file: what is found below says it better.
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = open(path, flags, Mode::empty()).map_err(|error| match error {
            Errno::NOTDIR | Errno::LOOP => io::Error::other("it is not a folder"),
            error => error.into(),
        })?;
        let found = fstat(&opened)?;
        if found.st_uid != geteuid().as_raw() {
            return Err(io::Error::other(format!("it belongs to the user with the number {}", found.st_uid)));
        }
        if found.st_mode & OTHERS != 0 {
            return Err(io::Error::other(
                "others may use it, so what is in it cannot be trusted: chmod it to 700",
            ));
        }
        Ok(Self { opened })
    }

    /// A file, which counts as used now, and its bytes; none if it is not there.
    ///
    /// # Errors
    /// Where it is not a file of this user alone, or cannot be read.
    pub(super) fn read(&self, name: &str) -> io::Result<Option<(File, Vec<u8>)>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = match openat(&self.opened, name, flags, Mode::empty()) {
            Err(Errno::NOENT) => return Ok(None),
            opened => opened?,
        };
        let found = fstat(&opened)?;
        if !is_private(&found) {
            return Err(io::Error::other("it is not a file of this user alone"));
        }
        let mut file = File::from(opened);
        let mut bytes = Vec::with_capacity(usize::try_from(found.st_size).unwrap_or(0));
        file.read_to_end(&mut bytes)?;
        let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
        // Where that fails it is removed the earlier.
        let _ = futimens(file.as_fd(), &Timestamps { last_access: now, last_modification: now });
        Ok(Some((file, bytes)))
    }

    /// Writes a file, which appears as a whole or not at all. A crash of the machine may leave a damaged one, which its digest tells.
    pub(super) fn write(&self, name: &str, parts: &[&[u8]]) -> io::Result<()> {
        static WRITTEN: AtomicU64 = AtomicU64::new(0);
        let number = WRITTEN.fetch_add(1, Relaxed);
        let unfinished = format!("{name}{UNFINISHED}{}-{number}", process::id());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(openat(&self.opened, &*unfinished, flags, Mode::RUSR | Mode::WUSR)?);
        let written = parts.iter().try_for_each(|part| file.write_all(part));
        let written = written.and_then(|()| Ok(renameat(&self.opened, &*unfinished, &self.opened, name)?));
        if written.is_err() {
            self.remove(&unfinished);
        }
        written
    }

    /// Removes the entries that were used least recently, but not this one, until the others take no more than so many bytes; and what
    /// processes left unfinished that have ended.
    pub(super) fn shrink(&self, bytes_max: u64, kept: &str) -> io::Result<()> {
        let listed = self.list()?;
        let abandoned = clock::now_us() / 1_000_000 - ABANDONED_SECONDS;
        let is_abandoned = |one: &&Listed| one.name.contains(UNFINISHED) && one.used.0 < abandoned;
        listed.iter().filter(is_abandoned).for_each(|one| self.remove(&one.name));
        let mut entries: Vec<Listed> = listed.into_iter().filter(|one| one.name.ends_with(ENDING)).collect();
        entries.sort_unstable_by_key(|entry| (entry.name == kept, entry.used));
        let mut bytes = entries.iter().fold(0_u64, |sum, entry| sum.saturating_add(entry.bytes));
        for entry in entries.iter().filter(|entry| entry.name != kept) {
            if bytes <= bytes_max {
                break;
            }
            self.remove(&entry.name);
            bytes = bytes.saturating_sub(entry.bytes);
        }
        Ok(())
    }

    fn list(&self) -> io::Result<Vec<Listed>> {
        let mut listed = Vec::new();
        for entry in Dir::read_from(&self.opened)? {
            let Ok(name) = entry?.file_name().to_str().map(str::to_owned) else { continue };
            // Removed meanwhile by another process.
            let Ok(found) = statat(&self.opened, &*name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
            if is_private(&found) {
                let bytes = u64::try_from(found.st_size).unwrap_or(0);
                listed.push(Listed { name, bytes, used: (found.st_mtime, found.st_mtime_nsec) });
            }
        }
        Ok(listed)
    }

    fn remove(&self, name: &str) {
        // Another process may have removed it.
        let _ = unlinkat(&self.opened, name, AtFlags::empty());
    }
}

/// Whether it is a file that only this user can have written.
fn is_private(found: &Stat) -> bool {
    FileType::from_raw_mode(found.st_mode).is_file()
        && found.st_uid == geteuid().as_raw()
        && found.st_mode & OTHERS == 0
}
