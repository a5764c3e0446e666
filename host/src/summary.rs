//! How a run is, by query: a line now and then where no terminal shows it, and totals at the end.

use std::{fmt::Write as _, sync::Arc};

use streamgauge_common::clock;
use tracing::info;

use crate::query::{Counts, QueryProgress, Subscription};

/// What the uses of sources and the queries of a run show, added up.
#[derive(Debug, Default, PartialEq)]
pub struct Summary {
    /// Events of all sources; the rest of all queries.
    pub counts: Counts,
    /// How many offsets the query is behind that is furthest behind; none where nobody knows.
    pub lag: Option<u64>,
    /// How far the oldest watermark is behind the time of day, in seconds; none where there is none, or its input has ended.
    pub watermark_delay_s: Option<f64>,
    /// Rows that wait, of the queries that have an outbox.
    pub outbox_rows: Vec<(String, u64)>,
    /// How old the last checkpoint is of the query whose last one is oldest, in seconds; none where there is none.
    pub checkpoint_age_s: Option<f64>,
    /// The share of its source's events that are dead letters of a query, of the one that has most, and its name.
    pub dead_share: Option<(f64, String)>,
}

impl Summary {
    /// As everything is now.
    pub fn of(subscriptions: &[Arc<Subscription>]) -> Self {
        let mut summary = Self::default();
        let mut watermark = None;
        for subscription in subscriptions {
            let events = subscription.progress.events();
            summary.counts.events += events;
            let known =
                Some(subscription.progress.watermark_us()).filter(|&us| us != i64::MIN && us != i64::MAX);
            watermark = [watermark, known].into_iter().flatten().min();
            for query in subscription.queries() {
                summary.add(&query, events);
            }
        }
        let delay = |us| clock::now_us().saturating_sub(us) as f64 / 1e6;
        summary.watermark_delay_s = watermark.map(delay);
        summary
    }

    fn add(&mut self, query: &QueryProgress, events: u64) {
        let counts = query.counts();
        self.counts.add(&counts);
        self.lag = [self.lag, query.lag()].into_iter().flatten().max();
        let age_s = query.checkpoint_age().map(|age| age.as_secs_f64());
        self.checkpoint_age_s = [self.checkpoint_age_s, age_s].into_iter().flatten().reduce(f64::max);
        self.outbox_rows.extend(query.outbox_rows().map(|rows| (query.name().to_owned(), rows)));
        let share = if events > 0 { counts.dead_letters as f64 / events as f64 } else { 0.0 };
        if share > self.dead_share.as_ref().map_or(0.0, |(most, _)| *most) {
            self.dead_share = Some((share, query.name().to_owned()));
        }
    }

    /// Tells it.
    pub fn tell(&self, deployment: &str) {
        let Counts { events, rows, late, dead_letters, .. } = self.counts;
        let mut text =
            format!("running: events={events} rows={rows} late={late} dead_letters={dead_letters}");
        // Writing to a text does not fail.
        let _ = self.lag.map(|lag| write!(text, " lag={lag}"));
        let _ = self.watermark_delay_s.map(|delay| write!(text, " watermark_delay={delay:.1}s"));
        let outbox: Vec<String> =
            self.outbox_rows.iter().map(|(query, rows)| format!("{query}:{rows}")).collect();
        let outbox = (!outbox.is_empty()).then(|| outbox.join(","));
        let _ = outbox.as_ref().map(|outbox| write!(text, " outbox={outbox}"));
        let _ = self.checkpoint_age_s.map(|age| write!(text, " checkpoint_age={age:.1}s"));
        let Self { lag, watermark_delay_s, checkpoint_age_s, .. } = *self;
        info!(
            deployment,
            events, rows, late, dead_letters, lag, watermark_delay_s, outbox, checkpoint_age_s, "{text}"
        );
    }
}

/// Tells the totals of each query.
pub fn tell_totals(deployment: &str, subscriptions: &[Arc<Subscription>]) {
    for query in subscriptions.iter().flat_map(|subscription| subscription.queries()) {
        let Counts { rows, late, dead_letters, .. } = query.counts();
        let query = query.name();
        info!(
            deployment,
            query,
            rows,
            late,
            dead_letters,
            "query '{query}': rows={rows} late={late} dead_letters={dead_letters}"
        );
    }
}

#[cfg(test)]
mod tests {
    use metrics::{Counter, Gauge};

    use super::*;

    #[test]
    fn what_queries_show_is_added_up_and_the_worst_is_named() {
        let subscription = Subscription::silent("s");
        let (first, second) = (subscription.query("first"), subscription.query("second"));
        first.count(&Counts { rows: 3, late: 1, dead_letters: 2, ..Counts::default() });
        second.count(&Counts { rows: 4, ..Counts::default() });
        first.set_lag(7);
        second.set_lag(5);
        second.outbox_gauge(Gauge::noop()).set(9.0);
        assert_eq!(first.checkpoint_age(), None);
        first.checkpoint_counter(Counter::noop()).increment(1);
        let summary = Summary::of(&[subscription]);
        let counts = Counts { rows: 7, late: 1, dead_letters: 2, ..Counts::default() };
        assert_eq!((summary.counts, summary.lag), (counts, Some(7)));
        assert!(summary.checkpoint_age_s.is_some_and(|age| age < 60.0), "{summary:?}");
        assert_eq!(summary.outbox_rows, [("second".to_owned(), 9)]);
        assert_eq!(
            (summary.watermark_delay_s, &summary.dead_share),
            (None, &None),
            "of no events there is no share"
        );
        let mut summary = Summary::default();
        summary.add(&first, 100);
        summary.add(&second, 100);
        assert_eq!(summary.dead_share, Some((0.02, "first".to_owned())));
    }
}
