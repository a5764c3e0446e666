//! `arg_min(x, by)`: the x of the row with the least value of another column.

use std::marker::PhantomData;

use streamgauge_sdk::{
    Aggregate, Comparable, Error, Parameters, Timestamp,
    extreme::Least,
    picked::{self, Picked},
};

/// The value of the type `T` of the row with the least value of the type `K`.
struct ArgMin<T, K>(PhantomData<(T, K)>);

impl<T: Comparable, K: Comparable> Aggregate for ArgMin<T, K> {
    const NAME: &'static str = "arg_min";
    const DOCS: &'static str =
        "The first argument in the row with the least second argument; of several such rows its least value";
    type Row = (T, K);
    type State = Picked<K, T>;
    type Value = T;

    fn open(_: &Parameters<'_>) -> Result<Self, Error> {
        Ok(Self(PhantomData))
    }

    // A copy of it in each loop of each signature would make the component too large.
    #[inline(never)]
    fn add(&self, state: &mut Self::State, (value, key): (T::Value<'_>, K::Value<'_>)) {
        picked::pick::<K, T, Least>(state, key, value);
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
    ArgMin<bool, i64>, ArgMin<bool, f64>, ArgMin<bool, Timestamp>,
    ArgMin<i64, i64>, ArgMin<i64, f64>, ArgMin<i64, Timestamp>,
    ArgMin<f64, i64>, ArgMin<f64, f64>, ArgMin<f64, Timestamp>,
    ArgMin<Timestamp, i64>, ArgMin<Timestamp, f64>, ArgMin<Timestamp, Timestamp>,
    ArgMin<String, i64>, ArgMin<String, f64>, ArgMin<String, Timestamp>,
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
        let arg_min = ArgMin::<String, f64>(PhantomData);
        let of = |rows: &[(&str, f64)]| {
            let mut state = None;
            rows.iter().for_each(|&row| arg_min.add(&mut state, row));
            arg_min.value(&state)
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[("a", 2.0), ("c", -0.0), ("b", 0.0), ("d", f64::NAN)]).as_deref(), Some("b"));
    }
}
