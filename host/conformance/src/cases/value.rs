//! Values of SQL in a file of cases.

use streamgauge_functions::timestamp::{format_timestamp, parse_timestamp};
use streamgauge_laws::{Argument, Cell, DataType, Evaluated, Row, magnitude};

use super::node::Node;

/// A value of a type: times are texts of RFC 3339, and what JSON has no number for is a text, too. An error is the end of a sentence
/// about the value.
pub(super) fn cell(node: &Node, data_type: DataType) -> Result<Cell, String> {
    let read = match (data_type, node) {
        (_, Node::Null) => Some(Cell::Null),
        (DataType::Boolean, Node::Boolean(value)) => Some(Cell::Boolean(*value)),
        (DataType::Int64, Node::Integer(value)) => Some(Cell::Int64(*value)),
        (DataType::Float64, Node::Integer(value)) => Some(Cell::Float64(*value as f64)),
        (DataType::Float64, Node::Number(value)) => Some(Cell::Float64(*value)),
        (DataType::Float64, Node::Text(text)) => match text.as_str() {
            "NaN" => Some(Cell::Float64(f64::NAN)),
            "Infinity" => Some(Cell::Float64(f64::INFINITY)),
            "-Infinity" => Some(Cell::Float64(f64::NEG_INFINITY)),
            _ => None,
        },
        (DataType::Timestamp, Node::Text(text)) => parse_timestamp(text.as_bytes()).ok().map(Cell::Timestamp),
        (DataType::Text, Node::Text(text)) => Some(Cell::Text(text.clone())),
        _ => None,
    };
    read.ok_or_else(|| format!("is {node}, but its type is {data_type}: write {}", way(data_type)))
}

/// How a value of a type is written.
fn way(data_type: DataType) -> &'static str {
    match data_type {
        DataType::Boolean => "true, false or null",
        DataType::Int64 => "a whole number of 64 bits or null",
        DataType::Float64 => "a number, \"NaN\", \"Infinity\", \"-Infinity\" or null",
        DataType::Timestamp => "a time of RFC 3339 such as \"2026-01-01T00:00:00Z\", or null",
        DataType::Text => "a text or null",
    }
}

/// The type that SQL calls so.
pub(super) fn data_type(node: &Node) -> Result<DataType, String> {
    use DataType::{Boolean, Float64, Int64, Text, Timestamp};
    let types = [Boolean, Int64, Float64, Timestamp, Text];
    let named = |text: &String| types.into_iter().find(|of| of.to_string().eq_ignore_ascii_case(text));
    let found = if let Node::Text(text) = node { named(text) } else { None };
    found.ok_or_else(|| {
        format!("is {node}; the types are \"BOOLEAN\", \"BIGINT\", \"DOUBLE\", \"TIMESTAMP\" and \"TEXT\"")
    })
}

/// A value in a row: where it is NULL a value of its type stands there all the same.
pub(super) fn argument(cell: Cell, data_type: DataType) -> Argument {
    let valid = cell.data_type().is_some();
    let unspecified = match data_type {
        DataType::Boolean => Cell::Boolean(false),
        DataType::Int64 => Cell::Int64(0),
        DataType::Float64 => Cell::Float64(0.0),
        DataType::Timestamp => Cell::Timestamp(0),
        DataType::Text => Cell::Text(String::new()),
    };
    Argument { cell: if valid { cell } else { unspecified }, valid }
}

/// A value for people; times as in SQL.
pub(super) fn shown(cell: &Cell) -> String {
    match cell {
        Cell::Timestamp(micros) => {
            let mut text = Vec::new();
            format_timestamp(*micros, &mut text);
            let text = String::from_utf8_lossy(&text).into_owned();
            // SQL cuts to milliseconds; two times that differ have to look different.
            match micros.rem_euclid(1000) {
                0 => text,
                micros => format!("{}{micros:03}Z", text.trim_end_matches('Z')),
            }
        }
        other => other.to_string(),
    }
}

/// What a slot evaluates to, for people.
pub(super) fn shown_evaluated(evaluated: &Evaluated) -> String {
    match evaluated {
        Evaluated::Value(cell) => shown(cell),
        Evaluated::Failed(why) => format!("no value: {why}"),
    }
}

/// How far a result may be from the one that is due: as the contract says it of a signature.
pub(super) fn allowed(due: &Cell, got: &Cell, rows: &[Row], tolerance: f64) -> f64 {
    let of = |cell: &Cell| if let Cell::Float64(value) = cell { value.abs() } else { 0.0 };
    tolerance * magnitude(rows).max(of(due)).max(of(got))
}

/// Whether a result is the one that is due.
pub(super) fn is_near(due: &Cell, got: &Cell, rows: &[Row], tolerance: f64) -> bool {
    match (due, got) {
        (Cell::Float64(one), Cell::Float64(other)) if one.is_finite() && other.is_finite() => {
            (one - other).abs() <= allowed(due, got, rows, tolerance)
        }
        _ => due == got,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_by_their_types() {
        let of = |text: &str, data_type| cell(&serde_json::from_str(text).unwrap(), data_type);
        assert_eq!(of("9223372036854775807", DataType::Int64), Ok(Cell::Int64(i64::MAX)));
        assert_eq!(of("2", DataType::Float64), Ok(Cell::Float64(2.0)));
        assert_eq!(of(r#""NaN""#, DataType::Float64), Ok(Cell::Float64(f64::NAN)));
        assert_eq!(of(r#""1970-01-01T00:00:01+00:00""#, DataType::Timestamp), Ok(Cell::Timestamp(1_000_000)));
        assert_eq!(shown(&Cell::Timestamp(1_000_000)), "1970-01-01T00:00:01.000Z");
        assert_eq!(shown(&Cell::Timestamp(1_000_020)), "1970-01-01T00:00:01.000020Z");
        for (text, data_type) in [
            ("1.5", DataType::Int64),
            ("9223372036854775808", DataType::Int64),
            (r#""2026-01-01""#, DataType::Timestamp),
            ("0", DataType::Timestamp),
            (r#""infinite""#, DataType::Float64),
            ("1", DataType::Text),
            ("1", DataType::Boolean),
        ] {
            let refused = of(text, data_type).unwrap_err();
            assert!(refused.contains(&format!(", but its type is {data_type}: write ")), "{refused}");
        }
    }

    #[test]
    fn a_tolerance_is_relative_to_the_greatest_value() {
        let row = Row { slot: 0, part: 0, arguments: vec![argument(Cell::Float64(-1e6), DataType::Float64)] };
        let near = |due, got, rows: &[Row]| is_near(&Cell::Float64(due), &Cell::Float64(got), rows, 1e-9);
        assert!(near(0.0, 1e-4, std::slice::from_ref(&row)) && !near(0.0, 1e-4, &[]) && near(-0.0, 0.0, &[]));
        assert!(near(f64::NAN, f64::NAN, &[]) && !near(f64::INFINITY, f64::MAX, &[row]));
        assert!(!is_near(&Cell::Int64(1), &Cell::Int64(2), &[], 1.0), "whole numbers are counted");
    }
}
