//! `streamgauge drop`: ends a deployment.

use clap::Args;
use reqwest::Method;

use super::{HostOptions, Remote, Request};
use crate::cli::{Failure, say};

/// Options of `drop`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Options {
    /// The deployment
    name: String,
    /// Remove its state at once
    #[arg(long)]
    purge: bool,
    #[command(flatten)]
    host: HostOptions,
}

pub(in crate::cli) fn run(options: &Options) -> Result<(), Failure> {
    let name = options.name.as_str();
    let query = options.purge.then(|| ("purge", "true".to_owned()));
    let request =
        Request { method: Method::DELETE, path: &["deployments", name], query: query.as_slice(), body: None };
    Remote::new(&options.host)?.ask(request)?;
    let state =
        if options.purge { "with its state" } else { "its state is kept for a while (--purge removes it)" };
    say(&format!("deployment '{name}' is dropped, {state}"));
    Ok(())
}
