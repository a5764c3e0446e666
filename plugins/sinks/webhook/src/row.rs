//! A row as one JSON object: the same bytes as the host's own outputs.

use streamgauge_functions::{
    format_boolean, format_i64, format_json_f64, format_json_text, format_json_timestamp,
};
use streamgauge_sdk::{Cell, sink::Schema};

/// Writes rows of one schema.
#[derive(Clone, Debug)]
pub(crate) struct RowJson {
    /// `{"name":`, then `,"name":`.
    fronts: Vec<Vec<u8>>,
}

impl RowJson {
    pub(crate) fn new(schema: &Schema) -> Self {
        let fronts = schema.columns.iter().enumerate().map(|(number, column)| {
            let mut front = vec![if number == 0 { b'{' } else { b',' }];
            format_json_text(column.name.as_bytes(), &mut front);
            front.push(b':');
            front
        });
        Self { fronts: fronts.collect() }
    }

    /// Appends a row: the fields in order, no spaces, NULL and what JSON has no number for as null.
    pub(crate) fn write<'a>(&self, out: &mut Vec<u8>, values: impl Iterator<Item = Option<Cell<'a>>>) {
        for (front, value) in self.fronts.iter().zip(values) {
            out.extend_from_slice(front);
            format_json_cell(value, out);
        }
        out.extend_from_slice(if self.fronts.is_empty() { b"{}".as_slice() } else { b"}" });
    }
}

/// Appends a value: NULL and what JSON has no number for as null.
pub(crate) fn format_json_cell(value: Option<Cell<'_>>, out: &mut Vec<u8>) {
    match value {
        None => out.extend_from_slice(b"null"),
        Some(Cell::Boolean(value)) => format_boolean(value, out),
        Some(Cell::Int64(value)) => format_i64(value, out),
        Some(Cell::Float64(value)) => format_json_f64(value, out),
        Some(Cell::Timestamp(value)) => format_json_timestamp(value, out),
        Some(Cell::Text(value)) => format_json_text(value.as_bytes(), out),
    }
}
