//! `regr_slope(y, x)`: the slope of the line with the least squared errors of y.

use streamgauge_sdk::{Aggregate, Error, Parameters, moments::JointMoments};

/// The aggregate.
struct Slope;

impl Aggregate for Slope {
    const NAME: &'static str = "regr_slope";
    const DOCS: &'static str =
        "The slope of the line with the least squared errors of y; NULL where all x are equal";
    const TOLERANCE: f64 = 1e-9;
    type Row = (f64, f64);
    type State = JointMoments;
    type Value = f64;

    fn open(_: &Parameters<'_>) -> Result<Self, Error> {
        Ok(Self)
    }

    #[inline]
    fn add(&self, state: &mut JointMoments, (y, x): (f64, f64)) {
        state.add(x, y);
    }

    fn merge(&self, state: &mut JointMoments, other: &JointMoments) {
        state.merge(other);
    }

    fn value(&self, state: &JointMoments) -> Option<f64> {
        state.slope()
    }
}

streamgauge_sdk::export_aggregate!(Slope);

#[cfg(test)]
mod tests {
    #[test]
    fn the_laws_hold() {
        streamgauge_sdk::laws::check::<super::Plugin>(&[]);
    }
}
