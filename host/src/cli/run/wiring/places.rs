//! The outputs of a run: a file is open once, whatever it is called, and none is emptied before all else is known to be
//! right.

mod dead;
mod fate;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File, Metadata, TryLockError},
    io::{self, Seek as _, SeekFrom},
    os::unix::fs::{FileExt as _, MetadataExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use self::fate::{Fate, Known};
pub(super) use self::{
    dead::LetterSettings,
    fate::{Named, Writer},
};
use crate::{
    cli::Failure,
    deliver::{
        letters::Letters,
        lines::{Lines, Marker},
        output::Output,
    },
    state::{rights, store::Store},
};

/// Where markers are, in the folder of the state.
pub(super) const OUTPUTS: &str = "+outputs";

/// What a `file` sink does with a file that holds something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Append,
    Overwrite,
}

/// The outputs that are open, each once.
pub(super) struct Places {
    console: Option<Arc<Output>>,
    files: BTreeMap<FileId, Place>,
    /// What is read, and so must not be written to.
    inputs: BTreeMap<FileId, PathBuf>,
    /// Where state is kept, as people know it and as the file system does.
    state: Option<(String, Option<PathBuf>)>,
    /// Whether some query goes on from an earlier run.
    pub(super) resumed: bool,
    /// The queries whose state an earlier run had: they may say dead letters again that it wrote.
    pub(super) replayed: BTreeSet<String>,
    /// Whose state the queries of the program have.
    pub(super) identities: BTreeSet<u128>,
    /// The queries that the program does not have any more.
    pub(super) left: BTreeMap<u128, String>,
    /// What people should know.
    pub(super) notices: Vec<String>,
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
    writers: Vec<Writer>,
    /// By query, as the state calls it: up to which number its rows are settled.
    settled: BTreeMap<String, u64>,
}

impl Places {
    pub(super) fn new(
        console: Option<Arc<Output>>,
        inputs: impl Iterator<Item = PathBuf>,
        state: Option<&Store>,
    ) -> Self {
        let inputs = inputs.filter_map(|path| Some((regular_file(&path)?, path))).collect();
        let state =
            state.map(|store| (store.shown().to_owned(), store.local_folder().map(Path::to_path_buf)));
        Self {
            console,
            files: BTreeMap::new(),
            inputs,
            state,
            resumed: false,
            replayed: BTreeSet::new(),
            identities: BTreeSet::new(),
            left: BTreeMap::new(),
            notices: Vec::new(),
        }
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
        self.check_beside_state(path)?;
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
                writers: Vec::new(),
                settled: BTreeMap::new(),
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

    /// A sink writes to an output.
    pub(super) fn write_to(&mut self, output: &Arc<Output>, writer: Writer) {
        if let Some(place) = self.place(output) {
            place.writers.push(writer);
        }
    }

    /// Up to which number the rows of a query are settled, as its state says, which calls it `name`.
    pub(super) fn settles(&mut self, name: &str, upto: u64) {
        let settled = self.files.values_mut().find_map(|place| place.settled.get_mut(name));
        settled.into_iter().for_each(|settled| *settled = upto);
    }

    /// Lines for an output whose rows are decided first; what a file holds is kept in the folder of the state, or beside the
    /// file. `name` is what the marker calls the query.
    pub(super) fn lines(
        &mut self,
        output: Arc<Output>,
        path: Option<&Path>,
        name: &str,
    ) -> Result<Arc<Lines>, Failure> {
        let folder = self.state.as_ref().and_then(|(_, folder)| folder.clone());
        let (Some(place), Some(path)) = (self.place(&output), path) else {
            return Ok(Arc::new(Lines::new(output, None)));
        };
        place.settled.insert(name.to_owned(), 0);
        if let Some(lines) = &place.lines {
            return Ok(lines.clone());
        }
        let is_file = place.file.metadata().is_ok_and(|there| there.is_file());
        let marker = is_file.then(|| marker(folder.as_deref(), path)).transpose()?;
        let lines = place.lines.insert(Arc::new(Lines::new(output, marker))).clone();
        let wide = folder.map(|folder| folder.join(OUTPUTS)).filter(|folder| folder.exists());
        self.notices.extend(wide.and_then(|folder| rights::close_folder(&folder)));
        Ok(lines)
    }

    /// Makes the files ready for the rows of this run, as [`fate`] says; none is changed before all are known to be right.
    pub(super) fn prepare(&self) -> Result<(), Failure> {
        let mut fates = Vec::new();
        for place in self.files.values() {
            place.check_rows()?;
            let there = place.file.metadata().map_err(|cause| unwritable(&place.path, &cause))?;
            if there.is_file() {
                fates.push((place, self.fate(place, there.len())?));
                self.check_letters(place, &there)?;
            }
        }
        for (place, fate) in fates {
            place.prepare(&fate, &self.replayed, &self.identities)?;
        }
        Ok(())
    }

    fn place(&mut self, output: &Arc<Output>) -> Option<&mut Place> {
        self.files.values_mut().find(|place| Arc::ptr_eq(&place.output, output))
    }

    fn fate(&self, place: &Place, length: u64) -> Result<Fate, Failure> {
        let path = place.path.display();
        if let (Some(writer), Some(_)) = (place.writers.first(), &place.letters) {
            return Err(Failure::Usage(format!(
                "error: '{path}' is the file of dead letters, and sink '{}' writes its rows to it\n\
                 help: give dead letters a file of their own",
                writer.sink
            )));
        }
        if place.letters.is_some() {
            return Ok(Fate::Appended);
        }
        let mark = place.lines.as_ref().and_then(|lines| lines.mark());
        let known =
            Known { length, mark: mark.as_ref(), settled: &place.settled, identities: &self.identities };
        let sinks = || place.writers.iter().map(|writer| format!("--overwrite {}", writer.sink));
        match known.fate(&place.writers) {
            Fate::Broken(why) => {
                let marker = place.lines.as_ref().and_then(|lines| lines.marked_in()).unwrap_or_default();
                Err(Failure::Runtime(format!(
                    "error: cannot go on with {path}: {why}\n\
                     help: bring the file and {}.* back as they were; or keep the file elsewhere and begin it anew with {}",
                    marker.display(),
                    sinks().collect::<Vec<_>>().join(" ")
                )))
            }
            Fate::Unknown(writer) => Err(Failure::Input(self.unknown(place, &writer, length))),
            fate => Ok(fate),
        }
    }

    /// Why nothing is written to a file that holds something, and every way to have it written.
    fn unknown(&self, place: &Place, writer: &Writer, length: u64) -> String {
        let (path, sink) = (place.path.display(), &writer.sink);
        let marked = place.lines.as_ref().and_then(|lines| lines.mark()).unwrap_or_default();
        let left = marked.sequences.keys().find_map(|name| self.left.get(&fate::identity(name)?));
        let holds = match (&self.state, left) {
            (None, _) => format!("'{path}' holds {length} bytes already"),
            (Some(_), Some(query)) => {
                format!("'{path}' holds rows of query '{query}', which the program does not have any more")
            }
            (Some((state, _)), None) => {
                format!("'{path}' holds {length} bytes that the state in '{state}' knows nothing of")
            }
        };
        let mode = match writer.named {
            Named::Sink(_) => "; write mode = 'append' into its WITH to write behind that",
            Named::Command => "",
        };
        let state = match (&self.state, left) {
            (None, _) => String::new(),
            (Some(_), Some(query)) => format!("; or call the query '{query}' again, to go on as it was"),
            (Some(_), None) => "; or name the state that the file was written with".to_owned(),
        };
        format!(
            "error: sink '{sink}': {holds}\n\
             help: name another file; add --overwrite {sink} to remove what it holds{mode}{state}"
        )
    }

    /// Rows do not go into a folder of the state, nor into its lock.
    fn check_beside_state(&self, path: &Path) -> Result<(), Failure> {
        let Some((state, Some(folder))) = &self.state else { return Ok(()) };
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let real = fs::canonicalize(&absolute).ok().or_else(|| {
            let above = fs::canonicalize(absolute.parent()?).ok()?;
            Some(above.join(absolute.file_name()?))
        });
        let inside = real.as_deref().and_then(|real| real.strip_prefix(folder).ok());
        let is_its_own = |inside: &Path| {
            let first = inside.iter().next().unwrap_or_default();
            inside == Path::new(".lock") || first == OUTPUTS || folder.join(first).join("query").exists()
        };
        match inside.is_some_and(is_its_own) {
            true => Err(Failure::Usage(format!(
                "error: '{}' belongs to the state in '{state}'\nhelp: write to a file elsewhere",
                path.display()
            ))),
            false => Ok(()),
        }
    }
}

impl Place {
    fn prepare(
        &self,
        fate: &Fate,
        replayed: &BTreeSet<String>,
        identities: &BTreeSet<u128>,
    ) -> Result<(), Failure> {
        let unwritable = |cause| unwritable(&self.path, &cause);
        if let Some(letters) = &self.letters {
            return self.begin_letters(letters, replayed).map_err(unwritable);
        }
        let length = match fate {
            Fate::Appended => end_line(&self.file).map_err(unwritable)?,
            Fate::GoesOn(length) => *length,
            _ => 0,
        };
        self.file.set_len(length).map_err(unwritable)?;
        (&self.file).seek(SeekFrom::Start(length)).map_err(unwritable)?;
        let Some(lines) = &self.lines else { return Ok(()) };
        let mark = lines.mark();
        let known = Known { length, mark: mark.as_ref(), settled: &self.settled, identities };
        lines.begin(known.begun(fate)).map_err(|error| Failure::Runtime(format!("error: {error}")))
    }
}

/// Ends the last line of a file, if it has no end; how long the file is then.
fn end_line(file: &File) -> io::Result<u64> {
    let length = file.metadata()?.len();
    let mut last = [b'\n'];
    if length > 0 {
        file.read_exact_at(&mut last, length - 1)?;
    }
    if last == [b'\n'] {
        return Ok(length);
    }
    file.write_all_at(b"\n", length)?;
    Ok(length + 1)
}

impl FileId {
    fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
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
        (Some(folder), ..) => (folder.join(OUTPUTS), escaped(&absolute)),
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
