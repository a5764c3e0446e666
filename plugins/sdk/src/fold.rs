//! Most of a reducer's work, done once: from the logic of one state to accumulators in slots.

use crate::{
    Accumulators, Arguments, BytesList, ColumnView, Error, Evaluated, Output, Reader, Writer, column::bit,
};

/// The logic of one state: all that the author of a reducer writes. Parameters are fields of the implementor.
///
/// Rows of which an argument is NULL are left out.
pub trait Fold: 'static {
    /// The arguments, such as `(f64,)` or, with the event time, `(f64, Timestamp)`.
    type Arguments: Arguments;
    /// What is kept; its default is the empty state.
    type State: Default + Clone;
    /// The result.
    type Result: Output;
    /// The version of the bytes that [`Fold::write`] writes. Another than 1 is named by the signature, too:
    /// [`Signature::versions`](crate::Signature::versions).
    const STATE_VERSION: u32 = 1;

    /// Takes in one row.
    fn add(&self, state: &mut Self::State, row: <Self::Arguments as Arguments>::Row<'_>);

    /// Takes in all rows of another state.
    fn merge(&self, state: &mut Self::State, other: &Self::State);

    /// The result, none for NULL, or why there is none.
    fn evaluate(&self, state: &Self::State) -> Result<Option<Self::Result>, String>;

    /// Writes a state.
    fn write(&self, state: &Self::State, writer: &mut Writer<'_>);

    /// Reads a state that [`Fold::write`] wrote. What it never writes is an error.
    fn read(&self, reader: &mut Reader<'_>) -> Result<Self::State, Error>;

    /// Reads a state that [`Fold::write`] wrote when it had another version, one of those that the signature says it restores.
    fn read_older(&self, version: u32, reader: &mut Reader<'_>) -> Result<Self::State, Error> {
        let _ = reader;
        Err(Error::UnsupportedVersion(version))
    }
}

/// The states of a [`Fold`] by slot.
#[derive(Debug)]
pub struct Slots<F: Fold> {
    fold: F,
    states: Vec<F::State>,
    empty: F::State,
}

impl<F: Fold> Slots<F> {
    /// No slot yet.
    pub fn boxed(fold: F) -> Box<dyn Accumulators> {
        Box::new(Self { fold, states: Vec::new(), empty: F::State::default() })
    }

    /// Makes sure that the slots exist.
    fn reach(&mut self, slots: &[u32]) {
        let length = slots.iter().max().map_or(0, |&last| last as usize + 1);
        if self.states.len() < length {
            self.states.resize_with(length, F::State::default);
        }
    }

    fn state(&self, slot: u32) -> &F::State {
        self.states.get(slot as usize).unwrap_or(&self.empty)
    }
}

impl<F: Fold> Accumulators for Slots<F> {
    fn accumulate(&mut self, slots: &[u32], arguments: &[ColumnView<'_>]) -> Result<(), Error> {
        let rows = F::Arguments::rows(slots.len(), arguments)?.zip(slots);
        self.reach(slots);
        let Self { fold, states, .. } = self;
        let mut add = |row, slot: u32| {
            if let Some(state) = states.get_mut(slot as usize) {
                fold.add(state, row);
            }
        };
        let bitmaps: Vec<&[u8]> = arguments.iter().filter_map(|argument| argument.valid).collect();
        match bitmaps.as_slice() {
            [] => rows.for_each(|(row, &slot)| add(row, slot)),
            [valid] => {
                for (number, (row, &slot)) in rows.enumerate() {
                    if bit(valid, number) {
                        add(row, slot);
                    }
                }
            }
            bitmaps => {
                for (number, (row, &slot)) in rows.enumerate() {
                    if bitmaps.iter().all(|valid| bit(valid, number)) {
                        add(row, slot);
                    }
                }
            }
        }
        Ok(())
    }

    fn merge(&mut self, into: &[u32], source: &[u32]) {
        debug_assert_eq!(into.len(), source.len(), "slots are merged in pairs");
        self.reach(into);
        for (&into, &source) in into.iter().zip(source) {
            debug_assert_ne!(into, source, "no slot is on both sides");
            // A source beyond the last slot is empty.
            if let Ok([into, source]) = self.states.get_disjoint_mut([into as usize, source as usize]) {
                self.fold.merge(into, source);
            }
        }
    }

    fn evaluate(&self, slots: &[u32]) -> Evaluated {
        let mut failed = Vec::new();
        let results = slots.iter().zip(0..).map(|(&slot, row)| match self.fold.evaluate(self.state(slot)) {
            Ok(result) => result,
            Err(why) => {
                failed.push((row, why));
                None
            }
        });
        let column = crate::result::column(results.collect());
        Evaluated { column, failed }
    }

    fn snapshot(&self, slots: &[u32]) -> BytesList {
        let mut states = BytesList::default();
        for &slot in slots {
            self.fold.write(self.state(slot), &mut Writer::new(&mut states.bytes));
            states.end_item();
        }
        states
    }

    fn restore(&mut self, state_version: u32, slots: &[u32], states: &BytesList) -> Result<(), Error> {
        if states.ends.len() != slots.len() {
            return Err(Error::Corrupt(format!("{} states for {} slots", states.ends.len(), slots.len())));
        }
        let read = |bytes| {
            let mut reader = Reader::new(bytes);
            let state = match state_version == F::STATE_VERSION {
                true => self.fold.read(&mut reader)?,
                false => self.fold.read_older(state_version, &mut reader)?,
            };
            reader.finish()?;
            Ok(state)
        };
        let restored = states.iter().map(read).collect::<Result<Vec<_>, Error>>()?;
        self.reach(slots);
        for (&slot, restored) in slots.iter().zip(restored) {
            if let Some(state) = self.states.get_mut(slot as usize) {
                *state = restored;
            }
        }
        Ok(())
    }

    fn release(&mut self, slots: &[u32]) {
        for &slot in slots {
            if let Some(state) = self.states.get_mut(slot as usize) {
                *state = F::State::default();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts rows. Version 1 of a state had 4 bytes, version 2 has 8.
    struct Tally;

    impl Fold for Tally {
        type Arguments = (i64,);
        type State = u64;
        type Result = i64;
        const STATE_VERSION: u32 = 2;

        fn add(&self, state: &mut u64, _: (i64,)) {
            *state += 1;
        }

        fn merge(&self, state: &mut u64, other: &u64) {
            *state += other;
        }

        fn evaluate(&self, state: &u64) -> Result<Option<i64>, String> {
            Ok(Some(*state as i64))
        }

        fn write(&self, state: &u64, writer: &mut Writer<'_>) {
            writer.u64(*state);
        }

        fn read(&self, reader: &mut Reader<'_>) -> Result<u64, Error> {
            reader.u64()
        }

        fn read_older(&self, version: u32, reader: &mut Reader<'_>) -> Result<u64, Error> {
            match version {
                1 => Ok(u64::from(reader.u32()?)),
                _ => Err(Error::UnsupportedVersion(version)),
            }
        }
    }

    #[test]
    fn states_of_older_versions_are_read_and_written_anew() {
        let mut accumulators = Slots::boxed(Tally);
        let older = BytesList { ends: vec![4, 8], bytes: [3u32.to_le_bytes(), 5u32.to_le_bytes()].concat() };
        assert_eq!(accumulators.restore(1, &[0, 1], &older), Ok(()));
        let newer = accumulators.snapshot(&[0, 1]);
        assert_eq!(newer.bytes, [3u64.to_le_bytes(), 5u64.to_le_bytes()].concat());
        assert_eq!(accumulators.restore(2, &[2, 3], &newer), Ok(()));
        assert_eq!(accumulators.snapshot(&[2, 3]), newer);
        assert_eq!(accumulators.restore(3, &[0, 1], &newer), Err(Error::UnsupportedVersion(3)));
    }
}
