//! A file of rows that is rotated while nothing says which rows are in it: where there is no state.

use std::io;

use streamgauge_common::clock;

use super::End;
use crate::deliver::rotation::{Rotation, unrotated};

/// A rotation, and what is known of the file that is written to.
pub(super) struct Rotating {
    rotation: Rotation,
    /// The last number that a file was given.
    number: u64,
    /// Its length, with what waits.
    length: u64,
    /// When its first row was written, in microseconds since the epoch.
    begun_us: Option<i64>,
}

impl Rotating {
    pub(super) fn new(rotation: Rotation, length: u64, begun_us: Option<i64>) -> Self {
        Self { rotation, number: 0, length, begun_us }
    }

    /// So many bytes more are for it.
    fn count(&mut self, bytes: usize) {
        self.length += bytes as u64;
        if bytes > 0 {
            self.begun_us.get_or_insert_with(clock::now_us);
        }
    }

    fn is_due(&self, more: usize) -> bool {
        self.rotation.policy.is_due(self.length, more, self.begun_us, clock::now_us())
    }
}

impl End {
    /// Keeps whole lines to be written, each in one file. Where the file cannot be rotated the rest stays in this one.
    pub(super) fn keep(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.rotating.is_none() {
            self.waiting.extend_from_slice(lines);
            return Ok(());
        }
        let mut rest = lines;
        let mut rotated = Ok(());
        while !rest.is_empty() {
            let first = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
            rotated = rotated.and_then(|()| self.rotate_if_due(first));
            let room = match &self.rotating {
                Some(rotating) if rotated.is_ok() => rotating.rotation.policy.room(rotating.length),
                _ => u64::MAX,
            };
            let fitting = rest.get(..usize::try_from(room).unwrap_or(usize::MAX)).unwrap_or(rest);
            let end = memchr::memrchr(b'\n', fitting).map_or(first, |at| at + 1);
            let (now, later) = rest.split_at(end.min(rest.len()));
            self.waiting.extend_from_slice(now);
            self.rotating.iter_mut().for_each(|rotating| rotating.count(now.len()));
            rest = later;
        }
        rotated
    }

    /// Begins another file where this one is old, or too long for `more` bytes.
    pub(super) fn rotate_if_due(&mut self, more: usize) -> io::Result<()> {
        if !self.rotating.as_ref().is_some_and(|rotating| rotating.is_due(more)) {
            return Ok(());
        }
        self.flush()?;
        let old = match &self.file {
            Some(file) => file.sync_data().and_then(|()| file.metadata())?,
            None => return Ok(()),
        };
        let Some(rotating) = &mut self.rotating else { return Ok(()) };
        let Rotating { rotation, number, .. } = rotating;
        let next = rotation.next_number(*number).and_then(|next| {
            rotation.move_away(next)?;
            *number = next;
            rotation.begin_anew(&old)
        });
        self.go_on_in(next.map_err(|cause| unrotated(&cause))?)?;
        let Some(rotating) = &mut self.rotating else { return Ok(()) };
        rotating.rotation.went_over()?;
        (rotating.length, rotating.begun_us) = (0, None);
        Ok(())
    }
}
