//! The topic: whether it is still the one that the offsets are of, and whether it has more partitions.
//!
//! Offsets mean nothing in another topic of the same name. The brokers give each topic an id; it is asked at the start, whenever
//! the client has noticed another one, and now and then. The client notices before it can fetch from the other topic, since it
//! fetches by id (Kafka 3.1 and newer; below that the topic is compared every few seconds only).

use std::time::Duration;

use rdkafka::error::RDKafkaErrorCode;

use super::{
    Event, KafkaSource, Reading, StartAt,
    lack::ALL_BUT_LEADERS,
    native,
    positions::{self, NoPosition},
};
use crate::{clock, source::topic_id::TopicId};

/// How long the brokers may take to say which topic it is.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// How long to wait before they are asked again.
const AGAIN_AFTER: Duration = Duration::from_millis(100);

impl KafkaSource {
    /// Finds out which topic it is, at the start: it must be the one that the offsets are of, where that is known.
    pub(super) fn identify(&mut self) -> Result<(), NoPosition> {
        let now = self.topic_id()?;
        self.compare(now)?;
        if self.reading.topic_id.is_none() {
            self.reading.topic_id = now;
            self.events.push_back(Event::Topic { id: now });
        }
        Ok(())
    }

    /// Whether it is certain that the topic is the same as before; until then nothing may be handed over. Waits a little.
    pub(super) fn is_same_topic(&mut self) -> bool {
        let same = self.topic_id().and_then(|now| self.compare(now));
        match same {
            Ok(()) => {
                self.in_doubt = false;
                true
            }
            Err(NoPosition::Missing) => {
                self.was_deleted();
                false
            }
            Err(why) => {
                self.no_position(why);
                clock::pause(AGAIN_AFTER);
                false
            }
        }
    }

    /// Any broker knows it; one that does not answer is asked last the next time.
    fn topic_id(&mut self) -> Result<Option<TopicId>, NoPosition> {
        let broker = self.brokers.front().copied();
        let described = native::describe(&self.asker, &self.reading.topic, broker, ANSWER_WITHIN);
        described.map(|described| described.id).map_err(|code| match code {
            code if positions::is_missing(code) => NoPosition::Missing,
            RDKafkaErrorCode::TopicAuthorizationFailed => NoPosition::Forbidden,
            code => {
                self.brokers.rotate_left(usize::from(!self.brokers.is_empty()));
                NoPosition::Unanswered(code.to_string())
            }
        })
    }

    /// Fails where this is not the topic that was read before. Brokers without ids leave only the offsets to compare.
    fn compare(&self, now: Option<TopicId>) -> Result<(), NoPosition> {
        match (self.reading.topic_id, now) {
            (Some(before), Some(now)) if before != now => {
                let Reading { topic, source, .. } = &self.reading;
                Err(NoPosition::Lost(format!(
                    "topic '{topic}' is another one now: it was deleted and made anew (its id was {before} and is {now}), so the \
                     offsets up to which it was read mean nothing in it; to go on at them all the same, or at the start of the new \
                     topic, run 'streamgauge state accept-topic {source}' with the --state of this run"
                )))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn check_topic(&mut self) {
        match positions::topic(&self.asker, &self.reading.topic) {
            // Whoever may not read a topic may still see it.
            Ok(_) if self.forbidden => {}
            Ok(topic) => {
                self.brokers = topic.brokers;
                self.found(&ALL_BUT_LEADERS);
                self.add_new(&topic.partitions);
            }
            Err(NoPosition::Missing) => self.was_deleted(),
            Err(why) => self.no_position(why),
        }
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

    pub(super) fn was_deleted(&mut self) {
        self.fail(format!("topic '{}' was deleted, its offsets are lost", self.reading.topic));
    }
}
