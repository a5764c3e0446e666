//! The laws of every reducer, as a test that each reducer runs on its own logic.
//!
//! Rows are made up, with NULLs and extremes of every type; where a law is broken, the least rows that break it are shown.

use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use crate::{
    Accumulators, BytesList, Column, DataType, Error, Evaluated, Literal, Reducer, Signature, Values, bit,
};

mod rows;
use rows::{Cell, Row};

/// Checks the laws of all signatures of a reducer, opened with these parameters.
///
/// # Panics
/// Where a law is broken.
pub fn check<R: Reducer>(parameters: &[Literal]) {
    for (number, signature) in (0..).zip(R::describe().signatures) {
        check_signature(&signature, &|| {
            let opened = R::open(number, parameters);
            opened.unwrap_or_else(|error| panic!("signature {number} does not open: {error}"))
        });
    }
}

/// Checks the laws of one signature, by whatever opens its accumulators.
///
/// # Panics
/// Where a law is broken.
pub fn check_signature(signature: &Signature, open: &dyn Fn() -> Box<dyn Accumulators>) {
    let law = Law { signature, open };
    let config = Config { cases: 150, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let result = runner.run(&(rows::rows(law.types()), any::<u64>()), |(rows, seed)| {
        law.splitting_changes_nothing(&rows, seed)?;
        law.merging_has_no_order(&rows, seed)?;
        law.merging_the_empty_changes_nothing(&rows)?;
        law.states_come_back(&rows, seed)?;
        law.nothing_remains_after_release(&rows)?;
        law.nulls_are_not_seen(&rows)?;
        law.damaged_states_are_refused(&rows, seed)
    });
    assert!(result.is_ok(), "{signature:?}: {result:?}");
}

/// What accumulators of doubles make of some values in one slot.
///
/// # Panics
/// Where the accumulators take or give anything but doubles.
pub fn fold(accumulators: &mut dyn Accumulators, values: &[f64]) -> Result<Option<f64>, String> {
    let column = Column { rows: values.len(), values: Values::Float64s(values.to_vec()), valid: None };
    assert_eq!(accumulators.accumulate(&vec![0; values.len()], &[column.view()]), Ok(()));
    let evaluated = accumulators.evaluate(&[0]);
    if let Some((_, why)) = evaluated.failed.first() {
        return Err(why.clone());
    }
    match result(&evaluated, 0) {
        Cell::Null => Ok(None),
        Cell::Float(value) => Ok(Some(value)),
        other => panic!("{other:?} is not a double"),
    }
}

/// How many slots the rows go to.
const SLOTS: u32 = 3;

struct Law<'a> {
    signature: &'a Signature,
    open: &'a dyn Fn() -> Box<dyn Accumulators>,
}

impl Law<'_> {
    fn open(&self) -> Box<dyn Accumulators> {
        (self.open)()
    }

    /// The types of the columns that a batch has.
    fn types(&self) -> Vec<DataType> {
        let time = self.signature.needs_time.then_some(DataType::Timestamp);
        self.signature.arguments.iter().copied().chain(time).collect()
    }

    /// Gives the rows in one batch.
    fn give(&self, accumulators: &mut dyn Accumulators, rows: &[Row]) {
        let slots: Vec<u32> = rows.iter().map(|row| row.slot).collect();
        let types = self.types().into_iter().enumerate();
        let columns: Vec<Column> = types.map(|(index, of)| rows::column(of, index, rows)).collect();
        let views: Vec<_> = columns.iter().map(Column::view).collect();
        assert_eq!(accumulators.accumulate(&slots, &views), Ok(()), "a batch was refused");
    }

    /// Accumulators that were given the rows at once.
    fn given(&self, rows: &[Row]) -> Box<dyn Accumulators> {
        let mut accumulators = self.open();
        self.give(accumulators.as_mut(), rows);
        accumulators
    }

    fn splitting_changes_nothing(&self, rows: &[Row], seed: u64) -> Result<(), TestCaseError> {
        let mut split = self.open();
        let mut rest = rows;
        let mut seed = seed;
        while !rest.is_empty() {
            let (piece, after) = rest.split_at((seed % 7) as usize % (rest.len() + 1));
            self.give(split.as_mut(), piece);
            seed = seed.rotate_left(5).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
            rest = after;
        }
        same(split.as_ref(), self.given(rows).as_ref(), "batches were split")
    }

    fn merging_has_no_order(&self, rows: &[Row], seed: u64) -> Result<(), TestCaseError> {
        // Slots 0, 1, 2 hold three parts; 3, 4, 5 are (0 + 1) + 2, 2 + (1 + 0) and 0 + (1 + 2); 9 was given all rows.
        let part = |index: usize| (seed >> (index % 61) & 3) as u32 % 3;
        let in_parts: Vec<Row> = (0..).zip(rows).map(|(index, row)| row.to_slot(part(index))).collect();
        let mut accumulators = self.given(&in_parts);
        let together: Vec<Row> = rows.iter().map(|row| row.to_slot(9)).collect();
        self.give(accumulators.as_mut(), &together);
        let before = accumulators.snapshot(&[0, 1, 2]);
        accumulators.merge(&[3, 3, 3], &[0, 1, 2]);
        accumulators.merge(&[6, 6, 7, 7], &[1, 0, 1, 2]);
        accumulators.merge(&[4, 4, 5, 5], &[2, 6, 0, 7]);
        prop_assert_eq!(before, accumulators.snapshot(&[0, 1, 2]), "merging changed a source");
        let evaluated = accumulators.evaluate(&[3, 4, 5, 9]);
        let magnitude = rows.iter().map(Row::magnitude).fold(0.0, f64::max);
        near(&evaluated, self.signature.tolerance, magnitude)
    }

    fn merging_the_empty_changes_nothing(&self, rows: &[Row]) -> Result<(), TestCaseError> {
        let given = self.given(rows);
        let mut merged = self.given(rows);
        let all: Vec<u32> = (0..SLOTS).collect();
        let others: Vec<u32> = all.iter().map(|slot| slot + 2 * SLOTS).collect();
        merged.merge(&all, &others);
        same(merged.as_ref(), given.as_ref(), "the empty was merged")?;
        merged.merge(&others, &all);
        let (copied, original) = (merged.evaluate(&others), given.evaluate(&all));
        prop_assert!(equal(&copied, &original), "merged into the empty: {copied:?}, not {original:?}");
        prop_assert_eq!(merged.snapshot(&others), given.snapshot(&all), "merged into the empty");
        Ok(())
    }

    fn states_come_back(&self, rows: &[Row], seed: u64) -> Result<(), TestCaseError> {
        let (before, after) = rows.split_at(seed as usize % (rows.len() + 1));
        let mut kept = self.given(before);
        let mut restored = self.open();
        let all: Vec<u32> = (0..SLOTS).collect();
        let states = kept.snapshot(&all);
        let result = restored.restore(self.signature.state_version, &all, &states);
        prop_assert_eq!(result, Ok(()), "an own state was refused");
        same(restored.as_ref(), kept.as_ref(), "states were restored")?;
        self.give(kept.as_mut(), after);
        self.give(restored.as_mut(), after);
        same(restored.as_ref(), kept.as_ref(), "restored states were given more")
    }

    fn nothing_remains_after_release(&self, rows: &[Row]) -> Result<(), TestCaseError> {
        let mut accumulators = self.given(rows);
        accumulators.release(&(0..SLOTS).collect::<Vec<_>>());
        same(accumulators.as_ref(), self.open().as_ref(), "slots were released")
    }

    fn nulls_are_not_seen(&self, rows: &[Row]) -> Result<(), TestCaseError> {
        let values: Vec<Row> = rows.iter().filter(|row| !row.has_null()).cloned().collect();
        if self.signature.arguments.is_empty() {
            return Ok(());
        }
        same(self.given(rows).as_ref(), self.given(&values).as_ref(), "rows with NULL were left out")
    }

    fn damaged_states_are_refused(&self, rows: &[Row], seed: u64) -> Result<(), TestCaseError> {
        let given = self.given(rows);
        let state = given.snapshot(&[0]).bytes;
        let version = self.signature.state_version;
        let mut damaged = state.clone();
        damaged.truncate(seed as usize % (state.len() + 1));
        let index = (seed >> 32) as usize % damaged.len().max(1);
        if let Some(byte) = damaged.get_mut(index) {
            *byte ^= (seed >> 24) as u8;
        }
        let states = BytesList { ends: vec![damaged.len() as u32], bytes: damaged };
        let mut accumulators = self.open();
        match accumulators.restore(version, &[1], &states) {
            // A flipped bit may give another state: then it works as one.
            Ok(()) => {
                self.give(accumulators.as_mut(), rows);
                accumulators.merge(&[0], &[1]);
                accumulators.evaluate(&[0, 1]);
            }
            Err(_) => same(accumulators.as_ref(), self.open().as_ref(), "a state was refused")?,
        }
        let unknown = accumulators.restore(u32::MAX, &[1], &states);
        prop_assert_eq!(unknown, Err(Error::UnsupportedVersion(u32::MAX)));
        let too_few = accumulators.restore(version, &[0, 1], &states);
        prop_assert!(matches!(too_few, Err(Error::Corrupt(_))), "one state for two slots: {:?}", too_few);
        Ok(())
    }
}

/// All slots have the same states and results, bit for bit, and reading them changes nothing.
fn same(a: &dyn Accumulators, b: &dyn Accumulators, what: &str) -> Result<(), TestCaseError> {
    let slots: Vec<u32> = (0..SLOTS).collect();
    let before = a.snapshot(&slots);
    let (of_a, of_b) = (a.evaluate(&slots), b.evaluate(&slots));
    prop_assert!(equal(&of_a, &of_b), "{}: {:?}, not {:?}", what, of_a, of_b);
    prop_assert_eq!(&before, &b.snapshot(&slots), "{}", what);
    prop_assert_eq!(before, a.snapshot(&slots), "reading changed a state");
    Ok(())
}

fn equal(a: &Evaluated, b: &Evaluated) -> bool {
    let bits = |evaluated: &Evaluated| match &evaluated.column.values {
        Values::Float64s(values) => Some(values.iter().map(|value| value.to_bits()).collect::<Vec<_>>()),
        _ => None,
    };
    let alike = match (bits(a), bits(b)) {
        (Some(a), Some(b)) => a == b,
        _ => a.column.values == b.column.values,
    };
    alike && a.column.valid == b.column.valid && a.failed == b.failed
}

/// All results are one, to the tolerance.
fn near(evaluated: &Evaluated, tolerance: f64, magnitude: f64) -> Result<(), TestCaseError> {
    let mut results = (0..evaluated.column.rows).map(|row| result(evaluated, row));
    let first = results.next().unwrap_or_default();
    for other in results {
        let agree = match (first, other) {
            (Cell::Float(a), Cell::Float(b)) => {
                a.to_bits() == b.to_bits() || (a - b).abs() <= tolerance * magnitude.max(a.abs()).max(b.abs())
            }
            (a, b) => a == b,
        };
        prop_assert!(agree, "the order of merges matters: {:?}", evaluated);
    }
    Ok(())
}

/// One result.
fn result(evaluated: &Evaluated, row: usize) -> Cell<'_> {
    if evaluated.column.valid.as_ref().is_some_and(|valid| !bit(valid, row)) {
        return Cell::Null;
    }
    match &evaluated.column.values {
        Values::Booleans(bits) => Cell::Boolean(bit(bits, row)),
        Values::Int64s(values) | Values::Timestamps(values) => {
            values.get(row).map_or(Cell::Null, |&v| Cell::Integer(v))
        }
        Values::Float64s(values) => values.get(row).map_or(Cell::Null, |&v| Cell::Float(v)),
        Values::Texts(texts) => texts.iter().nth(row).map_or(Cell::Null, Cell::Text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fold, Reader, Slots, Writer};

    /// The sum of some doubles, wrong in one way.
    struct Wrong(fn(&mut f64, f64), fn(&mut f64, f64));

    impl Fold for Wrong {
        type Arguments = (f64,);
        type State = f64;
        type Result = f64;

        fn add(&self, state: &mut f64, (value,): (f64,)) {
            (self.0)(state, value);
        }

        fn merge(&self, state: &mut f64, other: &f64) {
            (self.1)(state, *other);
        }

        fn evaluate(&self, state: &f64) -> Result<Option<f64>, String> {
            Ok(Some(*state))
        }

        fn write(&self, state: &f64, writer: &mut Writer<'_>) {
            writer.f64(*state);
        }

        fn read(&self, reader: &mut Reader<'_>) -> Result<f64, Error> {
            reader.f64()
        }
    }

    fn check(add: fn(&mut f64, f64), merge: fn(&mut f64, f64)) {
        let signature = Signature::new(&[DataType::Float64], DataType::Float64, 8);
        check_signature(&signature, &|| Slots::boxed(Wrong(add, merge)));
    }

    #[test]
    #[should_panic(expected = "the order of merges matters")]
    fn a_plain_sum_is_not_exact() {
        check(|state, value| *state += value, |state, other| *state += other);
    }

    #[test]
    #[should_panic(expected = "the order of merges matters")]
    fn the_last_value_has_no_merge() {
        check(|state, value| *state = value, |state, other| *state = other);
    }
}
