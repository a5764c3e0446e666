//! The last log lines, for people who ask the host for them.

use std::sync::Arc;

use crate::recent::Recent;

/// How many lines are kept.
const LINES_MAX: usize = 1000;

/// The last log lines, each by the deployment that it is about.
#[derive(Clone, Debug)]
pub struct Logs(Arc<Recent>);

impl Default for Logs {
    fn default() -> Self {
        Self(Arc::new(Recent::new(LINES_MAX)))
    }
}

impl Logs {
    /// One more line, which is a JSON object.
    pub fn add(&self, line: &str) {
        let deployment = serde_json::from_str::<serde_json::Value>(line)
            .ok()
            .and_then(|line| Some(line.get("deployment")?.as_str()?.to_owned()));
        self.0.add(0, [(deployment.unwrap_or_default(), line.to_owned())].into_iter());
    }

    /// The lines.
    pub fn recent(&self) -> &Arc<Recent> {
        &self.0
    }
}
