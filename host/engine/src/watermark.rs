//! Event time up to which input is complete: of a partition, and of a source.

use std::collections::BTreeMap;

use streamgauge_common::partition::Partition;

/// No event yet.
pub(super) const NEVER: i64 = i64::MIN;
/// No event will come.
pub(super) const FOREVER: i64 = i64::MAX;

/// A partition's own watermark, and what its silence has shown beyond it. The latter is not captured: the source's own
/// watermark, which is, has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Watermark {
    /// Its largest event time less the delay.
    at: i64,
    /// Up to here its source need not wait for it: it was idle when the others had come this far.
    promised: i64,
}

impl Watermark {
    /// Of a partition that never had an event: it holds its source back.
    fn new() -> Self {
        Self { at: NEVER, promised: NEVER }
    }

    /// How far the source may go as far as this partition is concerned.
    fn allows(&self) -> i64 {
        self.at.max(self.promised)
    }

    /// The partition's own watermark has come so far; [`FOREVER`] where the partition has ended.
    fn observe(&mut self, own: i64) {
        self.at = self.at.max(own);
    }

    /// The source need not wait for this partition up to a time.
    fn promise(&mut self, time: i64) {
        self.promised = self.promised.max(time);
    }

    fn has_ended(&self) -> bool {
        self.at == FOREVER
    }
}

/// A source's watermark: the least of what its partitions allow, never going back.
#[derive(Clone, Debug)]
pub(super) struct SourceWatermark {
    at: i64,
    partitions: BTreeMap<Partition, Watermark>,
    /// Where the partitions stood when leaders were last asked for their ends.
    idle_baseline: Option<IdleBaseline>,
    /// The greatest event time of the partitions that have ended.
    last_event: i64,
}

impl SourceWatermark {
    /// Before any event.
    pub(super) fn new() -> Self {
        Self { at: NEVER, partitions: BTreeMap::new(), idle_baseline: None, last_event: NEVER }
    }

    /// As it was captured, with the partitions' own watermarks.
    pub(super) fn restored(at: i64, partitions: impl IntoIterator<Item = (Partition, i64)>) -> Self {
        let own = |(partition, at)| (partition, Watermark { at, ..Watermark::new() });
        Self { at, partitions: partitions.into_iter().map(own).collect(), ..Self::new() }
    }

    /// Where it is.
    pub(super) fn at(&self) -> i64 {
        self.at
    }

    /// Rises to a time that was decided before.
    pub(super) fn rise_to(&mut self, time: i64) {
        self.at = self.at.max(time);
    }

    /// Is not ahead of the partitions' own watermarks but up to a time.
    pub(super) fn fall_back_to(&mut self, time: i64) {
        self.at = self.at.min(self.least_own().max(time));
    }

    /// A partition is there, and its own watermark has come so far.
    pub(super) fn observe(&mut self, partition: Partition, own: i64) {
        self.partitions.entry(partition).or_insert_with(Watermark::new).observe(own);
        self.follow();
    }

    /// Every row before a time has come, in all partitions.
    pub(super) fn complete(&mut self, time: i64) {
        self.partitions.values_mut().for_each(|watermark| watermark.observe(time));
        self.follow();
    }

    /// A partition has ended; `newest` is its greatest event time.
    pub(super) fn end(&mut self, partition: Partition, newest: Option<i64>) {
        self.last_event = newest.map_or(self.last_event, |newest| self.last_event.max(newest));
        self.observe(partition, FOREVER);
    }

    /// The greatest event time of the partitions that have ended; none where there is none.
    pub(super) fn newest_of_ended(&self) -> Option<i64> {
        (self.last_event != NEVER).then_some(self.last_event)
    }

    /// See `WindowQuery::cut_off`.
    pub(super) fn cut_off(&self, window_end: i64) -> Option<i64> {
        self.newest_of_ended().filter(|&newest| self.at == FOREVER && window_end > newest)
    }

    /// The least of the partitions' own watermarks.
    pub(super) fn least_own(&self) -> i64 {
        self.partitions.values().map(|watermark| watermark.at).min().unwrap_or(NEVER)
    }

    /// Whether some partition's own watermark has not reached a time.
    pub(super) fn is_ahead_of_a_partition(&self, time: i64) -> bool {
        self.partitions.values().any(|watermark| watermark.at < time)
    }

    /// See `WindowQuery::held_by`.
    pub(super) fn held_by(&self, time: i64) -> Option<(Partition, i64)> {
        let others_have_come = self.partitions.values().any(|watermark| watermark.allows() >= time);
        let behind = self.partitions.iter().filter(|(_, watermark)| watermark.allows() < time);
        let last = behind.min_by_key(|(_, watermark)| watermark.allows()).filter(|_| others_have_come);
        last.map(|(&partition, watermark)| (partition, watermark.allows()))
    }

    /// See `WindowQuery::mark`.
    pub(super) fn set_idle_baseline(&mut self) {
        self.idle_baseline = Some(IdleBaseline { watermarks: self.partitions.clone() });
    }

    /// See `WindowQuery::idle`.
    pub(super) fn idle(&mut self, partitions: &[Partition], elapsed_us: i64) {
        let Some(mark) = self.idle_baseline.take() else { return };
        mark.promise(partitions, elapsed_us, &mut self.partitions);
        self.follow();
    }

    /// Follows the partitions.
    fn follow(&mut self) {
        self.at = self.at.max(self.partitions.values().map(Watermark::allows).min().unwrap_or(NEVER));
    }
}

/// Where each partition of a source stood at one moment.
///
/// The leaders of silent partitions are asked for their ends at that moment. If one answers that its partition has nothing more,
/// then nothing of it is missing from what had been read of the *others* until then, so that is how far the source may go without
/// it: [`IdleBaseline::promise`]. What was read of the others since is not covered by the answer.
#[derive(Clone, Debug)]
struct IdleBaseline {
    watermarks: BTreeMap<Partition, Watermark>,
}

impl IdleBaseline {
    /// How far the source may go without the partitions that were idle at this moment: as far as all others had come. Where
    /// there was no other, time itself goes on: to the greatest event time of any partition less the delay, plus what had elapsed
    /// since the last arrival. None before any event.
    fn reach(&self, idle: &[Partition], elapsed_us: i64) -> Option<i64> {
        let is_idle = |partition: &Partition| idle.contains(partition);
        let live = self.watermarks.iter().filter(|(_, watermark)| !watermark.has_ended());
        let others = live.clone().filter(|(partition, _)| !is_idle(partition));
        let reach = match others.map(|(_, watermark)| watermark.allows()).min() {
            Some(least) => least,
            None => {
                let reached = live.map(|(_, watermark)| watermark.at).max().filter(|&at| at != NEVER)?;
                reached.saturating_add(elapsed_us.max(0)).min(FOREVER - 1)
            }
        };
        (reach != NEVER).then_some(reach)
    }

    /// Lets a source go on without the partitions that were idle at this moment.
    fn promise(&self, idle: &[Partition], elapsed_us: i64, partitions: &mut BTreeMap<Partition, Watermark>) {
        let Some(reach) = self.reach(idle, elapsed_us) else { return };
        let idle = partitions.iter_mut().filter(|(partition, _)| idle.contains(partition));
        idle.for_each(|(_, watermark)| watermark.promise(reach));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use streamgauge_common::partition::SourceIndex;

    fn first(number: u32) -> Partition {
        SourceIndex::FIRST.partition(number)
    }

    fn source(times: &[i64]) -> SourceWatermark {
        SourceWatermark::restored(NEVER, (0..).map(first).zip(times.iter().copied()))
    }

    /// The source's watermark after these partitions were found idle at a moment at which all stood like this.
    fn promised(times: &[i64], idle: &[u32], elapsed_us: i64) -> i64 {
        let mut source = source(times);
        source.set_idle_baseline();
        source.idle(&idle.iter().copied().map(first).collect::<Vec<_>>(), elapsed_us);
        source.at()
    }

    #[test]
    fn the_least_partition_counts_and_it_never_goes_back() {
        let mut source = source(&[NEVER, 7]);
        assert_eq!(source.at(), NEVER);
        source.observe(first(0), 5);
        assert_eq!(source.at(), 5);
        source.observe(first(0), 3);
        assert_eq!(source.at(), 5, "never back");
        source.observe(first(2), NEVER);
        assert_eq!(source.at(), 5, "a partition that comes later does not take it back");
        source.observe(first(2), 6);
        source.observe(first(0), FOREVER);
        assert_eq!(source.at(), 6, "one that has ended holds nobody back");
        source.observe(first(1), FOREVER);
        source.observe(first(2), FOREVER);
        assert_eq!(source.at(), FOREVER);
    }

    #[test]
    fn partitions_of_two_sources_with_one_number_are_two() {
        let mut source = source(&[7]);
        let other = SourceIndex(1).partition(0);
        source.observe(other, NEVER);
        source.observe(first(0), 9);
        assert_eq!(source.at(), NEVER, "the other source had no event");
        source.observe(other, 8);
        assert_eq!(source.at(), 8);
        source.set_idle_baseline();
        source.idle(&[first(0)], 0);
        source.observe(other, 12);
        assert_eq!(source.at(), 9, "partition 0 of the first source was idle, not that of the other");
    }

    #[test]
    fn a_partition_holds_a_time_up_only_where_another_one_has_reached_it() {
        assert_eq!(source(&[5, 9, 3]).held_by(9), Some((first(2), 3)));
        assert_eq!(source(&[NEVER, 9]).held_by(7), Some((first(0), NEVER)));
        assert_eq!(source(&[FOREVER, 9]).held_by(12), Some((first(1), 9)));
        assert_eq!(source(&[5, 9]).held_by(10), None, "none has come so far");
        assert_eq!(source(&[5, 9]).held_by(5), None, "all have");
        assert_eq!(source(&[]).held_by(5), None);
    }

    #[test]
    fn what_was_captured_comes_back_whatever_idleness_had_shown() {
        let mut source = SourceWatermark::restored(20, [(first(0), 5), (first(1), 30)]);
        assert_eq!((source.at(), source.is_ahead_of_a_partition(20)), (20, true));
        source.observe(first(0), 25);
        assert_eq!((source.at(), source.is_ahead_of_a_partition(20)), (25, false));
    }

    #[test]
    fn an_idle_partition_lets_the_source_follow_the_others() {
        assert_eq!(promised(&[5, 9, 7], &[0], 100), 7);
        assert_eq!(promised(&[NEVER, 9, 7], &[0], 100), 7);
        assert_eq!(promised(&[5, 9, NEVER], &[0], 100), NEVER, "another one never had an event");
        assert_eq!(promised(&[FOREVER, 3, 9], &[1], 100), 9);
    }

    #[test]
    fn when_all_are_idle_time_passes() {
        assert_eq!(promised(&[NEVER], &[0], 100), NEVER, "no event says what time it is");
        assert_eq!(promised(&[3, 9, FOREVER], &[0, 1], 100), 109);
        assert_eq!(promised(&[3, NEVER], &[0, 1], 100), 103);
        assert_eq!(promised(&[3, 9], &[0, 1], i64::MAX), FOREVER - 1, "not the end");
        assert_eq!(promised(&[3, 9], &[0, 1], -5), 9);
    }

    #[test]
    fn what_was_read_of_the_others_after_the_mark_is_not_covered() {
        let mut source = source(&[5, 20]);
        source.set_idle_baseline();
        source.observe(first(1), 50);
        source.idle(&[first(0)], 0);
        assert_eq!(source.at(), 20);
        source.idle(&[first(0)], 0);
        assert_eq!(source.at(), 20, "a mark serves once");
    }

    #[test]
    fn a_promise_outlives_the_silence_and_is_never_taken_back() {
        let mut partition = Watermark { at: 5, ..Watermark::new() };
        partition.promise(20);
        partition.promise(10);
        partition.observe(8);
        assert_eq!((partition.at, partition.allows()), (8, 20));
        partition.observe(30);
        assert_eq!(partition.allows(), 30);
    }
}
