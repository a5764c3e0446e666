//! Step 4: the calls into the reducers of one query, in lists of bounded length.
//!
//! All aggregate calls of a query share slot numbers: a slot is one (group, slice) in each of them.

use streamgauge_common::column::{Column, Texts};
use streamgauge_sql::manifest::Aggregate;

use super::{Accumulators, Evaluated, Fault, FoldBatch, partition::Placed, slot::SlotAllocator};

/// The longest list of slots or pairs in one call, and the most groups of a [`Closed`](super::Closed).
pub(super) const CALL_MAX: usize = 8192;

/// The states of all aggregate calls of a query, and their slot numbers.
pub(super) struct States<'a> {
    pub(super) aggregates: &'a [Aggregate],
    pub(super) accumulators: &'a mut [Box<dyn Accumulators>],
    pub(super) slots: &'a mut SlotAllocator,
}

/// Which aggregate calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AggregateClass {
    All,
    /// Whose states stay small: slices are kept merged.
    Bounded,
    /// Whose states grow: slices are merged when a window closes.
    Growing,
}

/// Slots to merge, in order.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    into: Vec<u32>,
    source: Vec<u32>,
}

impl Pairs {
    pub(super) fn push(&mut self, into: u32, source: u32) {
        debug_assert_ne!(into, source, "a slot is not merged into itself");
        self.into.push(into);
        self.source.push(source);
    }

    /// The slots on the right.
    pub(super) fn sources(&self) -> &[u32] {
        &self.source
    }
}

impl States<'_> {
    /// Whether there are such aggregate calls.
    pub(super) fn any(&self, which: AggregateClass) -> bool {
        self.aggregates.iter().any(|aggregate| which.has(aggregate))
    }

    /// The versions of the states that the reducers give.
    pub(super) fn versions(&self) -> Vec<u32> {
        self.accumulators.iter().map(|calls| calls.state_version()).collect()
    }

    /// Whether the reducers give states of other versions than these.
    pub(super) fn has_other_versions(&self, versions: &[u32]) -> bool {
        self.accumulators.iter().zip(versions).any(|(calls, &version)| calls.state_version() != version)
    }

    /// Folds placed rows.
    pub(super) fn accumulate(&mut self, batch: &FoldBatch<'_>, placed: &Placed) -> Result<(), Fault> {
        if placed.rows.is_empty() {
            return Ok(());
        }
        let compact = placed.repeats || placed.rows.len() < batch.times.len();
        let mut compacted: Vec<(&Column, Column)> = Vec::new();
        if compact {
            for &column in batch.arguments.iter().flatten() {
                if !compacted.iter().any(|(from, _)| std::ptr::eq(*from, column)) {
                    compacted.push((column, column.take(&placed.rows)));
                }
            }
        }
        for (accumulators, arguments) in self.accumulators.iter_mut().zip(batch.arguments) {
            let taken =
                |argument: &&Column| compacted.iter().find(|(from, _)| std::ptr::eq(*from, *argument));
            let arguments: Vec<&Column> = arguments
                .iter()
                .map(|argument| taken(argument).map_or(*argument, |(_, taken)| taken))
                .collect();
            accumulators.accumulate(&placed.slots, &arguments)?;
        }
        Ok(())
    }

    /// Merges pairs in order.
    pub(super) fn merge(&mut self, which: AggregateClass, pairs: &Pairs) -> Result<(), Fault> {
        for (aggregate, accumulators) in self.aggregates.iter().zip(self.accumulators.iter_mut()) {
            if which.has(aggregate) {
                for (into, source) in pairs.into.chunks(CALL_MAX).zip(pairs.source.chunks(CALL_MAX)) {
                    accumulators.merge(into, source)?;
                }
            }
        }
        Ok(())
    }

    /// The values of one aggregate call, one row a slot.
    pub(super) fn evaluate(&mut self, aggregate: usize, slots: &[u32]) -> Result<Evaluated, Fault> {
        let (Some(call), Some(accumulators)) =
            (self.aggregates.get(aggregate), self.accumulators.get_mut(aggregate))
        else {
            unreachable!("the query has aggregate {aggregate}")
        };
        let evaluated = accumulators.evaluate(slots)?;
        let wrong = |what: String| Err(Fault::deterministic(format!("reducer '{}'", call.reducer), what));
        if evaluated.column.len() != slots.len() {
            return wrong(format!("gave {} values for {} slots", evaluated.column.len(), slots.len()));
        }
        if evaluated.column.data_type() != call.returns {
            return wrong(format!(
                "gave {} values instead of {}",
                evaluated.column.data_type(),
                call.returns
            ));
        }
        if let Some((row, _)) = evaluated.failed.iter().find(|(row, _)| *row as usize >= slots.len()) {
            return wrong(format!("failed for value {row} of {}", slots.len()));
        }
        Ok(evaluated)
    }

    /// The states of a few slots as bytes, for each aggregate call.
    pub(super) fn snapshot(&mut self, slots: &[u32]) -> Result<Vec<Texts>, Fault> {
        debug_assert!(slots.len() <= CALL_MAX, "parts are small");
        let calls = self.aggregates.iter().zip(self.accumulators.iter_mut());
        calls
            .map(|(call, accumulators)| {
                let states = accumulators.snapshot(slots)?;
                if states.len() != slots.len() {
                    let what = format!("gave {} states for {} slots", states.len(), slots.len());
                    return Err(Fault::deterministic(format!("reducer '{}'", call.reducer), what));
                }
                Ok(states)
            })
            .collect()
    }

    /// Puts states into a few slots: for each aggregate call one state a slot, of the version named.
    pub(super) fn restore(&mut self, versions: &[u32], slots: &[u32], states: &[Texts]) -> Result<(), Fault> {
        for ((accumulators, &version), states) in self.accumulators.iter_mut().zip(versions).zip(states) {
            accumulators.restore(version, slots, states)?;
        }
        Ok(())
    }

    /// Empties slots and gives their numbers back.
    pub(super) fn release(&mut self, slots: &[u32]) -> Result<(), Fault> {
        for accumulators in self.accumulators.iter_mut() {
            for slots in slots.chunks(CALL_MAX) {
                accumulators.release(slots)?;
            }
        }
        slots.iter().for_each(|&slot| self.slots.give_back(slot));
        Ok(())
    }
}

impl AggregateClass {
    pub(super) fn has(self, aggregate: &Aggregate) -> bool {
        match self {
            Self::All => true,
            Self::Bounded => !aggregate.growing,
            Self::Growing => aggregate.growing,
        }
    }
}
