//! The tables of a deployment: each is read once, whatever number of its queries look up rows in it.

use streamgauge_state::store::Store;

use super::{Deployment, DeploymentBuilder};
use crate::{
    deploy::DeployError,
    metrics::TableMetrics,
    query::{DecisionLog, RunningQuery, TaskTables},
    table::{FeedSettings, TableFeed},
};

impl Deployment<'_> {
    /// The tables that a query and its readers look up rows in.
    pub(super) fn tables(
        &self,
        running: &RunningQuery,
        store: Option<Store>,
        log: &mut DecisionLog,
        builder: &mut DeploymentBuilder<'_>,
    ) -> Result<TaskTables, DeployError> {
        let mut feeds = Vec::new();
        for name in running.tables() {
            let Some(table) = self.program.tables.iter().find(|table| table.name == name) else {
                unreachable!("a query joins only tables that are declared")
            };
            let open = || {
                TableFeed::open(
                    table,
                    FeedSettings {
                        bytes_max: self.limits.max_table_bytes,
                        permissions: self.permissions.cloned(),
                        metrics: TableMetrics::new(self.name, &name),
                    },
                )
            };
            feeds.push(builder.tables.entry(name.clone()).or_insert_with(open).clone());
        }
        let tables = TaskTables::new(feeds, store, log.take_tables(), self.checkpoints_kept);
        let bad = |why: String| DeployError::Input(format!("error: query '{}': {why}", running.name()));
        let mut tables = tables.map_err(bad)?;
        tables.begin(log).map_err(bad)?;
        Ok(tables)
    }
}
