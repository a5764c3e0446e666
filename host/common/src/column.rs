//! Rows in columns: what moves between the steps, and crosses into WebAssembly as it is.
//!
//! The layout is that of `wit/columns.wit`: flat lists, bitmaps with the least bit first.

pub use streamgauge_sql::types::{DataType, Value};

/// The values of a column; at rows that are NULL a value is present and means nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// One bit a row.
    Boolean(Bitmap),
    /// One number a row.
    Int64(Vec<i64>),
    /// One number a row.
    Float64(Vec<f64>),
    /// Microseconds since the epoch.
    Timestamp(Vec<i64>),
    /// UTF-8.
    Text(Texts),
}

/// One column of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// One value a row.
    pub values: Values,
    /// One bit a row, 1 = not NULL; none = no row is NULL.
    pub valid: Option<Bitmap>,
}

/// Texts, or any byte strings, in two flat lists: text `i` is `bytes[ends[i - 1]..ends[i]]`, with `ends[-1]` = 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts {
    /// Where each text ends.
    pub ends: Vec<u32>,
    /// All texts, one behind the other: UTF-8 where they are texts.
    pub bytes: Vec<u8>,
}

/// One bit a row, least bit first; bits past the last row are 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bitmap {
    bytes: Vec<u8>,
    rows: usize,
}

impl Bitmap {
    /// `rows` bits, all alike.
    pub fn filled(rows: usize, bit: bool) -> Self {
        let mut bytes = vec![if bit { 0xff } else { 0 }; rows.div_ceil(8)];
        if bit && let (Some(last), tail @ 1..) = (bytes.last_mut(), rows % 8) {
            *last = (1 << tail) - 1;
        }
        Self { bytes, rows }
    }

    /// A bitmap of `rows` bits from its bytes; none if there are too few. Bits past the last row are cleared.
    pub fn from_bytes(mut bytes: Vec<u8>, rows: usize) -> Option<Self> {
        if bytes.len() < rows.div_ceil(8) {
            return None;
        }
        bytes.truncate(rows.div_ceil(8));
        if let (Some(last), tail @ 1..) = (bytes.last_mut(), rows % 8) {
            *last &= (1 << tail) - 1;
        }
        Some(Self { bytes, rows })
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The bit of a row; false past the end.
    #[inline]
    pub fn get(&self, row: usize) -> bool {
        self.bytes.get(row / 8).is_some_and(|byte| byte >> (row % 8) & 1 == 1)
    }

    /// Sets the bit of a row; past the end nothing happens.
    #[inline]
    pub fn set(&mut self, row: usize, bit: bool) {
        debug_assert!(row < self.rows, "row {row} of {}", self.rows);
        if let Some(byte) = self.bytes.get_mut(row / 8) {
            let mask = 1 << (row % 8);
            *byte = if bit { *byte | mask } else { *byte & !mask };
        }
    }

    /// Appends a bit.
    #[inline]
    pub fn push(&mut self, bit: bool) {
        if self.rows.is_multiple_of(8) {
            self.bytes.push(0);
        }
        self.rows += 1;
        if bit {
            self.set(self.rows - 1, true);
        }
    }

    /// How many bits are 1.
    pub fn count_ones(&self) -> usize {
        self.bytes.iter().map(|byte| byte.count_ones() as usize).sum()
    }

    /// The bytes, least bit first.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bits in order.
    pub fn iter(&self) -> impl Iterator<Item = bool> + '_ {
        (0..self.rows).map(|row| self.get(row))
    }
}

impl FromIterator<bool> for Bitmap {
    fn from_iter<I: IntoIterator<Item = bool>>(bits: I) -> Self {
        let mut bitmap = Self::default();
        bits.into_iter().for_each(|bit| bitmap.push(bit));
        bitmap
    }
}

impl Texts {
    /// How many texts.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The bytes of a text; empty past the end.
    #[inline]
    pub fn get(&self, row: usize) -> &[u8] {
        let start = row.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        let end = self.ends.get(row).copied().unwrap_or(start);
        self.bytes.get(start as usize..end as usize).unwrap_or_default()
    }

    /// Appends a text.
    #[inline]
    pub fn push(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        debug_assert!(u32::try_from(self.bytes.len()).is_ok(), "a batch is bounded far below 4 GiB");
        self.ends.push(self.bytes.len() as u32);
    }
}

impl Column {
    /// An empty column.
    pub fn empty(data_type: DataType) -> Self {
        let values = match data_type {
            DataType::Boolean => Values::Boolean(Bitmap::default()),
            DataType::Int64 => Values::Int64(Vec::new()),
            DataType::Float64 => Values::Float64(Vec::new()),
            DataType::Timestamp => Values::Timestamp(Vec::new()),
            DataType::Text => Values::Text(Texts::default()),
        };
        Self { values, valid: None }
    }

    /// The type of the values.
    pub fn data_type(&self) -> DataType {
        match &self.values {
            Values::Boolean(_) => DataType::Boolean,
            Values::Int64(_) => DataType::Int64,
            Values::Float64(_) => DataType::Float64,
            Values::Timestamp(_) => DataType::Timestamp,
            Values::Text(_) => DataType::Text,
        }
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        match &self.values {
            Values::Boolean(values) => values.len(),
            Values::Int64(values) | Values::Timestamp(values) => values.len(),
            Values::Float64(values) => values.len(),
            Values::Text(values) => values.len(),
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a row has a value.
    #[inline]
    pub fn is_valid(&self, row: usize) -> bool {
        self.valid.as_ref().is_none_or(|valid| valid.get(row))
    }

    /// The value of a row; NULL past the end. For single values: loops match on [`Column::values`].
    pub fn value(&self, row: usize) -> Value {
        if !self.is_valid(row) || row >= self.len() {
            return Value::Null;
        }
        match &self.values {
            Values::Boolean(values) => Value::Boolean(values.get(row)),
            Values::Int64(values) => values.get(row).map_or(Value::Null, |&value| Value::Int64(value)),
            Values::Float64(values) => values.get(row).map_or(Value::Null, |&value| Value::Float64(value)),
            Values::Timestamp(values) => {
                values.get(row).map_or(Value::Null, |&value| Value::Timestamp(value))
            }
            Values::Text(values) => Value::Text(String::from_utf8_lossy(values.get(row)).into_owned()),
        }
    }

    /// Appends a value.
    ///
    /// # Panics
    /// Where the value is of another type: columns are typed by the plan.
    pub fn push(&mut self, value: &Value) {
        let row = self.len();
        match (&mut self.values, value) {
            (Values::Boolean(values), Value::Boolean(value)) => values.push(*value),
            (Values::Int64(values), Value::Int64(value)) => values.push(*value),
            (Values::Float64(values), Value::Float64(value)) => values.push(*value),
            (Values::Timestamp(values), Value::Timestamp(value)) => values.push(*value),
            (Values::Text(values), Value::Text(value)) => values.push(value.as_bytes()),
            (_, Value::Null) => return self.push_null(),
            (_, value) => unreachable!("a {} column was given {value:?}", self.data_type()),
        }
        if let Some(valid) = &mut self.valid {
            debug_assert_eq!(valid.len(), row, "one bit a row");
            valid.push(true);
        }
    }

    /// Appends a NULL.
    pub fn push_null(&mut self) {
        let rows = self.len();
        self.valid.get_or_insert_with(|| Bitmap::filled(rows, true)).push(false);
        match &mut self.values {
            Values::Boolean(values) => values.push(false),
            Values::Int64(values) | Values::Timestamp(values) => values.push(0),
            Values::Float64(values) => values.push(0.0),
            Values::Text(values) => values.push(b""),
        }
    }

    /// Appends the rows of a column of the same type.
    ///
    /// # Panics
    /// Where it is of another type: columns are typed by the plan.
    pub fn append(&mut self, other: &Self) {
        let rows = self.len();
        match (&mut self.values, &other.values) {
            (Values::Boolean(values), Values::Boolean(more)) => more.iter().for_each(|bit| values.push(bit)),
            (Values::Int64(values), Values::Int64(more))
            | (Values::Timestamp(values), Values::Timestamp(more)) => values.extend_from_slice(more),
            (Values::Float64(values), Values::Float64(more)) => values.extend_from_slice(more),
            (Values::Text(values), Values::Text(more)) => {
                (0..more.len()).for_each(|row| values.push(more.get(row)));
            }
            _ => unreachable!("a {} column was given one of {}", self.data_type(), other.data_type()),
        }
        if self.valid.is_some() || other.valid.is_some() {
            let valid = self.valid.get_or_insert_with(|| Bitmap::filled(rows, true));
            (0..other.len()).for_each(|row| valid.push(other.is_valid(row)));
        }
    }

    /// The named rows, in the order they are named.
    pub fn take(&self, rows: &[u32]) -> Self {
        fn pick<T: Copy + Default>(values: &[T], rows: &[u32]) -> Vec<T> {
            rows.iter().map(|&row| values.get(row as usize).copied().unwrap_or_default()).collect()
        }
        let values = match &self.values {
            Values::Boolean(values) => {
                Values::Boolean(rows.iter().map(|&row| values.get(row as usize)).collect())
            }
            Values::Int64(values) => Values::Int64(pick(values, rows)),
            Values::Float64(values) => Values::Float64(pick(values, rows)),
            Values::Timestamp(values) => Values::Timestamp(pick(values, rows)),
            Values::Text(values) => {
                let mut taken = Texts { ends: Vec::with_capacity(rows.len()), bytes: Vec::new() };
                rows.iter().for_each(|&row| taken.push(values.get(row as usize)));
                Values::Text(taken)
            }
        };
        let valid =
            self.valid.as_ref().map(|valid| rows.iter().map(|&row| valid.get(row as usize)).collect());
        Self { values, valid }
    }

    /// The rows with these numbers, in this order. A number that no row has gives NULL.
    pub fn take_or_null(&self, rows: &[u32]) -> Self {
        let mut taken = self.take(rows);
        let rows_max = self.len();
        if rows.iter().any(|&row| row as usize >= rows_max) {
            let is_valid = |&row: &u32| (row as usize) < rows_max && self.is_valid(row as usize);
            taken.valid = Some(rows.iter().map(is_valid).collect());
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_appended_column_has_the_rows_of_both() {
        let values = [Value::Null, Value::Text("ä".into()), Value::Text(String::new()), Value::Null];
        for at in 0..=values.len() {
            let column = |values: &[Value]| {
                let mut column = Column::empty(DataType::Text);
                values.iter().for_each(|value| column.push(value));
                column
            };
            let (before, behind) = values.split_at(at);
            let mut both = column(before);
            both.append(&column(behind));
            let found: Vec<Value> = (0..both.len()).map(|row| both.value(row)).collect();
            assert_eq!(found, values, "divided at {at}");
        }
    }

    #[test]
    fn a_bitmap_has_one_bit_a_row_and_clears_the_rest() {
        let bitmap = Bitmap::filled(11, true);
        assert_eq!(bitmap.as_bytes(), [0xff, 0b111]);
        assert_eq!(bitmap.count_ones(), 11);
        assert!(!bitmap.get(11));
        assert_eq!(Bitmap::from_bytes(vec![0xff, 0xff, 0xff], 9).unwrap().as_bytes(), [0xff, 1]);
        assert!(Bitmap::from_bytes(vec![0xff], 9).is_none());
        assert_eq!([true, false, true].into_iter().collect::<Bitmap>().as_bytes(), [0b101]);
    }

    #[test]
    fn a_column_keeps_its_nulls_when_rows_are_taken() {
        let mut column = Column::empty(DataType::Text);
        for value in [Value::Text("é".into()), Value::Null, Value::Text("x".into())] {
            column.push(&value);
        }
        let taken = column.take(&[2, 1, 0, 2]);
        let values: Vec<Value> = (0..4).map(|row| taken.value(row)).collect();
        let text = |text: &str| Value::Text(text.into());
        assert_eq!(values, [text("x"), Value::Null, text("é"), text("x")]);
        assert_eq!(column.value(3), Value::Null);
    }
}
