//! Since when the messages of an outbox wait.

use std::{collections::VecDeque, time::Duration};

use streamgauge_common::clock::Stopwatch;

/// Messages that come within so much time have one entry, with the time of the first: their number is bounded by time, not by messages.
const TOGETHER: Duration = Duration::from_millis(100);

/// Since when messages wait, in the order of their numbers.
#[derive(Debug, Default)]
pub(super) struct WaitingTimes(VecDeque<(u64, Stopwatch)>);

impl WaitingTimes {
    /// Messages up to this number have come now.
    pub(super) fn push(&mut self, last: u64) {
        match self.0.back_mut() {
            Some((upto, since)) if since.elapsed() < TOGETHER => *upto = last.max(*upto),
            _ => self.0.push_back((last, Stopwatch::start())),
        }
    }

    /// Nothing up to this number waits any more.
    pub(super) fn forget(&mut self, upto: u64) {
        while self.0.front().is_some_and(|(last, _)| *last <= upto) {
            self.0.pop_front();
        }
    }

    /// How long the oldest has waited.
    pub(super) fn oldest(&self) -> Option<Duration> {
        self.0.front().map(|(_, since)| since.elapsed())
    }
}
