//! The query files that a command is given: files, folders of them, or standard input.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use clap::Args;
use streamgauge_sql::SourceText;

use super::{Failure, failure::FileError};
use crate::deploy::Binding;

/// The path that means standard input.
const STDIN: &str = "-";

/// Arguments that name query files.
#[derive(Debug, Args)]
pub(super) struct QueryFiles {
    /// Query files; together they are one program. A folder stands for the files NAME.sql in it, by name; - is standard input
    #[arg(required = true, value_name = "FILE.sql")]
    files: Vec<PathBuf>,
}

impl QueryFiles {
    /// The files, each folder replaced by those in it, of a command that also reads these inputs.
    ///
    /// # Errors
    /// A folder that cannot be read or has no query file; standard input named twice.
    pub(super) fn paths(&self, inputs: &[Binding]) -> Result<Vec<PathBuf>, Failure> {
        let paths = self.files.iter().map(|path| match path.is_dir() {
            true => in_folder(path),
            false => Ok(vec![path.clone()]),
        });
        let paths: Vec<PathBuf> = paths.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
        let named = paths.iter().chain(inputs.iter().map(|input| &input.path));
        if paths.iter().any(|path| is_stdin(path)) && named.filter(|path| is_stdin(path)).count() > 1 {
            return Err(Failure::Usage("error: standard input (-) can be read only once".to_owned()));
        }
        Ok(paths)
    }
}

/// Whether a path means standard input.
pub(super) fn is_stdin(path: &Path) -> bool {
    path == Path::new(STDIN)
}

/// The query files of a folder, by name; not those of folders in it.
fn in_folder(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let file = folder.display().to_string();
    let unreadable = |error| unreadable(&file, &error);
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let is_query = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("sql"));
        let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if is_query && !is_hidden && !path.is_dir() {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        let message = format!("the folder {file} has no query file");
        let help = Some("a query file is named NAME.sql; folders in it are not searched");
        return Err(Failure::File(FileError { file, line: None, message, help }));
    }
    paths.sort_unstable();
    Ok(paths)
}

fn unreadable(file: &str, error: &io::Error) -> Failure {
    let message = format!("cannot read {file}: {error}");
    Failure::File(FileError { file: file.to_owned(), line: None, message, help: None })
}

/// The text of a file, or of standard input.
///
/// # Errors
/// What cannot be read, or is not UTF-8.
pub(super) fn read(path: &Path) -> Result<SourceText, Failure> {
    let name = if is_stdin(path) { "<stdin>".to_owned() } else { path.display().to_string() };
    let bytes = if is_stdin(path) {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        fs::read(path)
    };
    let bytes = bytes.map_err(|error| unreadable(&name, &error))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = valid.iter().filter(|&&byte| byte == b'\n').count() + 1;
        let message = "the file is not UTF-8 in this line".to_owned();
        Failure::File(FileError { file: name.clone(), line: Some(line), message, help: None })
    })?;
    Ok(SourceText { name, text })
}

/// Writes a file beside the place and moves it there: a link that has the name is replaced, not followed, and a file there is
/// whole whenever somebody looks.
pub(super) fn replace(path: &Path, bytes: &[u8], rights: Option<fs::Permissions>) -> io::Result<()> {
    let staged = path.with_extension(format!("{:016x}", fastrand::u64(..)));
    let write = || {
        let mut file = File::create_new(&staged)?;
        file.write_all(bytes)?;
        rights.map_or(Ok(()), |rights| file.set_permissions(rights))?;
        file.sync_all()?;
        fs::rename(&staged, path)
    };
    write().inspect_err(|_| drop(fs::remove_file(&staged)))
}
