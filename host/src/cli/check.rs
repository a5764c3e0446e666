//! `streamgauge check`: is this file right?

use clap::Args;
use serde::Serialize;
use streamgauge_sql::{Diagnostic, Severity};

use super::{
    Failure, files::QueryFiles, limit_options::LimitOptions, print_json, program, say,
    set_options::SetOptions,
};

/// Options of `check`.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    files: QueryFiles,
    /// Print the diagnostics as JSON, for editors: {"diagnostics": [{file, line, column, width, severity, message, help}]}
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    set: SetOptions,
    #[command(flatten)]
    limits: LimitOptions,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    diagnostics: Vec<Shown<'a>>,
}

/// A diagnostic; places count from 1, in characters.
#[derive(Serialize)]
struct Shown<'a> {
    file: &'a str,
    line: usize,
    column: usize,
    width: usize,
    severity: &'static str,
    message: &'a str,
    help: Option<&'a str>,
}

impl<'a> From<&'a Diagnostic> for Shown<'a> {
    fn from(diagnostic: &'a Diagnostic) -> Self {
        let Diagnostic { file, line, column, severity, message, help, width, .. } = diagnostic;
        let severity = severity.name();
        Self { file, line: *line, column: *column, width: *width, severity, message, help: help.as_deref() }
    }
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let diagnostics = program::check(&options.files.paths(&[])?, &options.set, &options.limits.limits())?;
    match options.json {
        true => print_json(&Report { diagnostics: diagnostics.iter().map(Shown::from).collect() })?,
        false => diagnostics.iter().for_each(|diagnostic| say(&diagnostic.styled())),
    }
    match diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
        true => Err(Failure::ToldInput),
        false => Ok(()),
    }
}
