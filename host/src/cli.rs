//! The command line: one file a subcommand, each with its options and `run`.

mod adhoc;
mod check;
mod compile;
mod completions;
mod demo;
mod explain;
mod files;
mod layout;
mod limit_options;
mod log_options;
pub mod process;
mod program;
mod run;
mod set_options;
mod state;

use std::{
    fmt,
    io::{ErrorKind, Write, stdout},
    process::ExitCode,
};

use clap::{ColorChoice, Parser, Subcommand};
use serde::Serialize;

use crate::deploy::DeployError;

/// SQL window queries, compiled to WebAssembly components, over Kafka.
#[derive(Debug, Parser)]
#[command(name = "streamgauge", version, about, after_help = EXIT_STATUS)]
pub struct Cli {
    /// When diagnostics are coloured: on a terminal where NO_COLOR is not set, always, or never
    #[arg(long, global = true, value_name = "auto|always|never", default_value_t = ColorChoice::Auto, hide_possible_values = true)]
    color: ColorChoice,
    #[command(subcommand)]
    command: Command,
}

const EXIT_STATUS: &str = "\
Rows go to standard output, everything else to standard error.

Exit status:
  0  done
  1  the input is wrong: SQL, an unreadable file, a missing secret
  2  usage: an unknown flag, source or sink
  3  failed at run time: a query failed, or its state does not fit
  130  interrupted before it began, or twice
A bug ends it by SIGABRT, with a message.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Show everything at work in one process: traffic, a Kafka broker, the example queries
    Demo(demo::Options),
    /// Check query files, offline: silent, or diagnostics and exit status 1
    Check(check::Options),
    /// Print the plan of a query file: slices, reducers and what crosses into WebAssembly
    Explain(explain::Options),
    /// Compile a query file: one WebAssembly component a query
    Compile(compile::Options),
    /// Run query files over Kafka or over files
    Run(run::Options),
    /// Answer a SELECT over a file, or over what a topic holds now, and end: a table
    Query(adhoc::query::Options),
    /// Show the events of a source as they come, decoded
    Tap(adhoc::tap::Options),
    /// Lay query files out alike: a clause a line, two spaces a level
    Fmt(layout::Options),
    /// Show or remove what --state keeps, or go on with a topic that was made anew
    State(state::Options),
    /// Print the completions of a shell: bash, elvish, fish, powershell or zsh
    Completions(completions::Options),
    /// Print the manual page: streamgauge man > streamgauge.1
    Man,
}

impl Cli {
    /// Runs the command that was given.
    pub fn run(self) -> ExitCode {
        color(self.color);
        let done = match self.command {
            Command::Demo(options) => demo::run(options),
            Command::Check(options) => check::run(&options),
            Command::Explain(options) => explain::run(&options),
            Command::Compile(options) => compile::run(&options),
            Command::Run(options) => run::run(&options),
            Command::State(options) => state::run(&options),
            Command::Query(options) => adhoc::query::run(&options),
            Command::Tap(options) => adhoc::tap::run(&options),
            Command::Fmt(options) => layout::run(&options),
            Command::Completions(options) => completions::run(&options),
            Command::Man => completions::man(),
        };
        match done {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => {
                if !matches!(failure, Failure::Told | Failure::ToldInput) {
                    say_with_help(&failure.to_string());
                }
                ExitCode::from(failure.status())
            }
        }
    }
}

/// Why a command ended without doing its work; says what the reader must do.
#[derive(Debug)]
enum Failure {
    /// The user's input is wrong; the text is complete, diagnostics included.
    Input(String),
    /// The command line is wrong.
    Usage(String),
    /// Something failed while it ran.
    Runtime(String),
    /// The same, and it was said already.
    Told,
    /// The user's input is wrong, and that was said already.
    ToldInput,
}

impl Failure {
    fn status(&self) -> u8 {
        match self {
            Self::Input(_) | Self::ToldInput => 1,
            Self::Usage(_) => 2,
            Self::Runtime(_) | Self::Told => 3,
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
            Self::Told | Self::ToldInput => Ok(()),
        }
    }
}

/// Colours are for terminals unless the command line says otherwise; [`say`] takes them out elsewhere.
fn color(choice: ColorChoice) {
    let choice = match choice {
        ColorChoice::Auto => anstream::ColorChoice::Auto,
        ColorChoice::Always => anstream::ColorChoice::Always,
        ColorChoice::Never => anstream::ColorChoice::Never,
    };
    choice.write_global();
}

/// Tells people: diagnostics, notices and the closing line, on standard error.
pub(crate) fn say(text: &dyn fmt::Display) {
    // Standard error cannot be written: there is no other place to report that.
    drop(anstream::stderr().lock().write_all(format!("{text}\n").as_bytes()));
}

/// Tells of an error, with what can be done where the system is its cause.
fn say_with_help(error: &str) {
    say(&error);
    process::help(error).into_iter().for_each(|help| say(&format!("help: {help}")));
}

/// Prints what was asked for as JSON, on standard output.
fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value);
    let text = text.map_err(|error| Failure::Runtime(format!("error: cannot write JSON: {error}")))?;
    print(&format!("{text}\n"))
}

/// Prints what was asked for, on standard output; a reader that went away is no failure.
fn print(text: &str) -> Result<(), Failure> {
    match stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::Runtime(format!("error: cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}
