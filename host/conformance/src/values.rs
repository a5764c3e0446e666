//! Values and rows of the laws as those of the host, and back.

use streamgauge_common::column::{Bitmap, Column, DataType, Texts, Value, Values};
use streamgauge_laws::{self as laws, Cell, Row};

/// A type as the laws have it.
pub(crate) fn law_type(data_type: DataType) -> laws::DataType {
    match data_type {
        DataType::Boolean => laws::DataType::Boolean,
        DataType::Int64 => laws::DataType::Int64,
        DataType::Float64 => laws::DataType::Float64,
        DataType::Timestamp => laws::DataType::Timestamp,
        DataType::Text => laws::DataType::Text,
    }
}

/// A type as the host has it.
pub(crate) fn host_type(data_type: laws::DataType) -> DataType {
    match data_type {
        laws::DataType::Boolean => DataType::Boolean,
        laws::DataType::Int64 => DataType::Int64,
        laws::DataType::Float64 => DataType::Float64,
        laws::DataType::Timestamp => DataType::Timestamp,
        laws::DataType::Text => DataType::Text,
    }
}

/// A value as the laws have it.
pub(crate) fn cell(value: Value) -> Cell {
    match value {
        Value::Null => Cell::Null,
        Value::Boolean(value) => Cell::Boolean(value),
        Value::Int64(value) => Cell::Int64(value),
        Value::Float64(value) => Cell::Float64(value),
        Value::Timestamp(value) => Cell::Timestamp(value),
        Value::Text(value) => Cell::Text(value),
    }
}

/// A value as the host has it.
pub(crate) fn value(cell: &Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Boolean(value) => Value::Boolean(*value),
        Cell::Int64(value) => Value::Int64(*value),
        Cell::Float64(value) => Value::Float64(*value),
        Cell::Timestamp(value) => Value::Timestamp(*value),
        Cell::Text(value) => Value::Text(value.clone()),
    }
}

/// One argument of all rows. What stands at NULL rows is kept; without NULLs there is no bitmap.
pub(crate) fn column(data_type: DataType, index: usize, rows: &[Row]) -> Column {
    let arguments = || rows.iter().filter_map(move |row| row.arguments.get(index));
    let number = |cell: &Cell| match cell {
        Cell::Int64(value) | Cell::Timestamp(value) => *value,
        _ => 0,
    };
    let values = match data_type {
        DataType::Boolean => {
            Values::Boolean(arguments().map(|argument| argument.cell == Cell::Boolean(true)).collect())
        }
        DataType::Int64 => Values::Int64(arguments().map(|argument| number(&argument.cell)).collect()),
        DataType::Timestamp => {
            Values::Timestamp(arguments().map(|argument| number(&argument.cell)).collect())
        }
        DataType::Float64 => {
            let float = |cell: &Cell| if let Cell::Float64(value) = cell { *value } else { 0.0 };
            Values::Float64(arguments().map(|argument| float(&argument.cell)).collect())
        }
        DataType::Text => {
            let mut texts = Texts::default();
            for argument in arguments() {
                texts.push(if let Cell::Text(text) = &argument.cell { text.as_bytes() } else { b"" });
            }
            Values::Text(texts)
        }
    };
    let has_null = arguments().any(|argument| !argument.valid);
    let valid = has_null.then(|| arguments().map(|argument| argument.valid).collect::<Bitmap>());
    Column { values, valid }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_keeps_what_stands_where_it_is_null() {
        let argument = |cell, valid| laws::Argument { cell, valid };
        let row = |argument| Row { slot: 0, part: 0, arguments: vec![argument] };
        let rows = [row(argument(Cell::Int64(7), false)), row(argument(Cell::Int64(8), true))];
        let made = column(DataType::Int64, 0, &rows);
        assert_eq!(made.values, Values::Int64(vec![7, 8]));
        assert_eq!((made.value(0), made.value(1)), (Value::Null, Value::Int64(8)));
        assert_eq!(column(DataType::Int64, 0, &rows[1..]).valid, None);
    }
}
