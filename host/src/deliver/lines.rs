//! Rows to the console and to files, where they are decided first: the worker of an outbox, and what a file has taken.
//!
//! A file cannot say which rows it holds, so a *marker* does, beside the state or, where that is in a bucket, beside the file:
//! its length and the last number of each query's messages, written when they are in the file. Who comes back cuts the file
//! to that length, if what is behind it is what was being written, and goes on behind those numbers: each row is there once,
//! whatever was killed. A pipe or a terminal takes nothing back: there what was not acknowledged comes again.

mod mark;
mod marker;
mod marked;

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use self::marked::MarkedFile;
use super::{
    http::backoff::Backoff,
    kafka::DeliveryEvents,
    output::{Output, OutputError},
    rotation::RotationPolicy,
};
use streamgauge_common::{
    crash::{self, Phase},
    message::{Message, Payload},
    wakeup::Stop,
};
use streamgauge_state::outbox::Outbox;

pub use self::{
    mark::{FileMark, RotationMark, Seen},
    marker::{CommitMarker, CommitMarkerError},
};

/// Messages that are written together at most.
const MESSAGES_MAX: usize = 256;
/// Between tries to write where that failed.
const BACK_OFF: Backoff = Backoff { base: Duration::from_millis(200), cap: Duration::from_secs(5) };

/// A place for lines, and what it has taken.
pub struct FileSink {
    output: Arc<Output>,
    /// Held over the file and its mark: several queries may write to one file.
    marked: Option<Mutex<MarkedFile>>,
    /// Whether people know that it takes nothing now.
    is_down: AtomicBool,
}

/// Lines that were not written, or not noted.
#[derive(Debug, thiserror::Error)]
enum FileSinkError {
    #[error(transparent)]
    Output(#[from] OutputError),
    #[error(transparent)]
    CommitMarker(#[from] CommitMarkerError),
    #[error(
        "{path} has {found} bytes now and had {written} when rows were last written to it: another process changed it; rows go on \
         when it has {written} again, and the next start says what else can be done"
    )]
    Changed { path: String, found: u64, written: u64 },
    #[error("{path} was removed while rows are written to it; the next start says what can be done")]
    Removed { path: String },
}

impl FileSink {
    /// Lines for an output; with a marker each row is there once.
    pub fn new(output: Arc<Output>, marker: Option<CommitMarker>) -> Self {
        let marked = marker.map(|marker| Mutex::new(MarkedFile::new(output.clone(), marker)));
        Self { output, marked, is_down: AtomicBool::new(false) }
    }

    fn marked(&self) -> Option<MutexGuard<'_, MarkedFile>> {
        Some(self.marked.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The number of a query's last message that is there for certain.
    pub fn has(&self, name: &str) -> u64 {
        self.marked().map_or(0, |marked| marked.has(name))
    }

    /// Where it keeps what it has taken; none where it does not.
    pub fn marked_in(&self) -> Option<PathBuf> {
        self.marked()?.marker().place()
    }

    /// What its file holds, as far as is known; none where that is not kept.
    pub fn mark(&self) -> Option<FileMark> {
        Some(self.marked()?.marker().mark().clone())
    }

    /// Says what its file, which is at `path`, holds now: rows are written behind that. And when it is rotated, if it is.
    ///
    /// # Errors
    /// The file cannot be read, or its marker not written.
    pub fn begin(
        &self,
        file: &File,
        path: &Path,
        mark: FileMark,
        rotation: Option<RotationPolicy>,
    ) -> Result<(), CommitMarkerError> {
        self.marked().map_or(Ok(()), |mut marked| marked.begin(file, path, mark, rotation))
    }

    /// Writes what is in the outbox of a query, until all is acknowledged and it is closed, or `stop` is set. Blocks.
    ///
    /// Where the place does not take it (its disk is full), the messages wait in the outbox and are tried again.
    /// `name` is what the marker calls the query: another state's query of that name is another one.
    pub fn deliver(&self, name: &str, outbox: &Outbox, stop: &Stop, watch: &dyn DeliveryEvents) {
        while !stop.is_set() && !outbox.is_drained() {
            let messages = outbox.take_within(MESSAGES_MAX, self.rotates_within(), stop);
            // Without messages the file may be old enough to be rotated.
            let _inside = (!messages.is_empty()).then(|| crash::during(Phase::Send));
            let mut failures = 0;
            let mut written = traced(watch, &messages, || self.write(name, &messages));
            while let Err(error) = &written {
                match error {
                    FileSinkError::Output(error) if error.ends_run() => return outbox.abandon(),
                    // Nobody will ever read it; those who read other sinks have nothing to do with that.
                    FileSinkError::Output(error) if error.is_closed_pipe() => {
                        return outbox.fail(error.to_string());
                    }
                    _ => {}
                }
                outbox.note_trouble(&error.to_string());
                if !self.is_down.swap(true, Relaxed) {
                    watch.down(&format!("{error}; {} rows wait", outbox.rows()));
                }
                failures += 1;
                // A disk tells nobody when it has room again.
                outbox.pause(BACK_OFF.wait(failures, fastrand::f64()), stop);
                if stop.is_set() {
                    return;
                }
                if messages.is_empty() {
                    break;
                }
                written = traced(watch, &messages, || self.write_again(name, &messages));
            }
            if written.is_ok() && self.is_down.swap(false, Relaxed) {
                watch.back();
            }
            if !messages.is_empty() {
                outbox.acknowledge(messages.iter().map(|message| &**message));
            }
        }
    }

    /// After what time its file may be rotated even if no row comes.
    fn rotates_within(&self) -> Duration {
        self.marked().and_then(|marked| marked.rotates_within()).unwrap_or(Duration::MAX)
    }

    /// Writes messages. Where that is an error, a file is as it was; any other place keeps them to go on with.
    fn write(&self, name: &str, messages: &[Arc<Message>]) -> Result<(), FileSinkError> {
        match self.marked() {
            Some(mut marked) => marked.write(name, messages),
            None => Ok(append(&self.output, messages).and_then(|()| self.output.flush())?),
        }
    }

    /// Writes messages that were tried before.
    fn write_again(&self, name: &str, messages: &[Arc<Message>]) -> Result<(), FileSinkError> {
        match &self.marked {
            Some(_) => self.write(name, messages),
            None => Ok(self.output.flush()?),
        }
    }
}

/// Writes messages as one try to deliver them.
fn traced(
    watch: &dyn DeliveryEvents,
    messages: &[Arc<Message>],
    write: impl FnOnce() -> Result<(), FileSinkError>,
) -> Result<(), FileSinkError> {
    let span = if messages.is_empty() { None } else { watch.attempt() };
    let written = write();
    if let Some(span) = span {
        let failed = written.as_ref().err().map(ToString::to_string);
        span.end_write(messages, failed.as_deref());
    }
    written
}

/// Gives all messages to an output, which keeps what it cannot hand on.
fn append(output: &Output, messages: &[Arc<Message>]) -> Result<(), OutputError> {
    messages.iter().map(|message| output.write(lines(message))).fold(Ok(()), Result::and)
}

/// The lines of a message.
pub fn lines(message: &Message) -> &[u8] {
    match &message.payload {
        Payload::Lines(lines) => lines,
        _ => unreachable!("a line sink's messages are lines"),
    }
}

#[cfg(test)]
mod tests;
