//! `percentile_cont(q) WITHIN GROUP (ORDER BY x)`: the exact percentile, between two values where no value has its place. `median(x)` is
//! that of 0.5.

use streamgauge_sdk::{Aggregate, Collected, Double, Error, Parameter, Parameters, percentile};

/// The aggregate.
struct PercentileCont {
    fraction: f64,
}

impl Aggregate for PercentileCont {
    const NAME: &'static str = "percentile_cont";
    const DOCS: &'static str =
        "The exact percentile of a fraction from 0 to 1, interpolated between two values; keeps every value";
    type Row = (f64,);
    type State = Collected<Double>;
    type Value = f64;

    fn parameters() -> Vec<Parameter> {
        vec![Parameter::new::<f64>("q", "the share of the values up to the result: 0 to 1")]
    }

    fn open(parameters: &Parameters<'_>) -> Result<Self, Error> {
        Ok(Self { fraction: parameters.within("q", 0.0..=1.0)? })
    }

    #[inline]
    fn add(&self, state: &mut Self::State, (value,): (f64,)) {
        state.add(value.into());
    }

    fn merge(&self, state: &mut Self::State, other: &Self::State) {
        state.merge(other);
    }

    fn value(&self, state: &Self::State) -> Option<f64> {
        percentile::interpolated(state, self.fraction)
    }
}

streamgauge_sdk::export_aggregate!(PercentileCont);

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
    fn it_interpolates_as_postgresql_does() {
        let of = |fraction: f64, values: &[f64]| {
            fold(Plugin::open(0, &[Literal::Float64(fraction)]).unwrap().as_mut(), values).unwrap()
        };
        assert_eq!(of(0.5, &[]), None);
        assert_eq!(of(0.5, &[4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!(of(0.25, &[4.0, 1.0, 3.0, 2.0]), Some(1.75));
        assert_eq!(of(0.0, &[4.0, 1.0, 3.0]), Some(1.0));
        assert_eq!(of(1.0, &[4.0, 1.0, 3.0]), Some(4.0));
        assert_eq!(of(0.5, &[f64::MIN, f64::MAX]), Some(0.0), "the difference is no double");
        assert_eq!(of(0.5, &[f64::INFINITY, f64::INFINITY]), Some(f64::INFINITY));
        assert!(of(0.75, &[1.0, f64::NAN]).unwrap().is_nan(), "NaN is the greatest value");
        assert_eq!(of(0.0, &[1.0, f64::NAN]), Some(1.0));
    }

    #[test]
    fn a_fraction_is_from_0_to_1() {
        for wrong in [-0.1, 1.1, 95.0, f64::NAN] {
            let opened = Plugin::open(0, &[Literal::Float64(wrong)]).map(drop);
            assert_eq!(opened, Err(Error::Invalid("`q` must be a number from 0 to 1".into())));
        }
    }
}
