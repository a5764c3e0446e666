//! `streamgauge plugin`: components of authors, without a program that uses them.

mod adapt;
mod build;
mod new;
mod check;
mod test;
mod inspect;
mod bench;
mod replay;
mod push;
mod pull;

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use streamgauge_component::runtime::Runtime;

use super::{Failure, guests, limit_options::LimitOptions};

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
    /// Try the author's own cases on a component, rows in and results out: exit status 1 if one fails
    Test(test::Options),
    /// Print what a component says about itself: signatures, parameters, sizes, imports, digest
    Inspect(File),
    /// Measure the calls of a reducer: nanoseconds a row and a group
    Bench(File),
    /// Make the call of a crash bundle again: exit status 1 if it fails, 0 if it does not
    Replay(replay::Options),
    /// Begin a project of a plugin that builds with the ordinary tools of its language
    New(new::Options),
    /// Build a plugin: run the tools of its language, and make a component of what they build
    Build(build::Options),
    /// Make a component that imports nothing, of a core module or a component: what it asks of WASI is answered inside of it
    Adapt(adapt::Options),
    /// Store a component in an OCI registry, from which CREATE AGGREGATE and CREATE CONNECTOR read it
    Push(push::Options),
    /// Fetch a component from an OCI registry into a file
    Pull(pull::Options),
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
        Command::Test(options) => test::run(options),
        Command::Inspect(file) => inspect::run(file),
        Command::Bench(file) => bench::run(file),
        Command::Replay(options) => replay::run(options),
        Command::New(options) => new::run(options),
        Command::Build(options) => build::run(options),
        Command::Adapt(options) => adapt::run(options),
        Command::Push(options) => push::run(options),
        Command::Pull(options) => pull::run(options),
    }
}

impl File {
    /// As the user wrote it.
    fn name(&self) -> String {
        self.file.display().to_string()
    }

    /// Its bytes. What cannot be read is a wrong command line: nothing was said of a plugin.
    fn bytes(&self) -> Result<Vec<u8>, Failure> {
        bytes(&self.file)
    }

    /// What compiles and runs it.
    fn runtime(&self) -> Result<Runtime, Failure> {
        guests::checking(&self.limits.limits())
    }
}

fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| Failure::Usage(format!("error: cannot read {}: {error}", path.display())))
}

/// A folder in a message about it.
fn shown(folder: &Path) -> String {
    if folder == Path::new(".") { "this folder".to_owned() } else { folder.display().to_string() }
}
