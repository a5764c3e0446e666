//! What `plugin replay` prints.

use std::fmt::Write as _;

use comfy_table::{Table, presets};
use serde_json::{Value as Json, json};
use streamgauge_common::{
    column::{Column, Texts},
    hexadecimal::hexadecimal,
    row::write_json_value,
};
use streamgauge_component::crash::{CrashBundle, Failed, ReducerCall, Replayed, Results};
use streamgauge_engine::Evaluated;

use crate::cli::cells::{cell, plain};

/// More rows of a table are only counted.
const ROWS_MAX: usize = 20;
/// More characters of a value, and more bytes of a state, are cut.
const CHARS_MAX: usize = 60;
const STATE_BYTES_MAX: usize = 24;

/// A bundle and what became of its call.
pub(super) struct Shown<'a> {
    pub(super) bundle: &'a CrashBundle,
    pub(super) replayed: &'a Replayed,
    /// The file of the component.
    pub(super) name: &'a str,
    /// The SHA-256 of the component.
    pub(super) digest: &'a str,
    /// How many bytes the component has.
    pub(super) bytes: usize,
}

impl Shown<'_> {
    /// For people.
    pub(super) fn text(&self) -> String {
        let Self { bundle, replayed, name, digest, bytes } = self;
        let CrashBundle { opened, query, streamgauge, contract, before, call, .. } = bundle;
        let described = &replayed.described;
        let mut text = format!(
            "component  reducer {} {}, {bytes} bytes, sha256 {digest}\n           of {name}\n",
            described.name, described.version
        );
        let written = format!("call       {} of {} in query '{query}'", call.name(), opened.text);
        let _ = writeln!(text, "{}", plain(&written));
        let _ = writeln!(text, "           Streamgauge {}, {}", plain(streamgauge), plain(contract));
        if let [ReducerCall::Restore { slots, states, version }] = before.as_slice() {
            let _ =
                writeln!(text, "\nthe states before it, version {version}:\n{}", states_table(slots, states));
        } else if !before.is_empty() {
            let names: Vec<&str> = before.iter().map(ReducerCall::name).take(ROWS_MAX).collect();
            let more = more(before.len(), "calls");
            let _ = writeln!(text, "\n{} calls before it: {}{more}", before.len(), names.join(", "));
        }
        let _ = writeln!(text, "\nits arguments:\n{}\n", arguments(call));
        text + &self.end()
    }

    fn end(&self) -> String {
        let Self { bundle, replayed, .. } = self;
        match &replayed.done {
            Ok(results) => format!("does not fail\n{}", results_table(results)),
            Err(failed) => {
                let how = match bundle.is_reproduced(failed) {
                    true => format!("reproduced: {}", failed.what),
                    false => format!(
                        "fails otherwise: {}: {}\nin the run:      {}",
                        place(failed, bundle),
                        failed.what,
                        plain(&bundle.what)
                    ),
                };
                let functions: String = failed
                    .functions
                    .iter()
                    .fold(String::new(), |all, function| all + "  at " + function + "\n");
                format!("{how}\n{functions}")
            }
        }
    }

    /// For programs.
    pub(super) fn to_json(&self) -> Json {
        let Self { bundle, replayed, name, digest, bytes } = self;
        let failed = replayed.done.as_ref().err();
        json!({
            "component": {
                "file": name,
                "name": replayed.described.name,
                "version": replayed.described.version,
                "sha256": digest,
                "bytes": bytes,
            },
            "query": bundle.query,
            "aggregate": bundle.opened.text,
            "streamgauge": bundle.streamgauge,
            "contract": bundle.contract,
            "call": bundle.call.name(),
            "slots": bundle.call.slots(),
            "rows": rows(&bundle.call),
            "before": bundle.before.iter().map(ReducerCall::name).collect::<Vec<_>>(),
            "expected": bundle.what,
            "ok": failed.is_none(),
            "reproduced": failed.is_some_and(|failed| bundle.is_reproduced(failed)),
            "failure": failed.map(|failed| {
                json!({ "at": place(failed, bundle), "what": failed.what, "functions": failed.functions })
            }),
            "results": replayed.done.as_ref().ok().map(results_json),
        })
    }
}

/// Which call has failed.
fn place(failed: &Failed, bundle: &CrashBundle) -> String {
    match failed.before {
        Some(index) => {
            let name = bundle.before.get(index).map_or("", ReducerCall::name);
            format!("call {} of {} before it, {name}", index + 1, bundle.before.len())
        }
        None if failed.is_behind => "evaluate, behind the call".to_owned(),
        None => bundle.call.name().to_owned(),
    }
}

fn table<const N: usize>(head: [String; N]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED);
    table.set_header(head);
    table
}

fn more(count: usize, what: &str) -> String {
    match count.checked_sub(ROWS_MAX).filter(|&more| more > 0) {
        Some(more) => format!("\nand {more} more {what}"),
        None => String::new(),
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => text.get(..end).unwrap_or_default().to_owned() + "…",
        None => text.to_owned(),
    }
}

fn state(states: &Texts, row: usize) -> String {
    let bytes = states.get(row);
    let shown = bytes.get(..STATE_BYTES_MAX).unwrap_or(bytes);
    let rest = if shown.len() < bytes.len() { "…" } else { "" };
    format!("{}{rest}", hexadecimal(shown))
}

fn states_table(slots: &[u32], states: &Texts) -> String {
    let mut table = table(["slot".to_owned(), "bytes".to_owned(), "state".to_owned()]);
    for (row, slot) in slots.iter().enumerate().take(ROWS_MAX) {
        table.add_row([slot.to_string(), states.get(row).len().to_string(), state(states, row)]);
    }
    format!("{table}{}", more(slots.len(), "slots"))
}

fn slots_table(slots: &[u32]) -> String {
    let names: Vec<String> = slots.iter().take(ROWS_MAX).map(u32::to_string).collect();
    format!("slots {}{}", names.join(", "), more(slots.len(), "slots"))
}

fn arguments(call: &ReducerCall) -> String {
    match call {
        ReducerCall::Accumulate { slots, columns } => {
            let mut table = Table::new();
            table.load_preset(presets::UTF8_FULL_CONDENSED);
            let types = columns.iter().map(|column| column.data_type().to_string());
            table.set_header(["slot".to_owned()].into_iter().chain(types));
            for (row, slot) in slots.iter().enumerate().take(ROWS_MAX) {
                let cells = columns.iter().map(|column| cut(&cell(column, row)));
                table.add_row([slot.to_string()].into_iter().chain(cells));
            }
            format!("{table}{}", more(slots.len(), "rows"))
        }
        ReducerCall::Merge { into, source } => {
            let mut table = table(["into slot".to_owned(), "from slot".to_owned()]);
            for (into, source) in into.iter().zip(source).take(ROWS_MAX) {
                table.add_row([into, source]);
            }
            format!("{table}{}", more(into.len(), "pairs"))
        }
        ReducerCall::Restore { slots, states, .. } => states_table(slots, states),
        ReducerCall::Evaluate { slots }
        | ReducerCall::Release { slots }
        | ReducerCall::Snapshot { slots } => slots_table(slots),
    }
}

/// How a row of values failed, if it did.
fn why(values: &Evaluated, row: usize) -> Option<&str> {
    let failed = values.failed.iter().find(|(failed, _)| *failed as usize == row);
    failed.map(|(_, why)| why.as_str())
}

fn results_table(results: &Results) -> String {
    match results {
        Results::Values(slots, values) => {
            let mut table = table(["slot".to_owned(), values.column.data_type().to_string()]);
            for (row, slot) in slots.iter().enumerate().take(ROWS_MAX) {
                let value = match why(values, row) {
                    Some(why) => format!("no value: {why}"),
                    None => cut(&cell(&values.column, row)),
                };
                table.add_row([slot.to_string(), value]);
            }
            format!("{table}{}\n", more(slots.len(), "slots"))
        }
        Results::States(slots, states) => states_table(slots, states) + "\n",
        Results::Released => String::new(),
    }
}

fn value(column: &Column, row: usize) -> Json {
    let mut out = Vec::new();
    write_json_value(&mut out, column, row);
    serde_json::from_slice(&out).unwrap_or_default()
}

fn rows(call: &ReducerCall) -> Json {
    let ReducerCall::Accumulate { slots, columns } = call else { return Json::Null };
    let row = |row| {
        let values: Vec<Json> = columns.iter().map(|column| value(column, row)).collect();
        json!({ "slot": slots.get(row), "arguments": values })
    };
    (0..slots.len()).map(row).collect()
}

fn results_json(results: &Results) -> Json {
    match results {
        Results::Values(slots, values) => {
            let result = |(row, slot)| json!({ "slot": slot, "value": value(&values.column, row), "why": why(values, row) });
            slots.iter().enumerate().map(result).collect()
        }
        Results::States(slots, states) => {
            let result =
                |(row, slot): (usize, &u32)| json!({ "slot": slot, "state": hexadecimal(states.get(row)) });
            slots.iter().enumerate().map(result).collect()
        }
        Results::Released => Json::Array(Vec::new()),
    }
}
