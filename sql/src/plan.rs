//! Step 3: a bound query cut into what runs before the windows, in them and behind them.

mod build;
mod stage;
mod explain;

use crate::{
    encode::{self, EncodeError},
    expr::Code,
    manifest::Manifest,
};

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

impl Plan {
    /// The query as a WebAssembly component, with [`Plan::manifest`] in a section.
    ///
    /// # Errors
    /// Where the code is too large for a component.
    pub fn component(&self) -> Result<Vec<u8>, EncodeError> {
        encode::component(&self.manifest, self.ingest.as_ref(), self.emit.as_ref())
    }
}
