//! Rows to the console and to files, where they are decided first: the worker of an outbox, and what a file has taken.
//!
//! A file cannot say which rows it holds, so a *marker* does, beside the state or, where that is in a bucket, beside the file:
//! its length and the last number of each query's messages, written when they are in the file. Who comes back cuts the file
//! to that length, if what is behind it is what was being written, and goes on behind those numbers: each row is there once,
//! whatever was killed. A pipe or a terminal takes nothing back: there what was not acknowledged comes again.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

mod mark;

use self::mark::{Ending, read, write};
pub use self::mark::{FileMark, Seen};
use super::{
    http::backoff::Backoff,
    kafka::DeliveryEvents,
    output::{Output, OutputError},
};
use streamgauge_common::{
    crash::{self, Phase},
    message::{Message, Payload},
    wakeup::Stop,
};
use streamgauge_state::outbox::Outbox;
use streamgauge_state::rights;

/// Messages that are written together at most.
const MESSAGES_MAX: usize = 256;
/// Between tries to write where that failed.
const BACK_OFF: Backoff = Backoff { base: Duration::from_millis(200), cap: Duration::from_secs(5) };

/// A place for lines, and what it has taken.
pub struct FileSink {
    output: Arc<Output>,
    marker: Option<Mutex<CommitMarker>>,
    /// Whether people know that it takes nothing now.
    is_down: AtomicBool,
}

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

/// Lines that were not written, or not noted.
#[derive(Debug, thiserror::Error)]
enum FileSinkError {
    #[error(transparent)]
    Output(#[from] OutputError),
    #[error(transparent)]
    CommitMarker(#[from] CommitMarkerError),
    #[error(
        "{path} has {found} bytes now and had {written} when rows were last written to it: another process changed it; rows go on \
         when it has {written} again, and the next start says what else can be done"
    )]
    Changed { path: String, found: u64, written: u64 },
    #[error("{path} was removed while rows are written to it; the next start says what can be done")]
    Removed { path: String },
}

impl FileSink {
    /// Lines for an output; with a marker each row is there once.
    pub fn new(output: Arc<Output>, marker: Option<CommitMarker>) -> Self {
        Self { output, marker: marker.map(Mutex::new), is_down: AtomicBool::new(false) }
    }

    /// The number of a query's last message that is there for certain.
    pub fn has(&self, name: &str) -> u64 {
        let marker = self.marker.as_ref().map(|marker| marker.lock().unwrap_or_else(PoisonError::into_inner));
        marker.and_then(|marker| marker.mark.sequences.get(name).copied()).unwrap_or(0)
    }

    /// Where it keeps what it has taken; none where it does not.
    pub fn marked_in(&self) -> Option<PathBuf> {
        let marker = self.marker.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        Some(marker.paths.first()?.with_extension(""))
    }

    /// What its file holds, as far as is known; none where that is not kept.
    pub fn mark(&self) -> Option<FileMark> {
        let marker = self.marker.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        Some(marker.mark.clone())
    }

    /// Says what its file, which is at `path`, holds now: rows are written behind that.
    pub fn begin(&self, file: &File, path: &Path, mark: FileMark) -> Result<(), CommitMarkerError> {
        let Some(marker) = &self.marker else { return Ok(()) };
        let failed = |cause| CommitMarkerError::Io { doing: "read", path: path.display().to_string(), cause };
        let ending = Ending::of(file, mark.length).map_err(failed)?;
        let seen = Some(Seen::of(file, path, &ending).map_err(failed)?);
        let mark = FileMark { seen, ..mark };
        let mut marker = marker.lock().unwrap_or_else(PoisonError::into_inner);
        marker.ending = ending;
        if marker.mark == mark && marker.adopted.is_none() {
            return Ok(());
        }
        marker.mark = mark;
        marker.write()?;
        marker.adopted.take().map_or(Ok(()), Adopted::forget)
    }

    /// Writes what is in the outbox of a query, until all is acknowledged and it is closed, or `stop` is set. Blocks.
    ///
    /// Where the place does not take it (its disk is full), the messages wait in the outbox and are tried again.
    /// `name` is what the marker calls the query: another state's query of that name is another one.
    pub fn deliver(&self, name: &str, outbox: &Outbox, stop: &Stop, watch: &dyn DeliveryEvents) {
        while !stop.is_set() && !outbox.is_drained() {
            let messages = outbox.take_next(MESSAGES_MAX, stop);
            if messages.is_empty() {
                continue;
            }
            let _inside = crash::during(Phase::Send);
            let mut failures = 0;
            let mut written = self.write(name, &messages);
            while let Err(error) = written {
                if matches!(&error, FileSinkError::Output(error) if error.is_closed_pipe()) {
                    return outbox.abandon();
                }
                outbox.note_trouble(&error.to_string());
                if !self.is_down.swap(true, Relaxed) {
                    watch.down(&format!("{error}; {} rows wait", outbox.rows()));
                }
                failures += 1;
                // A disk tells nobody when it has room again.
                outbox.pause(BACK_OFF.wait(failures, fastrand::f64()), stop);
                if stop.is_set() {
                    return;
                }
                written = self.write_again(name, &messages);
            }
            if self.is_down.swap(false, Relaxed) {
                watch.back();
            }
            outbox.acknowledge(messages.iter().map(|message| &**message));
        }
    }

    /// Writes messages. Where that is an error, a file is as it was; any other place keeps them to go on with.
    fn write(&self, name: &str, messages: &[Arc<Message>]) -> Result<(), FileSinkError> {
        let Some(marker) = &self.marker else {
            let appended = self.append(messages);
            return Ok(appended.and_then(|()| self.output.flush())?);
        };
        // Held over the file and its mark: other queries write to the same file.
        let mut marker = marker.lock().unwrap_or_else(PoisonError::into_inner);
        marker.catch_up(&self.output)?;
        let last = messages.last().map_or(0, |message| message.sequence);
        if marker.mark.sequences.get(name).is_some_and(|&there| last <= there) {
            // They were written, and only the mark was not.
            return Ok(());
        }
        self.check_unchanged(marker.mark.length)?;
        crash::point("file.before_write");
        let written = self.append(messages).and_then(|()| self.output.sync());
        if let Err(error) = written {
            // What came of it is not known: it goes, so that whoever writes next goes on behind what is known.
            marker.is_behind = self.output.cut(marker.mark.length).is_err();
            return Err(error.into());
        }
        crash::point("file.before_mark");
        marker.note(name, last, messages.iter().map(|message| lines(message)))?;
        crash::point("file.after_mark");
        Ok(())
    }

    /// An error where the file is not what was `written`: rows behind what another process did to it would not be found again.
    fn check_unchanged(&self, written: u64) -> Result<(), FileSinkError> {
        let path = || self.output.name().to_owned();
        match self.output.metadata()? {
            Some(there) if there.nlink() == 0 => Err(FileSinkError::Removed { path: path() }),
            Some(there) if there.len() != written => {
                Err(FileSinkError::Changed { path: path(), found: there.len(), written })
            }
            _ => Ok(()),
        }
    }

    /// Writes messages that were tried before.
    fn write_again(&self, name: &str, messages: &[Arc<Message>]) -> Result<(), FileSinkError> {
        match &self.marker {
            Some(_) => self.write(name, messages),
            None => Ok(self.output.flush()?),
        }
    }

    /// Gives all messages to the output, which keeps what it cannot hand on.
    fn append(&self, messages: &[Arc<Message>]) -> Result<(), OutputError> {
        messages.iter().map(|message| self.output.write(lines(message))).fold(Ok(()), Result::and)
    }
}

/// The lines of a message.
pub fn lines(message: &Message) -> &[u8] {
    match &message.payload {
        Payload::Lines(lines) => lines,
        _ => unreachable!("a line sink's messages are lines"),
    }
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

    fn note<'a>(
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
        self.mark.sequences.insert(name.to_owned(), sequence);
        self.is_unwritten = true;
        self.write()
    }

    /// Does what an earlier failure left undone.
    fn catch_up(&mut self, output: &Output) -> Result<(), FileSinkError> {
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

#[cfg(test)]
mod tests;
