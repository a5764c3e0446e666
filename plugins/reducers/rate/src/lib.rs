//! `rate(x)`: by how much a counter increases a second, as Prometheus defines it, between the first and the last event.

use streamgauge_sdk::{Aggregate, Collected, Double, Error, EventTime, Parameters};

/// The aggregate.
struct Rate;

const MICROSECONDS: f64 = 1e6;

impl Aggregate for Rate {
    const NAME: &'static str = "rate";
    const DOCS: &'static str = "The increase of a counter a second, from the first event to the last; a counter that falls began at 0 again";
    type Row = (f64, EventTime);
    /// Event times and values.
    type State = Collected<(i64, Double)>;
    type Value = f64;

    fn open(_: &Parameters<'_>) -> Result<Self, Error> {
        Ok(Self)
    }

    #[inline]
    fn add(&self, state: &mut Self::State, (value, time): (f64, EventTime)) {
        state.add((time.0, value.into()));
    }

    fn merge(&self, state: &mut Self::State, other: &Self::State) {
        state.merge(other);
    }

    fn value(&self, state: &Self::State) -> Option<f64> {
        let samples = state.sorted();
        let (&(first, start), &(last, _)) = (samples.first()?, samples.last()?);
        let seconds = last.abs_diff(first) as f64 / MICROSECONDS;
        if seconds == 0.0 {
            return None;
        }
        let mut before = start.get();
        let mut increase = 0.0;
        for (_, value) in samples.iter().skip(1) {
            let value = value.get();
            increase += if value < before { value } else { value - before };
            before = value;
        }
        Some(increase / seconds)
    }
}

streamgauge_sdk::export_aggregate!(Rate);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_laws_hold() {
        streamgauge_sdk::laws::check::<Plugin>(&[]);
    }

    #[test]
    fn a_counter_that_falls_began_at_0_again() {
        let of = |rows: &[(f64, i64)]| {
            let mut state = Collected::default();
            rows.iter()
                .for_each(|&(value, second)| Rate.add(&mut state, (value, EventTime(second * 1_000_000))));
            Rate.value(&state)
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[(5.0, 1), (6.0, 1)]), None, "no time passes");
        assert_eq!(of(&[(10.0, 0), (40.0, 10)]), Some(3.0));
        // 10 to 40, restart, 0 to 5, 5 to 25: 55 in 20 seconds, in whatever order the rows come.
        assert_eq!(of(&[(25.0, 20), (5.0, 15), (10.0, 0), (40.0, 10)]), Some(2.75));
    }
}
