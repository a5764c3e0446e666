//! A group's key as bytes that compare as the keys do, so that one encoding serves equality, hash and output order.
//!
//! Part by part: `0` and the value, or `1` for NULL, which is therefore last. Numbers are big-endian with the sign bit
//! turned over; a negative double has all its bits turned over, -0 is 0, and every NaN is one, the greatest. A text that
//! is not the last part ends with `0 0`, and a 0 in it is written `0 255`.

use streamgauge_common::column::{Column, DataType, Values};

const VALUE: u8 = 0;
const NULL: u8 = 1;
const TEXT_END: [u8; 2] = [0, 0];
const ZERO_IN_TEXT: [u8; 2] = [0, 255];
const SIGN: u64 = 1 << 63;

/// Appends a row's key: the encoding of these columns' values, which is the same for ever.
pub fn encode(columns: &[&Column], row: usize, key: &mut Vec<u8>) {
    for (part, column) in columns.iter().enumerate() {
        if !column.is_valid(row) {
            key.push(NULL);
            continue;
        }
        key.push(VALUE);
        match &column.values {
            Values::Boolean(values) => key.push(u8::from(values.get(row))),
            Values::Int64(values) | Values::Timestamp(values) => {
                let value = values.get(row).copied().unwrap_or_default();
                key.extend_from_slice(&(value as u64 ^ SIGN).to_be_bytes());
            }
            Values::Float64(values) => {
                let value = values.get(row).copied().unwrap_or_default();
                key.extend_from_slice(&ordered_bits(value).to_be_bytes());
            }
            Values::Text(values) if part + 1 == columns.len() => key.extend_from_slice(values.get(row)),
            Values::Text(values) => {
                let mut pieces = values.get(row).split(|&byte| byte == 0);
                key.extend_from_slice(pieces.next().unwrap_or_default());
                for piece in pieces {
                    key.extend_from_slice(&ZERO_IN_TEXT);
                    key.extend_from_slice(piece);
                }
                key.extend_from_slice(&TEXT_END);
            }
        }
    }
}

/// Whether bytes are a key with parts of these types.
pub(super) fn is_key(mut key: &[u8], types: &[DataType]) -> bool {
    let Some((last, before)) = types.split_last() else { return key == [VALUE] };
    before.iter().all(|&part| skip(&mut key, part, false)) && skip(&mut key, *last, true) && key.is_empty()
}

/// Passes over one part; whether it was there.
fn skip(key: &mut &[u8], part: DataType, is_last: bool) -> bool {
    let Some((&kind, rest)) = key.split_first() else { return false };
    *key = rest;
    if kind != VALUE {
        return kind == NULL;
    }
    let len = match part {
        DataType::Boolean => Some(1),
        DataType::Int64 | DataType::Timestamp | DataType::Float64 => Some(8),
        DataType::Text if is_last => Some(key.len()),
        DataType::Text => text_len(key),
    };
    match len.and_then(|len| key.split_at_checked(len)) {
        Some((_, rest)) => *key = rest,
        None => return false,
    }
    true
}

/// How long a text that is not the last part is, its end included; none where it has no end.
fn text_len(key: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let zero = at + memchr::memchr(0, key.get(at..)?)?;
        match key.get(zero + 1)? {
            0 => return Some(zero + 2),
            255 => at = zero + 2,
            _ => return None,
        }
    }
}

/// Appends a key's values to the columns of its parts.
///
/// # Panics
/// Where the bytes are not a key of such columns: keys are only made by [`encode`].
pub(super) fn decode(mut key: &[u8], columns: &mut [Column]) {
    let parts = columns.len();
    if parts == 0 {
        return;
    }
    for (part, column) in columns.iter_mut().enumerate() {
        if take(&mut key, 1) == [NULL] {
            column.push_null();
            continue;
        }
        match &mut column.values {
            Values::Boolean(values) => values.push(take(&mut key, 1) == [1]),
            Values::Int64(values) | Values::Timestamp(values) => {
                values.push((number(&mut key) ^ SIGN) as i64)
            }
            Values::Float64(values) => values.push(from_ordered_bits(number(&mut key))),
            Values::Text(values) if part + 1 == parts => values.push(take_all(&mut key)),
            Values::Text(values) => values.push(&text(&mut key)),
        }
        if let Some(valid) = &mut column.valid {
            valid.push(true);
        }
    }
    assert!(key.is_empty(), "a key ends with its last part");
}

/// The types of a key's parts, as empty columns.
pub(super) fn columns(types: impl IntoIterator<Item = DataType>) -> Vec<Column> {
    types.into_iter().map(Column::empty).collect()
}

fn ordered_bits(value: f64) -> u64 {
    let value = if value.is_nan() { f64::NAN.abs() } else { value + 0.0 };
    let bits = value.to_bits();
    if bits & SIGN == 0 { bits ^ SIGN } else { !bits }
}

fn from_ordered_bits(bits: u64) -> f64 {
    f64::from_bits(if bits & SIGN == 0 { !bits } else { bits ^ SIGN })
}

fn take<'a>(key: &mut &'a [u8], len: usize) -> &'a [u8] {
    let Some((taken, rest)) = key.split_at_checked(len) else { unreachable!("a key ended early") };
    *key = rest;
    taken
}

fn take_all<'a>(key: &mut &'a [u8]) -> &'a [u8] {
    std::mem::take(key)
}

fn number(key: &mut &[u8]) -> u64 {
    take(key, 8).iter().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

fn text(key: &mut &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    loop {
        match (take(key, 1), key.first()) {
            ([0], Some(0)) => {
                take(key, 1);
                return text;
            }
            ([0], _) => {
                take(key, 1);
                text.push(0);
            }
            (byte, _) => text.extend_from_slice(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use proptest::prelude::*;

    use super::*;
    use streamgauge_common::column::Value;

    const TYPES: [DataType; 5] =
        [DataType::Text, DataType::Int64, DataType::Boolean, DataType::Float64, DataType::Timestamp];

    fn value(data_type: DataType) -> BoxedStrategy<Value> {
        let value = match data_type {
            DataType::Boolean => any::<bool>().prop_map(Value::Boolean).boxed(),
            DataType::Int64 => prop_oneof![any::<i64>(), -2i64..2].prop_map(Value::Int64).boxed(),
            DataType::Timestamp => any::<i64>().prop_map(Value::Timestamp).boxed(),
            DataType::Float64 => prop_oneof![
                any::<u64>().prop_map(f64::from_bits),
                prop::sample::select(vec![
                    0.0,
                    -0.0,
                    f64::NAN,
                    -f64::NAN,
                    f64::INFINITY,
                    f64::NEG_INFINITY,
                    1.0,
                    -1.0
                ]),
            ]
            .prop_map(Value::Float64)
            .boxed(),
            DataType::Text => "[\u{0}\u{1}aé\u{ff}]{0,4}".prop_map(Value::Text).boxed(),
        };
        prop_oneof![1 => Just(Value::Null), 4 => value].boxed()
    }

    fn keys() -> impl Strategy<Value = (Vec<DataType>, Vec<Vec<Value>>)> {
        prop::collection::vec(prop::sample::select(TYPES.to_vec()), 0..4).prop_flat_map(|types| {
            let key: Vec<_> = types.iter().map(|&data_type| value(data_type)).collect();
            (Just(types), prop::collection::vec(key, 2))
        })
    }

    /// The order of the language: NULL last, NaN equal to NaN and greatest, -0 equal to 0, text by bytes.
    fn compare(left: &Value, right: &Value) -> Ordering {
        match (left, right) {
            (Value::Null, Value::Null) => Ordering::Equal,
            (Value::Null, _) => Ordering::Greater,
            (_, Value::Null) => Ordering::Less,
            (Value::Boolean(left), Value::Boolean(right)) => left.cmp(right),
            (Value::Int64(left), Value::Int64(right)) => left.cmp(right),
            (Value::Timestamp(left), Value::Timestamp(right)) => left.cmp(right),
            (Value::Text(left), Value::Text(right)) => left.as_bytes().cmp(right.as_bytes()),
            (Value::Float64(left), Value::Float64(right)) => {
                left.partial_cmp(right).unwrap_or_else(|| left.is_nan().cmp(&right.is_nan()))
            }
            _ => panic!("one type a column"),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn bytes_compare_as_keys_do_and_come_back((types, keys) in keys()) {
            let mut table = columns(types.iter().copied());
            for key in &keys {
                table.iter_mut().zip(key).for_each(|(column, value)| column.push(value));
            }
            let table: Vec<&Column> = table.iter().collect();
            let mut bytes = [Vec::new(), Vec::new()];
            let mut decoded = columns(types.iter().copied());
            for (row, key) in bytes.iter_mut().enumerate() {
                encode(&table, row, key);
                decode(key, &mut decoded);
            }
            let expected = keys[0].iter().zip(&keys[1]).map(|(left, right)| compare(left, right));
            let expected = expected.fold(Ordering::Equal, Ordering::then);
            prop_assert_eq!(bytes[0].cmp(&bytes[1]), expected);
            for key in &bytes {
                prop_assert!(types.is_empty() || is_key(key, &types));
                prop_assert!(types.is_empty() || !is_key(&key[..key.len() - 1], &types) || types.last() == Some(&DataType::Text));
            }
            for (row, key) in keys.iter().enumerate() {
                for (column, value) in decoded.iter().zip(key) {
                    prop_assert_eq!(compare(&column.value(row), value), Ordering::Equal);
                }
            }
        }
    }
}
