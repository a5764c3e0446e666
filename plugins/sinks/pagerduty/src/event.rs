//! A row as an event of the Events API v2.

use streamgauge_functions::{
    format_boolean, format_f64, format_i64, format_json_f64, format_json_text, format_json_timestamp,
};
use streamgauge_sdk::{
    Cell,
    sink::{Row, Schema},
};

/// The longest summary that PagerDuty takes, in characters.
const SUMMARY_MAX: usize = 1024;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Severity {
    Critical,
    Error,
    Warning,
    Info,
}

impl Severity {
    /// The severity of a name.
    pub(crate) fn of(name: &str) -> Option<Self> {
        [Self::Critical, Self::Error, Self::Warning, Self::Info].into_iter().find(|it| it.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// The event of a row. The routing key is the first member: the host fills it in there when it sends.
pub(crate) fn json(routing_key: &str, severity: Severity, schema: &Schema, row: &Row<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    let member = |out: &mut Vec<u8>, front: &str, text: &str| {
        out.extend_from_slice(front.as_bytes());
        format_json_text(text.as_bytes(), out);
    };
    member(&mut out, "{\"routing_key\":", routing_key);
    member(&mut out, ",\"event_action\":\"trigger\",\"dedup_key\":", row.key());
    member(&mut out, ",\"client\":\"Streamgauge\",\"payload\":{\"summary\":", &summary(schema, row));
    member(&mut out, ",\"source\":", &schema.query);
    let severity = named(schema, row, "severity").and_then(Severity::of).unwrap_or(severity);
    member(&mut out, ",\"severity\":", severity.name());
    if let Some(window) = row.window() {
        out.extend_from_slice(b",\"timestamp\":");
        format_json_timestamp(window.end, &mut out);
    }
    out.extend_from_slice(b",\"custom_details\":{");
    for (number, (column, value)) in schema.columns.iter().zip(row.values()).enumerate() {
        member(&mut out, if number == 0 { "" } else { "," }, &column.name);
        out.push(b':');
        match value {
            None => out.extend_from_slice(b"null"),
            Some(Cell::Boolean(value)) => format_boolean(value, &mut out),
            Some(Cell::Int64(value)) => format_i64(value, &mut out),
            Some(Cell::Float64(value)) => format_json_f64(value, &mut out),
            Some(Cell::Timestamp(value)) => format_json_timestamp(value, &mut out),
            Some(Cell::Text(value)) => format_json_text(value.as_bytes(), &mut out),
        }
    }
    out.extend_from_slice(b"}}}");
    out
}

/// The text of the column of this name.
fn named<'a>(schema: &Schema, row: &Row<'a>, name: &str) -> Option<&'a str> {
    let at = schema.columns.iter().position(|column| column.name == name)?;
    match row.value(at) {
        Some(Cell::Text(text)) => Some(text),
        _ => None,
    }
}

/// What people read first: the column `summary`, or the query with the values of the row.
fn summary(schema: &Schema, row: &Row<'_>) -> String {
    let text = match named(schema, row, "summary").filter(|text| !text.trim().is_empty()) {
        Some(text) => text.to_owned(),
        None => {
            let values = schema.columns.iter().zip(row.values()).map(|(column, value)| {
                let mut text = Vec::new();
                match value {
                    None => text.extend_from_slice(b"NULL"),
                    Some(Cell::Boolean(value)) => format_boolean(value, &mut text),
                    Some(Cell::Int64(value)) => format_i64(value, &mut text),
                    Some(Cell::Float64(value)) => format_f64(value, &mut text),
                    Some(Cell::Timestamp(value)) => streamgauge_functions::format_timestamp(value, &mut text),
                    Some(Cell::Text(value)) => text.extend_from_slice(value.as_bytes()),
                }
                format!("{} {}", column.name, String::from_utf8_lossy(&text))
            });
            format!("{}: {}", schema.query, values.collect::<Vec<_>>().join(", "))
        }
    };
    match text.char_indices().nth(SUMMARY_MAX) {
        None => text,
        Some(_) => text.chars().take(SUMMARY_MAX - 1).chain(['…']).collect(),
    }
}
