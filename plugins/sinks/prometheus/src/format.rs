//! How the text exposition format spells labels and values.

use streamgauge_functions::{format_boolean, format_f64, format_i64};
use streamgauge_sdk::{Cell, sink::Row};

use crate::plan::Plan;

/// `model="a",ok="true"`. A label without a value is as good as none, so NULL and empty texts are left out.
pub(crate) fn labels(plan: &Plan, row: &Row<'_>) -> String {
    let mut out = String::new();
    for label in &plan.labels {
        let value = match row.value(label.column) {
            Some(Cell::Text(text)) if !text.is_empty() => text,
            Some(Cell::Boolean(true)) => "true",
            Some(Cell::Boolean(false)) => "false",
            _ => continue,
        };
        if !out.is_empty() {
            out.push(',');
        }
        out.push_str(&label.name);
        out.push_str("=\"");
        escape(&mut out, value);
        out.push('"');
    }
    out
}

/// Appends a text as it stands in the value of a label.
pub(crate) fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
}

/// A value as the exposition format spells it.
pub(crate) fn value(cell: Cell<'_>) -> String {
    let mut out = Vec::new();
    match cell {
        Cell::Int64(value) => format_i64(value, &mut out),
        Cell::Float64(value) if value.is_infinite() => {
            out.extend_from_slice(if value > 0.0 { b"+Inf" } else { b"-Inf" });
        }
        Cell::Float64(value) => format_f64(value, &mut out),
        Cell::Timestamp(micros) => out = seconds(micros).into_bytes(),
        Cell::Boolean(value) => format_boolean(value, &mut out),
        Cell::Text(_) => {}
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Microseconds as seconds, exactly: `1767225900`, `1767225900.123456`.
pub(crate) fn seconds(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let (whole, fraction) = (micros.unsigned_abs() / 1_000_000, micros.unsigned_abs() % 1_000_000);
    if fraction == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction:06}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_spelled_as_prometheus_reads_them() {
        let doubles = [1.5, 2000.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300];
        assert_eq!(
            doubles.map(|double| value(Cell::Float64(double))),
            ["1.5", "2000.0", "NaN", "+Inf", "-Inf", "1e300"]
        );
        assert_eq!(value(Cell::Int64(i64::MIN)), "-9223372036854775808");
        let times = [0, 1_767_225_900_000_000, 1_767_225_900_000_001, -1, i64::MIN];
        assert_eq!(
            times.map(seconds),
            ["0", "1767225900", "1767225900.000001", "-0.000001", "-9223372036854.775808"]
        );
    }
}
