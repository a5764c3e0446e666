//! Random columns, as `wit/columns.wit` has them, and what comes back.

use streamgauge_sql::expr::Failure;
use streamgauge_sql::types::{DataType, Value};

use crate::random::Random;

pub const TYPES: [DataType; 5] =
    [DataType::Boolean, DataType::Int64, DataType::Float64, DataType::Timestamp, DataType::Text];

pub const INTEGERS: [i64; 20] = [
    0,
    1,
    -1,
    2,
    -2,
    10,
    20,
    i64::MAX,
    i64::MIN,
    i64::MAX - 1,
    i64::MIN + 1,
    1 << 31,
    -(1 << 31),
    (1 << 31) - 1,
    1 << 32,
    3_037_000_500,
    1 << 62,
    -(1 << 62),
    1 << 53,
    1_000_000_007,
];
pub const FLOATS: [f64; 24] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    1.5,
    2.5,
    -2.5,
    2.675,
    0.1,
    f64::MAX,
    f64::MIN,
    f64::MIN_POSITIVE,
    5e-324,
    1e300,
    -1e-300,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
    9_223_372_036_854_775_808.0,
    -9_223_372_036_854_775_808.0,
    9_223_372_036_854_774_784.0,
    4_503_599_627_370_497.5,
    1e16,
];
pub const TIMES: [i64; 6] = [0, -1, i64::MAX, i64::MIN, 253_402_300_799_999_999, -62_135_596_800_000_000];
pub const TEXTS: [&str; 40] = [
    "",
    "a",
    "A",
    "ab",
    "abc",
    "gpt-4o",
    "GPT-4o-mini",
    "%",
    "_",
    "a%",
    "%b%",
    "a_c",
    "a\\_c",
    "\\",
    "100\\%",
    "é",
    "é😀",
    "STRASSE",
    "Straße",
    "ΑΣ",
    "日本語",
    "_本%",
    " 42 ",
    "-7",
    "+9223372036854775807",
    "9223372036854775808",
    "1.5",
    "-0.0",
    "1e400",
    "nan",
    "-Infinity",
    ".",
    "true",
    " no",
    "1",
    "2026-01-01T00:05:00.123456Z",
    " 1969-12-31 23:59:59+05:30 ",
    "2026-02-29T00:00:00Z",
    "e\u{301}",
    "a text that is longer than most, so that it takes more than one word or one vector of a comparison to be read",
];

#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    Booleans(Vec<u8>),
    Int64s(Vec<i64>),
    Float64s(Vec<f64>),
    Timestamps(Vec<i64>),
    Texts { ends: Vec<u32>, bytes: Vec<u8> },
}

#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    pub rows: usize,
    pub values: Values,
    pub valid: Option<Vec<u8>>,
}

#[derive(Debug)]
pub struct Batch {
    pub rows: usize,
    pub columns: Vec<Column>,
}

/// What an export gives.
#[derive(Debug, PartialEq)]
pub struct Selected {
    pub keep: Option<Vec<u8>>,
    pub columns: Vec<Column>,
    pub failed: Vec<(u32, Failure, u32)>,
}

pub fn bit(bitmap: &[u8], row: usize) -> bool {
    bitmap[row / 8] >> (row % 8) & 1 == 1
}

fn bitmap(rows: usize, mut bit: impl FnMut(usize) -> bool) -> Vec<u8> {
    let mut bytes = vec![0; rows.div_ceil(8)];
    (0..rows).filter(|&row| bit(row)).for_each(|row| bytes[row / 8] |= 1 << (row % 8));
    bytes
}

fn texts<'a>(texts: impl Iterator<Item = &'a str>) -> Values {
    let (mut ends, mut bytes) = (Vec::new(), Vec::new());
    for text in texts {
        bytes.extend_from_slice(text.as_bytes());
        ends.push(bytes.len() as u32);
    }
    Values::Texts { ends, bytes }
}

/// Equal bit for bit, NaN and -0 included.
pub fn identical(a: &[Value], b: &[Value]) -> bool {
    a.len() == b.len()
        && a.iter().zip(b).all(|pair| match pair {
            (Value::Float64(a), Value::Float64(b)) => a.to_bits() == b.to_bits(),
            (a, b) => a == b,
        })
}

impl Column {
    pub fn data_type(&self) -> DataType {
        match self.values {
            Values::Booleans(_) => DataType::Boolean,
            Values::Int64s(_) => DataType::Int64,
            Values::Float64s(_) => DataType::Float64,
            Values::Timestamps(_) => DataType::Timestamp,
            Values::Texts { .. } => DataType::Text,
        }
    }

    /// How many values there are; a bitmap counts as so many rows as it must have.
    pub fn rows(&self) -> usize {
        match &self.values {
            Values::Booleans(bits) => {
                assert_eq!(bits.len(), self.rows.div_ceil(8));
                self.rows
            }
            Values::Int64s(values) | Values::Timestamps(values) => values.len(),
            Values::Float64s(values) => values.len(),
            Values::Texts { ends, .. } => ends.len(),
        }
    }

    pub fn value(&self, row: usize) -> Value {
        if self.valid.as_ref().is_some_and(|valid| !bit(valid, row)) {
            return Value::Null;
        }
        match &self.values {
            Values::Booleans(bits) => Value::Boolean(bit(bits, row)),
            Values::Int64s(values) => Value::Int64(values[row]),
            Values::Float64s(values) => Value::Float64(values[row]),
            Values::Timestamps(values) => Value::Timestamp(values[row]),
            Values::Texts { ends, bytes } => {
                let start = row.checked_sub(1).map_or(0, |before| ends[before] as usize);
                Value::Text(std::str::from_utf8(&bytes[start..ends[row] as usize]).unwrap().into())
            }
        }
    }

    /// These values.
    pub fn of<'a>(data_type: DataType, values: impl Iterator<Item = &'a Value>) -> Self {
        let values: Vec<&Value> = values.collect();
        let int64 = |value: &&Value| match value {
            Value::Int64(value) | Value::Timestamp(value) => *value,
            Value::Null => 0,
            value => unreachable!("{value:?} is no BIGINT"),
        };
        let float64 = |value: &&Value| match value {
            Value::Float64(value) => *value,
            Value::Null => 0.0,
            value => unreachable!("{value:?} is no DOUBLE"),
        };
        let text = |value: &&'a Value| match value {
            Value::Text(text) => text.as_str(),
            Value::Null => "",
            value => unreachable!("{value:?} is no TEXT"),
        };
        let rows = values.len();
        let is_null = values.iter().any(|value| **value == Value::Null);
        let valid = is_null.then(|| bitmap(rows, |row| *values[row] != Value::Null));
        let values = match data_type {
            DataType::Boolean => Values::Booleans(bitmap(rows, |row| *values[row] == Value::Boolean(true))),
            DataType::Int64 => Values::Int64s(values.iter().map(int64).collect()),
            DataType::Float64 => Values::Float64s(values.iter().map(float64).collect()),
            DataType::Timestamp => Values::Timestamps(values.iter().map(int64).collect()),
            DataType::Text => texts(values.iter().map(text)),
        };
        Self { rows, values, valid }
    }

    pub fn random(random: &mut Random, data_type: DataType, rows: usize) -> Self {
        let values = match data_type {
            DataType::Boolean => {
                Values::Booleans((0..rows.div_ceil(8)).map(|_| random.next() as u8).collect())
            }
            DataType::Int64 => Values::Int64s((0..rows).map(|_| int64(random)).collect()),
            DataType::Float64 => Values::Float64s((0..rows).map(|_| float64(random)).collect()),
            DataType::Timestamp => Values::Timestamps((0..rows).map(|_| timestamp(random)).collect()),
            DataType::Text => texts((0..rows).map(|_| text(random))),
        };
        // Values at NULL rows are as random as others, and so are the bits past the last row.
        let valid = (!random.one_in(3)).then(|| {
            let mut valid = bitmap(rows, |_| !random.one_in(5));
            if let (Some(last), true) = (valid.last_mut(), !rows.is_multiple_of(8)) {
                *last |= (random.next() as u8) << (rows % 8);
            }
            valid
        });
        Self { rows, values, valid }
    }
}

impl Batch {
    pub fn random(random: &mut Random, arguments: &[DataType]) -> Self {
        let rows = random.pick(&[0, 1, 7, 8, 9, 40, 64, 300]);
        let columns = arguments.iter().map(|&data_type| Column::random(random, data_type, rows)).collect();
        Self { rows, columns }
    }

    pub fn row(&self, row: usize) -> Vec<Value> {
        self.columns.iter().map(|column| column.value(row)).collect()
    }
}

pub fn value(random: &mut Random, data_type: DataType) -> Value {
    match data_type {
        DataType::Boolean => Value::Boolean(random.one_in(2)),
        DataType::Int64 => Value::Int64(int64(random)),
        DataType::Float64 => Value::Float64(float64(random)),
        DataType::Timestamp => Value::Timestamp(timestamp(random)),
        DataType::Text => Value::Text(text(random).into()),
    }
}

fn int64(random: &mut Random) -> i64 {
    match random.below(4) {
        0 => random.pick(&INTEGERS),
        1 => random.next() as i64 >> random.below(64),
        _ => random.below(41) as i64 - 20,
    }
}

fn float64(random: &mut Random) -> f64 {
    match random.below(4) {
        0 => random.pick(&FLOATS),
        // Any bits: NaN with all its payloads among them.
        1 => f64::from_bits(random.next()),
        _ => (random.below(4001) as f64 - 2000.0) / random.pick(&[1.0, 2.0, 8.0, 100.0]),
    }
}

fn timestamp(random: &mut Random) -> i64 {
    match random.below(4) {
        0 => random.pick(&TIMES),
        1 => random.next() as i64,
        _ => 1_767_225_600_000_000 + random.below(1_000_000_000) as i64,
    }
}

fn text(random: &mut Random) -> &'static str {
    random.pick(&TEXTS)
}
