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
        Ok(state.at(rank(self.percent, state.count())))
    }

    fn write(&self, state: &State, writer: &mut Writer<'_>) {
        state.write(writer);
    }

    fn read(&self, reader: &mut Reader<'_>) -> Result<State, Error> {
        State::read(reader)
    }
}

/// The smallest `k` of at least 1 with `100 k >= percent * count`, in exact arithmetic.
fn rank(percent: Fraction, count: u64) -> u64 {
    let Fraction { numerator, denominator } = percent;
    let rank = (u128::from(numerator) * u128::from(count)).div_ceil(100 * denominator);
    (rank as u64).clamp(1, count.max(1))
}

/// A number as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fraction {
    /// Below 2^53.
    numerator: u64,
    /// At most 2^117.
    denominator: u128,
}

impl Fraction {
    /// The shortest decimal fraction that is this double, which is what somebody wrote: 99.9 is 999 tenths, though its
    /// double is a little more. Else the double itself. It must be from 0 to 100.
    fn of(value: f64) -> Self {
        const DIGITS_MAX: i32 = 15;
        const EXACT_BELOW: f64 = (1_u64 << f64::MANTISSA_DIGITS) as f64;
        for digits in 0..=DIGITS_MAX {
            let denominator = 10_u64.pow(digits as u32);
            let numerator = (value * denominator as f64).round();
            // Both are exact, so the quotient is the double nearest to the fraction.
            if numerator < EXACT_BELOW && numerator / denominator as f64 == value {
                return Self { numerator: numerator as u64, denominator: u128::from(denominator) };
            }
        }
        Self::binary(value)
    }

    /// The double itself: mantissa / 2^places, where a double of at most 100 has at least 46 places.
    fn binary(value: f64) -> Self {
        const FRACTION_BITS: u32 = f64::MANTISSA_DIGITS - 1;
        /// So many places make any rank a fraction of 1, and so do more.
        const PLACES_MAX: u32 = 117;
        let bits = value.to_bits();
        let exponent = (bits >> FRACTION_BITS) as u32;
        let fraction = bits & ((1 << FRACTION_BITS) - 1);
        let numerator = if exponent == 0 { fraction } else { fraction | 1 << FRACTION_BITS };
        let places = (1075 - exponent.max(1)).min(PLACES_MAX);
        Self { numerator, denominator: 1 << places }
    }
}

streamgauge_sdk::export_reducer!(Percentile);

#[cfg(test)]
mod tests;
