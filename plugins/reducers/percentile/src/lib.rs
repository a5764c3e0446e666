//! `percentile(x, p)`: the nearest rank. Exact for up to 256 values, then within 0.1 % for any finite double.

use streamgauge_sdk::{
    Accumulators, DataType, Descriptor, Error, Fold, Literal, Reader, Reducer, Signature, Slots, Writer,
    percentile::{Fraction, rank},
    unknown_signature,
};

mod place;

mod block;

mod state;
use state::State;

/// The reducer.
#[derive(Clone, Copy, Debug)]
pub struct Percentile;

impl Reducer for Percentile {
    fn describe() -> Descriptor {
        let signature = Signature::new(&[DataType::Float64], DataType::Float64, state::BYTES_MAX).parameter(
            "p",
            DataType::Float64,
            None,
            "how many per cent of the values are at most the result: 0 to 100",
        );
        Descriptor {
            name: "percentile".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            docs:
                "The least value that p per cent of the values do not exceed; beyond 256 values within 0.1 %"
                    .into(),
            signatures: vec![signature],
        }
    }

    fn open(signature: u32, parameters: &[Literal]) -> Result<Box<dyn Accumulators>, Error> {
        if signature != 0 {
            return Err(unknown_signature(signature));
        }
        match parameters {
            &[Literal::Float64(percent)] if (0.0..=100.0).contains(&percent) => {
                Ok(Slots::boxed(NearestRank { percent: Fraction::of(percent) }))
            }
            _ => Err(Error::Invalid("'p' is a number of per cent from 0 to 100".into())),
        }
    }
}

struct NearestRank {
    percent: Fraction,
}

impl Fold for NearestRank {
    type Arguments = (f64,);
    type State = State;
    type Result = f64;

    #[inline]
    fn add(&self, state: &mut State, (value,): (f64,)) {
        state.add(value);
    }

    fn merge(&self, state: &mut State, other: &State) {
        state.merge(other);
    }

    fn evaluate(&self, state: &State) -> Result<Option<f64>, String> {
        Ok(state.at(rank(self.percent, 100, state.count())))
    }

    fn write(&self, state: &State, writer: &mut Writer<'_>) {
        state.write(writer);
    }

    fn read(&self, reader: &mut Reader<'_>) -> Result<State, Error> {
        State::read(reader)
    }
}

streamgauge_sdk::export_reducer!(Percentile);

#[cfg(test)]
mod tests;
