//! When a query task begins to use another version of a table.

use streamgauge_common::partition::Partition;
use streamgauge_engine::{Fault, Pass};

use super::QueryTask;
use crate::{
    decode::Batch,
    query::{Standing, TaskTables},
};

impl QueryTask {
    /// The same, with the tables that it looks up rows in.
    #[must_use]
    pub fn with_tables(self, tables: TaskTables) -> Self {
        Self { tables, ..self }
    }

    /// Uses the latest versions of its tables from here on, where that is possible: nothing waits to be decided, and all that was decided
    /// before was done again.
    pub(super) fn adopt_tables(&mut self) {
        if !self.tables.has_news() || !self.state.is_at_work() || self.pass() != Pass::Live {
            return;
        }
        let closed_upto = self.closed_upto();
        let standing = Standing { offsets: &self.offsets, closed_upto };
        if self.has_undecided() || !self.log.is_done_again(&standing) {
            return;
        }
        if let Err(why) = self.tables.adopt(&standing, &mut self.log) {
            self.fail(Fault::deterministic("the state", why).into());
        }
    }

    /// Up to which end windows over its source are closed.
    pub(super) fn closed_upto(&self) -> i64 {
        self.query.windows().map_or(i64::MIN, |windows| windows.engine.closed_upto())
    }

    /// How many records of a batch come before another version of a table counts, where that is a part of them.
    pub(super) fn divided_by_tables(&self, partition: Partition, batch: &Batch) -> Option<usize> {
        if self.tables.is_empty() {
            return None;
        }
        let boundary = self.tables.boundary(partition, *batch.chunk.offsets.first()?)?;
        let before = batch.chunk.records_before(boundary);
        (0 < before && before < batch.chunk.len()).then_some(before)
    }
}
