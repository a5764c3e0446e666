//! Where queries that read alone come back to the others when they are level.
//!
//! One pipeline of a source leads. Another that is close behind asks it to keep the batches that it takes from now on; when
//! it has come as far as the leader was then, it hands its queries over, and the leader gives them what it has kept since:
//! records that they have folded already are passed over by their offsets. The leader never waits.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use streamgauge_common::clock::Stopwatch;
use streamgauge_state::manifest::Offsets;

use super::{Pipeline, PipelineEvent, Run};
use crate::{decode::Batch, query::QueryTask};

/// How many records a partition may be behind for its queries to be close.
const REJOIN_WITHIN_RECORDS: i64 = 20_000;
/// How often it is looked whether queries that read alone are level.
const REJOIN_EVERY: Duration = Duration::from_millis(50);
/// Batches that a leader keeps for those that come back.
const CATCH_UP_BATCHES_MAX: usize = 256;

/// The meeting place of a source's pipelines.
#[derive(Default)]
pub struct RejoinPoint {
    inner: Mutex<Inner>,
    /// Whether there is something for the leader to do.
    news: AtomicBool,
}

#[derive(Default)]
struct Inner {
    /// Whether some pipeline leads.
    has_primary: bool,
    /// Where the leader stands, about.
    primary_offsets: Offsets,
    /// Somebody is close.
    wanted: bool,
    /// Where the leader stood when it began to keep batches.
    since: Option<Offsets>,
    /// Queries that come back.
    arrived: Vec<QueryTask>,
}

/// What a leader keeps for those that come back.
#[derive(Default)]
pub(super) struct CatchUpBuffer {
    batches: Vec<Batch>,
    /// Where it stood when it began; none = it keeps nothing.
    since: Option<Offsets>,
}

impl RejoinPoint {
    /// Becomes the leader, if there is none.
    pub(super) fn become_primary(&self) -> bool {
        let mut inner = self.lock();
        !std::mem::replace(&mut inner.has_primary, true)
    }

    /// Leads no longer. Gives queries that were to come back.
    pub(super) fn step_down(&self) -> Vec<QueryTask> {
        let mut inner = self.lock();
        (inner.has_primary, inner.wanted, inner.since) = (false, false, None);
        std::mem::take(&mut inner.arrived)
    }

    /// Says where the leader stands.
    pub(super) fn tell(&self, offsets: &Offsets) {
        self.lock().primary_offsets.clone_from(offsets);
    }

    /// Hands queries over to the leader, if they are level with it; otherwise they stay.
    pub(super) fn join(&self, tasks: &mut Vec<QueryTask>) {
        let mut inner = self.lock();
        let Some(offsets) = tasks.first().map(|task| task.offsets().clone()) else { return };
        if !inner.has_primary || !is_behind(&inner.primary_offsets, &offsets, REJOIN_WITHIN_RECORDS) {
            return;
        }
        match &inner.since {
            Some(since) if is_behind(since, &offsets, 0) => {
                inner.arrived.append(tasks);
                self.news.store(true, Relaxed);
            }
            Some(_) => {}
            None => {
                inner.wanted = true;
                self.news.store(true, Relaxed);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing that could panic happens while it is held.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pipeline {
    /// Queries that read alone come back when they are level with those of the pipeline that leads.
    pub(super) fn rejoin_or_receive(&mut self, run: &mut Run, tell: &dyn Fn(PipelineEvent)) {
        let source = self.source.clone();
        let Some(rejoin) = &source.rejoin else { return };
        if run.is_primary {
            let offsets = self.tasks.first().map(|task| task.offsets().clone()).unwrap_or_default();
            if run.since_rejoin.elapsed() >= REJOIN_EVERY {
                run.since_rejoin = Stopwatch::start();
                rejoin.tell(&offsets);
            }
            let (level, batches, others) = run.kept.receive(rejoin, &offsets);
            for mut task in level {
                batches.iter().for_each(|batch| task.take(batch));
                task.close();
                self.tasks.push(task);
            }
            others.into_iter().for_each(|task| tell(PipelineEvent::Detached(Box::new(task))));
        } else if run.begun && run.since_rejoin.elapsed() >= REJOIN_EVERY {
            run.since_rejoin = Stopwatch::start();
            let ready = |task: &QueryTask| {
                task.is_level()
                    && !task.is_behind_barrier()
                    && !task.is_blocked()
                    && task.task_failure().is_none()
            };
            match rejoin.become_primary() {
                true => run.is_primary = true,
                false if self.tasks.iter().all(ready) => rejoin.join(&mut self.tasks),
                false => {}
            }
        }
    }

    /// Another pipeline of the source may lead from now on.
    pub(super) fn step_down(&mut self, run: &mut Run, tell: &dyn Fn(PipelineEvent)) {
        if let (true, Some(rejoin)) = (std::mem::take(&mut run.is_primary), &self.source.rejoin) {
            run.kept = CatchUpBuffer::default();
            rejoin.step_down().into_iter().for_each(|task| tell(PipelineEvent::Detached(Box::new(task))));
        }
    }
}

impl CatchUpBuffer {
    /// Keeps a batch that was taken, if somebody is close.
    pub(super) fn add(&mut self, batch: Batch, rejoin: &RejoinPoint) {
        if self.since.is_none() {
            return;
        }
        self.batches.push(batch);
        if self.batches.len() > CATCH_UP_BATCHES_MAX {
            self.forget(rejoin);
        }
    }

    /// What the leader does for those that come back: gives their queries, each with what it has still to take.
    pub(super) fn receive(
        &mut self,
        rejoin: &RejoinPoint,
        offsets: &Offsets,
    ) -> (Vec<QueryTask>, Vec<Batch>, Vec<QueryTask>) {
        if !rejoin.news.swap(false, Relaxed) {
            return Default::default();
        }
        let mut inner = rejoin.lock();
        let arrived = std::mem::take(&mut inner.arrived);
        if arrived.is_empty() {
            if inner.wanted && self.since.is_none() {
                self.since = Some(offsets.clone());
                inner.since.clone_from(&self.since);
            }
            return Default::default();
        }
        (inner.wanted, inner.since) = (false, None);
        drop(inner);
        let (batches, since) = (std::mem::take(&mut self.batches), self.since.take());
        // Every partition must be known there: one that has appeared since would hold nothing back.
        let knows_all =
            |task: &QueryTask| offsets.keys().all(|partition| task.offsets().contains_key(partition));
        // One may have registered columns since some of these batches were decoded.
        let can_take_all = |task: &QueryTask| batches.iter().all(|batch| task.can_take(batch));
        let level = |task: &QueryTask| {
            knows_all(task)
                && can_take_all(task)
                && since.as_ref().is_some_and(|since| is_behind(since, task.offsets(), 0))
        };
        let (level, others) = arrived.into_iter().partition(level);
        (level, batches, others)
    }

    fn forget(&mut self, rejoin: &RejoinPoint) {
        let mut inner = rejoin.lock();
        (inner.wanted, inner.since) = (false, None);
        drop(inner);
        self.batches.clear();
        self.since = None;
    }
}

/// Whether on no partition somebody is more than `records` ahead of the others.
fn is_behind(somebody: &Offsets, others: &Offsets, records: i64) -> bool {
    somebody.iter().all(|(partition, there)| {
        others.get(partition).is_some_and(|here| here.next.saturating_add(records) >= there.next)
    })
}
