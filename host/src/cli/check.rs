//! `streamgauge check`: is this file right?

use clap::Args;
use streamgauge_sql::Severity;

use super::{
    Failure, failure::print_diagnostics, files::QueryFiles, limit_options::LimitOptions, program, say,
    set_options::SetOptions,
};

/// Options of `check`.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    files: QueryFiles,
    /// Print the diagnostics as JSON, for editors: {"diagnostics": [{file, line, column, width, severity, message, help}]},
    /// without a place where a file cannot be read
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    set: SetOptions,
    #[command(flatten)]
    limits: LimitOptions,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let checked = options
        .files
        .paths(&[])
        .and_then(|files| program::check(&files, &options.set, &options.limits.limits()));
    let diagnostics = match options.json {
        true => checked.map_err(Failure::or_json)?,
        false => checked?,
    };
    match options.json {
        true => print_diagnostics(&diagnostics)?,
        false => diagnostics.iter().for_each(|diagnostic| say(&diagnostic.styled())),
    }
    match diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
        true => Err(Failure::ToldInput),
        false => Ok(()),
    }
}
