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
    use super::*;

    #[test]
    fn the_laws_hold() {
        streamgauge_sdk::laws::check::<Average>(&[]);
    }
}
