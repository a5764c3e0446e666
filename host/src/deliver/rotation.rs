//! The rotation of a file of rows: when it is closed, under which name it stays, and how the next one begins at its path.
//!
//! `rows.jsonl` becomes `rows.000001.jsonl`, then `rows.000002.jsonl`. A number is never given twice, no file is replaced, and
//! nothing is removed. Who writes says which number was given last ([`Rotation::next_number`]), moves the file away, and begins the new
//! one. Each step may fail and is then done again, so that a rotation goes on where an earlier try, or a killed process, stopped.

use std::{
    fs::{self, File, Metadata, TryLockError},
    io::{self, ErrorKind},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::{Duration, UNIX_EPOCH},
};

use rustix::{
    fs::{CWD, RenameFlags, renameat_with},
    io::Errno,
};
use streamgauge_common::clock;

/// How many digits a number has at least: names in their order are files in their order.
const DIGITS_MIN: usize = 6;

/// How long a message for a large file may be.
const MESSAGE_BYTES_MAX: usize = 64 << 10;

/// When a file is closed and the next one begins; at least one of both is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RotationPolicy {
    /// `rotate_bytes`: before it would be longer.
    pub bytes_max: Option<u64>,
    /// `rotate_every`: so long after its first row, in microseconds.
    pub age_us_max: Option<i64>,
}

impl RotationPolicy {
    /// Whether a file is closed before `more` bytes are written to it. An empty file never is. `begun_us` is when its first row was
    /// written.
    pub fn is_due(&self, length: u64, more: usize, begun_us: Option<i64>, now_us: i64) -> bool {
        let is_full = self.bytes_max.is_some_and(|most| length.saturating_add(more as u64) > most);
        length > 0 && ((is_full && more > 0) || self.due_in(length, begun_us, now_us) == Some(Duration::ZERO))
    }

    /// How long messages of several rows may be, so that files of whole messages are nearly full; none = as long as they are.
    pub fn message_bytes_max(&self) -> Option<usize> {
        Some(usize::try_from(self.bytes_max? / 8).unwrap_or(usize::MAX).clamp(1, MESSAGE_BYTES_MAX))
    }

    /// How many bytes a file still takes.
    pub fn room(&self, length: u64) -> u64 {
        self.bytes_max.map_or(u64::MAX, |most| most.saturating_sub(length))
    }

    /// After what time a file is closed even if no row comes; none where it is not.
    pub fn due_in(&self, length: u64, begun_us: Option<i64>, now_us: i64) -> Option<Duration> {
        let (age_us_max, begun_us) = (self.age_us_max?, begun_us.filter(|_| length > 0)?);
        let left_us = begun_us.saturating_add(age_us_max).saturating_sub(now_us);
        // Where the clock was set back, no longer than a whole age from now.
        Some(Duration::from_micros(left_us.clamp(0, age_us_max).unsigned_abs()))
    }
}

/// How a file becomes the next one.
#[derive(Debug)]
pub struct Rotation {
    /// When.
    pub policy: RotationPolicy,
    path: PathBuf,
    /// The device and the inode of the file that is written to.
    file: (u64, u64),
    /// The next file, where it is made and not written to yet.
    next: Option<File>,
}

impl Rotation {
    /// For the open file at a path, which is the file's own: no link leads to it.
    ///
    /// # Errors
    /// The system says nothing of the file.
    pub fn new(policy: RotationPolicy, path: &Path, file: &File) -> io::Result<Self> {
        Ok(Self { policy, path: path.to_owned(), file: id(&file.metadata()?), next: None })
    }

    /// The path of the file that is written to.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The number that the file gets when it is closed: greater than the last one that was given, and than all that are there.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn next_number(&self, given: u64) -> io::Result<u64> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let mut last = given;
        for entry in fs::read_dir(folder)? {
            last = last.max(number(&self.path, &folder.join(entry?.file_name())).unwrap_or(0));
        }
        Ok(last.saturating_add(1))
    }

    /// Gives the file its number; all that was written must be in it for good. Where an earlier try did so, nothing is done.
    ///
    /// # Errors
    /// The file cannot be renamed, or another one is at its path.
    pub fn move_away(&self, number: u64) -> io::Result<()> {
        match fs::symlink_metadata(&self.path) {
            Ok(there) if id(&there) == self.file => rename(&self.path, &numbered(&self.path, number)),
            Ok(there) if self.is_next(&there) => Ok(()),
            Ok(_) => Err(io::Error::other("another file is there now, which is not rotated")),
            // An earlier try, or somebody else, has moved it.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The file that is begun at the path: a handle to write to it, and one to keep. It may be asked for again until
    /// [`went_over`](Self::went_over).
    ///
    /// # Errors
    /// There is no new file, or another process has it.
    pub fn begin_anew(&mut self, old: &Metadata) -> io::Result<File> {
        // One that somebody has removed meanwhile is none.
        let made = fs::symlink_metadata(&self.path).is_ok_and(|there| self.is_next(&there));
        let file = match self.next.take().filter(|_| made) {
            Some(file) => file,
            None => {
                let mut options = File::options();
                options.read(true).append(true).create_new(true).mode(old.mode() & 0o777);
                options.open(&self.path)?
            }
        };
        let file = self.next.insert(file);
        if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
            return Err(io::Error::other("another process writes to it"));
        }
        file.set_permissions(old.permissions())?;
        if let Some(folder) = self.path.parent() {
            File::open(folder)?.sync_all()?;
        }
        file.try_clone()
    }

    /// The new file is written to from now on.
    ///
    /// # Errors
    /// The system says nothing of the file.
    pub fn went_over(&mut self) -> io::Result<()> {
        if let Some(next) = &self.next {
            self.file = id(&next.metadata()?);
            self.next = None;
        }
        Ok(())
    }

    fn is_next(&self, there: &Metadata) -> bool {
        let next = self.next.as_ref().and_then(|next| next.metadata().ok());
        next.is_some_and(|next| id(&next) == id(there))
    }
}

/// When the first row of a file was written of which nobody noted it: when the file was made, or now.
pub fn begun_us(file: &File) -> i64 {
    let made = file.metadata().and_then(|there| there.created()).ok();
    let since = made.and_then(|made| made.duration_since(UNIX_EPOCH).ok());
    since.and_then(|since| i64::try_from(since.as_micros()).ok()).unwrap_or_else(clock::now_us)
}

/// Why nothing is written to a file that is to be rotated.
pub fn unrotated(cause: &io::Error) -> io::Error {
    io::Error::new(cause.kind(), format!("it cannot be rotated: {cause}"))
}

fn id(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// Renames a file; what is there already is not replaced.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    let exists = || {
        let why = format!("it becomes '{}', which is there already", to.display());
        io::Error::new(ErrorKind::AlreadyExists, why)
    };
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Err(Errno::EXIST) => Err(exists()),
        // A file system that cannot do both at once.
        Err(Errno::INVAL | Errno::NOSYS) => match fs::symlink_metadata(to) {
            Ok(_) => Err(exists()),
            Err(_) => fs::rename(from, to),
        },
        done => Ok(done?),
    }
}

/// The name of a file that was closed: its number stands before the extension.
pub fn numbered(path: &Path, number: u64) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(format!(".{number:0DIGITS_MIN$}"));
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

/// The number of a file that was closed; none where it is no file of this path.
fn number(path: &Path, closed: &Path) -> Option<u64> {
    let stem = path.file_stem()?.as_encoded_bytes();
    let rest = closed.file_name()?.as_encoded_bytes().strip_prefix(stem)?.strip_prefix(b".")?;
    let digits = match path.extension() {
        Some(extension) => rest.strip_suffix(extension.as_encoded_bytes())?.strip_suffix(b".")?,
        None => rest,
    };
    let is_number = digits.len() >= DIGITS_MIN && digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits).ok().filter(|_| is_number)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_US: i64 = 3_600_000_000;

    #[test]
    fn a_file_is_due_before_it_is_too_long_or_when_it_is_old_and_never_while_it_is_empty() {
        let bytes = RotationPolicy { bytes_max: Some(100), age_us_max: None };
        let due = |length, more| bytes.is_due(length, more, Some(0), HOUR_US);
        assert_eq!(
            [(90, 10), (90, 11), (100, 0), (0, 500)].map(|(length, more)| due(length, more)),
            [false, true, false, false]
        );
        assert_eq!((bytes.room(90), bytes.room(200), bytes.due_in(90, Some(0), 1)), (10, 0, None));
        let age = RotationPolicy { bytes_max: None, age_us_max: Some(HOUR_US) };
        assert!(!age.is_due(1, 1 << 40, Some(5), HOUR_US + 4));
        assert!(age.is_due(1, 0, Some(5), HOUR_US + 5));
        assert!(!age.is_due(0, 0, Some(5), 9 * HOUR_US));
        assert!(!age.is_due(1, 0, None, 9 * HOUR_US), "nobody knows when it was begun");
        assert_eq!(age.due_in(1, Some(5), HOUR_US), Some(Duration::from_micros(5)));
        assert_eq!(
            age.due_in(1, Some(9 * HOUR_US), 0),
            Some(Duration::from_secs(3600)),
            "the clock went back"
        );
    }

    #[test]
    fn names_have_the_number_before_the_extension_and_are_read_back() {
        for (path, closed) in [
            ("/d/rows.jsonl", "/d/rows.000012.jsonl"),
            ("/d/rows", "/d/rows.000012"),
            ("/d/a.b.jsonl", "/d/a.b.000012.jsonl"),
            ("/d/.rows", "/d/.rows.000012"),
        ] {
            assert_eq!(numbered(Path::new(path), 12), Path::new(closed));
            assert_eq!(number(Path::new(path), Path::new(closed)), Some(12));
        }
        assert_eq!(numbered(Path::new("r"), 12_345_678), Path::new("r.12345678"));
        for other in [
            "/d/rows.jsonl",
            "/d/rows.12.jsonl",
            "/d/rows.00001x.jsonl",
            "/d/row.000012.jsonl",
            "/d/rows.000012",
        ] {
            assert_eq!(number(Path::new("/d/rows.jsonl"), Path::new(other)), None, "{other}");
        }
    }

    fn rotating(folder: &Path) -> (Rotation, File) {
        let path = folder.join("rows.jsonl");
        let file = File::options().append(true).create_new(true).open(&path).unwrap();
        let policy = RotationPolicy { bytes_max: Some(1), age_us_max: None };
        (Rotation::new(policy, &path, &file).unwrap(), file)
    }

    #[test]
    fn no_file_is_replaced_and_each_step_may_be_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let (mut rotation, file) = rotating(folder.path());
        fs::write(at("rows.jsonl"), "1\n").unwrap();
        fs::write(at("rows.000007.jsonl"), "somebody's").unwrap();
        assert_eq!((rotation.next_number(0).unwrap(), rotation.next_number(11).unwrap()), (8, 12));
        assert!(rotation.move_away(7).unwrap_err().to_string().contains("rows.000007.jsonl"));
        assert_eq!(fs::read_to_string(at("rows.000007.jsonl")).unwrap(), "somebody's");
        rotation.move_away(8).unwrap();
        rotation.move_away(8).unwrap();
        // Somebody was faster: the file is theirs until it is gone.
        fs::write(at("rows.jsonl"), "theirs").unwrap();
        let old = file.metadata().unwrap();
        assert!(rotation.move_away(8).unwrap_err().to_string().contains("another file is there"));
        assert_eq!(rotation.begin_anew(&old).unwrap_err().kind(), ErrorKind::AlreadyExists);
        fs::remove_file(at("rows.jsonl")).unwrap();
        drop(rotation.begin_anew(&old).unwrap());
        rotation.move_away(9).unwrap();
        let next = rotation.begin_anew(&old).unwrap();
        rotation.went_over().unwrap();
        assert_eq!(id(&next.metadata().unwrap()), id(&fs::metadata(at("rows.jsonl")).unwrap()));
        assert_eq!(fs::read_to_string(at("rows.000008.jsonl")).unwrap(), "1\n");
        rotation.move_away(9).unwrap();
        assert!(at("rows.000009.jsonl").exists() && !at("rows.jsonl").exists());
    }
}
