//! The bound of a file of dead letters: at so many bytes it becomes `PATH.1`, in place of an older one, and a new file begins.
//!
//! A crash between the two leaves no file `PATH`, which is as good as an empty one.

use std::{
    fs::{self, File, Metadata, TryLockError},
    io::{self, ErrorKind},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::OFlags;
use streamgauge_common::crash;

use super::{each_line, held::Held};
use crate::deliver::output::{Output, OutputError};

/// When a file is moved away, and where to.
#[derive(Debug)]
pub struct Rotation {
    path: PathBuf,
    older: PathBuf,
    bytes_max: u64,
    /// The device and the inode of the file.
    file: (u64, u64),
    /// Who may read and write it.
    mode: u32,
    /// What is in the file, and in the older one.
    bytes: u64,
    letters: u64,
    older_letters: u64,
    /// What was dropped with older files so far.
    dropped: u64,
}

impl Rotation {
    /// For the open file at a path.
    ///
    /// # Errors
    /// Where the older file is not one of dead letters: it would be replaced.
    pub fn new(path: &Path, file: &File, bytes_max: u64) -> io::Result<Self> {
        // A link stays one.
        let path = fs::canonicalize(path)?;
        let older = older(&path);
        replaceable(&older)?;
        let there = file.metadata()?;
        let (bytes, letters, older_letters, dropped) = (0, 0, 0, 0);
        let mode = there.mode() & 0o777;
        Ok(Self { path, older, bytes_max, file: id(&there), mode, bytes, letters, older_letters, dropped })
    }

    /// Reads the letters of the older file.
    pub(super) fn remember_older(&mut self, take: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        let Some(file) = replaceable(&self.older)? else { return Ok(()) };
        let letters = &mut self.older_letters;
        each_line(&file, &mut |line| {
            *letters += 1;
            take(line);
        })?;
        Ok(())
    }

    /// What the file holds already.
    pub(super) fn begin(&mut self, bytes: u64, letters: u64) {
        (self.bytes, self.letters) = (bytes, letters);
    }

    /// One more letter is in it.
    pub(super) fn count(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
        self.letters += 1;
    }

    /// Whether so many bytes more are too many.
    pub(super) fn is_due(&self, bytes: usize) -> bool {
        self.bytes > 0 && self.bytes + bytes as u64 > self.bytes_max
    }

    /// Moves the file away and goes on in a new one; all that was written must be in it. Gives what people are told.
    pub(super) fn rotate(&mut self, output: &Output) -> Result<String, OutputError> {
        self.move_away().and_then(|()| self.begin_anew(output)).map_err(|cause| output.error(cause))?;
        self.dropped += self.older_letters;
        let (path, older) = (self.path.display(), self.older.display());
        let told = format!(
            "dead letters: '{path}' has {} bytes and is '{older}' now; {} older ones are dropped, {} in all",
            self.bytes, self.older_letters, self.dropped
        );
        self.older_letters = self.letters;
        (self.bytes, self.letters) = (0, 0);
        Ok(told)
    }

    fn move_away(&self) -> io::Result<()> {
        match fs::metadata(&self.path) {
            Ok(there) if id(&there) == self.file => {
                // Somebody may have put another file there since the start.
                replaceable(&self.older)?;
                crash::point("letters.before_move");
                fs::rename(&self.path, &self.older)
            }
            Ok(_) => Err(io::Error::other("another file is there now")),
            // An earlier try, or somebody else, has moved it.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn begin_anew(&mut self, output: &Output) -> io::Result<()> {
        crash::point("letters.before_create");
        let mut options = File::options();
        let file = options.read(true).append(true).create_new(true).mode(self.mode).open(&self.path)?;
        let begun = self.hand_over(file, output);
        if begun.is_err() {
            // So that it can be tried again; where that fails, too, the next try says what is there.
            drop(fs::remove_file(&self.path));
        }
        begun
    }

    fn hand_over(&mut self, file: File, output: &Output) -> io::Result<()> {
        if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
            return Err(io::Error::other("another process writes to it"));
        }
        if let Some(folder) = self.path.parent() {
            File::open(folder)?.sync_all()?;
        }
        let there = id(&file.metadata()?);
        output.go_on_in(file)?;
        self.file = there;
        Ok(())
    }
}

fn id(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// Where a file of dead letters goes that is too long.
pub fn older(path: &Path) -> PathBuf {
    let mut older = path.to_owned().into_os_string();
    older.push(".1");
    PathBuf::from(older)
}

/// The older file, which holds nothing but dead letters; none where there is none. It is an error where something else is there,
/// or another process writes to it: that must not be replaced.
fn replaceable(older: &Path) -> io::Result<Option<File>> {
    let refused = |why: &str| {
        let why = format!("the older ones go to '{}', which {why}", older.display());
        Err(io::Error::new(ErrorKind::AlreadyExists, why))
    };
    match fs::symlink_metadata(older) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
        Ok(there) if there.is_file() => {}
        Ok(_) => return refused("is no regular file"),
    }
    // It could be a pipe by now: opening does not wait for who writes to it.
    let flags = OFlags::NONBLOCK | OFlags::NOFOLLOW;
    let file = File::options().read(true).custom_flags(flags.bits().cast_signed()).open(older)?;
    if !file.metadata()?.is_file() {
        return refused("is no regular file");
    }
    if matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)) {
        return refused("another process writes to");
    }
    if !Held::by(&file)?.is_letters {
        return refused("holds no dead letters");
    }
    Ok(Some(file))
}
