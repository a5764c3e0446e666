//! A query that reads a source, with all that read its rows: the unit of state, of offsets and of failure.

mod life;
mod traps;
mod barriers;
mod closing;
mod versions;
mod rewind;
mod checkpoint;
mod recording;
mod outcome;
mod pace;
mod spans;
mod read_from;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use streamgauge_common::{
    clock::Stopwatch,
    crash::{self, Phase},
    offset::Offset,
    panics,
    partition::{Partition, SourceIndex},
    topic_id::TopicId,
};
use streamgauge_engine::{Accumulators, Fault, RestoreError, Settings, WindowQuery};
use streamgauge_kafka::StartAt;
use streamgauge_state::{
    decision::Verdict,
    manifest::{Offsets, PartitionProgress, StartBounds, TaskManifest},
    outbox::Outbox,
};

use super::{
    Context, DecisionLog, InputBatch, QueryContext, RunningQuery, Subscription, TaskFailure, TaskTables,
    Windows, no_rows::NoRowsWatch,
};
use crate::{
    decode::{Batch, schema::ColumnTicket},
    traces::Within,
};

use self::{life::TaskState, pace::Pace, recording::CrashKeeping, traps::Traps};

pub use self::{outcome::TaskEnd, read_from::ReadFrom};

/// Keeps how far the input of a query was read.
pub type NoteEnd = Box<dyn Fn() + Send>;

/// Opens the accumulators of a query's aggregate calls anew.
pub type OpenAggregates = Arc<dyn Fn() -> Result<Vec<Box<dyn Accumulators>>, Fault> + Send + Sync>;

/// A query at work, and where it stands.
pub struct QueryTask {
    query: RunningQuery,
    /// Keeps the columns that it reads decoded.
    _columns: Option<TaskColumns>,
    log: DecisionLog,
    tables: TaskTables,
    context: Context,
    start_bounds: StartBounds,
    offsets: Offsets,
    /// Where reading begins, if there are no offsets yet.
    start_at: StartAt,
    /// Where it began in this process.
    start: Offsets,
    /// How far it was before it went back: dead letters and counts of records before these offsets were reported then.
    reported: Offsets,
    /// Batches that are held: they lie behind the replay barrier that a replay comes to next, or complete windows are to be decided
    /// before them.
    buffered: BTreeMap<Partition, VecDeque<Batch>>,
    /// How far its reader has read, since it began or went back.
    read: BTreeMap<Partition, Offset>,
    /// Partitions that were read to their end since their last record.
    at_end: BTreeMap<Partition, bool>,
    /// Partitions of which nothing more comes, but something may be held.
    ending: BTreeSet<Partition>,
    factory: WindowFactory,
    state: TaskState,
    traps: Traps,
    crash_keeping: CrashKeeping,
    no_rows: NoRowsWatch,
    pace: Pace,
    /// Since when there is what completes the windows that are being closed; none where none are.
    completing: Option<Stopwatch>,
    /// Keeps how far its input was read, when that has ended.
    note_end: Option<NoteEnd>,
    /// What the work is traced within, while a batch is taken.
    within: Option<Within>,
}

/// The right to the columns that a query task reads.
pub struct TaskColumns {
    /// Those of the query.
    pub own: ColumnTicket,
    /// Those of its late events, where these go to a sink.
    pub late: Option<ColumnTicket>,
}

/// How the windows of a query are made.
#[derive(Clone)]
pub struct WindowFactory {
    /// What it is told beside its windows; from where windows are emitted stands in [`StartBounds`].
    pub settings: Settings,
    /// Opens the accumulators of its aggregate calls.
    pub open: OpenAggregates,
}

impl QueryTask {
    /// A query that begins, or goes on at `offsets`.
    pub fn new(
        mut query: RunningQuery,
        log: DecisionLog,
        mut context: Context,
        start_bounds: StartBounds,
        offsets: Offsets,
        factory: WindowFactory,
    ) -> Self {
        let mut names = Vec::new();
        query.number(&mut names);
        context.name_queries(names);
        if query.manifest().window.is_some() {
            context.time_closes(query.name());
        }
        Self {
            query,
            _columns: None,
            log,
            tables: TaskTables::default(),
            context,
            start_bounds,
            start_at: StartAt::Earliest,
            reported: Offsets::new(),
            start: offsets.clone(),
            offsets,
            buffered: BTreeMap::new(),
            read: BTreeMap::new(),
            at_end: BTreeMap::new(),
            ending: BTreeSet::new(),
            factory,
            state: TaskState::default(),
            traps: Traps::default(),
            crash_keeping: CrashKeeping::default(),
            no_rows: NoRowsWatch::default(),
            pace: Pace::default(),
            completing: None,
            note_end: None,
            within: None,
        }
    }

    /// The same; where it calls plugins of users and they take too much of the time of the tasks that it shares a reader with, it leaves
    /// these.
    #[must_use]
    pub fn that_may_be_slow(mut self, calls_own_plugins: bool) -> Self {
        if calls_own_plugins {
            self.pace.watch();
        }
        self
    }

    /// Does some of its work, which takes time of the tasks that it shares a reader with.
    pub fn work(&mut self, work: impl FnOnce(&mut Self)) {
        let subscription = self.context.subscription.clone();
        panics::working_for(&subscription.deployment, || {
            let Some(before) = self.pace.begin() else { return work(self) };
            work(self);
            self.pace.end(before);
        });
    }

    /// A plugin took longer than a call may, or more memory.
    pub fn exhausted(&mut self) {
        self.pace.exhausted();
    }

    /// Whether it takes so much time that it is to go on by a reader of its own, and to stay there.
    pub fn is_slow(&self) -> bool {
        self.pace.is_slow()
    }

    /// Its windows, where it begins.
    ///
    /// # Errors
    /// A reducer of windows over a view that cannot be started.
    pub fn begin_windows(&mut self, windows: Windows) -> Result<(), RestoreError> {
        self.query.replace_windows(Some(windows));
        self.query.put_back_over_views(&TaskManifest::default(), std::iter::empty())
    }

    /// The same, whose columns are decoded for as long as it lives.
    #[must_use]
    pub fn holding(self, columns: TaskColumns) -> Self {
        debug_assert_eq!(
            columns.own.positions(),
            self.query.columns(),
            "these are the columns that it reads"
        );
        Self { _columns: Some(columns), ..self }
    }

    /// Whether a batch was decoded with all columns that it reads: one that was read before it registered them may not be.
    pub fn can_take(&self, batch: &Batch) -> bool {
        batch.has(self.query.columns()) && self.query.late_columns().is_none_or(|late| batch.has(late))
    }

    /// The query's name.
    pub fn name(&self) -> &str {
        self.query.name()
    }

    /// Where it stands.
    pub fn offsets(&self) -> &Offsets {
        &self.offsets
    }

    /// Begins to read there, where it has read nothing yet.
    #[must_use]
    pub fn starting_at(self, start: StartAt) -> Self {
        Self { start_at: start, ..self }
    }

    /// From where it reads one of its inputs.
    pub fn read_from(&self, source: SourceIndex) -> ReadFrom {
        let offsets = self.offsets.iter().map(|(&partition, progress)| (partition, progress.next));
        let ends = self.start_bounds.ends.iter().map(|(&partition, &end)| (partition, end));
        let number = |(partition, offset): (Partition, Offset)| {
            (partition.source == source).then_some((partition.number, offset))
        };
        ReadFrom {
            offsets: offsets.filter_map(number).collect(),
            ends: ends.filter_map(number).collect(),
            topic_id: self.start_bounds.topic_id,
            start: self.start_at,
        }
    }

    /// Whether one reader serves both: they stand at the same place of the same input.
    pub fn reads_as(&self, other: &Self) -> bool {
        let (own, others) = (&self.start_bounds, &other.start_bounds);
        (&self.offsets, self.start_at) == (&other.offsets, other.start_at)
            && (own.topic_id, &own.ends) == (others.topic_id, &others.ends)
    }

    /// What was fixed when it began.
    pub fn start_bounds(&self) -> &StartBounds {
        &self.start_bounds
    }

    /// Fixes which topic its offsets are of; false where that was known.
    pub fn set_topic(&mut self, id: TopicId) -> bool {
        let is_new = self.start_bounds.topic_id.is_none();
        self.start_bounds.topic_id.get_or_insert(id);
        is_new
    }

    /// Fixes the ends to which partitions are read: they are known only when the source is open.
    pub fn set_ends(&mut self, ends: BTreeMap<Partition, Offset>) {
        self.start_bounds.ends = ends;
    }

    /// What it has counted, and whom it works for.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// The same, to change.
    pub fn context_mut(&mut self) -> &mut Context {
        &mut self.context
    }

    /// What is fixed when it first begins is known and kept.
    pub fn begin(&mut self) {
        self.state.begin();
    }

    /// Whether what is fixed when it first begins is known and kept: it may make checkpoints.
    pub fn has_begun(&self) -> bool {
        self.state.has_begun()
    }

    /// Its decisions.
    pub fn log(&self) -> &DecisionLog {
        &self.log
    }

    /// The statement, and those that read its rows.
    pub fn query(&self) -> &RunningQuery {
        &self.query
    }

    /// The windows, if it has any.
    pub fn engine_mut(&mut self) -> Option<&mut WindowQuery> {
        self.query.windows_mut().map(|windows| &mut windows.engine)
    }

    /// Why it cannot go on from here.
    pub fn task_failure(&self) -> Option<&TaskFailure> {
        self.state.failure()
    }

    /// Whether a replay has still to do what idle partitions brought about: nothing is idle before.
    pub fn is_behind_barrier(&self) -> bool {
        self.log.barrier().is_some()
    }

    /// Partitions whose records wait for a replay barrier, or for room in an outbox: they need not be read on.
    pub fn buffered(&self) -> impl Iterator<Item = Partition> + '_ {
        self.buffered.keys().copied()
    }

    /// Queries that have rows which are decided and not acknowledged, how many, and why the last try failed, if one did.
    pub fn undelivered(&self) -> impl Iterator<Item = (&str, usize, Option<String>)> {
        let outboxes = self.log.outboxes().iter();
        let rows = outboxes.map(|(query, outbox)| (query.as_str(), outbox.rows(), outbox.trouble()));
        rows.filter(|(_, rows, _)| *rows > 0)
    }

    /// Whether it can take nothing: an outbox is at its bound.
    pub fn is_blocked(&self) -> bool {
        self.state.is_at_work() && !self.log.has_room()
    }

    /// A partition is there.
    pub fn assign(&mut self, partition: Partition, start: Offset) {
        let progress = PartitionProgress { next: start, done: false };
        self.offsets.entry(partition).or_insert(progress);
        self.start.entry(partition).or_insert(progress);
        self.at_end.insert(partition, false);
    }

    /// A partition is there, and holds others back.
    pub fn assign_active(&mut self, partition: Partition, start: Offset) {
        self.assign(partition, start);
        if let Some(engine) = self.engine_mut() {
            engine.active(partition);
        }
    }

    fn fold(&mut self, source: SourceIndex, batch: &Batch) {
        let (Some(&first), Some(&last)) = (batch.chunk.offsets.first(), batch.chunk.offsets.last()) else {
            return;
        };
        let partition = source.partition(batch.chunk.partition);
        let next = self.offsets.get(&partition).map_or(Offset::MIN, |progress| progress.next);
        if first < next {
            // Its own reader began earlier than it stands: a file is read by whole chunks.
            let from = batch.chunk.records_before(next);
            if from < batch.chunk.len() {
                self.fold(source, &batch.part(from..batch.chunk.len()));
            }
            return;
        }
        if let Some(reported) = self.reported_in(partition, batch) {
            self.fold(source, &batch.part(0..reported));
            return self.place(source, &batch.part(reported..batch.chunk.len()));
        }
        if let Some(before) = self.divided_by_tables(partition, batch) {
            self.fold(source, &batch.part(0..before));
            return self.place(source, &batch.part(before..batch.chunk.len()));
        }
        let _inside = crash::during(Phase::Fold);
        match self.fold_batch(source, batch) {
            Ok(()) => {
                self.context.commit();
                self.offsets.insert(partition, PartitionProgress { next: last.next(), done: false });
                if let Some(at) =
                    self.query.windows().and_then(|windows| windows.engine.watermark_of(partition))
                {
                    self.context.subscription.progress.set_partition_watermark(partition, at);
                }
                self.completing = self.completing.or(batch.chunk.received);
                // The windows close behind it: what they say of positions includes this batch.
                self.close_windows();
            }
            Err(task_failure) => {
                self.context.roll_back();
                self.fail(TaskFailure { batch: Some((partition, first, last)), ..task_failure });
            }
        }
    }

    /// Runs a batch through the query: its windows fold it, and rows that are of no window are decided. No window is closed, and no
    /// position of the task moves.
    pub fn fold_batch(&mut self, source: SourceIndex, batch: &Batch) -> Result<(), TaskFailure> {
        let (Some(&first), Some(&last)) = (batch.chunk.offsets.first(), batch.chunk.offsets.last()) else {
            return Ok(());
        };
        let partition = source.partition(batch.chunk.partition);
        let mut input = InputBatch::of_batch(source, batch);
        for (offset, verdict) in self.log.verdicts(partition, first, last) {
            if let Some(record) = batch.chunk.find(offset) {
                input.apply_verdict(record, verdict);
            }
        }
        for (offset, why) in input.undated_future(self.query.columns()) {
            self.log.decide_verdict(partition, offset, Verdict::Future(why));
        }
        if self.query.rests() {
            let accumulators = (self.factory.open)()?;
            self.query.wake(accumulators);
        }
        let pass = self.pass();
        let Self { query, log, tables, offsets, reported, context, .. } = self;
        let scope = &mut QueryContext { context, log, tables, offsets, reported, pass, pause_at: None };
        let left = query.take(&input, scope)?;
        assert!(left.is_empty(), "what is made of records is decided by the query that reads them");
        Ok(())
    }

    /// It is over: what it has decided still leaves, nothing more is decided.
    pub fn give_up(&self) {
        self.log.outboxes().values().for_each(Outbox::close);
    }

    /// A record makes a plugin fail: it is a dead letter, now and whenever it is read again.
    pub fn quarantine(&mut self, partition: Partition, offset: Offset, why: String) {
        self.log.decide_verdict(partition, offset, Verdict::Plugin(why));
    }

    /// How it is kept how far its input was read.
    pub fn set_note_end(&mut self, note_end: NoteEnd) {
        self.note_end = Some(note_end);
    }

    /// Its input has ended: keeps how far it was read, before a checkpoint says so.
    pub fn note_end(&self) {
        self.note_end.iter().for_each(|note_end| note_end());
    }

    /// Its input has ended, everything is decided and kept.
    pub fn finish(&mut self) {
        self.state.finish();
    }
}
