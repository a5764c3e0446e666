//! `{function}(x, offset)`: the geometric mean of the values, to each of which an offset is added: exp(sum(ln(x + offset)) / count) - offset.
//! It is NaN where a value is below -offset, and 0 - offset where one is equal to it.

use streamgauge_sdk::{Aggregate, Error, Parameter, Parameters};

/// What a call was opened with.
struct GeoMean {
    offset: f64,
}

streamgauge_sdk::state! {
    /// What is kept of the rows of one group in one slice of time. Its default is the state without rows.
    struct Logs {
        count: u64,
        sum: f64,
    }
}

impl Aggregate for GeoMean {
    const NAME: &'static str = "{function}";
    const DOCS: &'static str = "The geometric mean of the values";
    /// Sums of doubles differ in their last bits where they are added in another order.
    const TOLERANCE: f64 = 1e-9;
    /// One column of DOUBLE. Rows where it is NULL are left out.
    type Row = (f64,);
    type State = Logs;
    type Value = f64;

    fn parameters() -> Vec<Parameter> {
        vec![Parameter::new::<f64>("offset", "is added to each value before its logarithm is taken").or(0.0)]
    }

    fn open(parameters: &Parameters<'_>) -> Result<Self, Error> {
        Ok(Self { offset: parameters.within("offset", 0.0..=1e6)? })
    }

    fn add(&self, state: &mut Logs, (value,): (f64,)) {
        state.count += 1;
        state.sum += (value + self.offset).ln();
    }

    fn merge(&self, state: &mut Logs, other: &Logs) {
        state.count += other.count;
        state.sum += other.sum;
    }

    /// None is NULL.
    fn value(&self, state: &Logs) -> Option<f64> {
        (state.count > 0).then(|| (state.sum / state.count as f64).exp() - self.offset)
    }
}

streamgauge_sdk::export_aggregate!(GeoMean);

#[cfg(test)]
mod tests {
    use streamgauge_sdk::{Literal, laws::check};

    use super::*;

    #[test]
    fn the_laws_hold() {
        check::<Plugin>(&[Literal::Float64(0.0)]);
        check::<Plugin>(&[Literal::Float64(1.5)]);
    }

    #[test]
    fn the_mean_of_two_and_eight_is_four() {
        let (geomean, mut state) = (GeoMean { offset: 0.0 }, Logs::default());
        assert_eq!(geomean.value(&state), None);
        [2.0, 8.0].into_iter().for_each(|value| geomean.add(&mut state, (value,)));
        assert!((geomean.value(&state).unwrap() - 4.0).abs() < 1e-12);
    }
}
