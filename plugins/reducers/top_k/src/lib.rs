//! `top_k(x, k)`: the most frequent values with their counts, as JSON.

use std::{cmp::Reverse, collections::BTreeMap, marker::PhantomData};

use streamgauge_functions::{format_i64, format_json_text};
use streamgauge_sdk::{Aggregate, Comparable, Error, Parameter, Parameters};

/// The aggregate, of values of a type.
///
/// Counts are exact. Sketches with bounded memory (Space-Saving, Misra-Gries) give other values after other orders of merges, and a
/// TEXT has no tolerance.
struct TopK<T> {
    k: usize,
    values: PhantomData<T>,
}

const K_MAX: i64 = 1000;

/// A type whose values can be counted.
trait Counted: Comparable {
    /// Counts a value so many times.
    fn count(counts: &mut BTreeMap<Self::Kept, u64>, value: Self::Value<'_>, times: u64);

    /// Writes a value as JSON.
    fn write(kept: &Self::Kept, json: &mut Vec<u8>);
}

impl Counted for i64 {
    fn count(counts: &mut BTreeMap<i64, u64>, value: i64, times: u64) {
        let count = counts.entry(value).or_default();
        *count = count.saturating_add(times);
    }

    fn write(kept: &i64, json: &mut Vec<u8>) {
        format_i64(*kept, json);
    }
}

impl Counted for String {
    /// Most values of a stream are there already: only a new one is copied.
    fn count(counts: &mut BTreeMap<String, u64>, value: &str, times: u64) {
        if let Some(count) = counts.get_mut(value) {
            *count = count.saturating_add(times);
        } else {
            counts.insert(value.to_owned(), times);
        }
    }

    fn write(kept: &String, json: &mut Vec<u8>) {
        format_json_text(kept.as_bytes(), json);
    }
}

impl<T: Counted> Aggregate for TopK<T> {
    const NAME: &'static str = "top_k";
    const DOCS: &'static str =
        "The k most frequent values and their exact counts, as JSON; keeps each value once";
    type Row = (T,);
    type State = BTreeMap<T::Kept, u64>;
    type Value = String;

    fn parameters() -> Vec<Parameter> {
        vec![Parameter::new::<i64>("k", "how many values: 1 to 1000")]
    }

    fn open(parameters: &Parameters<'_>) -> Result<Self, Error> {
        let k = parameters.whole("k", 1..=K_MAX)? as usize;
        Ok(Self { k, values: PhantomData })
    }

    fn add(&self, state: &mut Self::State, (value,): (T::Value<'_>,)) {
        T::count(state, value, 1);
    }

    fn merge(&self, state: &mut Self::State, other: &Self::State) {
        other.iter().for_each(|(kept, &count)| T::count(state, T::value(kept), count));
    }

    fn value(&self, state: &Self::State) -> Option<String> {
        let mut pairs: Vec<(Reverse<u64>, &T::Kept)> =
            state.iter().map(|(kept, &count)| (Reverse(count), kept)).collect();
        if pairs.is_empty() {
            return None;
        }
        if pairs.len() > self.k {
            pairs.select_nth_unstable(self.k);
            pairs.truncate(self.k);
        }
        pairs.sort_unstable();
        let mut json = Vec::new();
        for (Reverse(count), kept) in pairs {
            json.extend_from_slice(if json.is_empty() { b"[{\"value\":" } else { b",{\"value\":" });
            T::write(kept, &mut json);
            json.extend_from_slice(b",\"count\":");
            format_i64(i64::try_from(count).unwrap_or(i64::MAX), &mut json);
            json.push(b'}');
        }
        json.push(b']');
        String::from_utf8(json).ok()
    }
}

streamgauge_sdk::export_aggregate!(TopK<String>, TopK<i64>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_laws_hold() {
        streamgauge_sdk::laws::check::<Plugin>(&[3.into()]);
    }

    #[test]
    fn the_most_frequent_come_first_and_equal_ones_by_value() {
        let of = |values: &[&str]| {
            let top = TopK::<String> { k: 2, values: PhantomData };
            let mut state = BTreeMap::new();
            values.iter().for_each(|&value| top.add(&mut state, (value,)));
            top.value(&state)
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&["a\""]).as_deref(), Some(r#"[{"value":"a\"","count":1}]"#));
        let five = of(&["c", "b", "a", "b", "a", "d"]);
        assert_eq!(five.as_deref(), Some(r#"[{"value":"a","count":2},{"value":"b","count":2}]"#));
    }
}
