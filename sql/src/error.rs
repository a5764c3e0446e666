//! What is wrong with a program, where, and what to write instead.

use std::fmt;

use sqlparser::tokenizer::Span;

use crate::parse::BYTE_ORDER_MARK;

/// One file of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceText {
    /// How diagnostics call it: its path as the user wrote it.
    pub name: String,
    /// Its SQL.
    pub text: String,
}

/// How grave a diagnostic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The program cannot run.
    Error,
    /// The program runs, but perhaps not as it was meant.
    Warning,
}

/// A message at a place; its `Display` is what the command line prints, without a line feed at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The name of the file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// Error or warning.
    pub severity: Severity,
    /// What is wrong, in lower case.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// The line of the file.
    pub source_line: String,
    /// How many characters are meant, at least 1.
    pub width: usize,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        writeln!(f, "{}:{}:{}: {severity}: {}", self.file, self.line, self.column, self.message)?;
        writeln!(f, "{}", self.source_line)?;
        let before = self.source_line.chars().take(self.column.saturating_sub(1));
        let indent: String = before.map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        write!(f, "{indent}{}", "^".repeat(self.width.max(1)))?;
        match &self.help {
            Some(help) => write!(f, "\nhelp: {help}"),
            None => Ok(()),
        }
    }
}

/// A diagnostic on its way out of a step, which knows places but not files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) span: Span,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
    /// It only follows from a statement that is reported already.
    pub(crate) follows: bool,
}

/// The result of a step.
pub(crate) type Checked<T> = Result<T, Box<Problem>>;

impl Problem {
    pub(crate) fn new(span: Span, message: impl Into<String>) -> Box<Self> {
        Box::new(Self { span, message: message.into(), help: None, follows: false })
    }

    pub(crate) fn help(mut self: Box<Self>, help: impl Into<String>) -> Box<Self> {
        self.help = Some(help.into());
        self
    }

    /// What `nearest` found, as help.
    pub(crate) fn suggest(self: Box<Self>, name: Option<&str>) -> Box<Self> {
        match name {
            Some(name) => self.help(format!("did you mean `{name}`?")),
            None => self,
        }
    }

    pub(crate) fn follows(span: Span) -> Box<Self> {
        Box::new(Self { span, message: String::new(), help: None, follows: true })
    }

    pub(crate) fn locate(self, file: &SourceText, severity: Severity) -> Diagnostic {
        let start = self.span.start;
        let (line, column) = (index(start.line).max(1), index(start.column).max(1));
        let text =
            file.text.trim_start_matches(BYTE_ORDER_MARK).split('\n').nth(line - 1).unwrap_or_default();
        let source_line: String = text.trim_end_matches('\r').chars().map(printable).collect();
        let length = source_line.chars().count();
        let end = match self.span.end {
            end if end.line == start.line => index(end.column),
            _ => length + 1,
        };
        let width = end.min(length + 1).saturating_sub(column).max(1);
        let Self { message, help, .. } = self;
        Diagnostic { file: file.name.clone(), line, column, severity, message, help, source_line, width }
    }
}

fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Control characters could change the terminal that shows the line.
fn printable(c: char) -> char {
    if c.is_control() && c != '\t' { char::REPLACEMENT_CHARACTER } else { c }
}
