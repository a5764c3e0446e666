//! Columns as they came, as a kernel sees them.

use crate::bindings::exports::streamgauge::plugin::columns::{BytesList, Column, Values};

/// Where a kernel finds a column. `sql/src/encode/column.rs` knows this layout.
#[repr(C)]
pub(crate) struct View {
    /// Numbers and times: 8 bytes a row. Booleans: a bitmap. Texts: 4 bytes a row, where each ends.
    values: *const u8,
    /// The bytes of texts, else null.
    bytes: *const u8,
    /// A bitmap; null = no row is NULL.
    valid: *const u8,
}

/// The views of columns that outlive them.
///
/// # Panics
/// Where a column is shorter than it says: a kernel checks nothing. The host sends no such column.
pub(crate) fn views(rows: u32, columns: &[Column]) -> Vec<View> {
    columns.iter().map(|column| view(rows as usize, column)).collect()
}

fn view(rows: usize, column: &Column) -> View {
    let bitmap = rows.div_ceil(8);
    let (values, bytes, long_enough) = match &column.values {
        Values::Booleans(values) => (values.as_ptr(), std::ptr::null(), values.len() >= bitmap),
        Values::Int64s(values) | Values::Timestamps(values) => {
            (values.as_ptr().cast(), std::ptr::null(), values.len() >= rows)
        }
        Values::Float64s(values) => (values.as_ptr().cast(), std::ptr::null(), values.len() >= rows),
        Values::Texts(texts) => (texts.ends.as_ptr().cast(), texts.bytes.as_ptr(), are_texts(texts, rows)),
    };
    assert!(long_enough, "a column of {rows} rows is too short");
    let valid = column.valid.as_ref().map_or(std::ptr::null(), |valid| {
        assert!(valid.len() >= bitmap, "a bitmap of {rows} rows is too short");
        valid.as_ptr()
    });
    View { values, bytes, valid }
}

/// Whether there is a text for each row, and all lie within the bytes.
fn are_texts(texts: &BytesList, rows: usize) -> bool {
    let Some(ends) = texts.ends.get(..rows) else { return false };
    ends.is_sorted() && ends.last().is_none_or(|&end| end as usize <= texts.bytes.len())
}
