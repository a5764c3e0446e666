//! The native outputs: the console and files, one line a row.
//!
//! What a line looks like is the output's [`Format`]: [`JsonLines`], but for people who watch the demo.

use std::{
    fs::File,
    io::{self, BufWriter, IsTerminal, Write},
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use streamgauge_sql::manifest;

use crate::{
    progress::CLEAR_LINE,
    row::{Rows, write_json},
};

/// How rows become lines.
pub trait Format: Send + Sync {
    /// Appends the rows of a query, each ended by a line end.
    fn write(&self, out: &mut Vec<u8>, query: &str, fields: &[manifest::Output], rows: &Rows);
}

/// A row is one JSON object a line.
#[derive(Clone, Copy, Debug, Default)]
pub struct JsonLines;

impl Format for JsonLines {
    fn write(&self, out: &mut Vec<u8>, _query: &str, fields: &[manifest::Output], rows: &Rows) {
        out.reserve(rows.len * 128);
        for row in 0..rows.len {
            write_json(out, fields.iter().map(|field| field.name.as_str()).zip(&rows.columns), row);
            out.push(b'\n');
        }
    }
}

/// A place that takes lines. Shared: each write is whole lines, so writers never cut into each other's.
pub struct Output {
    name: String,
    format: Box<dyn Format>,
    /// Whether a progress line may stand where lines are written: it is taken away first.
    beside_progress: bool,
    writer: Mutex<BufWriter<Box<dyn Write + Send>>>,
    /// The file behind it, if it is one.
    file: Option<File>,
}

/// A place that no longer takes lines.
#[derive(Debug, thiserror::Error)]
#[error("cannot write to {name}: {cause}")]
pub struct OutputError {
    name: String,
    #[source]
    cause: io::Error,
}

impl OutputError {
    /// Whether the reader went away: `streamgauge ... | head` is no failure.
    pub fn is_closed_pipe(&self) -> bool {
        self.cause.kind() == io::ErrorKind::BrokenPipe
    }
}

impl Output {
    /// The process's standard output.
    pub fn stdout() -> Self {
        let beside_progress = io::stdout().is_terminal() && io::stderr().is_terminal();
        Self { beside_progress, ..Self::new("standard output", Box::new(io::stdout())) }
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
        Self { file: second, ..Self::new(&path.display().to_string(), Box::new(file)) }
    }

    fn new(name: &str, writer: Box<dyn Write + Send>) -> Self {
        let writer = Mutex::new(BufWriter::with_capacity(1 << 16, writer));
        Self {
            name: name.to_owned(),
            format: Box::new(JsonLines),
            beside_progress: false,
            writer,
            file: None,
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

    /// Writes whole lines.
    ///
    /// # Errors
    /// Where the place does not take them.
    pub fn write(&self, lines: &[u8]) -> Result<(), OutputError> {
        let mut writer = self.lock();
        let room = if self.beside_progress && !lines.is_empty() { CLEAR_LINE } else { "" };
        let written = writer.write_all(room.as_bytes()).and_then(|()| writer.write_all(lines));
        written.map_err(|cause| self.error(cause))
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
        self.flush()?;
        let synced = self.file.as_ref().filter(|file| file.metadata().is_ok_and(|there| there.is_file()));
        synced.map_or(Ok(()), |file| file.sync_data().map_err(|cause| self.error(cause)))
    }

    fn lock(&self) -> MutexGuard<'_, BufWriter<Box<dyn Write + Send>>> {
        // A writer that panicked left whole lines behind it.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn error(&self, cause: io::Error) -> OutputError {
        OutputError { name: self.name.clone(), cause }
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
}
