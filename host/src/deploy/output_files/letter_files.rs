//! Files for dead letters: nothing is in them but dead letters, and nothing else is where the older ones go.

use std::{
    collections::BTreeSet,
    fs::{self, Metadata},
    io,
    path::Path,
    sync::Arc,
};
use tracing::warn;

use super::{FileId, OutputFile, OutputFiles, unwritable};
use crate::{
    deliver::{
        dead_letter::RecordText,
        letters::{DeadLetterQueue, Held, Rotation, older},
    },
    deploy::DeployError,
};

/// How dead letters are written.
#[derive(Clone)]
pub(in crate::deploy) struct LetterSettings {
    /// How much of a record they hold.
    pub(in crate::deploy) record_text: RecordText,
    /// How long their file may be.
    pub(in crate::deploy) bytes_max: u64,
}

impl OutputFiles {
    /// A file for dead letters.
    pub(in crate::deploy) fn letters(
        &mut self,
        path: &Path,
        settings: &LetterSettings,
    ) -> Result<Arc<DeadLetterQueue>, DeployError> {
        let output = self.open(path)?;
        let place = self.files.values_mut().find(|place| Arc::ptr_eq(&place.output, &output));
        let LetterSettings { record_text, bytes_max } = settings;
        let fresh = || Arc::new(DeadLetterQueue::new(output.clone(), *record_text));
        let Some(place) = place else { return Ok(fresh()) };
        place.letters_bytes_max = *bytes_max;
        Ok(place.letters.get_or_insert_with(fresh).clone())
    }

    /// A file of dead letters holds nothing else, and no file of somebody else is where the older ones go.
    pub(super) fn check_letters(&self, place: &OutputFile, there: &Metadata) -> Result<(), DeployError> {
        let Some(letters) = place.letters.as_ref().filter(|_| place.is_for_letters(there)) else {
            return Ok(());
        };
        let (path, failed) = (place.path.display(), |cause| unwritable(&place.path, &cause));
        if !Held::by(&place.file).map_err(failed)?.is_letters {
            return Err(DeployError::Input(format!(
                "error: cannot append dead letters to '{path}': it holds something else\n\
                 help: name another file for dead letters"
            )));
        }
        let older = older(&fs::canonicalize(&place.path).map_err(failed)?);
        self.check_beside_state(&older)?;
        let id = fs::metadata(&older).ok().map(|there| FileId::of(&there));
        let input = id.and_then(|id| Some((self.inputs.get(&id)?, "is read")));
        let output = id.and_then(|id| Some((&self.files.get(&id)?.path, "is written to")));
        if let Some((other, what)) = input.or(output) {
            let (older, other) = (older.display(), other.display());
            return Err(DeployError::Usage(format!(
                "error: the older dead letters of '{path}' go to '{older}', but '{other}', which {what}, is the same file\n\
                 help: name another file for dead letters"
            )));
        }
        let rotation = Rotation::new(&place.path, &place.file, place.letters_bytes_max);
        letters.rotate(rotation.map_err(|cause| {
            DeployError::Input(format!(
                "error: cannot write to {path}: {cause}\nhelp: name another file for dead letters"
            ))
        })?);
        Ok(())
    }
}

impl OutputFile {
    /// Rows that are there exactly once need a file in which nothing else is.
    pub(super) fn check_rows(&self) -> Result<(), DeployError> {
        let is_marked = self.lines.as_ref().is_some_and(|lines| lines.marked_in().is_some());
        if self.letters.is_none() || !is_marked {
            return Ok(());
        }
        let path = self.path.display();
        Err(DeployError::Usage(format!(
            "error: rows and dead letters go to '{path}', and with --state each row is there once\n\
             help: give the dead letters a file of their own"
        )))
    }

    /// Goes on behind the letters that are there.
    pub(super) fn begin_letters(
        &self,
        letters: &DeadLetterQueue,
        replayed: &BTreeSet<String>,
    ) -> io::Result<()> {
        let is_ours = self.is_for_letters(&self.file.metadata()?);
        if letters.begin(&self.file, replayed, is_ours)? {
            warn!(
                "dead letters: '{}' ended in one that an earlier run did not finish: it is cut off",
                self.path.display()
            );
        }
        Ok(())
    }

    /// Whether nothing but dead letters is written there.
    fn is_for_letters(&self, there: &Metadata) -> bool {
        !self.has_rows && there.is_file() && !is_standard(there)
    }
}

/// Whether a file is what the process was given as its standard output or error: its name is not ours.
fn is_standard(there: &Metadata) -> bool {
    let is = |path| fs::metadata(path).is_ok_and(|standard| FileId::of(&standard) == FileId::of(there));
    ["/dev/stdout", "/dev/stderr"].into_iter().any(is)
}
