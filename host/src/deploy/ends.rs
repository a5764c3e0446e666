//! Queries that aggregate without windows have their rows when their input ends: which of them read a source that has no end.

use streamgauge_sql::{
    Compiled, Diagnostic, Endless, Query,
    manifest::{Input, Manifest},
};

use super::{Connectors, DeployError, Deployment};

/// What is wrong with the queries that wait for the end of a source, where topics are read on and on.
pub fn without_end(compiled: &Compiled, connectors: &Connectors) -> Vec<Diagnostic> {
    let has_end = |endless: &&Endless| {
        let mut sources = compiled.program.sources.iter();
        let source = sources.find(|source| source.name == endless.source);
        let connector = source.and_then(|source| Some((source, connectors.source(&source.connector)?)));
        connector.is_some_and(|(source, connector)| !connector.files(source).is_empty())
    };
    let endless = compiled.endless.iter().filter(|endless| !has_end(endless));
    endless.map(|endless| endless.diagnostic.clone()).collect()
}

impl Deployment<'_> {
    /// Refuses queries that would never have a row. The commands say it with the place in the file.
    pub(super) fn check_ends(&self, needed: &[&Query]) -> Result<(), DeployError> {
        let waits =
            |manifest: &&Manifest| manifest.window.as_ref().is_some_and(|window| !window.kind.has_bounds());
        for manifest in needed.iter().map(|query| &query.plan.manifest).filter(waits) {
            let mut read = manifest;
            while let Some(before) = needed
                .iter()
                .map(|query| &query.plan.manifest)
                .find(|before| read.input.query() == Some(before.name.as_str()))
            {
                read = before;
            }
            let Input::Source(name) = &read.input else { continue };
            let source = self.program.sources.iter().find(|source| source.name == *name);
            if source.is_some_and(|source| !self.source_ends(source)) {
                return Err(DeployError::Input(format!(
                    "error: query '{}' aggregates without windows, so it has its rows when the source '{name}' ends, which it never does\n\
                     help: write windows, such as FROM TUMBLE({name}, ts, INTERVAL '1' MINUTE), or read it with --bounded or --input {name}=FILE",
                    manifest.name
                )));
            }
        }
        Ok(())
    }
}
