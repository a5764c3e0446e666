//! Leaders are asked whether their silent partitions are idle, beside reading.
//!
//! [`Event::Asked`] marks the place among the records: what is handed over before it was read before leaders were asked.
//! [`Event::Idle`] is what they answered. By the time that it is handed over, all records that they had sent before are.

use std::time::Duration;

use rdkafka::{consumer::Consumer as _, error::RDKafkaErrorCode};
use streamgauge_common::offset::Offset;

use crate::{
    Event,
    native::{self, EndOf, Ends},
    source::{
        KafkaSource, State,
        missing::Missing,
        positions::{self, NoPosition},
    },
};

/// How long the client is waited for at a time while an answer is due.
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// After how many questions without an answer, a second apart, that is told.
const TOLD_AFTER: u32 = 2;
/// How many brokers are asked who leads.
const WITNESSES_MAX: usize = 3;
/// How many partitions a message lists.
const LISTED_MAX: usize = 5;

/// What leaders are being asked.
pub(super) struct Asking {
    /// The partitions that are asked for.
    partitions: Vec<u32>,
    /// The offsets behind what was read of them by then.
    read: Vec<Offset>,
    written: Answer,
    /// Where it is to be found out whether a transaction is open.
    committed: Option<Answer>,
}

enum Answer {
    Due(native::Question),
    There(Ends),
}

impl Answer {
    /// Looks whether it has come. An error of the question as a whole is one of each partition.
    fn look(&mut self, partitions: &[u32]) -> Option<&Ends> {
        if let Self::Due(question) = self
            && let Some(ends) = question.ends(Duration::ZERO)
        {
            *self =
                Self::There(ends.unwrap_or_else(|code| {
                    partitions.iter().map(|&partition| (partition, Err(code))).collect()
                }));
        }
        match self {
            Self::Due(_) => None,
            Self::There(ends) => Some(ends),
        }
    }
}

impl KafkaSource {
    /// Fixes where a bounded reading ends, at its first start: behind all that is written then. What an open transaction has written
    /// is part of it, so reading begins when all is committed or aborted.
    pub(super) fn fix_ends(&mut self, partitions: &[u32]) -> Result<(), NoPosition> {
        if partitions.iter().any(|partition| !self.reading.ends.contains_key(partition)) {
            for (partition, end) in self.ends_now(partitions, EndOf::Written)? {
                self.reading.ends.entry(partition).or_insert(end);
            }
        }
        let committed = self.ends_now(partitions, EndOf::Committed)?;
        let is_open = |(partition, committed): (u32, Offset)| {
            let end = *self.reading.ends.get(&partition)?;
            (committed < end).then_some((partition, committed, end))
        };
        match committed.into_iter().find_map(is_open) {
            None => Ok(()),
            Some((partition, committed, end)) => Err(NoPosition::Open(format!(
                "a transaction is open in partition {partition} of topic '{}' (committed up to offset {committed}, written up to \
                 {end}), reading waits until it is committed or aborted",
                self.reading.topic
            ))),
        }
    }

    /// Where these partitions end, by their leaders. Waits for the answer.
    fn ends_now(&self, partitions: &[u32], of: EndOf) -> Result<Vec<(u32, Offset)>, NoPosition> {
        let unanswered = |code: RDKafkaErrorCode| NoPosition::Unanswered(code.to_string());
        let question =
            native::ask_ends(&self.asker, &self.reading.topic, partitions, of, self.reading.leader_timeout);
        // The client answers by itself when the time is over; where it does not, that is an outage too.
        let ends =
            question.ends(2 * self.reading.leader_timeout).unwrap_or(Err(RDKafkaErrorCode::RequestTimedOut));
        let ends = ends.map_err(unanswered)?;
        let all: Result<Vec<_>, _> =
            ends.into_iter().map(|(partition, end)| end.map(|end| (partition, end))).collect();
        all.map_err(unanswered)
    }

    /// How long to wait for the client: not beyond the moment at which leaders are to be asked, or answer.
    pub(super) fn patience(&self, patience: Duration) -> Duration {
        match &self.asking {
            Some(_) => patience.min(LOOK_EVERY),
            None => self.silence.until_ask(self.now).map_or(patience, |until| patience.min(until)),
        }
    }

    /// Asks the leaders of silent partitions, if it is time.
    pub(super) fn ask_leaders(&mut self) {
        if self.asking.is_some() || self.in_doubt {
            return;
        }
        let Some(question) = self.silence.ask(self.now) else { return };
        let ask = |partitions: &[u32], of| {
            native::ask_ends(&self.asker, &self.reading.topic, partitions, of, self.reading.leader_timeout)
        };
        let written = Answer::Due(ask(&question.written, EndOf::Written));
        let committed =
            (!question.committed.is_empty()).then(|| Answer::Due(ask(&question.committed, EndOf::Committed)));
        let next = |number| self.partitions.get(number).map_or(Offset(0), |partition| partition.next);
        let read = question.written.iter().map(next).collect();
        self.asking = Some(Asking { partitions: question.written, read, written, committed });
        self.hand_over_all();
        self.events.push_back(Event::Asked);
    }

    /// Takes what leaders have answered.
    pub(super) fn hear_leaders(&mut self) {
        let Some(asking) = &mut self.asking else { return };
        let is_there = asking.written.look(&asking.partitions).is_some()
            && asking.committed.as_mut().is_none_or(|committed| committed.look(&asking.partitions).is_some());
        if !is_there {
            return;
        }
        // What leaders sent before their answers is in the client.
        for _ in 0..native::waiting_events(&self.consumer) {
            let polled = self.poll(Duration::ZERO);
            self.take(polled);
            if self.in_doubt || self.state != State::Running {
                break;
            }
        }
        if self.in_doubt || self.state != State::Running {
            self.asking = None;
            return;
        }
        self.hand_over_all();
        let Some(Asking { partitions, read, written: Answer::There(written), committed }) =
            self.asking.take()
        else {
            return;
        };
        let committed = match committed {
            Some(Answer::There(committed)) => committed,
            _ => Ends::new(),
        };
        let answered = self.silence.answered(&written, &committed);
        for (number, next) in partitions.into_iter().zip(read) {
            if let Some(Ok(end)) = written.get(&number)
                && *end < next
            {
                return self.shrank(number, *end, next);
            }
        }
        self.tell_what_is_missing(&answered.unanswered, &answered.open);
        if !answered.in_doubt.is_empty() {
            let confirmed = self.confirm_leaders(&answered.in_doubt);
            // They are asked one by one.
            let within = self.reading.leader_timeout.saturating_mul(WITNESSES_MAX as u32 + 1);
            self.now = self.awake.look_after(within);
            self.silence.trust(&confirmed, self.now);
        }
        if !answered.idle.is_empty() {
            self.events.push_back(Event::Idle { partitions: answered.idle, silent: answered.silent });
        }
    }

    /// Which of these partitions are led by who is asked, by the word of another broker. Waits for the answers.
    fn confirm_leaders(&mut self, partitions: &[u32]) -> Vec<u32> {
        let Ok(topic) = positions::topic(&self.asker, &self.reading.topic) else { return Vec::new() };
        // One broker alone has no other that could have taken over.
        let is_alone = topic.brokers.len() == 1;
        let (mut confirmed, mut left): (Vec<u32>, Vec<u32>) = partitions.iter().partition(|_| is_alone);
        for &broker in topic.brokers.iter().take(WITNESSES_MAX) {
            if left.is_empty() {
                break;
            }
            let described =
                native::describe(&self.asker, &self.reading.topic, Some(broker), self.reading.leader_timeout)
                    .unwrap_or_default();
            let agrees = |partition: &u32| {
                let leader = topic.leaders.get(partition);
                leader.is_some_and(|&leader| leader != broker) && leader == described.leaders.get(partition)
            };
            confirmed.extend(left.extract_if(.., |partition| agrees(partition)));
        }
        confirmed
    }

    /// A partition ends before what was read of it.
    fn shrank(&mut self, number: u32, end: Offset, next: Offset) {
        self.in_doubt = true;
        if !self.confirm_topic() && self.state != State::Running {
            return;
        }
        let topic = &self.reading.topic;
        self.fail(format!(
            "topic '{topic}' partition {number} ends at {end}, but {next} is next: the topic was made anew, or its leader lost \
             records"
        ));
    }

    /// Says why partitions hold windows open that are not known to be idle.
    fn tell_what_is_missing(
        &mut self,
        unanswered: &[(u32, RDKafkaErrorCode)],
        open: &[(u32, Offset, Offset)],
    ) {
        let topic = self.reading.topic.clone();
        // A leader that changes answers the next time.
        self.unanswered = if unanswered.is_empty() { 0 } else { self.unanswered + 1 };
        match unanswered.first() {
            None => self.found(&[Missing::Leaders]),
            // Where Kafka as a whole is away, that is told already.
            Some(_) if self.unanswered < TOLD_AFTER || self.lacks_more_than_leaders() => {}
            Some((_, code)) => {
                let partitions = listed(unanswered.iter().map(|(partition, _)| *partition));
                let why = self.consumer.context().last().unwrap_or_else(|| code.to_string());
                self.wait(
                    Missing::Leaders,
                    format!("the leader of {partitions} of topic '{topic}' does not answer, windows wait for it: {why}"),
                );
            }
        }
        match open.first() {
            None => self.found(&[Missing::Transactions]),
            Some((_, committed, written)) => {
                let partitions = listed(open.iter().map(|(partition, ..)| *partition));
                self.wait(
                    Missing::Transactions,
                    format!(
                        "a transaction is open in {partitions} of topic '{topic}' (committed up to offset {committed}, written up \
                         to {written}), windows wait until it is committed or aborted"
                    ),
                );
            }
        }
    }
}

/// Partitions in words.
fn listed(partitions: impl Iterator<Item = u32>) -> String {
    let mut partitions: Vec<u32> = partitions.collect();
    partitions.dedup();
    let shown: Vec<String> = partitions.iter().take(LISTED_MAX).map(u32::to_string).collect();
    let noun = if partitions.len() == 1 { "partition" } else { "partitions" };
    let more = match partitions.len().saturating_sub(LISTED_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{noun} {}{more}", shown.join(", "))
}
