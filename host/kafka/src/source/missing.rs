//! What keeps a source from reading on, or from knowing that a partition is idle: said once, and waited for.

use rdkafka::{
    consumer::Consumer as _,
    error::{KafkaError, RDKafkaErrorCode},
};
use streamgauge_common::clock::Stopwatch;

use crate::{
    Event,
    error::is_missing,
    source::{KafkaSource, State, positions::NoPosition},
};

/// What a source cannot do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Missing {
    Brokers,
    Topic,
    Permission,
    /// Some leader's answer whether its partition is idle.
    Leaders,
    /// The end of a transaction that keeps a partition from being idle.
    Transactions,
}

/// What an answer about the topic shows to be there.
pub(super) const ALL_BUT_LEADERS: [Missing; 3] = [Missing::Brokers, Missing::Topic, Missing::Permission];

impl KafkaSource {
    /// What the client says beside records.
    pub(super) fn trouble(&mut self, error: &KafkaError) {
        let reason = self.consumer.context().take().unwrap_or_else(|| error.to_string());
        let topic = self.reading.topic.clone();
        match (error, error.rdkafka_error_code()) {
            (KafkaError::MessageConsumptionFatal(_), _) => {
                self.fail(format!("the Kafka client failed: {reason}"))
            }
            (_, Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange)) => {
                let message = format!(
                    "topic '{topic}' no longer has the next offset, records were lost to retention or the topic was \
                     made anew: {reason}"
                );
                self.fail(message);
            }
            // Nothing is asked of a group.
            (
                _,
                Some(RDKafkaErrorCode::GroupAuthorizationFailed | RDKafkaErrorCode::CoordinatorNotAvailable),
            ) => {}
            (_, Some(RDKafkaErrorCode::TopicAuthorizationFailed)) => {
                self.forbidden = true;
                self.no_position(NoPosition::Forbidden);
            }
            (_, Some(code)) if is_missing(code) => self.check_topic(),
            // What a client says of an outage may reach us when it is over: asked, the brokers answer.
            _ if self.waiting.is_empty() && self.reach_brokers() => {}
            _ => self.wait(Missing::Brokers, format!("Kafka is away: {reason}")),
        }
    }

    /// Waits for what keeps it from reading on, or gives up.
    pub(super) fn no_position(&mut self, why: NoPosition) {
        let topic = &self.reading.topic;
        match why {
            NoPosition::Waiting(message) => self.wait(Missing::Brokers, message),
            NoPosition::Missing => {
                self.wait(Missing::Topic, format!("topic '{topic}' does not exist; waiting for it"));
            }
            NoPosition::Forbidden => {
                self.wait(
                    Missing::Permission,
                    format!("topic '{topic}' may not be read: allow its user Read"),
                );
            }
            NoPosition::Open(message) => self.wait(Missing::Transactions, message),
            NoPosition::Unanswered(error) => {
                // In the client's words, if it has some.
                let why = self.consumer.context().take().unwrap_or(error);
                self.wait(Missing::Brokers, format!("Kafka does not answer: {why}"));
            }
            NoPosition::Lost(message) => self.fail(message),
        }
    }

    /// Whether it waits for what an answer about the topic would show to be there.
    pub(super) fn lacks_more_than_leaders(&self) -> bool {
        self.waiting.iter().any(|lack| ALL_BUT_LEADERS.contains(lack))
    }

    pub(super) fn wait(&mut self, lack: Missing, message: String) {
        if self.waiting.insert(lack) {
            self.waiting_since.get_or_insert_with(|| (Stopwatch::start(), message.clone()));
            self.events.push_back(Event::Waiting { message });
        }
    }

    /// These are there, or there again.
    pub(super) fn found(&mut self, lacks: &[Missing]) {
        let before = self.waiting.len();
        self.waiting.retain(|lack| !lacks.contains(lack));
        if self.waiting.is_empty() && before > 0 {
            self.waiting_since = None;
            self.consumer.context().forget();
            self.events.push_back(Event::Resumed);
        }
    }

    /// A bounded reading does not wait for ever: it would never end. Nor does one that somebody waits for.
    pub(super) fn give_up_waiting(&mut self) {
        let Some(timeout) = self.reading.connect_timeout.filter(|_| self.state != State::Failed) else {
            return;
        };
        if let Some((_, message)) = self.waiting_since.take_if(|(since, _)| since.elapsed() >= timeout) {
            let (topic, brokers) = (&self.reading.topic, &self.bootstrap);
            self.fail(format!(
                "{message} (topic '{topic}' of '{brokers}'); given up after {timeout:?} (--connect-timeout)"
            ));
        }
    }
}
