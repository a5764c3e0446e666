//! `first(x)`: the first value by event time.

use std::marker::PhantomData;

use streamgauge_sdk::{
    Aggregate, Comparable, Error, EventTime, Parameters, Timestamp,
    extreme::Least,
    picked::{self, Picked},
};

/// The first value of a type.
struct First<T>(PhantomData<T>);

impl<T: Comparable> Aggregate for First<T> {
    const NAME: &'static str = "first";
    const DOCS: &'static str = "The first value by event time; of several at one time the least";
    type Row = (T, EventTime);
    type State = Picked<Timestamp, T>;
    type Value = T;

    fn open(_: &Parameters<'_>) -> Result<Self, Error> {
        Ok(Self(PhantomData))
    }

    fn add(&self, state: &mut Self::State, (value, time): (T::Value<'_>, EventTime)) {
        picked::pick::<Timestamp, T, Least>(state, Timestamp(time.0), value);
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

streamgauge_sdk::export_aggregate!(First<bool>, First<i64>, First<f64>, First<Timestamp>, First<String>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_laws_hold() {
        streamgauge_sdk::laws::check::<Plugin>(&[]);
    }

    #[test]
    fn event_time_decides_and_then_the_value() {
        let first = First::<String>(PhantomData);
        let of = |rows: &[(&str, i64)]| {
            let mut state = None;
            rows.iter().for_each(|&(value, time)| first.add(&mut state, (value, EventTime(time))));
            first.value(&state)
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[("b", 2), ("c", 1), ("a", 2)]).as_deref(), Some("c"));
        assert_eq!(of(&[("b", i64::MIN), ("c", i64::MIN), ("a", i64::MIN)]).as_deref(), Some("a"));
    }
}
