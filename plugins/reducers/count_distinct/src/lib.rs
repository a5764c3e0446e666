//! `count(DISTINCT x)`: how many different values, exactly.

use std::{collections::BTreeSet, marker::PhantomData};

use streamgauge_sdk::{Aggregate, Comparable, Error, Parameters, Timestamp};

/// How many different values of a type.
struct CountDistinct<T>(PhantomData<T>);

/// A type whose values can be looked up in a set.
trait Distinct: Comparable {
    /// Adds the value of a row to a set.
    fn insert(set: &mut BTreeSet<Self::Kept>, value: Self::Value<'_>) {
        set.insert(Self::keep(value));
    }
}

impl Distinct for bool {}
impl Distinct for i64 {}
impl Distinct for f64 {}
impl Distinct for Timestamp {}

impl Distinct for String {
    /// Most values of a stream are there already: only a new one is copied.
    fn insert(set: &mut BTreeSet<String>, value: &str) {
        if !set.contains(value) {
            set.insert(value.to_owned());
        }
    }
}

impl<T: Distinct> Aggregate for CountDistinct<T> {
    const NAME: &'static str = "count_distinct";
    const DOCS: &'static str = "How many different values, exactly; keeps each of them once";
    type Row = (T,);
    type State = BTreeSet<T::Kept>;
    type Value = i64;

    fn open(_: &Parameters<'_>) -> Result<Self, Error> {
        Ok(Self(PhantomData))
    }

    fn add(&self, state: &mut Self::State, (value,): (T::Value<'_>,)) {
        T::insert(state, value);
    }

    fn merge(&self, state: &mut Self::State, other: &Self::State) {
        other.iter().for_each(|kept| T::insert(state, T::value(kept)));
    }

    fn value(&self, state: &Self::State) -> Option<i64> {
        Some(state.len() as i64)
    }
}

streamgauge_sdk::export_aggregate!(
    CountDistinct<bool>,
    CountDistinct<i64>,
    CountDistinct<f64>,
    CountDistinct<Timestamp>,
    CountDistinct<String>,
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_laws_hold() {
        streamgauge_sdk::laws::check::<Plugin>(&[]);
    }

    #[test]
    fn equal_values_are_counted_once() {
        let of = |values: &[f64]| {
            let distinct = CountDistinct::<f64>(PhantomData);
            let mut state = BTreeSet::new();
            values.iter().for_each(|&value| distinct.add(&mut state, (value,)));
            distinct.value(&state)
        };
        assert_eq!(of(&[]), Some(0));
        assert_eq!(of(&[1.0, 2.0, 1.0, 0.0, -0.0, f64::NAN, -f64::NAN]), Some(4), "1, 2, 0 and NaN");
    }
}
