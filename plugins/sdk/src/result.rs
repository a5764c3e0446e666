//! Results as columns: from the Rust values that a fold gives to a column of their type.

use crate::{BytesList, Column, Text, Timestamp, Values, column::bitmap};

/// A type of result.
pub trait Output: Sized {
    /// The values of a column; what stands at NULL means nothing.
    fn values(results: Vec<Option<Self>>) -> Values;
}

/// Some results as a column.
pub(crate) fn column<O: Output>(results: Vec<Option<O>>) -> Column {
    let rows = results.len();
    let valid = results.iter().any(Option::is_none).then(|| bitmap(results.iter().map(Option::is_some)));
    Column { rows, values: O::values(results), valid }
}

impl Output for f64 {
    /// A NaN has no sign and no payload.
    fn values(results: Vec<Option<Self>>) -> Values {
        let canonical = |value: f64| if value.is_nan() { f64::NAN } else { value };
        Values::Float64s(results.into_iter().map(|result| result.map_or(0.0, canonical)).collect())
    }
}

impl Output for i64 {
    fn values(results: Vec<Option<Self>>) -> Values {
        Values::Int64s(results.into_iter().map(Option::unwrap_or_default).collect())
    }
}

impl Output for Timestamp {
    fn values(results: Vec<Option<Self>>) -> Values {
        Values::Timestamps(results.into_iter().map(|result| result.unwrap_or_default().0).collect())
    }
}

impl Output for bool {
    fn values(results: Vec<Option<Self>>) -> Values {
        Values::Booleans(bitmap(results.into_iter().map(Option::unwrap_or_default)))
    }
}

impl Output for String {
    fn values(results: Vec<Option<Self>>) -> Values {
        let text = |result: Option<Self>| result.map(|text| Text(text.into_bytes()));
        Text::values(results.into_iter().map(text).collect())
    }
}

impl Output for Text {
    fn values(results: Vec<Option<Self>>) -> Values {
        let mut texts = BytesList::default();
        for result in results {
            texts.bytes.extend(result.unwrap_or_default().0);
            texts.end_item();
        }
        Values::Texts(texts)
    }
}
