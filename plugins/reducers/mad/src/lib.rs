//! `mad(x)`: the median absolute deviation.

use streamgauge_sdk::{Aggregate, Collected, Double, Error, Parameters, percentile};

/// The aggregate.
struct MedianDeviation;

const MEDIAN: f64 = 0.5;

impl Aggregate for MedianDeviation {
    const NAME: &'static str = "mad";
    const DOCS: &'static str =
        "The median of the distances of the values from their median, exactly; keeps every value";
    type Row = (f64,);
    type State = Collected<Double>;
    type Value = f64;

    fn open(_: &Parameters<'_>) -> Result<Self, Error> {
        Ok(Self)
    }

    #[inline]
    fn add(&self, state: &mut Self::State, (value,): (f64,)) {
        state.add(value.into());
    }

    fn merge(&self, state: &mut Self::State, other: &Self::State) {
        state.merge(other);
    }

    fn value(&self, state: &Self::State) -> Option<f64> {
        let median = percentile::interpolated(state, MEDIAN)?;
        let distances = state.map(|value| Double::from((value.get() - median).abs()));
        percentile::interpolated(&distances, MEDIAN)
    }
}

streamgauge_sdk::export_aggregate!(MedianDeviation);

#[cfg(test)]
mod tests {
    use streamgauge_sdk::{Reducer, laws::fold};

    use super::*;

    #[test]
    fn the_laws_hold() {
        streamgauge_sdk::laws::check::<Plugin>(&[]);
    }

    #[test]
    fn one_value_far_away_does_not_move_it() {
        let of = |values: &[f64]| fold(Plugin::open(0, &[]).unwrap().as_mut(), values).unwrap();
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[7.0]), Some(0.0));
        assert_eq!(of(&[1.0, 1.0, 2.0, 2.0, 4.0, 6.0, 9.0]), Some(1.0));
        assert_eq!(of(&[1.0, 1.0, 2.0, 2.0, 4.0, 6.0, 9e99]), Some(1.0));
        assert_eq!(
            of(&[1.0, 2.0, 3.0, 5.0]),
            Some(1.0),
            "the median is 2.5, the distances are 0.5, 0.5, 1.5, 2.5"
        );
    }
}
