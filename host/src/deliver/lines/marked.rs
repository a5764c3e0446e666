//! A file with its marker: rows and the mark behind them, and the rotation of the file.
//!
//! A rotation says first in the mark under which number the file will be (`file.rotate.planned`), renames it (`moved`), begins the new
//! file (`begun`), and says in the mark that rows go there (`marked`). A process that is killed on the way leaves at the path the old
//! file, no file or an empty one. The next run sees which, by what the mark says of the old file's content, and goes on in that one
//! ([`CommitMarker::settle`]): no row is written in between.

use std::{fs::File, io::ErrorKind, os::unix::fs::MetadataExt as _, path::Path, sync::Arc, time::Duration};

use streamgauge_common::{clock, crash, message::Message};
use tracing::debug;

use super::{
    FileSinkError, append, lines,
    mark::{Ending, FileMark, Seen},
    marker::{CommitMarker, CommitMarkerError},
};
use crate::deliver::{
    output::Output,
    rotation::{Rotation, RotationPolicy, unrotated},
};

/// A file, what is known to be in it, and when it is rotated.
pub(super) struct MarkedFile {
    output: Arc<Output>,
    marker: CommitMarker,
    rotation: Option<Rotation>,
}

impl MarkedFile {
    pub(super) fn new(output: Arc<Output>, marker: CommitMarker) -> Self {
        Self { output, marker, rotation: None }
    }

    pub(super) fn marker(&self) -> &CommitMarker {
        &self.marker
    }

    /// The number of a query's last message that is there for certain.
    pub(super) fn has(&self, name: &str) -> u64 {
        self.marker.mark().sequences.get(name).copied().unwrap_or(0)
    }

    pub(super) fn begin(
        &mut self,
        file: &File,
        path: &Path,
        mark: FileMark,
        policy: Option<RotationPolicy>,
    ) -> Result<(), CommitMarkerError> {
        let failed = |cause| CommitMarkerError::Io { doing: "read", path: path.display().to_string(), cause };
        let rotation = policy.map(|policy| Rotation::new(policy, path, file).map_err(failed)).transpose()?;
        self.rotation = rotation;
        self.marker.begin(file, path, mark, policy.is_some())
    }

    /// After what time the file may be due even if no row comes; none where it never is.
    pub(super) fn rotates_within(&self) -> Option<Duration> {
        let policy = self.rotation.as_ref()?.policy;
        if self.is_moving() {
            return Some(Duration::ZERO);
        }
        let within = policy.due_in(self.marker.mark().length, self.begun_us(), clock::now_us());
        // Another query may write the first row.
        within.or(Some(Duration::from_micros(policy.age_us_max?.unsigned_abs())))
    }

    /// Writes the messages of a query that are not there yet, in as many files as they need. Where that is an error, the file is as the
    /// mark says, or is made so before anything else is written to it. Without messages the file is rotated, if it is old.
    pub(super) fn write(&mut self, name: &str, messages: &[Arc<Message>]) -> Result<(), FileSinkError> {
        self.marker.catch_up(&self.output)?;
        let has = self.has(name);
        // Some were written, and only the mark was not, or what was behind them.
        let mut rest =
            messages.get(messages.partition_point(|message| message.sequence <= has)..).unwrap_or_default();
        self.rotate_if_due(rest.first().map_or(0, |message| lines(message).len()))?;
        while !rest.is_empty() {
            let (fitting, later) = rest.split_at(self.fitting(rest));
            self.append(name, fitting)?;
            rest = later;
            self.rotate_if_due(rest.first().map_or(0, |message| lines(message).len()))?;
        }
        Ok(())
    }

    /// How many messages go to the file before it is rotated: at least one.
    fn fitting(&self, messages: &[Arc<Message>]) -> usize {
        let room = self.rotation.as_ref().map(|rotation| rotation.policy.room(self.marker.mark().length));
        let Some(mut room) = room else { return messages.len() };
        let fits = |message: &&Arc<Message>| {
            let left = room.checked_sub(lines(message).len() as u64);
            room = left.unwrap_or(0);
            left.is_some()
        };
        messages.iter().take_while(fits).count().max(1)
    }

    fn append(&mut self, name: &str, messages: &[Arc<Message>]) -> Result<(), FileSinkError> {
        self.check_unchanged()?;
        crash::point("file.before_write");
        let written = append(&self.output, messages).and_then(|()| self.output.sync());
        if let Err(error) = written {
            // What came of it is not known: it goes, so that whoever writes next goes on behind what is known.
            self.marker.note_behind(self.output.cut(self.marker.mark().length).is_err());
            return Err(error.into());
        }
        crash::point("file.before_mark");
        let last = messages.last().map_or(0, |message| message.sequence);
        self.marker.note(name, last, messages.iter().map(|message| lines(message)))?;
        crash::point("file.after_mark");
        Ok(())
    }

    /// An error where the file is not what was written: rows behind what another process did to it would not be found again.
    fn check_unchanged(&self) -> Result<(), FileSinkError> {
        let (written, path) = (self.marker.mark().length, || self.output.name().to_owned());
        match self.output.metadata()? {
            Some(there) if there.nlink() == 0 => Err(FileSinkError::Removed { path: path() }),
            Some(there) if there.len() != written => {
                Err(FileSinkError::Changed { path: path(), found: there.len(), written })
            }
            _ => Ok(()),
        }
    }

    fn is_moving(&self) -> bool {
        self.marker.mark().rotation.is_some_and(|known| known.is_moving)
    }

    fn begun_us(&self) -> Option<i64> {
        self.marker.mark().rotation?.begun_us
    }

    /// Begins another file where this one is old, or too long for `more` bytes, or where an earlier try did not come to its end.
    fn rotate_if_due(&mut self, more: usize) -> Result<(), FileSinkError> {
        let Some(rotation) = &self.rotation else { return Ok(()) };
        let length = self.marker.mark().length;
        if self.is_moving() || rotation.policy.is_due(length, more, self.begun_us(), clock::now_us()) {
            self.rotate()?;
        }
        Ok(())
    }

    fn rotate(&mut self) -> Result<(), FileSinkError> {
        if !self.is_moving() {
            self.check_unchanged()?;
        }
        let (is_moving, given) = (self.is_moving(), self.marker.mark().rotation.unwrap_or_default().number);
        let Self { output, marker, rotation: Some(rotation) } = self else { return Ok(()) };
        let failed = |cause| output.error(unrotated(&cause));
        let number = if is_moving { given } else { rotation.next_number(given).map_err(failed)? };
        if !is_moving {
            marker.begin_move(number)?;
        }
        crash::point("file.rotate.planned");
        if let Err(cause) = rotation.move_away(number) {
            if cause.kind() == ErrorKind::AlreadyExists {
                marker.give_up_move();
            }
            return Err(failed(cause).into());
        }
        crash::point("file.rotate.moved");
        let Some(old) = output.metadata()? else { return Ok(()) };
        let next = rotation.begin_anew(&old).map_err(failed)?;
        crash::point("file.rotate.begun");
        let seen = Seen::of(&next, rotation.path(), &Ending::default()).map_err(failed)?;
        output.go_on_in(next).and_then(|()| rotation.went_over()).map_err(failed)?;
        debug!("'{}' is rotated: it is number {number}, and rows go to a new file", output.name());
        marker.go_on_in(seen)?;
        crash::point("file.rotate.marked");
        Ok(())
    }
}
