//! The loop, in the order of an event's way: the only file that names all steps.
//!
//! One thread for queries that read a source and are level. What waits (files, Kafka, receivers) and what is heavy (JSON)
//! happens on other threads, behind bounded queues; this thread folds, closes and decides. A query that falls, or whose sink
//! takes nothing more, leaves the others and goes on by a reader of its own.

pub mod feed;
mod future;
mod idleness;
pub mod inquest;
mod letters;
mod meeting;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use feed::{Event, Feed};
pub use future::Future;
use future::reject_future;
use idleness::Idleness;
use meeting::Kept;
pub use meeting::Meeting;

use crate::{
    clock::{self, Stopwatch},
    decode::Batch,
    query::{Context, Counts, Root},
    state::saved::{Beginning, Positions},
};

/// How long the loop waits for input before it looks at idleness, outputs and whether to stop.
const TICK: Duration = Duration::from_millis(20);
/// How long a query whose sink takes nothing more may hold up the others.
const PATIENCE: Duration = Duration::from_millis(100);
/// How often an outbox at its bound is looked at.
const LOOK: Duration = Duration::from_millis(2);

/// Opens a reader at some positions.
pub type OpenFeed = Box<dyn Fn(&Positions, &Beginning) -> Result<Feed, String> + Send + Sync>;

/// What is the same for all that read a source.
pub struct Source {
    /// Its name.
    pub name: String,
    /// Opens a reader of it.
    pub open: OpenFeed,
    /// Whether it can be read only once (standard input).
    pub once: bool,
    /// Where queries that read alone come back to the others; none where the input has an end.
    pub meeting: Option<Meeting>,
    /// Silence after which a partition no longer holds others back.
    pub idle_timeout: Duration,
    /// How far ahead of its record an event may be; none = as far as it likes.
    pub future: Option<Future>,
    /// How often state is captured.
    pub checkpoint_interval: Duration,
    /// How long deliveries may take at the end.
    pub drain_timeout: Duration,
}

/// A reader, and the queries that are level with it.
pub struct Pipeline {
    /// What is read.
    pub source: Arc<Source>,
    /// Where decoded batches come from.
    pub feed: Feed,
    /// The queries that read the source.
    pub roots: Vec<Root>,
    /// What they share.
    pub context: Context,
    /// What others may see of it.
    pub progress: Arc<Progress>,
}

/// How far a source is; read by others while it runs.
#[derive(Debug)]
pub struct Progress {
    /// Records read.
    pub events: AtomicU64,
    /// Rows that went to a sink.
    pub rows: AtomicU64,
    /// The least watermark of its queries, in microseconds; `i64::MIN` = none yet.
    pub watermark_us: AtomicI64,
}

impl Default for Progress {
    fn default() -> Self {
        Self { events: AtomicU64::new(0), rows: AtomicU64::new(0), watermark_us: AtomicI64::new(i64::MIN) }
    }
}

/// What a pipeline has to tell while it runs.
pub enum Told {
    /// Something that people should know.
    Notice(String),
    /// A query cannot go on with the others: it fell, its sink takes nothing more, or it cannot go on at all.
    Left(Box<Root>),
}

/// How a pipeline ended.
#[derive(Debug, Default)]
pub struct Ended {
    /// What was counted.
    pub counts: Counts,
    /// The queries that failed, with why; a source that failed stands here under its own name.
    pub failures: Vec<(String, String)>,
}

impl Pipeline {
    /// Runs to the end of the input, or until `stop`.
    pub fn run(mut self, stop: &AtomicBool, tell: &dyn Fn(Told)) -> Ended {
        let mut run = Run {
            idleness: Idleness::new(self.source.idle_timeout),
            told: BTreeSet::new(),
            since_checkpoint: Stopwatch::start(),
            assigned: BTreeMap::new(),
            held: BTreeSet::new(),
            begun: false,
            ended: false,
            failure: None,
            is_durable: self.roots.iter().any(|root| root.journal().is_durable()),
            unwritten: None,
            undelivered: Vec::new(),
            leads: self.source.meeting.as_ref().is_some_and(Meeting::lead),
            kept: Kept::default(),
            since_met: Stopwatch::start(),
        };
        while !stop.load(Relaxed) && !self.context.unread && !self.roots.is_empty() && run.failure.is_none() {
            if self.waits_for_letters(&mut run, tell) || self.is_blocked(&mut run, stop, tell) {
                continue;
            }
            match self.next_event() {
                Event::Over => {
                    run.ended = true;
                    break;
                }
                event => self.handle(event, &mut run, tell),
            }
            self.watch_idle(&mut run);
            self.look_after_roots(&mut run, tell);
            self.meet(&mut run, tell);
            self.report();
        }
        self.resign(&mut run, tell);
        self.end_well(&mut run, stop, tell);
        self.ended(run)
    }

    fn handle(&mut self, event: Event, run: &mut Run, tell: &dyn Fn(Told)) {
        match event {
            Event::Assigned { partition, start, end } => self.assign(partition, start, end, run),
            Event::Batch(batch) => {
                self.begin(run);
                self.take(batch, run);
            }
            Event::ReachedEnd { partition } => {
                self.begin(run);
                run.idleness.reached_end(partition);
                self.each_root(|root, context| root.reached_end(partition, context));
            }
            Event::Done { partition } => {
                self.begin(run);
                self.each_root(|root, context| root.end(partition, context));
            }
            Event::Connected(connected) => run.idleness.connected(connected),
            Event::Notice(text) => tell(Told::Notice(text)),
            Event::Failed(why) => {
                tell(Told::Notice(format!("source '{}' failed: {why}", self.context.source)));
                run.failure = Some(why);
            }
            Event::Quiet | Event::Over => {}
        }
    }

    /// What comes next; before waiting for it, rows that are decided go out.
    fn next_event(&mut self) -> Event {
        match self.feed.next(Duration::ZERO) {
            Event::Quiet => {
                self.flush();
                self.feed.next(TICK)
            }
            event => event,
        }
    }

    fn assign(&mut self, partition: u32, start: i64, end: Option<i64>, run: &mut Run) {
        run.idleness.arrived(partition);
        run.assigned.insert(partition, end);
        for root in &mut self.roots {
            root.assign(partition, start);
            if let Some(engine) = root.engine_mut() {
                engine.active(partition);
            }
        }
    }

    /// Everything that there was at the start is assigned: what is fixed at a query's first start is known now, and kept
    /// before anything is decided.
    fn begin(&mut self, run: &mut Run) {
        if std::mem::replace(&mut run.begun, true) {
            return;
        }
        let ends: BTreeMap<u32, i64> =
            run.assigned.iter().filter_map(|(&partition, &end)| Some((partition, end?))).collect();
        for root in &mut self.roots {
            if root.journal().keeper().is_some_and(|keeper| !keeper.has_checkpoint()) {
                root.set_ends(ends.clone());
                root.checkpoint(false);
                root.journal().keeper().iter().for_each(|keeper| keeper.wait());
            }
        }
    }

    fn take(&mut self, mut batch: Batch, run: &mut Run) {
        let partition = batch.chunk.partition;
        if run.idleness.arrived(partition) {
            self.each_root(|root, _| {
                if let Some(engine) = root.engine_mut() {
                    engine.active(partition);
                }
            });
        }
        self.context.counts.events += batch.chunk.len() as u64;
        if let Some(future) = self.source.future {
            reject_future(&mut batch, future, clock::now_us());
        }
        self.each_root(|root, context| root.take(&batch, context));
        if let (true, Some(meeting)) = (run.leads, &self.source.meeting) {
            run.kept.add(batch, meeting);
        }
    }

    fn each_root(&mut self, mut tell: impl FnMut(&mut Root, &mut Context)) {
        let Self { roots, context, .. } = self;
        roots.iter_mut().for_each(|root| tell(root, context));
    }

    /// Partitions that have gone quiet stop holding windows open; when all are, time itself goes on. Not while a replay has
    /// still to do what earlier silence brought about.
    fn watch_idle(&mut self, run: &mut Run) {
        if self.roots.iter().any(Root::is_gated) {
            return;
        }
        let idle = run.idleness.newly_idle();
        let all_idle = run.idleness.all_idle();
        if idle.is_empty() && all_idle.is_none() {
            return;
        }
        self.each_root(|root, context| {
            if let Some(engine) = root.engine_mut() {
                idle.iter().for_each(|&partition| engine.idle(partition));
                if let Some(silent) = all_idle {
                    engine.all_idle(i64::try_from(silent.as_micros()).unwrap_or(i64::MAX));
                }
            }
            root.close(context);
        });
    }

    /// Whether nothing can be taken now. A query that holds up others for too long leaves them.
    fn is_blocked(&mut self, run: &mut Run, stop: &AtomicBool, tell: &dyn Fn(Told)) -> bool {
        let Self { roots, context, .. } = self;
        roots
            .iter_mut()
            .filter(|root| !root.is_level() && !root.is_blocked())
            .for_each(|root| root.close(context));
        if !self.roots.iter().any(Root::is_blocked) {
            return false;
        }
        self.flush();
        let since = Stopwatch::start();
        while self.roots.iter().any(Root::is_blocked) && !stop.load(Relaxed) && since.elapsed() < PATIENCE {
            clock::pause(LOOK);
        }
        run.idleness.passed_over();
        if self.roots.len() > 1 && !self.source.once {
            let (blocked, others) = std::mem::take(&mut self.roots).into_iter().partition(Root::is_blocked);
            self.roots = others;
            let blocked: Vec<Root> = blocked;
            blocked.into_iter().for_each(|root| tell(Told::Left(Box::new(root))));
        }
        if self.roots.iter().any(Root::is_blocked) {
            // Nobody is to wait for who waits.
            self.resign(run, tell);
        }
        self.look_after_roots(run, tell);
        true
    }

    /// What is due beside events: checkpoints, queries that fell, deliveries that cannot go on.
    fn look_after_roots(&mut self, run: &mut Run, tell: &dyn Fn(Told)) {
        let held: BTreeSet<u32> = self.roots.iter().flat_map(Root::held).collect();
        if held != run.held {
            self.feed.hold(held.clone());
            run.held = held;
        }
        if run.since_checkpoint.elapsed() >= self.source.checkpoint_interval {
            run.since_checkpoint = Stopwatch::start();
            self.flush();
            if self.sync_letters() {
                self.roots.iter_mut().for_each(|root| root.checkpoint(false));
            }
        }
        self.context.unread |= self.roots.iter().any(|root| root.journal().is_unread());
        self.tell_failures(&mut run.told, tell);
        let cannot_go_on = |root: &Root| root.fallen().is_some() || root.failure().is_some();
        let (leaving, others) = std::mem::take(&mut self.roots).into_iter().partition(cannot_go_on);
        self.roots = others;
        let leaving: Vec<Root> = leaving;
        leaving.into_iter().for_each(|root| tell(Told::Left(Box::new(root))));
    }

    fn flush(&mut self) {
        if std::mem::take(&mut self.context.wrote) {
            self.each_root(Root::flush);
            self.context.flush_letters();
        }
    }

    /// Says at once which readers of views have failed: they may be few of many.
    fn tell_failures(&self, told: &mut BTreeSet<String>, tell: &dyn Fn(Told)) {
        for (query, why) in self.roots.iter().flat_map(|root| root.query().failures()) {
            if !told.contains(query) {
                told.insert(query.to_owned());
                tell(Told::Notice(format!("query '{query}' failed: {why}")));
            }
        }
    }

    fn report(&mut self) {
        self.progress.events.store(self.context.counts.events, Relaxed);
        self.progress.rows.store(self.context.counts.rows, Relaxed);
        let engines = self.roots.iter_mut().filter_map(Root::engine_mut);
        if let Some(least) = engines.map(|engine| engine.watermark()).min() {
            self.progress.watermark_us.store(least, Relaxed);
        }
    }

    /// What is decided is delivered, as far as it can be in time; where everything is, that is kept.
    fn end_well(&mut self, run: &mut Run, stop: &AtomicBool, tell: &dyn Fn(Told)) {
        let since = Stopwatch::start();
        let timeout = self.source.drain_timeout;
        while run.ended && since.elapsed() < timeout && self.roots.iter().any(|root| !root.is_level()) {
            self.each_root(|root, context| root.close(context));
            clock::pause(LOOK);
            if stop.load(Relaxed) {
                break;
            }
        }
        self.flush();
        self.look_after_roots(run, tell);
        let unsettled = |roots: &[Root]| roots.iter().map(|root| root.journal().unsettled()).sum::<usize>();
        self.roots.iter().for_each(|root| root.journal().keeper().iter().for_each(|keeper| keeper.wait()));
        while since.elapsed() < timeout
            && (unsettled(&self.roots) > 0 || self.context.letters_wait().is_some())
        {
            clock::pause(LOOK);
            self.context.flush_letters();
            self.look_after_roots(run, tell);
        }
        let finished = run.ended && unsettled(&self.roots) == 0;
        run.undelivered = self.roots.iter().flat_map(|root| undelivered(root, timeout)).collect();
        if !self.sync_letters() || self.context.letters_wait().is_some() {
            // No checkpoint says that records are done whose dead letters are not there.
            return run.unwritten = self.context.letters_wait();
        }
        for root in &mut self.roots {
            root.journal().keeper().iter().for_each(|keeper| keeper.wait());
            if finished {
                root.finish();
            }
            root.checkpoint(finished);
            root.journal().keeper().iter().for_each(|keeper| keeper.wait());
        }
    }

    fn ended(self, run: Run) -> Ended {
        let mut failures = run.undelivered;
        for (query, why) in self.roots.iter().flat_map(|root| root.query().failures()) {
            failures.push((format!("query '{query}'"), why.to_owned()));
        }
        let source = format!("source '{}'", self.context.source);
        let unwritten = run.unwritten.map(|why| letters::unwritten(&why, run.is_durable));
        failures.extend(run.failure.into_iter().chain(unwritten).map(|why| (source.clone(), why)));
        Ended { counts: self.context.counts, failures }
    }
}

/// What people are told of rows that wait on at the end, by query.
fn undelivered(root: &Root, within: Duration) -> impl Iterator<Item = (String, String)> {
    let fate = match root.journal().is_durable() {
        true => "the next run with this state delivers them",
        false => "they are lost, as without --state nothing is kept",
    };
    root.undelivered().map(move |(query, rows)| {
        (format!("query '{query}'"), format!("rows not delivered within {within:?}: {rows}; {fate}"))
    })
}

/// What a run of the loop remembers.
struct Run {
    idleness: Idleness,
    /// Failures that people know of.
    told: BTreeSet<String>,
    since_checkpoint: Stopwatch,
    /// Partitions, with the ends to which they are read.
    assigned: BTreeMap<u32, Option<i64>>,
    /// Partitions that are not read on for now.
    held: BTreeSet<u32>,
    /// Whether the first checkpoints are made.
    begun: bool,
    /// Whether the input has ended.
    ended: bool,
    failure: Option<String>,
    /// Whether its queries keep state.
    is_durable: bool,
    /// Why some dead letters are not written.
    unwritten: Option<String>,
    /// Queries some of whose rows could not be delivered in time, with what is to be told of it.
    undelivered: Vec<(String, String)>,
    /// Whether this pipeline leads those of its source.
    leads: bool,
    kept: Kept,
    since_met: Stopwatch,
}
