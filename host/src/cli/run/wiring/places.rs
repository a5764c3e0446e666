//! The outputs of a run: a file is open once, whatever it is called, and none is emptied before all else is known to be
//! right.

use std::{
    collections::BTreeMap,
    fs::{self, File, Metadata},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{cli::Failure, deliver::output::Output};

/// The outputs that are open, each once.
pub(super) struct Places {
    console: Option<Arc<Output>>,
    files: BTreeMap<FileId, Place>,
    /// What is read, and so must not be written to.
    inputs: BTreeMap<FileId, PathBuf>,
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
}

impl Places {
    pub(super) fn new(console: Option<Arc<Output>>, inputs: impl Iterator<Item = PathBuf>) -> Self {
        let inputs = inputs.filter_map(|path| Some((regular_file(&path)?, path))).collect();
        Self { console, files: BTreeMap::new(), inputs }
    }

    pub(super) fn console(&mut self) -> Arc<Output> {
        self.console.get_or_insert_with(|| Arc::new(Output::stdout())).clone()
    }

    /// A file, still with what it holds; `-` is the console.
    pub(super) fn file(&mut self, path: &Path) -> Result<Arc<Output>, Failure> {
        if path == Path::new("-") {
            return Ok(self.console());
        }
        let failed = |cause| unwritable(path, &cause);
        // Before it is opened, since that waits where the file is a pipe.
        if let Some(output) = fs::metadata(path).ok().and_then(|there| self.known(FileId::of(&there))) {
            return Ok(output);
        }
        let file = File::options().write(true).create(true).truncate(false).open(path).map_err(failed)?;
        let id = FileId::of(&file.metadata().map_err(failed)?);
        if let Some(input) = self.inputs.get(&id) {
            let (path, input) = (path.display(), input.display());
            return Err(Failure::Usage(format!(
                "error: '{path}' is written to, but '{input}', which is read, is the same file\n\
                 help: write to another file"
            )));
        }
        let output = Arc::new(Output::to_file(path, file.try_clone().map_err(failed)?));
        self.files.insert(id, Place { path: path.to_owned(), file, output: output.clone() });
        Ok(output)
    }

    fn known(&mut self, id: FileId) -> Option<Arc<Output>> {
        if fs::metadata("/dev/stdout").is_ok_and(|stdout| FileId::of(&stdout) == id) {
            return Some(self.console());
        }
        self.files.get(&id).map(|place| place.output.clone())
    }

    /// Empties the files, so that they hold the rows of this run.
    pub(super) fn empty(&self) -> Result<(), Failure> {
        for Place { path, file, .. } in self.files.values() {
            let emptied = file.metadata().and_then(|there| match there.is_file() {
                true => file.set_len(0),
                false => Ok(()),
            });
            emptied.map_err(|cause| unwritable(path, &cause))?;
        }
        Ok(())
    }
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
