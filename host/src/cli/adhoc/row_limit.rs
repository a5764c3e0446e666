//! Rows as `query` and `tap` show them: tables at the end, or lines as they come; no more than were asked for.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use comfy_table::{CellAlignment, Table, presets};
use streamgauge_common::{column::DataType, row::Rows, wakeup::Stop};
use streamgauge_sql::manifest::Output;

use crate::{
    cli::cells::{cell, plain},
    deliver::output::{Format, JsonLines},
};

/// How rows are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// A table a statement, when all rows are there.
    Table,
    /// A JSON object a line, as rows come.
    Json,
}

/// When the run is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stops {
    /// When the last row that is shown is there.
    AtTheLast,
    /// When a further one is there: then it is known that rows are left out.
    BehindTheLast,
}

/// How many rows are shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowLimit {
    /// How many queries have rows.
    pub(super) queries: usize,
    /// Of each of them.
    pub(super) rows: usize,
    pub(super) stops: Stops,
}

/// Takes rows of each query until there are enough; when all queries have enough it stops the run.
pub(super) struct LimitedRows {
    look: Look,
    limit: RowLimit,
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

impl LimitedRows {
    /// Nothing is shown yet; `stop` is set when all queries have enough.
    pub(super) fn new(look: Look, limit: RowLimit, stop: Stop) -> Self {
        Self { look, limit, stop, kept: Mutex::default() }
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

impl Format for Arc<LimitedRows> {
    fn write(&self, out: &mut Vec<u8>, query: &str, fields: &[Output], rows: &Rows) {
        let mut all = self.kept();
        let none = || Kept { rows: 0, is_cut: false, table: heading(fields) };
        let kept = all.entry(query.to_owned()).or_insert_with(none);
        let fitting = rows.len.min(self.limit.rows - kept.rows);
        kept.rows += fitting;
        kept.is_cut |= fitting < rows.len;
        match self.look {
            Look::Json => JsonLines.write_some(out, fields, rows, fitting),
            Look::Table => {
                let cells = |row| rows.columns.iter().map(move |column| cell(column, row));
                kept.table.add_rows((0..fitting).map(cells));
            }
        }
        let is_enough = |kept: &&Kept| match self.limit.stops {
            Stops::AtTheLast => kept.rows == self.limit.rows,
            Stops::BehindTheLast => kept.is_cut,
        };
        if all.values().filter(is_enough).count() == self.limit.queries {
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

#[cfg(test)]
mod tests {
    use streamgauge_common::{partition::SourceIndex, row::Identity};

    use super::*;

    /// Whether a run over two queries is stopped after each of so many rows of them.
    fn stopped(stops: Stops, rows: &[(&str, usize)]) -> Vec<bool> {
        let stop = Stop::default();
        let limit = RowLimit { queries: 2, rows: 2, stops };
        let shown = Arc::new(LimitedRows::new(Look::Json, limit, stop.clone()));
        let identity =
            Identity::Records { partition: SourceIndex::FIRST.partition(0), offsets: vec![], indexes: None };
        let write = |&(query, len): &(&str, usize)| {
            shown.write(
                &mut Vec::new(),
                query,
                &[],
                &Rows { columns: vec![], len, identity: identity.clone() },
            );
            stop.is_set()
        };
        rows.iter().map(write).collect()
    }

    #[test]
    fn the_run_is_stopped_when_all_queries_have_enough_rows() {
        let rows = [("a", 1), ("b", 2), ("a", 1), ("b", 1), ("a", 1)];
        assert_eq!(stopped(Stops::AtTheLast, &rows), [false, false, true, true, true]);
        assert_eq!(stopped(Stops::BehindTheLast, &rows), [false, false, false, false, true]);
        assert_eq!(stopped(Stops::BehindTheLast, &[("a", 9), ("b", 9)]), [false, true]);
    }
}
