//! What becomes of a query task's rows, and when it cannot go on.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use streamgauge_common::{
    offset::Offset,
    partition::{Partition, SourceIndex},
    wakeup::Wakeup,
};

use super::QueryTask;
use crate::{
    decode::Batch,
    query::{Counts, Subscription, no_rows::Seen},
};

/// How a query task ended.
#[derive(Debug)]
pub struct TaskEnd {
    /// Whom it worked for.
    pub subscription: Arc<Subscription>,
    /// What it counted.
    pub counts: Counts,
    /// Who failed, with why: the query, those that read its rows, or its source.
    pub failures: Vec<(String, String)>,
}

impl QueryTask {
    /// Notifies this one, too, when it may decide more, when what it has decided is acknowledged, when it cannot go on at all, and when
    /// something else is wanted of its deployment.
    pub fn add_listener(&self, wakeup: &Arc<Wakeup>) {
        self.log.add_listener(wakeup);
        self.context.subscription.control.add_listener(wakeup);
    }

    /// Whether it cannot go on from here, or not at all.
    pub fn has_failed(&self) -> bool {
        self.task_failure().is_some() || self.failure().is_some()
    }

    /// After how much silence of its partitions a window closes; none where silence brings nothing about.
    pub fn closes_after(&self) -> Option<Duration> {
        if self.has_undecided() || self.is_behind_barrier() {
            return Some(Duration::ZERO);
        }
        let after_us = self.query.windows()?.engine.closes_after_us(self.query.next_window_end()?)?;
        Some(Duration::from_micros(after_us.unsigned_abs()))
    }

    /// Nothing has come for long, and may not for long: gives back what is made again when something does.
    pub fn rest(&mut self) {
        if self.state.is_at_work() && self.crash_keeping.recording.is_none() {
            self.query.rest();
        }
    }

    /// Whether it has to leave its pipeline: it has failed, or its deployment is to be paused or dropped, or nobody reads some rows.
    pub fn is_to_leave(&self) -> bool {
        self.has_failed() || self.log.is_unread() || !self.context.subscription.is_wanted()
    }

    /// Why it cannot go on at all: what it decides cannot be kept, or leaves for nowhere. Other queries can.
    pub fn failure(&self) -> Option<String> {
        self.log.failure().or_else(|| self.query.failure())
    }

    /// Hands on what was written so far.
    pub fn flush(&mut self) {
        if std::mem::take(&mut self.context.wrote) {
            self.query.flush(&mut self.context);
            self.context.flush_letters();
        }
        self.query.rotate_old_files(&mut self.context);
    }

    /// A checkpoint is behind the dead letters of its records: they must be there for good. Whether they are.
    pub fn sync_letters(&mut self) -> bool {
        !self.log.is_durable() || self.context.sync_letters()
    }

    /// Where nobody reads some rows any more, its deployment's tasks of this source are to end.
    pub fn note_unread(&self) {
        if self.log.is_unread() {
            self.context.subscription.abandon();
        }
    }

    /// Counts the events of a batch that its reader has read, unless its deployment has counted them already.
    pub(super) fn count_events(&mut self, partition: Partition, batch: &Batch) {
        let (Some(&first), Some(last)) = (batch.chunk.offsets.first(), batch.chunk.offsets.last()) else {
            return;
        };
        let before = self.read.insert(partition, last.next());
        let from = before.map_or(first, |before| before.min(first));
        let subscription = &self.context.subscription;
        let new = subscription.progress.count_events(partition, from, batch);
        subscription.look_at_first(batch, &new);
    }

    /// Shows others how far it is; `watermark_us` is the least of those that share its reader.
    pub fn report(&mut self, watermark_us: Option<i64>) {
        let subscription = &self.context.subscription;
        subscription.progress.count_look();
        subscription.tell_first_if_due();
        watermark_us.iter().for_each(|&least| subscription.progress.set_watermark(least));
        self.look_for_rows(false);
    }

    /// Nothing more is read: people are told what is known of what was, and it is found out why there are no rows.
    pub fn end_reading(&mut self) {
        self.look_for_rows(true);
        self.context.subscription.end_first();
    }

    fn look_for_rows(&mut self, is_last: bool) {
        let Self { context, query, no_rows, read, .. } = self;
        let Counts { rows, late, .. } = context.counts;
        let source = &context.subscription.source;
        let seen = Seen { source, rows, late, has_read: !read.is_empty(), is_last };
        if let Some(why) = no_rows.look(&seen, query) {
            context.shown().into_iter().for_each(|shown| shown.set_no_rows(why.clone()));
        }
    }

    /// Its partitions of a source end at these offsets now: shows others how far it is behind.
    pub fn set_ends_now(&self, source: SourceIndex, ends: &BTreeMap<u32, Offset>) {
        let behind = |(&number, end): (&u32, &Offset)| {
            let progress = self.offsets.get(&source.partition(number))?;
            u64::try_from(end.0.saturating_sub(progress.next.0)).ok()
        };
        let lag = ends.iter().filter_map(behind).sum();
        self.context.shown().into_iter().for_each(|shown| shown.set_lag(lag));
    }

    /// What becomes of it in the end.
    pub fn into_end(self, mut failures: Vec<(String, String)>) -> TaskEnd {
        let own = self.query.failures().into_iter();
        failures.extend(own.map(|(query, why)| (format!("query '{query}'"), why.to_owned())));
        TaskEnd { subscription: self.context.subscription.clone(), counts: self.context.counts, failures }
    }
}
