//! Event time up to which input is complete: of a partition, and of a source.

use std::collections::BTreeMap;

/// No event yet.
pub(super) const NEVER: i64 = i64::MIN;
/// No event will come.
pub(super) const FOREVER: i64 = i64::MAX;

/// A partition's own watermark, and what its silence has shown beyond it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Watermark {
    /// Its largest event time less the delay.
    at: i64,
    /// Up to here its source need not wait for it: it was idle when the others had come this far.
    promised: i64,
}

impl Watermark {
    /// Of a partition that never had an event: it holds its source back.
    pub(super) fn new() -> Self {
        Self::restored(NEVER)
    }

    /// Where it was when its state was captured. What its silence had shown is not captured: the source's own watermark has it.
    pub(super) fn restored(at: i64) -> Self {
        Self { at, promised: NEVER }
    }

    /// The partition's own watermark.
    #[inline]
    pub(super) fn at(&self) -> i64 {
        self.at
    }

    /// How far the source may go as far as this partition is concerned.
    fn allows(&self) -> i64 {
        self.at.max(self.promised)
    }

    /// Moves it for an event; `time_less_delay` is the event's time less the delay.
    #[inline]
    pub(super) fn observe(&mut self, time_less_delay: i64) {
        self.at = self.at.max(time_less_delay);
    }

    /// The source need not wait for this partition up to a time.
    fn promise(&mut self, time: i64) {
        self.promised = self.promised.max(time);
    }

    /// No event will come.
    pub(super) fn end(&mut self) {
        self.at = FOREVER;
    }

    fn has_ended(&self) -> bool {
        self.at == FOREVER
    }
}

/// A source's watermark: the least of what its partitions allow, never going back.
#[derive(Clone, Copy, Debug)]
pub(super) struct SourceWatermark {
    at: i64,
}

impl SourceWatermark {
    /// Before any event.
    pub(super) fn new() -> Self {
        Self { at: NEVER }
    }

    /// Where it is.
    pub(super) fn at(&self) -> i64 {
        self.at
    }

    /// Rises to a time that was decided before.
    pub(super) fn rise_to(&mut self, time: i64) {
        self.at = self.at.max(time);
    }

    /// Follows the partitions.
    pub(super) fn follow(&mut self, partitions: impl Iterator<Item = Watermark>) {
        self.at = self.at.max(partitions.map(|partition| partition.allows()).min().unwrap_or(NEVER));
    }
}

/// Where each partition of a source stood at one moment.
///
/// The leaders of silent partitions are asked for their ends at that moment. If one answers that its partition has nothing more,
/// then nothing of it is missing from what had been read of the *others* until then, so that is how far the source may go without
/// it: [`Mark::promise`]. What was read of the others since is not covered by the answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Mark {
    watermarks: BTreeMap<u32, Watermark>,
}

impl Mark {
    /// Of partitions as they stand now.
    pub(super) fn of(watermarks: impl Iterator<Item = (u32, Watermark)>) -> Self {
        Self { watermarks: watermarks.collect() }
    }

    /// How far the source may go without the partitions that were idle at this moment: as far as all others had come. Where
    /// there was no other, time itself goes on: to the greatest event time of any partition less the delay, plus what had elapsed
    /// since the last arrival. None where that is nowhere.
    fn reach(&self, idle: &[u32], elapsed_us: i64) -> Option<i64> {
        let is_idle = |partition: &u32| idle.contains(partition);
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
    pub(super) fn promise<'a>(
        &self,
        idle: &[u32],
        elapsed_us: i64,
        partitions: impl Iterator<Item = (u32, &'a mut Watermark)>,
    ) {
        let Some(reach) = self.reach(idle, elapsed_us) else { return };
        partitions
            .filter(|(partition, _)| idle.contains(partition))
            .for_each(|(_, watermark)| watermark.promise(reach));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time: i64) -> Watermark {
        Watermark::restored(time)
    }

    fn followed(partitions: &BTreeMap<u32, Watermark>) -> i64 {
        let mut source = SourceWatermark::new();
        source.follow(partitions.values().copied());
        source.at()
    }

    /// The source's watermark after these partitions were found idle at a moment at which all stood like this.
    fn promised(times: &[i64], idle: &[u32], elapsed_us: i64) -> i64 {
        let mut partitions: BTreeMap<u32, Watermark> =
            (0..).zip(times.iter().map(|&time| at(time))).collect();
        let mark = Mark::of(partitions.clone().into_iter());
        mark.promise(
            idle,
            elapsed_us,
            partitions.iter_mut().map(|(&partition, watermark)| (partition, watermark)),
        );
        followed(&partitions)
    }

    #[test]
    fn the_least_partition_counts_and_it_never_goes_back() {
        let mut source = SourceWatermark::new();
        source.follow([at(NEVER), at(7)].into_iter());
        assert_eq!(source.at(), NEVER);
        source.follow([at(5), at(7)].into_iter());
        assert_eq!(source.at(), 5);
        source.follow([at(3), at(7)].into_iter());
        assert_eq!(source.at(), 5, "never back");
        source.follow(std::iter::empty());
        assert_eq!(source.at(), 5);
        source.follow([at(FOREVER), at(6)].into_iter());
        assert_eq!(source.at(), 6, "one that has ended holds nobody back");
        source.follow([at(FOREVER), at(FOREVER)].into_iter());
        assert_eq!(source.at(), FOREVER);
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
        let mut partitions = BTreeMap::from([(0, at(5)), (1, at(20))]);
        let mark = Mark::of(partitions.clone().into_iter());
        partitions.insert(1, at(50));
        mark.promise(&[0], 0, partitions.iter_mut().map(|(&partition, watermark)| (partition, watermark)));
        assert_eq!(followed(&partitions), 20);
    }

    #[test]
    fn a_promise_outlives_the_silence_and_is_never_taken_back() {
        let mut partition = at(5);
        partition.promise(20);
        partition.promise(10);
        partition.observe(8);
        assert_eq!((partition.at(), partition.allows()), (8, 20));
        partition.observe(30);
        assert_eq!(partition.allows(), 30);
    }
}
