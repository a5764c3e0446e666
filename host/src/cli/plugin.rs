//! `streamgauge plugin`: components of authors, without a program that uses them.

mod check;
mod inspect;

use std::{fs, path::PathBuf};

use clap::{Args, Subcommand};
use streamgauge_component::runtime::Runtime;

use super::{Failure, limit_options::LimitOptions};

/// Options of `plugin`.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Try every law of reducers or sinks on a component: exit status 1 if one does not hold
    Check(File),
    /// Print what a component says about itself: signatures, parameters, sizes, imports, digest
    Inspect(File),
}

/// A component.
#[derive(Debug, Args)]
struct File {
    /// The component
    #[arg(value_name = "FILE.wasm")]
    file: PathBuf,
    /// As one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    limits: LimitOptions,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    match &options.command {
        Command::Check(file) => check::run(file),
        Command::Inspect(file) => inspect::run(file),
    }
}

impl File {
    /// As the user wrote it.
    fn name(&self) -> String {
        self.file.display().to_string()
    }

    /// Its bytes. What cannot be read is a wrong command line: nothing was said of a plugin.
    fn bytes(&self) -> Result<Vec<u8>, Failure> {
        let unreadable = |error| Failure::Usage(format!("error: cannot read {}: {error}", self.name()));
        fs::read(&self.file).map_err(unreadable)
    }

    /// What compiles and runs it.
    fn runtime(&self) -> Result<Runtime, Failure> {
        let limits = self.limits.limits().component();
        Runtime::with_limits(limits).map_err(|error| Failure::Runtime(format!("error: {error}")))
    }
}
