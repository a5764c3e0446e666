//! `percentile(x, p)`: the nearest rank. Exact for up to 256 values, then within 0.1 % for any finite double.

use streamgauge_sdk::{
    Accumulators, DataType, Descriptor, Error, Fold, Literal, Reader, Reducer, Signature, Slots, Writer,
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
                Ok(Slots::boxed(NearestRank { percent }))
            }
            _ => Err(Error::Invalid("'p' is a number of per cent from 0 to 100".into())),
        }
    }
}

struct NearestRank {
    percent: f64,
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
        Ok(state.at(rank(self.percent, state.count())))
    }

    fn write(&self, state: &State, writer: &mut Writer<'_>) {
        state.write(writer);
    }

    fn read(&self, reader: &mut Reader<'_>) -> Result<State, Error> {
        State::read(reader)
    }
}

/// The smallest `k` of at least 1 with `100 k >= percent * count`, in exact arithmetic; `percent` is within 0 to 100.
fn rank(percent: f64, count: u64) -> u64 {
    // percent = mantissa / 2^places, and a double of at most 100 has at least 46 places.
    const FRACTION_BITS: u32 = f64::MANTISSA_DIGITS - 1;
    let bits = percent.to_bits();
    let exponent = (bits >> FRACTION_BITS) as u32;
    let fraction = bits & ((1 << FRACTION_BITS) - 1);
    let mantissa = if exponent == 0 { fraction } else { fraction | 1 << FRACTION_BITS };
    let places = 1075 - exponent.max(1);

    let product = u128::from(mantissa) * u128::from(count);
    // The product is below 2^117: what is over 100 * 2^117 is a fraction.
    let rank = if places > 117 { 1 } else { product.div_ceil(100 << places) as u64 };
    rank.clamp(1, count.max(1))
}

streamgauge_sdk::export_reducer!(Percentile);

#[cfg(test)]
mod tests;
