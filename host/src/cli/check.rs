//! `streamgauge check`: is this file right?

use std::path::PathBuf;

use clap::Args;

use super::{Failure, limit_options::LimitOptions, program};

/// Options of `check`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Query files; together they are one program
    #[arg(required = true, value_name = "FILE.sql")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    limits: LimitOptions,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    program::check(&options.files, &options.limits.limits())
}
