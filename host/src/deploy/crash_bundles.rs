//! Where crash bundles of a deployment are kept.

use std::{path::Path, sync::Arc};

use streamgauge_sql::manifest::Manifest;

use super::{Deployment, DeploymentBuilder, tasks::aggregates};
use crate::crashes::{CrashFolder, Crashes};

/// The folder of crash bundles in a state: no name of a query becomes this one.
const CRASHES: &str = "+crashes";

impl Deployment<'_> {
    /// The folder of crash bundles; none = nothing is kept.
    pub(super) fn crash_folder(&self) -> Option<Arc<CrashFolder>> {
        let beside_state = || Some(self.state.as_ref()?.local_folder()?.join(CRASHES));
        let path = self.crash_bundles.map(Path::to_owned).or_else(beside_state)?;
        Some(Arc::new(CrashFolder::new(path)))
    }

    /// What is kept of the faults of a query's reducers.
    pub(super) fn crashes_of(&self, manifest: &Manifest, builder: &DeploymentBuilder<'_>) -> Crashes {
        let crashes = builder.crashes.clone();
        Crashes::new(crashes, self.plugins.clone(), &manifest.name, aggregates(manifest))
            .hinting(self.advice.keeping_bundles())
    }
}
