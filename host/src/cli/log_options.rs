//! `-v`, `-q` and `--log-format`: what is told while something runs.

use std::time::Duration;

use clap::{Args, ValueEnum};
use tracing::Level;

use super::run::duration;
use crate::logging::LogFormat;

/// How much is told, and how.
#[derive(Debug, Args)]
pub(super) struct LogOptions {
    /// Tell details as well
    #[arg(short, long, conflicts_with = "quiet")]
    verbose: bool,
    /// Tell only what failed or wants attention; no progress, no counts at the end
    #[arg(short, long)]
    quiet: bool,
    /// What standard error tells: words, or a JSON object a line (timestamp, level, message, and fields such as query)
    #[arg(long, value_name = "text|json", default_value = "text", hide_possible_values = true)]
    log_format: Format,
    /// How often a run that shows no line on a terminal says how far it is: 10s, 1m, 1h
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = duration)]
    summary_interval: Duration,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Text,
    Json,
}

impl LogOptions {
    /// Up to which level events are told.
    pub(super) fn level(&self) -> Level {
        match (self.verbose, self.quiet) {
            (true, _) => Level::DEBUG,
            (_, true) => Level::WARN,
            _ => Level::INFO,
        }
    }

    /// What a line looks like.
    pub(super) fn format(&self) -> LogFormat {
        match self.log_format {
            Format::Text => LogFormat::Text,
            Format::Json => LogFormat::Json,
        }
    }

    /// How often it is said how far a run is, where no terminal shows it.
    pub(super) fn summary_interval(&self) -> Duration {
        self.summary_interval
    }

    /// Whether a terminal shows how far a run is.
    pub(super) fn shows_progress(&self) -> bool {
        !self.quiet && self.format() == LogFormat::Text
    }
}
