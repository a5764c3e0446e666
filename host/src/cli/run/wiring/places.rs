//! The outputs of a run: a file is open once, whatever it is called, and none is emptied before all else is known to be
//! right.

use std::{
    collections::BTreeMap,
    fs::{self, File, Metadata, TryLockError},
    io::{self, Seek as _, SeekFrom},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    cli::Failure,
    deliver::{
        dead_letter::RecordText,
        letters::{Letters, Notice, Rotation},
        lines::{Lines, Marker},
        output::Output,
    },
};

/// The outputs that are open, each once.
pub(super) struct Places {
    console: Option<Arc<Output>>,
    files: BTreeMap<FileId, Place>,
    /// What is read, and so must not be written to.
    inputs: BTreeMap<FileId, PathBuf>,
    /// Whether some query goes on from an earlier run: then files are not emptied.
    pub(super) resumed: bool,
}

/// How dead letters are written.
#[derive(Clone)]
pub(super) struct LetterSettings {
    /// How much of a record they hold.
    pub(super) record_text: RecordText,
    /// How long their file may be.
    pub(super) bytes_max: u64,
    /// Who is told of troubles.
    pub(super) notice: Notice,
}

/// A file, whatever path leads to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct FileId {
    device: u64,
    inode: u64,
}

struct Place {
    path: PathBuf,
    file: File,
    output: Arc<Output>,
    letters: Option<Arc<Letters>>,
    /// How long the file of the dead letters may be.
    letters_bytes_max: u64,
    /// Whether rows go there.
    has_rows: bool,
    lines: Option<Arc<Lines>>,
    /// What an earlier run left in it.
    length: Option<u64>,
    /// Whether some of that is known to be rows of queries that go on.
    ours: bool,
}

impl Places {
    pub(super) fn new(console: Option<Arc<Output>>, inputs: impl Iterator<Item = PathBuf>) -> Self {
        let inputs = inputs.filter_map(|path| Some((regular_file(&path)?, path))).collect();
        Self { console, files: BTreeMap::new(), inputs, resumed: false }
    }

    pub(super) fn console(&mut self) -> Arc<Output> {
        self.console.get_or_insert_with(|| Arc::new(Output::stdout())).clone()
    }

    /// A file for rows, still with what it holds; `-` is the console.
    pub(super) fn file(&mut self, path: &Path) -> Result<Arc<Output>, Failure> {
        let output = self.open(path)?;
        let place = self.files.values_mut().find(|place| Arc::ptr_eq(&place.output, &output));
        place.into_iter().for_each(|place| place.has_rows = true);
        Ok(output)
    }

    fn open(&mut self, path: &Path) -> Result<Arc<Output>, Failure> {
        if path == Path::new("-") {
            return Ok(self.console());
        }
        let failed = |cause| unwritable(path, &cause);
        // Before it is opened, since that waits where the file is a pipe.
        if let Some(output) = fs::metadata(path).ok().and_then(|there| self.known(FileId::of(&there))) {
            return Ok(output);
        }
        let file =
            File::options().read(true).write(true).create(true).truncate(false).open(path).map_err(failed)?;
        let there = file.metadata().map_err(failed)?;
        let id = FileId::of(&there);
        if let Some(input) = self.inputs.get(&id) {
            let (path, input) = (path.display(), input.display());
            return Err(Failure::Usage(format!(
                "error: '{path}' is written to, but '{input}', which is read, is the same file\n\
                 help: write to another file"
            )));
        }
        // Held as long as the output is open. A file system without locks has none to hold, and a device is for all.
        if there.is_file() && matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
            let path = path.display();
            return Err(Failure::Runtime(format!(
                "error: another process writes to '{path}'\nhelp: stop it, or write to another file"
            )));
        }
        let output = Arc::new(Output::to_file(path, file.try_clone().map_err(failed)?));
        self.files.insert(
            id,
            Place {
                path: path.to_owned(),
                file,
                output: output.clone(),
                letters: None,
                letters_bytes_max: 0,
                has_rows: false,
                lines: None,
                length: None,
                ours: false,
            },
        );
        Ok(output)
    }

    fn known(&mut self, id: FileId) -> Option<Arc<Output>> {
        if fs::metadata("/dev/stdout").is_ok_and(|stdout| FileId::of(&stdout) == id) {
            return Some(self.console());
        }
        self.files.get(&id).map(|place| place.output.clone())
    }

    /// A file for dead letters.
    pub(super) fn letters(
        &mut self,
        path: &Path,
        settings: &LetterSettings,
    ) -> Result<Arc<Letters>, Failure> {
        let output = self.open(path)?;
        let place = self.files.values_mut().find(|place| Arc::ptr_eq(&place.output, &output));
        let LetterSettings { record_text, bytes_max, notice } = settings;
        let fresh = || Arc::new(Letters::new(output.clone(), *record_text, notice.clone()));
        let Some(place) = place else { return Ok(fresh()) };
        place.letters_bytes_max = *bytes_max;
        Ok(place.letters.get_or_insert_with(fresh).clone())
    }

    /// Lines for an output whose rows are decided first; what a file holds is kept in the folder of the state, or beside the
    /// file. `name` is what the marker calls the query.
    pub(super) fn lines(
        &mut self,
        output: Arc<Output>,
        path: Option<&Path>,
        folder: Option<&Path>,
        name: &str,
    ) -> Result<Arc<Lines>, Failure> {
        let place = self.files.values_mut().find(|place| Arc::ptr_eq(&place.output, &output));
        let (Some(place), Some(path)) = (place, path) else {
            return Ok(Arc::new(Lines::new(output, None)));
        };
        let lines = match &place.lines {
            Some(lines) => lines.clone(),
            None => {
                let is_file = place.file.metadata().is_ok_and(|there| there.is_file());
                let marker = is_file.then(|| marker(folder, path)).transpose()?;
                place.length = marker.as_ref().map(|marker| marker.mark().length);
                place.lines.insert(Arc::new(Lines::new(output, marker))).clone()
            }
        };
        place.ours |= lines.has(name) > 0;
        Ok(lines)
    }

    /// Empties the files, so that they hold the rows of this run; where queries go on from an earlier one, files are cut to what
    /// that run knows to be in them, and go on from there.
    pub(super) fn prepare(&self) -> Result<(), Failure> {
        for place in self.files.values() {
            place.check_letters()?;
            // What a marker says of another state's rows is no news of ours.
            let resumed = self.resumed && (place.ours || place.lines.is_none() || place.letters.is_some());
            if let Some(lines) = place.lines.as_ref().filter(|_| !resumed) {
                lines.restart().map_err(|error| Failure::Runtime(format!("error: {error}")))?;
            }
            place.prepare(resumed).map_err(|cause| match cause.kind() {
                io::ErrorKind::Other => Failure::Runtime(format!(
                    "error: cannot go on with {}: {cause}\nhelp: bring the file back, or choose another place for the state",
                    place.path.display()
                )),
                _ => unwritable(&place.path, &cause),
            })?;
        }
        Ok(())
    }
}

impl Place {
    /// Rows that are there exactly once need a file in which nothing else is.
    fn check_letters(&self) -> Result<(), Failure> {
        let is_marked = self.lines.as_ref().is_some_and(|lines| lines.marked_in().is_some());
        if self.letters.is_none() || !is_marked {
            return Ok(());
        }
        let path = self.path.display();
        Err(Failure::Usage(format!(
            "error: rows and dead letters go to '{path}', and with --state each row is there once\n\
             help: give the dead letters a file of their own"
        )))
    }

    fn prepare(&self, resumed: bool) -> io::Result<()> {
        let there = self.file.metadata()?;
        if !there.is_file() {
            return Ok(());
        }
        if let Some(letters) = self.letters.as_ref().filter(|_| !self.has_rows && !is_standard(&there)) {
            letters.rotate(Rotation::new(&self.path, &self.file, self.letters_bytes_max)?);
        }
        if !resumed {
            self.letters.iter().try_for_each(|letters| letters.restart())?;
            return self.file.set_len(0);
        }
        if let Some(letters) = &self.letters {
            return letters.remember(&self.file);
        }
        let length = self.length.unwrap_or(there.len());
        if there.len() < length {
            let why = format!("it holds {} bytes, but {length} were written to it before", there.len());
            return Err(io::Error::other(why));
        }
        self.file.set_len(length)?;
        (&self.file).seek(SeekFrom::Start(length)).map(|_| ())
    }
}

impl FileId {
    fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

/// Whether a file is what the process was given as its standard output or error: its name is not ours.
fn is_standard(there: &Metadata) -> bool {
    let is = |path| fs::metadata(path).is_ok_and(|standard| FileId::of(&standard) == FileId::of(there));
    ["/dev/stdout", "/dev/stderr"].into_iter().any(is)
}

/// Which file an input is; none where it is a pipe or a device, which nothing overwrites, or cannot be read anyway.
fn regular_file(input: &Path) -> Option<FileId> {
    let path = if input == Path::new("-") { Path::new("/dev/stdin") } else { input };
    fs::metadata(path).ok().filter(Metadata::is_file).map(|there| FileId::of(&there))
}

fn unwritable(path: &Path, cause: &io::Error) -> Failure {
    Failure::Input(format!("error: cannot write to {}: {cause}", path.display()))
}

/// A marker of what a file holds: in the folder of the state, under the file's whole path; where there is no such folder,
/// since the state is in a bucket, beside the file.
fn marker(folder: Option<&Path>, path: &Path) -> Result<Marker, Failure> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let (folder, name) = match (folder, absolute.parent(), absolute.file_name()) {
        (None, Some(parent), Some(name)) => (parent.to_owned(), format!(".{}.streamgauge", name.display())),
        (None, ..) => unreachable!("a file has a name"),
        (Some(folder), ..) => (folder.join("+outputs"), escaped(&absolute)),
    };
    Marker::open(&folder, &name).map_err(|error| Failure::Runtime(format!("error: {error}")))
}

/// A path as one segment of another.
fn escaped(path: &Path) -> String {
    let escape = |byte: u8| match byte.is_ascii_alphanumeric() || byte == b'.' {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02x}"),
    };
    path.display().to_string().bytes().map(escape).collect()
}
