//! `streamgauge health`: whether a host answers, for containers without a shell.

use std::time::Duration;

use clap::Args;
use streamgauge_common::clock::{self, Stopwatch};

use super::{HostOptions, Remote};
use crate::cli::{Failure, print, run::duration};

const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Options of `health`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Options {
    /// Ask whether every deployment that should run reads its sources, and not only whether the host answers
    #[arg(long)]
    ready: bool,
    /// Ask again for so long until it is so
    #[arg(long, value_name = "TIME", value_parser = duration)]
    wait: Option<Duration>,
    #[command(flatten)]
    host: HostOptions,
}

pub(in crate::cli) fn run(options: &Options) -> Result<(), Failure> {
    let remote = Remote::new(&options.host)?;
    let since = Stopwatch::start();
    loop {
        let failure = match remote.probe(if options.ready { "readyz" } else { "livez" }) {
            Ok((200, text)) => return print(&text),
            Ok((_, text)) => Failure::Input(format!("error: {}", text.trim_end())),
            // Containers know 0 and 1 only.
            Err(Failure::Runtime(text)) => Failure::Input(text),
            Err(failure) => failure,
        };
        if options.wait.is_none_or(|wait| since.elapsed() >= wait) {
            return Err(failure);
        }
        clock::pause(LOOK_EVERY);
    }
}
