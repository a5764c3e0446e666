//! How the loop waits for what comes next. A pipeline may have hundreds of tasks, and each turn of the loop looks at all of them, so while
//! nothing happens there are few turns.
//!
//! The loop is woken by its reader, and by whatever notifies its tasks ([`wakeup_of`](super::wakeup_of)). What is due at a time is waited
//! for until then. What notifies nobody (a file of rows that grows old, the first records that have come for a while) is looked at after
//! [`TICK`], and after twice as long each time while nothing happens, up to [`REST_MAX`]. After [`TASKS_REST_AFTER`] tasks give back the
//! memory of their instances.

use std::time::Duration;

use streamgauge_common::clock::Stopwatch;

use super::{Pipeline, Run, TICK, reader::Event, rejoin::REJOIN_EVERY};
use crate::query::QueryTask;

/// How long the loop waits at most.
const REST_MAX: Duration = Duration::from_secs(1);
/// After how long without an event tasks give back memory that they then need again.
const TASKS_REST_AFTER: Duration = Duration::from_secs(60);

/// For how long nothing has happened, in turns of the loop.
pub(super) struct Rest {
    patience: Duration,
    /// When the loop last looked at its tasks.
    looked: Stopwatch,
    /// When the last events came.
    read: Stopwatch,
}

impl Default for Rest {
    fn default() -> Self {
        Self { patience: TICK, looked: Stopwatch::start(), read: Stopwatch::start() }
    }
}

impl Rest {
    /// The loop has waited, and this is what came; the tasks are looked at next.
    fn note(&mut self, came: &Event) {
        self.patience = match came {
            // Only time passes.
            Event::TimedOut | Event::Asked | Event::Idle { .. } | Event::EndsNow(_) => {
                (2 * self.patience).min(REST_MAX)
            }
            _ => TICK,
        };
        self.looked = Stopwatch::start();
        if matches!(came, Event::Batch(..)) {
            self.read = self.looked;
        }
    }

    /// Something else than an event of the reader has happened. How long the loop goes on waiting for one: where things happen all the
    /// time, it looks at them together.
    fn interrupt(&mut self) -> Duration {
        self.patience = TICK / 2;
        TICK.saturating_sub(self.looked.elapsed())
    }
}

impl Pipeline {
    /// What comes next; before waiting for it, rows that are decided go out.
    pub(super) fn next_event(&mut self, run: &mut Run) -> Event {
        let event = match self.reader.next(Duration::ZERO) {
            Event::TimedOut => {
                self.flush();
                if run.rest.read.elapsed() >= TASKS_REST_AFTER {
                    self.each_task(QueryTask::rest);
                }
                self.wait(run)
            }
            event => event,
        };
        run.rest.note(&event);
        event
    }

    fn wait(&mut self, run: &mut Run) -> Event {
        self.reader.set_closes_after(self.closes_after());
        match self.reader.next_or_news(self.patience(run), &run.wakeup) {
            Event::TimedOut if run.wakeup.take_news() => self.reader.next(run.rest.interrupt()),
            event => event,
        }
    }

    /// How long the loop may wait now.
    fn patience(&self, run: &Run) -> Duration {
        let mut patience = run.rest.patience;
        if self.tasks.iter().any(QueryTask::has_undecided) {
            patience = TICK;
        }
        if run.begun {
            let left = self.source.checkpoint_interval.saturating_sub(run.since_checkpoint.elapsed());
            patience = patience.min(left.max(TICK));
        }
        // The primary is notified of those that come back; they themselves wait for it to come near.
        let comes_back = self.source.rejoin.is_some() && !run.is_primary;
        if comes_back && !self.tasks.iter().any(QueryTask::is_slow) {
            patience = patience.min(REJOIN_EVERY);
        }
        patience
    }

    /// After how much silence of all partitions the first window closes: before that, nobody waits for the word that they are idle.
    fn closes_after(&self) -> Duration {
        self.tasks.iter().filter_map(QueryTask::closes_after).min().unwrap_or(Duration::MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn the_loop_turns_seldom_while_nothing_happens_and_soon_again_when_something_does() {
        let mut rest = Rest::default();
        let waits = |rest: &mut Rest, came: &Event| {
            let waited = rest.patience;
            rest.note(came);
            waited.as_millis()
        };
        let quiet = [Event::TimedOut, Event::Asked, Event::EndsNow(BTreeMap::new())];
        let waited: Vec<u128> = quiet.iter().cycle().take(8).map(|came| waits(&mut rest, came)).collect();
        assert_eq!(waited, [20, 40, 80, 160, 320, 640, 1000, 1000]);
        rest.note(&Event::Done { partition: 0 });
        assert_eq!(rest.patience, TICK);
        (0..9).for_each(|_| rest.note(&Event::TimedOut));
        rest.interrupt();
        rest.note(&Event::TimedOut);
        assert_eq!(rest.patience, TICK, "what it is notified of happens, too");
    }

    #[test]
    fn what_is_notified_all_the_time_is_looked_at_together() {
        let mut rest = Rest::default();
        rest.note(&Event::TimedOut);
        let left = rest.interrupt();
        assert!(left <= TICK && (left + rest.looked.elapsed()) >= TICK, "{left:?}");
    }
}
