//! The rows of a query's last closed window, as series.

use std::collections::BTreeMap;

use streamgauge_sdk::sink::{Operation, Row};

use crate::{
    format::{labels, value},
    plan::Plan,
};

/// How many series a query shows; the rows beyond it are counted only.
const SERIES_MAX: usize = 10_000;

/// The rows of the last closed window.
#[derive(Clone, Debug, Default)]
pub(crate) struct LastWindow {
    /// Its end, in microseconds; none = no row yet, or the query has no windows.
    pub(crate) end: Option<i64>,
    /// By their labels, written as on the page.
    pub(crate) series: BTreeMap<String, Series>,
    /// Rows that are not shown: another one has the same labels, or there are too many.
    pub(crate) hidden_rows: usize,
}

/// The values of a row.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    /// The row's idempotency key: it tells a row that comes again from another with the same labels.
    key: String,
    /// One a metric, written as on the page; none = NULL.
    pub(crate) values: Vec<Option<String>>,
}

impl LastWindow {
    /// Takes a row: it opens the next window, belongs to this one, or is of one that was followed already.
    pub(crate) fn take(&mut self, plan: &Plan, row: &Row<'_>) {
        let end = row.window().map(|window| window.end);
        if end < self.end {
            return;
        }
        if end > self.end {
            *self = Self { end, ..Self::default() };
        }
        let labels = labels(plan, row);
        if row.operation() == Operation::Delete {
            self.series.remove(&labels);
            return;
        }
        let known = self.series.get(&labels);
        // Without windows, and where a window's row changes, the later row takes the place of the earlier one.
        let replaces = end.is_none() || row.operation() == Operation::Update;
        let hidden = match known {
            Some(series) => !replaces && series.key != row.key(),
            None => self.series.len() >= SERIES_MAX,
        };
        if hidden {
            self.hidden_rows += 1;
            return;
        }
        let values = plan.metrics.iter().map(|metric| row.value(metric.column).map(value)).collect();
        self.series.insert(labels, Series { key: row.key().into(), values });
    }
}
