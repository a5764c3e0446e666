//! A folder of crash bundles.

use std::{
    fs::{self, DirBuilder},
    io::{self, Read as _, Write as _},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use streamgauge_component::crash::{BUNDLE_BYTES_MAX, CrashBundle};
use streamgauge_state::rights;

/// A folder does not get more files than these.
pub const BUNDLES_MAX: usize = 8;

const EXTENSION: &str = "crash";
/// What a file is called until it is whole.
const STAGED: &str = ".part";
const FOLDER_MODE: u32 = 0o700;
/// Digits of the component's digest in the name of a file.
const DIGEST_DIGITS: usize = 12;
const NAME_CHARS_MAX: usize = 60;

/// A folder that holds at most [`BUNDLES_MAX`] bundles. The tasks of a deployment share it.
pub struct CrashFolder {
    path: PathBuf,
    /// Held while a file is named and written.
    writing: Mutex<()>,
    /// Whether people were told that it is full.
    is_told_full: AtomicBool,
}

/// What became of a bundle.
#[derive(Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is in this file.
    Written(PathBuf),
    /// An earlier run has written one of the same query, component, call and kind of fault.
    There(PathBuf),
    /// There are as many as may be.
    Full {
        /// Whether that was said before.
        is_told: bool,
    },
}

impl CrashFolder {
    /// A folder, which is made when the first bundle is written.
    pub fn new(path: PathBuf) -> Self {
        Self { path, writing: Mutex::default(), is_told_full: AtomicBool::new(false) }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a bundle, whose bytes these are, unless there is such a one or the folder is full.
    ///
    /// # Errors
    /// The folder cannot be made or read, or the file cannot be written.
    pub fn keep(&self, bundle: &CrashBundle, bytes: &[u8]) -> io::Result<Kept> {
        // Nothing is left half done where a thread has panicked: a file has its name when it is whole.
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(&self.path)?;
        let begin = begin_of_name(bundle);
        let there = self.bundles()?;
        let is_named = |path: &&PathBuf| name(path).is_some_and(|name| name.starts_with(&begin));
        if let Some(path) = there.iter().filter(is_named).find(|path| is_like(path, bundle)) {
            return Ok(Kept::There(path.clone()));
        }
        if there.len() >= BUNDLES_MAX {
            return Ok(Kept::Full { is_told: self.is_told_full.swap(true, Relaxed) });
        }
        let names =
            (1..=BUNDLES_MAX + 1).map(|number| self.path.join(format!("{begin}{number}.{EXTENSION}")));
        let free = names.into_iter().find(|path| !there.contains(path));
        let path = free.ok_or_else(|| io::Error::other("all names are taken"))?;
        let staged = self.path.join(STAGED);
        write(&staged, &path, bytes).inspect_err(|_| drop(fs::remove_file(&staged)))?;
        Ok(Kept::Written(path))
    }

    fn bundles(&self) -> io::Result<Vec<PathBuf>> {
        let mut paths = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == EXTENSION) {
                paths.push(path);
            }
        }
        paths.sort_unstable();
        Ok(paths)
    }
}

fn name(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}

/// `NAME-DIGEST-`.
fn begin_of_name(bundle: &CrashBundle) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let name: String = bundle.opened.name.chars().take(NAME_CHARS_MAX).map(plain).collect();
    format!("{name}-{}-", bundle.sha256.get(..DIGEST_DIGITS).unwrap_or_default())
}

/// Whether a file holds a bundle of the same fault. One that cannot be read holds another.
fn is_like(path: &Path, bundle: &CrashBundle) -> bool {
    let read = || {
        let mut bytes = Vec::new();
        fs::File::open(path)?.take(BUNDLE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map(|_| bytes)
    };
    let kept = read().ok().and_then(|bytes| CrashBundle::decode(&bytes).ok());
    kept.is_some_and(|kept| kept.is_like(bundle))
}

/// Writes a file for its owner alone; it has its name when it is whole.
fn write(staged: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    // A process that was killed may have left one.
    drop(fs::remove_file(staged));
    let mut file = rights::options().write(true).create_new(true).open(staged)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(staged, path)
}
