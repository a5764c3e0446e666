//! `ewma(x, half_life)`: the mean of the values with weights that halve with event time.

use streamgauge_sdk::{Aggregate, Error, EventTime, Parameter, Parameters, decay::half_to_the};

/// The aggregate.
struct Ewma {
    /// In microseconds.
    half_life: f64,
}

const MICROSECONDS: f64 = 1e6;

streamgauge_sdk::state! {
    /// A mean, with the weight that it has at a time.
    struct Mean {
        /// The last event time; unspecified while the weight is 0.
        time: i64,
        /// The sum of the weights: that of a value at `time` is 1.
        weight: f64,
        mean: f64,
        /// The sum of the values that are not finite; 0 = there is none.
        special: f64,
    }
}

impl Ewma {
    /// Takes in a mean of others with its weight at a time. Both means are weighted by shares of at most 1: nothing overflows.
    #[inline]
    fn take(&self, state: &mut Mean, (mean, weight, time): (f64, f64, i64)) {
        let mut weight = weight;
        if state.weight == 0.0 {
            state.time = time;
        } else {
            let age = half_to_the(time.abs_diff(state.time) as f64 / self.half_life);
            if time > state.time {
                state.time = time;
                state.weight *= age;
            } else {
                weight *= age;
            }
        }
        let sum = state.weight + weight;
        state.mean = state.mean * (state.weight / sum) + mean * (weight / sum);
        state.weight = sum;
    }
}

impl Aggregate for Ewma {
    const NAME: &'static str = "ewma";
    const DOCS: &'static str =
        "The mean of the values, weighted by 2^(-age / half_life): age is the time up to the last event";
    const TOLERANCE: f64 = 1e-9;
    type Row = (f64, EventTime);
    type State = Mean;
    type Value = f64;

    fn parameters() -> Vec<Parameter> {
        vec![Parameter::new::<f64>(
            "half_life",
            "an INTERVAL or a number of seconds, with which the weight of a value halves",
        )]
    }

    fn open(parameters: &Parameters<'_>) -> Result<Self, Error> {
        Ok(Self { half_life: parameters.positive("half_life")? * MICROSECONDS })
    }

    #[inline]
    fn add(&self, state: &mut Mean, (value, time): (f64, EventTime)) {
        if value.is_finite() {
            self.take(state, (value, 1.0, time.0));
        } else {
            // The sum of infinities of both signs is NaN; all NaNs are written alike.
            let sum = state.special + value;
            state.special = if sum.is_nan() { f64::NAN } else { sum };
        }
    }

    fn merge(&self, state: &mut Mean, other: &Mean) {
        if other.weight != 0.0 {
            self.take(state, (other.mean, other.weight, other.time));
        }
        let sum = state.special + other.special;
        state.special = if sum.is_nan() { f64::NAN } else { sum };
    }

    fn value(&self, state: &Mean) -> Option<f64> {
        if state.special != 0.0 {
            return Some(state.special);
        }
        (state.weight != 0.0).then_some(state.mean)
    }
}

streamgauge_sdk::export_aggregate!(Ewma);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_laws_hold() {
        streamgauge_sdk::laws::check::<Plugin>(&[60.0.into()]);
    }

    #[test]
    fn weights_halve_with_event_time() {
        let minute = Ewma { half_life: 60.0 * MICROSECONDS };
        let of = |rows: &[(f64, i64)]| {
            let mut state = Mean::default();
            rows.iter()
                .for_each(|&(value, second)| minute.add(&mut state, (value, EventTime(second * 1_000_000))));
            minute.value(&state)
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[(5.0, 0)]), Some(5.0));
        let due = (7.0 + 4.0 / 2.0 + 1.0 / 4.0) / (1.0 + 0.5 + 0.25);
        for rows in [[(1.0, 0), (4.0, 60), (7.0, 120)], [(7.0, 120), (1.0, 0), (4.0, 60)]] {
            assert!((of(&rows).unwrap() - due).abs() < 1e-15);
        }
        assert_eq!(of(&[(1.0, 0), (f64::INFINITY, -9), (3.0, 1)]), Some(f64::INFINITY));
        assert_eq!(of(&[(f64::MAX, 0), (f64::MAX, 0)]), Some(f64::MAX));
    }
}
