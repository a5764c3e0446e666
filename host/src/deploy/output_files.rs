//! The outputs of a run: a file is open once, whatever it is called, and none is emptied before all else is known to be
//! right.

mod letter_files;
mod fate;
mod marker_lookup;
mod refusal;
mod tail;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File, Metadata, TryLockError},
    io::{self, Seek as _, SeekFrom},
    os::unix::fs::{FileExt as _, FileTypeExt as _, MetadataExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use streamgauge_common::message::{Message, Payload};
use streamgauge_state::{rights, store::Store};

use self::{
    fate::{Fate, Known},
    tail::Tail,
};
use crate::{
    deliver::{
        connectors::file::Mode,
        letters::DeadLetterQueue,
        lines::{CommitMarker, FileMark, FileSink},
        output::Output,
        rotation::{Rotation, begun_us},
    },
    deploy::{Advice, DeployError},
};

pub(super) use self::{
    fate::{Named, Writer},
    letter_files::LetterSettings,
};

/// Where markers are, in the folder of the state.
pub(super) const OUTPUTS: &str = "+outputs";

/// The outputs that are open, each once.
pub(super) struct OutputFiles {
    console: Option<Arc<Output>>,
    files: BTreeMap<FileId, OutputFile>,
    /// What is read, and so must not be written to.
    inputs: BTreeMap<FileId, PathBuf>,
    /// Where state is kept, as people know it and as the file system does.
    state: Option<(String, Option<PathBuf>)>,
    /// What people are told to do.
    advice: Advice,
    /// Where rows go, by statement; none = to a sink that is no output.
    targets: Vec<Option<Arc<Output>>>,
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

struct OutputFile {
    path: PathBuf,
    file: File,
    output: Arc<Output>,
    letters: Option<Arc<DeadLetterQueue>>,
    /// How long the file of the dead letters may be.
    letters_bytes_max: u64,
    /// Whether rows go there.
    has_rows: bool,
    lines: Option<Arc<FileSink>>,
    writers: Vec<Writer>,
    /// By query, as the state calls it: up to which number its rows are acknowledged.
    acknowledged: BTreeMap<String, u64>,
    /// And what is decided of it and not acknowledged.
    owed: BTreeMap<String, Vec<Arc<Message>>>,
}

impl OutputFiles {
    pub(super) fn new(
        console: Option<Arc<Output>>,
        inputs: impl Iterator<Item = PathBuf>,
        state: Option<&Store>,
        advice: Advice,
    ) -> Self {
        let inputs = inputs.filter_map(|path| Some((regular_file(&path)?, path))).collect();
        let state =
            state.map(|store| (store.shown().to_owned(), store.local_folder().map(Path::to_path_buf)));
        Self {
            console,
            files: BTreeMap::new(),
            inputs,
            state,
            advice,
            targets: Vec::new(),
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
    pub(super) fn file(&mut self, path: &Path) -> Result<Arc<Output>, DeployError> {
        let output = self.open(path)?;
        let place = self.files.values_mut().find(|place| Arc::ptr_eq(&place.output, &output));
        place.into_iter().for_each(|place| place.has_rows = true);
        Ok(output)
    }

    fn open(&mut self, path: &Path) -> Result<Arc<Output>, DeployError> {
        if path == Path::new("-") {
            return Ok(self.console());
        }
        let failed = |cause| unwritable(path, &cause);
        // Before it is opened, since that waits where the file is a pipe.
        if let Some(output) = fs::metadata(path).ok().and_then(|there| self.known(FileId::of(&there))) {
            return Ok(output);
        }
        self.check_beside_state(path)?;
        // A pipe that is open for reading too is its own reader: rows would go nowhere.
        let is_pipe = fs::metadata(path).is_ok_and(|there| there.file_type().is_fifo());
        // Appending: what another process writes to it meanwhile is never written over, and where it empties the file rows follow
        // from its new start.
        let mut options = File::options();
        let file = options.read(!is_pipe).append(true).create(!is_pipe).open(path);
        let file = file.map_err(failed)?;
        let there = file.metadata().map_err(failed)?;
        let id = FileId::of(&there);
        if let Some(input) = self.inputs.get(&id) {
            let (path, input) = (path.display(), input.display());
            return Err(DeployError::Usage(format!(
                "error: '{path}' is written to, but '{input}', which is read, is the same file\n\
                 help: write to another file"
            )));
        }
        // Held as long as the output is open. A file system without locks has none to hold, and a device is for all.
        if there.is_file() && matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
            let path = path.display();
            return Err(DeployError::Runtime(format!(
                "error: another process writes to '{path}'\nhelp: stop it, or write to another file"
            )));
        }
        let output = Arc::new(Output::to_file(path, file.try_clone().map_err(failed)?));
        self.files.insert(
            id,
            OutputFile {
                path: path.to_owned(),
                file,
                output: output.clone(),
                letters: None,
                letters_bytes_max: 0,
                has_rows: false,
                lines: None,
                writers: Vec::new(),
                acknowledged: BTreeMap::new(),
                owed: BTreeMap::new(),
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

    /// The rows of a statement go to an output, or to a sink that is none.
    pub(super) fn add_target(&mut self, output: Option<&Arc<Output>>) {
        self.targets.push(output.cloned());
    }

    /// A sink writes to an output.
    pub(super) fn write_to(&mut self, output: &Arc<Output>, mut writer: Writer) {
        let place = self.place(output);
        let is_file =
            place.as_ref().is_some_and(|place| place.file.metadata().is_ok_and(|there| there.is_file()));
        let is_unrotated = !is_file && writer.rotation.take().is_some();
        let sink = writer.sink.clone();
        place.into_iter().for_each(|place| place.writers.push(writer.clone()));
        if is_unrotated {
            self.note_unrotated(&sink, "it writes to no regular file");
        }
    }

    /// Says that a sink's file is not rotated, though the sink says when it should be.
    pub(super) fn note_unrotated(&mut self, sink: &str, why: &str) {
        let notice = format!("sink '{sink}': rotate_bytes and rotate_every have no effect: {why}");
        if !self.notices.contains(&notice) {
            self.notices.push(notice);
        }
    }

    /// Up to which number the rows of a query are acknowledged, as its state says, which calls it `name`, and which are `owed`.
    pub(super) fn acknowledges(&mut self, name: &str, upto: u64, owed: &[Arc<Message>]) {
        let Some(place) = self.files.values_mut().find(|place| place.acknowledged.contains_key(name)) else {
            return;
        };
        place.acknowledged.insert(name.to_owned(), upto);
        // Rows that were only to be shown are not owed to a file.
        let owed = owed.iter().filter(|message| matches!(message.payload, Payload::Lines(_)));
        place.owed.insert(name.to_owned(), owed.cloned().collect());
    }

    /// Lines for an output whose rows are decided first; what a file holds is kept in the folder of the state, or beside the
    /// file. `name` is what the marker calls the query.
    pub(super) fn lines(
        &mut self,
        output: Arc<Output>,
        path: Option<&Path>,
        name: &str,
    ) -> Result<Arc<FileSink>, DeployError> {
        let folder = self.state.as_ref().and_then(|(_, folder)| folder.clone());
        let (Some(place), Some(path)) = (self.place(&output), path) else {
            return Ok(Arc::new(FileSink::new(output, None)));
        };
        place.acknowledged.insert(name.to_owned(), 0);
        if let Some(lines) = &place.lines {
            return Ok(lines.clone());
        }
        let is_file = place.file.metadata().is_ok_and(|there| there.is_file());
        let marker =
            is_file.then(|| marker_lookup::marker(folder.as_deref(), path, &place.file, name)).transpose()?;
        let settled = |mut marker: CommitMarker| marker.settle(&place.file).map(|()| marker);
        let marker = marker.map(settled).transpose().map_err(|cause| unwritable(path, &cause))?;
        let lines = place.lines.insert(Arc::new(FileSink::new(output, marker))).clone();
        let wide = folder.map(|folder| folder.join(OUTPUTS)).filter(|folder| folder.exists());
        self.notices.extend(wide.and_then(|folder| rights::close_folder(&folder)));
        Ok(lines)
    }

    /// Makes the files ready for the rows of this run, as [`fate`] says; none is changed before all are known to be right.
    pub(super) fn prepare(&self) -> Result<(), DeployError> {
        let mut fates = Vec::new();
        for place in self.files.values() {
            place.check_rows()?;
            place.check_rotation()?;
            let there = place.file.metadata().map_err(|cause| unwritable(&place.path, &cause))?;
            if there.is_file() {
                fates.push((place, self.fate(place, there.len())?));
                self.check_letters(place, &there)?;
            }
        }
        if let Some((Some(only), others)) = self.targets.split_first()
            && others.iter().flatten().filter(|other| Arc::ptr_eq(only, other)).count() == others.len()
        {
            only.set_only();
        }
        for (place, fate) in fates {
            place.prepare(&fate, &self.replayed, &self.identities)?;
        }
        Ok(())
    }

    fn place(&mut self, output: &Arc<Output>) -> Option<&mut OutputFile> {
        self.files.values_mut().find(|place| Arc::ptr_eq(&place.output, output))
    }

    fn fate(&self, place: &OutputFile, length: u64) -> Result<Fate, DeployError> {
        let path = place.path.display();
        if let (Some(writer), Some(_)) = (place.writers.first(), &place.letters) {
            return Err(DeployError::Usage(format!(
                "error: '{path}' is the file of dead letters, and sink '{}' writes its rows to it\n\
                 help: give dead letters a file of their own",
                writer.sink
            )));
        }
        if place.letters.is_some() {
            return Ok(Fate::Appended);
        }
        let mark = place.lines.as_ref().and_then(|lines| lines.mark());
        let known = place.known(length, mark.as_ref(), &self.identities)?;
        let sinks: Vec<String> = place.writers.iter().map(|writer| writer.sink.clone()).collect();
        match known.fate(&place.writers) {
            Fate::Broken(why) => {
                let marker = place.lines.as_ref().and_then(|lines| lines.marked_in()).unwrap_or_default();
                Err(DeployError::Runtime(format!(
                    "error: cannot go on with {path}: {why}\n\
                     help: bring the file and {}.* back as they were; or {}",
                    marker.display(),
                    self.advice.anew(&sinks)
                )))
            }
            Fate::Added(writer, tail) => {
                let written = mark.map_or(0, |mark| mark.length);
                Err(DeployError::Input(place.added(&writer, tail, [written, length - written], self.advice)))
            }
            Fate::Unknown(writer) => Err(DeployError::Input(self.unknown(place, &writer, length))),
            fate => Ok(fate),
        }
    }

    /// Rows do not go into a folder of the state, nor into its lock.
    fn check_beside_state(&self, path: &Path) -> Result<(), DeployError> {
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
            true => Err(DeployError::Usage(format!(
                "error: '{}' belongs to the state in '{state}'\nhelp: write to a file elsewhere",
                path.display()
            ))),
            false => Ok(()),
        }
    }
}

impl OutputFile {
    /// A file is rotated in one way, whoever writes to it.
    fn check_rotation(&self) -> Result<(), DeployError> {
        let Some((first, others)) = self.writers.split_first() else { return Ok(()) };
        match others.iter().find(|other| other.rotation != first.rotation) {
            None => Ok(()),
            Some(other) => Err(DeployError::Usage(format!(
                "error: sinks '{}' and '{}' write to '{}', and rotate it differently\n\
                 help: give both the same rotate_bytes and rotate_every, or each a file of its own",
                first.sink,
                other.sink,
                self.path.display()
            ))),
        }
    }

    fn known<'a>(
        &'a self,
        length: u64,
        mark: Option<&'a FileMark>,
        identities: &'a BTreeSet<u128>,
    ) -> Result<Known<'a>, DeployError> {
        let unwritable = |cause| unwritable(&self.path, &cause);
        let is_same = mark.map_or(Ok(true), |mark| mark.fits(&self.file)).map_err(unwritable)?;
        let tail = mark.map_or(Ok(Tail::Torn), |mark| tail::tail(&self.file, mark, &self.owed));
        let tail = tail.map_err(unwritable)?;
        Ok(Known { length, mark, acknowledged: &self.acknowledged, identities, is_same, tail })
    }

    fn prepare(
        &self,
        fate: &Fate,
        replayed: &BTreeSet<String>,
        identities: &BTreeSet<u128>,
    ) -> Result<(), DeployError> {
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
        let real = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let rotation = self.writers.first().and_then(|writer| writer.rotation);
        let Some(lines) = &self.lines else {
            let Some(policy) = rotation else { return Ok(()) };
            let rotation = Rotation::new(policy, &real, &self.file).map_err(unwritable)?;
            self.output.rotate(rotation, length, (length > 0).then(|| begun_us(&self.file)));
            return Ok(());
        };
        let mark = lines.mark();
        let known = self.known(length, mark.as_ref(), identities)?;
        let begun = lines.begin(&self.file, &real, known.begun(fate), rotation);
        begun.map_err(|error| DeployError::Runtime(format!("error: {error}")))
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

fn unwritable(path: &Path, cause: &io::Error) -> DeployError {
    DeployError::Input(format!("error: cannot write to {}: {cause}", path.display()))
}
