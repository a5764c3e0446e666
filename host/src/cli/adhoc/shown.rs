//! Rows as `query` and `tap` show them: tables at the end, or lines as they come; no more than were asked for.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use comfy_table::{CellAlignment, Table, presets};
use streamgauge_common::{
    column::{Column, DataType, Value},
    row::{Rows, write_json_value},
    wakeup::Stop,
};
use streamgauge_sql::manifest::Output;

use crate::deliver::output::{Format, JsonLines};

/// How rows are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// A table a statement, when all rows are there.
    Table,
    /// A JSON object a line, as rows come.
    Json,
}

/// Takes rows of each query until there are enough; when all queries have enough it stops the run.
pub(super) struct Shown {
    look: Look,
    queries: usize,
    rows_max: usize,
    stop: Stop,
    /// By the name of the query.
    kept: Mutex<BTreeMap<String, Kept>>,
}

/// What is kept of a query.
struct Kept {
    rows: usize,
    /// Whether there were more rows than asked for.
    is_cut: bool,
    table: Table,
}

impl Shown {
    /// Nothing is shown yet; `stop` is set when so many queries have more than `rows_max` rows.
    pub(super) fn new(look: Look, [queries, rows_max]: [usize; 2], stop: Stop) -> Self {
        Self { look, queries, rows_max, stop, kept: Mutex::default() }
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<String, Kept>> {
        // A panic ends the process, or has left whole rows.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether some query had more rows than asked for.
    pub(super) fn is_cut(&self) -> bool {
        self.kept().values().any(|kept| kept.is_cut)
    }

    /// The tables, with a blank line between them.
    pub(super) fn tables(&self) -> String {
        if self.look == Look::Json {
            return String::new();
        }
        let tables: Vec<String> = self.kept().values().map(|kept| format!("{}\n", kept.table)).collect();
        tables.join("\n")
    }
}

impl Format for Arc<Shown> {
    fn write(&self, out: &mut Vec<u8>, query: &str, fields: &[Output], rows: &Rows) {
        let mut all = self.kept();
        let none = || Kept { rows: 0, is_cut: false, table: heading(fields) };
        let kept = all.entry(query.to_owned()).or_insert_with(none);
        let fitting = rows.len.min(self.rows_max - kept.rows);
        kept.rows += fitting;
        kept.is_cut |= fitting < rows.len;
        match self.look {
            Look::Json => JsonLines.write_some(out, fields, rows, fitting),
            Look::Table => {
                let cells = |row| rows.columns.iter().map(move |column| cell(column, row));
                kept.table.add_rows((0..fitting).map(cells));
            }
        }
        if all.values().filter(|kept| kept.is_cut).count() == self.queries {
            self.stop.set();
        }
    }
}

/// An empty table: texts to the left, all else to the right.
fn heading(fields: &[Output]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED);
    table.set_header(fields.iter().map(|field| plain(&field.name)));
    for (column, field) in table.column_iter_mut().zip(fields) {
        column.set_cell_alignment(match field.data_type {
            DataType::Text => CellAlignment::Left,
            _ => CellAlignment::Right,
        });
    }
    table
}

/// A value as JSON has it, texts without quotes.
fn cell(column: &Column, row: usize) -> String {
    match column.value(row) {
        Value::Null => "NULL".to_owned(),
        Value::Text(text) => plain(&text),
        _ => {
            let mut out = Vec::new();
            write_json_value(&mut out, column, row);
            String::from_utf8_lossy(&out).trim_matches('"').to_owned()
        }
    }
}

/// Control characters could change the terminal that shows the text.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}
