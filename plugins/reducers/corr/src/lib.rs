//! `corr(y, x)`: the correlation of two columns.

use streamgauge_sdk::{Aggregate, Error, Parameters, moments::JointMoments};

/// The aggregate.
struct Correlation;

impl Aggregate for Correlation {
    const NAME: &'static str = "corr";
    const DOCS: &'static str =
        "The correlation of two columns, from -1 to 1; NULL where all values of one are equal";
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
        state.correlation()
    }
}

streamgauge_sdk::export_aggregate!(Correlation);

#[cfg(test)]
mod tests {
    #[test]
    fn the_laws_hold() {
        streamgauge_sdk::laws::check::<super::Plugin>(&[]);
    }
}
