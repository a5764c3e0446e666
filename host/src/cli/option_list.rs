//! `streamgauge options`: what WITH takes.

use clap::Args;

use super::{Failure, print, program};
use crate::{
    deploy::{Connectors, OptionPage},
    limits::Limits,
};

/// Options of `options`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Only the tables of this connector, such as kafka
    connector: Option<String>,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let page = OptionPage::new(&Connectors::default(), &program::plugins(&Limits::default())?)
        .map_err(|why| Failure::Runtime(format!("error: {why}")))?;
    let Some(connector) = &options.connector else { return print(&page.to_string()) };
    match page.of(connector) {
        Some(tables) => print(&tables),
        None => Err(Failure::Usage(format!(
            "error: there is no connector '{connector}'\nhelp: there is {}",
            page.connectors().join(", ")
        ))),
    }
}
