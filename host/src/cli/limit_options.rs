//! `--limit NAME=VALUE`, of every command that has to do with queries.

use clap::Args;

use crate::limits::{Limits, Setting};

/// The limits that are not what they are by default.
#[derive(Debug, Args)]
pub(super) struct LimitOptions {
    /// Set a limit: max_groups=2000000, plugin_memory=2GiB, plugin_call_timeout=2s; `streamgauge run --help` lists them. Can be given several
    /// times
    #[arg(long = "limit", value_name = "NAME=VALUE", value_parser = Setting::parse)]
    settings: Vec<Setting>,
}

impl LimitOptions {
    /// All limits; of two settings of one limit the later counts.
    pub(super) fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        self.settings.iter().for_each(|setting| limits.apply(setting));
        limits
    }
}
