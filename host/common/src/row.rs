//! Rows as they leave: columns with names, and each row as one JSON object.

use streamgauge_functions::{format_json_f64, format_json_text, format_json_timestamp};

use crate::{
    column::{Column, Values},
    offset::Offset,
    partition::Partition,
};

/// Rows that a query decided, in their order.
#[derive(Clone, Debug)]
pub struct Rows {
    /// One column a SELECT field.
    pub columns: Vec<Column>,
    /// How many rows.
    pub len: usize,
    /// What they are of.
    pub identity: Identity,
}

/// What rows are of: with the name of their query it names each of them for ever.
#[derive(Clone, Debug)]
pub enum Identity {
    /// Groups of a window.
    Window {
        /// The window's start, in microseconds since the epoch.
        start_us: i64,
        /// Its end.
        end_us: i64,
        /// Whether it was closed before some partition had reached its end.
        forced: bool,
        /// The groups' keys, one row a row.
        keys: Vec<Column>,
        /// With ALLOW LATENESS: which revision of its group and window each row is, from 0.
        revisions: Option<Vec<u64>>,
    },
    /// Records of a partition.
    Records {
        /// The partition.
        partition: Partition,
        /// Their offsets, one a row, ascending. Rows of one record share its offset.
        offsets: Vec<Offset>,
        /// Which of its record's rows each row is, from 0; none = each is the first.
        indexes: Option<Vec<u32>>,
    },
}

impl Identity {
    /// The window and the group of a row, as JSON: `{"window_start":...,"window_end":...,"key_1":...}`; none where it is of a record.
    pub fn group(&self, row: usize) -> Option<String> {
        let Self::Window { start_us, end_us, keys, .. } = self else { return None };
        let mut group = Vec::new();
        for (name, bound) in [("{\"window_start\":", *start_us), (",\"window_end\":", *end_us)] {
            group.extend_from_slice(name.as_bytes());
            format_json_timestamp(bound, &mut group);
        }
        for (index, key) in keys.iter().enumerate() {
            group.extend_from_slice(format!(",\"key_{}\":", index + 1).as_bytes());
            write_json_value(&mut group, key, row);
        }
        group.push(b'}');
        Some(String::from_utf8_lossy(&group).into_owned())
    }

    /// The partition and the offset of a row's record; none where it is of a window.
    pub fn place(&self, row: usize) -> Option<(Partition, Offset)> {
        match self {
            Self::Window { .. } => None,
            Self::Records { partition, offsets, .. } => Some((*partition, *offsets.get(row)?)),
        }
    }

    /// Of the named rows, in the order they are named.
    #[must_use]
    pub fn take(&self, rows: &[u32]) -> Self {
        match self {
            Self::Window { start_us, end_us, forced, keys, revisions } => {
                let keys = keys.iter().map(|key| key.take(rows)).collect();
                let revision = |&row: &u32, revisions: &[u64]| revisions.get(row as usize).copied();
                let revisions = revisions.as_ref().map(|revisions| {
                    rows.iter().map(|row| revision(row, revisions).unwrap_or_default()).collect()
                });
                Self::Window { start_us: *start_us, end_us: *end_us, forced: *forced, keys, revisions }
            }
            Self::Records { partition, offsets, indexes } => {
                let offset = |&row: &u32| offsets.get(row as usize).copied().unwrap_or_default();
                let index = |indexes: &Vec<u32>| {
                    let index = |&row: &u32| indexes.get(row as usize).copied().unwrap_or_default();
                    rows.iter().map(index).collect()
                };
                let offsets = rows.iter().map(offset).collect();
                Self::Records { partition: *partition, offsets, indexes: indexes.as_ref().map(index) }
            }
        }
    }
}

impl Rows {
    /// Appends other rows of the same window.
    ///
    /// # Panics
    /// Where they are of records: these are never gathered.
    pub fn append(&mut self, other: &Self) {
        self.columns.iter_mut().zip(&other.columns).for_each(|(column, more)| column.append(more));
        self.len += other.len;
        match (&mut self.identity, &other.identity) {
            (
                Identity::Window { keys, revisions, .. },
                Identity::Window { keys: more, revisions: of_more, .. },
            ) => {
                keys.iter_mut().zip(more).for_each(|(key, more)| key.append(more));
                revisions.iter_mut().zip(of_more).for_each(|(revisions, more)| revisions.extend(more));
            }
            _ => unreachable!("rows of windows"),
        }
    }

    /// The named rows, in the order they are named.
    #[must_use]
    pub fn take(&self, rows: &[u32]) -> Self {
        let columns = self.columns.iter().map(|column| column.take(rows)).collect();
        Self { columns, len: rows.len(), identity: self.identity.take(rows) }
    }
}

/// Appends row `row` as one JSON object: the fields in order, no spaces, text not escaped beyond need.
///
/// BIGINT is written as digits, DOUBLE as its shortest round trip with `.` or `e`, NULL and what JSON has no number for as
/// null, TIMESTAMP as RFC 3339 in UTC cut to milliseconds.
pub fn write_json<'a>(out: &mut Vec<u8>, fields: impl Iterator<Item = (&'a str, &'a Column)>, row: usize) {
    out.push(b'{');
    for (index, (name, column)) in fields.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_json_text(out, name.as_bytes());
        out.push(b':');
        write_json_value(out, column, row);
    }
    out.push(b'}');
}

/// Appends the value of a row as JSON.
pub fn write_json_value(out: &mut Vec<u8>, column: &Column, row: usize) {
    if !column.is_valid(row) || row >= column.len() {
        return out.extend_from_slice(b"null");
    }
    match &column.values {
        Values::Boolean(values) => out.extend_from_slice(if values.get(row) { b"true" } else { b"false" }),
        Values::Int64(values) => {
            let value = values.get(row).copied().unwrap_or_default();
            out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
        }
        Values::Float64(values) => format_json_f64(values.get(row).copied().unwrap_or_default(), out),
        Values::Timestamp(values) => {
            format_json_timestamp(values.get(row).copied().unwrap_or_default(), out);
        }
        Values::Text(values) => format_json_text(values.get(row), out),
    }
}

/// Appends UTF-8 text as a JSON string: quotes, backslashes and control characters are escaped, nothing else.
pub fn write_json_text(out: &mut Vec<u8>, text: &[u8]) {
    format_json_text(text, out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::column::{DataType, Value};

    fn json(data_type: DataType, value: Value) -> String {
        let mut column = Column::empty(data_type);
        column.push(&value);
        let mut out = Vec::new();
        write_json(&mut out, [("a", &column)].into_iter(), 0);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn values_are_written_as_the_contract_says() {
        assert_eq!(json(DataType::Int64, Value::Int64(-7)), r#"{"a":-7}"#);
        assert_eq!(json(DataType::Float64, Value::Float64(2000.0)), r#"{"a":2000.0}"#);
        assert_eq!(json(DataType::Float64, Value::Float64(0.1 + 0.2)), r#"{"a":0.30000000000000004}"#);
        assert_eq!(json(DataType::Float64, Value::Float64(f64::NAN)), r#"{"a":null}"#);
        assert_eq!(json(DataType::Boolean, Value::Null), r#"{"a":null}"#);
        let five_past = Value::Timestamp(1_767_225_900_123_999);
        assert_eq!(json(DataType::Timestamp, five_past), r#"{"a":"2026-01-01T00:05:00.123Z"}"#);
        let text = Value::Text("é \"\\\n\u{1}/".into());
        assert_eq!(json(DataType::Text, text), "{\"a\":\"é \\\"\\\\\\n\\u0001/\"}");
    }

    #[test]
    fn text_survives_a_round_trip_through_another_reader() {
        let text: String = (0..0x250).filter_map(char::from_u32).collect();
        let mut out = Vec::new();
        write_json_text(&mut out, text.as_bytes());
        assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
    }
}
