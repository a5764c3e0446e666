//! `last(x)`: the last value by event time.

use std::marker::PhantomData;

use streamgauge_sdk::{
    Aggregate, Comparable, Error, EventTime, Parameters, Timestamp,
    extreme::Greatest,
    picked::{self, Picked},
};

/// The last value of a type.
struct Last<T>(PhantomData<T>);

impl<T: Comparable> Aggregate for Last<T> {
    const NAME: &'static str = "last";
    const DOCS: &'static str = "The last value by event time; of several at one time the greatest";
    type Row = (T, EventTime);
    type State = Picked<Timestamp, T>;
    type Value = T;

    fn open(_: &Parameters<'_>) -> Result<Self, Error> {
        Ok(Self(PhantomData))
    }

    fn add(&self, state: &mut Self::State, (value, time): (T::Value<'_>, EventTime)) {
        picked::pick::<Timestamp, T, Greatest>(state, Timestamp(time.0), value);
    }

    fn merge(&self, state: &mut Self::State, other: &Self::State) {
        if let Some((time, value)) = other {
            self.add(state, (T::value(value), EventTime(*time)));
        }
    }

    fn value(&self, state: &Self::State) -> Option<T> {
        picked::value::<Timestamp, T>(state)
    }
}

streamgauge_sdk::export_aggregate!(Last<bool>, Last<i64>, Last<f64>, Last<Timestamp>, Last<String>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_laws_hold() {
        streamgauge_sdk::laws::check::<Plugin>(&[]);
    }

    #[test]
    fn event_time_decides_and_then_the_value() {
        let last = Last::<String>(PhantomData);
        let of = |rows: &[(&str, i64)]| {
            let mut state = None;
            rows.iter().for_each(|&(value, time)| last.add(&mut state, (value, EventTime(time))));
            last.value(&state)
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[("b", 2), ("c", 3), ("a", 2)]).as_deref(), Some("c"));
        assert_eq!(of(&[("b", i64::MIN), ("c", i64::MIN), ("a", i64::MIN)]).as_deref(), Some("c"));
    }
}
