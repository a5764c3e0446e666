//! The native outputs: the console and files, one line a row.
//!
//! What a line looks like is the output's [`Format`]: [`JsonLines`], but for people who watch the demo.

mod rotating;

use std::{
    fs::{File, Metadata},
    io::{self, ErrorKind, IsTerminal, Seek as _, SeekFrom, Write},
    path::Path,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use streamgauge_common::row::{Rows, write_json};
use streamgauge_sql::manifest;

use self::rotating::Rotating;
use super::rotation::Rotation;
use crate::terminal::CLEAR_LINE;

/// How rows become lines.
pub trait Format: Send + Sync {
    /// Appends the rows of a query, each ended by a line end.
    fn write(&self, out: &mut Vec<u8>, query: &str, fields: &[manifest::Output], rows: &Rows);
}

/// A row is one JSON object a line.
#[derive(Clone, Copy, Debug, Default)]
pub struct JsonLines;

impl JsonLines {
    /// Appends the first rows, each ended by a line end.
    pub fn write_some(self, out: &mut Vec<u8>, fields: &[manifest::Output], rows: &Rows, count: usize) {
        out.reserve(count * 128);
        for row in 0..count {
            write_json(out, fields.iter().map(|field| field.name.as_str()).zip(&rows.columns), row);
            out.push(b'\n');
        }
    }
}

impl Format for JsonLines {
    fn write(&self, out: &mut Vec<u8>, _query: &str, fields: &[manifest::Output], rows: &Rows) {
        self.write_some(out, fields, rows, rows.len);
    }
}

/// Rows are no lines: nobody reads them.
struct NoLines;

impl Format for NoLines {
    fn write(&self, _: &mut Vec<u8>, _: &str, _: &[manifest::Output], _: &Rows) {}
}

/// What no place is called.
const NOWHERE: &str = "nowhere";

/// How much waits before it is handed on without being asked for.
const WAITING_BYTES: usize = 1 << 16;

/// A place that takes lines. Shared: each write is whole lines, so writers never cut into each other's.
///
/// What was written and not taken stays here: after an error, [`Output::flush`] goes on with the byte at which it stopped.
pub struct Output {
    name: String,
    /// Whether a run ends, and not in failure, when whoever read this went away.
    ends_run: AtomicBool,
    format: Box<dyn Format>,
    /// Whether a progress line may stand where lines are written: it is taken away first.
    beside_progress: bool,
    end: Mutex<End>,
}

/// Where the bytes go, and those that are still to go there.
struct End {
    writer: Box<dyn Write + Send>,
    /// The file behind the writer, if it is one.
    file: Option<File>,
    waiting: Vec<u8>,
    /// How many bytes of a line were taken whose end was not.
    torn: u64,
    /// How a file is rotated by who writes to it here.
    rotating: Option<Rotating>,
}

impl End {
    /// Hands on what waits.
    fn drain(&mut self) -> io::Result<()> {
        let mut done = 0;
        let result = loop {
            let rest = self.waiting.get(done..).unwrap_or_default();
            if rest.is_empty() {
                break Ok(());
            }
            match self.writer.write(rest) {
                Ok(0) => break Err(ErrorKind::WriteZero.into()),
                Ok(taken) => {
                    let bytes = rest.get(..taken).unwrap_or(rest);
                    self.torn = match memchr::memrchr(b'\n', bytes) {
                        Some(at) => (bytes.len() - at - 1) as u64,
                        None => self.torn + bytes.len() as u64,
                    };
                    done += taken;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        self.waiting.drain(..done);
        result
    }

    fn flush(&mut self) -> io::Result<()> {
        self.drain()?;
        self.writer.flush()
    }

    /// Cuts off the start of a line whose end a regular file did not take, if it is still the last of the file.
    fn cut_torn(&mut self) -> io::Result<()> {
        let torn = std::mem::take(&mut self.torn);
        let Some(mut file) = self.regular_file().filter(|_| torn > 0) else { return Ok(()) };
        let end = file.stream_position()?;
        if end != file.metadata()?.len() {
            return Ok(());
        }
        end.checked_sub(torn).map_or(Ok(()), |whole| file.set_len(whole))
    }

    /// Writes to another file from now on.
    fn go_on_in(&mut self, file: File) -> io::Result<()> {
        let second = file.try_clone()?;
        self.writer = Box::new(file);
        self.file = Some(second);
        self.torn = 0;
        Ok(())
    }

    /// The file, if it is a regular one.
    fn regular_file(&self) -> Option<&File> {
        self.file.as_ref().filter(|file| file.metadata().is_ok_and(|there| there.is_file()))
    }
}

impl Drop for End {
    /// Who reads the file finds whole lines only, also where a full disk or a limit cut the last one short.
    fn drop(&mut self) {
        // The failed write was reported already. Where it cannot be cut either, the file is as it was.
        drop(self.cut_torn());
    }
}

/// A place that no longer takes lines.
#[derive(Debug, thiserror::Error)]
#[error("cannot write to {name}: {cause}")]
pub struct OutputError {
    name: String,
    ends_run: bool,
    #[source]
    cause: io::Error,
}

impl OutputError {
    /// Whether the reader went away.
    pub fn is_closed_pipe(&self) -> bool {
        self.cause.kind() == ErrorKind::BrokenPipe
    }

    /// Whether the reader went away and nobody else gets rows: `streamgauge ... | head` is no failure.
    pub fn ends_run(&self) -> bool {
        self.is_closed_pipe() && self.ends_run
    }
}

impl Output {
    /// The process's standard output.
    pub fn stdout() -> Self {
        let beside_progress = io::stdout().is_terminal() && io::stderr().is_terminal();
        Self { beside_progress, ..Self::new("standard output", Box::new(io::stdout())) }
    }

    /// No place: lines are taken and gone.
    pub fn nowhere() -> Self {
        Self { format: Box::new(NoLines), ..Self::new(NOWHERE, Box::new(io::sink())) }
    }

    /// Whether it is no place.
    pub fn is_nowhere(&self) -> bool {
        self.name == NOWHERE
    }

    /// Lines of another look.
    #[must_use]
    pub fn with_format(self, format: impl Format + 'static) -> Self {
        Self { format: Box::new(format), ..self }
    }

    /// A file that is open for writing; errors call it by its path.
    pub fn to_file(path: &Path, file: File) -> Self {
        // Where there is no second handle there is no syncing.
        let second = file.try_clone().ok();
        let output = Self::new(&path.display().to_string(), Box::new(file));
        output.lock().file = second;
        output
    }

    fn new(name: &str, writer: Box<dyn Write + Send>) -> Self {
        let end = Mutex::new(End { writer, file: None, waiting: Vec::new(), torn: 0, rotating: None });
        Self {
            name: name.to_owned(),
            ends_run: AtomicBool::new(false),
            format: Box::new(JsonLines),
            beside_progress: false,
            end,
        }
    }

    /// Writes the rows of a query as lines.
    ///
    /// # Errors
    /// Where the place does not take them.
    pub fn write_rows(
        &self,
        query: &str,
        fields: &[manifest::Output],
        rows: &Rows,
    ) -> Result<(), OutputError> {
        let mut lines = Vec::new();
        self.format.write(&mut lines, query, fields, rows);
        self.write(&lines)
    }

    /// Writes whole lines. They are kept until the place has taken them, also where this is an error.
    ///
    /// # Errors
    /// Where the place does not take them now.
    pub fn write(&self, lines: &[u8]) -> Result<(), OutputError> {
        let mut end = self.lock();
        if self.beside_progress && !lines.is_empty() {
            end.waiting.extend_from_slice(CLEAR_LINE.as_bytes());
        }
        end.keep(lines).map_err(|cause| self.error(cause))?;
        if end.waiting.len() < WAITING_BYTES {
            return Ok(());
        }
        end.drain().map_err(|cause| self.error(cause))
    }

    /// It is the only place that gets rows: when its reader goes away there is nothing left to do.
    pub fn set_only(&self) {
        self.ends_run.store(true, Relaxed);
    }

    /// Rotates the file from now on whenever it is due; it holds `length` bytes, the first row since `begun_us`.
    pub fn rotate(&self, rotation: Rotation, length: u64, begun_us: Option<i64>) {
        self.lock().rotating = Some(Rotating::new(rotation, length, begun_us));
    }

    /// Rotates the file if it is old: for times in which no rows come.
    ///
    /// # Errors
    /// Where it should be rotated and cannot be.
    pub fn rotate_if_old(&self) -> Result<(), OutputError> {
        self.lock().rotate_if_due(0).map_err(|cause| self.error(cause))
    }

    /// Hands on what was written so far.
    ///
    /// # Errors
    /// Where the place does not take it.
    pub fn flush(&self) -> Result<(), OutputError> {
        self.lock().flush().map_err(|cause| self.error(cause))
    }

    /// What was written survives a power cut, where this is a file.
    ///
    /// # Errors
    /// Where the place does not take it.
    pub fn sync(&self) -> Result<(), OutputError> {
        let mut end = self.lock();
        end.flush().map_err(|cause| self.error(cause))?;
        end.regular_file().map_or(Ok(()), |file| file.sync_data().map_err(|cause| self.error(cause)))
    }

    /// What the file system says of a regular file; none for any other place.
    ///
    /// # Errors
    /// Where it says nothing.
    pub fn metadata(&self) -> Result<Option<Metadata>, OutputError> {
        let end = self.lock();
        end.regular_file().map(File::metadata).transpose().map_err(|cause| self.error(cause))
    }

    /// Cuts a file to its first bytes and forgets what was written behind them; nothing where it is no regular file.
    ///
    /// # Errors
    /// Where the file cannot be cut.
    pub fn cut(&self, length: u64) -> Result<(), OutputError> {
        let mut end = self.lock();
        end.waiting.clear();
        end.torn = 0;
        let Some(mut file) = end.regular_file() else { return Ok(()) };
        let cut = file.set_len(length).and_then(|()| file.seek(SeekFrom::Start(length)));
        cut.map(|_| ()).map_err(|cause| self.error(cause))
    }

    /// Writes to another file from now on. What waits must have been handed on.
    ///
    /// # Errors
    /// Where there is no second handle of it: the old one stays.
    pub fn go_on_in(&self, file: File) -> io::Result<()> {
        self.lock().go_on_in(file)
    }

    fn lock(&self) -> MutexGuard<'_, End> {
        // A writer that panicked left whole lines behind it.
        self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What errors call it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// An error of this output.
    pub(super) fn error(&self, cause: io::Error) -> OutputError {
        OutputError { name: self.name.clone(), ends_run: self.ends_run.load(Relaxed), cause }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_takes_whole_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.jsonl");
        let output = Output::to_file(&path, File::create(&path).unwrap());
        output.write(b"{}\n").unwrap();
        output.write(b"{\"a\":1}\n").unwrap();
        output.flush().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{}\n{\"a\":1}\n");
        let output = Output::to_file(&path, File::open(&path).unwrap());
        let error = output.write(b"{}\n").and_then(|()| output.flush()).err().unwrap();
        assert!(error.to_string().starts_with("cannot write to "), "{error}");
    }

    #[test]
    fn a_line_that_a_file_did_not_take_whole_is_cut_off_in_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.jsonl");
        for (before, kept) in [("", "{}\n"), ("old\n", "old\n{}\n")] {
            std::fs::write(&path, before).unwrap();
            let mut file = File::options().read(true).write(true).open(&path).unwrap();
            file.seek(SeekFrom::End(0)).unwrap();
            let output = Output::to_file(&path, file.try_clone().unwrap());
            output.lock().writer = Box::new(Takes(file, 7));
            output.write(b"{}\n{\"a\":1}\n").unwrap();
            output.flush().unwrap_err();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{before}{{}}\n{{\"a\""));
            drop(output);
            assert_eq!(std::fs::read_to_string(&path).unwrap(), kept);
        }
    }

    /// A file that may grow by so many bytes.
    struct Takes(File, usize);

    impl Write for Takes {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let fits = &bytes[..bytes.len().min(self.1)];
            if fits.is_empty() {
                return Err(ErrorKind::FileTooLarge.into());
            }
            self.1 -= fits.len();
            self.0.write(fits)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Takes two bytes, then nothing for a while, and so on.
    struct Stutter(std::sync::Arc<Mutex<Vec<u8>>>, bool);

    impl Write for Stutter {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if !self.1 {
                return Err(ErrorKind::StorageFull.into());
            }
            let taken = bytes.len().min(2);
            self.0.lock().unwrap().extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn each_byte_leaves_once_however_often_the_place_refuses() {
        let taken = std::sync::Arc::new(Mutex::new(Vec::new()));
        let output = Output::new("stutter", Box::new(Stutter(taken.clone(), false)));
        let lines: Vec<String> = (0..20_000).map(|n| format!("{{\"n\":{n}}}\n")).collect();
        let mut refused = 0;
        for line in &lines {
            refused += u64::from(output.write(line.as_bytes()).is_err());
        }
        while output.flush().is_err() {
            refused += 1;
        }
        assert!(refused > 1_000);
        assert!(*taken.lock().unwrap() == lines.concat().into_bytes());
    }
}
