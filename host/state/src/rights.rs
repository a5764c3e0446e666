//! Who may read state: its owner alone, whatever the umask says. State holds the contents of rows.

use std::{
    fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions},
    io,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// What others than the owner may do.
const OTHERS: u32 = 0o077;

/// Creates a directory; what is above it must be there.
pub fn create_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().mode(FOLDER_MODE).create(folder)
}

/// Options that create a file for its owner alone.
pub fn options() -> OpenOptions {
    let mut options = File::options();
    options.mode(FILE_MODE);
    options
}

/// Takes a file away from others, where it is one.
pub fn close_file(path: &Path) -> io::Result<()> {
    let there = fs::symlink_metadata(path)?;
    if there.is_file() { close(path, &there, FILE_MODE) } else { Ok(()) }
}

/// Takes a folder and the files in it away from others: an earlier version left them as the umask said. A notice for people
/// where that cannot be done.
pub fn close_folder(folder: &Path) -> Option<String> {
    let closed = || -> io::Result<()> {
        close(folder, &fs::metadata(folder)?, FOLDER_MODE)?;
        for entry in fs::read_dir(folder)? {
            match close_file(&entry?.path()) {
                // Removed meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                closed => closed?,
            }
        }
        Ok(())
    };
    closed().err().map(|error| {
        format!(
            "others may read {:?}, which holds rows, and that cannot be changed: {error}; chmod it to 700, its files to 600",
            folder.display().to_string()
        )
    })
}

fn close(path: &Path, there: &Metadata, mode: u32) -> io::Result<()> {
    match there.mode() & OTHERS {
        0 => Ok(()),
        _ => fs::set_permissions(path, Permissions::from_mode(mode)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_earlier_version_left_open_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        fs::create_dir(&state).unwrap();
        fs::set_permissions(&state, Permissions::from_mode(0o755)).unwrap();
        fs::write(state.join("log"), "rows").unwrap();
        fs::set_permissions(state.join("log"), Permissions::from_mode(0o644)).unwrap();
        assert_eq!(close_folder(&state), None);
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!((mode(&state), mode(&state.join("log"))), (FOLDER_MODE, FILE_MODE));
        assert!(close_folder(&state.join("none")).is_some_and(|why| why.contains("others may read")));
    }
}
