//! `streamgauge explain`: what would run?

use std::path::PathBuf;

use clap::Args;

use super::{Failure, limit_options::LimitOptions, print, program};

/// Options of `explain`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The query file
    #[arg(value_name = "FILE.sql")]
    file: PathBuf,
    #[command(flatten)]
    limits: LimitOptions,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let compiled = program::compile(std::slice::from_ref(&options.file), &options.limits.limits())?;
    let plans: Vec<String> =
        compiled.program.queries.iter().map(|query| format!("{}\n", query.plan)).collect();
    print(&plans.join("\n"))
}
