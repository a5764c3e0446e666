//! The command line: one file a subcommand, each with its options and `run`.

mod adhoc;
pub mod ahead;
mod cells;
mod check;
mod compile;
mod completions;
mod config;
mod demo;
mod explain;
mod failure;
mod files;
mod guests;
mod layout;
mod limit_options;
mod log_options;
mod option_list;
mod plugin;
pub mod process;
mod program;
mod remote;
mod run;
mod serve;
mod set_options;
mod state;
mod telemetry;
mod token;

use std::{
    fmt,
    io::{ErrorKind, Write, stdout},
    process::ExitCode,
};

use clap::{ColorChoice, Parser, Subcommand};
use serde::Serialize;
use tracing::{Level, dispatcher::with_default};

use self::failure::Failure;
use crate::logging::{self, LogFormat};

/// SQL window queries, compiled to WebAssembly components, over Kafka.
#[derive(Debug, Parser)]
#[command(name = "streamgauge", version, long_version = LONG_VERSION, about, after_help = EXIT_STATUS)]
pub struct Cli {
    /// When diagnostics are coloured: on a terminal where NO_COLOR is not set, always, or never
    #[arg(long, global = true, value_name = "auto|always|never", default_value_t = ColorChoice::Auto, hide_possible_values = true)]
    color: ColorChoice,
    #[command(subcommand)]
    command: Command,
}

const LONG_VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    "\ncommit ",
    env!("STREAMGAUGE_COMMIT"),
    "\nplugins streamgauge:plugin@0.2.0, and 0.1.0\nengine wasmtime ",
    env!("STREAMGAUGE_ENGINE")
);

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
    /// Run the host: deployments that are changed while it runs, by HTTP or the commands below
    Serve(serve::Options),
    /// Deploy query files to a host, or show what that would do
    Deploy(remote::deploy::Options),
    /// List the deployments of a host
    List(remote::list::Options),
    /// Show a deployment: its queries, its earlier versions, its SQL
    Show(remote::show::Options),
    /// Show the rows of a query as they come
    Tail(remote::tail::Options),
    /// Show the log of a host
    Logs(remote::logs::Options),
    /// Let a deployment read nothing more until it is resumed
    Pause(remote::change::Options),
    /// Let a paused deployment read on
    Resume(remote::change::Options),
    /// Go back to the version of a deployment before this one, with its states of then
    Rollback(remote::change::Options),
    /// Copy the states of a deployment
    Savepoint(remote::change::Options),
    /// End a deployment; its state is kept for a while
    Drop(remote::drop::Options),
    /// Ask whether a host answers: exit status 0 if it does
    Health(remote::health::Options),
    /// Check or show the configuration of the host
    Config(config::Options),
    /// Make tokens for the API of the host
    Token(token::Options),
    /// Answer a SELECT over a file, or over what a topic holds now, and end: a table
    Query(adhoc::query::Options),
    /// Show the events of a source as they come, decoded
    Tap(adhoc::tap::Options),
    /// Print what WITH of a source or sink takes: all options of all connectors, or of one
    Options(option_list::Options),
    /// Lay query files out alike: a clause a line, two spaces a level
    Fmt(layout::Options),
    /// Show or remove what --state keeps, or go on with a topic that was made anew
    State(state::Options),
    /// Begin, build, test, check or inspect a reducer or sink of your own: a WebAssembly component of streamgauge:plugin
    Plugin(plugin::Options),
    /// Print the completions of a shell: bash, elvish, fish, powershell or zsh
    Completions(completions::Options),
    /// Print the manual page: streamgauge man > streamgauge.1
    Man,
}

impl Command {
    /// What lines on standard error look like.
    fn log_format(&self) -> LogFormat {
        match self {
            Self::Demo(options) => options.log.format(),
            Self::Run(options) => options.log.format(),
            Self::Query(options) => options.log.format(),
            Self::Tap(options) => options.log.format(),
            Self::Serve(options) => options.log_format(),
            _ => LogFormat::Text,
        }
    }

    /// Up to which level events are told.
    fn log_level(&self) -> Level {
        match self {
            Self::Demo(options) => options.log.level(),
            Self::Run(options) => options.log.level(),
            Self::Query(options) => options.log.level(),
            Self::Tap(options) => options.log.level(),
            _ => Level::INFO,
        }
    }

    /// Does what was asked for.
    fn run(self) -> Result<(), Failure> {
        match self {
            Self::Demo(options) => demo::run(options),
            Self::Check(options) => check::run(&options),
            Self::Explain(options) => explain::run(&options),
            Self::Compile(options) => compile::run(&options),
            Self::Run(options) => run::run(&options),
            Self::Serve(options) => serve::run(&options),
            Self::Deploy(options) => remote::deploy::run(&options),
            Self::List(options) => remote::list::run(&options),
            Self::Show(options) => remote::show::run(&options),
            Self::Tail(options) => remote::tail::run(&options),
            Self::Logs(options) => remote::logs::run(&options),
            Self::Pause(options) => remote::change::run(&options, "pause", "paused"),
            Self::Resume(options) => remote::change::run(&options, "resume", "runs again"),
            Self::Rollback(options) => remote::change::run(&options, "rollback", "is rolled back"),
            Self::Savepoint(options) => remote::change::run(&options, "savepoint", "has a savepoint"),
            Self::Drop(options) => remote::drop::run(&options),
            Self::Health(options) => remote::health::run(&options),
            Self::Config(options) => config::run(&options),
            Self::Token(options) => token::run(&options),
            Self::State(options) => state::run(&options),
            Self::Query(options) => adhoc::query::run(&options),
            Self::Tap(options) => adhoc::tap::run(&options),
            Self::Options(options) => option_list::run(&options),
            Self::Fmt(options) => layout::run(&options),
            Self::Plugin(options) => plugin::run(&options),
            Self::Completions(options) => completions::run(&options),
            Self::Man => completions::man(),
        }
    }
}

impl Cli {
    /// Runs the command that was given.
    pub fn run(self) -> ExitCode {
        color(self.color);
        let format = self.command.log_format();
        // What happens before a program runs: while it runs it tells in a way of its own.
        let lines = logging::dispatch(self.command.log_level(), format, |line| say(&line));
        let done = with_default(&lines, || self.command.run());
        match done {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => {
                failure.tell(format);
                ExitCode::from(failure.status())
            }
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
