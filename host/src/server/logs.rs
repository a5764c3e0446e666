//! The last log lines, for people who ask the host for them.

use std::sync::Arc;

use crate::recent::Recent;

/// How many lines are kept.
const LINES_MAX: usize = 1000;

/// The last log lines, each by the deployments that it is about: their names with commas between them, which no name has.
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
        let fields = serde_json::from_str::<serde_json::Value>(line).unwrap_or_default();
        // A line about a source that several deployments share is about each of them.
        let about = ["deployment", "deployments"].into_iter().find_map(|name| fields.get(name)?.as_str());
        self.0.add(0, [(about.unwrap_or_default().to_owned(), line.to_owned())].into_iter());
    }

    /// The message of the last warning about a deployment: what one that is being started waits for.
    pub fn last_warning(&self, deployment: &str) -> Option<String> {
        let read = self.0.last(self.0.items_max());
        let about = read.items.iter().rev().filter(|item| is_about(&item.key, deployment));
        let mut lines = about.filter_map(|item| serde_json::from_str::<serde_json::Value>(&item.json).ok());
        let is_warning =
            |line: &serde_json::Value| line.get("level").and_then(|level| level.as_str()) == Some("warn");
        let warning = lines.find(is_warning)?;
        Some(warning.get("message")?.as_str()?.to_owned())
    }

    /// The lines.
    pub fn recent(&self) -> &Arc<Recent> {
        &self.0
    }
}

/// Whether a line that is kept by these deployments is about one of them.
pub fn is_about(deployments: &str, deployment: &str) -> bool {
    deployments.split(',').any(|name| name == deployment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deployment_waits_for_what_the_last_warning_about_it_says() {
        let logs = Logs::default();
        for line in [
            r#"{"message":"first","level":"warn","deployment":"one"}"#,
            r#"{"message":"no broker","level":"warn","deployments":"one,two"}"#,
            r#"{"message":"version 1 runs","level":"info","deployment":"one"}"#,
            r#"{"message":"of another","level":"warn","deployment":"three"}"#,
        ] {
            logs.add(line);
        }
        assert_eq!(logs.last_warning("one").as_deref(), Some("no broker"));
        assert_eq!(logs.last_warning("four"), None);
    }

    #[test]
    fn a_line_about_a_source_is_about_each_deployment_that_reads_it() {
        let logs = Logs::default();
        for line in [
            r#"{"message":"a","deployment":"one"}"#,
            r#"{"message":"b","source":"s","deployments":"one,two"}"#,
            r#"{"message":"c"}"#,
            "no JSON",
        ] {
            logs.add(line);
        }
        let read = logs.recent().last(10);
        let about =
            |name: &str| -> Vec<bool> { read.items.iter().map(|item| is_about(&item.key, name)).collect() };
        assert_eq!(about("one"), [true, true, false, false]);
        assert_eq!(about("two"), [false, true, false, false]);
        assert_eq!(about("tw"), [false; 4]);
    }
}
