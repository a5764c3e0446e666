//! The binary: the command line and its exit status; everything else is in the library.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    streamgauge::cli::process::prepare();
    streamgauge::cli::Cli::parse().run()
}
