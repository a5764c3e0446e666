//! `streamgauge show`: a deployment.

use std::fmt::Write as _;

use clap::Args;
use serde_json::Value;

use super::{
    HostOptions, Remote, Request,
    list::{lines, table},
};
use crate::cli::{Failure, cells::plain, print, print_json};

/// Options of `show`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Options {
    /// The deployment
    name: String,
    /// Print its SQL alone
    #[arg(long, conflicts_with = "json")]
    sql: bool,
    /// The SQL and the plugins of an earlier version
    #[arg(long, value_name = "VERSION", value_parser = clap::value_parser!(u64).range(1..))]
    version: Option<u64>,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    host: HostOptions,
}

pub(in crate::cli) fn run(options: &Options) -> Result<(), Failure> {
    let query: Vec<(&str, String)> =
        options.version.iter().map(|version| ("version", version.to_string())).collect();
    let path = ["deployments", &options.name];
    let answer = Remote::new(&options.host)?.ask(Request { query: &query, ..Request::get(&path) })?;
    if options.json {
        return print_json(&answer.json);
    }
    let text =
        |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    if options.sql {
        return print(&text(&answer.json, "text"));
    }
    print(&shown(&answer.json))
}

const QUERY_COLUMNS: [&str; 9] =
    ["QUERY", "SOURCE", "EVENTS", "ROWS", "LATE", "DEAD LETTERS", "LAG", "WAITING ROWS", "WATERMARK"];

fn shown(deployment: &Value) -> String {
    let text = |value: &Value, key: &str| plain(value.get(key).and_then(Value::as_str).unwrap_or_default());
    let number = |value: &Value, key: &str| match value.get(key) {
        Some(Value::Null) | None => "-".to_owned(),
        Some(number) => number.to_string(),
    };
    let mut out = format!(
        "deployment '{}': {}, version {} since {}{}\n",
        text(deployment, "name"),
        text(deployment, "state"),
        number(deployment, "version"),
        text(deployment, "deployed_at"),
        repeats(deployment)
    );
    // Writing to a text does not fail.
    if !text(deployment, "reason").is_empty() {
        let _ = writeln!(out, "reason: {}", text(deployment, "reason"));
    }
    let none = Vec::new();
    let list = |key: &str| deployment.get(key).and_then(Value::as_array).unwrap_or(&none);
    let mut queries = table(&QUERY_COLUMNS);
    for query in list("queries") {
        queries.add_row([
            text(query, "name"),
            text(query, "source"),
            number(query, "events"),
            number(query, "rows"),
            number(query, "late"),
            number(query, "dead_letters"),
            number(query, "lag"),
            number(query, "outbox_rows"),
            text(query, "watermark"),
        ]);
    }
    if !list("queries").is_empty() {
        let _ = write!(out, "\n{}", lines(&queries));
    }
    let plugins = deployment.get("plugins").and_then(Value::as_object);
    for (name, sha256) in plugins.into_iter().flatten() {
        let _ = writeln!(out, "plugin {} sha256 {}", plain(name), sha256.as_str().unwrap_or_default());
    }
    for version in list("versions") {
        let kept = version.get("savepoint").and_then(Value::as_u64);
        let savepoint = match kept {
            Some(savepoint) => format!("savepoint {savepoint}"),
            None => "its savepoint is gone: no rollback to it".to_owned(),
        };
        let is_next = kept.is_some() && version.get("number") == deployment.get("rolls_back_to");
        let _ = writeln!(
            out,
            "version {} of {} ({savepoint}){}{}",
            number(version, "number"),
            text(version, "deployed_at"),
            repeats(version),
            if is_next { " <- rollback" } else { "" }
        );
    }
    for savepoint in list("savepoints") {
        let asked = savepoint.get("asked").and_then(Value::as_bool) == Some(true);
        let _ = writeln!(
            out,
            "savepoint {} of version {}, taken {}{}",
            number(savepoint, "number"),
            number(savepoint, "version"),
            text(savepoint, "taken_at"),
            if asked { ", asked for" } else { "" }
        );
    }
    out
}

/// Which version one is again, where it came of a rollback.
fn repeats(version: &Value) -> String {
    let repeats = version.get("repeats").and_then(Value::as_u64);
    repeats.map(|number| format!(", version {number} again")).unwrap_or_default()
}
