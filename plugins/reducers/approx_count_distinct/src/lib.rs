//! `approx_count_distinct(x)`: how many different values, nearly, in bounded memory.

use std::marker::PhantomData;

use streamgauge_sdk::{Aggregate, Comparable, Double, Error, Parameters, Timestamp};
use xxhash_rust::xxh3::xxh3_64;

mod estimate;

mod sketch;
use sketch::Sketch;

/// How many different values of a type, nearly.
struct ApproxCountDistinct<T>(PhantomData<T>);

/// A type whose values have a hash: 64 bits that are the same on every machine and in every version, since states hold them.
trait Hashed: Comparable {
    fn hash(value: Self::Value<'_>) -> u64;
}

impl Hashed for bool {
    fn hash(value: bool) -> u64 {
        xxh3_64(&[u8::from(value)])
    }
}

impl Hashed for i64 {
    fn hash(value: i64) -> u64 {
        xxh3_64(&value.to_le_bytes())
    }
}

impl Hashed for f64 {
    /// Equal doubles have equal bits once they are kept.
    fn hash(value: f64) -> u64 {
        xxh3_64(&Double::from(value).get().to_le_bytes())
    }
}

impl Hashed for Timestamp {
    fn hash(value: Timestamp) -> u64 {
        i64::hash(value.0)
    }
}

impl Hashed for String {
    fn hash(value: &str) -> u64 {
        xxh3_64(value.as_bytes())
    }
}

impl<T: Hashed> Aggregate for ApproxCountDistinct<T> {
    const NAME: &'static str = "approx_count_distinct";
    const DOCS: &'static str =
        "How many different values: exact up to 256, then with a standard error of 1.6 %";
    type Row = (T,);
    type State = Sketch;
    type Value = i64;

    fn open(_: &Parameters<'_>) -> Result<Self, Error> {
        Ok(Self(PhantomData))
    }

    #[inline]
    fn add(&self, state: &mut Sketch, (value,): (T::Value<'_>,)) {
        state.add(T::hash(value));
    }

    fn merge(&self, state: &mut Sketch, other: &Sketch) {
        state.merge(other);
    }

    fn value(&self, state: &Sketch) -> Option<i64> {
        Some(state.count() as i64)
    }
}

streamgauge_sdk::export_aggregate!(
    ApproxCountDistinct<bool>,
    ApproxCountDistinct<i64>,
    ApproxCountDistinct<f64>,
    ApproxCountDistinct<Timestamp>,
    ApproxCountDistinct<String>,
);

#[cfg(test)]
mod tests;
