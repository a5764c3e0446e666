//! The marker of a file: a mark in two files that are written in turn, so that one of them is always whole.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use streamgauge_common::clock;
use streamgauge_state::rights;

use super::{
    FileSinkError,
    mark::{Ending, FileMark, RotationMark, Seen, read, write},
};
use crate::deliver::{output::Output, rotation};

/// Keeps a mark in two files that are written in turn: one of them is always whole.
#[derive(Debug)]
pub struct CommitMarker {
    paths: [PathBuf; 2],
    turn: u64,
    mark: FileMark,
    /// The last bytes of the file before the mark.
    ending: Ending,
    /// The marker whose mark this one takes over: it goes once this one is written.
    adopted: Option<Adopted>,
    /// Whether the file may hold more than it says: then it is cut before anything is written to it.
    is_behind: bool,
    /// Whether it says more than what was written of it for certain.
    is_unwritten: bool,
}

/// A marker that another one takes over.
#[derive(Debug)]
struct Adopted {
    folder: PathBuf,
    name: String,
    mark: FileMark,
    /// Whether it was for the same file, which has another path now.
    is_moved: bool,
}

/// A marker that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CommitMarkerError {
    /// The disk or its rights are to be looked at.
    #[error("cannot {doing} {path}: {cause}")]
    Io {
        /// A verb.
        doing: &'static str,
        /// The file.
        path: String,
        /// Why.
        cause: io::Error,
    },
    /// Neither copy is what was written.
    #[error("what {path} says of an output is damaged ({what}): choose another place for the state")]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong.
        what: String,
    },
}

impl CommitMarker {
    /// The marker of this name in a folder, with what it says; nothing yet where there is none.
    pub fn open(folder: &Path, name: &str) -> Result<Self, CommitMarkerError> {
        let failed = |doing, path: &Path| {
            let path = path.display().to_string();
            move |cause| CommitMarkerError::Io { doing, path, cause }
        };
        if !folder.exists() {
            rights::create_folder(folder).map_err(failed("create", folder))?;
        }
        let paths = ["a", "b"].map(|copy| folder.join(format!("{name}.{copy}")));
        let (mut newest, mut damage, mut copies) = (None, None, 0);
        for path in &paths {
            let bytes = match fs::read(path) {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(failed("read", path)(error)),
            };
            copies += 1;
            match read(&bytes) {
                Ok(found) => newest = newest.max(Some(found)),
                Err(malformed) => damage = Some((path.display().to_string(), malformed.what)),
            }
        }
        // Where there is one copy only and it is not whole, the process ended while it wrote its first mark: nothing was
        // acknowledged yet. Who knows better, as the log does, compares.
        let first = copies == 1;
        match (newest, damage) {
            (Some((turn, mark)), _) => Ok(Self::new(paths, turn, mark)),
            (None, Some((path, what))) if !first => Err(CommitMarkerError::Damaged { path, what }),
            (None, _) => Ok(Self::new(paths, 0, FileMark::default())),
        }
    }

    fn new(paths: [PathBuf; 2], turn: u64, mark: FileMark) -> Self {
        let ending = Ending::default();
        Self { paths, turn, mark, ending, adopted: None, is_behind: false, is_unwritten: false }
    }

    /// Takes over what the marker of another name says. `is_moved`: it speaks of the same file, which has another path now, and
    /// is removed once this one is written.
    #[must_use]
    pub fn adopt(self, folder: &Path, name: &str, mark: FileMark, is_moved: bool) -> Self {
        let adopted =
            Adopted { folder: folder.to_owned(), name: name.to_owned(), mark: mark.clone(), is_moved };
        Self { mark, adopted: Some(adopted), ..self }
    }

    /// What the markers in a folder say, those that can be read, with their names.
    pub fn all(folder: &Path) -> Vec<(String, FileMark)> {
        let names = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
        let names = names.filter_map(|entry| entry.file_name().into_string().ok());
        let names: BTreeSet<String> = names
            .filter_map(|name| Some(name.strip_suffix(".a").or_else(|| name.strip_suffix(".b"))?.to_owned()))
            .collect();
        names
            .into_iter()
            .filter_map(|name| Self::open(folder, &name).ok().map(|it| (name, it.mark)))
            .collect()
    }

    /// What it says.
    pub fn mark(&self) -> &FileMark {
        &self.mark
    }

    /// The file at the path may be the one behind that of which the marker speaks: a process was killed between the two. It is `file`.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn settle(&mut self, file: &File) -> io::Result<()> {
        let Some(RotationMark { number, is_moving: true, .. }) = self.mark.rotation else { return Ok(()) };
        if !self.mark.fits(file)? {
            self.mark.length = 0;
            self.mark.seen = None;
            self.mark.rotation = Some(RotationMark { number, ..RotationMark::default() });
        }
        Ok(())
    }

    /// Says what the file, which is at `path`, holds now, and whether it `rotates`.
    pub(super) fn begin(
        &mut self,
        file: &File,
        path: &Path,
        mark: FileMark,
        rotates: bool,
    ) -> Result<(), CommitMarkerError> {
        let failed = |cause| CommitMarkerError::Io { doing: "read", path: path.display().to_string(), cause };
        let ending = Ending::of(file, mark.length).map_err(failed)?;
        let seen = Some(Seen::of(file, path, &ending).map_err(failed)?);
        let known = mark.rotation.or(rotates.then(RotationMark::default));
        let begun_us = |known: RotationMark| {
            (mark.length > 0).then(|| known.begun_us.unwrap_or_else(|| rotation::begun_us(file)))
        };
        let rotation =
            known.map(|known| RotationMark { begun_us: begun_us(known), is_moving: false, ..known });
        let mark = FileMark { seen, rotation, ..mark };
        self.ending = ending;
        if self.mark == mark && self.adopted.is_none() {
            return Ok(());
        }
        self.mark = mark;
        self.write()?;
        self.adopted.take().map_or(Ok(()), Adopted::forget)
    }

    /// Says that the file is about to get a number.
    pub(super) fn begin_move(&mut self, number: u64) -> Result<(), CommitMarkerError> {
        let known = self.mark.rotation.unwrap_or_default();
        self.mark.rotation = Some(RotationMark { number, is_moving: true, ..known });
        self.is_unwritten = true;
        self.write()
    }

    /// The file was not moved, as its number is another file's.
    pub(super) fn give_up_move(&mut self) {
        self.mark.rotation.iter_mut().for_each(|known| known.is_moving = false);
    }

    /// Says that rows go to an empty file from now on.
    pub(super) fn go_on_in(&mut self, seen: Seen) -> Result<(), CommitMarkerError> {
        let number = self.mark.rotation.unwrap_or_default().number;
        self.mark.length = 0;
        self.mark.seen = Some(seen);
        self.mark.rotation = Some(RotationMark { number, ..RotationMark::default() });
        self.ending = Ending::default();
        self.is_unwritten = true;
        self.write()
    }

    /// Where its two copies are, without `.a` and `.b`.
    pub(super) fn place(&self) -> Option<PathBuf> {
        Some(self.paths.first()?.with_extension(""))
    }

    /// The file is as long as it says only after a cut, which did not work yet.
    pub(super) fn note_behind(&mut self, is_behind: bool) {
        self.is_behind = is_behind;
    }

    /// Rows of a query, up to a number, are in the file.
    pub(super) fn note<'a>(
        &mut self,
        name: &str,
        sequence: u64,
        added: impl Iterator<Item = &'a [u8]>,
    ) -> Result<(), CommitMarkerError> {
        for lines in added {
            self.mark.length += lines.len() as u64;
            self.ending.add(lines);
        }
        if let Some(seen) = &mut self.mark.seen {
            seen.ending = self.ending.checksum();
        }
        if let Some(known) = &mut self.mark.rotation {
            known.begun_us.get_or_insert_with(clock::now_us);
        }
        self.mark.sequences.insert(name.to_owned(), sequence);
        self.is_unwritten = true;
        self.write()
    }

    /// Does what an earlier failure left undone.
    pub(super) fn catch_up(&mut self, output: &Output) -> Result<(), FileSinkError> {
        if self.is_unwritten {
            self.write()?;
        }
        if self.is_behind {
            output.cut(self.mark.length)?;
            self.is_behind = false;
        }
        Ok(())
    }

    /// Writes the copy that is older. Where that fails the other one stays, and the same one is tried again.
    fn write(&mut self) -> Result<(), CommitMarkerError> {
        let turn = self.turn + 1;
        let Some(path) = self.paths.get((turn % 2) as usize) else { unreachable!("there are two") };
        let failed =
            |cause| CommitMarkerError::Io { doing: "write", path: path.display().to_string(), cause };
        let write = || -> io::Result<()> {
            let is_new = !path.exists();
            let file = rights::options().write(true).create(true).truncate(false).open(path)?;
            let bytes = write(turn, &self.mark);
            std::os::unix::fs::FileExt::write_all_at(&file, &bytes, 0)?;
            file.set_len(bytes.len() as u64)?;
            file.sync_data()?;
            match path.parent().filter(|_| is_new) {
                Some(folder) => File::open(folder)?.sync_all(),
                None => Ok(()),
            }
        };
        write().map_err(failed)?;
        self.turn = turn;
        self.is_unwritten = false;
        Ok(())
    }
}

impl Adopted {
    /// Removes it, unless it says something else by now: then it is in use.
    fn forget(self) -> Result<(), CommitMarkerError> {
        let Self { folder, name, mark, is_moved } = self;
        if !is_moved || *CommitMarker::open(&folder, &name)?.mark() != mark {
            return Ok(());
        }
        for path in ["a", "b"].map(|copy| folder.join(format!("{name}.{copy}"))) {
            match fs::remove_file(&path) {
                Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                    return Err(CommitMarkerError::Io {
                        doing: "remove",
                        path: path.display().to_string(),
                        cause,
                    });
                }
                _ => {}
            }
        }
        Ok(())
    }
}
