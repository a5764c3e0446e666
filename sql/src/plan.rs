//! Step 3: a bound query cut into what runs before the windows, in them and behind them.

mod stage;
mod build;
mod explain;

use crate::expr::Code;
use crate::manifest::Manifest;

pub(crate) use build::build;

/// A query ready to be encoded. Its `Display` is EXPLAIN.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What the host gets to know.
    pub manifest: Manifest,
    /// WHERE and computed columns; there if and only if [`Manifest::ingest`] is.
    pub ingest: Option<Code>,
    /// HAVING and computed output columns; there if and only if [`Manifest::emit`] is.
    pub emit: Option<Code>,
}
