//! The laws of every reducer, as a test that each reducer runs on its own logic, before it is a component.
//!
//! They are those of `plugin check` (`streamgauge-laws`), and two that only [`Fold`](crate::Fold) promises: rows with a NULL are not seen, and
//! states that are fewer than slots are refused.

mod native;

use streamgauge_laws as laws;

use crate::{Accumulators, Column, Error, Literal, Reducer, Signature, Values};

use self::native::Native;

/// How many sets of rows the laws of [`Fold`](crate::Fold) are tried on.
const CASES: usize = 40;

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
    let described = native::signature(signature);
    let types = described.columns();
    let opened = || Native { accumulators: open(), types: &types };
    let boxed = || Ok(Box::new(opened()) as Box<dyn laws::Accumulators + '_>);
    let report = laws::check_signature(&described, &boxed);
    assert!(report.holds(), "{report}");

    let given = |rows: &[laws::Row]| {
        let mut native = opened();
        assert_eq!(native.give(rows), Ok(()), "a batch was refused");
        native.accumulators
    };
    for rows in laws::cases(&described, CASES) {
        let values: Vec<laws::Row> = rows.iter().filter(|row| !row.has_null()).cloned().collect();
        let (all, whole) = (given(&rows), given(&values));
        let same = signature.arguments.is_empty() || all.snapshot(&[0, 1, 2]) == whole.snapshot(&[0, 1, 2]);
        assert!(same, "rows with NULL are seen: {rows:?}");
        let mut restored = open();
        let one = all.snapshot(&[0]);
        let too_few = restored.restore(signature.state_version, &[0, 1], &one);
        assert!(matches!(too_few, Err(Error::Corrupt(_))), "one state for two slots: {too_few:?}");
    }
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
    match native::result(&evaluated, 0) {
        laws::Cell::Null => Ok(None),
        laws::Cell::Float64(value) => Ok(Some(value)),
        other => panic!("{other} is not a double"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DataType, Fold, Reader, Slots, Writer};

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
    #[should_panic(expected = "FAILED     merge-associative")]
    fn a_plain_sum_is_not_exact() {
        check(|state, value| *state += value, |state, other| *state += other);
    }

    #[test]
    #[should_panic(expected = "FAILED     merge-commutative")]
    fn the_last_value_has_no_merge() {
        check(|state, value| *state = value, |state, other| *state = other);
    }
}
