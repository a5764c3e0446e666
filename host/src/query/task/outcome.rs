//! What becomes of a query task's rows, and when it cannot go on.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use super::QueryTask;
use crate::query::{Counts, Subscription};

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
    }

    /// A checkpoint is behind the dead letters of its records: they must be there for good. Whether they are.
    pub fn sync_letters(&mut self) -> bool {
        !self.log.is_durable() || self.context.sync_letters()
    }

    /// Nobody reads some rows any more: its deployment ends.
    pub fn note_unread(&self) {
        if self.log.is_unread() {
            self.context.subscription.unread.store(true, Relaxed);
        }
    }

    /// Shows others how far it is; `watermark_us` is the least of those that share its reader.
    pub fn report(&mut self, watermark_us: Option<i64>) {
        let rows = self.context.counts.rows;
        let progress = &self.context.subscription.progress;
        progress
            .rows
            .fetch_add(rows.saturating_sub(std::mem::replace(&mut self.reported_rows, rows)), Relaxed);
        watermark_us.iter().for_each(|&least| progress.watermark_us.store(least, Relaxed));
    }

    /// What becomes of it in the end.
    pub fn into_end(self, mut failures: Vec<(String, String)>) -> TaskEnd {
        let own = self.query.failures().into_iter();
        failures.extend(own.map(|(query, why)| (format!("query '{query}'"), why.to_owned())));
        TaskEnd { subscription: self.context.subscription.clone(), counts: self.context.counts, failures }
    }
}
