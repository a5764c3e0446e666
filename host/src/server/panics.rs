//! Deployments that make the host panic: each panic is noted with whose work it was, and a deployment that does so again and again is not
//! started, so that the others run.
//!
//! A folder of the state has a file for each such deployment, a line a panic. Where the state is in a bucket nothing is noted.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use streamgauge_common::clock;
use streamgauge_state::store::Store;

/// The folder.
const FOLDER: &str = "+panics";
/// How many panics without progress are too many.
const PANICS_MAX: usize = 3;

/// What is noted of the deployments of a place.
#[derive(Clone, Debug)]
pub struct Panics(Option<PathBuf>);

impl Panics {
    /// Of a place of state.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn new(root: &Store) -> io::Result<Self> {
        let folder = root.local_folder().map(|folder| folder.join(FOLDER));
        if let Some(folder) = folder.as_ref().filter(|folder| !folder.exists()) {
            fs::create_dir(folder)?;
        }
        Ok(Self(folder))
    }

    /// The folder, where there is one.
    pub fn folder(&self) -> Option<&Path> {
        self.0.as_deref()
    }

    /// Why a deployment is not to be started; none where it is. `progress_us` is when it last came further, in microseconds since the
    /// epoch: panics before that count no more.
    pub fn forbids(&self, deployment: &str, progress_us: impl FnOnce() -> Option<i64>) -> Option<String> {
        let text = fs::read_to_string(self.0.as_ref()?.join(deployment)).ok()?;
        let since = progress_us().unwrap_or(i64::MIN);
        let noted = text.lines().filter_map(|line| line.split_once(' '));
        let counting: Vec<&str> = noted
            .filter(|(at, _)| at.parse::<i64>().is_ok_and(|at| at > since))
            .map(|(_, why)| why)
            .collect();
        let last = counting.last().filter(|_| counting.len() >= PANICS_MAX)?;
        let count = counting.len();
        Some(format!(
            "its work ended the host {count} times, one after the other: {last}; this is a bug, please report it. Deploying it again \
             starts it again"
        ))
    }

    /// A deployment is being started: until this is dropped it counts as a panic, for what ends the process without one, as a stack that
    /// overflows does.
    pub fn starting(&self, deployment: &str) -> Starting {
        let file = self.0.as_ref().map(|folder| folder.join(deployment));
        let before = file.as_ref().map(|file| fs::read(file).unwrap_or_default()).unwrap_or_default();
        if let Some(file) = &file {
            let note = format!("{} it ended the process while it was started\n", clock::now_us());
            // Where it cannot be written nothing is noted.
            drop(fs::write(file, [before.as_slice(), note.as_bytes()].concat()));
        }
        Starting { file, before }
    }

    /// Nothing is noted of a deployment any more.
    pub fn forget(&self, deployment: &str) {
        if let Some(folder) = &self.0 {
            // It may never have been noted.
            drop(fs::remove_file(folder.join(deployment)));
        }
    }
}

/// A deployment that is being started.
#[must_use]
#[derive(Debug)]
pub struct Starting {
    file: Option<PathBuf>,
    before: Vec<u8>,
}

impl Drop for Starting {
    fn drop(&mut self) {
        let Some(file) = &self.file else { return };
        // As it was; what cannot be written counts once too often.
        match self.before.is_empty() {
            true => drop(fs::remove_file(file)),
            false => drop(fs::write(file, &self.before)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_panics_without_progress_are_too_many() {
        let folder = tempfile::tempdir().unwrap();
        let root = Store::open(folder.path().join("state").to_str().unwrap()).unwrap();
        let panics = Panics::new(&root).unwrap();
        let note = |text: &str| fs::write(panics.folder().unwrap().join("d"), text).unwrap();
        assert_eq!(panics.forbids("d", || None), None);
        note("10 a\n20 b\n");
        assert_eq!(panics.forbids("d", || None), None);
        note("10 a\n20 b\n30 index out of bounds\n");
        assert!(
            panics
                .forbids("d", || None)
                .unwrap()
                .contains("3 times, one after the other: index out of bounds")
        );
        assert!(panics.forbids("d", || Some(5)).is_some());
        assert_eq!(panics.forbids("d", || Some(15)), None, "it came further since the first");
        assert_eq!(panics.forbids("e", || None), None);
        drop(panics.starting("d"));
        assert_eq!(panics.forbids("d", || Some(15)), None, "it is as it was");
        std::mem::forget(panics.starting("d"));
        assert!(panics.forbids("d", || Some(15)).unwrap().contains("while it was started"));
        panics.forget("d");
        panics.forget("d");
        drop(panics.starting("d"));
        assert!(!panics.folder().unwrap().join("d").exists());
        assert_eq!(panics.forbids("d", || None), None);
        let bucket = Panics::new(&Store::memory().unwrap()).unwrap();
        assert_eq!((bucket.folder(), bucket.forbids("d", || None)), (None, None));
    }
}
