//! What a statement works in, and why it cannot go on.

use streamgauge_common::{clock::thread_cpu_ns, offset::Offset, partition::Partition};
use streamgauge_engine::{Fault, Pass};
use streamgauge_state::manifest::Offsets;

use super::{Context, DecisionLog, TaskTables};
use crate::{decode::layout::ColumnSpec, deliver::dead_letter::DeadLetter};

/// What a query of a query task works in.
pub struct QueryContext<'a> {
    /// What the task counts and reports.
    pub context: &'a mut Context,
    /// The query task's decisions.
    pub log: &'a mut DecisionLog,
    /// The tables of the query task.
    pub tables: &'a TaskTables,
    /// Where the query task stands.
    pub offsets: &'a Offsets,
    /// What of records before was said already.
    pub reported: &'a Offsets,
    /// Whether what is emitted was decided before.
    pub pass: Pass,
    /// When to pause between two windows, as [`thread_cpu_ns`] counts; none = never.
    pub pause_at: Option<u64>,
}

impl QueryContext<'_> {
    /// The same for rows of another pass.
    pub(super) fn with_pass(&mut self, pass: Pass) -> QueryContext<'_> {
        let QueryContext { context, log, tables, offsets, reported, pause_at, .. } = self;
        QueryContext { context, log, tables, offsets, reported, pass, pause_at: *pause_at }
    }

    /// Whether the next window is to wait: the others of the reader have waited long enough.
    pub(super) fn pauses(&self) -> bool {
        self.pause_at.is_some_and(|at| thread_cpu_ns() >= at)
    }

    /// Writes a dead letter of the rows that are emitted; `column` is the one that is to blame, if it is one.
    pub(super) fn dead_letter(&mut self, letter: &DeadLetter<'_>, column: Option<&ColumnSpec>) {
        self.context.dead_letter(letter, column, self.pass);
    }

    /// Another column of a record that has its dead letter is to blame as well.
    pub(super) fn also_unread(&mut self, letter: &DeadLetter<'_>, column: Option<&ColumnSpec>) {
        self.context.also_unread(letter, column, self.pass);
    }
}

/// Why a query cannot go on from here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskFailure {
    /// What happened.
    pub fault: Fault,
    /// Whether rows were being folded: then one of them may be to blame.
    pub in_fold: bool,
    /// The partition, the first and the last offset of what was being folded.
    pub batch: Option<(Partition, Offset, Offset)>,
}

impl From<Fault> for TaskFailure {
    fn from(fault: Fault) -> Self {
        Self { fault, in_fold: false, batch: None }
    }
}
