//! The topic: whether it is still the one that the offsets are of, and whether it has more partitions.
//!
//! Offsets mean nothing in another topic of the same name. The brokers give each topic an id; it is asked at the start, whenever
//! the client has noticed another one, and now and then. The client notices before it can fetch from the other topic, since it
//! fetches by id (Kafka 3.1 and newer; below that the topic is compared every few seconds only).

use std::{collections::VecDeque, time::Duration};

use rdkafka::error::RDKafkaErrorCode;
use streamgauge_common::{clock, topic_id::TopicId};

use crate::{
    Event, StartAt,
    error::is_missing,
    native::{self, Described},
    source::{
        KafkaSource,
        missing::ALL_BUT_LEADERS,
        positions::{self, NoPosition},
    },
};

/// How many brokers are asked before that is an outage.
const TRIES_MAX: usize = 3;
/// How long to wait before they are asked again.
const AGAIN_AFTER: Duration = Duration::from_millis(100);

impl KafkaSource {
    /// Finds out which topic it is, at the start: it must be the one that the offsets are of, where that is known.
    pub(super) fn identify(&mut self) -> Result<(), NoPosition> {
        let id = self.describe()?.id;
        self.compare(id)?;
        if self.reading.topic_id.is_none() {
            self.reading.topic_id = id;
            self.events.push_back(Event::Topic { id });
        }
        Ok(())
    }

    /// Asks which topic it is. True where it is certain that it is the same as before; until then nothing may be handed over. Waits a
    /// little where nobody answers.
    pub(super) fn confirm_topic(&mut self) -> bool {
        let same = self.describe().and_then(|now| self.compare(now.id));
        match same {
            Ok(()) => {
                self.in_doubt = false;
                true
            }
            Err(NoPosition::Missing) => {
                self.note_deleted();
                false
            }
            Err(why) => {
                self.no_position(why);
                // Brokers that do not answer tell nobody when they will.
                clock::pause(AGAIN_AFTER);
                false
            }
        }
    }

    /// Looks whether the topic is still there and the same, and reads partitions that it did not have before.
    pub(super) fn check_topic(&mut self) {
        match self.describe().and_then(|now| self.compare(now.id).map(|()| now)) {
            // Whoever may not read a topic may still see it.
            Ok(_) if self.forbidden => {}
            Ok(now) => {
                self.in_doubt = false;
                self.found(&ALL_BUT_LEADERS);
                self.add_new(&now.leaders.into_keys().collect::<Vec<_>>());
            }
            Err(NoPosition::Missing) => self.note_deleted(),
            Err(why) => self.no_position(why),
        }
    }

    /// Asks the brokers about the topic. True where one answers.
    pub(super) fn reach_brokers(&mut self) -> bool {
        self.describe().is_ok()
    }

    /// Any broker knows the topic. One that answered is asked again the next time; one that does not is asked last.
    fn describe(&mut self) -> Result<Described, NoPosition> {
        let mut unanswered = None;
        for _ in 0..self.brokers.len().clamp(1, TRIES_MAX) {
            let broker = self.brokers.front().copied();
            match native::describe(&self.asker, &self.reading.topic, broker, self.reading.leader_timeout) {
                Ok(described) => return Ok(described),
                Err(code) if is_missing(code) => return Err(NoPosition::Missing),
                Err(RDKafkaErrorCode::TopicAuthorizationFailed) => return Err(NoPosition::Forbidden),
                Err(code) => {
                    self.brokers.rotate_left(usize::from(!self.brokers.is_empty()));
                    unanswered = Some(code);
                }
            }
        }
        // None of them answers: there may be others.
        if let Ok(topic) = positions::topic(&self.asker, &self.reading.topic) {
            self.note_brokers(&topic.brokers);
        }
        Err(NoPosition::Unanswered(unanswered.map_or_else(String::new, |code| code.to_string())))
    }

    /// Takes note of which brokers there are, and keeps the order in which they are asked.
    pub(super) fn note_brokers(&mut self, brokers: &VecDeque<i32>) {
        self.brokers.retain(|broker| brokers.contains(broker));
        let new: Vec<i32> = brokers.iter().copied().filter(|broker| !self.brokers.contains(broker)).collect();
        self.brokers.extend(new);
    }

    /// Fails where this is not the topic that was read before. Brokers without ids leave only the offsets to compare.
    fn compare(&self, now: Option<TopicId>) -> Result<(), NoPosition> {
        match (self.reading.topic_id, now) {
            (Some(before), Some(now)) if before != now => {
                let topic = &self.reading.topic;
                Err(NoPosition::Lost(format!(
                    "topic '{topic}' is another one now: it was deleted and made anew (its id was {before} and is {now}), so the \
                     offsets up to which it was read mean nothing in it; {}",
                    self.way_on()
                )))
            }
            _ => Ok(()),
        }
    }

    fn way_on(&self) -> String {
        let source = &self.reading.source;
        let of_run = || format!("'streamgauge state accept-topic {source}' with the --state of this run");
        let accepting = self.reading.accepting.clone().unwrap_or_else(of_run);
        format!("to go on at them all the same, or at the start of the new topic, run {accepting}")
    }

    /// Reads partitions that the topic did not have before: all of theirs is new.
    fn add_new(&mut self, partitions: &[u32]) {
        let new: Vec<u32> =
            partitions.iter().copied().filter(|partition| !self.partitions.contains_key(partition)).collect();
        if new.is_empty() || self.reading.bounded {
            return;
        }
        // The client that reads does not know them yet.
        let known = positions::topic(&self.consumer, &self.reading.topic);
        match known.and_then(|_| self.assign(&new, StartAt::Earliest)) {
            // The next look brings it up again.
            Ok(()) | Err(NoPosition::Missing) => {}
            Err(why) => self.no_position(why),
        }
    }

    fn note_deleted(&mut self) {
        let topic = &self.reading.topic;
        self.fail(format!(
            "topic '{topic}' was deleted, its offsets are lost; when there is one of that name again, {}",
            self.way_on()
        ));
    }
}
