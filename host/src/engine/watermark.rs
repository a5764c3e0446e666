//! Event time up to which input is complete: of a partition, and of a source.

/// No event yet.
pub(super) const NEVER: i64 = i64::MIN;
/// No event will come.
pub(super) const FOREVER: i64 = i64::MAX;

/// A partition's own watermark: its largest event time less the delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Watermark {
    at: i64,
    idle: bool,
}

impl Watermark {
    /// Of a partition that never had an event: it holds its source back.
    pub(super) fn new() -> Self {
        Self { at: NEVER, idle: false }
    }

    /// Where it is.
    #[inline]
    pub(super) fn at(&self) -> i64 {
        self.at
    }

    /// Moves it for an event; `time_less_delay` is the event's time less the delay.
    #[inline]
    pub(super) fn observe(&mut self, time_less_delay: i64) {
        self.at = self.at.max(time_less_delay);
    }

    /// Says whether the partition is idle: then it holds nobody back.
    pub(super) fn set_idle(&mut self, idle: bool) {
        self.idle = idle;
    }

    /// Where it was when its state was captured.
    pub(super) fn restored(at: i64) -> Self {
        Self { at, idle: false }
    }

    /// No event will come.
    pub(super) fn end(&mut self) {
        self.at = FOREVER;
    }
}

/// A source's watermark: the least over its active partitions, never going back.
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

    /// Follows the partitions. Those that have ended hold nobody back, but while others are only idle the end is not
    /// reached: they may wake.
    pub(super) fn follow(&mut self, partitions: impl Iterator<Item = Watermark>) {
        let (mut least, mut any, mut ended) = (FOREVER, false, true);
        for partition in partitions {
            any = true;
            ended &= partition.at == FOREVER;
            if !partition.idle {
                least = least.min(partition.at);
            }
        }
        if any && (least < FOREVER || ended) {
            self.at = self.at.max(least);
        }
    }

    /// Where all partitions that have not ended are idle: rises to the time that the events had reached, plus what has
    /// elapsed since the last of them. Nothing happens where one is active, or where there was never an event.
    pub(super) fn rise(&mut self, partitions: impl Iterator<Item = Watermark>, elapsed_us: i64) {
        let mut reached = NEVER;
        for partition in partitions.filter(|partition| partition.at != FOREVER) {
            if !partition.idle {
                return;
            }
            reached = reached.max(partition.at);
        }
        if reached != NEVER {
            self.at = self.at.max(reached.saturating_add(elapsed_us.max(0)).min(FOREVER - 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time: i64, idle: bool) -> Watermark {
        Watermark { at: time, idle }
    }

    #[test]
    fn the_least_active_partition_counts_and_it_never_goes_back() {
        let mut source = SourceWatermark::new();
        source.follow([at(NEVER, false), at(7, false)].into_iter());
        assert_eq!(source.at(), NEVER);
        source.follow([at(5, false), at(7, false)].into_iter());
        assert_eq!(source.at(), 5);
        source.follow([at(5, true), at(7, false)].into_iter());
        assert_eq!(source.at(), 7);
        source.follow([at(6, false), at(7, false)].into_iter());
        assert_eq!(source.at(), 7, "never back");
        source.follow([at(5, true), at(7, true)].into_iter());
        assert_eq!(source.at(), 7, "nobody is active");
        source.follow(std::iter::empty());
        assert_eq!(source.at(), 7);
    }

    #[test]
    fn the_end_is_reached_when_all_have_ended() {
        let mut source = SourceWatermark::new();
        source.follow([at(FOREVER, false), at(3, true)].into_iter());
        assert_eq!(source.at(), NEVER, "the idle one may wake");
        source.follow([at(FOREVER, false), at(3, false)].into_iter());
        assert_eq!(source.at(), 3);
        source.follow([at(FOREVER, true), at(FOREVER, false)].into_iter());
        assert_eq!(source.at(), FOREVER);
    }

    #[test]
    fn when_all_are_idle_time_passes() {
        let mut source = SourceWatermark::new();
        source.rise([at(NEVER, true)].into_iter(), 100);
        assert_eq!(source.at(), NEVER, "no event says what time it is");
        source.rise([at(3, true), at(9, false)].into_iter(), 100);
        assert_eq!(source.at(), NEVER, "one is active");
        source.rise([at(3, true), at(9, true), at(FOREVER, false)].into_iter(), 100);
        assert_eq!(source.at(), 109);
        source.rise([at(3, true), at(9, true)].into_iter(), i64::MAX);
        assert_eq!(source.at(), FOREVER - 1, "not the end");
        source.rise([at(3, true), at(9, true)].into_iter(), -5);
        assert_eq!(source.at(), FOREVER - 1);
    }
}
