//! Values as tables show them.

use streamgauge_common::{
    column::{Column, Value},
    row::write_json_value,
};

/// A value as JSON has it, texts without quotes.
pub(super) fn cell(column: &Column, row: usize) -> String {
    match column.value(row) {
        Value::Null => "NULL".to_owned(),
        Value::Text(text) => plain(&text),
        _ => {
            let mut out = Vec::new();
            write_json_value(&mut out, column, row);
            String::from_utf8_lossy(&out).trim_matches('"').to_owned()
        }
    }
}

/// Control characters could change the terminal that shows the text.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}
