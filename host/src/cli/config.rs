//! `streamgauge config`: the configuration of the host, checked and shown.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{
    Failure, print, print_json,
    serve::{read_settings, told},
};
use crate::config::{Config, schema};

/// Options of `config`.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check the configuration: silent, or what is wrong and exit status 1
    Check(File),
    /// Print what holds, and where each value comes from
    Show(File),
    /// Print the JSON Schema of the configuration, for editors
    Schema,
}

#[derive(Debug, Args)]
struct File {
    /// The configuration; without it the defaults and the environment hold
    #[arg(long, value_name = "FILE", env = "STREAMGAUGE_CONFIG")]
    config: Option<PathBuf>,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    match &options.command {
        Command::Check(file) => {
            let settings = read_settings(file.config.as_deref())?;
            Config::new(&settings).map(drop).map_err(|wrong| told(&[wrong]))
        }
        Command::Show(file) => print(&read_settings(file.config.as_deref())?.shown()),
        Command::Schema => print_json(&schema()),
    }
}
