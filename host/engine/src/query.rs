//! One windowed query on one host: FOLD and CLOSE over the same reducers.

use std::collections::BTreeSet;

use streamgauge_common::partition::Partition;
use streamgauge_sql::manifest::{Aggregate, Window};

use super::{
    Accumulators, Fault, FoldBatch, Folded,
    answer::Closed,
    fold::Fold,
    halves::Closing,
    segment::{RestoreError, SegmentId, Snapshot, StateSegment, WindowProgress},
    slice::{BadWindow, Slicing, WindowNumber},
    slot::SlotAllocator,
    states::States,
    watermark::{FOREVER, NEVER, SourceWatermark},
};

/// What a query is told beside its windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How much later than the greatest event time so far an event may come, in microseconds.
    pub delay_us: i64,
    /// `max_groups`: a partition's rows of new groups beyond it are rejected.
    pub groups_max: usize,
    /// Windows that start before it are not emitted; none = all are. Sessions that start less than the gap behind it are not either: what
    /// was before them is not known.
    pub emit_from_us: Option<i64>,
    /// ALLOW LATENESS: how long a closed window goes on taking rows, in microseconds; none = it takes none. Not of sessions.
    pub lateness_us: Option<i64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { delay_us: 0, groups_max: 1_000_000, emit_from_us: None, lateness_us: None }
    }
}

impl Settings {
    /// The first window that is emitted.
    pub(super) fn first_window(&self, slicing: &Slicing) -> WindowNumber {
        // The one window over all of an input has what is read of it, wherever that begins.
        let from = self.emit_from_us.filter(|_| !slicing.is_whole());
        from.map_or(WindowNumber::MIN, |from| slicing.first_starting(from))
    }
}

/// How much a query holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Accumulators, of each aggregate call.
    pub slots: usize,
    /// Groups, over all partitions, and those of windows that close.
    pub groups: usize,
}

/// The state of one windowed query: a pure state machine.
///
/// Partitions are known by source and number, so that a query may read several sources. It holds its watermark back for a
/// partition from the moment it knows it, so all that are there are named at the start. After a [`Fault`] states are lost: every
/// later call gives the same fault.
///
/// ```
/// use streamgauge_common::partition::SourceIndex;
/// use streamgauge_engine::{Settings, WindowQuery};
/// use streamgauge_sql::manifest::{Window, WindowKind};
///
/// let kind = WindowKind::Tumble { size_us: 60_000_000, offset_us: 0 };
/// let minute = Window { kind, time: 0, keys: vec![], sets: vec![], aggregates: vec![] };
/// let query = WindowQuery::new(&minute, Settings::default(), [SourceIndex::FIRST.partition(0)])?;
/// assert_eq!(query.watermark(), i64::MIN);
/// # Ok::<(), streamgauge_engine::BadWindow>(())
/// ```
#[derive(Debug)]
pub struct WindowQuery {
    fold: Fold,
    close: Closing,
    aggregates: Vec<Aggregate>,
    /// The slots of both halves.
    slots: SlotAllocator,
    fault: Option<Fault>,
}

impl WindowQuery {
    /// A query without state, over the partitions that are known.
    pub fn new(
        window: &Window,
        settings: Settings,
        partitions: impl IntoIterator<Item = Partition>,
    ) -> Result<Self, BadWindow> {
        let (fold, close) = Closing::new(window, settings)?;
        let (aggregates, slots) = (window.aggregates.clone(), SlotAllocator::default());
        let mut query = Self { fold, close, aggregates, slots, fault: None };
        partitions.into_iter().for_each(|partition| query.active(partition));
        Ok(query)
    }

    /// The source's watermark, in microseconds since the epoch: `i64::MIN` = none yet, `i64::MAX` = the end.
    pub fn watermark(&self) -> i64 {
        self.close.source().at()
    }

    /// All windows that end at or before it are closed, once [`WindowQuery::next_closed`] has nothing to give: no window that ends so comes
    /// any more.
    pub fn closed_upto(&self) -> i64 {
        self.close.closed()
    }

    /// A partition's own watermark; none before its first event, and behind its end.
    pub fn watermark_of(&self, partition: Partition) -> Option<i64> {
        Some(self.fold.watermark(partition)).filter(|&at| at != NEVER && at != FOREVER)
    }

    /// `max_groups`, of a partition.
    pub fn groups_max(&self) -> usize {
        self.fold.groups_max()
    }

    /// How much is held.
    pub fn usage(&self) -> Usage {
        Usage { slots: self.slots.in_use() as usize, groups: self.fold.groups() + self.close.groups() }
    }

    /// Folds rows of a partition. Then windows may be complete: see [`WindowQuery::next_closed`].
    pub fn fold(
        &mut self,
        partition: Partition,
        batch: &FoldBatch<'_>,
        accumulators: &mut [Box<dyn Accumulators>],
    ) -> Result<Folded, Fault> {
        debug_assert_eq!(batch.arguments.len(), self.aggregates.len(), "arguments for each aggregate call");
        let folded =
            self.step(accumulators, |fold, close, states| close.fold(fold, partition, batch, states));
        self.close.source_mut().observe(partition, self.fold.watermark(partition));
        folded
    }

    /// A partition is there: it holds the watermark back until it has rows, or is idle.
    pub fn active(&mut self, partition: Partition) {
        self.fold.add_partition(partition);
        self.close.source_mut().observe(partition, self.fold.watermark(partition));
    }

    /// The leaders of silent partitions are asked for their ends now: what they answer says something about what was folded
    /// until here, see [`WindowQuery::idle`].
    pub fn set_idle_baseline(&mut self) {
        self.close.source_mut().set_idle_baseline();
    }

    /// These partitions were idle at the last [`WindowQuery::set_idle_baseline`]: the watermark need not wait for them up to where the others
    /// stood then. If all partitions were idle, it rises to the greatest event time less the delay, plus the time that had elapsed
    /// since the last arrival. A mark serves once; without one nothing happens.
    pub fn idle(&mut self, partitions: &[Partition], elapsed_us: i64) {
        self.close.source_mut().idle(partitions, elapsed_us);
    }

    /// A partition has ended; when all have, all windows are complete.
    pub fn end(&mut self, partition: Partition) {
        let newest = self.fold.newest_of(partition);
        self.fold.end(partition);
        debug_assert_eq!(self.fold.watermark(partition), FOREVER, "no row of it comes any more");
        self.close.source_mut().end(partition, newest);
    }

    /// Every row before a time has come, in all partitions: of the rows of a view this is known when the windows that they are of are
    /// closed. [`i64::MAX`] = no row comes any more.
    pub fn complete(&mut self, time: i64) {
        self.fold.complete(time);
        self.close.source_mut().complete(time);
    }

    /// The greatest event time, where the input has ended and a window that ends at `window_end` closed for that reason alone: what
    /// would have come into it is not known.
    pub fn cut_off(&self, window_end: i64) -> Option<i64> {
        self.close.source().cut_off(window_end)
    }

    /// Whether the next closes go beyond some partition's own watermark: then rows that are still to come there will be late,
    /// and a replay must close at the same positions. Gives the end of the last window that is closed so, with rows or
    /// without; [`WindowQuery::force`] does it again.
    pub fn forces(&self) -> Option<i64> {
        self.close.forces(&self.fold)
    }

    /// Lets the watermark rise to the end of a window whose close was decided before it could have been, in a run that went
    /// before: a partition was idle then.
    pub fn force(&mut self, window_end: i64) {
        self.close.source_mut().rise_to(window_end);
    }

    /// Closes the next window that the watermark has reached, and gives its groups, up to 8192 at a time; none = nothing more
    /// is complete. Windows come by their ends, groups by their keys. A window without a row is passed over.
    pub fn next_closed(
        &mut self,
        accumulators: &mut [Box<dyn Accumulators>],
    ) -> Result<Option<Closed>, Fault> {
        self.step(accumulators, |fold, close, states| close.next_closed(fold, states))
    }

    /// Whether [`WindowQuery::next_closed`] has something to give.
    pub fn has_complete_window(&self) -> bool {
        self.close.has_complete_window(&self.fold)
    }

    /// The end of the next window that has a row; none where no row has come that is of a window which is not closed.
    pub fn next_window_end(&self) -> Option<i64> {
        self.close.next_window_end(&self.fold)
    }

    /// How much time has to pass without any event for windows to close that end at `end`, in microseconds: see [`WindowQuery::idle`]. None
    /// where there was no event.
    pub fn closes_after_us(&self, end: i64) -> Option<i64> {
        let newest = self.newest_event()?;
        Some(end.saturating_add(self.fold.delay_us()).saturating_sub(newest).max(0))
    }

    /// The greatest event time so far; none before any event.
    pub fn newest_event(&self) -> Option<i64> {
        self.fold.newest().max(self.close.source().newest_of_ended())
    }

    /// The start of the first window that is emitted; none where all are.
    pub fn emits_from(&self) -> Option<i64> {
        self.close.emits_from(&self.fold)
    }

    /// The partition that keeps the watermark from reaching a time which another partition has reached, and how far it has come:
    /// `i64::MIN` = it never had an event.
    pub fn held_by(&self, time: i64) -> Option<(Partition, i64)> {
        self.close.source().held_by(time)
    }

    /// All that [`WindowQuery::next_closed`] gives. How much that is depends on how far the watermark has moved: where it is
    /// not known to be little, take it one by one.
    pub fn advance(&mut self, accumulators: &mut [Box<dyn Accumulators>]) -> Result<Vec<Closed>, Fault> {
        std::iter::from_fn(|| self.next_closed(accumulators).transpose()).collect()
    }

    /// From now on what changes is remembered, so that it can be captured.
    pub fn track_changes(&mut self) {
        self.fold.track_changes();
        self.close.track_changes();
    }

    /// Whether a window is being given out: its state is neither that before nor that behind it.
    pub fn is_mid_window(&self) -> bool {
        self.close.is_mid_window()
    }

    /// What has changed since the last capture, or since the changes are tracked; and all of the segments that `whole` names, as
    /// far as they are not sealed. Segments that were put back from states of other versions are captured as a whole, once.
    ///
    /// # Panics
    /// Where changes are not tracked, or in the middle of a window.
    pub fn snapshot(
        &mut self,
        whole: &BTreeSet<SegmentId>,
        accumulators: &mut [Box<dyn Accumulators>],
    ) -> Result<Snapshot, Fault> {
        assert!(!self.is_mid_window(), "a state is captured between windows");
        let (parts, kept) =
            self.step(accumulators, |fold, close, states| close.snapshot(fold, whole, states))?;
        let window_progress = WindowProgress {
            closed: self.close.closed(),
            watermark: self.watermark(),
            partitions: self.fold.watermarks().collect(),
        };
        Ok(Snapshot { window_progress, parts, kept })
    }

    /// A query that goes on where `window_progress` says, still without segments: [`WindowQuery::put_back`] gives it those that
    /// were kept, in the order in which they were captured; [`WindowQuery::end_restore`] ends that.
    pub fn restored(
        window: &Window,
        settings: Settings,
        window_progress: &WindowProgress,
    ) -> Result<Self, RestoreError> {
        let query = Self::new(window, settings, []);
        let mut query = query.map_err(|error| RestoreError::Misfit(error.to_string()))?;
        let WindowProgress { closed, watermark, partitions } = window_progress;
        for &(partition, watermark) in partitions {
            query.fold.restore_partition(partition, watermark);
        }
        let source = SourceWatermark::restored(*watermark, partitions.iter().copied());
        query.close.restore(&mut query.fold, *closed, source);
        query.track_changes();
        Ok(query)
    }

    /// Puts a segment back; of a group that is there already the later state counts.
    ///
    /// `versions` are the versions of the states, one an aggregate call. A segment whose states have other versions than its
    /// reducers give is captured as a whole the next time.
    pub fn put_back(
        &mut self,
        segment: &StateSegment,
        versions: &[u32],
        accumulators: &mut [Box<dyn Accumulators>],
    ) -> Result<(), RestoreError> {
        self.step(accumulators, |fold, close, states| close.put_back(fold, segment, versions, states))
    }

    /// All segments are back.
    pub fn end_restore(&mut self) {
        self.close.end_restore(&self.fold);
        self.fold.end_restore();
    }

    /// Lets the halves work with the reducers, and remembers a fault.
    fn step<T, E: AsFault>(
        &mut self,
        accumulators: &mut [Box<dyn Accumulators>],
        work: impl FnOnce(&mut Fold, &mut Closing, &mut States<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        assert_eq!(accumulators.len(), self.aggregates.len(), "one for each aggregate call");
        if let Some(fault) = &self.fault {
            return Err(fault.clone().into());
        }
        let mut states = States { aggregates: &self.aggregates, accumulators, slots: &mut self.slots };
        let done = work(&mut self.fold, &mut self.close, &mut states);
        if let Err(error) = &done {
            self.fault = error.as_fault().cloned();
        }
        done
    }
}

/// An error behind which there may be a fault.
trait AsFault: From<Fault> {
    fn as_fault(&self) -> Option<&Fault>;
}

impl AsFault for Fault {
    fn as_fault(&self) -> Option<&Fault> {
        Some(self)
    }
}

impl AsFault for RestoreError {
    fn as_fault(&self) -> Option<&Fault> {
        match self {
            Self::Fault(fault) => Some(fault),
            Self::Misfit(_) => None,
        }
    }
}
