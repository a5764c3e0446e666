//! Windows that follow their events: sessions.
//!
//! FOLD is that of aligned windows, over slices as long as the gap: so the events of a group in one slice, its *cell*, are less than a
//! gap apart, whatever their order, and one accumulator holds them. Beside it FOLD keeps the times of the first and the last of them
//! (`spans`). An event is late if its time is below its own partition's watermark, or before a session's end that was closed while its
//! partition was idle.
//!
//! CLOSE takes slices whose end the watermark has reached, in order, and merges each cell into the session that its first event
//! belongs to (`rules`): partitions ascending within a cell, then cells ascending. A cell is divided only where a cut lies in it, into
//! what the accumulators of its moments hold. So what is merged, and in which order, depends on the events alone. A session is given out
//! when the watermark has reached its end: the cells up to its last event were taken then, and of the slice behind them all events that
//! could make it go on have come, so that their times decide.
//!
//! What is taken is not kept in FOLD: the sessions themselves are captured (`kept`).

mod rules;
mod spans;
mod open;
mod closing;
mod kept;

use streamgauge_common::{
    column::{Bitmap, DataType, Values},
    partition::Partition,
};
use streamgauge_sql::manifest::{Window, WindowKind};

use super::{
    BadWindow, Fault, FoldBatch, Folded, Settings,
    fold::{Fold, Unsealed},
    group::Keys,
    late::LateRow,
    partition::Placed,
    slice::{SliceNumber, Slicing, TIME_MAX_US, TIME_MIN_US},
    states::States,
    watermark::{NEVER, SourceWatermark},
};
use closing::Closing;
use kept::Restoring;
use open::OpenSessions;
use rules::Rules;
use spans::Spans;

/// CLOSE of a query over sessions, and what its FOLD keeps beside the accumulators.
#[derive(Debug)]
pub(super) struct Sessions {
    rules: Rules,
    slicing: Slicing,
    key_types: Vec<DataType>,
    /// Chains that begin before it may have begun before what was read; none = all was read.
    whole_from: Option<i64>,
    pub(super) source: SourceWatermark,
    /// Sessions that end at or before it are closed, and no event before it is still to come.
    closed: i64,
    spans: Spans,
    open: OpenSessions,
    closing: Closing,
    restoring: Restoring,
}

impl Sessions {
    /// CLOSE and FOLD of a query; none where its windows are aligned.
    pub(super) fn new(window: &Window, settings: &Settings) -> Result<Option<(Self, Fold)>, BadWindow> {
        let WindowKind::Session { gap_us, max_length_us } = window.kind else { return Ok(None) };
        let slicing = Slicing::of_gap(gap_us)?;
        if max_length_us < gap_us || max_length_us > TIME_MAX_US - TIME_MIN_US {
            return Err(BadWindow { slide_us: gap_us, size_us: max_length_us, offset_us: 0 });
        }
        let rules = Rules { gap: gap_us, max_length: max_length_us };
        let key_types: Vec<_> = window.keys.iter().map(|key| key.data_type).collect();
        let sessions = Self {
            rules,
            slicing,
            key_types: key_types.clone(),
            whole_from: settings.emit_from_us.map(|from| from.saturating_add(gap_us)),
            source: SourceWatermark::new(),
            closed: NEVER,
            spans: Spans::new(),
            open: OpenSessions::new(rules),
            closing: Closing::default(),
            restoring: Restoring::default(),
        };
        // Which sessions are given out is not known of an event.
        let fold =
            Fold::new(slicing, Settings { emit_from_us: None, lateness_us: None, ..*settings }, key_types);
        Ok(Some((sessions, fold)))
    }

    /// Sessions that end at or before it are closed.
    pub(super) fn closed(&self) -> i64 {
        self.closed
    }

    /// How many groups have a session.
    pub(super) fn groups(&self) -> usize {
        self.open.groups.len()
    }

    /// Chains that begin before it are not given out.
    pub(super) fn emits_from(&self) -> Option<i64> {
        self.whole_from
    }

    /// From now on what changes is remembered.
    pub(super) fn track_changes(&mut self) {
        self.open.track_changes();
    }

    /// Goes on where a capture stood. How far the watermark had gone without an idle partition is not taken up: what was closed for that
    /// is in the log, at the positions where it was.
    pub(super) fn restore(&mut self, closed: i64, mut source: SourceWatermark) {
        source.fall_back_to(closed);
        (self.closed, self.source) = (closed, source);
    }

    /// Folds rows of a partition.
    pub(super) fn fold(
        &mut self,
        fold: &mut Fold,
        partition: Partition,
        batch: &FoldBatch<'_>,
        states: &mut States<'_>,
    ) -> Result<Folded, Fault> {
        self.closing.forget_limit();
        let Values::Timestamp(times) = &batch.times.values else {
            unreachable!("the plan's time is a TIMESTAMP")
        };
        let late = self.late_rows(fold.delay_us(), fold.watermark(partition), times, batch);
        let mut in_time: Option<Bitmap> = None;
        for late in &late {
            let kept = || batch.kept.cloned().unwrap_or_else(|| Bitmap::filled(times.len(), true));
            in_time.get_or_insert_with(kept).set(late.row as usize, false);
        }
        let kept = in_time.as_ref().or(batch.kept);
        let batch = FoldBatch { kept, ..*batch };
        let mut placed = fold.place(partition, &batch, self.closed, states.slots);
        debug_assert_eq!(placed.folded.late, 0, "they were left out");
        self.note_times(fold, &batch, times, &mut placed, states);
        fold.touch(&placed.slots);
        states.accumulate(&batch, &placed)?;
        Ok(Folded { late: late.len() as u64, late_rows: late, ..placed.folded })
    }

    /// The rows that are late, given their partition's own watermark before them.
    fn late_rows(
        &self,
        delay_us: i64,
        mut watermark: i64,
        times: &[i64],
        batch: &FoldBatch<'_>,
    ) -> Vec<LateRow> {
        let mut late = Vec::new();
        for ((index, row), &time) in (0..).zip(0_u32..).zip(times) {
            if !(TIME_MIN_US..=TIME_MAX_US).contains(&time) || !batch.times.is_valid(index) {
                continue;
            }
            if batch.keeps(index) && time < watermark.max(self.closed) {
                late.push(LateRow {
                    row,
                    first: (time, self.rules.end(time)),
                    windows: 1,
                    watermark,
                    behind_us: match watermark {
                        NEVER => 0,
                        watermark => watermark.saturating_add(delay_us).saturating_sub(time).max(0),
                    },
                    closed: (watermark <= time).then_some(self.closed),
                });
            }
            watermark = watermark.max(time.saturating_sub(delay_us));
        }
        late
    }

    /// Notes when the rows were that got a slot, and gives their moments one where these are kept.
    fn note_times(
        &mut self,
        fold: &Fold,
        batch: &FoldBatch<'_>,
        times: &[i64],
        placed: &mut Placed,
        states: &mut States<'_>,
    ) {
        let earliest = self.earliest(fold);
        let (keys, mut room) = (Keys::new(batch.keys), Vec::new());
        let mut of_moments: Vec<(u32, u32)> = Vec::new();
        for (&row, &slot) in placed.rows.iter().zip(&placed.slots) {
            let time = times.get(row as usize).copied().unwrap_or_default();
            if self.spans.is_new(slot) {
                let (_, end) = self.slicing.bounds(self.slicing.slice_of(time));
                let open = self.open.open_of(keys.get(row as usize, &mut room));
                let anchor = open.map_or(earliest, |open| open.chain.anchor.min(earliest));
                if !self.is_uncut(anchor, end) {
                    self.spans.track(slot);
                }
            }
            self.spans.add(slot, time);
            let moment = self.spans.moment(slot, time, states.slots);
            of_moments.extend(moment.map(|moment| (row, moment)));
        }
        placed.repeats = !of_moments.is_empty();
        for (row, slot) in of_moments {
            placed.rows.push(row);
            placed.slots.push(slot);
        }
    }

    /// Whether no chain that began, or was last cut, at or behind `anchor` is cut before `end`.
    fn is_uncut(&self, anchor: i64, end: i64) -> bool {
        end <= anchor.saturating_add(self.rules.max_length)
    }

    /// No chain begins before it of those that are not known: neither with an event that is still to come, nor with one that was not
    /// taken.
    fn earliest(&self, fold: &Fold) -> i64 {
        let first = fold.first_unsealed().map(|slice| self.slicing.bounds(slice).0);
        let to_come = self.source.least_own().max(self.closed);
        first.map_or(to_come, |first| first.min(to_come))
    }

    /// Gives back the accumulators of moments that no cut can need any more.
    pub(super) fn forget_moments(&mut self, fold: &mut Fold, states: &mut States<'_>) -> Result<(), Fault> {
        states.release(&std::mem::take(&mut self.restoring.orphans))?;
        if !self.spans.has_moments() {
            return Ok(());
        }
        let earliest = self.earliest(fold);
        let anchor = self.open.first_anchor().map_or(earliest, |anchor| anchor.min(earliest));
        let (mut forgotten, mut changed) = (Vec::new(), Vec::new());
        for Unsealed { slice, slot, .. } in fold.unsealed(SliceNumber::MAX) {
            if self.is_uncut(anchor, self.slicing.bounds(slice).1)
                && let Some(moments) = self.spans.forget_moments(slot)
            {
                forgotten.extend(moments.into_values());
                changed.push(slot);
            }
        }
        fold.touch(&changed);
        states.release(&forgotten)
    }

    /// The end of the earliest session that may be next: of those that are known, or of the events that were not taken.
    pub(super) fn next_window_end(&self, fold: &Fold) -> Option<i64> {
        let first = fold.first_unsealed();
        let in_fold = first.and_then(|first| {
            fold.unsealed(first).map(|cell| self.rules.end(self.spans.get(cell.slot).last)).min()
        });
        self.open.first_end().into_iter().chain(in_fold).min()
    }

    /// The slice in which an event would have to be to make a session go on that ends here.
    fn slice_before(&self, end: i64) -> SliceNumber {
        self.slicing.slice_of(end.saturating_sub(1))
    }
}
