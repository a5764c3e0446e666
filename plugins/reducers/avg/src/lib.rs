//! `avg(x)`: the mean; the sum under it is exact for whole numbers and compensated for doubles.

use streamgauge_sdk::{
    Accumulators, DataType, Descriptor, Error, Fold, Literal, Reader, Reducer, Signature, Slots, Writer,
    sum::{FloatSum, IntegerSum},
    unknown_signature,
};

/// The reducer.
#[derive(Clone, Copy, Debug)]
pub struct Average;

impl Reducer for Average {
    fn describe() -> Descriptor {
        Descriptor {
            name: "avg".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            docs: "The mean of the values".into(),
            signatures: vec![
                Signature::new(&[DataType::Int64], DataType::Float64, size_of::<IntegerSum>() as u32),
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
    type Result = f64;

    #[inline]
    fn add(&self, state: &mut IntegerSum, (value,): (i64,)) {
        state.add(value);
    }

    fn merge(&self, state: &mut IntegerSum, other: &IntegerSum) {
        state.merge(other);
    }

    fn evaluate(&self, state: &IntegerSum) -> Result<Option<f64>, String> {
        if state.count == 0 {
            return Ok(None);
        }
        Ok(Some(state.total as f64 / state.count as f64))
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
        let mean = state.over(state.count as f64);
        // Rounding may carry the mean of the largest doubles beyond them.
        Ok(Some(if state.is_finite() { mean.clamp(f64::MIN, f64::MAX) } else { mean }))
    }

    fn write(&self, state: &FloatSum, writer: &mut Writer<'_>) {
        state.write(writer);
    }

    fn read(&self, reader: &mut Reader<'_>) -> Result<FloatSum, Error> {
        FloatSum::read(reader)
    }
}

streamgauge_sdk::export_reducer!(Average);

#[cfg(test)]
mod tests {
    use streamgauge_sdk::laws::{check, fold};

    use super::*;

    #[test]
    fn the_laws_hold() {
        check::<Average>(&[]);
    }

    #[test]
    fn the_mean_of_doubles_is_compensated() {
        let average = |values: &[f64]| fold(Average::open(1, &[]).unwrap().as_mut(), values);
        assert_eq!(average(&[]), Ok(None));
        assert_eq!(average(&[1e100, 3.0, -1e100]), Ok(Some(1.0)));
        assert_eq!(average(&[f64::MAX; 7]), Ok(Some(f64::MAX)));
        assert_eq!(average(&[f64::MIN; 3]), Ok(Some(f64::MIN)));
        assert_eq!(average(&[f64::INFINITY, 1.0]), Ok(Some(f64::INFINITY)));
    }

    #[test]
    fn the_mean_of_whole_numbers_is_exact_beyond_64_bits() {
        let mut sum = IntegerSum::default();
        [i64::MAX, i64::MAX, 2].into_iter().for_each(|value| OfIntegers.add(&mut sum, (value,)));
        assert_eq!(OfIntegers.evaluate(&sum), Ok(Some(2.0_f64.powi(64) / 3.0)));
    }
}
