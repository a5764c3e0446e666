//! `percentile_disc(q) WITHIN GROUP (ORDER BY x)`: the exact percentile, one of the values.

use std::marker::PhantomData;

use streamgauge_sdk::{
    Aggregate, Collected, Comparable, Error, Parameter, Parameters, Timestamp,
    percentile::{Fraction, rank},
};

/// The aggregate, of values of a type.
struct PercentileDisc<T> {
    fraction: Fraction,
    values: PhantomData<T>,
}

impl<T: Comparable> Aggregate for PercentileDisc<T> {
    const NAME: &'static str = "percentile_disc";
    const DOCS: &'static str =
        "The least value that the share q of the values, from 0 to 1, do not exceed; keeps every value";
    type Row = (T,);
    type State = Collected<T::Kept>;
    type Value = T;

    fn parameters() -> Vec<Parameter> {
        vec![Parameter::new::<f64>("q", "the share of the values up to the result: 0 to 1")]
    }

    fn open(parameters: &Parameters<'_>) -> Result<Self, Error> {
        let fraction = Fraction::of(parameters.within("q", 0.0..=1.0)?);
        Ok(Self { fraction, values: PhantomData })
    }

    #[inline]
    fn add(&self, state: &mut Self::State, (value,): (T::Value<'_>,)) {
        state.add(T::keep(value));
    }

    fn merge(&self, state: &mut Self::State, other: &Self::State) {
        state.merge(other);
    }

    fn value(&self, state: &Self::State) -> Option<T> {
        let rank = rank(self.fraction, 1, state.len() as u64);
        let (value, _) = state.neighbours(rank as usize - 1)?;
        Some(T::result(value))
    }
}

streamgauge_sdk::export_aggregate!(PercentileDisc<i64>, PercentileDisc<f64>, PercentileDisc<Timestamp>,);

#[cfg(test)]
mod tests {
    use streamgauge_sdk::{
        Literal, Reducer,
        laws::{check, fold},
    };

    use super::*;

    #[test]
    fn the_laws_hold() {
        check::<Plugin>(&[Literal::Float64(0.95)]);
    }

    #[test]
    fn it_is_the_value_at_the_nearest_rank() {
        let of = |fraction: f64, values: &[f64]| {
            fold(Plugin::open(1, &[Literal::Float64(fraction)]).unwrap().as_mut(), values).unwrap()
        };
        assert_eq!(of(0.5, &[]), None);
        assert_eq!(of(0.5, &[4.0, 1.0, 3.0, 2.0]), Some(2.0));
        assert_eq!(of(0.51, &[4.0, 1.0, 3.0, 2.0]), Some(3.0));
        assert_eq!(of(0.0, &[4.0, 1.0]), Some(1.0));
        assert_eq!(of(1.0, &[4.0, 1.0]), Some(4.0));
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(of(0.07, &hundred), Some(7.0), "0.07 * 100 is 7.000000000000001 in doubles");
    }
}
