//! Messages that wait to be sent: of a lane one at a time, in order, and lanes in turn.
//!
//! Times are differences from a start that the caller chose; there is no clock here.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use streamgauge_common::message::Message;

/// The messages that one worker has taken. A lane without messages is not there.
#[derive(Default)]
pub(super) struct Lanes {
    lanes: HashMap<u64, Lane>,
    /// Lanes whose first message may be sent, in turn.
    ready: VecDeque<u64>,
    /// Lanes that wait before another try, by when they may.
    waiting: BTreeSet<(Duration, u64)>,
    /// The same, for those that wait because nobody answered.
    unanswered: BTreeSet<(Duration, u64)>,
}

struct Lane {
    /// Not empty. The first one is ready, in flight or waiting; the others are behind it.
    messages: VecDeque<Arc<Message>>,
    /// Tries of the first message that were in vain.
    failures: u32,
    /// When the first message was refused for the first time, where it may still be taken.
    refused: Option<Duration>,
}

impl Lanes {
    /// Adds a message behind those of its lane.
    pub(super) fn add(&mut self, message: Arc<Message>) {
        let number = message.lane;
        let lane = self.lanes.entry(number).or_insert_with(|| {
            self.ready.push_back(number);
            Lane { messages: VecDeque::with_capacity(1), failures: 0, refused: None }
        });
        lane.messages.push_back(message);
    }

    /// Lanes that have waited long enough are ready.
    pub(super) fn wake(&mut self, now: Duration) {
        for waiting in [&mut self.waiting, &mut self.unanswered] {
            while let Some(&(at, lane)) = waiting.first()
                && at <= now
            {
                waiting.pop_first();
                self.ready.push_back(lane);
            }
        }
    }

    /// Somebody answers again: lanes that wait because nobody did are ready.
    pub(super) fn wake_unanswered(&mut self) {
        let unanswered = std::mem::take(&mut self.unanswered);
        self.ready.extend(unanswered.into_iter().map(|(_, lane)| lane));
    }

    /// When the next lane that waits may be tried again.
    pub(super) fn next_wake(&self) -> Option<Duration> {
        [&self.waiting, &self.unanswered]
            .into_iter()
            .filter_map(|waiting| waiting.first())
            .map(|&(at, _)| at)
            .min()
    }

    /// Whether some message may be sent.
    pub(super) fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// The next message to send: until [`Lanes::acknowledge`] or [`Lanes::retry`] it is in flight, and its lane held back.
    pub(super) fn next(&mut self) -> Option<Arc<Message>> {
        let lane = self.ready.pop_front()?;
        self.lanes.get(&lane)?.messages.front().cloned()
    }

    /// The message of a lane that was in flight is acknowledged. Says how often it had failed.
    pub(super) fn acknowledge(&mut self, number: u64) -> u32 {
        let Some(lane) = self.lanes.get_mut(&number) else { return 0 };
        lane.messages.pop_front();
        let failures = std::mem::take(&mut lane.failures);
        lane.refused = None;
        if lane.messages.is_empty() {
            self.lanes.remove(&number);
        } else {
            self.ready.push_back(number);
        }
        failures
    }

    /// The message of a lane that was in flight was tried in vain, which counts as at least so many failures. Says how many
    /// there were before, and are now.
    pub(super) fn fail(&mut self, number: u64, least: u32) -> (u32, u32) {
        let Some(lane) = self.lanes.get_mut(&number) else { return (0, 0) };
        let before = lane.failures;
        lane.failures = before.saturating_add(1).max(least);
        (before, lane.failures)
    }

    /// The message of a lane that was in flight was refused. Says when that was for the first time.
    pub(super) fn refuse(&mut self, number: u64, now: Duration) -> Duration {
        self.lanes.get_mut(&number).map_or(now, |lane| *lane.refused.get_or_insert(now))
    }

    /// The message of a lane that was in flight may be sent again from then on: its receiver wants it so.
    pub(super) fn retry(&mut self, number: u64, at: Duration) {
        self.waiting.insert((at, number));
    }

    /// The message of a lane that was in flight may be sent again from then on, or when somebody answers.
    pub(super) fn retry_unanswered(&mut self, number: u64, at: Duration) {
        self.unanswered.insert((at, number));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use streamgauge_common::message::Payload;

    fn message(sequence: u64, lane: u64) -> Arc<Message> {
        Arc::new(Message { sequence, key: String::new(), lane, rows: 1, payload: Payload::Lines(Vec::new()) })
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn next(lanes: &mut Lanes) -> Option<u64> {
        lanes.next().map(|message| message.sequence)
    }

    #[test]
    fn a_lane_that_waits_holds_back_only_itself() {
        let mut lanes = Lanes::default();
        [(1, 7), (2, 7), (3, 8)].into_iter().for_each(|(sequence, lane)| lanes.add(message(sequence, lane)));
        assert_eq!((next(&mut lanes), next(&mut lanes), next(&mut lanes)), (Some(1), Some(3), None));
        assert_eq!(lanes.fail(7, 1), (0, 1));
        lanes.retry(7, at(5));
        assert_eq!(lanes.acknowledge(8), 0);
        lanes.wake(at(4));
        assert_eq!((next(&mut lanes), lanes.next_wake()), (None, Some(at(5))));
        lanes.wake(at(5));
        assert_eq!(next(&mut lanes), Some(1));
        assert_eq!(lanes.acknowledge(7), 1);
        assert_eq!((next(&mut lanes), lanes.acknowledge(7)), (Some(2), 0));
        assert!(lanes.lanes.is_empty());
    }

    #[test]
    fn an_answer_wakes_those_that_wait_for_one_and_nobody_else() {
        let mut lanes = Lanes::default();
        (1..=2).for_each(|number| lanes.add(message(number, number)));
        (1..=2).for_each(|number| assert_eq!(next(&mut lanes), Some(number)));
        lanes.retry(1, at(60));
        lanes.retry_unanswered(2, at(60));
        lanes.wake_unanswered();
        assert_eq!((next(&mut lanes), next(&mut lanes)), (Some(2), None));
    }

    proptest! {
        /// Whatever fails and in whatever order: each message is acknowledged once, behind those of its lane, and of a lane
        /// one is in flight.
        #[test]
        fn lanes_keep_their_order(
            arrivals in prop::collection::vec(0..5u64, 0..60),
            choices in prop::collection::vec((0..4u8, 0..8usize), 1..50),
        ) {
            let mut lanes = Lanes::default();
            let mut arriving = arrivals.iter().zip(1..).map(|(&lane, sequence)| message(sequence, lane));
            let mut in_flight: Vec<Arc<Message>> = Vec::new();
            let mut acknowledged = Vec::new();
            let mut choices = choices.into_iter().cycle();
            let mut now = 0;
            while acknowledged.len() < arrivals.len() {
                arriving.by_ref().take(2).for_each(|message| lanes.add(message));
                now += 1;
                lanes.wake(at(now));
                if let Some(message) = lanes.next() {
                    prop_assert!(in_flight.iter().all(|other| other.lane != message.lane));
                    in_flight.push(message);
                }
                let (choice, which) = choices.next().unwrap();
                if which < in_flight.len() || choice == 0 && !in_flight.is_empty() {
                    let message = in_flight.remove(which % in_flight.len());
                    match choice {
                        0 | 1 => {
                            lanes.acknowledge(message.lane);
                            acknowledged.push(message);
                        }
                        2 => lanes.retry(message.lane, at(now + which as u64)),
                        _ => lanes.retry_unanswered(message.lane, at(now + which as u64)),
                    }
                }
                // Whoever chooses only failures acknowledges in the end.
                if now > 5000 {
                    choices = vec![(0, 0)].into_iter().cycle();
                }
            }
            prop_assert!(lanes.lanes.is_empty() && lanes.next_wake().is_none() && !lanes.is_ready());
            for lane in 0..5 {
                let of_lane = |message: &&Arc<Message>| message.lane == lane;
                let order: Vec<_> = acknowledged.iter().filter(of_lane).map(|message| message.sequence).collect();
                prop_assert!(order.is_sorted_by(|a, b| a < b));
            }
        }
    }
}
