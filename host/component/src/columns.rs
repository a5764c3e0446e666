//! Columns into a guest and out of it: borrowed on the way in, checked on the way out.

use streamgauge_common::column::{Bitmap, Column, DataType, Texts, Value, Values};
use streamgauge_sql::catalog::Parameter;

use super::{
    bindings::columns::{
        BytesListParam, BytesListResult, ColumnParam, ColumnResult, DataType as WitType, Error, Field,
        LiteralParam, LiteralResult, ValuesParam, ValuesResult,
    },
    guest::words,
};

/// A column as a guest gets it. Nothing is copied on this side.
pub(super) fn lower(column: &Column) -> ColumnParam<'_> {
    let values = match &column.values {
        Values::Boolean(values) => ValuesParam::Booleans(values.as_bytes()),
        Values::Int64(values) => ValuesParam::Int64s(values),
        Values::Float64(values) => ValuesParam::Float64s(values),
        Values::Timestamp(values) => ValuesParam::Timestamps(values),
        Values::Text(texts) => ValuesParam::Texts(lower_texts(texts)),
    };
    debug_assert!(u32::try_from(column.len()).is_ok(), "a batch has far fewer rows");
    ColumnParam { rows: column.len() as u32, values, valid: column.valid.as_ref().map(Bitmap::as_bytes) }
}

/// Texts as a guest gets them.
pub(super) fn lower_texts(Texts { ends, bytes }: &Texts) -> BytesListParam<'_> {
    BytesListParam { ends, bytes }
}

/// A column that a guest gave, if it has this type and so many rows; else what is wrong with it.
///
/// NaN comes in one form only, so that equal input gives equal bits.
pub(super) fn lift(column: ColumnResult, data_type: DataType, rows: usize) -> Result<Column, String> {
    if column.rows as usize != rows {
        return Err(format!("gave a column of {} rows where {rows} were due", column.rows));
    }
    let given = type_of(&column.values);
    if given != data_type {
        return Err(format!("gave a column of type {given} where {data_type} was due"));
    }
    let values = match column.values {
        ValuesResult::Booleans(bytes) => Values::Boolean(bitmap(bytes, rows)?),
        ValuesResult::Int64s(values) => Values::Int64(exactly(values, rows)?),
        ValuesResult::Float64s(values) => Values::Float64(canonical(exactly(values, rows)?)),
        ValuesResult::Timestamps(values) => Values::Timestamp(exactly(values, rows)?),
        ValuesResult::Texts(texts) => Values::Text(self::texts(texts, rows)?),
    };
    let valid = column.valid.map(|bytes| bitmap(bytes, rows)).transpose()?;
    Ok(Column { values, valid })
}

/// States that a guest gave, one a slot.
pub(super) fn lift_states(states: BytesListResult, slots: usize) -> Result<Texts, String> {
    let BytesListResult { ends, bytes } = states;
    if ends.is_empty()
        && slots > 0
        && let Some(why) = reason(&bytes)
    {
        return Err(format!("gave no states: {}", words(why)));
    }
    if ends.len() != slots {
        return Err(format!("gave {} states of {} bytes for {slots} slots", ends.len(), bytes.len()));
    }
    if !ends.is_sorted() || ends.last().map_or(0, |&end| end as usize) != bytes.len() {
        return Err(format!("gave states whose ends do not divide their {} bytes", bytes.len()));
    }
    Ok(Texts { ends, bytes })
}

/// A bitmap that a guest gave.
pub(super) fn bitmap(bytes: Vec<u8>, rows: usize) -> Result<Bitmap, String> {
    let given = bytes.len();
    Bitmap::from_bytes(bytes, rows).ok_or_else(|| format!("gave a bitmap of {given} bytes for {rows} rows"))
}

fn type_of(values: &ValuesResult) -> DataType {
    match values {
        ValuesResult::Booleans(_) => DataType::Boolean,
        ValuesResult::Int64s(_) => DataType::Int64,
        ValuesResult::Float64s(_) => DataType::Float64,
        ValuesResult::Timestamps(_) => DataType::Timestamp,
        ValuesResult::Texts(_) => DataType::Text,
    }
}

fn exactly<T>(values: Vec<T>, rows: usize) -> Result<Vec<T>, String> {
    match values.len() {
        given if given == rows => Ok(values),
        given => Err(format!("gave {given} values for {rows} rows")),
    }
}

fn canonical(mut values: Vec<f64>) -> Vec<f64> {
    values.iter_mut().filter(|value| value.is_nan()).for_each(|value| *value = f64::NAN);
    values
}

/// Texts whose ends rise to the end of their bytes, each of them UTF-8.
fn texts(list: BytesListResult, rows: usize) -> Result<Texts, String> {
    let ends = exactly(list.ends, rows)?;
    if !ends.is_sorted() || ends.last().map_or(0, |&end| end as usize) != list.bytes.len() {
        return Err(format!("gave texts whose ends do not divide their {} bytes", list.bytes.len()));
    }
    let utf8 = str::from_utf8(&list.bytes).ok();
    if !utf8.is_some_and(|bytes| ends.iter().all(|&end| bytes.is_char_boundary(end as usize))) {
        return Err("gave a text that is not UTF-8".to_owned());
    }
    Ok(Texts { ends, bytes: list.bytes })
}

/// A value as a guest gets it.
pub(super) fn lower_value(value: &Value) -> LiteralParam<'_> {
    match value {
        Value::Null => LiteralParam::Null,
        Value::Boolean(value) => LiteralParam::Boolean(*value),
        Value::Int64(value) => LiteralParam::Int64(*value),
        Value::Float64(value) => LiteralParam::Float64(*value),
        Value::Timestamp(value) => LiteralParam::Timestamp(*value),
        Value::Text(value) => LiteralParam::Text(value),
    }
}

/// A value that a guest gave.
pub(super) fn lift_value(value: LiteralResult) -> Value {
    match value {
        LiteralResult::Null => Value::Null,
        LiteralResult::Boolean(value) => Value::Boolean(value),
        LiteralResult::Int64(value) => Value::Int64(value),
        LiteralResult::Float64(value) => Value::Float64(value),
        LiteralResult::Timestamp(value) => Value::Timestamp(value),
        LiteralResult::Text(value) => Value::Text(value),
    }
}

/// A type that a guest named.
pub(super) fn lift_type(data_type: WitType) -> DataType {
    match data_type {
        WitType::Boolean => DataType::Boolean,
        WitType::Int64 => DataType::Int64,
        WitType::Float64 => DataType::Float64,
        WitType::Timestamp => DataType::Timestamp,
        WitType::Text => DataType::Text,
    }
}

/// A type as a guest gets it.
pub(super) fn lower_type(data_type: DataType) -> WitType {
    match data_type {
        DataType::Boolean => WitType::Boolean,
        DataType::Int64 => WitType::Int64,
        DataType::Float64 => WitType::Float64,
        DataType::Timestamp => WitType::Timestamp,
        DataType::Text => WitType::Text,
    }
}

/// Parameters or options that a guest may describe.
const FIELDS_MAX: usize = 100;
/// The longest text that a guest may have as a default, in bytes.
const DEFAULT_MAX: usize = 4096;

/// Parameters or options that a guest described; `what` they are.
pub(super) fn lift_fields(fields: Vec<Field>, what: &str) -> Result<Vec<Parameter>, String> {
    if fields.len() > FIELDS_MAX {
        return Err(format!("describes {} {what}, and {FIELDS_MAX} are the most", fields.len()));
    }
    fields.into_iter().map(lift_field).collect()
}

fn lift_field(field: Field) -> Result<Parameter, String> {
    let name = words(&field.name);
    match &field.default {
        Some(LiteralResult::Text(text)) if text.len() > DEFAULT_MAX => Err(format!(
            "describes a default of {} bytes for `{name}`, and {DEFAULT_MAX} are the most",
            text.len()
        )),
        _ => Ok(Parameter {
            name,
            data_type: lift_type(field.data_type),
            docs: words(&field.docs),
            default: field.default.map(lift_value),
        }),
    }
}

/// A guest's refusal in its own words.
pub(super) fn error_text(error: &Error) -> String {
    match error {
        Error::Invalid(text) | Error::Corrupt(text) => words(text),
        Error::UnsupportedVersion(version) => format!("it cannot read states of version {version}"),
    }
}

/// The text by which a guest tells why it gives no states: `snapshot` has no error. Other bytes are no text of an author.
fn reason(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    let is_text = |c: char| !c.is_control() || c.is_whitespace();
    (!text.trim().is_empty() && text.chars().all(is_text)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_without_states_says_why() {
        let states = |ends: &[u32], text: &str| {
            lift_states(BytesListResult { ends: ends.to_vec(), bytes: text.into() }, 2)
        };
        assert_eq!(states(&[], "`A.b` is U64\n").unwrap_err(), "gave no states: `A.b` is U64 ");
        assert_eq!(
            states(&[], "\0\0").unwrap_err(),
            "gave 0 states of 2 bytes for 2 slots",
            "this is no text"
        );
        assert_eq!(states(&[], "").unwrap_err(), "gave 0 states of 0 bytes for 2 slots");
        assert_eq!(states(&[1], "a").unwrap_err(), "gave 1 states of 1 bytes for 2 slots");
        assert_eq!(states(&[1, 2], "ab").unwrap().len(), 2);
    }
}
