//! Which partitions are idle: those that were silent for the time-out, and whose own leaders said *afterwards* that nothing is there.
//!
//! A pure state machine; `now` is time of an [`AwakeClock`](streamgauge_common::clock::AwakeClock), so a process that was stopped takes its own
//! absence for nobody's silence. What is asked and answered here:
//!
//! 1. [`Silence::until_ask`] says when leaders are to be asked, [`Silence::ask`] which partitions' leaders.
//! 2. [`Silence::answered`] takes their answers. In between, all records that the leaders had sent before they answered must have
//!    been told to [`Silence::arrived`].
//!
//! A leader that did not answer for a while may have been replaced, and not know it yet when it answers again: then it tells where the
//! partition ended before. It is in doubt until another broker says who leads ([`Silence::trust`]), and its partitions' silence
//! begins anew then.

use std::{collections::BTreeMap, time::Duration};

use rdkafka::error::RDKafkaErrorCode;
use streamgauge_common::offset::Offset;

use crate::native::Ends;

/// After how much silence a leader is asked whether it is still there.
const QUIET: Duration = Duration::from_secs(1);
/// How often leaders are asked that are quiet only, or that did not answer the last time.
const HEALTH_EVERY: Duration = Duration::from_secs(1);
/// How often leaders of silent partitions are asked while nothing comes at all and a window may close for that.
const SILENT_EVERY: Duration = Duration::from_millis(100);
/// How often leaders of silent partitions are asked while records of others come, which wait for the answer ...
const BUSY_EVERY: Duration = Duration::from_millis(5);
/// ... and how much less often for each partition that is asked for.
const BUSY_EVERY_PARTITION: Duration = Duration::from_micros(100);

/// The silence of a source's partitions.
#[derive(Debug)]
pub(super) struct Silence {
    timeout: Duration,
    /// Before all partitions have been silent for so long, no window closes because they are.
    closes_after: Duration,
    partitions: BTreeMap<u32, Partition>,
    /// When leaders were last asked, and for how many partitions.
    asked: Option<(Duration, usize)>,
    /// Whether records of any partition came since.
    arrived: bool,
    /// Whether some leader did not answer the last time.
    unanswered: bool,
}

#[derive(Clone, Copy, Debug)]
struct Partition {
    /// The last record came, or reading began or went on.
    since: Duration,
    /// Where the partition ended when it was last read to its end, if no record came since.
    end: Option<Offset>,
    /// Whether no open transaction comes before that end.
    is_stable: bool,
    /// Not read for now: its silence is ours.
    is_paused: bool,
    /// Its leader did not answer, or was not asked for a while: another one may lead meanwhile.
    is_in_doubt: bool,
}

/// What leaders are to be asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Question {
    /// The partitions whose ends are asked for.
    pub(super) written: Vec<u32>,
    /// Those of them for which it is not known whether a transaction is open.
    pub(super) committed: Vec<u32>,
}

/// What leaders have answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Answered {
    /// The partitions that were idle when their leaders were asked.
    pub(super) idle: Vec<u32>,
    /// How long nothing had come of any of them.
    pub(super) silent: Duration,
    /// Partitions whose leaders have answered and are in doubt.
    pub(super) in_doubt: Vec<u32>,
    /// Partitions whose leaders did not answer, with what the client says of it.
    pub(super) unanswered: Vec<(u32, RDKafkaErrorCode)>,
    /// Partitions that are silent because of an open transaction: up to where they are committed, and written.
    pub(super) open: Vec<(u32, Offset, Offset)>,
}

impl Silence {
    /// No partition yet.
    pub(super) fn new(timeout: Duration) -> Self {
        let closes_after = Duration::ZERO;
        Self {
            timeout,
            closes_after,
            partitions: BTreeMap::new(),
            asked: None,
            arrived: false,
            unanswered: false,
        }
    }

    /// Before all partitions have been silent for so long, no window closes because they are.
    pub(super) fn set_closes_after(&mut self, closes_after: Duration) {
        self.closes_after = closes_after;
    }

    /// A partition is read from now on.
    pub(super) fn assigned(&mut self, partition: u32, now: Duration) {
        let fresh =
            Partition { since: now, end: None, is_stable: false, is_paused: false, is_in_doubt: false };
        self.partitions.insert(partition, fresh);
    }

    /// A partition is not read any more.
    pub(super) fn over(&mut self, partition: u32) {
        self.partitions.remove(&partition);
    }

    /// A record of a partition came.
    #[inline]
    pub(super) fn arrived(&mut self, partition: u32, now: Duration) {
        if let Some(partition) = self.partitions.get_mut(&partition) {
            (partition.since, partition.end, partition.is_stable) = (now, None, false);
        }
        self.arrived = true;
    }

    /// A partition was read to where it ended by its leader's last answer to a fetch.
    pub(super) fn reached_end(&mut self, partition: u32, end: Option<Offset>) {
        if let Some(partition) = self.partitions.get_mut(&partition) {
            (partition.end, partition.is_stable) = (end, false);
        }
    }

    /// A partition is not read for now.
    pub(super) fn paused(&mut self, partition: u32) {
        if let Some(partition) = self.partitions.get_mut(&partition) {
            partition.is_paused = true;
        }
    }

    /// A partition is read again: its silence begins anew.
    pub(super) fn resumed(&mut self, partition: u32, now: Duration) {
        if self.partitions.contains_key(&partition) {
            self.assigned(partition, now);
        }
    }

    /// This process did not come round for a while: any leader may have been replaced meanwhile.
    pub(super) fn doubt_all(&mut self) {
        self.partitions.values_mut().for_each(|partition| partition.is_in_doubt = true);
    }

    /// Another broker says that these partitions are led by who is asked. Their silence begins anew: while their leader was away
    /// nobody could write to them, and whoever writes may still be looking for the new one.
    pub(super) fn trust(&mut self, partitions: &[u32], now: Duration) {
        for number in partitions {
            if let Some(partition) = self.partitions.get_mut(number) {
                (partition.is_in_doubt, partition.since) = (false, now);
            }
        }
    }

    /// How long until leaders are to be asked; none where no partition is quiet, as far as is known now.
    pub(super) fn until_ask(&self, now: Duration) -> Option<Duration> {
        let silences = self.read().map(|(_, partition)| now.saturating_sub(partition.since));
        let longest = silences.clone().max()?;
        let until_quiet = self.quiet().saturating_sub(longest);
        let Some((asked, count)) = self.asked else { return Some(until_quiet) };
        let apart = match () {
            () if self.unanswered => HEALTH_EVERY,
            // Not after the moment at which a partition may turn out to be idle.
            () if longest < self.timeout => {
                HEALTH_EVERY.min((self.timeout - longest + now).saturating_sub(asked))
            }
            () if self.arrived => BUSY_EVERY + BUSY_EVERY_PARTITION.saturating_mul(count as u32),
            () => {
                let shortest = silences.min().unwrap_or_default();
                let until_close = self.closes_after.saturating_sub(shortest);
                let closing = until_close.saturating_add(now.saturating_sub(asked)).min(HEALTH_EVERY);
                SILENT_EVERY.max(BUSY_EVERY_PARTITION.saturating_mul(count as u32)).max(closing)
            }
        };
        Some(until_quiet.max((asked + apart).saturating_sub(now)))
    }

    /// Which leaders to ask now, if it is time.
    pub(super) fn ask(&mut self, now: Duration) -> Option<Question> {
        if self.until_ask(now) != Some(Duration::ZERO) {
            return None;
        }
        let quiet = self.read().filter(|(_, partition)| now.saturating_sub(partition.since) >= self.quiet());
        let written: Vec<u32> = quiet.map(|(number, _)| number).collect();
        let is_unknown =
            |number: &u32| self.partitions.get(number).is_some_and(|partition| !partition.is_stable);
        let committed = written.iter().copied().filter(is_unknown).collect();
        self.asked = Some((now, written.len()));
        self.arrived = false;
        Some(Question { written, committed })
    }

    /// What the answers to the last question mean.
    pub(super) fn answered(&mut self, written: &Ends, committed: &Ends) -> Answered {
        let mut answered = Answered { silent: Duration::MAX, ..Answered::default() };
        let Some((asked, _)) = self.asked else { return answered };
        for (&number, end) in written {
            let Some(partition) = self.partitions.get_mut(&number) else { continue };
            let end = match end {
                Ok(end) => *end,
                Err(code) => {
                    partition.is_in_doubt = true;
                    answered.unanswered.push((number, *code));
                    continue;
                }
            };
            if partition.is_in_doubt {
                partition.is_stable = false;
                answered.in_doubt.push(number);
                continue;
            }
            let silent = asked.saturating_sub(partition.since);
            let is_silent = silent >= self.timeout && !partition.is_paused;
            match committed.get(&number) {
                Some(Ok(stable)) => {
                    partition.is_stable = *stable == end && partition.end == Some(end);
                    if *stable < end && is_silent {
                        answered.open.push((number, *stable, end));
                    }
                }
                Some(Err(code)) => answered.unanswered.push((number, *code)),
                // Something was written behind an end that was known to be stable: it is asked for the next time.
                None => partition.is_stable &= partition.end == Some(end),
            }
            if is_silent && partition.is_stable {
                answered.idle.push(number);
                answered.silent = answered.silent.min(silent);
            }
        }
        self.unanswered = !answered.unanswered.is_empty();
        answered
    }

    /// After how much silence a leader is asked.
    fn quiet(&self) -> Duration {
        QUIET.min(self.timeout)
    }

    fn read(&self) -> impl Iterator<Item = (u32, &Partition)> + Clone {
        let read = self.partitions.iter().filter(|(_, partition)| !partition.is_paused);
        read.map(|(&number, partition)| (number, partition))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(10);

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn ends<const N: usize>(ends: [(u32, i64); N]) -> Ends {
        ends.into_iter().map(|(partition, end)| (partition, Ok(Offset(end)))).collect()
    }

    /// Partitions 0 and 1, read from second 0, both read to their ends, 5 and 7.
    fn silence() -> Silence {
        let mut silence = Silence::new(TIMEOUT);
        for (partition, end) in [(0, 5), (1, 7)] {
            silence.assigned(partition, s(0));
            silence.reached_end(partition, Some(Offset(end)));
        }
        silence
    }

    fn question(written: &[u32], committed: &[u32]) -> Option<Question> {
        Some(Question { written: written.to_vec(), committed: committed.to_vec() })
    }

    #[test]
    fn a_partition_is_idle_when_its_leader_said_so_after_the_time_out() {
        let mut silence = silence();
        silence.arrived(1, s(4));
        silence.reached_end(1, Some(Offset(8)));
        assert_eq!(silence.ask(s(10)), question(&[0, 1], &[0, 1]));
        let answered = silence.answered(&ends([(0, 5), (1, 8)]), &ends([(0, 5), (1, 8)]));
        assert_eq!((answered.idle, answered.silent), (vec![0], s(10)), "1 is silent for 6 s only");
        assert_eq!(
            silence.ask(s(20)),
            question(&[0, 1], &[]),
            "no transaction can be before an end that stays"
        );
        let answered = silence.answered(&ends([(0, 5), (1, 8)]), &ends([]));
        assert_eq!((answered.idle, answered.silent), (vec![0, 1], s(16)));
    }

    #[test]
    fn silence_alone_makes_no_partition_idle() {
        let mut silence = silence();
        silence.assigned(2, s(0));
        assert_eq!(silence.ask(s(60)), question(&[0, 1, 2], &[0, 1, 2]));
        let mut written = ends([(0, 6), (1, 7), (2, 0)]);
        let answered = silence.answered(&written, &written);
        assert_eq!(answered.idle, [1], "0 has a record that was not read, 2 was not read to its end");
        written.insert(1, Err(RDKafkaErrorCode::RequestTimedOut));
        assert!(silence.ask(s(61)).is_some());
        let answered = silence.answered(&written, &written);
        assert_eq!(answered.idle, [] as [u32; 0], "the leader of 1 does not answer");
        assert_eq!(answered.unanswered.first(), Some(&(1, RDKafkaErrorCode::RequestTimedOut)));
    }

    #[test]
    fn a_leader_that_did_not_answer_is_believed_when_another_broker_says_that_it_leads() {
        let mut silence = silence();
        assert!(silence.ask(s(20)).is_some());
        let mut written = ends([(0, 5), (1, 7)]);
        written.insert(1, Err(RDKafkaErrorCode::RequestTimedOut));
        assert_eq!(silence.answered(&written, &ends([(0, 5), (1, 7)])).idle, [0]);
        assert!(silence.ask(s(21)).is_some());
        let answered = silence.answered(&ends([(0, 5), (1, 7)]), &ends([(1, 7)]));
        assert_eq!((answered.idle, answered.in_doubt), (vec![0], vec![1]), "it may have been replaced");
        silence.trust(&[1], s(21));
        assert_eq!(silence.ask(s(22)), question(&[0, 1], &[1]));
        let answered = silence.answered(&ends([(0, 5), (1, 7)]), &ends([(1, 7)]));
        assert_eq!(answered.idle, [0], "nobody could write to 1 before");
        assert!(silence.ask(s(31)).is_some());
        assert_eq!(silence.answered(&ends([(0, 5), (1, 7)]), &ends([])).idle, [0, 1]);
        silence.doubt_all();
        assert!(silence.ask(s(33)).is_some());
        assert_eq!(silence.answered(&ends([(0, 5), (1, 7)]), &ends([])).in_doubt, [0, 1]);
    }

    #[test]
    fn a_record_that_comes_before_the_answer_counts() {
        let mut silence = silence();
        assert!(silence.ask(s(20)).is_some());
        silence.arrived(0, s(20));
        let answered = silence.answered(&ends([(0, 6), (1, 7)]), &ends([(0, 6), (1, 7)]));
        assert_eq!(answered.idle, [1]);
    }

    #[test]
    fn an_open_transaction_is_no_silence() {
        let mut silence = silence();
        assert!(silence.ask(s(20)).is_some());
        let answered = silence.answered(&ends([(0, 5), (1, 9)]), &ends([(0, 5), (1, 7)]));
        assert_eq!((answered.idle, answered.open), (vec![0], vec![(1, Offset(7), Offset(9))]));
        // The client knows the high watermark already when it reaches the last stable offset.
        silence.reached_end(1, Some(Offset(9)));
        assert_eq!(silence.ask(s(21)), question(&[0, 1], &[1]));
        let answered = silence.answered(&ends([(0, 5), (1, 9)]), &ends([(1, 7)]));
        assert_eq!((answered.idle, answered.open), (vec![0], vec![(1, Offset(7), Offset(9))]));
        // It was aborted: nothing of it ever comes.
        silence.reached_end(1, Some(Offset(10)));
        assert!(silence.ask(s(22)).is_some());
        let answered = silence.answered(&ends([(0, 5), (1, 10)]), &ends([(1, 10)]));
        assert_eq!((answered.idle, answered.open), (vec![0, 1], vec![]));
        // And another one begins behind an end that was known to be stable.
        assert!(silence.ask(s(23)).is_some());
        assert_eq!(silence.answered(&ends([(0, 5), (1, 11)]), &ends([])).idle, [0]);
        assert_eq!(silence.ask(s(24)), question(&[0, 1], &[1]));
        let answered = silence.answered(&ends([(0, 5), (1, 11)]), &ends([(1, 10)]));
        assert_eq!((answered.idle, answered.open), (vec![0], vec![(1, Offset(10), Offset(11))]));
    }

    #[test]
    fn a_partition_that_is_not_read_is_not_asked_for_and_begins_anew() {
        let mut silence = silence();
        silence.paused(0);
        assert_eq!(silence.ask(s(20)), question(&[1], &[1]));
        silence.resumed(0, s(21));
        silence.over(1);
        assert_eq!(silence.ask(s(22)), question(&[0], &[0]));
        assert_eq!(silence.answered(&ends([(0, 5)]), &ends([(0, 5)])).idle, [] as [u32; 0]);
        silence.over(0);
        assert_eq!(silence.until_ask(s(99)), None);
    }

    #[test]
    fn leaders_are_asked_as_often_as_somebody_waits_for_it() {
        let mut silence = silence();
        assert_eq!(silence.until_ask(s(0)), Some(QUIET));
        assert!(silence.ask(s(2)).is_some());
        assert_eq!(silence.until_ask(s(2)), Some(HEALTH_EVERY));
        let ms = Duration::from_millis;
        assert!(silence.ask(ms(9_700)).is_some());
        assert_eq!(silence.until_ask(ms(9_800)), Some(ms(200)), "at the time-out");
        silence.answered(&ends([(0, 5), (1, 7)]), &ends([(0, 5), (1, 7)]));
        assert!(silence.ask(s(20)).is_some());
        silence.answered(&ends([(0, 5), (1, 7)]), &ends([(0, 5), (1, 7)]));
        assert_eq!(silence.until_ask(s(20)), Some(SILENT_EVERY));
        silence.set_closes_after(s(25));
        assert_eq!(silence.until_ask(s(20)), Some(HEALTH_EVERY), "no window closes for some seconds");
        silence.set_closes_after(ms(20_300));
        assert_eq!(silence.until_ask(s(20)), Some(ms(300)), "when a window closes");
        assert_eq!(silence.until_ask(ms(20_300)), Some(Duration::ZERO));
        silence.set_closes_after(Duration::MAX);
        assert_eq!(silence.until_ask(s(20)), Some(HEALTH_EVERY), "there is no window");
        silence.arrived(1, s(20));
        assert_eq!(silence.until_ask(s(20)), Some(BUSY_EVERY + 2 * BUSY_EVERY_PARTITION));
        assert!(silence.ask(s(21)).is_some());
        silence.answered(&[(0, Err(RDKafkaErrorCode::RequestTimedOut))].into(), &ends([]));
        silence.arrived(1, s(21));
        assert_eq!(silence.until_ask(s(21)), Some(HEALTH_EVERY), "a leader that is away is not pressed");
    }
}
