//! Rows in columns: borrowed where they are read, owned where they are made.

/// A column of a batch.
#[derive(Clone, Copy, Debug)]
pub struct ColumnView<'a> {
    /// How many rows.
    pub rows: usize,
    /// One value a row; at rows that are NULL it is present and means nothing.
    pub values: ValuesView<'a>,
    /// A bitmap, least bit first, 1 = not NULL; none = no row is NULL. Bits past the last row mean nothing.
    pub valid: Option<&'a [u8]>,
}

/// The values of a [`ColumnView`].
#[derive(Clone, Copy, Debug)]
pub enum ValuesView<'a> {
    /// A bitmap, least bit first.
    Booleans(&'a [u8]),
    /// One number a row.
    Int64s(&'a [i64]),
    /// One number a row.
    Float64s(&'a [f64]),
    /// Microseconds since 1970-01-01T00:00:00Z.
    Timestamps(&'a [i64]),
    /// UTF-8: row `i` is `bytes[ends[i - 1]..ends[i]]`, with `ends[-1]` = 0.
    Texts {
        /// Where each text ends.
        ends: &'a [u32],
        /// All texts, one behind the other.
        bytes: &'a [u8],
    },
}

/// A column that was computed.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// How many rows.
    pub rows: usize,
    /// One value a row.
    pub values: Values,
    /// A bitmap, least bit first, 1 = not NULL; none = no row is NULL.
    pub valid: Option<Vec<u8>>,
}

/// The values of a [`Column`].
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// A bitmap, least bit first.
    Booleans(Vec<u8>),
    /// One number a row.
    Int64s(Vec<i64>),
    /// One number a row.
    Float64s(Vec<f64>),
    /// Microseconds since 1970-01-01T00:00:00Z.
    Timestamps(Vec<i64>),
    /// UTF-8.
    Texts(BytesList),
}

/// A list of byte strings in two flat lists: item `i` is `bytes[ends[i - 1]..ends[i]]`, with `ends[-1]` = 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BytesList {
    /// Where each item ends.
    pub ends: Vec<u32>,
    /// All items, one behind the other.
    pub bytes: Vec<u8>,
}

/// One value of a [`ColumnView`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    /// True or false.
    Boolean(bool),
    /// A whole number.
    Int64(i64),
    /// A number.
    Float64(f64),
    /// Microseconds since 1970-01-01T00:00:00Z.
    Timestamp(i64),
    /// Text.
    Text(&'a str),
}

impl<'a> ColumnView<'a> {
    /// The value of a row; none = it is NULL, or there is no such row. For single values: loops match on `values`.
    pub fn cell(&self, row: usize) -> Option<Cell<'a>> {
        if row >= self.rows || self.valid.is_some_and(|valid| !bit(valid, row)) {
            return None;
        }
        match self.values {
            ValuesView::Booleans(bits) => Some(Cell::Boolean(bit(bits, row))),
            ValuesView::Int64s(values) => values.get(row).copied().map(Cell::Int64),
            ValuesView::Float64s(values) => values.get(row).copied().map(Cell::Float64),
            ValuesView::Timestamps(values) => values.get(row).copied().map(Cell::Timestamp),
            ValuesView::Texts { ends, bytes } => item(ends, bytes, row).map(text).map(Cell::Text),
        }
    }
}

impl Column {
    /// The column, borrowed.
    pub fn view(&self) -> ColumnView<'_> {
        let values = match &self.values {
            Values::Booleans(bits) => ValuesView::Booleans(bits),
            Values::Int64s(values) => ValuesView::Int64s(values),
            Values::Float64s(values) => ValuesView::Float64s(values),
            Values::Timestamps(values) => ValuesView::Timestamps(values),
            Values::Texts(texts) => ValuesView::Texts { ends: &texts.ends, bytes: &texts.bytes },
        };
        ColumnView { rows: self.rows, values, valid: self.valid.as_deref() }
    }
}

impl BytesList {
    /// Ends the item whose bytes were appended to `bytes`.
    pub fn end_item(&mut self) {
        debug_assert!(u32::try_from(self.bytes.len()).is_ok(), "the host asks for less than 4 GiB at a time");
        self.ends.push(self.bytes.len() as u32);
    }

    /// Appends an item.
    pub fn push(&mut self, item: &[u8]) {
        self.bytes.extend_from_slice(item);
        self.end_item();
    }

    /// An item; a place outside of `bytes` is an empty one.
    pub fn get(&self, item: usize) -> Option<&[u8]> {
        self::item(&self.ends, &self.bytes, item)
    }

    /// The items in order; a place outside of `bytes` is an empty item.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        items(&self.ends, &self.bytes)
    }
}

/// The items of a list of byte strings in order; a place outside of `bytes` is an empty item.
pub(crate) fn items<'a>(ends: &'a [u32], bytes: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    ends.iter().scan(0, move |start, &end| {
        let item = bytes.get(*start as usize..end as usize).unwrap_or_default();
        *start = end;
        Some(item)
    })
}

fn item<'a>(ends: &[u32], bytes: &'a [u8], item: usize) -> Option<&'a [u8]> {
    let end = *ends.get(item)?;
    let start = item.checked_sub(1).and_then(|before| ends.get(before)).copied().unwrap_or(0);
    Some(bytes.get(start as usize..end as usize).unwrap_or_default())
}

/// Bytes as the text that the contract says they are.
pub(crate) fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap_or("\u{fffd}")
}

/// The bit of a row; true past the end, so that a missing bitmap and a short one mean the same.
#[inline]
pub fn bit(bitmap: &[u8], row: usize) -> bool {
    bitmap.get(row / 8).is_none_or(|byte| byte >> (row % 8) & 1 == 1)
}

/// A bitmap of some bits.
pub fn bitmap(bits: impl Iterator<Item = bool>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (row, bit) in bits.enumerate() {
        if row % 8 == 0 {
            bytes.push(0);
        }
        if let Some(last) = bytes.last_mut() {
            *last |= u8::from(bit) << (row % 8);
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_values_are_those_of_the_lists() {
        let texts = BytesList { ends: vec![2, 2, 3], bytes: "éx".into() };
        let column = Column { rows: 3, values: Values::Texts(texts), valid: Some(vec![0b101]) };
        let cells: Vec<_> = (0..4).map(|row| column.view().cell(row)).collect();
        assert_eq!(cells, [Some(Cell::Text("é")), None, Some(Cell::Text("x")), None]);
        let column = Column { rows: 2, values: Values::Booleans(vec![0b10]), valid: None };
        let cells: Vec<_> = (0..3).map(|row| column.view().cell(row)).collect();
        assert_eq!(cells, [Some(Cell::Boolean(false)), Some(Cell::Boolean(true)), None]);
    }
}
