//! What people are told of a source. Several deployments may read it: a line about it names all of them.

use std::collections::BTreeSet;

use tracing::{error, info, warn};

use super::Pipeline;

impl Pipeline {
    /// Something about the source needs attention.
    pub(super) fn warn_of_source(&self, text: &str) {
        warn!(source = self.source.name, deployments = self.deployments(), "{text}");
    }

    /// Something about the source is as it should be.
    pub(super) fn tell_of_source(&self, text: &str) {
        info!(source = self.source.name, deployments = self.deployments(), "{text}");
    }

    /// The source cannot be read on.
    pub(super) fn tell_source_failed(&self, why: &str) {
        let (source, deployments) = (&self.source.name, self.deployments());
        error!(source, deployments, "error: source '{source}' failed: {why}");
    }

    /// Whose tasks read the source, with commas between them.
    fn deployments(&self) -> String {
        let names = self.tasks.iter().map(|task| task.context().subscription.deployment.as_str());
        names.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(",")
    }
}
