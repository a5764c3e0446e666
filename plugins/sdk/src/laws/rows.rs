//! Made-up rows: values of every type, with NULLs and extremes.

use proptest::prelude::*;

use crate::{BytesList, Column, DataType, Values, bitmap};

use super::SLOTS;

/// A row on its way to a slot.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) slot: u32,
    values: Vec<Value>,
}

/// A value of an argument and whether it is there: at NULL it means nothing.
#[derive(Clone, Debug)]
struct Value {
    valid: bool,
    number: i64,
    float: f64,
    text: String,
    data_type: DataType,
}

/// A result.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Cell<'a> {
    #[default]
    Null,
    Boolean(bool),
    Integer(i64),
    Float(f64),
    Text(&'a [u8]),
}

impl Row {
    pub(super) fn to_slot(&self, slot: u32) -> Self {
        Self { slot, values: self.values.clone() }
    }

    pub(super) fn has_null(&self) -> bool {
        self.values.iter().any(|value| !value.valid)
    }

    /// The greatest absolute value of its finite numbers.
    pub(super) fn magnitude(&self) -> f64 {
        let magnitude = |value: &Value| match value.data_type {
            DataType::Float64 if value.valid && value.float.is_finite() => value.float.abs(),
            DataType::Int64 if value.valid => (value.number as f64).abs(),
            _ => 0.0,
        };
        self.values.iter().map(magnitude).fold(0.0, f64::max)
    }
}

/// Few rows mostly, sometimes many; ordinary values mostly, sometimes wild ones.
pub(super) fn rows(types: Vec<DataType>) -> impl Strategy<Value = Vec<Row>> {
    let length = prop_oneof![4 => 0_usize..40, 1 => 600_usize..1200];
    let floats = prop::sample::select(vec![Floats::Ordinary, Floats::Offset, Floats::Wild, Floats::Special]);
    (length, floats).prop_flat_map(move |(length, floats)| {
        let values: Vec<_> = types.iter().map(|&data_type| value(data_type, floats)).collect();
        let row = (0..SLOTS, values).prop_map(|(slot, values)| Row { slot, values });
        prop::collection::vec(row, length)
    })
}

fn value(data_type: DataType, floats: Floats) -> impl Strategy<Value = Value> {
    let text = prop_oneof![Just(String::new()), "[a-cé\u{10ffff}]{0,4}"];
    (prop::bool::weighted(0.9), number(), float(floats), text)
        .prop_map(move |(valid, number, float, text)| Value { valid, number, float, text, data_type })
}

fn number() -> impl Strategy<Value = i64> {
    prop_oneof![
        6 => -3_i64..4,
        2 => any::<i64>(),
        1 => prop::sample::select(vec![i64::MIN, i64::MAX, 0]),
    ]
}

/// What the doubles of a batch are like.
#[derive(Clone, Copy, Debug)]
enum Floats {
    Ordinary,
    /// Small noise far from zero.
    Offset,
    /// Any finite ones, the ends of their range among them.
    Wild,
    /// NaN and infinities among them.
    Special,
}

fn float(floats: Floats) -> BoxedStrategy<f64> {
    let ends = vec![0.0, -0.0, f64::MAX, f64::MIN, f64::MIN_POSITIVE, 5e-324, -5e-324, 1e-310];
    let special = vec![f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
    let ordinary = -1e3..1e3;
    match floats {
        Floats::Ordinary => prop_oneof![9 => ordinary, 1 => Just(0.0)].boxed(),
        Floats::Offset => (-1e-3..1e-3).prop_map(|noise| 1e9 + noise).boxed(),
        Floats::Wild => {
            let any = any::<u64>().prop_map(f64::from_bits);
            let finite = any.prop_map(|value| if value.is_finite() { value } else { 1.0 });
            prop_oneof![4 => finite, 1 => prop::sample::select(ends)].boxed()
        }
        Floats::Special => prop_oneof![9 => ordinary, 1 => prop::sample::select(special)].boxed(),
    }
}

/// One argument of all rows as a column; without NULLs it has no bitmap.
pub(super) fn column(data_type: DataType, index: usize, rows: &[Row]) -> Column {
    let cells = || rows.iter().filter_map(move |row| row.values.get(index));
    let values = match data_type {
        DataType::Boolean => Values::Booleans(bitmap(cells().map(|value| value.number > 0))),
        DataType::Int64 => Values::Int64s(cells().map(|value| value.number).collect()),
        DataType::Float64 => Values::Float64s(cells().map(|value| value.float).collect()),
        DataType::Timestamp => Values::Timestamps(cells().map(|value| value.number).collect()),
        DataType::Text => {
            let mut texts = BytesList::default();
            for value in cells() {
                texts.bytes.extend(value.text.as_bytes());
                texts.end_item();
            }
            Values::Texts(texts)
        }
    };
    let valid = cells().any(|value| !value.valid).then(|| bitmap(cells().map(|value| value.valid)));
    Column { rows: rows.len(), values, valid }
}
