//! A plan as people read it.

use std::fmt::Write as _;

use serde_json::Value;

use crate::cli::cells::plain;

/// The plan, a line a query.
pub(super) fn shown(plan: &Value) -> String {
    let text = |value: &Value, key: &str| plain(value.get(key).and_then(Value::as_str).unwrap_or_default());
    let version = plan.get("version").and_then(Value::as_u64);
    let what = match (version, plan.get("changes").and_then(Value::as_bool)) {
        (None, _) => "is new".to_owned(),
        (Some(version), Some(false)) => format!("stays at version {version}: nothing changes"),
        (Some(version), _) => format!("goes from version {version} to {}", version + 1),
    };
    let mut out = format!("deployment '{}' {what}\n", text(plan, "deployment"));
    let none = Vec::new();
    let queries = plan.get("queries").and_then(Value::as_array).unwrap_or(&none);
    let wide = queries.iter().map(|query| text(query, "name").chars().count()).max().unwrap_or_default();
    for query in queries {
        let number = |key: &str| query.get(key).and_then(Value::as_u64);
        let mut more = Vec::new();
        if let Some(from) = query.get("warmed_from").and_then(Value::as_str) {
            more.push(format!("from {from}"));
        }
        more.extend(number("records").map(|records| format!("{records} records")));
        more.extend(number("undelivered").map(|rows| format!("{rows} rows are not delivered yet")));
        let more = if more.is_empty() { String::new() } else { format!(" ({})", more.join(", ")) };
        // Writing to a text does not fail.
        let _ = writeln!(
            out,
            "  {:<5} {:<wide$}  {}{more}",
            text(query, "action"),
            text(query, "name"),
            text(query, "reason")
        );
    }
    let warnings = plan.get("warnings").and_then(Value::as_array).unwrap_or(&none);
    for warning in warnings {
        let _ = writeln!(out, "warning: {}", plain(warning.as_str().unwrap_or_default()));
    }
    let _ = writeln!(out, "plan {}", text(plan, "digest"));
    out
}
