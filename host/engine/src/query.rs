//! One windowed query: partitions that fold, and windows that close.

use std::collections::BTreeMap;

use streamgauge_common::column::DataType;
use streamgauge_sql::manifest::{Aggregate, Window};

use super::{
    Accumulators, Fault, FoldBatch, Folded,
    answer::{self, Closed, EmitCursor},
    close::Close,
    fold::{Partition, Plan},
    segment::Changes,
    slice::{BadWindow, Slicing},
    slot::SlotAllocator,
    states::States,
    watermark::{FOREVER, Mark, NEVER, SourceWatermark, Watermark},
};

/// What a query is told beside its windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How much later than the greatest event time so far an event may come, in microseconds.
    pub delay_us: i64,
    /// `max_groups`: a partition's rows of new groups beyond it are rejected.
    pub groups_max: usize,
    /// Windows that start before it are not emitted; none = all are.
    pub emit_from_us: Option<i64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { delay_us: 0, groups_max: 1_000_000, emit_from_us: None }
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
/// Partitions are known by number. A query holds its watermark back for a partition from the moment it knows it, so all
/// that are there are named at the start. After a [`Fault`] states are lost: every later call gives the same fault.
///
/// ```
/// use streamgauge_engine::{Settings, WindowQuery};
/// use streamgauge_sql::manifest::Window;
///
/// let minute = Window { slide_us: 60_000_000, size_us: 60_000_000, time: 0, keys: vec![], aggregates: vec![] };
/// let query = WindowQuery::new(&minute, Settings::default(), [0])?;
/// assert_eq!(query.watermark(), i64::MIN);
/// # Ok::<(), streamgauge_engine::BadWindow>(())
/// ```
#[derive(Debug)]
pub struct WindowQuery {
    pub(super) slicing: Slicing,
    settings: Settings,
    pub(super) key_types: Vec<DataType>,
    pub(super) aggregates: Vec<Aggregate>,
    /// The first window that is emitted.
    pub(super) first_window: i64,
    pub(super) partitions: BTreeMap<u32, Partition>,
    pub(super) source: SourceWatermark,
    /// Where the partitions stood when leaders were last asked for their ends.
    mark: Option<Mark>,
    /// The greatest event time of the partitions that have ended.
    last_event: i64,
    pub(super) slots: SlotAllocator,
    pub(super) close: Close,
    /// The window whose rows are being given out.
    pub(super) open: Option<EmitCursor>,
    /// What changed, where that is tracked.
    pub(super) changes: Option<Changes>,
    fault: Option<Fault>,
}

impl WindowQuery {
    /// A query without state, over the partitions that are known.
    pub fn new(
        window: &Window,
        settings: Settings,
        partitions: impl IntoIterator<Item = u32>,
    ) -> Result<Self, BadWindow> {
        let slicing = Slicing::new(window)?;
        let first_window = settings.emit_from_us.map_or(i64::MIN, |from| slicing.first_starting(from));
        let mut query = Self {
            slicing,
            settings,
            key_types: window.keys.iter().map(|key| key.data_type).collect(),
            aggregates: window.aggregates.clone(),
            first_window,
            partitions: BTreeMap::new(),
            source: SourceWatermark::new(),
            mark: None,
            last_event: NEVER,
            slots: SlotAllocator::default(),
            close: Close::new(),
            open: None,
            changes: None,
            fault: None,
        };
        partitions.into_iter().for_each(|partition| query.active(partition));
        Ok(query)
    }

    /// The source's watermark, in microseconds since the epoch: `i64::MIN` = none yet, `i64::MAX` = the end.
    pub fn watermark(&self) -> i64 {
        self.source.at()
    }

    /// `max_groups`, of a partition.
    pub fn groups_max(&self) -> usize {
        self.settings.groups_max
    }

    /// How much is held.
    pub fn usage(&self) -> Usage {
        let folding: usize = self.partitions.values().map(Partition::groups).sum();
        Usage { slots: self.slots.in_use() as usize, groups: folding + self.close.groups.len() }
    }

    /// Folds rows of a partition. Then windows may be complete: see [`WindowQuery::next_closed`].
    pub fn fold(
        &mut self,
        partition: u32,
        batch: &FoldBatch<'_>,
        accumulators: &mut [Box<dyn Accumulators>],
    ) -> Result<Folded, Fault> {
        self.check(accumulators)?;
        debug_assert!(
            batch.keys.iter().map(|key| key.data_type()).eq(self.key_types.iter().copied()),
            "the plan's keys"
        );
        debug_assert_eq!(batch.arguments.len(), self.aggregates.len(), "arguments for each aggregate call");
        let mut plan = Plan {
            slicing: &self.slicing,
            delay_us: self.settings.delay_us,
            groups_max: self.settings.groups_max,
            first_slice: self.slicing.first_slice(self.first_window),
            closed: self.close.closed,
            slots: &mut self.slots,
        };
        let state = self.partitions.entry(partition).or_insert_with(Partition::new);
        let placed = state.place(batch, &mut plan);
        if let Some(changes) = &mut self.changes {
            changes.touch(&placed.slots);
        }
        let mut states = States { aggregates: &self.aggregates, accumulators, slots: &mut self.slots };
        let accumulated = states.accumulate(batch, &placed);
        self.source.follow(watermarks(&self.partitions));
        self.note(accumulated)?;
        Ok(placed.folded)
    }

    /// A partition is there: it holds the watermark back until it has rows, or is idle.
    pub fn active(&mut self, partition: u32) {
        self.partitions.entry(partition).or_insert_with(Partition::new);
        self.source.follow(watermarks(&self.partitions));
    }

    /// The leaders of silent partitions are asked for their ends now: what they answer says something about what was folded
    /// until here, see [`WindowQuery::idle`].
    pub fn mark(&mut self) {
        let watermarks = self.partitions.iter().map(|(&number, partition)| (number, partition.watermark));
        self.mark = Some(Mark::of(watermarks));
    }

    /// These partitions were idle at the last [`WindowQuery::mark`]: the watermark need not wait for them up to where the others
    /// stood then. If all partitions were idle, it rises to the greatest event time less the delay, plus the time that had elapsed
    /// since the last arrival. A mark serves once; without one nothing happens.
    pub fn idle(&mut self, partitions: &[u32], elapsed_us: i64) {
        let Some(mark) = self.mark.take() else { return };
        let own = self.partitions.iter_mut().map(|(&number, partition)| (number, &mut partition.watermark));
        mark.promise(partitions, elapsed_us, own);
        self.source.follow(watermarks(&self.partitions));
    }

    /// A partition has ended; when all have, all windows are complete.
    pub fn end(&mut self, partition: u32) {
        let partition = self.partitions.entry(partition).or_insert_with(Partition::new);
        let watermark = partition.watermark.at();
        if watermark != NEVER && watermark != FOREVER {
            self.last_event = self.last_event.max(watermark.saturating_add(self.settings.delay_us));
        }
        partition.end(&self.slicing);
        self.source.follow(watermarks(&self.partitions));
    }

    /// The greatest event time, where the input has ended and a window that ends at `window_end` closed for that reason alone: what
    /// would have come into it is not known.
    pub fn cut_off(&self, window_end: i64) -> Option<i64> {
        let is_cut = self.source.at() == FOREVER && self.last_event != NEVER && window_end > self.last_event;
        is_cut.then_some(self.last_event)
    }

    /// Whether the next closes go beyond some partition's own watermark: then rows that are still to come there will be late,
    /// and a replay must close at the same positions. Gives the end of the last window that is closed so, with rows or
    /// without; [`WindowQuery::force`] does it again.
    pub fn forces(&self) -> Option<i64> {
        let window = self.slicing.last_ended(self.source.at());
        let end = self.slicing.end(window);
        let is_new = window > self.slicing.last_ended(self.close.closed);
        (is_new && watermarks(&self.partitions).any(|watermark| watermark.at() < end)).then_some(end)
    }

    /// Closes the next window that the watermark has reached, and gives its groups, up to 8192 at a time; none = nothing more
    /// is complete. Windows come by their ends, groups by their keys. A window without a row is passed over.
    pub fn next_closed(
        &mut self,
        accumulators: &mut [Box<dyn Accumulators>],
    ) -> Result<Option<Closed>, Fault> {
        self.check(accumulators)?;
        let closed = self.try_next_closed(accumulators);
        self.note(closed)
    }

    /// All that [`WindowQuery::next_closed`] gives. How much that is depends on how far the watermark has moved: where it is
    /// not known to be little, take it one by one.
    pub fn advance(&mut self, accumulators: &mut [Box<dyn Accumulators>]) -> Result<Vec<Closed>, Fault> {
        std::iter::from_fn(|| self.next_closed(accumulators).transpose()).collect()
    }

    fn try_next_closed(
        &mut self,
        accumulators: &mut [Box<dyn Accumulators>],
    ) -> Result<Option<Closed>, Fault> {
        let mut states = States { aggregates: &self.aggregates, accumulators, slots: &mut self.slots };
        let open = match self.open.take() {
            Some(open) => open,
            None => {
                let next = self.close.next_window(self.partitions.values(), &self.slicing, self.first_window);
                let Some(window) = next.filter(|&window| self.slicing.end(window) <= self.source.at()) else {
                    self.close.closed = self.close.closed.max(self.source.at());
                    return Ok(None);
                };
                let end = self.slicing.end(window);
                debug_assert!(end > self.close.closed, "a window is decided once");
                let forced = watermarks(&self.partitions).any(|watermark| watermark.at() < end);
                self.close.closed = end;
                let changes = self.changes.as_mut();
                self.close.gather(window, &mut self.partitions, &self.slicing, &mut states, changes)?;
                EmitCursor { window, forced, done: 0, runs: 0 }
            }
        };
        let EmitCursor { window, forced, done, runs } = open;
        let stays = self.slicing.first_slice(window + 1);
        let rows = answer::rows(&self.close, open, stays, self.key_types.iter().copied(), &mut states)?;
        let done = done + rows.len();
        if done < self.close.order.len() {
            self.open = Some(EmitCursor { done, runs: runs + 1, ..open });
        } else {
            self.close.leave(stays, &mut states)?;
        }
        let (window_start, window_end) = (self.slicing.start(window), self.slicing.end(window));
        Ok(Some(Closed { window_start, window_end, forced, ..rows }))
    }

    pub(super) fn check(&self, accumulators: &[Box<dyn Accumulators>]) -> Result<(), Fault> {
        assert_eq!(accumulators.len(), self.aggregates.len(), "one for each aggregate call");
        self.fault.clone().map_or(Ok(()), Err)
    }

    /// Remembers a fault.
    pub(super) fn note<T>(&mut self, result: Result<T, Fault>) -> Result<T, Fault> {
        if let Err(fault) = &result {
            self.fault = Some(fault.clone());
        }
        result
    }
}

fn watermarks(partitions: &BTreeMap<u32, Partition>) -> impl Iterator<Item = Watermark> + '_ {
    partitions.values().map(|partition| partition.watermark)
}
