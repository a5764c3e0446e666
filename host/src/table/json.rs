//! Rows in JSON: one object a line, or an array of objects.

use serde_json::Value as Json;
use streamgauge_common::column::{DataType, Value};
use streamgauge_sql::{
    connector::literal,
    manifest::{SourceColumn, Table},
    path::PathStep,
};

use super::{TableRows, WrongTable};

pub(super) fn parse(table: &Table, text: &str) -> Result<TableRows, WrongTable> {
    let mut rows = TableRows::empty(table);
    if text.trim_start().starts_with('[') {
        let all: Vec<Json> = serde_json::from_str(text)
            .map_err(|error| WrongTable::whole(format!("it is not an array of JSON objects: {error}")))?;
        for (number, row) in (0..).zip(&all) {
            push(&mut rows, table, number, row)?;
        }
        return Ok(rows);
    }
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    for (number, line) in (0..).zip(lines) {
        let row = serde_json::from_str(line)
            .map_err(|error| WrongTable::row(number, format!("it is no JSON object: {error}")))?;
        push(&mut rows, table, number, &row)?;
    }
    Ok(rows)
}

fn push(rows: &mut TableRows, table: &Table, number: u32, row: &Json) -> Result<(), WrongTable> {
    if !row.is_object() {
        return Err(WrongTable::row(number, "it is no JSON object"));
    }
    let value = |column| value(column, row).map_err(|why| WrongTable::row(number, why));
    let values = table.columns.iter().map(value).collect::<Result<Vec<_>, _>>()?;
    rows.push(table, &values)
}

/// What a source takes for the type: a number is no text, and a text no number.
fn value(column: &SourceColumn, row: &Json) -> Result<Value, String> {
    let mut found = Some(row);
    for step in &column.path {
        found = found.and_then(|found| match step {
            PathStep::Field(name) => found.get(name),
            PathStep::Element(at) => found.get(*at as usize),
        });
    }
    let Some(found) = found.filter(|found| !found.is_null()) else { return Ok(Value::Null) };
    let value = match (column.data_type, found) {
        (DataType::Text, Json::String(text)) => Some(Value::Text(text.clone())),
        (DataType::Boolean, Json::Bool(value)) => Some(Value::Boolean(*value)),
        (DataType::Int64, Json::Number(number)) => number.as_i64().map(Value::Int64),
        (DataType::Float64, Json::Number(number)) => {
            number.as_f64().filter(|number| number.is_finite()).map(Value::Float64)
        }
        (DataType::Timestamp, Json::String(text)) => literal(text, DataType::Timestamp),
        _ => None,
    };
    value.ok_or_else(|| format!("`{}` is {found}, which is no {}", column.name, column.data_type))
}
