//! The loop of a pipeline: gives what its reader has to the tasks that are level, and looks after these. The way of a batch through a
//! task goes on in `query/task/barriers.rs`, `query.rs` and `query/emit.rs`.
//!
//! One thread for queries that read a source and are level. What waits (files, Kafka, receivers) and what is heavy (JSON)
//! happens on other threads, behind bounded queues; this thread folds, closes and decides. A query whose plugin failed, or
//! whose sink takes nothing more, leaves the others and goes on by a reader of its own.

mod drain;
pub mod reader;
mod skew_guard;
pub mod bisect;
mod letters;
mod rejoin;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use drain::detach_failed;
use reader::{Event, SourceReader};
use rejoin::CatchUpBuffer;
use skew_guard::reject_future;
use streamgauge_common::{
    clock::{self, Stopwatch},
    offset::Offset,
    partition::{Partition, SourceIndex},
    topic_id::TopicId,
    wakeup::{Stop, Wakeup},
};
use streamgauge_engine::WindowQuery;
use streamgauge_state::backend::StateBackend;
use tracing::{error, info, warn};

use crate::{
    decode::Batch,
    query::{QueryTask, ReadFrom, TaskEnd},
};

pub use drain::{Drain, Input, park};
pub use rejoin::RejoinPoint;
pub use skew_guard::SkewGuard;

/// How long the loop waits for input before it looks at idleness, outputs and whether to stop. It is not notified there: it waits for the
/// queue of its reader.
const TICK: Duration = Duration::from_millis(20);
/// How long a query whose sink takes nothing more may hold up the others.
const PATIENCE: Duration = Duration::from_millis(100);

/// Which of its tasks' inputs a pipeline reads: a task has one as yet. What a reader knows by the number of its partition a task knows
/// by [`Partition`]; a pipeline makes the one of the other.
pub const INPUT: SourceIndex = SourceIndex::FIRST;

/// Opens a reader of a source.
pub type OpenReader = Box<dyn Fn(&ReadFrom) -> Result<SourceReader, String> + Send + Sync>;

/// What is the same for all that read a source.
pub struct Source {
    /// Its name.
    pub name: String,
    /// Opens a reader of it.
    pub open: OpenReader,
    /// Whether it can be read only once (standard input).
    pub once: bool,
    /// Where queries that read alone come back to the others; none where the input has an end.
    pub rejoin: Option<RejoinPoint>,
    /// How far ahead of its record an event may be; none = as far as it likes.
    pub skew_guard: Option<SkewGuard>,
    /// How often state is captured.
    pub checkpoint_interval: Duration,
    /// How long deliveries may take at the end.
    pub drain_timeout: Duration,
    /// How often plugins may fail.
    pub faults: FaultLimits,
}

/// How often the plugins of a query may fail before it is failed. No row depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultLimits {
    /// `max_traps`: faults without progress and without a record to blame.
    pub traps_max: u32,
    /// `max_poison_records`: records of one batch that each make a plugin fail.
    pub poison_records_max: usize,
}

impl Default for FaultLimits {
    fn default() -> Self {
        Self { traps_max: 3, poison_records_max: 100 }
    }
}

/// A reader, and the query tasks that are level with it. They may be of several deployments.
pub struct Pipeline {
    /// What is read.
    pub source: Arc<Source>,
    /// Where decoded batches come from.
    pub reader: SourceReader,
    /// The queries that read the source.
    pub tasks: Vec<QueryTask>,
}

/// What a pipeline has to tell the runtime; what is for people it tells by `tracing`.
pub enum PipelineEvent {
    /// A query cannot go on with the others: it failed, or its sink takes nothing more. Or it cannot go on at all.
    Detached(Box<QueryTask>),
    /// Their deployment is to be paused or dropped, or nobody reads its rows any more.
    Unwanted(Vec<QueryTask>),
}

impl Pipeline {
    /// Runs to the end of the input, or until `stop`.
    pub fn run(mut self, stop: &Stop, tell: &dyn Fn(PipelineEvent)) -> Vec<TaskEnd> {
        let mut run = Run {
            wakeup: wakeup_of(&self.tasks, stop),
            told: BTreeSet::new(),
            since_checkpoint: Stopwatch::start(),
            assigned: BTreeMap::new(),
            buffered: BTreeSet::new(),
            begun: false,
            input: Input::Open,
            is_primary: self.source.rejoin.as_ref().is_some_and(RejoinPoint::become_primary),
            catch_up: CatchUpBuffer::default(),
            since_rejoin: Stopwatch::start(),
        };
        while !stop.is_set() && !self.tasks.is_empty() && run.input == Input::Open {
            if self.has_unwritten_letters() {
                self.wait_for_letters(&mut run, stop, tell);
                continue;
            }
            self.close_what_is_complete();
            if self.is_blocked() {
                self.wait_for_room(&mut run, stop, tell);
                continue;
            }
            match self.next_event() {
                Event::EndOfInput => {
                    run.input = Input::Ended;
                    break;
                }
                event => self.handle(event, &mut run),
            }
            self.look_after_tasks(&mut run, tell);
            self.rejoin_or_receive(&mut run, tell);
            self.report();
        }
        self.each_task(QueryTask::end_reading);
        self.step_down(&mut run, tell);
        Drain { timeout: self.source.drain_timeout, input: run.input }.run(self.tasks, stop, tell)
    }

    fn handle(&mut self, event: Event, run: &mut Run) {
        match event {
            Event::Assigned { partition, start, end } => self.assign(partition, start, end, run),
            Event::Batch(..) | Event::ReachedEnd { .. } | Event::Idle { .. } | Event::Done { .. }
                if !self.ensure_begun(run) => {}
            Event::Batch(batch, traced) => self.take_batch(batch, traced, run),
            Event::ReachedEnd { partition } => {
                self.each_task(|task| task.reached_end(INPUT.partition(partition)));
            }
            Event::Done { partition } => {
                self.each_task(|task| task.end(INPUT.partition(partition)));
            }
            Event::Topic(id) => self.set_topic(id),
            Event::Asked => self.set_idle_baseline(),
            Event::EndsNow(ends) => self.each_task(|task| task.set_ends_now(INPUT, &ends)),
            Event::Idle { partitions, silent } => self.idle(&partitions, silent),
            Event::Waits(text) => warn!(source = self.source.name, "{text}"),
            Event::GoesOn(text) => info!(source = self.source.name, "{text}"),
            Event::Failed(why) => {
                error!(source = self.source.name, "error: source '{}' failed: {why}", self.source.name);
                self.each_task(|task| drop(task.context().subscription.failure.set(why.clone())));
                run.input = Input::Failed(why);
            }
            Event::TimedOut | Event::EndOfInput => {}
        }
    }

    /// What comes next; before waiting for it, rows that are decided go out.
    fn next_event(&mut self) -> Event {
        match self.reader.next(Duration::ZERO) {
            Event::TimedOut => {
                self.flush();
                self.reader.next(TICK)
            }
            event => event,
        }
    }

    fn assign(&mut self, number: u32, start: Offset, end: Option<Offset>, run: &mut Run) {
        run.assigned.insert(number, end);
        let partition = INPUT.partition(number);
        for task in &mut self.tasks {
            task.assign(partition, start);
            if let Some(engine) = task.engine_mut() {
                engine.active(partition);
            }
        }
    }

    /// Everything that there was at the start is assigned: what is fixed at a query's first start is known now, and kept
    /// before anything is decided. False where it cannot be kept: then nothing may be decided, as the next run begins anew and
    /// empties the outputs.
    fn ensure_begun(&mut self, run: &mut Run) -> bool {
        if std::mem::replace(&mut run.begun, true) {
            return run.input == Input::Open;
        }
        self.end_what_is_gone(run);
        let ends = run.assigned.iter().filter_map(|(&number, &end)| Some((INPUT.partition(number), end?)));
        let ends: BTreeMap<Partition, Offset> = ends.collect();
        for task in &mut self.tasks {
            // The ends are fixed without a state, too: a task that goes on alone reads to the same.
            if !task.has_begun() && task.log().backend().is_none_or(|backend| !backend.has_checkpoint()) {
                task.set_ends(ends.clone());
                task.checkpoint(false);
                task.log().backend().iter().for_each(|backend| backend.wait());
            }
            task.begin();
            task.context().subscription.progress.set_begun();
        }
        if let Some(why) = self.tasks.iter().find_map(|task| task.log().backend()?.failure()) {
            run.input = Input::Failed(why);
        }
        run.input == Input::Open
    }

    /// Partitions that a query has read and that are there no longer: nothing more comes of them, and windows do not wait for them.
    fn end_what_is_gone(&mut self, run: &Run) {
        let source = self.source.name.clone();
        self.each_task(|task| {
            let gone = task.offsets().iter().filter(|(partition, progress)| {
                partition.source == INPUT && !progress.done && !run.assigned.contains_key(&partition.number)
            });
            let gone: Vec<Partition> = gone.map(|(&partition, _)| partition).collect();
            for partition in gone {
                let name = task.name();
                let deployment = &task.context().subscription.deployment;
                warn!(
                    deployment,
                    query = name,
                    source,
                    partition = partition.number,
                    "query '{name}': partition {} of source '{source}', which it has read, is not there any more; its windows \
                     do not wait for it",
                    partition.number
                );
                task.end(partition);
            }
        });
    }

    fn take_batch(&mut self, mut batch: Batch, traced: reader::Traced, run: &mut Run) {
        if let Some(guard) = &self.source.skew_guard {
            reject_future(&mut batch, guard, clock::now_us());
        }
        let within = traced.as_ref().map(|traced| traced.within());
        self.each_task(|task| task.work(|task| task.take_within(INPUT, &batch, within)));
        traced.into_iter().for_each(|traced| traced.end(&self.source.name, &batch));
        if let (true, Some(rejoin)) = (run.is_primary, &self.source.rejoin) {
            run.catch_up.add(batch, rejoin);
        }
    }

    fn each_task(&mut self, tell: impl FnMut(&mut QueryTask)) {
        self.tasks.iter_mut().for_each(tell);
    }

    /// Queries whose state does not say of which topic its offsets are adopt the one that is read.
    fn set_topic(&mut self, id: Option<TopicId>) {
        let Some(id) = id else {
            let text = "its brokers give topics no ids, so a topic that is deleted and made anew is noticed only where it does not have \
                        the next offset";
            return warn!(source = self.source.name, "source '{}': {text}", self.source.name);
        };
        for task in &mut self.tasks {
            if task.set_topic(id) && task.log().backend().is_some_and(StateBackend::has_checkpoint) {
                let name = task.name();
                let deployment = &task.context().subscription.deployment;
                warn!(
                    deployment,
                    query = name,
                    source = self.source.name,
                    "query '{name}': its state does not say which topic it has read; it goes on with the one that is there, {id}"
                );
            }
        }
    }

    /// Where each query stands while leaders are asked whether silent partitions are idle. Tasks behind a
    /// replay barrier are left out: they first repeat their forced closes.
    fn set_idle_baseline(&mut self) {
        let engines =
            self.tasks.iter_mut().filter(|task| !task.is_behind_barrier()).filter_map(QueryTask::engine_mut);
        engines.for_each(WindowQuery::set_idle_baseline);
    }

    /// Partitions were idle when their leaders were asked: up to there they hold no windows open; when all are, time itself goes on.
    fn idle(&mut self, partitions: &[u32], silent: Duration) {
        let partitions: Vec<Partition> = partitions.iter().map(|&number| INPUT.partition(number)).collect();
        let silent_us = i64::try_from(silent.as_micros()).unwrap_or(i64::MAX);
        self.each_task(|task| {
            if !task.is_behind_barrier()
                && let Some(engine) = task.engine_mut()
            {
                engine.idle(&partitions, silent_us);
                task.work(QueryTask::close);
            }
        });
    }

    /// Decides windows that were complete when there was no room for their rows, where there is some now.
    fn close_what_is_complete(&mut self) {
        self.tasks
            .iter_mut()
            .filter(|task| task.has_undecided() && !task.is_blocked())
            .for_each(|task| task.work(QueryTask::close));
    }

    /// Whether nothing can be taken now: a sink takes nothing more.
    fn is_blocked(&self) -> bool {
        self.tasks.iter().any(QueryTask::is_blocked)
    }

    /// Waits until all sinks take rows again. A query that holds up others for too long leaves them.
    fn wait_for_room(&mut self, run: &mut Run, stop: &Stop, tell: &dyn Fn(PipelineEvent)) {
        self.flush();
        let since = Stopwatch::start();
        while self.is_blocked()
            && !stop.is_set()
            && let Some(left) = PATIENCE.checked_sub(since.elapsed())
        {
            run.wakeup.wait_until(left, || {
                !self.is_blocked() || stop.is_set() || self.tasks.iter().any(QueryTask::is_to_leave)
            });
            self.look_after_tasks(run, tell);
        }
        if !self.is_blocked() || stop.is_set() {
            return;
        }
        if self.tasks.len() > 1 && !self.source.once {
            for task in self.tasks.extract_if(.., |task| task.is_blocked()) {
                tell(PipelineEvent::Detached(Box::new(task)));
            }
        }
        if self.is_blocked() {
            // A back-pressured pipeline gives up its primary role, because the others would wait for it.
            self.step_down(run, tell);
        }
    }

    /// What is due beside events: checkpoints, tasks that cannot go on, tasks whose deployment is paused or dropped.
    fn look_after_tasks(&mut self, run: &mut Run, tell: &dyn Fn(PipelineEvent)) {
        let buffered: BTreeSet<u32> =
            self.tasks.iter().flat_map(QueryTask::buffered).filter_map(number_of).collect();
        if buffered != run.buffered {
            self.reader.hold(buffered.clone());
            run.buffered = buffered;
        }
        // Not before what is fixed at the first start is known: the first checkpoint fixes it.
        if run.begun && run.since_checkpoint.elapsed() >= self.source.checkpoint_interval {
            run.since_checkpoint = Stopwatch::start();
            self.flush();
            for task in &mut self.tasks {
                if task.sync_letters() {
                    task.work(|task| task.checkpoint(false));
                }
            }
        }
        self.tell_failures(&mut run.told);
        detach_failed(&mut self.tasks, tell);
        self.detach_slow(tell);
        let is_unwanted = |task: &mut QueryTask| !task.context().subscription.is_wanted();
        let unwanted: Vec<QueryTask> = self.tasks.extract_if(.., is_unwanted).collect();
        if !unwanted.is_empty() {
            tell(PipelineEvent::Unwanted(unwanted));
        }
    }

    /// Tasks that take too much of the time of the others go on by readers of their own.
    fn detach_slow(&mut self, tell: &dyn Fn(PipelineEvent)) {
        if self.source.once || self.tasks.iter().all(|task| task.is_slow() || !task.has_begun()) {
            return;
        }
        for task in self.tasks.extract_if(.., |task| task.is_slow() && task.has_begun()) {
            let (query, deployment) = (task.name(), &task.context().subscription.deployment);
            info!(
                deployment,
                query,
                "query '{query}': its plugins are slow, so it reads '{}' by a reader of its own",
                self.source.name
            );
            tell(PipelineEvent::Detached(Box::new(task)));
        }
    }

    fn flush(&mut self) {
        self.each_task(QueryTask::flush);
    }

    /// Says at once which readers of views have failed: they may be few of many.
    fn tell_failures(&self, told: &mut BTreeSet<(String, String)>) {
        for task in &self.tasks {
            let deployment = &task.context().subscription.deployment;
            for (query, why) in task.query().failures() {
                if told.insert((deployment.clone(), query.to_owned())) {
                    error!(deployment, query, "query '{query}' failed: {why}");
                }
            }
        }
    }

    fn report(&mut self) {
        let least =
            self.tasks.iter_mut().filter_map(QueryTask::engine_mut).map(|engine| engine.watermark()).min();
        self.each_task(|task| task.report(least));
    }
}

/// The number by which the reader knows a partition, where it is of the input that is read.
fn number_of(partition: Partition) -> Option<u32> {
    (partition.source == INPUT).then_some(partition.number)
}

/// Notified when one of the tasks may go on, has to leave or has delivered something, and when it is time to stop.
pub fn wakeup_of(tasks: &[QueryTask], stop: &Stop) -> Arc<Wakeup> {
    let wakeup = Arc::new(Wakeup::default());
    stop.add_listener(&wakeup);
    tasks.iter().for_each(|task| task.add_listener(&wakeup));
    wakeup
}

/// What a run of the loop remembers.
struct Run {
    /// Notified of what the loop waits for beside input.
    wakeup: Arc<Wakeup>,
    /// Failed queries that were reported, with their deployments.
    told: BTreeSet<(String, String)>,
    since_checkpoint: Stopwatch,
    /// Partitions, with the ends to which they are read.
    assigned: BTreeMap<u32, Option<Offset>>,
    /// Partitions that are not read on for now.
    buffered: BTreeSet<u32>,
    /// Whether the first checkpoints are made.
    begun: bool,
    input: Input,
    /// Whether this pipeline is the primary of its source.
    is_primary: bool,
    catch_up: CatchUpBuffer,
    since_rejoin: Stopwatch,
}
