//! The binary: the command line and its exit status; everything else is in the library.

use std::process::ExitCode;

use clap::Parser;
use streamgauge_component::compiler;

fn main() -> ExitCode {
    if let Some(compiled) = compiler::child::serve() {
        return compiled;
    }
    if let Some(compiled) = streamgauge::cli::ahead::serve() {
        return compiled;
    }
    streamgauge::cli::process::prepare();
    streamgauge::cli::Cli::parse().run()
}
