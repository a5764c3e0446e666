//! `streamgauge rollback`: back to an earlier version.

use clap::Args;

use super::change;
use crate::cli::Failure;

/// Options of `rollback`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Options {
    #[command(flatten)]
    change: change::Options,
    /// The version to go back to, as `show` numbers them; without it the one before this one. A rollback of a rollback goes one further back
    #[arg(long, value_name = "VERSION", value_parser = clap::value_parser!(u64).range(1..))]
    to: Option<u64>,
}

pub(in crate::cli) fn run(options: &Options) -> Result<(), Failure> {
    let query: Vec<(&str, String)> = options.to.iter().map(|to| ("to", to.to_string())).collect();
    change::ask(&options.change, "rollback", &query, "is rolled back")
}
