//! Keeps a directory for one process.

use std::{
    fs::{File, TryLockError},
    io::{Read, Seek, Write},
    path::Path,
    process,
};

use super::{error::StateError, rights};

/// A file that is ours until this is dropped, or the process ends in whatever way: the system takes the lock back.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes a directory by a file in it; [`StateError::InUse`] names the process that has it. The file's name begins with a
    /// dot, as the name of no folder of a store does.
    pub fn take(folder: &Path, name: &str) -> Result<Self, StateError> {
        debug_assert!(name.starts_with('.'), "it is not taken for a folder");
        let path = folder.join(name);
        let failed = |doing| StateError::file(doing, path.display());
        let opened = rights::options().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = opened.map_err(failed("open"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StateError::InUse { folder: folder.display().to_string(), by: owner(&mut file) });
            }
            Err(TryLockError::Error(cause)) => return Err(failed("lock")(cause)),
        }
        let written =
            file.set_len(0).and_then(|()| file.rewind()).and_then(|()| write!(file, "{}", process::id()));
        written.map_err(failed("write"))?;
        Ok(Self { _file: file })
    }
}

/// Who has the lock, as far as it has told.
fn owner(file: &mut File) -> String {
    let mut text = String::new();
    match file.take(20).read_to_string(&mut text) {
        // In containers, many processes have the same number.
        Ok(_) if text.parse::<u32>() == Ok(process::id()) => {
            format!("process {text}: this one, or one of another container that has the same number")
        }
        Ok(_) if !text.is_empty() => format!("process {text}"),
        _ => "another process".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_taken_once_and_free_again_when_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let lock = Lock::take(folder.path(), ".lock").unwrap();
        let error = Lock::take(folder.path(), ".lock").unwrap_err();
        assert!(matches!(&error, StateError::InUse { by, .. } if by.contains("this one")), "{error}");
        drop(lock);
        Lock::take(folder.path(), ".lock").unwrap();
    }
}
