//! `sum(x)`: of whole numbers exact, of doubles compensated.

use streamgauge_sdk::{
    Accumulators, DataType, Descriptor, Error, Fold, Literal, Reader, Reducer, Signature, Slots, Writer,
    sum::{FloatSum, IntegerSum},
    unknown_signature,
};

/// The reducer.
#[derive(Clone, Copy, Debug)]
pub struct Sum;

impl Reducer for Sum {
    fn describe() -> Descriptor {
        Descriptor {
            name: "sum".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            docs: "The sum of the values; of whole numbers exact".into(),
            signatures: vec![
                Signature::new(&[DataType::Int64], DataType::Int64, size_of::<IntegerSum>() as u32),
                Signature::new(&[DataType::Float64], DataType::Float64, size_of::<FloatSum>() as u32)
                    .tolerance(1e-14),
            ],
        }
    }

    fn open(signature: u32, _: &[Literal]) -> Result<Box<dyn Accumulators>, Error> {
        match signature {
            0 => Ok(Slots::boxed(OfIntegers)),
            1 => Ok(Slots::boxed(OfFloats)),
            _ => Err(unknown_signature(signature)),
        }
    }
}

struct OfIntegers;

impl Fold for OfIntegers {
    type Arguments = (i64,);
    type State = IntegerSum;
    type Result = i64;

    #[inline]
    fn add(&self, state: &mut IntegerSum, (value,): (i64,)) {
        state.add(value);
    }

    fn merge(&self, state: &mut IntegerSum, other: &IntegerSum) {
        state.merge(other);
    }

    fn evaluate(&self, state: &IntegerSum) -> Result<Option<i64>, String> {
        if state.count == 0 {
            return Ok(None);
        }
        match i64::try_from(state.total) {
            Ok(total) => Ok(Some(total)),
            Err(_) => Err(format!("the sum {} does not fit a BIGINT", state.total)),
        }
    }

    fn write(&self, state: &IntegerSum, writer: &mut Writer<'_>) {
        state.write(writer);
    }

    fn read(&self, reader: &mut Reader<'_>) -> Result<IntegerSum, Error> {
        IntegerSum::read(reader)
    }
}

struct OfFloats;

impl Fold for OfFloats {
    type Arguments = (f64,);
    type State = FloatSum;
    type Result = f64;

    #[inline]
    fn add(&self, state: &mut FloatSum, (value,): (f64,)) {
        state.add(value);
    }

    fn merge(&self, state: &mut FloatSum, other: &FloatSum) {
        state.merge(other);
    }

    fn evaluate(&self, state: &FloatSum) -> Result<Option<f64>, String> {
        if state.count == 0 {
            return Ok(None);
        }
        let total = state.over(1.0);
        if total.is_infinite() && state.is_finite() {
            return Err("the sum does not fit a DOUBLE".into());
        }
        Ok(Some(total))
    }

    fn write(&self, state: &FloatSum, writer: &mut Writer<'_>) {
        state.write(writer);
    }

    fn read(&self, reader: &mut Reader<'_>) -> Result<FloatSum, Error> {
        FloatSum::read(reader)
    }
}

streamgauge_sdk::export_reducer!(Sum);

#[cfg(test)]
mod tests {
    use streamgauge_sdk::laws::{check, fold};

    use super::*;

    #[test]
    fn the_laws_hold() {
        check::<Sum>(&[]);
    }

    #[test]
    fn a_sum_of_doubles_that_does_not_fit_fails() {
        let sum = |values: &[f64]| fold(Sum::open(1, &[]).unwrap().as_mut(), values);
        assert_eq!(sum(&[]), Ok(None));
        assert_eq!(sum(&[1e100, 3.0, -1e100]), Ok(Some(3.0)));
        assert_eq!(sum(&[f64::MAX, f64::MAX, f64::MIN]), Ok(Some(f64::MAX)));
        assert_eq!(sum(&[f64::MAX, f64::MAX]), Err("the sum does not fit a DOUBLE".into()));
        assert_eq!(sum(&[f64::INFINITY, f64::MAX]), Ok(Some(f64::INFINITY)));
    }

    #[test]
    fn a_sum_of_whole_numbers_may_leave_64_bits_on_the_way() {
        let mut sum = IntegerSum::default();
        [i64::MAX, 1].into_iter().for_each(|value| OfIntegers.add(&mut sum, (value,)));
        let fails = Err("the sum 9223372036854775808 does not fit a BIGINT".into());
        assert_eq!(OfIntegers.evaluate(&sum), fails);
        OfIntegers.add(&mut sum, (-1,));
        assert_eq!(OfIntegers.evaluate(&sum), Ok(Some(i64::MAX)));
    }
}
