//! `streamgauge list`: the deployments of a host.

use clap::Args;
use comfy_table::{Table, presets::NOTHING};
use serde_json::Value;

use super::{HostOptions, Remote, Request};
use crate::cli::{Failure, cells::plain, print, print_json};

/// Options of `list`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Options {
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    host: HostOptions,
}

pub(in crate::cli) fn run(options: &Options) -> Result<(), Failure> {
    let answer = Remote::new(&options.host)?.ask(Request::get(&["deployments"]))?;
    if options.json {
        return print_json(&answer.json);
    }
    let none = Vec::new();
    let deployments = answer.json.get("deployments").and_then(Value::as_array).unwrap_or(&none);
    let mut table =
        table(&["NAME", "STATE", "VERSION", "QUERIES", "EVENTS", "ROWS", "DEAD LETTERS", "REASON"]);
    for deployment in deployments {
        let text = |key: &str| plain(deployment.get(key).and_then(Value::as_str).unwrap_or_default());
        let queries = deployment.get("queries").and_then(Value::as_array).unwrap_or(&none);
        let sum = |key: &str| queries.iter().filter_map(|query| query.get(key)?.as_u64()).sum::<u64>();
        // Queries that read one source have read the same events.
        let events = queries.iter().filter_map(|query| query.get("events")?.as_u64()).max().unwrap_or(0);
        let version = deployment.get("version").and_then(Value::as_u64).unwrap_or_default();
        table.add_row([
            text("name"),
            text("state"),
            version.to_string(),
            queries.len().to_string(),
            events.to_string(),
            sum("rows").to_string(),
            sum("dead_letters").to_string(),
            text("reason"),
        ]);
    }
    print(&lines(&table))
}

/// A table without lines.
pub(super) fn table(heads: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(NOTHING).set_header(heads.iter().copied());
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}

/// Its text, with nothing behind the last column.
pub(super) fn lines(table: &Table) -> String {
    let mut text = String::new();
    for line in table.to_string().lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
