//! Where queries that read alone come back to the others when they are level.
//!
//! One pipeline of a source is the *primary*. Another pipeline that is close behind asks it to buffer the batches that it takes from now
//! on; when that one has come as far as the primary was then, it hands its tasks over, and the primary gives them what it has buffered
//! since: records that they have folded already are passed over by their offsets. The primary never waits. `handover` has the states.

mod handover;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use streamgauge_common::{clock::Stopwatch, wakeup::Wakeup};
use streamgauge_state::manifest::Offsets;

use self::handover::{Handover, Todo, is_within};
use super::{INPUT, Pipeline, PipelineEvent, Run};
use crate::{decode::Batch, query::QueryTask};

/// How many records a partition may be behind for its queries to be close.
const REJOIN_WITHIN_RECORDS: i64 = 20_000;
/// How often it is looked whether queries that read alone are level.
pub(super) const REJOIN_EVERY: Duration = Duration::from_millis(50);
/// Batches that a primary buffers for tasks that come back.
const CATCH_UP_BATCHES_MAX: usize = 256;

/// What the pipelines of a source share.
#[derive(Default)]
pub struct RejoinPoint {
    inner: Mutex<Inner>,
    /// Whether there is something for the primary to do: it looks at this between batches, without a lock.
    has_work: AtomicBool,
}

#[derive(Default)]
struct Inner {
    /// What wakes the primary; none where no pipeline is.
    primary: Option<Arc<Wakeup>>,
    /// Where the primary stands, about.
    primary_offsets: Offsets,
    handover: Handover<QueryTask>,
}

/// The batches that a primary has taken since a handover was requested.
#[derive(Default)]
pub(super) enum CatchUpBuffer {
    /// None was requested.
    #[default]
    Off,
    /// They are buffered.
    On(Vec<Batch>),
}

impl RejoinPoint {
    /// Becomes the primary, if there is none; `wakeup` is notified when there is something for it to do.
    pub(super) fn become_primary(&self, wakeup: &Arc<Wakeup>) -> bool {
        let mut inner = self.lock();
        let is_free = inner.primary.is_none();
        inner.primary.get_or_insert_with(|| wakeup.clone());
        is_free
    }

    /// Is the primary no longer. Gives the tasks that were to come back.
    pub(super) fn step_down(&self) -> Vec<QueryTask> {
        let mut inner = self.lock();
        inner.primary = None;
        inner.handover.end()
    }

    /// Says where the primary stands.
    pub(super) fn tell(&self, offsets: &Offsets) {
        self.lock().primary_offsets.clone_from(offsets);
    }

    /// Hands tasks over to the primary, if they are level with it; otherwise they stay.
    pub(super) fn join(&self, tasks: &mut Vec<QueryTask>) {
        let mut inner = self.lock();
        let Some(offsets) = tasks.first().map(|task| task.offsets().clone()) else { return };
        let Some(primary) = inner.primary.clone() else { return };
        if is_within(&inner.primary_offsets, &offsets, REJOIN_WITHIN_RECORDS)
            && inner.handover.offer(&offsets, tasks)
        {
            self.has_work.store(true, Relaxed);
            primary.notify();
        }
    }

    /// What the primary, which stands at `offsets`, is to do.
    fn serve(&self, offsets: &Offsets) -> Todo<QueryTask> {
        match self.has_work.swap(false, Relaxed) {
            true => self.lock().handover.serve(offsets),
            false => Todo::Nothing,
        }
    }

    /// The primary has buffered too much.
    fn overflow(&self) {
        self.lock().handover.overflow();
        self.has_work.store(true, Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing that could panic happens while it is held.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pipeline {
    /// Queries that read alone come back when they are level with those of the primary.
    pub(super) fn rejoin_or_receive(&mut self, run: &mut Run, tell: &dyn Fn(PipelineEvent)) {
        let source = self.source.clone();
        let Some(rejoin) = &source.rejoin else { return };
        if run.is_primary {
            let offsets = self.tasks.first().map(|task| task.offsets().clone()).unwrap_or_default();
            if run.since_rejoin.elapsed() >= REJOIN_EVERY {
                run.since_rejoin = Stopwatch::start();
                rejoin.tell(&offsets);
            }
            match rejoin.serve(&offsets) {
                Todo::Nothing => {}
                Todo::Buffer => run.catch_up = CatchUpBuffer::On(Vec::new()),
                Todo::Take(tasks) => self.take_over(tasks, &offsets, run, tell),
                Todo::GiveBack(tasks) => give_back(tasks, tell),
            }
        } else if self.tasks.iter().any(QueryTask::is_slow) {
            // It would make the others slow.
        } else if run.begun && run.since_rejoin.elapsed() >= REJOIN_EVERY {
            run.since_rejoin = Stopwatch::start();
            let ready = |task: &QueryTask| {
                !task.has_undecided()
                    && !task.is_behind_barrier()
                    && !task.is_blocked()
                    && task.task_failure().is_none()
            };
            match rejoin.become_primary(&run.wakeup) {
                true => run.is_primary = true,
                false if self.tasks.iter().all(ready) => rejoin.join(&mut self.tasks),
                false => {}
            }
        }
    }

    /// Gives tasks the batches that they lack; those that cannot take them go on alone.
    fn take_over(
        &mut self,
        tasks: Vec<QueryTask>,
        offsets: &Offsets,
        run: &mut Run,
        tell: &dyn Fn(PipelineEvent),
    ) {
        let batches = std::mem::take(&mut run.catch_up).into_batches();
        // Every partition must be known there: one that has appeared since would hold nothing back.
        let knows_all =
            |task: &QueryTask| offsets.keys().all(|partition| task.offsets().contains_key(partition));
        // One may have registered columns since some of these batches were decoded.
        let can_take_all = |task: &QueryTask| batches.iter().all(|batch| task.can_take(batch));
        let (level, others): (Vec<_>, Vec<_>) =
            tasks.into_iter().partition(|task| knows_all(task) && can_take_all(task));
        for mut task in level {
            batches.iter().for_each(|batch| task.take(INPUT, batch));
            task.close();
            task.add_listener(&run.wakeup);
            self.tasks.push(task);
        }
        give_back(others, tell);
    }

    /// Another pipeline of the source may be the primary from now on.
    pub(super) fn step_down(&mut self, run: &mut Run, tell: &dyn Fn(PipelineEvent)) {
        if let (true, Some(rejoin)) = (std::mem::take(&mut run.is_primary), &self.source.rejoin) {
            run.catch_up = CatchUpBuffer::Off;
            give_back(rejoin.step_down(), tell);
        }
    }
}

fn give_back(tasks: Vec<QueryTask>, tell: &dyn Fn(PipelineEvent)) {
    tasks.into_iter().for_each(|task| tell(PipelineEvent::Detached(Box::new(task))));
}

impl CatchUpBuffer {
    /// Buffers a batch that was taken, if a handover was requested.
    pub(super) fn add(&mut self, batch: Batch, rejoin: &RejoinPoint) {
        let Self::On(batches) = self else { return };
        batches.push(batch);
        if batches.len() > CATCH_UP_BATCHES_MAX {
            *self = Self::Off;
            rejoin.overflow();
        }
    }

    fn into_batches(self) -> Vec<Batch> {
        match self {
            Self::Off => Vec::new(),
            Self::On(batches) => batches,
        }
    }
}
