//! The files that a source reads: how far each was read, and whether a file is the one that was read before.
//!
//! A file is known by its length and the digest of a sample: its first and its last 64 KiB, and 64 pages between them. Files up to
//! 384 KiB are compared whole; of longer ones it is found that they were exchanged or cut, not that single bytes between two pages were
//! changed. A packed file is compared as it is stored.

use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

use streamgauge_state::{bytes::checksum, inputs::KnownFile};

/// How many bytes at a file's start and at its end are compared.
const ENDS_BYTES: u64 = 64 << 10;
/// How many pages between them, and how long they are.
const PAGES: u64 = 64;
const PAGE_BYTES: u64 = 4 << 10;

/// The files of a source, each a partition, by its number.
#[derive(Debug, Default)]
pub struct InputFiles {
    files: Vec<InputFile>,
}

/// A file of a source.
#[derive(Debug)]
pub struct InputFile {
    /// As it was given; `-` is standard input.
    pub path: PathBuf,
    read: ReadBytes,
}

/// How far a file was read, by whichever reader has read most. A clone is of the same file.
#[derive(Clone, Debug, Default)]
pub struct ReadBytes {
    most: Arc<AtomicU64>,
    /// The file that was opened last: another one may have its path by now.
    opened: Arc<Mutex<Option<File>>>,
}

/// What has become of a file since it was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileChange {
    /// It is the same.
    Same,
    /// So many bytes more are behind those that are known.
    Grown(u64),
    /// It begins otherwise, or is shorter; how long it is now.
    Other(u64),
    /// It is not there.
    Missing,
}

impl InputFiles {
    /// Nothing of them is read yet.
    pub fn new(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let file = |path| InputFile { path, read: ReadBytes::default() };
        Self { files: paths.into_iter().map(file).collect() }
    }

    /// Whether the source is read from something else.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The files with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &InputFile)> {
        (0..).zip(&self.files)
    }
}

impl InputFile {
    /// Where a reader of it counts.
    pub fn read_bytes(&self) -> &ReadBytes {
        &self.read
    }

    /// Whether it can be compared with what was read before: what comes from a pipe or a device is gone.
    pub fn is_comparable(&self) -> bool {
        self.path != Path::new("-") && !fs::metadata(&self.path).is_ok_and(|there| !there.is_file())
    }

    /// The file as it is now.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn now(&self) -> io::Result<KnownFile> {
        let file = File::open(&self.path)?;
        let length = file.metadata()?.len();
        self.known(&file, length)
    }

    /// The file as it was read; none where no reader has opened it.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn as_read(&self) -> io::Result<Option<KnownFile>> {
        let opened = self.read.opened.lock().unwrap_or_else(PoisonError::into_inner);
        opened.as_ref().map(|file| self.known(file, self.read.most.load(SeqCst))).transpose()
    }

    fn known(&self, file: &File, length: u64) -> io::Result<KnownFile> {
        Ok(KnownFile { path: self.path.display().to_string(), length, digest: digest(file, length)? })
    }

    /// What has become of it since it was known.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn change(&self, known: &KnownFile) -> io::Result<FileChange> {
        let file = match File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(FileChange::Missing),
            file => file?,
        };
        let length = file.metadata()?.len();
        Ok(match length.checked_sub(known.length) {
            Some(more) if digest(&file, known.length)? == known.digest => match more {
                0 => FileChange::Same,
                more => FileChange::Grown(more),
            },
            _ => FileChange::Other(length),
        })
    }
}

/// The digest of a sample of a file's first `length` bytes.
fn digest(file: &File, length: u64) -> io::Result<u64> {
    let mut sample = Vec::new();
    let mut take = |from: u64, count: u64| {
        let at = sample.len();
        sample.resize(at + usize::try_from(count).unwrap_or_default(), 0);
        file.read_exact_at(sample.get_mut(at..).unwrap_or_default(), from)
    };
    if length <= 2 * ENDS_BYTES + PAGES * PAGE_BYTES {
        take(0, length)?;
    } else {
        take(0, ENDS_BYTES)?;
        let between = length - 2 * ENDS_BYTES - PAGE_BYTES;
        (0..PAGES).try_for_each(|page| take(ENDS_BYTES + between / PAGES * page, PAGE_BYTES))?;
        take(length - ENDS_BYTES, ENDS_BYTES)?;
    }
    Ok(checksum(&sample))
}

/// A file that counts what is read of it, as it is stored.
#[derive(Debug)]
pub struct CountedFile {
    file: File,
    read: u64,
    count: ReadBytes,
}

impl CountedFile {
    /// From its start.
    ///
    /// # Errors
    /// There is no second handle of it.
    pub fn new(file: File, count: ReadBytes) -> io::Result<Self> {
        *count.opened.lock().unwrap_or_else(PoisonError::into_inner) = Some(file.try_clone()?);
        Ok(Self { file, read: 0, count })
    }
}

impl Read for CountedFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.read += count as u64;
        self.count.most.fetch_max(self.read, SeqCst);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_exchanged_cut_or_continued_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        for length in [0, 1, 100_000, 2_000_000_usize] {
            let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            fs::write(&path, &bytes).unwrap();
            let files = InputFiles::new([path.clone()]);
            let (_, file) = files.iter().next().unwrap();
            let known = file.now().unwrap();
            assert_eq!((known.length, file.change(&known).unwrap()), (length as u64, FileChange::Same));
            fs::write(&path, [&bytes[..], b"more"].concat()).unwrap();
            assert_eq!(file.change(&known).unwrap(), FileChange::Grown(4));
            for at in [0, length / 2, length.saturating_sub(1)].into_iter().filter(|_| length > 0) {
                // A page where the middle is compared of the longest.
                let mut changed = bytes.clone();
                changed[at..(at + 40_000).min(length)].fill(b'?');
                fs::write(&path, &changed).unwrap();
                assert_eq!(
                    file.change(&known).unwrap(),
                    FileChange::Other(length as u64),
                    "{length} at {at}"
                );
                fs::write(&path, &bytes[..at]).unwrap();
                assert_eq!(
                    file.change(&known).unwrap(),
                    FileChange::Other(at as u64),
                    "{length} cut at {at}"
                );
            }
            fs::remove_file(&path).unwrap();
            assert_eq!(file.change(&known).unwrap(), FileChange::Missing);
        }
    }

    #[test]
    fn what_was_read_is_known_although_the_file_has_grown_or_has_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        fs::write(&path, "abc").unwrap();
        let files = InputFiles::new([path.clone()]);
        let (_, file) = files.iter().next().unwrap();
        assert_eq!(file.as_read().unwrap(), None);
        let before = file.now().unwrap();
        let mut counted = CountedFile::new(File::open(&path).unwrap(), file.read_bytes().clone()).unwrap();
        let mut text = String::new();
        counted.read_to_string(&mut text).unwrap();
        fs::write(&path, "abcdef").unwrap();
        assert_eq!((file.as_read().unwrap().as_ref(), text.as_str()), (Some(&before), "abc"));
        fs::remove_file(&path).unwrap();
        fs::write(&path, "other").unwrap();
        assert_eq!(file.as_read().unwrap(), Some(before));
        assert!(file.is_comparable());
        let pipe = InputFiles::new(["-", "/dev/null"].map(PathBuf::from));
        assert!(!pipe.iter().any(|(_, file)| file.is_comparable()));
    }
}
