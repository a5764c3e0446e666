//! Looks at the calls of a query's reducers, and keeps the one that fails.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use streamgauge_common::column::{Column, Texts};
use streamgauge_component::crash::{CrashedCall, ReducerCall};
use streamgauge_engine::{Accumulators, Evaluated, Fault};

/// Of calls before the one that fails so many bytes are kept at most, where its states cannot be had otherwise.
const HISTORY_BYTES_MAX: usize = 32 << 20;
const HISTORY_CALLS_MAX: usize = 10_000;

/// Which calls are looked at. Before each of them the states of its slots are captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watched {
    /// Only those that restore states, of which nothing need be captured.
    Restores,
    /// Those of FOLD, too.
    Folds,
    /// All but those of FOLD; of these the calls themselves are kept, because a state cannot be captured where capturing it fails.
    Closes,
}

/// What is recorded of a query's reducers. A clone is the same recording.
#[derive(Clone)]
pub struct Recording(Arc<Mutex<Recorded>>);

struct Recorded {
    watched: Watched,
    /// The number of the aggregate, and its call.
    crashed: Option<(usize, CrashedCall)>,
}

impl Recording {
    /// Nothing is recorded yet.
    pub fn new(watched: Watched) -> Self {
        Self(Arc::new(Mutex::new(Recorded { watched, crashed: None })))
    }

    /// Looks at other calls from here on.
    pub fn watch(&self, watched: Watched) {
        self.recorded().watched = watched;
    }

    /// Which calls are looked at.
    pub fn watched(&self) -> Watched {
        self.recorded().watched
    }

    /// The call that failed, with the number of its aggregate.
    pub fn take(&self) -> Option<(usize, CrashedCall)> {
        self.recorded().crashed.take()
    }

    /// The accumulators of a query's aggregate calls, which are looked at.
    pub fn of(&self, accumulators: Vec<Box<dyn Accumulators>>) -> Vec<Box<dyn Accumulators>> {
        let history = (self.watched() == Watched::Closes).then(History::default);
        let recorder = |(aggregate, inner)| -> Box<dyn Accumulators> {
            let (recording, history) = (self.clone(), history.clone());
            Box::new(Recorder { inner, aggregate, recording, named: BTreeSet::new(), history })
        };
        accumulators.into_iter().enumerate().map(recorder).collect()
    }

    fn recorded(&self) -> MutexGuard<'_, Recorded> {
        // Each change is of one field.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An aggregate call that is looked at.
struct Recorder {
    inner: Box<dyn Accumulators>,
    aggregate: usize,
    recording: Recording,
    /// Slots that may not be empty.
    named: BTreeSet<u32>,
    /// All calls that have changed slots; none where they are not kept, or were too many.
    history: Option<History>,
}

#[derive(Clone, Default)]
struct History {
    calls: Vec<ReducerCall>,
    bytes: usize,
}

/// What brings the slots of a call to where they are.
enum Before {
    /// These calls.
    Calls(Vec<ReducerCall>),
    /// All that were made.
    History,
    /// It is not looked at.
    Unwatched,
}

impl Recorder {
    /// What brings the slots of a call to where they are.
    fn before(&mut self, call: &ReducerCall) -> Result<Before, Fault> {
        match (self.recording.watched(), call) {
            (_, ReducerCall::Restore { .. }) => Ok(Before::Calls(Vec::new())),
            (Watched::Closes, ReducerCall::Accumulate { .. } | ReducerCall::Snapshot { .. }) => {
                Ok(Before::History)
            }
            (Watched::Folds, ReducerCall::Accumulate { .. }) | (Watched::Closes, _) => {
                self.states(call).map(Before::Calls)
            }
            (Watched::Restores | Watched::Folds, _) => Ok(Before::Unwatched),
        }
    }

    /// The states of the slots of a call, as a call that restores them.
    fn states(&mut self, call: &ReducerCall) -> Result<Vec<ReducerCall>, Fault> {
        let slots: Vec<u32> = call.slots().into_iter().filter(|slot| self.named.contains(slot)).collect();
        if slots.is_empty() {
            return Ok(Vec::new());
        }
        let states = self.snapshot(&slots)?;
        Ok(vec![ReducerCall::Restore { version: self.inner.state_version(), slots, states }])
    }

    /// Makes a call and keeps it if it fails.
    fn made<T>(
        &mut self,
        call: ReducerCall,
        make: impl FnOnce(&mut dyn Accumulators) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let before = self.before(&call)?;
        match make(&mut *self.inner) {
            Ok(made) => {
                self.note_made(call);
                Ok(made)
            }
            Err(fault) => {
                let before = match before {
                    Before::Calls(calls) => Some(calls),
                    Before::History => self.history.as_ref().map(|history| history.calls.clone()),
                    Before::Unwatched => None,
                };
                let mut recorded = self.recording.recorded();
                if let (Some(before), None) = (before, &recorded.crashed) {
                    let crashed = CrashedCall { before, call, what: fault.what.clone() };
                    recorded.crashed = Some((self.aggregate, crashed));
                }
                Err(fault)
            }
        }
    }

    /// A call went well.
    fn note_made(&mut self, call: ReducerCall) {
        match &call {
            ReducerCall::Accumulate { slots, .. } | ReducerCall::Restore { slots, .. } => {
                self.named.extend(slots);
            }
            ReducerCall::Merge { into, .. } => self.named.extend(into),
            ReducerCall::Release { slots } => slots.iter().for_each(|slot| _ = self.named.remove(slot)),
            ReducerCall::Evaluate { .. } | ReducerCall::Snapshot { .. } => return,
        }
        if let Some(history) = &mut self.history {
            history.bytes += call.bytes();
            history.calls.push(call);
            if history.bytes > HISTORY_BYTES_MAX || history.calls.len() > HISTORY_CALLS_MAX {
                self.history = None;
            }
        }
    }
}

impl Accumulators for Recorder {
    fn accumulate(&mut self, slots: &[u32], arguments: &[&Column]) -> Result<(), Fault> {
        let columns = arguments.iter().map(|&column| column.clone()).collect();
        let call = ReducerCall::Accumulate { slots: slots.to_vec(), columns };
        self.made(call, |inner| inner.accumulate(slots, arguments))
    }

    fn merge(&mut self, into: &[u32], source: &[u32]) -> Result<(), Fault> {
        let call = ReducerCall::Merge { into: into.to_vec(), source: source.to_vec() };
        self.made(call, |inner| inner.merge(into, source))
    }

    fn evaluate(&mut self, slots: &[u32]) -> Result<Evaluated, Fault> {
        self.made(ReducerCall::Evaluate { slots: slots.to_vec() }, |inner| inner.evaluate(slots))
    }

    fn release(&mut self, slots: &[u32]) -> Result<(), Fault> {
        self.made(ReducerCall::Release { slots: slots.to_vec() }, |inner| inner.release(slots))
    }

    fn snapshot(&mut self, slots: &[u32]) -> Result<Texts, Fault> {
        self.made(ReducerCall::Snapshot { slots: slots.to_vec() }, |inner| inner.snapshot(slots))
    }

    fn restore(&mut self, version: u32, slots: &[u32], states: &Texts) -> Result<(), Fault> {
        let call = ReducerCall::Restore { version, slots: slots.to_vec(), states: states.clone() };
        self.made(call, |inner| inner.restore(version, slots, states))
    }

    fn state_version(&self) -> u32 {
        self.inner.state_version()
    }

    fn restores(&self) -> &[u32] {
        self.inner.restores()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use streamgauge_common::column::{DataType, Value};

    use super::*;

    /// Sums numbers; a sum of 13 cannot be captured, 7 is no number to add, and 9 none to have a value of.
    #[derive(Default)]
    struct Sums(BTreeMap<u32, i64>);

    fn fault() -> Fault {
        Fault::deterministic("reducer `sums`", "trapped")
    }

    impl Accumulators for Sums {
        fn accumulate(&mut self, slots: &[u32], arguments: &[&Column]) -> Result<(), Fault> {
            for (row, &slot) in slots.iter().enumerate() {
                match arguments[0].value(row) {
                    Value::Int64(7) => return Err(fault()),
                    Value::Int64(value) => *self.0.entry(slot).or_default() += value,
                    _ => {}
                }
            }
            Ok(())
        }

        fn merge(&mut self, into: &[u32], source: &[u32]) -> Result<(), Fault> {
            for (into, source) in into.iter().zip(source) {
                let more = self.0.get(source).copied().unwrap_or_default();
                *self.0.entry(*into).or_default() += more;
            }
            Ok(())
        }

        fn evaluate(&mut self, slots: &[u32]) -> Result<Evaluated, Fault> {
            match slots.iter().any(|slot| self.0.get(slot) == Some(&9)) {
                true => Err(fault()),
                false => Ok(Evaluated { column: Column::empty(DataType::Int64), failed: Vec::new() }),
            }
        }

        fn release(&mut self, slots: &[u32]) -> Result<(), Fault> {
            slots.iter().for_each(|slot| _ = self.0.remove(slot));
            Ok(())
        }

        fn snapshot(&mut self, slots: &[u32]) -> Result<Texts, Fault> {
            let mut texts = Texts::default();
            for slot in slots {
                let sum = self.0.get(slot).copied().expect("only slots that have something are captured");
                if sum == 13 {
                    return Err(fault());
                }
                texts.push(&sum.to_le_bytes());
            }
            Ok(texts)
        }

        fn restore(&mut self, _: u32, slots: &[u32], states: &Texts) -> Result<(), Fault> {
            for (row, &slot) in slots.iter().enumerate() {
                let Ok(bytes) = states.get(row).try_into() else { return Err(fault()) };
                self.0.insert(slot, i64::from_le_bytes(bytes));
            }
            Ok(())
        }

        fn state_version(&self) -> u32 {
            4
        }

        fn restores(&self) -> &[u32] {
            &[]
        }
    }

    fn numbers(values: &[i64]) -> Column {
        let mut column = Column::empty(DataType::Int64);
        values.iter().for_each(|&value| column.push(&Value::Int64(value)));
        column
    }

    fn watched(watched: Watched) -> (Recording, Box<dyn Accumulators>) {
        let recording = Recording::new(watched);
        let mut calls = recording.of(vec![Box::new(Sums::default()), Box::new(Sums::default())]);
        (recording, calls.remove(1))
    }

    fn restore(slots: &[u32], sums: &[i64]) -> ReducerCall {
        let mut states = Texts::default();
        sums.iter().for_each(|sum| states.push(&sum.to_le_bytes()));
        ReducerCall::Restore { version: 4, slots: slots.to_vec(), states }
    }

    #[test]
    fn the_states_before_a_fold_that_fails_are_kept_of_its_slots_alone() {
        let (recording, mut sums) = watched(Watched::Restores);
        sums.accumulate(&[0, 1, 2], &[&numbers(&[1, 2, 3])]).unwrap();
        recording.watch(Watched::Folds);
        // Slot 5 has had nothing, so there is nothing to capture of it.
        sums.accumulate(&[1, 5, 1], &[&numbers(&[10, 20, 7])]).unwrap_err();
        let (aggregate, crashed) = recording.take().unwrap();
        assert_eq!(aggregate, 1);
        assert_eq!(crashed.before, [restore(&[1], &[2])]);
        let columns = vec![numbers(&[10, 20, 7])];
        assert_eq!(crashed.call, ReducerCall::Accumulate { slots: vec![1, 5, 1], columns });
        assert_eq!(crashed.what, "trapped");
        assert_eq!(recording.take(), None);
    }

    #[test]
    fn what_is_not_looked_at_is_not_kept() {
        let (recording, mut sums) = watched(Watched::Restores);
        sums.accumulate(&[1], &[&numbers(&[7])]).unwrap_err();
        assert_eq!(recording.take(), None);
        sums.restore(4, &[1], &{
            let mut texts = Texts::default();
            texts.push(b"no");
            texts
        })
        .unwrap_err();
        assert_eq!(recording.take().unwrap().1.call.name(), "restore");
    }

    #[test]
    fn at_a_close_the_states_of_both_sides_are_kept() {
        let (recording, mut sums) = watched(Watched::Closes);
        sums.accumulate(&[0, 1], &[&numbers(&[4, 5])]).unwrap();
        sums.merge(&[0], &[1]).unwrap();
        sums.evaluate(&[0, 3]).unwrap_err();
        let (_, crashed) = recording.take().unwrap();
        assert_eq!((crashed.before, crashed.call.name()), (vec![restore(&[0], &[9])], "evaluate"));
    }

    #[test]
    fn where_a_state_cannot_be_captured_the_calls_before_are_kept() {
        let (recording, mut sums) = watched(Watched::Closes);
        sums.accumulate(&[0], &[&numbers(&[6])]).unwrap();
        sums.accumulate(&[1], &[&numbers(&[7])]).unwrap_err();
        assert_eq!(recording.take().unwrap().1.before.len(), 1);
        sums.accumulate(&[0], &[&numbers(&[1])]).unwrap();
        sums.restore(4, &[0], &{
            let mut texts = Texts::default();
            texts.push(&13_i64.to_le_bytes());
            texts
        })
        .unwrap();
        sums.snapshot(&[0]).unwrap_err();
        let (_, crashed) = recording.take().unwrap();
        let names: Vec<&str> = crashed.before.iter().map(ReducerCall::name).collect();
        assert_eq!((names, crashed.call.name()), (vec!["accumulate", "accumulate", "restore"], "snapshot"));
    }
}
