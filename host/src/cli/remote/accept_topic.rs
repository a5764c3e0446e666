//! `streamgauge accept-topic`: a deployment goes on with another topic of the same name.

use clap::Args;

use super::change;
use crate::cli::Failure;

/// Options of `accept-topic`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Options {
    #[command(flatten)]
    change: change::Options,
    /// The source, as the SQL of the deployment calls it
    #[arg(value_name = "SOURCE")]
    source: String,
    /// Read the new topic from its start; without it, from the offsets up to which the old one was read
    #[arg(long)]
    from_start: bool,
}

pub(in crate::cli) fn run(options: &Options) -> Result<(), Failure> {
    let mut query = vec![("source", options.source.clone())];
    query.extend(options.from_start.then(|| ("from_start", "true".to_owned())));
    change::ask(&options.change, "accept-topic", &query, "goes on with the topic that it finds")
}
