//! Which marker speaks of a file: a file is the same one whatever path leads to it, and after it was moved or copied.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    path::{Path, PathBuf},
};

use super::{OUTPUTS, fate::identity, unwritable};
use crate::{
    deliver::lines::{CommitMarker, CommitMarkerError, FileMark},
    deploy::DeployError,
};

/// The end of the name of a marker that is beside its file.
const BESIDE: &str = ".streamgauge";

/// The marker of a file, in the folder of the state; where there is no such folder, since the state is in a bucket, beside the
/// file. `name` is what the marker calls the query that writes there.
///
/// The file's real path is the marker's name. Where that marker does not speak of this file another one may: the one that knows the
/// file's inode, or the one whose rows the file holds, as it is a copy.
pub(super) fn marker(
    folder: Option<&Path>,
    path: &Path,
    file: &File,
    name: &str,
) -> Result<CommitMarker, DeployError> {
    let failed = |error: CommitMarkerError| DeployError::Runtime(format!("error: {error}"));
    let spelled = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let real = fs::canonicalize(path).unwrap_or_else(|_| spelled.clone());
    let (home, own_name) = home(folder, &real);
    let own = CommitMarker::open(&home, &own_name).map_err(failed)?;
    let is_this = |mark: &FileMark| mark.seen.as_ref().is_some_and(|seen| seen.is(file));
    let own_fits = holds_rows(own.mark(), file).map_err(|cause| unwritable(path, &cause))?;
    if own_fits && (is_this(own.mark()) || own.mark().seen.is_none()) {
        return Ok(own);
    }
    let mut fitting = Vec::new();
    for (other, mark) in all(&home, folder.is_none()) {
        let fits = holds_rows(&mark, file).map_err(|cause| unwritable(path, &cause))?;
        if other != own_name && fits && mark.seen.is_some() {
            fitting.push((other, mark));
        }
    }
    if let Some((other, mark)) = fitting.iter().filter(|(_, mark)| is_this(mark)).max_by_key(|(_, mark)| mark)
    {
        return Ok(own.adopt(&home, other, mark.clone(), true));
    }
    if own_fits {
        return Ok(own);
    }
    // An earlier version called a marker by the path as it was spelled.
    if spelled != real {
        let (home, spelled_name) = self::home(folder, &spelled);
        let old = CommitMarker::open(&home, &spelled_name).map_err(failed)?;
        if old.mark().seen.is_none() && !old.mark().sequences.is_empty() {
            return Ok(own.adopt(&home, &spelled_name, old.mark().clone(), true));
        }
    }
    let copied = fitting.iter().filter(|(_, mark)| mark.sequences.contains_key(name));
    match copied.max_by_key(|(_, mark)| mark) {
        Some((other, mark)) => Ok(own.adopt(&home, other, mark.clone(), false)),
        None => Ok(own),
    }
}

/// Where queries, by the identity of their state, have written rows as far as the markers say: any path but this.
pub(super) fn written_as(folder: &Path, path: &Path, identities: &BTreeSet<u128>) -> Option<String> {
    let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()).display().to_string();
    let is_ours = |mark: &FileMark| {
        mark.sequences.keys().any(|name| identity(name).is_some_and(|whose| identities.contains(&whose)))
    };
    let marks =
        all(&folder.join(OUTPUTS), false).into_iter().filter(|(_, mark)| mark.length > 0 && is_ours(mark));
    marks.filter_map(|(_, mark)| Some(mark.seen?.path)).find(|path| *path != real)
}

/// Whether a file holds the rows of which a marker speaks, and there are some.
fn holds_rows(mark: &FileMark, file: &File) -> std::io::Result<bool> {
    Ok(mark.length > 0 && mark.fits(file)?)
}

/// What the markers in a folder say; where files are in it too, those that are beside their files.
fn all(home: &Path, is_beside: bool) -> Vec<(String, FileMark)> {
    let mut marks = CommitMarker::all(home);
    marks.retain(|(name, _)| !is_beside || name.ends_with(BESIDE));
    marks
}

/// In which folder the marker of a file is, and its name.
fn home(folder: Option<&Path>, path: &Path) -> (PathBuf, String) {
    match (folder, path.parent(), path.file_name()) {
        (None, Some(parent), Some(name)) => (parent.to_owned(), format!(".{}{BESIDE}", name.display())),
        (None, ..) => unreachable!("a file has a name"),
        (Some(folder), ..) => (folder.join(OUTPUTS), escaped(path)),
    }
}

/// A path as one segment of another.
fn escaped(path: &Path) -> String {
    let escape = |byte: u8| match byte.is_ascii_alphanumeric() || byte == b'.' {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02x}"),
    };
    path.display().to_string().bytes().map(escape).collect()
}
