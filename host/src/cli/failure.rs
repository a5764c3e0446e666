//! Why a command ended without doing its work, and how that is told.

use std::fmt;

use serde::Serialize;
use streamgauge_sql::{Diagnostic, Severity};
use tracing::{Level, dispatcher::with_default, error, warn};

use super::{print_json, process, say};
use crate::{
    deploy::DeployError,
    logging::{self, LogFormat},
};

/// Why a command ended without doing its work; says what the reader must do.
#[derive(Debug)]
pub(super) enum Failure {
    /// The user's input is wrong; the text is complete.
    Input(String),
    /// The text of query files is wrong.
    Wrong(Vec<Diagnostic>),
    /// A query file, or a folder of them, cannot be used.
    File(FileError),
    /// The command line is wrong.
    Usage(String),
    /// Something failed while it ran.
    Runtime(String),
    /// The same, and it was said already.
    Told,
    /// The user's input is wrong, and that was said already.
    ToldInput,
}

/// Why a query file, or a folder of them, cannot be used.
#[derive(Debug)]
pub(super) struct FileError {
    /// As the user wrote it.
    pub(super) file: String,
    /// The line that is at fault, from 1.
    pub(super) line: Option<usize>,
    pub(super) message: String,
    pub(super) help: Option<&'static str>,
}

impl Failure {
    /// The exit status.
    pub(super) fn status(&self) -> u8 {
        match self {
            Self::Input(_) | Self::Wrong(_) | Self::File(_) | Self::ToldInput => 1,
            Self::Usage(_) => 2,
            Self::Runtime(_) | Self::Told => 3,
        }
    }

    /// Tells people or, where lines are to be JSON, programs; with what can be done where the system is the cause.
    pub(super) fn tell(&self, format: LogFormat) {
        match (self, format) {
            (Self::Told | Self::ToldInput, _) => {}
            (_, LogFormat::Text) => {
                say(self);
                process::help(&self.to_string()).into_iter().for_each(|help| say(&format!("help: {help}")));
            }
            (_, LogFormat::Json) => json_lines(|| self.tell_events()),
        }
    }

    fn tell_events(&self) {
        match self {
            Self::Wrong(diagnostics) => diagnostics.iter().for_each(tell_event),
            Self::File(FileError { file, line, message, help }) => error!(file, line, help, "{message}"),
            Self::Input(text) | Self::Usage(text) | Self::Runtime(text) => {
                let (message, help) = text.split_once("\nhelp: ").unzip();
                let help =
                    help.map(str::to_owned).or_else(|| process::help(text).map(|help| help.to_string()));
                error!(help, "{}", message.unwrap_or(text));
            }
            Self::Told | Self::ToldInput => {}
        }
    }

    /// Prints what is wrong with query files as JSON; what is wrong with anything else is given back.
    pub(super) fn or_json(self) -> Self {
        let shown: Vec<Shown<'_>> = match &self {
            Self::Wrong(diagnostics) => diagnostics.iter().map(Shown::from).collect(),
            Self::File(error) => vec![Shown::from(error)],
            _ => return self,
        };
        match print_json(&Report { diagnostics: shown }) {
            Ok(()) => Self::ToldInput,
            Err(unprinted) => unprinted,
        }
    }
}

impl From<DeployError> for Failure {
    fn from(error: DeployError) -> Self {
        match error {
            DeployError::Input(text) => Self::Input(text),
            DeployError::Usage(text) => Self::Usage(text),
            DeployError::Runtime(text) => Self::Runtime(text),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(text) | Self::Usage(text) | Self::Runtime(text) => f.write_str(text),
            Self::Wrong(diagnostics) => {
                let lines: Vec<String> = diagnostics.iter().map(Diagnostic::styled).collect();
                f.write_str(&lines.join("\n"))
            }
            Self::File(error) => error.fmt(f),
            Self::Told | Self::ToldInput => Ok(()),
        }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, message, help } = self;
        match line {
            Some(line) => write!(f, "{file}:{line}:1: error: {message}")?,
            None => write!(f, "error: {message}")?,
        }
        help.map_or(Ok(()), |help| write!(f, "\nhelp: {help}"))
    }
}

/// What is wrong with query files, or doubtful in them, as JSON.
#[derive(Serialize)]
struct Report<'a> {
    diagnostics: Vec<Shown<'a>>,
}

/// One of these; places count from 1, in characters. A file that cannot be read has none.
#[derive(Serialize)]
struct Shown<'a> {
    file: &'a str,
    line: Option<usize>,
    column: Option<usize>,
    width: Option<usize>,
    severity: &'static str,
    message: &'a str,
    help: Option<&'a str>,
}

impl<'a> From<&'a Diagnostic> for Shown<'a> {
    fn from(diagnostic: &'a Diagnostic) -> Self {
        let Diagnostic { file, line, column, severity, message, help, width, .. } = diagnostic;
        let (line, column, width) = (Some(*line), Some(*column), Some(*width));
        Self { file, line, column, width, severity: severity.name(), message, help: help.as_deref() }
    }
}

impl<'a> From<&'a FileError> for Shown<'a> {
    fn from(FileError { file, line, message, help }: &'a FileError) -> Self {
        let severity = Severity::Error.name();
        Self { file, line: *line, column: None, width: None, severity, message, help: *help }
    }
}

/// Prints diagnostics as JSON.
pub(super) fn print_diagnostics(diagnostics: &[Diagnostic]) -> Result<(), Failure> {
    print_json(&Report { diagnostics: diagnostics.iter().map(Shown::from).collect() })
}

/// Tells what is doubtful in query files.
pub(super) fn tell_warnings(warnings: &[Diagnostic], format: LogFormat) {
    match format {
        LogFormat::Text => warnings.iter().for_each(|warning| say(&warning.styled())),
        LogFormat::Json => json_lines(|| warnings.iter().for_each(tell_event)),
    }
}

fn tell_event(diagnostic: &Diagnostic) {
    let Diagnostic { file, line, column, width, severity, message, help, .. } = diagnostic;
    match severity {
        Severity::Error => error!(file, line, column, width, help, "{message}"),
        Severity::Warning => warn!(file, line, column, width, help, "{message}"),
    }
}

/// Prints what is told meanwhile as a JSON object a line.
fn json_lines(tell: impl FnOnce()) {
    let lines = logging::dispatch(Level::WARN, LogFormat::Json, |line| say(&line));
    with_default(&lines, tell);
}
