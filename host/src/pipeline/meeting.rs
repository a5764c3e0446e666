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
use streamgauge_state::saved::Positions;

use super::{Pipeline, Run, Told};
use crate::{decode::Batch, query::Root};

/// How many records a partition may be behind for its queries to be close.
const CLOSE: i64 = 20_000;
/// How often it is looked whether queries that read alone are level.
const MEET_EVERY: Duration = Duration::from_millis(50);
/// Batches that a leader keeps for those that come back.
const KEPT_MAX: usize = 256;

/// The meeting place of a source's pipelines.
#[derive(Default)]
pub struct Meeting {
    inner: Mutex<Inner>,
    /// Whether there is something for the leader to do.
    news: AtomicBool,
}

#[derive(Default)]
struct Inner {
    /// Whether some pipeline leads.
    led: bool,
    /// Where the leader stands, about.
    leader: Positions,
    /// Somebody is close.
    wanted: bool,
    /// Where the leader stood when it began to keep batches.
    since: Option<Positions>,
    /// Queries that come back.
    arrived: Vec<Root>,
}

/// What a leader keeps for those that come back.
#[derive(Default)]
pub(super) struct Kept {
    batches: Vec<Batch>,
    /// Where it stood when it began; none = it keeps nothing.
    since: Option<Positions>,
}

impl Meeting {
    /// Becomes the leader, if there is none.
    pub(super) fn lead(&self) -> bool {
        let mut inner = self.lock();
        !std::mem::replace(&mut inner.led, true)
    }

    /// Leads no longer. Gives queries that were to come back.
    pub(super) fn resign(&self) -> Vec<Root> {
        let mut inner = self.lock();
        (inner.led, inner.wanted, inner.since) = (false, false, None);
        std::mem::take(&mut inner.arrived)
    }

    /// Says where the leader stands.
    pub(super) fn tell(&self, positions: &Positions) {
        self.lock().leader.clone_from(positions);
    }

    /// Hands queries over to the leader, if they are level with it; otherwise they stay.
    pub(super) fn join(&self, roots: &mut Vec<Root>) {
        let mut inner = self.lock();
        let Some(positions) = roots.first().map(|root| root.positions().clone()) else { return };
        if !inner.led || !is_behind(&inner.leader, &positions, CLOSE) {
            return;
        }
        match &inner.since {
            Some(since) if is_behind(since, &positions, 0) => {
                inner.arrived.append(roots);
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
    pub(super) fn meet(&mut self, run: &mut Run, tell: &dyn Fn(Told)) {
        let source = self.source.clone();
        let Some(meeting) = &source.meeting else { return };
        if run.leads {
            let positions = self.roots.first().map(|root| root.positions().clone()).unwrap_or_default();
            if run.since_met.elapsed() >= MEET_EVERY {
                run.since_met = Stopwatch::start();
                meeting.tell(&positions);
            }
            let (level, batches, others) = run.kept.receive(meeting, &positions);
            for mut root in level {
                batches.iter().for_each(|batch| root.take(batch, &mut self.context));
                root.close(&mut self.context);
                self.roots.push(root);
            }
            others.into_iter().for_each(|root| tell(Told::Left(Box::new(root))));
        } else if run.begun && run.since_met.elapsed() >= MEET_EVERY {
            run.since_met = Stopwatch::start();
            let ready = |root: &Root| {
                root.is_level() && !root.is_gated() && !root.is_blocked() && root.fallen().is_none()
            };
            match meeting.lead() {
                true => run.leads = true,
                false if self.roots.iter().all(ready) => meeting.join(&mut self.roots),
                false => {}
            }
        }
    }

    /// Another pipeline of the source may lead from now on.
    pub(super) fn resign(&mut self, run: &mut Run, tell: &dyn Fn(Told)) {
        if let (true, Some(meeting)) = (std::mem::take(&mut run.leads), &self.source.meeting) {
            run.kept = Kept::default();
            meeting.resign().into_iter().for_each(|root| tell(Told::Left(Box::new(root))));
        }
    }
}

impl Kept {
    /// Keeps a batch that was taken, if somebody is close.
    pub(super) fn add(&mut self, batch: Batch, meeting: &Meeting) {
        if self.since.is_none() {
            return;
        }
        self.batches.push(batch);
        if self.batches.len() > KEPT_MAX {
            self.forget(meeting);
        }
    }

    /// What the leader does for those that come back: gives their queries, each with what it has still to take.
    pub(super) fn receive(
        &mut self,
        meeting: &Meeting,
        positions: &Positions,
    ) -> (Vec<Root>, Vec<Batch>, Vec<Root>) {
        if !meeting.news.swap(false, Relaxed) {
            return Default::default();
        }
        let mut inner = meeting.lock();
        let arrived = std::mem::take(&mut inner.arrived);
        if arrived.is_empty() {
            if inner.wanted && self.since.is_none() {
                self.since = Some(positions.clone());
                inner.since.clone_from(&self.since);
            }
            return Default::default();
        }
        (inner.wanted, inner.since) = (false, None);
        drop(inner);
        let (batches, since) = (std::mem::take(&mut self.batches), self.since.take());
        // Every partition must be known there: one that has appeared since would hold nothing back.
        let knows_all =
            |root: &Root| positions.keys().all(|partition| root.positions().contains_key(partition));
        let level = |root: &Root| {
            knows_all(root) && since.as_ref().is_some_and(|since| is_behind(since, root.positions(), 0))
        };
        let (level, others) = arrived.into_iter().partition(level);
        (level, batches, others)
    }

    fn forget(&mut self, meeting: &Meeting) {
        let mut inner = meeting.lock();
        (inner.wanted, inner.since) = (false, None);
        drop(inner);
        self.batches.clear();
        self.since = None;
    }
}

/// Whether on no partition somebody is more than `records` ahead of the others.
fn is_behind(somebody: &Positions, others: &Positions, records: i64) -> bool {
    somebody.iter().all(|(partition, there)| {
        others.get(partition).is_some_and(|here| here.next.saturating_add(records) >= there.next)
    })
}
