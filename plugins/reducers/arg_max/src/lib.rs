//! `arg_max(x, by)`: the x of the row with the greatest value of another column.

use std::marker::PhantomData;

use streamgauge_sdk::{
    Aggregate, Comparable, Error, Parameters, Timestamp,
    extreme::Greatest,
    picked::{self, Picked},
};

/// The value of the type `T` of the row with the greatest value of the type `K`.
struct ArgMax<T, K>(PhantomData<(T, K)>);

impl<T: Comparable, K: Comparable> Aggregate for ArgMax<T, K> {
    const NAME: &'static str = "arg_max";
    const DOCS: &'static str = "The first argument in the row with the greatest second argument; of several such rows its greatest value";
    type Row = (T, K);
    type State = Picked<K, T>;
    type Value = T;

    fn open(_: &Parameters<'_>) -> Result<Self, Error> {
        Ok(Self(PhantomData))
    }

    // A copy of it in each loop of each signature would make the component too large.
    #[inline(never)]
    fn add(&self, state: &mut Self::State, (value, key): (T::Value<'_>, K::Value<'_>)) {
        picked::pick::<K, T, Greatest>(state, key, value);
    }

    fn merge(&self, state: &mut Self::State, other: &Self::State) {
        if let Some((key, value)) = other {
            self.add(state, (T::value(value), K::value(key)));
        }
    }

    fn value(&self, state: &Self::State) -> Option<T> {
        picked::value::<K, T>(state)
    }
}

streamgauge_sdk::export_aggregate!(
    ArgMax<bool, i64>, ArgMax<bool, f64>, ArgMax<bool, Timestamp>,
    ArgMax<i64, i64>, ArgMax<i64, f64>, ArgMax<i64, Timestamp>,
    ArgMax<f64, i64>, ArgMax<f64, f64>, ArgMax<f64, Timestamp>,
    ArgMax<Timestamp, i64>, ArgMax<Timestamp, f64>, ArgMax<Timestamp, Timestamp>,
    ArgMax<String, i64>, ArgMax<String, f64>, ArgMax<String, Timestamp>,
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_laws_hold() {
        streamgauge_sdk::laws::check::<Plugin>(&[]);
    }

    #[test]
    fn the_second_argument_decides_and_then_the_first() {
        let arg_max = ArgMax::<String, f64>(PhantomData);
        let of = |rows: &[(&str, f64)]| {
            let mut state = None;
            rows.iter().for_each(|&row| arg_max.add(&mut state, row));
            arg_max.value(&state)
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[("a", 2.0), ("c", -0.0), ("b", 0.0), ("d", f64::NAN)]).as_deref(), Some("d"));
    }
}
